"""The frame: what Contoso knows of every customer before anyone is asked.

Six categorical facts, drawn one after the other (country first, then what depends on it). Their joint
distribution is a table of 2,160 cells, so that true values are sums over cells and need no simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["FACTS", "LEVELS", "Frame", "frame"]

COUNTRIES = ("Germany", "United Kingdom", "United States", "Brazil", "Japan")
SEGMENTS = ("Standard", "Plus", "Family", "Small business")
TENURES = ("Under 1 year", "1–3 years", "4–9 years", "10 years or more")
APP_USES = ("Weekly", "Monthly", "Rarely")
TICKETS = ("No ticket", "One ticket", "Two or more")
CHANNELS = ("E-mail", "App message", "Text message")

LEVELS: dict[str, tuple[str, ...]] = {
    "country": COUNTRIES,
    "segment": SEGMENTS,
    "tenure": TENURES,
    "app_use": APP_USES,
    "tickets": TICKETS,
    "channel": CHANNELS,
}
"""Categories of every fact on the frame, in the order readers expect them."""

FACTS = tuple(LEVELS)

# P(country); then P(fact | what it depends on), one row per category of the latter
_COUNTRY = np.array([0.30, 0.21, 0.21, 0.14, 0.14])
_SEGMENT = np.array(  # given country
    [
        [0.46, 0.24, 0.20, 0.10],
        [0.48, 0.23, 0.19, 0.10],
        [0.42, 0.28, 0.19, 0.11],
        [0.52, 0.18, 0.22, 0.08],
        [0.50, 0.26, 0.14, 0.10],
    ]
)
_TENURE = np.array(  # given country
    [
        [0.20, 0.29, 0.29, 0.22],
        [0.23, 0.31, 0.28, 0.18],
        [0.25, 0.32, 0.27, 0.16],
        [0.34, 0.36, 0.22, 0.08],
        [0.21, 0.28, 0.28, 0.23],
    ]
)
_APP_USE = np.array(  # given tenure
    [
        [0.46, 0.34, 0.20],
        [0.40, 0.35, 0.25],
        [0.34, 0.34, 0.32],
        [0.30, 0.33, 0.37],
    ]
)
_TICKETS = np.array(  # given segment
    [
        [0.73, 0.19, 0.08],
        [0.70, 0.20, 0.10],
        [0.67, 0.21, 0.12],
        [0.62, 0.23, 0.15],
    ]
)
_CHANNEL = np.array(  # of the invitation, given app use
    [
        [0.52, 0.38, 0.10],
        [0.70, 0.15, 0.15],
        [0.76, 0.02, 0.22],
    ]
)


@dataclass(frozen=True, slots=True)
class Frame:
    """Every combination of the six facts, and how many customers out of one it holds.

    Attributes
    ----------
    codes : fact -> position of the cell's category in ``LEVELS[fact]``, each of shape (2160,).
    share : share of customers in each cell, shape (2160,), summing to 1.
    """

    codes: dict[str, np.ndarray]
    share: np.ndarray

    def effect(self, effects: dict[str, tuple[float, ...]]) -> np.ndarray:
        """Sum of the additive effects of each fact's category, shape (2160,)."""
        total = np.zeros(len(self.share))
        for fact, values in effects.items():
            total = total + np.asarray(values, dtype=float)[self.codes[fact]]
        return total

    def same_mix(self) -> np.ndarray:
        """Shares that give every country the mix of all customers in the other facts, shape (2160,).

        Each country sums to 1.
        """
        rest = self._rest()
        return np.bincount(rest, weights=self.share)[rest]

    def _rest(self) -> np.ndarray:
        sizes = [len(LEVELS[fact]) for fact in FACTS[1:]]
        return np.ravel_multi_index([self.codes[fact] for fact in FACTS[1:]], sizes)


@lru_cache(maxsize=1)
def frame() -> Frame:
    """The frame of Contoso.

    >>> round(float(frame().share.sum()), 12), len(frame().share)
    (1.0, 2160)
    """
    grid = np.indices([len(LEVELS[fact]) for fact in FACTS]).reshape(len(FACTS), -1)
    codes = dict(zip(FACTS, grid, strict=True))
    share = (
        _COUNTRY[codes["country"]]
        * _SEGMENT[codes["country"], codes["segment"]]
        * _TENURE[codes["country"], codes["tenure"]]
        * _APP_USE[codes["tenure"], codes["app_use"]]
        * _TICKETS[codes["segment"], codes["tickets"]]
        * _CHANNEL[codes["app_use"], codes["channel"]]
    )
    return Frame(codes, share)

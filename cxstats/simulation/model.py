"""The dials: everything about Contoso that can be turned, and the equations' constants.

docs/demo_company.md writes the equations out. Latent quantities are in standard deviations; log-odds
are natural.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..metrics import NPS, Metric, ces, csat

__all__ = ["METRICS", "Faults", "Model", "Outcome", "Response", "ScaleUse"]

METRICS: dict[str, Metric] = {"nps": NPS, "csat": csat(5), "ces": ces(7, high_is="easy")}
"""The three metrics Contoso asks for, by the key they have in its description."""

Shape = Literal["linear", "u-shaped"]


def _within(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, but is {value!r}")


# Mean satisfaction, in residual standard deviations, by fact
SATISFACTION = {
    "segment": (0.0, 0.12, 0.05, -0.15),
    "tenure": (-0.15, -0.05, 0.08, 0.20),
    "app_use": (0.32, 0.0, -0.38),
    "tickets": (0.16, -0.25, -0.95),
}
COUNTRY_SATISFACTION = (0.0, 0.02, 0.15, 0.14, -0.15)
# Mean ease: what makes things laborious is having had to ask
EASE = {"app_use": (0.20, 0.0, -0.25), "tickets": (0.22, -0.35, -1.00), "segment": (0.05, 0.0, -0.05, -0.10)}
# Log-odds of answering
ANSWERING = {
    "country": (0.04, -0.02, 0.0, 0.05, -0.06),
    "segment": (0.0, 0.06, -0.04, -0.16),
    "tenure": (-0.12, -0.05, 0.06, 0.14),
    "app_use": (0.30, 0.0, -0.28),
    "tickets": (0.08, -0.20, -0.50),
    "channel": (0.0, 0.12, -0.18),
}
REMINDER = 0.30  # log-odds for the half drawn at random to be reminded twice instead of once

# Scale use: log of the stretch around the scale's neutral point; agreeing whatever is asked; leniency
COUNTRY_STRETCH = (0.0, 0.02, 0.11, 0.24, -0.28)
COUNTRY_AGREEING = (0.0, 0.0, 0.08, 0.25, -0.12)
COUNTRY_LENIENCY = (0.0, 0.05, 0.10, 0.20, -0.20)

RELIABILITY = {"nps": 0.80, "csat": 0.75, "ces": 0.75}  # share of an answer's residual variance that is true
CARRIES_SATISFACTION = {"nps": 1.0, "csat": 0.85}  # weight of mean satisfaction in the answer
SATISFACTION_EASE = 0.50  # correlation of their residuals
SPENDING_SATISFACTION = 0.30  # correlation of log revenue (within segment) with residual satisfaction

# Share of each answer among all customers where nobody's scale use differs: heaped at 10, 8 and 5
ANSWERS = {
    "nps": (0.014, 0.006, 0.009, 0.014, 0.016, 0.068, 0.066, 0.117, 0.235, 0.185, 0.270),
    "csat": (0.015, 0.045, 0.200, 0.490, 0.250),
    "ces": (0.020, 0.035, 0.065, 0.125, 0.205, 0.250, 0.300),
}
ITEM_ANSWERS = (0.09, 0.21, 0.30, 0.27, 0.13)
ITEM_OFFSETS = (0.35, -0.20, 0.10, -0.35, 0.00, 0.25)  # some statements are easier to agree with
ITEM_KEYS = (1, -1, 1, -1, 1, -1)  # every second one is worded the other way round
ITEM_COMMON = 0.15  # share of variance the six statements have in common: they are on different topics
ITEM_SATISFACTION = 0.25  # correlation of what they have in common with residual satisfaction


@dataclass(frozen=True, slots=True)
class Response:
    """Who answers.

    Attributes
    ----------
    shape : how answering depends on satisfaction z itself: "linear" in z, or "u-shaped", (z² − 1)/√2.
    rate : share of invitations that are answered, all customers together.
    frame : how strongly the frame decides: 1 as in the demo, 0 not at all, 2 twice as strongly in log-odds.
    satisfaction : log-odds per standard deviation of z (linear) or of (z² − 1)/√2; 0 not at all;
        below 0 the other way round.
    persistence : correlation of one customer's readiness to answer between two waves, 0 to below 1.

    >>> Response.at_random(0.4)
    Response(shape='linear', rate=0.4, frame=0.0, satisfaction=0.0, persistence=0.3)
    """

    shape: Shape = "linear"
    rate: float = 0.213
    frame: float = 1.0
    satisfaction: float = 0.10
    persistence: float = 0.3

    def __post_init__(self) -> None:
        if self.shape not in ("linear", "u-shaped"):
            raise ValueError(f'Response: shape must be "linear" or "u-shaped", but is {self.shape!r}')
        _within("Response: rate", self.rate, 0.001, 0.999)
        _within("Response: persistence", self.persistence, 0, 0.999)
        _within("Response: frame", self.frame, -10, 10)
        _within("Response: satisfaction", self.satisfaction, -10, 10)

    @classmethod
    def at_random(cls, rate: float = 0.213) -> Response:
        """Answering depends on nothing."""
        return cls(rate=rate, frame=0.0, satisfaction=0.0)

    @classmethod
    def by_frame(cls, rate: float = 0.213, *, frame: float = 1.0) -> Response:
        """Answering depends on the frame only: weighting to it repairs everything."""
        return cls(rate=rate, frame=frame, satisfaction=0.0)


@dataclass(frozen=True, slots=True)
class ScaleUse:
    """How countries and people use the scale.

    An answer's latent value y becomes c + s·(y − c) + leniency, c being the scale's neutral point.

    Attributes
    ----------
    strength : 1 as in the demo (log s: Brazil +0.24, United States +0.11, Japan −0.28); 0 none.
    people : standard deviation of log s between people of one country.
    leniency : 1 shifts Brazil by +0.20, the United States by +0.10, the United Kingdom by +0.05 and Japan
        by −0.20 latent standard deviations. No model can tell it from satisfaction.
    agreeing : 1 as in the demo: the tendency to agree whatever the statement (items only).
    """

    strength: float = 1.0
    people: float = 0.20
    leniency: float = 0.0
    agreeing: float = 1.0

    def __post_init__(self) -> None:
        _within("ScaleUse: strength", self.strength, -4, 4)
        _within("ScaleUse: people", self.people, 0, 1)
        _within("ScaleUse: leniency", self.leniency, -10, 10)
        _within("ScaleUse: agreeing", self.agreeing, -10, 10)

    @classmethod
    def same(cls) -> ScaleUse:
        """Everybody uses the scale alike."""
        return cls(strength=0.0, people=0.0, leniency=0.0, agreeing=0.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a later event depends on, in log-odds; the signs are those of the event.

    Attributes
    ----------
    rate : share of customers it happens to within the window.
    behaviour : how strongly tenure, tickets, app use and spending decide, 0 not at all; positive where
        what makes customers leave makes the event likelier.
    satisfaction, effort : log-odds per standard deviation of true satisfaction and of true effort
        (effort: a laborious experience).
    low_end : True where only below-average satisfaction and above-average effort count.
    silence : log-odds per standard deviation of reluctance to answer.
    window_days : length of the window after the invitation.
    """

    rate: float
    behaviour: float = 1.0
    satisfaction: float = 0.0
    effort: float = 0.0
    low_end: bool = False
    silence: float = 0.0
    window_days: int = 180

    def __post_init__(self) -> None:
        _within("Outcome: rate", self.rate, 0.001, 0.95)
        _within("Outcome: window_days", self.window_days, 30, 180)
        for name in ("behaviour", "satisfaction", "effort", "silence"):
            _within(f"Outcome: {name}", getattr(self, name), -10, 10)


CHURN = Outcome(rate=0.095, behaviour=0.75, satisfaction=-0.12, effort=0.60, silence=0.15)
REPURCHASE = Outcome(rate=0.36, behaviour=-1.0, satisfaction=0.25, effort=-0.20, window_days=90)


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong in the export, as shares; all small.

    Attributes
    ----------
    eleven, blank : of the answers, those whose recommendation is coded 11 or "Blank".
    skipped : of the answers, those without satisfaction, and independently those without ease.
    twice : of the answers, those exported twice.
    before_invited : of the answers, those dated before their invitation.
    test_accounts : invitations to the company's own test accounts, per genuine invitation.
    """

    eleven: float = 0.010
    blank: float = 0.015
    skipped: float = 0.030
    twice: float = 0.014
    before_invited: float = 0.002
    test_accounts: float = 0.002

    def __post_init__(self) -> None:
        for name in self.__slots__:
            _within(f"Faults: {name}", getattr(self, name), 0, 0.4)

    @classmethod
    def none(cls) -> Faults:
        """A clean export in which every answer is complete."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that decides a company but its size and seed; hashable.

    Attributes
    ----------
    response, scale_use, churn, repurchase : see each.
    change : true change of NPS, in points, from the last wave but one to the last, all customers.
    country_gaps : 1 as in the demo; 0 where customers of all countries are equally satisfied, given
        their other facts.
    frame_effects : 1 as in the demo; 0 where satisfaction does not depend on segment, tenure, app use
        and tickets.
    waves : quarters with a survey, 1 to 8, the last one being 2025 Q1.
    repeat_share : share of customers invited in two successive waves.
    repeat_correlation : correlation between a customer's satisfaction residuals in the two waves,
        spending aside.
    """

    response: Response = field(default_factory=Response)
    scale_use: ScaleUse = field(default_factory=ScaleUse)
    churn: Outcome = CHURN
    repurchase: Outcome = REPURCHASE
    change: float = 1.0
    country_gaps: float = 1.0
    frame_effects: float = 1.0
    waves: int = 2
    repeat_share: float = 0.10
    repeat_correlation: float = 0.70

    def __post_init__(self) -> None:
        _within("change", self.change, -40, 40)
        _within("country_gaps", self.country_gaps, -10, 10)
        _within("frame_effects", self.frame_effects, -10, 10)
        _within("repeat_share", self.repeat_share, 0, 1)
        _within("repeat_correlation", self.repeat_correlation, 0, 1)
        if isinstance(self.waves, bool) or not isinstance(self.waves, int) or not 1 <= self.waves <= 8:
            raise ValueError(f"waves must be a whole number from 1 to 8, but is {self.waves!r}")
        if self.waves == 1 and (self.repeat_share or self.change):
            raise ValueError(
                "with one wave nobody is invited twice and nothing changes: "
                "set repeat_share=0 and change=0, or waves=2"
            )

"""The population behind a company: expected values by summing over frame cells and quadrature.

Nothing here is random. Given a :class:`Model`, the share of every answer among all customers and among
those who answer follows from the equations in docs/demo_company.md, exactly but for the quadrature
(31 nodes over residual satisfaction, 7 over people's scale use; error below 1e-4 points).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit, ndtr, ndtri

from .frame import FACTS, LEVELS, Frame, frame
from .model import (
    ANSWERING,
    ANSWERS,
    CARRIES_SATISFACTION,
    COUNTRY_LENIENCY,
    COUNTRY_SATISFACTION,
    COUNTRY_STRETCH,
    EASE,
    METRICS,
    RELIABILITY,
    REMINDER,
    SATISFACTION,
    SATISFACTION_EASE,
    Model,
)

__all__ = ["Population", "answer_shares", "population"]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_STYLE_NODES, _STYLE_WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_STYLE_WEIGHTS = _STYLE_WEIGHTS / _STYLE_WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Population:
    """A model with its constants solved for. Cells are those of :func:`frame.frame`, C of them.

    Attributes
    ----------
    frame : cells and their shares.
    mean : metric -> mean of the answer's latent value in each cell, before the wave's shift, shape (C,).
    satisfaction : mean of true satisfaction in each cell, shape (C,).
    centre, spread : mean and standard deviation of true satisfaction over all customers (first wave).
    cuts : metric -> thresholds between answers, shape (K − 1,).
    neutral : metric -> latent value of the scale's neutral point.
    shift : latent shift of satisfaction and ease in each wave, shape (W,).
    wave_share : share of invitations in each wave, shape (W,).
    answering : log-odds of answering in each cell, intercept included, shape (C,).
    stretch, leniency : per country, shape (5,).
    """

    model: Model
    frame: Frame
    mean: dict[str, np.ndarray]
    satisfaction: np.ndarray
    centre: float
    spread: float
    cuts: dict[str, np.ndarray]
    neutral: dict[str, float]
    shift: np.ndarray
    wave_share: np.ndarray
    answering: np.ndarray
    stretch: np.ndarray
    leniency: np.ndarray

    def pull(self, satisfaction: np.ndarray) -> np.ndarray:
        """What true satisfaction adds to the log-odds of answering."""
        response = self.model.response
        if response.satisfaction == 0:
            return np.zeros_like(satisfaction)
        z = (satisfaction - self.centre) / self.spread
        bent = z if response.shape == "linear" else (z**2 - 1) / np.sqrt(2)
        return response.satisfaction * bent


@lru_cache(maxsize=32)
def population(model: Model) -> Population:
    """Solve a model's constants: thresholds, the shift between waves, the intercept of answering."""
    cells = frame()
    satisfaction = model.frame_effects * cells.effect(SATISFACTION) + model.country_gaps * cells.effect(
        {"country": COUNTRY_SATISFACTION}
    )
    satisfaction = satisfaction - cells.share @ satisfaction
    ease = model.frame_effects * cells.effect(EASE)
    ease = ease - cells.share @ ease
    mean = {key: weight * satisfaction for key, weight in CARRIES_SATISFACTION.items()} | {"ces": ease}
    cuts = {key: _cuts(mean[key], cells.share, np.asarray(ANSWERS[key])) for key in METRICS}
    stretch = model.scale_use.strength * np.asarray(COUNTRY_STRETCH)
    parts = {
        "model": model,
        "frame": cells,
        "mean": mean,
        "satisfaction": satisfaction,
        "centre": 0.0,
        "spread": float(np.sqrt(1 + cells.share @ satisfaction**2)),
        "cuts": cuts,
        "neutral": {key: _neutral(cuts[key]) for key in METRICS},
        "shift": np.zeros(model.waves),
        "wave_share": _wave_share(model),
        "answering": np.zeros(len(cells.share)),
        "stretch": stretch,
        "leniency": model.scale_use.leniency * np.asarray(COUNTRY_LENIENCY),
    }
    parts["shift"] = _shift(Population(**parts))
    return Population(**parts | {"answering": _answering(Population(**parts))})


def _cuts(mean: np.ndarray, share: np.ndarray, answers: np.ndarray) -> np.ndarray:
    # thresholds at which the mixture of cells, residual variance 1, gives exactly these shares of answers
    wanted = np.cumsum(answers)[:-1]
    levels, position = np.unique(mean.round(12), return_inverse=True)
    weight = np.bincount(position, weights=share)
    low, high = ndtri(wanted) - 6, ndtri(wanted) + 6
    for _ in range(60):  # bisection to the last bit
        middle = (low + high) / 2
        below = (weight[:, None] * ndtr(middle - levels[:, None])).sum(axis=0) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def _neutral(cuts: np.ndarray) -> float:
    # centre of the middle category: 5 of 0–10, 3 of 1–5, 4 of 1–7
    middle = (len(cuts) + 1) // 2
    return float((cuts[middle - 1] + cuts[middle]) / 2)


def _wave_share(model: Model) -> np.ndarray:
    # everybody else is invited in one wave drawn at random; pairs start in any wave but the last
    share = np.full(model.waves, (1 - model.repeat_share) / model.waves)
    if model.waves > 1:
        pairs = model.repeat_share / (model.waves - 1)
        share[:-1] += pairs
        share[1:] += pairs
    return share / share.sum()


def _shift(people: Population) -> np.ndarray:
    # the latent shift of the last wave that changes the NPS of all customers by exactly `change` points
    shift = np.zeros(people.model.waves)
    if people.model.change == 0:
        return shift
    values = np.asarray(METRICS["nps"].values)

    def off(latent: float) -> float:
        shares = everyone(people, "nps", np.array([latent]))[:, 0]
        return float(people.frame.share @ (shares @ values)) - goal

    goal = 0.0
    start = off(0.0)
    goal = start + people.model.change
    if not off(-4.0) < 0 < off(4.0):
        raise ValueError(
            f"change={people.model.change:g} would take NPS, {start:+.1f} before, too near the scale's end"
        )
    shift[-1] = _root(off, -4.0, 4.0)
    return shift


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    # Illinois: false position that cannot get stuck; for increasing functions with one root inside
    at_low, at_high, side = function(low), function(high), 0
    for _ in range(60):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        here = function(middle)
        if abs(here) < 1e-10:
            break
        if here < 0:
            low, at_low = middle, here
            at_high = at_high / 2 if side < 0 else at_high
            side = -1
        else:
            high, at_high = middle, here
            at_low = at_low / 2 if side > 0 else at_low
            side = 1
    return middle


def _answering(people: Population) -> np.ndarray:
    # the intercept at which the expected response rate is exactly the one asked for
    response = people.model.response
    slope = response.frame * people.frame.effect(ANSWERING)

    def off(intercept: float) -> float:
        rate = people.wave_share @ (people.frame.share @ propensity(people, slope + intercept))
        return float(np.log(rate / (1 - rate)) - np.log(response.rate / (1 - response.rate)))

    return slope + _root(off, -15.0, 15.0)


def reminded(people: Population) -> tuple[float, ...]:
    """Log-odds that the two arms of the reminder experiment add; each has half of the customers."""
    return (0.0,) if people.model.response.frame == 0 else (0.0, REMINDER * people.model.response.frame)


def propensity(people: Population, answering: np.ndarray | None = None) -> np.ndarray:
    """Mean propensity to answer in each cell and wave, shape (C, W)."""
    log_odds = people.answering if answering is None else answering
    total = np.zeros((len(log_odds), people.model.waves))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight * _propensity_at(people, log_odds, node)
    return total


def _propensity_at(people: Population, log_odds: np.ndarray, residual: float) -> np.ndarray:
    # shape (C, W): averaged over the reminder's arms
    satisfaction = people.satisfaction[:, None] + people.shift[None, :] + residual
    base = log_odds[:, None] + people.pull(satisfaction)
    arms = reminded(people)
    return sum(expit(base + arm) for arm in arms) / len(arms)


def _scaled_cuts(people: Population, key: str, country: np.ndarray) -> list[tuple[float, np.ndarray]]:
    # an answer is at most k where its style-free latent value is at most these: (weight, (cells, K − 1))
    neutral, spread = people.neutral[key], people.model.scale_use.people
    nodes = [(0.0, 1.0)] if spread == 0 else list(zip(_STYLE_NODES * spread, _STYLE_WEIGHTS, strict=True))
    scaled = []
    for node, weight in nodes:
        stretch = np.exp(people.stretch + node)[:, None]
        cuts = neutral + (people.cuts[key][None, :] - people.leniency[:, None] - neutral) / stretch
        scaled.append((weight, cuts[country]))
    return scaled


def _distinct(people: Population, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # cells that answer alike: (country, mean) of each kind, and which kind a cell is of; saves two thirds
    kinds = np.stack([people.frame.codes["country"], people.mean[key].round(12)], axis=1)
    kinds, kind = np.unique(kinds, axis=0, return_inverse=True)
    return kinds[:, 0].astype(int), kinds[:, 1], kind.reshape(-1)


def _categories(at_most: np.ndarray) -> np.ndarray:
    # P(answer <= k) along the last axis -> P(answer = k)
    ends = np.zeros((*at_most.shape[:-1], 1)), np.ones((*at_most.shape[:-1], 1))
    return np.diff(np.concatenate([ends[0], at_most, ends[1]], axis=-1), axis=-1)


def everyone(
    people: Population, key: str, shift: np.ndarray | None = None, *, styled: bool = True
) -> np.ndarray:
    """Share of every answer in each cell and wave if all customers answered, shape (C, W, K)."""
    shift = people.shift if shift is None else shift
    country, mean, kind = _distinct(people, key)
    scaled = _scaled_cuts(people, key, country) if styled else [(1.0, people.cuts[key][None, :])]
    location = (mean[:, None] + shift[None, :])[:, :, None]
    at_most = sum(weight * ndtr(cuts[:, None, :] - location) for weight, cuts in scaled)
    return _categories(at_most)[kind]


def respondents(people: Population, key: str) -> np.ndarray:
    """P(a customer of the cell answers, and answers k), per cell and wave, shape (C, W, K)."""
    reliable = RELIABILITY[key]
    carried = np.sqrt(reliable) * (SATISFACTION_EASE if key == "ces" else 1.0)
    noise = np.sqrt(1 - carried**2)
    country, mean, kind = _distinct(people, key)
    scaled = _scaled_cuts(people, key, country)
    location = (mean[:, None] + people.shift[None, :])[:, :, None]
    total = 0.0
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        at_most = sum(w * ndtr((c[:, None, :] - location - carried * node) / noise) for w, c in scaled)
        answers = weight * _propensity_at(people, people.answering, node)
        total = total + answers[:, :, None] * _categories(at_most)[kind]
    return total


@dataclass(frozen=True, slots=True)
class Shares:
    """Answers of one metric, per cell and wave. Joint with answering where it says so.

    Attributes
    ----------
    everyone : P(answer = k), shape (C, W, K).
    style_free : the same if everyone used the scale as the reference country does, shape (C, W, K).
    answered : P(answers, and answers k), shape (C, W, K).
    """

    everyone: np.ndarray
    style_free: np.ndarray
    answered: np.ndarray


@lru_cache(maxsize=24)
def answer_shares(model: Model, key: str) -> Shares:
    """Expected answers of all customers, without scale use, and of those who answer."""
    people = population(model)
    return Shares(everyone(people, key), everyone(people, key, styled=False), respondents(people, key))


def members(people: Population, fact: str | None) -> list[tuple[str, np.ndarray]]:
    """Categories of a fact and the cells in each; one group of all cells where the fact is None."""
    if fact is None:
        return [("all", np.ones(len(people.frame.share), dtype=bool))]
    if fact not in FACTS:
        raise ValueError(f"the frame has no {fact!r}; it has {', '.join(FACTS)}")
    return [(name, people.frame.codes[fact] == code) for code, name in enumerate(LEVELS[fact])]

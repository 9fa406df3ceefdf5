"""Drawing people: customers on the frame, and what each would feel, answer and do if invited."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit, ndtr, ndtri

from .frame import frame
from .model import (
    COUNTRY_AGREEING,
    ITEM_ANSWERS,
    ITEM_COMMON,
    ITEM_KEYS,
    ITEM_OFFSETS,
    ITEM_SATISFACTION,
    METRICS,
    RELIABILITY,
    REMINDER,
    SATISFACTION_EASE,
    SPENDING_SATISFACTION,
    Model,
    Outcome,
)
from .population import Population, population
from .streams import normals, uniforms

__all__ = ["FIRST_DAY", "Customers", "Spell", "customers", "intercept", "risk", "spell"]

FIRST_DAY = 14
"""Events are counted from the 15th day after the invitation: surveys close and notice is given first."""

_TENURE_MONTHS = ((1, 11), (12, 47), (48, 119), (120, 300))
_APP_DAYS = ((12, 80), (3, 11), (0, 2))
_REVENUE = (240.0, 420.0, 560.0, 1800.0)  # median yearly revenue by segment
_REFERENCE_SEED = 2003  # the sample on which intercepts of outcomes are solved: the same for every company
_REFERENCE_SIZE = 20_000


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers as the frame knows them, n of them; arrays of shape (n,).

    Attributes
    ----------
    cell : position in the cells of :func:`frame.frame`.
    tenure_months, tickets_90d, app_days_90d, annual_revenue : behaviour before the invitation.
    spending : log revenue within the segment, standardised.
    reminded_twice : whether the reminder experiment drew the customer for a second reminder.
    stretch : log of a person's stretch of scales beyond the country's.
    bond, comfort, reserve : what stays the same between waves of residual satisfaction, of residual
        ease, and of reluctance to answer.
    """

    cell: np.ndarray
    tenure_months: np.ndarray
    tickets_90d: np.ndarray
    app_days_90d: np.ndarray
    annual_revenue: np.ndarray
    spending: np.ndarray
    reminded_twice: np.ndarray
    stretch: np.ndarray
    bond: np.ndarray
    comfort: np.ndarray
    reserve: np.ndarray


@dataclass(frozen=True, slots=True)
class Spell:
    """One invitation of each of some customers: what is true of them then, answered or not.

    Attributes
    ----------
    satisfaction, effort : true ones, standardised over all customers.
    propensity : probability of answering. ``reluctance`` is standard normal: a customer answers where
        its normal probability is below the propensity.
    answers : metric -> the answer given if any is, on the metric's own scale.
    items : answers to the six statements, shape (n, 6), 1 to 5.
    """

    satisfaction: np.ndarray
    effort: np.ndarray
    propensity: np.ndarray
    log_odds: np.ndarray
    reluctance: np.ndarray
    answers: dict[str, np.ndarray]
    items: np.ndarray


def customers(model: Model, seed: int, n: int) -> Customers:
    """Draw n customers from the frame."""
    cells = frame()
    cell = np.searchsorted(np.cumsum(cells.share)[:-1], uniforms(seed, "cell", n), side="right")
    codes = {fact: code[cell] for fact, code in cells.codes.items()}
    more = np.floor(np.log(uniforms(seed, "more tickets", n)) / np.log(0.4)).astype(int)
    spending = normals(seed, "spending", n)
    return Customers(
        cell=cell,
        tenure_months=_between(_TENURE_MONTHS, codes["tenure"], uniforms(seed, "tenure", n)),
        tickets_90d=np.where(codes["tickets"] == 2, 2 + np.minimum(more, 10), codes["tickets"]),
        app_days_90d=_between(_APP_DAYS, codes["app_use"], uniforms(seed, "app days", n)),
        annual_revenue=np.round(np.asarray(_REVENUE)[codes["segment"]] * np.exp(0.6 * spending), 2),
        spending=spending,
        reminded_twice=uniforms(seed, "reminders", n) < 0.5,
        stretch=model.scale_use.people * normals(seed, "stretch", n),
        bond=normals(seed, "bond", n),
        comfort=normals(seed, "comfort", n),
        reserve=normals(seed, "reserve", n),
    )


def _between(bands: tuple[tuple[int, int], ...], band: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    low, high = np.asarray(bands).T
    return low[band] + np.floor(uniform * (high - low + 1)[band]).astype(int)


def spell(
    people: Population,
    who: Customers,
    chosen: np.ndarray,
    wave: np.ndarray,
    *,
    seed: int,
    turn: int,
    items: bool = True,
) -> Spell:
    """Draw an invitation of each chosen customer.

    Parameters
    ----------
    chosen : positions in ``who``, shape (m,); ``wave`` is each one's wave, 0 the first.
    turn : 0 for a customer's first invitation, 1 for the second: its own stream of random numbers.
    items : False leaves the six statements out, for speed.
    """
    model, n = people.model, len(chosen)

    def draw(name: str) -> np.ndarray:
        return normals(seed, f"{name}, turn {turn}", n)

    cell = who.cell[chosen]
    country = people.frame.codes["country"][cell]
    shift = people.shift[wave]
    keep = model.repeat_correlation
    lasting = _mix(who.bond[chosen], draw("mood"), keep)
    residual = _mix(who.spending[chosen], lasting, SPENDING_SATISFACTION**2)
    ease_residual = _mix(residual, _mix(who.comfort[chosen], draw("ease"), keep), SATISFACTION_EASE**2)

    satisfaction = people.satisfaction[cell] + shift + residual
    ease = people.mean["ces"][cell] + shift + ease_residual
    twice = who.reminded_twice[chosen] * (REMINDER * model.response.frame)
    log_odds = people.answering[cell] + twice + people.pull(satisfaction)

    stretch = np.exp(people.stretch[country] + who.stretch[chosen])
    answers = {}
    for key, metric in METRICS.items():
        true = ease_residual if key == "ces" else residual
        latent = people.mean[key][cell] + shift + _mix(true, draw(key), RELIABILITY[key])
        neutral = people.neutral[key]
        latent = neutral + stretch * (latent - neutral) + people.leniency[country]
        answers[key] = np.searchsorted(people.cuts[key], latent) + metric.scale.low
    return Spell(
        satisfaction=(satisfaction - people.centre) / people.spread,
        effort=-ease / np.sqrt(1 + people.frame.share @ people.mean["ces"] ** 2),
        propensity=expit(log_odds),
        log_odds=log_odds,
        reluctance=_mix(who.reserve[chosen], draw("reluctance"), model.response.persistence),
        answers=answers,
        items=_items(model, residual, stretch, country, draw) if items else np.empty((n, 0), dtype=int),
    )


def _mix(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    # standard normals in, a standard normal out, `share` of whose variance is the first's
    return np.sqrt(share) * first + np.sqrt(1 - share) * second


def _items(model, residual, stretch, country, draw) -> np.ndarray:
    cuts = ndtri(np.cumsum(ITEM_ANSWERS)[:-1])
    neutral = (cuts[1] + cuts[2]) / 2
    agreeing = model.scale_use.agreeing * np.asarray(COUNTRY_AGREEING)[country]
    common = _mix(residual, draw("outlook"), ITEM_SATISFACTION**2)
    columns = []
    for number, (key, offset) in enumerate(zip(ITEM_KEYS, ITEM_OFFSETS, strict=True), 1):
        opinion = _mix(key * common, draw(f"item {number}"), ITEM_COMMON) + offset
        columns.append(np.searchsorted(cuts, neutral + stretch * (opinion - neutral) + agreeing) + 1)
    return np.column_stack(columns)


def behaviour(who: Customers, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """What is known of customers from their behaviour before the invitation, roughly standardised."""
    return {
        "tenure": (np.log1p(who.tenure_months[chosen]) - 3.5) / 1.2,
        "tickets": np.minimum(who.tickets_90d[chosen], 5).astype(float),
        "app_days": (np.log1p(who.app_days_90d[chosen]) - 2.3) / 1.2,
        "spending": who.spending[chosen],
    }


_BEHAVIOUR = {"tenure": -0.40, "tickets": 0.35, "app_days": -0.40, "spending": -0.40}


def risk(outcome: Outcome, who: Customers, chosen: np.ndarray, then: Spell) -> np.ndarray:
    """Log-odds of the outcome within its window, without the intercept, shape (m,)."""
    satisfaction, effort = then.satisfaction, then.effort
    if outcome.low_end:
        satisfaction, effort = np.minimum(satisfaction, 0), np.maximum(effort, 0)
    known = sum(_BEHAVIOUR[name] * value for name, value in behaviour(who, chosen).items())
    return (
        outcome.behaviour * known
        + outcome.satisfaction * satisfaction
        + outcome.effort * effort
        + outcome.silence * then.reluctance
    )


@lru_cache(maxsize=64)
def intercept(model: Model, which: str) -> float:
    """The intercept at which the outcome ("churn" or "repurchase") has its rate, ± 0.3 percentage points.

    Solved on one reference sample of 20,000 customers of the first wave, the same for every seed and
    size, so that a company's true probabilities do not depend on the company drawn.
    """
    outcome: Outcome = getattr(model, which)
    who, everybody, then = _reference(model)
    log_odds = risk(outcome, who, everybody, then)
    low, high = -30.0, 30.0
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(log_odds + middle).mean() < outcome.rate else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=1)
def _reference(model: Model) -> tuple[Customers, np.ndarray, Spell]:
    who = customers(model, _REFERENCE_SEED, _REFERENCE_SIZE)
    everybody, wave = np.arange(_REFERENCE_SIZE), np.zeros(_REFERENCE_SIZE, dtype=int)
    then = spell(population(model), who, everybody, wave, seed=_REFERENCE_SEED, turn=0, items=False)
    return who, everybody, then


def answers_given(then: Spell) -> np.ndarray:
    """Who answers: booleans, shape (m,)."""
    return ndtr(then.reluctance) < then.propensity


def hazard(probability: np.ndarray, outcome: Outcome) -> np.ndarray:
    """Daily hazard, constant from FIRST_DAY on, that makes the event this probable by the window's end."""
    return -np.log1p(-probability) / (outcome.window_days - FIRST_DAY)


def left_within(model: Model, churn: np.ndarray, days: int) -> np.ndarray:
    """True probability of leaving within some days, where ``churn`` is that of leaving within the window."""
    return -np.expm1(-hazard(churn, model.churn) * max(days - FIRST_DAY, 0))


def bought_within(model: Model, repurchase: np.ndarray, churn: np.ndarray, days: int) -> np.ndarray:
    """True probability of buying within some days while still a customer: who has left buys no more.

    ``repurchase`` is the probability of buying within the window if nobody ever left.
    """
    buying, leaving = hazard(repurchase, model.repurchase), hazard(churn, model.churn)
    return buying / (buying + leaving) * -np.expm1(-(buying + leaving) * max(days - FIRST_DAY, 0))

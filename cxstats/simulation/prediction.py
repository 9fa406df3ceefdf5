"""What each metric truly adds to behaviour when it comes to who leaves and who buys again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import expit

from ..show import definition_html
from .frame import LEVELS
from .model import METRICS, Model
from .people import (
    Customers,
    Spell,
    answers_given,
    behaviour,
    bought_within,
    customers,
    intercept,
    risk,
    spell,
)
from .population import Population, population

__all__ = ["AddedValue", "added_value"]

Which = Literal["churn", "repurchase"]
Among = Literal["everyone", "respondents"]

_BATCHES = 20
_SEED = 1950


@dataclass(frozen=True, slots=True)
class AddedValue:
    """True discrimination of rules for one outcome, as areas under the ROC curve (0.5 to 1).

    Attributes
    ----------
    outcome, among : what and for whom.
    rate : true rate of the outcome within its window.
    behaviour : AUC of the best logistic rule from the frame and behaviour.
    alone : rule -> AUC of that metric alone, any monotone or other use of its categories.
    gain : rule -> AUC of behaviour and the metric together, minus ``behaviour``. Rules are "nps",
        "csat", "ces", "all" (the three together) and, among everyone, "answering".
    gain_error, alone_error : Monte-Carlo standard errors of the same.
    n : simulated customers.
    """

    outcome: str
    among: str
    rate: float
    behaviour: float
    behaviour_error: float
    alone: dict[str, float]
    alone_error: dict[str, float]
    gain: dict[str, float]
    gain_error: dict[str, float]
    n: int

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [("behaviour", f"{self.behaviour:.3f}")]
        rows += [
            (f"{name} adds", f"{gain:+.4f} (± {self.gain_error[name]:.4f})")
            for name, gain in self.gain.items()
        ]
        return definition_html(f"True AUC, {self.outcome}, {self.among}", rows)


def added_value(
    model: Model, outcome: Which = "churn", *, among: Among = "respondents", n: int = 100_000
) -> AddedValue:
    """True added value of each metric over behaviour, by simulation from the model.

    The estimand is the limit of a logistic rule as its training sample grows: behaviour in its true
    form plus a term per category of the score, fitted to n simulated customers of the first wave. The
    outcome enters by its true probability instead of a coin, so that its randomness is averaged out.
    A rule trained on few customers gains less; see the estimand of the prediction study.

    Parameters
    ----------
    model : the dials (``company.truth.model``).
    outcome : "churn" or "repurchase".
    among : "respondents" weights customers by their true propensities; "everyone" does not, as if all
        answered.
    n : simulated customers, 20,000 or more. 100,000 give the gains to about ± 0.0003 in a few seconds.

    Raises
    ------
    ValueError : unknown outcome or group, n too small.
    """
    if outcome not in ("churn", "repurchase"):
        raise ValueError(f'outcome must be "churn" or "repurchase", but is {outcome!r}')
    if among not in ("everyone", "respondents"):
        raise ValueError(f'among must be "everyone" or "respondents", but is {among!r}')
    if isinstance(n, bool) or not isinstance(n, int) or n < 20_000:
        raise ValueError(f"n must be a whole number of at least 20,000, but is {n!r}")
    return _added_value(model, outcome, among, n)


@lru_cache(maxsize=64)
def _added_value(model: Model, outcome: Which, among: Among, n: int) -> AddedValue:
    people, who, then = _sample(model, n)
    probability = _probability(model, outcome, who, then)
    weight = then.propensity if among == "respondents" else np.ones(n)
    known = _known(people, who)
    scores = {key: _dummies(then.answers[key]) for key in METRICS}
    scores["all"] = np.column_stack(list(scores.values()))
    if among == "everyone":
        scores["answering"] = answers_given(then)[:, None].astype(float)

    batch = np.arange(n) % _BATCHES
    base = _batch_aucs(_fitted(known, probability, weight), probability, weight, batch)
    alone, gain = {}, {}
    for name, columns in scores.items():
        alone[name] = _batch_aucs(_fitted(columns, probability, weight), probability, weight, batch)
        both = _fitted(np.column_stack([known, columns]), probability, weight)
        gain[name] = _batch_aucs(both, probability, weight, batch) - base
    return AddedValue(
        outcome=outcome,
        among=among,
        rate=float(weight @ probability / weight.sum()),
        behaviour=float(base.mean()),
        behaviour_error=_error(base),
        alone={name: float(value.mean()) for name, value in alone.items()},
        alone_error={name: _error(value) for name, value in alone.items()},
        gain={name: float(value.mean()) for name, value in gain.items()},
        gain_error={name: _error(value) for name, value in gain.items()},
        n=n,
    )


def _error(batches: np.ndarray) -> float:
    return float(batches.std(ddof=1) / np.sqrt(len(batches)))


@lru_cache(maxsize=1)
def _sample(model: Model, n: int) -> tuple[Population, Customers, Spell]:
    people = population(model)
    who = customers(model, _SEED, n)
    first = np.zeros(n, dtype=int)
    return people, who, spell(people, who, np.arange(n), first, seed=_SEED, turn=0, items=False)


def _probability(model: Model, outcome: Which, who: Customers, then: Spell) -> np.ndarray:
    everybody = np.arange(len(who.cell))
    probability = expit(risk(getattr(model, outcome), who, everybody, then) + intercept(model, outcome))
    if outcome == "churn":
        return probability
    leaving = expit(risk(model.churn, who, everybody, then) + intercept(model, "churn"))
    return bought_within(model, probability, leaving, model.repurchase.window_days)


def _known(people: Population, who: Customers) -> np.ndarray:
    facts = [_dummies(people.frame.codes[fact][who.cell]) for fact in LEVELS]
    numbers = list(behaviour(who, np.arange(len(who.cell))).values())
    return np.column_stack([*facts, *numbers, who.reminded_twice.astype(float)])


def _dummies(codes: np.ndarray) -> np.ndarray:
    # a column per category but the first that occurs
    return (codes[:, None] == np.unique(codes)[None, 1:]).astype(float)


def _fitted(columns: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    # weighted logistic regression by Newton's method; returns the linear predictor
    design = np.column_stack([np.ones(len(columns)), columns])
    beta = np.zeros(design.shape[1])
    mean = weight @ probability / weight.sum()
    beta[0] = np.log(mean / (1 - mean))
    for _ in range(25):
        fitted = expit(design @ beta)
        slope = design.T @ (weight * (probability - fitted))
        curvature = design.T @ (design * (weight * fitted * (1 - fitted))[:, None])
        # the ridge only serves columns that are a sum of others
        step = np.linalg.solve(curvature + 1e-8 * weight.sum() * np.eye(len(beta)), slope)
        beta += step
        if np.abs(step).max() < 1e-6:  # far below what an AUC can see
            break
    return design @ beta


def _batch_aucs(
    score: np.ndarray, probability: np.ndarray, weight: np.ndarray, batch: np.ndarray
) -> np.ndarray:
    return np.array(
        [_auc(score[i], (weight * probability)[i], (weight * (1 - probability))[i]) for i in _parts(batch)]
    )


def _parts(batch: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(batch == part) for part in range(_BATCHES)]


def _auc(score: np.ndarray, cases: np.ndarray, controls: np.ndarray) -> float:
    """P(score of a case > of a control) + half of ties, for fractional cases and controls."""
    levels, place = np.unique(score.round(10), return_inverse=True)
    case, control = (np.bincount(place, weights=w, minlength=len(levels)) for w in (cases, controls))
    below = np.cumsum(control) - control
    return float(case @ (below + control / 2) / (case.sum() * control.sum()))

"""How good predictions are: lift, precision, Brier score, calibration, and what acting on them is worth.

Predictions are a column of numbers beside what happened. Answers on a scale are full of ties: where a list is cut
within a tie, everyone in it counts with the share of the tie that still fits (the mean over all ways of breaking
the tie), never by the order of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.parameters import Level, checked
from cxstats.show import definition_html

__all__ = [
    "BrierScore",
    "Calibration",
    "DecisionCurve",
    "Gains",
    "Ranking",
    "average_precision",
    "brier_score",
    "calibration_of",
    "decision_curve",
    "gains",
    "ranking",
]


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """Cumulative gains: who is reached when customers are contacted in the order of a prediction.

    Attributes
    ----------
    table : one row per distinct prediction, highest first, behind a row of zeros: ``contacted``, ``events`` and
        ``value`` (all as shares of their totals, 0 to 1; value is missing where none was given).
    base_rate : share of customers with the event.
    """

    table: pd.DataFrame
    base_rate: float

    def lift(self, share: float = 0.1, *, of: str = "events") -> float:
        """How many times more events (or value) the top ``share`` of the list holds than a list by chance.

        Parameters
        ----------
        share : of customers contacted, above 0 and at most 1. of : "events" or "value".

        Raises
        ------
        ValueError : a share outside (0, 1].
        """
        if not 0 < share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, but is {share}")
        return float(np.interp(share, self.table["contacted"], self.table[of]) / share)

    def _repr_html_(self) -> str:
        return definition_html(
            "Lift", [("top 10 %", f"{self.lift(0.1):.2f}"), ("base rate", f"{self.base_rate:.1%}")]
        )


def gains(
    prediction: Sequence[float] | np.ndarray,
    event: Sequence[bool] | np.ndarray,
    *,
    n: Sequence[float] | np.ndarray | None = None,
    value: Sequence[float] | np.ndarray | None = None,
) -> Gains:
    """Cumulative gains of a prediction.

    Parameters
    ----------
    prediction : shape (R,), high where the event is likely. event : shape (R,).
    n : customers (or weight) of each row; 1 each by default, so rows of cells will do.
    value : what one customer of the row is worth; the curve of ``value`` is of the customers with the event.

    Raises
    ------
    ValueError : no event, or columns of different length.

    Examples
    --------
    Ten customers of whom two left; both gave a 3, as did two others:

    >>> g = gains([-3, -3, -9], [True, False, False], n=[2, 2, 6])
    >>> round(g.lift(0.2), 2)
    2.5
    """
    table = _by_prediction(prediction, event, n, value)
    total = table.sum()
    if not total["events"] > 0:
        raise ValueError("nobody had the event: there is nothing that a list could reach")
    curve = pd.DataFrame(
        {
            "contacted": np.r_[0, np.cumsum(table["n"]) / total["n"]],
            "events": np.r_[0, np.cumsum(table["events"]) / total["events"]],
            "value": np.r_[0, np.cumsum(table["value"]) / total["value"]] if value is not None else np.nan,
        }
    )
    return Gains(curve, float(total["events"] / total["n"]))


def _by_prediction(prediction, event, n, value) -> pd.DataFrame:
    """Sums per distinct prediction, highest first."""
    prediction, event = np.asarray(prediction, dtype=float), np.asarray(event, dtype=float)
    mass = np.ones(len(event)) if n is None else np.asarray(n, dtype=float)
    worth = np.zeros(len(event)) if value is None else np.asarray(value, dtype=float)
    if not len(prediction) == len(event) == len(mass) == len(worth):
        raise ValueError("predictions, events, n and value must be columns of the same length")
    if np.any(~np.isfinite(prediction)):
        raise ValueError(f"{int(np.sum(~np.isfinite(prediction)))} predictions are missing or not finite")
    levels, code = np.unique(-prediction, return_inverse=True)
    tally = {"n": mass, "events": mass * event, "value": mass * event * worth}
    return pd.DataFrame({k: np.bincount(code, weights=v, minlength=len(levels)) for k, v in tally.items()})


def average_precision(
    prediction: Sequence[float] | np.ndarray,
    event: Sequence[bool] | np.ndarray,
    *,
    n: Sequence[float] | np.ndarray | None = None,
) -> float:
    """Average precision, Σ (recall gained) × (precision there) over distinct predictions; chance gives the base rate.

    For rare events the area under the ROC curve flatters: it counts the many customers who stay. Ties enter as one
    step (as scikit-learn's ``average_precision_score``).

    >>> round(average_precision([0.9, 0.8, 0.7, 0.6], [True, False, True, False]), 4)
    0.8333
    """
    table = _by_prediction(prediction, event, n, None)
    if not table["events"].sum() > 0:
        raise ValueError("nobody had the event: precision has no recall to be averaged over")
    return _precision(table["n"].to_numpy(), table["events"].to_numpy())


Triple = tuple[float, float, float]
"""A value and its limits."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How good a list in the order of a prediction is, each with its limits.

    Attributes
    ----------
    lift : how many times more events the top ``share`` of the list holds than a list by chance.
    value_lift : the same of what the customers with the event are worth; None where no value is known.
    average_precision : see :func:`average_precision`; ``base_rate`` is what chance gives.
    share, level : as given.
    """

    lift: Triple
    value_lift: Triple | None
    average_precision: Triple
    base_rate: float
    share: float
    level: float


def ranking(
    prediction: Sequence[float] | np.ndarray,
    event: Sequence[bool] | np.ndarray,
    *,
    part: Sequence[int] | np.ndarray,
    value: Sequence[float] | np.ndarray | None = None,
    share: float = 0.1,
    level: float = 0.95,
) -> Ranking:
    """Lift, value-weighted lift and average precision, with the delete-a-part jackknife of who is judged.

    Parameters
    ----------
    prediction : shape (n,), high where the event is likely. event : shape (n,).
    part : part of each customer, shape (n,), two or more; repeated customers are in one part.
    value : what each customer is worth, 0 or more; missing where not known: those take no part in the value's lift.
    share : of the list that is contacted, above 0 and at most 1.

    Returns
    -------
    Ranking. The limits hold the rule as it was trained: what other training customers would have given is not in them.

    Raises
    ------
    ValueError : nobody with the event, columns of different length, one part only, a negative value.

    Examples
    --------
    >>> chance, left = [0.9, 0.8, 0.3, 0.2, 0.1, 0.1], [True, False, True, False, False, False]
    >>> found = ranking(chance, left, part=[0, 1, 2, 3, 4, 5], share=0.5)
    >>> round(found.lift[0], 2), round(found.average_precision[0], 3)
    (2.0, 0.833)
    """
    level = checked("level", level, Level)
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, but is {share}")
    code = pd.factorize(np.asarray(part), sort=True)[0]
    happened = np.asarray(event, dtype=float)
    if len(code) != len(happened):
        raise ValueError("predictions, events and parts must be columns of the same length")
    if code.max(initial=0) < 1:
        raise ValueError("the limits need customers in two parts or more")
    everyone = _by_part(prediction, happened, code, None)
    if not happened.sum() > 0:
        raise ValueError("nobody had the event: there is nothing that a list could reach")
    worth = None
    if value is not None:
        amount = np.asarray(value, dtype=float)
        known = np.isfinite(amount)
        if np.any(amount[known] < 0):
            raise ValueError("values must be 0 or more")
        if (amount[known] * happened[known]).sum() > 0 and len(np.unique(code[known])) > 1:
            held = _by_part(
                np.asarray(prediction, dtype=float)[known], happened[known], code[known], amount[known]
            )
            worth = _with_limits(held, lambda n, events, value: _lift(n, value, share), level)
    return Ranking(
        lift=_with_limits(everyone, lambda n, events, value: _lift(n, events, share), level),
        value_lift=worth,
        average_precision=_with_limits(everyone, lambda n, events, value: _precision(n, events), level),
        base_rate=float(happened.mean()),
        share=share,
        level=level,
    )


def _by_part(prediction, event: np.ndarray, part: np.ndarray, value: np.ndarray | None):
    """Place of each customer in the list (equal predictions share one), with part, event and worth; how many places."""
    prediction = np.asarray(prediction, dtype=float)
    if len(prediction) != len(event):
        raise ValueError("predictions and events must be columns of the same length")
    if np.any(~np.isfinite(prediction)):
        raise ValueError(f"{int(np.sum(~np.isfinite(prediction)))} predictions are missing or not finite")
    levels, place = np.unique(-prediction, return_inverse=True)
    return place, part, event, np.zeros(len(event)) if value is None else event * value, len(levels)


def _with_limits(held, measure, level: float) -> Triple:
    """A measure of the list, with t limits from leaving out a part at a time."""
    from scipy import stats

    place, part, event, worth, size = held
    tallies = [np.bincount(place, weights=w, minlength=size) for w in (np.ones(len(event)), event, worth)]
    without = []
    for j in np.unique(part):
        mine = part == j
        less = [
            whole - np.bincount(place[mine], weights=w, minlength=size)
            for whole, w in zip(tallies, (np.ones(mine.sum()), event[mine], worth[mine]), strict=True)
        ]
        without.append(measure(*less))
    again = np.array(without)
    k, value = len(again), measure(*tallies)
    error = np.sqrt((k - 1) / k * ((again - again.mean()) ** 2).sum())
    half = stats.t.ppf((1 + level) / 2, k - 1) * error
    return float(value), float(max(value - half, 0.0)), float(value + half)


def _lift(n: np.ndarray, hits: np.ndarray, share: float) -> float:
    """Share of the hits in the top of the list over the share of the customers there; ties fit in part."""
    total = hits.sum()
    if not total > 0:
        return float("nan")
    reached = np.interp(share * n.sum(), np.r_[0, np.cumsum(n)], np.r_[0, np.cumsum(hits)])
    return float(reached / total / share)


def _precision(n: np.ndarray, events: np.ndarray) -> float:
    hits, reached = np.cumsum(events), np.cumsum(n)
    if not hits[-1] > 0:
        return float("nan")
    return float(
        np.sum(events / hits[-1] * np.divide(hits, reached, out=np.zeros_like(hits), where=reached > 0))
    )


@dataclass(frozen=True, slots=True)
class BrierScore:
    """Mean squared error of predicted chances, and where it comes from (Murphy 1973).

    Attributes
    ----------
    value : mean squared error, 0 (best) to 1.
    reliability : how far chances are from the rates that came true, small is good.
    resolution : how far rates differ between predictions, large is good.
    uncertainty : what predicting the base rate for everyone gives; value = reliability − resolution + uncertainty
        (+ ``within``, what varies inside groups of predictions put together).
    within : see there; 0 where every distinct prediction is a group of its own.
    scaled : 1 − value/uncertainty: share of the base rate's error that is saved; below 0 where worse.
    """

    value: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float

    @property
    def scaled(self) -> float:
        """Share of the base rate's error that is saved."""
        return 1 - self.value / self.uncertainty


def brier_score(
    chance: Sequence[float] | np.ndarray,
    event: Sequence[bool] | np.ndarray,
    *,
    n: Sequence[float] | np.ndarray | None = None,
    groups: int = 10,
) -> BrierScore:
    """Brier score of predicted chances with Murphy's decomposition over groups of about equal size.

    Raises
    ------
    ValueError : chances outside [0, 1].

    >>> score = brier_score([0.2, 0.2, 0.8, 0.8], [False, True, True, True])
    >>> round(score.value, 3), round(score.reliability - score.resolution + score.uncertainty + score.within, 3)
    (0.19, 0.19)
    """
    p, y, mass = _chances(chance, event, n)
    code = _groups_of(p, mass, groups)
    total = mass.sum()
    size = np.bincount(code, weights=mass)
    mean, rate = (np.bincount(code, weights=mass * v) / size for v in (p, y))
    base = mass @ y / total
    share = size / total
    value = mass @ (p - y) ** 2 / total
    reliability, resolution = share @ (mean - rate) ** 2, share @ (rate - base) ** 2
    uncertainty = base * (1 - base)
    return BrierScore(
        float(value),
        float(reliability),
        float(resolution),
        float(uncertainty),
        float(value - (reliability - resolution + uncertainty)),
    )


def _chances(chance, event, n) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p, y = np.asarray(chance, dtype=float), np.asarray(event, dtype=float)
    if np.any(~(p >= 0) | ~(p <= 1)):
        raise ValueError("chances must be numbers from 0 to 1")
    return p, y, np.ones(len(y)) if n is None else np.asarray(n, dtype=float)


def _groups_of(p: np.ndarray, mass: np.ndarray, groups: int) -> np.ndarray:
    """Groups of about equal size that never divide equal predictions, numbered from 0."""
    levels, code = np.unique(p, return_inverse=True)
    size = np.bincount(code, weights=mass)
    if len(levels) <= groups:
        return code
    middle = (np.cumsum(size) - size / 2) / size.sum()
    return np.unique(np.minimum((middle * groups).astype(int), groups - 1), return_inverse=True)[1][code]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Whether predicted chances come true.

    Attributes
    ----------
    intercept : of the log-odds with the slope fixed at 1: above 0 where the event is more frequent than predicted;
        with its standard error.
    slope : of the log-odds: below 1 where predictions are too extreme (over-fitted), with its standard error.
    observed_to_expected : events over the sum of chances.
    table : groups of about equal size: mean ``chance``, ``rate`` with Wilson limits ``low``, ``high``, ``n``.
    """

    intercept: tuple[float, float]
    slope: tuple[float, float]
    observed_to_expected: float
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        rows = [
            ("slope", "{:.2f} ± {:.2f}".format(*self.slope)),
            ("intercept", "{:+.2f} ± {:.2f}".format(*self.intercept)),
            ("observed to expected", f"{self.observed_to_expected:.2f}"),
        ]
        return definition_html("Calibration", rows)


def calibration_of(
    chance: Sequence[float] | np.ndarray,
    event: Sequence[bool] | np.ndarray,
    *,
    groups: int = 10,
    level: float = 0.95,
    part: Sequence[int] | np.ndarray | None = None,
) -> Calibration:
    """Calibration intercept, slope and curve (Cox 1958; Van Calster et al. 2016).

    Parameters
    ----------
    chance : predicted chances of customers the rule was not trained on, strictly between 0 and 1. event : what came.
    part : part of each row; where customers stand in several rows, standard errors are those of sums over parts.

    Raises
    ------
    ValueError : chances of 0 or 1, nobody or everybody had the event, or a chance that divides those with the event from
        those without, whose slope has no end; chances that are all the same.
    """
    from statsmodels.stats.proportion import proportion_confint

    p, y, _ = _chances(chance, event, None)
    if p.min() <= 0 or p.max() >= 1:
        raise ValueError("chances of exactly 0 or 1 have no log-odds to be calibrated")
    if y.min() == y.max():
        raise ValueError("nobody, or everybody, had the event: calibration cannot be judged")
    if p.min() == p.max():
        raise ValueError("all chances are the same: there is no slope to be told")
    if p[y > 0.5].min() >= p[y < 0.5].max():
        raise ValueError(
            "a chance divides those with the event from those without: there is no slope to be told"
        )
    logit = np.log(p / (1 - p))
    place = np.arange(len(y)) if part is None else pd.factorize(np.asarray(part), sort=True)[0]
    clustered = part is not None
    code = _groups_of(p, np.ones(len(p)), groups)
    size = np.bincount(code)
    had = np.bincount(code, weights=y)
    low, high = proportion_confint(had, size, alpha=1 - checked("level", level, Level), method="wilson")
    table = pd.DataFrame(
        {
            "chance": np.bincount(code, weights=p) / size,
            "rate": had / size,
            "low": low,
            "high": high,
            "n": size,
        }
    )
    return Calibration(
        _intercept(logit, y, place, clustered),
        _slope(logit, y, place, clustered),
        float(y.sum() / p.sum()),
        table,
    )


def _intercept(logit: np.ndarray, y: np.ndarray, place: np.ndarray, clustered: bool) -> tuple[float, float]:
    """Of the log-odds with the slope fixed at 1, with its error."""
    from scipy.optimize import brentq
    from scipy.special import expit

    reach = float(np.abs(logit).max()) + 50.0
    value = brentq(lambda a: float((y - expit(a + logit)).sum()), -reach, reach, xtol=1e-12)
    chance = expit(value + logit)
    return value, _error((y - chance)[:, None], np.array([[(chance * (1 - chance)).sum()]]), place, clustered)


def _slope(logit: np.ndarray, y: np.ndarray, place: np.ndarray, clustered: bool) -> tuple[float, float]:
    """Of the log-odds, with its error. Standardised, by steps that never lose likelihood: chances may be far out."""
    from scipy.special import expit

    from cxstats.methods.part_fits import logistic_fit

    spread = logit.std()
    design = np.column_stack([np.ones(len(y)), (logit - logit.mean()) / spread])
    beta = logistic_fit(design, y, np.ones(len(y)), penalty=1e-9)
    chance = expit(design @ beta)
    information = design.T @ (design * (chance * (1 - chance))[:, None])
    error = _error(design * (y - chance)[:, None], information, place, clustered)
    return float(beta[1] / spread), error / float(spread)


def _error(scores: np.ndarray, information: np.ndarray, place: np.ndarray, clustered: bool) -> float:
    """Standard error of the last coefficient, from the information or from sums of scores over parts."""
    bread = np.linalg.inv(information)
    if not clustered:
        return float(np.sqrt(bread[-1, -1]))
    sums = np.column_stack([np.bincount(place, weights=column) for column in scores.T])
    k = len(sums)
    return float(np.sqrt((bread @ (sums.T @ sums * k / (k - 1)) @ bread)[-1, -1]))


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCurve:
    """Net benefit of acting on predictions, against acting on everybody and on nobody (Vickers & Elkin 2006).

    Attributes
    ----------
    table : one row per threshold: ``threshold`` (chance from which on a customer is contacted), one column of net
        benefit per prediction, and ``everybody``; events per customer, net of contacts in vain. Nobody is 0.
    """

    table: pd.DataFrame

    def at(self, threshold: float) -> pd.Series:
        """Net benefits at the threshold nearest to this one."""
        return self.table.iloc[(self.table["threshold"] - threshold).abs().argmin()]


def decision_curve(
    predictions: pd.DataFrame,
    event: Sequence[bool] | np.ndarray,
    *,
    thresholds: Sequence[float] | np.ndarray,
    n: Sequence[float] | np.ndarray | None = None,
) -> DecisionCurve:
    """Net benefit TP/n − FP/n · t/(1 − t) at each threshold t.

    Parameters
    ----------
    predictions : one column of chances per rule. event : shape (R,). n : customers or weight per row.
    thresholds : chances strictly between 0 and 1. A contact that costs c and keeps a customer worth v with probability
        s pays from t = c/(s·v) on.

    Raises
    ------
    ValueError : thresholds outside (0, 1), or chances outside [0, 1].

    Examples
    --------
    >>> curve = decision_curve(pd.DataFrame({"rule": [0.1, 0.4, 0.8]}), [False, False, True], thresholds=[0.25])
    >>> curve.table.round(4).iloc[0].to_dict()
    {'threshold': 0.25, 'rule': 0.2222, 'everybody': 0.1111}
    """
    at = np.asarray(thresholds, dtype=float)
    if np.any(~(at > 0) | ~(at < 1)):
        raise ValueError("thresholds must lie strictly between 0 and 1")
    odds = at / (1 - at)
    columns: dict[str, np.ndarray] = {"threshold": at}
    for name in predictions.columns:
        p, y, mass = _chances(predictions[name], event, n)
        order = np.argsort(p, kind="stable")
        p, y, mass = p[order], y[order], mass[order]
        above = np.searchsorted(p, at, side="left")
        events = np.r_[0, np.cumsum(mass * y)]
        others = np.r_[0, np.cumsum(mass * (1 - y))]
        true, false = events[-1] - events[above], others[-1] - others[above]
        columns[name] = (true - false * odds) / mass.sum()
    _, y, mass = _chances(np.zeros(len(event)), event, n)
    rate = mass @ y / mass.sum()
    return DecisionCurve(pd.DataFrame(columns | {"everybody": rate - (1 - rate) * odds}))

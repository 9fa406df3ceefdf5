"""Estimates of any metric with an interval, from counts.

Every metric is the mean of a bounded score, so one engine serves NPS, CSAT and CES. The default is the
score interval: it keeps its promise down to a handful of answers, never leaves the scale and never has
zero width because ten answers agree. ``docs/methods/intervals.md`` gives each formula and its source.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cxstats.methods.effective import finite_population_factor, population_note
from cxstats.methods.exact import LARGEST_N, exact_limits
from cxstats.methods.limits import METHODS, SHARE_METHODS, interval_limits, prior_counts, wald_parts
from cxstats.metrics import Metric
from cxstats.parameters import Level, Seed, checked
from cxstats.show import definition_html

__all__ = ["Estimate", "estimate"]

_RAW_COUNTS_ONLY = {"exact"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value and its interval, in the metric's own unit.

    Attributes
    ----------
    value : the metric as counted, the same whatever the method.
    standard_error : plug-in √(variance/n); for "adjusted_wald" with the added answers, for "dirichlet" the
        posterior standard deviation. Both of these stay above 0 when all answers agree; the plug-in does not.
    low, high : the interval, clipped to the metric's range.
    n : number of answers, or the sum of weights.
    method, level : how, and how often intervals like this contain the truth.
    effective_n : independent answers the interval was made for: n, unless weights, clusters or a finite
        population say otherwise; inf when everyone was asked and answered.
    centre : where the method's distribution is centred: the value, or the value drawn in by added answers.
    population : customers the answers were drawn from, or None.
    clipped : whether a limit left the metric's range and was moved back to its end.
    metric : the metric.
    """

    value: float
    standard_error: float
    low: float
    high: float
    n: float
    method: str
    level: float
    effective_n: float
    centre: float
    population: float | None
    clipped: bool
    metric: Metric = field(repr=False)

    @property
    def margin_of_error(self) -> float:
        """Half the width of the interval, in the metric's unit."""
        return (self.high - self.low) / 2

    @property
    def scope(self) -> str:
        """What the interval speaks about, in a sentence."""
        return population_note(self.n, self.population)

    def _repr_html_(self) -> str:
        notes = [("clipped", "to the ends of the scale")] if self.clipped else []
        if self.effective_n != self.n:
            notes.append(("effective n", f"{self.effective_n:,.1f}"))
        return definition_html(
            self.metric.label,
            [
                ("value", f"{self.value:.2f} {self.metric.unit}"),
                (f"{self.level:.0%} interval", f"{self.low:.2f} to {self.high:.2f}"),
                ("answers", f"{self.n:,.6g}"),
                ("method", METHODS[self.method]),
                *notes,
            ],
        )


def estimate(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    *,
    method: str = "score",
    level: float = 0.95,
    population: float | None = None,
    effective_n: float | None = None,
    pseudo_counts: Sequence[float] | np.ndarray | None = None,
    seed: int = 0,
) -> Estimate:
    """The metric's value with a confidence interval.

    Parameters
    ----------
    counts : answers per category ordered by the scale, shape (scale.size,), or per distinct value ascending,
        shape (D,): detractors, passives, promoters for NPS. Sums of weights need ``effective_n``.
    metric : what an answer is worth.
    method :
        "score" (default): test inversion; Wilson's interval for a share, Tango's for NPS.
        "adjusted_wald": three answers added, then Wald.
        "wald": the textbook interval. Not to be used: at n = 10 it contains the truth in 65 % instead of 95 %
        of surveys of a well-liked company, and has no width when all answers agree. Here to be compared with.
        "goodman": holds for every contrast of the groups at once (wider).
        "exact": by enumeration, never below its level; two or three values, n up to 200.
        "dirichlet": central posterior interval, prior ½ per value (Jeffreys).
        "bootstrap": percentile interval of infinitely many replicates.
        "wilson", "jeffreys", "clopper_pearson": for shares (two values), from statsmodels.
    level : confidence level, 0.5 to below 1.
    population : number of customers the answers were drawn from; only where they were drawn at random and all
        who were drawn answered. The width is 0 when everyone was asked.
    effective_n : independent answers that weighted or clustered answers are worth
        (``cxstats.methods.effective``); the counts are scaled to it (Korn & Graubard 1998).
    pseudo_counts : answers added per distinct value, shape (D,): replaces (3,T) of "adjusted_wald" and the
        prior of "dirichlet".
    seed : used by "bootstrap" only, and only where values lie on no lattice.

    Returns
    -------
    Estimate.

    Raises
    ------
    ValueError : no answers, negative counts or another number of them, an unknown method or one that does not
        suit the metric, level out of range, a population smaller than n, sums of weights without effective_n.

    Notes
    -----
    Assumes that answers are a random draw of what the interval speaks about, and independent unless
    ``effective_n`` says otherwise. Formulas and sources: ``docs/methods/intervals.md``.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> result = estimate([20, 30, 50], NPS)
    >>> round(result.value, 1), round(result.low, 1), round(result.high, 1)
    (30.0, 14.0, 44.3)
    """
    level = checked("level", level, Level)
    seed = checked("seed", seed, Seed)
    table = metric.reduce(counts)
    values = metric.distinct_values
    _require_method(method, metric)
    n = float(table.sum())
    if not n > 0:
        raise ValueError(
            f"{metric.short}: there are no answers to estimate from (every count is 0). "
            "Was the group or the period empty?"
        )
    added = _checked_pseudo_counts(pseudo_counts, method, len(values))
    worth = _effective(table, metric, n, population, effective_n)
    if method in _RAW_COUNTS_ONLY:
        _require_enumerable(table, metric, worth)
    value = float(table @ values / n)
    centre, error, low, high = _interval(table, values, n, worth, method, level, added, seed)
    bottom, top = float(values[0]), float(values[-1])
    return Estimate(
        value=value,
        standard_error=error,
        low=min(max(low, bottom), top),
        high=min(max(high, bottom), top),
        n=int(n) if n.is_integer() else n,
        method=method,
        level=level,
        effective_n=int(worth) if float(worth).is_integer() else worth,
        centre=centre,
        population=population,
        clipped=bool(low < bottom or high > top),
        metric=metric,
    )


def _interval(
    table: np.ndarray,
    values: np.ndarray,
    n: float,
    worth: float,
    method: str,
    level: float,
    added: np.ndarray | None,
    seed: int,
) -> tuple[float, float, float, float]:
    """Centre, standard error and unclipped limits."""
    value = float(table @ values / n)
    if np.isinf(worth):
        return value, 0.0, value, value  # everyone was asked and answered: nothing is left to chance
    scaled = table[None, :] * (worth / n)
    padded = scaled + prior_counts(method, len(values), added)
    centre, error = (float(part[0]) for part in wald_parts(padded, values))
    if method == "dirichlet":
        # the posterior's variance has the divisor A + 1 where Wald's has A
        error *= float(np.sqrt(padded.sum() / (padded.sum() + 1)))
    if method == "exact":
        low, high = exact_limits(table, values, level)
    else:
        limits = interval_limits(scaled, values, method, level, pseudo_counts=added, seed=seed)
        low, high = float(limits[0][0]), float(limits[1][0])
    return centre, error, low, high


def _effective(
    table: np.ndarray, metric: Metric, n: float, population: float | None, effective_n: float | None
) -> float:
    if effective_n is None:
        if not np.allclose(table, np.rint(table), rtol=0, atol=1e-9 * max(1.0, n)):
            raise ValueError(
                f"{metric.short}: counts {np.round(table, 3).tolist()} are not whole numbers. If they are "
                "sums of weights, say with effective_n how many independent answers they are worth"
            )
        effective_n = n
    elif not (np.isfinite(effective_n) and effective_n > 0):
        raise ValueError(f"effective_n must be a number above 0, but is {effective_n!r}")
    factor = finite_population_factor(n, population)
    return float("inf") if factor == 0 else effective_n / factor


def _require_method(method: str, metric: Metric) -> None:
    if method not in METHODS:
        near = difflib.get_close_matches(str(method), METHODS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"method {method!r} is not one of {', '.join(map(repr, METHODS))}.{hint}")
    if method in SHARE_METHODS and len(metric.distinct_values) != 2:
        raise ValueError(
            f"method {method!r} is for shares (two values), but {metric.short} has "
            f"{len(metric.distinct_values)} values. Take 'score', which is Wilson's interval for shares"
        )


def _require_enumerable(table: np.ndarray, metric: Metric, worth: float) -> None:
    n = table.sum()
    if len(table) > 3:
        raise ValueError(
            f"method 'exact' enumerates every result, which needs two or three distinct values, but "
            f"{metric.short} has {len(table)}. Take 'score'"
        )
    if worth != n:
        raise ValueError(
            "method 'exact' is for independent answers: neither weights (effective_n) nor a finite "
            "population can be enumerated. Take 'score'"
        )
    if n > LARGEST_N:
        raise ValueError(
            f"method 'exact' is for at most {LARGEST_N} answers, but there are {n:,.0f}. Take 'score', which "
            "differs from it by less than rounding at this size"
        )


def _checked_pseudo_counts(
    pseudo_counts: Sequence[float] | np.ndarray | None, method: str, n_values: int
) -> np.ndarray | None:
    if pseudo_counts is None:
        return None
    if method not in ("adjusted_wald", "dirichlet"):
        raise ValueError(f"pseudo_counts belong to 'adjusted_wald' and 'dirichlet', not to {method!r}")
    added = np.asarray(pseudo_counts, dtype=float)
    lowest_allowed = added > 0 if method == "dirichlet" else added >= 0
    if added.shape != (n_values,) or not np.all(np.isfinite(added) & lowest_allowed):
        allowed = "above 0" if method == "dirichlet" else "of 0 or more"
        raise ValueError(
            f"pseudo_counts must be {n_values} numbers {allowed}, "
            f"one per distinct value, but are {added.tolist()}"
        )
    return added

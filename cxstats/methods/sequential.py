"""Confidence sequences: limits that stay right however often a dashboard is looked at.

A 95 % interval is right for one look. Looked at daily until something stands out, it cries wolf in
far more than 5 % of the years in which nothing changed. A confidence sequence covers the true value
at every look together with probability ``level``, so one may look, stop and go on as one likes.

The sequences here are normal mixtures (Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon 2021): for a sum
S of n answers' deviations and intrinsic time V, P(∃n: |S| > √((V+ρ) log((V+ρ)/(α²ρ)))) ≤ α. Only
cumulative counts are needed: the order of answers within a look does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cxstats.methods.adjusted import EXTRA_ANSWERS, extra_counts
from cxstats.methods.limits import clopper_pearson
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html

__all__ = [
    "ConfidenceSequence",
    "FalseAlarmRate",
    "best_rho",
    "confidence_sequence",
    "confidence_sequence_of_difference",
    "false_alarm_rate",
    "log_normal_mixture",
    "normal_mixture_bound",
]

Method = Literal["bounded", "asymptotic"]
Sides = Literal["both", "lower", "upper"]

BEST_AT = 500
"""Answers at which a sequence is tightest unless the caller says otherwise; it must be fixed before the
data. Being off by a factor of ten widens the sequence by about a tenth."""


# --- the normal mixture -------------------------------------------------------------------


def best_rho(v_opt: float, alpha: float, *, sides: Sides = "both") -> float:
    """Mixture precision ρ that makes the bound tightest near intrinsic time ``v_opt``.

    >>> round(best_rho(100, 0.05), 5)
    12.60056
    """
    error = alpha if sides == "both" else 2 * alpha
    log_odds = 2 * np.log(1 / error)
    return float(v_opt / (log_odds + np.log1p(log_odds)))


def log_normal_mixture(
    s: float | np.ndarray, v: float | np.ndarray, rho: float, *, sides: Sides = "both"
) -> np.ndarray:
    """Log of the mixture supermartingale at sum ``s`` and intrinsic time ``v``.

    It is the evidence against a sum without deviation from 0; one-sided ("lower" or "upper" alike), against
    a sum that does not deviate upward.

    >>> round(float(log_normal_mixture(10, 100, best_rho(100, 0.05))), 6)
    -0.651005
    """
    from scipy.special import log_ndtr

    s, v = np.asarray(s, dtype=float), np.asarray(v, dtype=float)
    log_mixture = 0.5 * np.log(rho / (v + rho)) + s**2 / (2 * (v + rho))
    if sides == "both":
        return log_mixture
    return log_mixture + np.log(2) + log_ndtr(s / np.sqrt(v + rho))


def normal_mixture_bound(
    v: float | np.ndarray, rho: float, alpha: float, *, sides: Sides = "both"
) -> np.ndarray:
    """Sum of deviations that is exceeded at any time with probability at most ``alpha``.

    Parameters
    ----------
    v : intrinsic time: the sum of the answers' variances (or variance bounds), 0 or more, any shape.
    rho : mixture precision, in units of ``v`` (:func:`best_rho`).
    alpha : error probability over all times together.
    sides : "both" bounds |S|; "lower" or "upper" bounds one side.

    >>> round(float(normal_mixture_bound(100, best_rho(100, 0.05), 0.05)), 5)
    30.35209
    """
    v = np.asarray(v, dtype=float)
    two_sided = np.sqrt((v + rho) * np.log((v + rho) / (alpha**2 * rho)))
    if sides == "both":
        return two_sided
    # log Φ lies between −log 2 and 0, so the root lies below the two-sided bound: bisect to machine precision
    low, high = np.zeros_like(two_sided), two_sided.copy()
    for _ in range(200):
        middle = (low + high) / 2
        crossed = log_normal_mixture(middle, v, rho, sides=sides) >= np.log(1 / alpha)
        low, high = np.where(crossed, low, middle), np.where(crossed, middle, high)
        if np.all(high - low <= 1e-14 * np.maximum(high, 1e-300)):
            break
    return high


# --- one stream ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """Limits that hold at every look together.

    Attributes
    ----------
    n : answers counted at each look, shape (T,); for a difference, those of both streams.
    value : the metric at each look (or the difference, second − first), in its unit, shape (T,).
    low, high : limits, same unit and shape.
    level : probability that the true value lies within the limits at every look.
    method : "bounded": right for every n, from the range of the scale alone; "asymptotic": from the observed
        spread, right for large n.
    rho : mixture precision, in answers, fixed before the data.
    unit : the metric's unit.
    population : customers in all, where answers are drawn from them without replacement; else None.
    """

    n: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    method: Method
    rho: float
    unit: str
    population: int | None = None

    def excludes(self, target: float) -> np.ndarray:
        """Looks at which ``target`` lies outside the limits, shape (T,) True/False."""
        return (target < self.low) | (target > self.high)

    def first_exclusion(self, target: float) -> int | None:
        """Index of the first look that excludes ``target``; None where none does."""
        looks = np.flatnonzero(self.excludes(target))
        return int(looks[0]) if len(looks) else None

    def running(self) -> ConfidenceSequence:
        """The intersection of all limits so far, which a value that does not move cannot leave.

        Only where the true value is constant. Where the intersection is empty the value has moved
        (or the error of probability 1 − level has happened): both limits are NaN from there on.
        """
        low, high = np.maximum.accumulate(self.low), np.minimum.accumulate(self.high)
        empty = low > high
        return replace(self, low=np.where(empty, np.nan, low), high=np.where(empty, np.nan, high))

    def _repr_html_(self) -> str:
        last = len(self.n) - 1
        return definition_html(
            "Confidence sequence",
            [
                ("answers", f"{self.n[last]:,.0f}"),
                ("value", f"{self.value[last]:.1f} {self.unit}"),
                (f"{self.level:.0%} limits, at every look", f"{self.low[last]:.1f} to {self.high[last]:.1f}"),
                ("looks", len(self.n)),
                ("method", f"normal mixture, {self.method}"),
            ],
        )


def confidence_sequence(
    counts: Sequence[float] | Sequence[Sequence[float]] | np.ndarray,
    metric: Metric,
    *,
    level: float = 0.95,
    method: Method = "bounded",
    sides: Sides = "both",
    best_at: int = BEST_AT,
    population: int | None = None,
) -> ConfidenceSequence:
    """Confidence sequence of a metric from its cumulative counts.

    "bounded" uses only that an answer lies between the lowest and the highest value: sub-Gaussian with half
    the range as its standard deviation (Hoeffding's lemma), so it is right for every n. It
    covers the average of the true values so far even where they drift. "asymptotic" puts the observed
    standard deviation of the adjusted-Wald table in its place: narrower for a metric far from its
    middle, right as n grows (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024). Where one answer in a hundred
    differs from the rest it errs in up to 8 % of years instead of 5 % (docs/methods/sequential.md).

    Parameters
    ----------
    counts : cumulative counts at each look, shape (T, K) or (T, D), never falling from one look to the
        next; or one look, shape (K,) or (D,).
    metric : the metric.
    level : probability of being right at every look together.
    method : "bounded" or "asymptotic".
    sides : "both", or "lower" (a lower limit only; the other is the end of the scale) or "upper".
    best_at : number of answers at which the sequence is tightest (of a finite population somewhat fewer: n with
        n·N/(N − n) of about ``best_at``). Fix it before looking.
    population : number of customers in all, where the answers are a random draw from them without replacement
        and everyone drawn answers. The limits then describe these customers and close to zero
        width when all have answered. Only with "bounded": an observed spread says too little about the last
        customers. (S − nm)/(N − n) is a martingale (Serfling 1974), whose steps are
        bounded by the range over N − n, so V = Σ (N/(N−i))² is its intrinsic time.

    Raises
    ------
    ValueError : counts that fall, a first look without answers, more answers than customers, "asymptotic"
        together with a population.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> days = [[5, 10, 15], [11, 19, 30], [20, 30, 50]]
    >>> sequence = confidence_sequence(days, NPS)
    >>> sequence.low.round(1).tolist(), sequence.high.round(1).tolist()
    ([-47.9, -16.0, -3.6], [100.0, 79.4, 63.6])

    All 100 customers have answered: nothing is left to chance.

    >>> whole = confidence_sequence([20, 30, 50], NPS, population=100)
    >>> whole.low.tolist(), whole.high.tolist()
    ([30.0], [30.0])

    References
    ----------
    Howard, S. R., Ramdas, A., McAuliffe, J. & Sekhon, J. (2021). Time-uniform, nonparametric, nonasymptotic
    confidence sequences. Annals of Statistics 49, 1055–1080. Serfling, R. J. (1974). Probability inequalities
    for the sum in sampling without replacement. Annals of Statistics 2, 39–48. Waudby-Smith, I. &
    Ramdas, A. (2020). Confidence sequences for sampling without replacement. NeurIPS 33.
    """
    table = _cumulative(counts, metric)
    level, best_at = checked("level", level, Level), checked("best_at", best_at, Count)
    _check_choice("method", method, ("bounded", "asymptotic"))
    _check_choice("sides", sides, ("both", "lower", "upper"))
    n = table.sum(axis=1)
    value = table @ metric.distinct_values / n
    spread = _spread(table, metric, method)
    if population is None:
        v, left = n, np.ones_like(n)
    else:
        population = checked("population", population, Count)
        if method == "asymptotic":
            raise ValueError(
                'a population is only for method "bounded": with skewed answers the asymptotic limits miss the '
                "value in up to 18 % of runs before everyone has answered"
            )
        if n[-1] > population:
            raise ValueError(
                f"{n[-1]:g} answers cannot come from a population of {population}: "
                "is a customer counted twice?"
            )
        v, left = _time_without_replacement(n, population)
    rho = best_rho(best_at, 1 - level, sides=sides)
    half = spread * left / n * normal_mixture_bound(v, rho, 1 - level, sides=sides)
    low, high = _possible_limits(table, metric, population)
    low = np.maximum(low, value - half) if sides != "upper" else low
    high = np.minimum(high, value + half) if sides != "lower" else high
    return ConfidenceSequence(n, value, low, high, level, method, rho, metric.unit, population)


def _cumulative(counts, metric: Metric) -> np.ndarray:
    """Cumulative counts per distinct value, shape (T, D)."""
    rows = np.atleast_2d(np.asarray(counts, dtype=float))
    metric.reduce(rows.min(axis=0))  # refuses another shape, and a missing or negative count in any row
    table = rows @ np.array([metric.reduce(one) for one in np.eye(rows.shape[1])])
    falls = np.any(np.diff(table, axis=0) < 0, axis=1)
    if falls.any():
        raise ValueError(
            f"counts must be cumulative, but some fall at look {int(np.flatnonzero(falls)[0]) + 2}. "
            "Are they counts per day? Then give numpy.cumsum(counts, axis=0)"
        )
    if not table[0].sum() > 0:
        raise ValueError(f"{metric.short}: the first look has no answers; start at the first day with one")
    return table


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, but is {value!r}")


def _spread(table: np.ndarray, metric: Metric, method: Method) -> np.ndarray:
    """Standard deviation of one answer's value: half the range, or that of the adjusted table, shape (T,)."""
    if method == "bounded":
        return np.full(len(table), (metric.high - metric.low) / 2)
    return np.sqrt(_adjusted_variance(table, metric))


def _adjusted_variance(table: np.ndarray, metric: Metric) -> np.ndarray:
    """Variance of one answer's value in the adjusted-Wald table, for counts of shape (..., D)."""
    values = metric.distinct_values
    adjusted = table + extra_counts(len(values))
    share = adjusted / adjusted.sum(axis=-1, keepdims=True)
    return share @ values**2 - (share @ values) ** 2


def _time_without_replacement(n: np.ndarray, population: int) -> tuple[np.ndarray, np.ndarray]:
    """Intrinsic time Σ_{i≤n} (N/(N−i))², about n while n is small, and the share (N − n)/N still to come."""
    from scipy.special import polygamma

    left = population - n
    # Σ 1/(N−i)² over i = 1 … n is a difference of trigamma functions; with nobody left the width is 0 anyway
    safe = np.maximum(left, 1)
    v = float(population) ** 2 * (polygamma(1, safe) - polygamma(1, float(population)))
    return np.maximum(v, 0), left / population


def _possible_limits(table: np.ndarray, metric: Metric, population: int | None):
    """What the value can be at all: the ends of the scale, or what the rest of the population could say."""
    if population is None:
        return np.full(len(table), metric.low), np.full(len(table), metric.high)
    total, left = table @ metric.distinct_values, population - table.sum(axis=1)
    return (total + left * metric.low) / population, (total + left * metric.high) / population


# --- the difference of two streams --------------------------------------------------------


def confidence_sequence_of_difference(
    first: Sequence[Sequence[float]] | np.ndarray,
    second: Sequence[Sequence[float]] | np.ndarray,
    metric: Metric,
    *,
    level: float = 0.95,
    method: Method = "bounded",
    best_at: int = BEST_AT,
) -> ConfidenceSequence:
    """Confidence sequence of value(second) − value(first) for two streams collected side by side.

    The streams are compared block by block (a block is a look, or as many as it takes until both have
    answers): a block's difference has variance σ²/h with h = n₁n₂/(n₁+n₂), and Σ h·difference is a
    sum of independent blocks whose intrinsic time is Σ h. It estimates the h-weighted average of the
    blocks' differences: the difference itself where it is constant, and it stays right where both streams
    drift together (a season, a holiday), which comparing the totals does not.

    Parameters
    ----------
    first, second : cumulative counts at the same looks, shape (T, K) or (T, D) each, whose customers are
        independent.
    metric, level, method : as for :func:`confidence_sequence`.
    best_at : answers of both streams together at which the sequence is tightest.

    Returns
    -------
    A sequence with one entry per complete block; ``n`` counts the answers of both streams in it.

    Raises
    ------
    ValueError : streams with different numbers of looks, counts that fall, or a stream without answers.

    Examples
    --------
    >>> import numpy as np
    >>> from cxstats.metrics import NPS
    >>> day = np.arange(1, 41)[:, None]
    >>> sequence = confidence_sequence_of_difference(day * [4, 6, 10], day * [2, 5, 13], NPS)
    >>> round(float(sequence.value[-1]), 1), sequence.first_exclusion(0) is not None
    (25.0, True)
    """
    level, best_at = checked("level", level, Level), checked("best_at", best_at, Count)
    _check_choice("method", method, ("bounded", "asymptotic"))
    first, second = (_two_streams(stream, metric) for stream in (first, second))
    if len(first) != len(second):
        raise ValueError(
            f"both streams need the same looks, but the first has {len(first)} and the second {len(second)}"
        )
    ends = _block_ends(first.sum(axis=1), second.sum(axis=1))
    if not len(ends):
        raise ValueError(f"{metric.short}: one of the streams has no answers, so there is no difference")
    blocks = [np.diff(stream[ends], axis=0, prepend=0) for stream in (first, second)]
    n_first, n_second = (block.sum(axis=1) for block in blocks)
    means = [block @ metric.distinct_values / block.sum(axis=1) for block in blocks]
    h = n_first * n_second / (n_first + n_second)
    time = np.cumsum(h)
    value = np.cumsum(h * (means[1] - means[0])) / time
    variance_first, variance_second = (
        _spread(stream[ends], metric, method) ** 2 for stream in (first, second)
    )
    # Σ h²·(s₁²/n₁ + s₂²/n₂) with the spread known at each look, per unit of intrinsic time
    variance = variance_first * np.cumsum(h**2 / n_first) + variance_second * np.cumsum(h**2 / n_second)
    rho = best_rho(best_at / 4, 1 - level)  # two equal halves of best_at have h = best_at/4
    half = np.sqrt(variance / time) * normal_mixture_bound(time, rho, 1 - level) / time
    widest = metric.high - metric.low
    return ConfidenceSequence(
        n=np.cumsum(n_first + n_second),
        value=value,
        low=np.maximum(value - half, -widest),
        high=np.minimum(value + half, widest),
        level=level,
        method=method,
        rho=rho,
        unit=metric.unit,
    )


def _two_streams(stream, metric: Metric) -> np.ndarray:
    """As :func:`_cumulative`, but a stream may begin with looks without answers."""
    table = np.atleast_2d(np.asarray(stream, dtype=float))
    answered = np.flatnonzero(table.sum(axis=1) > 0)
    if not len(answered):
        raise ValueError(f"{metric.short}: one of the streams has no answers, so there is no difference")
    filled = _cumulative(table[answered[0] :], metric)
    return np.vstack([np.zeros((answered[0], filled.shape[1])), filled])


def _block_ends(n_first: np.ndarray, n_second: np.ndarray) -> np.ndarray:
    """Looks at which both streams have new answers since the last such look."""
    ends, last = [], (0.0, 0.0)
    for look, now in enumerate(zip(n_first, n_second, strict=True)):
        if now[0] > last[0] and now[1] > last[1]:
            ends.append(look)
            last = now
    return np.array(ends, dtype=int)


# --- how often a dashboard cries wolf -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class FalseAlarmRate:
    """Share of no-change years in which a dashboard looked at every day raises an alarm.

    Attributes
    ----------
    share : share of simulated years with at least one false alarm, 0 to 1.
    low, high : its 95 % Monte-Carlo interval (Clopper–Pearson).
    by_look : share with an alarm up to each look, shape (looks,).
    half_width : mean half-width of the limits at the last look, in the metric's unit.
    method, level, days, answers_per_day, replicates : what was simulated.
    """

    share: float
    low: float
    high: float
    by_look: np.ndarray
    half_width: float
    method: str
    level: float
    days: int
    answers_per_day: float
    replicates: int

    def _repr_html_(self) -> str:
        return definition_html(
            "False alarms when nothing changes",
            [
                ("years with a false alarm", f"{self.share:.1%} ({self.low:.1%} to {self.high:.1%})"),
                ("looks", len(self.by_look)),
                ("days", self.days),
                ("answers a day", f"{self.answers_per_day:g}"),
                ("limits", f"{self.method}, {self.level:.0%}"),
            ],
        )


def false_alarm_rate(
    distribution: Sequence[float] | np.ndarray,
    metric: Metric,
    *,
    answers_per_day: int | Sequence[int] | np.ndarray,
    days: int = 365,
    level: float = 0.95,
    method: Literal["fixed", "bounded", "asymptotic", "sequence"] = "fixed",
    window: int | None = None,
    look_every: int = 1,
    replicates: int = 2_000,
    best_at: int = BEST_AT,
    seed: int,
) -> FalseAlarmRate:
    """How often limits exclude the true value at some look, in years in which it never changes.

    Parameters
    ----------
    distribution : true shares (or counts) per category or distinct value, shape (K,) or (D,).
    metric : the metric.
    answers_per_day : answers a day; one number, or one for each day, shape (days,).
    days : days in the year that is watched.
    level : confidence level of the limits.
    method : "fixed": the adjusted-Wald interval that is right for one look; "bounded" (or "sequence") and
        "asymptotic": the confidence sequences of :func:`confidence_sequence`.
    window : with "fixed": use only the answers of the last ``window`` days; by default all so far.
    look_every : days between looks.
    replicates : simulated years.
    best_at : as for :func:`confidence_sequence`.
    seed : whole number.

    Raises
    ------
    ValueError : a window with a sequence (it needs all answers), a day count that does not fit.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> daily = dict(answers_per_day=10, replicates=400, seed=1)
    >>> false_alarm_rate([0.2, 0.3, 0.5], NPS, method="fixed", **daily).share > 0.3
    True
    >>> false_alarm_rate([0.2, 0.3, 0.5], NPS, method="sequence", **daily).share <= 0.05
    True
    """
    reduced = metric.reduce(distribution)
    share = reduced / reduced.sum()
    level, days = checked("level", level, Level), checked("days", days, Count)
    replicates, seed = checked("replicates", replicates, Count), checked("seed", seed, Seed)
    look_every, best_at = checked("look_every", look_every, Count), checked("best_at", best_at, Count)
    _check_choice("method", method, ("fixed", "bounded", "asymptotic", "sequence"))
    method = "bounded" if method == "sequence" else method
    if window is not None:
        window = checked("window", window, Count)
        if method != "fixed":
            raise ValueError("a confidence sequence uses every answer so far: leave window out")
    per_day = _per_day(answers_per_day, days)
    looks = np.arange(look_every - 1, days, look_every)
    n_so_far = np.cumsum(per_day)
    looks = looks[n_so_far[looks] > 0]
    if not len(looks):
        raise ValueError("nobody answers in these days, so there is nothing to look at")

    rng = np.random.default_rng(seed)
    truth = float(share @ metric.distinct_values)
    alarms = np.zeros(len(looks))
    width = 0.0
    block = max(1, 4_000_000 // (days * len(share)))  # years at a time: about 100 MB
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        daily = rng.multinomial(per_day, share, size=(size, days))
        cumulative = np.cumsum(daily, axis=1)
        tables = cumulative[:, looks]
        if window is not None:
            before = looks - window
            earlier = np.where((before >= 0)[:, None], cumulative[:, np.maximum(before, 0)], 0)
            tables = tables - earlier
        value, half = _limits(tables, metric, level, method, best_at)
        alarms += np.maximum.accumulate(np.abs(value - truth) > half, axis=1).sum(axis=0)
        width += half[:, -1].sum()
    low, high = clopper_pearson(alarms[-1], replicates)
    return FalseAlarmRate(
        share=float(alarms[-1] / replicates),
        low=float(low),
        high=float(high),
        by_look=alarms / replicates,
        half_width=float(width / replicates),
        method=method,
        level=level,
        days=days,
        answers_per_day=float(per_day.mean()),
        replicates=replicates,
    )


def _per_day(answers_per_day, days: int) -> np.ndarray:
    per_day = np.asarray(answers_per_day)
    if per_day.ndim == 0:
        per_day = np.full(days, per_day)
    if per_day.shape != (days,):
        raise ValueError(f"answers_per_day has shape {per_day.shape}, but there are {days} days")
    if np.any(per_day < 0) or not np.array_equal(per_day, np.rint(per_day)):
        raise ValueError("answers_per_day must be whole numbers, 0 or more")
    return per_day.astype(np.int64)


def _limits(tables: np.ndarray, metric: Metric, level: float, method: str, best_at: int):
    """Centre and half-width of the limits for tables of shape (years, looks, D)."""
    from scipy.special import ndtri

    values = metric.distinct_values
    n = tables.sum(axis=-1)
    if method == "fixed":
        z = ndtri((1 + level) / 2)
        adjusted = tables + extra_counts(len(values))
        centre = adjusted @ values / (n + EXTRA_ANSWERS)
        return centre, z * np.sqrt(_adjusted_variance(tables, metric) / (n + EXTRA_ANSWERS))
    answered = np.maximum(n, 1)
    bound = normal_mixture_bound(answered, best_rho(best_at, 1 - level), 1 - level) / answered
    if method == "bounded":
        spread = (metric.high - metric.low) / 2
    else:
        spread = np.sqrt(_adjusted_variance(tables, metric))
    return tables @ values / answered, spread * bound

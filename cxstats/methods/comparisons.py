"""Differences of a metric between groups, waves and segments, from counts.

Direction: a difference is always *second minus first* (later minus earlier, segment minus rest). The default
interval recovers the variances from each group's score limits (MOVER: Newcombe 1998, Zou & Donner 2008), so
it stays on the scale and does not collapse when all answers of a group agree. Groups that share customers are
compared with the covariance that the sharing causes.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from cxstats.methods.adjusted import adjusted_counts
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.limits import critical_value
from cxstats.methods.score import score_limits
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html

__all__ = ["Comparison", "compare", "compare_paired", "mover_limits", "mover_z"]

Method = Literal["mover", "adjusted_wald", "wald"]
_METHODS = ("mover", "adjusted_wald", "wald")
_PAIRED_METHODS = ("score", "wald")
_LABELS = {
    "mover": "MOVER on score limits",
    "adjusted_wald": "Adjusted Wald",
    "wald": "Wald (textbook)",
    "score": "Score interval of the paired differences",
}
# a z-value whose p-value is below the smallest float
_LARGEST_Z = 60.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A difference, second minus first, in the metric's own unit.

    Attributes
    ----------
    difference : value of the second minus value of the first, as counted.
    standard_error : of the difference: plug-in for "mover" and "wald", with the added answers for
        "adjusted_wald"; customers in both groups taken into account.
    low, high : the interval, within what the scale allows.
    p_value : two-sided, of no difference: 1 minus the largest level at which the interval excludes 0.
    method, level : how, and how often intervals like this contain the true difference.
    first, second : the two groups' own estimates (score intervals).
    correlation : of the two groups' values, from shared customers; 0 for different customers.
    n_pairs : customers in both groups; 0 for different customers.
    clipped : whether a limit left the range of possible differences and was moved back.
    metric : the metric.
    """

    difference: float
    standard_error: float
    low: float
    high: float
    p_value: float
    method: str
    level: float
    first: Estimate
    second: Estimate
    correlation: float
    n_pairs: int
    clipped: bool
    metric: Metric = field(repr=False)

    def _repr_html_(self) -> str:
        return definition_html(
            f"Difference in {self.metric.short} (second minus first)",
            [
                ("difference", f"{self.difference:+.2f} {self.metric.unit}"),
                (f"{self.level:.0%} interval", f"{self.low:+.2f} to {self.high:+.2f}"),
                ("p-value of no difference", f"{self.p_value:.3g}"),
                ("first", f"{self.first.value:.2f} (n {self.first.n:,.6g})"),
                ("second", f"{self.second.value:.2f} (n {self.second.n:,.6g})"),
                ("method", _LABELS[self.method]),
            ],
        )


def compare(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    metric: Metric,
    *,
    method: Method = "mover",
    level: float = 0.95,
    effective_n: tuple[float | None, float | None] | None = None,
    population: tuple[float | None, float | None] | None = None,
    covariance: Sequence[Sequence[float]] | np.ndarray | None = None,
    overlap: Sequence[Sequence[float]] | np.ndarray | None = None,
) -> Comparison:
    """Difference of a metric between two groups, second minus first, with interval and p-value.

    Parameters
    ----------
    first, second : counts as in :func:`cxstats.estimate`; all answers of each group.
    metric : what an answer is worth.
    method :
        "mover" (default): Newcombe's hybrid of the two score intervals.
        "adjusted_wald": three answers added to each group, then Wald (MeasuringU's test of two NPS); the interval
        is centred on the adjusted difference.
        "wald": the textbook interval, with no width when each group agrees in itself. To be compared with.
    level : confidence level.
    effective_n : independent answers that each group's weighted or clustered answers are worth.
    population : number of customers behind each group, as in :func:`cxstats.estimate`.
    covariance : covariance of the two values under the real design (weights, repeated customers), shape (2, 2), in
        the metric's squared unit; takes the place of ``effective_n``.
    overlap : table of the customers who answered in both (partly overlapping panels): rows are categories of their
        answer in the first group, columns in the second; shape (scale.size, scale.size) or (D, D). They are
        also among ``first`` and ``second``. Customers who answered in both and nobody else: use
        :func:`compare_paired`.

    Returns
    -------
    Comparison.

    Raises
    ------
    ValueError : as :func:`cxstats.estimate`; a covariance that is not symmetric and positive; an overlap with
        more customers than a group has answers; covariance together with effective_n or overlap.

    Notes
    -----
    MOVER: low = δ̂ − √{(θ̂₂ − l₂)² + (u₁ − θ̂₁)² − 2ρ(θ̂₂ − l₂)(u₁ − θ̂₁)}, the upper limit by mirror image
    (Newcombe 1998; Zou & Donner 2008). The p-value inverts the same interval. See
    ``docs/methods/intervals.md``.

    Examples
    --------
    >>> from cxstats.metrics import csat
    >>> result = compare([32, 48], [14, 56], csat(5))      # 48 of 80, then 56 of 70
    >>> round(result.difference, 1), round(result.low, 2), round(result.high, 2)
    (20.0, 5.24, 33.39)
    """
    level = checked("level", level, Level)
    _require(method, _METHODS)
    if covariance is not None and (effective_n is not None or overlap is not None):
        raise ValueError(
            "give either the covariance of the two values, or effective_n and overlap, not both: the covariance "
            "already says what weights and shared customers do"
        )
    worth = effective_n or (None, None)
    correlation, n_pairs = 0.0, 0
    if covariance is not None:
        worth, correlation = _from_covariance(first, second, metric, covariance)
    behind = population or (None, None)
    one, two = (
        estimate(counts, metric, method="score", level=level, effective_n=n, population=size)
        for counts, n, size in zip((first, second), worth, behind, strict=True)
    )
    if overlap is not None:
        correlation, n_pairs = _overlap_correlation(overlap, one, two, metric)
    tables = [_scaled(counts, e, metric) for counts, e in zip((first, second), (one, two), strict=True)]
    difference = two.value - one.value
    if method == "mover":
        rows = [table[None, :] for table in tables]
        low, high = mover_limits(*rows, metric.distinct_values, critical_value(level), correlation)
        limits = (float(low[0]), float(high[0]))
        z = float(mover_z(*rows, metric.distinct_values, correlation)[0])
        error = float(_combined(one.standard_error, two.standard_error, correlation))
    else:
        centre, error = _wald_difference(tables, metric, method, correlation)
        half = critical_value(level) * error
        limits = (centre - half, centre + half)
        z = _ratio(centre, error)
    return _comparison(difference, error, limits, z, method, level, one, two, correlation, n_pairs, metric)


def compare_paired(
    table: Sequence[Sequence[float]] | np.ndarray,
    metric: Metric,
    *,
    method: Literal["score", "wald"] = "score",
    level: float = 0.95,
    effective_n: float | None = None,
) -> Comparison:
    """Change of a metric among the same customers, asked twice: second wave minus first.

    Parameters
    ----------
    table : counts of pairs: rows are categories of the first answer, columns of the second, ordered by the scale
        (scale.size, scale.size) or by distinct value (D, D).
    metric : what an answer is worth.
    method :
        "score" (default): the score interval of the customers' own differences, a bounded score with up to
        2D − 1 values; for a share it is Tango's (1998) interval.
        "wald": mean difference ± z·sd/√n.
    level : confidence level.
    effective_n : independent customers that weighted pairs are worth.

    Returns
    -------
    Comparison; ``correlation`` is that of a customer's two answers.

    Raises
    ------
    ValueError : another shape, no pairs, negative counts, level out of range.

    Examples
    --------
    The same hundred customers in two waves: taking them for different customers would make the standard error
    11.86 instead of 7.12 points.

    >>> from cxstats.metrics import NPS
    >>> result = compare_paired([[20, 5, 5], [4, 15, 6], [2, 8, 35]], NPS, method="wald")
    >>> round(result.difference, 2), round(result.standard_error, 2)
    (5.0, 7.12)
    """
    level = checked("level", level, Level)
    _require(method, _PAIRED_METHODS)
    pairs = _pair_table(table, metric, "table")
    n = pairs.sum()
    if not n > 0:
        raise ValueError(f"{metric.short}: there are no customers who answered twice (every pair count is 0)")
    if effective_n is None and not np.allclose(pairs, np.rint(pairs)):
        raise ValueError(
            f"{metric.short}: pair counts are not whole numbers. If they are sums of weights, say with effective_n "
            "how many independent customers they are worth"
        )
    if effective_n is not None and not (np.isfinite(effective_n) and effective_n > 0):
        raise ValueError(f"effective_n must be a number above 0, but is {effective_n!r}")
    worth = float(effective_n if effective_n is not None else n)
    values = metric.distinct_values
    gain = values[None, :] - values[:, None]
    shares = pairs / n
    difference = float((shares * gain).sum())
    error = float(np.sqrt((shares * (gain - difference) ** 2).sum() / worth))
    one, two = (
        estimate(side, metric, level=level, effective_n=worth)
        for side in (pairs.sum(axis=1), pairs.sum(axis=0))
    )
    correlation = _pair_correlation(pairs, values)
    if method == "score":
        steps, column = np.unique(np.round(gain, 12).ravel(), return_inverse=True)
        counts = np.bincount(column.ravel(), weights=pairs.ravel(), minlength=len(steps)) * (worth / n)
        low, high = (float(x[0]) for x in score_limits(counts[None, :], steps, critical_value(level)))
        z = _score_z(counts, steps)
    else:
        half = critical_value(level) * error
        low, high = difference - half, difference + half
        z = _ratio(difference, error)
    return _comparison(
        difference, error, (low, high), z, method, level, one, two, correlation, round(n), metric
    )


def mover_limits(
    first: np.ndarray,
    second: np.ndarray,
    values: np.ndarray,
    z: float | np.ndarray,
    correlation: float | np.ndarray = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """MOVER limits of second − first at the normal quantile z, one pair per row.

    Parameters
    ----------
    first, second : (effective) counts per distinct value, shape (R, D); values : shape (D,), ascending.
    z, correlation : one, or one per row.
    """
    one, two = (table @ values / table.sum(axis=1) for table in (first, second))
    (low_one, high_one), (low_two, high_two) = (score_limits(table, values, z) for table in (first, second))
    down = _combined(two - low_two, high_one - one, correlation)
    up = _combined(high_two - two, one - low_one, correlation)
    return two - one - down, two - one + up


def mover_z(
    first: np.ndarray, second: np.ndarray, values: np.ndarray, correlation: float | np.ndarray = 0.0
) -> np.ndarray:
    """The z at which the MOVER interval of second − first just reaches 0, signed like the difference, per row."""
    from scipy.optimize.elementwise import find_root

    correlation = np.broadcast_to(np.asarray(correlation, dtype=float), len(first))
    difference = second @ values / second.sum(axis=1) - first @ values / first.sum(axis=1)
    sign = np.sign(np.where(np.abs(difference) < 1e-12 * (values[-1] - values[0]), 0.0, difference))
    low, high = mover_limits(first, second, values, _LARGEST_Z, correlation)
    size = np.full(len(first), _LARGEST_Z)
    open_rows = np.flatnonzero((sign != 0) & (np.where(sign > 0, low, -high) <= 0))

    def distance(z: np.ndarray, row: np.ndarray) -> np.ndarray:
        at = row.astype(int)
        shape = at.shape
        low, high = mover_limits(
            first[at.ravel()], second[at.ravel()], values, z.ravel(), correlation[at.ravel()]
        )
        return np.where(sign[at.ravel()] > 0, low, -high).reshape(shape)

    if open_rows.size:
        bracket = (np.zeros(open_rows.size), np.full(open_rows.size, _LARGEST_Z))
        found = find_root(distance, bracket, args=(open_rows.astype(float),), tolerances={"xatol": 1e-12})
        size[open_rows] = found.x
    return sign * size


def _combined(a: float | np.ndarray, b: float | np.ndarray, correlation: float | np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(a**2 + b**2 - 2 * correlation * a * b, 0.0))


def _score_z(counts: np.ndarray, steps: np.ndarray) -> float:
    from cxstats.methods.score import score_statistic

    return float(np.clip(score_statistic(counts[None, :], steps, 0.0)[0], -_LARGEST_Z, _LARGEST_Z))


def _wald_difference(
    tables: list[np.ndarray], metric: Metric, method: str, correlation: float
) -> tuple[float, float]:
    if method == "adjusted_wald":
        tables = [adjusted_counts(table, metric) for table in tables]
    one, two = (metric.value(table) for table in tables)
    errors = [float(np.sqrt(metric.variance(table) / table.sum())) for table in tables]
    return two - one, float(_combined(*errors, correlation))


def _ratio(difference: float, error: float) -> float:
    if abs(difference) < 1e-12:
        return 0.0
    return float(difference / error) if error > 0 else float(np.copysign(np.inf, difference))


def _scaled(counts: Sequence[float] | np.ndarray, e: Estimate, metric: Metric) -> np.ndarray:
    table = metric.reduce(counts)
    # when everyone was asked, 1e15 answers stand for "no chance left": their interval has no visible width
    return table * (min(e.effective_n, 1e15) / table.sum())


def _comparison(
    difference: float,
    error: float,
    limits: tuple[float, float],
    z: float,
    method: str,
    level: float,
    one: Estimate,
    two: Estimate,
    correlation: float,
    n_pairs: int,
    metric: Metric,
) -> Comparison:
    from scipy.special import ndtr

    span = metric.high - metric.low
    low, high = limits
    return Comparison(
        difference=difference,
        standard_error=error,
        low=max(low, -span),
        high=min(high, span),
        p_value=float(2 * ndtr(-abs(z))),
        method=method,
        level=level,
        first=one,
        second=two,
        correlation=correlation,
        n_pairs=n_pairs,
        clipped=bool(low < -span or high > span),
        metric=metric,
    )


def _from_covariance(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    metric: Metric,
    covariance: Sequence[Sequence[float]] | np.ndarray,
) -> tuple[tuple[float, float], float]:
    """Effective n of each group and their correlation."""
    matrix = checked_covariance(covariance, 2)
    worth = tuple(
        effective_from_variance(counts, metric, float(matrix[i, i]))
        for i, counts in enumerate((first, second))
    )
    scale = float(np.sqrt(matrix[0, 0] * matrix[1, 1]))
    return worth, float(matrix[0, 1] / scale) if scale > 0 else 0.0


def effective_from_variance(counts: Sequence[float] | np.ndarray, metric: Metric, variance: float) -> float:
    """n from the variance; where all answers agree the variance is 0 and the counts' own total stands."""
    table = metric.reduce(counts)
    one = metric.variance(table)
    return one / variance if one > 0 and variance > 0 else float(table.sum())


def checked_covariance(covariance: Sequence[Sequence[float]] | np.ndarray, size: int) -> np.ndarray:
    """``covariance`` as an array of shape (size, size), or a ValueError."""
    matrix = np.asarray(covariance, dtype=float)
    if matrix.shape != (size, size):
        raise ValueError(
            f"covariance must have shape ({size}, {size}), one row per group, not {matrix.shape}"
        )
    if not np.all(np.isfinite(matrix)) or not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12):
        raise ValueError("covariance must be symmetric and without missing values")
    if np.linalg.eigvalsh(matrix)[0] < -1e-8 * max(float(np.trace(matrix)), 1e-300):
        raise ValueError("covariance has a negative eigenvalue: it is not the covariance of anything")
    return matrix


def _pair_table(table: Sequence[Sequence[float]] | np.ndarray, metric: Metric, name: str) -> np.ndarray:
    """Pair counts by distinct value, shape (D, D)."""
    array = np.asarray(table, dtype=float)
    sizes = sorted({metric.scale.size, len(metric.distinct_values)}, reverse=True)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or len(array) not in sizes:
        shapes = " or ".join(f"({size}, {size})" for size in sizes)
        raise ValueError(
            f"{name}: pairs of {metric.short} answers are counted in a table of shape {shapes} (rows the first "
            f"answer, columns the second), but this one has shape {array.shape}"
        )
    rows = np.array([metric.reduce(row) for row in array])
    return np.array([metric.reduce(column) for column in rows.T]).T


def _pair_correlation(pairs: np.ndarray, values: np.ndarray) -> float:
    """Correlation of a customer's two answers; 0 where one of them does not vary."""
    covariance, one, two = _pair_moments(pairs, values)
    return covariance / float(np.sqrt(one * two)) if one > 0 and two > 0 else 0.0


def _pair_moments(pairs: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    shares = pairs / pairs.sum()
    first = values - shares.sum(axis=1) @ values
    second = values - shares.sum(axis=0) @ values
    return (
        float(first @ shares @ second),
        float(shares.sum(axis=1) @ first**2),
        float(shares.sum(axis=0) @ second**2),
    )


def _overlap_correlation(
    overlap: Sequence[Sequence[float]] | np.ndarray, one: Estimate, two: Estimate, metric: Metric
) -> tuple[float, int]:
    """Correlation of the two values: n₁₂·cov/(n₁·n₂) over their standard errors."""
    pairs = _pair_table(overlap, metric, "overlap")
    shared = float(pairs.sum())
    if shared > min(one.n, two.n):
        raise ValueError(
            f"overlap: {shared:,.0f} customers answered in both groups, but the groups have {one.n:,} and {two.n:,} "
            "answers: those of the shared customers belong to each"
        )
    if shared == 0 or one.standard_error == 0 or two.standard_error == 0:
        return 0.0, round(shared)
    covariance = _pair_moments(pairs, metric.distinct_values)[0]
    shared_part = shared * covariance / (one.n * two.n)
    return float(np.clip(shared_part / (one.standard_error * two.standard_error), -1, 1)), round(shared)


def _require(method: str, known: Sequence[str]) -> None:
    if method not in known:
        near = difflib.get_close_matches(str(method), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"method {method!r} is not one of {', '.join(map(repr, known))}.{hint}")

"""Several differences at once, without crying wolf: groups among each other, and each against the rest.

Twenty differences at 95 % each find something in most surveys where there is nothing. Here the whole family of
intervals holds at the stated level: by the distribution of the largest |t| of the family (which knows how the
differences hang together), or by Holm's step-down p-values with Bonferroni intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from cxstats.methods.adjusted import adjusted_counts
from cxstats.methods.comparisons import (
    Comparison,
    _combined,
    _comparison,
    _scaled,
    checked_covariance,
    effective_from_variance,
    mover_limits,
    mover_z,
)
from cxstats.methods.effective import effective_n_from_variance
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.limits import critical_value
from cxstats.metrics import Metric
from cxstats.parameters import Level, Seed, checked
from cxstats.show import definition_html

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SimultaneousComparisons", "compare_groups", "compare_with_rest", "largest_t_quantile"]

Adjust = Literal["max_t", "holm", "none"]
_ADJUSTMENTS = {
    "max_t": "simultaneous, by the largest |t| of the family",
    "holm": "Holm's p-values, Bonferroni intervals",
    "none": "each difference on its own: not for picking the largest",
}
_SCRAMBLES, _POINTS_LOG2 = 16, 13  # 2**13 points each; how the scrambles differ is the error
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class SimultaneousComparisons:
    """A family of differences that is judged together.

    Attributes
    ----------
    pairs : labels (first, second) of each difference; "the rest" for a group's complement.
    comparisons : the differences, second minus first, in the order of ``pairs``; their intervals and p-values are
        adjusted for the family.
    adjust, level : how, and for what share of surveys *all* intervals contain their true differences.
    critical_value : the normal quantile the intervals use in place of 1.96.
    critical_value_error : its standard error from the quadrature; 0 unless ``adjust`` is "max_t".
    global_p_value : of no difference between any of the groups (Wald test, chi-squared).
    estimates : each group's own estimate by label (score intervals at ``level``, not adjusted).
    metric : the metric.
    """

    pairs: tuple[tuple[str, str], ...]
    comparisons: tuple[Comparison, ...]
    adjust: str
    level: float
    critical_value: float
    critical_value_error: float
    global_p_value: float
    estimates: dict[str, Estimate]
    metric: Metric = field(repr=False)

    def of(self, first: str, second: str) -> Comparison:
        """The difference second minus first.

        Raises
        ------
        ValueError : that difference is not in the family (or only the other way round).
        """
        if (first, second) not in self.pairs:
            listed = ", ".join(f"{b} − {a}" for a, b in self.pairs[:10])
            raise ValueError(f"{second} − {first} is not among these differences: {listed}")
        return self.comparisons[self.pairs.index((first, second))]

    def to_frame(self) -> pd.DataFrame:
        """One row per difference, in the metric's unit."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "first": first,
                    "second": second,
                    "difference": c.difference,
                    "standard_error": c.standard_error,
                    "low": c.low,
                    "high": c.high,
                    "p_value": c.p_value,
                }
                for (first, second), c in zip(self.pairs, self.comparisons, strict=True)
            ]
        )

    def _repr_html_(self) -> str:
        return definition_html(
            f"Differences in {self.metric.short}: {_ADJUSTMENTS[self.adjust]}",
            [
                (
                    f"{second} − {first}",
                    f"{c.difference:+.1f} ({c.low:+.1f} to {c.high:+.1f}), p {c.p_value:.3g}",
                )
                for (first, second), c in zip(self.pairs, self.comparisons, strict=True)
            ],
        )


def compare_groups(
    groups: Mapping[str, Sequence[float] | np.ndarray],
    metric: Metric,
    *,
    against: str | None = None,
    adjust: Adjust = "max_t",
    level: float = 0.95,
    effective_n: Mapping[str, float] | None = None,
    covariance: Sequence[Sequence[float]] | np.ndarray | None = None,
    seed: int = 0,
) -> SimultaneousComparisons:
    """Differences between groups: every pair, or each group against one of them.

    Parameters
    ----------
    groups : counts by label, as in :func:`cxstats.estimate`; two groups or more.
    metric : what an answer is worth.
    against : label of the group the others are compared with (other minus it); None for every pair.
    adjust : "max_t" (default), "holm" or "none".
    level : share of surveys in which all intervals contain their true differences.
    effective_n : by label: independent answers that a group's weighted or clustered answers are worth.
    covariance : covariance of the groups' values in the order of ``groups``, shape (G, G), in the metric's squared
        unit; for groups that share customers. Takes the place of ``effective_n``.
    seed : of the quasi-random points that give the distribution of the largest |t|.

    Returns
    -------
    SimultaneousComparisons.

    Raises
    ------
    ValueError : fewer than two groups, one without answers, an unknown label or adjustment, a covariance that is
        none.

    Notes
    -----
    MOVER intervals at a critical value c in place of z. c is the ``level`` quantile of the largest |t| of a
    multivariate normal vector with the differences' correlations (Hothorn, Bretz & Westfall 2008), taken from
    adjusted-Wald variances, which do not vanish in small groups. Holm (1979).

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> result = compare_groups({"A": [20, 30, 50], "B": [30, 30, 40], "C": [10, 30, 60]}, NPS)
    >>> [pair for pair, c in zip(result.pairs, result.comparisons) if c.p_value < 0.05]
    [('B', 'C')]
    """
    labels = _checked_groups(groups)
    if against is not None and against not in labels:
        raise ValueError(f"against: there is no group {against!r}; the groups are {', '.join(labels)}")
    setting = _setting(groups, labels, metric, level, effective_n, covariance)
    pairs = (
        [(a, b) for i, a in enumerate(labels) for b in labels[i + 1 :]]
        if against is None
        else [(against, label) for label in labels if label != against]
    )
    place = {label: i for i, label in enumerate(labels)}
    contrasts = np.zeros((len(pairs), len(labels)))
    for row, (a, b) in enumerate(pairs):
        contrasts[row, place[a]], contrasts[row, place[b]] = -1, 1
    sides = [((place[a],), (place[b],)) for a, b in pairs]
    return _family(pairs, sides, contrasts, setting, metric, adjust, seed)


def compare_with_rest(
    groups: Mapping[str, Sequence[float] | np.ndarray],
    metric: Metric,
    *,
    adjust: Adjust = "max_t",
    level: float = 0.95,
    effective_n: Mapping[str, float] | None = None,
    covariance: Sequence[Sequence[float]] | np.ndarray | None = None,
    seed: int = 0,
) -> SimultaneousComparisons:
    """Each segment against all other customers: segment minus rest.

    Not against the total, which contains the segment: that difference is smaller than the one meant, and its
    interval is not that of two different sets of customers.

    Parameters
    ----------
    groups : counts by segment; they do not overlap and together are everybody.
    metric, adjust, level, effective_n, covariance, seed : as in :func:`compare_groups`.

    Returns
    -------
    SimultaneousComparisons with pairs ("the rest", segment).

    Raises
    ------
    ValueError : as :func:`compare_groups`; a segment called "the rest".

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> result = compare_with_rest({"A": [20, 30, 50], "B": [30, 30, 40], "C": [10, 30, 60]}, NPS)
    >>> [round(c.difference, 1) for c in result.comparisons]
    [0.0, -30.0, 30.0]
    """
    labels = _checked_groups(groups)
    if "the rest" in labels:
        raise ValueError(
            'a segment is called "the rest", which is what its complement is called here: rename it'
        )
    setting = _setting(groups, labels, metric, level, effective_n, covariance)
    pairs = [("the rest", label) for label in labels]
    everyone = range(len(labels))
    sides = [(tuple(k for k in everyone if k != i), (i,)) for i in everyone]
    contrasts = np.zeros((len(labels), len(labels)))
    for i, (rest, _) in enumerate(sides):
        contrasts[i, i] = 1
        contrasts[i, list(rest)] = -_weights(setting.totals, rest)
    return _family(pairs, sides, contrasts, setting, metric, adjust, seed)


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the differences are made of: counts per distinct value (G, D), estimates, covariances (G, G)."""

    labels: tuple[str, ...]
    tables: np.ndarray
    totals: np.ndarray
    estimates: tuple[Estimate, ...]
    covariance: np.ndarray  # adjusted variances where groups are independent: never 0
    given: bool
    level: float


def _setting(
    groups: Mapping[str, Sequence[float] | np.ndarray],
    labels: tuple[str, ...],
    metric: Metric,
    level: float,
    effective_n: Mapping[str, float] | None,
    covariance: Sequence[Sequence[float]] | np.ndarray | None,
) -> _Setting:
    level = checked("level", level, Level)
    if covariance is not None and effective_n is not None:
        raise ValueError("give either the covariance of the groups' values or effective_n, not both")
    unknown = sorted(set(effective_n or {}) - set(labels))
    if unknown:
        raise ValueError(f"effective_n names groups that are not there: {', '.join(unknown)}")
    worth: Mapping[str, float] = effective_n or {}
    matrix = None
    if covariance is not None:
        matrix = checked_covariance(covariance, len(labels))
        worth = {
            label: effective_from_variance(groups[label], metric, float(matrix[i, i]))
            for i, label in enumerate(labels)
        }
    estimates = []
    for label in labels:
        try:
            estimates.append(estimate(groups[label], metric, level=level, effective_n=worth.get(label)))
        except ValueError as error:
            raise ValueError(f"group {label!r}: {error}") from error
    tables = np.array([_scaled(groups[label], e, metric) for label, e in zip(labels, estimates, strict=True)])
    adjusted = [adjusted_counts(table, metric) for table in tables]
    variance = np.array([metric.variance(table) / table.sum() for table in adjusted])
    if matrix is None:
        matrix = np.diag(variance)
    else:
        # a group in which all agree has no variance of its own to show
        diagonal = np.diag(matrix)
        matrix = matrix + np.diag(np.where(diagonal > 0, 0.0, variance))
    return _Setting(
        labels=labels,
        tables=tables,
        totals=np.array([e.n for e in estimates], dtype=float),
        estimates=tuple(estimates),
        covariance=matrix,
        given=covariance is not None,
        level=level,
    )


def _family(
    pairs: list[tuple[str, str]],
    sides: list[tuple[tuple[int, ...], tuple[int, ...]]],
    contrasts: np.ndarray,
    setting: _Setting,
    metric: Metric,
    adjust: str,
    seed: int,
) -> SimultaneousComparisons:
    seed = checked("seed", seed, Seed)
    if adjust not in _ADJUSTMENTS:
        raise ValueError(f"adjust must be one of {', '.join(map(repr, _ADJUSTMENTS))}, but is {adjust!r}")
    values = metric.distinct_values
    halves = [tuple(_side(setting, members, metric) for members in pair) for pair in sides]
    correlations = [_side_correlation(setting, *pair) for pair in sides]
    first, second = (np.array([pair[k][0] for pair in halves]) for k in (0, 1))
    z = mover_z(first, second, values, np.array(correlations))
    largest = _largest_t(contrasts, setting.covariance, seed) if adjust == "max_t" else None
    critical, error = _critical(largest, adjust, setting.level, len(pairs))
    adjusted_z = _adjusted_z(z, largest, adjust)
    low, high = mover_limits(first, second, values, critical, np.array(correlations))
    comparisons = [
        _comparison(
            two.value - one.value,
            float(_combined(one.standard_error, two.standard_error, rho)),
            (float(low[i]), float(high[i])),
            float(adjusted_z[i]),
            "mover",
            setting.level,
            one,
            two,
            rho,
            0,
            metric,
        )
        for i, (((_, one), (_, two)), rho) in enumerate(zip(halves, correlations, strict=True))
    ]
    return SimultaneousComparisons(
        pairs=tuple(pairs),
        comparisons=tuple(comparisons),
        adjust=adjust,
        level=setting.level,
        critical_value=critical,
        critical_value_error=error,
        global_p_value=_global_p_value(setting, metric),
        estimates=dict(zip(setting.labels, setting.estimates, strict=True)),
        metric=metric,
    )


def _side(setting: _Setting, members: tuple[int, ...], metric: Metric) -> tuple[np.ndarray, Estimate]:
    """Effective counts and estimate of one side of a difference: a group, or several pooled."""
    if len(members) == 1:
        return setting.tables[members[0]], setting.estimates[members[0]]
    index = list(members)
    shares = setting.tables[index] / setting.tables[index].sum(axis=1, keepdims=True)
    counts = (shares * setting.totals[index, None]).sum(axis=0)
    worth = (
        setting.totals[index].sum() ** 2
        / (setting.totals[index] ** 2 / setting.tables[index].sum(axis=1)).sum()
    )
    if setting.given and metric.variance(counts) > 0:
        weights = _weights(setting.totals, members)
        variance = float(weights @ setting.covariance[np.ix_(index, index)] @ weights)
        worth = effective_n_from_variance(counts, metric, variance)
    pooled = estimate(counts, metric, level=setting.level, effective_n=float(worth))
    return counts * (worth / counts.sum()), pooled


def _side_correlation(setting: _Setting, one: tuple[int, ...], two: tuple[int, ...]) -> float:
    if not setting.given:
        return 0.0
    first, second = (np.zeros(len(setting.labels)) for _ in range(2))
    first[list(one)] = _weights(setting.totals, one)
    second[list(two)] = _weights(setting.totals, two)
    matrix = setting.covariance
    scale = np.sqrt((first @ matrix @ first) * (second @ matrix @ second))
    return float(np.clip(first @ matrix @ second / scale, -1, 1)) if scale > 0 else 0.0


def _weights(totals: np.ndarray, members: Sequence[int]) -> np.ndarray:
    chosen = totals[list(members)]
    return chosen / chosen.sum()


def _largest_t(contrasts: np.ndarray, covariance: np.ndarray, seed: int) -> np.ndarray:
    """Quasi-random sample of max |t| over the contrasts, a row per scramble, shape (16, 2**13)."""
    from scipy.stats import norm, qmc

    size = len(covariance)
    eigenvalues, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    error = np.sqrt(np.einsum("ij,jk,ik->i", contrasts, covariance, contrasts))
    loading = (contrasts @ root) / error[:, None]
    # scrambled Sobol points: the same cost as random ones, a smaller error
    rng = np.random.default_rng(seed)
    points = np.vstack([qmc.Sobol(size, rng=rng).random_base2(_POINTS_LOG2) for _ in range(_SCRAMBLES)])
    normal = norm.ppf(np.clip(points, 1e-12, 1 - 1e-12))
    largest = np.empty(len(normal))
    rows = max(1, _CHUNK // len(contrasts))
    for start in range(0, len(normal), rows):
        largest[start : start + rows] = np.abs(normal[start : start + rows] @ loading.T).max(axis=1)
    return largest.reshape(_SCRAMBLES, -1)


def largest_t_quantile(
    contrasts: np.ndarray, covariance: np.ndarray, level: float, *, seed: int = 0
) -> tuple[float, float]:
    """``level`` quantile of max |t| over contrasts of correlated normal estimates, and its standard error.

    Parameters
    ----------
    contrasts : shape (C, G), rows of coefficients; covariance : shape (G, G).

    >>> all_pairs = np.array([[-1.0, 1, 0], [-1, 0, 1], [0, -1, 1]])     # Tukey: 3.314493 / √2
    >>> round(largest_t_quantile(all_pairs, np.eye(3), 0.95)[0], 2)
    2.34
    """
    return _critical(_largest_t(contrasts, covariance, seed), "max_t", level, len(contrasts))


def _critical(largest: np.ndarray | None, adjust: str, level: float, n_contrasts: int) -> tuple[float, float]:
    if largest is not None:
        by_scramble = np.quantile(largest, level, axis=1)
        return float(np.quantile(largest, level)), float(by_scramble.std(ddof=1) / np.sqrt(_SCRAMBLES))
    if adjust == "holm":
        return critical_value(1 - (1 - level) / n_contrasts), 0.0
    return critical_value(level), 0.0


def _adjusted_z(z: np.ndarray, largest: np.ndarray | None, adjust: str) -> np.ndarray:
    """|z| whose two-sided p-value is the adjusted one."""
    from scipy.stats import norm

    if adjust == "none":
        return np.abs(z)
    if largest is not None:
        size = np.abs(z)
        ranked = np.sort(largest, axis=None)
        beyond = len(ranked) - np.searchsorted(ranked, size, side="left")
        # beyond the sample Bonferroni's bound, which is then nearly exact
        bound = np.minimum(2 * norm.sf(size) * len(z), 1.0)
        p = np.where(beyond >= 50, np.minimum(beyond / len(ranked), bound), bound)
        return norm.isf(p / 2)
    p = 2 * norm.sf(np.abs(z))
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return norm.isf(adjusted / 2)


def _global_p_value(setting: _Setting, metric: Metric) -> float:
    """Wald test of equal values in all groups, with the adjusted variances."""
    from scipy.stats import chi2

    values = np.array([e.value for e in setting.estimates])
    steps = np.diff(np.eye(len(values)), axis=0)
    gap = steps @ values
    matrix = steps @ setting.covariance @ steps.T
    statistic = float(gap @ np.linalg.pinv(matrix, hermitian=True) @ gap)
    return float(chi2.sf(statistic, np.linalg.matrix_rank(matrix, hermitian=True)))


def _checked_groups(groups: Mapping[str, Sequence[float] | np.ndarray]) -> tuple[str, ...]:
    if not isinstance(groups, Mapping):
        raise TypeError(
            'groups must map labels to counts, such as {"Germany": [20, 30, 50], "Japan": [30, 50, 20]}, '
            f"not be a {type(groups).__name__}"
        )
    if len(groups) < 2:
        raise ValueError(f"a comparison needs two groups or more, but there is {len(groups)}")
    return tuple(groups)

"""Before and after an action, with a comparison group: difference in differences.

The change among those treated, minus the change among those who were not. It is the effect of the action where both
would have moved alike without it. Whether they did before the action can be seen, so it is: the gap between the two
groups, wave by wave, and the effect once more for the case that the gap had gone on moving as it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cxstats.findings import Verdict, judge
from cxstats.methods.groups import group_means
from cxstats.methods.limits import critical_value
from cxstats.metrics import Metric
from cxstats.show import definition_html

__all__ = ["FEWEST_BEFORE", "DifferenceInDifferences", "difference_in_differences"]

FEWEST_BEFORE = 2
"""Waves before the action without which the trends cannot be compared."""


@dataclass(frozen=True, slots=True)
class DifferenceInDifferences:
    """The effect of an action under two assumptions, and the gap wave by wave.

    All in the metric's unit; intervals at ``level``.

    Attributes
    ----------
    effect, standard_error, low, high : if, without the action, both groups had moved alike (parallel trends).
    trend_effect, trend_standard_error, trend_low, trend_high : if the gap between them had gone on moving by as much a
        wave as it did before.
    slope, slope_standard_error : by how much the gap moved from wave to wave before the action.
    parallel_p : p-value of "the gap did not move before the action" (Wald); large is no proof.
    waves : labels, oldest first, shape (T,).
    after : which of them came after the action, shape (T,), boolean.
    gaps, gap_errors : treated minus untreated per wave, and standard errors, shape (T,).
    treated, untreated : the metric per wave, shape (T,) each.
    n_treated, n_untreated : answers per wave, shape (T,) each.
    level : confidence level.
    """

    effect: float
    standard_error: float
    low: float
    high: float
    trend_effect: float
    trend_standard_error: float
    trend_low: float
    trend_high: float
    slope: float
    slope_standard_error: float
    parallel_p: float
    waves: tuple[str, ...]
    after: np.ndarray
    gaps: np.ndarray
    gap_errors: np.ndarray
    treated: np.ndarray
    untreated: np.ndarray
    n_treated: np.ndarray
    n_untreated: np.ndarray
    level: float
    metric: Metric = field(repr=False)

    @property
    def region(self) -> tuple[float, float]:
        """What the effect can be under either assumption, sampling error included."""
        return min(self.low, self.trend_low), max(self.high, self.trend_high)

    @property
    def assumption(self) -> tuple[float, float]:
        """The effect under either assumption, sampling error left out."""
        return min(self.effect, self.trend_effect), max(self.effect, self.trend_effect)

    def verdict(self, margin: float) -> Verdict:
        """Whether the effect is of the size ``margin``, judged by the whole region."""
        return judge(*self.region, margin, assumption=self.assumption)

    def _repr_html_(self) -> str:
        return definition_html(
            f"Difference in differences, {self.metric.short}",
            [
                ("parallel trends", f"{self.effect:+.2f} ({self.low:+.2f} to {self.high:+.2f})"),
                (
                    "the trend before goes on",
                    f"{self.trend_effect:+.2f} ({self.trend_low:+.2f} to {self.trend_high:+.2f})",
                ),
                (
                    "trend before, a wave",
                    f"{self.slope:+.2f} (standard error {self.slope_standard_error:.2f})",
                ),
            ],
        )


def difference_in_differences(
    cells: pd.DataFrame,
    metric: Metric,
    *,
    score: str,
    wave: str,
    treated: str,
    waves: Sequence[str],
    n_before: int,
    matrix: Any = None,
    level: float = 0.95,
) -> DifferenceInDifferences:
    """Effect of an action that came between two waves, by a group that it reached and one that it did not.

    Parameters
    ----------
    cells : rows with columns ``score``, ``wave``, ``treated`` (boolean, missing rows are left out), ``n`` and, when
        weighted, ``w`` and ``w2``, as :func:`~cxstats.methods.groups.group_means` takes them.
    metric : what an answer is worth.
    score, wave, treated : names of the columns.
    waves : the waves, oldest first.
    n_before : how many of them came before the action; two or more.
    matrix : M over the rows of ``cells`` (customers as clusters); None: every answer is another customer.
    level : confidence level.

    Raises
    ------
    ValueError : fewer than two waves before the action or none after it; a wave in which one of the groups has no
        answers.

    Notes
    -----
    The gap of wave t is the mean of the treated minus that of the others, with the covariance over waves that repeated
    customers cause. Under parallel trends the effect is the mean gap after the action minus that before, waves weighted
    by h = n₁n₀/(n₁+n₀): with answers of equal variance that is the coefficient of treated × after in the regression on
    treated and every wave (Angrist & Pischke 2009, ch. 5). If the gap's trend goes on, its line through the waves before
    (weights h) is continued, and the effect is the mean distance from it. Errors: sandwich, clustered by customer (Bertrand,
    Duflo & Mullainathan 2004). Parallel trends cannot be tested after the action; a test before it that finds nothing is
    weak evidence (Roth 2022), which is why both effects are given.

    Examples
    --------
    >>> from cxstats.metrics import csat
    >>> rows = [(w, t, s, n) for w, (a, b) in {"1": (60, 60), "2": (60, 60), "3": (80, 60)}.items()
    ...         for t, share in ((True, a), (False, b)) for s, n in ((2, share), (1, 100 - share))]
    >>> cells = pd.DataFrame(rows, columns=["wave", "treated", "csat", "n"])
    >>> found = difference_in_differences(
    ...     cells, csat(2), score="csat", wave="wave", treated="treated", waves=["1", "2", "3"], n_before=2)
    >>> round(found.effect, 9), round(found.trend_effect, 9), round(found.slope, 9)
    (20.0, 20.0, 0.0)
    """
    waves = [str(w) for w in waves]
    if n_before < FEWEST_BEFORE or n_before >= len(waves):
        raise ValueError(
            f"a before-and-after comparison needs {FEWEST_BEFORE} waves or more before the action and one after it, but "
            f"there are {n_before} and {len(waves) - n_before}"
        )
    known = cells[treated].notna().to_numpy()
    side = cells[treated].astype("boolean").fillna(False).to_numpy(dtype=bool)
    name = cells[wave].astype("string").to_numpy(dtype=object)
    label = np.array(
        [
            f"{w}\x1f{int(s)}" if k and pd.notna(w) else None
            for w, s, k in zip(name, side, known, strict=True)
        ],
        dtype=object,
    )
    labels = [f"{w}\x1f{s}" for s in (1, 0) for w in waves]
    try:
        means = group_means(
            cells.assign(_side=pd.array(label, dtype="string")),
            metric,
            score=score,
            group="_side",
            labels=labels,
            matrix=matrix,
            level=level,
        )
    except ValueError as error:
        told = str(error).replace("\x1f1", " (treated)").replace("\x1f0", " (not treated)")
        raise ValueError(told) from None
    t = len(waves)
    to_gap = np.hstack([np.eye(t), -np.eye(t)])
    gaps, covariance = to_gap @ means.values, to_gap @ means.covariance @ to_gap.T
    n1, n0 = means.n[:t].astype(float), means.n[t:].astype(float)
    h = n1 * n0 / (n1 + n0)
    after = np.arange(t) >= n_before
    later, earlier = np.where(after, h, 0.0), np.where(after, 0.0, h)
    later, earlier = later / later.sum(), earlier / earlier.sum()
    place = np.arange(t, dtype=float)
    centred = np.where(after, 0.0, place - earlier @ place)
    slope = earlier * centred / (earlier @ centred**2)
    parallel = later - earlier
    # the line through the waves before, continued to the mean time of the waves after
    going_on = parallel - slope * (later @ place - earlier @ place)
    z = critical_value(level)

    def effect(contrast: np.ndarray) -> tuple[float, float, float, float]:
        value, error = float(contrast @ gaps), float(np.sqrt(contrast @ covariance @ contrast))
        return value, error, value - z * error, value + z * error

    value, error, low, high = effect(parallel)
    trend_value, trend_error, trend_low, trend_high = effect(going_on)
    steps = np.diff(np.eye(t)[:n_before], axis=0)
    return DifferenceInDifferences(
        effect=value,
        standard_error=error,
        low=low,
        high=high,
        trend_effect=trend_value,
        trend_standard_error=trend_error,
        trend_low=trend_low,
        trend_high=trend_high,
        slope=float(slope @ gaps),
        slope_standard_error=float(np.sqrt(slope @ covariance @ slope)),
        parallel_p=_wald_p(steps @ gaps, steps @ covariance @ steps.T),
        waves=tuple(waves),
        after=after,
        gaps=gaps,
        gap_errors=np.sqrt(np.diag(covariance)),
        treated=means.values[:t],
        untreated=means.values[t:],
        n_treated=means.n[:t],
        n_untreated=means.n[t:],
        level=level,
        metric=metric,
    )


def _wald_p(difference: np.ndarray, covariance: np.ndarray) -> float:
    from scipy.stats import chi2

    rank = np.linalg.matrix_rank(covariance, hermitian=True)
    if rank == 0:
        return 1.0 if np.allclose(difference, 0) else 0.0
    statistic = float(difference @ np.linalg.pinv(covariance, hermitian=True) @ difference)
    return float(chi2.sf(statistic, rank))

"""Early against late answers: what waiting and reminding changed, and why that is not what silence means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.limits import critical_value
from cxstats.methods.selection import clustered, reference_coded
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html

__all__ = ["LATE_IS_NOT_NEVER", "EarlyLate", "early_late"]

LATE_IS_NOT_NEVER = (
    "Late answers are not the answers of those who never answer: in studies that could check, extrapolating from "
    "late respondents was wrong in direction as often as it helped (Lin & Schaeffer 1995). A trend is a warning, its "
    "absence no clearance."
)


@dataclass(frozen=True, slots=True, eq=False)
class EarlyLate:
    """Scores by how late they came.

    Attributes
    ----------
    metric : the metric.
    table : one row per step (reminder, or group of days): ``step``, ``answered``, ``value`` with ``low``, ``high``,
        ``cumulative_share`` (of those invited who had answered by then; NaN without ``n_invited``) and
        ``cumulative_value`` (what would have been published then).
    trend, trend_low, trend_high : change per step, within facts of the frame where given.
    p_value : of no trend.
    next_value, next_low, next_high : the trend carried one step beyond the last.
    warning : why this is no estimate of those who never answered.
    level : of intervals.
    """

    metric: Metric
    table: pd.DataFrame
    trend: float
    trend_low: float
    trend_high: float
    p_value: float
    next_value: float
    next_low: float
    next_high: float
    warning: str
    level: float

    def _repr_html_(self) -> str:
        return definition_html(
            f"{self.metric.short} of early and late answers",
            [
                *((f"step {r.step}", f"{r.value:.1f} (n {r.answered:,})") for r in self.table.itertuples()),
                (
                    "per step",
                    f"{self.trend:+.2f} {self.metric.unit} ({self.trend_low:+.2f} to {self.trend_high:+.2f})",
                ),
                ("beware", self.warning),
            ],
        )


def early_late(
    cells: pd.DataFrame,
    metric: Metric,
    *,
    score: str,
    order: str,
    by: Sequence[str] = (),
    part: str = "part",
    steps: int = 6,
    level: float = 0.95,
) -> EarlyLate:
    """Early against late answers: the continuum of resistance, with its warning.

    Parameters
    ----------
    cells : rows with ``n``, ``score``, ``order`` and, where customers repeat, ``part``; customers who did not answer may
        be among them (then the share answered by each step is known).
    metric : what an answer is worth.
    order : number of reminders before the answer, or days to it: whole numbers, missing where not answered.
    by : facts of the frame to hold fixed in the trend (main effects).
    steps : more values of ``order`` than so many are put in groups of equal numbers of answers.
    level : of intervals.

    Raises
    ------
    ValueError : fewer than two steps with answers.

    Notes
    -----
    Least squares of the score on the step number, robust covariance with customers (``part``) as clusters; for a share
    without ``by`` the same hypothesis as Cochran & Armitage's test. Extrapolation: Armstrong & Overton 1977, *J. Marketing
    Research* 14; against it Lin & Schaeffer 1995, *Public Opinion Quarterly* 59.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({
    ...     "reminders": [0, 0, 0, 1, 1, 1], "nps": [10, 8, 3, 10, 8, 3], "n": [300, 150, 50, 100, 60, 40]})
    >>> result = early_late(cells, NPS, score="nps", order="reminders")
    >>> round(result.trend, 1), round(result.next_value, 1)
    (-20.0, 10.0)
    """
    from scipy.special import ndtr

    from cxstats.methods.proxy import _category, _require

    level = checked("level", level, Level)
    by = list(by)
    _require(cells, ["n", score, order, *by])
    n_all = cells["n"].to_numpy(dtype=float)
    category = _category(cells[score], metric)
    when = pd.to_numeric(cells[order]).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    used = (category >= 0) & np.isfinite(when)
    n, when = n_all[used], when[used]
    worth = metric.distinct_values[category[used]]
    if not used.any() or len(np.unique(when)) < 2:
        raise ValueError(
            f"{order!r} tells fewer than two moments of answering apart: early and late cannot be compared"
        )
    step, names = _steps(when, n, steps)
    size = np.bincount(step, weights=n)
    value = np.bincount(step, weights=n * worth) / size
    clusters = (
        pd.factorize(cells.loc[used, part])[0]
        if part in cells.columns and cells[part].nunique() >= 10
        else None
    )
    member = (step[:, None] == np.arange(len(size))).astype(float)
    errors = np.sqrt(np.diag(clustered(member * (worth - value[step])[:, None] / size, n, clusters)))
    frame = np.hstack([reference_coded(cells.loc[used, c], n) for c in by]) if by else np.zeros((len(n), 0))
    frame = frame - n @ frame / n.sum()
    # facts are centred, so the constant is the value at step 0 of the customers who answered
    design = np.column_stack([step.astype(float), np.ones(len(n)), frame])
    bread = np.linalg.pinv((design * n[:, None]).T @ design)
    beta = bread @ design.T @ (n * worth)
    influence = (design @ bread) * (worth - design @ beta)[:, None]
    covariance = clustered(influence, n, clusters)
    ahead = np.zeros(len(beta))
    ahead[:2] = len(size), 1.0
    z = critical_value(level)
    trend, error = float(beta[0]), float(np.sqrt(covariance[0, 0]))
    beyond, beyond_error = float(ahead @ beta), float(np.sqrt(ahead @ covariance @ ahead))
    everyone = n_all.sum()
    table = pd.DataFrame(
        {
            "step": names,
            "answered": size.astype(int),
            "value": value,
            "low": np.maximum(value - z * errors, metric.low),
            "high": np.minimum(value + z * errors, metric.high),
            "cumulative_share": np.cumsum(size) / everyone if (~used).any() else np.nan,
            "cumulative_value": np.cumsum(size * value) / np.cumsum(size),
        }
    )
    return EarlyLate(
        metric=metric,
        table=table,
        trend=trend,
        trend_low=trend - z * error,
        trend_high=trend + z * error,
        p_value=float(2 * ndtr(-abs(trend) / error)) if error > 0 else float(trend == 0),
        next_value=beyond,
        next_low=max(beyond - z * beyond_error, metric.low),
        next_high=min(beyond + z * beyond_error, metric.high),
        warning=LATE_IS_NOT_NEVER,
        level=level,
    )


def _steps(when: np.ndarray, n: np.ndarray, steps: int) -> tuple[np.ndarray, list[str]]:
    """Step of each row, 0, 1, …, and the steps' names."""
    values, code = np.unique(when, return_inverse=True)
    if len(values) > steps:
        size = np.bincount(code, weights=n)
        middle = (np.cumsum(size) - size / 2) / size.sum()
        group = np.unique((middle * steps).astype(int), return_inverse=True)[1]
        code = group[code]
    else:
        group = np.arange(len(values))
    names = []
    for g in range(group.max() + 1):
        first, last = values[group == g][[0, -1]]
        names.append(f"{first:g}" if first == last else f"{first:g}–{last:g}")
    return code, names

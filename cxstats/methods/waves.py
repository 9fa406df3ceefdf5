"""Waves of a tracker: the change since the wave before, and limits that hold for all waves together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cxstats.methods.comparisons import Comparison, compare
from cxstats.methods.groups import GroupMeans
from cxstats.methods.sequential import BEST_AT, confidence_sequence
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked

__all__ = ["change_since", "wave_sequence"]


def change_since(means: GroupMeans, metric: Metric, level: float) -> Comparison:
    """The last group (wave) of ``means`` against the one before.

    Each wave counts with its effective number of answers, as its own interval does, and the correlation of the
    two values is that of the customers they share.

    >>> import pandas as pd
    >>> from cxstats.methods.groups import group_means
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({"nps": [0, 8, 10] * 2, "wave": ["1"] * 3 + ["2"] * 3, "n": [20, 30, 50, 10, 30, 60]})
    >>> change_since(group_means(cells, NPS, score="nps", group="wave"), NPS, 0.95).difference
    20.0
    """
    pair = [len(means.n) - 2, len(means.n) - 1]
    # scaled, so that a wave in which all agree, which has no variance to say so, still counts as what it is worth
    before, now = (means.counts[i] * (means.effective_n[i] / means.n[i]) for i in pair)
    variance = np.array([metric.variance(means.counts[i]) / means.effective_n[i] for i in pair])
    shared = means.correlation(*pair) * np.sqrt(variance[0] * variance[1])
    return compare(
        before, now, metric, level=level, covariance=[[variance[0], shared], [shared, variance[1]]]
    )


def wave_sequence(
    counts: Sequence[Sequence[float]] | np.ndarray,
    metric: Metric,
    *,
    effective_n: Sequence[float] | np.ndarray | None = None,
    level: float = 0.95,
    best_at: int = BEST_AT,
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of every wave's value that hold for all waves together, and for every look within each.

    Parameters
    ----------
    counts : answers per wave, oldest first, shape (T, scale.size) or (T, D); every wave has some.
    metric : what an answer is worth.
    effective_n : independent answers that each wave's weighted or repeated answers are worth, shape (T,).
    level : probability that no wave's true value is ever outside its limits, however many waves follow.
    best_at : answers of one wave at which its limits are tightest; fixed before the data.

    Returns
    -------
    Lower and upper limits, shape (T,) each, within the metric's range.

    Raises
    ------
    ValueError : as :func:`~cxstats.methods.sequential.confidence_sequence`.

    Notes
    -----
    Within a wave the asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024), which allows
    looking while answers come in. The t-th wave spends α·6/(π²t²) of the error α, which adds up to α over all waves to
    come, whatever customers they share: no independence between waves is used, nor a value that stays what it was.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> low, high = wave_sequence([[200, 300, 500], [180, 300, 520]], NPS)
    >>> low.round(1).tolist(), high.round(1).tolist()
    ([22.0, 25.1], [38.0, 42.9])
    """
    level = checked("level", level, Level)
    table = np.asarray(counts, dtype=float)
    total = table.sum(axis=1)
    worth = total if effective_n is None else np.asarray(effective_n, dtype=float)
    spent = 1 - level
    limits = []
    for t, (row, n, own) in enumerate(zip(table, total, worth, strict=True), start=1):
        here = 1 - spent * 6 / (np.pi**2 * t**2)
        found = confidence_sequence(row * (own / n), metric, level=here, method="asymptotic", best_at=best_at)
        limits.append((float(found.low[0]), float(found.high[0])))
    low, high = np.array(limits).T
    return low, high

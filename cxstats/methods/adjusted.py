"""The table behind the adjusted-Wald interval: three answers are added before a variance is taken.

Planning, ranking and tracking all need a variance that is not 0 when ten answers agree. The
adjusted-Wald table (3,T) of Rocks (2016) gives one: three answers, most of them in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cxstats.metrics import Metric

__all__ = ["EXTRA_ANSWERS", "adjusted_counts", "extra_counts"]

EXTRA_ANSWERS = 3.0


def extra_counts(n_values: int) -> np.ndarray:
    """The three added answers, spread as a triangle over the distinct values, shape (n_values,).

    >>> extra_counts(3).tolist()      # ¾ detractor, 1½ passives, ¾ promoter
    [0.75, 1.5, 0.75]
    >>> extra_counts(2).tolist()
    [1.5, 1.5]
    """
    up = np.arange(1, n_values + 1, dtype=float)
    triangle = np.minimum(up, up[::-1])
    return EXTRA_ANSWERS * triangle / triangle.sum()


def adjusted_counts(counts: Sequence[float] | np.ndarray, metric: Metric) -> np.ndarray:
    """Counts per distinct value with the three answers added, shape (D,)."""
    reduced = metric.reduce(counts)
    return reduced + extra_counts(len(reduced))

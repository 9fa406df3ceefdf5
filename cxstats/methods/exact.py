"""The exact interval: tests by enumeration of everything that could have been answered.

For a trial mean θ every possible result of n answers is ordered by the size of its score statistic;
the p-value is the largest probability, over all distributions with that mean, of a result at least as
extreme as the one seen (Agresti & Min 2001, 2005). With three values one share stays free: it runs over a
grid inside its own 1 − γ confidence interval, and γ is added to the p-value (Berger & Boos 1994).
The interval holds every mean that is not rejected.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cxstats.methods.limits import clopper_pearson
from cxstats.methods.score import score_limits, score_statistic

__all__ = ["GAMMA", "LARGEST_N", "exact_covers", "exact_limits", "outcomes"]

LARGEST_N = 200
GAMMA = 1e-4
_GRID = 200
_SCAN = 40
_TIE = 1e-9


@lru_cache(maxsize=8)
def outcomes(n: int, n_values: int) -> tuple[np.ndarray, np.ndarray]:
    """Every possible row of counts with total n for two or three values, and its log multinomial coefficient.

    >>> outcomes(2, 3)[0].astype(int).tolist()
    [[0, 2, 0], [0, 1, 1], [0, 0, 2], [1, 1, 0], [1, 0, 1], [2, 0, 0]]
    """
    from scipy.special import gammaln

    if n_values == 2:
        counts = np.column_stack([np.arange(n, -1, -1), np.arange(n + 1)]).astype(float)
    else:
        first, last = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
        keep = first + last <= n
        first, last = first[keep], last[keep]
        counts = np.column_stack([first, n - first - last, last]).astype(float)
    coefficient = gammaln(n + 1) - gammaln(counts + 1).sum(axis=1)
    counts.flags.writeable = coefficient.flags.writeable = False
    return counts, coefficient


def exact_limits(counts: np.ndarray, values: np.ndarray, level: float) -> tuple[float, float]:
    """Limits of the exact interval for one row of whole counts, shape (D,), D two or three."""
    n = int(counts.sum())
    low = _lower(counts, values, level, n)
    high = -_lower(counts[::-1], -values[::-1], level, n)
    return low, high


def _lower(counts: np.ndarray, values: np.ndarray, level: float, n: int) -> float:
    from scipy.special import ndtri

    alpha = 1 - level
    estimate = float(counts @ values / n)
    if estimate <= values[0]:
        return float(values[0])
    row = counts[None, :].astype(float)
    # looked for from outside inwards: the outermost mean that is not rejected
    far = float(score_limits(row, values, -ndtri(alpha / 100))[0][0])
    near = float(score_limits(row, values, -ndtri(alpha))[0][0])
    nuisance = _free_share_interval(counts, n)

    def kept(theta: float) -> bool:
        return _p_value(counts, values, theta, n, nuisance) > alpha

    trials = np.linspace(far, near, _SCAN)
    if kept(far):
        trials = np.linspace(values[0], far, _SCAN)
    outside = trials[0]
    inside = None
    for theta in trials[1:]:
        if kept(theta):
            inside = theta
            break
        outside = theta
    if inside is None:
        inside = estimate
    tolerance = 1e-8 * (values[-1] - values[0])
    while inside - outside > tolerance:
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if kept(middle) else (inside, middle)
    return float(outside)  # the rejected side: rounding may only widen


def _free_share_interval(counts: np.ndarray, n: int) -> tuple[float, float]:
    """1 − γ interval (Clopper–Pearson) of the middle share, which a given mean leaves free."""
    if len(counts) == 2:
        return 0.0, 1.0
    low, high = clopper_pearson(counts[1], n, 1 - GAMMA)
    return float(low), float(high)


def _distributions(values: np.ndarray, theta: float, low: float, high: float, size: int) -> np.ndarray:
    """Distributions with mean ``theta``, the free share between ``low`` and ``high``, shape (G, D)."""
    if len(values) == 2:
        share = (theta - values[0]) / (values[1] - values[0])
        return np.array([[1 - share, share]])
    span = values[2] - values[0]
    a1, b1 = (values[2] - theta) / span, (values[2] - values[1]) / span
    a3, b3 = (theta - values[0]) / span, (values[1] - values[0]) / span
    most = min(a1 / b1, a3 / b3, high)
    if low > most:
        return np.empty((0, 3))
    middle = np.linspace(low, most, size)
    shares = np.column_stack([a1 - b1 * middle, middle, a3 - b3 * middle])
    return np.clip(shares, 0.0, 1.0)


def _probabilities(counts: np.ndarray, coefficient: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Multinomial probabilities, shape (results, distributions)."""
    logs = np.log(np.maximum(shares, 1e-300))
    return np.exp(coefficient[:, None] + counts @ logs.T)


def _p_value(
    observed: np.ndarray, values: np.ndarray, theta: float, n: int, nuisance: tuple[float, float]
) -> float:
    counts, coefficient = outcomes(n, len(values))
    statistic = np.abs(score_statistic(counts, values, theta))
    seen = float(np.abs(score_statistic(observed[None, :].astype(float), values, theta))[0])
    less = statistic < seen - _TIE * max(1.0, min(seen, 1e6))
    # the smaller side is summed; results far in the tail of every distribution weigh nothing
    extreme = ~less
    side, complement = (less, True) if less.sum() < extreme.sum() else (extreme, False)
    shares = _distributions(values, theta, *nuisance, _GRID // 4)
    if not len(shares):
        return GAMMA
    sums = _probabilities(counts[side], coefficient[side], shares).sum(axis=0)
    tail = 1 - sums if complement else sums
    if len(values) == 2:
        return float(tail[0])
    # the tail probability is a polynomial in the free share: refine around its largest value
    best = int(np.argmax(tail))
    middle = shares[:, 1]
    fine = _distributions(
        values, theta, middle[max(best - 1, 0)], middle[min(best + 1, len(middle) - 1)], _GRID // 8
    )
    sums = _probabilities(counts[side], coefficient[side], fine).sum(axis=0)
    refined = 1 - sums if complement else sums
    return min(1.0, max(float(tail.max()), float(refined.max())) + GAMMA)


def exact_covers(n: int, values: np.ndarray, theta: float, level: float) -> np.ndarray:
    """Which of the results ``outcomes(n, D)`` do not reject the mean ``theta``, shape (results,), bool.

    The exact interval spans all means that are not rejected, so it covers at least where this says so.
    """
    counts, coefficient = outcomes(n, len(values))
    statistic = np.abs(score_statistic(counts, values, theta))
    shares = _distributions(values, theta, 0.0, 1.0, 2 * _GRID)
    order = np.argsort(-statistic, kind="stable")
    sums = np.cumsum(_probabilities(counts[order], coefficient[order], shares), axis=0)
    ranked = -statistic[order]
    # ties belong to each other's tail
    end = np.searchsorted(ranked, ranked + _TIE * np.maximum(1.0, np.minimum(-ranked, 1e6)), side="right") - 1
    tails = np.empty_like(sums)
    tails[order] = sums[end]
    if len(values) == 2:
        return tails[:, 0] > 1 - level
    low, high = clopper_pearson(counts[:, 1], n, 1 - GAMMA)
    middle = shares[:, 1]
    inside = (middle >= low[:, None]) & (middle <= high[:, None])
    worst = np.where(inside, tails, 0.0).max(axis=1) + GAMMA
    return worst > 1 - level

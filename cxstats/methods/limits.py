"""Interval limits by method name, for many rows of counts at once.

The one place where a method's name meets its formula: :func:`estimate` asks it for one row, the exact
coverage for every possible result. Limits are not clipped to the metric's range here.
"""

from __future__ import annotations

import numpy as np

from cxstats.methods.adjusted import extra_counts
from cxstats.methods.dirichlet import dirichlet_quantile
from cxstats.methods.lattice import bootstrap_limits
from cxstats.methods.score import score_limits

__all__ = [
    "METHODS",
    "SHARE_METHODS",
    "clopper_pearson",
    "critical_value",
    "interval_limits",
    "prior_counts",
    "wald_parts",
]

# name -> how a page calls it
METHODS = {
    "score": "Score",
    "adjusted_wald": "Adjusted Wald",
    "dirichlet": "Dirichlet posterior",
    "bootstrap": "Bootstrap percentile",
    "exact": "Exact",
    "goodman": "Goodman simultaneous",
    "wald": "Wald (textbook)",
    "wilson": "Wilson",
    "jeffreys": "Jeffreys",
    "clopper_pearson": "Clopper–Pearson",
}
SHARE_METHODS = {"wilson": "wilson", "jeffreys": "jeffreys", "clopper_pearson": "beta"}  # statsmodels' names

BOOTSTRAP_REPLICATES = 10_000


def critical_value(level: float) -> float:
    """Two-sided normal quantile: 1.96 for 0.95."""
    from scipy.special import ndtri

    return float(-ndtri((1 - level) / 2))


def clopper_pearson(
    events: np.ndarray | float, trials: np.ndarray | float, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Exact limits of a share from whole numbers of events, as they broadcast (Clopper & Pearson 1934).

    The same as statsmodels' ``proportion_confint(method="beta")``, without its import, which takes longer than a study
    of one share.

    >>> [round(float(limit), 4) for limit in clopper_pearson(0, 10)]
    [0.0, 0.3085]
    """
    from scipy.special import betaincinv

    events, trials = np.broadcast_arrays(np.asarray(events, dtype=float), np.asarray(trials, dtype=float))
    tail = (1 - level) / 2
    low = np.where(events > 0, betaincinv(np.maximum(events, 1), trials - events + 1, tail), 0.0)
    high = np.where(events < trials, betaincinv(events + 1, np.maximum(trials - events, 1), 1 - tail), 1.0)
    return low, high


def prior_counts(method: str, n_values: int, pseudo_counts: np.ndarray | None) -> np.ndarray:
    """What a method adds to the counts: (3,T) for adjusted Wald, ½ each for the Dirichlet posterior."""
    if method == "adjusted_wald":
        return extra_counts(n_values) if pseudo_counts is None else pseudo_counts
    if method == "dirichlet":
        return np.full(n_values, 0.5) if pseudo_counts is None else pseudo_counts
    return np.zeros(n_values)


def wald_parts(counts: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and plug-in standard error √(variance/n) per row of counts, shape (R,) each."""
    total = counts.sum(axis=1)
    shares = counts / total[:, None]
    mean = shares @ values
    variance = (shares * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean, np.sqrt(variance / total)


def interval_limits(
    counts: np.ndarray,
    values: np.ndarray,
    method: str,
    level: float,
    *,
    pseudo_counts: np.ndarray | None = None,
    seed: int = 0,
    quick: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Limits, one pair per row of counts, not clipped.

    Parameters
    ----------
    counts : shape (R, D), positive totals; values : shape (D,), ascending.
    method : a name of METHODS other than "exact" (whose cost forbids rows).
    level : confidence level.
    pseudo_counts : shape (D,), replaces what "adjusted_wald" or "dirichlet" adds.
    seed : for bootstrap replicates of values that lie on no lattice.
    quick : for thousands of rows: Dirichlet quantiles to 1e-5 of a standard deviation.
    """
    if method == "score":
        return score_limits(counts, values, critical_value(level))
    if method == "dirichlet":
        alpha = counts + prior_counts(method, len(values), pseudo_counts)
        tail = (1 - level) / 2
        return (
            dirichlet_quantile(tail, alpha, values, quick=quick),
            dirichlet_quantile(1 - tail, alpha, values, quick=quick),
        )
    if method == "bootstrap":
        draws = np.maximum(np.rint(counts.sum(axis=1)), 1).astype(int)
        return bootstrap_limits(counts, values, draws, level, seed=seed, replicates=BOOTSTRAP_REPLICATES)
    if method in SHARE_METHODS:
        return _share_limits(counts, values, method, level)
    half = critical_value(level)
    if method == "goodman":
        from scipy.special import chdtri

        half = float(np.sqrt(chdtri(len(values) - 1, 1 - level)))
    mean, error = wald_parts(counts + prior_counts(method, len(values), pseudo_counts), values)
    return mean - half * error, mean + half * error


def _share_limits(
    counts: np.ndarray, values: np.ndarray, method: str, level: float
) -> tuple[np.ndarray, np.ndarray]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(
        counts[:, 1], counts.sum(axis=1), alpha=1 - level, method=SHARE_METHODS[method]
    )
    span = values[1] - values[0]
    return values[0] + span * np.asarray(low), values[0] + span * np.asarray(high)

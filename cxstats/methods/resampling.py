"""The bootstrap of a metric from its counts.

Resampling n answers with replacement and counting them is one draw from a multinomial
distribution on the counts (Efron 1979, section 3), so a replicate costs a few random numbers
whatever the number of answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cxstats.metrics import Metric
from cxstats.parameters import Count, Seed, checked

__all__ = ["bootstrap", "bootstrap_counts"]


def bootstrap(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    *,
    replicates: int = 10_000,
    seed: int,
    n: int | None = None,
) -> np.ndarray:
    """Bootstrap replicates of a metric's value.

    Parameters
    ----------
    counts : answers per category, shape (K,) ordered by the scale, or per distinct value, shape (D,).
    metric : the metric.
    replicates : number of bootstrap samples.
    seed : whole number; the same seed gives the same replicates.
    n : answers in each bootstrap sample; by default as many as were counted. Needed where counts are
        sums of weights (give the effective number of answers), or to see how a smaller survey would vary.

    Returns
    -------
    Values in the metric's unit, shape (replicates,).

    Raises
    ------
    ValueError : no answers; or counts that are not whole numbers while ``n`` is not given.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> replicates = bootstrap([20, 30, 50], NPS, replicates=5_000, seed=1)
    >>> bool(abs(replicates.std() - 7.81) < 0.2)          # 100 √((.7 − .3²)/100)
    True

    References
    ----------
    Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7, 1–26.
    """
    resampled = bootstrap_counts(counts, metric, replicates=replicates, seed=seed, n=n)
    # (replicates, D) @ (D,): every replicate has the same number of answers
    return resampled @ metric.distinct_values / resampled[0].sum()


def bootstrap_counts(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    *,
    replicates: int = 10_000,
    seed: int,
    n: int | None = None,
) -> np.ndarray:
    """Bootstrap samples as counts per distinct value, shape (replicates, D), whole numbers.

    Parameters and errors as for :func:`bootstrap`; for statistics that are not a mean.

    >>> from cxstats.metrics import NPS
    >>> bootstrap_counts([20, 30, 50], NPS, replicates=3, seed=1).sum(axis=1).tolist()
    [100, 100, 100]
    """
    reduced = metric.reduce(counts)
    replicates = checked("replicates", replicates, Count)
    seed = checked("seed", seed, Seed)
    total = reduced.sum()
    if not total > 0:
        raise ValueError(f"{metric.short}: there are no answers to resample")
    if n is None:
        if not np.array_equal(reduced, np.rint(reduced)):
            raise ValueError(
                f"{metric.short}: the bootstrap resamples whole answers, but the counts have fractions "
                f"(sum {total:g}). Are they sums of weights? Then give n, the effective number of answers"
            )
        n = round(total)
    n = checked("n", n, Count)
    return np.random.default_rng(seed).multinomial(n, reduced / total, size=replicates)

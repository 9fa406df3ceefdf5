"""Intervals of bounded values, and of their differences, from standard errors that came out of replicates.

A value that was weighted, or moved by a model, has no counts of its own to take an interval from, but it still lies on
a scale with two ends. Estimate ± a multiple of the error ignores them: in a group of forty delighted customers
it reaches beyond 100, and on the other side not far enough.
"""

from __future__ import annotations

import numpy as np

__all__ = ["difference_limits", "score_limits"]

_ADDED = 0.5  # answers added to either end of the scale where the variance is read off (Anscombe 1956)
_PRIOR = 4.0  # answers of the widest variance that the variance read off is mixed with


def score_limits(
    value: float | np.ndarray,
    standard_error: float | np.ndarray,
    n: float | np.ndarray,
    bounds: tuple[float, float],
    critical: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of values that cannot leave ``bounds``, from their standard errors.

    Parameters
    ----------
    value, standard_error : in one unit, any shapes that go together; values beyond the bounds are taken as at them.
    n : answers each value rests on, 1 or more.
    bounds : lowest and highest possible value.
    critical : how many standard errors each limit lies away, where bounds are far.

    Returns
    -------
    (low, high), never beyond the bounds.

    Raises
    ------
    ValueError : a negative standard error, fewer than one answer, or bounds the wrong way round.

    Notes
    -----
    Wilson's (1927) score interval for p = (value − low)/(high − low), whose variance is k·p(1 − p): the limits
    are the p that lie ``critical`` of *their own* standard errors away. k is read off at the estimate with half an
    answer added to either end, so that it exists at the ends too (Anscombe 1956), and mixed with the k of four answers
    yes or no, the widest there is: thirty answers without one at the far end make an error that is too small.

    Examples
    --------
    Nine of ten said yes: Wilson's interval is .596 to .982, and this one near it; ±1.96 errors would be .714 to 1.086.

    >>> low, high = score_limits(0.9, np.sqrt(0.09 / 10), 10, (0, 1), 1.96)
    >>> round(float(low), 2), round(float(high), 2)
    (0.63, 0.98)
    """
    lowest, highest = bounds
    value, error, n = (np.asarray(x, dtype=float) for x in (value, standard_error, n))
    if not highest > lowest:
        raise ValueError(f"bounds run from low to high, but are {bounds}")
    if np.any(error < 0) or np.any(n < 1):
        raise ValueError("standard errors are 0 or more, and every value rests on one answer or more")
    p = np.clip((value - lowest) / (highest - lowest), 0.0, 1.0)
    spread = error / (highest - lowest)
    steadied = (n * p + _ADDED) / (n + 2 * _ADDED)
    k = np.where(spread > 0, spread**2 / (steadied * (1 - steadied)), 1 / n)
    k = (n * k + _PRIOR / n) / (n + _PRIOR)
    a = critical**2 * k
    half = np.sqrt(a * p * (1 - p) + a**2 / 4)
    low, high = (p + a / 2 - half) / (1 + a), (p + a / 2 + half) / (1 + a)
    return (
        lowest + (highest - lowest) * np.clip(low, 0.0, p),
        lowest + (highest - lowest) * np.clip(high, p, 1.0),
    )


def difference_limits(
    first: tuple[np.ndarray, np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray, np.ndarray],
    correlation: float | np.ndarray = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of first − second from the (value, low, high) of each: the method of variance estimates recovery.

    Where both sets of limits keep to their bounds, so do these: no difference is beyond what the bounds allow.

    Parameters
    ----------
    first, second : (value, low, high), arrays of shapes that go together.
    correlation : of the two estimates, in [−1, 1].

    Notes
    -----
    Zou & Donner 2008, *Statistics in Medicine* 27; with correlated estimates Zou 2007, *Psychological Methods* 12.

    Examples
    --------
    Newcombe's (1998) example, 56 of 70 against 48 of 80: 0.0524 to 0.3339.

    >>> low, high = difference_limits((0.8, 0.6915, 0.8769), (0.6, 0.4905, 0.7004))
    >>> round(float(low), 3), round(float(high), 3)
    (0.052, 0.334)
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    rho = np.clip(correlation, -1.0, 1.0)

    def reach(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(x**2 + y**2 - 2 * rho * x * y, 0.0))

    gap = np.asarray(a, dtype=float) - b
    low = gap - reach(a - np.asarray(a_low), np.asarray(b_high) - b)
    return low, gap + reach(np.asarray(a_high) - a, b - np.asarray(b_low))

"""The score interval of a bounded mean: Tango's test, inverted, for any number of values.

A mean θ is tested with the multinomial probabilities that fit the counts best *under* θ, so the
variance is the one θ itself implies. For two values this is Wilson's interval, for −1, 0, +1 Tango's
(1998); for more values the probabilities are the empirical-likelihood ones (Owen 1988), with mass
allowed on an extreme category nobody chose.

Why the limits are cheap and unique. Every constrained estimate has the form
p_k ∝ c_k / (t + u_k), u_k = v_k − v_1, for one t ≥ 0 (lower side; the upper side is its mirror image).
Along t the squared statistic is n·(E[W]·E[1/W] − 1) with W = t + u under the empirical shares: it falls
strictly in t, so a limit is the root of one monotone function, and

    lower = θ̂ − r/(1 + r) · (t + θ̂ − v_1),    r = z²/n.

Where the lowest category is empty and the function stays below z² as t → 0, the remaining mass sits
on that category and t = 0 (the closed form (n·θ̂ + z²·v_1)/(n + z²)).

Functions here are vectorised over rows of counts and expect checked input.
"""

from __future__ import annotations

import numpy as np

__all__ = ["constrained_shares", "score_limits", "score_statistic"]

_MAX_STEPS = 200


def score_limits(
    counts: np.ndarray, values: np.ndarray, z: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the score interval, one pair per row of counts.

    Parameters
    ----------
    counts : shape (R, D), each row with a positive total; need not be whole numbers.
    values : shape (D,), ascending.
    z : normal quantile, one or one per row; 0 gives the estimate itself.

    Returns
    -------
    low, high : shape (R,) each, within [values[0], values[-1]], solved to 1e-12 of the range.

    >>> low, high = score_limits(np.array([[0.0, 0.0, 10.0]]), np.array([-1.0, 0.0, 1.0]), 1.959963984540054)
    >>> round(low[0], 6), high[0]
    (np.float64(0.444934), np.float64(1.0))
    """
    total = counts.sum(axis=1)
    shares = counts / total[:, None]
    ratio = np.broadcast_to(np.asarray(z, dtype=float) ** 2, total.shape) / total
    low = _lower(shares, values, ratio)
    high = -_lower(shares[:, ::-1], -values[::-1], ratio)
    return low, high


def _lower(shares: np.ndarray, values: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Lower limit; ``ratio`` is z²/n per row."""
    span = values[-1] - values[0]
    above = (values - values[0]) / span  # in [0, 1], so that tolerances are relative to the range
    mean = shares @ above
    spread = shares * (above - mean[:, None]) ** 2
    shift = _solve_shift(shares[:, 0], spread, above, mean, ratio)
    low = mean - ratio / (1 + ratio) * (shift + mean)
    return values[0] + span * np.clip(low, 0.0, mean)


def _solve_shift(
    lowest_share: np.ndarray, spread: np.ndarray, above: np.ndarray, mean: np.ndarray, ratio: np.ndarray
) -> np.ndarray:
    """The shift t at which the statistic equals z², 0 where the statistic never reaches it."""
    shift = np.zeros_like(mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        # at t = 0 the lowest category's own term is unbounded unless it is empty
        at_zero = np.where(lowest_share > 0, np.inf, (spread[:, 1:] / above[1:]).sum(axis=1) / mean)
    variance = spread.sum(axis=1)
    open_rows = np.flatnonzero((ratio > 0) & (variance > 0) & (at_zero > ratio))
    if not open_rows.size:
        return shift
    spread, mean, ratio = spread[open_rows], mean[open_rows], ratio[open_rows]
    first = lowest_share[open_rows]
    # Kantorovich's inequality bounds the root above, the lowest category's own term below
    top = np.log(0.5 / np.sqrt(ratio) + 1e-12)
    bottom = np.log(np.maximum(mean * first / (1 + ratio - first), 1e-17))
    bottom = np.minimum(bottom, top - 1e-9)
    x = np.clip(np.log(np.maximum(np.sqrt(variance[open_rows] / ratio) - mean, 1e-17)), bottom, top)
    todo = np.arange(len(x))
    for _ in range(_MAX_STEPS):
        t, m, now = np.exp(x[todo]), mean[todo], x[todo]
        weight = spread[todo] / (t[:, None] + above)
        sum_ = weight.sum(axis=1)
        gap = np.log(sum_ / ((t + m) * ratio[todo]))
        slope = -t * ((weight / (t[:, None] + above)).sum(axis=1) / sum_ + 1 / (t + m))
        bottom[todo] = np.where(gap > 0, now, bottom[todo])
        top[todo] = np.where(gap > 0, top[todo], now)
        step = now - gap / slope
        # Newton on the log–log curve, halving where it would leave the bracket
        newton = (step > bottom[todo]) & (step < top[todo])
        x[todo] = np.where(newton, step, 0.5 * (bottom[todo] + top[todo]))
        moved = np.abs(x[todo] - now)
        # convergence is quadratic: after a Newton step of 1e-9 only rounding is left
        todo = todo[np.where(newton, moved > 1e-9, top[todo] - bottom[todo] > 1e-15)]
        if not todo.size:
            break
    shift[open_rows] = np.exp(x)
    return shift


def score_statistic(counts: np.ndarray, values: np.ndarray, theta: float) -> np.ndarray:
    """Signed score statistic (θ̂ − θ)/SE(θ), one per row of counts.

    Parameters
    ----------
    counts : shape (R, D), each row with a positive total.
    values : shape (D,), ascending.
    theta : the mean tested, within [values[0], values[-1]].

    Returns
    -------
    Statistic, shape (R,); ±inf where θ leaves no variance but the estimate differs from it.
    """
    total = counts.sum(axis=1)
    estimate = counts @ values / total
    shares = constrained_shares(counts, values, theta)
    variance = np.maximum(shares @ (values - theta) ** 2, 0.0)
    distance = estimate - theta
    distance = np.where(np.abs(distance) < 1e-13 * (values[-1] - values[0]), 0.0, distance)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = distance * np.sqrt(total / variance)
    return np.where(distance == 0.0, 0.0, statistic)


def constrained_shares(counts: np.ndarray, values: np.ndarray, theta: float) -> np.ndarray:
    """Probabilities with mean ``theta`` under which the counts are likeliest, shape (R, D).

    Closed form for two and three values (for −1, 0, +1 it is Tango's), otherwise the
    empirical-likelihood solution with mass allowed on empty extreme categories.
    """
    if len(values) == 2:
        high = (theta - values[0]) / (values[1] - values[0])
        return np.broadcast_to([1 - high, high], counts.shape).astype(float)
    if len(values) == 3:
        return _three_values(counts, values, theta)
    return _many_values(counts, values, theta)


def _three_values(counts: np.ndarray, values: np.ndarray, theta: float) -> np.ndarray:
    # the constraint leaves one free share, the middle one y: p_1 = a1 − b1·y, p_3 = a3 − b3·y, and
    # the likelihood equation is a quadratic in y whose smaller root is the maximum (also at the edges)
    span = values[2] - values[0]
    a1, b1 = (values[2] - theta) / span, (values[2] - values[1]) / span
    a3, b3 = (theta - values[0]) / span, (values[1] - values[0]) / span
    first, middle, last = counts.T
    square = b1 * b3 * counts.sum(axis=1)
    linear = middle * (a1 * b3 + a3 * b1) + first * b1 * a3 + last * b3 * a1
    constant = middle * a1 * a3
    root = np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(constant > 0, 2 * constant / (linear + root), 0.0)
    share = np.clip(share, 0.0, min(a1 / b1, a3 / b3))
    return np.column_stack([np.maximum(a1 - b1 * share, 0), share, np.maximum(a3 - b3 * share, 0)])


def _many_values(counts: np.ndarray, values: np.ndarray, theta: float) -> np.ndarray:
    total = counts.sum(axis=1)
    span = values[-1] - values[0]
    centred = (values - theta) / span
    shares = counts / total[:, None]
    if not values[0] < theta < values[-1]:
        # only the extreme category has this mean
        return np.broadcast_to((centred == 0).astype(float), counts.shape).copy()
    bottom = np.full(len(counts), -1 / centred[-1])
    top = np.full(len(counts), -1 / centred[0])
    # Σ share·centred/(1 + λ·centred) falls strictly in λ between the poles; where the pole's own category
    # is empty the root may lie beyond it, and halving then runs into the pole, as it should
    for _ in range(_MAX_STEPS):
        slope = 0.5 * (bottom + top)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(shares > 0, shares * centred / (1 + slope[:, None] * centred), 0.0)
        gap = terms.sum(axis=1)
        bottom, top = np.where(gap > 0, slope, bottom), np.where(gap > 0, top, slope)
        if np.all(top - bottom <= 2e-16 * (np.abs(top) + np.abs(bottom))):
            break
    slope = 0.5 * (bottom + top)
    result = np.where(shares > 0, shares / (1 + slope[:, None] * centred), 0.0)
    missing = 1 - result.sum(axis=1)
    # what the chosen categories cannot hold lies on the empty extreme category on θ's side
    mean = shares @ values
    for column, side in ((0, mean > theta), (-1, mean < theta)):
        rows = side & (shares[:, column] == 0) & (missing > 0)
        result[rows, column] = missing[rows]
    return result / result.sum(axis=1, keepdims=True)

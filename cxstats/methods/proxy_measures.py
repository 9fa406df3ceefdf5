"""What is measured on a proxy: how it goes with the score, and how response goes with it.

Every measure takes one survey or a batch of replicates of it (leading dimensions), because a jackknife asks for all of
them sixty-four times over.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "cut_points",
    "in_order",
    "isotonic",
    "monotone_p_value",
    "normal_scores",
    "polyserial_correlation",
    "straight_variance_ratio",
]

DISTINCT = 400
"""Proxy values told apart in the likelihood of the correlation; more are put in so many groups of equal size."""

_LIMIT = float(np.arcsin(0.999))
_STEPS = 60


def polyserial_correlation(
    x: np.ndarray, counts: np.ndarray, *, near: float | None = None
) -> float | np.ndarray:
    """Correlation of x with the normal variable behind an ordered answer; biserial where the answer has two values.

    Parameters
    ----------
    x : values, shape (m,), or (R, m) for R replicates.
    counts : answers per value of x and category, shape (m, D) or (R, m, D), categories ascending.
    near : where to look first: saves time over many similar samples, the result is the same.

    Returns
    -------
    ρ in [−0.999, 0.999], one per replicate: maximum likelihood with the cut-points held at those of the answers' own
    shares. 0 where x or the answer does not vary.

    Notes
    -----
    Two-step estimator of Olsson, Drasgow & Dorans 1982, *Psychometrika* 47; for two categories the one that
    Andridge et al. 2019 use for MUBP. Fisher scoring in the angle arcsin ρ; where that does not arrive, a bounded search.

    Examples
    --------
    >>> round(polyserial_correlation(np.array([0.0, 1.0, 2.0]), np.array([[3, 1], [2, 2], [1, 3]])), 2)
    0.48
    """
    x, counts = np.asarray(x, dtype=float), np.asarray(counts, dtype=float)
    if x.ndim == 1:
        return float(_correlations(x[None], counts[None], near)[0])
    return _correlations(x, counts, near)


def _correlations(x: np.ndarray, counts: np.ndarray, near: float | None) -> np.ndarray:
    x, counts = _grouped(x, counts)
    mass = counts.sum(axis=2)
    total = mass.sum(axis=1)
    safe = np.where(total > 0, total, 1.0)
    mean = (mass * x).sum(axis=1) / safe
    spread = np.sqrt((mass * (x - mean[:, None]) ** 2).sum(axis=1) / safe)
    chosen = counts.sum(axis=1) > 0
    varies = (spread > 1e-12 * np.maximum(1.0, np.abs(x).max(axis=1))) & (chosen.sum(axis=1) > 1)
    angles = np.zeros(len(x))
    at = np.flatnonzero(varies)
    if not len(at):
        return angles
    z = (x[at] - mean[at, None]) / spread[at, None]
    counts = counts[at]
    found = np.full(len(at), np.nan)
    # a category that nobody chose in a replicate is no category there: those few go one by one
    regular = chosen[at].all(axis=1)
    if near is None:
        start = np.array([_searched(*one) for one in zip(z, counts, strict=True)])
    else:
        start = np.full(len(at), np.arcsin(np.clip(near, -0.999, 0.999)))
    found[regular] = _scored(z[regular], counts[regular], start[regular])
    for j in np.flatnonzero(~np.isfinite(found)):
        found[j] = start[j] if near is None else _searched(z[j], counts[j])
    angles[at] = found
    return np.sin(angles)


def _scored(z: np.ndarray, counts: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Angles by Fisher scoring, shape (R,); NaN where it does not arrive inside the limits."""
    from scipy.special import ndtr

    # categories first: the long axis last is several times faster
    cuts = np.moveaxis(cut_points(counts.sum(axis=1)), -1, 0)[:, :, None]
    counts = np.ascontiguousarray(np.moveaxis(counts, -1, 0))
    mass = counts.sum(axis=0)
    angle, arrived = start.copy(), np.zeros(len(start), dtype=bool)
    before, step_before = np.full((2, len(start)), np.nan)
    todo = np.arange(len(start))
    for _ in range(_STEPS):
        sine, cosine = np.sin(angle[todo])[:, None], np.cos(angle[todo])[:, None]
        every = len(todo) == len(start)
        x, c, answers, n = (z, cuts, counts, mass) if every else (
            z[todo], cuts[:, todo], counts[:, todo], mass[todo]
        )  # fmt: skip
        edge = (c - sine * x) / cosine
        density = np.exp(edge * edge * -0.5) * ((c * sine - x) / (cosine**2 * np.sqrt(2 * np.pi)))
        share, slope = _between(ndtr(edge), 1.0), _between(density, 0.0)
        relative = slope / np.maximum(share, 1e-300, out=share)
        information = np.einsum("rm,krm,krm->r", n, slope, relative)
        score = np.einsum("krm,krm->r", answers, relative)
        step = score / np.where(information > 0, information, np.inf)
        now = angle[todo]
        # near the end the step is nearly straight in the angle: the line through the last two finds its root at once
        with np.errstate(divide="ignore", invalid="ignore"):
            straight = step * (now - before[todo]) / (step_before[todo] - step)
        closer = np.abs(step) < 0.2 * np.minimum(np.abs(step_before[todo]), 0.1)
        faster = closer & (np.abs(straight) < 2 * np.abs(step)) & (straight * step > 0)
        before[todo], step_before[todo] = now, step
        angle[todo] = np.clip(now + np.where(faster, straight, np.clip(step, -0.2, 0.2)), -_LIMIT, _LIMIT)
        arrived[todo] = np.abs(step) < 1e-9
        todo = todo[~arrived[todo]]
        if not len(todo):
            break
    inside = arrived & (np.abs(angle) < _LIMIT - 1e-5)
    return np.where(inside, angle, np.nan)


def _between(edges: np.ndarray, last: float) -> np.ndarray:
    """Differences of 0, the edges (K, …) and ``last``, shape (K + 1, …)."""
    result = np.empty((len(edges) + 1, *edges.shape[1:]))
    result[0] = edges[0]
    np.subtract(edges[1:], edges[:-1], out=result[1:-1])
    np.subtract(last, edges[-1], out=result[-1])
    return result


def _searched(z: np.ndarray, counts: np.ndarray) -> float:
    """The angle of one sample by a bounded search for the highest likelihood."""
    from scipy.optimize import minimize_scalar
    from scipy.special import ndtr

    counts = counts[:, counts.sum(axis=0) > 0]
    cuts = cut_points(counts.sum(axis=0))

    def surprise(angle: float) -> float:
        edge = ndtr((cuts - np.sin(angle) * z[:, None]) / np.cos(angle))
        share = np.diff(edge, axis=1, prepend=0.0, append=1.0)
        return -float(np.sum(counts * np.log(np.maximum(share, 1e-300))))

    return float(
        minimize_scalar(surprise, bounds=(-_LIMIT, _LIMIT), method="bounded", options={"xatol": 1e-8}).x
    )


def normal_scores(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Standard normal quantiles of the ranks of x, ties at their middle, shape as x.

    Parameters
    ----------
    x : values, shape (..., m); ranked along the last axis.
    weights : customers behind each, same shape; values nobody has get the score of their neighbours.

    Notes
    -----
    van der Waerden's scores. A proxy built of few skewed facts then has the shape that the model expects: otherwise a
    response that simply rises with it looks as if it favoured one end.

    Examples
    --------
    >>> normal_scores(np.array([1.0, 9.0, 10.0]), np.ones(3)).round(2).tolist()
    [-0.97, 0.0, 0.97]
    """
    from scipy.special import ndtri

    x = np.asarray(x, dtype=float)
    rows = x.reshape(-1, x.shape[-1])
    mass = np.asarray(weights, dtype=float).reshape(rows.shape)
    order = in_order(rows, kind=None)
    ordered = rows.ravel()[order]
    # sums of products leave rounding behind: nearly equal is equal
    spread = np.ptp(rows, axis=1, keepdims=True)
    step = ordered[:, 1:] - ordered[:, :-1] > 1e-9 * np.where(spread > 0, spread, 1.0)
    place = np.empty(rows.shape, dtype=np.intp)
    place[:, 0] = np.arange(len(rows)) * rows.shape[1]
    np.cumsum(step, axis=1, out=place[:, 1:])
    place[:, 1:] += place[:, :1]
    size = np.bincount(place.ravel(), weights=mass.ravel()[order].ravel(), minlength=rows.size).reshape(
        rows.shape
    )
    total = mass.sum(axis=1, keepdims=True)
    middle = (np.cumsum(size, axis=1) - size / 2) / total
    edge = 0.5 / total
    score = ndtri(np.clip(middle, edge, 1 - edge))
    result = np.empty(rows.size)
    result[order] = score.ravel()[place]
    return result.reshape(x.shape)


def in_order(rows: np.ndarray, kind: str | None = "stable") -> np.ndarray:
    """Places in the flattened array of each row's values in order, shape as rows; ``kind`` as of ``np.argsort``."""
    return np.argsort(rows, axis=1, kind=kind) + np.arange(len(rows))[:, None] * rows.shape[1]


def straight_variance_ratio(x: np.ndarray, answered: np.ndarray, silent: np.ndarray) -> float | np.ndarray:
    """Variance of x among those who answered over the others, if the log-odds of answering were straight in x.

    Parameters
    ----------
    x, answered, silent : values and numbers of customers, shape (m,), or (R, m) for R replicates.

    Returns
    -------
    One number per replicate. About 1 for a normal x; whatever its shape makes of it otherwise (two values, 20 % against
    30 %: 0.76). A response that favours both ends, or the middle, shows as a departure from this.

    Examples
    --------
    >>> x, n = np.array([0.0, 1.0]), np.array([800.0, 200.0])
    >>> round(straight_variance_ratio(x, n * [0.2, 0.1], n * [0.8, 0.9]), 2)
    0.58
    """
    x = np.asarray(x, dtype=float)
    if x.ndim == 1:
        return float(_straight_ratios(x[None], np.asarray(answered)[None], np.asarray(silent)[None])[0])
    return _straight_ratios(x, answered, silent)


def _straight_ratios(x: np.ndarray, answered: np.ndarray, silent: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    x, tally = _grouped(x, np.stack([answered, silent], axis=-1).astype(float))
    answered, silent = tally[..., 0], tally[..., 1]
    total = answered + silent
    everyone = total.sum(axis=1, keepdims=True)
    x = x - (total * x).sum(axis=1, keepdims=True) / everyone
    x = x / np.maximum(np.sqrt((total * x**2).sum(axis=1, keepdims=True) / everyone), 1e-300)
    beta = np.stack([np.log(answered.sum(axis=1) / silent.sum(axis=1)), np.zeros(len(x))], axis=1)
    arrived = np.zeros(len(x), dtype=bool)
    squares = x * x
    for _ in range(50):
        p = expit(beta[:, :1] + beta[:, 1:] * x)
        expected = total * p
        weight, rest = expected * (1 - p), answered - expected
        one, cross, square = weight.sum(axis=1), np.vecdot(weight, x), np.vecdot(weight, squares)
        step = _solved(one, cross, square, rest.sum(axis=1), np.vecdot(rest, x))
        longest = np.abs(step).max(axis=1)
        # a long step from a bad start is cut short; the log-likelihood is concave
        cut = np.minimum(1.0, 2.0 / np.maximum(longest, 1e-300))
        beta = beta + np.where(arrived[:, None], 0.0, step * cut[:, None])
        arrived |= longest < 1e-10
        if arrived.all():
            break
    p = expit(beta[:, :1] + beta[:, 1:] * x)
    above, below = (_variance(x, total * side) for side in (p, 1 - p))
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), 1.0)


def _solved(
    one: np.ndarray, cross: np.ndarray, square: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Solutions (R, 2) of [[one, cross], [cross, square]]·b = (first, second), the shortest where many would do."""
    determinant = one * square - cross**2
    sound = determinant > 1e-9 * one * square
    safe = np.where(sound, determinant, 1.0)
    step = np.stack([square * first - cross * second, one * second - cross * first], axis=1) / safe[:, None]
    if not sound.all():
        rest = ~sound
        tables = np.stack([one, cross, cross, square], axis=1)[rest].reshape(-1, 2, 2)
        sides = np.stack([first, second], axis=1)[rest]
        step[rest] = (np.linalg.pinv(tables) @ sides[:, :, None])[:, :, 0]
    return step


def _variance(x: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Variance of each row."""
    total = mass.sum(axis=1)
    mean = (mass * x).sum(axis=1) / total
    return (mass * (x - mean[:, None]) ** 2).sum(axis=1) / total


def cut_points(counts: np.ndarray) -> np.ndarray:
    """Where a standard normal variable is cut to give the shares of ``counts`` (..., D), shape (..., D − 1)."""
    from scipy.special import ndtri

    counts = np.asarray(counts, dtype=float)
    total = counts.sum(axis=-1, keepdims=True)
    below = np.cumsum(counts, axis=-1)[..., :-1] / total
    # an empty end would be infinitely far away; a quarter of an answer keeps replicates comparable
    return ndtri(np.clip(below, 0.25 / total, 1 - 0.25 / total))


def _grouped(x: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (R, m) with at most DISTINCT values that somebody has; beyond, groups of neighbouring x at their mean."""
    mass = counts.sum(axis=2)
    held = mass > 0
    used = held.any(axis=0)
    if not used.all():  # values that nobody has in any replicate take time and tell nothing
        used[:1] |= not used.any()
        x, counts, mass, held = x[:, used], counts[:, used], mass[:, used], held[:, used]
    many = held.sum(axis=1) > DISTINCT
    if x.shape[1] <= DISTINCT or not many.any():
        return x, counts
    if not many.all():
        # few replicates have fewer values than others: those keep them, padded with values that nobody has
        parts = [_grouped(x[one], counts[one]) for one in (many, ~many)]
        width = max(part[0].shape[1] for part in parts)
        new_x, new_counts = np.zeros((len(x), width)), np.zeros((len(x), width, counts.shape[2]))
        for one, (values, tally) in zip((many, ~many), parts, strict=True):
            new_x[one, : values.shape[1]], new_counts[one, : values.shape[1]] = values, tally
        return new_x, new_counts
    if not (x[:, 1:] >= x[:, :-1]).all():
        order = in_order(x)
        x, mass = x.ravel()[order], mass.ravel()[order]
        counts = counts.reshape(-1, counts.shape[2])[order]
    middle = (np.cumsum(mass, axis=1) - mass / 2) / mass.sum(axis=1, keepdims=True)
    group = np.clip((middle * DISTINCT).astype(int), 0, DISTINCT - 1)
    place = (group + np.arange(len(x))[:, None] * DISTINCT).ravel()

    def summed(values: np.ndarray) -> np.ndarray:
        size = len(x) * DISTINCT
        return np.bincount(place, weights=values.ravel(), minlength=size).reshape(len(x), DISTINCT)

    tally = np.stack([summed(counts[:, :, k]) for k in range(counts.shape[2])], axis=2)
    weight = tally.sum(axis=2)
    return summed(x * mass) / np.where(weight > 0, weight, 1.0), tally


def isotonic(rates: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Closest never-falling sequence to each row of ``rates``, shape (..., K), weighted.

    Examples
    --------
    >>> isotonic(np.array([1.0, 3.0, 2.0]), np.ones(3)).tolist()
    [1.0, 2.5, 2.5]
    """
    rates, weights = np.asarray(rates, dtype=float), np.asarray(weights, dtype=float)
    k = rates.shape[-1]
    # groups first: the long axis last is several times faster
    total = np.cumsum(np.moveaxis(rates * weights, -1, 0), axis=0)
    mass = np.cumsum(weights)
    fit = np.full(total.shape, -np.inf)
    # max over starts of min over ends of the mean between them: for ten groups as fast as pooling, and in one go
    for start in range(k):
        before = (total[start - 1], mass[start - 1]) if start else (0.0, 0.0)
        scale = (mass[start:] - before[1]).reshape(-1, *[1] * (rates.ndim - 1))
        mean = (total[start:] - before[0]) / scale
        lowest = np.minimum.accumulate(mean[::-1], axis=0)[::-1]
        np.maximum(fit[start:], lowest, out=fit[start:])
    return np.moveaxis(fit, 0, -1)


def monotone_p_value(
    rates: np.ndarray, weights: np.ndarray, variance: float, *, draws: int = 4_000, seed: int = 0
) -> tuple[float, int]:
    """Could these rates be a rising or a falling sequence, seen with error?

    Parameters
    ----------
    rates : shape (K,).
    weights : customers behind each, shape (K,), above 0.
    variance : of one customer's response: a rate's variance is ``variance``/weight.

    Returns
    -------
    p-value (chance of rates as far from monotone if all true rates were equal, the hardest case), and the
    direction of the closer sequence: +1 rising, −1 falling.

    Notes
    -----
    Chi-bar-squared test against the closest isotonic sequence (Robertson, Wright & Dykstra 1988, chapter 2), its
    distribution simulated with these weights; rising or falling, so both would have to be refuted.

    Examples
    --------
    >>> monotone_p_value(np.array([0.1, 0.2, 0.3]), np.array([100, 100, 100]), 0.16)
    (1.0, 1)
    """
    rates, weights = np.asarray(rates, dtype=float), np.asarray(weights, dtype=float)
    if len(rates) < 3 or not variance > 0:
        return 1.0, 1

    def distance(r: np.ndarray) -> np.ndarray:
        return (weights * (r - isotonic(r, weights)) ** 2).sum(axis=-1)

    up, down = float(distance(rates)), float(distance(-rates))
    # ties (both flat) go to the sign of the trend
    direction = 1 if up <= down else -1
    if min(up, down) <= 1e-12 * variance:
        return 1.0, direction  # no chance result is closer to monotone than this one
    chance = np.random.default_rng(seed).normal(size=(draws, len(rates))) / np.sqrt(weights)
    p = float(np.mean(distance(chance) >= min(up, down) / variance - 1e-12))
    return p, direction

"""The location–scale model of groups, fitted to many tables of answers at once: the survey's and its replicates'.

Where one grouping moves both location and spread, the Hessian is an arrow: thresholds touch each other, every group's
two parameters touch only the thresholds. Taking the groups out first (Schur complement) leaves a system as small as
the scale has thresholds, so a Newton step of all replicates costs a pass over replicates × groups × categories,
and five of them settle what dozens of passes of a general method would.

Signs and parameters are those of ``ordinal_likelihood.py``: P(answer ≤ k) = F((τ_k − β_g)/exp(ζ_g)), the first group
(β, ζ) = (0, 0). What is not settled here is left to it.
"""

from __future__ import annotations

import numpy as np

from cxstats.methods.ordinal import starting_lines
from cxstats.methods.ordinal_likelihood import (
    LINKS,
    Link,
    OrderedCells,
    maximise,
    ordered_cells,
    refit,
    widened,
)

__all__ = ["fit_groups", "grouped_cells", "refit_groups"]

LEAST_CATEGORIES = 3
_STEPS = 25
_DONE = 1e-8  # Newton decrement (1e-4 standard errors) before a last step, which squares what is left
_HALVINGS = 12
_RUNAWAY = 1e-3
_AT_ONCE = 16_000  # numbers in one array: what stays in the processor's cache
_SINGULAR = 1e-10  # smallest eigenvalue of a matrix of unit diagonal that Newton's method trusts


def grouped_cells(table: np.ndarray) -> OrderedCells:
    """All cells of a table of answers, shape (G, K), the empty ones too, in the order of ``table.ravel()``."""
    groups, size = table.shape
    design = np.repeat(np.eye(groups)[:, 1:], size, axis=0)
    return ordered_cells(np.tile(np.arange(size), groups), design, design, table.ravel().astype(float), size)


def fit_groups(table: np.ndarray, link: str = "probit") -> np.ndarray:
    """The maximum for one table of answers, shape (G, K) with every category chosen by somebody; shape (K + 2G − 3,).

    The same as :func:`cxstats.methods.ordinal.location_scale` of the cells, without their covariance.

    Raises
    ------
    ValueError : no maximum: a parameter runs away without end.

    Examples
    --------
    >>> fit_groups(np.array([[20, 60, 20], [10, 60, 30]])).round(3).tolist()
    [-0.842, 0.842, 0.353, -0.07]
    """
    table = np.asarray(table, dtype=float)
    start = starting_lines(table, link)
    settled = _newton(start, table[None], LINKS[link])[0]
    if np.isfinite(settled).all() and not ((table > 0).sum(axis=1) < LEAST_CATEGORIES).any():
        return settled
    found = maximise(start, grouped_cells(table), link)
    # a last Newton step that is large in the latent unit belongs to a parameter without a maximum
    if not found.converged or np.any(np.abs(found.largest_step) > _RUNAWAY):
        raise ValueError(
            "the model of these answers has no maximum: some group's answers are nearly all alike"
        )
    return found.parameters


def refit_groups(parameters: np.ndarray, tables: np.ndarray, link: str = "probit") -> np.ndarray:
    """The maximum of every table, started from that of the survey.

    Parameters
    ----------
    parameters : τ (K − 1), β and ζ (G − 1 each) of the survey, shape (K + 2G − 3,).
    tables : answers (or their weights) per group and category, shape (R, G, K).
    link : "probit" or "logit".

    Returns
    -------
    Shape (R, K + 2G − 3). As :func:`cxstats.methods.ordinal_likelihood.refit`: thresholds around a category that nobody
        chose are equal, or infinite at an end. NaN rows where there is no maximum, among them tables in which a group
        has answers in fewer than three categories.

    Examples
    --------
    The second group answers as the first, spread twice as wide:

    >>> from scipy.special import ndtr
    >>> cuts = np.array([-1.0, 0.0, 1.0])
    >>> shares = lambda z: np.diff(np.concatenate([[0], ndtr(z), [1]]))
    >>> table = np.stack([shares(cuts), shares(cuts / 2)])
    >>> refit_groups(np.array([-1.2, 0.1, 0.8, 0.3, 0.2]), 100 * table[None]).round(6)[0] + 0.0
    array([-1.      ,  0.      ,  1.      ,  0.      ,  0.693147])
    """
    tables = np.asarray(tables, dtype=float)
    k = tables.shape[2]
    chosen = (tables > 0).any(axis=1)
    # a group of two categories has a location or a spread, not both
    chosen[((tables > 0).sum(axis=2) < LEAST_CATEGORIES).any(axis=1)] = False
    result = np.full((len(tables), len(parameters)), np.nan)
    patterns, which = np.unique(chosen, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.ravel() == number)
        kept = np.flatnonzero(pattern)
        if len(kept) < LEAST_CATEGORIES:
            continue
        inner = (parameters[kept[:-1]] + parameters[kept[1:] - 1]) / 2
        start = np.concatenate([inner, parameters[k - 1 :]])
        own = tables[rows][..., pattern]
        found = np.empty((len(rows), len(start)))
        at_once = max(1, _AT_ONCE // own[0].size)
        for first in range(0, len(rows), at_once):
            some = slice(first, first + at_once)
            found[some] = _newton(start, own[some], LINKS[link])
        left = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(left):
            cells = grouped_cells(own[left].mean(axis=0))
            found[left] = refit(start, cells, own[left].reshape(len(left), -1), link)
        result[np.ix_(rows, range(k - 1, len(parameters)))] = found[:, len(kept) - 1 :]
        result[np.ix_(rows, range(k - 1))] = widened(found[:, : len(kept) - 1], kept, k)
    return result


def _edges(at: np.ndarray, m: int, link: Link) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardised thresholds (R, G, K − 1), spreads (R, G, 1), probabilities (R, G, K)."""
    groups = (at.shape[1] - m) // 2
    centre, spread = np.zeros((2, len(at), groups + 1, 1))
    centre[:, 1:, 0], spread[:, 1:, 0] = at[:, m : m + groups], np.clip(at[:, m + groups :], -50, 50)
    np.exp(spread, out=spread)
    z = (at[:, None, :m] - centre) / spread
    # each edge by its smaller tail: no digits are lost where a probability is small
    far = np.abs(z)
    tail = link.cumulative(np.negative(far, out=far))
    above = z > 0
    probability = np.empty((*z.shape[:2], m + 1))
    probability[..., 0] = np.where(above[..., 0], 1 - tail[..., 0], tail[..., 0])
    probability[..., m] = np.where(above[..., -1], tail[..., -1], 1 - tail[..., -1])
    low, high, up, down = tail[..., :-1], tail[..., 1:], above[..., :-1], above[..., 1:]
    # both edges above: tails count from above; one on either side: what both leave; else from below
    between = np.subtract(high, low, out=probability[..., 1:m])
    np.negative(between, out=between, where=up)
    np.subtract(1 - low, high, out=between, where=down & ~up)
    return z, spread, probability


def _value(
    at: np.ndarray, tables: np.ndarray, edges: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    m = tables.shape[2] - 1
    p = edges[2].reshape(len(at), -1)
    n = tables.reshape(len(at), -1)
    empty = p <= 0
    lost = ~(at[:, 1:m] > at[:, : m - 1]).all(axis=1)
    if empty.any():
        lost |= ((n > 0) & empty).any(axis=1)
        p = np.where(empty, 1.0, p)
    return np.where(lost, -np.inf, np.vecdot(n, np.log(p)))


def _direction(
    edges: tuple[np.ndarray, np.ndarray, np.ndarray], tables: np.ndarray, link: Link
) -> tuple[np.ndarray, np.ndarray]:
    """The Newton step of every table, (R, p), NaN where the Hessian is not one of a maximum; and its decrement, (R,)."""
    r, groups, k = tables.shape
    m = k - 1
    z, spread, p = edges
    density = link.density(z)
    slope = link.slope(z, density)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = tables / p  # n/P
        square = ratio / p  # n/P²
    if not np.isfinite(square).all():
        ratio, square = np.where(tables > 0, ratio, 0.0), np.where(tables > 0, square, 0.0)
    # in the standardised thresholds: ∂/∂z_k, and the Hessian there, which is tridiagonal
    pull = ratio[..., :-1] - ratio[..., 1:]
    d = density * pull
    diagonal = slope * pull - density**2 * (square[..., :-1] + square[..., 1:])
    beside = density[..., :-1] * density[..., 1:] * square[..., 1:-1]
    # z = (τ − β)/e^ζ: ∂z/∂τ = 1/σ, ∂z/∂β = −1/σ, ∂z/∂ζ = −z; ∂²z/∂τ∂ζ = −1/σ, ∂²z/∂β∂ζ = 1/σ, ∂²z/∂ζ² = z
    s = 1 / spread[..., 0]
    s2 = s**2

    ones, by_z = diagonal.copy(), diagonal * z
    ones[..., :-1] += beside
    ones[..., 1:] += beside
    by_z[..., :-1] += beside * z[..., 1:]
    by_z[..., 1:] += beside * z[..., :-1]
    by_z_d = by_z + d
    block = np.empty((r, groups, 2, 2))
    block[..., 0, 0] = s2 * ones.sum(axis=2)
    block[..., 0, 1] = block[..., 1, 0] = s * by_z_d.sum(axis=2)
    block[..., 1, 1] = np.vecdot(z, by_z_d)
    # sums over groups: a product of (1, G) and (G, ·) per table
    over = s2[:, None, :]
    tau = np.zeros((r, m, m))
    i = np.arange(m)
    tau[:, i, i] = (over @ diagonal)[:, 0]
    tau[:, i[:-1], i[1:]] = tau[:, i[1:], i[:-1]] = (over @ beside)[:, 0]
    g_tau = (s[:, None, :] @ d)[:, 0]
    g_group = np.stack([-s * d.sum(axis=2), -np.vecdot(d, z)], axis=-1)[:, 1:]
    # information is minus all of this; b has the rows of the thresholds' part, (R, G − 1, 2, m)
    b = np.empty((r, groups - 1, 2, m))
    np.multiply(s2[:, 1:, None], ones[:, 1:], out=b[:, :, 0])
    np.multiply(s[:, 1:, None], by_z_d[:, 1:], out=b[:, :, 1])
    a, c = -tau, -block[:, 1:]
    det = c[..., 0, 0] * c[..., 1, 1] - c[..., 0, 1] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.empty_like(c)
        inverse[..., 0, 0], inverse[..., 1, 1] = c[..., 1, 1] / det, c[..., 0, 0] / det
        inverse[..., 0, 1] = inverse[..., 1, 0] = -c[..., 0, 1] / det
        firm = (c[..., 0, 0] > 0) & (det > _SINGULAR * c[..., 0, 0] * c[..., 1, 1])
        cb = inverse @ b  # (R, G − 1, 2, m)
    good = firm.all(axis=1) & np.isfinite(cb).all(axis=(1, 2, 3))
    if not good.all():
        cb[~good], inverse[~good] = 0.0, 0.0
    flat, flat_cb = b.reshape(r, -1, m), cb.reshape(r, -1, m)
    schur = a - np.swapaxes(flat_cb, 1, 2) @ flat
    size = np.sqrt(np.maximum(np.diagonal(schur, axis1=1, axis2=2), 0.0))
    good &= np.isfinite(schur).all(axis=(1, 2)) & (size > 0).all(axis=1)
    if not good.all():
        schur[~good], size = np.eye(m), np.where(good[:, None], size, 1.0)
    scaled = schur / (size[:, :, None] * size[:, None, :])
    good &= _all_above(scaled, _SINGULAR)
    if not good.all():
        scaled[~good] = np.eye(m)
    right = g_tau - (g_group.reshape(r, 1, -1) @ flat_cb)[:, 0]
    step_tau = np.linalg.solve(scaled, (right / size)[..., None])[..., 0] / size
    rest = g_group - (b @ step_tau[:, None, :, None])[..., 0]
    step_group = (inverse @ rest[..., None])[..., 0]
    step = np.concatenate([step_tau, step_group[..., 0], step_group[..., 1]], axis=1)
    decrement = np.vecdot(g_tau, step_tau) + np.vecdot(g_group.reshape(r, -1), step_group.reshape(r, -1))
    good &= np.isfinite(step).all(axis=1) & (decrement >= 0)
    return np.where(good[:, None], step, np.nan), np.where(good, decrement, np.nan)


def _all_above(matrices: np.ndarray, least: float) -> np.ndarray:
    """Of which symmetric matrices (R, p, p) every eigenvalue is above ``least``, shape (R,)."""
    try:
        # a decomposition that exists says so for all at once, in a tenth of the time
        np.linalg.cholesky(matrices - least * np.eye(matrices.shape[1]))
    except np.linalg.LinAlgError:
        return np.linalg.eigvalsh(matrices)[:, 0] > least
    return np.ones(len(matrices), dtype=bool)


def _newton(start: np.ndarray, tables: np.ndarray, link: Link) -> np.ndarray:
    """Newton's method on every table, each with its own step length; NaN rows are not settled."""
    here = np.tile(start, (len(tables), 1))
    result = np.full_like(here, np.nan)
    active = np.arange(len(tables))
    m = tables.shape[2] - 1
    # all start at one point: it is looked at once
    first = _edges(here[:1], m, link)
    edges = [np.repeat(one, len(tables), axis=0) for one in first]
    value = _value(here, tables, edges)
    for _ in range(_STEPS):
        every = len(active) == len(tables)
        own, now = (tables, edges) if every else (tables[active], [one[active] for one in edges])
        step, decrement = _direction(now, own, link)
        # where the likelihood is flat the step is long and the gain small: nothing is settled there
        done = (decrement < _DONE) & (np.abs(step).max(axis=1, initial=0.0) < _RUNAWAY)
        result[active[done]] = here[active[done]] + step[done]
        go = np.isfinite(decrement) & ~done
        active, step, decrement = active[go], step[go], decrement[go]
        length, moved = np.ones(len(active)), np.zeros(len(active), dtype=bool)
        for _ in range(_HALVINGS):
            trying = np.flatnonzero(~moved)
            if not len(trying):
                break
            rows = active[trying]
            there = here[rows] + length[trying, None] * step[trying]
            seen = _edges(there, m, link)
            found = _value(there, tables[rows], seen)
            # near the maximum the gain drowns in rounding, and Newton's step is right all the same
            slack = 1e-9 * np.maximum(1.0, np.abs(value[rows]))
            good = found >= value[rows] + 1e-4 * length[trying] * decrement[trying]
            good |= (decrement[trying] < 1e-6) & (found >= value[rows] - slack)
            here[rows[good]], value[rows[good]] = there[good], found[good]
            for kept, one in zip(edges, seen, strict=True):
                kept[rows[good]] = one[good]
            moved[trying[good]] = True
            length[trying[~good]] /= 2
        active = active[moved]
        if not len(active):
            break
    return result

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
    found = maximise(starting_lines(table, link), grouped_cells(table), link)
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
    zero = np.zeros((len(at), 1))
    beta, zeta = np.split(at[:, m:], 2, axis=1)
    spread = np.exp(np.clip(np.concatenate([zero, zeta], axis=1), -50, 50))[..., None]
    z = (at[:, None, :m] - np.concatenate([zero, beta], axis=1)[..., None]) / spread
    # each edge by its smaller tail: no digits are lost where a probability is small
    flip = z > 0
    tail = link.cumulative(np.where(flip, -z, z))
    end = np.zeros((*z.shape[:2], 1))
    low, high = np.concatenate([end, tail], axis=2), np.concatenate([tail, end], axis=2)
    up = np.concatenate([flip[..., :1] & False, flip], axis=2)  # the lower edge counts from above
    down = np.concatenate([flip, flip[..., :1] | True], axis=2)  # the upper edge does
    probability = np.where(up, low - high, np.where(down, 1 - low - high, high - low))
    return z, spread, probability


def _value(at: np.ndarray, tables: np.ndarray, link: Link) -> np.ndarray:
    m = tables.shape[2] - 1
    p = _edges(at, m, link)[2]
    total = (tables * np.log(np.where(p > 0, p, 1.0))).sum(axis=(1, 2))
    lost = ((tables > 0) & ~(p > 0)).any(axis=(1, 2)) | ~(np.diff(at[:, :m], axis=1) > 0).all(axis=1)
    return np.where(lost, -np.inf, total)


def _direction(at: np.ndarray, tables: np.ndarray, link: Link) -> tuple[np.ndarray, np.ndarray]:
    """The Newton step of every table, (R, p), NaN where the Hessian is not one of a maximum; and its decrement, (R,)."""
    r, groups, k = tables.shape
    m = k - 1
    z, spread, p = _edges(at, m, link)
    density = link.density(z)
    slope = link.slope(z, density)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(tables > 0, tables / p, 0.0)  # n/P
        square = np.where(tables > 0, ratio / p, 0.0)  # n/P²
    # in the standardised thresholds: ∂/∂z_k, and the Hessian there, which is tridiagonal
    d = density * (ratio[..., :-1] - ratio[..., 1:])
    diagonal = slope * (ratio[..., :-1] - ratio[..., 1:]) - density**2 * (square[..., :-1] + square[..., 1:])
    beside = density[..., :-1] * density[..., 1:] * square[..., 1:-1]
    # z = (τ − β)/e^ζ: ∂z/∂τ = 1/σ, ∂z/∂β = −1/σ, ∂z/∂ζ = −z; ∂²z/∂τ∂ζ = −1/σ, ∂²z/∂β∂ζ = 1/σ, ∂²z/∂ζ² = z
    s = 1 / spread[..., 0]

    def times(v: np.ndarray) -> np.ndarray:
        out = diagonal * v
        out[..., :-1] += beside * v[..., 1:]
        out[..., 1:] += beside * v[..., :-1]
        return out

    ones, by_z = times(np.ones_like(z)), times(z)
    tau_beta = -(s[..., None] ** 2) * ones  # (R, G, m)
    tau_zeta = -s[..., None] * (by_z + d)
    block = np.empty((r, groups, 2, 2))
    block[..., 0, 0] = s**2 * ones.sum(axis=2)
    block[..., 0, 1] = block[..., 1, 0] = s * (by_z.sum(axis=2) + d.sum(axis=2))
    block[..., 1, 1] = (z * by_z).sum(axis=2) + (z * d).sum(axis=2)
    tau = np.zeros((r, m, m))
    i = np.arange(m)
    tau[:, i, i] = (diagonal * s[..., None] ** 2).sum(axis=1)
    tau[:, i[:-1], i[1:]] = tau[:, i[1:], i[:-1]] = (beside * s[..., None] ** 2).sum(axis=1)
    g_tau = (d * s[..., None]).sum(axis=1)
    g_group = np.stack([-s * d.sum(axis=2), -(d * z).sum(axis=2)], axis=-1)[:, 1:]
    # information is minus all of this
    a, b, c = -tau, -np.stack([tau_beta, tau_zeta], axis=-1)[:, 1:], -block[:, 1:]
    det = c[..., 0, 0] * c[..., 1, 1] - c[..., 0, 1] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.empty_like(c)
        inverse[..., 0, 0], inverse[..., 1, 1] = c[..., 1, 1] / det, c[..., 0, 0] / det
        inverse[..., 0, 1] = inverse[..., 1, 0] = -c[..., 0, 1] / det
        firm = (c[..., 0, 0] > 0) & (det > _SINGULAR * c[..., 0, 0] * c[..., 1, 1])
        bc = b @ inverse  # (R, G − 1, m, 2)
    good = firm.all(axis=1) & np.isfinite(bc).all(axis=(1, 2, 3))
    bc, inverse = (
        np.where(good[:, None, None, None], bc, 0.0),
        np.where(good[:, None, None, None], inverse, 0.0),
    )
    flat = bc.transpose(0, 2, 1, 3).reshape(r, m, -1)
    schur = a - flat @ b.transpose(0, 1, 3, 2).reshape(r, -1, m)
    size = np.sqrt(np.maximum(np.einsum("rii->ri", schur), 0.0))
    good &= np.isfinite(schur).all(axis=(1, 2)) & (size > 0).all(axis=1)
    schur = np.where(good[:, None, None], schur, np.eye(m))
    size = np.where(good[:, None], size, 1.0)
    scaled = schur / (size[:, :, None] * size[:, None, :])
    good &= np.linalg.eigvalsh(scaled)[:, 0] > _SINGULAR
    scaled = np.where(good[:, None, None], scaled, np.eye(m))
    right = g_tau - np.einsum("rgmi,rgi->rm", bc, g_group)
    step_tau = np.linalg.solve(scaled, (right / size)[..., None])[..., 0] / size
    rest = g_group - np.einsum("rgmi,rm->rgi", b, step_tau)
    step_group = np.einsum("rgij,rgj->rgi", inverse, rest)
    step = np.concatenate([step_tau, step_group[..., 0], step_group[..., 1]], axis=1)
    decrement = (g_tau * step_tau).sum(axis=1) + (g_group * step_group).sum(axis=(1, 2))
    good &= np.isfinite(step).all(axis=1) & (decrement >= 0)
    return np.where(good[:, None], step, np.nan), np.where(good, decrement, np.nan)


def _newton(start: np.ndarray, tables: np.ndarray, link: Link) -> np.ndarray:
    """Newton's method on every table, each with its own step length; NaN rows are not settled."""
    here = np.tile(start, (len(tables), 1))
    result = np.full_like(here, np.nan)
    active = np.arange(len(tables))
    value = _value(here, tables, link)
    for _ in range(_STEPS):
        step, decrement = _direction(here[active], tables[active], link)
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
            found = _value(there, tables[rows], link)
            # near the maximum the gain drowns in rounding, and Newton's step is right all the same
            slack = 1e-9 * np.maximum(1.0, np.abs(value[rows]))
            good = found >= value[rows] + 1e-4 * length[trying] * decrement[trying]
            good |= (decrement[trying] < 1e-6) & (found >= value[rows] - slack)
            here[rows[good]], value[rows[good]] = there[good], found[good]
            moved[trying[good]] = True
            length[trying[~good]] /= 2
        active = active[moved]
        if not len(active):
            break
    return result

"""The frame's best guess of every customer's score, and how response goes with it.

Everyone invited has a *proxy*: what the facts of the frame say about the score, learned from those who answered. It
is cross-fitted: nobody's own answer is in it. Everything about response that more answers of the same kind can tell
is in how the proxy differs between those who answered and those who did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.metrics import Metric

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "ProxyData",
    "cut_points",
    "isotonic",
    "monotone_p_value",
    "normal_scores",
    "polyserial_correlation",
    "proxy_data",
    "straight_variance_ratio",
]

LARGEST = 100
"""Categories of one variable that have an effect of their own; rarer ones share one."""

RIDGE = 10.0
"""Answers at the overall mean that are added to each category: one of ten answers is believed by half."""

DISTINCT = 400
"""Proxy values told apart in the likelihood of the correlation; more are put in so many groups of equal size."""


@dataclass(frozen=True, slots=True, eq=False)
class ProxyData:
    """Proxies of all customers, and counts of them, with every part left out in turn.

    C combinations of frame categories with p categories in all, F folds, P parts, R = P + 1 replicates (0 is the whole
    survey, j leaves out part j − 1), D categories of the score.

    Attributes
    ----------
    indicators : which categories each combination has, shape (C, p), sparse.
    slopes : effect of each category, learned from the other folds, shape (R, F, p).
    centre : share of respondents in each category, shape (p,): proxies are measured from their mean.
    frame, part, category, n : per row of counts, ordered by part: combination, part, category of the score (−1: not
        answered), customers.
    fold : fold of each part, shape (P,).
    totals : answers (C, F, D) and customers without one (C, F), parts of a fold together.
    notes : what was merged.
    """

    indicators: csr_array
    slopes: np.ndarray
    centre: np.ndarray
    frame: np.ndarray
    part: np.ndarray
    category: np.ndarray
    n: np.ndarray
    fold: np.ndarray
    totals: tuple[np.ndarray, np.ndarray]
    notes: tuple[str, ...]

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.fold)

    def proxies(self, replicate: int = 0) -> np.ndarray:
        """Proxy of a customer of each combination, by fold, shape (C, F)."""
        slope = self.slopes[replicate]
        return self.indicators @ slope.T - slope @ self.centre

    def counts(self, replicate: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Answers (C, F, D) and customers without one (C, F) of a replicate."""
        if not replicate:
            return self.totals
        answered, silent = (total.copy() for total in self.totals)
        left = replicate - 1
        rows = slice(*np.searchsorted(self.part, [left, left + 1]))
        frame, category, n = self.frame[rows], self.category[rows], self.n[rows]
        given = category >= 0
        np.subtract.at(answered[:, self.fold[left]], (frame[given], category[given]), n[given])
        np.subtract.at(silent[:, self.fold[left]], frame[~given], n[~given])
        return answered, silent


def proxy_data(
    cells: pd.DataFrame,
    metric: Metric,
    by: Sequence[str],
    *,
    score: str,
    responded: str | None = "responded",
    part: str = "part",
    folds: int = 5,
    seed: int = 0,
) -> ProxyData:
    """Cross-fitted proxies: a linear model of the score on the categories of the frame.

    Parameters
    ----------
    cells : rows with ``n`` (and ``w``, sums of weights, where customers are weighted), the frame's columns ``by``,
        ``score`` (missing where not answered), ``responded`` (boolean, or absent) and ``part`` (all answers of one
        customer in one part). Without ``part`` customers are dealt to 64 parts at random.
    metric : what an answer is worth.
    by : facts known of everyone invited; a missing fact is a category of its own.
    folds : parts are dealt to so many folds; a fold's proxies come from the others.
    seed : for dealing customers to parts.

    Raises
    ------
    ValueError : columns that are not there, nobody answered, everyone answered, nobody asked.

    Notes
    -----
    Least squares with ten answers at the overall mean added per category (ridge), main effects. A proxy need not be a
    right model to be used: a better one narrows the range (Andridge & Little 2011, *J. Official Statistics* 27).
    """
    by = [by] if isinstance(by, str) else list(by)
    _require(cells, [*by, score, "n"])
    n = cells["n"].to_numpy(dtype=float)
    category = _category(cells[score], metric)
    if responded is not None and responded in cells.columns:
        category = np.where(cells[responded].fillna(False).to_numpy(dtype=bool), category, -1)
    indicators, frame, notes = _design(cells, by, n)
    values = metric.distinct_values
    position = _parts(cells, part, folds)
    if "w" in cells.columns:
        if position is None:
            raise ValueError(f"weighted cells need a column {part!r}: which customers belong together")
        w = cells["w"].to_numpy(dtype=float)
        n = w * (n.sum() / w.sum())
    parts = 64 if position is None else int(position.max()) + 1
    if position is None:
        dealt = np.random.default_rng(seed).multinomial(n.astype(int), np.full(64, 1 / 64))
        row, position = np.nonzero(dealt)
        n, frame, category = dealt[row, position].astype(float), frame[row], category[row]
    given = category >= 0
    if not n[given].sum() > 0:
        raise ValueError(
            f"nobody answered {metric.short}: there is no score to learn about those who did not"
        )
    if not n[~given].sum() > 0:
        raise ValueError(f"everyone invited answered {metric.short}: there is nobody whose answer is missing")
    order = np.argsort(position, kind="stable")
    frame, position, category, n = frame[order], position[order], category[order], n[order]
    given = given[order]
    fold = np.arange(parts) % folds
    size = indicators.shape[0], folds
    answered, silent = np.zeros((*size, len(values))), np.zeros(size)
    np.add.at(answered, (frame[given], fold[position[given]], category[given]), n[given])
    np.add.at(silent, (frame[~given], fold[position[~given]]), n[~given])
    worth = values[category[given]]
    slopes, centre = _slopes(indicators[frame[given]], position[given], n[given], worth, fold, folds)
    return ProxyData(
        indicators, slopes, centre, frame, position, category, n, fold, (answered, silent), notes
    )


def _slopes(
    x: csr_array, part: np.ndarray, n: np.ndarray, worth: np.ndarray, fold: np.ndarray, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Effects (R, F, p) and respondents' shares (p,).

    Sums of squares are additive over parts, so leaving one out costs one small solve.
    """
    parts, p = len(fold), x.shape[1]
    edges = np.searchsorted(part, np.arange(parts + 1))
    n_p, total_p = np.zeros(parts), np.zeros(parts)
    first_p, cross_p, second_p = np.zeros((parts, p)), np.zeros((parts, p)), np.zeros((parts, p, p))
    for j in range(parts):
        rows = slice(edges[j], edges[j + 1])
        mine, mass, value = x[rows], n[rows], worth[rows]
        n_p[j], total_p[j] = mass.sum(), mass @ value
        first_p[j], cross_p[j] = mine.T @ mass, mine.T @ (mass * value)
        second_p[j] = (mine.multiply(mass[:, None]).T @ mine).toarray()
    ridge = RIDGE * np.eye(p)
    other = (fold[:, None] != np.arange(folds)).T.astype(float)
    sums = [
        np.tensordot(other, part_sums, axes=1) for part_sums in (n_p, total_p, first_p, cross_p, second_p)
    ]
    slopes = np.empty((parts + 1, folds, p))
    for replicate in range(parts + 1):
        j = replicate - 1
        # a fold learns from the parts of other folds, all but the one left out
        out = other[:, j] if replicate else np.zeros(folds)
        left = [
            np.multiply.outer(out, part_sums[j]) for part_sums in (n_p, total_p, first_p, cross_p, second_p)
        ]
        m, u, first, cross, second = (whole - less for whole, less in zip(sums, left, strict=True))
        m = np.maximum(m, 1e-9)
        moment = second - first[:, :, None] * first[:, None, :] / m[:, None, None] + ridge
        slopes[replicate] = np.linalg.solve(moment, (cross - first * (u / m)[:, None])[:, :, None])[:, :, 0]
    return slopes, first_p.sum(axis=0) / n_p.sum()


def polyserial_correlation(x: np.ndarray, counts: np.ndarray, *, near: float | None = None) -> float:
    """Correlation of x with the normal variable behind an ordered answer; biserial where the answer has two values.

    Parameters
    ----------
    x : values, shape (m,).
    counts : answers per value of x and category, shape (m, D), categories ascending.
    near : where to look first: saves time over many similar samples, the result is the same.

    Returns
    -------
    ρ in [−0.999, 0.999]: maximum likelihood with the cut-points held at those of the answers' own shares. 0 where x or
    the answer does not vary.

    Notes
    -----
    Two-step estimator of Olsson, Drasgow & Dorans 1982, *Psychometrika* 47; for two categories the one that
    Andridge et al. 2019 use for MUBP.

    Examples
    --------
    >>> round(polyserial_correlation(np.array([0.0, 1.0, 2.0]), np.array([[3, 1], [2, 2], [1, 3]])), 2)
    0.48
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import ndtr

    x, counts = _grouped(np.asarray(x, dtype=float), np.asarray(counts, dtype=float))
    mass = counts.sum(axis=1)
    if not mass.sum() > 0:
        return 0.0
    mean = mass @ x / mass.sum()
    spread = np.sqrt(mass @ (x - mean) ** 2 / mass.sum())
    counts = counts[:, counts.sum(axis=0) > 0]
    if spread <= 1e-12 * max(1.0, float(np.abs(x).max())) or counts.shape[1] < 2:
        return 0.0
    z = (x - mean) / spread
    cuts = cut_points(counts.sum(axis=0))

    def surprise(angle: float) -> float:
        rho = np.sin(angle)
        edge = ndtr((cuts - rho * z[:, None]) / np.cos(angle))
        share = np.diff(edge, axis=1, prepend=0.0, append=1.0)
        return -float(np.sum(counts * np.log(np.maximum(share, 1e-300))))

    limit = float(np.arcsin(0.999))
    brackets = [(-limit, limit)]
    if near is not None:
        middle = float(np.arcsin(np.clip(near, -0.999, 0.999)))
        brackets.insert(0, (max(middle - 0.1, -limit), min(middle + 0.1, limit)))
    for low, high in brackets:
        best = float(
            minimize_scalar(surprise, bounds=(low, high), method="bounded", options={"xatol": 1e-8}).x
        )
        if low + 1e-5 < best < high - 1e-5:
            break
    return float(np.sin(best))


def normal_scores(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Standard normal quantiles of the ranks of x, ties at their middle, shape as x.

    Parameters
    ----------
    x : values, any shape.
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

    flat, mass = np.ravel(x), np.ravel(weights).astype(float)
    order = np.argsort(flat, kind="stable")
    # sums of products leave rounding behind: nearly equal is equal
    step = np.diff(flat[order]) > 1e-9 * (np.ptp(flat) or 1.0)
    tie = np.concatenate([[0], np.cumsum(step)])
    size = np.bincount(tie, weights=mass[order])
    middle = (np.cumsum(size) - size / 2) / mass.sum()
    edge = 0.5 / mass.sum()
    scores = np.empty(len(flat))
    scores[order] = ndtri(np.clip(middle, edge, 1 - edge))[tie]
    return scores.reshape(np.shape(x))


def straight_variance_ratio(x: np.ndarray, answered: np.ndarray, silent: np.ndarray) -> float:
    """Variance of x among those who answered over the others, if the log-odds of answering were straight in x.

    Parameters
    ----------
    x, answered, silent : values and numbers of customers, shape (m,).

    Returns
    -------
    About 1 for a normal x; whatever its shape makes of it otherwise (two values, 20 % against 30 %: 0.76). A response
    that favours both ends, or the middle, shows as a departure from this.

    Examples
    --------
    >>> x, n = np.array([0.0, 1.0]), np.array([800.0, 200.0])
    >>> round(straight_variance_ratio(x, n * [0.2, 0.1], n * [0.8, 0.9]), 2)
    0.58
    """
    from scipy.special import expit

    x, tally = _grouped(x, np.column_stack([answered, silent]))
    answered, silent = tally.T
    total = answered + silent
    x = (x - total @ x / total.sum()) / max(np.sqrt(total @ x**2 / total.sum()), 1e-300)
    design = np.stack([np.ones(len(x)), x], axis=1)
    beta = np.array([np.log(answered.sum() / silent.sum()), 0.0])
    for _ in range(50):
        p = expit(design @ beta)
        information = (design * (total * p * (1 - p))[:, None]).T @ design
        step = np.linalg.pinv(information) @ (design.T @ (answered - total * p))
        # a long step from a bad start is cut short; the log-likelihood is concave
        beta = beta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    p = expit(design @ beta)

    def variance(w: np.ndarray) -> float:
        return float(w @ (x - w @ x / w.sum()) ** 2 / w.sum())

    below = variance(total * (1 - p))
    return variance(total * p) / below if below > 0 else 1.0


def cut_points(counts: np.ndarray) -> np.ndarray:
    """Where a standard normal variable is cut to give these shares, shape (D − 1,)."""
    from scipy.special import ndtri

    counts = np.asarray(counts, dtype=float)
    total = counts.sum()
    below = np.cumsum(counts)[:-1] / total
    # an empty end would be infinitely far away; a quarter of an answer keeps replicates comparable
    return ndtri(np.clip(below, 0.25 / total, 1 - 0.25 / total))


def _grouped(x: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows with answers; beyond DISTINCT of them, groups of neighbouring x at their mean."""
    mass = counts.sum(axis=1)
    x, counts, mass = x[mass > 0], counts[mass > 0], mass[mass > 0]
    if len(x) <= DISTINCT:
        return x, counts
    order = np.argsort(x, kind="stable")
    x, counts, mass = x[order], counts[order], mass[order]
    group = np.minimum((np.cumsum(mass) - mass / 2) / mass.sum() * DISTINCT, DISTINCT - 1).astype(int)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    weight = np.add.reduceat(mass, starts)
    return np.add.reduceat(x * mass, starts) / weight, np.add.reduceat(counts, starts, axis=0)


def isotonic(rates: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Closest never-falling sequence to each row of ``rates``, shape (..., K), weighted.

    Examples
    --------
    >>> isotonic(np.array([1.0, 3.0, 2.0]), np.ones(3)).tolist()
    [1.0, 2.5, 2.5]
    """
    rates, weights = np.asarray(rates, dtype=float), np.asarray(weights, dtype=float)
    k = rates.shape[-1]
    mass = np.concatenate([[0.0], np.cumsum(weights)])
    sums = np.concatenate([np.zeros((*rates.shape[:-1], 1)), np.cumsum(rates * weights, axis=-1)], axis=-1)
    fit = np.empty_like(rates)
    # max over starts of min over ends of the mean between them: for ten groups as fast as pooling, and in one go
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (sums[..., None, 1:] - sums[..., :-1, None]) / (mass[None, 1:] - mass[:-1, None])
    for j in range(k):
        fit[..., j] = mean[..., : j + 1, j:].min(axis=-1).max(axis=-1)
    return fit


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
    chance = np.random.default_rng(seed).normal(size=(draws, len(rates))) / np.sqrt(weights)
    p = float(np.mean(distance(chance) >= min(up, down) / variance - 1e-12))
    return p, direction


def _design(
    cells: pd.DataFrame, by: Sequence[str], n: np.ndarray
) -> tuple[csr_array, np.ndarray, tuple[str, ...]]:
    """One row of indicators per combination of categories (C, p), each row's combination, and notes."""
    from scipy import sparse

    codes, notes = [], []
    for column in by:
        code, labels = pd.factorize(cells[column], use_na_sentinel=False)
        size = np.bincount(code, weights=n, minlength=len(labels))
        if len(labels) > LARGEST:
            kept = np.argsort(-size, kind="stable")[: LARGEST - 1]
            place = np.full(len(labels), LARGEST - 1)
            place[kept] = np.arange(LARGEST - 1)
            code = place[code]
            share = 1 - size[kept].sum() / size.sum()
            notes.append(
                f"{column} has {len(labels):,} categories: the {LARGEST - 1} largest have an effect of their own, "
                f"the others ({share:.0%} of customers) share one"
            )
        codes.append(code)
    table = np.column_stack(codes) if codes else np.zeros((len(cells), 1), dtype=int)
    unique, frame = np.unique(table, axis=0, return_inverse=True)
    blocks = []
    for column in unique.T:
        labels, place = np.unique(column, return_inverse=True)
        rows = np.arange(len(column))
        blocks.append(
            sparse.csr_array((np.ones(len(column)), (rows, place)), shape=(len(column), len(labels)))
        )
    return sparse.csr_array(sparse.hstack(blocks)), frame.ravel(), tuple(notes)


def _parts(cells: pd.DataFrame, part: str, folds: int) -> np.ndarray | None:
    """Parts as 0, 1, …; None where there are none or too few to fold."""
    if part not in cells.columns:
        return None
    code, labels = pd.factorize(cells[part], sort=True)
    if (code < 0).any():
        raise ValueError(
            f"{int((code < 0).sum())} cells have no {part!r}: every customer belongs to one part"
        )
    return code if len(labels) >= 2 * folds else None


def _category(scores: pd.Series, metric: Metric) -> np.ndarray:
    """Position of each answer's value among the metric's distinct values; −1 where not answered."""
    number = pd.to_numeric(scores).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    given = np.isfinite(number)
    off = given & ~np.isin(number, metric.scale.categories)
    if off.any():
        raise ValueError(
            f"{metric.short} answers are whole numbers {metric.scale}, but column {scores.name!r} holds "
            f"{number[off][0]:g}"
        )
    place = np.searchsorted(metric.distinct_values, np.asarray(metric.values, dtype=float))
    return np.where(
        given, place[np.where(given, number, metric.scale.low).astype(int) - metric.scale.low], -1
    )


def _require(cells: pd.DataFrame, columns: Sequence[str]) -> None:
    if missing := [column for column in columns if column not in cells.columns]:
        raise ValueError(
            f"the cells have no column {', '.join(map(repr, missing))}; they have "
            f"{', '.join(map(repr, cells.columns))}"
        )

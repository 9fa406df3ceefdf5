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

__all__ = ["ProxyData", "effects", "proxy_data"]

LARGEST = 100
"""Categories of one variable that have an effect of their own; rarer ones share one."""

LARGEST_BATCH = 2_000_000
"""Numbers held at once for a batch of replicates."""

RIDGE = 10.0
"""Answers at the overall mean that are added to each category: one of ten answers is believed by half."""


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

    def proxies(self, replicate: int | np.ndarray = 0) -> np.ndarray:
        """Proxy of a customer of each combination, by fold, shape (C, F); of several replicates (R, C, F)."""
        slope = self.slopes[replicate]
        every = slope.reshape(-1, slope.shape[-1])
        worth = (self.indicators @ every.T).T.reshape(*slope.shape[:-1], -1)
        return np.swapaxes(worth - (slope @ self.centre)[..., None], -1, -2)

    def counts(self, replicate: int | np.ndarray = 0) -> tuple[np.ndarray, np.ndarray]:
        """Answers (C, F, D) and customers without one (C, F) of a replicate; of several with R in front."""
        if np.ndim(replicate) == 0:
            answered, silent = self.counts(np.array([replicate]))
            return answered[0], silent[0]
        left = np.asarray(replicate) - 1
        answered, silent = (np.repeat(total[None], len(left), axis=0) for total in self.totals)
        some = np.flatnonzero(left >= 0)
        if len(some):
            place = np.full(self.parts, -1)
            place[left[some]] = some
            # rows are ordered by part: of a batch of neighbouring replicates they lie together
            rows = slice(*np.searchsorted(self.part, [left[some].min(), left[some].max() + 1]))
            at, frame, category, n = (
                place[self.part[rows]],
                self.frame[rows],
                self.category[rows],
                self.n[rows],
            )
            fold, given, gone = self.fold[self.part[rows]], category >= 0, at >= 0
            yes, no = given & gone, ~given & gone
            np.subtract.at(answered, (at[yes], frame[yes], fold[yes], category[yes]), n[yes])
            np.subtract.at(silent, (at[no], frame[no], fold[no]), n[no])
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
    slopes, centre = effects(indicators[frame[given]], position[given], n[given], worth, fold, folds)
    return ProxyData(
        indicators, slopes, centre, frame, position, category, n, fold, (answered, silent), notes
    )


def effects(
    x: csr_array, part: np.ndarray, n: np.ndarray, worth: np.ndarray, fold: np.ndarray, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Effects (R, F, p) and shares of the categories (p,), from their indicators (m, p), parts (m,), customers and worth.

    A fold's effects are learned from the parts of the others; with ``fold`` −1 throughout, all from all. Sums of squares are
    additive over parts, so leaving one out costs one small solve.
    """
    parts, p = len(fold), x.shape[1]
    # every row of x has one category of each fact: columns[:, v] is that of fact v
    columns = x.indices.reshape(len(n), -1)
    n_p = np.bincount(part, weights=n, minlength=parts)
    total_p = np.bincount(part, weights=n * worth, minlength=parts)
    first_p, cross_p, second_p = np.zeros((parts, p)), np.zeros((parts, p)), np.zeros(parts * p * p)
    for column in columns.T:
        place = part * p + column
        first_p += np.bincount(place, weights=n, minlength=parts * p).reshape(parts, p)
        cross_p += np.bincount(place, weights=n * worth, minlength=parts * p).reshape(parts, p)
        for other in columns.T:
            np.add.at(second_p, place * p + other, n)
    second_p = second_p.reshape(parts, p, p)
    ridge = RIDGE * np.eye(p)
    elsewhere = (fold[:, None] != np.arange(folds)).T.astype(float)
    by_part = (n_p, total_p, first_p, cross_p, second_p)
    sums = [np.tensordot(elsewhere, part_sums, axes=1) for part_sums in by_part]

    def learned(left: np.ndarray) -> np.ndarray:
        """Effects with the parts ``left`` (R,) left out (−1: none), shape (R, F, p)."""
        # a fold learns from the parts of other folds, all but the one left out
        out = np.where(left[:, None] >= 0, elsewhere[:, left].T, 0.0)
        m, u, first, cross, second = (
            whole - out.reshape(*out.shape, *[1] * (whole.ndim - 1)) * part_sums[left][:, None]
            for whole, part_sums in zip(sums, by_part, strict=True)
        )
        m = np.maximum(m, 1e-9)
        moment = second - first[..., :, None] * first[..., None, :] / m[..., None, None] + ridge
        return np.linalg.solve(moment, (cross - first * (u / m)[..., None])[..., None])[..., 0]

    batch = max(1, LARGEST_BATCH // (folds * p * p))
    every = np.arange(-1, parts)
    slopes = [learned(every[at : at + batch]) for at in range(0, parts + 1, batch)]
    return np.concatenate(slopes), first_p.sum(axis=0) / n_p.sum()


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
    frame = np.zeros(len(cells), dtype=np.int64)
    for code in codes:
        # dense after every column: products of many columns' sizes would not fit a whole number
        _, frame = np.unique(frame * (code.max() + 1) + code, return_inverse=True)
    _, first = np.unique(frame, return_index=True)
    blocks = []
    for column in (code[first] for code in codes or [frame]):
        labels, place = np.unique(column, return_inverse=True)
        rows = np.arange(len(column))
        blocks.append(
            sparse.csr_array((np.ones(len(column)), (rows, place)), shape=(len(column), len(labels)))
        )
    return sparse.csr_array(sparse.hstack(blocks)), frame, tuple(notes)


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

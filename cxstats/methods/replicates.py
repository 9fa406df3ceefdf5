"""Replicates: the same table of cells counted again and again, so that anything computed from it has an error.

Two kinds. The **delete-a-part jackknife** leaves out one sixty-fourth of the customers at a time: customers who
answered several times stay or go as a whole, so it is honest about them, whatever is computed. The
**multinomial bootstrap** draws every answer anew and takes all of them to be independent.

A replicate is a column ``n`` in the place of the one the cells have: compute the same with it, from the first
step to the last (weights are made anew, models are fitted anew), and ask :class:`Replicates` how much the results vary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.parameters import Count, Seed, checked
from cxstats.show import definition_html

__all__ = ["Replicates", "merged_part_jackknife", "multinomial", "part_jackknife"]

_KINDS = {"jackknife": "delete-a-part jackknife", "bootstrap": "multinomial bootstrap"}


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """Counts of the same cells in R replicates of a survey.

    Attributes
    ----------
    counts : shape (R, n_cells), whole numbers: column ``n`` of each replicate, in the order of the cells.
    factor : what the sum of squared deviations of the replicates is multiplied by to be a variance:
        (R − 1)/R for the jackknife, 1/(R − 1) for the bootstrap.
    expansion : what a replicate's total is multiplied by to be as large as the survey's: R/(R − 1) for the
        jackknife, which leaves customers out; 1 for the bootstrap. Means and shares do not need it.
    degrees_of_freedom : of the variance: R − 1 for the jackknife; infinite for the bootstrap, whose replicates
        can be as many as one likes.
    kind : "jackknife" or "bootstrap".
    """

    counts: np.ndarray
    factor: float
    expansion: float
    degrees_of_freedom: float
    kind: str

    def __len__(self) -> int:
        return len(self.counts)

    def apply(self, function: Callable[[np.ndarray], object]) -> np.ndarray:
        """``function`` of the counts of every replicate, shape (R, …).

        Parameters
        ----------
        function : takes counts of shape (n_cells,) in the order of the cells, and returns a number or an
            array, always of the same shape.

        Examples
        --------
        >>> cells = pd.DataFrame({"worth": [-100, 0, 100, 100], "part": [0, 1, 1, 2], "n": [20, 30, 30, 20]})
        >>> mean = lambda n: (n @ cells["worth"]) / n.sum()
        >>> part_jackknife(cells).apply(mean).round(6).tolist()
        [62.5, 0.0, 12.5]
        """
        return np.stack([np.asarray(function(row), dtype=float) for row in self.counts])

    def variance(self, values: Sequence[float] | np.ndarray) -> float | np.ndarray:
        """Variance of what was computed in every replicate.

        Parameters
        ----------
        values : shape (R,) or (R, …): the result of each replicate.

        Returns
        -------
        A number, or an array of the shape of one replicate's result.

        Raises
        ------
        ValueError : another number of values than replicates, or a replicate without a result.
        """
        deviation = self._deviations(values)
        result = self.factor * (deviation**2).sum(axis=0)
        return float(result) if np.ndim(result) == 0 else result

    def covariance(self, values: np.ndarray) -> np.ndarray:
        """Covariance matrix of p results, shape (p, p), from ``values`` of shape (R, p).

        Raises
        ------
        ValueError : as :meth:`variance`; or values of another number of dimensions.
        """
        deviation = self._deviations(values)
        if deviation.ndim != 2:
            raise ValueError(
                f"a covariance matrix needs a row of p results per replicate, but got {np.shape(values)}"
            )
        return self.factor * deviation.T @ deviation

    def standard_error(self, values: Sequence[float] | np.ndarray) -> float | np.ndarray:
        """Square root of :meth:`variance`."""
        return self.variance(values) ** 0.5

    def regroup(self, cells: pd.DataFrame, by: Sequence[str]) -> tuple[pd.DataFrame, Replicates]:
        """Cells merged by the columns ``by``, and the replicates of the merged cells.

        What ``part`` told apart is put together again: a model fitted on 64 times fewer cells takes 64
        times less time in every replicate.

        Parameters
        ----------
        cells : the cells these replicates were made from, in the same order.
        by : columns to keep; the others are summed over.

        Returns
        -------
        The merged cells, as ``cxstats.cells.regroup`` makes them, and their replicates.

        Examples
        --------
        >>> cells = pd.DataFrame({"nps": [0, 0, 9], "part": [0, 1, 1], "n": [2, 3, 5]})
        >>> merged, replicates = part_jackknife(cells).regroup(cells, ["nps"])
        >>> merged["n"].tolist(), replicates.counts.tolist()
        ([5, 5], [[3, 5], [2, 0]])
        """
        self._fitting(cells)
        merged, group = _merged(cells.reset_index(drop=True), list(by))
        size = len(merged)
        counts = np.stack([np.bincount(group, weights=row, minlength=size) for row in self.counts])
        counts = np.rint(counts).astype(np.int64)
        return merged, Replicates(counts, self.factor, self.expansion, self.degrees_of_freedom, self.kind)

    def _fitting(self, cells: pd.DataFrame) -> None:
        if len(cells) != self.counts.shape[1]:
            raise ValueError(
                f"the replicates are of {self.counts.shape[1]:,} cells, but {len(cells):,} cells are given: "
                "make replicates from the cells they are used with"
            )

    def _deviations(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        array = np.asarray(values, dtype=float)
        if array.ndim == 0 or len(array) != len(self.counts):
            raise ValueError(
                f"one result per replicate is needed, {len(self.counts)} of them, but got shape {array.shape}"
            )
        wrong = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if wrong.any():
            raise ValueError(
                f"{int(wrong.sum())} of {len(array)} replicates have no result (first: replicate "
                f"{int(np.flatnonzero(wrong)[0])}): too few answers are left in one of them. Merge small groups"
            )
        return array - array.mean(axis=0)

    def _repr_html_(self) -> str:
        return definition_html(
            "Replicates",
            [
                ("kind", _KINDS[self.kind]),
                ("replicates", f"{len(self.counts):,}"),
                ("cells", f"{self.counts.shape[1]:,}"),
            ],
        )


def merged_part_jackknife(
    cells: pd.DataFrame, by: Sequence[str], *, part: str = "part"
) -> tuple[pd.DataFrame, Replicates]:
    """Cells merged by the columns ``by`` with their delete-a-part jackknife, as of :func:`part_jackknife` regrouped.

    The table of all cells by all parts is never written out, which is what takes time and memory where every part has
    its own cells.

    Examples
    --------
    >>> cells = pd.DataFrame({"nps": [0, 0, 9], "part": [0, 1, 1], "n": [2, 3, 5]})
    >>> merged, replicates = merged_part_jackknife(cells, ["nps"])
    >>> merged["n"].tolist(), replicates.counts.tolist()
    ([5, 5], [[3, 5], [2, 0]])
    """
    code, parts, n = _parts_of(cells, part)
    merged, group = _merged(cells.reset_index(drop=True), list(by))
    size = parts, len(merged)
    left_out = np.bincount(code * size[1] + group, weights=n, minlength=size[0] * size[1]).reshape(size)
    counts = np.rint(left_out.sum(axis=0) - left_out).astype(np.int64)
    return merged, _jackknife(counts)


def _jackknife(counts: np.ndarray) -> Replicates:
    size = len(counts)
    return Replicates(counts, (size - 1) / size, size / (size - 1), float(size - 1), "jackknife")


def _parts_of(cells: pd.DataFrame, part: str) -> tuple[np.ndarray, int, np.ndarray]:
    """Part of each cell as 0, 1, …, how many there are, and the counts."""
    _require(cells, part)
    if cells[part].isna().any():
        raise ValueError(
            f"{int(cells[part].isna().sum())} cells have no {part!r}: every customer belongs to one part"
        )
    n = _counts(cells)
    code, parts = pd.factorize(cells[part], sort=True)
    if len(parts) < 2:
        raise ValueError(
            f"a jackknife leaves out one part at a time and needs at least 2, but column {part!r} holds {len(parts)}"
        )
    return code, len(parts), n


def _merged(frame: pd.DataFrame, by: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells merged as ``cxstats.cells.regroup`` does, and which of them each row of ``frame`` went to."""
    group = np.zeros(len(frame), dtype=np.int64)
    for name in by:
        code, labels = pd.factorize(frame[name], sort=True)
        # a missing label is the last category; dense after every column, or products would not fit a whole number
        wide = group * (len(labels) + 1) + np.where(code < 0, len(labels), code)
        group = _dense(wide, (int(group.max(initial=0)) + 1) * (len(labels) + 1))
    first = np.empty(int(group.max(initial=-1)) + 1, dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    merged = frame[by].iloc[first].reset_index(drop=True)
    for name in ("n", "w", "w2"):
        if name in frame.columns:
            merged[name] = np.bincount(group, weights=frame[name].astype(float), minlength=len(first))
    merged["n"] = merged["n"].round().astype("int64")
    return merged, group


def _dense(code: np.ndarray, size: int) -> np.ndarray:
    """Codes below ``size`` as 0, 1, … without gaps, in the same order."""
    if size > 4 * len(code) + 1_000:
        return np.unique(code, return_inverse=True)[1]
    place = np.cumsum(np.bincount(code, minlength=size) > 0) - 1
    return place[code]


def part_jackknife(cells: pd.DataFrame, *, part: str = "part") -> Replicates:
    """Delete-a-part jackknife: each replicate leaves out the customers of one part.

    Parameters
    ----------
    cells : rows with ``n`` and ``part``, the keyed hash of the customer modulo 64, so that all answers of one
        customer are in the same part. Cells of customers who did not answer may be among them.
    part : column with the parts.

    Returns
    -------
    Replicates, one per part that occurs (64, or fewer in a tiny survey).

    Raises
    ------
    ValueError : no such column, a missing part, or all customers in one part.

    Notes
    -----
    Variance (R − 1)/R·Σ(θ_r − θ̄)² (Quenouille 1956; Tukey 1958; Wolter 2007, chapter 4), with R − 1 degrees of
    freedom. For smooth statistics; for a median it is wrong.

    Examples
    --------
    >>> cells = pd.DataFrame({"worth": [0, 100, 100], "part": [0, 1, 2], "n": [1, 1, 1]})
    >>> jackknife = part_jackknife(cells)
    >>> means = jackknife.apply(lambda n: n @ cells["worth"] / n.sum())
    >>> round(jackknife.standard_error(means), 6)     # s/√n for parts of one answer each
    33.333333
    """
    code, size, n = _parts_of(cells, part)
    return _jackknife(np.where(code[None, :] == np.arange(size)[:, None], 0, n[None, :]))


def multinomial(cells: pd.DataFrame, replicates: int, seed: int) -> Replicates:
    """Bootstrap of independent answers: each replicate draws as many answers as there are, with replacement.

    Parameters
    ----------
    cells : rows with ``n``; each customer answered once (else: :func:`part_jackknife`).
    replicates : number R of replicates.
    seed : whole number; the same seed gives the same replicates.

    Returns
    -------
    Replicates. Where cells also hold customers who did not answer, how many answer varies as well.

    Notes
    -----
    Efron 1979, section 3: n draws with replacement, counted, are one draw from a multinomial distribution.

    Examples
    --------
    >>> cells = pd.DataFrame({"nps": [0, 8, 10], "n": [20, 30, 50]})
    >>> drawn = multinomial(cells, replicates=2_000, seed=1)
    >>> means = drawn.apply(lambda n: n @ [-100, 0, 100] / n.sum())
    >>> bool(abs(drawn.standard_error(means) - 7.81) < 0.3)
    True
    """
    replicates = checked("replicates", replicates, Count)
    seed = checked("seed", seed, Seed)
    if replicates < 2:
        raise ValueError("a bootstrap needs at least 2 replicates; some 1,000 are usual")
    _require(cells)
    n = _counts(cells)
    total = int(n.sum())
    counts = np.random.default_rng(seed).multinomial(total, n / total, size=replicates)
    return Replicates(counts, 1 / (replicates - 1), 1.0, float("inf"), "bootstrap")


def _require(cells: pd.DataFrame, *columns: str) -> None:
    for column in ("n", *columns):
        if column not in cells.columns:
            raise ValueError(
                f"replicates need a column {column!r}, but the cells have {', '.join(map(repr, cells.columns))}"
            )


def _counts(cells: pd.DataFrame) -> np.ndarray:
    n = cells["n"].to_numpy(dtype=float, na_value=np.nan)
    if not (np.all(np.isfinite(n)) and np.all(n >= 0) and np.array_equal(n, np.rint(n))):
        raise ValueError("column 'n' must hold whole numbers of 0 or more, none missing")
    if not n.sum() > 0:
        raise ValueError("there is nothing to replicate: every 'n' is 0")
    return n.astype(np.int64)

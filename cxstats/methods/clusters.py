"""Covariance of estimates whose error is a sum over table rows, whoever answered more than once.

Every estimator that starts from cells has scores: what one answer in each cell adds to the estimate's error. Three
ways lead from scores to a covariance: answers are independent; the same customers stand in several cells and the
matrix M of :func:`cxstats.cells.cluster_matrix` says how; or a column ``part`` says in which of 64 parts the
customers of a cell are, so that the parts are independent of each other whoever repeats within them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.cells import cluster_variance
from cxstats.words import count

__all__ = ["Clusters", "clusters_of", "counts_of", "require_both", "require_columns", "truth_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which rows of a table of cells depend on each other.

    Attributes
    ----------
    mass : Σw per row (n where nothing is weighted), shape (R,).
    square : Σw² per row (n where nothing is weighted), shape (R,).
    matrix : M over the rows, shape (R, R), or None.
    part : number of the part of each row, 0 to K − 1, shape (R,), or None.
    n_parts : number K of parts; one of which no row is left is still a part, with a total of 0.
    """

    mass: np.ndarray
    square: np.ndarray
    matrix: np.ndarray | None = None
    part: np.ndarray | None = None
    n_parts: int = 0

    @property
    def independent(self) -> bool:
        """Whether every row is taken to be of other customers."""
        return self.matrix is None and self.part is None

    @property
    def degrees_of_freedom(self) -> float:
        """Of the covariance: parts − 1; infinite where customers themselves are the clusters."""
        return float("inf") if self.part is None else float(self.n_parts - 1)

    def covariance(self, scores: np.ndarray) -> np.ndarray:
        """Covariance of p estimates, shape (p, p), from scores per unit of weight in each row, shape (R, p)."""
        scores = np.asarray(scores, dtype=float)
        if self.matrix is not None:
            return cluster_variance(scores, self.matrix)
        if self.part is None:
            return scores.T @ (scores * self.square[:, None])
        total = self.part_totals(scores)
        total = total - total.mean(axis=0)
        return total.T @ total * (len(total) / (len(total) - 1))

    def part_totals(self, scores: np.ndarray) -> np.ndarray:
        """Sum of scores per part, shape (K, p)."""
        weighted = scores * self.mass[:, None]
        return np.column_stack(
            [np.bincount(self.part, weights=c, minlength=self.n_parts) for c in weighted.T]
        )

    def variance(self, scores: np.ndarray) -> float:
        """Variance of one estimate from scores of shape (R,)."""
        return float(self.covariance(np.asarray(scores, dtype=float)[:, None])[0, 0])

    def rows(self, keep: np.ndarray) -> Clusters:
        """The same for some of the rows (a boolean mask or row numbers)."""
        chosen = np.flatnonzero(keep) if np.asarray(keep).dtype == bool else np.asarray(keep)
        return Clusters(
            self.mass[chosen],
            self.square[chosen],
            None if self.matrix is None else self.matrix[chosen][:, chosen],
            None if self.part is None else self.part[chosen],
            self.n_parts,
        )


def clusters_of(
    cells: pd.DataFrame,
    *,
    weights: np.ndarray | None = None,
    matrix: np.ndarray | None = None,
    part: str | None = None,
) -> Clusters:
    """Masses and dependence of the rows of ``cells``, checked.

    Parameters
    ----------
    cells : rows with ``n``; a weighted survey's also have ``w`` = Σw and ``w2`` = Σw².
    weights : weight of each customer in a row, shape (R,), in place of ``w`` and ``w2``.
    matrix : M over the rows (with weights: the weighted one). part : name of the column with the parts.

    Raises
    ------
    ValueError : no column ``n``, counts that are none, a matrix of another shape, a column of parts that does not
        exist, has gaps or names one part only; both a matrix and parts.
    """
    n = counts_of(cells)
    mass, square = n, n
    if weights is not None:
        weight = np.asarray(weights, dtype=float)
        if weight.shape != n.shape or not np.all(np.isfinite(weight[n > 0]) & (weight[n > 0] >= 0)):
            raise ValueError(
                f"weights must be {len(n):,} numbers of 0 or more, one per row of cells (the weight of each "
                f"customer in it), but have shape {weight.shape}"
                + ("" if weight.shape != n.shape else " and hold missing or negative ones")
            )
        weight = np.where(n > 0, weight, 0.0)
        mass, square = n * weight, n * weight**2
    elif {"w", "w2"} <= set(cells.columns):
        mass, square = (cells[name].to_numpy(dtype=float) for name in ("w", "w2"))
    if matrix is not None and part is not None:
        raise ValueError("give either the matrix of customers or the column of parts, not both")
    if matrix is not None and matrix.shape != (len(n), len(n)):
        raise ValueError(f"the matrix is {matrix.shape}, but there are {len(n)} rows of cells")
    if part is None:
        return Clusters(mass, square, matrix)
    code, n_parts = _parts(cells, part)
    return Clusters(mass, square, matrix, code, n_parts)


def counts_of(cells: pd.DataFrame) -> np.ndarray:
    """Column ``n`` as numbers, shape (R,), checked."""
    if "n" not in cells.columns:
        raise ValueError(
            "cells need a column 'n', the number of customers in each row, but have "
            f"{', '.join(map(repr, cells.columns))}"
        )
    n = cells["n"].to_numpy(dtype=float, na_value=np.nan)
    if not (np.all(np.isfinite(n)) and np.all(n >= 0)):
        raise ValueError("column 'n' must hold numbers of customers, 0 or more, none missing")
    return n


def require_columns(cells: pd.DataFrame, columns: list[str] | tuple[str, ...]) -> None:
    """Columns exist, or an error that names the one that does not and what there is."""
    from difflib import get_close_matches

    for column in columns:
        if column not in cells.columns:
            near = get_close_matches(str(column), [str(name) for name in cells.columns], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"the cells have no column {column!r}; they have {', '.join(map(repr, cells.columns))}.{hint}"
            )


def truth_of(cells: pd.DataFrame, column: str, what: str) -> np.ndarray:
    """A column of true and false (or 1 and 0), shape (R,), as booleans; missing is refused."""
    require_columns(cells, [column])
    values = cells[column]
    if values.isna().any():
        raise ValueError(
            f"{column!r} is missing in {int(values.isna().sum())} rows of cells: {what} must be known for everyone"
        )
    if pd.api.types.is_bool_dtype(values):
        return values.to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(values) and set(values.unique()) <= {0, 1}:
        return values.to_numpy(dtype=float) == 1
    raise ValueError(f"{column!r} must be true or false, but holds {values.unique()[:3].tolist()}")


def require_both(n: np.ndarray, answered: np.ndarray, least: int = 1) -> None:
    """Some answered and some did not, at least ``least`` of each; or an error that says what is missing."""
    yes, no = n[answered].sum(), n[~answered].sum()
    if not yes + no > 0:
        raise ValueError("nobody was invited: every 'n' is 0")
    if yes == 0:
        raise ValueError(
            f"nobody of the {count(no)} invited answered: there is nothing to learn about answering"
        )
    if no == 0:
        raise ValueError(
            f"all {count(yes)} customers answered, so nobody's silence can be studied. Do the cells hold everyone "
            "invited, or only the answers?"
        )
    if min(yes, no) < least:
        raise ValueError(
            f"{count(yes)} answered and {count(no)} did not: fewer than {least} of either say too little about who answers"
        )


def _parts(cells: pd.DataFrame, part: str) -> tuple[np.ndarray, int]:
    require_columns(cells, [part])
    if cells[part].isna().any():
        raise ValueError(f"{int(cells[part].isna().sum())} rows of cells have no {part!r}")
    code, names = pd.factorize(cells[part], sort=True)
    if len(names) < 2:
        raise ValueError(f"parts tell how much an estimate varies, but column {part!r} holds only one")
    return code, len(names)

"""Cells merged after their labels are recoded, or after a column is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

from .counting import TALLIES, checked_columns, fitting, known

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    Matrix = np.ndarray | csr_array

__all__ = ["regroup"]


@overload
def regroup(
    cells: pd.DataFrame, labels: Mapping[str, Any] | None = ..., *, by: Sequence[str] | None = ...
) -> pd.DataFrame: ...


@overload
def regroup(
    cells: pd.DataFrame,
    labels: Mapping[str, Any] | None = ...,
    *,
    matrix: Matrix,
    by: Sequence[str] | None = ...,
) -> tuple[pd.DataFrame, Matrix]: ...


def regroup(cells, labels=None, *, matrix=None, by=None):
    """Merge cells that are the same after recoding, or after a column is dropped.

    Recoding the few cells instead of the many rows is exact: tallies add up, and so does the matrix
    of repeated customers, M' = A M A' with A the 0/1 table of which old cell falls in which new one.

    Parameters
    ----------
    cells : frame with ``n`` (and ``w``, ``w2``), as :func:`reduce` returns it.
    labels : per column, how to recode it: a dict from old to new label (labels it does not name
        stay; a new label of None is missing), or the new labels themselves, one per row of ``cells``.
    matrix : M of :func:`cluster_matrix`, aligned with ``cells``.
    by : columns to keep; the others are summed over. All by default.

    Returns
    -------
    The merged cells, ordered like :func:`reduce`'s; with ``matrix``, also M' aligned with them.

    Raises
    ------
    ValueError : a column does not exist, or new labels or matrix are not as long as ``cells``.

    Examples
    --------
    >>> cells = pd.DataFrame({"country": ["AT", "DE", "JP"], "n": [1, 2, 4]})
    >>> regroup(cells, {"country": {"AT": "DACH", "DE": "DACH"}})
      country  n
    0    DACH  3
    1      JP  4
    """
    tallies = [name for name in TALLIES if name in cells.columns]
    if "n" not in tallies:
        raise ValueError(f"cells need a column 'n', the number of answers; there are {list(cells.columns)}")
    columns = [name for name in cells.columns if name not in tallies]
    frame = cells.reset_index(drop=True).copy()
    for column, recode in (labels or {}).items():
        known(column, columns, "cells have")
        frame[column] = _recoded(frame[column], recode, column)
    by = columns if by is None else checked_columns(columns, by)

    group, merged = _group(frame, by)
    for name in tallies:
        merged[name] = np.bincount(group, weights=frame[name].astype(float), minlength=len(merged))
    merged["n"] = merged["n"].round().astype("int64")
    if matrix is None:
        return merged
    if matrix.shape != (len(cells), len(cells)):
        raise ValueError(
            f"the matrix must have a row and a column per cell, shape {(len(cells), len(cells))}, "
            f"but has shape {matrix.shape}"
        )
    from scipy import sparse

    old = np.arange(len(frame))
    member = sparse.csr_array((np.ones(len(frame)), (group, old)), shape=(len(merged), len(frame)))
    # a dense matrix in, a dense one out: a sparse one only ever gets smaller by merging
    product = member @ matrix @ member.T
    return merged, product if isinstance(product, np.ndarray) else fitting(product.tocsr())


def _codes(column: pd.Series) -> tuple[np.ndarray, int]:
    """Whole numbers in the order of the column's values, missing last; and how many there may be."""
    codes, values = pd.factorize(column, sort=True)
    return np.where(codes < 0, len(values), codes), len(values) + 1


def _group(frame: pd.DataFrame, by: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Which group each row falls in, and one row per group, ordered by ``by`` with missing last."""
    if not by:
        return np.zeros(len(frame), dtype=int), pd.DataFrame(index=range(1))
    # one whole number per row in the order of the columns; renumbered as it grows, so that it cannot overflow
    group = np.zeros(len(frame), dtype=np.int64)
    first = group
    for column in by:
        codes, n = _codes(frame[column])
        _, first, group = np.unique(group * n + codes, return_index=True, return_inverse=True)
    return group, frame[list(by)].iloc[first].reset_index(drop=True)


def _recoded(column: pd.Series, recode: Any, name: str) -> pd.Series:
    """New labels for a column of cells, in a dtype that shows a missing one as ``<NA>``."""
    if isinstance(recode, Mapping):
        # few labels, many cells: each label is looked up once
        codes, old = pd.factorize(column, use_na_sentinel=False)
        return (
            _as_labels([recode.get(label, label) for label in old], column).take(codes).reset_index(drop=True)
        )
    if len(recode) != len(column):
        raise ValueError(
            f"{name}: new labels are needed for all {len(column)} cells, but {len(recode)} are given"
        )
    if isinstance(recode, pd.Series) and recode.dtype != object:  # as it is: unpacking text is slow
        return recode.reset_index(drop=True)
    return _as_labels(list(recode), column)


def _as_labels(new: Sequence[Any], old: pd.Series) -> pd.Series:
    labels = pd.Series(new, dtype=object).convert_dtypes()
    return labels.astype(old.dtype) if labels.isna().all() else labels

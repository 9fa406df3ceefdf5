"""Columns of a rule that predicts an outcome: numbers as splines, groups and coarse scores as categories.

Numbers are never cut into bands: binned behaviour leaves something of itself for any score that correlates with it,
and with 100,000 customers a score that adds nothing then "adds" in nearly every analysis. Knots and categories are
chosen from the predictors alone, never from the outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.clusters import require_columns

__all__ = ["Block", "number_block", "predictor_block", "restricted_cubic_spline"]

KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Quantiles at which the four knots of a restricted cubic spline stand (Harrell 2015, table 2.3)."""

FEWEST_IN_CATEGORY = 20
"""Customers that a category needs for a column of its own; smaller ones stand together."""

MOST_CATEGORIES = 30


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Columns that enter a rule together.

    Attributes
    ----------
    name : what they describe.
    columns : shape (n, p), standardised to mean 0 and standard deviation 1; p may be 0.
    unused : names that leave no column: the same for everybody, or fewer than 20 customers in each category but one.
    """

    name: str
    columns: np.ndarray
    unused: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.columns.shape[1]


def restricted_cubic_spline(value: np.ndarray, knots: Sequence[float]) -> np.ndarray:
    """Restricted cubic spline: a cubic between its knots, a line beyond them (Harrell 2015, eq. 2.25).

    Parameters
    ----------
    value : shape (n,). knots : k ascending numbers, three or more.

    Returns
    -------
    Shape (n, k − 1): the value itself and k − 2 curved terms, divided by the squared distance of the outer knots.

    >>> restricted_cubic_spline(np.array([0.0, 1.0, 2.0, 3.0]), [0, 1, 2]).round(3).tolist()
    [[0.0, 0.0], [1.0, 0.25], [2.0, 1.5], [3.0, 3.0]]
    """
    t = np.asarray(knots, dtype=float)
    x = np.asarray(value, dtype=float)

    def cubed(knot: float) -> np.ndarray:
        above = np.maximum(x - knot, 0.0)
        return above * above * above

    last, before = t[-1], t[-2]
    at_last, at_before = cubed(last), cubed(before)
    curved = [
        (
            cubed(knot)
            - at_before * ((last - knot) / (last - before))
            + at_last * ((before - knot) / (last - before))
        )
        / (last - t[0]) ** 2
        for knot in t[:-2]
    ]
    return np.column_stack([x, *curved])


def number_block(name: str, column: pd.Series, *, linear: bool = False) -> Block:
    """A number as a restricted cubic spline with four knots; as many as its distinct values allow.

    A missing number is set to the median and has a column of its own that says so. Numbers whose largest is far
    from most (revenue, counts) enter by the sign and logarithm of their size.

    Parameters
    ----------
    column : numbers, shape (n,). linear : a straight line, where events are too few for a curve.
    """
    value = column.to_numpy(dtype=float, na_value=np.nan)
    known = np.isfinite(value)
    if not known.any():
        return Block(name, np.empty((len(value), 0)))
    middle = float(np.median(value[known]))
    filled = np.where(known, value, middle)
    spread = np.subtract(*np.quantile(filled, [0.95, 0.5]))
    if spread > 0 and filled.min() >= 0 and filled.max() - middle > 4 * spread:
        filled = np.log1p(filled / np.median(filled[filled > 0]))
    knots = np.unique(np.quantile(filled, KNOTS))
    two_values = not np.any((filled > filled.min()) & (filled < filled.max()))
    if linear or two_values or len(knots) < 3:
        line = linear or two_values or len(knots) < 2
        parts = np.column_stack([filled] if line else [filled, filled**2])
    else:
        parts = restricted_cubic_spline(filled, knots)
    if not known.all():
        parts = np.column_stack([parts, ~known])
    return Block(name, _standardised(parts))


def category_block(name: str, column: pd.Series) -> Block:
    """A category as columns of 0 and 1, the most frequent left out; rare ones together, a missing one its own."""
    code, labels = pd.factorize(column, sort=True, use_na_sentinel=False)
    size = np.bincount(code, minlength=len(labels))
    order = np.argsort(-size, kind="stable")
    own = [i for i in order[:MOST_CATEGORIES] if size[i] >= FEWEST_IN_CATEGORY]
    columns = [code == i for i in own[1:]]
    rest = ~np.isin(code, own)
    if rest.any() and own:
        columns.append(rest)
    if not columns:
        return Block(name, np.empty((len(code), 0)))
    return Block(name, _standardised(np.column_stack(columns).astype(float)))


def predictor_block(rows: pd.DataFrame, columns: Sequence[str], name: str, *, linear: bool = False) -> Block:
    """Several columns of a table as one block: numbers as splines, everything else as categories.

    Raises
    ------
    ValueError : a column does not exist.
    """
    require_columns(rows, columns)
    blocks = [
        number_block(column, rows[column], linear=linear)
        if pd.api.types.is_numeric_dtype(rows[column]) and not pd.api.types.is_bool_dtype(rows[column])
        else category_block(column, rows[column])
        for column in columns
    ]
    unused = tuple(block.name for block in blocks if not block.width)
    return Block(
        name, np.column_stack([np.empty((len(rows), 0)), *(block.columns for block in blocks)]), unused
    )


def _standardised(columns: np.ndarray) -> np.ndarray:
    columns = np.asarray(columns, dtype=float)
    spread = columns.std(axis=0)
    keep = spread > 1e-12 * np.maximum(np.abs(columns).max(axis=0), 1.0)
    return (columns[:, keep] - columns[:, keep].mean(axis=0)) / spread[keep]

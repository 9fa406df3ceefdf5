"""Cells: a survey as counts, and what can be asked of counts.

A *cell* is one combination of the columns asked for (score, country, wave, …) with its number of
answers ``n``. The rows are read once, by the engine that holds them; everything after costs what the
number of cells costs, not the number of answers.

Three questions are answered here:

* **how many** — :func:`reduce`, and :func:`regroup` to merge cells after recoding their labels;
* **how certain, when customers answer more than once** — :func:`cluster_matrix` carries what a
  cluster-robust variance needs, :func:`cluster_variance` asks for it, :func:`mean_scores` and
  :func:`least_squares` are the estimators written that way;
* **what may be shown** — :func:`suppress` hides groups that are too small, and what would give them away.

This module knows tables (ibis) and frames (pandas); it knows no ``survey.yml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa
    from scipy.sparse import csr_array

    Matrix = np.ndarray | csr_array

__all__ = [
    "LeastSquares",
    "Suppressed",
    "cluster_matrix",
    "cluster_variance",
    "least_squares",
    "mean_scores",
    "n_customers",
    "reduce",
    "regroup",
    "suppress",
]

TALLIES = ("n", "w", "w2")
"""Columns of a cell that are sums over answers: their number, Σw and Σw²."""

DENSE_CELLS = 5_000
"""Above this many cells the matrix M is sparse: dense it would take more than 200 MB."""


# ---------------------------------------------------------------------------------------- how many


def reduce(table: ibis.Table, by: str | Sequence[str], *, weight: str | None = None) -> pd.DataFrame:
    """Number of rows of ``table`` per combination of the columns ``by``: one pass, in its engine.

    Parameters
    ----------
    table : any ibis table: a Parquet file read by DuckDB, a table in a warehouse, a memtable.
    by : columns to count by; an empty list counts all rows.
    weight : column of weights, if the answers are weighted; none may be missing.

    Returns
    -------
    One row per combination that occurs, ordered by ``by`` (missing last): the ``by`` columns, ``n``
    (int64) and, with weights, ``w`` = Σw and ``w2`` = Σw² (float64). Texts stay as they are ("NA" is
    a text), a missing value is ``<NA>``.

    Raises
    ------
    ValueError : a column does not exist, is asked for twice, or is called ``n``, ``w`` or ``w2``;
        or weights are missing.

    Examples
    --------
    >>> import ibis
    >>> answers = ibis.memtable({"score": [9, 0, 9], "country": ["NA", None, "NA"]})
    >>> reduce(answers, ["country", "score"])
      country  score  n
    0      NA      9  2
    1    <NA>      0  1
    """
    by = _columns(table.columns, by, weight)
    tallies = {"n": table.count()}
    if weight is not None:
        w = table[weight].cast("float64")
        tallies |= {"w": w.sum(), "w2": (w * w).sum(), "_weighed": w.count()}
    return _cells(_grouped(table, by, tallies), by, weight)


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
        _known(column, columns, "cells have")
        frame[column] = _recoded(frame[column], recode, column)
    by = columns if by is None else _columns(columns, by)

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
    return merged, product if isinstance(product, np.ndarray) else _fitting(product.tocsr())


# ------------------------------------------------------------------------------------- how certain


def cluster_matrix(
    table: ibis.Table, by: str | Sequence[str], customer: str, *, weight: str | None = None
) -> tuple[pd.DataFrame, Matrix]:
    """Cells, and how often the same customers fall in two of them: M[a, b] = Σ_c t_ca · t_cb.

    t_ca is how often customer c falls in cell a, or with weights the sum of the weights there. With
    scores G per cell an estimator has the exact cluster meat G'MG (:func:`cluster_variance`): nothing
    else about the customers is needed, and nothing less will do. The matrix is summed in the engine:
    only customers in two cells or more are joined with themselves, the rest stand on the diagonal.

    Parameters
    ----------
    table, by, weight : as in :func:`reduce`.
    customer : column that names the customer; a row without one counts as a customer of its own.

    Returns
    -------
    cells : as :func:`reduce` returns them, R rows.
    M : shape (R, R), symmetric, float64; a numpy array up to 5,000 cells, a sparse one above.

    Raises
    ------
    ValueError : as :func:`reduce`, or the customer column does not exist.

    References
    ----------
    Liang & Zeger (1986), Biometrika 73, 13–22: the variance this serves.

    Examples
    --------
    >>> import ibis
    >>> answers = ibis.memtable({"customer": [1, 1, 2, 3], "wave": [1, 2, 1, 1]})
    >>> cells, M = cluster_matrix(answers, "wave", "customer")
    >>> M.tolist()
    [[3.0, 1.0], [1.0, 1.0]]
    """
    by = _columns(table.columns, by, weight)
    _known(customer, table.columns, "the table has")
    if customer in by:
        raise ValueError(f"{customer!r} names the customers, so cells by it would be single people")
    names, falls = _falls(table, by, customer, weight)
    tallies = [name for name in falls.columns if name not in ("customer", "cell", "t")]
    # without a customer every row stands alone: Σ 1² or Σ w² instead of (Σ)²
    alone = (falls.n if weight is None else falls.w2).cast("float64")
    sums = {name: falls[name].sum() for name in tallies}
    sums["_diagonal"] = falls.customer.isnull().ifelse(alone, falls.t * falls.t).sum()  # noqa: PD003 (ibis's name)
    keys = [name for name in names.columns if name != "cell"]
    cells = _cells(names.join(falls.group_by("cell").agg(**sums), "cell"), keys, weight)
    number, diagonal = cells.pop("cell").to_numpy(int), cells.pop("_diagonal").to_numpy(float, na_value=0.0)

    a, b, products = _pairs(falls, number)
    from scipy import sparse

    every = np.arange(len(cells))
    entries = np.concatenate([diagonal, products, products])
    place = np.concatenate([every, a, b]), np.concatenate([every, b, a])
    matrix = sparse.coo_array((entries, place), shape=(len(cells), len(cells))).tocsr()
    cells = cells.rename(columns=dict(zip(keys, by, strict=False)))
    return (cells if by else cells.drop(columns=keys)), _fitting(matrix)


def n_customers(table: ibis.Table, customer: str) -> int:
    """Number of distinct customers in ``table``: the number of clusters in a small-sample correction.

    A row without a customer counts as a customer of its own, as in :func:`cluster_matrix`.

    >>> import ibis
    >>> n_customers(ibis.memtable({"customer": ["a", "a", "b", None]}), "customer")
    3
    """
    _known(customer, table.columns, "the table has")
    who = table[customer]
    return int(_arrow(table.agg(n=who.nunique() + who.isnull().sum()))["n"][0].as_py() or 0)  # noqa: PD003


def cluster_variance(
    scores: np.ndarray, matrix: Matrix, *, customers: int | None = None
) -> float | np.ndarray:
    """Variance of estimates whose error is a sum of ``scores`` over answers: G'MG.

    The usual cluster-robust ("sandwich") variance, from cells instead of rows: a customer's answers
    may depend on each other in any way, customers are independent.

    Parameters
    ----------
    scores : G, shape (R,) or (R, p): what one answer (with weights: one unit of weight) in each cell
        adds to the estimate's error. :func:`mean_scores` has those of a mean; a total's are the
        answers' own values; a difference's are the difference of the two.
    matrix : M of :func:`cluster_matrix`, shape (R, R).
    customers : number C of customers; if given, the variance is multiplied by C/(C − 1), as
        software for row-level data does by default.

    Returns
    -------
    The variance (scores of one estimate) or the covariance matrix, shape (p, p).

    References
    ----------
    Liang & Zeger (1986), Biometrika 73, 13–22.

    Examples
    --------
    Three customers answer in wave 1, the first of them again in wave 2 (see :func:`cluster_matrix`);
    the variance of the number of answers, when customers come and go:

    >>> cluster_variance(np.array([1.0, 1.0]), np.array([[3.0, 1.0], [1.0, 1.0]]))
    6.0
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim not in (1, 2) or matrix.shape != (len(scores), len(scores)):
        raise ValueError(
            f"scores need a row per cell and the matrix a row and a column: got shapes {scores.shape} "
            f"and {matrix.shape}"
        )
    meat = scores.T @ (matrix @ scores)
    if customers is not None:
        if customers < 2:
            raise ValueError(f"a correction for the number of customers needs at least 2, not {customers}")
        meat = meat * (customers / (customers - 1))
    return float(meat) if scores.ndim == 1 else (meat + meat.T) / 2


def mean_scores(
    values: np.ndarray, tally: np.ndarray, where: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """The mean of ``values`` over the answers in chosen cells, and its scores for :func:`cluster_variance`.

    Parameters
    ----------
    values : worth of an answer in each cell, shape (R,); may be missing outside ``where``.
    tally : ``cells["n"]``, or ``cells["w"]`` for a weighted mean (then with the weighted M), shape (R,).
    where : which cells belong to the group, shape (R,), boolean; all by default.

    Returns
    -------
    The mean (NaN without answers) and G, shape (R,): (value − mean) / Σ tally in the group, 0 outside.
    The change between two waves is the difference of the means, its scores the difference of the G.

    Examples
    --------
    >>> mean, G = mean_scores(np.array([-100.0, 0.0, 100.0]), np.array([20, 30, 50]))
    >>> variance = cluster_variance(G, np.diag([20, 30, 50]))    # nobody answers twice: the usual error
    >>> mean, round(variance**0.5, 6)
    (30.0, 7.81025)
    """
    tally = np.asarray(tally, dtype=float)
    chosen = np.ones(len(tally), dtype=bool) if where is None else np.asarray(where, dtype=bool)
    worth = np.where(chosen, np.asarray(values, dtype=float), 0.0)
    total = tally[chosen].sum()
    if not total > 0:
        return float("nan"), np.full(len(tally), np.nan)
    mean = float(worth @ np.where(chosen, tally, 0.0) / total)
    return mean, np.where(chosen, (worth - mean) / total, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """Coefficients of a linear regression and their cluster-robust covariance.

    Attributes
    ----------
    coefficients : shape (p,), in the order of the design's columns.
    covariance : shape (p, p).
    scores : shape (R, p): what one answer (or unit of weight) in each cell adds to the coefficients' error.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray

    @property
    def standard_errors(self) -> np.ndarray:
        """Standard error per coefficient, shape (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def _repr_html_(self) -> str:
        from cxstats.show import definition_html

        rows = zip(self.coefficients, self.standard_errors, strict=True)
        return definition_html(
            "Least squares",
            [(f"x{i}", f"{b:.4g} (standard error {se:.3g})") for i, (b, se) in enumerate(rows)],
        )


def least_squares(
    design: np.ndarray,
    response: np.ndarray,
    tally: np.ndarray,
    matrix: Matrix,
    *,
    customers: int | None = None,
) -> LeastSquares:
    """Linear regression on cells, with the variance of repeated customers.

    The same as on the rows themselves: answers in one cell share their predictors and response.

    Parameters
    ----------
    design : predictors of the answers in each cell, shape (R, p), with a column of ones for the intercept.
    response : worth of an answer in each cell, shape (R,).
    tally : ``cells["n"]``, or ``cells["w"]`` for weighted least squares (then with the weighted M).
    matrix : M of :func:`cluster_matrix`.
    customers : as in :func:`cluster_variance`.

    Raises
    ------
    ValueError : shapes that do not fit, a missing predictor or response (leave those cells out), or
        predictors of which one follows from the others.

    References
    ----------
    Cameron & Miller (2015), Journal of Human Resources 50, 317–372.

    Examples
    --------
    >>> fit = least_squares(np.array([[1, 0], [1, 1]]), np.array([0, 1]), np.array([5, 5]), np.eye(2))
    >>> fit.coefficients.round(12).tolist()
    [0.0, 1.0]
    """
    x, y, t = (np.asarray(a, dtype=float) for a in (design, response, tally))
    if x.ndim != 2 or y.shape != (len(x),) or t.shape != (len(x),) or matrix.shape != (len(x), len(x)):
        raise ValueError(
            "design (R, p), response (R,), tally (R,) and matrix (R, R) must fit each other, but have "
            f"shapes {x.shape}, {y.shape}, {t.shape} and {matrix.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(
            "a predictor or response is missing: leave those cells out, of the matrix too: "
            "M[np.ix_(keep, keep)]"
        )
    root = np.sqrt(t)
    q, r = np.linalg.qr(root[:, None] * x)
    size = np.abs(np.diag(r))
    if len(x) < x.shape[1] or size.min(initial=np.inf) <= 1e-10 * size.max(initial=0):
        raise ValueError("the predictors do not tell themselves apart: one of them follows from the others")
    coefficients = np.linalg.solve(r, q.T @ (root * y))
    bread = np.linalg.inv(r) @ np.linalg.inv(r).T
    scores = (x * (y - x @ coefficients)[:, None]) @ bread
    return LeastSquares(coefficients, cluster_variance(scores, matrix, customers=customers), scores)


# ------------------------------------------------------------------------------- what may be shown

TOO_FEW = "too few"
NO_DATA = "no data"


@dataclass(frozen=True, slots=True, eq=False)
class Suppressed:
    """A table that may be shown: small groups, and what would give them away, are blank.

    Attributes
    ----------
    table : the frame given, with ``<NA>`` for every hidden number.
    hidden : which rows are hidden, shape (rows,), boolean. Which of them are small and which only stand
        beside a small one is not told: it would tell more about the small ones.
    threshold : groups under this many answers are not shown.
    rule : the rule in a sentence, to stand under the table; says so where the threshold was lowered.
    hidden_totals : totals that are not rows of the table and must not be shown beside it either, as
        {column: label} of the group they count; {} is the total of all.
    n : name of the column with the number of answers.
    """

    table: pd.DataFrame
    hidden: np.ndarray
    threshold: int
    rule: str
    hidden_totals: tuple[dict[str, Any], ...]
    n: str

    @property
    def lowered(self) -> bool:
        """Whether the threshold is below the usual 10."""
        return self.threshold < THRESHOLD

    @property
    def status(self) -> pd.Series:
        """Per row "shown", "too few" (hidden) or "no data" (no answers at all)."""
        empty = self.table[self.n].fillna(1).eq(0).to_numpy()
        words = np.select([self.hidden, empty], [TOO_FEW, NO_DATA], "shown")
        return pd.Series(words, index=self.table.index, dtype="string", name="status")

    def text(self, column: str, style: str = "{}") -> pd.Series:
        """A column as it is printed: numbers in ``style``, "too few" and "no data" in words.

        >>> waves = pd.DataFrame({"wave": ["1", "2", "3"], "n": [40, 0, 30]})
        >>> suppress(waves, by="wave").text("n", "{:,}").tolist()
        ['40', 'no data', '30']
        """
        _known(column, self.table.columns, "the table has")
        words = [
            (style.format(value) if pd.notna(value) else NO_DATA) if status == "shown" else status
            for value, status in zip(self.table[column], self.status, strict=True)
        ]
        return pd.Series(words, index=self.table.index, dtype="string", name=column)

    def _repr_html_(self) -> str:
        from html import escape

        shown = pd.DataFrame(
            {
                name: self.text(name) if self.table[name].isna().any() or name == self.n else self.table[name]
                for name in self.table.columns
            }
        )
        return f"{shown.to_html(index=False)}<p>{escape(self.rule)}</p>"


THRESHOLD = 10


def suppress(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    *,
    n: str = "n",
    values: Sequence[str] | None = None,
    threshold: int = THRESHOLD,
    total: bool | str = True,
) -> Suppressed:
    """Hide groups of fewer than ``threshold`` answers, and those that would give them away.

    A hidden group must not be had by subtraction: where a total is shown and one group is small, the
    next smallest is hidden too. In a table of several columns that holds for every row, column and
    layer with its totals. Afterwards

    * no hidden count follows exactly from what is shown, even for a reader who knows that counts are
      whole numbers and that a hidden group has at least one answer (an empty one is shown as empty);
    * the hidden groups of a line add up to at least ``threshold``, so that what subtraction gives is
      no small group either.

    A *range* for a hidden count can still be worked out, and with it roughly its size. Tables are
    safe one at a time: what is shown together (a total in the header, the same groups by another
    column) should be suppressed together; two tables that differ by a few customers can be
    subtracted from each other.

    Parameters
    ----------
    frame : one row per group; ``by`` tells them apart.
    by : the columns that make a group: ``"country"``, or ``["country", "wave"]`` for a two-way table.
    n : column with the number of answers in a group: whole numbers, 0 or more.
    values : columns to blank with it; by default all others but ``by``.
    threshold : smallest number of answers that is shown; below the usual 10, the rule says so.
    total : whether totals stand beside the groups. True: the totals of every row and column and of
        all are known, though they are not rows of ``frame``; those that must then not be shown are
        returned in ``hidden_totals``. A text: the label of total rows within ``frame`` ("All").
        False: no total is shown anywhere, and nothing can be subtracted.

    Raises
    ------
    ValueError : a column does not exist, a group has two rows, a count is missing, negative or not
        whole, the threshold is below 1, or a total row is not the sum of its parts.

    References
    ----------
    Hundepool et al. (2012), Statistical Disclosure Control, ch. 4: primary and secondary suppression.

    Examples
    --------
    >>> groups = pd.DataFrame({"country": ["AT", "DE", "JP"], "n": [4, 900, 120], "nps": [50.0, 12.0, 3.5]})
    >>> shown = suppress(groups, by="country")
    >>> shown.text("nps", "{:.0f}").tolist()     # Japan alone would leave Austria = total − Germany − Japan
    ['too few', '12', 'too few']
    """
    by = [by] if isinstance(by, str) else list(by)
    _check_table(frame, by, n, threshold)
    label = total if isinstance(total, str) else None
    blank = [name for name in frame.columns if name not in by] if values is None else [n, *values]
    for name in blank:
        _known(name, frame.columns, "the table has")
    counts = pd.to_numeric(frame[n]).to_numpy(dtype=np.int64)

    place, full, names = _with_totals(frame, by, counts, label)
    small = (full > 0) & (full < threshold)
    hidden_full = _protected(full, small, threshold) if total is not False else small
    hidden = hidden_full[tuple(place.T)] if len(frame) else np.zeros(0, dtype=bool)

    table = frame.copy()
    for name in dict.fromkeys(blank):
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            column = column.astype("Int64" if pd.api.types.is_integer_dtype(column) else "Float64")
        table[name] = column.mask(hidden)
    beside = () if total is False else _hidden_totals(hidden_full, place, names, by)
    return Suppressed(table, hidden, threshold, _rule(threshold, total is not False), beside, n)


def _rule(threshold: int, total: bool) -> str:
    rule = f"Groups with fewer than {threshold} answers are not shown"
    if total:
        rule += ", nor those that would give them away by subtraction from a total"
    if threshold < THRESHOLD:
        rule += f"; the limit was lowered from the usual {THRESHOLD}"
    return rule + "."


def _check_table(frame: pd.DataFrame, by: Sequence[str], n: str, threshold: int) -> None:
    if not by:
        raise ValueError("by must name the column or columns that make a group")
    for name in [*by, n]:
        _known(name, frame.columns, "the table has")
    if isinstance(threshold, bool) or not isinstance(threshold, (int, np.integer)) or threshold < 1:
        raise ValueError(f"threshold must be a whole number of answers, 1 or more, not {threshold!r}")
    counts = pd.to_numeric(frame[n]).to_numpy(dtype=float, na_value=np.nan)
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))).all():
        raise ValueError(
            f"{n!r} must hold whole numbers of answers, 0 or more, none missing: {counts.tolist()}"
        )
    twice = frame[frame.duplicated(list(by))]
    if len(twice):
        group = dict(zip(by, twice[list(by)].iloc[0], strict=True))
        raise ValueError(f"a group has one row, but {group} has more; add its rows up first (regroup)")


def _with_totals(
    frame: pd.DataFrame, by: Sequence[str], counts: np.ndarray, label: str | None
) -> tuple[np.ndarray, np.ndarray, list[list[Any]]]:
    """The table as an array with totals at the end of every axis.

    Returns where each row of the frame stands in it, shape (rows, k); the array itself; and the labels
    along each axis, without the total's.
    """
    place, names = [], []
    for column in by:
        is_part = np.ones(len(frame), dtype=bool)
        if label is not None:
            is_part = ~frame[column].eq(label).fillna(False).to_numpy(dtype=bool)
        # a missing label is a group like any other
        codes, labels = pd.factorize(frame.loc[is_part, column], use_na_sentinel=False)
        position = np.full(len(frame), len(labels))
        position[is_part] = codes
        place.append(position)
        names.append(list(labels))
    place = np.column_stack(place)
    sizes = np.array([len(labels) for labels in names])
    inner = (place < sizes).all(axis=1)
    full = np.zeros(tuple(sizes + 1), dtype=np.int64)
    full[tuple(place[inner].T)] = counts[inner]
    for axis, size in enumerate(sizes):
        parts = np.take(full, range(size), axis=axis).sum(axis=axis)
        full[(slice(None),) * axis + (size,)] = parts
    wrong = full[tuple(place.T)] != counts
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        group = dict(zip(by, frame[list(by)].iloc[row], strict=True))
        raise ValueError(
            f"the total {group} is {counts[row]:,}, but its parts add up to {full[tuple(place[row])]:,}. "
            "Give the others (for example, country not known) a row of their own: left out, they could "
            "be had by subtraction"
        )
    return place, full, names


def _hidden_totals(
    hidden: np.ndarray, place: np.ndarray, names: list[list[Any]], by: Sequence[str]
) -> tuple[dict[str, Any], ...]:
    """Hidden totals that are not rows of the frame."""
    sizes = np.array(hidden.shape) - 1
    rows = {tuple(row) for row in place.tolist()}
    return tuple(
        {column: names[k][i] for k, (column, i) in enumerate(zip(by, cell, strict=True)) if i < sizes[k]}
        for cell in np.argwhere(hidden).tolist()
        if tuple(cell) not in rows and (np.array(cell) == sizes).any()
    )


def _protected(full: np.ndarray, small: np.ndarray, threshold: int) -> np.ndarray:
    """Hide more cells until none of the small ones follows from the rest.

    Greedy, then verified: first every line is made safe by hiding the cheapest cell beside, then every
    hidden cell is tried as an attacker would, until none gives way. It ends, because in the worst case
    everything is hidden, totals too.
    """
    hidden = small.copy()
    while True:
        _close_lines(full, hidden, threshold)
        exposed = _exposed(full, hidden)
        if exposed is None:
            return hidden
        beside = np.zeros_like(hidden)
        for axis in range(full.ndim):
            line = tuple(slice(None) if k == axis else i for k, i in enumerate(exposed))
            beside[line] = True
        choice = beside & ~hidden & (full > 0)
        hidden[_cheapest(full, hidden, choice if choice.any() else ~hidden & (full > 0))] = True


def _close_lines(full: np.ndarray, hidden: np.ndarray, threshold: int) -> None:
    """Hide cells, in place, until no line (parts and their total) gives a single small number away."""
    open_lines = True
    while open_lines:
        open_lines = False
        for axis in range(full.ndim):
            count = hidden.sum(axis=axis)
            parts = np.where(hidden, full, 0).sum(axis=axis) - np.where(hidden, full, 0).take(-1, axis=axis)
            by_total = ~hidden.take(-1, axis=axis) & (parts < threshold)
            for where in np.argwhere((count == 1) | ((count > 0) & by_total)).tolist():
                line = (*where[:axis], slice(None), *where[axis:])
                choice = np.zeros_like(hidden)
                choice[line] = ~hidden[line] & (full[line] > 0)
                hidden[_cheapest(full, hidden, choice)] = True
                open_lines = True


def _cheapest(full: np.ndarray, hidden: np.ndarray, choice: np.ndarray) -> tuple[int, ...]:
    """The cell of ``choice`` whose hiding costs the reader least.

    Parts before totals; then the one that makes the fewest other lines unsafe; then the smallest.
    """
    last = np.array(full.shape) - 1
    cells = np.argwhere(choice)
    level = (cells == last).sum(axis=1)
    bare = np.zeros(len(cells), dtype=int)
    for axis in range(full.ndim):
        count = np.expand_dims(hidden.sum(axis=axis), axis)
        bare += np.broadcast_to(count, full.shape)[tuple(cells.T)] == 0
    return tuple(cells[np.lexsort((full[tuple(cells.T)], bare, level))[0]].tolist())


def _exposed(full: np.ndarray, hidden: np.ndarray) -> tuple[int, ...] | None:
    """A hidden cell that has one possible value only, given all that is shown; None if there is none.

    The reader knows that a total is the sum of its parts, that counts are whole and hidden ones at least
    1. A cell is safe as soon as one other solution with another value is found for it.
    """
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    cells = np.argwhere(hidden)
    if not len(cells):
        return None
    number = np.full(full.shape, -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    rows, columns, signs = [], [], []
    n_lines = 0
    for axis in range(full.ndim):
        lines = np.moveaxis(number, axis, -1).reshape(-1, full.shape[axis])
        for line in lines[(lines >= 0).any(axis=1)]:
            at = np.flatnonzero(line >= 0)
            rows += [n_lines] * len(at)
            columns += line[at].tolist()
            signs += [-1.0 if i == len(line) - 1 else 1.0 for i in at]
            n_lines += 1
    truth = full[hidden].astype(float)
    sums = sparse.csr_array((signs, (rows, columns)), shape=(n_lines, len(cells)))
    fixed = LinearConstraint(sums, sums @ truth, sums @ truth)
    # a step of a few answers up or down shows that a count is not fixed; far ones need not be tried
    near = Bounds(np.ones(len(cells)), truth + THRESHOLD)
    # with one or two columns the corner solutions are whole numbers by themselves (a network)
    whole = np.full(len(cells), 1 if full.ndim > 2 else 0)

    safe = np.zeros(len(cells), dtype=bool)
    random = np.random.default_rng(0)  # any directions will do; most cells move in the first few
    for _ in range(4):
        found = milp(random.normal(size=len(cells)), constraints=fixed, bounds=near, integrality=whole)
        safe |= np.abs(found.x - truth) > 0.5
    for i in range(len(cells)):
        for sign in (-1.0, 1.0):
            if not safe[i]:
                aim = np.zeros(len(cells))
                aim[i] = sign
                found = milp(aim, constraints=fixed, bounds=near, integrality=whole)
                safe |= np.abs(found.x - truth) > 0.5
        if not safe[i]:
            return tuple(cells[i].tolist())
    return None


# -------------------------------------------------------------------------------------- small parts


def _columns(available: Sequence[str], by: str | Sequence[str], weight: str | None = None) -> list[str]:
    """The checked list of columns to count by."""
    by = [by] if isinstance(by, str) else list(by)
    for column in [*by, *([weight] if weight is not None else [])]:
        _known(column, available, "the table has")
    twice = sorted({column for column in by if by.count(column) > 1})
    if twice:
        raise ValueError(f"columns to count by are named once each, but {twice} are named twice")
    # engines do not tell capitals apart in names
    taken = [column for column in by if column.lower() in (*TALLIES, "_weighed")]
    if taken:
        raise ValueError(f"{taken}: names that the counts themselves use; rename those columns first")
    return by


def _known(column: object, available: Sequence[str], have: str) -> None:
    if column not in available:
        near = get_close_matches(str(column), [str(name) for name in available], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f": {', '.join(map(str, available))}"
        raise ValueError(f"there is no column {column!r}; {have} {len(available)} others{hint}")


def _grouped(table: ibis.Table, by: Sequence[str], tallies: Mapping[str, Any]) -> ibis.Table:
    return table.group_by(list(by)).agg(**tallies) if by else table.agg(**tallies)


def _arrow(expression: ibis.Table) -> pa.Table:
    """The result of a query, dictionaries resolved: the shortest way out of the engine."""
    import pyarrow as pa

    result = expression.to_pyarrow()
    for i, column in enumerate(result.columns):
        if pa.types.is_dictionary(column.type):
            result = result.set_column(i, result.column_names[i], column.cast(column.type.value_type))
    return result


def _frame(result: pa.Table) -> pd.DataFrame:
    """As pandas, with dtypes in which a missing value is ``<NA>`` and whole numbers stay whole."""
    import pyarrow as pa

    plain = {
        pa.string(): pd.StringDtype("pyarrow"),
        pa.large_string(): pd.StringDtype("pyarrow"),
        pa.bool_(): pd.BooleanDtype(),
        pa.float32(): pd.Float64Dtype(),
        pa.float64(): pd.Float64Dtype(),
    }
    return result.to_pandas(
        types_mapper=lambda kind: pd.Int64Dtype() if pa.types.is_integer(kind) else plain.get(kind)
    )


def _cells(expression: ibis.Table, by: Sequence[str], weight: str | None) -> pd.DataFrame:
    """Run the counting query; order and type its small result."""
    result = _arrow(expression)
    if by:
        # sorted here, not in the engine: engines differ in how they order text and missing values
        result = result.sort_by([(column, "ascending") for column in by])
    cells = _frame(result)
    cells["n"] = cells["n"].fillna(0).astype("int64")
    if weight is not None:
        weighed = cells.pop("_weighed").fillna(0).sum()
        if weighed != cells["n"].sum():
            raise ValueError(
                f"the weight {weight!r} is missing for {cells['n'].sum() - weighed} of {cells['n'].sum()} "
                "answers; a sum would leave them out in silence"
            )
        for name in ("w", "w2"):
            cells[name] = cells[name].fillna(0.0).astype("float64")
    return cells


def _falls(
    table: ibis.Table, by: Sequence[str], customer: str, weight: str | None
) -> tuple[ibis.Table, ibis.Table]:
    """The cells' labels, numbered; and per customer and cell the tallies and t_ca. Both still queries.

    The number stands for the labels in all that follows: to join and group customers by one whole
    number is several times cheaper than by all the texts.
    """
    import ibis

    # names of our own, which no column of the table can clash with
    keys = {f"k{i}": table[column] for i, column in enumerate(by)} or {"k0": ibis.literal(0)}
    rows = table.select(customer=table[customer], **keys)
    if weight is not None:
        rows = table.select(customer=table[customer], **keys, weight=table[weight].cast("float64"))
    names = rows.select(*keys).distinct().mutate(cell=ibis.row_number().over(order_by=list(keys)))
    label = names.rename({f"{key}_": key for key in keys})
    # a missing label is a label like any other: identical to another missing one
    placed = rows.join(label, [rows[key].identical_to(label[f"{key}_"]) for key in keys])
    tallies = {"n": placed.count()}
    if weight is not None:
        w = placed.weight
        tallies |= {"w": w.sum(), "w2": (w * w).sum(), "_weighed": w.count()}
    falls = placed.group_by("customer", "cell").agg(**tallies)
    return names, falls.mutate(t=(falls.n if weight is None else falls.w).cast("float64"))


def _pairs(falls: ibis.Table, number: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of cells that share a customer, each once, as rows of the table of cells, and Σ_c t_ca·t_cb.

    ``number`` holds the number of each row's cell.
    """
    named = falls.filter(falls.customer.notnull()).select("customer", "cell", "t")  # noqa: PD004 (ibis's name)
    repeat = named.group_by("customer").agg(cells=named.count())
    several = named.semi_join(repeat.filter(repeat.cells > 1), "customer")
    # the same query under names of its own: a table joined with itself is otherwise ambiguous
    other = several.view().rename({f"{name}_b": name for name in ("customer", "cell", "t")})
    both = several.join(other, [several.customer == other.customer_b, several.cell < other.cell_b])
    shared = _arrow(both.group_by("cell", "cell_b").agg(product=(both.t * both.t_b).sum()))
    row = np.full(number.max(initial=-1) + 1, -1)
    row[number] = np.arange(len(number))
    a, b = (row[shared[name].to_numpy()] for name in ("cell", "cell_b"))
    return a, b, shared["product"].to_numpy()


def _fitting(matrix: csr_array) -> Matrix:
    """Dense while that is small, sparse above."""
    return matrix.toarray() if matrix.shape[0] <= DENSE_CELLS else matrix


def _codes(column: pd.Series) -> np.ndarray:
    """Whole numbers in the order of the column's values, missing last."""
    codes, values = pd.factorize(column, sort=True)
    return np.where(codes < 0, len(values), codes)


def _group(frame: pd.DataFrame, by: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Which group each row falls in, and one row per group, ordered by ``by`` with missing last."""
    if not by:
        return np.zeros(len(frame), dtype=int), pd.DataFrame(index=range(1))
    codes = np.column_stack([_codes(frame[column]) for column in by])
    _, first, group = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    return group.ravel(), frame[list(by)].iloc[first].reset_index(drop=True)


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

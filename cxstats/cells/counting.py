"""How many: rows reduced to cells, in the engine that holds them, and which customers fall in two."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import ibis
    import pandas as pd
    import pyarrow as pa
    from scipy.sparse import csr_array

    Matrix = np.ndarray | csr_array

__all__ = [
    "DENSE_CELLS",
    "TALLIES",
    "checked_columns",
    "cluster_matrix",
    "fitting",
    "known",
    "n_customers",
    "reduce",
]

TALLIES = ("n", "w", "w2")
"""Columns of a cell that are sums over answers: their number, Σw and Σw²."""

DENSE_CELLS = 5_000
"""Above this many cells the matrix M is sparse: dense it would take more than 200 MB."""


def reduce(
    table: ibis.Table, by: str | Sequence[str], *, weight: str | None = None, count: str | None = None
) -> pd.DataFrame:
    """Number of rows of ``table`` per combination of the columns ``by``: one pass, in its engine.

    Parameters
    ----------
    table : any ibis table: a Parquet file read by DuckDB, a table in a warehouse, a memtable.
    by : columns to count by; an empty list counts all rows.
    weight : column of weights, if the answers are weighted; none may be missing.
    count : column that says for how many answers a row stands; each stands for one without it.

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
    by = checked_columns(table.columns, by, weight)
    tallies = {"n": table.count() if count is None else table[count].sum().cast("int64")}
    if weight is not None:
        w = table[weight].cast("float64")
        tallies |= {"w": w.sum(), "w2": (w * w).sum(), "_weighed": w.count()}
    return _cells(_grouped(table, by, tallies), by, weight)


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
    by = checked_columns(table.columns, by, weight)
    known(customer, table.columns, "the table has")
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
    return (cells if by else cells.drop(columns=keys)), fitting(matrix)


def n_customers(table: ibis.Table, customer: str) -> int:
    """Number of distinct customers in ``table``: the number of clusters in a small-sample correction.

    A row without a customer counts as a customer of its own, as in :func:`cluster_matrix`.

    >>> import ibis
    >>> n_customers(ibis.memtable({"customer": ["a", "a", "b", None]}), "customer")
    3
    """
    known(customer, table.columns, "the table has")
    who = table[customer]
    return int(_arrow(table.agg(n=who.nunique() + who.isnull().sum()))["n"][0].as_py() or 0)  # noqa: PD003


def checked_columns(
    available: Sequence[str], by: str | Sequence[str], weight: str | None = None
) -> list[str]:
    """The checked list of columns to count by."""
    by = [by] if isinstance(by, str) else list(by)
    for column in [*by, *([weight] if weight is not None else [])]:
        known(column, available, "the table has")
    twice = sorted({column for column in by if by.count(column) > 1})
    if twice:
        raise ValueError(f"columns to count by are named once each, but {twice} are named twice")
    # engines do not tell capitals apart in names
    taken = [column for column in by if column.lower() in (*TALLIES, "_weighed")]
    if taken:
        raise ValueError(f"{taken}: names that the counts themselves use; rename those columns first")
    return by


def known(column: object, available: Sequence[str], have: str) -> None:
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


def _load_meanwhile(library: str) -> None:
    """Start loading a library that is needed only once the engine has counted, which leaves Python free."""
    if library not in sys.modules:
        Thread(target=importlib.import_module, args=(library,), daemon=True).start()


def _frame(result: pa.Table) -> pd.DataFrame:
    """As pandas, with dtypes in which a missing value is ``<NA>`` and whole numbers stay whole."""
    import pandas as pd
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
    _load_meanwhile("pandas")
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
    placed = rows.join(label, [c for key in keys for c in _same(rows[key], label[f"{key}_"])])
    tallies = {"n": placed.count()}
    if weight is not None:
        w = placed.weight
        tallies |= {"w": w.sum(), "w2": (w * w).sum(), "_weighed": w.count()}
    falls = placed.group_by("customer", "cell").agg(**tallies)
    return names, falls.mutate(t=(falls.n if weight is None else falls.w).cast("float64"))


def _same(one: Any, other: Any) -> list[Any]:
    """Conditions under which two columns are the same, missing ones included, by which an engine can join."""
    if one.get_backend().name == "duckdb":
        return [one.identical_to(other)]
    # others (PostgreSQL) compare every row with every label where equality includes missing values
    texts = [column.cast("string").fill_null("") for column in (one, other)]
    return [texts[0] == texts[1], one.isnull() == other.isnull()]  # noqa: PD003 (ibis's name)


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


def fitting(matrix: csr_array) -> Matrix:
    """Dense while that is small, sparse above."""
    return matrix.toarray() if matrix.shape[0] <= DENSE_CELLS else matrix

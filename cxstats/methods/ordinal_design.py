"""From cells with columns to the arrays of the ordered model: covariates, reference levels, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.ordinal_likelihood import LINKS, OrderedCells, ordered_cells
from cxstats.words import join_words, plural

__all__ = ["NOT_KNOWN", "Column", "OrderedProblem", "build", "too_few_categories"]

NOT_KNOWN = "not known"
"""Label of customers whose group is missing: a group of its own."""

LEAST_CATEGORIES = 3
"""Categories a group needs: with two, any spread fits as well as any other once the location follows."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A covariate: labels with a reference level, or numbers.

    Attributes
    ----------
    name : the column.
    levels : its labels, the reference first; () for numbers.
    codes : level of each used row, shape (rows,); for numbers the values themselves.
    """

    name: str
    levels: tuple[str, ...]
    codes: np.ndarray

    @property
    def terms(self) -> list[str]:
        """Names of its coefficients: "country[Japan]", or the column's name for numbers."""
        return [f"{self.name}[{level}]" for level in self.levels[1:]] if self.levels else [self.name]

    def design(self) -> np.ndarray:
        """One column per coefficient, shape (rows, terms)."""
        if not self.levels:
            return self.codes[:, None].astype(float)
        return (self.codes[:, None] == np.arange(1, len(self.levels))).astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class OrderedProblem:
    """An ordered model's data: distinct combinations of answer and covariates.

    Attributes
    ----------
    cells : arrays of the likelihood, N distinct combinations.
    category : answer of each, 0 … K − 1, shape (N,).
    categories : the K answers that occur, lowest first.
    columns : every covariate by name, its codes per row used.
    location, scale : names of the covariates of each part.
    used : rows of the caller's frame that hold answers, shape (rows,).
    cell_of_row : which of the N each of those is, shape (rows,).
    tally, mass : answers, and answers or weights, per row used, shape (rows,).
    squares : Σw² per row used (the answers where they are not weighted), shape (rows,).
    n_rows : rows of the caller's frame.
    weighted : whether ``mass`` are weights.
    link : "probit" or "logit".
    """

    cells: OrderedCells
    category: np.ndarray
    categories: tuple[object, ...]
    columns: dict[str, Column]
    location: tuple[str, ...]
    scale: tuple[str, ...]
    used: np.ndarray
    cell_of_row: np.ndarray
    tally: np.ndarray
    mass: np.ndarray
    squares: np.ndarray
    n_rows: int
    weighted: bool
    link: str

    @property
    def index(self) -> pd.MultiIndex:
        """Names of the parameters: (part, term)."""
        edges = [f"{a}|{b}" for a, b in zip(self.categories, self.categories[1:], strict=False)]
        parts = [("thresholds", name) for name in edges]
        for part, names in (("location", self.location), ("log_scale", self.scale)):
            parts += [(part, term) for name in names for term in self.columns[name].terms]
        return pd.MultiIndex.from_tuples(parts, names=["part", "term"])

    def code_of_cell(self, column: str) -> np.ndarray:
        """Level (or number) of a covariate in each distinct combination, shape (N,)."""
        result = np.empty(len(self.category), dtype=self.columns[column].codes.dtype)
        result[self.cell_of_row] = self.columns[column].codes
        return result

    def table(self, column: str, *, answers: bool = False) -> np.ndarray:
        """Mass (or number of answers) per level of a covariate and category, shape (levels, K)."""
        result = np.zeros((len(self.columns[column].levels), len(self.categories)))
        mass = self.tally if answers else self.mass
        np.add.at(result, (self.columns[column].codes, self.category[self.cell_of_row]), mass)
        return result

    def row_masses(self, counts: np.ndarray) -> np.ndarray:
        """Mass per row used in replicates, shape (R, used), from counts per row of the frame, (R, n_rows)."""
        counts = np.asarray(counts, dtype=float)
        if counts.ndim != 2 or counts.shape[1] != self.n_rows:
            raise ValueError(
                f"replicates hold a count for each of the {self.n_rows} rows of cells, shape (R, {self.n_rows}), "
                f"but have shape {counts.shape}"
            )
        return counts[:, self.used] * (self.mass / self.tally)

    def cell_masses(self, masses: np.ndarray) -> np.ndarray:
        """Mass per distinct combination, shape (R, N), from mass per row used, shape (R, used)."""
        from scipy import sparse

        rows = len(self.used)
        place = sparse.csr_array(
            (np.ones(rows), (np.arange(rows), self.cell_of_row)), shape=(rows, len(self.category))
        )
        return masses @ place


def build(
    cells: pd.DataFrame,
    *,
    score: str,
    location: Sequence[str],
    scale: Sequence[str],
    link: str,
    reference: Mapping[str, str],
) -> OrderedProblem:
    """Check the columns and make the arrays.

    Raises
    ------
    ValueError : a column that is not there, no answers, answers without an order, a covariate that is missing,
        constant or follows from others, groups that the model cannot describe.
    """
    if link not in LINKS:
        raise ValueError(f'link must be "probit" or "logit", but is {link!r}')
    names = list(dict.fromkeys([*location, *scale]))
    for name in (score, "n", *names):
        if name not in cells.columns:
            raise ValueError(f"there is no column {name!r}; the cells have {join_words(cells.columns)}")
    for part, listed in (("location", location), ("scale", scale)):
        if len(set(listed)) < len(listed):
            raise ValueError(f"{part}: each column is named once, but it lists {join_words(listed)}")
    if score in names:
        raise ValueError(f"{score!r} is the answer and cannot explain itself")
    if unknown := sorted(set(reference) - set(names)):
        raise ValueError(f"reference: {join_words(unknown)} is not among the columns of the model")
    weighted = "w" in cells.columns
    tally = _numbers(cells["n"], "n")
    mass = _numbers(cells["w"], "w") if weighted else tally
    squares = _numbers(cells["w2"], "w2") if weighted and "w2" in cells.columns else mass**2 / _or_one(tally)
    used = np.flatnonzero(cells[score].notna().to_numpy() & (tally > 0) & (mass > 0))
    if not len(used):
        raise ValueError(f"{score}: there are no answers to fit a model to")
    frame = cells.iloc[used]
    answer, categories = _answers(frame[score], score)
    if len(categories) < LEAST_CATEGORIES:
        raise ValueError(
            f"{score}: an ordered model needs answers in {LEAST_CATEGORIES} categories or more, but all are "
            f"{join_words(categories)}"
        )
    columns = {name: _column(frame[name], name, reference.get(name)) for name in names}
    _require_enough(columns, answer, categories, tally[used], location, scale)

    key = np.column_stack([answer, *(columns[name].codes for name in names)])
    _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
    which = which.ravel()
    summed = np.bincount(which, weights=mass[used], minlength=len(first))
    design = {name: columns[name].design()[first] for name in names}
    parts = {}
    for part, listed in (("location", location), ("scale", scale)):
        parts[part] = np.hstack([np.empty((len(first), 0)), *(design[name] for name in listed)])
        _require_rank(parts[part], [term for name in listed for term in columns[name].terms], part)
    return OrderedProblem(
        cells=ordered_cells(answer[first], parts["location"], parts["scale"], summed, len(categories)),
        category=answer[first],
        categories=categories,
        columns=columns,
        location=tuple(location),
        scale=tuple(scale),
        used=used,
        cell_of_row=which,
        tally=tally[used],
        mass=mass[used],
        squares=squares[used] if weighted else tally[used],
        n_rows=len(cells),
        weighted=weighted,
        link=link,
    )


def too_few_categories(cells: pd.DataFrame, *, score: str, group: str) -> dict[str, tuple[object, ...]]:
    """Groups whose answers fall in fewer than three categories, and which those are: a study sets them aside by name.

    Parameters
    ----------
    cells : rows with ``n``, the score and the group.

    Examples
    --------
    >>> cells = pd.DataFrame({"nps": [0, 5, 9, 10], "country": ["A", "A", "A", "B"], "n": [3, 4, 5, 6]})
    >>> too_few_categories(cells, score="nps", group="country")
    {'B': (10,)}
    """
    answered = cells[cells[score].notna().to_numpy() & (_numbers(cells["n"], "n") > 0)]
    answer, categories = _answers(answered[score], score)
    labels = answered[group].astype("string").fillna(NOT_KNOWN)
    chosen = pd.Series(answer).groupby(labels.to_numpy(dtype=object)).unique()
    return {
        str(label): tuple(categories[i] for i in sorted(codes))
        for label, codes in chosen.items()
        if len(codes) < LEAST_CATEGORIES
    }


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    if not np.all(np.isfinite(numbers) & (numbers >= 0)):
        raise ValueError(f"column {name!r} must hold numbers of 0 or more, none missing")
    return numbers


def _or_one(tally: np.ndarray) -> np.ndarray:
    return np.where(tally > 0, tally, 1.0)


def _answers(column: pd.Series, name: str) -> tuple[np.ndarray, tuple[object, ...]]:
    """Rank of each answer among those that occur, and those."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not column.cat.ordered:
            raise ValueError(
                f"{name}: an ordered model needs to know which answer is higher; order the categories"
            )
        codes, levels = column.cat.codes.to_numpy(), column.cat.categories
    elif pd.api.types.is_numeric_dtype(column.dtype):
        codes, levels = pd.factorize(column, sort=True)
    else:
        raise ValueError(
            f"{name}: an ordered model needs to know which answer is higher, but the answers are texts; give "
            "whole numbers, or an ordered categorical"
        )
    present, ranks = np.unique(codes, return_inverse=True)
    return ranks, tuple(_plain(levels[i]) for i in present)


def _plain(value: object) -> object:
    number = getattr(value, "item", lambda: value)()
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _column(column: pd.Series, name: str, reference: str | None) -> Column:
    kind = column.dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        if reference is not None:
            raise ValueError(f"{name}: a column of numbers has no reference level; give labels as texts")
        values = column.to_numpy(dtype=float, na_value=np.nan)
        if not np.all(np.isfinite(values)):
            raise ValueError(
                f"{name}: {plural(int((~np.isfinite(values)).sum()), 'cell')} with answers have no number; leave "
                "them out, or give labels, of which a missing one is a group of its own"
            )
        return Column(name, (), values)
    labels = column.astype("string").fillna(NOT_KNOWN)
    # categories of a categorical keep their order, as in other software; texts are sorted
    listed = (
        [str(level) for level in column.cat.categories]
        if isinstance(kind, pd.CategoricalDtype)
        else sorted(set(labels))
    )
    present = set(labels)
    levels = [level for level in listed if level in present]
    levels += [NOT_KNOWN] if NOT_KNOWN in present and NOT_KNOWN not in levels else []
    if reference is not None:
        if str(reference) not in levels:
            raise ValueError(
                f"{name}: the reference {reference!r} has no answers; there are {join_words(levels)}"
            )
        levels.remove(str(reference))
        levels.insert(0, str(reference))
    if len(levels) < 2:
        raise ValueError(
            f"{name}: all answers are of one group, {levels[0]!r}; a comparison needs two or more"
        )
    place = {level: i for i, level in enumerate(levels)}
    return Column(name, tuple(levels), labels.map(place).to_numpy(dtype=int))


def _require_enough(
    columns: Mapping[str, Column],
    answer: np.ndarray,
    categories: tuple[object, ...],
    tally: np.ndarray,
    location: Sequence[str],
    scale: Sequence[str],
) -> None:
    for name, column in columns.items():
        if not column.levels:
            continue
        count = np.zeros((len(column.levels), len(categories)))
        np.add.at(count, (column.codes, answer), tally)
        few = (count > 0).sum(axis=1) < LEAST_CATEGORIES
        if name in scale and few.any():
            raise ValueError(
                f"{name}: the spread of a group can be told from its location only where its answers fall in "
                f"{LEAST_CATEGORIES} categories or more, but {_described(column, count, few, categories)}. "
                "Merge or leave out"
            )
        ends = np.zeros_like(few)
        for end in (0, -1):
            ends |= count[:, end] == count.sum(axis=1)
        if name in location and ends.any():
            raise ValueError(
                f"{name}: where all answers are at one end of the scale, how far beyond it the group lies is "
                f"unknown: {_described(column, count, ends, categories)}. Merge or leave out"
            )


def _described(column: Column, count: np.ndarray, which: np.ndarray, categories: tuple[object, ...]) -> str:
    return join_words(
        f"{column.levels[i]} has {plural(int(count[i].sum()), 'answer')}, all "
        f"{join_words(categories[k] for k in np.flatnonzero(count[i]))}"
        for i in np.flatnonzero(which)
    )


def _require_rank(design: np.ndarray, terms: Sequence[str], part: str) -> None:
    """Every column must say something that the others and the constant do not."""
    if not len(terms):
        return
    with_one = np.hstack([np.ones((len(design), 1)), design / np.maximum(np.abs(design).max(axis=0), 1e-300)])
    r = np.linalg.qr(with_one, mode="r")
    size = np.abs(np.diag(r))
    if len(size) < with_one.shape[1]:
        raise ValueError(f"{part}: there are more effects than kinds of customers; leave columns out")
    lost = np.flatnonzero(size <= 1e-9 * size.max())
    if len(lost):
        raise ValueError(
            f"{part}: {terms[lost[0] - 1]} follows from the other columns (or never changes), so its effect cannot "
            "be told from theirs; leave one out"
        )

"""Margins: the totals that weights must meet, read from a frame and held against the answers.

What goes wrong with weights mostly goes wrong here: totals that do not agree, categories nobody answered in,
labels that differ between the frame and the answers, margins that contradict each other. Each is refused in
words, with the category.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxstats.methods.calibration_solver import Block, Family, NotMet, Patterns
from cxstats.methods.clusters import counts_of, require_columns
from cxstats.methods.frame_variables import NOT_KNOWN

__all__ = ["Key", "Margins", "Problem", "answered_rows", "margins_of", "problem_of"]

_SUM_TOLERANCE = 1e-8

Key = str | tuple[str, ...]
Margins = Mapping[Key, Mapping[Any, float] | pd.Series | float]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The calibration problem behind the weights: rows of cells → patterns → totals."""

    rows: np.ndarray  # which rows of cells are respondents, indices
    pattern: np.ndarray  # the pattern of each of those, shape (len(rows),)
    patterns: Patterns
    everyone: tuple[
        Block, ...
    ]  # the blocks over all rows of cells; code −1 where the margins lack the category
    targets: np.ndarray
    family: Family
    names: tuple[tuple[str, str], ...]  # per total: the margin, the category
    base: np.ndarray  # base weight of one answer, per row of cells; 0 for those who did not answer
    n: np.ndarray  # answers per row of cells
    squared: np.ndarray  # Σ of the squared base weights per row of cells
    stands_for: np.ndarray  # design weight of one customer per row of cells, answered or not

    def mass(self, counts: np.ndarray) -> np.ndarray:
        """Base weight per pattern."""
        size = n_patterns(self.patterns)
        return np.bincount(self.pattern, weights=self.base[self.rows] * counts[self.rows], minlength=size)


def margins_of(cells: pd.DataFrame, columns: Sequence[Key]) -> dict[Key, dict[Any, float]]:
    """The frame's totals: how many customers were invited, by each of the columns.

    Parameters
    ----------
    cells : everyone invited, those who answered and those who did not; rows where a column ``invited`` is
        False (customers who were never invited) are left out.
    columns : columns to make margins of; a tuple of columns makes a margin of their combinations.

    Returns
    -------
    {column: {category: number of customers}}; customers whose category is missing are "not known". In weighted cells
    (column ``w``) a customer counts as many as their design weight says.

    Raises
    ------
    ValueError : a column does not exist, or there are no columns.

    Examples
    --------
    >>> cells = pd.DataFrame({"country": ["AT", "DE", "DE"], "responded": [True, True, False], "n": [5, 7, 9]})
    >>> margins_of(cells, ["country"])
    {'country': {'AT': 5.0, 'DE': 16.0}}
    """
    if isinstance(columns, str):
        columns = [columns]
    if not columns:
        raise ValueError("margins need at least one column, for example margins_of(cells, ['country'])")
    n = counts_of(cells)
    n = n * own_weight(cells, n)
    if "invited" in cells.columns:
        n = np.where(cells["invited"].fillna(False).to_numpy(dtype=bool), n, 0)
    result: dict[Key, dict[Any, float]] = {}
    for key in columns:
        names = key_columns(cells, key)
        code, labels = _combined(cells, names)
        sums = np.bincount(code, weights=n, minlength=len(labels))
        result[key] = {
            (label if isinstance(key, tuple) else label[0]): float(total)
            for label, total in zip(labels, sums, strict=True)
            if total > 0
        }
    return result


def problem_of(
    cells: pd.DataFrame,
    margins: Margins,
    chosen: Family,
    weights: str | Sequence[float] | np.ndarray | None = None,
    responded: str | None = None,
) -> Problem:
    """Read and check what ``calibrate`` is given: its parameters and errors are described there."""
    n = counts_of(cells)
    if not isinstance(margins, Mapping) or not margins:
        raise ValueError(
            "margins must be {column: {category: total}}, for example margins_of(cells, ['country']), and at "
            "least one is needed"
        )
    answered = answered_rows(cells, responded)
    if not n[answered].sum() > 0:
        raise ValueError("nobody answered: there is nobody to give a weight to")
    base, squared = base_weights(cells, weights, n, answered)
    rows = np.flatnonzero(answered)
    blocks, targets, names = _blocks(cells, margins, rows, n)
    _require_one_total(margins)
    pattern, first = _patterns_of(blocks, rows)
    some = rows[first]
    patterns = Patterns(
        tuple(
            Block(
                block.size,
                None if block.code is None else block.code[some],
                None if block.number is None else block.number[some],
            )
            for block in blocks
        )
    )
    own = own_weight(cells, n)
    return Problem(rows, pattern, patterns, tuple(blocks), targets, chosen, names, base, n, squared, own)


def answered_rows(cells: pd.DataFrame, responded: str | None = None) -> np.ndarray:
    """Which rows of cells are of customers who answered, shape (rows,).

    Parameters
    ----------
    responded : a column of True/False, or a score, where whoever answered it counts; by default the column
        ``responded`` where there is one, else every row.
    """
    if responded is None:
        if "responded" not in cells.columns:
            return np.ones(len(cells), dtype=bool)
        responded = "responded"
    key_columns(cells, responded)
    column = cells[responded]
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.fillna(False).to_numpy(dtype=bool)
    return column.notna().to_numpy()


def base_weights(
    cells: pd.DataFrame, weights: Any, n: np.ndarray, answered: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Base weight of one answer per row, and Σ of their squares."""
    if weights is None:
        base = own_weight(cells, n)
        squared = (
            cells["w2"].to_numpy(dtype=float, na_value=0.0)
            if {"w", "w2"} <= set(cells.columns)
            else base**2 * n
        )
    else:
        if isinstance(weights, str):
            key_columns(cells, weights)
            base = cells[weights].to_numpy(dtype=float, na_value=np.nan)
        else:
            base = np.array(np.broadcast_to(np.asarray(weights, dtype=float), len(cells)), dtype=float)
        squared = base**2 * n
    wrong = answered & (n > 0) & ~(np.isfinite(base) & (base > 0))
    if wrong.any():
        raise ValueError(
            f"base weights must be numbers above 0, but those of {int(wrong.sum())} of {int(answered.sum())} rows "
            f"are not (first: {base[wrong][0]:g} in row {int(np.flatnonzero(wrong)[0])})"
        )
    base = np.where(answered & np.isfinite(base), base, 0.0)
    return base, np.where(answered, squared, 0.0)


def own_weight(cells: pd.DataFrame, n: np.ndarray) -> np.ndarray:
    """Average base weight per row of weighted cells, 1 for unweighted ones."""
    if "w" not in cells.columns:
        return np.ones(len(cells))
    w = cells["w"].to_numpy(dtype=float, na_value=0.0)
    return np.where(n > 0, w / np.where(n > 0, n, 1), 0.0)


def key_columns(cells: pd.DataFrame, key: Key) -> tuple[str, ...]:
    """The columns that a margin's key names."""
    names = (key,) if isinstance(key, str) else tuple(key)
    require_columns(cells, names)
    return names


def _blocks(
    cells: pd.DataFrame, margins: Margins, rows: np.ndarray, n: np.ndarray
) -> tuple[list[Block], np.ndarray, tuple[tuple[str, str], ...]]:
    """The margins as blocks over all rows of cells, with their totals and names."""
    blocks, targets, names = [], [], []
    for key, wanted in margins.items():
        columns = key_columns(cells, key)
        margin = " × ".join(columns) if columns else "all"
        if isinstance(wanted, Mapping | pd.Series):
            code, categories, totals = _categories(cells, columns, key, dict(wanted), rows, n)
            blocks.append(Block(len(categories), code))
            targets.append(totals)
            names += [(margin, " × ".join(map(str, label))) for label in categories]
            continue
        total = _number(wanted, f"the total of {margin!r}")
        if columns and len(columns) > 1:
            raise ValueError(f"the margin {margin!r} needs a total per combination: {{(…, …): total}}")
        if not columns:
            blocks.append(Block(1, np.zeros(len(cells), dtype=np.int64)))
        else:
            blocks.append(Block(1, None, _numeric(cells, columns[0], rows, n)))
        targets.append(np.array([total]))
        names.append((margin, "sum" if columns else "everyone"))
    return blocks, np.concatenate(targets), tuple(names)


def _categories(
    cells: pd.DataFrame,
    columns: tuple[str, ...],
    key: Key,
    wanted: dict[Any, float],
    rows: np.ndarray,
    n: np.ndarray,
) -> tuple[np.ndarray, list[tuple], np.ndarray]:
    """Code of the margin's category per row (−1 where it has none), its categories and totals."""
    margin = " × ".join(columns)
    if not wanted:
        raise ValueError(f"the margin {margin!r} names no categories")
    if not columns:
        raise ValueError("the margin () is the number of all customers and takes one number, {(): 1500}")
    targets: dict[tuple, float] = {}
    for label, total in wanted.items():
        parts = label if isinstance(label, tuple) else (label,)
        if len(parts) != len(columns):
            raise ValueError(
                f"the margin {margin!r} needs categories of {len(columns)} labels, but has {label!r}"
            )
        clean = tuple(NOT_KNOWN if _is_missing(part) else part for part in parts)
        named = called(margin, " × ".join(map(str, clean)))
        number = _number(total, f"the total of {named}")
        if number < 0:
            raise ValueError(f"the total of {named} is {number:g}, but a number of customers is 0 or more")
        targets[clean] = targets.get(clean, 0.0) + number
    code, found = _combined(cells, columns)
    # totals of 0 with no answers behind them ask for nothing
    answers = np.bincount(code[rows], weights=n[rows], minlength=len(found))
    known = [label for label in targets if targets[label] > 0 or label in set(found)]
    place = {label: i for i, label in enumerate(known)}
    lost = [i for i, label in enumerate(found) if label not in place and answers[i] > 0]
    if lost:
        first = " × ".join(map(str, found[lost[0]]))
        more = f", and in {len(lost) - 1} more" if len(lost) > 1 else ""
        raise ValueError(
            f"{answers_text(answers[lost[0]])} in {called(margin, first)}{more}, which the margins do not have "
            f"(they have {_some(targets)}). Give it a total, or recode it"
        )
    zero = [i for i, label in enumerate(found) if label in place and targets[label] == 0 and answers[i] > 0]
    if zero:
        first = " × ".join(map(str, found[zero[0]]))
        raise ValueError(
            f"the total of {called(margin, first)} is 0, but there are {answers_text(answers[zero[0]])} in it. Leave them "
            "out, or correct the margins"
        )
    translate = np.array([place.get(label, -1) for label in found], dtype=np.int64)
    return translate[code], known, np.array([targets[label] for label in known])


def _numeric(cells: pd.DataFrame, column: str, rows: np.ndarray, n: np.ndarray) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(cells[column].dtype):
        raise ValueError(
            f"the margin {column!r} has one total, which fits a column of numbers, but it holds categories: give "
            f"{{{column!r}: {{category: total}}}}"
        )
    values = cells[column].to_numpy(dtype=float, na_value=np.nan)
    missing = np.isnan(values[rows]) & (n[rows] > 0)
    if missing.any():
        raise ValueError(
            f"{int(n[rows][missing].sum()):,} answers have no value in {column!r}: calibrate on classes of it, where "
            "missing is a class, or leave those answers out"
        )
    return np.nan_to_num(values)


def _codes(column: pd.Series) -> tuple[np.ndarray, list]:
    """Codes and labels of a column, a missing one as "not known"."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, labels = column.cat.codes.to_numpy(dtype=np.int64), list(column.cat.categories)
    else:
        codes, values = pd.factorize(column, sort=False)
        labels = values.tolist()
    missing = codes < 0
    if missing.any():
        if NOT_KNOWN in labels:
            codes = np.where(missing, labels.index(NOT_KNOWN), codes)
        else:
            codes = np.where(missing, len(labels), codes)
            labels = [*labels, NOT_KNOWN]
    return codes, labels


def _combined(cells: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, list[tuple]]:
    """Codes and labels (tuples) of the combinations that occur, labels in order."""
    if not names:
        return np.zeros(len(cells), dtype=np.int64), [()]
    parts = [_codes(cells[name]) for name in names]
    code = np.zeros(len(cells), dtype=np.int64)
    for codes, labels in parts:
        code = code * max(len(labels), 1) + codes
    compact, kept = _compact(code, math.prod(max(len(labels), 1) for _, labels in parts))
    found = []
    for combined in kept.tolist():
        label, rest = [], combined
        for _, labels in reversed(parts):
            rest, at = divmod(rest, max(len(labels), 1))
            label.append(labels[at])
        found.append(tuple(reversed(label)))
    order = sorted(range(len(found)), key=lambda i: tuple(str(x) for x in found[i]))
    place = np.empty(len(found), dtype=np.int64)
    place[order] = np.arange(len(found))
    return (place[compact] if len(found) else compact), [found[i] for i in order]


def _compact(code: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes without gaps, and which codes they stand for."""
    if size <= 4 * len(code) + 1000:
        kept = np.flatnonzero(np.bincount(code, minlength=size))
        place = np.zeros(size, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        return place[code], kept
    compact, kept = pd.factorize(code)
    return compact.astype(np.int64), np.asarray(kept)


def _patterns_of(blocks: Sequence[Block], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pattern of each of the rows, and one row (its place among ``rows``) of each pattern."""
    code, size = np.zeros(len(rows), dtype=np.int64), 1
    for block in blocks:
        if block.code is not None:
            part, width = block.code[rows], block.size
        else:
            part, values = pd.factorize(block.number[rows])
            width = max(len(values), 1)
        if size * width > 2**62:
            code, kept = _compact(code, size)
            size = len(kept)
        code, size = code * width + part, size * width
    pattern, kept = _compact(code, size)
    first = np.empty(len(kept), dtype=np.int64)
    first[pattern[::-1]] = np.arange(len(rows))[::-1]
    return pattern, first


def n_patterns(patterns: Patterns) -> int:
    block = patterns.blocks[0]
    return len(block.code if block.code is not None else block.number)


# ------------------------------------------------------------------- what is refused, in words


def _require_one_total(margins: Margins) -> None:
    totals = {}
    for key, wanted in margins.items():
        if isinstance(wanted, Mapping | pd.Series):
            totals[" × ".join((key,) if isinstance(key, str) else key)] = float(
                sum(float(x) for x in dict(wanted).values())
            )
        elif key == ():
            totals["all"] = float(wanted)
    low, high = min(totals.values(), default=0), max(totals.values(), default=0)
    if high - low > _SUM_TOLERANCE * max(abs(high), abs(low)):
        listed = ", ".join(f"{name} {total:,.10g}" for name, total in totals.items())
        raise ValueError(
            f"the margins do not sum to the same total: {listed}. Every customer is in one category of each, so "
            "all must add up to the same number; missing categories are a category too (“not known”)"
        )


def require_somebody(
    patterns: Patterns, mass: np.ndarray, targets: np.ndarray, names: Sequence[tuple[str, str]], when: str
) -> None:
    have = patterns.magnitude(mass)
    categorical = np.concatenate([np.full(block.size, block.code is not None) for block in patterns.blocks])
    empty = np.flatnonzero(categorical & (have == 0) & (targets > 0))
    if len(empty):
        margin, category = names[empty[0]]
        more = f", nor in {len(empty) - 1} more cells" if len(empty) > 1 else ""
        raise ValueError(
            f"nobody in {called(margin, category)}{more} answered{when}, but the margins have {targets[empty[0]]:,.6g} "
            "customers there, whom no weight can stand for. Merge it with another category, or leave those "
            "customers out of the margins and say so"
        )


def why_not(
    error: NotMet, problem: Problem, method: str, bounds: tuple[float, float] | None, mass: np.ndarray
) -> str:
    """Why the margins cannot be met, and what would help."""
    within = f" with weights from {bounds[0]:g} to {bounds[1]:g} times the base weight" if bounds else ""
    size = float(np.abs(problem.targets).max())
    short = np.abs(error.lacking) > 1e-7 * size
    if short.any():
        order = np.argsort(-np.abs(error.lacking))
        listed = []
        for i in order[:3]:
            if short[i]:
                side = "short of" if error.lacking[i] > 0 else "above"
                listed.append(
                    f"{called(*problem.names[i])} stays {abs(error.lacking[i]):,.4g} {side} its "
                    f"{problem.targets[i]:,.6g}"
                )
        help_ = " Merge categories whose answers occur only together, or leave a margin out"
        if bounds:
            average = problem.targets[: problem.patterns.blocks[0].size].sum() / max(mass.sum(), 1e-300)
            help_ = (
                f" An upper bound of {error.upper:.4g} or more would do"
                if error.upper is not None
                else f" No upper bound helps with a lower bound of {bounds[0]:g}"
            )
            if not bounds[0] <= average <= bounds[1]:
                help_ += (
                    f". The average weight has to be {average:.4g} times the base weight: give weights={average:.4g}, "
                    "then the bounds are around the average"
                )
        elif method == "propensity":
            help_ = (
                " An answer stands for at least itself here, so no total can be below the number of answers: take "
                "'raking'"
            )
        return f"the margins cannot be met{within}: at best {'; '.join(listed)}.{help_}"
    if len(error.edge):
        first = error.edge[0]
        cell = " and ".join(
            called(*problem.names[offset + int(block.code[first])])
            for block, offset in zip(problem.patterns.blocks, _offsets(problem.patterns), strict=True)
            if block.code is not None
        )
        more = f", and in {len(error.edge) - 1} more cells" if len(error.edge) > 1 else ""
        return (
            f"the margins could be met{within} only if the answers in {cell}{more} weighed nothing: the margins leave "
            "no room for them. Merge categories or leave a margin out"
        )
    return (
        f"no weights were found that meet the margins{within}, though some exist: the margins nearly contradict the "
        "answers. Merge small categories or leave a margin out"
    )


def _offsets(patterns: Patterns) -> np.ndarray:
    return np.cumsum([0, *(block.size for block in patterns.blocks)])[:-1]


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{what} must be a number, but is {value!r}")
    return number


def _is_missing(label: Any) -> bool:
    return label is None or label is pd.NA or (isinstance(label, float) and math.isnan(label))


def called(margin: str, category: str) -> str:
    return f"{margin} “{category}”"


def answers_text(count: float) -> str:
    return "1 answer" if round(count) == 1 else f"{count:,.0f} answers"


def _some(labels: Mapping[tuple, float]) -> str:
    shown = [" × ".join(map(str, label)) for label in list(labels)[:6]]
    return ", ".join(f"“{label}”" for label in shown) + (", …" if len(labels) > 6 else "")

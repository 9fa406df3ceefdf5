"""What may be shown: groups that are too small are hidden, and so is what would give them away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .counting import known

__all__ = ["Suppressed", "suppress"]

TOO_FEW = "too few"
NO_DATA = "no data"
THRESHOLD = 10


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
        known(column, self.table.columns, "the table has")
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
        known(name, frame.columns, "the table has")
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
        known(name, frame.columns, "the table has")
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

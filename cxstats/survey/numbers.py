"""Columns of plain numbers (behaviour, value): what they hold, and what in them is no number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .engine import Engine, listed
from .errors import Problem, quoted

__all__ = ["NumberColumn", "numbers_problems"]

_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column of numbers, as SQL over its table.

    Attributes
    ----------
    column : its name in the source.
    text : SQL of what was written, NULL where nothing was, or a code that means so.
    value : SQL of the number as DOUBLE, NULL where there is none.
    """

    column: str
    text: str
    value: str

    @classmethod
    def of(cls, column: str, sql: str, missing: Sequence[str], decimal: str) -> NumberColumn:
        """The column whose raw values are the SQL expression ``sql``.

        >>> NumberColumn.of("a", "a", (), ".").text
        "nullif(nullif(trim(a::VARCHAR), ''), 'nan')"
        """
        text = f"nullif(nullif(trim({sql}::VARCHAR), ''), 'nan')"  # a column of doubles says nan
        if missing:
            text = f"CASE WHEN {text} NOT IN {listed(missing)} THEN {text} END"
        plain = f"replace({text}, ',', '.')" if decimal == "," else text
        number = f"try_cast({plain} AS DOUBLE)"
        return cls(column, text, f"CASE WHEN isfinite({number}) THEN {number} END")


def numbers_problems(
    engine: Engine, table: str, columns: Mapping[str, NumberColumn], where: str, *, numbered: bool
) -> list[Problem]:
    """A problem per column that holds what is no number; ``numbered`` tables have ``_row``. One pass for all.

    ``columns`` are named as under behaviour:, or "value".
    """
    if not columns:
        return []
    bad = {name: f"({c.text}) IS NOT NULL AND ({c.value}) IS NULL" for name, c in columns.items()}
    tallies = ", ".join(f"count({c.text}), count(*) FILTER ({bad[name]})" for name, c in columns.items())
    counts = engine.run(f"SELECT {tallies} FROM {table}", where=where)[0]
    problems = []
    for i, (name, column) in enumerate(columns.items()):
        filled, wrong = counts[2 * i : 2 * i + 2]
        if not wrong:
            continue
        row = "_row" if numbered else "NULL"
        order = "ORDER BY _row " if numbered else ""
        samples = engine.run(f"SELECT {row}, {column.text} FROM {table} WHERE {bad[name]} {order}LIMIT 3")
        shown = ", ".join(quoted(text, 30) + (f" in row {at:,}" if numbered else "") for at, text in samples)
        fix = "declare the values that mean nothing under missing:"
        if all(_COMMA.fullmatch(text) for _, text in samples):
            fix = 'say decimal: "," for this file, if its numbers have a comma where others have a point'
        elif wrong == filled:
            fix = "export it as a number (a date as the days since)"
            fix += "" if name == "value" else ", or put it under groups:"
        are = "1 value that is no number" if wrong == 1 else f"{wrong:,} values that are no numbers"
        problems.append(
            Problem(
                f"column {column.column} has {are} ({shown})",
                f"{where}, for {name if name == 'value' else f'behaviour.{name}'}",
                expected="a number in every row, or a blank",
                fix=fix,
            )
        )
    return problems

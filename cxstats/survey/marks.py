"""Columns that mark rows: how far an invitation got, who was selected for a follow-up, who was called back.

A column marks a row where it says one of the declared values. Without declared values it marks a row
where it says anything but no, so that a column of times (opened_at) and one of flags (1, 0) both mean
what they say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .engine import listed, literal, spellings
from .errors import Problem, quoted
from .model import STAGES, Description

if TYPE_CHECKING:
    import ibis

__all__ = [
    "declared_values",
    "marked",
    "marked_sql",
    "stages_of",
    "strange_words_problem",
    "tally",
    "unused_values_problem",
    "values_text",
]

_NO = ("0", "0.0", "false", "f", "no", "n", "nan", "nat")
_YES = ("true", "t", "yes", "y", "x", "✓", "✔")
_MOST = 1_000
_FEW = 10


def marked_sql(sql: str, values: Sequence[str], missing: Sequence[str]) -> str:
    """Whether the column ``sql`` marks a row, as SQL; never NULL."""
    text = f"nullif(trim({sql}::VARCHAR), '')"
    if values:
        return f"coalesce({text} IN {listed(values)}, false)"
    no = ", ".join(map(literal, dict.fromkeys((*_NO, *(code.lower() for code in missing)))))
    return f"coalesce(lower({text}) NOT IN ({no}), false)"


def marked(column: Any, values: Sequence[str], missing: Sequence[str]) -> Any:
    """Whether the ibis ``column`` marks a row; never missing."""
    text = column.cast("string").strip()
    if values:
        return text.isin(spellings(values)).fill_null(False)
    no = ("", *_NO, *(code.lower() for code in missing))
    return text.lower().notin(list(dict.fromkeys(no))).fill_null(False)


def stages_of(d: Description) -> tuple[str, ...]:
    """The described stages, from the invitation to the end of the questionnaire."""
    return tuple(name for name in STAGES if name in d.stages)


def tally(table: ibis.Table, column: str) -> dict[str, int]:
    """How often each value of ``column`` occurs, most frequent first; at most a thousand values, blanks apart."""
    text = table[column].cast("string").strip()
    n = table["_n"] if "_n" in table.columns else 1  # of condensed rows
    values = table.select(text=text, n=n).filter(text.notnull() & (text != ""))
    counts = values.group_by("text").agg(n=values["n"].sum())
    rows = counts.order_by([counts.n.desc(), counts.text]).limit(_MOST).to_pyarrow().to_pylist()
    return {row["text"]: int(row["n"]) for row in rows}


def values_text(found: Mapping[str, int], most: int = 8) -> str:
    """The values there are, as far as they may be printed: a value of a few customers among many could be theirs."""
    shown = [text for text, n in found.items() if n >= _FEW or len(found) <= 2 * most]
    if not shown:
        return f"{len(found):,} different values" if len(found) < _MOST else "very many different values"
    listed_ = ", ".join(quoted(text, 30) for text in shown[:most])
    return f"{listed_}, …" if len(found) > most else listed_


def unused_values_problem(
    found: Mapping[str, int],
    values: Sequence[str],
    others: Collection[str],
    *,
    column: str,
    where: str,
    secret: bool = False,
    needed: bool = True,
) -> Problem | None:
    """A problem if the column holds none of the declared ``values``, or a near miss of one that it lacks.

    ``others`` are values named elsewhere for this column; ``secret`` columns are not quoted. Where no value
    is ``needed``, only a near miss is a problem.
    """
    if not found or not values or len(found) >= _MOST:  # of very many values not all were counted
        return None
    lacking = [v for v in values if not any(s in found for s in spellings([v]))]
    named = {s.casefold() for s in (*values, *others)}
    near = {value: _near(value, found, named) for value in lacking}
    hint = " ".join(f"Did you mean {quoted(text)}?" for text in dict.fromkeys(near.values()) if text)
    if needed and len(lacking) == len(values):
        held = "" if secret else f"; it holds {values_text(found)}"
        what = f"no row of column {column} says {', '.join(map(quoted, values[:6]))}{held}"
        return Problem(what, where, fix=(not secret and hint) or "name the values as they stand in the data")
    if not hint:
        return None
    mistyped = ", ".join(quoted(value) for value, text in near.items() if text)
    return Problem(f"no row of column {column} says {mistyped}", where, fix="" if secret else hint)


def _near(value: str, found: Mapping[str, int], named: Collection[str]) -> str | None:
    """A value there is that is spelled almost like ``value``, and is not meant by another name."""
    folded = {text.casefold(): text for text in found}
    near = get_close_matches(value.casefold(), folded, 1, 0.85)
    if not near or (near[0] in named and near[0] != value.casefold()):
        return None
    return folded[near[0]]


def declared_values(d: Description) -> list[tuple[tuple[str | int, ...], str, tuple[str, ...]]]:
    """Path, column and values of everything in ``d`` that marks rows; () where anything but no marks them."""
    marks = {("follow_up",): d.follow_up, ("recovery",): d.recovery}
    marks = {("stages", key): entry for key, entry in d.stages.items()} | marks
    return [(path, mark.column, mark.values) for path, mark in marks.items() if mark is not None]


def strange_words_problem(
    table: ibis.Table, name: str, missing: Sequence[str], *, column: str, where: str, secret: bool = False
) -> Problem | None:
    """A problem if a column that marks rows by anything but no holds words that may mean no ("never").

    ``name`` is what ``table`` calls the column. Times, other texts with a digit, and yes and no are no problem.
    """
    if not table[name].type().is_string():
        return None
    text = table[name].cast("string").strip()
    plain = list(dict.fromkeys(("", *_NO, *_YES, *(code.lower() for code in missing))))
    n = table["_n"] if "_n" in table.columns else 1
    words = table.select(text=text, n=n).filter(text.lower().notin(plain) & ~text.re_search("[0-9]"))
    counts = words.group_by("text").agg(n=words["n"].sum())
    rows = counts.order_by([counts.n.desc(), counts.text]).limit(_MOST).to_pyarrow().to_pylist()
    if not rows:
        return None
    found = {row["text"]: int(row["n"]) for row in rows}
    held = "words" if secret else values_text(found, 4)
    return Problem(
        f"column {column} holds {held}, which are neither times nor yes or no",
        where,
        fix="name the values that count under values:, or those that mean nothing under missing: of its file",
    )

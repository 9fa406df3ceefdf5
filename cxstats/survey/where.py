"""A part of a survey: only the rows of one country, brand or wave, the others set aside and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .errors import did_you_mean, quoted, refuse
from .ledger import LedgerLine
from .model import Description
from .recode import Recoder
from .rows import Rows

if TYPE_CHECKING:
    import ibis

__all__ = ["check_where", "narrowed", "read_where", "where_text"]

Where = Mapping[str, tuple[str, ...]]


def read_where(where: str | Mapping[str, str | Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    """What to look at: group -> labels; from a mapping, or from text such as "country = Germany; brand = A".

    Raises
    ------
    ValueError : text that is not of this form, or a group without a label.

    >>> read_where("country = Germany; segment=Business"), read_where({"country": ["DE", "AT"]})
    ({'country': ('Germany',), 'segment': ('Business',)}, {'country': ('DE', 'AT')})
    """
    if where is None:
        return {}
    if isinstance(where, str):
        pairs = [part.partition("=") for part in where.split(";") if part.strip()]
        if any(not (name.strip() and equals and label.strip()) for name, equals, label in pairs):
            raise ValueError(
                f"where: {quoted(where)} does not say what to look at; expected a group and its label, such as "
                '"country = Germany", several separated by ";"'
            )
        names = [name.strip() for name, _, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError(
                f"where: {quoted(where)} names a group twice; several labels are given as a list"
            )
        return {name.strip(): (label.strip(),) for name, _, label in pairs}
    found = {name: (label,) if isinstance(label, str) else tuple(label) for name, label in where.items()}
    for name, labels in found.items():
        if not labels:
            raise ValueError(f"where: no label of {quoted(name)} is named, so there is nothing to look at")
    return found


def check_where(where: Where, d: Description) -> None:
    """Refuse a part of what the survey does not have.

    Raises
    ------
    ValueError : the survey has no such group, or has units instead of answers.
    """
    if not where:
        return
    if d.units is not None:
        raise ValueError(
            f"where: this survey has one row per unit ({d.units.called}); leave rows of its file out by set_aside:"
        )
    known = [*d.groups, *([d.wave_name] if d.wave_name else [])]
    for name in where:
        if name not in known:
            raise ValueError(f"where: this survey has no group {quoted(name)}. {did_you_mean(name, known)}")


def where_text(where: Where, d: Description) -> str:
    """The part in words: "Country: Germany, Segment: Business or Private"."""
    said = []
    for name, labels in where.items():
        entry = d.groups.get(name)
        title = (entry.label if entry is not None else None) or name.replace("_", " ").capitalize()
        said.append(f"{title}: {' or '.join(labels)}")
    return ", ".join(said)


def narrowed(rows: Rows, where: Where, recoder: Recoder, *, section: str) -> Rows:
    """The rows of the part; what was left out stands in the ledger's main ``section``.

    Raises
    ------
    SurveyError : a label that no row has.
    """
    conditions = [(name, labels, _raw_values(rows, name, labels, recoder)) for name, labels in where.items()]
    table, everyone, lines = rows.table, rows.everyone, list(rows.lines)
    for name, labels, values in conditions:
        before = _count(table)
        table = _only(table, name, values)
        everyone = None if everyone is None else _only(everyone, name, values)
        lines = _set_aside(lines, section, f"not {' or '.join(labels)} ({name})", before - _count(table))
    early = rows.n_early
    if early:
        early = int(table.agg(n=table["_early"].sum()).to_pyarrow().to_pylist()[0]["n"] or 0)
    # notes count rows of the whole survey: in the ledger of a part they would not add up to anything
    lines = [
        replace(line, label=f"{line.label} (whole survey)") if line.kind == "note" else line for line in lines
    ]
    return replace(rows, table=table, everyone=everyone, lines=lines, n_early=early)


def _raw_values(rows: Rows, name: str, labels: Sequence[str], recoder: Recoder) -> list[object]:
    """The values that the file has for these labels."""
    from ..cells import reduce

    table = rows.table if rows.everyone is None else rows.everyone
    raw = reduce(table, [name])[name]
    label = recoder.column(name, raw)
    known = sorted(set(label.dropna()))
    for wanted in labels:
        if wanted not in known:
            refuse(
                f"{name} has no {quoted(wanted)} in these data",
                where="where",
                fix=did_you_mean(wanted, known),
            )
    return raw[label.isin(labels).fillna(False).to_numpy(bool)].tolist()


def _only(table: ibis.Table, name: str, values: Sequence[object]) -> ibis.Table:
    return table.filter(table[name].isin(list(values)))


def _count(table: ibis.Table) -> int:
    return int(table.count().to_pyarrow().as_py())


def _set_aside(lines: Sequence[LedgerLine], section: str, reason: str, n: int) -> list[LedgerLine]:
    out: list[LedgerLine] = []
    for line in lines:
        if line.section == section and line.kind == "used":
            if n:
                out.append(LedgerLine(f"Set aside: {reason}", n, "set aside", section, line.of))
            line = replace(line, n=line.n - n)
        out.append(line)
    return out

"""Times as UTC, days as local days: what a column of dates means, decided once and said aloud.

A text without a declared ``date_format`` must be ISO 8601 (2025-01-31, 2025-01-31 14:30,
2025-01-31T14:30:00+01:00). A time without a zone is that of the source's ``time_zone``; without one,
all times of the survey are taken as one clock. Times that a clock change skips or repeats are
refused unless the source says what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .engine import Engine, listed, literal
from .errors import Problem, SurveyError, quoted, refuse
from .model import Source

__all__ = ["FLAGS", "YES", "DateColumn", "read_dates"]

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?"
_OFFSET = r" ?([Zz]|[+-]\d{2}(:?\d{2})?)"
FLAGS = ("0", "1", "true", "false", "yes", "no", "y", "n")
YES = ("1", "true", "yes", "y")
_DAYS = "%d/%m/%Y,%m/%d/%Y,%d.%m.%Y,%d-%m-%Y,%m-%d-%Y,%Y/%m/%d,%d %b %Y,%Y%m%d,%d/%m/%y,%m/%d/%y"
_FORMATS = [
    day + clock
    for day in _DAYS.split(",")
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
]  # fmt: skip

Kind = Literal["time", "day", "flag"]


@dataclass(frozen=True, slots=True)
class DateColumn:
    """A column of dates, as SQL over its table.

    Attributes
    ----------
    kind : "time"; "day" where no value has a time of day; "flag" where it says yes or no instead.
    zoned : whether ``time`` is UTC for certain (else one clock for the survey).
    time : SQL of a TIMESTAMP; for flags, of a constant where the flag is set.
    day : SQL of the local DATE; NULL for flags.
    zone : the zone in which ``day`` is local, "" where ``time`` is a local clock itself or UTC.
    """

    kind: Kind
    zoned: bool
    time: str
    day: str
    zone: str = ""

    def local(self, time: str) -> str:
        """SQL of the local clock at ``time``, the name under which :attr:`time` was stored."""
        return f"timezone({literal(self.zone)}, timezone('UTC', {time}))" if self.zone else time


def read_dates(
    engine: Engine,
    table: str,
    column: str,
    column_type: str,
    source: Source,
    *,
    name: str,
    where: str,
    problems: list[Problem],
    notes: list[str],
) -> DateColumn:
    """What the column (an SQL identifier of ``table``, which has ``_row``) holds; problems are added to the list."""
    if column_type == "DATE":
        return DateColumn("day", False, f"{column}::TIMESTAMP", column)
    if column_type == "TIMESTAMP WITH TIME ZONE":
        utc = _utc(column)
        return DateColumn("time", True, utc, _local_day(utc, source), source.time_zone or "")
    if column_type.startswith("TIMESTAMP"):
        return _clock(engine, table, f"{column}::TIMESTAMP", source, name, where, problems, notes)
    if column_type not in ("VARCHAR", "BOOLEAN") and not column_type.startswith(
        ("ENUM", "INTEGER", "BIGINT", "TINYINT", "UTINYINT")
    ):
        problems.append(Problem(f"column {name} holds {column_type.lower()}, not dates", where))
        return _nothing()
    text = f"nullif(trim({column}::VARCHAR), '')"
    if source.missing:
        text = f"CASE WHEN {text} NOT IN {listed(source.missing)} THEN {text} END"
    if source.date_format is None and _is_flag(engine, table, text):
        return DateColumn(
            "flag",
            False,
            f"CASE WHEN lower({text}) IN {listed(YES)} THEN TIMESTAMP '1970-01-01' END",
            "NULL::DATE",
        )
    if source.date_format is not None:
        return _formatted(engine, table, text, source, name, where, problems, notes)
    return _iso(engine, table, text, source, name, where, problems, notes)


def _nothing() -> DateColumn:
    return DateColumn("day", False, "NULL::TIMESTAMP", "NULL::DATE")


def _is_flag(engine: Engine, table: str, text: str) -> bool:
    filled, flags = engine.run(
        f"SELECT count({text}), count(*) FILTER (lower({text}) IN {listed(FLAGS)}) FROM {table}"
    )[0]
    return filled > 0 and filled == flags


def _iso(
    engine: Engine,
    table: str,
    text: str,
    source: Source,
    name: str,
    where: str,
    problems: list[Problem],
    notes: list[str],
) -> DateColumn:
    is_day, is_time, is_zoned = (
        f"regexp_full_match({text}, {literal(pattern)})"
        for pattern in (_DAY, _DAY + _CLOCK, _DAY + _CLOCK + _OFFSET)
    )
    plain = f"replace({text}, ',', '.')"
    naive = f"CASE WHEN {is_day} OR {is_time} THEN try_cast({plain} AS TIMESTAMP) END"
    instant = f"try_cast(replace({plain}, ' +', '+') AS TIMESTAMPTZ)"
    fixed = f"CASE WHEN {is_zoned} THEN {_utc(instant)} END"
    filled, days, naives, zoned = engine.run(
        f"SELECT count({text}), count(*) FILTER ({is_day} AND ({naive}) IS NOT NULL), "
        f"count({naive}), count({fixed}) FROM {table}"
    )[0]
    if naives + zoned < filled:
        bad = f"{text} IS NOT NULL AND ({naive}) IS NULL AND ({fixed}) IS NULL"
        problems.append(_unreadable(engine, table, text, bad, filled, name, where))
        return _nothing()
    if zoned == 0 and days == filled:
        return DateColumn("day", False, f"({naive})", f"({naive})::DATE")
    if zoned == 0:
        return _clock(engine, table, f"({naive})", source, name, where, problems, notes)
    if naives and source.time_zone is None:
        rows = engine.run(f"SELECT _row FROM {table} WHERE ({naive}) IS NOT NULL ORDER BY _row LIMIT 1")
        problems.append(
            Problem(
                f"column {name} has {naives:,} times without a zone among {zoned:,} with one (first: row {rows[0][0]:,})",
                where,
                fix="say time_zone: for the source",
            )
        )
        return _nothing()
    if naives:
        local = _clock(engine, table, f"({naive})", source, name, where, problems, notes)
        utc = f"coalesce({fixed}, {local.time})"
    else:
        utc = f"({fixed})"
    return DateColumn("time", True, utc, _local_day(utc, source), source.time_zone or "")


def _formatted(
    engine: Engine,
    table: str,
    text: str,
    source: Source,
    name: str,
    where: str,
    problems: list[Problem],
    notes: list[str],
) -> DateColumn:
    form = source.date_format or ""
    parsed = f"try_strptime({text}, {literal(form)})"
    try:
        kind = engine.one(f"SELECT typeof(try_strptime('', {literal(form)}))")
    except SurveyError:
        refuse(
            f"date_format {quoted(form)} is not a format",
            where=where,
            expected="codes such as %d/%m/%Y %H:%M (day, month, year, hour, minute)",
        )
    filled, read = engine.run(f"SELECT count({text}), count({parsed}) FROM {table}")[0]
    if read < filled:
        bad = f"{text} IS NOT NULL AND {parsed} IS NULL"
        problems.append(_unreadable(engine, table, text, bad, filled, name, where, form))
        return _nothing()
    if kind == "TIMESTAMP WITH TIME ZONE":
        utc = _utc(parsed)
        return DateColumn("time", True, utc, _local_day(utc, source), source.time_zone or "")
    if not any(code in form for code in ("%H", "%I", "%c", "%X", "%-H", "%-I")):
        return DateColumn("day", False, parsed, f"{parsed}::DATE")
    return _clock(engine, table, parsed, source, name, where, problems, notes)


def _unreadable(
    engine: Engine,
    table: str,
    text: str,
    bad: str,
    filled: int,
    name: str,
    where: str,
    form: str | None = None,
) -> Problem:
    number = engine.one(f"SELECT count(*) FROM {table} WHERE {bad}")
    samples = engine.run(f"SELECT _row, {text} FROM {table} WHERE {bad} ORDER BY _row LIMIT 3")
    shown = ", ".join(f"{quoted(value)} in row {row:,}" for row, value in samples)
    counts = ", ".join(f"count(try_strptime({text}, {literal(f)}))" for f in _FORMATS)
    fitting = [
        f
        for f, n in zip(_FORMATS, engine.run(f"SELECT {counts} FROM {table}")[0], strict=True)
        if n == filled
    ]
    fix = "declare the values that mean nothing under missing:, or say date_format:"
    if all(re.fullmatch(r"[2-6]\d{4}([.,]\d+)?", value) for _, value in samples):
        fix = (
            "these are Excel's day numbers: export the file again, or format the column as yyyy-mm-dd hh:mm:ss in "
            "Excel before saving it as CSV"
        )
    if fitting:
        fix = "say date_format: " + " or ".join(quoted(f) for f in fitting[:3])
        if len(fitting) > 1:
            fix += " (both fit; only you know whether the day or the month comes first)"
    expected = (
        f"dates of the form {quoted(form)}" if form else "ISO dates such as 2025-01-31 or 2025-01-31 14:30"
    )
    return Problem(f"column {name} has {number:,} values that are no dates ({shown})", where, expected, fix)


def _utc(instant: str) -> str:
    """A TIMESTAMPTZ as a TIMESTAMP in UTC, without the slow way through calendars."""
    return f"make_timestamp(epoch_us({instant}))"


def _local_day(utc: str, source: Source) -> str:
    if source.time_zone is None:
        return f"({utc})::DATE"
    return f"(timezone({literal(source.time_zone)}, timezone('UTC', {utc})))::DATE"


def _clock(
    engine: Engine,
    table: str,
    naive: str,
    source: Source,
    name: str,
    where: str,
    problems: list[Problem],
    notes: list[str],
) -> DateColumn:
    """Times on a clock without a zone: UTC by the source's zone, if it has one."""
    if source.time_zone is None:
        return DateColumn("time", False, naive, f"({naive})::DATE")
    zone = literal(source.time_zone)
    there = f"timezone({zone}, {naive})"
    back = f"timezone({zone}, {there})"
    skipped = f"{naive} IS NOT NULL AND {back} <> {naive}"
    # clocks change by one hour, or by half an hour (Lord Howe Island)
    others = [f"({there} {sign} INTERVAL {minutes} MINUTE)" for sign in "+-" for minutes in (60, 30)]
    twice = " OR ".join(f"timezone({zone}, {other}) = {naive}" for other in others)
    candidates = ", ".join(
        f"CASE WHEN timezone({zone}, {t}) = {naive} THEN {t} END" for t in [there, *others]
    )
    pick = "greatest" if source.ambiguous == "later" else "least"
    gaps, folds = engine.run(f"SELECT count(*) FILTER ({skipped}), count(*) FILTER ({twice}) FROM {table}")[0]

    def sample(condition: str) -> str:
        row, value = engine.run(
            f"SELECT _row, {naive}::VARCHAR FROM {table} WHERE {condition} ORDER BY _row LIMIT 1"
        )[0]
        return f"first: {value} in row {row:,}"

    if gaps and source.nonexistent == "refuse":
        problems.append(
            Problem(
                f"column {name} has {_times(gaps)} that the clock change in {source.time_zone} skipped ({sample(skipped)})",
                where,
                fix="say nonexistent: shift_forward, or export times with their zone",
            )
        )
    elif gaps:
        notes.append(f"{name}: {_times(gaps)} skipped by a clock change, shifted forward")
    if folds and source.ambiguous == "refuse":
        problems.append(
            Problem(
                f"column {name} has {_times(folds)} that the clock change in {source.time_zone} repeats ({sample(twice)})",
                where,
                fix="say ambiguous: earlier or ambiguous: later, or export times with their zone",
            )
        )
    elif folds:
        notes.append(
            f"{name}: {_times(folds)} repeated by a clock change, read as the {source.ambiguous} one"
        )
    chosen = f"CASE WHEN {twice} THEN {pick}({candidates}) ELSE {there} END"
    return DateColumn("time", True, _utc(chosen), f"({naive})::DATE", source.time_zone)


def _times(n: int) -> str:
    return "1 time" if n == 1 else f"{n:,} times"

"""Rows judged where they lie, in a database or in large columnar files: only counts are fetched.

The same rules as in :mod:`.stage`, :mod:`.joins`, :mod:`.judging` and :mod:`.outcomes`, which look at rows
one by one in the engine, written once more as ibis expressions that any database computes itself.
``tests/survey/test_databases.py`` holds the two together. Everything here is lazy but a handful of counts.

What cannot be said in every database's SQL is refused with its cure: texts that are dates or numbers, clocks of
a time zone, long answers. Two rows that are the same answer differ from each other in nothing that is compared;
which of them is kept is decided by their other values, because rows in a database have no order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .dates import DateColumn
from .engine import Engine
from .errors import Problem
from .in_place_joins import answers_once, customers, joined, listed_once, matched, once
from .in_place_outcomes import Event, events_of, happened
from .in_place_stage import Stage, any_of, as_text, make_stage, nothing, one_row
from .joins import parts_of, read_label
from .judging import Seen, check_clocks, data_until, late_fact_problem, weights_problem
from .ledger import LedgerLine, section
from .marks import stages_of
from .model import Description
from .pseudonym import part_in_place
from .readers import DatabaseReader, Reader
from .roles import Roles

if TYPE_CHECKING:
    import ibis

__all__ = ["InPlace", "build_in_place"]

_USED = "Rows used"


@dataclass
class InPlace:
    """Rows in use as an expression, and what counting told about them; see ``Rows``."""

    table: ibis.Table
    lines: list[LedgerLine]
    n_early: int
    last_answer: dt.date | None
    until: dt.date | None
    everyone: ibis.Table | None
    looked_up: bool = False


# ---------------------------------------------------------------------------------------- all of it


def build_in_place(
    engine: Engine,
    d: Description,
    readers: Mapping[str, Reader],
    roles: Roles,
    problems: list[Problem],
    notes: list[str],
) -> InPlace:
    """The rows in use of sources without :func:`hindrances`; what is wrong is added to ``problems``."""
    stages = {role: make_stage(d, role, reader, roles, problems) for role, reader in readers.items()}
    lines: list[LedgerLine] = []
    answers, frame, outcomes = (stages.get(role) for role in ("responses", "frame", "outcomes_from"))
    assert answers is not None
    joined_up = answers_once(d, answers, problems)
    base = answers
    if frame is not None:
        joined_up |= listed_once(d, frame, problems)
        answers = matched(d, answers, frame, problems)
        lines += _section(d, answers, "Answers matched to the frame")
        base = joined(frame, answers)
    if outcomes is not None and outcomes.has("_customer") and base.has("_customer"):
        base, more = _with_outcomes(d, base, outcomes, problems)
        lines += more
    dates = {name: date for stage in stages.values() for name, date in stage.dates.items()}
    check_clocks(dates, readers, problems)
    base = _judged(d, base, dates)
    used = "Invited" if d.knows_invited else _USED
    lines = [*_section(d, base, used), *lines]
    of = lines[0].of
    _check_weights(d, base, roles, problems)
    happenings = {key: happened(d, key, base.table, stages) for key in d.outcomes}
    seen = _look(d, base.table, dates, happenings, notes)
    lines += _check_facts(d, base, dates, problems, of)
    table, more = _in_use(d, base, stages, dates, seen.until, happenings, problems, of)
    everyone = table if d.covers_customers else None
    if everyone is not None:
        table = everyone.filter(everyone.invited).drop("invited")
    joined_up = joined_up or frame is not None or outcomes is not None
    return InPlace(
        table, [*lines, *more], seen.n_early, seen.last_answer, seen.until, everyone, looked_up=joined_up
    )


# --------------------------------------------------------------------------------------------- joins


def _with_outcomes(
    d: Description, base: Stage, stage: Stage, problems: list[Problem]
) -> tuple[Stage, list[LedgerLine]]:
    """What customers did later, from a table of its own."""
    facts = [c for c in stage.table.columns if c not in ("_status", "_customer")]
    _, odd = once(stage, ["_customer"], dict.fromkeys(facts, ()), "listed twice")
    if odd:
        problems.append(
            Problem(
                f"{customers(odd)} two rows with different outcomes",
                stage.reader.where,
                fix="give every customer one row",
            )
        )
    people = (
        base.table.filter(base.table["_status"].isnull()).select(_here=base.table["_customer"]).distinct()
    )
    table = stage.table.left_join(people, stage.table["_customer"] == people["_here"])
    lost = table["_status"].isnull() & table["_here"].isnull()
    table = table.mutate(_status=lost.ifelse("not matched", table["_status"])).drop("_here")
    lines = _section(d, replace(stage, table=table), "Customers with known outcomes")
    right = table.filter(table["_status"].isnull())
    right = right.select(_o_customer=right["_customer"], **{f"_o_{c}": right[c] for c in facts})
    left = base.table
    joined = left.left_join(right, left["_customer"] == right["_o_customer"])
    kept = [c for c in left.columns if c not in facts]
    joined = joined.select(
        *kept, **{c: joined[f"_o_{c}"] for c in facts}, _has_outcome=joined["_o_customer"].notnull()
    )
    without = joined.filter(joined["_status"].isnull() & ~joined["_has_outcome"])
    n = int(one_row(without.agg(n=without.count()))["n"])
    note = LedgerLine("Rows of the survey without an outcome", n, "note", "outcomes_from", lines[0].of)
    return replace(base, table=joined), [*lines, note]


def _section(d: Description, stage: Stage, used: str) -> list[LedgerLine]:
    tally = stage.table.group_by("_status").agg(n=stage.table.count()).to_pyarrow().to_pylist()
    found = {row["_status"]: int(row["n"]) for row in tally}
    label = read_label(stage.role, stage.reader)
    return section(stage.role, (label, sum(found.values())), parts_of(d, found), used)


# ------------------------------------------------------------------------------------------- judging


def _judged(d: Description, base: Stage, dates: Mapping[str, DateColumn]) -> Stage:
    """Reasons that need the whole row: not invited, outside the period; and answers older than invitations."""
    import ibis

    table = base.table
    cases = []
    if "_invited_time" in table.columns:
        cases.append((table["_invited_time"].isnull(), "not invited"))
    kept = "_invited" if "_invited" in dates and dates["_invited"].kind != "flag" else "_responded"
    if kept in dates and dates[kept].kind != "flag":
        day = table[f"{kept}_day"]
        if d.period.start:
            cases.append(((day < ibis.literal(d.period.start)).fill_null(False), "outside"))
        if d.period.end:
            cases.append(((day > ibis.literal(d.period.end)).fill_null(False), "outside"))
    if cases:
        judged = ibis.cases(*cases, else_=nothing("string"))
        table = table.mutate(_status=table["_status"].fill_null(judged))
    early: Any = ibis.literal(False)
    if "_invited" in dates and "_responded" in dates:
        unit = "time" if dates["_invited"].kind == dates["_responded"].kind == "time" else "day"
        early = (table[f"_responded_{unit}"] < table[f"_invited_{unit}"]).fill_null(False)
    return replace(base, table=table.mutate(_early=early))


def _check_weights(d: Description, base: Stage, roles: Roles, problems: list[Problem]) -> None:
    if d.weight is None or not roles.has("weight"):
        return
    weight = base.table["_weight"]
    bad = weight.isnull() | (weight <= 0) | weight.isnan() | weight.isinf()
    used = base.table["_status"].isnull()
    number = int(one_row(base.table.agg(n=(used & bad.fill_null(True)).sum()))["n"] or 0)
    if number:
        problems.append(weights_problem(number, f"column {d.weight.column}", base.reader.where))


def _look(
    d: Description,
    table: ibis.Table,
    dates: Mapping[str, DateColumn],
    happenings: Mapping[str, Any],
    notes: list[str],
) -> Seen:
    used = table["_status"].isnull()
    tallies = {"early": (used & table["_early"]).sum()}
    if "_responded" in dates and dates["_responded"].kind != "flag":
        tallies["answer"] = table["_responded_day"].max(where=used & ~table["_early"])
    events = [key for key in d.outcomes if f"_on_{key}" in dates and dates[f"_on_{key}"].kind != "flag"]
    for key in events:
        tallies[f"on_{key}"] = table[f"_on_{key}_day"].max(where=used & happenings[key].fill_null(False))
    found = one_row(table.agg(**tallies))
    answer = found.get("answer")
    until = data_until(d, answer, [found[f"on_{key}"] for key in events], bool(events), notes)
    return Seen(int(found["early"] or 0), answer, until)


def _check_facts(
    d: Description, base: Stage, dates: Mapping[str, DateColumn], problems: list[Problem], of: int
) -> list[LedgerLine]:
    """Facts dated after the invitation are refused; undated ones are counted."""
    entries = {("groups", key): entry for key, entry in d.groups.items()}
    entries |= {("behaviour", key): entry for key, entry in d.behaviour.items()}
    lines: list[LedgerLine] = []
    table, invited = base.table, dates.get("_invited")
    for path, entry in entries.items():
        name, date = f"_asof_{path[1]}", dates.get(f"_asof_{path[1]}")
        if date is None or invited is None or invited.kind == "flag" or f"{name}_day" not in table.columns:
            continue
        both_times = date.kind == invited.kind == "time" and date.zoned == invited.zoned
        unit = "time" if both_times else "day"
        known = table["_status"].isnull() & as_text(table[path[1]]).notnull()
        fact = table[f"{name}_{unit}"]
        late = known & (fact > table[f"_invited_{unit}"]).fill_null(False)
        found = one_row(table.agg(late=late.sum(), undated=(known & fact.isnull()).sum()))
        label = entry.label or path[1].replace("_", " ").capitalize()
        if found["undated"]:
            lines.append(
                LedgerLine(
                    f"{label}: known, but not since when", int(found["undated"]), "note", base.role, of
                )
            )
        if found["late"]:
            place = f"{base.reader.where}, for {'.'.join(path)}.as_of"
            problems.append(late_fact_problem(int(found["late"]), "", place, ".".join(path)))
    return lines


# -------------------------------------------------------------------------------------- rows in use


def _in_use(
    d: Description,
    base: Stage,
    stages: Mapping[str, Stage],
    dates: Mapping[str, DateColumn],
    until: dt.date | None,
    happenings: Mapping[str, Any],
    problems: list[Problem],
    of: int,
) -> tuple[ibis.Table, list[LedgerLine]]:
    """The rows in use under the roles' names, and what the ledger notes about them."""
    table, notes = base.table, []
    if d.covers_customers:
        status = table["_status"].fill_null("")
        table = table.filter(status.isin(["", "not invited"])).mutate(invited=table["_status"].isnull())
    else:
        table = table.filter(table["_status"].isnull())
    there, on_time = set(table.columns), ~table["_early"]

    def kept(name: str) -> Any:
        return table[name] if name in there else nothing("string")

    rated = (*d.scores, *(item.key for item in (*d.items, *d.vignettes)))
    chosen: dict[str, Any] = {name: on_time.ifelse(kept(name), None) for name in rated}
    chosen |= {key: kept(key) for key in (*d.groups, *d.instruments)}
    chosen |= _reached(d, table)
    chosen |= {key: table[key] if key in there else nothing("float64") for key in d.behaviour}
    chosen |= {"wave": kept("wave")} if d.wave is not None else {}
    chosen |= {key: kept(key) for key, outcome in d.outcomes.items() if outcome.on is None}
    asked = _asked(table, dates)
    events = events_of(d, table, asked, happenings, until)
    for event in events:
        chosen |= event.columns
    undated = {key: happenings[key] for key, outcome in d.outcomes.items() if outcome.on is None}
    counted = undated | {event.key: event.counted for event in events}
    causes = {key: o for key, o in d.outcomes.items() if o.cause is not None and f"{key}_cause" in there}
    for key in causes:
        cause = table[f"{key}_cause"]
        chosen[f"{key}_cause"] = counted[key].fill_null(False).ifelse(cause, None)
    for name in ("follow_up", "recovery"):
        if getattr(d, name) is not None:
            chosen[name] = kept(name).cast("boolean").fill_null(False)
    if "_weight" in there:
        chosen["weight"] = table["_weight"].fill_null(0.0) if d.covers_customers else table["_weight"]
    if d.value is not None:
        chosen["value"] = kept("_value")
    if "_responded_time" in there:
        chosen["_stamped"] = on_time & table["_responded_time"].notnull()
    chosen |= _times(table, dates, until, events)
    for key, outcome in d.outcomes.items():
        if outcome.on is not None and key not in chosen:
            chosen |= {key: nothing("boolean"), f"{key}_days": nothing("int32")}
            chosen[f"{key}_observed_days"] = nothing("int32")
    if d.customer is not None and "_customer" in there:
        chosen["_customer"] = table["_customer"]
        chosen["part"] = part_in_place(table["_customer"], _engine_name(base.reader))
    chosen["_early"] = table["_early"]
    if d.covers_customers:
        chosen["invited"] = table["invited"]
    for event in events:
        stage = next(s for s in stages.values() if s.has(f"_on_{event.key}_day"))
        where = f"{stage.reader.where}, for outcomes.{event.key}"
        lines, problem = event.told(table, base.role, of, where, invited_only=d.covers_customers)
        notes += lines
        problems += [problem] if problem is not None else []
    for key, outcome in causes.items():
        notes += _cause_notes(table, key, outcome, counted[key], base.role, of)
    return table.select(**chosen), notes


def _engine_name(reader: Reader) -> str:
    return reader.backend_name if isinstance(reader, DatabaseReader) else "duckdb"


def _reached(d: Description, table: ibis.Table) -> dict[str, Any]:
    """The stages: who reached a later one has reached the earlier ones, recorded or not."""
    names = stages_of(d)
    return {
        name: any_of(table[s].fill_null(False) for s in names[i:] if s in table.columns)
        for i, name in enumerate(names)
    }


def _asked(table: ibis.Table, dates: Mapping[str, DateColumn]) -> Any:
    """The day from which days are counted: of the invitation, else of the answer."""
    for name in ("_invited", "_responded"):
        if name in dates and dates[name].kind != "flag":
            return table[f"{name}_day"]
    return nothing("date")


def _times(
    table: ibis.Table, dates: Mapping[str, DateColumn], until: dt.date | None, events: Sequence[Event]
) -> dict[str, Any]:
    """What follows from the days of invitation and answer."""
    import ibis

    out: dict[str, Any] = {}
    invited, responded = dates.get("_invited"), dates.get("_responded")
    answered = None
    if responded is not None and responded.kind != "flag":
        answered = table["_early"].ifelse(None, table["_responded_day"])
    if invited is not None and invited.kind != "flag":
        day = table["_invited_day"]
        out["invited_weekday"] = day.day_of_week.index() + 1
        if invited.kind == "time":
            out["invited_hour"] = table["_invited_time"].hour()
        if answered is not None:
            days = answered.delta(day, unit="day")
            # sources in two zones can put an answer on the day before its invitation
            out["days_to_answer"] = (days < 0).ifelse(0, days)
        asked = day
    else:
        asked = answered
    observed: Any = nothing("int64")
    if asked is not None and until is not None:
        left = ibis.literal(until).delta(asked, unit="day")
        observed = (left >= 0).ifelse(left, None)
        out["observed_days"] = observed
    for event in events:
        out[f"{event.key}_observed_days"] = event.observed(observed)
    return out


def _cause_notes(
    table: ibis.Table, key: str, outcome: Any, counted: Any, role: str, of: int
) -> list[LedgerLine]:
    from .outcomes import outcome_label

    cause, event = as_text(table[f"{key}_cause"]), counted.fill_null(False)
    invited: Any = table["invited"] if "invited" in table.columns else True
    found = one_row(
        table.agg(
            without=(event & cause.isnull() & invited).sum(),
            alone=(~event & cause.notnull() & invited).sum(),
        )
    )
    name = outcome_label(key, outcome)
    parts = [
        (f"{name}: happened, but the cause is not stated", found["without"]),
        (f"{name}: a cause, but no event after the survey (not used)", found["alone"]),
    ]
    return [LedgerLine(label, int(n), "note", role, of) for label, n in parts if n]

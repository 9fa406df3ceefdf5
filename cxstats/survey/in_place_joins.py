"""Repeats and joins of rows that stay where they are: each answer once, and each under its customer of the frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .engine import spellings
from .errors import Problem
from .in_place_stage import Stage, any_of, as_text, nothing, one_row, total_of
from .joins import key_problem, waves_problem
from .model import Description
from .stage import missing_codes

if TYPE_CHECKING:
    import ibis

__all__ = ["answers_once", "customers", "joined", "listed_once", "matched", "once"]

_KEYS = ("_customer", "wave", "_answer_wave", "_invited_time", "_responded_time")


def _comparable(column: Any, codes: Sequence[str]) -> Any:
    """A value as text under which 9, "9" and "9.0" are the same and missing codes are missing."""
    text = as_text(column)
    if codes:
        text = text.isin(spellings(codes)).ifelse(None, text)
    return text.endswith(".0").ifelse(text.substr(0, text.length() - 2), text)


def once(
    stage: Stage, keys: Sequence[str], compared: Mapping[str, Sequence[str]], status: str
) -> tuple[int, int]:
    """Of the rows that agree in ``keys``, keep the fullest; the others get ``status``.

    Returns how many keys have several rows, and how many of these contradict each other in what is compared.
    """
    table = stage.table
    values = {f"_v{i}": _comparable(table[name], codes) for i, (name, codes) in enumerate(compared.items())}
    table = table.mutate(**values)
    table = table.mutate(_filled=total_of(table[name].notnull().ifelse(1, 0) for name in values))
    active = table.filter(table["_status"].isnull())
    tallies = {"rows": active.count(), "filled": active["_filled"].max()}
    for name in values:
        tallies |= {
            f"{name}_n": active[name].count(),
            f"{name}_a": active[name].min(),
            f"{name}_z": active[name].max(),
        }
    groups = active.group_by(list(keys)).agg(**tallies)
    groups = groups.filter(groups["rows"] > 1)
    apart = any_of(groups[f"{name}_a"] != groups[f"{name}_z"] for name in values).fill_null(False)
    spread = total_of((groups[f"{name}_n"] > 0).ifelse(1, 0) for name in values) > groups["filled"]
    found = one_row(groups.agg(several=groups.count(), odd=(apart | spread).sum()))
    several, odd = int(found["several"] or 0), int(found["odd"] or 0)
    if several:
        import ibis

        others = [c for c in stage.table.columns if c not in (*keys, "_status")]
        place = ibis.row_number().over(
            group_by=[*keys, table["_status"].isnull()],
            order_by=[table["_filled"].desc(), *(table[c] for c in others)],
        )
        again = table["_status"].isnull() & (place > 0)
        table = table.mutate(_again=again)
        table = table.mutate(_status=table["_again"].ifelse(status, table["_status"])).drop("_again")
        stage.table = table.drop("_filled", *values)
    return several, odd


def answers_once(d: Description, stage: Stage, problems: list[Problem]) -> bool:
    if not stage.has("_customer"):
        return False
    keys = [key for key in _KEYS if stage.has(key)]
    compared = {
        key: missing_codes(d.responses, score.missing) for key, score in d.scores.items() if stage.has(key)
    }
    several, odd = once(stage, keys, compared, "twice")
    if odd:
        timed = any(k in keys for k in ("wave", "_answer_wave", "_responded_time"))
        problems.append(
            Problem(
                f"{customers(odd)} two different answers at one time",
                stage.reader.where,
                fix="keep the answer that counts"
                if timed
                else "say responded: (when they answered) or wave:, or keep the answer that counts",
            )
        )
    return several > 0


def listed_once(d: Description, stage: Stage, problems: list[Problem]) -> bool:
    if not stage.has("_customer"):
        return False
    keys = [k for k in ("_customer", "wave") if stage.has(k)]
    named = (*d.groups, *d.stages, *d.instruments, *d.behaviour, "follow_up", "recovery")
    facts = [k for k in ("_invited_time", *named, "_weight", "_value") if stage.has(k)]
    several, odd = once(stage, keys, dict.fromkeys(facts, ()), "listed twice")
    if odd:
        problems.append(
            Problem(
                f"{customers(odd)} two rows with different facts on the frame",
                stage.reader.where,
                fix="list everyone once; with several waves, name the wave: in both tables",
            )
        )
    return several > 0


def customers(n: int) -> str:
    return "1 customer has" if n == 1 else f"{n:,} customers have"


def matched(d: Description, answers: Stage, frame: Stage, problems: list[Problem]) -> Stage:
    """The answers with their places on the frame looked up: of nobody on it, or a second answer, set aside."""
    import ibis

    if not (answers.has("_customer") and frame.has("_customer")):
        return answers
    by_wave = answers.has("_answer_wave") and frame.has("wave")
    people = frame.table.filter(frame.table["_status"].isnull())
    if not by_wave and frame.has("wave"):
        waves = people.group_by("_customer").agg(rows=people.count())
        several = int(one_row(waves.agg(n=(waves["rows"] > 1).sum()))["n"] or 0)
        if several:
            problems.append(waves_problem(several, d, answers.reader.where))
    keys = {"_listed": people["_customer"]}
    if by_wave:
        keys["_listed_wave"] = people["wave"].cast("string")
    listed = people.select(**keys).distinct()
    table = answers.table
    match = [table["_customer"] == listed["_listed"]]
    if by_wave:
        match.append(table["_answer_wave"].cast("string").identical_to(listed["_listed_wave"]))
    table = table.left_join(listed, match)
    table = table.mutate(
        _status=(table["_status"].isnull() & table["_listed"].isnull()).ifelse(
            "not matched", table["_status"]
        )
    )
    found = table.agg(
        matched=table["_status"].isnull().sum(),
        lost=(table["_status"] == "not matched").sum(),
    )
    told = {name: int(n or 0) for name, n in one_row(found).items()}
    alike = _alike(d, table, people) if told["lost"] else 0
    problem = key_problem(
        d, answers.reader.where, frame.reader.where, told["matched"] + told["lost"], told["matched"], alike
    )
    problems += [problem] if problem is not None else []
    order = [ibis.asc(table["_responded_time"], nulls_first=False)] if answers.has("_responded_time") else []
    others = [table[c] for c in answers.table.columns if c not in ("_customer", "_status")]
    place = ibis.row_number().over(
        group_by=[
            table["_customer"],
            *([table["_answer_wave"]] if by_wave else []),
            table["_status"].isnull(),
        ],
        order_by=[*order, *others],
    )
    table = table.mutate(_again=table["_status"].isnull() & (place > 0))
    table = table.mutate(_status=table["_again"].ifelse("again", table["_status"]))
    return replace(answers, table=table.drop("_again", *keys))


def _alike(d: Description, answers: ibis.Table, people: ibis.Table) -> int:
    """Answers of nobody on the frame, which somebody on it would have if capital letters did not count."""
    if d.customer is not None and d.customer.ignore_case:
        return 0
    lost = answers.filter(answers["_status"] == "not matched").select(
        who=answers["_customer"].strip().lower()
    )
    there = people.select(who=people["_customer"].strip().lower()).distinct()
    return int(one_row(lost.semi_join(there, "who").agg(n=lambda t: t.count()))["n"] or 0)


def joined(frame: Stage, answers: Stage) -> Stage:
    """Everyone on the frame, with their answer if there is one."""
    left = frame.table
    mine = [c for c in answers.table.columns if c not in ("_status", "_customer", *left.columns)]
    right = answers.table.filter(answers.table["_status"].isnull())
    both = answers.has("_customer") and frame.has("_customer")
    renamed = {f"_a_{name}": right[name] for name in mine}
    if not both:
        return replace(frame, table=left.mutate(**{n: nothing(str(right[n].type())) for n in mine}))
    renamed["_a_customer"] = right["_customer"]
    by_wave = answers.has("_answer_wave") and frame.has("wave")
    if by_wave:
        renamed["_a_wave"] = right["_answer_wave"].cast("string")
    right = right.select(**renamed)
    match = [left["_status"].isnull(), left["_customer"] == right["_a_customer"]]
    if by_wave:
        match.append(left["wave"].cast("string").identical_to(right["_a_wave"]))
    table = left.left_join(right, match)
    return replace(frame, table=table.select(*left.columns, **{n: table[f"_a_{n}"] for n in mine}))

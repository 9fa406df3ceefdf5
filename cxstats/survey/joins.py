"""Repeats, and files joined by their key: one row per invitation or answer, everything else counted."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from .engine import Engine, identifier, literal
from .errors import Problem, did_you_mean, quoted
from .ledger import Kind, LedgerLine, section
from .model import Description
from .readers import Reader
from .stage import Stage, contradiction_text, missing_codes, set_aside_repeats

__all__ = [
    "answers_once",
    "count_rows",
    "join_frame",
    "join_outcomes",
    "key_problem",
    "listed_once",
    "parts",
    "parts_of",
    "read_label",
    "waves_problem",
    "widen",
]

_NAMES = {"responses": "the responses", "frame": "the frame", "outcomes_from": "the outcomes"}


def read_label(role: str, reader: Reader) -> str:
    """How the ledger calls the rows of a source."""
    if reader.where == role:
        return f"Read from {_NAMES[role]}"
    return f"Read from {_NAMES[role]} ({reader.where})"


def count_rows(engine: Engine, table: str) -> int:
    """Number of rows of a table."""
    return engine.one(f"SELECT count(*) FROM {table}")


_REASONS: dict[str, tuple[str, Kind]] = {
    "no id": ("Set aside: no customer id", "set aside"),
    "twice": ("Set aside: the same answer twice", "set aside"),
    "listed twice": ("Set aside: listed twice", "set aside"),
    "again": ("Set aside: answered again (the first answer counts)", "set aside"),
    "other metric": ("Set aside: a question the description does not name", "set aside"),
    "not matched": ("Not matched: nobody in use on the survey's list has this id", "not matched"),
    "not invited": ("Set aside: not invited", "set aside"),
    "outside": ("Set aside: outside the period", "set aside"),
}


def parts(engine: Engine, d: Description, table: str) -> list[tuple[str, int, Kind]]:
    """The reasons for which rows of a staged table are not used: label, number, kind."""
    found = engine.run(f"SELECT _status, count(*) FROM {table} WHERE _status IS NOT NULL GROUP BY _status")
    return parts_of(d, dict(found))


def parts_of(d: Description, found: Mapping[str, int]) -> list[tuple[str, int, Kind]]:
    """The reasons in ``found`` (status -> number of rows) for which rows are not used: label, number, kind."""
    asides: list[tuple[str, int, Kind]] = [
        (f"Set aside: {rule.reason}", found.get(f"aside {i}", 0), "set aside")
        for i, rule in enumerate(d.set_aside)
    ]
    reasons = dict(_REASONS)
    if d.covers_customers:
        reasons["not invited"] = ("Not invited: listed for coverage only", "set aside")
    return [*asides, *((text, found.get(key, 0), kind) for key, (text, kind) in reasons.items())]


_STRANGERS = 20
"""From this many answers on, a frame that knows none of them is the wrong frame, or keyed in another form."""

_KEYS = ("_customer", "wave", "_answer_wave", "_invited_time", "_responded_time")
"""What tells one answer of a customer from another, as far as a source has it."""


def answers_once(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> None:
    """The same answer twice is set aside; two different answers at one time are refused."""
    if not stage.has("_customer"):
        return
    keys = [key for key in _KEYS if stage.has(key)]
    compared = {
        key: missing_codes(d.responses, score.missing) for key, score in d.scores.items() if stage.has(key)
    }
    found = set_aside_repeats(engine, stage, keys, compared, status="twice")
    if found:
        timed = any(k in keys for k in ("wave", "_answer_wave", "_responded_time"))
        fix = (
            "keep the answer that counts"
            if timed
            else "say responded: (when they answered) or wave:, or keep the answer that counts"
        )
        problems.append(
            Problem(
                f"the same customer has two different answers at one time ({contradiction_text(stage, found)})",
                stage.reader.where,
                fix=fix,
            )
        )


def listed_once(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> None:
    """A customer listed twice alike is set aside once; listed with different facts is refused."""
    keys = [k for k in ("_customer", "wave") if stage.has(k)]
    named = (*d.groups, *d.stages, *d.instruments, *d.behaviour, "follow_up", "recovery")
    facts = [k for k in ("_invited_time", *named, "_weight", "_value") if stage.has(k)]
    found = set_aside_repeats(engine, stage, keys, dict.fromkeys(facts, ()), status="listed twice")
    if found:
        problems.append(
            Problem(
                f"the frame lists a customer twice with different facts ({contradiction_text(stage, found)})",
                stage.reader.where,
                fix="keep the row that is right and delete the other (rows that are alike are set aside by themselves); "
                "with several waves, name the wave: in both files",
            )
        )


def widen(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> list[LedgerLine]:
    """Long answers (one row per metric) as one row per customer and time, or per answer without ids."""
    names = {key: score.column or key for key, score in d.scores.items()}
    listed = ", ".join(map(literal, names.values()))
    engine.run(
        f"UPDATE {stage.table} SET _status = 'other metric' "
        f"WHERE _status IS NULL AND coalesce(_long_metric::VARCHAR NOT IN ({listed}), true)"
    )
    _check_questions(engine, d, stage, names, problems)
    keys = [key for key in _KEYS if stage.has(key)]
    if stage.has("_customer"):
        codes = {code for score in d.scores.values() for code in score.missing} | set(d.responses.missing)
        found = set_aside_repeats(
            engine, stage, [*keys, "_long_metric"], {"_long_score": sorted(codes)}, status="twice"
        )
        if found:
            problems.append(
                Problem(
                    "the same customer has two different answers to one question at one time "
                    f"({contradiction_text(stage, found)})",
                    stage.reader.where,
                    fix="say responded: (when they answered) or wave:, or keep the answer that counts",
                )
            )
    lines = section(
        "answers",
        (
            f"Read from the responses ({stage.reader.where}), one row per answer",
            count_rows(engine, stage.table),
        ),
        parts(engine, d, stage.table),
        "Answers used",
    )
    others = [c for c in stage.columns if c not in (*keys, "_long_metric", "_long_score")]
    scores = ", ".join(
        f"any_value(_long_score) FILTER (_long_metric::VARCHAR = {literal(name)}) AS {identifier(key)}"
        for key, name in names.items()
    )
    facts = "".join(f", arg_min({identifier(c)}, _row) AS {identifier(c)}" for c in others)
    if stage.has("_customer"):
        by = ", ".join(map(identifier, keys))
        query = f"SELECT min(_row) AS _row, {by}{facts}, {scores} FROM {stage.table} WHERE _status IS NULL GROUP BY {by}"
    else:
        plain = "".join(f", {identifier(c)}" for c in (*keys, *others))
        each = ", ".join(
            f"CASE WHEN _long_metric::VARCHAR = {literal(name)} THEN _long_score END AS {identifier(key)}"
            for key, name in names.items()
        )
        query = f"SELECT _row{plain}, {each} FROM {stage.table} WHERE _status IS NULL"
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE {stage.table} AS SELECT *, NULL::VARCHAR AS _status FROM ({query})"
    )
    stage.columns = (*keys, *others, *names)
    return lines


def _check_questions(
    engine: Engine, d: Description, stage: Stage, names: Mapping[str, str], problems: list[Problem]
) -> None:
    """A question that no row asks is a question nobody was asked, unless one like it stands there unnamed."""
    rows = engine.run(
        f"SELECT DISTINCT _long_metric::VARCHAR, _status IS NOT DISTINCT FROM 'other metric' FROM {stage.table} "
        "WHERE _long_metric IS NOT NULL"
    )
    others = sorted({name for name, other in rows if other})
    asked = {name for name, _ in rows}
    for key, name in names.items():
        near = get_close_matches(name.strip().casefold(), [o.strip().casefold() for o in others], 1, 0.8)
        if name not in asked and near:
            problems.append(
                Problem(
                    f"there is no question {quoted(name)} in column {d.responses.metric}",
                    f"{stage.reader.where}, for scores.{key}",
                    fix=did_you_mean(name, others),
                )
            )


def join_frame(
    engine: Engine, d: Description, answers: Stage, frame: Stage, problems: list[Problem]
) -> list[LedgerLine]:
    """Everyone on the frame, with their answer if there is one; answers of nobody on it are counted."""
    if not (answers.has("_customer") and frame.has("_customer")):
        _nobody_answered(engine, answers, frame)
        return []
    by_wave = answers.has("_answer_wave") and frame.has("wave")
    match = "f._customer = a._customer"
    if not by_wave and frame.has("wave"):
        several = engine.one(
            f"SELECT count(*) FROM (SELECT 1 FROM {frame.table} WHERE _status IS NULL "
            "GROUP BY _customer HAVING count(*) > 1)"
        )
        if several:
            problems.append(waves_problem(several, d, answers.reader.where))
            _nobody_answered(engine, answers, frame)
            return []
    if by_wave:
        match += " AND f.wave::VARCHAR IS NOT DISTINCT FROM a._answer_wave::VARCHAR"
    engine.run(
        f"""UPDATE {answers.table} AS a SET _status = 'not matched' WHERE a._status IS NULL AND NOT EXISTS
            (SELECT 1 FROM {frame.table} f WHERE f._status IS NULL AND {match})"""
    )
    tried, matched = engine.run(
        f"SELECT count(*) FILTER (_status IS NULL OR _status = 'not matched'), count(*) FILTER (_status IS NULL) "
        f"FROM {answers.table}"
    )[0]
    alike = _alike_but_for_case(engine, d, answers, frame)
    problem = key_problem(d, answers.reader.where, frame.reader.where, tried, matched, alike)
    problems += [problem] if problem is not None else []
    # one invitation has one answer: the first
    order = "_responded_time NULLS LAST, _row" if answers.has("_responded_time") else "_row"
    keys = "_customer, _answer_wave" if by_wave else "_customer"
    engine.run(
        f"""UPDATE {answers.table} SET _status = 'again' WHERE _row IN (
            SELECT _row FROM {answers.table} WHERE _status IS NULL
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {order}) > 1)"""
    )
    _join(engine, answers, frame, f"f._status IS NULL AND a._status IS NULL AND {match}")
    return section(
        "responses",
        (read_label("responses", answers.reader), count_rows(engine, answers.table)),
        parts(engine, d, answers.table),
        "Answers matched to the frame",
    )


def waves_problem(several: int, d: Description, answers: str) -> Problem:
    """Of ``several`` customers the frame says who they were wave by wave, but ``answers`` not in which they answered."""
    return Problem(
        f"the frame lists {several:,} customers in several waves, but the answers do not say their wave",
        answers,
        fix=f"add the column {d.wave.column if d.wave else 'wave'} to the answers",
    )


def key_problem(
    d: Description, answers: str, frame: str, tried: int, matched: int, alike: int
) -> Problem | None:
    """A problem if the ids of ``answers`` are in another form than those of ``frame`` (both said by name).

    Of ``tried`` answers ``matched`` belong to somebody on the frame, and ``alike`` would if capital letters did
    not count.
    """
    if alike and (alike >= _STRANGERS or matched == 0):
        return Problem(
            f"{alike:,} of {tried:,} answers belong to somebody on the frame ({frame}) but for capital "
            "letters or spaces in the id",
            answers,
            fix=f"say customer: {{column: {quoted(d.customer.column) if d.customer else ''}, ignore_case: true}}",
        )
    if matched == 0 and tried >= _STRANGERS:
        return Problem(
            f"not one of the {tried:,} answers belongs to anyone on the frame ({frame})",
            answers,
            expected='the same ids in both files, compared as texts: "001" is not "1"',
            fix="correct key: or customer:, or export the ids of both files in one form",
        )
    return None


def _alike_but_for_case(engine: Engine, d: Description, answers: Stage, frame: Stage) -> int:
    """Answers of nobody on the frame, which somebody on it would have if capital letters did not count."""
    if d.customer is not None and d.customer.ignore_case:
        return 0
    return engine.one(
        f"""SELECT count(*) FROM {answers.table} a WHERE a._status = 'not matched' AND lower(trim(a._customer)) IN
            (SELECT lower(trim(f._customer)) FROM {frame.table} f WHERE f._status IS NULL)"""
    )


def _join(engine: Engine, answers: Stage, frame: Stage, match: str) -> None:
    mine = [c for c in engine.columns(answers.table) if c not in ("_row", "_status", "_customer")]
    theirs = set(engine.columns(frame.table))
    chosen = "".join(f", a.{identifier(c)}" for c in mine if c not in theirs)
    engine.run(
        f"""CREATE OR REPLACE TEMP TABLE joined AS SELECT f.*{chosen}, a._row AS _answer_row FROM {frame.table} f
            LEFT JOIN {answers.table} a ON {match}"""
    )


def _nobody_answered(engine: Engine, answers: Stage, frame: Stage) -> None:
    """What cannot be joined is refused; the columns still stand there, so that the search for problems goes on."""
    _join(engine, answers, frame, "false")


def join_outcomes(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> list[LedgerLine]:
    """What customers did later, from a file of its own."""
    facts = [c for c in engine.columns(stage.table) if c not in ("_row", "_status", "_customer")]
    if not stage.has("_customer") or "_customer" not in engine.columns("joined"):
        return []
    found = set_aside_repeats(
        engine,
        stage,
        ["_customer"],
        {c: () for c in facts if not c.startswith("_aside")},
        status="listed twice",
    )
    if found:
        problems.append(
            Problem(
                f"the outcomes list a customer twice with different values ({contradiction_text(stage, found)})",
                stage.reader.where,
                fix="give every customer one row",
            )
        )
    engine.run(
        f"""UPDATE {stage.table} AS o SET _status = 'not matched' WHERE o._status IS NULL AND NOT EXISTS
            (SELECT 1 FROM joined j WHERE j._status IS NULL AND j._customer = o._customer)"""
    )
    chosen = "".join(f", o.{identifier(c)}" for c in facts)
    engine.run(
        f"""CREATE OR REPLACE TEMP TABLE joined AS SELECT j.*{chosen}, o._row AS _outcome_row FROM joined j
            LEFT JOIN {stage.table} o ON o._status IS NULL AND j._customer = o._customer"""
    )
    lines = section(
        "outcomes_from",
        (read_label("outcomes_from", stage.reader), count_rows(engine, stage.table)),
        parts(engine, d, stage.table),
        "Customers with known outcomes",
    )
    without = engine.one("SELECT count(*) FROM joined WHERE _status IS NULL AND _outcome_row IS NULL")
    return [
        *lines,
        LedgerLine("Rows of the survey without an outcome", without, "note", "outcomes_from", lines[0].of),
    ]

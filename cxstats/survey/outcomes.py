"""What customers did later: counted from the day they were asked, as far as the data reaches.

Every dated outcome gives each row one of the states below, in one expression. All that is shown
follows from it: whether it happened within its window, after how many days, and how many rows say
nothing and why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..words import date_text
from .engine import Engine, identifier, listed, literal, spellings
from .errors import Problem, quoted
from .ledger import LedgerLine
from .marks import values_text
from .model import Description, Outcome
from .stage import Stage, missing_codes

__all__ = [
    "STATES",
    "DatedOutcome",
    "cause_notes",
    "dated_outcomes",
    "happened_sql",
    "never_problem",
    "outcome_label",
]


class STATES:
    """What the data say of a dated outcome, per row."""

    UNKNOWN, NO, YES, LATE, FUTURE, BEFORE, UNDATED, OPEN_NO, OPEN_YES = range(9)


def outcome_label(key: str, outcome: Outcome) -> str:
    """How readers know the outcome."""
    return outcome.label or key.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class DatedOutcome:
    """An outcome with the date of its event, as SQL.

    Attributes
    ----------
    key : its name.
    outcome : its description.
    happened : SQL over the judged rows: whether the event is recorded, NULL where that is not known.
    until : last day that the data covers.
    """

    key: str
    outcome: Outcome
    happened: str
    until: dt.date

    @property
    def state_name(self) -> str:
        """Name of the column that holds the state."""
        return f"_state_{self.key}"

    @property
    def on(self) -> str:
        """SQL of the event's day in the judged rows."""
        return identifier(f"_on_{self.key}_day")

    def state(self, asked: str) -> str:
        """The state as SQL over the judged rows, ``asked`` being the day from which days are counted.

        A window that the data does not cover to its end says nothing, also where the event has happened
        already: to know the early events of those whose other events are still to come would make the
        event look more frequent the later a customer was asked.
        """
        window, until = self.outcome.window_days, f"DATE {literal(self.until)}"
        end = f"{asked} + {window}" if window else asked
        late = f"WHEN {self.on} > {end} THEN {STATES.LATE}" if window else ""
        return (
            f"CASE WHEN ({self.happened}) IS NULL OR {asked} IS NULL THEN {STATES.UNKNOWN} "
            f"WHEN NOT ({self.happened}) THEN CASE WHEN {end} > {until} THEN {STATES.OPEN_NO} ELSE {STATES.NO} END "
            f"WHEN {self.on} IS NULL THEN {STATES.UNDATED} WHEN {self.on} < {asked} THEN {STATES.BEFORE} "
            f"WHEN {self.on} > {until} THEN CASE WHEN {end} > {until} THEN {STATES.OPEN_NO} ELSE {STATES.FUTURE} END "
            f"WHEN {end} > {until} THEN {STATES.OPEN_YES} {late} ELSE {STATES.YES} END::UTINYINT"
        )

    def stored(self, asked: str) -> dict[str, str]:
        """What the rows in use hold: the state, and the days until the event where there is one."""
        days = f"(CASE WHEN {self.counted(asked)} THEN {self.on} - {asked} END)::INTEGER"
        return {self.state_name: self.state(asked), f"{self.key}_days": days}

    def counted(self, asked: str) -> str:
        """Whether the event came after the question and before the end of the data, as SQL over the judged rows."""
        until = f"DATE {literal(self.until)}"
        return f"({self.happened}) AND {self.on} >= {asked} AND {self.on} <= {until}"

    def derived(self, observed: str) -> dict[str, str]:
        """What follows, as SQL over the rows in use: whether it happened, and how long it was looked for."""
        state = identifier(self.state_name)
        no, lost = (STATES.NO, STATES.LATE, STATES.FUTURE), (STATES.UNKNOWN, STATES.BEFORE, STATES.UNDATED)
        return {
            self.key: f"CASE WHEN {state} = {STATES.YES} THEN true WHEN {state} IN {no} THEN false END",
            f"{self.key}_observed_days": f"CASE WHEN {state} NOT IN {lost} "
            f"THEN coalesce({identifier(f'{self.key}_days')}, {observed}) END",
        }

    def tally(self, engine: Engine, where: str = "true") -> dict[int, int]:
        """How many rows in use (of those ``where`` says) are in each state."""
        state = identifier(self.state_name)
        return dict(engine.run(f"SELECT {state}, count(*) FROM used WHERE {where} GROUP BY 1"))

    def notes(
        self, found: Mapping[int, int], section: str, of: int, *, from_answer: bool = False
    ) -> list[LedgerLine]:
        """Ledger lines of the rows that say nothing, or less than they seem to.

        ``from_answer`` says that days are counted from the answer, as no day of invitation is known: of those on the
        list who gave none, nothing is known, whatever stands in their row.
        """
        name, until = outcome_label(self.key, self.outcome), date_text(self.until)
        open_ = found.get(STATES.OPEN_NO, 0) + found.get(STATES.OPEN_YES, 0)
        asked = f"its {self.outcome.window_days} days end" if self.outcome.window_days else "asked"
        parts = [
            (f"{name}: not known yet, {asked} after {until}", open_),
            (
                f"{name}: not known, blank, or no answer from whose day to count"
                if from_answer
                else f"{name}: not known, blank or coded so",
                found.get(STATES.UNKNOWN, 0),
            ),
            (f"{name}: not known, happened before the survey", found.get(STATES.BEFORE, 0)),
            (f"{name}: not known, happened on a day not stated", found.get(STATES.UNDATED, 0)),
            (f"{name}: dated after {until}, counted as not happened", found.get(STATES.FUTURE, 0)),
        ]
        return [LedgerLine(label, n, "note", section, of) for label, n in parts if n]

    def before_answer(self, engine: Engine, section: str, of: int) -> list[LedgerLine]:
        """A ledger line of events between invitation and answer: their answers may follow from the event."""
        days = identifier(f"{self.key}_days")
        n = engine.one(f"SELECT count(*) FROM used WHERE {days} < _answered_day - _invited_day")
        return self.before_answer_line(n, section, of)

    def before_answer_line(self, n: int, section: str, of: int) -> list[LedgerLine]:
        """The line for ``n`` such events; none without any."""
        name = outcome_label(self.key, self.outcome)
        return [LedgerLine(f"{name}: happened before the answer", n, "note", section, of)] if n else []

    def never(self, found: Mapping[int, int]) -> bool:
        """Whether no row has the event although some say that it did not happen."""
        without = (STATES.UNKNOWN, STATES.NO, STATES.OPEN_NO)
        if any(n for state, n in found.items() if state not in without):
            return False
        return bool(found.get(STATES.NO, 0) or found.get(STATES.OPEN_NO, 0))

    def problem(self, engine: Engine, found: Mapping[int, int], where: str) -> Problem | None:
        """A problem if no row in use has the event although some say that it did not happen."""
        if not self.never(found):
            return None
        if self.outcome.column is None:
            return Problem(f"column {self.outcome.on} holds no date in any row in use", where)
        values = engine.run(
            f"SELECT trim({identifier(self.key)}::VARCHAR) AS v, count(*) AS n FROM judged "
            f"WHERE _status IS NULL AND ({self.happened}) IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT 1000"
        )
        return never_problem(self.outcome, dict(values), where)


def never_problem(
    outcome: Outcome, found: Mapping[str, int], where: str, *, secret: bool = False
) -> Problem | None:
    """A problem if no value of the outcome's column says that it happened.

    ``found`` are the column's values with their numbers, without blanks and codes for not known; a
    ``secret`` column is not quoted.
    """
    if not found or any(text in found for text in spellings(outcome.event)):
        return None
    held = "" if secret else f" (there {'is' if len(found) == 1 else 'are'}: {values_text(found)})"
    return Problem(
        f"the event never occurs: no row in use says {' or '.join(map(quoted, outcome.event))} "
        f"in column {outcome.column}{held}",
        where,
        fix="name under event: the value that says it happened, or leave the outcome out",
    )


def happened_sql(d: Description, key: str, columns: Collection[str], stages: Mapping[str, Stage]) -> str:
    """Whether the event of the outcome ``key`` is recorded, as SQL over the judged rows; NULL where not known."""
    outcome = d.outcomes[key]
    if outcome.column is not None:
        source = next((stage.source for stage in stages.values() if stage.has(key)), d.responses)
        raw = identifier(key) if key in columns else "NULL::VARCHAR"
        text = f"nullif(trim({raw}::VARCHAR), '')"
        codes = missing_codes(source, outcome.missing)
        if codes:
            text = f"CASE WHEN {text} NOT IN {listed(codes)} THEN {text} END"
        return f"{text} IN {listed(outcome.event)}"
    on = f"_on_{key}_day"
    if on not in columns:
        return "NULL::BOOLEAN"
    # of somebody who is not in the file of outcomes nothing is known
    elsewhere = "outcomes_from" in stages and stages["outcomes_from"].has(on) and "_outcome_row" in columns
    known = "_outcome_row IS NOT NULL" if elsewhere else "true"
    return f"CASE WHEN {known} THEN {identifier(on)} IS NOT NULL END"


def dated_outcomes(
    d: Description, columns: Collection[str], stages: Mapping[str, Stage], until: dt.date
) -> list[DatedOutcome]:
    """The outcomes whose event has a date among ``columns``."""
    return [
        DatedOutcome(key, outcome, happened_sql(d, key, columns, stages), until)
        for key, outcome in d.outcomes.items()
        if outcome.on is not None and f"_on_{key}_day" in columns
    ]


def cause_notes(
    engine: Engine, key: str, outcome: Outcome, counted: str, section: str, of: int
) -> list[LedgerLine]:
    """Ledger lines of events without a cause, and of causes without an event."""
    cause = f"nullif(trim({identifier(f'{key}_cause')}::VARCHAR), '')"
    without, alone = engine.run(
        f"SELECT count(*) FILTER (({counted}) AND {cause} IS NULL), "
        f"count(*) FILTER (coalesce({counted}, false) IS FALSE AND {cause} IS NOT NULL) "
        "FROM judged WHERE _status IS NULL"
    )[0]
    name = outcome_label(key, outcome)
    parts = [
        (f"{name}: happened, but the cause is not stated", without),
        (f"{name}: a cause, but no event after the survey (not used)", alone),
    ]
    return [LedgerLine(label, n, "note", section, of) for label, n in parts if n]

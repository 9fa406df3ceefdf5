"""What customers did later, as ibis expressions: the states of :mod:`.outcomes`, judged where the rows lie."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .engine import spellings
from .errors import Problem
from .ledger import LedgerLine
from .model import Description, Outcome
from .outcomes import STATES, DatedOutcome, never_problem
from .stage import missing_codes

if TYPE_CHECKING:
    import ibis

__all__ = ["Event", "events_of", "happened"]


def happened(d: Description, key: str, table: ibis.Table, stages: Mapping[str, Any]) -> Any:
    """Whether the event of the outcome ``key`` is recorded; missing where that is not known."""
    import ibis

    outcome = d.outcomes[key]
    if outcome.column is not None:
        source = next((stage.source for stage in stages.values() if stage.has(key)), d.responses)
        if key not in table.columns:
            return ibis.null("boolean")
        text = table[key].cast("string").strip().nullif("")
        codes = missing_codes(source, outcome.missing)
        if codes:
            text = text.isin(spellings(codes)).ifelse(None, text)
        # "a IN (…) IS NULL" is no SQL for Spark
        return text.isnull().ifelse(None, text.isin(spellings(outcome.event)))
    on = f"_on_{key}_day"
    if on not in table.columns:
        return ibis.null("boolean")
    dated = table[on].notnull()
    # of somebody who is not in the table of outcomes nothing is known
    elsewhere = (
        "outcomes_from" in stages and stages["outcomes_from"].has(on) and "_has_outcome" in table.columns
    )
    return table["_has_outcome"].ifelse(dated, None) if elsewhere else dated


@dataclass(frozen=True)
class Event:
    """An outcome with the date of its event, judged.

    Attributes
    ----------
    state : one of :data:`.outcomes.STATES` per row.
    counted : whether the event came after the question and before the end of the data.
    days : days from the question to the event, where it counts.
    """

    key: str
    outcome: Outcome
    until: dt.date
    happened: Any
    state: Any
    counted: Any
    days: Any

    @property
    def columns(self) -> dict[str, Any]:
        """What the rows in use say of it: whether it happened within the window, and after how many days."""
        import ibis

        no = [STATES.NO, STATES.LATE, STATES.FUTURE]
        within = ibis.cases((self.state == STATES.YES, True), (self.state.isin(no), False), else_=None)
        return {self.key: within, f"{self.key}_days": self.days}

    def observed(self, observed: Any) -> Any:
        """Days for which the event was looked for, ``observed`` being the days to the end of the data."""
        lost = [STATES.UNKNOWN, STATES.BEFORE, STATES.UNDATED]
        return self.state.isin(lost).ifelse(None, self.days.cast("int64").coalesce(observed.cast("int64")))

    def told(
        self, table: ibis.Table, role: str, of: int, where: str, *, invited_only: bool
    ) -> tuple[list[LedgerLine], Problem | None]:
        """Ledger lines of the rows that say nothing, and a problem if the event occurs in none."""
        rows = table.mutate(_state=self.state, _days=self.days)
        if invited_only:
            rows = rows.filter(rows["invited"])
        tally = rows.group_by("_state").agg(n=rows.count()).to_pyarrow().to_pylist()
        found = {int(row["_state"]): int(row["n"]) for row in tally}
        words = DatedOutcome(self.key, self.outcome, "", self.until)
        from_answer = role == "frame" and "_invited_day" not in table.columns
        lines = words.notes(found, role, of, from_answer=from_answer)
        if {"_invited_day", "_responded_day"} <= set(table.columns):
            answered = rows["_early"].ifelse(None, rows["_responded_day"])
            soon = (rows["_days"] < answered.delta(rows["_invited_day"], unit="day")).fill_null(False)
            n = rows.agg(n=soon.sum()).to_pyarrow().to_pylist()[0]["n"]
            lines += words.before_answer_line(int(n or 0), role, of)
        if not words.never(found):
            return lines, None
        if self.outcome.column is None:
            return lines, Problem(f"column {self.outcome.on} holds no date in any row in use", where)
        text = table[self.key].cast("string").strip()
        known = table.filter(self.happened.notnull()).select(v=text)
        values = known.group_by("v").agg(n=known.count())
        values = values.order_by([values["n"].desc(), values["v"]]).limit(1000).to_pyarrow().to_pylist()
        return lines, never_problem(self.outcome, {row["v"]: int(row["n"]) for row in values}, where)


def events_of(
    d: Description, table: ibis.Table, asked: Any, happenings: Mapping[str, Any], until: dt.date | None
) -> list[Event]:
    """The outcomes whose event has a date among the columns of ``table``; ``asked`` is the day of the question."""
    return [
        _event(key, outcome, table, asked, happenings[key], until or dt.date.min)
        for key, outcome in d.outcomes.items()
        if outcome.on is not None and f"_on_{key}_day" in table.columns
    ]


def _event(key: str, outcome: Outcome, table: ibis.Table, asked: Any, recorded: Any, until: dt.date) -> Event:
    """The state as in :meth:`.outcomes.DatedOutcome.state`, with differences of days in place of dates."""
    import ibis

    on, end = table[f"_on_{key}_day"], ibis.literal(until)
    days, left = on.delta(asked, unit="day"), end.delta(asked, unit="day")
    after = (on > end).fill_null(False)
    open_ = (left < (outcome.window_days or 0)).fill_null(False)
    late = (days > outcome.window_days).fill_null(False) if outcome.window_days else ibis.literal(False)
    state = ibis.cases(
        (recorded.isnull() | asked.isnull(), STATES.UNKNOWN),
        (~recorded & open_, STATES.OPEN_NO),
        (~recorded, STATES.NO),
        (on.isnull(), STATES.UNDATED),
        ((days < 0).fill_null(False), STATES.BEFORE),
        (after & open_, STATES.OPEN_NO),
        (after, STATES.FUTURE),
        (open_, STATES.OPEN_YES),
        (late, STATES.LATE),
        else_=STATES.YES,
    )
    counted = recorded & (days >= 0) & ~after
    return Event(key, outcome, until, recorded, state, counted, counted.fill_null(False).ifelse(days, None))

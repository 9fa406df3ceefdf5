"""From the rows that the survey uses to those that were raced, or compared: the last lines of the page's ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.studies.predictive_validity.numbers import Numbers, Units
from cxstats.studies.predictive_validity.phrases import event_text
from cxstats.survey.ledger import Ledger, LedgerLine
from cxstats.words import capitalised, join_words

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["ledger"]

SECTION = "race"


def ledger(numbers: Numbers, survey: Survey) -> Ledger:
    """The survey's ledger, and below it what became of the answers up to those that raced.

    It stands alone where nothing raced, and where rows were drawn by lot: their counts are not those of the file.
    """
    whole = survey.ledger
    if numbers.units is not None:
        steps = _compared(numbers.units)
    elif numbers.race is not None and numbers.base.drawn is None:
        steps = _raced(numbers)
    else:
        return whole
    (first, n), *gone, (last, left) = steps
    lines = [LedgerLine(first, n, "read", SECTION, whole.rows_read)]
    lines += [LedgerLine(why, n, "set aside", SECTION, whole.rows_read) for why, n in gone if n]
    lines.append(LedgerLine(last, left, "used", SECTION, whole.rows_read))
    return Ledger((*whole.lines, *lines))


def _compared(units: Units) -> list[tuple[str, int]]:
    """Units with a score, those without an outcome, and those that are compared."""
    noun = capitalised(units.noun)
    return [
        (f"{noun} with {units.metric.short}", units.n + units.without),
        ("the outcome is not known", units.without),
        (f"{noun} compared", units.n),
    ]


def _raced(numbers: Numbers) -> list[tuple[str, int]]:
    """Answers to any score, why some do not race, and how many do."""
    base, names = numbers.base, list(numbers.asked)
    racing = join_words([c.metric.short for c in numbers.contenders])
    verb = "with" if numbers.nothing_asked else "answered"
    return [
        (
            f"For the race: {verb} {'any of ' if len(names) > 1 else ''}{join_words(names, 'or')}",
            base.answered,
        ),
        ("answered after the event, or after the window", base.before_answer),
        (
            f"whether they {event_text(numbers)} is not known",
            base.answered - base.respondents - base.before_answer,
        ),
        (f"did not answer all of {racing}", base.respondents - numbers.race.n),
        (f"Raced: {racing}", numbers.race.n),
    ]

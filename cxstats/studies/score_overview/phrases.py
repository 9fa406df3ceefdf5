"""Words that all texts of the page of scores share: names of measures, what one did, what would settle a question."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cxstats.findings import Verdict
from cxstats.studies.score_overview.action import Action
from cxstats.studies.score_overview.measures import Measure
from cxstats.studies.score_overview.money import voice
from cxstats.studies.score_overview.study import Numbers
from cxstats.studies.speech import enough_digits, in_sentence
from cxstats.words import count, date_text, join_words, number_word

if TYPE_CHECKING:
    from cxstats.survey import Survey

MOST_NEEDED = 3
"""Measures of which it is told how many answers would settle them."""

__all__ = [
    "is_or_are",
    "key_of",
    "listed",
    "moved",
    "names_of",
    "needed",
    "period",
    "reached",
    "wave_of",
    "when",
]


def needed(open_: list[Measure]) -> str:
    """About how many answers a wave would settle the least certain of these, if their values stay what they are."""
    told: list[tuple[float, str]] = []
    for m in open_:
        if m.change is not None:
            half, seen = (
                max(m.change.value - m.change.low, m.change.high - m.change.value),
                abs(m.change.value),
            )
        else:
            half, seen = max(m.now.value - m.family[0], m.family[1] - m.now.value), 0.0
        room = abs(m.margin - seen)
        if room < m.margin / 20:
            told.append((math.inf, f"{m.short} many more, for the change seen lies next to the margin"))
        else:
            n = _rough(m.now.n * (half / room) ** 2)
            told.append((n, f"{m.short} about {count(n)}"))
    told.sort(key=lambda one: one[0])
    if len(told) <= MOST_NEEDED:
        return f"More answers a wave: for {join_words([text for _, text in told])}."
    most = max((n for n, _ in told if math.isfinite(n)), default=math.nan)
    named = ", ".join(text for _, text in told[: MOST_NEEDED - 1])
    return f"More answers a wave: for {named}, for the other {number_word(len(told) - MOST_NEEDED + 1)} up to {count(most)}."


def _rough(n: float) -> float:
    """To two digits: it is a rough number."""
    digits = max(0, int(math.log10(max(n, 1))) - 1)
    return math.ceil(n / 10**digits) * 10**digits


def listed(texts: list[str]) -> str:
    """Clauses in a row; with semicolons where one has a comma."""
    return "; ".join(texts) if any("," in t for t in texts) else join_words(texts)


def names_of(measures: list[Measure], most: int = 3) -> str:
    """Short names of measures in a sentence; of many the first few."""
    names = [in_sentence(m.short) for m in measures]
    if len(names) <= most + 1:
        return join_words(names)
    return f"{', '.join(names[:most])} and {number_word(len(names) - most)} more"


def is_or_are(measures: list[Measure]) -> str:
    """The verb that fits the number of measures."""
    return "is" if len(measures) == 1 else "are"


def moved(m: Measure) -> str:
    """What the measure did since the wave before: "CSAT fell from 78 % to 74 %"."""
    say = voice(m)
    before, now = m.readings[-2].value, m.now.value
    digits = enough_digits(0, lambda d: before == now or say.value(before, d) != say.value(now, d))
    assert m.change is not None
    if m.verdict is Verdict.NEGLIGIBLE and m.change.low <= 0 <= m.change.high:
        digits = 0
    first, last = say.value(before, digits), say.value(now, digits)
    if first == last:
        return f"{m.short} stayed at {last}"
    sure = m.change.low > 0 or m.change.high < 0
    verb = ("rose" if now > before else "fell") if sure else "went"
    return f"{m.short} {verb} from {first} to {last}"


def wave_of(m: Measure) -> str:
    """The wave of a measure as a table has it."""
    return m.now.label or "all"


def key_of(m: Measure) -> str:
    """The measure's name as part of a figure's key."""
    return "".join(c if c.isalnum() else "-" for c in m.key.lower()).strip("-")


def reached(action: Action) -> str:
    """Whom the action reached: "Country: Germany"."""
    return f"{action.title}: {join_words(action.plan.labels, 'or')}"


def when(action: Action) -> str:
    """The action's day, or the wave it came before."""
    return date_text(action.plan.day) if action.plan.day else f"before {action.plan.when}"


def period(numbers: Numbers, survey: Survey) -> str:
    """The wave of the headline score, or the survey's period."""
    m = numbers.headline
    return m.now.label if m.readings and m.now.label else survey.period_text

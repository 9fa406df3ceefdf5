"""Texts and bounds that the pictures share."""

from __future__ import annotations

from collections.abc import Callable

from cxstats.studies.extreme_response_bias.numbers import Gap, Numbers
from cxstats.studies.speech import Speech, enough_digits
from cxstats.words import capitalised, interval, join_words, plural, signed

__all__ = [
    "MOST_PAIRED",
    "MOST_ROWS",
    "ROOMY",
    "axis_label",
    "band_of",
    "cut_note",
    "ends",
    "hidden_note",
    "names_text",
    "span_text",
    "tick_text",
    "value_text",
    "with_span",
]

Tick = Callable[[float], str]
ROOMY = 8  # groups up to which each step has a line of its own
MOST_ROWS = 24  # groups in a picture; the table has them all
MOST_PAIRED = 10  # groups in a picture in which each has several lines


def tick_text(numbers: Numbers) -> Tick:
    digits = Speech(numbers.metric).gap_digits
    return lambda v: signed(v, 1 if digits and abs(10 * v - round(10 * v)) < 1e-9 else digits)


def axis_label(numbers: Numbers) -> str:
    unit = Speech(numbers.metric).gap_unit
    words = (
        f"{numbers.metric.short} {unit}"
        if unit == "points"
        else f"{capitalised(unit)} of {numbers.metric.short}"
    )
    return f"{words} above (+) or below (−) {numbers.reference}"


def band_of(numbers: Numbers) -> dict[str, object]:
    margin = numbers.settings.margin
    return {
        "band": (-margin, margin),
        "band_label": f"within {Speech(numbers.metric).gap(margin)} of {numbers.reference}",
    }


def value_text(numbers: Numbers, value: float) -> str:
    say = Speech(numbers.metric)
    return signed(value, min(say.gap_digits + 1, 2))


def span_text(numbers: Numbers, low: float, high: float, fine: int = 1) -> str:
    least = min(Speech(numbers.metric).gap_digits + fine, 2)
    digits = enough_digits(least, lambda d: abs(high - low) < 1e-9 or round(low, d) != round(high, d))
    return interval(low, high, digits=min(digits, 2), sign=True)


def with_span(numbers: Numbers, gap: Gap | None) -> tuple[str, str]:
    return (
        ("", "") if gap is None else (value_text(numbers, gap.value), span_text(numbers, gap.low, gap.high))
    )


def hidden_note(numbers: Numbers) -> str:
    if not numbers.hidden:
        return ""
    return (
        f"{plural(numbers.hidden, 'group is', 'groups are')} not shown: under {numbers.settings.smallest_group} "
        "answers, or one that would give such a group away by subtraction."
    )


def names_text(labels: list[str], most: int = 3) -> str:
    return join_words(labels) if len(labels) <= most else plural(len(labels), "group")


def ends(rows: list, most: int = MOST_ROWS) -> list:
    """The first and the last of a long list."""
    return rows if len(rows) <= most else [*rows[: most // 2], *rows[-(most // 2) :]]


def cut_note(n: int, most: int) -> str:
    """What to say of the groups that a picture leaves out."""
    return (
        f" {plural(n - 2 * (most // 2), 'group')} between them stand only in the table." if n > most else ""
    )

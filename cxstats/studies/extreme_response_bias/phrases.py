"""Phrases that the report's sentences and pictures share: gaps, ranges and assumptions in words."""

from __future__ import annotations

import re

from cxstats.studies.extreme_response_bias.numbers import Numbers, Pair
from cxstats.studies.speech import Speech
from cxstats.words import amount, join_words, number, plural, share

__all__ = [
    "digits_of",
    "fact_names",
    "from_to",
    "gap_words",
    "margin_text",
    "named",
    "neutral_text",
    "plain",
    "range_words",
    "spaced",
    "steps_text",
    "style_share_text",
]


def plain(numbers: Numbers, value: float, fine: int = 0) -> str:
    """The size of a gap, without its sign or unit."""
    return number(abs(value), digits_of(numbers, fine))


def digits_of(numbers: Numbers, fine: int = 0) -> int:
    return min(Speech(numbers.metric).gap_digits + fine, 2)


def _unit(numbers: Numbers, size: float, fine: int = 0) -> str:
    unit = Speech(numbers.metric).gap_unit
    return amount(abs(round(size, digits_of(numbers, fine))), unit, digits=digits_of(numbers, fine)).split(
        " ", 1
    )[1]


def gap_words(numbers: Numbers, value: float, reference: str, fine: int = 0) -> str:
    """One gap in words.

    >>> from cxstats.metrics import NPS
    >>> from types import SimpleNamespace
    >>> gap_words(SimpleNamespace(metric=NPS), -29.1, "Germany")
    '29 points below Germany'
    """
    size = plain(numbers, value, fine)
    if float(size.replace(",", "")) == 0:
        return f"level with {reference}"
    return f"{size} {_unit(numbers, value, fine)} {'above' if value > 0 else 'below'} {reference}"


def range_words(numbers: Numbers, low: float, high: float, reference: str, fine: int = 0) -> str:
    """A range of gaps in words.

    >>> from cxstats.metrics import NPS
    >>> from types import SimpleNamespace
    >>> n = SimpleNamespace(metric=NPS)
    >>> range_words(n, -28.7, -9.2, "Germany"), range_words(n, -1.2, 3.1, "Germany")
    ('9 to 29 points below Germany', 'between 1 point below and 3 points above Germany')
    """
    digits = digits_of(numbers, fine)
    if round(low, digits) == round(high, digits):
        return gap_words(numbers, (low + high) / 2, reference, fine)
    if round(low, digits) >= 0 or round(high, digits) <= 0:
        small, large = sorted((abs(low), abs(high)))
        side = "above" if round(low, digits) >= 0 else "below"
        if round(small, digits) == 0:
            return f"up to {plain(numbers, large, fine)} {_unit(numbers, large, fine)} {side} {reference}"
        far = f"{plain(numbers, large, fine)} {_unit(numbers, large, fine)}"
        return f"{plain(numbers, small, fine)} to {far} {side} {reference}"
    return (
        f"between {plain(numbers, low, fine)} {_unit(numbers, low, fine)} below and "
        f"{plain(numbers, high, fine)} {_unit(numbers, high, fine)} above {reference}"
    )


def from_to(numbers: Numbers, low: float, high: float) -> str:
    """Both ends of a range of gaps, the nearer to 0 first: "level to 35 points below", "2 to 17 points below"."""
    near, far = sorted((low, high), key=abs)
    sizes = [plain(numbers, end) for end in (near, far)]
    if near * far > 0 and float(sizes[0].replace(",", "")):
        return f"{sizes[0]} to {sizes[1]} {_unit(numbers, far)} {'above' if far > 0 else 'below'}"
    words = []
    for end in (near, far):
        size = plain(numbers, end)
        side = "above" if end > 0 else "below"
        words.append(f"{size} {_unit(numbers, end)} {side}" if float(size.replace(",", "")) else "level")
    return f"{words[0]} to {words[1]}"


def fact_names(numbers: Numbers, label: str) -> str:
    """The facts that a group was made alike in with the reference, as readers know them."""
    return join_words([f"“{fact.title}”" for fact in numbers.facts if fact.used and label not in fact.not_in])


def style_share_text(numbers: Numbers) -> str:
    """The assumed share of the difference in spread that is scale use.

    "none to all", or "50 % to 100 %".
    """
    low, high = numbers.settings.style_share
    if (low, high) == (0.0, 1.0):
        return "none to all"
    if low == high:
        return {0.0: "none", 1.0: "all"}.get(low, share(low))
    return f"{share(low)} to {share(high)}"


def neutral_text(numbers: Numbers, last: str = "or") -> str:
    """The neutral points assumed: "5, 6 or 7"."""
    return join_words([f"{point:g}" for point in numbers.neutral or numbers.settings.neutral], last)


def spaced(text: str) -> str:
    """A method's sentence as the page writes it: with a space between a number and its percent sign.

    >>> spaced("64% tie stories")
    '64\\xa0% tie stories'
    """
    return re.sub(r"(?<=\d)%", "\N{NO-BREAK SPACE}%", text)


def margin_text(numbers: Numbers) -> str:
    return Speech(numbers.metric).gap(numbers.settings.margin)


def steps_text(numbers: Numbers, pair: Pair) -> str:
    """What was allowed for before scale use."""
    if pair.answered is not None:
        return "the same customer mix, and who answered allowed for"
    if pair.mixed is not None:
        return "the same customer mix"
    return "the answers as they are"


def named(labels: list[str], most: int = 4) -> str:
    """The labels, or how many there are where a sentence would not hold them."""
    return join_words(labels) if len(labels) <= most else plural(len(labels), "group")

"""Numbers, periods and lists as the reports print them.

One place decides how a number looks: NPS is signed, a minus is a true minus, thousands have a
comma, a no-break space stands before %, an interval reads "a to b". Studies, figures and tables
all call these, so that one number looks the same wherever a reader meets it.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, datetime

__all__ = [
    "MINUS",
    "NBSP",
    "amount",
    "capitalised",
    "count",
    "date_text",
    "interval",
    "join_words",
    "level_text",
    "number",
    "number_word",
    "percent",
    "period_text",
    "plural",
    "share",
    "signed",
    "stated",
]

MINUS = "−"
NBSP = "\u00a0"
_DASH = "–"
# fmt: off
_MONTHS = ("January", "February", "March", "April", "May", "June",  # not calendar's: that follows the locale
           "July", "August", "September", "October", "November", "December")
_SMALL = ("no", "one", "two", "three", "four", "five", "six",
          "seven", "eight", "nine", "ten", "eleven", "twelve")
# fmt: on


def number(value: float, digits: int = 0) -> str:
    """A plain number with thousands commas and a true minus; "not known" where it is missing.

    >>> number(-1234.56, 1)
    '−1,234.6'
    >>> number(-0.04, 1)
    '0.0'
    """
    if value is None or math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "unlimited" if value > 0 else f"{MINUS}unlimited"
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(c not in "0.," for c in text)
    return f"{MINUS}{text}" if negative else text


def signed(value: float, digits: int = 0) -> str:
    """A number that always carries its sign; what rounds to zero carries none.

    >>> signed(37.34, 1), signed(-7), signed(0.04, 1)
    ('+37.3', '−7', '0.0')
    """
    text = number(value, digits)
    positive = text[0].isdigit() and any(c not in "0.," for c in text)
    return f"+{text}" if positive else text


def count(n: float) -> str:
    """A whole number with thousands commas.

    >>> count(8497)
    '8,497'
    """
    return number(round(n) if n is not None and math.isfinite(n) else n, 0)


def percent(value: float, digits: int = 0) -> str:
    """A value already in percent; small but not zero reads "under", nearly all reads "over".

    >>> percent(21.24, 1)
    '21.2\\xa0%'
    >>> percent(0.02, 1)
    'under 0.1\\xa0%'
    >>> percent(99.97, 1)
    'over 99.9\\xa0%'
    """
    text = number(value, digits)
    step = 10.0**-digits
    if value is not None and 0 < abs(value) < step / 2:
        return f"under {number(step, digits)}{NBSP}%"
    if value is not None and 100 - step / 2 <= value < 100:
        return f"over {number(100 - step, digits)}{NBSP}%"
    return f"{text}{NBSP}%"


def share(value: float, digits: int = 0) -> str:
    """A share in [0, 1] as percent.

    >>> share(0.2124, 1)
    '21.2\\xa0%'
    """
    return percent(100 * value if value is not None else math.nan, digits)


def level_text(level: float) -> str:
    """A confidence level as it is written in a sentence.

    >>> level_text(0.95), level_text(0.999)
    ('95\\xa0%', '99.9\\xa0%')
    """
    return f"{100 * level:.10g}{NBSP}%"


def interval(low: float, high: float, unit: str = "", *, digits: int = 1, sign: bool = False) -> str:
    """An interval, "a to b", with the unit once at the end.

    >>> interval(35.72, 38.9, sign=True)
    '+35.7 to +38.9'
    >>> interval(13.9, 16.1, "%")
    '13.9 to 16.1\\xa0%'
    >>> interval(11.2, 22.4, "points", digits=0)
    '11 to 22 points'
    """
    form = signed if sign else number
    text = f"{form(low, digits)} to {form(high, digits)}"
    return f"{text}{_unit(unit)}"


def amount(value: float, unit: str = "", *, sign: bool = False, digits: int | None = None) -> str:
    """A number with its unit; without ``digits`` as many as it needs (at most four).

    >>> amount(5.0, "points"), amount(2.5, "%"), amount(1, "points")
    ('5 points', '2.5\\xa0%', '1 point')
    """
    if digits is None:
        digits = next((d for d in range(5) if math.isclose(value, round(value, d), abs_tol=1e-9)), 4)
    text = (signed if sign else number)(value, digits)
    if unit.endswith("s") and text.lstrip(f"+{MINUS}") == "1":
        unit = unit[:-1]
    return f"{text}{_unit(unit)}"


def _unit(unit: str) -> str:
    if not unit:
        return ""
    return f"{NBSP}%" if unit in ("%", "percent") else f" {unit}"


def plural(n: float, noun: str, nouns: str | None = None) -> str:
    """A count and its noun.

    >>> plural(1, "answer"), plural(8497, "answer"), plural(2, "country", "countries")
    ('1 answer', '8,497 answers', '2 countries')
    """
    return f"{count(n)} {noun if n == 1 else nouns or noun + 's'}"


def number_word(n: int) -> str:
    """A small number in words, as a sentence has it; from thirteen on in digits.

    >>> number_word(7), number_word(40)
    ('seven', '40')
    """
    return _SMALL[n] if 0 <= n < len(_SMALL) else count(n)


def join_words(words: Iterable[object], last: str = "and") -> str:
    """Words as a sentence lists them.

    >>> join_words(["Brazil", "Germany", "Japan"]), join_words(["a", "b"], "or"), join_words([])
    ('Brazil, Germany and Japan', 'a or b', '')
    """
    texts: Sequence[str] = [str(word) for word in words]
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def capitalised(text: str) -> str:
    """The text with its first letter large, the rest as it was.

    >>> capitalised("change in NPS")
    'Change in NPS'
    """
    return text[:1].upper() + text[1:]


def date_text(day: date | datetime | None) -> str:
    """A day with its month spelt.

    >>> date_text(date(2025, 3, 31))
    '31 March 2025'
    """
    if day is None:
        return "not known"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


PERIOD_NOT_STATED = "period not stated"


def stated(period: str) -> str:
    """A period in words where one is known, else nothing: no title says what it does not say.

    >>> stated("January–March 2025"), stated(PERIOD_NOT_STATED)
    ('January–March 2025', '')
    """
    return "" if period == PERIOD_NOT_STATED else period


def period_text(start: date | None, end: date | None) -> str:
    """A period from its first to its last day, both included; whole months without their days.

    >>> period_text(date(2025, 1, 1), date(2025, 3, 31))
    'January–March 2025'
    >>> period_text(date(2024, 7, 1), date(2025, 3, 31))
    'July 2024 to March 2025'
    >>> period_text(date(2025, 3, 3), date(2025, 3, 9))
    '3–9 March 2025'
    """
    if start is None and end is None:
        return PERIOD_NOT_STATED
    if start is None:
        return f"up to {date_text(end)}"
    if end is None:
        return f"from {date_text(start)}"
    first, last = _MONTHS[start.month - 1], _MONTHS[end.month - 1]
    whole = start.day == 1 and end.day == monthrange(end.year, end.month)[1]
    same_year, same_month = start.year == end.year, (start.year, start.month) == (end.year, end.month)
    if whole and start.month == 1 and end.month == 12:
        return str(start.year) if same_year else f"{start.year}{_DASH}{end.year}"
    if whole and same_month:
        return f"{first} {start.year}"
    if whole and same_year:
        return f"{first}{_DASH}{last} {end.year}"
    if whole:
        return f"{first} {start.year} to {last} {end.year}"
    if start == end:
        return date_text(start)
    if same_month:
        return f"{start.day}{_DASH}{end.day} {first} {start.year}"
    if same_year:
        return f"{start.day} {first} to {end.day} {last} {end.year}"
    return f"{date_text(start)} to {date_text(end)}"

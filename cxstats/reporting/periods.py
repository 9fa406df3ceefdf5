"""Periods that reports speak of, as they are written: always named, never counted from today.

A run that is repeated, or caught up on next month, must say the same; so no word here looks at the clock.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from cxstats.words import period_text

__all__ = ["Period", "parse_period"]

_FORMS = "2025, 2025-Q1, 2025-03, 2025-W14, 2025-03-31 or 2025-01-01/2025-03-31"
_ONE_DAY = dt.timedelta(days=1)
_KINDS = {
    "year": re.compile(r"(\d{4})"),
    "quarter": re.compile(r"(\d{4})-[Qq]([1-4])"),
    "month": re.compile(r"(\d{4})-(\d{2})"),
    "week": re.compile(r"(\d{4})-[Ww](\d{2})"),
    "day": re.compile(r"(\d{4})-(\d{2})-(\d{2})"),
    "range": re.compile(r"(\d{4}-\d{2}-\d{2})/(\d{4}-\d{2}-\d{2})"),
}


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of whole days.

    Attributes
    ----------
    text : as it is written ("2025-Q1").
    kind : "year", "quarter", "month", "week", "day" or "range".
    start, end : its first and its last day.
    """

    text: str
    kind: str
    start: dt.date
    end: dt.date

    @property
    def words(self) -> str:
        """As readers see it.

        >>> parse_period("2025-Q1").words
        'January–March 2025'
        """
        return period_text(self.start, self.end)

    @property
    def slug(self) -> str:
        """As it stands in a report's name.

        >>> parse_period("2025-Q1").slug, parse_period("2025-01-01/2025-01-14").slug
        ('2025-q1', '2025-01-01-2025-01-14')
        """
        return re.sub(r"[^a-z0-9]+", "-", self.text.lower())

    @property
    def iso(self) -> str:
        """Both days ("2025-01-01/2025-03-31"): the same however the period is written."""
        return f"{self.start}/{self.end}"

    def before(self) -> Period:
        """The period of the same length before this one.

        >>> parse_period("2025-Q1").before().text, parse_period("2025-01").before().text
        ('2024-Q4', '2024-12')
        >>> parse_period("2025-03-01/2025-03-14").before().text
        '2025-02-15/2025-02-28'
        """
        last = self.start - _ONE_DAY
        if self.kind == "range":
            return parse_period(f"{last - (self.end - self.start)}/{last}")
        iso = last.isocalendar()
        return parse_period(
            {
                "year": f"{last.year:04d}",
                "quarter": f"{last.year:04d}-Q{(last.month + 2) // 3}",
                "month": f"{last:%Y-%m}",
                "week": f"{iso.year:04d}-W{iso.week:02d}",
                "day": f"{last}",
            }[self.kind]
        )

    def within(self, start: dt.date | None, end: dt.date | None) -> bool:
        """Whether the period lies between two days, either of which may be open.

        >>> parse_period("2025-02").within(dt.date(2025, 1, 1), None)
        True
        """
        return (start is None or start <= self.start) and (end is None or self.end <= end)


def parse_period(text: str) -> Period:
    """The period that ``text`` names.

    Raises ValueError where it names none; words that count from today are refused with the rest.

    >>> parse_period("2025-W01").start
    datetime.date(2024, 12, 30)
    """
    text = text.strip()
    for kind, form in _KINDS.items():
        if found := form.fullmatch(text):
            try:
                start, end = _days(kind, found.groups())
            except ValueError:
                raise ValueError(f"{text!r} is no period: there is no such day, week or month") from None
            if end < start:
                raise ValueError(f"{text!r} is no period: it ends before it begins")
            return Period(text, kind, start, end)
    never = (
        ": a period is always named, so that a run can be repeated"
        if re.search(r"now|today|last|latest|current|this|previous|yesterday", text, re.IGNORECASE)
        else ""
    )
    raise ValueError(f"{text!r} is no period{never}. Write it as {_FORMS}")


def _days(kind: str, parts: tuple[str, ...]) -> tuple[dt.date, dt.date]:
    if kind == "range":
        return dt.date.fromisoformat(parts[0]), dt.date.fromisoformat(parts[1])
    numbers = [int(part) for part in parts]
    if kind == "day":
        return dt.date(*numbers), dt.date(*numbers)
    if kind == "week":
        first = dt.date.fromisocalendar(numbers[0], numbers[1], 1)
        return first, first + 6 * _ONE_DAY
    year = numbers[0]
    first_month, last_month = {"year": (1, 12), "quarter": (0, 0), "month": (0, 0)}[kind]
    if kind == "quarter":
        first_month, last_month = 3 * numbers[1] - 2, 3 * numbers[1]
    elif kind == "month":
        first_month = last_month = numbers[1]
    after = dt.date(year + last_month // 12, last_month % 12 + 1, 1)
    return dt.date(year, first_month, 1), after - _ONE_DAY

import doctest
import math
from datetime import date

import pytest

from cxstats import words


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(26.2, 1, "+26.2"), (-0.4, 0, "0"), (0, 1, "0.0"), (-7.25, 1, "−7.2"), (1234.5, 1, "+1,234.5")],
)
def test_signed(value, digits, text):
    assert words.signed(value, digits) == text


@pytest.mark.parametrize("form", [words.number, words.signed, words.count])
def test_a_missing_number_is_said_to_be_missing(form):
    assert form(math.nan) == "not known"
    assert form(None) == "not known"


def test_no_hyphen_ever_stands_for_a_minus():
    texts = [
        words.number(-3.2, 1),
        words.signed(-3),
        words.percent(-2.0),
        words.interval(-3, -1, "points", sign=True),
        words.amount(-2.5, "points"),
    ]
    assert not any("-" in text for text in texts)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (date(2025, 3, 1), date(2025, 3, 31), "March 2025"),
        (date(2024, 2, 1), date(2024, 2, 29), "February 2024"),
        (date(2025, 1, 1), date(2025, 12, 31), "2025"),
        (date(2024, 1, 1), date(2025, 12, 31), "2024–2025"),
        (date(2025, 1, 15), date(2025, 3, 3), "15 January to 3 March 2025"),
        (date(2024, 12, 30), date(2025, 1, 5), "30 December 2024 to 5 January 2025"),
        (date(2025, 3, 3), date(2025, 3, 3), "3 March 2025"),
        (date(2025, 3, 3), None, "from 3 March 2025"),
        (None, date(2025, 3, 3), "up to 3 March 2025"),
        (None, None, "period not stated"),
    ],
)
def test_periods(start, end, text):
    assert words.period_text(start, end) == text


def test_percent_never_rounds_something_to_nothing_or_all():
    assert words.percent(0, 1) == "0.0\u00a0%"
    assert words.percent(100, 1) == "100.0\u00a0%"
    assert words.share(0.00001, 1) == "under 0.1\u00a0%"
    assert words.share(0.99999, 1) == "over 99.9\u00a0%"

"""The rule by which a verdict is reached, case by case."""

from __future__ import annotations

import math

import pytest

from cxstats.findings import Finding, Verdict, judge


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-4.9, 4.9, Verdict.NEGLIGIBLE),
        (-5, 5, Verdict.NEGLIGIBLE),  # at most the margin: does not matter
        (5.1, 9, Verdict.MATERIAL),
        (-9, -5.1, Verdict.MATERIAL),
        (5, 9, Verdict.INCONCLUSIVE),  # exactly the margin cannot be ruled out
        (-1, 5.1, Verdict.INCONCLUSIVE),
        (-9, 9, Verdict.INCONCLUSIVE),
        (math.nan, math.nan, Verdict.NOT_ANSWERABLE),
    ],
)
def test_the_region_against_the_margin(low: float, high: float, verdict: Verdict) -> None:
    assert judge(low, high, 5) is verdict


def test_what_more_answers_cannot_mend_is_not_called_too_few() -> None:
    assert judge(-1, 9, 5, assumption=(1, 7)) is Verdict.NOT_ANSWERABLE
    assert judge(-1, 9, 5, assumption=(3, 4)) is Verdict.INCONCLUSIVE
    assert judge(6, 9, 5, assumption=(7, 8)) is Verdict.MATERIAL


def test_the_page_speaks_the_four_phrases() -> None:
    assert [v.words for v in Verdict] == [
        "No difference that matters",
        "A difference that matters",
        "Too few answers to say",
        "This data cannot say",
    ]


@pytest.mark.parametrize(("low", "high", "margin"), [(1, 0, 5), (0, 1, 0), (0, 1, -5)])
def test_impossible_input_is_refused(low: float, high: float, margin: float) -> None:
    with pytest.raises(ValueError, match=r"region|margin"):
        judge(low, high, margin)


def test_this_data_cannot_say_names_the_data_that_could() -> None:
    with pytest.raises(ValueError, match="which data could"):
        Finding("?", Verdict.NOT_ANSWERABLE, "", "", margin=5, unit="points")

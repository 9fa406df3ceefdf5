"""Sentences claim what their numbers carry: no more, and nothing else. Facts that give the answer away are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.studies.response_rate_bias import answer_words, headlines, sentences


def test_where_nearly_all_answered_the_worst_case_decides_and_says_so(make_survey, invitations) -> None:
    columns = invitations(3_000, rate=0.9999)
    columns["nps"][:15] = [""] * 15
    study = cx.response_rate_bias(make_survey({"nps": columns["nps"]}))
    finding = study.findings[0]
    assert finding.verdict is Verdict.NEGLIGIBLE
    assert finding.needed is None
    assert "Whatever the" in finding.answer
    assert "can stand for everyone" in finding.answer
    assert "nothing is assumed" in finding.rule
    assert -5 < finding.low < 0 < finding.high < 5
    assert "nothing is known" not in study.answer.to_text().lower()


@pytest.fixture(scope="module")
def numbers(demo_study):
    return demo_study("response_rate_bias", metric="nps").numbers


def test_the_headline_of_a_difference_holds_its_sampling_error(numbers) -> None:
    finding = answer_words.answer(numbers)
    assert numbers.verdict is Verdict.MATERIAL
    low, high = round(finding.low), round(finding.high)
    assert f"between {low} and {high} points too high" in finding.answer
    most = round(numbers.published.value - finding.low)
    assert f"at most about +{most}" in headlines.ladder_headline(numbers)


def test_satisfaction_alone_is_phi_of_one_whichever_end_is_farther(numbers) -> None:
    # weighting moves the score by 12, satisfaction alone by 8
    region = dataclasses.replace(numbers.region, first=12.0, last=8.0, lowest=8.0, highest=12.0)
    point = sentences._range_point(dataclasses.replace(numbers, region=region))
    assert point.headline.endswith(f"+{round(numbers.published.value - 8)}")


def test_a_follow_up_of_that_size_settles_nothing_by_itself(numbers) -> None:
    point = sentences._plan_point(numbers)
    assert "settle" not in point.headline
    assert "if all who are drawn reply" in point.sentence


def test_arms_of_a_nudge_are_compared_and_not_those_it_brought_in(numbers) -> None:
    text = headlines.instrument_headline(numbers)
    assert "brought in" not in text
    assert "chance" in text


def test_a_gap_that_weighting_widens_is_told(numbers) -> None:
    check = dataclasses.replace(numbers.checks[0], repaired=-0.6)
    assert "which grows" in headlines._repair_words(check)


def test_the_tipping_point_is_not_called_passed_where_that_may_be_chance(numbers) -> None:
    tipping = dataclasses.replace(numbers.tipping, at_margin=0.9)
    for low, said in (
        (5.5, "would be off by 5 points or more"),
        (4.5, "off by 6.4 points, not surely by 5 points"),
    ):
        unseen = dataclasses.replace(
            numbers.unseen, bias=np.array([6.4]), bias_low=np.array([low]), bias_high=np.array([8.0])
        )
        assert said in headlines.tipping_headline(
            dataclasses.replace(numbers, tipping=tipping, unseen=unseen)
        )


def test_two_ends_that_cross_the_margin_are_not_said_to_lie_beyond_it(numbers) -> None:
    tipping = dataclasses.replace(
        numbers.tipping, supported=(1.0, 1.3), ends_at_margin=(1.24, None), agrees=False
    )
    note = headlines.tipping_note(dataclasses.replace(numbers, tipping=tipping))
    assert "part of that lies within the margin, part beyond" in note
    tipping = dataclasses.replace(tipping, supported=(1.0, 1.1))
    note = headlines.tipping_note(dataclasses.replace(numbers, tipping=tipping))
    assert "beyond the margin throughout" in note


def test_a_fact_known_only_of_the_silent_is_refused_too(make_survey, invitations) -> None:
    columns = invitations(1_500)
    columns["bounce"] = ["" if s else "hard" if i % 3 else "soft" for i, s in enumerate(columns["nps"])]
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use", "bounce")))
    assert "Bounce" not in study.numbers.variables
    assert "gives the answer away" in study.limits.to_text()


def test_an_optional_question_is_refused_though_few_answered_it(make_survey, invitations) -> None:
    columns = invitations(3_000)
    # one in eight of those who answered filled it in: under a fifth of a difference, and it tells who answered
    columns["age"] = [
        ("old" if i % 16 else "young") if s and i % 8 == 0 else "" for i, s in enumerate(columns["nps"])
    ]
    survey = make_survey(columns, groups=("segment", "use", "age"))
    assert "Age" not in cx.response_rate_bias(survey).numbers.variables
    with pytest.raises(ValueError, match="gives the answer away"):
        cx.response_rate_bias(survey, variables="segment, age")


def test_a_fact_that_is_the_answer_itself_is_refused(make_survey, invitations) -> None:
    columns = invitations(1_500)
    columns["status"] = ["done" if s else "open" for s in columns["nps"]]
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use", "status")))
    assert "Status" not in study.numbers.variables
    assert study.numbers.choices
    assert "holds only customers who answered" in study.limits.to_text()


def test_no_category_below_the_smallest_group_is_in_any_table(make_survey, invitations) -> None:
    columns = invitations(3_000)
    given = [i for i, s in enumerate(columns["nps"]) if s]
    rng = np.random.default_rng(9)
    # seven answers in each of two teams with plenty of customers
    teams = rng.choice(["a", "b"], 3_000).astype(object)
    silent = [i for i, s in enumerate(columns["nps"]) if not s]
    teams[given[:7]], teams[given[7:14]] = "tiny one", "tiny two"
    teams[silent[:60]], teams[silent[60:120]] = "tiny one", "tiny two"
    columns["team"] = teams.tolist()
    numbers = cx.response_rate_bias(make_survey(columns, groups=("segment", "use", "team"))).numbers
    shown = [row for row in numbers.balance if row.variable == "Team"]
    assert shown
    assert min(row.answers for row in shown) * numbers.n >= 10 - 1e-6
    partial = next(p for p in numbers.reach.partials if p.title == "Team")
    assert not {c.label for c in partial.categories} & {"tiny one", "tiny two"}


def test_a_number_that_is_the_answer_itself_is_left_out(make_survey, invitations) -> None:
    columns = invitations(1_500)
    columns["pages"] = [i % 5 + 10 if s else i % 5 for i, s in enumerate(columns["nps"])]
    more = "behaviour: {pages: {column: pages, label: Pages seen}}"
    survey = make_survey(columns, groups=("segment", "use"), more=more)
    study = cx.response_rate_bias(survey)
    assert "Pages seen" not in study.numbers.variables
    assert "tells exactly who answered" in study.limits.to_text()
    with pytest.raises(ValueError, match="tells exactly who answered"):
        cx.response_rate_bias(survey, variables="segment, pages")


def test_weighting_that_moves_nothing_is_not_said_to_move(make_survey, invitations) -> None:
    columns = invitations(2_000)
    columns["coin"] = np.random.default_rng(10).choice(["heads", "tails"], 2_000).tolist()
    study = cx.response_rate_bias(
        make_survey({"nps": columns["nps"], "coin": columns["coin"]}, groups=("coin",))
    )
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "as it is" in study.findings[0].answer

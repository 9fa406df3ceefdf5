"""Stronger designs: a follow-up that was done, a nudge drawn by lot, numbers known of everyone, a list of all customers."""

from __future__ import annotations

import numpy as np
import pytest

import cxstats as cx
from cxstats.findings import Verdict


def followed(invitations, share_answering: float) -> dict[str, list]:
    """Unhappy customers answer less; 900 of the silent are asked again."""
    rng = np.random.default_rng(3)
    columns = invitations(4_000, slope=1.2, rate=0.25, seed=3)
    everyone = invitations(4_000, slope=1.2, rate=0.9999, seed=3)["nps"]  # what all would have said
    silent = [i for i, score in enumerate(columns["nps"]) if not score]
    drawn = set(rng.choice(silent, 900, replace=False).tolist())
    columns["again"] = ["1" if i in drawn else "0" for i in range(4_000)]
    columns["nps"] = [
        everyone[i] if i in drawn and rng.random() < share_answering else score
        for i, score in enumerate(columns["nps"])
    ]
    return columns


def test_a_follow_up_that_nearly_all_answered_decides(make_survey, invitations) -> None:
    columns = followed(invitations, 0.97)
    survey = make_survey(columns, groups=("segment", "use"), more='follow_up: {column: again, values: ["1"]}')
    study = cx.response_rate_bias(survey)
    found, finding = study.numbers.follow_up, study.findings[0]
    everyone = invitations(4_000, slope=1.2, rate=0.9999, seed=3)["nps"]
    true = cx.NPS.value(cx.NPS.counts([int(s) for s in everyone if s]))
    assert found.low < true < found.high
    assert finding.verdict is Verdict.MATERIAL
    assert "asked again" in finding.answer
    # answers of the follow-up are not what was published
    first = [int(s) for s, again in zip(columns["nps"], columns["again"], strict=True) if s and again == "0"]
    assert study.numbers.n == len(first)
    assert study.numbers.published.value == pytest.approx(cx.NPS.value(cx.NPS.counts(first)))
    assert "With the follow-up" in study.figures["ladder"].table.to_text()


def test_a_follow_up_that_few_answered_cannot_say(make_survey, invitations) -> None:
    columns = followed(invitations, 0.3)
    survey = make_survey(columns, groups=("segment", "use"), more='follow_up: {column: again, values: ["1"]}')
    study = cx.response_rate_bias(survey)
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "stayed silent again" in study.findings[0].answer
    assert study.findings[0].needed


def test_a_nudge_drawn_by_lot_is_an_instrument_and_no_fact(make_survey, invitations) -> None:
    rng = np.random.default_rng(4)
    columns = invitations(4_000, slope=0.6)
    columns["reminders"] = rng.choice(["1", "2"], 4_000).tolist()
    more = "instruments: {reminders: {column: reminders, randomised: true, label: Reminders}}"
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use"), more=more))
    found = study.numbers.instruments[0]
    assert found.randomised
    assert [arm for arm, _, _ in found.arms] == ["1", "2"]
    # nothing came of it in this company: the arms do not differ by more than chance allows
    assert found.low < 0 < found.high
    assert "instrument" in study.figures
    assert "Reminders" not in study.numbers.variables


def test_a_number_is_used_where_no_group_says_the_same(make_survey, invitations) -> None:
    rng = np.random.default_rng(5)
    columns = invitations(3_000)
    place = {"low": 0, "mid": 1, "high": 2}
    columns["days"] = [place[u] * 10 + int(rng.integers(0, 10)) for u in columns["use"]]
    columns["spend"] = rng.integers(1, 900, 3_000).tolist()
    more = "behaviour: {days: {column: days, label: Days used}, spend: {column: spend, label: Spending}}"
    survey = make_survey(columns, groups=("segment", "use"), more=more)
    numbers = cx.response_rate_bias(survey).numbers
    assert numbers.variables == ("Segment", "Use", "Spending")
    assert any("Days used says what “Use” says" in note for note in numbers.notes)
    asked = cx.response_rate_bias(survey, variables="segment, days").numbers
    assert asked.variables == ("Segment", "Days used")

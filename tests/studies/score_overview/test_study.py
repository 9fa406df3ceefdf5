"""The score overview on the demo company, whose truth is known."""

from __future__ import annotations

import pytest

import cxstats as cx
from cxstats.findings import Verdict, judge


@pytest.fixture(scope="module")
def study(demo_study) -> cx.ScoreOverviewStudy:
    return demo_study("score_overview")


def test_the_verdict_follows_its_own_rule(study: cx.ScoreOverviewStudy) -> None:
    numbers, finding = study.numbers, study.findings[0]
    verdicts = [judge(m.change.low, m.change.high, m.margin) for m in numbers.judged]
    assert verdicts == [m.verdict for m in numbers.judged]
    assert finding.verdict is Verdict.NEGLIGIBLE
    assert set(verdicts) == {Verdict.NEGLIGIBLE}
    assert not numbers.together  # that nothing moved needs no wider intervals
    widest = max(numbers.judged, key=lambda m: max(-m.change.low, m.change.high) / m.margin)
    assert numbers.deciding == widest.key
    assert (finding.low, finding.high) == (widest.change.low, widest.change.high)
    assert finding.answer.startswith("None of six measures moved by as much as would matter since 2024 Q4.")


def test_each_change_is_the_sample_size_studys(study: cx.ScoreOverviewStudy, demo_study) -> None:
    for key in ("nps", "csat", "ces"):
        alone = demo_study("sample_size", metric=key).numbers
        mine = study.numbers.of(key)
        assert (mine.change.low, mine.change.high) == pytest.approx((alone.change.low, alone.change.high))
        assert (mine.now.low, mine.now.high) == pytest.approx((alone.total.low, alone.total.high))


def test_intervals_hold_the_true_scores_of_those_who_answered(
    study: cx.ScoreOverviewStudy, demo: cx.Survey
) -> None:
    for value in demo.truth.values:
        if value.country is None and value.wave and value.metric in ("nps", "csat", "ces"):
            reading = next(r for r in study.numbers.of(value.metric).readings if r.label == value.wave)
            assert reading.outer[0] <= value.respondents <= reading.outer[1]


def test_sections_figures_and_points_agree(study: cx.ScoreOverviewStudy) -> None:
    assert {p.figure for p in study.main_points.points} <= set(study.figures)
    for name in ("scores", "trend", "outcomes", "groups", "worth", "next"):
        assert not any(getattr(part, "instead", False) for part in study.section(name).parts), name
    (left_out,) = study.section("action").parts
    assert left_out.instead
    assert "No action is stated" in left_out.text


def test_retention_is_the_rest_of_those_who_left(study: cx.ScoreOverviewStudy, demo: cx.Survey) -> None:
    cells = demo.cells(["churned", "wave"]).dropna()
    kept = study.numbers.of("churned")
    for reading in kept.readings:
        here = cells[cells["wave"] == reading.label]
        left = here.loc[here["churned"].astype(bool), "n"].sum()
        assert reading.value == pytest.approx(100 * (1 - left / here["n"].sum()))
    assert kept.short == "Retention (CRR)"


def test_pictures_say_nothing_that_is_not_a_number(study: cx.ScoreOverviewStudy, drawn) -> None:
    for figure in drawn(study).values():
        text = str(figure["table"]) + figure["headline"] + figure["alt"]
        assert "nan" not in text.lower().replace("financ", "")
        assert "significant" not in text

"""Surveys at the edges: a page comes out, and says what cannot be said."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.studies.sample_size import sentences

DESCRIPTION = """
title: Edge
population: Customers
period: {{from: 2025-01-01, to: 2025-03-31}}
responses: {{file: answers.csv}}
scores:
  nps: {{column: nps, scale: 0-10}}
  csat: {{column: csat, scale: 1-5, top: [4, 5]}}
  ces: {{column: ces, scale: 1-7, high_is: effort}}
groups:
  team: {{column: team}}
{more}
"""


def survey_of(folder: Path, rows: list[tuple], more: str = "") -> cx.Survey:
    lines = ["id,nps,csat,ces,team,wave", *(",".join(map(str, row)) for row in rows)]
    (folder / "answers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "survey.yml").write_text(DESCRIPTION.format(more=more), encoding="utf-8")
    return cx.open_survey(folder / "survey.yml")


def answers(
    n: int, *, nps=lambda i: (i * 7) % 11, team=lambda i: "abc"[i % 3], wave=lambda i: "w"
) -> list[tuple]:
    return [(i, nps(i), i % 5 + 1, i % 7 + 1, team(i), wave(i)) for i in range(n)]


@pytest.mark.parametrize("n", [0, 1, 9])
def test_too_little_is_said_and_no_number_is_shown(tmp_path: Path, n: int) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(n)), metric="nps")
    finding = study.findings[0]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "too few" in finding.answer
    assert finding.value is None
    assert finding.low is None
    assert study.figures == {}
    assert "At least 10 answers" in finding.needed
    assert study.section("score").parts[0].text.startswith("There are too few answers")


@pytest.mark.parametrize(
    ("n", "metric"),
    [
        (10, "nps"),
        (40, "csat"),
        (400, "ces"),
        *(
            pytest.param(n, metric, marks=pytest.mark.simulation)
            for n, metric in product((10, 40, 400), ("nps", "csat", "ces"))
            if (n, metric) not in {(10, "nps"), (40, "csat"), (400, "ces")}
        ),
    ],
)
def test_every_metric_has_a_page_from_ten_answers_on(tmp_path: Path, metric: str, n: int) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(n)), metric=metric)
    assert study.numbers.total.low <= study.numbers.total.value <= study.numbers.total.high
    assert {"score", "coverage", "needs", "tracker", "alarms"} <= set(study.figures)
    for figure in study.figures.values():
        bundle = figure._repr_mimebundle_()
        assert "nan" not in bundle["text/html"].lower().replace("nano", "")


def test_answers_that_all_agree_are_no_certainty(tmp_path: Path) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(30, nps=lambda i: 10)), metric="nps")
    total = study.numbers.total
    assert total.value == 100
    assert total.low < 90
    assert study.findings[0].verdict is Verdict.INCONCLUSIVE
    assert study.section("efficiency").parts[0].text.startswith("This metric is the mean")
    for figure in study.figures.values():
        figure.to_json()


def test_small_groups_are_hidden_and_cannot_be_had_by_subtraction(tmp_path: Path) -> None:
    rows = answers(300, team=lambda i: "small" if i < 4 else ["a", "b", "c"][i % 3])
    study = cx.sample_size(survey_of(tmp_path, rows), metric="nps")
    table = study.numbers.groups[0]
    assert "small" not in table.labels
    assert table.hidden == 2  # one small group, and one that would give it away
    assert "small" not in str(study.figures["groups"].to_json())


def test_labels_from_the_data_are_escaped_everywhere(tmp_path: Path) -> None:
    evil = '"<script>alert(1)</script>"'
    study = cx.sample_size(
        survey_of(tmp_path, answers(90, team=lambda i: evil if i % 2 else "NA")), metric="nps"
    )
    html = "".join(f._repr_mimebundle_()["text/html"] for f in study.figures.values())
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "NA" in study.numbers.groups[0].labels


def test_a_wave_too_small_to_show_is_not_compared_with(tmp_path: Path) -> None:
    rows = answers(205, wave=lambda i: "2024" if i < 5 else "2025")
    survey = survey_of(tmp_path, rows, "wave: {column: wave, order: ['2024', '2025']}")
    study = cx.sample_size(survey, metric="nps")
    assert study.numbers.n == 200
    assert study.numbers.change is None
    assert "Could chance alone" in study.findings[0].question


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"metric": "npz"}, "npz"),
        ({"level": 95}, r"Did you mean 0\.95"),
        ({"margin": 0}, "margin is 0"),
        ({"power": 1.0}, "power is 1.0"),
        ({"wave": "2031"}, "wave"),
        ({"group": "teem"}, "group is 'teem'.*team"),
        ({"population": 12}, "population is 12"),
        ({"response_rate": 20}, r"Did you mean 0\.2"),
    ],
)
def test_wrong_parameters_are_refused_in_the_users_terms(tmp_path: Path, wrong: dict, message: str) -> None:
    survey = survey_of(tmp_path, answers(60), "wave: {column: wave}")
    with pytest.raises(ValueError, match=message):
        cx.sample_size(survey, **({"metric": "nps"} | wrong))


def test_a_census_has_no_sampling_error(tmp_path: Path) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(60)), metric="nps", population=60)
    assert study.numbers.finite.high - study.numbers.finite.low == pytest.approx(0, abs=1e-6)
    assert any(
        "everyone drawn answered" in part.text
        for part in study.section("score").parts
        if hasattr(part, "text")
    )


def test_answers_that_all_agree_make_no_dashboard_cry_wolf(tmp_path: Path) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(30, nps=lambda i: 10)), metric="nps")
    assert study.numbers.alarms is None
    assert "all are equal" in study.section("alarms").parts[0].text


def test_the_curve_of_a_small_survey_reaches_down_to_it(tmp_path: Path) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(12)), metric="nps")
    assert study.numbers.detectable_curve[0][0] <= 12


def test_one_answer_is_one_answer_and_a_day_nobody_knows_is_left_out(tmp_path: Path) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(1)), metric="nps")
    point = study.main_points.points[0]
    assert (point.number, point.interval) == ("1", "answer")
    assert study.header.data_as_of_text == ""
    assert "Data as of" not in [fact.label for fact in study.header.facts]


def test_no_sentence_contradicts_its_number(tmp_path: Path) -> None:
    # a margin far below what chance leaves, and a survey so large that its interval is a tenth of a point
    few = cx.sample_size(survey_of(tmp_path, answers(40)), metric="csat")
    assert few.main_points.points[1].interval.startswith("percentage points, seen in")
    speech = sentences.Speech(cx.NPS)
    assert speech.span(37.21, 37.39) == "+37.2 to +37.4"
    assert speech.rough_gap(0.04) == "0.04 points"
    assert speech.rough_gap(0.52) == "0.5 points"
    assert speech.rough_gap(4.96, edge=5) == "4.96 points"
    assert speech.gap_span(-5.0, 2.5, edge=5) == "−5.0 to +2.5 points"


def test_one_day_is_no_dashboard_but_has_a_page(tmp_path: Path) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(40)), metric="nps", days=1, margin=1.0)
    assert "alarms" not in study.figures
    assert "the 1 point that matters can be missed" in study.main_points.points[1].headline


def test_every_picture_says_what_kind_it_is_and_where_its_numbers_stand(tmp_path: Path) -> None:
    study = cx.sample_size(survey_of(tmp_path, answers(400)), metric="nps")
    for figure in study.figures.values():
        assert figure.alt.endswith("."), figure.key
        assert len(figure.alt) < 700, figure.key

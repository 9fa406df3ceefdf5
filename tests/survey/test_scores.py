"""Scores whose answers are no numbers (smileys, thumbs, sentiment classes), stars, and outcomes by their kind."""

from __future__ import annotations

from pathlib import Path

import pytest

import cxstats as cx
from cxstats.survey import SurveyError, parse_description

BASE = {"title": "T", "responses": {"file": "a.csv"}}


def metric_of(key: str, **score: object) -> cx.Metric:
    return parse_description({**BASE, "scores": {key: {"column": "x", **score}}}).metrics()[key]


@pytest.mark.parametrize(
    ("key", "score", "values"),
    [
        ("csat", {"answers": ["😠", "😐", "😊"]}, (0, 0, 100)),
        ("csat_thumb", {"answers": ["👎", "👍"]}, (0, 100)),
        ("mood", {"answers": ["😠", "🙁", "🙂", "😊"], "kind": "top_box", "top": [3, 4]}, (0, 0, 100, 100)),
        ("stars", {}, (1, 2, 3, 4, 5)),
        ("sentiment", {}, (-100, 0, 100)),
        (
            "tone",
            {"kind": "sentiment", "answers": ["awful", "bad", "so", "good", "great"]},
            (-100, -100, 0, 100, 100),
        ),
        ("stars_hotel", {"scale": "1-10", "kind": "stars"}, tuple(range(1, 11))),
        ("sentiment", {"scale": "1-5"}, (1, 2, 3, 4, 5)),  # with a scale of its own it is what that says
    ],
)
def test_answers_from_worst_to_best_make_a_scale(key: str, score: dict, values: tuple) -> None:
    assert metric_of(key, **score).values == pytest.approx(values)


@pytest.mark.parametrize(
    ("score", "told"),
    [
        ({"answers": ["a", "a"]}, "each once"),
        ({"answers": ["a"]}, "two answers or more"),
        ({"answers": "a, b"}, "two answers or more"),
        ({"answers": ["a", "b"], "scale": "1-2"}, "both answers: and scale:"),
        ({"answers": ["a", "b"], "codes": {"a": 1}}, "both answers: and codes:"),
        ({"kind": "sentiment", "answers": ["a", "b"]}, "3 or 5 of them"),
        ({"kind": "sentiment", "top": [3]}, "no meaning for sentiment"),
        ({"kind": "stars", "bottom": [1]}, "no meaning for stars"),
    ],
)
def test_what_cannot_be_a_scale_is_refused(score: dict, told: str) -> None:
    with pytest.raises(SurveyError, match=told):
        metric_of("x", **score)


@pytest.mark.parametrize(
    ("key", "kind", "short"),
    [
        ("churned", None, "Retention (CRR)"),
        ("left", None, "Retention (CRR)"),
        ("renewed", None, "Retention (CRR)"),
        ("complaints", None, "Complaint rate"),
        ("bought", None, "Bought"),
        ("bought", "retention", "Retention (CRR)"),
    ],
)
def test_outcomes_are_known_by_their_name_or_kind(key: str, kind: str | None, short: str) -> None:
    outcome = {"column": "y", "event": "1", **({} if kind is None else {"kind": kind})}
    d = parse_description({**BASE, "scores": {"nps": {"column": "x"}}, "outcomes": {key: outcome}})
    assert d.outcomes[key].metric(key).short == short
    assert d.outcomes[key].metric(key).values == (0.0, 100.0)


def test_answers_in_words_are_counted_and_reviews_have_no_response_rate(tmp_path: Path) -> None:
    rows = ["1,😊,POSITIVE,5,0", "2,😊,mixed,1,1", "3,😠,negative,,0", "4,huh,,,0", "5,,,,1"]
    (tmp_path / "a.csv").write_text("id,face,mood,stars,gone\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "survey.yml").write_text(
        "title: T\nresponses: {file: a.csv, holds: invited}\ncustomer: id\nscores:\n"
        "  csat: {column: face, answers: [😠, 😐, 😊]}\n"
        "  sentiment: {column: mood, asked: no, channel: Chats}\n"
        "  stars: {column: stars, asked: no}\n"
        "outcomes: {churned: {column: gone, event: '1'}}\n",
        encoding="utf-8",
    )
    survey = cx.open_survey(tmp_path / "survey.yml")
    assert survey.counts("csat").tolist() == [1, 0, 2]
    assert survey.counts("sentiment").tolist() == [1, 1, 1]
    assert survey.response_rate("csat") == pytest.approx(3 / 5)
    assert survey.response_rate("sentiment") is None
    assert not survey.was_asked("stars")
    kept = survey.outcome_cells("churned").set_index("churned")["n"].to_dict()
    assert kept == {1: 3, 0: 2}  # three of five stayed
    with pytest.raises(ValueError, match="no outcome"):
        survey.outcome_metric("churn")


def test_the_days_of_waves_are_those_on_which_customers_were_asked(tmp_path: Path) -> None:
    rows = ["1,9,Jan,2025-01-03", "2,8,Jan,2025-01-20", "3,7,Feb,2025-02-01"]
    (tmp_path / "a.csv").write_text("id,ltr,wave,day\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "survey.yml").write_text(
        "title: T\nresponses: {file: a.csv}\ncustomer: id\nresponded: day\n"
        "wave: {column: wave, order: [Jan, Feb]}\nscores: {nps: {column: ltr}}\n",
        encoding="utf-8",
    )
    windows = cx.open_survey(tmp_path / "survey.yml").wave_windows
    told = {wave: tuple(day.isoformat() for day in days) for wave, days in windows.items()}
    assert told == {"Jan": ("2025-01-03", "2025-01-20"), "Feb": ("2025-02-01", "2025-02-01")}


def test_a_score_can_be_its_column_alone(folder):
    folder.file("data.csv", "id,ltr\n1,9\n2,3\n")
    (folder.path / "survey.yml").write_text("title: T\nresponses: {file: data.csv}\nscores: {nps: ltr}\n")
    assert cx.open_survey(folder.path / "survey.yml").counts("nps").sum() == 2

"""Surveys at the edges: a page comes out, and says what cannot be said; never a number that means nothing."""

from __future__ import annotations

import numpy as np
import pytest

import cxstats as cx
from cxstats.findings import Verdict

PARTS = ("header", "answer", "main_points", "need_to_know", "limits", "method", "ledger")


def page(study: cx.ResponseRateBiasStudy, draw: tuple[str, ...] | None = None) -> str:
    """Everything a reader sees, as text; every figure is drawn, or those named."""
    texts = [getattr(study, name).to_text() for name in PARTS]
    from cxstats.studies.response_rate_bias import SECTIONS

    for name in SECTIONS:
        texts += [part.to_text() for part in study.section(name).parts]
    for key, figure in study.figures.items():
        texts.append(str(figure.table.rows))
        if draw is None or key in draw:
            data = figure.to_json()
            assert not data["missing_glyphs"]
            texts.append(str(data["table"]))
    text = "\n".join(texts)
    assert "nan" not in text.lower().replace("finance", "")
    assert "Traceback" not in text
    return text


def test_no_list_of_those_invited_is_told(tmp_path) -> None:
    (tmp_path / "answers.csv").write_text(
        "nps,segment\n" + "".join(f"{(i * 7) % 11},{'ab'[i % 2]}\n" for i in range(200)), encoding="utf-8"
    )
    (tmp_path / "survey.yml").write_text(
        "title: Answers only\nresponses: {file: answers.csv}\nscores: {nps: {column: nps, scale: 0-10}}\n"
        "groups: {segment: {column: segment}}\n",
        encoding="utf-8",
    )
    study = cx.response_rate_bias(cx.open_survey(tmp_path / "survey.yml"))
    finding = study.findings[0]
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert finding.low is None
    assert "One row per invitation" in finding.needed
    assert set(study.figures) == {"ladder"}
    assert "Response rate" not in study.header.to_text()
    page(study)


def test_nothing_known_of_everyone_leaves_the_worst_case(make_survey, invitations) -> None:
    columns = invitations(800)
    study = cx.response_rate_bias(make_survey({"nps": columns["nps"]}))
    finding = study.findings[0]
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert "Nothing is known of everyone invited" in finding.answer
    low, high = study.numbers.worst
    assert low < -50
    assert high > 50
    assert study.numbers.region is None
    page(study)


@pytest.mark.parametrize("n", [0, 3, 9])
def test_hardly_anybody_answered(make_survey, invitations, n: int) -> None:
    columns = invitations(400)
    given = [i for i, score in enumerate(columns["nps"]) if score][:n]
    columns["nps"] = [score if i in given else "" for i, score in enumerate(columns["nps"])]
    if n == 0:
        columns["nps"][0] = "99"  # a column that is blank all over would be refused
    more = "set_aside: [{column: nps, values: ['99'], reason: a test}]" if n == 0 else ""
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use"), more=more))
    finding = study.findings[0]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.value is None
    assert "too few" in finding.answer
    assert "ladder" not in study.figures
    page(study)


def test_everybody_answered(make_survey, invitations) -> None:
    columns = invitations(300)
    columns["nps"] = [score or "8" for score in columns["nps"]]
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use")))
    finding = study.findings[0]
    assert finding.verdict is Verdict.NEGLIGIBLE
    assert (finding.low, finding.high) == (0, 0)
    assert "nobody is missing" in finding.answer
    page(study)


def test_a_variable_with_thousands_of_categories_is_left_out_and_said(make_survey, invitations) -> None:
    columns = invitations(6_000)
    columns["postcode"] = [f"p{i % 5_000}" for i in range(6_000)]
    survey = make_survey(columns, groups=("segment", "use", "postcode"))
    study = cx.response_rate_bias(survey)
    assert study.numbers.variables == ("Segment", "Use")
    assert "5,000 categories" in page(study, draw=())
    with pytest.raises(ValueError, match=r"'postcode' cannot be used: it has 5,000 categories"):
        cx.response_rate_bias(survey, variables=["segment", "postcode"])


def test_a_fact_known_only_of_those_who_answered_is_refused(make_survey, invitations) -> None:
    columns = invitations(1_500)
    columns["mood"] = [("good" if i % 3 else "bad") if s else "" for i, s in enumerate(columns["nps"])]
    survey = make_survey(columns, groups=("segment", "use", "mood"))
    study = cx.response_rate_bias(survey)
    assert "Mood" not in study.numbers.variables
    assert "gives the answer away" in page(study, draw=())
    with pytest.raises(ValueError, match="gives the answer away"):
        cx.response_rate_bias(survey, variables="segment, mood")


def test_a_fact_dated_after_the_invitation_is_refused(make_survey, invitations) -> None:
    columns = invitations(400)
    columns["seen"] = ["2025-02-20"] * 400
    more = "groups:\n  use: {column: use, as_of: seen}\n  segment: {column: segment}"
    with pytest.raises(cx.SurveyError, match="after the invitation"):
        make_survey(columns, more=more)


def test_margins_that_nobody_can_stand_for_do_not_explode(make_survey, invitations) -> None:
    columns = invitations(3_000, rate=0.05)
    # a third of the customers hardly answers at all
    silent = np.arange(3_000) % 3 == 0
    columns["nps"] = [
        "" if s and i > 60 else score for i, (s, score) in enumerate(zip(silent, columns["nps"], strict=True))
    ]
    columns["kind"] = np.where(silent, "silent", "open").tolist()
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use", "kind")))
    text = page(study)
    assert study.numbers.verdict in (Verdict.NOT_ANSWERABLE, Verdict.INCONCLUSIVE, Verdict.MATERIAL)
    assert study.numbers.variables
    if "Kind" not in study.numbers.variables:
        assert "Kind" in text


def test_perfect_separation_is_told_and_nothing_breaks(make_survey, invitations) -> None:
    columns = invitations(2_000)
    mark = np.arange(2_000) % 5 == 0
    columns["nps"] = ["9" if m else score for m, score in zip(mark, columns["nps"], strict=True)]
    columns["agent"] = np.where(mark, "asked by phone", "mailed").tolist()
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use", "agent")))
    text = page(study)
    assert "separated" in text or "nobody or everybody answered" in text.lower()


def test_a_wave_with_three_answers(make_survey, invitations) -> None:
    columns = invitations(1_000)
    later = [i >= 900 for i in range(1_000)]
    shown = iter(range(3))
    columns["nps"] = [
        score if not late else ("9" if next(shown, None) is not None else "")
        for late, score in zip(later, columns["nps"], strict=True)
    ]
    columns["wave"] = ["w2" if late else "w1" for late in later]
    survey = make_survey(columns, groups=("segment", "use"), more="wave: {column: wave, order: [w1, w2]}")
    study = cx.response_rate_bias(survey)
    assert study.numbers.wave == "w2"
    assert study.numbers.n == 3
    assert study.findings[0].verdict is Verdict.INCONCLUSIVE
    page(study)
    assert cx.response_rate_bias(survey, wave="w1").numbers.n > 100


def test_all_answers_alike(make_survey, invitations) -> None:
    columns = invitations(1_200)
    columns["nps"] = ["10" if score else "" for score in columns["nps"]]
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use")))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "all answers are alike" in study.findings[0].answer.lower()
    assert "strip" not in study.figures
    assert "balance" in study.figures
    # a spread of answers that is 0 bounds nothing
    text = page(study)
    assert "could be off by more than" not in text
    assert "Largest bias that a score could have" not in text
    assert "All answers are alike, so that nothing can be learned about who answers what." in text


def test_small_groups_are_not_shown(make_survey, invitations) -> None:
    columns = invitations(1_500)
    given = iter(range(4))
    columns["team"] = [
        "small" if score and next(given, None) is not None else "large" if i % 2 else "other"
        for i, score in enumerate(columns["nps"])
    ]
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use", "team")))
    table = next((t for t in study.numbers.rates if t.name == "team"), None)
    shown = [row.label for row in table.rows] if table else []
    assert "small" not in shown
    assert len(shown) < 2 or "other" not in shown or "large" not in shown


def test_a_survey_without_customers_works_as_one_answer_each(tmp_path, make_survey, invitations) -> None:
    survey = make_survey(invitations(2_000, slope=0.5), groups=("segment", "use"))
    text = (tmp_path / "survey.yml").read_text(encoding="utf-8").replace("customer: id\n", "")
    (tmp_path / "survey.yml").write_text(text, encoding="utf-8")
    without = cx.open_survey(tmp_path / "survey.yml")
    one, other = (cx.response_rate_bias(s).numbers for s in (survey, without))
    assert one.published.value == other.published.value
    assert one.weighted.value == pytest.approx(other.weighted.value, abs=1e-6)
    assert other.weighted.standard_error == pytest.approx(one.weighted.standard_error, rel=0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metric": "npz"}, "no metric"),
        ({"weighting": "rake"}, "weighting is 'rake'"),
        ({"variables": "countri"}, "variables names 'countri'"),
        ({"benchmark": "left"}, "benchmark is 'left'"),
        ({"wave": "2020"}, "no wave '2020'"),
        ({"level": 95}, "Did you mean 0.95"),
        ({"margin": 0}, "margin is 0"),
    ],
)
def test_parameters_are_refused_in_words(demo, given, message) -> None:
    with pytest.raises(ValueError, match=message):
        cx.response_rate_bias(demo, **given)


@pytest.mark.parametrize("kind", ["wave", "weekday"])
def test_a_hidden_wave_or_weekday_cannot_be_had_by_subtraction(make_survey, invitations, kind: str) -> None:
    columns = invitations(2_000)
    few, rows = iter(range(4)), []
    for i, score in enumerate(columns["nps"]):
        rows.append(2 if score and next(few, None) is not None else i % 2)
    if kind == "wave":
        columns["wave"] = [f"w{place + 1}" for place in rows]
        more = "wave: {column: wave, order: [w3, w2, w1]}"
        survey = make_survey(columns, groups=("segment", "use"), more=more)
    else:
        # Monday, Tuesday, Wednesday
        columns["sent"] = [f"2025-01-{13 + place}" for place in rows]
        survey = make_survey(columns, groups=("segment", "use"))
    numbers = cx.response_rate_bias(survey).numbers
    name = "wave" if kind == "wave" else "invited_weekday"
    table = next(t for t in numbers.rates if t.name == name)
    assert len(table.rows) == 1
    assert table.hidden == 2

"""Surveys at the edges: a page comes out, and says what cannot be said; never a number that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.studies.extreme_response_bias import SECTIONS

DESCRIPTION = """
title: Edge
population: Customers
period: {{from: 2025-01-01, to: 2025-03-31}}
responses: {{file: answers.csv}}
scores:
{scores}
groups:
  country: {{column: country}}
{more}
"""
NPS = "  nps: {column: nps, scale: 0-10}"


def survey_of(folder: Path, frame: pd.DataFrame, more: str = "", scores: str = NPS) -> cx.Survey:
    frame.to_csv(folder / "answers.csv", index=False)
    (folder / "survey.yml").write_text(DESCRIPTION.format(scores=scores, more=more), encoding="utf-8")
    return cx.open_survey(folder / "survey.yml")


def answers(n: int, countries=("A", "B"), seed: int = 1, **columns) -> pd.DataFrame:
    """n answers a country, of the same customers everywhere."""
    rng = np.random.default_rng(seed)
    share = [0.02, 0.01, 0.01, 0.02, 0.02, 0.08, 0.07, 0.13, 0.24, 0.17, 0.23]
    frame = pd.DataFrame({"country": np.repeat(countries, n)})
    frame["nps"] = rng.choice(11, size=len(frame), p=share)
    return frame.assign(**{name: make(frame, rng) for name, make in columns.items()})


def study_of(survey: cx.Survey, **given) -> cx.ExtremeResponseBiasStudy:
    return cx.extreme_response_bias(survey, **({"metric": "nps", "replicates": 60} | given))


def page(study: cx.ExtremeResponseBiasStudy) -> str:
    parts = [study.header, study.answer, study.main_points, study.need_to_know, study.limits, study.method]
    html = "".join(part._repr_mimebundle_()["text/html"] for part in (*parts, *study.figures.values()))
    assert ">nan" not in html.lower()
    return html


def test_one_country_cannot_be_compared(tmp_path: Path) -> None:
    study = study_of(survey_of(tmp_path, answers(200, ("A",))))
    finding = study.findings[0]
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert finding.value is None
    assert "no two groups of country" in finding.answer
    assert "Two groups" in finding.needed
    assert study.figures == {}
    page(study)
    assert study.section("gaps").parts[0].instead


def test_nobody_answered(tmp_path: Path) -> None:
    study = study_of(survey_of(tmp_path, answers(20).assign(nps="")))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    page(study)


def test_a_country_with_four_answers_is_not_shown(tmp_path: Path) -> None:
    frame = pd.concat([answers(200, ("Austria", "Belgium", "Chile")), answers(4, ("Malta",))])
    study = study_of(survey_of(tmp_path, frame))
    assert "Malta" not in page(study)
    assert study.numbers.hidden == 2  # and one that would give it away
    assert "2 groups are not shown" in study.figures["gaps"].source
    with pytest.raises(ValueError, match="'Malta' has fewer than 10 answers"):
        study_of(survey_of(tmp_path, frame), reference="Malta")


def test_a_country_with_few_answers_has_no_verdict(tmp_path: Path) -> None:
    frame = pd.concat([answers(200), answers(20, ("C",))])
    pair = study_of(survey_of(tmp_path, frame)).numbers.pair("C")
    assert pair.verdict is Verdict.INCONCLUSIVE
    assert pair.styled is None
    assert "20 answers" in pair.why


def test_a_group_whose_scores_are_all_ten(tmp_path: Path) -> None:
    frame = pd.concat([answers(200), answers(80, ("C",)).assign(nps=10)])
    study = study_of(survey_of(tmp_path, frame), reference="A")
    pair = study.numbers.pair("C")
    assert pair.verdict is Verdict.NOT_ANSWERABLE
    assert "gives only one answer" in pair.why
    assert pair.raw.low < pair.raw.value < pair.raw.high
    assert study.numbers.pair("B").styled is not None
    page(study)


def test_a_reference_whose_scores_are_all_ten(tmp_path: Path) -> None:
    frame = pd.concat([answers(100), answers(80, ("C",)).assign(nps=10)])
    study = study_of(survey_of(tmp_path, frame), reference="C")
    assert {pair.verdict for pair in study.numbers.pairs} == {Verdict.NOT_ANSWERABLE}
    assert study.findings[0].low is None
    assert "C gives only one answer" in study.findings[0].answer
    assert "steps" not in study.figures
    page(study)


def test_nearly_all_answers_alike(tmp_path: Path) -> None:
    frame = pd.concat([answers(200), answers(80, ("C",)).assign(nps=[10] * 78 + [9, 8])])
    pair = study_of(survey_of(tmp_path, frame), reference="A").numbers.pair("C")
    assert pair.verdict is Verdict.NOT_ANSWERABLE
    assert "Nearly all answers of C are alike" in pair.why


def test_a_neutral_point_nobody_is_near_is_left_out(tmp_path: Path) -> None:
    frame = answers(300)
    frame["nps"] = frame["nps"].clip(lower=6)
    study = study_of(survey_of(tmp_path, frame))
    assert study.numbers.settings.neutral == (5.0, 6.0, 7.0)
    assert study.numbers.neutral == (7.0,)
    assert "and 7 as the scale’s neutral point" in study.findings[0].rule
    page(study)


def test_no_neutral_point_that_anybody_is_near(tmp_path: Path) -> None:
    frame = answers(300)
    frame["nps"] = frame["nps"].clip(lower=8)
    study = study_of(survey_of(tmp_path, frame))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "Hardly anybody answers on one side of 5, 6 or 7" in study.findings[0].answer
    page(study)
    assert study_of(survey_of(tmp_path, frame), neutral=8.5).numbers.main.styled is not None


def test_a_scale_without_a_midpoint_has_a_neutral_point_between_answers(tmp_path: Path) -> None:
    frame = answers(300)
    frame["sat"] = frame["nps"].clip(lower=1)
    scores = "  csat: {column: sat, scale: 1-10, top: [9, 10]}"
    study = study_of(survey_of(tmp_path, frame, scores=scores), metric="csat")
    assert study.numbers.settings.neutral == (5.5, 6.0, 7.0)
    page(study)
    with pytest.raises(ValueError, match="neutral is 11"):
        study_of(survey_of(tmp_path, frame, scores=scores), metric="csat", neutral=11)


def likert(frame: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    return rng.choice([1, 2, 3, 4, 5], size=len(frame), p=[0.1, 0.2, 0.3, 0.25, 0.15])


def items(n: int, extra: str = "") -> str:
    return "items:\n" + "\n".join(f"  - {{column: q{i}, scale: 1-5{extra}}}" for i in range(n))


def test_items_keyed_one_way_say_nothing_of_agreeing(tmp_path: Path) -> None:
    frame = answers(300, **{f"q{i}": likert for i in range(4)})
    study = study_of(survey_of(tmp_path, frame, items(4)))
    keys = [key for key, _, _ in study.numbers.items.indices]
    assert "extreme" in keys
    assert "net_acquiescence" not in keys
    assert any("keyed one way" in text for text in study.numbers.items.warnings)
    page(study)


def test_items_on_different_scales(tmp_path: Path) -> None:
    frame = answers(300, **{f"q{i}": likert for i in range(5)})
    frame["q4"] = frame["q4"] + 2
    more = items(4) + "\n  - {column: q4, scale: 1-7}"
    study = study_of(survey_of(tmp_path, frame, more))
    assert study.numbers.items.n_items == 4
    assert any(
        "different length; the 4 with 5 points are used, 1 left out" in t
        for t in study.numbers.items.warnings
    )


def test_an_item_that_is_the_score_itself_is_left_out(tmp_path: Path) -> None:
    frame = answers(300, **{f"q{i}": likert for i in range(3)})
    frame["sat"] = frame["q0"]
    scores = "  csat: {column: sat, scale: 1-5, top: [4, 5]}"
    more = items(3) + "\n  - {column: sat, name: again, scale: 1-5}"
    study = study_of(survey_of(tmp_path, frame, more, scores), metric="csat")
    assert study.numbers.items.n_items == 3
    said = " ".join(study.numbers.items.warnings)
    assert "“again” is a satisfaction score" in said
    # q0 holds the same answers under another name: found by what it says
    assert "q0" in said


def stories(frame: pd.DataFrame, own: str, rng: np.random.Generator, order=(2.0, 4.0)) -> pd.DataFrame:
    """B sets a higher standard by one answer and is just as satisfied."""
    strict = (frame["country"] == "B").to_numpy() * 1.0
    for k, level in enumerate(order):
        latent = level - strict + 0.7 * rng.normal(size=len(frame))
        frame[f"v{k}"] = np.clip(np.rint(latent), 1, 5).astype(int)
    latent = 3.2 - strict + rng.normal(size=len(frame))
    frame[own] = np.clip(np.rint(latent), 1, 5).astype(int)
    return frame


VIGNETTES = "vignettes:\n  - {column: v0, scale: 1-5}\n  - {column: v1, scale: 1-5}"
MEAN = "  csat: {kind: mean, column: sat, scale: 1-5}"


def test_vignettes_take_the_place_of_the_range_and_see_leniency(tmp_path: Path) -> None:
    frame = stories(answers(600), "sat", np.random.default_rng(5))
    study = study_of(survey_of(tmp_path, frame, VIGNETTES, MEAN), metric="csat", reference="A")
    pair = study.numbers.pair("B")
    assert pair.styled.high < -0.5  # no assumption about spread sees a standard that is higher
    assert pair.anchored.low < 0 < pair.anchored.high
    assert pair.verdict is not Verdict.MATERIAL
    assert study.findings[0].low == pair.anchored.low
    assert "held to the same stories" in study.findings[0].question
    # what is assumed, and what is not covered, is that of the stories
    assert "rates stories as they rate themselves" in study.need_to_know.to_text()
    told = " ".join(part.text for part in study.section("assumptions").parts if hasattr(part, "text"))
    assert "the stories that everybody rated can tell" in told
    page(study)


def test_vignettes_out_of_order_or_tied_are_warned_of(tmp_path: Path) -> None:
    frame = stories(answers(300), "sat", np.random.default_rng(5), order=(4.0, 2.0))
    study = study_of(survey_of(tmp_path, frame, VIGNETTES, MEAN), metric="csat")
    told = " ".join(part.text for part in study.section("designs").parts if hasattr(part, "text"))
    assert "Out of order: v0 was declared worse than v1" in told


def test_vignettes_on_another_scale_are_not_used(tmp_path: Path) -> None:
    frame = stories(answers(300), "sat", np.random.default_rng(5))
    study = study_of(survey_of(tmp_path, frame, VIGNETTES), metric="nps")
    assert study.numbers.main.anchored is None
    told = " ".join(part.text for part in study.section("designs").parts if hasattr(part, "text"))
    assert "rated on another scale" in told


FACTS = "group_facts: {file: traits.csv, group: country, key: code, columns: {individualism: idv}}"


def test_the_individualism_claim_is_about_countries(tmp_path: Path) -> None:
    names = ("AT", "BE", "CL", "DK", "EE", "FR")
    frame = answers(150, names, **{f"q{i}": likert for i in range(4)})
    pd.DataFrame({"code": names, "idv": [55, 75, 23, 74, 60, 71]}).to_csv(
        tmp_path / "traits.csv", index=False
    )
    study = study_of(survey_of(tmp_path, frame, items(4) + "\n" + FACTS))
    culture = study.numbers.culture
    assert culture.n == 6
    assert "n = 6 countries" in study.figures["culture"].subtitle
    told = " ".join(part.text for part in study.section("culture").parts if hasattr(part, "text"))
    assert "No leap to customers" in told
    page(study)


def test_country_codes_in_mixed_forms_are_refused_in_words(tmp_path: Path) -> None:
    names = ("AT", "BEL", "CL", "Denmark", "EE", "FR")
    frame = answers(150, names, **{f"q{i}": likert for i in range(4)})
    pd.DataFrame({"code": names, "idv": [55, 75, 23, 74, 60, 71]}).to_csv(
        tmp_path / "traits.csv", index=False
    )
    study = study_of(survey_of(tmp_path, frame, items(4) + "\n" + FACTS))
    assert study.numbers.culture is None
    assert "mixed forms" in study.section("culture").parts[0].text


def test_too_few_countries_for_a_claim(tmp_path: Path) -> None:
    frame = answers(150, ("AT", "BE", "CL"), **{f"q{i}": likert for i in range(4)})
    pd.DataFrame({"code": ["AT", "BE"], "idv": [55, 75]}).to_csv(tmp_path / "traits.csv", index=False)
    study = study_of(survey_of(tmp_path, frame, items(4) + "\n" + FACTS))
    assert "Only 2 groups" in study.section("culture").parts[0].text


def test_a_fact_that_goes_with_the_group_is_named_not_adjusted(tmp_path: Path) -> None:
    frame = answers(300, language=lambda f, rng: np.where(f["country"] == "A", "de", "ja"))
    frame["sex"] = np.resize(["m", "f"], len(frame))
    more = "  language: {column: language, label: Language}\n  sex: {column: sex, label: Sex}"
    study = study_of(survey_of(tmp_path, frame, more))
    facts = {fact.name: fact for fact in study.numbers.facts}
    assert not facts["language"].used
    assert facts["language"].kind == "language"
    assert "goes with the groups" in facts["language"].why
    assert facts["sex"].used
    assert study.numbers.main.mixed is not None
    assert study.numbers.main.answered is None  # nobody knows who was invited
    assert "“Language”" in str(study.limits.items)
    with pytest.raises(ValueError, match="cannot be made alike in 'language'"):
        study_of(survey_of(tmp_path, frame, more), mix=["language"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"metric": "npz"}, "npz"),
        ({"level": 95}, r"Did you mean 0\.95"),
        ({"margin": 0}, "margin is 0"),
        ({"group": "land"}, "group is 'land'.*country"),
        ({"reference": "b"}, "reference is 'b'"),
        ({"style_share": (0, 2)}, "style_share is"),
        ({"style_share": "all"}, "style_share is"),
        ({"neutral": 5.3}, "neutral is 5.3"),
        ({"neutral": []}, "neutral is"),
        ({"mix": ["sex"]}, "mix names 'sex'"),
        ({"wave": "w1"}, "there is no wave"),
        ({"replicates": 0}, "replicates is 0"),
    ],
)
def test_wrong_parameters_are_refused_in_the_users_terms(tmp_path: Path, wrong: dict, message: str) -> None:
    survey = survey_of(tmp_path, answers(60))
    with pytest.raises(ValueError, match=message):
        study_of(survey, **wrong)


def test_labels_from_the_data_are_escaped_everywhere(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    html = page(study_of(survey_of(tmp_path, answers(120, ("NA", evil)))))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_many_groups_fit_on_a_page(tmp_path: Path) -> None:
    names = tuple(f"Country {i:02d}" for i in range(40))
    study = study_of(survey_of(tmp_path, answers(60, names)), replicates=20)
    assert len(study.numbers.pairs) == 39
    figure = study.figures["gaps"]
    assert figure.to_json()["wide"]["height"] < 1_400
    assert "stand only in the table" in figure.source
    assert len(figure.table.rows) == 39


def _as_printed(made: cx.ExtremeResponseBiasStudy) -> list[str]:
    """All texts, and the numbers behind every figure: what is drawn is drawn from these."""
    parts = [made.header, made.answer, made.main_points, made.need_to_know, made.limits, made.method]
    parts += [part for name in SECTIONS for part in made.section(name).parts]
    return [*(part.to_text() for part in parts), *(str(table.rows) for table in made.tables.values())]


def test_the_same_seed_gives_the_same_page(tmp_path: Path) -> None:
    """Everybody answered once, so that replicates are drawn: another seed draws others."""
    survey = survey_of(tmp_path, answers(150))
    first, second, other = (study_of(survey, seed=seed, replicates=40) for seed in (7, 7, 8))
    assert _as_printed(first) == _as_printed(second)
    assert _as_printed(first) != _as_printed(other)
    assert first.figures["gaps"].to_json() == second.figures["gaps"].to_json()

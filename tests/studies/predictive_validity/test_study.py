"""The study on the demo company, whose truth is known, and on what cannot be answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.studies.predictive_validity.study import overall


@pytest.fixture(scope="module")
def study(demo: cx.Survey) -> cx.PredictiveValidityStudy:
    return cx.predictive_validity(demo, outcome="churned")


TRUE_GAINS = {"nps": 0.0123, "csat": 0.0109, "ces": 0.0310}  # docs/demo_company.md: churn, respondents


def test_gains_recover_the_truth(study: cx.PredictiveValidityStudy) -> None:
    assert study.numbers.best.metric.key == "ces"
    for contender in study.numbers.contenders:
        assert contender.low < TRUE_GAINS[contender.metric.key] < contender.high


def test_no_verdict_is_wrong(study: cx.PredictiveValidityStudy) -> None:
    margin = study.numbers.settings.margin
    for contender in study.numbers.contenders:
        matters = TRUE_GAINS[contender.metric.key] > margin
        assert contender.verdict is not (Verdict.NEGLIGIBLE if matters else Verdict.MATERIAL)
    assert study.findings[0].verdict is study.numbers.verdict
    assert study.numbers.verdict is not Verdict.NEGLIGIBLE


def test_the_page_says_what_was_computed(study: cx.PredictiveValidityStudy) -> None:
    numbers = study.numbers
    assert "CES" in study.findings[0].answer
    assert list(study.figures) == [
        "race", "alone", "rates", "robust", "silence", "cuts", "survival", "warning", "decision",
    ]  # fmt: skip
    rows = study.tables["race"].rows
    assert [row[0] for row in rows] == ["CES", "NPS", "CSAT", "All together", "Known without asking"]
    assert numbers.base.events < numbers.base.known
    for name in ("race", "rates", "robust", "silence", "cuts", "time", "decision"):
        assert study.section(name).parts
    with pytest.raises(KeyError, match="there are race, rates"):
        study.section("nothing")
    assert len(study.main_points.points) == 5


def test_the_same_customers_race(study: cx.PredictiveValidityStudy, demo: cx.Survey) -> None:
    rows = demo.rows(["nps", "csat", "ces", "churned"]).dropna()
    assert study.numbers.race.n == len(rows)
    assert study.numbers.race.events == rows["churned"].sum()


def test_rates_count_each_customer_once(study: cx.PredictiveValidityStudy, demo: cx.Survey) -> None:
    rows = demo.rows(["ces", "churned", "customer", "nps", "csat"])
    rows = rows[rows[["ces", "nps", "csat"]].notna().any(axis=1)].drop_duplicates("customer", keep="last")
    best = study.numbers.best.association
    held = rows.dropna(subset=["ces"])
    assert best.n == len(held)
    assert best.events == held["churned"].sum()


def test_silence_is_a_signal_that_behaviour_mostly_has(study: cx.PredictiveValidityStudy) -> None:
    silence = study.numbers.silence
    assert silence.difference[1] > 0
    # docs/demo_company.md: answering adds 0.0017 for everyone
    assert silence.gain[1] < 0.0017 < silence.gain[2]
    assert silence.gain[2] < study.numbers.settings.margin


def test_known_numbers_take_the_place_of_their_bands(study: cx.PredictiveValidityStudy) -> None:
    known = study.numbers.settings.known
    assert {"tenure_months", "app_days_90d", "tickets_90d", "value"} <= set(known)
    assert not {"tenure", "app_use", "tickets"} & set(known)


def test_net_benefit_and_profit_agree(study: cx.PredictiveValidityStudy) -> None:
    money = study.numbers.money
    settings = study.numbers.settings
    assert money.threshold == pytest.approx(settings.contact_cost / (settings.success * money.value_saved))
    assert money.profit["all"] > money.profit["known"] > money.profit["everybody"]


def test_the_headline_asks_whether_any_adds() -> None:
    assert overall([Verdict.NEGLIGIBLE, Verdict.MATERIAL]) is Verdict.MATERIAL
    assert overall([Verdict.NEGLIGIBLE, Verdict.NEGLIGIBLE]) is Verdict.NEGLIGIBLE
    assert overall([Verdict.NEGLIGIBLE, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert overall([]) is Verdict.NOT_ANSWERABLE


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"outcome": "left"}, "outcomes are churned, repurchased"),
        ({"metrics": "npss"}, "no metric"),
        ({"known": "countryy"}, "known without asking are"),
        ({"margin": 0}, "above 0"),
        ({"wave": "2023 Q1"}, "no wave"),
        ({"contact_cost": 0}, "above 0"),
        ({"level": 95}, "level"),
    ],
)
def test_parameters_are_checked(demo: cx.Survey, given: dict, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        cx.predictive_validity(demo, **given)


# ------------------------------------------------------------------------------- surveys of one's own


def survey_of(folder: Path, n: int, *, left, score=None, more: str = "", known=True) -> cx.Survey:
    rng = np.random.default_rng(3)
    use = rng.integers(0, 30, n)
    score = rng.integers(0, 11, n) if score is None else score
    lines = ["id,ltr,use,kind,left"]
    lines += [
        f"{i},{s},{u},{'ab'[i % 2]},{int(v)}"
        for i, (s, u, v) in enumerate(zip(score, use, left, strict=True))
    ]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    facts = "groups: {kind: kind}\nbehaviour: {use: {column: use}}\n" if known else ""
    (folder / "survey.yml").write_text(
        "title: Test\nresponses: {file: data.csv}\ncustomer: id\nscores: {nps: {column: ltr, scale: 0-10}}\n"
        f'outcomes: {{left: {{column: left, event: "1"}}}}\n{facts}{more}'
    )
    return cx.open_survey(folder / "survey.yml")


def test_a_score_made_from_the_outcome_is_a_leak(tmp_path: Path) -> None:
    left = np.random.default_rng(1).random(600) < 0.2
    study = cx.predictive_validity(survey_of(tmp_path, 600, left=left, score=np.where(left, 2, 9)))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "leak" in study.findings[0].answer
    assert study.figures == {}
    assert study.section("race").parts[0].instead


def test_three_events_are_too_few(tmp_path: Path) -> None:
    study = cx.predictive_validity(survey_of(tmp_path, 300, left=np.arange(300) < 3))
    assert study.findings[0].verdict is Verdict.INCONCLUSIVE
    assert "3 of the 300 customers who answered had the event" in study.findings[0].answer
    assert "customers with an answer" in study.findings[0].needed


def test_everybody_had_the_event(tmp_path: Path) -> None:
    study = cx.predictive_validity(survey_of(tmp_path, 300, left=np.ones(300)))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "everybody of 300 customers" in study.findings[0].answer.lower()


def test_nothing_known_without_asking(tmp_path: Path) -> None:
    left = np.random.default_rng(1).random(600) < 0.3
    study = cx.predictive_validity(survey_of(tmp_path, 600, left=left, known=False))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "nothing for a score to add to" in study.findings[0].answer


def test_a_survey_without_invitations_waves_or_dates(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    score = rng.integers(0, 11, 1500)
    left = rng.random(1500) < 0.5 - 0.04 * score
    study = cx.predictive_validity(survey_of(tmp_path, 1500, left=left, score=score))
    assert study.numbers.race is not None
    assert study.numbers.silence is None
    for name in ("silence", "time"):
        assert study.section(name).parts[0].instead
    assert study.findings[0].verdict is Verdict.MATERIAL


def test_without_outcomes_it_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("ltr\n9\n3\n")
    (tmp_path / "survey.yml").write_text(
        "title: T\nresponses: {file: data.csv}\nscores: {nps: {column: ltr, scale: 0-10}}\n"
    )
    with pytest.raises(ValueError, match=r"outcomes: in survey\.yml"):
        cx.predictive_validity(cx.open_survey(tmp_path / "survey.yml"))

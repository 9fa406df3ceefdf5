"""The study on public data sets, each with something that must be said of it (examples/ says where they come from)."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pandas as pd
import pytest

import cxstats as cx
from cxstats.display.parts import Table
from cxstats.findings import Verdict


@pytest.fixture
def example(root: Path, shared_data: Path, tmp_path: Path):
    """An example's survey, on its data in a folder of its own; ``prepare`` is the name of its function."""

    def opened(name: str, *files: str, prepare: str = "", to: str = "") -> cx.Survey:
        folder = root / "examples" / name
        shutil.copy(folder / "survey.yml", tmp_path)
        (tmp_path / "data").mkdir()
        for file in files:
            if not prepare:
                shutil.copy(shared_data / name / file, tmp_path / "data")
                continue
            made = runpy.run_path(str(folder / "prepare.py"))[prepare](pd.read_csv(shared_data / name / file))
            made.to_csv(tmp_path / "data" / to, index=False)
        return cx.open_survey(tmp_path / "survey.yml")

    return opened


def test_a_fictional_score_made_from_the_outcome_is_no_triumph(example) -> None:
    study = cx.predictive_validity(example("telco_ibm", "telco.csv.gz"))
    finding = study.findings[0]
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert "leak" in finding.answer
    assert "all 1,440 customers who answered 1 or 2" in finding.answer
    assert "none of the 2,938 who answered 4 or 5" in finding.answer
    assert list(study.figures) == ["rates"]
    told = "Everybody who gave CSAT 1 or 2 left during the quarter, and nobody who gave 4 or 5 did"
    assert study.figures["rates"].headline == told
    point = study.main_points.points[0]
    assert (point.number, point.interval) == ("100\xa0% → 0\xa0%", "CSAT 1 or 2 against 4 or 5")
    assert "jackknife" not in study.method.to_text()  # nothing was trained
    assert study.numbers.race is None
    assert study.header.simulated


def test_duplicates_are_set_aside_and_said(example) -> None:
    survey = example("iranian_churn", "iranian_churn.csv.gz", prepare="marked", to="iranian_churn.csv.gz")
    study = cx.predictive_validity(survey)
    assert study.numbers.race.n == 2850
    assert study.header.to_text().splitlines()[1] == "Iranian telephone customers"  # no period is known
    assert "The same as an earlier row in every column, 300 of 3,150 rows" in study.need_to_know.to_text()
    assert (
        "smallest gain that matters: 2 more of 100 pairs of customers told apart." in study.answer.to_text()
    )
    # +0.0198 is below the margin of 0.02: wherever the gain stands, it has as many decimals
    texts = [part.to_text() for part in (study.answer, study.main_points)]
    texts += [study.figures["race"].alt, " ".join(study.tables["race"].rows[1])]
    assert all("+0.0198 to +0.0392" in text and "+0.0295" in text for text in texts)
    assert not any("+0.030" in text for text in texts)
    assert ">+0.0295 AUC<" in study.answer._repr_mimebundle_()["text/html"]
    # a complaint is no answer to a question
    words = " ".join(
        part.to_text()
        for part in (study.header, study.answer, study.main_points, study.need_to_know, study.limits)
    )
    words += study.figures["rates"].subtitle + study.figures["rates"].alt
    assert (
        "Nobody was asked for Complaint: it is recorded of customers, and stands in for a score here."
        in words
    )
    assert "f those with Complaint 0, 10\xa0% left" in words
    assert "Customers: 2,850" in study.header.to_text()
    for word in ("who answered", "who gave", "by answer", "being asked", "the answer"):
        assert word not in words
    complaint = study.numbers.best
    rates = complaint.association.table.set_index("answer")
    assert (rates.loc[1, "n"], rates.loc[0, "n"]) == (230, 2620)
    assert complaint.low > 0  # it tells something
    assert complaint.verdict is Verdict.INCONCLUSIVE  # whether as much as 0.02 is not sure
    assert complaint.auc[0] < study.numbers.rules["known"][0]
    assert "cuts" not in study.figures  # there is one way to cut two answers
    assert not {"Came first", "Place"} & set(study.tables["race"].columns)  # one score races against nobody
    assert "together" not in study.tables["race"].notes
    tables = [part.caption for part in study.section("rates").parts if isinstance(part, Table)]
    assert tables == []  # nor are there forms to compare: all are the same two rates


def test_few_repeats_are_too_few(example) -> None:
    survey = example(
        "olist_sample", "olist_orders.csv.gz", prepare="first_reviewed", to="olist_customers.csv.gz"
    )
    study = cx.predictive_validity(survey)
    assert study.findings[0].verdict is Verdict.INCONCLUSIVE
    assert study.numbers.base.events == 23
    assert study.numbers.race.simplified
    assert "straight lines" in " ".join(part.to_text() for part in study.section("race").parts)
    assert study.numbers.best.low < 0 < study.numbers.best.high
    assert study.numbers.silence is None
    lines = study.ledger.to_text().splitlines()
    assert lines[-4:] == [
        "For the race: answered Review score: 14,779",
        "Set aside: answered after the event, or after the window: 9",
        "Set aside: whether they ordered again within 180 days is not known: 6,497",
        "Raced: Review score: 8,273",
    ]
    # the file holds orders with a review: that all answered is how it was made, and no response rate
    header = study.header.to_text()
    assert "14,779 answers" in study.header.n_text
    assert "Response rate" not in header
    assert "Invited" not in header
    assert (
        "All 14,779 who are listed as invited answered: a list made of answers"
        in study.need_to_know.to_text()
    )
    # one thing is said of the intervals, not two that contradict each other
    race = " ".join(part.to_text() for part in study.section("race").parts)
    assert "too wide there" in race
    assert "too short" not in race


def test_hospitals_say_nothing_of_patients(example) -> None:
    survey = example("hcahps_2017", "hcahps_2017.csv.gz", "readmissions_2014_2017.csv.gz")
    study = cx.predictive_validity(survey, outcome="readmission_heart_failure")
    finding, units = study.findings[0], study.numbers.units
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert "one row per unit" in finding.answer
    assert units.n == 2857
    assert units.slope[2] < 0
    assert units.plain[0] < units.slope[0] < 0
    table = survey.units.dropna(subset=["readmission_heart_failure"])
    assert units.rank[0] == pytest.approx(
        table[["score", "readmission_heart_failure"]].astype(float).corr(method="spearman").iloc[0, 1]
    )
    assert 0 < units.gain[1] < units.gain[0] < 0.05
    point = study.main_points.points[1]
    assert point.number == f"+{100 * units.gain[0]:.1f} points"
    assert point.headline.startswith(
        f"Net rating tells {100 * units.gain[0]:.1f} percentage points more of how hospitals"
    )
    assert study.ledger.to_text().splitlines()[-3:] == [
        "Hospitals with Net rating: 3,860",
        "Set aside: the outcome is not known: 1,003",
        "Hospitals compared: 2,857",
    ]
    assert len(units.others) == 6
    assert list(study.figures) == ["units", "others"]
    for name in ("rates", "silence", "time", "decision"):
        assert "none for a customer" in study.section(name).parts[0].text

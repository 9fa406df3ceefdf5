"""The doubly robust estimate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxstats.methods import doubly_robust as module
from cxstats.methods.doubly_robust import doubly_robust
from cxstats.metrics import NPS, csat


@pytest.fixture(scope="module")
def frame(root) -> pd.DataFrame:
    cells = pd.read_csv(root / "tests" / "reference" / "calibration_frame.csv")
    return cells.astype({"nps": "Int64"})


def test_without_cross_fitting_it_is_the_textbook_estimate(root, frame, monkeypatch):
    # R: glm() and lm(), then mean(m + r(y − m)/ρ) and its sd/√N (tests/reference/calibration.R)
    values = pd.read_csv(root / "tests" / "reference" / "calibration_values.csv", index_col="name")["value"]
    by = ["country", "channel"]

    def in_sample(cells, by, *, responded, part, folds, interactions):
        return module.response_propensity.fit(cells, by, responded=responded).predict(cells)

    monkeypatch.setattr(module.response_propensity, "cross_fit", in_sample)
    # two folds with the same customers in both: the outcome model sees everybody's like
    twice = pd.concat([frame.assign(part=0), frame.assign(part=1)], ignore_index=True)
    result = doubly_robust(twice, NPS, by, score="nps", folds=2, matrix=np.diag(twice["n"].astype(float)))
    assert result.value == pytest.approx(values["aipw.mean"], abs=1e-6)
    assert result.standard_error * np.sqrt(2) == pytest.approx(values["aipw.se"], rel=1e-3)


def customers(rng: np.random.Generator, size: int, *, shape: str = "both") -> tuple[pd.DataFrame, float]:
    """Two facts; answering and score follow main effects of them, or ("score", "answering") an interaction too."""
    use, plan = rng.choice(3, size, p=[0.5, 0.3, 0.2]), rng.choice(2, size)
    cross = (use == 2) & (plan == 1)
    happy = 0.25 + 0.2 * use + 0.1 * plan - (0.5 * cross if shape == "answering" else 0)
    logit = -2.2 + 0.7 * use + 0.4 * plan - (2.2 * cross if shape == "score" else 0)
    score = np.where(rng.random(size) < happy, 5, 2)
    answers = rng.random(size) < 1 / (1 + np.exp(-logit))
    rows = pd.DataFrame(
        {"use": use, "plan": plan, "csat": np.where(answers, score, -1), "part": np.arange(size) % 64}
    )
    cells = rows.groupby(list(rows.columns)).size().rename("n").reset_index()
    cells["csat"] = cells["csat"].where(cells["csat"] > 0).astype("Int64")
    return cells, 100 * float(happy.mean())


@pytest.mark.parametrize("shape", ["both", "score", "answering"])
def test_either_model_may_be_wrong(shape):
    rng = np.random.default_rng(3)
    cells, truth = customers(rng, 60_000, shape=shape)
    result = doubly_robust(cells, csat(5), ["use", "plan"], score="csat")
    assert abs(result.value - truth) < 3 * result.standard_error
    assert result.standard_error < 1
    assert abs(result.raw - truth) > 4 * result.standard_error
    assert result.shares.sum() == pytest.approx(1, abs=1e-10)
    assert result.bias == pytest.approx(result.raw - result.value)


def test_saturated_models_are_post_stratification():
    cells, _ = customers(np.random.default_rng(4), 20_000)
    result = doubly_robust(cells, csat(5), ["use", "plan"], score="csat", interactions=[("use", "plan")])
    answered = cells.assign(good=(cells["csat"] == 5) & cells["csat"].notna(), got=cells["csat"].notna())
    sums = pd.DataFrame(
        {
            "N": answered.groupby(["use", "plan"])["n"].sum(),
            "n": (answered["n"] * answered["got"]).groupby([cells["use"], cells["plan"]]).sum(),
            "good": (answered["n"] * answered["good"].fillna(False))
            .groupby([cells["use"], cells["plan"]])
            .sum(),
        }
    ).astype(float)
    expected = 100 * (sums["N"] * sums["good"] / sums["n"]).sum() / sums["N"].sum()
    assert result.value == pytest.approx(expected, abs=0.15)  # all that cross-fitting moves


def test_parts_or_matrix_for_repeated_customers():
    cells, _ = customers(np.random.default_rng(5), 30_000)
    by_part = doubly_robust(cells, csat(5), ["use", "plan"], score="csat")
    by_matrix = doubly_robust(
        cells, csat(5), ["use", "plan"], score="csat", matrix=np.diag(cells["n"].astype(float))
    )
    assert by_part.value == by_matrix.value
    assert by_part.standard_error == pytest.approx(by_matrix.standard_error, rel=0.25)


def test_hardly_anybody_like_them_answers():
    rng = np.random.default_rng(6)
    size = 40_000
    rare = rng.random(size) < 0.3
    answers = rng.random(size) < np.where(rare, 0.004, 0.4)
    rows = pd.DataFrame({"rare": rare, "nps": np.where(answers, 9, -1), "part": np.arange(size) % 64})
    cells = rows.groupby(list(rows.columns)).size().rename("n").reset_index()
    cells["nps"] = cells["nps"].where(cells["nps"] >= 0).astype("Int64")
    result = doubly_robust(cells, NPS, ["rare"], score="nps")
    assert result.largest <= 20 + 1e-9
    assert any("less than one 20th as likely" in note for note in result.notes)
    assert result.value == pytest.approx(100)
    assert result.low < result.high == 100  # all answers agree, and still the value is not certain


def test_what_is_refused():
    cells, _ = customers(np.random.default_rng(7), 3_000)
    with pytest.raises(ValueError, match="no column 'part'"):
        doubly_robust(cells.drop(columns="part"), csat(5), ["use"], score="csat")
    with pytest.raises(ValueError, match="nobody of the"):
        doubly_robust(
            cells.assign(csat=pd.array([None] * len(cells), dtype="Int64")), csat(5), ["use"], score="csat"
        )
    with pytest.raises(ValueError, match="whole numbers from 1 to 5"):
        doubly_robust(cells.assign(csat=cells["csat"] * 3), csat(5), ["use"], score="csat")
    with pytest.raises(ValueError, match="fold"):
        doubly_robust(cells.assign(part=cells["part"] % 2), csat(5), ["use"], score="csat")


def test_it_shows_itself():
    cells, _ = customers(np.random.default_rng(8), 5_000)
    assert "doubly robust" in doubly_robust(cells, csat(5), ["use"], score="csat")._repr_html_()


@pytest.mark.simulation
@pytest.mark.parametrize("shape", ["both", "answering"])
def test_intervals_keep_their_promise(shape):
    rng = np.random.default_rng(31)
    runs, hits, errors = 200, 0, []
    for _ in range(runs):
        cells, truth = customers(rng, 3_000, shape=shape)
        result = doubly_robust(cells, csat(5), ["use", "plan"], score="csat")
        hits += result.low <= truth <= result.high
        errors.append((result.value - truth, result.standard_error))
    errors = np.array(errors)
    assert abs(hits / runs - 0.95) < 2 * np.sqrt(0.95 * 0.05 / runs)
    assert abs(errors[:, 0].mean()) < 3 * errors[:, 0].std() / np.sqrt(runs)
    # the customers' own facts are known and vary little; the error's mean is known to 5 %
    assert errors[:, 1].mean() == pytest.approx(errors[:, 0].std(), rel=0.15)

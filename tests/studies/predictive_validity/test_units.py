"""One row per unit: slopes, ranks and what a score adds between units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.studies.predictive_validity import units as u

N = 400


def stores(folder: Path, *, slope: float = -0.02, n: int = N) -> cx.Survey:
    rng = np.random.default_rng(7)
    top = rng.integers(40, 80, n)
    low = rng.integers(0, 20, n)
    region = rng.integers(0, 4, n)
    rate = rng.uniform(0.1, 0.6, n)
    returns = 1 + slope * (top - low - 50) / 10 + 0.03 * region + rng.normal(0, 0.08, n)
    pd.DataFrame(
        {
            "store": [f"s{i}" for i in range(n)],
            "rate": (100 * rate).round(1),
            "n": rng.integers(60, 900, n),
            "low": low,
            "mid": 100 - top - low,
            "top": top,
            "region": [f"r{k}" for k in region],
            "returns": returns,
            "visits": rng.normal(10, 2, n),
        }
    ).to_csv(folder / "stores.csv", index=False)
    (folder / "survey.yml").write_text(
        "title: Stores\nunits:\n  file: stores.csv\n  called: stores\n  unit: store\n"
        "  response_rate: {column: rate, unit: percent}\n  completed: n\n"
        "  bands: {low: low, middle: mid, top: top}\n  measure: {kind: nps}\n"
        "  adjust: {region: {column: region, kind: category, label: Region}}\n"
        "  outcomes:\n    returns: {column: returns, label: Returns}\n    visits: {column: visits, label: Visits}\n"
    )
    return cx.open_survey(folder / "survey.yml")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> cx.PredictiveValidityStudy:
    return cx.predictive_validity(stores(tmp_path_factory.mktemp("stores")))


def test_the_slope_between_units_is_recovered(study: cx.PredictiveValidityStudy) -> None:
    found = study.numbers.units
    assert found.slope[1] < -0.02 < found.slope[2]
    assert found.n == N
    assert set(found.others["label"]) == {"Returns", "Visits"}
    visits = found.others.set_index("label").loc["Visits"]
    assert visits["low"] < 0 < visits["high"]


def test_it_is_never_said_of_customers(study: cx.PredictiveValidityStudy) -> None:
    finding = study.findings[0]
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert "One row per customer" in finding.needed
    assert "customers" in study.limits.to_text().lower()
    assert list(study.figures) == ["units", "others"]
    assert [row[1] for row in study.tables["units"].rows] == [str(n) for n in study.numbers.units.fifths["n"]]


def test_too_few_units(tmp_path: Path) -> None:
    study = cx.predictive_validity(stores(tmp_path, n=40))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "40 stores" in study.findings[0].answer
    assert study.figures == {}


def test_a_fact_that_units_do_not_have(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="known without asking are region"):
        cx.predictive_validity(stores(tmp_path, n=80), known="owner")


def made(seed: int, n: int = 300, effect: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(n, 3))
    score = design[:, 0] + rng.normal(size=n)
    return design @ [0.5, 0.2, 0.0] + effect * score + rng.normal(size=n), score, design


def by_hand(y: np.ndarray, x: np.ndarray, part: np.ndarray, left: int) -> float:
    """Share of variance predicted for units whose fold did not train, fitted anew with numpy, without one part."""
    kept, error = part != left, 0.0
    for fold in range(u.FOLDS):
        train, test = kept & (part % u.FOLDS != fold), kept & (part % u.FOLDS == fold)
        beta = np.linalg.lstsq(x[train], y[train], rcond=None)[0]
        error += ((y[test] - x[test] @ beta) ** 2).sum()
    return 1 - error / ((y - y.mean())[kept] ** 2).sum()


def test_what_is_explained_equals_fitting_every_fold_anew() -> None:
    y, score, design = made(1)
    share, (gain, low, high) = u._explained(y, score, design, 0.95)
    part = np.random.default_rng(20250401).permutation(len(y)) % u.PARTS
    line = (score - score.mean()) / score.std()
    small = np.column_stack([np.ones(len(y)), design])
    large = np.column_stack([small, line, line**2])
    assert share == pytest.approx(by_hand(y, small, part, -1), abs=1e-6)
    assert gain == pytest.approx(by_hand(y, large, part, -1) - by_hand(y, small, part, -1), abs=1e-6)
    without = [by_hand(y, large, part, j) - by_hand(y, small, part, j) for j in range(u.PARTS)]
    error = np.sqrt((u.PARTS - 1) * np.var(without))
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, u.PARTS - 1) * error, rel=1e-4)


def test_rank_correlation_against_scipy_and_its_published_interval() -> None:
    y, score, _ = made(2, n=120)
    r, low, high = u._spearman(score, y, 0.95)
    assert r == pytest.approx(stats.spearmanr(score, y).statistic)
    # Bonett & Wright (2000): standard error of Fisher's z is √((1 + r²/2)/(n − 3))
    half = 1.959964 * np.sqrt((1 + r**2 / 2) / 117)
    assert (np.arctanh(low), np.arctanh(high)) == pytest.approx((np.arctanh(r) - half, np.arctanh(r) + half))


@pytest.mark.simulation
def test_the_interval_of_what_is_explained_covers() -> None:
    found = [u._explained(*made(seed), 0.95)[1] for seed in range(900)]
    truth = np.mean([gain for gain, _, _ in found])
    covered = np.mean([low <= truth <= high for _, low, high in found])
    assert covered > 0.95 - 2 * np.sqrt(0.95 * 0.05 / 900)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (None, None, "cannot be checked here"),
        ("2014-07-01", "2017-06-30", "part of it came before them"),
        ("2014-07-01", "2015-06-30", "it came first"),
        ("2018-01-01", "2018-06-30", "it came after"),
    ],
)
def test_whether_the_outcome_came_after_the_answers(first: str | None, last: str | None, said: str) -> None:
    from datetime import date
    from types import SimpleNamespace

    from cxstats.studies.predictive_validity.unit_sentences import _order_in_time

    day = lambda text: None if text is None else date.fromisoformat(text)  # noqa: E731
    survey = SimpleNamespace(period=(date(2016, 10, 1), date(2017, 9, 30)), period_text="2016 to 2017")
    when = None if first is None else SimpleNamespace(start=day(first), end=day(last))
    assert said in _order_in_time(SimpleNamespace(period=when, noun="hospitals"), survey)

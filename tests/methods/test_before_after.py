"""Difference in differences against regressions on the rows, and on companies of known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.methods.before_after import difference_in_differences
from cxstats.methods.limits import critical_value

WAVES = ["1", "2", "3", "4", "5"]


def _rows(
    rng: np.random.Generator, *, effect: float = 0.0, drift: float = 0.0, n: int = 500, overlap: float = 0.5
) -> pd.DataFrame:
    """Customers who may answer in several waves; the treated rise by ``effect`` after wave 3, and drift apart."""
    leaning = rng.normal(size=n)
    treated = rng.random(n) < 0.4
    rows = []
    for t, wave in enumerate(WAVES):
        here = np.flatnonzero(rng.random(n) < overlap)
        push = 0.2 * np.sin(t) + treated[here] * (drift * t + effect * (t >= 3) - 0.1)
        score = np.clip(np.round(7.5 + 1.4 * leaning[here] + rng.normal(size=len(here)) + push), 0, 10)
        rows.append(
            pd.DataFrame({"customer": here, "wave": wave, "treated": treated[here], "nps": score.astype(int)})
        )
    return pd.concat(rows, ignore_index=True)


def _cells(rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    keys = ["nps", "wave", "treated"]
    cells = rows.groupby(keys, as_index=False).size().rename(columns={"size": "n"})
    index = {key: i for i, key in enumerate(cells[keys].itertuples(index=False, name=None))}
    tally = np.zeros((rows["customer"].max() + 1, len(cells)))
    column = [index[key] for key in rows[keys].itertuples(index=False, name=None)]
    np.add.at(tally, (rows["customer"].to_numpy(), column), 1.0)
    return cells, tally.T @ tally


def _found(rows: pd.DataFrame, **more):
    cells, matrix = _cells(rows)
    options = {"score": "nps", "wave": "wave", "treated": "treated", "waves": WAVES, "n_before": 3} | more
    return difference_in_differences(cells, cx.NPS, matrix=matrix, **options)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return _rows(np.random.default_rng(4), effect=0.8)


def test_the_effect_is_the_coefficient_of_the_two_way_regression(rows: pd.DataFrame) -> None:
    found = _found(rows)
    u = np.asarray(cx.NPS.values)[rows["nps"]]
    design = pd.get_dummies(rows["wave"], dtype=float)
    design["treated"] = rows["treated"].astype(float)
    design["both"] = design["treated"] * rows["wave"].isin(["4", "5"])
    fit = sm.OLS(u, design).fit(cov_type="cluster", cov_kwds={"groups": rows["customer"]})
    assert found.effect == pytest.approx(fit.params["both"])
    assert found.standard_error == pytest.approx(fit.bse["both"], rel=0.02)  # residuals of the larger model
    assert found.low == pytest.approx(found.effect - critical_value(0.95) * found.standard_error)


def test_every_error_is_that_of_the_regression_on_all_waves_and_groups(rows: pd.DataFrame) -> None:
    found = _found(rows)
    u = np.asarray(cx.NPS.values)[rows["nps"]]
    key = rows["wave"] + "/" + rows["treated"].astype(int).astype(str)
    design = pd.get_dummies(key, dtype=float)
    fit = sm.OLS(u, design).fit(
        cov_type="cluster", cov_kwds={"groups": rows["customer"], "use_correction": False}
    )
    small = np.sqrt(key.value_counts()[design.columns].to_numpy())
    small = small / np.sqrt(small**2 - 1)
    covariance = fit.cov_params().to_numpy() * np.outer(small, small)
    place = {name: i for i, name in enumerate(design.columns)}
    gap = np.zeros((5, len(place)))
    for t, wave in enumerate(WAVES):
        gap[t, place[f"{wave}/1"]], gap[t, place[f"{wave}/0"]] = 1, -1
    np.testing.assert_allclose(found.gaps, gap @ fit.params.to_numpy())
    of_gaps = gap @ covariance @ gap.T
    np.testing.assert_allclose(found.gap_errors, np.sqrt(np.diag(of_gaps)))
    # the line through the first three gaps by weighted least squares, continued to the mean of the last two
    h = 1 / (1 / found.n_treated + 1 / found.n_untreated)
    line = sm.WLS(found.gaps[:3], sm.add_constant(np.arange(3.0)), weights=h[:3]).fit()
    ahead = found.gaps[3:] - line.predict(sm.add_constant(np.arange(3.0, 5.0)))
    assert found.slope == pytest.approx(line.params[1])
    assert found.trend_effect == pytest.approx(np.average(ahead, weights=h[3:]))


def test_the_region_spans_both_assumptions_and_judges(rows: pd.DataFrame) -> None:
    found = _found(rows)
    assert found.region == (min(found.low, found.trend_low), max(found.high, found.trend_high))
    low, high = found.assumption
    assert low <= found.effect <= high
    assert found.verdict(200.0) is Verdict.NEGLIGIBLE
    assert found.verdict(0.001) in (Verdict.MATERIAL, Verdict.INCONCLUSIVE)
    between = (abs(low) + abs(high)) / 2
    assert found.verdict(between) is Verdict.NOT_ANSWERABLE  # the assumption alone crosses this margin


def test_a_gap_that_moved_before_is_seen(rows: pd.DataFrame) -> None:
    drifting = _rows(np.random.default_rng(6), drift=0.5, n=4_000)
    found = _found(drifting)
    assert found.parallel_p < 0.001
    assert found.low > 0  # by parallel trends the drift looks like an effect
    assert found.trend_low < 0 < found.trend_high  # and it is none


@pytest.mark.parametrize("n_before", [1, 5])
def test_too_few_waves_are_refused(rows: pd.DataFrame, n_before: int) -> None:
    with pytest.raises(ValueError, match="2 waves or more before the action"):
        _found(rows, n_before=n_before)


def test_a_wave_without_one_of_the_groups_is_refused(rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"no answers to NPS in: 2 \(treated\)"):
        _found(rows[~((rows["wave"] == "2") & rows["treated"])])


@pytest.mark.simulation
@pytest.mark.parametrize(("drift", "which"), [(0.0, "effect"), (0.15, "trend")])
def test_intervals_hold_the_truth_under_their_assumption(drift: float, which: str) -> None:
    """Of the expected scores of these very customers: the truth is the mean over many redraws of the answers."""
    runs = [_found(_rows(np.random.default_rng(seed), effect=0.5, drift=drift, n=400)) for seed in range(500)]
    names = ("effect", "low", "high") if which == "effect" else ("trend_effect", "trend_low", "trend_high")
    value, low, high = (np.array([getattr(run, name) for run in runs]) for name in names)
    big = _found(_rows(np.random.default_rng(10_000), effect=0.5, drift=drift, n=400_000))
    truth = getattr(big, names[0])
    held = np.mean((low <= truth) & (truth <= high))
    assert abs(value.mean() - truth) < 4 * value.std() / np.sqrt(len(runs)) + 0.5
    assert held >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / len(runs))

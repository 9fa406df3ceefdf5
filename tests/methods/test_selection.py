"""Selection models against published values, plain numerical maximisation and known truth; contrasts against statsmodels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import Table

from cxstats.methods import selection
from cxstats.methods.early_late import early_late
from cxstats.methods.selection import heckman, instrument_contrast, selection_model
from cxstats.metrics import NPS, csat

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


# ------------------------------------------------------------------------------------------- Heckman


@pytest.fixture(scope="module")
def mroz() -> selection.Heckman:
    data = pd.read_csv(REFERENCE / "mroz_1987.csv", comment="#")
    ones = np.ones(len(data))
    return heckman(
        data["wage"],
        np.column_stack([ones, data["exper"], data["exper"] ** 2, data["educ"], data["city"]]),
        data["inlf"] == 1,
        np.column_stack([ones, data["age"], data["age"] ** 2, data["faminc"], data["kids"], data["educ"]]),
    )


def test_two_step_reproduces_greenes_example(mroz: selection.Heckman) -> None:
    # Greene 2003, example 22.8; R package sampleSelection prints the same (wages here have four decimals)
    np.testing.assert_allclose(
        mroz.selection, [-4.156807, 0.185395, -0.002426, 4.58e-6, -0.448987, 0.098182], rtol=2e-3, atol=6e-7
    )
    np.testing.assert_allclose(
        mroz.coefficients, [-0.971200, 0.021061, 0.000137, 0.417017, 0.443838, -1.097619], atol=2e-6
    )
    np.testing.assert_allclose(
        mroz.standard_errors, [2.059351, 0.062465, 0.001878, 0.100250, 0.315898, 1.266], atol=2e-5
    )
    assert mroz.sigma == pytest.approx(3.2000643, abs=1e-6)
    assert mroz.correlation == pytest.approx(-0.3429992, abs=1e-6)
    assert (mroz.n, mroz.n_selected) == (753, 428)


def test_without_an_instrument_the_two_step_is_refused() -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(200), rng.normal(size=200)])
    chosen = rng.random(200) < 0.5
    with pytest.raises(ValueError, match="Add an instrument"):
        heckman(rng.normal(size=200), x, chosen, x)
    with pytest.raises(ValueError, match="rows that are not"):
        heckman(rng.normal(size=200), x, np.ones(200, dtype=bool), np.column_stack([x, rng.normal(size=200)]))
    with pytest.raises(ValueError, match="same number of rows"):
        heckman(np.ones(3), x, chosen, x)
    with pytest.raises(ValueError, match="every predictor"):
        heckman(rng.normal(size=200), x, chosen, np.column_stack([x, np.full(200, np.nan)]))


# ------------------------------------------------------------------- ordered probit with selection


@pytest.mark.parametrize("r", [-0.97, -0.4, 0.0, 0.3, 0.9])
def test_bivariate_normal_equals_scipys(r: float) -> None:
    rng = np.random.default_rng(2)
    h, k = rng.normal(size=(2, 12)) * 1.6
    h[0], k[1], h[2], k[2] = 0.0, 0.0, 0.0, 0.0
    exact = [stats.multivariate_normal.cdf([a, b], cov=[[1, r], [r, 1]]) for a, b in zip(h, k, strict=True)]
    np.testing.assert_allclose(selection._bivariate_normal(h, k, r), exact, atol=2e-6)
    np.testing.assert_allclose(
        selection._bivariate_normal(h, np.full(12, np.inf), r), stats.norm.cdf(h), atol=1e-12
    )
    np.testing.assert_allclose(selection._bivariate_normal(h, np.full(12, -np.inf), r), 0, atol=1e-12)


def _survey(
    seed: int = 3,
    n: int = 40_000,
    rho: float = 0.5,
    *,
    push: float = 0.6,
    repeat: bool = False,
) -> tuple[pd.DataFrame, float]:
    """Cells of a company with one fact, randomised reminders and correlated errors; true NPS of everyone."""
    rng = np.random.default_rng(seed)
    x, arm = rng.integers(0, 3, n), rng.integers(0, 2, n)
    v, e = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n).T
    answered = -0.9 + push * arm + 0.2 * (x == 1) + v > 0
    u = 0.3 * (x == 1) - 0.4 * (x == 2) + e
    score = np.array([3, 8, 10])[np.digitize(u, [-0.9, 0.1])]
    rows = pd.DataFrame({"x": x.astype(str), "arm": arm.astype(str), "nps": pd.array(score, dtype="Int64")})
    truth = NPS.value(NPS.counts(rows["nps"]))
    rows.loc[~answered, "nps"] = pd.NA
    rows["part"] = rng.integers(0, 64, n)
    return rows.groupby(["x", "arm", "nps", "part"], dropna=False, as_index=False).size().rename(
        columns={"size": "n"}
    ), truth


def test_gradient_equals_differences() -> None:
    cells, _ = _survey(n=2_000)
    data = selection._selection_data(cells, NPS, ["x"], "arm", "nps", "responded", "part")
    theta = np.array([-0.7, 0.2, -0.1, 0.4, 0.3, -0.4, -0.8, 0.05, 0.35])
    _, gradient = selection._outcome_scores(theta, data)
    for j in range(len(theta)):
        step = np.eye(len(theta))[j] * 1e-6
        up, down = (selection._outcome_scores(theta + sign * step, data)[0] for sign in (1, -1))
        np.testing.assert_allclose(gradient[:, j], (up - down) / 2e-6, rtol=1e-4, atol=1e-5)


def test_maximum_equals_plain_maximisation_of_the_written_out_likelihood() -> None:
    cells, _ = _survey(n=3_000)
    small = cells.groupby(["arm", "nps"], dropna=False, as_index=False)["n"].sum()
    found = selection_model(small, NPS, [], instrument="arm", score="nps")

    def surprise(t: np.ndarray) -> float:
        total = 0.0
        cuts = [-np.inf, t[2], t[2] + np.exp(t[3]), np.inf]
        r = -np.tanh(t[4])

        def both(a: float, b: float) -> float:
            if np.isinf(b):
                return stats.norm.cdf(a) if b > 0 else 0.0
            return stats.multivariate_normal.cdf([a, b], cov=[[1, r], [r, 1]])

        for row in small.itertuples():
            a = t[0] + t[1] * (row.arm == "1")
            if pd.isna(row.nps):
                total += row.n * stats.norm.logcdf(-a)
            else:
                k = [3, 8, 10].index(row.nps)
                total += row.n * np.log(both(a, cuts[k + 1]) - both(a, cuts[k]))
        return -total

    best = optimize.minimize(
        surprise,
        [-0.8, 0.4, -1.0, 0.0, 0.3],
        method="Nelder-Mead",
        options={"maxiter": 4_000, "fatol": 1e-8, "xatol": 1e-6},
    )
    assert found.log_likelihood == pytest.approx(-best.fun, abs=1e-3)
    assert found.correlation == pytest.approx(np.tanh(best.x[4]), abs=2e-3)
    below = stats.norm.cdf([best.x[2], best.x[2] + np.exp(best.x[3])])
    assert found.everyone == pytest.approx(100 * (1 - below[1] - below[0]), abs=0.05)
    assert found.converged


def test_a_large_survey_gives_the_truth_back() -> None:
    cells, truth = _survey(n=400_000)
    found = selection_model(cells, NPS, ["x"], instrument="arm", score="nps")
    assert found.low < truth < found.high
    assert found.correlation_low < 0.5 < found.correlation_high
    assert found.standard_error < 2
    assert found.bias > 20
    assert found.instrument_chi2 > 1_000
    assert found.warnings == ()
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares @ NPS.distinct_values == pytest.approx(found.everyone)


def test_binary_scores_and_no_facts_are_allowed() -> None:
    cells, _ = _survey(n=60_000)
    # without the fact the errors are a mixture of three normals, close enough to one
    truth = 100 * np.mean([stats.norm.sf(0.1 - shift) for shift in (0.0, 0.3, -0.4)])
    binary = cells.assign(csat=cells["nps"].map({3: 2, 8: 3, 10: 5}).astype("Int64"))
    found = selection_model(binary, csat(5), [], instrument="arm", score="csat")
    assert found.low < truth < found.high < found.value


def test_information_is_the_curvature_expected() -> None:
    cells, _ = _survey(n=200_000)
    data = selection._selection_data(cells, NPS, [], "arm", "nps", "responded", "part")
    theta, *_ = selection._maximise(data)
    information = selection._information(theta, data)
    hessian = np.empty_like(information)
    for j in range(len(theta)):
        step = np.eye(len(theta))[j] * 1e-4
        up, down = (data.n @ selection._outcome_scores(theta + sign * step, data)[1] for sign in (1, -1))
        hessian[j] = -(up - down) / 2e-4
    scale = np.sqrt(np.outer(np.diag(information), np.diag(information)))
    np.testing.assert_allclose(hessian / scale, information / scale, atol=0.02)


def test_a_weak_instrument_is_said() -> None:
    cells, _ = _survey(n=6_000, push=0.02)
    found = selection_model(cells, NPS, ["x"], instrument="arm", score="nps")
    assert "moves response too little" in found.warnings[0]


@pytest.mark.parametrize(
    ("change", "instrument", "message"),
    [
        ({"arm": "1"}, "arm", "one arm only"),
        ({"nps": pd.NA}, "arm", "customers who answered"),
        ({"nps": 10}, "arm", "customers who answered"),
        ({}, "x", "both the instrument and a fact"),
        ({}, "sent", "no column 'sent'"),
    ],
)
def test_what_identifies_nothing_is_refused(change: dict, instrument: str, message: str) -> None:
    cells, _ = _survey(n=500)
    with pytest.raises(ValueError, match=message):
        selection_model(cells.assign(**change), NPS, ["x"], instrument=instrument, score="nps")


# --------------------------------------------------------------------------------------- contrasts


def test_contrast_equals_a_clustered_regression_on_rows() -> None:
    cells, _ = _survey(n=20_000)
    found = instrument_contrast(cells, NPS, "arm", ["x"], score="nps")
    given = cells.dropna(subset="nps")
    rows = given.loc[given.index.repeat(given["n"])]
    design = sm.add_constant(pd.get_dummies(rows[["arm", "x"]], drop_first=True, dtype=float))
    worth = np.asarray(NPS.values)[rows["nps"].astype(int)]
    fit = sm.OLS(worth, design).fit(
        cov_type="cluster", cov_kwds={"groups": rows["part"], "use_correction": False}
    )
    assert found.table["difference"].iloc[1] == pytest.approx(fit.params["arm_1"], rel=1e-8)
    # parts/(parts − 1), and the parts' totals centred (they sum to 0 anyway)
    assert found.table["standard_error"].iloc[1] == pytest.approx(
        fit.bse["arm_1"] * np.sqrt(64 / 63), rel=1e-6
    )
    z = fit.params["arm_1"] / (fit.bse["arm_1"] * np.sqrt(64 / 63))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-4)
    assert found.p_value < 1e-6
    assert found.response_p_value < 1e-10
    assert found.warnings == ()


def test_contrast_without_parts_equals_a_robust_regression() -> None:
    cells, _ = _survey(n=20_000)
    found = instrument_contrast(cells.drop(columns="part"), NPS, "arm", ["x"], score="nps")
    given = cells.dropna(subset="nps")
    rows = given.loc[given.index.repeat(given["n"])]
    design = sm.add_constant(pd.get_dummies(rows[["arm", "x"]], drop_first=True, dtype=float))
    fit = sm.OLS(np.asarray(NPS.values)[rows["nps"].astype(int)], design).fit(cov_type="HC0")
    assert found.table["standard_error"].iloc[1] == pytest.approx(fit.bse["arm_1"], rel=1e-8)


def test_value_of_the_pushed_is_arithmetic() -> None:
    cells = pd.DataFrame(
        {
            "arm": ["1"] * 4 + ["2"] * 4,
            "nps": pd.array([10, 8, 3, None] * 2, dtype="Int64"),
            "n": [1_000, 600, 400, 8_000, 1_200, 800, 700, 7_300],
        }
    )
    found = instrument_contrast(cells, NPS, "arm", score="nps")
    # 700 more answers: 200 promoters, 200 passives and 300 detractors more
    assert found.marginal == pytest.approx(100 * (200 - 300) / 700)
    assert found.marginal_low < found.marginal < found.marginal_high


def test_arms_that_move_nothing_and_unequal_arms_are_said() -> None:
    cells, _ = _survey(n=20_000, push=0.0)
    found = instrument_contrast(cells, NPS, "arm", ["x"], score="nps")
    assert "do not differ" in found.warnings[0]
    unequal = cells.copy()
    unequal.loc[(unequal["x"] == "1") & (unequal["arm"] == "1"), "n"] *= 2
    assert any(
        "draw random" in note
        for note in instrument_contrast(unequal, NPS, "arm", ["x"], score="nps").warnings
    )
    with pytest.raises(ValueError, match="two arms"):
        instrument_contrast(cells.assign(arm="1"), NPS, "arm", score="nps")


# ------------------------------------------------------------------------------------ early and late


def _waves(seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"x": rng.choice(["a", "b"], 4_000), "days": rng.integers(0, 20, 4_000)})
    u = rng.normal(size=4_000) - 0.03 * rows["days"] + 0.4 * (rows["x"] == "b")
    rows["nps"] = np.array([3, 8, 10])[np.digitize(u, [-1, 0])]
    rows["part"] = rng.integers(0, 64, 4_000)
    return rows.assign(n=1)


def test_trend_equals_a_robust_regression() -> None:
    rows = _waves()
    rows["late"] = rows["days"] // 5
    found = early_late(rows.drop(columns="part"), NPS, score="nps", order="late", by=["x"])
    design = sm.add_constant(pd.DataFrame({"late": rows["late"], "b": (rows["x"] == "b").astype(float)}))
    fit = sm.OLS(np.asarray(NPS.values)[rows["nps"]], design).fit(cov_type="HC0")
    assert found.trend == pytest.approx(fit.params["late"], rel=1e-9)
    assert found.trend_high - found.trend == pytest.approx(1.959964 * fit.bse["late"], rel=1e-6)
    assert found.p_value == pytest.approx(fit.pvalues["late"], rel=1e-5)
    ahead = fit.get_prediction([[1, 4, (rows["x"] == "b").mean()]]).summary_frame()
    assert found.next_value == pytest.approx(ahead["mean"][0], rel=1e-9)
    assert found.next_high == pytest.approx(ahead["mean_ci_upper"][0], rel=1e-6)


def test_trend_of_a_share_is_cochran_and_armitages() -> None:
    rows = _waves().assign(late=lambda d: d["days"] // 5)
    top = csat(5)
    rows["csat"] = rows["nps"].map({3: 2, 8: 3, 10: 5})
    found = early_late(rows.drop(columns="part"), top, score="csat", order="late")
    test = Table(pd.crosstab(rows["csat"] == 5, rows["late"])).test_ordinal_association()
    # the classical test takes the variance without a trend, this one with it
    assert abs(found.trend) / ((found.trend_high - found.trend) / 1.959964) == pytest.approx(
        abs(test.zscore), rel=0.02
    )


def test_cumulative_values_end_at_the_published_score() -> None:
    rows = _waves()
    silent = pd.DataFrame(
        {"nps": pd.array([None]), "days": pd.array([None]), "x": ["a"], "part": [0], "n": [6_000]}
    )
    cells = pd.concat(
        [rows.astype({"nps": "Int64", "days": "Int64"}), silent.astype({"nps": "Int64", "days": "Int64"})]
    )
    found = early_late(cells, NPS, score="nps", order="days")
    table = found.table
    assert len(table) == 6
    assert table["answered"].sum() == 4_000
    assert table["cumulative_value"].iloc[-1] == pytest.approx(NPS.value(NPS.counts(rows["nps"])))
    assert table["cumulative_share"].iloc[-1] == pytest.approx(0.4)
    assert found.trend_high < 0
    assert "not the answers of those who never answer" in found.warning
    assert table["step"].iloc[0].startswith("0–")


def test_one_moment_cannot_be_early_and_late() -> None:
    with pytest.raises(ValueError, match="fewer than two moments"):
        early_late(_waves().assign(days=3), NPS, score="nps", order="days")


# ----------------------------------------------------------------------------------------- simulated


@pytest.mark.simulation
def test_intervals_of_the_selection_model_hold() -> None:
    # true NPS of everyone by the equations, not of those drawn
    share = np.zeros(3)
    for shift in (0.0, 0.3, -0.4):
        below = stats.norm.cdf(np.array([-0.9, 0.1]) - shift)
        share += np.diff(below, prepend=0, append=1) / 3
    truth, runs, inside = share @ NPS.distinct_values, 60, 0
    for run in range(runs):
        cells, _ = _survey(seed=100 + run, n=20_000)
        found = selection_model(cells.drop(columns="part"), NPS, ["x"], instrument="arm", score="nps")
        inside += found.low <= truth <= found.high
    assert inside / runs > 0.95 - 2 * np.sqrt(0.95 * 0.05 / runs)


@pytest.mark.simulation
def test_the_contrast_cries_wolf_at_its_level() -> None:
    runs = 300
    wrong = sum(
        instrument_contrast(
            _survey(seed=5_000 + run, n=3_000, rho=0.0)[0], NPS, "arm", ["x"], score="nps"
        ).p_value
        < 0.05
        for run in range(runs)
    )
    assert wrong / runs < 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
    assert wrong > 3

"""The proxy: correlation, monotone test, normal scores, and that nobody's own answer is in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.optimize import isotonic_regression

from cxstats.methods.proxy import RIDGE, proxy_data
from cxstats.methods.proxy_measures import (
    isotonic,
    monotone_p_value,
    normal_scores,
    polyserial_correlation,
    straight_variance_ratio,
)
from cxstats.metrics import NPS, Scale, mean_score

# tests/reference/unseen.R, part 1
X = np.array([-1.5, -0.6, 0, 0.4, 0.9, 2.1])
COUNTS = np.array([[20, 12, 3], [15, 18, 9], [11, 20, 14], [9, 21, 22], [6, 17, 30], [2, 9, 28]])


def test_polyserial_and_biserial_correlation_equal_rs_likelihood() -> None:
    assert polyserial_correlation(X, COUNTS) == pytest.approx(0.4986971143, abs=2e-7)
    two = np.column_stack([COUNTS[:, 0] + COUNTS[:, 1], COUNTS[:, 2]])
    assert polyserial_correlation(X, two) == pytest.approx(0.5027787012, abs=2e-7)


@pytest.mark.parametrize("near", [0.5, 0.45, -0.2, 0.99])
def test_where_one_looks_first_does_not_matter(near: float) -> None:
    assert polyserial_correlation(X, COUNTS, near=near) == pytest.approx(0.4986971143, abs=2e-7)


def test_a_batch_of_replicates_is_each_of_them() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(3, 500))
    counts = rng.poisson(2.0, size=(3, 500, 3)).astype(float)
    counts[1, 100:] = 0  # few values: kept apart, where the others are grouped
    counts[2, :, 1] = 0  # a category that nobody chose
    single = [polyserial_correlation(*one) for one in zip(x, counts, strict=True)]
    np.testing.assert_allclose(polyserial_correlation(x, counts, near=single[0]), single, atol=2e-7)
    silent = rng.poisson(9.0, size=(3, 500)).astype(float)
    answered = counts.sum(axis=2)
    np.testing.assert_allclose(
        straight_variance_ratio(x, answered, silent),
        [straight_variance_ratio(*one) for one in zip(x, answered, silent, strict=True)],
        rtol=1e-9,
    )
    np.testing.assert_array_equal(
        normal_scores(x, silent), [normal_scores(*one) for one in zip(x, silent, strict=True)]
    )


def test_correlation_does_not_depend_on_how_x_is_measured_or_rows_are_split() -> None:
    rho = polyserial_correlation(X, COUNTS)
    assert polyserial_correlation(3 - 2 * X, COUNTS) == pytest.approx(-rho, abs=1e-7)
    assert polyserial_correlation(np.tile(X, 2), np.vstack([COUNTS, COUNTS])) == pytest.approx(rho, abs=1e-7)
    empty = np.insert(COUNTS, 1, 0, axis=1)  # a category nobody chose
    assert polyserial_correlation(X, empty) == pytest.approx(rho, abs=1e-7)


def test_correlation_of_a_large_normal_sample_is_the_one_it_was_made_with() -> None:
    rng = np.random.default_rng(2)
    x, u = rng.multivariate_normal([0, 0], [[1, -0.6], [-0.6, 1]], 60_000).T
    counts = (np.digitize(u, [-0.5, 0.4, 1.0])[:, None] == np.arange(4)).astype(float)
    # 60,000 different x: grouped, and no worse for it
    assert polyserial_correlation(x, counts) == pytest.approx(-0.6, abs=0.01)


def test_nothing_that_varies_has_no_correlation() -> None:
    assert polyserial_correlation(np.ones(3), np.ones((3, 2))) == 0
    assert polyserial_correlation(np.arange(3.0), np.array([[1, 0], [2, 0], [3, 0]])) == 0


def test_isotonic_equals_scipys() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        y, w = rng.normal(size=9), rng.uniform(0.2, 3, 9)
        np.testing.assert_allclose(isotonic(y, w), isotonic_regression(y, weights=w).x, rtol=1e-10)
    batch = rng.normal(size=(4, 6))
    np.testing.assert_allclose(isotonic(batch, np.ones(6))[2], isotonic_regression(batch[2]).x)


def test_monotone_p_value_has_the_chi_bar_squared_distribution() -> None:
    # equal weights: P(T >= t) = sum of P(l levels of k)·P(chi2_{k-l} >= t), levels as cycles of a random permutation
    k = 5
    cycles = np.array([0.0, 1.0])
    for size in range(1, k):  # Stirling numbers of the first kind, row by row
        cycles = np.concatenate([[0], cycles]) + size * np.concatenate([cycles, [0]])
    levels = cycles / cycles.sum()
    rates, weights = np.array([0.25, 0.18, 0.22, 0.2, 0.26]), np.full(k, 900.0)
    variance = 0.16
    distance = [
        (weights * (sign * rates - isotonic_regression(sign * rates).x) ** 2).sum() / variance
        for sign in (1, -1)
    ]
    expected = sum(levels[m] * stats.chi2.sf(min(distance), k - m) for m in range(1, k))
    p, direction = monotone_p_value(rates, weights, variance, draws=40_000)
    assert direction == 1
    assert p == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 40_000))


def test_falling_rates_are_monotone_too() -> None:
    assert monotone_p_value(np.array([0.5, 0.4, 0.1]), np.array([50, 80, 20]), 0.2) == (1.0, -1)
    assert monotone_p_value(np.array([0.5, 0.4]), np.array([50, 80]), 0.2)[0] == 1


def test_a_u_shape_is_refuted() -> None:
    rates = np.array([0.30, 0.22, 0.18, 0.18, 0.21, 0.28])
    assert monotone_p_value(rates, np.full(6, 1_000.0), 0.17)[0] < 0.001


def test_normal_scores_are_normal_whatever_the_shape() -> None:
    rng = np.random.default_rng(4)
    x = np.exp(rng.normal(size=5_000))
    scores = normal_scores(x, np.ones(5_000))
    assert stats.skew(scores) == pytest.approx(0, abs=1e-10)
    assert scores.std() == pytest.approx(1, abs=2e-3)
    assert np.all(np.diff(scores[np.argsort(x)]) > 0)
    # weights are copies
    np.testing.assert_allclose(
        normal_scores(np.array([3.0, 1.0]), np.array([2.0, 1.0])),
        normal_scores(np.array([3.0, 3.0, 1.0]), np.ones(3))[[0, 2]],
    )


def test_straight_variance_ratio_of_two_values_is_arithmetic() -> None:
    x = np.array([0.0, 1.0])
    answered, silent = np.array([160.0, 20.0]), np.array([640.0, 180.0])
    share = answered[1] / answered.sum(), silent[1] / silent.sum()
    wanted = share[0] * (1 - share[0]) / (share[1] * (1 - share[1]))
    assert straight_variance_ratio(x, answered, silent) == pytest.approx(wanted, rel=1e-8)


def test_straight_variance_ratio_is_the_one_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(6)
    x = rng.gamma(2, size=40)
    total = rng.integers(50, 400, 40).astype(float)
    yes = rng.binomial(total.astype(int), 1 / (1 + np.exp(1.5 - 0.7 * x))).astype(float)
    fit = sm.GLM(np.column_stack([yes, total - yes]), sm.add_constant(x), family=sm.families.Binomial()).fit()
    p = fit.predict()

    def variance(w: np.ndarray) -> float:
        return np.cov(x, aweights=w, ddof=0).item()

    assert straight_variance_ratio(x, yes, total - yes) == pytest.approx(
        variance(total * p) / variance(total * (1 - p)), rel=1e-6
    )


def _rows(seed: int = 7, n: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": rng.choice(list("xyz"), n), "b": rng.choice(["p", "q"], n), "part": rng.integers(0, 64, n)}
    )
    level = frame["a"].map({"x": 0.0, "y": 0.6, "z": 1.2}) + frame["b"].map({"p": 0.0, "q": -0.8})
    score = np.clip(np.round(8 + level + 2 * rng.normal(size=n)), 0, 10)
    frame["nps"] = pd.array(np.where(rng.random(n) < 0.4, score, -1), dtype="Int64")
    frame.loc[frame["nps"] < 0, "nps"] = pd.NA
    return frame.assign(responded=frame["nps"].notna(), n=1)


def test_a_proxy_is_the_ridge_regression_of_the_other_folds() -> None:
    rows = _rows()
    metric = mean_score(Scale(0, 10))
    data = proxy_data(rows, metric, ["a", "b"], score="nps")
    given = rows[rows["responded"]]
    dummies = pd.get_dummies(rows[["a", "b"]], dtype=float)
    for fold in (0, 3):
        train = given[given["part"] % 5 != fold]
        x = dummies.loc[train.index]
        centred = x - x.mean()
        slope = np.linalg.solve(
            centred.T @ centred + RIDGE * np.eye(x.shape[1]), centred.T @ train["nps"].astype(float)
        )
        shift = dummies.loc[given.index].mean()
        mine = [(row - shift) @ slope for row in dummies.drop_duplicates().to_numpy()]
        np.testing.assert_allclose(np.sort(data.proxies()[:, fold]), np.sort(mine), rtol=1e-8, atol=1e-10)


def test_a_replicate_is_the_survey_without_the_part() -> None:
    rows = _rows()
    whole = proxy_data(rows, NPS, ["a", "b"], score="nps")
    emptied = rows.assign(n=np.where(rows["part"] == 11, 0, 1))
    without = proxy_data(emptied, NPS, ["a", "b"], score="nps")
    # centring is by all respondents in either: proxies are compared up to a constant
    first, second = whole.proxies(12), without.proxies()
    np.testing.assert_allclose(first - first[0], second - second[0], rtol=1e-7, atol=1e-7)
    for mine, theirs in zip(whole.counts(12), without.counts(0), strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_many_categories_share_an_effect_and_it_is_said() -> None:
    rows = _rows()
    rows["code"] = [f"c{i % 500}" for i in range(len(rows))]
    data = proxy_data(rows, NPS, ["code"], score="nps")
    assert len(data.totals[0]) == 100
    assert "500 categories" in data.notes[0]


def test_a_missing_fact_is_a_category() -> None:
    rows = _rows()
    rows.loc[::3, "a"] = pd.NA
    assert len(proxy_data(rows, NPS, ["a"], score="nps").totals[0]) == 4


def test_customers_are_dealt_to_parts_where_there_are_none() -> None:
    cells = pd.DataFrame(
        {"a": ["x", "y", "x", "y"], "nps": [10, 3, None, None], "n": [500, 400, 3_000, 2_000]}
    )
    data = proxy_data(cells, NPS, ["a"], score="nps", seed=1)
    answered, silent = data.totals
    assert answered.sum() == 900
    assert silent.sum() == 5_000
    assert data.parts == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nps": pd.NA}, "nobody answered"),
        ({"nps": 10, "responded": True}, "nobody whose answer is missing"),
        ({"nps": 11, "responded": True}, "holds 11"),
    ],
)
def test_nobody_everybody_and_another_scale_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        proxy_data(_rows().assign(**change), NPS, ["a"], score="nps")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'country'"):
        proxy_data(_rows(), NPS, ["country"], score="nps")

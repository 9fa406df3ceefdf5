"""Means of amounts with a long tail, against a bootstrap-t, empirical likelihood and simulated companies."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.emplike.descriptive import DescStat

from cxstats.methods.skewed import skewed_difference, skewed_mean


@pytest.fixture(scope="module")
def amounts() -> np.ndarray:
    return np.random.default_rng(5).lognormal(5, 1, 400)


def test_the_interval_is_that_of_a_bootstrap_t(amounts: np.ndarray) -> None:
    found, rng, n = skewed_mean(amounts), np.random.default_rng(1), len(amounts)
    again = amounts[rng.integers(0, n, (20_000, n))]
    t = (again.mean(axis=1) - amounts.mean()) / (again.std(axis=1, ddof=1) / np.sqrt(n))
    error = amounts.std(ddof=1) / np.sqrt(n)
    low, high = amounts.mean() - np.quantile(t, [0.975, 0.025]) * error
    width = high - low
    assert found.low == pytest.approx(low, abs=0.04 * width)
    assert found.high == pytest.approx(high, abs=0.04 * width)
    # and both are far from the textbook's, which is even on both sides
    assert found.high - found.value > 1.15 * (found.value - found.low)


def test_empirical_likelihood_gives_nearly_the_same_limits(amounts: np.ndarray) -> None:
    found = skewed_mean(amounts)
    low, high = DescStat(amounts).ci_mean()
    assert found.low == pytest.approx(low, abs=0.06 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_without_skewness_it_is_students_interval() -> None:
    even = np.array([1.0, 2, 3, 4, 5, 6, 7])
    low, high = stats.t.interval(0.9, 6, even.mean(), stats.sem(even))
    found = skewed_mean(even, level=0.9)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.skewness == pytest.approx(0)
    assert found.largest_share == pytest.approx(7 / 28)


def test_the_error_of_repeated_customers_is_the_clustered_regressions(amounts: np.ndarray) -> None:
    who = np.repeat(np.arange(200), 2)
    paired = np.sort(amounts)  # a customer's two amounts are alike
    fit = sm.OLS(paired, np.ones(400)).fit(
        cov_type="cluster", cov_kwds={"groups": who, "use_correction": False}
    )
    found = skewed_mean(paired, customers=who)
    assert found.standard_error == pytest.approx(fit.bse[0] * np.sqrt(200 / 199))
    assert found.standard_error > 1.3 * skewed_mean(paired).standard_error
    assert (found.n, found.customers) == (400, 200)


def test_the_error_of_a_weighted_mean_is_the_linearised_one(amounts: np.ndarray) -> None:
    weights = np.random.default_rng(8).uniform(0.2, 3, 400)
    fit = sm.WLS(amounts, np.ones(400), weights=weights).fit(cov_type="HC0")
    found = skewed_mean(amounts, weights=weights)
    assert found.value == pytest.approx(np.average(amounts, weights=weights))
    assert found.standard_error == pytest.approx(fit.bse[0] * np.sqrt(400 / 399))
    with pytest.raises(ValueError, match="numbers above 0"):
        skewed_mean(amounts, weights=weights - 1)


def test_a_difference_of_shared_customers_is_that_of_their_own_differences(amounts: np.ndarray) -> None:
    later = amounts * 1.02 + np.random.default_rng(2).normal(0, 3, 400)
    ids = np.arange(400)
    shared = skewed_difference(amounts, later, customers=(ids, ids))
    own = skewed_mean(later - amounts)
    for name in ("value", "standard_error", "low", "high"):
        assert getattr(shared, name) == pytest.approx(getattr(own, name))
    strangers = skewed_difference(amounts, later)
    welch = np.sqrt(amounts.var() / 400 + later.var() / 400) * np.sqrt(800 / 799)
    assert strangers.standard_error == pytest.approx(welch)
    assert strangers.standard_error > 10 * shared.standard_error


def test_a_customer_without_an_id_is_a_customer() -> None:
    x = [1.0, 5, 2, 8]
    assert skewed_mean(x, customers=[None] * 4).standard_error == pytest.approx(skewed_mean(x).standard_error)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [([1.0], "two amounts or more"), ([1.0, np.nan], "1 amounts are missing"), ([[1.0, 2.0]], "shape")],
)
def test_what_is_no_sample_of_amounts_is_refused(wrong: list, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        skewed_mean(wrong)


def test_amounts_of_one_customer_say_nothing() -> None:
    with pytest.raises(ValueError, match="one customer"):
        skewed_mean([1.0, 2.0, 3.0], customers=["a", "a", "a"])


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("n", "sigma", "least"), [(20, 1.0, 0.885), (100, 1.0, 0.925), (400, 1.0, 0.93), (400, 1.5, 0.915)]
)
def test_it_contains_the_true_mean_as_often_as_its_docstring_says(n: int, sigma: float, least: float) -> None:
    rng, truth, runs = np.random.default_rng(7), np.exp(sigma**2 / 2), 3_000
    samples = rng.lognormal(0, sigma, (runs, n))
    found = [skewed_mean(x) for x in samples]
    held = np.mean([e.low <= truth <= e.high for e in found])
    textbook = np.mean(
        np.abs(samples.mean(axis=1) - truth)
        <= stats.t.ppf(0.975, n - 1) * samples.std(axis=1, ddof=1) / np.sqrt(n)
    )
    assert held >= least
    assert held > textbook

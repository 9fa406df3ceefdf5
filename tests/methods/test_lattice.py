"""The percentile bootstrap worked out, against drawing it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cxstats.methods.lattice import bootstrap_limits, lattice_steps

NET = np.array([-100.0, 0.0, 100.0])


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ([-100, 0, 100], [0, 1, 2]),
        ([1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6]),
        ([0, 1.5, 3.5], [0, 3, 7]),
        ([0, 100], [0, 1]),
    ],
)
def test_lattices_are_found(values, steps):
    assert lattice_steps(np.array(values, float)).tolist() == steps


def test_values_off_a_lattice_are_drawn_with_the_seed():
    values = np.array([0.0, 1.0, np.pi])
    assert lattice_steps(values) is None
    counts, draws = np.array([[5.0, 6.0, 9.0]]), np.array([20])
    one, again, other = (
        bootstrap_limits(counts, values, draws, 0.95, seed=seed, replicates=500) for seed in (1, 1, 2)
    )
    assert one == again
    assert np.ravel(one) == pytest.approx(np.ravel(other), abs=0.3)


@pytest.mark.parametrize("counts", [(2, 3, 15), (28, 36, 36), (0, 1, 9), (1, 0, 9), (200, 500, 900)])
def test_limits_are_those_of_infinitely_many_replicates(counts):
    n = sum(counts)
    low, high = bootstrap_limits(np.array([counts], float), NET, np.array([n]), 0.95, seed=0, replicates=1)
    drawn = np.random.default_rng(3).multinomial(n, np.array(counts) / n, 200_000) @ NET / n
    error = 4 * np.sqrt(0.025 * 0.975 / 200_000)
    step = 100 / n
    assert np.mean(drawn <= low[0] + step / 4) >= 0.025 - error
    assert np.mean(drawn <= low[0] - step / 4) <= 0.025 + error
    assert np.mean(drawn <= high[0] + step / 4) >= 0.975 - error
    assert np.mean(drawn <= high[0] - step / 4) <= 0.975 + error


def test_seven_values():
    counts, values = np.array([[1.0, 1, 2, 6, 10, 20, 20]]), np.arange(1.0, 8)
    low, high = bootstrap_limits(counts, values, np.array([60]), 0.9, seed=0, replicates=1)
    drawn = np.random.default_rng(3).multinomial(60, counts[0] / 60, 200_000) @ values / 60
    exact = np.quantile(drawn, [0.05, 0.95], method="inverted_cdf")
    assert (low[0], high[0]) == pytest.approx(tuple(exact), abs=1.01 / 60)


def test_a_million_answers_match_the_normal_limits():
    # 1.96 standard errors: the percentile limits' skewness and lattice terms are below a step each
    counts = np.array([[2e5, 3e5, 5e5]])
    low, high = bootstrap_limits(counts, NET, np.array([10**6]), 0.95, seed=0, replicates=1)
    half = 1.959964 * 100 * np.sqrt(0.61 / 1e6)
    assert (low[0], high[0]) == pytest.approx((30 - half, 30 + half), abs=2e-4)


@pytest.mark.parametrize("n", [30, 3_000, 200_000])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.98])
def test_limits_of_a_share_are_percentiles_of_the_binomial_distribution(n, share):
    # short sums come from all frequencies, long ones from those that are left
    counts = np.array([[n - round(share * n), round(share * n)]], dtype=float)
    low, high = bootstrap_limits(counts, np.array([0.0, 1.0]), np.array([n]), 0.95, seed=0, replicates=1)
    wanted = stats.binom.ppf([0.025, 0.975], n, counts[0, 1] / n) / n
    np.testing.assert_allclose([low[0], high[0]], wanted, rtol=1e-12)


def test_a_sum_that_is_nearly_always_even_is_not_taken_for_a_long_one():
    # frequencies near half the circle have not died out: shares of one in 100,000 for the odd value
    n = 20_000
    shares = np.array([[0.5, 1e-5, 0.49999]])
    low, high = bootstrap_limits(shares, np.arange(3.0), np.array([n]), 0.95, seed=0, replicates=1)
    odd = np.arange(8)
    total = np.arange(2 * n + 1)
    below = sum(
        stats.binom.pmf(k, n, 1e-5) * stats.binom.cdf(np.floor((total - k) / 2), n - k, 0.49999 / 0.99999)
        for k in odd
    )
    wanted = [np.argmax(below >= share - 1e-12) / n for share in (0.025, 0.975)]
    np.testing.assert_allclose([low[0], high[0]], wanted, rtol=1e-12)

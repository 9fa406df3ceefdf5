"""The exact interval: against a plain enumeration, and its guarantee."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

from cxstats.methods.exact import GAMMA, _p_value, exact_covers, exact_limits, outcomes
from cxstats.methods.score import score_statistic

NET = np.array([-1.0, 0.0, 1.0])


def plain_p_value(observed: tuple[int, int, int], theta: float) -> float:
    """Largest tail probability over a fine grid of the free share, in plain loops; no Berger–Boos."""
    n = sum(observed)
    seen = abs(score_statistic(np.array([observed], float), NET, theta)[0])
    worst = 0.0
    for active in np.linspace(abs(theta), 1, 400):
        q, p = (active - theta) / 2, (active + theta) / 2
        tail = 0.0
        for d in range(n + 1):
            for k in range(n - d + 1):
                t = abs(score_statistic(np.array([[d, n - d - k, k]], float), NET, theta)[0])
                if t >= seen - 1e-9:
                    ways = factorial(n) / (factorial(d) * factorial(k) * factorial(n - d - k))
                    tail += ways * q**d * p**k * (1 - active) ** (n - d - k)
        worst = max(worst, tail)
    return worst


@pytest.mark.parametrize(("observed", "theta"), [((1, 1, 2), -0.3), ((0, 1, 3), 0.1), ((2, 1, 1), 0.55)])
def test_p_value_by_plain_enumeration(observed, theta):
    ours = _p_value(np.array(observed), NET, theta, sum(observed), (0.0, 1.0)) - GAMMA
    assert ours == pytest.approx(plain_p_value(observed, theta), abs=2e-4)


@pytest.mark.parametrize("n", [1, 4, 10, 25])
def test_coverage_is_never_below_the_level(n):
    counts, coefficient = outcomes(n, 3)
    for theta in (0.0, 0.13, 0.5, 0.77, -0.9, 0.97):
        kept = exact_covers(n, NET, theta, 0.95)
        for active in np.linspace(abs(theta) + 1e-9, 1, 15):
            shares = np.array([(active - theta) / 2, 1 - active, (active + theta) / 2])
            chance = np.exp(coefficient + counts @ np.log(np.maximum(shares, 1e-300)))
            assert chance @ kept >= 0.95 - 1e-9


def test_limits_hold_every_mean_that_is_kept():
    # n = 8: the interval of every result, against the test itself at every hundredth
    counts, _ = outcomes(8, 3)
    limits = np.array([exact_limits(row, NET, 0.95) for row in counts])
    for theta in np.linspace(-0.99, 0.99, 67):
        kept = exact_covers(8, NET, theta, 0.95)
        inside = (limits[:, 0] <= theta + 1e-6) & (theta - 1e-6 <= limits[:, 1])
        assert np.all(inside[kept])


def test_a_share_is_shorter_than_clopper_pearson_on_the_whole():
    # one two-sided test in place of two one-sided ones (Agresti & Min 2001): not for every result, but in sum
    from scipy.stats import beta

    ours = theirs = 0.0
    for success in range(21):
        low, high = exact_limits(np.array([20.0 - success, success]), np.array([0.0, 1.0]), 0.95)
        assert low <= success / 20 <= high
        ours += high - low
        theirs += (beta.isf(0.025, success + 1, 20 - success) if success < 20 else 1.0) - (
            beta.ppf(0.025, success, 21 - success) if success else 0.0
        )
    assert ours < 0.97 * theirs


def test_mirror_image():
    low, high = exact_limits(np.array([2.0, 3.0, 15.0]), NET, 0.95)
    assert exact_limits(np.array([15.0, 3.0, 2.0]), NET, 0.95) == pytest.approx((-high, -low), abs=1e-7)

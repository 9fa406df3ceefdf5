"""Dirichlet posterior of a mean: published values, beta distributions, a nested integral, draws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from cxstats.methods.dirichlet import dirichlet_cdf, dirichlet_moments, dirichlet_quantile

NET = np.array([-1.0, 0.0, 1.0])


def test_published_example():
    # shared method notes: counts (75, 675, 250), prior (1, 1, 1)
    alpha = np.array([[76.0, 676.0, 251.0]])
    mean, sd = dirichlet_moments(alpha, NET)
    assert mean[0] == pytest.approx(0.174477, abs=5e-7)
    assert sd[0] == pytest.approx(0.0171582, abs=5e-8)
    assert dirichlet_quantile(0.025, alpha, NET)[0] == pytest.approx(0.1409, abs=5e-5)
    assert dirichlet_quantile(0.975, alpha, NET)[0] == pytest.approx(0.2082, abs=5e-5)


def test_detractors_and_promoters_are_not_independent():
    # treating their shares as independent betas gives 0.143–0.205: too narrow
    alpha = np.array([[76.0, 676.0, 251.0]])
    low, high = (dirichlet_quantile(q, alpha, NET)[0] for q in (0.025, 0.975))
    assert low < 0.1415
    assert high > 0.2075


@pytest.mark.parametrize(
    "alpha", [(0.5, 10.5), (1.5, 1.5), (700.5, 300.5), (50000.5, 0.5), (5e8, 2e8), (1e4, 3), (0.5, 0.6)]
)
def test_two_values_are_a_beta_distribution(alpha):
    # split the upper value in two: the contour integral must give back the beta distribution
    table = np.array([[alpha[0], alpha[1] / 3, alpha[1] * 2 / 3]])
    values = np.array([0.0, 1 - 1e-15, 1.0])
    for share in (0.001, 0.025, 0.3, 0.5, 0.9, 0.975):
        x = stats.beta.ppf(share, alpha[1], alpha[0])
        if 0 < x < 1 - 1e-9:
            assert dirichlet_cdf(np.array([x]), table, values)[0] == pytest.approx(share, abs=1e-9)


def nested(x: float, alpha: np.ndarray) -> float:
    """P(P3 − P1 ≤ x) = E[I((1 + x/S)/2)], S = P1 + P3 ~ Beta: another route, by adaptive quadrature."""
    size = stats.beta(alpha[0] + alpha[2], alpha[1])

    def part(u, tail):
        return stats.beta.cdf((1 + x / tail(np.exp(u))) / 2, alpha[2], alpha[0]) * np.exp(u)

    breaks = [-60, -30, -15, -8, -4, -2, -1, np.log(0.5)]
    return sum(
        integrate.quad(part, a, b, args=(tail,), epsabs=1e-13, epsrel=1e-10, limit=200)[0]
        for tail in (size.ppf, size.isf)
        for a, b in pairwise(breaks)
    )


@pytest.mark.parametrize(
    "alpha",
    [(20.5, 30.5, 50.5), (0.5, 0.5, 10.5), (1, 1, 2), (0.5, 94.5, 6.5), (37, 0.8, 0.7), (2.3, 0.5, 0.8)],
)
@pytest.mark.parametrize("share", [0.0005, 0.025, 0.5, 0.975])
def test_three_values_agree_with_a_nested_integral(alpha, share):
    x = dirichlet_quantile(share, np.array([alpha], float), NET)[0]
    assert nested(x, np.array(alpha, float)) == pytest.approx(share, abs=2e-8)


def test_seven_values_agree_with_draws():
    alpha, values = np.array([[1.5, 1, 4, 7, 10, 20.5, 3]]), np.arange(1.0, 8)
    drawn = np.random.default_rng(1).dirichlet(alpha[0], 400_000) @ values
    for share in (0.025, 0.5, 0.975):
        x = dirichlet_quantile(share, alpha, values)[0]
        assert np.mean(drawn <= x) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 400_000))


def test_every_result_of_a_hundred_answers():
    # each quantile, put back into the distribution, gives its share; quick ones differ by no visible amount
    from cxstats.methods.exact import outcomes

    alpha = outcomes(100, 3)[0] + 0.5
    x = dirichlet_quantile(0.025, alpha, NET)
    assert dirichlet_cdf(x, alpha, NET) == pytest.approx(0.025, abs=1e-9)
    sd = dirichlet_moments(alpha, NET)[1]
    assert np.max(np.abs(dirichlet_quantile(0.025, alpha, NET, quick=True) - x) / sd) < 1e-4


def test_outside_the_values():
    alpha = np.array([[1.0, 2.0, 3.0]] * 2)
    assert dirichlet_cdf(np.array([-1.0, 1.0]), alpha, NET).tolist() == [0.0, 1.0]

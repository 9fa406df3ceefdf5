"""The score interval against Tango's closed form, Wilson's, and likelihood maximised by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from cxstats.methods.score import constrained_shares, score_limits, score_statistic

Z = 1.959963984540054
NET = np.array([-1.0, 0.0, 1.0])
SEVEN = np.arange(1.0, 8.0)


def tango(d: float, p: float, n: float, delta: float) -> float:
    """Tango's (1998) statistic, written out as in R package NPS."""
    a, b, c = 2 * n, -d - p + (2 * n - p + d) * delta, -d * delta * (1 - delta)
    q = (np.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    return (p - d - n * delta) / np.sqrt(n * (2 * q + delta * (1 - delta)))


@pytest.mark.parametrize("counts", [(75, 675, 250), (2, 3, 15), (1, 1, 8), (28, 36, 36), (400, 1, 7)])
def test_limits_solve_tangos_equation(counts):
    d, s, p = counts
    n = d + s + p
    low, high = (side[0] for side in score_limits(np.array([counts], float), NET, Z))
    assert tango(d, p, n, low) == pytest.approx(Z, abs=1e-9)
    assert tango(d, p, n, high) == pytest.approx(-Z, abs=1e-9)


@pytest.mark.parametrize("counts", [(75, 675, 250), (2, 3, 15), (1, 1, 8), (3, 4, 3)])
def test_limits_are_solved_to_1e_10(counts):
    # bisection on Tango's statistic, to the last bit
    d, s, p = counts
    n, estimate = d + s + p, (p - d) / (d + s + p)
    bottom, top = -1 + 1e-12, estimate
    for _ in range(200):
        middle = (bottom + top) / 2
        bottom, top = (middle, top) if tango(d, p, n, middle) > Z else (bottom, middle)
    assert score_limits(np.array([counts], float), NET, Z)[0][0] == pytest.approx(top, abs=1e-10)


@pytest.mark.parametrize("counts", [(0, 0, 10), (0, 10, 0), (10, 0, 0), (0, 0, 1)])
def test_when_all_answers_agree_the_interval_has_width(counts):
    low, high = (side[0] for side in score_limits(np.array([counts], float), NET, Z))
    mean, n = np.dot(counts, NET) / sum(counts), sum(counts)
    # the missing mass lies on the extreme category: (n·θ̂ ± z²)/(n + z²)
    assert low == pytest.approx(max((n * mean - Z**2) / (n + Z**2), -1), abs=1e-12)
    assert high == pytest.approx(min((n * mean + Z**2) / (n + Z**2), 1), abs=1e-12)


def test_two_values_give_wilsons_interval():
    from statsmodels.stats.proportion import proportion_confint

    for success, n in [(81, 263), (15, 148), (0, 20), (1, 29), (29, 29)]:
        low, high = (side[0] for side in score_limits(np.array([[n - success, success]], float), NET[1:], Z))
        assert (low, high) == pytest.approx(proportion_confint(success, n, method="wilson"), abs=1e-12)


@pytest.mark.parametrize("counts", [(20, 30, 50), (1, 1, 8), (0, 4, 6), (7, 2, 0)])
@pytest.mark.parametrize("empty", [(1.5, 3.0, 4.5, 5.9), (2.0, 6.0)])
def test_categories_nobody_chose_do_not_matter_unless_extreme(counts, empty):
    # seven values, of which three are used: the closed form for three
    values = np.unique([1.0, 4.0, 7.0, *empty])
    many = np.zeros(len(values))
    many[np.isin(values, [1.0, 4.0, 7.0])] = counts
    three = score_limits(np.array([counts], float), np.array([1.0, 4.0, 7.0]), Z)
    assert np.ravel(score_limits(many[None, :], values, Z)) == pytest.approx(np.ravel(three), abs=1e-11)
    for theta in (1.5, 3.2, 5.0, 6.8):
        assert score_statistic(many[None, :], values, theta)[0] == pytest.approx(
            score_statistic(np.array([counts], float), np.array([1.0, 4.0, 7.0]), theta)[0], rel=1e-9
        )


@pytest.mark.parametrize(
    "counts",
    [(3, 0, 5, 9, 13, 20, 10), (0, 0, 5, 9, 13, 2, 0), (0, 0, 0, 1, 2, 4, 5), (1, 0, 0, 0, 0, 0, 30)],
)
@pytest.mark.parametrize("theta", [1.6, 3.0, 4.4, 5.5, 6.7])
def test_constrained_shares_maximise_the_likelihood(counts, theta):
    counts = np.array(counts, float)
    shares = constrained_shares(counts[None, :], SEVEN, theta)[0]
    assert shares.sum() == pytest.approx(1)
    assert shares @ SEVEN == pytest.approx(theta, abs=1e-9)

    def loss(p):
        return -counts @ np.log(np.maximum(p, 1e-14)) / counts.sum()

    best = min(
        (
            minimize(
                loss,
                start / start.sum(),
                method="SLSQP",
                bounds=[(0, 1)] * 7,
                constraints=[
                    {"type": "eq", "fun": lambda p: p.sum() - 1},
                    {"type": "eq", "fun": lambda p: p @ SEVEN - theta},
                ],
                options={"maxiter": 1000, "ftol": 1e-14},
            )
            for start in (counts + 0.5, np.ones(7))
        ),
        key=lambda result: result.fun,
    )
    # nothing found by brute force is likelier (SLSQP stops within 1e-6 of the maximum)
    assert loss(shares) <= best.fun + 1e-9
    assert loss(shares) == pytest.approx(best.fun, abs=2e-5)


@pytest.mark.parametrize("counts", [(3, 0, 5, 9, 13, 20, 10), (0, 0, 0, 1, 2, 4, 5), (0, 0, 5, 9, 13, 2, 0)])
def test_limits_of_many_values_solve_the_score_equation(counts):
    table = np.array([counts], float)
    low, high = (side[0] for side in score_limits(table, SEVEN, Z))
    # statistic and limits take different routes: λ by halving, t by Newton
    assert score_statistic(table, SEVEN, low)[0] == pytest.approx(Z, abs=1e-8)
    assert score_statistic(table, SEVEN, high)[0] == pytest.approx(-Z, abs=1e-8)


def test_unevenly_spaced_values_agree_with_the_general_solution():
    values, counts = np.array([0.0, 1.0, 5.0]), np.array([[4.0, 9.0, 3.0]])
    padded, wide = np.array([0.0, 1.0, 2.0, 5.0]), np.array([[4.0, 9.0, 0.0, 3.0]])
    for theta in (0.4, 1.0, 2.0, 4.0):
        assert score_statistic(counts, values, theta) == pytest.approx(
            score_statistic(wide, padded, theta), rel=1e-9
        )


tables = st.lists(st.integers(0, 60), min_size=3, max_size=7).filter(lambda c: sum(c) > 0)


@given(tables, st.sampled_from([0.7, 1.2816, Z, 2.8]))
def test_laws(counts, z):
    table = np.array([counts], float)
    values = np.linspace(-100, 100, len(counts))
    mean = table[0] @ values / table.sum()
    low, high = (side[0] for side in score_limits(table, values, z))
    assert -100 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 100
    assert high > low
    # a wider level contains a narrower one; the mirrored survey has the mirrored interval
    wider = score_limits(table, values, z + 0.5)
    assert wider[0][0] <= low + 1e-9
    assert wider[1][0] >= high - 1e-9
    mirrored = score_limits(table[:, ::-1], values, z)
    assert (-mirrored[1][0], -mirrored[0][0]) == pytest.approx((low, high), abs=1e-8)


def test_no_quantile_no_width():
    low, high = score_limits(np.array([[1.0, 2.0, 3.0]]), NET, 0.0)
    assert (low[0], high[0]) == pytest.approx((1 / 3, 1 / 3), abs=1e-14)

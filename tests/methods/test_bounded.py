"""Limits that keep to the ends of a scale: against Wilson's and Newcombe's, and by how often they hold."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from cxstats.methods.bounded import difference_limits, score_limits


def limits_of(yes: int, n: int, critical: float = 1.959964):
    p = yes / n
    return p, *score_limits(p, np.sqrt(p * (1 - p) / n), n, (0, 1), critical)


@pytest.mark.parametrize(("yes", "n"), [(40, 100), (180, 200), (985, 1000), (15, 3000)])
def test_shares_have_wilsons_interval(yes: int, n: int) -> None:
    _, low, high = limits_of(yes, n)
    # half an answer at either end is all the difference
    assert (low, high) == pytest.approx(proportion_confint(yes, n, method="wilson"), abs=0.6 / n)


def test_differences_of_shares_have_newcombes_interval() -> None:
    low, high = difference_limits(limits_of(560, 700), limits_of(480, 800))
    wanted = confint_proportions_2indep(560, 700, 480, 800, method="newcomb", correction=False)
    assert (low, high) == pytest.approx(wanted, abs=0.001)


def test_a_correlation_narrows_a_difference_and_none_widens_it_beyond_the_sum() -> None:
    one, two = (0.6, 0.5, 0.68), (0.5, 0.41, 0.59)
    plain = np.subtract(*difference_limits(one, two)[::-1])
    assert np.subtract(*difference_limits(one, two, 0.8)[::-1]) < plain
    low, high = difference_limits(one, two, -1.0)
    assert (low, high) == pytest.approx((0.5 - 0.59, 0.68 - 0.41))


def test_nothing_leaves_the_scale() -> None:
    value = np.array([-100.0, -99.0, 98.0, 100.0, 104.0])
    low, high = score_limits(value, np.full(5, 12.0), 40, (-100, 100), 2.5)
    assert (low >= -100).all()
    assert (high <= 100).all()
    assert (low <= np.clip(value, -100, 100)).all()
    assert (high >= np.clip(value, -100, 100)).all()
    down, up = difference_limits((value, low, high), (value[::-1], low[::-1], high[::-1]))
    assert (
        np.abs([down, up]).max() < 225
    )  # raw values apart by 204 at most, and nothing beyond what is possible


def test_where_nothing_varies_the_interval_is_that_of_all_yes() -> None:
    low, high = score_limits(100.0, 0.0, 80, (-100, 100), 1.959964)
    assert high == 100
    assert low == pytest.approx(200 * proportion_confint(80, 80, method="wilson")[0] - 100)


def test_what_is_no_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="bounds run from low to high"):
        score_limits(0.5, 0.1, 10, (1, 0), 2.0)
    with pytest.raises(ValueError, match="standard errors are 0 or more"):
        score_limits(0.5, -0.1, 10, (0, 1), 2.0)


@pytest.mark.simulation
@pytest.mark.parametrize("n", [30, 60])
def test_intervals_of_delighted_groups_hold_where_plus_or_minus_errors_do_not(n: int) -> None:
    """NPS of a group near the top, its error from a bootstrap: 4,000 surveys, Monte-Carlo error .0035."""
    rng = np.random.default_rng(3)
    shares, worth = np.array([0.02, 0.06, 0.92]), np.array([-100.0, 0.0, 100.0])
    truth = shares @ worth
    counts = rng.multinomial(n, shares, size=4_000)
    value = counts @ worth / n
    error = np.sqrt((counts @ worth**2 / n - value**2) / n)
    low, high = score_limits(value, error, n, (-100, 100), 1.959964)
    held = np.mean((low <= truth) & (truth <= high))
    plain = np.mean((value - 1.959964 * error <= truth) & (truth <= value + 1.959964 * error))
    assert held >= 0.93
    assert held > plain + 0.02

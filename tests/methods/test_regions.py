"""Uncertainty regions: Imbens and Manski's critical value, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from cxstats.findings import Verdict
from cxstats.methods.regions import Region, critical_value, imbens_manski, region


@pytest.mark.parametrize(
    ("width", "error", "level"), [(0, 1, 0.95), (0.7, 1, 0.95), (3, 2, 0.9), (50, 1, 0.99)]
)
def test_the_critical_value_solves_its_equation(width: float, error: float, level: float) -> None:
    c = critical_value(width, error, level)
    # the integral of the normal density instead of its distribution function
    inside = integrate.quad(stats.norm.pdf, -c, c + width / error, epsabs=1e-12, limit=200, points=[0])[0]
    assert inside == pytest.approx(level, abs=1e-8)
    assert stats.norm.ppf(level) - 1e-9 <= c <= stats.norm.ppf((1 + level) / 2) + 1e-9


def test_a_point_has_the_usual_interval_and_a_wide_range_one_sided_ends() -> None:
    assert imbens_manski(3, 3, 1, 1) == pytest.approx((3 - 1.959964, 3 + 1.959964), abs=1e-6)
    assert imbens_manski(0, 100, 1, 2) == pytest.approx((-1.644854, 100 + 2 * 1.644854), abs=1e-6)
    assert imbens_manski(2, 5, 0, 0) == (2, 5)


def test_a_curve_that_is_a_straight_range_has_the_region_of_its_ends() -> None:
    made = region([2.0, 3.0, 6.0], [1.0, 1.0, 1.0])
    assert (made.low, made.high) == pytest.approx(imbens_manski(2, 6, 1, 1))
    assert made.assumption == (2, 6)
    clipped = region([-99.0, 99.0], [5.0, 5.0], bounds=(-100, 100))
    assert (clipped.low, clipped.high) == (-100, 100)


def test_an_error_in_the_middle_of_the_curve_counts() -> None:
    made = region([0.0, 1.0, 2.0], [0.1, 5.0, 0.1])
    assert made.low < -5
    assert made.high > 7


def test_the_verdict_tells_too_few_answers_from_too_little_knowledge() -> None:
    assert Region(6, 9, 7, 8, 0.95).judge(5) is Verdict.MATERIAL
    assert Region(-1, 8, 1, 4, 0.95).judge(5) is Verdict.INCONCLUSIVE
    assert Region(-1, 8, 1, 7, 0.95).judge(5) is Verdict.NOT_ANSWERABLE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 2, 1, 1), "from low to high"),
        ((1, 2, -1, 1), "0 or more"),
        ((1, 2, float("nan"), 1), "0 or more"),
    ],
)
def test_impossible_ranges_are_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        imbens_manski(*arguments)


def test_a_region_needs_an_error_for_every_estimate() -> None:
    with pytest.raises(ValueError, match="2 estimates and 1 errors"):
        region([1, 2], [1])
    with pytest.raises(ValueError, match="numbers"):
        region([1, float("nan")], [1, 1])
    with pytest.raises(ValueError, match="level"):
        region([1], [1], level=95)


@pytest.mark.parametrize("width", [0.0, 0.5, 2.0, 10.0])
def test_regions_contain_the_truth_wherever_it_lies(width: float) -> None:
    # both ends estimated from one sample, as over an assumption; the truth at the worst place, an end
    rng = np.random.default_rng(5)
    runs, inside = 20_000, 0
    error = rng.normal(size=runs)
    c = critical_value(width, 1.0)
    inside = np.mean((error - c <= 0) & (width + error + c >= 0))
    assert inside > 0.95 - 2 * np.sqrt(0.95 * 0.05 / runs)

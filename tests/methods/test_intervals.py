"""Estimates: published tables, statsmodels, every edge by name.

T3, T6 and T7 name the tables of the method notes the values were taken from; they were computed there from
the published formulas (R package NPS; Newcombe 1998) before this package existed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cxstats as cx
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.limits import interval_limits

Z2 = 1.959963984540054**2
NET = np.array([-1.0, 0.0, 1.0])
UNIFORM_Z2 = np.full(3, Z2 / 3)
NET_METHODS = ("wald", "adjusted_wald", "score", "goodman", "exact", "dirichlet", "bootstrap")

# T3: counts of detractors, passives, promoters; limits on −1 … 1, not clipped; six printed decimals
T3 = {
    (75, 675, 250): ((0.141372, 0.208628), (0.140859, 0.208094), (0.140679, 0.207981), (0.141398, 0.208781)),
    (28, 36, 36): (
        (-0.076011, 0.236011),
        (-0.075602, 0.230942),
        (-0.076233, 0.230314),
        (-0.076888, 0.232554),
    ),
    (20, 30, 50): ((0.146922, 0.453078), (0.140511, 0.442013), (0.138031, 0.439773), (0.139551, 0.443393)),
    (2, 3, 15): ((0.363450, 0.936550), (0.280640, 0.849795), (0.254939, 0.835598), (0.269508, 0.846584)),
    (3, 4, 3): (
        (-0.480091, 0.480091),
        (-0.412891, 0.412891),
        (-0.414312, 0.414312),
        (-0.444218, 0.444218),
    ),
    (1, 1, 8): ((0.303138, 1.096862), (0.147317, 0.929606), (0.104697, 0.906757), (0.119532, 0.916478)),
    (0, 0, 10): ((1.0, 1.0), (0.475036, 1.063426), (0.395363, 1.049572), (0.444934, 1.0)),
}
T3_COLUMNS = (("wald", None), ("adjusted_wald", None), ("adjusted_wald", UNIFORM_Z2), ("score", None))


@pytest.mark.parametrize("counts", T3)
@pytest.mark.parametrize("column", range(4))
def test_t3_published_limits(counts, column):
    method, added = T3_COLUMNS[column]
    limits = interval_limits(np.array([counts], float), NET, method, 0.95, pseudo_counts=added)
    assert np.ravel(limits) == pytest.approx(T3[counts][column], abs=5.1e-7)
    # the public function speaks NPS points, and clips with a flag
    result = estimate(counts, cx.NPS, method=method, pseudo_counts=added)
    clipped = np.clip(T3[counts][column], -1, 1) * 100
    assert (result.low, result.high) == pytest.approx(tuple(clipped), abs=5.1e-5)
    assert result.clipped == (max(T3[counts][column]) > 1)


def test_t3_independent_betas_are_too_narrow():
    # a public gist takes promoter and detractor shares for independent: 0.143–0.205. No method here agrees
    for method in NET_METHODS:
        if method != "exact":  # n is above 200
            result = estimate([75, 675, 250], cx.NPS, method=method)
            assert result.low < 14.2
            assert result.high > 20.7


def test_1_5_dirichlet_with_a_uniform_prior():
    result = estimate([75, 675, 250], cx.NPS, method="dirichlet", pseudo_counts=[1, 1, 1])
    assert result.value == 17.5
    assert result.centre == pytest.approx(17.4477, abs=5e-5)
    assert result.standard_error == pytest.approx(1.71582, abs=5e-6)
    assert (result.low, result.high) == pytest.approx((14.09, 20.82), abs=0.005)


@pytest.mark.parametrize(
    ("counts", "value", "variance", "error"),
    [
        ((1, 2, 3), 1 / 3, 5 / 9, 0.304),
        ((1, 0, 1), 0, 1, 0.707),
        ((0, 1, 1), 0.5, 0.25, 0.354),
        ((1, 1, 1), 0, 2 / 3, 0.471),
    ],
)
def test_variances_of_the_r_package(counts, value, variance, error):
    # brendan-r/NPS, unit tests of nps_var and nps_se, −1 … 1, three printed decimals
    result = estimate(counts, cx.NPS, method="wald")
    assert result.value / 100 == pytest.approx(value)
    assert cx.NPS.variance(counts) / 1e4 == pytest.approx(variance)
    assert result.standard_error / 100 == pytest.approx(error, abs=5e-4)


@pytest.mark.parametrize(
    ("success", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
@pytest.mark.parametrize("method", ["score", "wilson"])
def test_t6_newcombes_wilson_examples(success, n, low, high, method):
    result = estimate([n - success, success], cx.csat(5), method=method)
    assert (result.low, result.high) == pytest.approx((100 * low, 100 * high), abs=0.006)


@pytest.mark.parametrize("success", [0, 1, 15, 148])
@pytest.mark.parametrize(
    ("method", "theirs"),
    [("score", "wilson"), ("wilson", "wilson"), ("jeffreys", "jeffreys"), ("clopper_pearson", "beta")],
)
def test_shares_agree_with_statsmodels(success, method, theirs):
    from statsmodels.stats.proportion import proportion_confint

    expected = np.nan_to_num(proportion_confint(success, 148, alpha=0.1, method=theirs), nan=1.0)
    result = estimate([148 - success, success], cx.csat(5), method=method, level=0.9)
    assert (result.low, result.high) == pytest.approx(tuple(100 * expected), abs=1e-9)


def test_goodman_widens_by_the_chi_squared_quantile():
    # Goodman (1964): 2.4477 in place of 1.96 for three groups at 95 %
    plain, wide = (estimate([20, 30, 50], cx.NPS, method=m) for m in ("wald", "goodman"))
    assert wide.margin_of_error / plain.margin_of_error == pytest.approx(2.4477 / 1.959964, abs=5e-5)


@pytest.mark.parametrize("method", [m for m in NET_METHODS if m != "exact"])
def test_t7_no_width_when_everyone_was_asked(method):
    result = estimate([20, 10, 50], cx.NPS, method=method, population=80)
    assert result.low == result.high == result.value == 37.5
    assert result.standard_error == 0
    assert math.isinf(result.effective_n)


def test_a_finite_population_narrows_by_its_factor():
    # 60 of 80: (N − n)/(N − 1) = 20/79 of the variance
    closed, open_ended = (estimate([20, 10, 30], cx.NPS, method="wald", population=N) for N in (80, None))
    assert closed.standard_error**2 / open_ended.standard_error**2 == pytest.approx(20 / 79)
    assert "not all 80" in closed.scope


def test_effective_n_scales_the_counts():
    # 200 answers worth 100 are 100 answers with the same shares; sums of weights may be any numbers
    worth = estimate([40, 60, 100], cx.NPS, effective_n=100)
    plain = estimate([20, 30, 50], cx.NPS)
    assert (worth.low, worth.high) == pytest.approx((plain.low, plain.high))
    weighted = estimate([2.2, 3.3, 5.5], cx.NPS, effective_n=100)
    assert (weighted.low, weighted.high) == pytest.approx((plain.low, plain.high))
    assert worth.n == 200
    assert worth.effective_n == 100


def test_categories_and_groups_give_the_same():
    by_category = estimate([5, 0, 0, 0, 5, 5, 5, 20, 10, 30, 20], cx.NPS)
    assert by_category == estimate([20, 30, 50], cx.NPS)


def test_ces_keeps_its_direction_and_scale():
    result = estimate([1, 1, 2, 6, 10, 20, 20], cx.ces(7, high_is="easy"))
    assert 1 <= result.low < result.value < result.high <= 7
    assert result.value == pytest.approx((1 + 2 + 6 + 24 + 50 + 120 + 140) / 60)


@pytest.mark.parametrize("method", NET_METHODS)
@pytest.mark.parametrize("counts", [(0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 10)])
def test_one_answer_or_all_alike(method, counts):
    result = estimate(counts, cx.NPS, method=method)
    assert -100 <= result.low <= result.high <= 100
    # the added answers may leave the value itself outside: that of one answer says next to nothing
    if method not in ("adjusted_wald", "dirichlet"):
        assert result.low <= result.value <= result.high
    has_width = result.high - result.low > 10
    # what is wrong with the textbook interval and the bootstrap
    assert has_width == (method not in ("wald", "goodman", "bootstrap"))


def test_a_billion_answers():
    result = estimate([2e8, 3e8, 5e8], cx.NPS, method="score")
    assert result.margin_of_error == pytest.approx(100 * 1.959964 * np.sqrt(0.61 / 1e9), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"counts": [0, 0, 0]}, "no answers"),
        ({"counts": [1, 2]}, "11 or 3 counts"),
        ({"counts": [1, -2, 3]}, "0 or more"),
        ({"counts": [1, float("nan"), 3]}, "none missing"),
        ({"counts": [1.5, 2, 3]}, "effective_n"),
        ({"method": "scores"}, "Did you mean 'score'"),
        ({"method": "wilson"}, "for shares"),
        ({"level": 95}, "Did you mean 0.95"),
        ({"level": 1.0}, "0.5 to below 1"),
        ({"level": 0.0}, "0.5 to below 1"),
        ({"population": 50}, "population counts all customers"),
        ({"effective_n": 0}, "above 0"),
        ({"effective_n": float("nan")}, "above 0"),
        ({"pseudo_counts": [1, 1, 1]}, "belong to"),
        ({"pseudo_counts": [1, 1], "method": "dirichlet"}, "3 numbers"),
        ({"pseudo_counts": [0, 1, 1], "method": "dirichlet"}, "above 0"),
        ({"counts": [100, 100, 1], "method": "exact"}, "at most 200"),
        ({"method": "exact", "population": 200}, "Take 'score'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_errors_say_what_to_do(arguments, message):
    arguments = {"counts": [20, 30, 50], **arguments}
    with pytest.raises(ValueError, match=message):
        estimate(arguments.pop("counts"), cx.NPS, **arguments)


def test_exact_needs_few_values():
    with pytest.raises(ValueError, match="two or three distinct values"):
        estimate([1] * 7, cx.ces(7, high_is="easy"), method="exact")


def test_shows_itself():
    text = estimate([20, 30, 50], cx.NPS)._repr_html_()
    assert "30.00 points" in text
    assert "13.96 to 44.34" in text


@given(
    st.lists(st.integers(0, 40), min_size=3, max_size=3).filter(lambda c: sum(c) > 0),
    st.sampled_from(["wald", "adjusted_wald", "score", "goodman", "dirichlet", "bootstrap"]),
)
def test_mirrored_customers_have_the_mirrored_interval(counts, method):
    result = estimate(counts, cx.NPS, method=method)
    mirror = estimate(counts[::-1], cx.NPS, method=method)
    # percentiles of a discrete distribution mirror up to one step
    tolerance = 100 / sum(counts) + 1e-6 if method == "bootstrap" else 1e-6
    assert (-mirror.high, -mirror.low) == pytest.approx((result.low, result.high), abs=tolerance)
    assert isinstance(result, Estimate)


def test_clopper_pearson_is_statsmodels_beta_interval():
    from statsmodels.stats.proportion import proportion_confint

    from cxstats.methods.limits import clopper_pearson

    events, trials = np.array([0, 1, 7, 19, 20]), 20
    for level in (0.9, 0.95, 0.9999):
        expected = proportion_confint(events, trials, alpha=1 - level, method="beta")
        np.testing.assert_allclose(clopper_pearson(events, trials, level), expected, atol=1e-12)

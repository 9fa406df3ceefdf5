"""Bounds, tipping points and pattern mixtures: each put back into the score it claims to move."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cxstats.methods.bounds import monotone_bounds, pattern_mixture, tipping, worst_case
from cxstats.metrics import NPS, ces, csat

COUNTS = np.array([150, 330, 520])
INVITED = 5_000


def test_worst_case_of_the_textbook_example() -> None:
    found = worst_case([100, 300, 600], NPS, 10_000)
    assert found.everyone.assumption == (-85, 95)
    # NPS 50 at 10 %: the bias is between 0.9·(50 − 100) and 0.9·(50 + 100)
    assert found.bias.assumption == pytest.approx((-45, 135))


def test_standard_errors_of_bounds_are_those_of_a_mean_over_everyone() -> None:
    found = worst_case(COUNTS, NPS, INVITED)
    for end, limit in ((-100.0, found.everyone.low), (100.0, found.everyone.high)):
        everyone = np.repeat([-100.0, 0.0, 100.0, end], [*COUNTS, INVITED - COUNTS.sum()])
        error = stats.sem(everyone, ddof=0)
        # a wide range: one-sided 1.645
        assert abs(limit - everyone.mean()) == pytest.approx(1.644854 * error, rel=1e-6)


def test_error_of_the_bounds_of_the_bias_equals_many_surveys() -> None:
    rng = np.random.default_rng(1)
    p = np.append(COUNTS / INVITED, 1 - COUNTS.sum() / INVITED)
    drawn = rng.multinomial(INVITED, p, size=20_000)
    rate = drawn[:, :3].sum(axis=1) / INVITED
    value = drawn[:, :3] @ [-100, 0, 100] / drawn[:, :3].sum(axis=1)
    top = (1 - rate) * (value + 100)
    found = worst_case(COUNTS, NPS, INVITED)
    error = (found.bias.high - found.bias.assumption_high) / 1.644854
    assert error == pytest.approx(top.std(), rel=0.03)


def test_monotone_bounds_end_at_the_published_score() -> None:
    lower = monotone_bounds(COUNTS, NPS, INVITED)
    assert lower.everyone.assumption == pytest.approx((0.2 * 37 - 80, 37))
    assert lower.bias.assumption == pytest.approx((0, 0.8 * 137))
    assert lower.bias.low == 0
    upper = monotone_bounds(COUNTS, NPS, INVITED, others="higher")
    assert upper.everyone.assumption == pytest.approx((37, 0.2 * 37 + 80))
    with pytest.raises(ValueError, match='"lower" or "higher"'):
        monotone_bounds(COUNTS, NPS, INVITED, others="happier")


def test_a_design_effect_widens_the_region_by_its_root() -> None:
    plain, repeated = (worst_case(COUNTS, NPS, INVITED, design_effect=d) for d in (1, 4))
    ratio = (repeated.everyone.high - repeated.everyone.assumption_high) / (
        plain.everyone.high - plain.everyone.assumption_high
    )
    assert ratio == pytest.approx(2)


def test_everyone_answered_leaves_no_range() -> None:
    found = worst_case(COUNTS, NPS, COUNTS.sum())
    assert found.everyone.assumption == pytest.approx((37, 37))
    assert found.bias.assumption == pytest.approx((0, 0))


def _bias(shares: np.ndarray, start: np.ndarray, low: float, high: float, rate: float) -> float:
    others = start * np.array([low, 1, high])
    others = others / others.sum()
    value = np.array([-100, 0, 100])
    return (1 - rate) * (shares @ value - others @ value)


@pytest.mark.parametrize("start", [None, [0.25, 0.35, 0.40]])
def test_tipping_points_move_the_score_by_the_margin(start: list[float] | None) -> None:
    found = tipping(COUNTS, NPS, INVITED, margin=5, shares=start)
    shares, base = COUNTS / 1_000, np.array(start or COUNTS / 1_000)
    for k, sign in ((0, 1), (1, -1)):
        assert _bias(shares, base, found.low_end[k], 1, 0.2) == pytest.approx(sign * 5)
        assert _bias(shares, base, 1, found.high_end[k], 0.2) == pytest.approx(sign * 5)
    for k, sign in ((0, 1), (1, -1)):
        both = found.both_ends[k]
        if not np.isnan(both):
            assert _bias(shares, base, both, both, 0.2) == pytest.approx(sign * 5)
    for row in found.curve.dropna().itertuples():
        assert _bias(shares, base, row.odds_low, row.odds_high_plus, 0.2) == pytest.approx(5)
        assert _bias(shares, base, row.odds_low, row.odds_high_minus, 0.2) == pytest.approx(-5)
    assert found.start_bias == pytest.approx(_bias(shares, base, 1, 1, 0.2))


def test_the_low_end_multiplies_the_odds_of_detractors() -> None:
    found = tipping(COUNTS, NPS, INVITED)
    kappa = found.low_end[0]
    odds = 0.15 / 0.85 * kappa
    detractors = odds / (1 + odds)
    others = 100 * (0.52 * (1 - detractors) / 0.85 - detractors)
    assert 0.8 * (37 - others) == pytest.approx(5)


def test_both_ends_matter_where_the_ends_are_unequal() -> None:
    # promoters outnumber detractors: fewer of both among the others lowers their score
    found = tipping(COUNTS, NPS, INVITED)
    assert found.both_ends[0] < 1
    assert np.isnan(found.both_ends[1]) or found.both_ends[1] > 1
    # as many at both ends: no such multiplier can move anything
    even = tipping([300, 400, 300], NPS, INVITED)
    assert np.isnan(even.both_ends).all()
    assert even.holds(8)
    assert not found.holds(4)
    assert found.holds(1)


def test_what_cannot_be_tipped_is_never() -> None:
    # at 99 % response the others cannot move the score by 5
    found = tipping(COUNTS, NPS, 1_010)
    assert np.isnan(found.low_end).all()
    assert "never" in found._repr_html_()


def test_error_of_the_bias_at_given_odds_equals_many_surveys() -> None:
    rng = np.random.default_rng(2)
    p = np.append(COUNTS / INVITED, 1 - COUNTS.sum() / INVITED)
    drawn = rng.multinomial(INVITED, p, size=20_000)[:, :3]
    found = tipping(COUNTS, NPS, INVITED, shares=[0.2, 0.33, 0.47])
    bias, error = found.bias(1.5, 0.8)
    factor = np.array([0.2, 0.33, 0.47]) / (COUNTS / 1_000) * np.array([1.5, 1, 0.8])
    share = drawn / drawn.sum(axis=1, keepdims=True)
    others = share * factor / (share @ factor)[:, None]
    value = np.array([-100, 0, 100])
    many = (1 - drawn.sum(axis=1) / INVITED) * (share @ value - others @ value)
    assert bias == pytest.approx(many.mean(), abs=0.05)
    assert error == pytest.approx(many.std(), rel=0.03)


def test_two_values_have_no_middle() -> None:
    found = tipping([300, 700], csat(5), 5_000)
    assert np.isnan(found.both_ends).all()
    assert found.low_end[0] == pytest.approx(1 / found.high_end[0])


def test_scale_means_tip_too() -> None:
    counts = [10, 20, 40, 60, 150, 240, 330]
    found = tipping(counts, ces(7, high_is="easy"), 4_000, margin=0.15)
    assert found.bias(found.low_end[0])[0] == pytest.approx(0.15)
    assert found.bias(1, found.high_end[1])[0] == pytest.approx(-0.15)


def test_pattern_mixture_shifts_the_latent_score() -> None:
    found = pattern_mixture(COUNTS, NPS, INVITED, margin=5, shift=[0.0, 0.3])
    cuts = stats.norm.ppf([0.15, 0.48])
    below = stats.norm.cdf(cuts + 0.3)
    others = 100 * ((1 - below[1]) - below[0])
    row = found.curve.iloc[1]
    assert row["others"] == pytest.approx(others)
    assert row["bias"] == pytest.approx(0.8 * (37 - others))
    assert row["everyone"] == pytest.approx(0.2 * 37 + 0.8 * others)
    assert found.curve["bias"].iloc[0] == pytest.approx(0)
    tipped = pattern_mixture(COUNTS, NPS, INVITED, margin=5, shift=list(found.tipping_shift))
    np.testing.assert_allclose(tipped.curve["bias"], [5, -5], atol=1e-8)


def test_error_of_the_pattern_mixture_equals_many_surveys() -> None:
    rng = np.random.default_rng(3)
    p = np.append(COUNTS / INVITED, 1 - COUNTS.sum() / INVITED)
    drawn = rng.multinomial(INVITED, p, size=20_000)[:, :3]
    found = pattern_mixture(COUNTS, NPS, INVITED, shift=[0.4])
    share = drawn / drawn.sum(axis=1, keepdims=True)
    below = stats.norm.cdf(stats.norm.ppf(np.cumsum(share, axis=1)[:, :2]) + 0.4)
    others = 100 * (1 - below[:, 1] - below[:, 0])
    many = (1 - drawn.sum(axis=1) / INVITED) * (100 * (share[:, 2] - share[:, 0]) - others)
    assert found.curve["standard_error"].iloc[0] == pytest.approx(many.std(), rel=0.03)


def test_a_start_other_than_respondents_is_kept_at_no_shift() -> None:
    found = pattern_mixture(COUNTS, NPS, INVITED, shares=[0.3, 0.3, 0.4], shift=[0.0])
    assert found.curve["others"].iloc[0] == pytest.approx(10)


def test_an_empty_end_stays_empty() -> None:
    found = pattern_mixture([0, 300, 700], NPS, INVITED, shift=[-1.0, 0.0, 1.0])
    assert np.isfinite(found.curve.to_numpy()).all()
    assert (found.curve["others"] >= 0).all()
    # unless the others are known to have one
    kept = pattern_mixture([0, 300, 700], NPS, INVITED, shares=[0.1, 0.3, 0.6], shift=[0.0])
    assert kept.curve["others"].iloc[0] == pytest.approx(50)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: worst_case([0, 0, 0], NPS, 10), "nobody answered"),
        (lambda: worst_case(COUNTS, NPS, 900), "cannot come from 900"),
        (lambda: tipping(COUNTS, NPS, 1_000), "everyone invited answered"),
        (lambda: tipping(COUNTS, NPS, INVITED, shares=[0.5, 0.6, 0.1]), "sum to 1"),
        (lambda: tipping(COUNTS, NPS, INVITED, margin=0), "margin"),
        (lambda: tipping(COUNTS, NPS, INVITED).holds(0.5), "1 or more"),
        (lambda: pattern_mixture(COUNTS, NPS, 1_000), "no others"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

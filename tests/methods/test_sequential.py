"""Confidence sequences: published constants, laws, and the promise kept at every look."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cxstats.methods.sequential import (
    best_rho,
    confidence_sequence,
    confidence_sequence_of_difference,
    false_alarm_rate,
    log_normal_mixture,
    normal_mixture_bound,
)
from cxstats.metrics import NPS, ces, csat

# --- constants published with the C++ library confseq (its unit tests) ---------------------


def test_two_sided_normal_mixture():
    rho = best_rho(100, 0.05)
    assert rho == pytest.approx(12.60056, abs=5e-6)
    assert log_normal_mixture(10, 100, rho) == pytest.approx(-0.6510052, abs=5e-8)
    assert normal_mixture_bound(100, rho, 0.05) == pytest.approx(30.35209, abs=5e-6)


@pytest.mark.parametrize("sides", ["lower", "upper"])
def test_one_sided_normal_mixture(sides):
    rho = best_rho(100, 0.05, sides=sides)
    assert log_normal_mixture(10, 100, rho, sides=sides) == pytest.approx(-0.06502391, abs=5e-9)
    assert normal_mixture_bound(100, rho, 0.05, sides=sides) == pytest.approx(27.66071, abs=5e-6)


@pytest.mark.parametrize("sides", ["both", "lower"])
@pytest.mark.parametrize("v", [0.0, 1.0, 50.0, 1e4, 1e9])
def test_the_bound_is_where_the_mixture_reaches_one_over_alpha(v, sides):
    rho = best_rho(100, 0.05, sides=sides)
    bound = normal_mixture_bound(v, rho, 0.05, sides=sides)
    assert log_normal_mixture(bound, v, rho, sides=sides) == pytest.approx(np.log(20), rel=1e-9)


def test_the_mixture_is_a_mixture_of_normals():
    # ∫ exp(λs − λ²v/2) dN(λ; 0, 1/ρ), by quadrature
    from scipy.integrate import quad

    s, v, rho = 7.0, 40.0, 12.0
    by_quadrature, _ = quad(
        lambda x: np.exp(x * s - x**2 * v / 2) * stats.norm.pdf(x, scale=rho**-0.5), -2, 2, epsabs=1e-13
    )
    assert log_normal_mixture(s, v, rho) == pytest.approx(np.log(by_quadrature), abs=1e-9)


def test_rho_makes_the_bound_tightest_where_it_should():
    rho = best_rho(500, 0.05)
    here = normal_mixture_bound(500, rho, 0.05)
    for other in (0.7 * rho, 1.4 * rho):
        assert here < normal_mixture_bound(500, other, 0.05)


# --- one stream ------------------------------------------------------------------------------

DAYS = np.arange(1, 101)[:, None] * np.array([2, 3, 5])


def test_limits_by_hand():
    # S ± σ √((n+ρ) log((n+ρ)/(α²ρ))) over n, σ = 100 points
    sequence = confidence_sequence(DAYS, NPS, best_at=100)
    rho = best_rho(100, 0.05)
    half = 100 * normal_mixture_bound(sequence.n, rho, 0.05) / sequence.n
    assert sequence.rho == pytest.approx(rho)
    assert sequence.value == pytest.approx(np.full(100, 30.0))
    assert sequence.high == pytest.approx(np.minimum(100, 30 + half))
    assert sequence.low == pytest.approx(np.maximum(-100, 30 - half))


def test_asymptotic_limits_use_the_observed_spread():
    sequence = confidence_sequence(DAYS, NPS, method="asymptotic")
    table = DAYS[-1] + [0.75, 1.5, 0.75]
    half = np.sqrt(NPS.variance(table)) * normal_mixture_bound(1000, best_rho(500, 0.05), 0.05) / 1000
    assert sequence.high[-1] - sequence.value[-1] == pytest.approx(half)


def test_one_look_and_full_scale_counts():
    full = [4, 2, 1, 3, 2, 4, 4, 10, 20, 25, 25]
    one = confidence_sequence(full, NPS)
    assert one.n.tolist() == [100.0]
    assert one.low == pytest.approx(confidence_sequence([20, 30, 50], NPS).low)


def test_it_is_wider_than_an_interval_for_one_look_and_shrinks():
    sequence = confidence_sequence(DAYS, NPS)
    fixed = 1.96 * np.sqrt(NPS.variance([2, 3, 5]) / sequence.n)
    assert np.all(sequence.high - sequence.value > fixed)
    assert np.all(np.diff(sequence.high - sequence.low) <= 0)


def test_scale_and_reversal():
    low_to_high = confidence_sequence([20, 30, 50], NPS)
    high_to_low = confidence_sequence([50, 30, 20], NPS)
    assert high_to_low.low == pytest.approx(-low_to_high.high)
    satisfied = confidence_sequence([30, 70], csat(2))
    assert satisfied.low[0] == pytest.approx(70 - 50 * normal_mixture_bound(100, satisfied.rho, 0.05) / 100)


def test_one_sided_limits_are_closer_on_their_side():
    both = confidence_sequence(DAYS, NPS)
    lower = confidence_sequence(DAYS, NPS, sides="lower")
    assert np.all(lower.low[5:] > both.low[5:])
    assert np.all(lower.high == 100)


def test_first_exclusion_and_running_intersection():
    sequence = confidence_sequence(DAYS, NPS)
    look = sequence.first_exclusion(0)
    assert sequence.excludes(0)[look]
    assert not sequence.excludes(0)[:look].any()
    assert sequence.first_exclusion(30) is None
    running = sequence.running()
    assert np.all(np.diff(running.low) >= 0)
    assert np.all(running.low >= sequence.low)


def test_an_empty_intersection_says_that_the_value_moved():
    moved = np.vstack([DAYS, DAYS[-1] + np.arange(1, 401)[:, None] * np.array([8, 2, 0])])
    running = confidence_sequence(moved, NPS).running()
    assert np.isnan(running.low[-1])
    assert not np.isnan(running.low[0])


@pytest.mark.parametrize(
    ("counts", "settings", "message"),
    [
        ([[5, 5, 5], [4, 6, 9]], {}, "cumulative"),
        ([[0, 0, 0], [1, 1, 1]], {}, "no answers"),
        ([5, 5, 5], {"population": 10}, "counted twice"),
        ([5, 5, 5], {"method": "best"}, "method"),
        ([5, 5, 5], {"sides": "left"}, "sides"),
        ([5, 5, 5], {"level": 95}, "Did you mean 0.95"),
        ([5, 5, 5], {"method": "asymptotic", "population": 100}, "only for method"),
        ([5, 5, 5, 5], {}, "counts ordered by the scale"),
    ],
)
def test_bad_input_is_named(counts, settings, message):
    with pytest.raises(ValueError, match=message):
        confidence_sequence(counts, NPS, **settings)


def test_it_shows_itself():
    assert "at every look" in confidence_sequence(DAYS, NPS)._repr_html_()


# --- without replacement -----------------------------------------------------------------------


@pytest.mark.parametrize("metric", [NPS, csat(2), ces(7, high_is="easy")])
def test_nothing_is_left_to_chance_when_everyone_has_answered(metric):
    counts = np.arange(1, len(metric.distinct_values) + 1) * 3
    sequence = confidence_sequence(counts, metric, population=int(counts.sum()))
    assert sequence.low[0] == pytest.approx(metric.value(counts), abs=1e-12)
    assert sequence.high[0] == pytest.approx(metric.value(counts), abs=1e-12)


def test_width_falls_to_zero_and_lies_within_the_endless_one():
    endless = confidence_sequence(DAYS, NPS)
    whole = confidence_sequence(DAYS, NPS, population=1000)
    assert np.all(whole.high - whole.low <= endless.high - endless.low + 1e-9)
    assert whole.high[-1] == whole.low[-1] == 30
    late = whole.high[-2] - whole.low[-2]
    assert late < (endless.high[-2] - endless.low[-2]) / 10


def test_a_huge_population_is_an_endless_one():
    endless = confidence_sequence(DAYS, NPS)
    huge = confidence_sequence(DAYS, NPS, population=10**9)
    assert huge.low == pytest.approx(endless.low, abs=1e-3)


def test_intrinsic_time_by_direct_sum():
    # V = Σ (N/(N−i))², the half-width σ(N−n)/(nN)·√((V+ρ)log((V+ρ)/(α²ρ)))
    population, n = 400, 150
    counts = [30, 45, 75]
    sequence = confidence_sequence(counts, NPS, population=population, best_at=100)
    v = np.sum((population / (population - np.arange(1, n + 1))) ** 2)
    rho = best_rho(100, 0.05)
    half = 100 * (population - n) / (n * population) * normal_mixture_bound(v, rho, 0.05)
    assert sequence.rho == pytest.approx(rho, rel=1e-9)
    assert sequence.high[0] - 30 == pytest.approx(half, rel=1e-9)


def test_the_scaled_sum_is_a_martingale_without_replacement():
    # (S_n − nm)/(N − n): its mean given the first k answers is its value at k, by enumerating all orders
    from itertools import permutations

    population = np.array([-1.0, -1, 0, 1, 1, 1])
    mean = population.mean()
    orders = np.array(list(permutations(population)))
    sums = np.cumsum(orders, axis=1)
    k = np.arange(1, 6)
    scaled = (sums[:, :5] - k * mean) / (6 - k)
    for prefix in ([-1.0], [1.0], [0.0]):
        chosen = orders[:, 0] == prefix[0]
        assert scaled[chosen, 1].mean() == pytest.approx(scaled[chosen, 0].mean())
        assert scaled[chosen, 4].mean() == pytest.approx(scaled[chosen, 0].mean())


def _misses_without_replacement(shares, population, replicates, seed):
    """Share of random orders of a fixed population in which some look misses its value."""
    values = np.arange(len(shares))
    customers = np.repeat(values, np.round(np.array(shares) * population).astype(int))
    rng = np.random.default_rng(seed)
    truth = NPS.distinct_values[customers].mean()
    looks = np.unique(np.linspace(1, len(customers), 80).astype(int)) - 1
    misses = 0
    for _ in range(replicates):
        counts = np.cumsum(np.eye(3)[rng.permutation(customers)], axis=0)[looks]
        sequence = confidence_sequence(counts, NPS, population=len(customers), best_at=100)
        misses += np.any((sequence.low > truth + 1e-9) | (sequence.high < truth - 1e-9))
    return misses / replicates


def test_it_holds_at_every_look_without_replacement():
    # the hardest case, half of the customers at each end: 300 orders, at most .05 + 3 errors (.038)
    assert _misses_without_replacement([0.5, 0, 0.5], 200, 300, seed=1) <= 0.05


@pytest.mark.simulation
@pytest.mark.parametrize("shares", [(0.5, 0, 0.5), (0.2, 0.3, 0.5), (0.02, 0.08, 0.9)])
@pytest.mark.parametrize("population", [50, 400, 2000])
def test_it_holds_widely_without_replacement(shares, population):
    assert _misses_without_replacement(shares, population, 600, seed=2) <= 0.05


# --- the difference of two streams ----------------------------------------------------------------


def test_difference_by_hand_for_one_block():
    sequence = confidence_sequence_of_difference([[20, 30, 50]], [[4, 6, 30]], NPS)
    h = 100 * 40 / 140
    half = 100 * normal_mixture_bound(h, best_rho(125, 0.05), 0.05) / h
    assert sequence.value[0] == pytest.approx(65 - 30)
    assert sequence.high[0] == pytest.approx(min(200, 35 + half))
    assert sequence.n[0] == 140


def test_swapping_the_streams_turns_the_sign():
    other = np.arange(1, 101)[:, None] * np.array([1, 3, 4])
    forth = confidence_sequence_of_difference(DAYS, other, NPS)
    back = confidence_sequence_of_difference(other, DAYS, NPS)
    assert back.low == pytest.approx(-forth.high)


def test_looks_with_one_silent_stream_wait_for_the_other():
    first = np.array([[2, 3, 5], [4, 6, 10], [6, 9, 15]])
    second = np.array([[0, 0, 0], [1, 1, 2], [1, 1, 2]])
    sequence = confidence_sequence_of_difference(first, second, NPS)
    assert sequence.n.tolist() == [24.0]  # one block: 20 answers of the first, 4 of the second
    assert sequence.value[0] == pytest.approx(NPS.value([1, 1, 2]) - NPS.value([4, 6, 10]))


def test_a_season_that_moves_both_streams_is_no_difference():
    # promoters fall in the second half for both; the second stream has most of its answers then.
    # Totals differ by the season alone, blocks do not
    early, late = np.array([1, 2, 7]), np.array([6, 2, 2])
    first = np.cumsum(np.vstack([np.tile(3 * early, (30, 1)), np.tile(late, (30, 1))]), axis=0)
    second = np.cumsum(np.vstack([np.tile(early, (30, 1)), np.tile(3 * late, (30, 1))]), axis=0)
    totals = NPS.value(second[-1]) - NPS.value(first[-1])
    sequence = confidence_sequence_of_difference(first, second, NPS)
    assert totals == pytest.approx(-50)
    assert sequence.value[-1] == pytest.approx(0, abs=1e-9)


def test_difference_refuses():
    with pytest.raises(ValueError, match="same looks"):
        confidence_sequence_of_difference(DAYS, DAYS[:50], NPS)
    with pytest.raises(ValueError, match="one of the streams has no answers"):
        confidence_sequence_of_difference(DAYS, 0 * DAYS, NPS)
    with pytest.raises(ValueError, match="cumulative"):
        confidence_sequence_of_difference(DAYS, DAYS[::-1], NPS)


def _misses_of_difference(first, second, sizes, method, replicates, seed):
    rng = np.random.default_rng(seed)
    truth = NPS.value(second) - NPS.value(first)
    misses = 0
    for _ in range(replicates):
        streams = [
            np.cumsum(rng.multinomial(n, p, size=120), axis=0)
            for n, p in zip(sizes, (first, second), strict=True)
        ]
        misses += confidence_sequence_of_difference(*streams, NPS, method=method).excludes(truth).any()
    return misses / replicates


@pytest.mark.parametrize("method", ["bounded", "asymptotic"])
def test_difference_holds_at_every_look(method):
    assert _misses_of_difference([0.5, 0, 0.5], [0.4, 0, 0.6], (4, 9), method, 250, seed=1) <= 0.05


@pytest.mark.simulation
@pytest.mark.parametrize("method", ["bounded", "asymptotic"])
@pytest.mark.parametrize(
    ("first", "second", "sizes"),
    [
        ((0.2, 0.3, 0.5), (0.1, 0.3, 0.6), (10, 3)),
        ((0.5, 0, 0.5), (0.5, 0, 0.5), (5, 20)),
        ((0.05, 0.2, 0.75), (0.05, 0.2, 0.75), (5, 5)),
    ],
)
def test_difference_holds_widely(first, second, sizes, method):
    assert _misses_of_difference(first, second, sizes, method, 1500, seed=2) <= 0.05 + 0.011


# --- crying wolf ------------------------------------------------------------------------------------

SHARE = [0.2, 0.3, 0.5]


def test_daily_looks_at_a_fixed_interval_cry_wolf():
    found = false_alarm_rate(SHARE, NPS, answers_per_day=20, replicates=600, seed=1)
    assert found.share > 0.35
    assert found.low < found.share < found.high
    assert found.by_look.shape == (365,)
    assert np.all(np.diff(found.by_look) >= 0)
    # the first look alone errs as the interval says
    assert found.by_look[0] == pytest.approx(0.05, abs=0.035)


@pytest.mark.parametrize("method", ["bounded", "asymptotic", "sequence"])
def test_a_sequence_does_not(method):
    found = false_alarm_rate(SHARE, NPS, answers_per_day=20, method=method, replicates=600, seed=1)
    assert found.high <= 0.065


def test_one_look_is_the_coverage_of_the_interval():
    # exact: adjusted Wald, n = 10, shares .05/.20/.75 covers .9408 (full enumeration)
    found = false_alarm_rate([0.05, 0.2, 0.75], NPS, answers_per_day=10, days=1, replicates=40_000, seed=2)
    assert found.share == pytest.approx(1 - 0.9408, abs=0.004)


def test_the_alarm_is_the_sequences_own():
    # the fast path against confidence_sequence itself, for the very same days
    rng = np.random.default_rng(5)
    daily = rng.multinomial(np.full(60, 7), np.array(SHARE), size=(1, 60))[0]
    counts = np.cumsum(daily, axis=0)
    for method in ("bounded", "asymptotic"):
        found = false_alarm_rate(
            SHARE, NPS, answers_per_day=7, days=60, method=method, replicates=1, seed=5, best_at=300
        )
        sequence = confidence_sequence(counts, NPS, method=method, best_at=300)
        assert found.share == float(sequence.excludes(NPS.value(SHARE)).any())
        half = sequence.value[-1] - sequence.low[-1]
        assert found.half_width == pytest.approx(half)


def test_a_rolling_window_cries_more():
    common = {"answers_per_day": 20, "replicates": 300, "seed": 3}
    assert false_alarm_rate(SHARE, NPS, window=30, **common).share > (
        false_alarm_rate(SHARE, NPS, **common).share + 0.2
    )


def test_looking_monthly_cries_less():
    common = {"answers_per_day": 20, "replicates": 600, "seed": 3}
    monthly = false_alarm_rate(SHARE, NPS, look_every=30, **common)
    assert monthly.share < false_alarm_rate(SHARE, NPS, **common).share
    assert monthly.by_look.shape == (12,)


def test_days_may_differ():
    week = np.tile([30, 30, 30, 30, 30, 0, 0], 10)
    found = false_alarm_rate(SHARE, NPS, answers_per_day=week, days=70, replicates=200, seed=1)
    assert found.answers_per_day == pytest.approx(150 / 7)
    silent_start = np.r_[np.zeros(10, int), np.full(20, 5)]
    late = false_alarm_rate(SHARE, NPS, answers_per_day=silent_start, days=30, replicates=50, seed=1)
    assert late.by_look.shape == (20,)


def test_counts_stand_for_shares():
    common = {"answers_per_day": 5, "days": 50, "replicates": 100, "seed": 1}
    assert (
        false_alarm_rate([200, 300, 500], NPS, **common).share == false_alarm_rate(SHARE, NPS, **common).share
    )


def test_monte_carlo_interval_is_clopper_pearson():
    found = false_alarm_rate(SHARE, NPS, answers_per_day=5, days=40, replicates=300, seed=1)
    exact = stats.binomtest(round(found.share * 300), 300).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"answers_per_day": [1, 2]}, "365 days"),
        ({"answers_per_day": 2.5}, "whole numbers"),
        ({"answers_per_day": -1}, "0 or more"),
        ({"answers_per_day": 0}, "nobody answers"),
        ({"answers_per_day": 5, "method": "daily"}, "method"),
        ({"answers_per_day": 5, "method": "bounded", "window": 30}, "every answer so far"),
    ],
)
def test_false_alarm_rate_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        false_alarm_rate(SHARE, NPS, seed=1, **settings)


@pytest.mark.simulation
@pytest.mark.parametrize("answers_per_day", [1, 10, 100])
@pytest.mark.parametrize("share", [(0.2, 0.3, 0.5), (0.5, 0, 0.5), (0.02, 0.08, 0.9)])
def test_sequences_hold_for_a_year(share, answers_per_day):
    for method in ("bounded", "asymptotic"):
        found = false_alarm_rate(
            share, NPS, answers_per_day=answers_per_day, method=method, replicates=4000, seed=7
        )
        assert found.share <= 0.05

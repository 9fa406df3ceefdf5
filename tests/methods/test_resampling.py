"""The multinomial bootstrap against scipy's resampling and exact moments."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from cxstats.methods.resampling import bootstrap, bootstrap_counts
from cxstats.metrics import NPS, ces, csat


def test_moments_are_those_of_the_multinomial():
    # mean 30, se 100·√((.7 − .3²)/100) = 7.8102; Monte-Carlo error of 40,000 replicates: .04 and .03
    replicates = bootstrap([20, 30, 50], NPS, replicates=40_000, seed=1)
    assert replicates.shape == (40_000,)
    assert replicates.mean() == pytest.approx(30, abs=0.16)
    assert replicates.std() == pytest.approx(7.8102497, abs=0.12)


def test_same_distribution_as_resampling_the_answers():
    answers = np.repeat([-100.0, 0.0, 100.0], [20, 30, 50])
    rng = np.random.default_rng(2)
    resampled = rng.choice(answers, size=(4000, 100)).mean(axis=1)
    ours = bootstrap([20, 30, 50], NPS, replicates=4000, seed=3)
    assert stats.ks_2samp(ours, resampled).pvalue > 0.001


def test_percentile_interval_agrees_with_scipy():
    # scipy.stats.bootstrap on the answers themselves; both limits carry Monte-Carlo noise of about 0.3
    answers = np.repeat([-100.0, 0.0, 100.0], [20, 30, 50])
    theirs = stats.bootstrap(
        (answers,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(4)
    ).confidence_interval
    ours = np.quantile(bootstrap([20, 30, 50], NPS, replicates=20_000, seed=5), [0.025, 0.975])
    assert ours == pytest.approx([theirs.low, theirs.high], abs=1.0)


@pytest.mark.parametrize(
    ("metric", "counts"), [(csat(5), [1, 2, 3, 10, 4]), (ces(7, high_is="easy"), [1] * 7)]
)
def test_values_stay_on_the_metrics_scale(metric, counts):
    replicates = bootstrap(counts, metric, replicates=500, seed=1)
    assert replicates.min() >= metric.low
    assert replicates.max() <= metric.high


def test_eleven_and_three_counts_give_the_same_replicates():
    full = [5, 5, 2, 2, 2, 2, 2, 10, 20, 25, 25]
    assert np.array_equal(
        bootstrap(full, NPS, replicates=50, seed=9), bootstrap([20, 30, 50], NPS, replicates=50, seed=9)
    )


def test_a_seed_repeats_itself_and_another_does_not():
    same = [bootstrap([20, 30, 50], NPS, replicates=20, seed=s) for s in (1, 1, 2)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_unanimous_answers_do_not_vary():
    assert np.all(bootstrap([0, 0, 10], NPS, replicates=10, seed=1) == 100)


def test_another_number_of_answers():
    smaller = bootstrap([20, 30, 50], NPS, replicates=20_000, seed=1, n=25)
    assert smaller.std() == pytest.approx(2 * 7.81, abs=0.25)


def test_counts_are_whole_answers():
    sampled = bootstrap_counts([20, 30, 50], NPS, replicates=7, seed=1)
    assert sampled.shape == (7, 3)
    assert np.all(sampled.sum(axis=1) == 100)


def test_sums_of_weights_need_the_effective_number():
    with pytest.raises(ValueError, match="sums of weights"):
        bootstrap([20.5, 30.2, 50.1], NPS, replicates=10, seed=1)
    assert len(bootstrap([20.5, 30.2, 50.1], NPS, replicates=10, seed=1, n=80)) == 10


def test_no_answers_are_refused():
    with pytest.raises(ValueError, match="no answers to resample"):
        bootstrap([0, 0, 0], NPS, replicates=10, seed=1)


@pytest.mark.parametrize("bad", [{"replicates": 0}, {"replicates": 2.5}, {"seed": -1}, {"n": 0}])
def test_settings_are_checked(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        bootstrap([20, 30, 50], NPS, **{"replicates": 10, "seed": 1, **bad})


def test_cost_does_not_follow_the_number_of_answers():
    # 10,000 replicates from a million answers take milliseconds; one second is the alarm, not the target
    start = time.perf_counter()
    bootstrap([200_000, 300_000, 500_000], NPS, replicates=10_000, seed=1)
    assert time.perf_counter() - start < 1

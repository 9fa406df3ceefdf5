"""Limits that hold for all waves together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.methods.groups import group_means
from cxstats.methods.limits import critical_value
from cxstats.methods.sequential import normal_mixture_bound
from cxstats.methods.waves import change_since, wave_sequence


def test_the_first_wave_is_the_confidence_sequence_at_its_share_of_the_error() -> None:
    (low,), (high,) = wave_sequence([[200, 300, 500]], cx.NPS)
    alone = cx.confidence_sequence(
        [200, 300, 500], cx.NPS, level=1 - 0.05 * 6 / np.pi**2, method="asymptotic"
    )
    assert (low, high) == (alone.low[0], alone.high[0])


def test_later_waves_are_wider_and_the_errors_add_up_to_one_minus_the_level() -> None:
    low, high = wave_sequence([[200, 300, 500]] * 40, cx.NPS)
    assert np.all(np.diff(high - low) > 0)
    spent = 0.05 * 6 / (np.pi**2 * np.arange(1, 100_001) ** 2)
    assert spent.sum() == pytest.approx(0.05, rel=1e-4)
    # every wave's limits contain its own interval at one look
    one = critical_value(0.95) * np.sqrt(cx.NPS.variance([200, 300, 500]) / 1000)
    assert np.all((high - low) / 2 > one)


def test_a_share_of_the_lowest_answer_is_not_turned_round() -> None:
    low, high = wave_sequence([[90, 10]], cx.csat(2, top=[1]))
    assert low[0] < 90 < high[0]


def test_answers_that_are_worth_fewer_have_wider_limits() -> None:
    counts = [[200, 300, 500]] * 2
    low, high = wave_sequence(counts, cx.NPS, effective_n=[1000, 500])
    half_low, half_high = wave_sequence([[200, 300, 500], [100, 150, 250]], cx.NPS)
    assert low == pytest.approx(half_low)
    assert high == pytest.approx(half_high)
    assert normal_mixture_bound(500, 40, 0.05) / 500 > normal_mixture_bound(1000, 40, 0.05) / 1000


def test_the_change_of_independent_waves_is_that_of_two_samples() -> None:
    cells = pd.DataFrame(
        {"nps": [0, 8, 10] * 2, "wave": ["1"] * 3 + ["2"] * 3, "n": [200, 300, 500, 150, 300, 550]}
    )
    found = change_since(group_means(cells, cx.NPS, score="nps", group="wave"), cx.NPS, 0.95)
    plain = cx.compare([200, 300, 500], [150, 300, 550], cx.NPS)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), rel=2e-3)


@pytest.mark.simulation
def test_no_wave_of_a_year_leaves_its_limits_more_often_than_promised() -> None:
    """Twelve waves of 150 answers by overlapping customers, looked at ten times each."""
    rng, runs, out = np.random.default_rng(3), 300, 0
    looks = np.arange(15, 151, 15)
    for _ in range(runs):
        leaning = rng.normal(size=600)
        left = False
        for t in range(1, 13):
            who = rng.choice(600, 150, replace=False)
            answer = leaning[who] + rng.normal(size=150) + 0.1 * np.sin(t)
            truth_of = leaning + 0.1 * np.sin(t)
            group = np.digitize(answer, [-0.8, 0.6])
            below, above = _cdf(-0.8 - truth_of), 1 - _cdf(0.6 - truth_of)
            truth = cx.NPS.value(np.array([below, 1 - below - above, above]).mean(axis=1))
            counts = np.cumsum(np.eye(3)[group], axis=0)[looks - 1]
            level = 1 - 0.05 * 6 / (np.pi**2 * t**2)
            found = cx.confidence_sequence(counts, cx.NPS, level=level, method="asymptotic")
            left |= bool(found.excludes(truth).any())
        out += left
    assert out / runs <= 0.05


def _cdf(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(x)

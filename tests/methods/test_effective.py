"""Effective numbers of answers."""

from __future__ import annotations

import numpy as np
import pytest

import cxstats as cx
from cxstats.methods.effective import (
    effective_n_from_variance,
    finite_population_factor,
    kish_effective_n,
    korn_graubard_effective_n,
    population_note,
)


def test_kish_by_hand():
    weights = np.array([1.0, 1, 2, 4])
    assert kish_effective_n(weights.sum(), (weights**2).sum()) == pytest.approx(64 / 22)
    # equal weights lose nothing
    assert kish_effective_n(30.0, 90.0) == pytest.approx(10)


@pytest.mark.parametrize("sums", [(0, 1), (1, 0), (-1, 2)])
def test_kish_needs_weights(sums):
    with pytest.raises(ValueError, match="above 0"):
        kish_effective_n(*sums)


def test_customers_counted_twice_are_worth_half():
    # each of 50 customers answers twice, both times alike: the sandwich variance is twice the naive one
    scores = np.repeat(np.random.default_rng(1).choice([-100, 0, 100], 50, p=[0.2, 0.3, 0.5]), 2)
    counts = [np.sum(scores == v) for v in (-100, 0, 100)]
    residual = (scores - scores.mean()).reshape(50, 2).sum(axis=1)
    variance = (residual**2).sum() / 100**2
    assert effective_n_from_variance(counts, cx.NPS, variance) == pytest.approx(50)


def test_variance_of_customers_who_all_agree_says_nothing():
    with pytest.raises(ValueError, match="number of customers"):
        effective_n_from_variance([0, 0, 10], cx.NPS, 0.0)
    with pytest.raises(ValueError, match="variance must be above 0"):
        effective_n_from_variance([0, 5, 10], cx.NPS, 0.0)


def test_few_clusters_are_worth_less():
    # t with 9 degrees of freedom 2.262157, with 99 1.984217 (R: qt(.975, c(9, 99)))
    assert korn_graubard_effective_n(60, 100, 9) == pytest.approx(60 * (1.984217 / 2.262157) ** 2, rel=1e-6)
    assert korn_graubard_effective_n(60, 100, 99) == pytest.approx(60)
    with pytest.raises(ValueError, match="degrees_of_freedom"):
        korn_graubard_effective_n(60, 100, 0)


def test_finite_population_factor():
    assert finite_population_factor(10, 100) == pytest.approx(90 / 99)
    assert finite_population_factor(1, 1) == 0
    with pytest.raises(ValueError, match="answered included"):
        finite_population_factor(10, 9)


def test_notes_say_whom_the_interval_is_about():
    assert "process" in population_note(60, None)
    assert "not all 80" in population_note(60, 80)
    assert "drawn at random and answered" in population_note(60, 80, everyone_answered=True)

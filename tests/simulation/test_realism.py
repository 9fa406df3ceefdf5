"""The demo beside real surveys: printed in docs/demo_company.md, held to limits here."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from cxstats.simulation import demo_company, realism
from cxstats.simulation.realism import compare_with_public_data, distance, moved, shares


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(realism).failed == 0


def test_moved_equals_scipy():
    one, two = np.array([0.1, 0.2, 0.1, 0.3, 0.1, 0.1, 0.1]), np.array([0.3, 0.1, 0.2, 0.1, 0.3])
    expected = wasserstein_distance(np.linspace(0, 1, 7), np.linspace(0, 1, 5), one, two)
    assert moved(one, two) == pytest.approx(expected, abs=1e-12)


def test_distance_needs_the_same_answers():
    with pytest.raises(ValueError, match="3 and 2 answers"):
        distance([1, 1, 1], [1, 1])


def test_recommendation_is_heaped_at_10_8_and_5():
    nps = shares(demo_company(), "nps")
    assert nps.argmax() == 10
    assert nps[8] > max(nps[7], nps[9])
    assert nps[5] > 3 * nps[4]
    assert nps[0] > nps[1]
    assert nps.sum() == pytest.approx(1)


def test_the_demo_looks_like_real_surveys(shared_data: Path):
    """Limits: the distance between two yearly waves of one real survey is some 0.03, between airports and
    hospitals 0.2; the demo is to be nearer to the airport than the hospitals are."""
    recommend, satisfied, find, security, hospitals = compare_with_public_data(demo_company(), shared_data)
    assert recommend.value < 0.10
    assert satisfied.value < 0.15
    assert find.value < 0.12
    assert security.value < 0.12
    # hospital patients are happier than nearly any company's customers: 72.5 % give 9 or 10
    assert 0.15 < hospitals.value < 0.25
    assert hospitals.real == pytest.approx((0.077, 0.198, 0.725), abs=0.002)

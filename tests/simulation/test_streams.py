"""Random numbers: pinned, by name, and what they say they are."""

from __future__ import annotations

import doctest

import numpy as np
from scipy.stats import kstest

from cxstats.simulation import streams
from cxstats.simulation.streams import normals, uniforms


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(streams).failed == 0


def test_the_first_numbers_are_pinned():
    # PCG64(SeedSequence(20250401, spawn_key=(crc32("wave"),))), raw bits: NumPy promises both for ever
    pinned = [0.6295948203418664, 0.8551847359632159, 0.6038367655979138]
    assert uniforms(20250401, "wave", 3).tolist() == pinned


def test_distribution():
    assert kstest(uniforms(1, "a", 20_000), "uniform").pvalue > 0.001
    assert kstest(normals(1, "a", 20_000), "norm").pvalue > 0.001


def test_names_and_seeds_have_streams_of_their_own():
    first = normals(1, "a", 5000)
    for other in (normals(1, "b", 5000), normals(2, "a", 5000)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.05


def test_a_longer_draw_begins_with_the_shorter_one():
    assert normals(1, "a", 10)[:4].tolist() == normals(1, "a", 4).tolist()

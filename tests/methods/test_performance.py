"""Lift, precision, Brier, calibration and decision curves, against scikit-learn, dcurves and enumeration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from cxstats.methods.performance import average_precision, brier_score, calibration_of, decision_curve, gains

I = np.arange(750)  # noqa: E741
CHANCE = ((I * 37) % 100 + 0.5) / 100
EVENT = ((I * 61 + 7) % 100) < 60 * CHANCE


def test_average_precision_and_brier_are_scikit_learn_s():
    # sklearn 1.9: average_precision_score(EVENT, CHANCE), brier_score_loss(EVENT, CHANCE)
    assert average_precision(CHANCE, EVENT) == pytest.approx(0.5851123562610747, abs=1e-12)
    score = brier_score(CHANCE, EVENT)
    assert score.value == pytest.approx(0.22403166666666668, abs=1e-12)
    assert score.value == pytest.approx(
        score.reliability - score.resolution + score.uncertainty + score.within
    )
    fine = brier_score(CHANCE, EVENT, groups=1000)
    assert fine.within == pytest.approx(
        0, abs=1e-12
    )  # Murphy's decomposition is exact for distinct predictions
    assert brier_score(np.full(750, EVENT.mean()), EVENT).scaled == pytest.approx(0)


def test_net_benefit_is_that_of_dcurves():
    # dcurves 1.1.7: dca(data, outcome="y", modelnames=["p"], thresholds=[…])
    curve = decision_curve(pd.DataFrame({"p": CHANCE}), EVENT, thresholds=[0.05, 0.105, 0.25, 0.4, 0.6]).table
    assert curve["p"].round(6).tolist() == [0.277053, 0.241527, 0.137778, 0.018667, -0.121333]
    assert curve["everybody"].round(6).tolist() == [0.274386, 0.229795, 0.080889, -0.148889, -0.723333]


def test_published_net_benefit_of_the_cancer_marker():
    # dcurves' df_binary (Vickers & Elkin 2006): 750 men, 105 with cancer; the marker gives a chance of 25 % or
    # more to 72 with cancer and to 72 without
    cells = pd.DataFrame({"marker": [0.5, 0.5, 0.1, 0.1]})
    event, n = [True, False, True, False], [72, 72, 33, 573]
    found = decision_curve(cells, event, thresholds=[0.25], n=n).at(0.25)
    assert found["marker"] == pytest.approx(0.0640000, abs=5e-8)
    assert found["everybody"] == pytest.approx(-0.1466667, abs=5e-8)


def test_acting_on_everybody_at_no_cost_is_worth_the_base_rate():
    curve = decision_curve(pd.DataFrame({"p": CHANCE}), EVENT, thresholds=[1e-9])
    assert curve.table["everybody"].iloc[0] == pytest.approx(EVENT.mean())


def test_lift_with_ties_is_the_mean_over_all_ways_of_breaking_them():
    score = np.array([2, 2, 2, 1, 1, 0, 0])
    left = np.array([1, 0, 1, 0, 1, 0, 0])
    worth = np.array([5.0, 1, 2, 7, 4, 3, 1])
    found = gains(score, left, value=worth)
    for top in range(1, 8):
        reached, value = [], []
        for order in permutations(range(7)):
            ranked = sorted(order, key=lambda i: -score[i])[
                :top
            ]  # stable: ties stay as the permutation has them
            reached.append(left[ranked].sum())
            value.append((left * worth)[ranked].sum())
        share = top / 7
        assert found.lift(share) == pytest.approx(np.mean(reached) / left.sum() / share)
        assert found.lift(share, of="value") == pytest.approx(np.mean(value) / (left * worth).sum() / share)


def test_lift_from_cells_and_without_any_information():
    rows = gains(CHANCE, EVENT)
    cells = pd.DataFrame({"p": CHANCE, "y": EVENT}).value_counts().rename("n").reset_index()
    assert gains(cells["p"], cells["y"], n=cells["n"]).lift(0.1) == pytest.approx(rows.lift(0.1))
    assert gains(np.zeros(750), EVENT).lift(0.1) == pytest.approx(1)
    assert rows.lift(1) == pytest.approx(1)


def test_calibration_recovers_what_was_done_to_the_chances():
    rng = np.random.default_rng(3)
    logit = rng.normal(-1.5, 1.0, size=60_000)
    event = rng.random(60_000) < 1 / (1 + np.exp(-logit))
    extreme = 1 / (1 + np.exp(-(2 * logit + 0.5)))  # over-fitted: twice as far from even odds
    found = calibration_of(extreme, event)
    assert found.slope[0] == pytest.approx(0.5, abs=4 * found.slope[1])
    fair = calibration_of(1 / (1 + np.exp(-logit)), event)
    assert fair.slope[0] == pytest.approx(1, abs=4 * fair.slope[1])
    assert fair.intercept[0] == pytest.approx(0, abs=4 * fair.intercept[1])
    assert fair.observed_to_expected == pytest.approx(1, abs=0.03)
    inside = (fair.table["low"] <= fair.table["chance"]) & (fair.table["chance"] <= fair.table["high"])
    assert inside.sum() >= 8
    assert fair.table["n"].sum() == 60_000


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: gains([1, 2], [False, False]), "nobody had the event"),
        (lambda: gains([1, 2, 3], [True, False]), "same length"),
        (lambda: gains([1, np.nan], [True, False]), "missing or not finite"),
        (lambda: gains([1, 2], [True, False]).lift(0), "above 0"),
        (lambda: average_precision([1, 2], [False, False]), "nobody"),
        (lambda: brier_score([1.2, 0.3], [True, False]), "from 0 to 1"),
        (lambda: calibration_of([0.0, 0.3], [True, False]), "exactly 0 or 1"),
        (lambda: calibration_of([0.2, 0.3], [True, True]), "nobody, or everybody"),
        (lambda: decision_curve(pd.DataFrame({"p": [0.1]}), [True], thresholds=[1.0]), "strictly between"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(ValueError, match=word):
        call()

"""Lift, precision, Brier, calibration and decision curves, against scikit-learn, dcurves and enumeration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cxstats.methods.performance import (
    average_precision,
    brier_score,
    calibration_of,
    decision_curve,
    gains,
    ranking,
)

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


def test_ranking_is_lift_and_precision_with_a_part_left_out_at_a_time():
    part, worth = (I * 13) % 20, 1.0 + (I * 7) % 50
    found = ranking(CHANCE, EVENT, part=part, value=worth)
    measures = {
        "lift": lambda keep: gains(CHANCE[keep], EVENT[keep]).lift(0.1),
        "value_lift": lambda keep: gains(CHANCE[keep], EVENT[keep], value=worth[keep]).lift(0.1, of="value"),
        "average_precision": lambda keep: average_precision(CHANCE[keep], EVENT[keep]),
    }
    for name, measure in measures.items():
        value, low, high = getattr(found, name)
        assert value == pytest.approx(measure(np.ones(750, dtype=bool)))
        again = np.array([measure(part != j) for j in range(20)])
        half = stats.t.ppf(0.975, 19) * np.sqrt(19 / 20 * ((again - again.mean()) ** 2).sum())
        assert (low, high) == pytest.approx((value - half, value + half))
    assert found.base_rate == pytest.approx(EVENT.mean())


def test_ranking_where_values_are_missing_or_nobody_is_worth_anything():
    part, worth = I % 20, np.where(I % 3 == 0, np.nan, 5.0)
    held = np.isfinite(worth)
    found = ranking(CHANCE, EVENT, part=part, value=worth)
    assert found.value_lift[0] == pytest.approx(gains(CHANCE[held], EVENT[held]).lift(0.1))
    assert ranking(CHANCE, EVENT, part=part, value=np.zeros(750)).value_lift is None
    with pytest.raises(ValueError, match="two parts"):
        ranking(CHANCE, EVENT, part=np.zeros(750))
    with pytest.raises(ValueError, match="0 or more"):
        ranking(CHANCE, EVENT, part=part, value=np.full(750, -1.0))
    with pytest.raises(ValueError, match="nobody had the event"):
        ranking(CHANCE, np.zeros(750), part=part)


def test_calibration_is_statsmodels():
    import statsmodels.api as sm

    logit, y = np.log(CHANCE / (1 - CHANCE)), EVENT.astype(float)
    design = sm.add_constant(logit)
    for part in (None, I % 30):
        errors = (
            {}
            if part is None
            else {"cov_type": "cluster", "cov_kwds": {"groups": part, "use_correction": False}}
        )
        slope = sm.GLM(y, design, family=sm.families.Binomial()).fit(**errors)
        large = sm.GLM(y, np.ones((750, 1)), family=sm.families.Binomial(), offset=logit).fit(**errors)
        found, correction = (
            calibration_of(CHANCE, EVENT, part=part),
            1.0 if part is None else np.sqrt(30 / 29),
        )
        assert found.slope == pytest.approx((slope.params[1], slope.bse[1] * correction), rel=1e-6)
        assert found.intercept == pytest.approx((large.params[0], large.bse[0] * correction), rel=1e-6)


def test_calibration_of_chances_far_out_and_of_none():
    rng = np.random.default_rng(2)
    left = rng.random(400) < 0.1
    far = np.where(left, 0.3, 1e-14) * np.exp(rng.normal(size=400))  # quasi-complete: all but a few are sure
    far[:5] = 0.2
    assert np.isfinite(calibration_of(np.clip(far, 1e-15, 0.9), left).slope[0])
    with pytest.raises(ValueError, match="divides"):
        calibration_of(np.where(left, 0.6, 0.1), left)
    with pytest.raises(ValueError, match="all chances are the same"):
        calibration_of(np.full(400, 0.1), left)


def test_calibration_of_repeated_rows_is_no_surer():
    once = calibration_of(CHANCE, EVENT)
    clustered = calibration_of(np.tile(CHANCE, 4), np.tile(EVENT, 4), part=np.tile(I, 4))
    naive = calibration_of(np.tile(CHANCE, 4), np.tile(EVENT, 4))
    assert naive.slope[1] == pytest.approx(once.slope[1] / 2, rel=1e-6)
    alone = calibration_of(CHANCE, EVENT, part=I)
    for name in ("slope", "intercept"):
        assert getattr(clustered, name) == pytest.approx(getattr(alone, name), rel=0.002)


@pytest.mark.simulation
def test_limits_of_lift_and_precision_hold_the_truth():
    rng, runs, n = np.random.default_rng(3), 300, 1500

    def company(n):
        x = rng.normal(size=n)
        return x, rng.random(n) < 1 / (1 + np.exp(2.2 - x)), np.exp(0.3 * rng.normal(size=n) + 0.3 * x)

    x, left, worth = company(2_000_000)
    truth = (
        gains(x, left).lift(0.1),
        gains(x, left, value=worth).lift(0.1, of="value"),
        average_precision(x, left),
    )
    inside = np.zeros(3)
    for _ in range(runs):
        x, left, worth = company(n)
        found = ranking(x, left, part=np.arange(n) % 64, value=worth)
        for i, (_, low, high) in enumerate((found.lift, found.value_lift, found.average_precision)):
            inside[i] += low <= truth[i] <= high
    assert np.all(np.abs(inside / runs - 0.95) < 2.5 * np.sqrt(0.95 * 0.05 / runs)), inside / runs

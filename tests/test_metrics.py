"""Metrics as bounded means, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cxstats as cx


def test_nps_by_hand() -> None:
    # 20 detractors, 30 passives, 50 promoters: 50 − 20 = 30; variance of ±100 scores: 7000 − 900
    assert cx.NPS.value([20, 30, 50]) == 30
    assert cx.NPS.variance([20, 30, 50]) == pytest.approx(6100)
    assert cx.NPS.value([1, 2, 3, 4, 5, 3, 2, 10, 20, 30, 20]) == 30


def test_nps_bands_are_0_to_6_and_9_to_10() -> None:
    assert cx.NPS.values == (-100.0,) * 7 + (0.0, 0.0) + (100.0, 100.0)
    assert cx.NPS.groups == ("detractors", "passives", "promoters")


@pytest.mark.parametrize(
    ("points", "values"),
    [
        (2, (0, 100)),
        (3, (0, 0, 100)),
        (5, (0, 0, 0, 100, 100)),
        (7, (0,) * 5 + (100,) * 2),
        (10, (0,) * 8 + (100,) * 2),
    ],
)
def test_csat_is_the_top_box_share(points: int, values: tuple[float, ...]) -> None:
    assert cx.csat(points).values == values


def test_csat_takes_its_own_boxes_and_first_code() -> None:
    assert cx.csat(5, top=[5]).value([1, 1, 1, 1, 1]) == 20
    metric = cx.csat(3, lowest=0)  # as one vendor codes a three-point question: 0, 1, 2
    assert metric.scale == cx.Scale(0, 2)
    assert metric.value([1, 1, 2]) == 50


def test_ces_keeps_the_published_direction() -> None:
    assert cx.ces(7, high_is="easy").value([0, 0, 0, 0, 0, 0, 4]) == 7
    assert cx.ces(5, high_is="effort").value([3, 0, 0, 0, 1]) == 2
    with pytest.raises(TypeError):
        cx.ces(7)
    with pytest.raises(ValueError, match="what does a high answer mean"):
        cx.ces(7, high_is="good")


@pytest.mark.parametrize("wrong", [{"points": 4}, {"points": 5, "top": []}, {"points": 5, "top": [6]}])
def test_impossible_satisfaction_questions_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="csat"):
        cx.csat(**wrong)


def test_counts_leave_out_missing_answers_only() -> None:
    scores = pd.Series([10, 9, None, 0, pd.NA, 7], dtype="Int64")
    assert cx.NPS.counts(scores).tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1]
    assert cx.NPS.counts(x for x in (10.0, float("nan"))).sum() == 1
    assert cx.NPS.counts([]).tolist() == [0] * 11


@pytest.mark.parametrize("wrong", [11, -1, 3.5, "ten", True and "x"])
def test_a_score_off_the_scale_is_named(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"NPS scores must be whole numbers from 0 to 10.*position 1"):
        cx.NPS.counts([5, wrong, 7])


@pytest.mark.parametrize("wrong", [[1, 2], [1] * 12, [1, -2, 3], [1, float("nan"), 3], [[1, 2, 3]]])
def test_counts_of_another_shape_are_refused(wrong: list) -> None:
    with pytest.raises(ValueError, match="NPS"):
        cx.NPS.value(wrong)


def test_no_answers_have_no_value() -> None:
    assert np.isnan(cx.NPS.value([0, 0, 0]))
    assert np.isnan(cx.NPS.variance([0, 0, 0]))


@given(st.lists(st.integers(0, 500), min_size=11, max_size=11).filter(lambda c: sum(c) > 0))
def test_full_and_reduced_counts_agree_with_numpy(counts: list[int]) -> None:
    scores = np.repeat(np.arange(11), counts)
    worth = np.asarray(cx.NPS.values)[scores]
    assert cx.NPS.value(counts) == pytest.approx(worth.mean())
    assert cx.NPS.variance(counts) == pytest.approx(worth.var())
    assert cx.NPS.value(cx.NPS.reduce(counts)) == pytest.approx(cx.NPS.value(counts))
    assert cx.NPS.counts(scores).tolist() == counts


@given(st.lists(st.integers(0, 500), min_size=3, max_size=3).filter(lambda c: sum(c) > 0))
def test_reversing_the_answers_flips_the_sign(counts: list[int]) -> None:
    assert cx.NPS.value(counts[::-1]) == pytest.approx(-cx.NPS.value(counts))


def test_any_other_metric_is_one_line() -> None:
    european = cx.net_score(cx.Scale(0, 10), top=[8, 9, 10], bottom=range(6), key="nps_eu")
    assert european.distinct_values.tolist() == [-100, 0, 100]
    assert cx.mean_score(cx.Scale(0, 10)).value([0] * 10 + [3]) == 10
    with pytest.raises(ValueError, match="share none"):
        cx.net_score(cx.Scale(0, 10), top=[5, 6], bottom=[5])
    with pytest.raises(ValueError, match="from low to high"):
        cx.Scale(5, 5)

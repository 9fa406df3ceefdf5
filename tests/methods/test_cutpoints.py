"""Partitions of a scale, against mutual information computed otherwise, and error rates by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cxstats.methods.association import ScoreOutcome, association
from cxstats.methods.cutpoints import cutpoints, official_cuts, partitions
from cxstats.metrics import NPS, ces, csat

EVENTS = np.array([30, 8, 7, 9, 10, 40, 30, 45, 60, 35, 50])
N = np.array([90, 30, 35, 45, 60, 260, 250, 480, 1010, 900, 1840])


def outcome(events, n, low=0):
    events = np.asarray(events, dtype=float)
    return ScoreOutcome(low + np.arange(len(n)), events, np.asarray(n) - events)


def mutual_information(table):
    share = table / table.sum()
    return stats.entropy(share.ravel(), np.outer(share.sum(1), share.sum(0)).ravel())


def test_all_45_partitions_are_judged_by_mutual_information():
    found = cutpoints(outcome(EVENTS, N), NPS, replicates=50)
    assert len(found.table) == len(partitions(11, 2)) == 45
    table = np.stack([EVENTS, N - EVENTS])
    # twice the log-likelihood is 2n times the information, of which chance brings one for each rate beyond the first
    whole = 2 * N.sum() * mutual_information(table) - 10
    for _, row in found.table.iterrows():
        a, b = row["cuts"]
        grouped = np.stack(
            [table[:, : a + 1].sum(1), table[:, a + 1 : b + 1].sum(1), table[:, b + 1 :].sum(1)], axis=1
        )
        told = 2 * N.sum() * mutual_information(grouped) - 2
        assert row["information"] == pytest.approx(min(told / whole, 1), abs=1e-10)
    assert found.table["information"].is_monotonic_decreasing
    official = found.table.set_index("official").loc[True]
    assert official["cuts"] == (6, 8) == found.official
    assert found.information_lost[0] == pytest.approx(1 - official["information"])
    assert found.information_lost[1] < found.information_lost[0] < found.information_lost[2]
    assert found.table["chosen"].sum() == pytest.approx(1)


def test_other_scales():
    assert len(cutpoints(outcome([20, 15, 12, 9, 4], [50] * 5, 1), csat(5), replicates=20).table) == 4
    found = cutpoints(outcome([20, 15, 12, 9, 8, 6, 4], [50] * 7, 1), ces(7, high_is="easy"), replicates=20)
    assert found.official == (2, 5)
    assert len(found.table) == 15


@pytest.mark.parametrize("metric", [NPS, csat(5), ces(7, high_is="easy"), ces(5, high_is="effort")])
def test_cuts_are_of_the_groups_that_rates_and_curves_are_of(metric):
    from cxstats.studies.predictive_validity.evidence import _bands

    low, high = metric.scale.low, metric.scale.high
    starts, ends = (low, *(c + 1 for c in official_cuts(metric))), (*official_cuts(metric), high)
    spans = [f"{a} to {b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True)]
    curves = _bands(metric, pd.Series(metric.scale.categories))
    assert list(dict.fromkeys(curves)) == spans
    answers = np.array(metric.scale.categories)
    events = np.full(len(answers), 5.0)
    cells = pd.DataFrame({"x": [*answers, *answers], "y": [True] * len(answers) + [False] * len(answers)})
    effects = association(
        cells.assign(n=[*events, *(2 * answers + 20)]), metric, score="x", outcome="y"
    ).effects
    assert (effects.low_name, effects.high_name) == (spans[0], spans[-1])


def test_where_the_true_step_is_elsewhere_the_official_cuts_are_told():
    n = np.full(11, 400)
    rate = np.where(np.arange(11) <= 3, 0.4, np.where(np.arange(11) <= 5, 0.2, 0.05))
    found = cutpoints(outcome(np.rint(n * rate), n), NPS, replicates=500)
    assert found.best == (3, 5)
    assert found.agreement > 0.9
    assert found.p_official < 0.01
    assert found.p_better < 0.01
    assert found.p_association < 0.01


def test_cuts_that_forget_something_are_not_said_to_be_worse_than_others_that_do():
    rng, n = np.random.default_rng(4), 2 * N
    # falls in even steps, so that every way to cut forgets something; (6, 8) is as good as any
    rate = np.interp(np.arange(11), [0, 6, 7.5, 9.5, 10], [0.30, 0.25, 0.17, 0.06, 0.05])
    found = [cutpoints(outcome(rng.binomial(n, rate), n), NPS, replicates=200, seed=i) for i in range(60)]
    assert np.mean([f.p_official < 0.05 for f in found]) > 0.5
    assert np.mean([f.p_better < 0.05 for f in found]) <= 0.1
    at_its_best = np.where(np.arange(11) <= 6, 0.25, np.where(np.arange(11) <= 8, 0.12, 0.05))
    best = cutpoints(outcome(np.rint(n * at_its_best), n), NPS, replicates=200)
    assert best.p_better > 0.5


@pytest.mark.parametrize(
    ("events", "cuts", "word"),
    [
        ([1] * 11, None, "11 of 5,000 customers"),
        (EVENTS, (8, 6), "ascending"),
        (EVENTS, (8, 10), "0 to 9"),
        (EVENTS, (), "ascending"),
    ],
)
def test_bad_input(events, cuts, word):
    with pytest.raises(ValueError, match=word):
        cutpoints(outcome(events, N), NPS, cuts=cuts, replicates=10)


@pytest.mark.simulation
def test_p_values_keep_their_level():
    rng = np.random.default_rng(11)
    n = N // 4
    flat, stepped = (
        np.full(11, 0.1),
        np.where(np.arange(11) <= 6, 0.25, np.where(np.arange(11) <= 8, 0.12, 0.05)),
    )
    rejected = {"association": 0, "official": 0, "better": 0}
    runs = 400
    for i in range(runs):
        rejected["association"] += (
            cutpoints(outcome(rng.binomial(n, flat), n), NPS, replicates=199, seed=i).p_association <= 0.05
        )
        found = cutpoints(outcome(rng.binomial(n, stepped), n), NPS, replicates=199, seed=i)
        rejected["official"] += found.p_official <= 0.05
        rejected["better"] += found.p_better <= 0.05  # nothing keeps more than groups that keep all
    for what, number in rejected.items():
        assert stats.binomtest(number, runs, 0.05, alternative="greater").pvalue > 0.005, (what, number)


def test_groups_that_hold_all_there_is_are_not_said_to_forget():
    rng = np.random.default_rng(5)
    rate = np.where(np.arange(11) <= 6, 0.25, np.where(np.arange(11) <= 8, 0.12, 0.05))
    lost = [
        cutpoints(outcome(rng.binomial(N // 4, rate), N // 4), NPS, replicates=100, seed=i).information_lost
        for i in range(60)
    ]
    # without taking off what chance brings, the middle was 0.13, and no interval held 0
    assert np.median([value for value, _, _ in lost]) < 0.03
    assert np.mean([low <= 0 for _, low, _ in lost]) > 0.9


@pytest.mark.simulation
def test_interval_of_what_is_lost_holds_the_truth():
    rng, runs = np.random.default_rng(9), 300
    rate = 0.4 - 0.035 * np.arange(11)

    def information(rate):
        table = np.stack([N * rate, N * (1 - rate)])
        grouped = np.stack([table[:, :7].sum(1), table[:, 7:9].sum(1), table[:, 9:].sum(1)], axis=1)
        return 1 - mutual_information(grouped) / mutual_information(table)

    truth, inside = information(rate), 0
    for i in range(runs):
        _, low, high = cutpoints(
            outcome(rng.binomial(N // 2, rate), N // 2), NPS, replicates=300, seed=i
        ).information_lost
        inside += low <= truth <= high
    assert abs(inside / runs - 0.95) < 2.5 * np.sqrt(0.95 * 0.05 / runs), inside / runs

"""Counts of many companies: the same truth as the rows, a thousand times faster."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from cxstats.metrics import NPS
from cxstats.simulation import METRICS, Faults, Model, Response, company, company_counts, counts

MODEL = Model(repeat_share=0, change=4.0)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(counts).failed == 0


def test_expected_values_are_those_of_the_truth():
    truth = company(100, seed=1, repeat_share=0, change=4.0).truth
    for metric in METRICS:
        drawn = company_counts(MODEL, 1, 10, seed=1, metric=metric, by=("country", "wave"))
        assert len(drawn.groups) == 10
        for group, (country, wave) in enumerate(drawn.groups):
            true = truth.metric(metric, country=country, wave=wave)
            assert drawn.everyone[group] == pytest.approx(true.everyone, abs=1e-9)
            assert drawn.respondents[group] == pytest.approx(true.respondents, abs=1e-9)
        assert drawn.share.sum() == pytest.approx(1)


def test_the_mean_over_companies_is_the_expected_value():
    drawn = company_counts(MODEL, 4000, 5000, seed=2)
    values = np.array([[NPS.value(group) for group in company] for company in drawn.answers])
    error = values.std(axis=0, ddof=1) / np.sqrt(4000)
    assert (np.abs(values.mean(axis=0) - drawn.respondents) < 4 * error).all()
    # and it scatters as a mean of independent answers does
    n = drawn.answers.sum(axis=2).mean(axis=0)
    pooled = drawn.answers.sum(axis=0)
    expected = np.sqrt([NPS.variance(group) for group in pooled] / n)
    assert values.std(axis=0, ddof=1) == pytest.approx(expected, rel=0.05)


def test_rows_and_counts_have_one_distribution():
    made = company(60_000, seed=3, repeat_share=0, change=4.0, faults=Faults.none()).hidden
    drawn = company_counts(MODEL, 1, 60_000, seed=3, by=("tickets",))
    probability = drawn.answers[0] / drawn.invited[0][:, None]
    for group, (tickets,) in enumerate(drawn.groups):
        mine = made[made["tickets"] == tickets]
        seen = np.bincount(mine.loc[mine["answered"], "nps"], minlength=11) / len(mine)
        error = np.sqrt(2 * probability[group] * (1 - probability[group]) / len(mine))
        assert (np.abs(seen - probability[group]) < 4.5 * error + 1e-4).all()


def test_everybody_invited_is_counted_and_seeds_matter():
    one = company_counts(MODEL, 5, 1000, seed=1, by=())
    assert (one.invited == 1000).all()
    assert one.groups == ((),)
    assert (company_counts(MODEL, 5, 1000, seed=1, by=()).answers == one.answers).all()
    assert (company_counts(MODEL, 5, 1000, seed=2, by=()).answers != one.answers).any()


def test_a_null_company_has_equal_groups():
    null = Model(repeat_share=0, change=0, country_gaps=0, frame_effects=0, response=Response.at_random())
    drawn = company_counts(null, 1, 100, seed=1, by=("segment", "tenure"))
    assert np.ptp(drawn.everyone) < 1e-9 or null.scale_use.strength
    assert drawn.groups[0] == ("Standard", "Under 1 year")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": Model()}, "repeat_share"),
        ({"metric": "nsp"}, "metric must be one of nps, csat, ces"),
        ({"by": ("region",)}, "not 'region'"),
        ({"n_companies": 0}, "at least 1 company"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    call = {"model": MODEL, "n_companies": 1, "n_customers": 10} | arguments
    with pytest.raises(ValueError, match=message):
        company_counts(**call, seed=1)

"""The study on the demo company, whose truth is known, and its numbers made again by other means."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import cxstats as cx
from cxstats.findings import Verdict, judge


@pytest.fixture(scope="module", params=["nps", "csat", "ces"])
def study(request: pytest.FixtureRequest, demo_study) -> cx.SampleSizeStudy:
    return demo_study("sample_size", metric=request.param)


def _rows(demo: cx.Survey, metric: cx.Metric) -> pd.DataFrame:
    rows = demo.rows(["customer", "wave", "country", metric.key]).dropna(subset=[metric.key])
    worth = dict(zip(metric.scale.categories, metric.values, strict=True))
    return rows.assign(u=rows[metric.key].astype(int).map(worth))


def test_values_and_change_equal_a_clustered_regression_on_the_rows(
    study: cx.SampleSizeStudy, demo: cx.Survey
) -> None:
    numbers = study.numbers
    rows = _rows(demo, numbers.metric)
    design = pd.get_dummies(rows["wave"], dtype=float)
    fit = sm.OLS(rows["u"].astype(float), design).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(rows["customer"])[0], "use_correction": False}
    )
    before, now = (wave.label for wave in numbers.waves)
    assert numbers.total.value == pytest.approx(fit.params[now])
    assert numbers.change.difference == pytest.approx(fit.params[now] - fit.params[before])
    contrast = np.array([-1.0, 1.0])
    error = np.sqrt(contrast @ fit.cov_params().loc[[before, now], [before, now]].to_numpy() @ contrast)
    assert numbers.change.standard_error == pytest.approx(error, rel=1e-9)
    half = (numbers.change.high - numbers.change.low) / 2
    assert half == pytest.approx(1.959964 * error, rel=0.01)  # score limits are near Wald's at this n


def test_the_interval_of_the_change_holds_the_true_change(study: cx.SampleSizeStudy, demo: cx.Survey) -> None:
    truth = {
        value.wave: value.respondents
        for value in demo.truth.values
        if value.metric == study.numbers.metric.key and value.country is None and value.wave
    }
    before, now = (wave.label for wave in study.numbers.waves)
    assert study.numbers.change.low <= truth[now] - truth[before] <= study.numbers.change.high


def test_the_verdict_follows_its_own_rule(study: cx.SampleSizeStudy) -> None:
    finding, numbers = study.findings[0], study.numbers
    assert finding.verdict is judge(numbers.change.low, numbers.change.high, finding.margin)
    assert finding.verdict is Verdict.NEGLIGIBLE
    assert "rule out a change" in finding.answer
    assert study.answer.to_json()["verdict_words"] == "No difference that matters"


def test_a_margin_decides(demo: cx.Survey) -> None:
    strict = cx.sample_size(demo, metric="nps", margin=0.5).findings[0]
    assert strict.verdict is Verdict.INCONCLUSIVE
    assert re.search(r"about [\d,]+ answers a wave would settle", strict.answer)
    assert strict.needed


def test_groups_are_hand_counts(study: cx.SampleSizeStudy, demo: cx.Survey) -> None:
    numbers = study.numbers
    rows = _rows(demo, numbers.metric)
    rows = rows[rows["wave"] == numbers.waves[-1].label]
    table = next(t for t in numbers.groups if t.name == "country")
    by_hand = rows.groupby("country")["u"].agg(["mean", "size"])
    assert dict(zip(table.labels, table.n, strict=True)) == by_hand["size"].to_dict()
    for label, estimate in zip(table.labels, table.estimates, strict=True):
        assert estimate.value == pytest.approx(by_hand.loc[label, "mean"])
    values = [estimate.value for estimate in table.estimates]
    assert values == sorted(values, reverse=True)


def test_plans_reach_what_they_promise(study: cx.SampleSizeStudy) -> None:
    plans = {plan.key: plan for plan in study.numbers.plans}
    assert plans["state"].size.n < plans["detect"].size.n < plans["steady"].size.n
    for plan in plans.values():
        assert plan.size.n_low <= plan.size.n <= plan.size.n_high
        assert plan.invitations == pytest.approx(plan.size.n / study.numbers.response_rate, abs=1)


def test_every_section_has_its_figures_and_numbers(study: cx.SampleSizeStudy, drawn) -> None:
    for name in ("score", "coverage", "needs", "alarms", "ranks", "floor"):
        assert study.section(name).parts
    for key, figure in study.figures.items():
        data = drawn(study)[key]
        assert data["alt"], key
        assert data["wide"]["mime"] == data["narrow"]["mime"] == "image/svg+xml"
        assert data["table"]["rows"], key
        assert "Simulated data" in figure.source
        assert not data["missing_glyphs"]
    assert set(study.tables) == set(study.figures)
    with pytest.raises(KeyError, match="there are score"):
        study.section("scores")


def test_no_customer_reaches_a_page(study: cx.SampleSizeStudy, demo: cx.Survey, drawn) -> None:
    page = str(drawn(study))
    pseudonyms = demo.rows(["customer"])["customer"].head(200)
    assert not any(name in page for name in pseudonyms)


def test_the_same_seed_gives_the_same_page(demo: cx.Survey, demo_study, drawn) -> None:
    again = cx.sample_size(demo, metric="nps")
    assert drawn(demo_study("sample_size", metric="nps")) == drawn(again)


def test_a_dashboard_looked_at_daily_cries_wolf(study: cx.SampleSizeStudy) -> None:
    alarms = study.numbers.alarms
    assert alarms.fixed.share > 0.2
    assert alarms.sequence.high < 1 - study.numbers.settings.level + 0.01

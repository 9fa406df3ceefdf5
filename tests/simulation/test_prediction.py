"""True added value: against exact cases, scikit-free arithmetic and the demo's own customers."""

from __future__ import annotations

import numpy as np
import pytest

from cxstats.simulation import Model, Outcome, added_value, company
from cxstats.simulation.prediction import _auc, _fitted

N = 20_000


def test_auc_by_hand():
    # cases at 3 and 1, controls at 2 and 1: pairs 3>2, 3>1, 1<2, 1=1 -> (1 + 1 + 0 + 1/2) / 4
    score = np.array([3.0, 1.0, 2.0, 1.0])
    case = np.array([1.0, 1.0, 0.0, 0.0])
    assert _auc(score, case, 1 - case) == 0.625


def test_logistic_fit_equals_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 3))
    y = (rng.random(500) < 1 / (1 + np.exp(-x[:, 0] + 1))).astype(float)
    theirs = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit()
    # the ridge of 1e-8 per row moves the fit in the eighth digit
    assert _fitted(x, y, np.ones(500)) == pytest.approx(theirs.predict(which="linear"), abs=1e-6)


def test_nothing_to_predict_adds_nothing():
    none = added_value(Model(churn=Outcome(rate=0.1, behaviour=0)), n=N, among="everyone")
    assert none.behaviour == pytest.approx(0.5, abs=1e-6)
    assert max(map(abs, none.gain.values())) < 1e-6


def test_an_effect_through_behaviour_only_adds_nothing_beyond_it():
    only = added_value(Model(churn=Outcome(rate=0.1, behaviour=1)), n=N, among="everyone")
    assert only.behaviour > 0.7
    assert only.alone["nps"] > 0.56  # it predicts, because happy customers behave differently
    for gain in only.gain.values():
        assert abs(gain) < 1e-6


def test_what_carries_the_effect_adds_most():
    effort = added_value(Model(churn=Outcome(rate=0.1, effort=0.7)), n=N)
    assert effort.gain["ces"] > 2 * effort.gain["nps"] > 0
    satisfaction = added_value(Model(churn=Outcome(rate=0.1, satisfaction=-0.7)), n=N)
    assert satisfaction.gain["nps"] > satisfaction.gain["csat"] > satisfaction.gain["ces"] > 0
    for found in (effort, satisfaction):
        assert found.gain["all"] >= max(found.gain[name] for name in ("nps", "csat", "ces"))
    silence = added_value(Model(churn=Outcome(rate=0.1, silence=0.7)), n=N, among="everyone")
    assert silence.gain["answering"] > 0.02 > abs(silence.gain["ces"])


def test_the_demo_shows_effort_adding_and_recommendation_adding_too_little():
    found = added_value(Model(), n=40_000)
    margin = 0.02
    assert found.gain["ces"] - 4 * found.gain_error["ces"] > margin
    assert found.gain["nps"] + 4 * found.gain_error["nps"] < margin
    assert found.gain["csat"] + 4 * found.gain_error["csat"] < margin
    assert 0.5 < found.alone["csat"] < found.alone["nps"] < found.alone["ces"] < found.behaviour < 0.8


def test_a_score_alone_is_as_good_among_the_demos_own_customers():
    """AUC of the recommendation, from 200,000 other customers' answers and true probabilities."""
    found = added_value(Model(repeat_share=0), among="everyone", n=40_000)
    hidden = company(60_000, seed=77, repeat_share=0).hidden
    first = hidden[hidden["wave"] == hidden["wave"].cat.categories[0]]
    risk = first.groupby("nps")["churn"].transform("mean").to_numpy()
    p = first["churn"].to_numpy()
    assert _auc(risk, p, 1 - p) == pytest.approx(found.alone["nps"], abs=0.006)


def test_what_is_refused():
    with pytest.raises(ValueError, match="outcome must be"):
        added_value(Model(), "renewal")
    with pytest.raises(ValueError, match="among must be"):
        added_value(Model(), among="all")
    with pytest.raises(ValueError, match="at least 20,000"):
        added_value(Model(), n=100)


def test_the_notebook_view():
    html = added_value(Model(churn=Outcome(rate=0.1, behaviour=0)), n=N, among="everyone")._repr_html_()
    assert "ces adds" in html

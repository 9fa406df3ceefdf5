"""Outcome by score, against R (glm, prop.trend.test) and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cxstats.methods.association import _koopman, association, score_outcome, trend_statistic
from cxstats.metrics import NPS, ces, csat

# R 4.2: ev <- c(30,8,7,9,10,40,30,45,60,35,50); n <- c(90,30,35,45,60,260,250,480,1010,900,1840)
EVENTS = np.array([30, 8, 7, 9, 10, 40, 30, 45, 60, 35, 50])
N = np.array([90, 30, 35, 45, 60, 260, 250, 480, 1010, 900, 1840])


def cells_of(events, n, score="nps", low=0):
    answer = low + np.arange(len(n))
    return pd.DataFrame(
        {
            score: pd.array([*answer, *answer], dtype="Int64"),
            "left": pd.array([True] * len(n) + [False] * len(n), dtype="boolean"),
            "n": [*events, *(np.asarray(n) - events)],
        }
    )


@pytest.fixture(scope="module")
def found():
    return association(cells_of(EVENTS, N), NPS, score="nps", outcome="left")


def test_trend_is_r_s_prop_trend_test(found):
    # sqrt(prop.trend.test(ev, n, score = 0:10)$statistic)
    assert found.trend_z == pytest.approx(-16.075029685883, abs=1e-10)
    assert found.direction == -1
    three = score_outcome(cells_of(np.array([5, 10, 20]), [50] * 3), NPS, score="nps", outcome="left")
    assert trend_statistic(three) == pytest.approx(3.546496828076, abs=1e-10)


def test_the_line_is_r_s_glm(found):
    # f <- glm(cbind(ev, n - ev) ~ I(0:10), family = binomial)
    odds, low, high = np.log(found.effects.odds_ratio)
    assert odds == pytest.approx(-0.29292737441244, abs=1e-8)
    assert (high - low) / 2 / stats.norm.ppf(0.975) == pytest.approx(0.019999471349797, abs=1e-8)


def test_forms_are_r_s_likelihoods(found):
    forms = found.forms.set_index("form")
    assert forms.loc["line", "log_likelihood"] == pytest.approx(-1104.4006119153, abs=1e-7)
    assert forms.loc["groups", "log_likelihood"] == pytest.approx(-1114.5120554131, abs=1e-7)
    assert forms.loc["one rate per answer", "log_likelihood"] == pytest.approx(-1099.576318637, abs=1e-7)
    # anova(f, s, test = "LRT"), anova(h, s, test = "LRT")
    assert forms.loc["line", "lack_of_fit_p"] == pytest.approx(0.37968, abs=5e-6)
    assert forms.loc["groups", "lack_of_fit_p"] == pytest.approx(0.00022273, abs=5e-9)
    assert forms.loc["spline", "log_likelihood"] >= forms.loc["line", "log_likelihood"]


def test_asymmetry_is_r_s_glm_with_three_groups(found):
    # h <- glm(cbind(ev, n - ev) ~ g), levels passives, detractors, promoters; sum(b)/sqrt(sum(V))
    assert found.asymmetry.low == pytest.approx((1.02213630507473, 0.13885547520968), abs=1e-7)
    assert found.asymmetry.high == pytest.approx((-0.86205360872181, 0.14962347605363), abs=1e-7)
    assert found.asymmetry.symmetric_p == pytest.approx(2 * stats.norm.sf(0.64208122754212), abs=1e-8)
    assert found.asymmetry.high_p == pytest.approx(8.3376427848935e-09, rel=1e-5)


def test_marginal_effect_is_statsmodels_on_the_customers():
    import statsmodels.api as sm

    events, n = EVENTS // 3, N // 3
    x = np.repeat(np.r_[0:11, 0:11], np.r_[events, n - events])
    y = np.repeat([1.0, 0.0], [events.sum(), (n - events).sum()])
    expected = sm.Logit(y, sm.add_constant(x.astype(float))).fit(disp=0).get_margeff().summary_frame()
    mine = association(cells_of(events, n), NPS, score="nps", outcome="left").effects.marginal_effect
    assert mine[0] / 100 == pytest.approx(expected["dy/dx"].iloc[0], abs=1e-7)
    assert mine[1] / 100 == pytest.approx(expected["Conf. Int. Low"].iloc[0], abs=1e-6)


def test_rates_have_wilson_limits_and_isotonic_rates_only_fall(found):
    first = found.table.iloc[0]
    wilson = stats.binomtest(30, 90).proportion_ci(method="wilson")
    assert (first["low"], first["high"]) == pytest.approx((wilson.low, wilson.high))
    assert np.all(np.diff(found.table["isotonic"]) <= 1e-12)
    # what is pooled keeps its events
    assert found.table["n"] @ found.table["isotonic"] == pytest.approx(EVENTS.sum())
    assert found.out_of_order == 0
    bumpy = EVENTS.copy()
    bumpy[[7, 8]] = 15, 100  # 3 % at 7, 10 % at 8: the two become one rate
    pooled = association(cells_of(bumpy, N), NPS, score="nps", outcome="left")
    assert np.all(np.diff(pooled.table["isotonic"]) <= 1e-12)
    assert pooled.out_of_order == N[[7, 8]].sum()
    assert pooled.table["isotonic"].iloc[7] == pytest.approx(115 / 1490)


def test_groups_of_a_mean_are_its_two_lowest_and_two_highest():
    events, n = np.array([9, 8, 7, 6, 5, 4, 3]), np.array([30] * 7)
    found = association(cells_of(events, n, "ces", 1), ces(7, high_is="easy"), score="ces", outcome="left")
    assert (found.effects.low_name, found.effects.high_name) == ("1 to 2", "6 to 7")
    assert found.effects.low_rate == pytest.approx(17 / 60)
    assert found.effects.risk_ratio[0] == pytest.approx(17 / 7)


def test_a_share_has_two_groups_and_no_asymmetry():
    found = association(
        cells_of(np.array([5, 5, 5, 5, 5]), [20, 20, 30, 40, 50], "csat", 1),
        csat(5),
        score="csat",
        outcome="left",
    )
    assert found.asymmetry is None
    assert found.effects.high_name == "4 to 5"


def test_a_score_that_tells_the_outcome_gives_no_coefficient():
    events = np.where(np.arange(11) < 4, N, 0)
    found = association(cells_of(events, N), NPS, score="nps", outcome="left")
    assert "divides" in found.separated
    assert found.effects.odds_ratio is None
    assert found.effects.marginal_effect is None
    assert "line" not in set(found.forms["form"])
    assert found.asymmetry.corrected  # promoters and passives have no event at all


def test_a_line_through_two_answers_is_their_log_odds_ratio():
    n = np.zeros(11, dtype=int)
    n[[2, 9]] = 100, 900
    events = np.where(n == 100, 30, np.where(n == 900, 60, 0))
    found = association(cells_of(events, n), NPS, score="nps", outcome="left")
    slope = (np.log(60 / 840) - np.log(30 / 70)) / 7
    assert found.effects.odds_ratio[0] == pytest.approx(np.exp(slope), rel=1e-6)


def test_events_at_the_top_of_the_scale_only():
    events = np.array([0] * 9 + [5, 10])
    found = association(cells_of(events, [20] * 11), NPS, score="nps", outcome="left")
    assert not found.separated
    assert np.all(np.isfinite(found.forms["log_likelihood"]))
    # no form beats one rate per answer
    assert found.forms["log_likelihood"].max() <= found.forms["log_likelihood"].iloc[-1] + 1e-9
    assert found.effects.odds_ratio[0] > 1


def test_half_a_customer_is_added_to_an_empty_cell():
    events = np.array([3, 0, 0, 0, 0, 2, 1, 0, 0, 1, 3])
    found = association(cells_of(events, N), NPS, score="nps", outcome="left")
    assert found.asymmetry.corrected
    assert np.isfinite([*found.asymmetry.low, *found.asymmetry.high]).all()


@pytest.mark.parametrize(("events", "word"), [(np.zeros(11, int), "nobody"), (N, "everybody")])
def test_a_constant_outcome_is_refused(events, word):
    with pytest.raises(ValueError, match=f"{word} among 5,000 customers"):
        association(cells_of(events, N), NPS, score="nps", outcome="left")


def test_missing_answers_do_not_count():
    cells = cells_of(EVENTS, N)
    more = pd.DataFrame(
        {
            "nps": pd.array([None, 3], dtype="Int64"),
            "left": pd.array([True, None], dtype="boolean"),
            "n": [50, 60],
        }
    )
    both = association(pd.concat([cells, more]), NPS, score="nps", outcome="left")
    assert both.n == N.sum()
    nothing = more.assign(left=pd.array([None, None], dtype="boolean"))
    with pytest.raises(ValueError, match="no customer has both"):
        association(nothing, NPS, score="nps", outcome="left")


@pytest.mark.simulation
def test_the_asymmetry_test_keeps_its_level():
    rng = np.random.default_rng(5)
    shares, odds = np.array([0.2, 0.3, 0.5]), np.array([-1.5, -2.0, -2.5])  # as far up as down
    rate = 1 / (1 + np.exp(-odds))
    rejected = 0
    for _ in range(800):
        n = rng.multinomial(3000, shares)
        events = rng.binomial(n, rate)
        of = np.zeros(11, int), np.zeros(11, int)
        of[0][[3, 8, 10]], of[1][[3, 8, 10]] = events, n
        found = association(cells_of(*of), NPS, score="nps", outcome="left")
        rejected += found.asymmetry.symmetric_p < 0.05
    assert stats.binomtest(rejected, 800, 0.05).pvalue > 0.001


@pytest.mark.parametrize(
    "table",
    [(30, 100, 10, 90), (5, 50, 3, 400), (75, 210, 30, 60), (0, 40, 5, 60), (5, 40, 0, 60), (1, 10, 1, 1000)],
)
def test_ratio_limits_are_statsmodels_where_those_are_real(table):
    from statsmodels.stats.proportion import confint_proportions_2indep

    found = _koopman(*table, 0.95)
    with np.errstate(divide="ignore"):
        expected = confint_proportions_2indep(*table, compare="ratio", method="score", correction=False)
    assert found == pytest.approx(expected, rel=1e-9)


def test_ratio_limits_where_everybody_of_a_group_had_the_event():
    # one rate is 1 at every ratio in the interval: the limits are Wilson's for the other
    from statsmodels.stats.proportion import proportion_confint

    wilson = proportion_confint(75, 210, method="wilson")
    assert _koopman(75, 210, 60, 60, 0.95) == pytest.approx(wilson, rel=0.002)
    low, high = _koopman(60, 60, 75, 210, 0.95)
    assert (1 / high, 1 / low) == pytest.approx(_koopman(75, 210, 60, 60, 0.95), rel=1e-9)
    z = 1.959963984540054**2
    assert _koopman(60, 60, 50, 50, 0.95) == pytest.approx((60 / (60 + z), (50 + z) / 50), rel=1e-7)


@pytest.mark.filterwarnings("error")
def test_two_answers_and_curves_without_end_need_no_silence():
    two = pd.DataFrame({"csat": [1, 1, 5, 5], "left": [True, False] * 2, "n": [30, 70, 10, 90]})
    found = association(two, csat(5), score="csat", outcome="left")
    # the odds ratio of the two by two table, over four steps, and Woolf's error
    step, error = np.log(30 * 90 / (70 * 10)) / 4, np.sqrt(1 / 30 + 1 / 70 + 1 / 10 + 1 / 90) / 4
    assert np.log(found.effects.odds_ratio) == pytest.approx(
        [-step, -step - 1.959964 * error, -step + 1.959964 * error], abs=1e-6
    )
    # who is at either end left, who is between stayed, and only of those at 2 both: a curve is steep without end
    answers, n = np.arange(11), np.full(11, 30)
    events = np.where((answers < 2) | (answers > 7), 30, np.where(answers == 2, 15, 0))
    cells = pd.DataFrame(
        {"nps": np.tile(answers, 2), "left": np.repeat([True, False], 11), "n": np.r_[events, n - events]}
    )
    found = association(cells, NPS, score="nps", outcome="left")
    assert np.isfinite(found.forms["log_likelihood"]).all()
    whole = found.forms.set_index("form")["log_likelihood"]
    assert whole.max() == pytest.approx(whole["one rate per answer"])

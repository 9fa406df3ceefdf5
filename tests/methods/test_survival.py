"""Time to event, against R's survival package (3.5-3) on a made-up table, and from known truth.

R: d <- the table below; coxph(Surv(day, event) ~ score + other, d, ties = "efron") and so on, the call beside each value.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxstats.methods.survival import (
    complementary_log_log,
    concordance_index,
    cox,
    cumulative_incidence,
    dynamic_auc,
    survival_curves,
)


@pytest.fixture(scope="module")
def rows():
    i = np.arange(400)
    score = (i * 7) % 11
    u = ((i * 37) % 401 + 0.5) / 401
    day = np.ceil(-np.log(u) * 150 * np.exp(0.12 * (score - 5))).astype(int)
    end = 60 + (i * 53) % 140
    event = day <= end
    return pd.DataFrame(
        {
            "score": score,
            "day": np.minimum(day, end),
            "event": event,
            "group": np.where(score <= 6, "low", "high"),
            "other": ((i * 29) % 17) / 17,
            "cause": np.where(event, np.where((i * 11) % 3 == 0, "price", "service"), None),
            "part": (i * 13) % 64,
        }
    )


def test_kaplan_meier_is_r_s_survfit(rows):
    # summary(survfit(Surv(day, event) ~ group, d, conf.type = "log-log"), times = c(30, 90, 150))
    found = survival_curves(rows, day="day", event="event", group="group")
    expected = {
        ("high", 30): (0.8835616438, 0.8193899186, 0.9259503908),
        ("high", 150): (0.5107757892, 0.4059506030, 0.6061363121),
        ("low", 90): (0.4685761655, 0.4046722341, 0.5298304063),
    }
    for (group, day), values in expected.items():
        assert found.at(day).loc[group, ["survival", "low", "high"]].tolist() == pytest.approx(
            values, abs=1e-9
        )
    # survdiff(Surv(day, event) ~ group, d)$chisq
    assert found.log_rank[0] == pytest.approx(24.551071019931, abs=1e-8)
    assert found.log_rank[1] == 1


def test_curves_from_counts_are_those_from_rows(rows):
    cells = rows.groupby(["group", "day", "event"], as_index=False).size().rename(columns={"size": "n"})
    by_rows = survival_curves(rows, day="day", event="event", group="group")
    by_cells = survival_curves(cells, day="day", event="event", group="group")
    pd.testing.assert_frame_equal(by_cells.table, by_rows.table)
    assert by_cells.log_rank == pytest.approx(by_rows.log_rank)


def test_cox_is_r_s_coxph(rows):
    # coxph(Surv(day, event) ~ score + other, d, ties = "efron")
    found = cox(rows, day="day", event="event", columns=["score", "other"])
    assert found.table["coefficient"].tolist() == pytest.approx(
        [-0.078918251484339, 0.209053667567962], abs=1e-6
    )
    assert found.table["standard_error"].tolist() == pytest.approx(
        [0.02063639836603, 0.23316114440032], abs=1e-6
    )
    assert found.log_likelihood == pytest.approx(-1221.0320867302, abs=1e-6)
    assert found.concordance == pytest.approx(5.7826668266511e-01, abs=1e-9)
    # cox.zph(c, transform = "rank", terms = FALSE)
    assert found.table["proportional_p"].tolist() == pytest.approx([0.74252, 0.53764], abs=1e-3)


def test_concordance_of_pairs_counted_one_by_one():
    rng = np.random.default_rng(2)
    for _ in range(20):
        day, event, hazard = (
            rng.integers(1, 8, 25),
            rng.random(25) < 0.6,
            rng.integers(0, 4, 25).astype(float),
        )
        good = pairs = 0.0
        for i in range(25):
            for j in range(25):
                if event[i] and (day[j] > day[i] or (day[j] == day[i] and not event[j])):
                    pairs += 1
                    good += 1.0 if hazard[i] > hazard[j] else 0.5 if hazard[i] == hazard[j] else 0.0
        assert concordance_index(day, event, hazard) == pytest.approx(good / pairs)


def test_incidence_is_r_s_aalen_johansen(rows):
    # survfit(Surv(day, factor(cause, 0:2)) ~ group, d), pstate at 30, 90, 150
    found = cumulative_incidence(rows, day="day", cause="cause", group="group")
    assert found.at(90).loc[("high", "price"), "incidence"] == pytest.approx(0.083490901900330, abs=1e-10)
    assert found.at(150).loc[("low", "service"), "incidence"] == pytest.approx(0.479480830666313, abs=1e-10)
    both = found.at(150).loc["low", "incidence"].sum()
    assert both == pytest.approx(1 - 0.27580114284394)


def test_error_and_limits_of_incidence_are_r_s(rows):
    # summary(survfit(Surv(day, factor(cause, 0:2)) ~ group, d, conf.type = "log-log"), times = c(30, 90, 150)):
    # pstate, std.err, lower, upper (survival 3.5-3, infinitesimal jackknife; price is state 1)
    found = cumulative_incidence(rows, day="day", cause="cause", group="group")
    expected = {
        ("high", "price", 30): (0.03424657534247, 0.01505099719533, 0.01283618786704, 0.07324483273207),
        ("high", "service", 90): (0.18485242168286, 0.03292562982513, 0.12542821335642, 0.2533905720696),
        ("low", "price", 90): (0.17221326220768, 0.02395685464176, 0.12822845215711, 0.22169597026695),
        ("low", "service", 150): (0.47948083066631, 0.03605433872162, 0.40728433307829, 0.5479848246266),
    }
    for (group, cause, day), values in expected.items():
        row = found.at(day).loc[(group, cause), ["incidence", "standard_error", "low", "high"]]
        assert row.tolist() == pytest.approx(values, abs=1e-10)


def test_incidence_of_one_cause_has_greenwood_s_error(rows):
    alone = rows.assign(cause=np.where(rows["event"], "left", None))
    found = cumulative_incidence(alone, day="day", cause="cause", group="group").at(90).loc[("low", "left")]
    # summary(survfit(Surv(day, event) ~ group, d), times = 90)$std.err
    assert found["standard_error"] == pytest.approx(0.03204550771154, abs=1e-10)


def test_incidence_from_counts_is_that_from_rows(rows):
    keys = ["group", "day", "cause"]
    cells = rows.groupby(keys, as_index=False, dropna=False).size().rename(columns={"size": "n"})
    by_rows, by_cells = (
        cumulative_incidence(t, day="day", cause="cause", group="group").table for t in (rows, cells)
    )
    pd.testing.assert_frame_equal(by_cells, by_rows)


@pytest.mark.simulation
def test_limits_of_incidence_hold_the_truth():
    # two exponential causes, uniform end of watching: F₁(t) = λ₁/λ·(1 − e^(−λt))
    rng, first, second, at = np.random.default_rng(8), 1 / 120, 1 / 60, 40
    truth = first / (first + second) * (1 - np.exp(-(first + second) * at))
    runs, n, inside = 600, 200, 0
    for _ in range(runs):
        when, by = rng.exponential(1 / (first + second), n), rng.random(n) < first / (first + second)
        end = rng.uniform(20, 120, n)
        rows = pd.DataFrame(
            {
                "day": np.minimum(when, end),
                "cause": np.where(when <= end, np.where(by, "a", "b"), None),
                "g": 1,
            }
        )
        row = cumulative_incidence(rows, day="day", cause="cause", group="g").at(at).loc[(1, "a")]
        inside += row["low"] <= truth <= row["high"]
    assert abs(inside / runs - 0.95) < 2.5 * np.sqrt(0.95 * 0.05 / runs)


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "stays"), [(15, 0.98), (30, 0.95), (100, 0.99)])
def test_limits_of_a_group_that_may_have_no_event_hold_the_truth(n: int, stays: float) -> None:
    # beside 200 others; watched for 60 to 180 days of which 90 count
    rng, runs, held = np.random.default_rng(9), 400, 0
    for _ in range(runs):
        when = np.r_[rng.exponential(-90 / np.log(stays), n), rng.exponential(300, 200)]
        end = np.minimum(rng.uniform(60, 180, n + 200), 90)
        rows = pd.DataFrame(
            {"day": np.minimum(when, end), "event": when <= end, "g": np.arange(n + 200) >= n}
        )
        found = survival_curves(rows, day="day", event="event", group="g")
        last = found.table["day"].max()
        row = found.at(last).loc[False]
        held += row["low"] <= stays ** (last / 90) <= row["high"]
    assert held / runs > 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / runs)


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "effect"), [(1500, 0.0), (1500, 0.5), (400, 0.5)])
def test_limits_of_the_early_warning_hold_the_truth(n: int, effect: float) -> None:
    rng, leads, runs = np.random.default_rng(10), [0, 30, 60], 300

    def customers(size: int) -> tuple[np.ndarray, np.ndarray]:
        liking = rng.normal(size=size)
        answer = np.clip(np.rint(7 + 1.6 * liking + 1.2 * rng.normal(size=size)), 0, 10)
        return answer, rng.exponential(400 / np.exp(-effect * liking))

    answer, when = customers(2_000_000)
    truth = []
    for lead in leads:
        later, never = (
            np.bincount(answer[who].astype(int), minlength=11) / who.sum()
            for who in ((when > lead) & (when <= 90), when > 90)
        )
        truth.append(later @ (np.cumsum(never[::-1])[::-1] - never / 2))
    held = np.zeros(len(leads))
    for _ in range(runs):
        answer, when = customers(n)
        rows = {"day": np.minimum(when, 90), "event": when <= 90, "score": answer, "part": np.arange(n) % 64}
        found = dynamic_auc(pd.DataFrame(rows), day="day", event="event", score="score", days=leads)
        held += ((found["warning_low"] <= truth) & (truth <= found["warning_high"])).to_numpy()
    assert np.all(abs(held / runs - 0.95) < 3 * np.sqrt(0.95 * 0.05 / runs)), held / runs


def test_grouped_time_is_r_s_cloglog(rows):
    # glm(had ~ factor(at) + score - 1, binomial("cloglog")) on one row per customer and month at risk
    cells = rows.assign(month=(rows["day"] - 1) // 30)
    ratio, low, high = complementary_log_log(cells, period="month", event="event", score="score")
    assert np.log(ratio) == pytest.approx(-0.082587800069344, abs=1e-6)
    assert (np.log(high) - np.log(low)) / 2 / 1.959963985 == pytest.approx(0.020824348937121, abs=1e-5)


def test_auc_by_a_day_without_censoring_is_the_plain_auc():
    from scipy import stats

    rng = np.random.default_rng(1)
    score = rng.integers(0, 11, 300)
    day = np.ceil(rng.exponential(50, 300) * np.exp(0.1 * score)).astype(int)
    rows = pd.DataFrame({"score": score, "day": day, "event": True})
    found = dynamic_auc(rows, day="day", event="event", score="score", days=[40], part=None).iloc[0]
    left = score[day <= 40], score[day > 40]
    plain = stats.mannwhitneyu(left[1], left[0]).statistic / (len(left[0]) * len(left[1]))
    assert found["auc"] == pytest.approx(plain)
    assert found["cases"] == len(left[0])


def test_censoring_weights_recover_what_full_observation_shows():
    rng = np.random.default_rng(4)
    n = 60_000
    score = rng.integers(0, 11, n)
    day = np.ceil(rng.exponential(100, n) * np.exp(0.25 * (score - 5))).astype(int)
    end = np.ceil(rng.exponential(90, n)).astype(int)
    full = pd.DataFrame({"score": score, "day": day, "event": True})
    seen = pd.DataFrame({"score": score, "day": np.minimum(day, end), "event": day <= end})
    truth = dynamic_auc(full, day="day", event="event", score="score", days=[30, 120], part=None)
    found = dynamic_auc(seen, day="day", event="event", score="score", days=[30, 120], part=None)
    assert found["auc"].tolist() == pytest.approx(truth["auc"].tolist(), abs=0.01)


def test_interval_of_the_auc_by_a_day(rows):
    found = dynamic_auc(rows, day="day", event="event", score="score", days=[30, 90])
    assert (found["low"] < found["auc"]).all()
    assert (found["auc"] < found["high"]).all()
    assert found["high"].max() - found["low"].min() < 0.4
    assert found["warning_auc"].between(0.3, 0.9).all()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"day": -3}, "negative in 400 rows"),
        ({"event": False}, "0 customers had the event"),
        ({"score": 5}, "same for every customer"),
    ],
)
def test_bad_input(rows, change, word):
    with pytest.raises(ValueError, match=word):
        cox(rows.assign(**change), day="day", event="event", columns=["score"])
    with pytest.raises(ValueError, match="no column 'days'"):
        survival_curves(rows, day="days", event="event", group="group")

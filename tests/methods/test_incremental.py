"""What a score adds: against refits from scratch, and from known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from cxstats.methods import part_fits, splits
from cxstats.methods.incremental import nested_test, race, temporal_race
from cxstats.methods.part_fits import Rows, ends_of, fit_penalties, fit_together, logistic_fit
from cxstats.methods.predictors import number_block, predictor_block, restricted_cubic_spline
from cxstats.methods.splits import concordance, judge_splits, pairs_of_rules, part_splits

CUTS = [-1.8, -1.5, -1.2, -1.0, -0.8, -0.6, -0.3, 0.0, 0.5, 1.0]


def drawn(n, strength, *, seed=1, rate=0.15, correlation=0.4):
    """Customers whose behaviour x and satisfaction t both make them leave; the score is t, coarsely and with error."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    t = correlation * x + np.sqrt(1 - correlation**2) * rng.normal(size=n)
    chance = expit(np.log(rate / (1 - rate)) - 0.8 * x - strength * t)
    return pd.DataFrame(
        {
            "x": x,
            "nps": np.searchsorted(CUTS, t + 0.5 * rng.normal(size=n)),
            "other": rng.integers(1, 6, n),
            "kind": rng.choice(list("abc"), n),
            "left": rng.random(n) < chance,
            "part": rng.integers(0, 64, n),
            "chance": chance,
        }
    )


@pytest.fixture(scope="module")
def rows():
    return drawn(4000, 0.5)


@pytest.fixture(scope="module")
def found(rows):
    return race(rows, scores=["nps", "other"], outcome="left", known=["x", "kind"], resamples=50)


def test_concordance_is_mann_whitney(rows):
    case = rows["left"].to_numpy()
    score = rows["nps"].to_numpy(float)
    pairs = concordance(-score[:, None], case, np.ones((len(rows), 1)))[0]
    u = stats.mannwhitneyu(-score[case], -score[~case]).statistic
    assert pairs.tolist() == pytest.approx([u, case.sum() * (~case).sum()])
    doubled = concordance(-score[:, None], case, np.full((len(rows), 1), 2.0))[0]
    assert doubled == pytest.approx(4 * pairs)


def test_the_fit_is_statsmodels(rows):
    import statsmodels.api as sm

    design = np.column_stack([np.ones(len(rows)), predictor_block(rows, ["x", "kind"], "known").columns])
    mine = logistic_fit(design, rows["left"].to_numpy(float), np.ones(len(rows)), penalty=1e-10)
    theirs = sm.GLM(rows["left"].astype(float), design, family=sm.families.Binomial()).fit()
    np.testing.assert_allclose(mine, theirs.params, atol=1e-6)


def test_one_newton_step_is_a_refit_without_the_part(rows):
    design = np.column_stack([np.ones(len(rows)), predictor_block(rows, ["x", "nps", "kind"], "all").columns])
    event, part = rows["left"].to_numpy(float), rows["part"].to_numpy()
    (fit,) = fit_penalties(Rows.by_part(design, event, np.ones(len(rows)), part, 64))
    steps = fit.without(np.arange(64))
    for j in (0, 17, 63):
        keep = part != j
        refit = logistic_fit(design[keep], event[keep], np.ones(keep.sum()))
        # what is predicted moves as far; columns of a spline share what they move among themselves
        left = np.linalg.norm(design @ (steps[j] - refit))
        assert left < 0.05 * np.linalg.norm(design @ (refit - fit.beta))
    # and a resample of parts, which is further away
    times = np.random.default_rng(0).multinomial(64, np.full(64, 1 / 64))
    refit = logistic_fit(design, event, times[part].astype(float))
    left = np.linalg.norm(design @ (fit.resampled(times[None])[0] - refit))
    assert left < 0.25 * np.linalg.norm(design @ (refit - fit.beta))


def test_the_jackknife_is_the_whole_procedure_without_each_part(rows):
    few = rows[rows["part"] < 8].assign(part=lambda r: r["part"])
    design = np.column_stack([np.ones(len(few)), predictor_block(few, ["x", "nps"], "all").columns])
    event, part, one = few["left"].to_numpy(float), few["part"].to_numpy(), np.ones(len(few))

    def judged(keep):
        given = Rows.by_part(design[keep], event[keep], one[keep], part[keep], 8)
        return judge_splits(given, part_splits(given.part, 4))

    again = [judged(part != j).auc for j in range(8)]
    # leaving out an eighth is a long step; the spread, which the error is made of, is that of refits
    replicates = judged(part < 8).replicates
    np.testing.assert_allclose(replicates, again, atol=0.0015)
    assert np.std(replicates) == pytest.approx(np.std(again), rel=0.05)


def test_fits_made_together_are_those_made_one_by_one(rows):
    # what is left out has weight 0, so that all fits are of the same rows
    design = np.column_stack([np.ones(len(rows)), predictor_block(rows, ["x", "nps", "kind"], "all").columns])
    event, part = rows["left"].to_numpy(float), rows["part"].to_numpy()
    given = Rows.by_part(design, event, np.ones(len(rows)), part, 64)
    trains = np.array([given.part % 4 != k for k in range(4)])
    whole = fit_penalties(given, few_events=True)
    near = fit_together(given, 1.0 * trains, few_events=True, starts=whole,
                        trained=np.array([np.arange(64) % 4 != k for k in range(4)]))  # fmt: skip
    far = fit_together(given, 1.0 * trains, few_events=True)
    for train, here, there in zip(trains, near, far, strict=True):
        for fit, other in zip(here, there, strict=True):
            alone = logistic_fit(
                given.columns.T[train], given.event[train], np.ones(train.sum()), penalty=fit.penalty
            )
            np.testing.assert_allclose(fit.beta, alone, atol=1e-7)
            np.testing.assert_allclose(other.beta, alone, atol=1e-7)
            # at the maximum the scores of the parts and the pull of the penalty cancel
            pull = fit.penalty * np.r_[0, fit.beta[1:]]
            np.testing.assert_allclose(fit.gradient.sum(axis=0), pull, atol=1e-4)
    chance = expit(near[0][0].beta @ given.columns)
    mass = chance * (1 - chance) * trains[0] * (given.part == 9)
    np.testing.assert_allclose(near[0][0].information[9], (given.columns * mass) @ given.columns.T, atol=1e-8)


def test_a_start_far_off_is_found_to_be_worse_than_none():
    # log-odds below −700 once counted as better than certainty, and no way led back from there
    rng = np.random.default_rng(2)
    columns = np.vstack([np.ones(300), rng.normal(size=(2, 300))])
    event = (rng.random(300) < expit(columns[1] - 2)).astype(float)
    rows, weight, ridge = (
        Rows(columns, event, np.ones(300), np.array([0, 150, 300])),
        np.ones((2, 300)),
        np.zeros((2, 3)),
    )
    ridge[:, 1:] = 1e-4
    start = np.array([[-4000.0, 900.0, -700.0], [0.0, 0.0, 0.0]])
    far, near = part_fits._maximum(rows, weight, ridge, start)
    np.testing.assert_allclose(far, near, atol=1e-8)
    assert (rows.sums(start, weight, information=False)[0] >= 0).all()


@pytest.mark.parametrize("digits", [0, 1, 6])
def test_pairs_of_rules_are_counted_as_pairs_are(digits):
    rng = np.random.default_rng(3)
    n, parts = 300, 8
    part = np.sort(rng.integers(0, parts, n))
    columns = np.round(np.vstack([np.ones(n), rng.normal(size=(2, n))]), digits)
    rules, times = np.round(rng.normal(size=(9, 3)), digits), rng.integers(0, 4, (9, parts))
    event = (rng.random(n) < 0.3).astype(float)
    judges = Rows(columns, event, np.full(n, 0.5), ends_of(part, parts))
    pairs = pairs_of_rules(rules, judges, times)
    for rule, often, (concordant, all_) in zip(rules, times, pairs, strict=True):
        score, copies = np.round(rule @ columns, 10), often[part]
        case, other = (np.repeat(score[event == kind], copies[event == kind]) for kind in (1, 0))
        u = stats.mannwhitneyu(case, other).statistic
        assert (concordant, all_) == pytest.approx((0.25 * u, 0.25 * len(case) * len(other)))
    # one customer of another weight, and they are no longer counted in whole numbers
    nearly = Rows(columns, event, np.r_[0.5 + 1e-12, np.full(n - 1, 0.5)], judges.ends)
    np.testing.assert_allclose(pairs_of_rules(rules, nearly, times), pairs, rtol=1e-9)


def test_pairs_of_kinds_of_customers_are_those_of_customers(monkeypatch):
    # few kinds are counted as kinds; the same customers one by one give the same pairs, to the last digit
    rng = np.random.default_rng(4)
    n, parts = 4_000, 16
    columns = np.vstack([np.ones(n), rng.integers(0, 11, n), rng.integers(0, 3, (2, n))]).astype(float)
    part = np.sort(rng.integers(0, parts - 1, n))  # the last part is empty
    event = (rng.random(n) < 0.2).astype(float)
    times = rng.integers(0, 3, (40, parts))
    for rules in (
        rng.normal(size=(40, 4)),
        rng.integers(-1, 2, (40, 4)).astype(float),
        np.full((40, 4), 1e5),
    ):
        for weight in (np.ones(n), rng.integers(0, 5, n) / 4):
            judges = Rows(columns, event, weight, ends_of(part, parts))
            kinds = pairs_of_rules(rules, judges, times)
            with monkeypatch.context() as patch:
                patch.setattr(splits, "_ALIKE", np.inf)
                np.testing.assert_array_equal(pairs_of_rules(rules, judges, times), kinds)


def test_columns_that_tell_nothing_are_named(rows):
    odd = rows.assign(same=1.0, rare=np.arange(len(rows)).astype(str))
    found = race(odd, scores=["nps"], outcome="left", known=["x", "same", "rare"], resamples=1,
                 optimism=False, contributions=False)  # fmt: skip
    assert found.unused == ("same", "rare")


def test_customers_alike_are_ties_wherever_they_stand():
    # the order of the rows changes in which order products are summed, and nothing else
    rng = np.random.default_rng(0)
    patterns = np.column_stack([np.ones(60), rng.normal(size=(60, 24))])
    which = np.sort(rng.integers(0, 60, 1171))
    part = np.arange(1171) % 8
    event = (rng.random(1171) < expit(patterns[which] @ rng.normal(size=25) / 5)).astype(float)
    aucs = []
    for order in (np.arange(1171), np.arange(1171)[::-1], rng.permutation(1171)):
        rows = Rows.by_part(patterns[which[order]], event[order], np.ones(1171), part[order], 8)
        aucs.append(judge_splits(rows, part_splits(rows.part, 2)).auc)
    # one pair of a case and a control in disorder is more than this
    assert aucs == pytest.approx([aucs[0]] * 3, abs=1e-8)


def test_nobody_is_judged_by_a_rule_that_knows_them(rows):
    # copies follow their original into its fold: an answer that only recalls who someone is gains nothing
    rng = np.random.default_rng(6)
    base = rows.head(800).assign(mark=lambda r: rng.normal(size=len(r)))
    copies = pd.concat([base] * 3, ignore_index=True)
    gain = race(copies, scores=["mark"], outcome="left", known=["x"], resamples=5).gains.loc["mark"]
    assert gain["gain"] < 0.005
    assert gain["low"] < 0 < gain["high"]


def test_gains_are_ordered_as_the_truth(found):
    gains = found.gains
    assert gains.loc["nps", "low"] > 0
    assert gains.loc["other", "low"] < 0 < gains.loc["other", "high"]
    assert found.first[0] > 0.95
    assert found.first.sum() == pytest.approx(1)
    assert (gains["apparent"] >= gains["optimism_corrected"]).all()
    assert gains.loc["nps", "alone"] == pytest.approx(0.69, abs=0.04)
    assert found.base_rate == found.events / found.n


def test_shapley_shares_add_up_to_the_rule_of_everything(rows, found):
    whole = found.known_auc[0] + found.gains.loc["all", "gain"]
    assert found.shapley["value"].sum() == pytest.approx(whole - 0.5)
    assert list(found.shapley.index) == ["known", "nps", "other"]


def test_without_anything_known_the_gain_is_over_chance(rows):
    found = race(rows, scores=["nps"], outcome="left", resamples=5)
    assert found.known_auc == (0.5, 0.0)
    assert found.gains.loc["nps", "gain"] == pytest.approx(found.gains.loc["nps", "alone"] - 0.5)


def test_the_same_customers_race(rows):
    holes = rows.assign(nps=rows["nps"].astype("Int64").mask(np.arange(len(rows)) % 5 == 0))
    found = race(holes, scores=["nps", "other"], outcome="left", known=["x"], resamples=5)
    assert (found.n, found.left_out) == (3200, 800)
    silent = race(
        holes.assign(answered=holes["nps"].notna()),
        scores=["answered"], outcome="left", known=["x"], resamples=5, keep_missing=True,
    )  # fmt: skip
    assert silent.n == 4000
    assert abs(silent.gains.loc["answered", "gain"]) < 0.01


def test_weights_count_as_copies(rows):
    weighted = rows.assign(w=1 + (np.arange(len(rows)) % 3 == 0))
    copied = pd.concat([weighted, weighted[weighted["w"] == 2]], ignore_index=True)
    one = race(weighted, scores=["nps"], outcome="left", known=["x"], weight="w", resamples=5)
    two = race(copied, scores=["nps"], outcome="left", known=["x"], resamples=5)
    assert one.gains.loc["nps", "gain"] == pytest.approx(two.gains.loc["nps", "gain"], abs=0.002)
    assert one.gains.loc["nps", "standard_error"] == pytest.approx(
        two.gains.loc["nps", "standard_error"], rel=0.1
    )


def test_customers_of_no_weight_are_counted_and_tell_nothing(rows):
    without = rows.iloc[:3800]
    one = race(rows.assign(w=(np.arange(len(rows)) < 3800) * 1.0), scores=["nps"], outcome="left", known=["kind"],
               weight="w", resamples=1, optimism=False, contributions=False)  # fmt: skip
    two = race(without, scores=["nps"], outcome="left", known=["kind"], resamples=1, optimism=False)
    assert (one.weightless, two.weightless) == (200, 0)
    # the knots of the score's curve are those of all rows
    assert one.gains.loc["nps", "gain"] == pytest.approx(two.gains.loc["nps", "gain"], abs=1e-3)
    assert one.shapley.empty
    assert np.isnan(one.gains["alone"]).all()
    assert np.isfinite(two.gains["alone"]).all()


def test_few_events_are_met_with_lines_and_a_penalty():
    rows = drawn(400, 0.5, rate=0.06)
    found = race(rows, scores=["nps", "other"], outcome="left", known=["x", "kind"], resamples=5)
    assert found.simplified
    assert found.events_per_column < 10
    assert np.isfinite(found.gains.to_numpy()).all()


def test_trained_on_early_waves_judged_on_the_last(rows):
    waves = rows.assign(wave=np.where(np.arange(len(rows)) < 2500, "one", "two"))
    found = temporal_race(
        waves, wave="wave", order=["one", "two"], scores=["nps"], outcome="left", known=["x"], resamples=5
    )
    assert len(found.predictions) == 1500
    assert found.gains.loc["nps", "gain"] == pytest.approx(0.03, abs=0.03)
    with pytest.raises(ValueError, match="two waves with answers; there is one"):
        temporal_race(waves.assign(wave="one"), wave="wave", order=["one"], scores=["nps"], outcome="left")


def test_nested_test_is_r_s_anova(rows):
    import statsmodels.api as sm

    base = sm.add_constant(number_block("x", rows["x"]).columns)
    full = np.column_stack([base, number_block("nps", rows["nps"]).columns])
    fits = [sm.Logit(rows["left"].astype(float), design).fit(disp=0).llf for design in (base, full)]
    found = nested_test(rows, score="nps", outcome="left", known=["x"])
    assert found.statistic == pytest.approx(2 * (fits[1] - fits[0]), abs=1e-6)
    assert found.degrees_of_freedom == full.shape[1] - base.shape[1]
    clustered = nested_test(rows, score="nps", outcome="left", known=["x"], repeats=True)
    assert clustered.statistic * clustered.degrees_of_freedom == pytest.approx(found.statistic, rel=0.4)


@pytest.mark.filterwarnings("error")
def test_nested_test_where_a_category_has_no_event(rows):
    import statsmodels.api as sm

    kind = np.where(np.arange(len(rows)) % 40 == 0, "never", rows["kind"])
    odd = rows.assign(kind=kind, left=rows["left"] & (kind != "never"))
    found = nested_test(odd, score="nps", outcome="left", known=["kind"])
    # who can never leave adds nothing to either likelihood
    held = odd[odd["kind"] != "never"]
    base = sm.add_constant(predictor_block(held, ["kind"], "kind").columns)
    # the same spline as of all customers, whose knots come from all of them
    own = number_block("nps", odd["nps"]).columns[(odd["kind"] != "never").to_numpy()]
    fits = [
        sm.Logit(held["left"].astype(float), design).fit(disp=0).llf
        for design in (base, np.column_stack([base, own]))
    ]
    assert found.statistic == pytest.approx(2 * (fits[1] - fits[0]), abs=0.01)
    clustered = nested_test(odd, score="nps", outcome="left", known=["kind"], repeats=True)
    assert np.isfinite(clustered.statistic)


def test_clustered_nested_test_is_statsmodels(rows):
    import statsmodels.api as sm

    base = sm.add_constant(number_block("x", rows["x"]).columns)
    full = np.column_stack([base, number_block("nps", rows["nps"]).columns])
    df = full.shape[1] - base.shape[1]
    fit = sm.Logit(rows["left"].astype(float), full).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": rows["part"], "use_correction": False}
    )
    wald = fit.params[-df:] @ np.linalg.solve(
        fit.cov_params().to_numpy()[-df:, -df:] * 64 / 63, fit.params[-df:]
    )
    found = nested_test(rows, score="nps", outcome="left", known=["x"], repeats=True)
    assert found.statistic == pytest.approx(wald * (64 - df) / (df * 63), rel=1e-5)


def test_splines_are_straight_beyond_their_knots():
    x = np.array([-50.0, -40, -30, 30, 40, 50])
    basis = restricted_cubic_spline(x, [-1, 0, 1, 2])
    assert np.allclose(np.diff(basis[:3], 2, axis=0), 0)
    assert np.allclose(np.diff(basis[3:], 2, axis=0), 0)


@pytest.mark.parametrize(
    ("change", "settings", "word"),
    [
        ({"left": False}, {}, "0 of 4,000 customers had the event"),
        ({"left": True}, {}, "did not have the event"),
        ({"nps": 7}, {}, "same answer to nps"),
        ({}, {"scores": ["x"]}, "both raced and known"),
        ({}, {"scores": ["npss"]}, "Did you mean 'nps'"),
        ({}, {"scores": []}, "at least one column"),
        ({"w": -1.0}, {"weight": "w"}, "0 or more"),
        ({"part": 1.5}, {}, "whole numbers"),
        ({}, {"folds": 1}, "from 2 to 32"),
    ],
)
def test_bad_input(rows, change, settings, word):
    given = {"scores": ["nps"], "outcome": "left", "known": ["x"], "resamples": 5} | settings
    with pytest.raises(ValueError, match=word):
        race(rows.assign(**change), **given)


def test_an_outcome_that_a_score_tells_exactly_is_a_leak(rows):
    with pytest.raises(ValueError, match="that is a leak"):
        race(rows.assign(nps=np.where(rows["left"], 2, 9)), scores=["nps"], outcome="left", resamples=5)
    nearly = np.where(rows["left"], 2, 9)
    nearly[:8] = 5
    with pytest.raises(ValueError, match="that is a leak"):
        race(rows.assign(nps=nearly), scores=["nps"], outcome="left", resamples=5)


@pytest.mark.simulation
@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_the_interval_covers_the_gain_of_the_rule_at_this_n(strength):
    n, companies = 2000, 80
    fresh = drawn(100_000, strength, seed=99)
    gains, limits = [], []
    for i in range(companies):
        rows = drawn(n, strength, seed=1000 + i)
        row = race(rows, scores=["nps"], outcome="left", known=["x"], resamples=1).gains.loc["nps"]
        limits.append((row["low"], row["high"]))
        if i < 40:
            gains.append(_gain_on_fresh(rows, fresh))
    truth = np.mean(gains)
    covered = sum(low <= truth <= high for low, high in limits)
    assert stats.binomtest(covered, companies, 0.95, alternative="less").pvalue > 0.005, covered / companies


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "effect"), [(1500, 0.5), (600, 0.4)])
def test_limits_of_shapley_shares_hold_their_mean(n: int, effect: float) -> None:
    rng, runs, shares = np.random.default_rng(5), 60, []
    for _ in range(runs):
        use, liking = rng.normal(size=(2, n))
        nps = np.clip(np.rint(7 + 1.4 * liking + 0.6 * use + rng.normal(size=n)), 0, 10)
        ces = np.clip(np.rint(4 + 0.6 * liking + rng.normal(size=n)), 1, 7)
        left = rng.random(n) < expit(-2 + 0.6 * use - effect * liking)
        rows = pd.DataFrame({"use": use, "nps": nps, "ces": ces, "left": left, "part": np.arange(n) % 64})
        found = race(rows, scores=["nps", "ces"], outcome="left", known=["use"], resamples=1, optimism=False)
        shares.append(found.shapley[["value", "low", "high"]].to_numpy())
    value, low, high = np.moveaxis(np.array(shares), 2, 0)
    held = ((low <= value.mean(axis=0)) & (value.mean(axis=0) <= high)).mean(axis=0)
    assert np.all(held >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)), held


def _gain_on_fresh(rows, fresh):
    """Gain of the rule trained on these rows, its AUC computed from the true chances of fresh customers."""
    both = pd.concat([rows, fresh], ignore_index=True)
    n = len(rows)
    blocks = [predictor_block(both, [name], name).columns for name in ("x", "nps")]
    aucs = []
    for columns in (blocks[:1], blocks):
        design = np.column_stack([np.ones(len(both)), *columns])
        beta = logistic_fit(design[:n], rows["left"].to_numpy(float), np.ones(n))
        eta = np.repeat((design[n:] @ beta), 2)[:, None]
        chance = fresh["chance"].to_numpy()
        mass = np.column_stack([chance, 1 - chance]).ravel()[:, None]
        pairs = concordance(eta, np.tile([True, False], len(fresh)), mass)[0]
        aucs.append(pairs[0] / pairs[1])
    return aucs[1] - aucs[0]


@pytest.mark.simulation
def test_binned_behaviour_lets_a_useless_score_add_and_splines_do_not():
    rows = drawn(100_000, 0.0, seed=3)
    banded = rows.assign(x=pd.cut(rows["x"], [-9, -0.5, 0.5, 9]).astype(str))
    smooth = race(rows, scores=["nps"], outcome="left", known=["x"], resamples=1).gains.loc["nps"]
    coarse = race(banded, scores=["nps"], outcome="left", known=["x"], resamples=1).gains.loc["nps"]
    assert coarse["low"] > 0  # "adds", firmly, and is wrong
    assert smooth["low"] <= 0 <= smooth["high"] or smooth["high"] < 0.001


def test_an_early_rule_is_not_trained_on_those_who_did_not_answer_again():
    """Answering again goes with the score and with staying; the score tells the same in both waves."""
    gains = {True: [], False: []}
    for seed in range(4):
        rng, n = np.random.default_rng(seed), 5000
        mood, x = rng.normal(size=(2, n))
        nps = [np.clip(np.rint(8 + 1.5 * mood + rng.normal(size=n)), 0, 10) for _ in range(2)]
        left = [rng.random(n) < expit(-2.2 - 0.35 * (s - 8) - 0.5 * x) for s in nps]
        again = ~left[0] & (rng.random(n) < expit(0.2 + 1.5 * mood))
        part, who = rng.integers(0, 64, n), np.arange(n)
        first = pd.DataFrame(
            {"customer": who, "wave": "1", "nps": nps[0], "x": x, "left": left[0], "part": part}
        )
        last = first.assign(wave="2", nps=nps[1], left=left[1])[again]
        for known in gains:  # whether the customer can be recognised
            rows = pd.concat([first, last if known else last.assign(customer=last["customer"] + n)])
            raced = temporal_race(
                rows, wave="wave", order=["1", "2"], scores=["nps"], outcome="left", known=["x"], resamples=1,
                contributions=False,
            )  # fmt: skip
            gains[known].append(raced.gains.loc["nps", "gain"])
    assert np.mean(gains[False]) > 0.03
    assert np.mean(gains[True]) == pytest.approx(np.mean(gains[False]), abs=0.006)

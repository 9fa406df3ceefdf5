"""Sample sizes: published tables, statsmodels, inverse laws, and the promise kept in simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cxstats.methods.adjusted import extra_counts
from cxstats.methods.efficiency import correlation_from_gap
from cxstats.methods.limits import interval_limits
from cxstats.methods.planning import (
    attainable,
    bias_floor,
    design_effect_of_repeats,
    detectable_difference,
    label_probabilities,
    n_for_benchmark,
    n_for_difference,
    n_for_equivalence,
    n_for_margin,
    power_for_benchmark,
    power_for_difference,
    power_for_equivalence,
    relative_efficiency,
    scale_check,
)
from cxstats.metrics import NPS, Metric, Scale, ces, csat, mean_score, net_score

MARGINS = (1, 2, 3, 5, 7, 10, 15, 20)
Z = stats.norm.ppf


# --- n for a margin -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variance", "level", "expected"),
    [
        (6700, 0.90, (18125, 4529, 2012, 723, 367, 179, 78, 43)),
        (6700, 0.95, (25735, 6432, 2857, 1027, 523, 255, 112, 62)),
        (7500, 0.95, (28808, 7200, 3199, 1150, 585, 286, 126, 70)),
        (10000, 0.95, (38412, 9601, 4266, 1534, 781, 382, 168, 94)),
        (6700, 0.99, (44451, 11111, 4937, 1776, 905, 442, 195, 109)),
    ],
)
def test_published_table_of_margins(variance, level, expected):
    # n = ceil(z² s²/d² − 3); MeasuringU publishes the 126 at ±15 points
    assert tuple(n_for_margin(NPS, d, variance=variance, level=level).n for d in MARGINS) == expected


def test_nothing_known_plans_for_the_worst_case():
    assert n_for_margin(NPS, 5).n == 1534
    assert n_for_margin(csat(5), 2.5).n == 1534  # 50 %² ·(1.96/2.5)² − 3
    assert "worst case" in n_for_margin(NPS, 5).assumptions[-1]


def test_the_default_margin_is_the_metrics_own():
    assert n_for_margin(NPS, variance=6700).target == 5


def test_half_width_at_n_is_just_within_the_margin():
    for margin in (1.5, 4, 11):
        plan = n_for_margin(NPS, margin, variance=6700)
        before = Z(0.975) * np.sqrt(6700 / (plan.n - 1 + 3))
        assert plan.achieved <= margin < before


def test_finite_population_formula():
    # n/(1 + (n − 1)/N) with n = z²s²/d² − 3
    endless = Z(0.975) ** 2 * 6700 / 25 - 3
    plan = n_for_margin(NPS, 5, variance=6700, population=800)
    assert plan.n == int(np.ceil(endless / (1 + (endless - 1) / 800)))
    assert plan.achieved <= 5
    assert n_for_margin(NPS, 0.01, variance=6700, population=800).n == 800
    assert n_for_margin(NPS, 0.01, variance=6700, population=800).achieved == 0


def test_half_width_agrees_with_the_interval_of_estimate():
    from cxstats.methods.intervals import estimate

    # counts in the planned proportions: the interval at the planned n has the planned width. The three
    # added answers pull the variance a little, hence 1 %
    for population in (None, 4000):
        plan = n_for_margin(NPS, 5, distribution=[0.2, 0.35, 0.45], population=population)
        counts = np.round(plan.n * np.array([0.2, 0.35, 0.45]))
        found = estimate(counts, NPS, method="adjusted_wald", population=population)
        assert (found.high - found.low) / 2 == pytest.approx(plan.achieved, rel=0.01)


def test_design_effect_multiplies_what_the_formula_gives():
    plain = Z(0.975) ** 2 * 6700 / 25 - 3
    assert n_for_margin(NPS, 5, variance=6700, design_effect=1.7).n == int(np.ceil(1.7 * plain))
    assert n_for_margin(NPS, 5, variance=6700, design_effect=1.7).achieved <= 5


def test_invitations_and_whether_they_exist():
    plan = n_for_margin(NPS, 5, variance=6700, response_rate=0.2, population=20_000)
    assert plan.invitations == int(np.ceil(plan.n / 0.2))
    assert plan.reachable
    short = n_for_margin(NPS, 2, variance=6700, response_rate=0.2, population=20_000)
    assert not short.reachable
    assert "only 20,000 customers" in short._repr_html_()


def test_scale_of_the_unit_does_not_matter():
    # the same answers in percent and as a share of the range
    percent = csat(2)
    share = Metric("s", "share", "share", Scale(1, 2), (0.0, 1.0), "share", 0.025)
    assert (
        n_for_margin(percent, 2.5, distribution=[0.2, 0.8]).n
        == n_for_margin(share, 0.025, distribution=[0.2, 0.8]).n
    )


def test_a_pilot_that_agrees_still_gives_a_variance():
    plan = n_for_margin(NPS, 5, counts=[0, 0, 10])
    assert plan.n > 100
    assert plan.n_low < plan.n < plan.n_high


def test_a_given_variance_has_no_uncertainty():
    plan = n_for_margin(NPS, 5, variance=6700)
    assert (plan.n_low, plan.n_high, plan.variance_low) == (None, None, None)


def test_a_share_of_one_half_still_leaves_doubt():
    # p(1 − p) is flat at ½, so its delta-method error is 0; the doubt is z²σ²/n below and none above
    plan = n_for_margin(csat(2), 2.5, counts=[50, 50])
    assert plan.variance_high == plan.variance == 2500
    assert plan.variance_low == pytest.approx(2500 * (1 - Z(0.975) ** 2 / 103))
    assert plan.n_low < plan.n == plan.n_high


def test_a_larger_pilot_leaves_less_doubt():
    widths = []
    for factor in (1, 10, 100):
        plan = n_for_margin(NPS, 5, counts=np.array([20, 35, 45]) * factor)
        widths.append(plan.n_high - plan.n_low)
    assert widths[0] > 2.5 * widths[1] > 2.5**2 * widths[2]


def _variance_coverage(metric, distribution, n, replicates, seed):
    truth = metric.variance(distribution)
    inside = 0
    for counts in np.random.default_rng(seed).multinomial(n, distribution, size=replicates):
        plan = n_for_margin(metric, metric.margin, counts=counts)
        inside += plan.variance_low <= truth <= plan.variance_high
    return inside / replicates


def test_planning_variance_interval_covers():
    # 2 Monte-Carlo errors of 300 at .95 are .025; the normal approximation may cost .02 more
    assert _variance_coverage(NPS, [0.2, 0.35, 0.45], 50, 300, seed=1) >= 0.905


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30, 100, 1000])
@pytest.mark.parametrize(
    ("metric", "distribution"),
    [
        (NPS, [0.2, 0.35, 0.45]),
        (NPS, [0.02, 0.08, 0.9]),
        (NPS, [0.05, 0.2, 0.75]),
        (NPS, [0.45, 0.1, 0.45]),
        (csat(2), [0.1, 0.9]),
        (csat(2), [0.5, 0.5]),
        (ces(7, high_is="easy"), [0.03, 0.04, 0.06, 0.1, 0.2, 0.3, 0.27]),
        (ces(7, high_is="easy"), [0, 0, 0, 0.02, 0.05, 0.1, 0.83]),
    ],
)
def test_planning_variance_interval_covers_widely(metric, distribution, n):
    # 2 Monte-Carlo errors of 1000 are .014; below 50 answers up to .04 is the method's own shortfall
    floor = 0.95 - 0.014 - (0.04 if n < 50 else 0.02)
    assert _variance_coverage(metric, distribution, n, 1000, seed=2) >= floor


# --- n against a benchmark, for a difference, for equivalence ------------------------------


def test_published_benchmark_sizes():
    # MeasuringU prints 1,655 (with z rounded to 2.487) and 412
    assert [n_for_benchmark(NPS, d, variance=6700).n for d in (5, 10)] == [1654, 412]
    assert power_for_benchmark(NPS, 5, 1654, variance=6700) == pytest.approx(0.8, abs=2e-4)
    assert n_for_benchmark(NPS, 5, variance=6700, one_sided=False).n > 1654


def test_published_two_sample_sizes():
    found = [n_for_difference(NPS, d, variance=6700).n for d in (2, 5, 10, 15, 20)]
    assert found == [26291, 4204, 1049, 465, 260]


def test_two_sample_size_agrees_with_statsmodels():
    from statsmodels.stats.power import NormalIndPower

    # statsmodels has no three extra answers, and counts the wrong tail (3e-7 here)
    theirs = NormalIndPower().solve_power(effect_size=5 / np.sqrt(6700), alpha=0.05, power=0.8)
    assert n_for_difference(NPS, 5, variance=6700).n == int(np.ceil(theirs - 3))


def test_unequal_groups_agree_with_statsmodels():
    from statsmodels.stats.power import NormalIndPower

    theirs = NormalIndPower().solve_power(effect_size=5 / np.sqrt(6700), alpha=0.05, power=0.8, ratio=2)
    plan = n_for_difference(NPS, 5, variance=6700, ratio=2)
    assert theirs - 3 <= plan.n <= theirs
    assert plan.n_second == 2 * plan.n
    assert power_for_difference(NPS, 5, plan.n, plan.n_second, variance=6700) >= 0.8


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1, 1.7, 4])
@pytest.mark.parametrize(("overlap", "correlation"), [(0, 0), (1, 0.5), (0.3, 0.6), (1, -0.4)])
def test_planned_n_has_the_power_and_one_fewer_has_not(ratio, overlap, correlation):
    shared = {"overlap": overlap, "correlation": correlation}
    plan = n_for_difference(NPS, 6, variance=(6000, 8000), ratio=ratio, **shared)
    assert plan.achieved >= 0.8 - 1e-9
    assert power_for_difference(
        NPS, 6, plan.n, plan.n_second, variance=(6000, 8000), **shared
    ) == pytest.approx(plan.achieved, abs=1e-12)
    # the three answers added to each group are counted whole only in equal groups: a few answers to spare
    spare = 2 if ratio == 1 else 2 + int(3 / min(ratio, 1))
    fewer = plan.n - spare
    assert power_for_difference(NPS, 6, fewer, round(ratio * fewer), variance=(6000, 8000), **shared) < 0.8


def test_a_panel_is_a_paired_test():
    # paired: n = 2s²(1 − r)·(z + z)²/δ² − 3
    k = Z(0.975) + Z(0.8)
    by_hand = int(np.ceil(2 * 6700 * 0.4 * k**2 / 25 - 3))
    assert n_for_difference(NPS, 5, variance=6700, overlap=1, correlation=0.6).n == by_hand
    assert n_for_difference(NPS, 5, variance=6700, overlap=0, correlation=0.6).n == 4204


def test_a_firm_difference_that_matters_must_clear_the_margin():
    # true difference of two margins, cleared by one: the same as finding one margin
    assert n_for_difference(NPS, 10, beyond=5, variance=6700).n == 4204
    with pytest.raises(ValueError, match="larger than what the interval is to clear"):
        n_for_difference(NPS, 5, beyond=5, variance=6700)


def test_equivalence_by_its_closed_form():
    # no true difference: V (z_{1−α/2} + z_{1−β/2})²/Δ² − 3 (Julious 2004, with his α a side)
    for level, power in ((0.95, 0.8), (0.9, 0.9)):
        k = Z((1 + level) / 2) + Z((1 + power) / 2)
        plan = n_for_equivalence(NPS, 5, variance=6700, level=level, power=power)
        assert plan.n == int(np.ceil(13400 * k**2 / 25 - 3))
        assert plan.achieved >= power


def test_equivalence_power_agrees_with_statsmodels():
    from statsmodels.stats.weightstats import ztost

    # power = P(both one-sided tests reject), from ztost's two statistics at the planned standard error
    plan = n_for_equivalence(NPS, 5, variance=6700, true_difference=1.5)
    se = np.sqrt(13400 / (plan.n + 3))
    differences = stats.norm.ppf((np.arange(4000) + 0.5) / 4000, loc=1.5, scale=se)
    # a two-point sample with mean d and standard error se stands for each possible outcome
    p_values = [ztost(d + np.array([-se, se]), -5, 5, ddof=1)[0] for d in differences]
    assert np.mean(np.array(p_values) < 0.025) == pytest.approx(0.8, abs=0.001)


def test_a_true_difference_near_the_margin_needs_far_more():
    sizes = [n_for_equivalence(NPS, 5, variance=6700, true_difference=d).n for d in (0, 2, 4)]
    assert sizes == sorted(sizes)
    assert sizes[2] > 10 * sizes[0]
    with pytest.raises(ValueError, match="not inside"):
        n_for_equivalence(NPS, 5, variance=6700, true_difference=5)


def test_equivalence_power_is_0_where_the_interval_is_wider_than_the_margin():
    assert power_for_equivalence(NPS, 5, 100, variance=6700) == 0


def test_detectable_difference_inverts_the_sample_size():
    plan = n_for_difference(NPS, 5, variance=(6000, 7400))
    found = detectable_difference(NPS, plan.n, variance=(6000, 7400))
    assert found.with_power == pytest.approx(5, abs=0.001)
    assert found.beyond_noise == pytest.approx(5 * Z(0.975) / (Z(0.975) + Z(0.8)), abs=0.001)
    assert power_for_difference(NPS, found.beyond_noise, plan.n, variance=(6000, 7400)) == pytest.approx(0.5)


def test_shared_customers_make_a_tracker_see_more():
    alone = detectable_difference(NPS, 400, 300, variance=6700)
    panel = detectable_difference(NPS, 400, 300, variance=6700, overlap=0.8, correlation=0.6)
    worth = detectable_difference(NPS, 400, 300, variance=6700, design_effect=1.5)
    assert panel.with_power < alone.with_power < worth.with_power


def test_two_pilots_stand_for_two_groups():
    plan = n_for_difference(NPS, 5, counts=[[20, 35, 45], [10, 30, 60]])
    expected = sum(NPS.variance(np.array(c) + extra_counts(3)) for c in ([20, 35, 45], [10, 30, 60]))
    assert plan.variance == pytest.approx(expected)
    # two independent pilots of one kind leave less doubt than one pilot used twice
    once = n_for_difference(NPS, 5, counts=[20, 35, 45])
    twice = n_for_difference(NPS, 5, counts=[[20, 35, 45], [20, 35, 45]])
    assert once.n == twice.n
    assert twice.n_high - twice.n_low < once.n_high - once.n_low


def test_repeats_by_hand():
    # 4 customers, 8 answers: Σm²/Σm = (1 + 1 + 4 + 16)/8 = 2.75
    assert design_effect_of_repeats([1, 1, 2, 4], 0.5) == pytest.approx(1 + 1.75 * 0.5)
    assert design_effect_of_repeats([1, 1, 1], 0.9) == 1
    with pytest.raises(ValueError, match="1 answer or more"):
        design_effect_of_repeats([0, 1], 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: n_for_margin(NPS, 0), "margin"),
        (lambda: n_for_margin(NPS, 5, variance=0.67), None),
        (lambda: n_for_margin(NPS, 5, variance=20_000), "at most 10000"),
        (lambda: n_for_margin(NPS, 5, variance=-1), "above 0"),
        (lambda: n_for_margin(NPS, 5, variance=6700, counts=[1, 2, 3]), "give one of"),
        (lambda: n_for_margin(NPS, 5, counts=[0, 0, 0]), "pilot without answers"),
        (lambda: n_for_margin(NPS, 5, distribution=[0, 0, 1]), "two values"),
        (lambda: n_for_margin(NPS, 5, variance=6700, level=95), "Did you mean 0.95"),
        (lambda: n_for_margin(NPS, 5, variance=6700, response_rate=0), "response_rate"),
        (lambda: n_for_margin(NPS, 5, variance=6700, population=0), "population"),
        (lambda: n_for_margin(NPS, 5, variance=6700, design_effect=0), "design_effect"),
        (lambda: n_for_difference(NPS, 5, variance=(1, 2, 3)), "two groups"),
        (lambda: n_for_difference(NPS, 5, variance=6700, overlap=2), "overlap"),
        (lambda: n_for_difference(NPS, 5, variance=6700, correlation=2), "correlation"),
        (lambda: n_for_difference(NPS, 5, variance=6700, ratio=0), "ratio"),
        (lambda: n_for_difference(NPS, 5, variance=6700, overlap=1, correlation=1), "nothing to plan"),
        (lambda: n_for_difference(NPS, 5, variance=6700, power=80), "Did you mean 0.8"),
        (lambda: detectable_difference(NPS, 0), "n is 0"),
    ],
)
def test_bad_input_is_named(call, message):
    if message is None:
        # a variance on the −1 … 1 scale is legal but plans for almost nobody: it is not refused
        assert call().n == 1
        return
    with pytest.raises(ValueError, match=message):
        call()


def test_plans_show_themselves():
    html = n_for_difference(NPS, 5, counts=[20, 35, 45], ratio=2, response_rate=0.25)._repr_html_()
    for part in ("answers in the two groups", "invitations at 25.0% answering", "random draw"):
        assert part in html
    assert "80% power" in detectable_difference(NPS, 400)._repr_html_()


# --- the promise, in simulation ------------------------------------------------------------


def _adjusted(counts, metric):
    """Adjusted-Wald centre and error of each row, by hand: (…, D) → two arrays."""
    values = metric.distinct_values
    table = counts + extra_counts(len(values))
    total = table.sum(axis=-1, keepdims=True)
    centre = (table @ values) / total[..., 0]
    variance = (table / total) @ values**2 - centre**2
    return centre, np.sqrt(variance / total[..., 0])


CASES = [
    (NPS, np.array([0.2, 0.35, 0.45]), 8.0),
    (NPS, np.array([0.03, 0.12, 0.85]), 8.0),
    (csat(2), np.array([0.15, 0.85]), 4.0),
    (ces(7, high_is="easy"), np.array([0.03, 0.04, 0.06, 0.1, 0.2, 0.3, 0.27]), 0.2),
]


@pytest.mark.parametrize(("metric", "share", "margin"), CASES)
def test_planned_interval_has_its_width_and_its_coverage(metric, share, margin):
    plan = n_for_margin(metric, margin, distribution=share)
    counts = np.random.default_rng(1).multinomial(plan.n, share, size=2000).astype(float)
    for method in ("adjusted_wald", "score"):
        low, high = interval_limits(counts, metric.distinct_values, method, 0.95)
        # mean half-width: with 85 % promoters the three added answers widen n = 76 by 4 %
        assert np.mean(high - low) / 2 == pytest.approx(margin, rel=0.05)
        # 3 Monte-Carlo errors of 2,000: .015
        truth = metric.value(share)
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=0.02)


def _shifted(metric, share, difference):
    """A distribution whose mean is ``difference`` higher: weight moved from the lowest to the highest value."""
    moved = difference / (metric.high - metric.low)
    new = share.copy()
    new[0], new[-1] = new[0] - moved, new[-1] + moved
    if new[0] < 0:  # not enough at the low end: shrink the whole distribution toward the high end
        top = np.zeros_like(share)
        top[-1] = 1
        weight = difference / (metric.high - metric.value(share))
        new = (1 - weight) * share + weight * top
    return new


@pytest.mark.parametrize(("metric", "share", "margin"), CASES)
def test_planned_difference_is_found_with_its_power(metric, share, margin):
    second = _shifted(metric, share, margin)
    plan = n_for_difference(metric, margin, distribution=[share, second])
    rng = np.random.default_rng(2)
    parts = [_adjusted(rng.multinomial(plan.n, p, size=4000), metric) for p in (share, second)]
    z = (parts[1][0] - parts[0][0]) / np.hypot(parts[0][1], parts[1][1])
    # 3 Monte-Carlo errors: .019
    assert np.mean(z > Z(0.975)) == pytest.approx(0.8, abs=0.025)


@pytest.mark.parametrize(("metric", "share", "margin"), CASES)
@pytest.mark.parametrize("true_share", [0.0, 0.5])
def test_planned_equivalence_is_firm_with_its_power(metric, share, margin, true_share):
    true = true_share * margin
    second = _shifted(metric, share, true) if true else share
    plan = n_for_equivalence(metric, margin, true_difference=true, distribution=[share, second])
    rng = np.random.default_rng(3)
    parts = [_adjusted(rng.multinomial(plan.n, p, size=4000), metric) for p in (share, second)]
    difference, error = parts[1][0] - parts[0][0], np.hypot(parts[0][1], parts[1][1])
    firm = np.abs(difference) + Z(0.975) * error <= margin
    assert firm.mean() == pytest.approx(0.8, abs=0.025)


def test_planned_panel_finds_its_difference():
    # two waves of the same customers: a 3 × 3 table with known correlation, tested as a panel is
    joint = np.array([[0.14, 0.04, 0.03], [0.04, 0.20, 0.10], [0.01, 0.09, 0.35]])
    values = NPS.distinct_values
    first, second = joint.sum(axis=1), joint.sum(axis=0)
    difference = NPS.value(second) - NPS.value(first)
    covariance = values @ joint @ values - NPS.value(first) * NPS.value(second)
    correlation = covariance / np.sqrt(NPS.variance(first) * NPS.variance(second))
    plan = n_for_difference(NPS, difference, distribution=[first, second], overlap=1, correlation=correlation)
    counts = np.random.default_rng(4).multinomial(plan.n, joint.ravel(), size=4000) / plan.n
    change = (values[None, :] - values[:, None]).ravel()
    mean = counts @ change
    error = np.sqrt((counts @ change**2 - mean**2) / plan.n)
    assert np.mean(mean / error > Z(0.975)) == pytest.approx(0.8, abs=0.025)


def test_planned_benchmark_test_has_its_power():
    plan = n_for_benchmark(NPS, 8, distribution=[0.2, 0.35, 0.45])
    centre, error = _adjusted(np.random.default_rng(5).multinomial(plan.n, [0.2, 0.35, 0.45], size=4000), NPS)
    assert np.mean((centre - 17) / error > Z(0.95)) == pytest.approx(0.8, abs=0.025)


# --- relative efficiency --------------------------------------------------------------------

ANSWERS = np.array([30, 10, 15, 20, 25, 60, 70, 150, 220, 180, 220], dtype=float)


def _moved(share, shift, size=1e-6):
    """The distribution after a small change, by definition of the change."""
    if shift == "tilt":
        tilted = share * np.exp(size * np.arange(len(share)))
        return tilted / tilted.sum()
    if shift == "one_up":
        new = share.copy()
        new[:-1] -= size * share[:-1]
        new[1:] += size * share[:-1]
        return new
    thresholds = stats.norm.ppf(np.cumsum(share)[:-1])
    return np.diff(np.concatenate([[0], stats.norm.cdf(thresholds - size), [1]]))


def _efficiency(share, shift):
    signals = []
    for metric in (NPS, NPS.mean_answer()):
        delta = metric.value(_moved(share, shift)) - metric.value(share)
        signals.append(delta**2 / metric.variance(share))
    return signals[1] / signals[0]


@pytest.mark.parametrize("shift", ["latent", "tilt", "one_up"])
def test_relative_efficiency_is_the_ratio_of_squared_signals(shift):
    share = ANSWERS / ANSWERS.sum()
    found = relative_efficiency(ANSWERS, NPS, shift=shift)
    assert found.value == pytest.approx(_efficiency(share, shift), rel=1e-4)
    assert found.low < found.value < found.high


def test_under_a_tilt_it_is_one_over_the_squared_correlation():
    share = ANSWERS / ANSWERS.sum()
    u, x = np.array(NPS.values), np.arange(11)
    covariance = share @ (u * x) - (share @ u) * (share @ x)
    squared = covariance**2 / (NPS.variance(ANSWERS) * NPS.mean_answer().variance(ANSWERS))
    assert relative_efficiency(ANSWERS, NPS, shift="tilt").value == pytest.approx(1 / squared)


def test_a_metric_against_itself_costs_nothing():
    found = relative_efficiency(ANSWERS, NPS, NPS)
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_a_given_change_is_taken_as_it_is():
    change = np.zeros(11)
    change[[6, 9]] = -0.01, 0.01
    found = relative_efficiency(ANSWERS, NPS, shift=change)
    by_hand = (0.03**2 / NPS.mean_answer().variance(ANSWERS)) / (2.0**2 / NPS.variance(ANSWERS))
    assert found.value == pytest.approx(by_hand)


def test_a_change_that_nps_cannot_see():
    change = np.zeros(11)
    change[[0, 6]] = -0.01, 0.01  # detractors both
    found = relative_efficiency(ANSWERS, NPS, shift=change)
    assert found.value == np.inf
    assert np.isnan(found.low)


def test_planned_sizes_have_the_ratio_it_promises():
    # a small latent shift, found with 80 % power by NPS and by the mean of the same answers
    share = ANSWERS / ANSWERS.sum()
    moved = _moved(share, "latent", size=0.02)
    mean = NPS.mean_answer()
    sizes = [
        n_for_difference(m, m.value(moved) - m.value(share), distribution=[share, moved]).n
        for m in (NPS, mean)
    ]
    assert sizes[0] / sizes[1] == pytest.approx(relative_efficiency(ANSWERS, NPS).value, rel=0.02)


def _efficiency_coverage(shift, n, replicates, seed):
    share = ANSWERS / ANSWERS.sum()
    truth = _efficiency(share, shift)
    inside = 0
    for counts in np.random.default_rng(seed).multinomial(n, share, size=replicates):
        found = relative_efficiency(counts, NPS, shift=shift)
        inside += found.low <= truth <= found.high
    return inside / replicates


def test_relative_efficiency_interval_covers():
    assert _efficiency_coverage("latent", 100, 300, seed=1) >= 0.92


@pytest.mark.simulation
@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize("shift", ["latent", "tilt", "one_up"])
def test_relative_efficiency_interval_covers_widely(shift, n):
    assert _efficiency_coverage(shift, n, 1500, seed=2) >= 0.95 - 0.011 - 0.015


@pytest.mark.parametrize(
    ("counts", "settings", "message"),
    [
        ([20, 30, 50], {}, "11 categories"),
        (np.r_[np.zeros(10), 5], {}, "worth the same"),
        (np.zeros(11), {}, "no answers"),
        (ANSWERS, {"shift": "up"}, "latent"),
        (ANSWERS, {"shift": np.ones(11)}, "sum to 0"),
        (ANSWERS, {"shift": [1, -1]}, "each of 11 categories"),
        (ANSWERS, {"other": csat(5)}, "same answers"),
    ],
)
def test_relative_efficiency_refuses(counts, settings, message):
    with pytest.raises(ValueError, match=message):
        relative_efficiency(counts, NPS, **settings)


# --- bias floor -----------------------------------------------------------------------------


def test_bias_floor_is_where_both_errors_are_equal():
    floor = bias_floor(6700, 2.5)
    assert floor.n == pytest.approx(6700 / 6.25)
    assert floor.root_mean_squared_error(floor.n) == pytest.approx(2.5 * np.sqrt(2))
    assert floor.equivalent_random_sample(floor.n) == pytest.approx(floor.n / 2)
    assert bias_floor(6700, 0.0).n == np.inf
    assert bias_floor(6700, correlation=0.3, response_rate=1).n == np.inf


def test_vendor_example_of_non_response():
    # 60/30/10 at 10 % response, the others 10/40/50: ddc .377, effective sample 0.78
    everyone = np.array([0.46, 0.39, 0.15])
    assert NPS.value(everyone) == pytest.approx(-31)
    correlation = correlation_from_gap(90, NPS.variance(everyone), 0.1)
    floor = bias_floor(NPS.variance(everyone), correlation=correlation, response_rate=0.1)
    assert correlation == pytest.approx(0.377, abs=5e-4)
    assert floor.bias == pytest.approx(81)
    assert floor.n == pytest.approx(0.78, abs=5e-3)
    assert floor.n == pytest.approx(0.1 / 0.9 / correlation**2)


def test_meng_identity_holds_in_a_drawn_population():
    # error = ρ √((1 − f)/f) σ is an identity: any population, any answering
    rng = np.random.default_rng(6)
    y = rng.choice([-100.0, 0, 100], size=5000, p=[0.2, 0.3, 0.5])
    answered = rng.random(5000) < np.where(y > 0, 0.3, 0.2)
    correlation, f = np.corrcoef(answered, y)[0, 1], answered.mean()
    error = y[answered].mean() - y.mean()
    assert bias_floor(y.var(), correlation=correlation, response_rate=f).bias == pytest.approx(error)
    gap = y[answered].mean() - y[~answered].mean()
    assert bias_floor(y.var(), gap=gap, response_rate=f).bias == pytest.approx(error)
    assert correlation_from_gap(gap, y.var(), f) == pytest.approx(correlation)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "exactly one"),
        ({"bias": 1, "gap": 2}, "exactly one"),
        ({"gap": 2}, "response_rate"),
        ({"correlation": 2, "response_rate": 0.2}, "correlation"),
        ({"bias": float("nan")}, "number"),
    ],
)
def test_bias_floor_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        bias_floor(6700, **settings)


# --- published scores -------------------------------------------------------------------------


def test_nps_of_72_from_9_answers_cannot_be():
    found = attainable(72, 9, NPS)
    assert not found.possible
    assert (found.below, found.above) == (pytest.approx(600 / 9), pytest.approx(700 / 9))
    assert not found.rounded_first
    assert found.smallest_n == 18  # 13/18 = 72.2
    assert "cannot be" in found.explanation


@pytest.mark.parametrize("n", [1, 2, 7, 9, 30])
@pytest.mark.parametrize("decimals", [0, 1])
def test_attainable_agrees_with_enumeration(n, decimals):
    scores = {100 * (p - d) / n for p in range(n + 1) for d in range(n + 1 - p)}
    half = 0.5 / 10**decimals + 1e-9
    for value in np.round(np.linspace(-100, 100, 41 if decimals == 0 else 101), decimals):
        expected = any(abs(score - value) <= half for score in scores)
        assert attainable(float(value), n, NPS, decimals=decimals).possible is expected


@pytest.mark.parametrize("n", [3, 7, 24, 130])
def test_rounding_before_subtracting_agrees_with_enumeration(n):
    def rounded(k):
        return int(np.floor(100 * k / n + 0.5))

    early = {rounded(p) - rounded(d) for p in range(n + 1) for d in range(n + 1 - p)}
    assert {v for v in range(-100, 101) if attainable(v, n, NPS).rounded_first} == early


def test_values_with_gaps_are_reached_exactly():
    # worth 0, 1 and 4: three answers can sum to 0–6, 8, 9 and 12, but not to 7, 10 or 11
    metric = Metric("gap", "gap", "gap", Scale(1, 3), (0.0, 1.0, 4.0), "points", 0.1)
    sums = [s for s in range(13) if attainable(round(s / 3, 6), 3, metric, decimals=6).possible]
    assert sums == [0, 1, 2, 3, 4, 5, 6, 8, 9, 12]
    found = attainable(round(7 / 3, 6), 3, metric, decimals=6)
    assert (found.below, found.above) == (pytest.approx(2), pytest.approx(8 / 3))


def test_other_metrics_are_checked_too():
    assert attainable(67, 3, csat(5)).possible
    assert not attainable(70, 3, csat(5)).possible
    assert attainable(5.5, 2, ces(7, high_is="easy"), decimals=1).possible
    assert not attainable(5.4, 2, ces(7, high_is="easy"), decimals=1).possible
    assert attainable(3.33, 3, mean_score(Scale(1, 5)), decimals=2).possible


def test_half_step_values():
    metric = net_score(Scale(1, 3), top=[3], bottom=[1])
    half = Metric("h", "h", "h", Scale(1, 3), (0.0, 50.0, 100.0), "%", 1.0)
    assert attainable(50, 1, half).possible
    assert not attainable(50, 1, metric).possible


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: attainable(120, 9, NPS), "runs from"),
        (lambda: attainable(72.5, 9, NPS), "more decimals"),
        (lambda: attainable(72, 0, NPS), "n is 0"),
        (lambda: attainable(72, 9, NPS, decimals=-1), "decimals"),
    ],
)
def test_attainable_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- labels -------------------------------------------------------------------------------------

BANDS = {"poor": -100, "fair": 0, "good": 30, "excellent": 70}


def test_label_probabilities_are_those_of_the_posterior():
    counts = np.array([20, 30, 50])
    found = label_probabilities(counts, NPS, BANDS)
    draws = np.random.default_rng(1).dirichlet(counts + 0.5, size=200_000) @ NPS.distinct_values
    simulated = np.histogram(draws, bins=[-100, 0, 30, 70, 100])[0] / len(draws)
    # 3 Monte-Carlo errors of 200,000: .0034
    assert found.probabilities == pytest.approx(simulated, abs=0.0034)
    assert found.probabilities.sum() == pytest.approx(1)
    assert found.published == "good"  # the band begins at 30 and the value is 30
    assert found.likeliest == "fair"


def test_label_of_a_share_is_a_beta_probability():
    found = label_probabilities([30, 70], csat(2), {"below": 0, "good": 75}, prior=[1, 1])
    assert found.probabilities[1] == pytest.approx(stats.beta.sf(0.75, 71, 31), abs=1e-9)


def test_bands_may_come_in_any_order():
    backwards = dict(reversed(BANDS.items()))
    assert label_probabilities([2, 3, 5], NPS, backwards).labels == ("poor", "fair", "good", "excellent")


@pytest.mark.simulation
def test_label_probabilities_mean_what_they_say():
    # truth drawn from the prior: among labels given probability p, the share that is right is p
    rng = np.random.default_rng(8)
    predicted, right = [], []
    for _ in range(4000):
        share = rng.dirichlet(np.full(3, 0.5))
        found = label_probabilities(rng.multinomial(40, share), NPS, BANDS)
        true = np.searchsorted(found.lower_edges, NPS.value(share), side="right") - 1
        predicted.extend(found.probabilities)
        right.extend(np.arange(4) == true)
    predicted, right = np.array(predicted), np.array(right)
    for low in np.arange(0, 1, 0.2):
        chosen = (predicted >= low) & (predicted <= low + 0.2)
        assert right[chosen].mean() == pytest.approx(predicted[chosen].mean(), abs=0.04)


@pytest.mark.parametrize(
    ("counts", "bands", "message"),
    [
        ([0, 0, 0], BANDS, "no answers"),
        ([1, 2, 3], {"all": -100}, "two bands"),
        ([1, 2, 3], {"a": -100, "b": -100}, "value of its own"),
        ([1, 2, 3], {"a": 0, "b": 50}, "the band below it"),
    ],
)
def test_labels_refuse(counts, bands, message):
    with pytest.raises(ValueError, match=message):
        label_probabilities(counts, NPS, bands)


# --- scales mixed up ----------------------------------------------------------------------------

HONEST = [5, 3, 4, 5, 8, 20, 25, 60, 90, 70, 110]


def test_a_column_on_its_own_scale_raises_nothing():
    assert scale_check(HONEST, NPS).looks_right
    assert scale_check({"web": HONEST, "shop": np.array(HONEST) // 2}, NPS).looks_right


def test_five_points_read_as_eleven():
    problems = scale_check([0, 12, 20, 41, 130, 160, 0, 0, 0, 0, 0], NPS).problems
    assert len(problems) == 1
    assert "1–5" in problems[0]


def test_one_source_on_another_scale():
    problems = scale_check({"web": HONEST, "shop": [0, 12, 20, 41, 130, 160, 0, 0, 0, 0, 0]}, NPS).problems
    assert [p.split(":")[0] for p in problems] == ["shop"]


def test_answers_that_were_multiplied():
    problems = scale_check([0, 0, 20, 0, 41, 0, 60, 0, 130, 0, 160], NPS).problems
    assert "every second category" in problems[0]


def test_a_few_answers_prove_nothing():
    assert scale_check([0, 1, 1, 2, 1, 2, 0, 0, 0, 0, 0], NPS).looks_right
    assert scale_check({"web": HONEST, "shop": [0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0]}, NPS).looks_right


def test_a_mean_on_its_full_scale_needs_every_category():
    with pytest.raises(ValueError, match="all 11 categories"):
        scale_check([20, 30, 50], NPS)

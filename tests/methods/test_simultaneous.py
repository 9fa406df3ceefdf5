"""Families of differences: quantiles from R, Holm from R, error rates by simulation."""

from __future__ import annotations

import numpy as np
import pytest

import cxstats as cx
from cxstats.methods.comparisons import compare, mover_z
from cxstats.methods.simultaneous import (
    _adjusted_z,
    compare_groups,
    compare_with_rest,
    largest_t_quantile,
)

GROUPS = {"A": [20, 30, 50], "B": [30, 30, 40], "C": [10, 30, 60], "D": [5, 9, 16]}


def pairwise(size: int) -> np.ndarray:
    rows = []
    for i in range(size):
        for j in range(i + 1, size):
            row = np.zeros(size)
            row[i], row[j] = -1, 1
            rows.append(row)
    return np.array(rows)


# tests/reference/largest_t.R, R 4.2.2, mvtnorm 1.1.3. Tolerance: three standard errors of our quadrature
@pytest.mark.parametrize(
    ("size", "expected"), [(3, 2.34370059), (4, 2.56903178), (6, 2.84970544), (10, 3.16368375)]
)
def test_tukeys_quantiles(size, expected):
    value, error = largest_t_quantile(pairwise(size), np.eye(size), 0.95)
    assert error < 0.005
    assert value == pytest.approx(expected, abs=3 * error)


def test_unequal_variances():
    value, error = largest_t_quantile(pairwise(3), np.diag([4.0, 9.0, 1.0]), 0.95)
    assert value == pytest.approx(2.323953, abs=3 * error)
    against = np.column_stack([-np.ones(3), np.eye(3)])
    value, error = largest_t_quantile(against, np.diag([1.0, 2.0, 3.0, 4.0]), 0.95)
    assert value == pytest.approx(2.378379, abs=3 * error)


def test_holms_p_values():
    from scipy.stats import norm

    z = norm.isf(np.array([0.012, 0.04, 0.003, 0.2]) / 2)
    assert 2 * norm.sf(_adjusted_z(z, None, "holm")) == pytest.approx([0.036, 0.08, 0.012, 0.2])


def test_unadjusted_is_compare():
    family = compare_groups(GROUPS, cx.NPS, adjust="none")
    for (first, second), ours in zip(family.pairs, family.comparisons, strict=True):
        alone = compare(GROUPS[first], GROUPS[second], cx.NPS)
        assert (ours.low, ours.high, ours.p_value, ours.difference, ours.standard_error) == pytest.approx(
            (alone.low, alone.high, alone.p_value, alone.difference, alone.standard_error)
        )


@pytest.mark.parametrize("adjust", ["max_t", "holm"])
def test_adjusting_widens_and_max_t_beats_bonferroni(adjust):
    plain, family = (compare_groups(GROUPS, cx.NPS, adjust=a) for a in ("none", adjust))
    for one, many in zip(plain.comparisons, family.comparisons, strict=True):
        assert many.low <= one.low
        assert many.high >= one.high
        assert many.p_value >= one.p_value
    bonferroni = compare_groups(GROUPS, cx.NPS, adjust="holm").critical_value
    assert 1.96 < family.critical_value <= bonferroni


def test_interval_and_p_value_tell_the_same_story():
    family = compare_groups(GROUPS, cx.NPS)
    for comparison in family.comparisons:
        excluded = comparison.low > 0 or comparison.high < 0
        assert excluded == (comparison.p_value < 0.05)


def test_against_one_group():
    family = compare_groups(GROUPS, cx.NPS, against="A")
    assert family.pairs == (("A", "B"), ("A", "C"), ("A", "D"))
    assert family.of("A", "C").difference == pytest.approx(20)
    every = compare_groups(GROUPS, cx.NPS)
    assert family.critical_value < every.critical_value


def test_with_rest_compares_with_the_complement():
    family = compare_with_rest(GROUPS, cx.NPS, adjust="none")
    total = np.sum(list(GROUPS.values()), axis=0)
    for label, counts in GROUPS.items():
        ours = family.of("the rest", label)
        alone = compare(total - counts, counts, cx.NPS)
        assert ours.difference == pytest.approx(alone.difference)
        # the rest pools groups of independent answers: the same interval
        assert (ours.low, ours.high) == pytest.approx((alone.low, alone.high))


def test_two_groups_are_one_difference():
    two = {label: GROUPS[label] for label in "AB"}
    family = compare_groups(two, cx.NPS)
    assert family.critical_value == pytest.approx(1.959964, abs=0.005)
    rest = compare_with_rest(two, cx.NPS)
    assert rest.comparisons[0].difference == pytest.approx(-rest.comparisons[1].difference)
    # the same difference twice is no family: still 1.96
    assert rest.critical_value == pytest.approx(1.959964, abs=0.005)


def test_covariance_of_independent_groups_changes_little():
    variance = [cx.NPS.variance(c) / sum(c) for c in GROUPS.values()]
    plain = compare_groups(GROUPS, cx.NPS, adjust="none")
    given = compare_groups(GROUPS, cx.NPS, adjust="none", covariance=np.diag(variance))
    for a, b in zip(plain.comparisons, given.comparisons, strict=True):
        assert (a.low, a.high) == pytest.approx((b.low, b.high))
    rest, given_rest = (
        compare_with_rest(GROUPS, cx.NPS, adjust="none", covariance=c) for c in (None, np.diag(variance))
    )
    for a, b in zip(rest.comparisons, given_rest.comparisons, strict=True):
        # stratified against pooled variance of the rest: the groups differ, so it is a little smaller
        assert b.high - b.low <= a.high - a.low + 1e-9
        assert b.high - b.low == pytest.approx(a.high - a.low, rel=0.03)


def test_shared_customers_narrow_the_difference():
    variance = np.array([cx.NPS.variance(c) / sum(c) for c in GROUPS.values()])
    shared = 0.6 * np.sqrt(np.outer(variance, variance))
    np.fill_diagonal(shared, variance)
    plain, narrow = (compare_groups(GROUPS, cx.NPS, covariance=c) for c in (np.diag(variance), shared))
    for a, b in zip(plain.comparisons, narrow.comparisons, strict=True):
        assert b.high - b.low < a.high - a.low
        assert b.correlation == pytest.approx(0.6)


def test_global_p_value():
    same = compare_groups({k: [20, 30, 50] for k in "ABC"}, cx.NPS)
    assert same.global_p_value == pytest.approx(1)
    assert compare_groups(GROUPS, cx.NPS).global_p_value < 0.05


def test_seeded():
    assert compare_groups(GROUPS, cx.NPS, seed=1) == compare_groups(GROUPS, cx.NPS, seed=1)


def test_table_and_notebook():
    family = compare_groups(GROUPS, cx.NPS)
    assert list(family.to_frame()["first"]) == ["A", "A", "A", "B", "B", "C"]
    assert "largest |t|" in family._repr_html_()
    assert set(family.estimates) == set(GROUPS)


@pytest.mark.parametrize(
    ("groups", "arguments", "message"),
    [
        ({"A": [1, 2, 3]}, {}, "two groups or more"),
        (GROUPS, {"against": "Z"}, "no group 'Z'"),
        (GROUPS, {"adjust": "tukey"}, "adjust must be one of"),
        ({**GROUPS, "E": [0, 0, 0]}, {}, "group 'E': NPS: there are no answers"),
        (GROUPS, {"effective_n": {"Z": 3}}, "not there: Z"),
        (GROUPS, {"covariance": np.eye(3)}, r"shape \(4, 4\)"),
        (GROUPS, {"covariance": np.eye(4), "effective_n": {"A": 3}}, "not both"),
    ],
)
def test_errors_say_what_to_do(groups, arguments, message):
    with pytest.raises(ValueError, match=message):
        compare_groups(groups, cx.NPS, **arguments)


def test_lists_have_no_labels():
    with pytest.raises(TypeError, match="map labels to counts"):
        compare_groups([[1, 2, 3], [4, 5, 6]], cx.NPS)
    with pytest.raises(ValueError, match="rename it"):
        compare_with_rest({"the rest": [1, 2, 3], "A": [1, 2, 3]}, cx.NPS)


@pytest.mark.simulation
@pytest.mark.parametrize("family", ["pairs", "rest"])
def test_family_cries_wolf_in_one_of_twenty_surveys(family):
    # six equal groups of unequal size: any difference whose interval leaves out 0 is a false alarm
    rng = np.random.default_rng(4)
    sizes = np.array([30, 45, 70, 100, 160, 300])
    runs = 4000
    tables = [rng.multinomial(n, [0.15, 0.3, 0.55], runs).astype(float) for n in sizes]
    contrasts = pairwise(6)
    if family == "rest":
        contrasts = np.eye(6) - (1 - np.eye(6)) * sizes / (sizes.sum() - sizes)[:, None]
        sides = [(sum(tables) - table, table) for table in tables]
    else:
        sides = [(tables[int(np.argmin(row))], tables[int(np.argmax(row))]) for row in contrasts]
    size = np.array([np.abs(mover_z(one, two, cx.NPS.distinct_values)) for one, two in sides])
    critical, _ = largest_t_quantile(contrasts, np.diag(1 / sizes), 0.95)
    alarms, single = np.mean(size.max(axis=0) > critical), np.mean(size.max(axis=0) > 1.96)
    assert alarms == pytest.approx(0.05, abs=2 * np.sqrt(0.05 * 0.95 / runs) + 0.005)
    assert single > 0.2


@pytest.mark.simulation
def test_unequal_spread_and_estimated_variances_keep_the_level():
    # the same through the public function, with the variances it estimates itself
    rng = np.random.default_rng(5)
    shares = {40: [0.02, 0.26, 0.72], 80: [0.3, 0.0, 0.7], 120: [0.1, 0.4, 0.5], 60: [0.2, 0.2, 0.6]}
    truth = {str(n): cx.NPS.value(p) for n, p in shares.items()}
    runs, missed = 150, 0
    for _ in range(runs):
        family = compare_groups({str(n): rng.multinomial(n, p) for n, p in shares.items()}, cx.NPS)
        missed += any(
            not c.low <= truth[b] - truth[a] <= c.high
            for (a, b), c in zip(family.pairs, family.comparisons, strict=True)
        )
    assert missed / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)

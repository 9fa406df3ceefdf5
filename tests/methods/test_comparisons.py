"""Differences: Newcombe's examples, statsmodels, the paired example, and invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import cxstats as cx
from cxstats.methods.comparisons import compare, compare_paired, mover_limits

CSAT = cx.csat(5)
# rows first wave (detractors, passives, promoters), columns second
WAVES = np.array([[20, 5, 5], [4, 15, 6], [2, 8, 35]])


def test_t6_newcombes_hybrid_score_example():
    # 56/70 against 48/80: .0524–.3339; Wald .0575–.3425
    hybrid = compare([32, 48], [14, 56], CSAT)
    assert (hybrid.low, hybrid.high) == pytest.approx((5.24, 33.39), abs=0.005)
    textbook = compare([32, 48], [14, 56], CSAT, method="wald")
    assert (textbook.low, textbook.high) == pytest.approx((5.75, 34.25), abs=0.005)


@pytest.mark.parametrize(("one", "two"), [((48, 80), (56, 70)), ((0, 20), (3, 25)), ((10, 10), (20, 20))])
@pytest.mark.parametrize(("method", "theirs"), [("mover", "newcomb"), ("wald", "wald")])
def test_shares_agree_with_statsmodels(one, two, method, theirs):
    from statsmodels.stats.proportion import confint_proportions_2indep

    expected = confint_proportions_2indep(*two, *one, method=theirs, compare="diff")
    ours = compare([one[1] - one[0], one[0]], [two[1] - two[0], two[0]], CSAT, method=method)
    assert (ours.low, ours.high) == pytest.approx(tuple(100 * np.array(expected)), abs=1e-9)


def test_adjusted_wald_by_hand():
    # ¾, 1½, ¾ added to each: z = (θ2' − θ1') / √(v1'/n1' + v2'/n2')
    first, second = np.array([20.75, 31.5, 50.75]), np.array([12.75, 31.5, 60.75])
    means, parts = [], []
    for table in (first, second):
        n = table.sum()
        mean = (table[2] - table[0]) / n
        means.append(mean)
        parts.append(((table[2] + table[0]) / n - mean**2) / n)
    error = np.sqrt(sum(parts))
    result = compare([20, 30, 50], [12, 30, 60], cx.NPS, method="adjusted_wald")
    assert result.standard_error == pytest.approx(100 * error)
    assert result.p_value == pytest.approx(2 * norm.sf((means[1] - means[0]) / error))
    assert (result.low + result.high) / 2 == pytest.approx(100 * (means[1] - means[0]))
    # the difference itself is the one counted
    assert result.difference == pytest.approx(100 * (48 / 102 - 30 / 100))


@pytest.mark.parametrize(
    ("first", "second"), [([20, 30, 50], [12, 30, 60]), ([3, 4, 3], [1, 1, 8]), ([0, 0, 10], [2, 3, 5])]
)
def test_p_value_inverts_the_interval(first, second):
    result = compare(first, second, cx.NPS)
    z = norm.isf(result.p_value / 2)
    rows = np.array([first], float), np.array([second], float)
    low, high = mover_limits(*rows, cx.NPS.distinct_values, z)
    assert min(abs(low[0]), abs(high[0])) == pytest.approx(0, abs=1e-6)
    # and so an interval at the level 1 − p just touches 0
    touching = compare(first, second, cx.NPS, level=1 - result.p_value) if result.p_value < 0.5 else None
    if touching:
        assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-6)


def test_second_minus_first():
    up = compare([30, 30, 40], [20, 30, 50], cx.NPS)
    down = compare([20, 30, 50], [30, 30, 40], cx.NPS)
    assert up.difference == pytest.approx(20)
    assert (-down.high, -down.low) == pytest.approx((up.low, up.high))
    assert up.p_value == pytest.approx(down.p_value)
    assert up.first.value == 10
    assert up.second.value == 30


def test_groups_that_agree_in_themselves():
    same = compare([0, 0, 10], [0, 0, 10], cx.NPS)
    assert same.p_value == 1
    assert same.low < -40 < 40 < same.high
    opposite = compare([10, 0, 0], [0, 0, 10], cx.NPS)
    assert opposite.difference == 200
    assert opposite.low > 100
    assert opposite.high == 200
    assert opposite.p_value < 1e-4
    # the textbook interval has no width
    assert compare([10, 0, 0], [0, 0, 10], cx.NPS, method="wald").low == 200


def test_a_billion_answers_underflow_quietly():
    assert compare([1e8, 2e8, 3e8], [2e8, 2e8, 2e8], cx.NPS).p_value == 0


def test_paired_waves_of_the_same_customers():
    # Δ = +0.05, paired error 0.0712, as if independent 0.1186 (−1 … 1; three and four printed decimals)
    paired = compare_paired(WAVES, cx.NPS, method="wald")
    apart = compare(WAVES.sum(axis=1), WAVES.sum(axis=0), cx.NPS, method="wald")
    assert paired.difference == pytest.approx(5)
    assert apart.difference == pytest.approx(5)
    assert paired.standard_error / 100 == pytest.approx(0.0712, abs=5e-5)
    assert apart.standard_error / 100 == pytest.approx(0.1186, abs=5e-5)
    # all customers overlapping is the same case, taken the other way
    shared = compare(WAVES.sum(axis=1), WAVES.sum(axis=0), cx.NPS, method="wald", overlap=WAVES)
    assert shared.standard_error == pytest.approx(paired.standard_error)
    assert shared.n_pairs == 100


def test_paired_shares_are_tangos_interval():
    # Tango (1998): statistic (b − c − nΔ)/√(n(2q̃ + Δ(1 − Δ))), solved here by plain bisection
    table = [[30, 12], [3, 55]]  # first no/yes by second no/yes: gains 12, losses 3

    def tango(delta, gains=12, losses=3, n=100):
        a = 2 * n
        b = -losses - gains + (2 * n - gains + losses) * delta
        c = -losses * delta * (1 - delta)
        q = (np.sqrt(b * b - 4 * a * c) - b) / (2 * a)
        return (gains - losses - n * delta) / np.sqrt(n * (2 * q + delta * (1 - delta)))

    low, high = -0.9999, 0.09
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if tango(middle) > 1.959963984540054 else (low, middle)
    result = compare_paired(table, CSAT)
    assert result.low == pytest.approx(100 * low, abs=1e-8)
    assert result.p_value == pytest.approx(2 * norm.sf(tango(0.0)))
    # McNemar's statistic without correction
    assert norm.isf(result.p_value / 2) ** 2 == pytest.approx((12 - 3) ** 2 / (12 + 3))


def test_pair_table_by_category():
    # full 0–10 answers reduce to the same groups
    full = np.zeros((11, 11))
    place = {0: 3, 1: 7, 2: 10}
    for i in range(3):
        for j in range(3):
            full[place[i], place[j]] = WAVES[i, j]
    assert compare_paired(full, cx.NPS) == compare_paired(WAVES, cx.NPS)


def test_overlap_of_nobody_changes_nothing():
    plain = compare([20, 30, 50], [12, 30, 60], cx.NPS)
    empty = compare([20, 30, 50], [12, 30, 60], cx.NPS, overlap=np.zeros((3, 3)))
    assert (empty.low, empty.high, empty.p_value) == (plain.low, plain.high, plain.p_value)


def test_partial_overlap_lies_between():
    apart = compare([60, 90, 150], [50, 90, 160], cx.NPS)
    some = compare([60, 90, 150], [50, 90, 160], cx.NPS, overlap=WAVES)
    assert 0 < some.correlation < 1
    assert some.standard_error < apart.standard_error
    assert some.high - some.low < apart.high - apart.low


def test_covariance_of_independent_groups_changes_nothing():
    first, second = [20, 30, 50], [12, 30, 60]
    variance = [cx.NPS.variance(c) / sum(c) for c in (first, second)]
    plain = compare(first, second, cx.NPS)
    given_ = compare(first, second, cx.NPS, covariance=np.diag(variance))
    assert (given_.low, given_.high, given_.p_value) == pytest.approx((plain.low, plain.high, plain.p_value))


def test_covariance_says_what_overlap_says():
    first, second = WAVES.sum(axis=1), WAVES.sum(axis=0)
    values = cx.NPS.distinct_values
    pairs = WAVES / 100
    one, two = values - pairs.sum(axis=1) @ values, values - pairs.sum(axis=0) @ values
    covariance = one @ pairs @ two / 100
    matrix = [
        [cx.NPS.variance(first) / 100, covariance],
        [covariance, cx.NPS.variance(second) / 100],
    ]
    a = compare(first, second, cx.NPS, covariance=matrix)
    b = compare(first, second, cx.NPS, overlap=WAVES)
    assert (a.low, a.high, a.p_value, a.correlation) == pytest.approx(
        (b.low, b.high, b.p_value, b.correlation)
    )


def test_effective_n_and_population():
    worth = compare([40, 60, 100], [24, 60, 120], cx.NPS, effective_n=(100, 102))
    plain = compare([20, 30, 50], [12, 30, 60], cx.NPS)
    assert (worth.low, worth.high) == pytest.approx((plain.low, plain.high))
    census = compare([20, 30, 50], [12, 30, 60], cx.NPS, population=(100, 102))
    assert census.high - census.low < 1e-4
    assert census.standard_error == 0
    one_sided = compare([40, 60, 100], [12, 30, 60], cx.NPS, effective_n=(100, None))
    assert (one_sided.low, one_sided.high) == pytest.approx((plain.low, plain.high))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "mover2"}, "Did you mean 'mover'"),
        ({"second": [0, 0, 0]}, "no answers"),
        ({"level": 95}, "Did you mean 0.95"),
        ({"covariance": [[1, 0], [0, 1]], "effective_n": (10, 10)}, "not both"),
        ({"covariance": [[1, 2], [2, 1]]}, "negative eigenvalue"),
        ({"covariance": [[1, 2], [0, 1]]}, "symmetric"),
        ({"covariance": [1, 2]}, r"shape \(2, 2\)"),
        ({"overlap": WAVES * 3}, "belong to each"),
        ({"overlap": [[1, 2], [3, 4]]}, r"\(11, 11\) or \(3, 3\)"),
    ],
)
def test_errors_say_what_to_do(arguments, message):
    arguments = {"first": [20, 30, 50], "second": [12, 30, 60], **arguments}
    with pytest.raises(ValueError, match=message):
        compare(arguments.pop("first"), arguments.pop("second"), cx.NPS, **arguments)


def test_paired_errors():
    with pytest.raises(ValueError, match="answered twice"):
        compare_paired(np.zeros((3, 3)), cx.NPS)
    with pytest.raises(ValueError, match="effective_n"):
        compare_paired(WAVES * 0.5 + 0.1, cx.NPS)
    with pytest.raises(ValueError, match="not one of"):
        compare_paired(WAVES, cx.NPS, method="mover")


def test_one_pair_that_does_not_change():
    result = compare_paired([[0, 0, 0], [0, 0, 0], [0, 0, 1]], cx.NPS)
    assert result.difference == 0
    assert result.low < -100
    assert result.p_value == 1


def test_shows_itself():
    assert "second minus first" in compare([20, 30, 50], [12, 30, 60], cx.NPS)._repr_html_()


counts = st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(lambda c: sum(c) > 0)


@settings(deadline=None)
@given(counts, counts)
def test_laws(first, second):
    result = compare(first, second, cx.NPS)
    assert -200 <= result.low <= result.difference + 1e-9
    assert result.difference - 1e-9 <= result.high <= 200
    assert 0 <= result.p_value <= 1
    # interval and p-value tell the same story
    excluded = result.low > 1e-9 or result.high < -1e-9
    assert excluded == (result.p_value < 0.05 - 1e-9) or abs(result.p_value - 0.05) < 1e-6


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("n", "shares"),
    [
        ((40, 60), ((0.1, 0.3, 0.6), (0.2, 0.3, 0.5))),
        ((25, 100), ((0.05, 0.15, 0.8), (0.02, 0.08, 0.9))),
        ((300, 300), ((0.2, 0.35, 0.45), (0.2, 0.35, 0.45))),
    ],
)
def test_mover_contains_the_true_difference(n, shares):
    rng = np.random.default_rng(1)
    values = cx.NPS.distinct_values
    truth = float((np.array(shares[1]) - np.array(shares[0])) @ values)
    runs = 40_000
    first, second = (rng.multinomial(k, p, runs).astype(float) for k, p in zip(n, shares, strict=True))
    low, high = mover_limits(first, second, values, 1.959963984540054)
    inside = np.mean((low <= truth) & (truth <= high))
    # two Monte-Carlo errors and half a point below; above, two points: among nearly all promoters the hybrid is
    # wider than it need be
    error = 2 * np.sqrt(0.05 * 0.95 / runs)
    assert 0.945 - error <= inside <= 0.97 + error


def _same_customers(rng, n, rho=0.7):
    """Two waves of the same customers, in −100, 0, 100."""
    latent = rng.standard_normal((n, 1)) * np.sqrt(rho) + rng.standard_normal((n, 2)) * np.sqrt(1 - rho)
    return np.digitize(latent + np.array([0.0, 0.15]), [-0.8, 0.1])  # 0, 1, 2


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "shared"), [(80, 80), (200, 100)])
def test_shared_customers_are_covered(n, shared):
    # wave 1 and wave 2 of n customers each, `shared` of them the same
    values = cx.NPS.distinct_values
    big = _same_customers(np.random.default_rng(0), 4_000_000)
    truth = float(np.mean(values[big[:, 1]] - values[big[:, 0]]))
    rng = np.random.default_rng(2)
    runs, inside, ignored = 600, 0, 0
    for _ in range(runs):
        both = _same_customers(rng, shared)
        rest = _same_customers(rng, n - shared), _same_customers(rng, n - shared)
        table = np.zeros((3, 3))
        np.add.at(table, (both[:, 0], both[:, 1]), 1)
        first = np.bincount(np.r_[both[:, 0], rest[0][:, 0]], minlength=3)
        second = np.bincount(np.r_[both[:, 1], rest[1][:, 1]], minlength=3)
        result = (
            compare_paired(table, cx.NPS) if shared == n else compare(first, second, cx.NPS, overlap=table)
        )
        inside += result.low <= truth <= result.high
        apart = compare(first, second, cx.NPS)
        ignored += apart.low <= truth <= apart.high
    error = np.sqrt(0.05 * 0.95 / runs)
    assert inside / runs == pytest.approx(0.95, abs=2 * error + 0.01)
    # taken for different customers the interval is too wide: it misses too few
    assert ignored / runs > 0.965

"""Rank sets against the published examples of the R package csranks, and from known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxstats.methods.ranks import rank_groups, rank_sets
from cxstats.metrics import NPS, csat

PISA = Path(__file__).resolve().parents[1] / "reference" / "pisa_2018_maths.csv"


@pytest.fixture(scope="module")
def pisa() -> pd.DataFrame:
    return pd.read_csv(PISA, comment="#")


# --- published examples -------------------------------------------------------------------


@pytest.mark.parametrize("step_down", ["pairs", "directions"])
def test_csranks_documentation_example(step_down):
    # csranks: x <- seq(1, 3, length = 10); V <- diag(rep(0.04, 10)); csranks(x, V)
    sets = rank_sets(np.linspace(1, 3, 10), np.full(10, 0.2), seed=1, step_down=step_down)
    assert sets.lower.tolist() == [7, 6, 5, 4, 3, 2, 1, 1, 1, 1]
    assert sets.upper.tolist() == [10, 10, 10, 10, 9, 8, 7, 6, 5, 4]
    assert (sets.n_ordered, sets.n_pairs) == (21, 45)


def test_critical_values_of_the_documentation_example():
    # 3.16 is the 95 % point of the studentised range of 10 over √2: scipy.stats.studentized_range.ppf(.95, 10, inf)
    sets = rank_sets(np.linspace(1, 3, 10), np.full(10, 0.2), seed=1, draws=100_000)
    assert sets.critical_values == pytest.approx([3.16, 3.07, 3.01], abs=0.015)


def test_first_critical_value_is_the_studentised_range():
    from scipy.stats import studentized_range

    # equal errors, nothing rejected: max|t| over pairs is the range over √2. 1e6 degrees of freedom for infinity
    exact = studentized_range.ppf(0.95, 5, 1e6) / np.sqrt(2)
    sets = rank_sets(np.zeros(5), np.ones(5), seed=2, draws=200_000)
    assert sets.critical_values == pytest.approx([exact], abs=0.01)


def test_pisa_simultaneous_sets(pisa):
    # reference values made with 200,000 draws; Monte-Carlo error of the critical value moves no listed set
    sets = (
        rank_sets(pisa.score, pisa.standard_error, names=pisa.country, seed=1).to_frame().set_index("group")
    )
    expected = {
        "Japan": (1, 6),
        "Korea": (1, 7),
        "Estonia": (1, 6),
        "Netherlands": (1, 10),
        "United States": (23, 32),
        "Chile": (35, 36),
        "Mexico": (35, 36),
        "Colombia": (37, 37),
    }
    found = {country: (sets.lower[country], sets.upper[country]) for country in expected}
    assert found == expected


def test_pisa_marginal_sets(pisa):
    sets = rank_sets(pisa.score, pisa.standard_error, names=pisa.country, seed=1, simultaneous=False)
    frame = sets.to_frame().set_index("group")
    expected = {"Japan": (1, 4), "Finland": (5, 18), "Germany": (10, 24), "United States": (25, 31)}
    assert {c: (frame.lower[c], frame.upper[c]) for c in expected} == expected
    # csranks' own article prints 8 to 23 for the United Kingdom (1,000 draws) and calls it 7 in the text
    assert frame.lower["United Kingdom"] in (7, 8)
    assert frame.upper["United Kingdom"] == 23


def test_pisa_countries_that_could_be_among_the_five_best(pisa):
    # csranks article "Inference for Ranks": cstaubest(math_score, V, tau = 5, coverage = 0.95)
    published = {
        "Belgium", "Canada", "Denmark", "Estonia", "Finland", "Japan", "Korea", "Netherlands", "Poland",
        "Slovenia", "Sweden", "Switzerland",
    }  # fmt: skip
    for level, expected in ((0.95, published), (0.9, published - {"Sweden"})):
        sets = rank_sets(
            pisa.score,
            pisa.standard_error,
            names=pisa.country,
            level=level,
            step_down="directions",
            seed=1,
        )
        assert set(np.array(sets.names)[sets.among_best(5)]) == expected


# --- laws ---------------------------------------------------------------------------------


def test_overwhelming_differences_give_a_full_ranking():
    sets = rank_sets([3.0, 1.0, 2.0], [1e-6] * 3, seed=1)
    assert sets.lower.tolist() == sets.upper.tolist() == sets.rank.tolist() == [1, 3, 2]
    assert sets.ordered_share == 1
    assert sets.surely_among_best(1).tolist() == [True, False, False]
    assert sets.among_worst(1).tolist() == [False, True, False]


def test_equal_values_cannot_be_ranked():
    sets = rank_sets(np.zeros(6), np.ones(6), seed=1)
    assert sets.lower.tolist() == [1] * 6
    assert sets.upper.tolist() == [6] * 6
    assert sets.n_ordered == 0


def test_order_of_the_groups_does_not_matter():
    values, errors = np.array([10.0, -5, 3, 40, 22]), np.array([4.0, 5, 3, 6, 4])
    order = [3, 0, 4, 2, 1]
    plain = rank_sets(values, errors, seed=1, draws=50_000)
    shuffled = rank_sets(values[order], errors[order], seed=1, draws=50_000)
    assert plain.lower[order].tolist() == shuffled.lower.tolist()
    assert plain.upper[order].tolist() == shuffled.upper.tolist()


def test_turning_the_scale_over_turns_the_ranks_over():
    values, errors = np.array([10.0, -5, 3, 40, 22]), np.array([4.0, 5, 3, 6, 4])
    up, down = rank_sets(values, errors, seed=1), rank_sets(-values, errors, seed=1)
    assert (6 - up.upper).tolist() == down.lower.tolist()
    assert np.array_equal(up.better, down.better.T)


def test_marginal_sets_lie_within_simultaneous_ones(pisa):
    joint = rank_sets(pisa.score, pisa.standard_error, seed=1)
    marginal = rank_sets(pisa.score, pisa.standard_error, seed=1, simultaneous=False)
    assert np.all(marginal.lower >= joint.lower)
    assert np.all(marginal.upper <= joint.upper)


def test_a_diagonal_covariance_is_independent_errors():
    values, errors = [1.0, 2.0, 4.0], np.array([0.5, 0.6, 0.7])
    by_errors = rank_sets(values, errors, seed=1)
    by_covariance = rank_sets(values, covariance=np.diag(errors**2), seed=1)
    assert np.array_equal(by_errors.better, by_covariance.better)


def test_shared_customers_sharpen_the_ranking():
    # correlation .9 between groups: differences are far more certain than the groups themselves
    covariance = np.full((3, 3), 0.9) + 0.1 * np.eye(3)
    alone = rank_sets([0.0, 2.0, 4.0], np.ones(3), seed=1)
    together = rank_sets([0.0, 2.0, 4.0], covariance=covariance, seed=1)
    assert alone.n_ordered < together.n_ordered == 3


def test_two_groups_are_a_plain_test():
    # 1.96·√2 = 2.772: just inside and just outside
    assert rank_sets([0.0, 2.70], [1, 1], seed=1, draws=200_000).n_ordered == 0
    assert rank_sets([0.0, 2.85], [1, 1], seed=1, draws=200_000).n_ordered == 1


def test_ties_share_the_better_rank():
    assert rank_sets([2.0, 2.0, 1.0], [1, 1, 1], seed=1).rank.tolist() == [1, 1, 3]


def test_it_shows_itself():
    html = rank_sets([1.0, 9.0], [1, 1], names=["<b>", "south"], seed=1)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "rank 1 to 1" in html


# --- counts -------------------------------------------------------------------------------


def test_groups_need_no_luck_when_all_answers_agree():
    # Wald errors are 0 here and would rank the three at any distance
    sets = rank_groups([[0, 0, 10], [0, 1, 9], [0, 0, 12]], NPS, seed=1)
    assert sets.n_ordered == 0
    assert sets.values.tolist() == [100.0, 90.0, 100.0]


def test_clear_groups_are_ranked_from_counts():
    table = [[300, 300, 400], [100, 300, 600], [500, 300, 200]]
    sets = rank_groups(table, NPS, names=["a", "b", "c"], seed=1)
    assert dict(zip(sets.names, sets.lower.tolist(), strict=True)) == {"a": 2, "b": 1, "c": 3}
    assert sets.ordered_share == 1


def test_a_share_is_ranked_too():
    sets = rank_groups([[10, 90], [50, 50]], csat(2), seed=1)
    assert sets.upper.tolist() == [1, 2]


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [1.0], "standard_errors": [1.0]}, "two values or more"),
        ({"values": [1.0, np.nan], "standard_errors": [1, 1]}, "missing"),
        ({"values": [1.0, 2.0], "standard_errors": [1, 0]}, "above 0"),
        ({"values": [1.0, 2.0], "standard_errors": [1, 1, 1]}, "shape"),
        ({"values": [1.0, 2.0]}, "either standard_errors or covariance"),
        ({"values": [1.0, 2.0], "standard_errors": [1, 1], "covariance": np.eye(2)}, "either"),
        ({"values": [1.0, 2.0], "covariance": np.array([[1, 0.5], [0.2, 1]])}, "symmetric"),
        ({"values": [1.0, 2.0], "covariance": np.ones((2, 2))}, "no variance"),
        ({"values": [1.0, 2.0], "standard_errors": [1, 1], "names": ["a"]}, "names"),
        ({"values": [1.0, 2.0], "standard_errors": [1, 1], "level": 95}, "Did you mean 0.95"),
        ({"values": [1.0, 2.0], "standard_errors": [1, 1], "step_down": "no"}, "step_down"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        rank_sets(seed=1, **arguments)


def test_a_covariance_that_no_data_have():
    covariance = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    with pytest.raises(ValueError, match="positive semi-definite"):
        rank_sets([1.0, 2.0, 3.0], covariance=covariance, seed=1)


def test_an_empty_group_is_named():
    with pytest.raises(ValueError, match='group "west" has no answers'):
        rank_groups([[1, 2, 3], [0, 0, 0]], NPS, names=["east", "west"], seed=1)


def test_more_places_than_groups():
    with pytest.raises(ValueError, match="2 groups"):
        rank_sets([1.0, 2.0], [1, 1], seed=1).among_best(3)


# --- from known truth ---------------------------------------------------------------------


def _share_of_false_tables(distribution, n, *, groups, tables, draws, seed, errors="ours"):
    """Share of league tables of equal groups in which at least one pair is called ordered."""
    rng = np.random.default_rng(seed)
    false = 0
    for table in range(tables):
        counts = rng.multinomial(n, distribution, size=groups)
        if errors == "ours":
            sets = rank_groups(counts, NPS, seed=table, draws=draws)
        else:
            values = np.array([NPS.value(row) for row in counts])
            wald = np.sqrt([NPS.variance(row) / n for row in counts])
            sets = rank_sets(values, np.maximum(wald, 1e-6), seed=table, draws=draws)
        false += sets.n_ordered > 0
    return false / tables


def test_equal_groups_of_ten_are_not_ranked():
    # twenty equal groups of ten: Wald errors rank falsely in 10–40 % of tables, ours in at most 5 %
    common = {"groups": 20, "tables": 60, "draws": 1000, "seed": 1}
    assert _share_of_false_tables([0.2, 0.35, 0.45], 10, errors="wald", **common) > 0.15
    assert _share_of_false_tables([0.2, 0.35, 0.45], 10, **common) <= 0.1


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30, 100])
@pytest.mark.parametrize(
    "distribution",
    [(0.2, 0.35, 0.45), (0.1, 0.3, 0.6), (0.05, 0.2, 0.75), (0.02, 0.08, 0.9), (0.5, 0, 0.5)],
)
def test_false_ranking_of_equal_groups(n, distribution):
    # two Monte-Carlo errors of 400 tables at .05 are .022
    share = _share_of_false_tables(distribution, n, groups=20, tables=400, draws=2000, seed=3)
    assert share <= 0.05 + 0.022


@pytest.mark.simulation
@pytest.mark.parametrize("step_down", ["pairs", "directions"])
@pytest.mark.parametrize("simultaneous", [True, False])
@pytest.mark.parametrize(
    "truth",
    [
        np.repeat([0.0, 20.0, 40.0], 3) + np.tile([0, 0.01, 0.02], 3),  # clusters of near-equals, far apart
        np.linspace(0, 8, 9),  # all differences around the critical value
        np.r_[np.zeros(8), 3.0],
        np.r_[np.zeros(4), np.full(5, 1e-3)],
    ],
    ids=["clusters", "ladder", "one ahead", "nearly equal"],
)
def test_rank_sets_contain_the_true_ranks(truth, simultaneous, step_down):
    # unequal errors; with simultaneous sets no true rank may be missed, with marginal ones each by itself
    rng = np.random.default_rng(5)
    errors = np.linspace(0.7, 1.6, len(truth))
    best = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    worst = len(truth) - (truth[None, :] < truth[:, None]).sum(axis=1)
    missed = np.zeros((500, len(truth)), dtype=bool)
    for run in range(len(missed)):
        sets = rank_sets(
            rng.normal(truth, errors),
            errors,
            seed=run,
            draws=2000,
            simultaneous=simultaneous,
            step_down=step_down,
        )
        # tied groups may truly stand anywhere in their tie
        missed[run] = (sets.lower > best) | (sets.upper < worst)
    share = missed.any(axis=1).mean() if simultaneous else missed.mean(axis=0).max()
    assert share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(missed)) + 0.01  # .01: the maximum over nine groups

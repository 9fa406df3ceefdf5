"""IRTree: R's random-intercept model by quadrature, integrals by brute force, simulated people of known style.

``tests/reference/irtree.R`` made the values of ordinal::clmm.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import dblquad
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from cxstats.methods.irtree import _model, irtree, pseudo_items
from cxstats.metrics import Scale

FIVE = Scale(1, 5)
ITEMS = [f"q{j}" for j in range(1, 6)]
ANSWERS = pd.read_csv(Path(__file__).resolve().parents[1] / "reference" / "irtree_answers.csv", comment="#")


def people(
    n: int, items: int, seed: int, *, sigma: np.ndarray, gap: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> pd.DataFrame:
    """People of two countries whose three decisions follow the tree, with person effects N(0, sigma)."""
    rng = np.random.default_rng(seed)
    country = np.repeat([0.0, 1.0], n // 2)
    theta = rng.multivariate_normal(np.zeros(3), sigma, n) + np.outer(country, gap)
    easy = np.linspace(-0.5, 0.5, items)

    def yes(node: int, level: float) -> np.ndarray:
        return rng.random((n, items)) < 1 / (1 + np.exp(-(level + easy + theta[:, [node]])))

    middle, agree, end = yes(0, -0.9), yes(1, 0.2), yes(2, -0.4)
    answers = np.where(middle, 3, np.where(agree, np.where(end, 5, 4), np.where(end, 1, 2)))
    rows = pd.DataFrame(answers, columns=[f"q{j}" for j in range(items)])
    return rows.assign(country=np.where(country == 1, "B", "A"))


# ------------------------------------------------------------------------------------------ decisions


def test_answers_become_decisions() -> None:
    nan = np.nan
    nps = pseudo_items(np.array([[0.0, 3.0, 5.0, 9.0, 10.0, nan]]), 11)
    np.testing.assert_array_equal(nps["middle"], [[0, 0, 1, 0, 0, nan]])
    np.testing.assert_array_equal(nps["agree"], [[0, 0, nan, 1, 1, nan]])
    np.testing.assert_array_equal(nps["extreme"], [[1, 0, nan, 0, 1, nan]])
    assert list(pseudo_items(np.zeros((1, 2)), 4)) == ["agree", "extreme"]
    assert list(pseudo_items(np.zeros((1, 2)), 3)) == ["middle", "agree"]
    assert list(pseudo_items(np.zeros((1, 2)), 2)) == ["agree"]


# -------------------------------------------------------------------------------------------- oracles


def test_one_trait_is_r_clmm_by_quadrature() -> None:
    found = irtree(ANSWERS, ITEMS, scale=FIVE, group="country", nodes=["extreme"], quadrature=31)
    assert found.log_likelihood == pytest.approx(-984.1998811, abs=1e-6)
    b = found.groups.set_index("group").loc["B"]
    assert b["difference"] == pytest.approx(0.68956224916, abs=2e-4)
    assert b["standard_error"] == pytest.approx(0.1467989009, rel=0.05)  # outer product beside Hessian
    easiness = found.items["easiness"].to_numpy()
    assert -easiness[0] == pytest.approx(0.59167274973, abs=2e-4)
    np.testing.assert_allclose(
        easiness[1:] - easiness[0], [0.30752937083, 0.72597290914, 1.12720860616, 0.03449722659], atol=2e-4
    )
    assert found.spread["standard_deviation"].item() == pytest.approx(0.8751906979, abs=2e-4)
    alone = irtree(ANSWERS, ITEMS, scale=FIVE, nodes=["extreme"], quadrature=31)
    assert alone.log_likelihood == pytest.approx(-995.2605727, abs=1e-6)
    assert alone.spread["standard_deviation"].item() == pytest.approx(0.9432675048, abs=2e-4)
    assert alone.reference is None


def test_the_default_grid_is_fine_enough() -> None:
    rows = people(500, 8, 1, sigma=np.array([[0.8, -0.3, -0.4], [-0.3, 1.0, 0.2], [-0.4, 0.2, 1.2]]))
    items = [f"q{j}" for j in range(8)]
    coarse = irtree(rows, items, scale=FIVE, group="country")
    fine = irtree(rows, items, scale=FIVE, group="country", quadrature=15)
    assert coarse.log_likelihood == pytest.approx(fine.log_likelihood, abs=0.05)
    np.testing.assert_allclose(
        coarse.spread["standard_deviation"], fine.spread["standard_deviation"], atol=0.01
    )
    np.testing.assert_allclose(coarse.groups["difference"], fine.groups["difference"], atol=0.01)


def test_two_traits_have_the_likelihood_of_an_integral() -> None:
    rng = np.random.default_rng(2)
    decisions = rng.integers(0, 2, (6, 5)).astype(float)
    decisions[0, 1] = decisions[3, 4] = np.nan
    trait_of = np.array([0, 0, 1, 1, 1])
    position = np.array([0, 0, 0, 1, 1, 1])
    model, pattern = _model(decisions, trait_of, 2, position, 2, np.ones(6), 31)
    at = np.array([0.2, -0.4, 0.1, 0.5, -0.3, 0.4, -0.6, 0.9, 0.5, 0.7])
    value, _ = model.rows(at, False)
    factor = np.array([[0.9, 0.0], [0.5, 0.7]])
    density = multivariate_normal(np.zeros(2), factor @ factor.T).pdf
    for row in (0, 4):
        mean = np.zeros(2) if row < 3 else np.array([0.4, -0.6])

        def joint(y: float, x: float, row: int = row, mean: np.ndarray = mean) -> float:
            eta = at[:5] + (mean + np.array([x, y]))[trait_of]
            taken = ~np.isnan(decisions[row])
            chance = 1 / (1 + np.exp(-eta[taken]))
            yes = decisions[row][taken]
            return density([x, y]) * np.prod(np.where(yes == 1, chance, 1 - chance))

        expected, _ = dblquad(joint, -6, 6, -6, 6, epsabs=1e-7)
        assert value[pattern[row]] == pytest.approx(np.log(expected), abs=1e-5)


@pytest.mark.parametrize("traits", [1, 2, 3])
def test_the_scores_are_the_likelihoods(traits: int) -> None:
    rng = np.random.default_rng(3)
    decisions = np.where(rng.random((40, 6)) < 0.2, np.nan, rng.integers(0, 2, (40, 6)))
    trait_of = np.arange(6) % traits
    model, _ = _model(decisions, trait_of, traits, np.arange(40) % 2, 2, np.ones(40), 9)
    at = model.start() + 0.1 * rng.normal(size=len(model.start()))
    _, scores = model.rows(at, True)

    def value(parameters: np.ndarray) -> float:
        return float(model.mass @ model.rows(parameters, False)[0])

    np.testing.assert_allclose(model.mass @ scores, approx_fprime(at, value, 1e-7), rtol=1e-4, atol=1e-4)


def test_the_chance_of_all_answers_together_is_one() -> None:
    every = np.array(list(product([0.0, 1.0], repeat=4)))
    model, _ = _model(every, np.array([0, 0, 1, 1]), 2, np.zeros(16, int), 1, np.ones(16), 15)
    at = np.array([0.3, -0.2, 0.4, 0.1, 0.8, 0.3, 0.6])
    assert np.exp(model.rows(at, False)[0]).sum() == pytest.approx(1, abs=1e-10)


# --------------------------------------------------------------------------------------------- truth

SIGMA = np.array([[0.5, 0.0, -0.35], [0.0, 0.3, 0.0], [-0.35, 0.0, 1.0]])


def test_style_is_recovered_from_many_people() -> None:
    rows = people(8_000, 6, 4, sigma=SIGMA, gap=(-0.4, 0.3, 0.6))
    found = irtree(rows, [f"q{j}" for j in range(6)], scale=FIVE, group="country", keyed=[1, -1] * 3)
    assert found.converged
    assert found.traits == ("middle", "agree", "extreme")
    np.testing.assert_allclose(found.spread["standard_deviation"], np.sqrt(np.diag(SIGMA)), atol=0.06)
    together = found.correlations.set_index(["first", "second"]).loc[("middle", "extreme")]
    assert together["correlation"] == pytest.approx(-0.35 / np.sqrt(0.5), abs=0.1)
    b = found.groups[found.groups["group"] == "B"]
    assert (np.abs(b["difference"].to_numpy() - [-0.4, 0.3, 0.6]) < 3 * b["standard_error"]).all()
    shares = found.groups.set_index(["group", "trait"])["share"]
    middle = (rows.set_index("country") == 3).groupby("country").mean().mean(axis=1)
    assert shares[("A", "middle")] == pytest.approx(middle["A"], abs=0.01)
    assert shares[("B", "middle")] == pytest.approx(middle["B"], abs=0.01)
    assert found.persons.shape == (8_000, 3)


def test_extreme_style_is_the_same_on_every_topic_or_is_not() -> None:
    rng = np.random.default_rng(5)
    topics = {"q0": "a", "q1": "a", "q2": "a", "q3": "b", "q4": "b", "q5": "b"}
    for same, low, high in ((True, 0.8, 1.0), (False, -0.2, 0.2)):
        first = rng.normal(size=(4_000, 1))
        second = first if same else rng.normal(size=(4_000, 1))
        end = rng.random((4_000, 6)) < 1 / (1 + np.exp(-np.hstack([first] * 3 + [second] * 3)))
        answers = np.where(rng.random((4_000, 6)) < 0.5, np.where(end, 1, 2), np.where(end, 4, 3))
        rows = pd.DataFrame(answers, columns=list(topics))
        found = irtree(rows, list(topics), scale=Scale(1, 4), topics=topics)
        assert found.traits == ("extreme: a", "extreme: b")
        row = found.correlations.iloc[0]
        assert low <= row["correlation"] <= high
        assert (row["low"] <= 0 <= row["high"]) is not same


def test_people_without_a_style_have_none() -> None:
    rng = np.random.default_rng(6)
    rows = pd.DataFrame(rng.integers(1, 5, (3_000, 5)), columns=ITEMS)
    found = irtree(rows, ITEMS, scale=Scale(1, 4), keyed=[1, -1, 1, -1, 1])
    assert (found.spread["standard_deviation"] < 0.2).all()
    assert found.converged


def test_cells_missing_answers_and_the_reference() -> None:
    rows = people(600, 4, 7, sigma=SIGMA)
    items = [f"q{j}" for j in range(4)]
    cells = rows.value_counts().rename("n").reset_index()
    one = irtree(rows, items, scale=FIVE, group="country", nodes=["middle", "extreme"])
    two = irtree(cells, items, scale=FIVE, group="country", nodes=["middle", "extreme"], reference="B")
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-5)
    assert (one.reference, two.reference) == ("A", "B")
    first = one.groups.query("group == 'B'")["difference"].to_numpy()
    second = two.groups.query("group == 'A'")["difference"].to_numpy()
    np.testing.assert_allclose(first, -second, atol=1e-3)
    holes = rows.astype(dict.fromkeys(items, "Int64"))
    holes.loc[:50, "q0"] = pd.NA
    holes.loc[:9, items] = pd.NA
    part = irtree(holes, items, scale=FIVE, nodes=["middle", "extreme"])
    assert part.n == 590
    assert part.items.set_index(["item", "node"]).loc[("q0", "middle"), "n"] == 549


def test_answers_given_twice_by_the_same_people_are_no_new_information() -> None:
    rows = people(400, 5, 8, sigma=SIGMA, gap=(0.0, 0.0, 0.5)).assign(who=range(400))
    twice = pd.concat([rows, rows], ignore_index=True)
    items = [f"q{j}" for j in range(5)]
    options = {"scale": FIVE, "group": "country", "nodes": ["extreme"], "customer": "who"}
    one = irtree(rows, items, **options).groups.iloc[1]
    two = irtree(twice, items, **options).groups.iloc[1]
    assert two["difference"] == pytest.approx(one["difference"], abs=1e-4)
    assert two["standard_error"] == pytest.approx(one["standard_error"], rel=0.01)


@pytest.mark.simulation
def test_intervals_of_a_difference_and_a_spread_contain_the_truth() -> None:
    runs = 150
    inside = np.zeros(2)
    items = [f"q{j}" for j in range(5)]
    for seed in range(runs):
        rows = people(500, 5, 300 + seed, sigma=SIGMA, gap=(-0.3, 0.0, 0.5))
        found = irtree(rows, items, scale=FIVE, group="country", nodes=["middle", "extreme"], quadrature=9)
        row = found.groups.set_index(["group", "trait"]).loc[("B", "extreme")]
        inside[0] += row["low"] <= 0.5 <= row["high"]
        spread = found.spread.iloc[1]
        inside[1] += abs(spread["standard_deviation"] - 1.0) <= 1.96 * spread["standard_error"]
    assert (inside / runs >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)).all()


# ----------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"items": ["q0", "q1"]}, "three to ten items"),
        ({}, {"nodes": ["end"]}, "'end' is not one of"),
        ({}, {"nodes": []}, "one decision or more"),
        ({}, {"scale": Scale(1, 6), "nodes": ["middle"]}, "6 points has no 'middle'"),
        ({}, {"topics": {"q0": "a", "q1": "a"}}, "without a topic: q2 and q3"),
        ({}, {"topics": {"q0": "a", "q1": "a", "q2": "a", "q3": "b"}}, "'b' has one item"),
        ({}, {"topics": dict.fromkeys(["q0", "q1", "q2", "q3"], "a"), "nodes": ["agree"]}, "leave these out"),
        ({}, {"reference": "C", "group": "country"}, "no group 'C'"),
        ({}, {"quadrature": 2}, "from 3 to 51"),
        ({"q0": 3}, {}, "the same way the 'middle' decision on 'q0'"),
        ({"q0": 9}, {}, "runs 1–5"),
        ({"country": ["X"] + ["A"] * 59}, {"group": "country"}, "in 'X' every"),
    ],
)
def test_bad_input_is_told_in_words(change: dict, options: dict, message: str) -> None:
    rows = people(60, 4, 9, sigma=SIGMA).assign(**change)
    settings = {"items": ["q0", "q1", "q2", "q3"], "scale": FIVE} | options
    with pytest.raises(ValueError, match=message):
        irtree(rows, settings.pop("items"), **settings)


def test_what_a_reader_must_know_is_said() -> None:
    rows = people(400, 12, 10, sigma=SIGMA)
    found = irtree(rows, [f"q{j}" for j in range(12)], scale=FIVE, nodes=["agree"])
    assert any("12 items" in text for text in found.warnings)
    assert any("no keying is declared" in text for text in found.warnings)
    assert "agree: standard deviation" in found._repr_html_()

"""Calibration weights: published tables, R's survey package, and what must be refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxstats.methods.calibration import calibrate, margins_of
from cxstats.methods.calibration_solver import Block, NotMet, Patterns, family, solve

# Kalton & Flores-Cervantes (2003), Journal of Official Statistics 19, 81–97: 1,000 answers, 1,500 customers.
# Printed weights: tests/kalton.R of R's survey package and the paper.
SAMPLE = np.array([[20, 40, 40], [50, 140, 310], [100, 50, 50], [30, 100, 70]])
POPULATION = np.array([[80, 40, 55], [60, 150, 340], [170, 60, 200], [55, 165, 125]])


def kalton() -> pd.DataFrame:
    a, b = np.divmod(np.arange(12), 3)
    return pd.DataFrame({"a": a + 1, "b": b + 1, "n": SAMPLE.ravel()})


def both_margins() -> dict:
    return {
        "a": dict(zip(range(1, 5), POPULATION.sum(axis=1).tolist(), strict=True)),
        "b": dict(zip(range(1, 4), POPULATION.sum(axis=0).tolist(), strict=True)),
    }


PUBLISHED = {
    "raking": (
        None,
        "1.8108 1.4528 2.0168 1.0836 .8694 1.2068 2.1961 1.7619 2.4459 1.8332 1.4708 2.0417",
    ),
    "linear": (
        None,
        "1.8153 1.5022 1.9652 1.0948 .7816 1.2446 2.1908 1.8777 2.3407 1.8291 1.5160 1.9790",
    ),
    "logit": (
        (0.5, 2.2),
        "1.8745 1.4607 1.9770 1.0844 .7360 1.2669 2.1652 2.0919 2.1777 1.8922 1.4893 1.9900",
    ),
    "truncated": (
        (0.5, 2.2),
        "1.8092 1.4832 1.9872 1.0809 .7550 1.2589 2.2 2.0 2.2 1.8257 1.4997 2.0037",
    ),
}


@pytest.mark.parametrize("method", PUBLISHED)
def test_the_published_weights_to_their_last_digit(method):
    bounds, printed = PUBLISHED[method]
    result = calibrate(kalton(), both_margins(), method=method, bounds=bounds)
    assert np.abs(result.weights - np.array(printed.split(), dtype=float)).max() <= 0.5e-4 + 1e-12
    assert result.total == pytest.approx(1500, rel=1e-12)
    assert np.allclose(result.table["weighted"], result.table["target"], rtol=1e-10)


@pytest.mark.parametrize("method", ["post-stratification", "raking", "linear", "propensity"])
def test_post_stratification_by_every_method(method):
    margins = {("a", "b"): {(i + 1, j + 1): POPULATION[i, j] for i in range(4) for j in range(3)}}
    printed = "4.00 1.00 1.38 1.20 1.07 1.10 1.70 1.20 4.00 1.83 1.65 1.79"
    result = calibrate(kalton(), margins, method=method)
    assert np.abs(result.weights - np.array(printed.split(), dtype=float)).max() <= 0.5e-2 + 1e-9
    # N_h/n_h; "propensity" never quite reaches 1, where a cell has as many customers as answers
    assert np.allclose(result.weights, (POPULATION / SAMPLE).ravel(), rtol=1e-9)


def test_greg_on_numbers():
    population = kalton().assign(n=POPULATION.ravel())
    margins = {
        (): 1500,
        "a": float(population["a"] @ population["n"]),
        "b": float(population["b"] @ population["n"]),
    }
    result = calibrate(kalton(), margins, method="linear")
    printed = "1.2108 1.1740 1.1371 1.4348 1.3980 1.3611 1.6588 1.6219 1.5851 1.8828 1.8459 1.8091"
    assert np.abs(result.weights - np.array(printed.split(), dtype=float)).max() <= 0.5e-4 + 1e-12


def test_entropy_balancing_is_raking():
    # Hainmueller (2012): least Kullback–Leibler divergence from the base weights given the moments, found here by
    # a general optimiser of the divergence itself, which knows nothing of the dual
    from scipy.optimize import minimize

    n = SAMPLE.ravel().astype(float)
    a, b = np.divmod(np.arange(12), 3)
    x = np.column_stack([*(a == i for i in range(4)), *(b == j for j in range(1, 3))]).astype(float)
    totals = x.T @ POPULATION.ravel()
    found = minimize(
        lambda w: float(n @ (w * np.log(w) - w)),
        np.full(12, 1.5),
        jac=lambda w: n * np.log(w),
        constraints={"type": "eq", "fun": lambda w: x.T @ (n * w) - totals, "jac": lambda w: x.T * n},
        bounds=[(1e-6, None)] * 12,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert np.abs(found.x - calibrate(kalton(), both_margins()).weights).max() < 1e-5


def test_raking_is_iterative_proportional_fitting():
    table = SAMPLE.astype(float)
    for _ in range(200):
        table *= (POPULATION.sum(axis=1) / table.sum(axis=1))[:, None]
        table *= POPULATION.sum(axis=0) / table.sum(axis=0)
    assert np.allclose(calibrate(kalton(), both_margins()).weights, (table / SAMPLE).ravel(), rtol=1e-12)


# ------------------------------------------------------------------ R's survey package

ROW_MARGINS = {
    "country": {"AT": 340, "DE": 640, "JP": 400},
    "segment": {"Family": 300, "Plus": 420, "Small business": 280, "Standard": 380},
    "channel": {"app": 380, "mail": 1000},
}
BOTH = {
    ("country", "channel"): {
        ("AT", "app"): 100,
        ("DE", "app"): 150,
        ("JP", "app"): 130,
        ("AT", "mail"): 240,
        ("DE", "mail"): 490,
        ("JP", "mail"): 270,
    }
}
CALLS = {
    "linear": (ROW_MARGINS, {"method": "linear", "weights": "d"}),
    "raking": (ROW_MARGINS, {"weights": "d"}),
    "logit": (ROW_MARGINS, {"method": "logit", "bounds": (0.4, 2.5), "weights": "d"}),
    "truncated": (ROW_MARGINS, {"method": "truncated", "bounds": (0.5, 2.3), "weights": "d"}),
    "rake": (ROW_MARGINS, {}),
    "poststratified": (BOTH, {"method": "post-stratification", "weights": "d"}),
    "greg": ({(): 1380, "tenure": 5600}, {"method": "linear", "weights": "d"}),
    "propensity": (ROW_MARGINS, {"method": "propensity"}),
}


def reference_rows(root) -> pd.DataFrame:
    rows = pd.read_csv(root / "tests" / "reference" / "calibration_rows.csv")
    return rows.astype({"nps": "Int64"}).assign(n=1)


@pytest.mark.parametrize("name", CALLS)
def test_the_weights_of_r_survey(root, name):
    # tests/reference/calibration.R: calibrate(), rake(), postStratify()
    expected = pd.read_csv(root / "tests" / "reference" / "calibration_weights.csv")[name]
    margins, options = CALLS[name]
    result = calibrate(reference_rows(root), margins, **options)
    # rake() stops when no cell moves by 1e-9
    assert np.abs(result.weights - expected).max() < 1e-7
    assert result.design_effect == pytest.approx(240 * (expected**2).sum() / expected.sum() ** 2, rel=1e-7)


def test_weights_do_not_depend_on_how_the_rows_are_grouped(root):
    rows = reference_rows(root)
    keys = ["country", "segment", "channel", "nps"]
    cells = rows.groupby(keys, dropna=False)["n"].sum().reset_index()
    on_cells = calibrate(cells, ROW_MARGINS)
    on_rows = calibrate(rows, ROW_MARGINS)
    back = rows[keys].merge(cells.assign(weight=on_cells.weights), on=keys, how="left")["weight"]
    assert np.allclose(back, on_rows.weights, rtol=1e-9)
    assert on_cells.design_effect == pytest.approx(on_rows.design_effect, rel=1e-9)
    shuffled = rows.sample(frac=1, random_state=1).astype({"country": "category", "segment": "category"})
    assert np.allclose(calibrate(shuffled, ROW_MARGINS).weights, on_rows.weights[shuffled.index], rtol=1e-9)


def test_weights_scale_with_the_margins_and_not_with_the_base():
    once = calibrate(kalton(), both_margins()).weights
    tenfold = {key: {c: 10 * t for c, t in margin.items()} for key, margin in both_margins().items()}
    assert np.allclose(calibrate(kalton(), tenfold).weights, 10 * once, rtol=1e-11)
    assert np.allclose(calibrate(kalton(), both_margins(), weights=7.0).weights, once, rtol=1e-11)


def test_base_weights_of_weighted_cells():
    cells = kalton().assign(w=kalton()["n"] * 1.25, w2=kalton()["n"] * 1.25**2)
    result = calibrate(cells, both_margins(), method="logit", bounds=(0.4, 1.9))
    plain = calibrate(kalton(), both_margins(), method="logit", bounds=(0.4, 1.9), weights=1.25)
    assert np.allclose(result.weights, plain.weights)
    assert result.design_effect == pytest.approx(plain.design_effect)
    # weights that differ within a row cost more than their average tells
    spread = calibrate(cells.assign(w2=cells["w2"] * 2), both_margins())
    assert spread.design_effect == pytest.approx(2 * calibrate(cells, both_margins()).design_effect)


# ------------------------------------------------------------------------------ margins


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "country": pd.array(["AT", "AT", "DE", "DE", None, None], dtype="string"),
            "responded": pd.array([True, False] * 3, dtype="boolean"),
            "n": [10, 50, 20, 80, 5, 15],
        }
    )


def test_a_missing_category_is_a_category():
    margins = margins_of(frame(), ["country"])
    assert margins == {"country": {"AT": 60.0, "DE": 100.0, "not known": 20.0}}
    result = calibrate(frame(), margins)
    assert np.allclose(result.weights, [6, 0, 5, 0, 4, 0])
    assert np.isnan(result.factors[1])
    # any spelling of missing, and a Series
    series = pd.Series([60.0, 100.0, 20.0], index=["AT", "DE", pd.NA])
    assert np.allclose(calibrate(frame(), {"country": series}).weights, [6, 0, 5, 0, 4, 0])


def test_the_frame_is_everyone_invited():
    cells = frame().assign(invited=[True, True, True, False, True, True])
    assert margins_of(cells, "country")["country"]["DE"] == 20.0
    assert margins_of(frame(), [("country", "responded")])[("country", "responded")][("AT", True)] == 10.0


def test_who_answered_a_question_is_weighted():
    cells = frame().assign(
        nps=pd.array([9, None, None, None, 3, None], dtype="Int64"), n=[10, 50, 20, 80, 5, 15]
    )
    with pytest.raises(ValueError, match="nobody in country “DE” answered"):
        calibrate(cells, margins_of(cells, ["country"]), responded="nps")
    merged = cells.assign(country=cells["country"].replace({"DE": "AT"}))
    result = calibrate(merged, margins_of(merged, ["country"]), responded="nps")
    assert np.allclose(result.weights, [16, 0, 0, 0, 4, 0])
    assert result.n == 15


def test_a_category_of_nobody_asks_for_nothing():
    margins = margins_of(frame(), ["country"])
    margins["country"]["JP"] = 0
    assert np.allclose(calibrate(frame(), margins).weights, [6, 0, 5, 0, 4, 0])


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ({}, "at least one is needed"),
        ({"contry": {"AT": 1}}, "Did you mean 'country'"),
        (
            {"country": {"AT": 60, "DE": 120}},
            "5 answers in country “not known”, which the margins do not have",
        ),
        (
            {"country": {"AT": 60, "DE": 0, "not known": 20}},
            "the total of country “DE” is 0, but there are 20 answers",
        ),
        ({"country": {"AT": -60, "DE": 100, "not known": 20}}, "country “AT” is -60"),
        ({"country": {"AT": "many"}}, "must be a number, but is 'many'"),
        (
            {"country": {"AT": 60, "DE": 100, "not known": 20, "JP": 7}},
            "nobody in country “JP” answered, but the margins have 7",
        ),
        ({"country": {"AT": 60, "DE": 100, "not known": 20}, (): 181}, "same total: country 180, all 181"),
        ({"country": {}}, "names no categories"),
        ({"country": 180}, "holds categories"),
        ({("country", "responded"): {"AT": 60}}, "categories of 2 labels, but has 'AT'"),
    ],
)
def test_margins_that_are_refused(margins, message):
    with pytest.raises(ValueError, match=message):
        calibrate(frame(), margins)


def test_margins_with_different_totals_are_refused():
    margins = both_margins()
    margins["b"][3] += 1
    with pytest.raises(ValueError, match="do not sum to the same total: a 1,500, b 1,501"):
        calibrate(kalton(), margins)


def test_combinations_nobody_answered_in_are_named():
    cells = kalton()[lambda x: ~((x["a"] == 2) & (x["b"] > 1))]
    margins = {("a", "b"): {(i + 1, j + 1): POPULATION[i, j] for i in range(4) for j in range(3)}}
    with pytest.raises(
        ValueError, match="nobody in a × b “2 × 2”, nor in 1 more cells answered, but the margins have 150"
    ):
        calibrate(cells, margins)


def test_margins_that_contradict_the_answers_are_named():
    # all answers of AT came by app, so AT can never weigh more than the app
    cells = pd.DataFrame(
        {"country": ["AT", "DE", "DE"], "channel": ["app", "app", "mail"], "n": [10, 20, 30]}
    )
    margins = {"country": {"AT": 500, "DE": 500}, "channel": {"app": 400, "mail": 600}}
    for method in ("raking", "propensity"):
        with pytest.raises(
            ValueError,
            match=r"margins cannot be met: at best .*“(AT|app)” stays",
        ):
            calibrate(cells, margins, method=method)
    # the linear method meets them with a weight below 0, and says so
    result = calibrate(cells, margins, method="linear")
    assert "20 answers have a weight below 0" in result.notes[0]


def test_margins_that_leave_no_room_for_some_answers_are_named():
    cells = pd.DataFrame(
        {"country": ["AT", "DE", "DE"], "channel": ["app", "app", "mail"], "n": [10, 20, 30]}
    )
    margins = {"country": {"AT": 400, "DE": 600}, "channel": {"app": 400, "mail": 600}}
    with pytest.raises(
        ValueError, match="only if the answers in country “DE” and channel “app” weighed nothing"
    ):
        calibrate(cells, margins)


def test_margins_that_contradict_each_other_are_named():
    # the combinations say 120 in a = 1, the single margin says 100; both add up to 180
    cells = pd.DataFrame({"a": [1, 1, 2, 2], "b": [1, 2, 1, 2], "n": [10, 10, 10, 10]})
    margins = {("a", "b"): {(1, 1): 60, (1, 2): 60, (2, 1): 30, (2, 2): 30}, "a": {1: 100, 2: 80}}
    for method in ("raking", "linear"):
        with pytest.raises(ValueError, match=r"a × b|a “1”|a “2”"):
            calibrate(cells, margins, method=method)


def test_bounds_that_are_too_tight_say_which_would_do():
    with pytest.raises(
        ValueError, match=r"from 0.5 to 1.6 times the base weight.*upper bound of 2.15 or more would do"
    ):
        calibrate(kalton(), both_margins(), method="truncated", bounds=(0.5, 1.6))
    for method in ("truncated", "logit"):
        assert calibrate(kalton(), both_margins(), method=method, bounds=(0.5, 2.151)).weights.max() <= 2.151
    with pytest.raises(
        ValueError, match=r"average weight has to be 1\.5 times the base weight: give weights=1\.5"
    ):
        calibrate(kalton(), both_margins(), method="logit", bounds=(0.9, 1.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "rakin"}, "Did you mean 'raking'"),
        ({"method": "logit"}, "needs bounds"),
        ({"method": "logit", "bounds": (0.5, np.inf)}, "around 1"),
        ({"method": "truncated", "bounds": (1.2, 3)}, "around 1"),
        ({"bounds": (0.5, 2)}, "bounds belong to 'logit' and 'truncated'"),
        ({"method": "post-stratification"}, r"margins_of\(cells, \[\('a', 'b'\)\]\)"),
        ({"weights": "d"}, "no column 'd'"),
        ({"weights": np.r_[0.0, np.ones(11)]}, "base weights must be numbers above 0"),
        ({"responded": "answered"}, "no column 'answered'"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(kalton(), both_margins(), **options)


def test_cells_that_are_refused():
    with pytest.raises(ValueError, match="column 'n'"):
        calibrate(kalton().drop(columns="n"), both_margins())
    with pytest.raises(ValueError, match="nobody answered"):
        calibrate(kalton().assign(responded=False), both_margins())
    with pytest.raises(ValueError, match="have no value in 'age'"):
        calibrate(kalton().assign(age=[np.nan, *range(11)]), {(): 1500, "age": 9000})


# ------------------------------------------------------------------------------- notes


def test_exploding_weights_are_said():
    cells = pd.DataFrame({"plan": ["A", "B"], "n": [990, 10]})
    notes = " ".join(calibrate(cells, {"plan": {"A": 1000, "B": 9000}}).notes)
    assert "the weights explode: the largest is 90 times the average" in notes
    assert "10 of 1,000 answers with more than 10 times the average carry 90% of the weight" in notes
    assert "weighting is costly: the design effect is 81" in notes
    few = calibrate(pd.DataFrame({"plan": ["A", "B"], "n": [90, 9]}), {"plan": {"A": 90, "B": 9}})
    assert few.notes == ("plan “B” rests on 9 answers: merge small categories",)
    assert few.design_effect == pytest.approx(1.0)


def test_equal_weights_cost_nothing():
    result = calibrate(kalton(), {(): 1500})
    assert np.allclose(result.weights, 1.5)
    assert result.design_effect == pytest.approx(1, abs=1e-12)
    assert result.effective_n == pytest.approx(1000)
    assert "1,000" in result._repr_html_()


# ------------------------------------------------------------------------------ solver


@pytest.mark.parametrize("method", ["linear", "raking", "logit", "truncated", "propensity"])
def test_integral_slope_and_inverse_belong_together(method):
    chosen = family(method, (0.4, 2.6))
    u = np.array([-0.55, -0.2, 0.0, 0.3, 1.2])
    h = 1e-6
    assert np.allclose(
        (chosen.integral(u + h) - chosen.integral(u - h)) / (2 * h), chosen.value(u), atol=1e-8
    )
    assert np.allclose((chosen.value(u + h) - chosen.value(u - h)) / (2 * h), chosen.slope(u), atol=1e-8)
    assert np.allclose(chosen.inverse(chosen.value(u)), u)
    assert np.all(np.diff(chosen.value(np.linspace(-60, 60, 50))) >= 0)


def test_the_logit_family_is_devilles():
    # F(u) = [L(U−1) + U(1−L)e^{Au}]/[U−1 + (1−L)e^{Au}]
    low, high, u = 0.5, 2.2, np.linspace(-3, 3, 7)
    a = (high - low) / ((1 - low) * (high - 1))
    e = np.exp(a * u)
    expected = (low * (high - 1) + high * (1 - low) * e) / (high - 1 + (1 - low) * e)
    assert np.allclose(family("logit", (low, high)).value(u), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_table_the_solver_meets_its_totals_or_proves_that_nobody_can(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 7, size=rng.integers(1, 5))
    rows = int(rng.integers(5, 60))
    codes = [rng.integers(0, size, rows) for size in sizes]
    codes = [np.unique(code, return_inverse=True)[1] for code in codes]
    patterns = Patterns(tuple(Block(int(code.max()) + 1, code) for code in codes))
    mass = rng.exponential(1, rows) + 0.01
    wanted = patterns.totals(mass * rng.exponential(1, rows) ** 2)
    for method, bounds in [("raking", None), ("linear", None), ("logit", (0.2, 4)), ("truncated", (0.2, 4))]:
        try:
            found = solve(patterns, mass, wanted, family(method, bounds))
        except NotMet as failed:
            error = failed
        else:
            error = None
        if error is not None:
            # the truth itself has positive weights, so raking and linear calibration must succeed
            assert bounds is not None
            assert np.abs(error.lacking).max() > 0
            assert error.upper is None or error.upper > 4
            continue
        assert np.allclose(patterns.totals(mass * found.factors), wanted, rtol=1e-8)
        if bounds:
            assert found.factors.min() >= bounds[0]
            assert found.factors.max() <= bounds[1]


def test_many_categories_take_the_other_path():
    rng = np.random.default_rng(5)
    code, other = rng.integers(0, 700, 20_000), rng.integers(0, 9, 20_000)
    cells = pd.DataFrame({"shop": code, "channel": other, "n": 1})
    everyone = pd.DataFrame(
        {"shop": rng.integers(0, 700, 90_000), "channel": rng.integers(0, 9, 90_000), "n": 1}
    )
    result = calibrate(cells, margins_of(everyone, ["shop", "channel"]))
    assert np.allclose(result.table["weighted"], result.table["target"], rtol=1e-9)


def test_margins_of_weighted_cells_count_customers_by_their_design_weight():
    # one in two of the small group was invited: each of them stands for two
    cells = pd.DataFrame(
        {"kind": ["small", "small", "large", "large"], "responded": [True, False] * 2, "n": [10, 40, 30, 70]}
    )
    weight = np.array([2.0, 2.0, 1.0, 1.0])
    weighted = cells.assign(w=cells["n"] * weight, w2=cells["n"] * weight**2)
    assert margins_of(weighted, ["kind"]) == {"kind": {"small": 100.0, "large": 100.0}}
    result = calibrate(weighted, margins_of(weighted, ["kind"]))
    assert result.weights.tolist() == pytest.approx([10, 0, 100 / 30, 0])
    # margins drawn anew are weighted too
    again = result.reweighted(np.array([10, 30, 30, 60]), redraw=True)
    assert again.tolist() == pytest.approx([8, 0, 3, 0])

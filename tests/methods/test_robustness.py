"""Robustness value and benchmarks against what senseweight prints and R's survey package weighs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxstats.methods.robustness import benchmarks, omitted_bias, robustness_value
from cxstats.metrics import NPS

# senseweight 0.0.1, vignette "Sensitivity analysis for survey weights": 1,000 people, 540 in favour, raked 0.4684269.
# var(w) is not printed; the line of educ gives it: bias = ρ·√(var(w)·R²/(1 − R²)·var(Y))
VAR_Y = 0.54 * 0.46 * 1000 / 999
EDUC = {"share": 0.3193473, "correlation": 0.06009261, "bias": 0.02545009}
VAR_W = (EDUC["bias"] / EDUC["correlation"]) ** 2 / VAR_Y * (1 - EDUC["share"]) / EDUC["share"]


def test_robustness_value_of_the_published_example() -> None:
    # weights of mean 1 with that variance: two values, as many of each (variance with divisor n − 1)
    spread = np.sqrt(VAR_W * 999 / 1000)
    weights = 1 + spread * np.array([-1, 1])
    found = robustness_value(0.4684269, 0.5, weights, VAR_Y, n=[500, 500])
    assert found == pytest.approx(0.04977723, abs=1e-7)  # the estimate is printed with seven digits
    assert robustness_value(0.4684269, 0.5, 7 * weights, VAR_Y, n=[500, 500]) == pytest.approx(found)


def test_the_published_benchmark_follows_from_its_parts() -> None:
    bias = omitted_bias(EDUC["correlation"], EDUC["share"], VAR_W, VAR_Y)
    assert bias == pytest.approx(EDUC["bias"])
    # printed: minimum relative confounding strength 18.41, in ρ 3.72, both from RV = 0.05
    assert 0.4684269 / bias == pytest.approx(18.41, abs=0.01)
    assert np.sqrt(0.05) / EDUC["correlation"] == pytest.approx(3.72, abs=0.005)


def test_a_variable_as_strong_as_the_robustness_value_moves_the_estimate_to_the_target() -> None:
    weights = np.random.default_rng(1).gamma(4, size=300)
    scaled = weights / weights.mean()
    value = robustness_value(30.0, 35.0, weights, 73.0**2)
    assert omitted_bias(np.sqrt(value), value, scaled.var(ddof=1), 73.0**2) == pytest.approx(5, rel=1e-9)


def test_edges_of_the_robustness_value() -> None:
    assert robustness_value(30, 30, [1, 2], 100) == 0
    assert robustness_value(30, 35, [2, 2], 100) == 1
    assert robustness_value(1e6, 0, [1, 1.0001], 1) == pytest.approx(1, abs=1e-6)
    for arguments, message in (
        (((1, 2), [1, -3], 1), "negative on average"),
        (((1, 2), [1, 2], 0), "worth the same"),
        (((1, 2), [1], 1), "2 answers or more"),
    ):
        with pytest.raises(ValueError, match=message):
            robustness_value(*arguments[0], *arguments[1:])
    with pytest.raises(ValueError, match="share of variance"):
        omitted_bias(0.1, 1.0, 1, 1)


# fmt: off
N = [12, 20, 31, 9, 14, 22, 17, 25, 12, 8, 30, 11, 21, 33, 25, 14, 18, 16, 27, 31, 9, 16, 44, 13,
     35, 41, 12, 28, 22, 8, 44, 52, 7, 31, 70, 9]
# fmt: on


def _cells() -> pd.DataFrame:
    """The answers of tests/reference/unseen.R, part 2, and as many silent customers as its totals want."""
    grid = [
        (c, s, u, nps)
        for nps in (3, 8, 10)
        for u in ("low", "high")
        for s in "ab"
        for c in ("AT", "DE", "JP")
    ]
    answered = pd.DataFrame(grid, columns=["country", "segment", "use", "nps"]).assign(n=N)
    totals = {
        "country": {"AT": 1500, "DE": 3000, "JP": 2500},
        "segment": {"a": 4500, "b": 2500},
        "use": {"low": 4200, "high": 2800},
    }
    left = {
        key: {name: total - answered.loc[answered[key] == name, "n"].sum() for name, total in wanted.items()}
        for key, wanted in totals.items()
    }
    # any table with these margins will do: filled corner by corner
    rows, ends = [], {key: dict(wanted) for key, wanted in left.items()}
    for country in ends["country"]:
        for segment in ends["segment"]:
            for use in ends["use"]:
                n = min(ends["country"][country], ends["segment"][segment], ends["use"][use])
                for key, name in (("country", country), ("segment", segment), ("use", use)):
                    ends[key][name] -= n
                rows.append((country, segment, use, n))
    silent = pd.DataFrame(rows, columns=["country", "segment", "use", "n"])
    cells = pd.concat([answered, silent[silent["n"] > 0]], ignore_index=True)
    return cells.astype({"nps": "Int64"})


def test_benchmarks_equal_those_made_with_rs_survey_package() -> None:
    cells = _cells()
    assert cells["n"].sum() == 7_000
    estimate = benchmarks(cells, NPS, ["country", "segment", "use"], score="nps", target=0).estimate
    found = benchmarks(cells, NPS, ["country", "segment", "use"], score="nps", target=estimate - 5)
    assert found.estimate == pytest.approx(8.563159989, abs=1e-6)
    assert found.weights_variance == pytest.approx(0.2385613727, rel=1e-7)
    assert found.robustness_value == pytest.approx(0.119123867, rel=1e-7)
    expected = [
        ("country", 0.3375239732, 0.2501103899, 7.032789279, 0.710955469, 0.3529345363, 1.379963687),
        ("segment", 0.1387672178, 0.00746993674, 0.1181214396, 42.32931819, 0.8584438663, 46.20430771),
        ("use", 0.1666820176, 0.04142759599, 0.7298899313, 6.850347958, 0.7146773762, 8.331240264),
    ]
    columns = ["variable", "share", "correlation", "bias", "times", "share_needed", "correlation_needed"]
    pd.testing.assert_frame_equal(
        found.table[columns], pd.DataFrame(expected, columns=columns), rtol=1e-5, check_dtype=False
    )


def test_one_variable_has_nothing_to_be_benchmarked_against() -> None:
    with pytest.raises(ValueError, match="at least two"):
        benchmarks(_cells(), NPS, ["country"], score="nps", target=0)

"""Response rates: denominators by hand, Wilson's interval from statsmodels, repeated customers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from response_reference import cells, rows
from statsmodels.stats.proportion import proportion_confint

from cxstats.methods.accounting import coverage_rates, response_rates

STAGES = ["delivered", "opened", "started", "completed"]


@pytest.fixture
def funnel() -> pd.DataFrame:
    """1,000 invited: 900 delivered, 500 opened, 300 started, 240 completed; 30 of them opened without its being seen."""
    path = [
        (True, True, True, True, 210),
        (True, False, True, True, 30),
        (True, True, True, False, 60),
        (True, True, False, False, 230),
        (True, False, False, False, 370),
        (False, False, False, False, 100),
    ]
    frame = pd.DataFrame(path, columns=[*STAGES, "n"])
    app = frame.assign(channel="app", n=frame["n"] // 2)
    return pd.concat([app, frame.assign(channel="mail", n=frame["n"] - app["n"])], ignore_index=True)


def test_every_rate_has_its_denominator(funnel: pd.DataFrame) -> None:
    result = response_rates(funnel, stages=STAGES)
    table = result.table.set_index("stage")
    assert table["n_invited"].tolist() == [1000] * 4
    assert table["n_reached"].tolist() == [900, 500, 300, 240]
    assert table["rate"].tolist() == pytest.approx([0.9, 0.5, 0.3, 0.24])
    # of those who reached the stage before; the 30 whose opening was not seen are no part of the third
    assert table["rate_of_previous"].tolist() == pytest.approx([0.9, 500 / 900, 270 / 500, 240 / 300])
    assert result.response_rate == pytest.approx(0.24)
    assert result.break_off_share == pytest.approx(60 / 300)
    assert (result.n_invited, result.n_answered) == (1000, 240)
    assert result.notes == (
        "30 reached “started” without “opened” being recorded (images blocked, or a link passed on): rates of the "
        "previous stage leave them out.",
    )


def test_intervals_are_wilsons(funnel: pd.DataFrame) -> None:
    table = response_rates(funnel, stages=STAGES, level=0.9).table
    for row in table.itertuples():
        low, high = proportion_confint(row.n_reached, row.n_invited, 0.1, "wilson")
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-12)
    low, high = proportion_confint(270, 500, 0.1, "wilson")
    assert (table["previous_low"][2], table["previous_high"][2]) == pytest.approx((low, high), abs=1e-12)


def test_ends_of_the_scale() -> None:
    frame = pd.DataFrame({"done": [True, False], "x": ["all", "none"], "n": [12, 12]})
    table = response_rates(frame, "x", stages=["done"]).table.set_index("x")
    assert tuple(table.loc["all", ["rate", "high"]]) == (1, 1)
    assert tuple(table.loc["none", ["rate", "low"]]) == (0, 0)
    assert table.loc["none", "high"] == pytest.approx(proportion_confint(0, 12, 0.05, "wilson")[1])


def test_groups_stand_in_their_order_and_add_up(funnel: pd.DataFrame) -> None:
    result = response_rates(funnel, ["channel"], stages=STAGES)
    assert result.table["channel"].tolist() == ["app"] * 4 + ["mail"] * 4
    assert result.table.groupby("stage")["n_reached"].sum()["completed"] == 240
    two = response_rates(funnel.assign(wave=[1, 2] * 6), ["channel", "wave"], stages="completed").table
    assert len(two) == 4
    assert two["n_invited"].sum() == 1000
    assert result.break_off_share == pytest.approx(60 / 300)


def test_a_missing_group_is_one_of_its_own() -> None:
    frame = pd.DataFrame({"x": ["a", None], "done": [True, False], "n": [5, 7]})
    assert response_rates(frame, "x", stages=["done"]).table["x"].tolist() == ["a", "not known"]


def test_unknown_stages_count_as_not_reached_and_are_said() -> None:
    frame = pd.DataFrame({"done": pd.array([True, False, None], dtype="boolean"), "n": [50, 30, 20]})
    result = response_rates(frame, stages=["done"])
    assert result.response_rate == pytest.approx(0.5)
    assert "Whether 20 of those invited reached “done” is not known" in result.notes[0]
    assert result.break_off_share is None


def test_weighted_rates_have_the_width_of_their_effective_n() -> None:
    counted, _ = cells("plan", "responded", weighted=True)
    row = response_rates(counted, stages=["responded"]).table.iloc[0]
    frame = rows()
    w, y = frame["weight"].to_numpy(), frame["responded"].to_numpy(float)
    rate = w @ y / w.sum()
    assert row["rate"] == pytest.approx(rate)
    variance = (w**2 @ (y - rate) ** 2) / w.sum() ** 2
    worth = rate * (1 - rate) / variance
    low, high = proportion_confint(rate * worth, worth, 0.05, "wilson")
    assert (row["low"], row["high"]) == pytest.approx((low, high), abs=1e-9)
    assert row["n_invited"] == 600


def test_repeated_customers_widen_the_interval() -> None:
    counted, matrix = cells("responded")
    plain = response_rates(counted, stages=["responded"]).table.iloc[0]
    clustered = response_rates(counted, stages=["responded"], matrix=matrix).table.iloc[0]
    frame = rows()
    y = frame["responded"] - frame["responded"].mean()
    variance = (y.groupby(frame["customer"]).sum() ** 2).sum() / 600**2
    worth = plain["rate"] * (1 - plain["rate"]) / variance
    low, high = proportion_confint(plain["rate"] * worth, worth, 0.05, "wilson")
    assert (clustered["low"], clustered["high"]) == pytest.approx((low, high), abs=1e-9)
    assert clustered["high"] - clustered["low"] > plain["high"] - plain["low"]
    by_part, _ = cells("responded", "part")
    parts = response_rates(by_part, stages=["responded"], part="part").table.iloc[0]
    assert parts["rate"] == pytest.approx(plain["rate"])
    assert parts["high"] - parts["low"] >= plain["high"] - plain["low"]


def test_coverage_comes_before_response() -> None:
    frame = pd.DataFrame(
        {"country": ["DE", "DE", "JP", "JP"], "invited": [True, False] * 2, "n": [900, 100, 300, 700]}
    )
    table = coverage_rates(frame, "country")
    assert table["n_customers"].tolist() == [1000, 1000]
    assert table["n_invited"].tolist() == [900, 300]
    assert table["rate"].tolist() == pytest.approx([0.9, 0.3])
    assert list(table.columns) == ["country", "n_customers", "n_invited", "rate", "low", "high"]


def test_a_million_rows_are_counted_once() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.integers(0, 40, 200_000), "done": rng.random(200_000) < 0.2, "n": 1})
    table = response_rates(frame, "x", stages=["done"]).table
    assert len(table) == 40
    assert table["n_reached"].sum() == frame["done"].sum()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stages": []}, "at least one column"),
        ({"stages": ["don"]}, "no column 'don'.*Did you mean 'done'"),
        ({"stages": ["x"]}, "'x' must be true or false"),
        ({"stages": ["done"], "by": "y"}, "no column 'y'"),
        ({"stages": ["done"], "level": 1.0}, "level is 1.0"),
    ],
)
def test_what_cannot_be_used_is_named(options: dict, match: str) -> None:
    frame = pd.DataFrame({"x": ["a", "b"], "done": [True, False], "n": [5, 7]})
    with pytest.raises(ValueError, match=match):
        response_rates(frame, **options)


def test_nobody_invited() -> None:
    frame = pd.DataFrame({"done": [True, False], "n": [0, 0]})
    with pytest.raises(ValueError, match="nobody was invited"):
        response_rates(frame, stages=["done"])


def test_it_shows_itself(funnel: pd.DataFrame) -> None:
    assert "response rate (RR1)" in response_rates(funnel, stages=STAGES)._repr_html_()

"""The demo company and its dials: what the export holds, and that the truth is the truth of the rows."""

from __future__ import annotations

import doctest
import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cxstats.metrics import NPS
from cxstats.simulation import (
    METRICS,
    Faults,
    Model,
    Outcome,
    Response,
    ScaleUse,
    company,
    contoso,
    demo_company,
)
from cxstats.simulation.population import population

COLUMN = {"nps": "ltr", "csat": "sat", "ces": "ease"}
NULL = {
    "response": Response.at_random(0.3),
    "scale_use": ScaleUse.same(),
    "change": 0.0,
    "country_gaps": 0.0,
    "frame_effects": 0.0,
}


def fingerprint(rows: pd.DataFrame) -> str:
    return hashlib.sha256(rows.to_csv(index=False, lineterminator="\n").encode()).hexdigest()


def genuine(made) -> pd.DataFrame:
    """Rows without test accounts and second copies, index by position in the export."""
    rows = made.rows[made.rows["account"] == "Customer"]
    return rows[~rows.duplicated()]


@pytest.fixture(scope="module")
def demo():
    return demo_company()


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(contoso).failed == 0


# The same on Python 3.11, 3.12, 3.13 with NumPy 2.1.3, 2.4.6, 2.5.5 and SciPy 1.15.3, 1.17.1, 1.18.1
DEMO_SHA256 = "44cce24957187a6dfc14723152b90e15568bc82e9d07fed14e2ce6af577893e8"


def test_the_demo_is_the_same_everywhere(demo):
    assert fingerprint(demo.rows) == DEMO_SHA256


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_rows_depend_on_neither_hash_order_nor_threads(hash_seed):
    script = (
        "import hashlib; from cxstats.simulation import company; "
        "rows = company(2000, seed=7).rows; "
        "print(hashlib.sha256(rows.to_csv(index=False, lineterminator=chr(10)).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == fingerprint(company(2000, seed=7).rows), done.stderr


def test_another_seed_is_another_company():
    first, second = (genuine(company(500, seed=seed)) for seed in (1, 2))
    assert not np.array_equal(first["annual_revenue"].head(400), second["annual_revenue"].head(400))


def test_one_dial_leaves_every_other_draw_as_it_was():
    plain = company(2000, seed=5)
    other = company(2000, seed=5, response=Response(shape="u-shaped", satisfaction=0.5))
    for column in ("customer_id", "sent_at", "country", "annual_revenue", "churn_date", "reminders"):
        assert genuine(plain)[column].tolist() == genuine(other)[column].tolist()
    for key in METRICS:
        assert plain.hidden[key].tolist() == other.hidden[key].tolist()
    assert plain.hidden["answered"].tolist() != other.hidden["answered"].tolist()


def test_a_company_is_frozen(demo):
    with pytest.raises(AttributeError):
        demo.rows = None
    with pytest.raises(AttributeError):
        demo.truth.seed = 1


def test_changing_the_demo_leaves_the_next_one_whole():
    mine = demo_company()
    mine.rows["ltr"] = "0"
    mine.rows.loc[0, "country"] = "Atlantis"
    mine.description["scores"].clear()
    assert fingerprint(demo_company().rows) == DEMO_SHA256
    assert list(demo_company().description["scores"]) == ["nps", "csat", "ces"]


# --- what the export holds -------------------------------------------------------------------------


def test_ids_are_text_with_leading_zeros_and_nobody_shares_one(demo):
    rows = genuine(demo)
    assert rows["customer_id"].str.fullmatch(r"\d{8}").all()
    assert rows["customer_id"].str.startswith("0").all()
    assert rows["customer_id"].nunique() == 40_000
    assert not rows.duplicated(["customer_id", "wave"]).any()


def test_every_genuine_invitation_is_in_the_export_once(demo):
    positions = demo.hidden["row"]
    assert positions.is_unique
    rows = demo.rows.iloc[positions]
    assert (rows["account"] == "Customer").all()
    assert rows["country"].tolist() == demo.hidden["country"].tolist()
    assert rows["answered_at"].notna().tolist() == demo.hidden["answered"].tolist()
    assert len(genuine(demo)) == len(demo.hidden)
    # one customer of the model, one id of the export
    pairs = pd.DataFrame({"id": rows["customer_id"].tolist(), "customer": demo.hidden["customer"].tolist()})
    assert len(pairs.drop_duplicates()) == 40_000


def test_answers_are_those_the_customers_would_give(demo):
    rows = demo.rows.iloc[demo.hidden["row"]].reset_index(drop=True)
    for key, column in COLUMN.items():
        given = pd.to_numeric(rows[column], errors="coerce")
        given = given.where(given <= METRICS[key].scale.high)
        assert (given.dropna() == demo.hidden[key][given.notna()]).all()
        assert given[~demo.hidden["answered"]].isna().all()


def test_times_run_forward_within_their_wave(demo):
    rows = genuine(demo)
    assert str(rows["sent_at"].dt.tz) == str(rows["answered_at"].dt.tz) == "UTC"
    waited = (rows["answered_at"] - rows["sent_at"]).dropna() / pd.Timedelta(days=1)
    early = waited < 0
    assert 0 < early.sum() < 0.004 * len(waited)
    assert waited.max() < 14
    quarter = rows["sent_at"].dt.tz_localize(None).dt.to_period("Q").astype(str).str.replace("Q", " Q")
    assert (quarter == rows["wave"]).all()
    last = rows["answered_at"].max()
    assert last < pd.Timestamp("2025-04-01", tz="UTC")
    assert rows["sent_at"].dt.day_of_week.max() <= 4


def test_the_faults_are_there_and_small(demo):
    rows, count = demo.rows, demo.hidden["answered"].sum()
    marred = rows.iloc[demo.hidden["row"]]["ltr"].value_counts()
    assert 0.005 < marred["11"] / count < 0.015
    assert 0.010 < marred["Blank"] / count < 0.020
    twice = rows[rows.duplicated()]
    assert 0.008 < len(twice) / count < 0.020
    assert twice["answered_at"].notna().all()
    tests = rows[rows["account"] == "Test"]
    assert len(tests) == round(0.002 * len(demo.hidden))
    assert tests["customer_id"].is_unique
    assert len(rows) == len(demo.hidden) + len(twice) + len(tests)


def test_a_clean_export_has_no_faults():
    clean = company(3000, seed=4, faults=Faults.none())
    assert len(clean.rows) == len(clean.hidden)
    answered = clean.rows["answered_at"].notna()
    for column in (*COLUMN.values(), "q1", "q6"):
        assert (clean.rows[column].notna() == answered).all()
    assert not clean.rows["ltr"].isin(["11", "Blank"]).any()
    assert (clean.rows["answered_at"] > clean.rows["sent_at"])[answered].all()


def test_behaviour_agrees_with_its_band(demo):
    rows = genuine(demo)
    tickets = rows["tickets_90d"].clip(upper=2).map({0: "No ticket", 1: "One ticket", 2: "Two or more"})
    assert tickets.tolist() == rows["tickets"].tolist()
    edges = {
        "Under 1 year": (1, 11),
        "1–3 years": (12, 47),
        "4–9 years": (48, 119),
        "10 years or more": (120, 300),
    }
    for band, (low, high) in edges.items():
        months = rows.loc[rows["tenure"] == band, "tenure_months"]
        assert months.between(low, high).all()
    assert rows["annual_revenue"].min() > 0


def test_about_a_tenth_is_invited_twice_thirteen_weeks_apart(demo):
    rows = genuine(demo).sort_values("sent_at")
    invited = rows.groupby("customer_id")["sent_at"]
    twice = invited.count() == 2
    assert invited.count().max() == 2
    assert twice.mean() == pytest.approx(0.10, abs=4 * np.sqrt(0.1 * 0.9 / 40_000))
    apart = (invited.max() - invited.min())[twice]
    assert (apart == pd.Timedelta(days=91)).all()


def test_a_customers_two_answers_are_related_as_stated():
    pairs = company(20_000, seed=9, repeat_share=1.0, scale_use=ScaleUse.same()).hidden
    first, second = (
        pairs[pairs["wave"] == wave].set_index("customer") for wave in pairs["wave"].cat.categories
    )
    second = second.loc[first.index]
    # residuals: 0.3² through spending and the rest times 0.7; what the frame explains stays the same
    lasting = 0.3**2 + (1 - 0.3**2) * 0.7
    people = population(Model(scale_use=ScaleUse.same()))
    explained = people.frame.share @ people.satisfaction**2
    expected = (explained + lasting) / (explained + 1)
    found = np.corrcoef(first["satisfaction"], second["satisfaction"])[0, 1]
    assert found == pytest.approx(expected, abs=0.01)
    assert np.corrcoef(first["nps"], second["nps"])[0, 1] < found
    unrelated = company(5_000, seed=9, repeat_share=1.0, repeat_correlation=0.0, frame_effects=0).hidden
    one, two = (
        unrelated[unrelated["wave"] == w].set_index("customer") for w in unrelated["wave"].cat.categories
    )
    assert abs(np.corrcoef(one["satisfaction"], two.loc[one.index, "satisfaction"])[0, 1] - 0.09) < 0.06


def test_the_second_wave_is_not_made_of_those_who_stayed():
    """Everybody invited twice, nothing changed: both waves have the same true NPS, within chance."""
    same = company(50_000, seed=2, repeat_share=1.0, change=0.0)
    assert len(same.hidden) == 100_000
    first, second = (same.truth.metric("nps", wave=wave) for wave in same.truth.waves)
    pair = same.hidden.pivot_table(index="customer", columns="wave", values="nps", observed=False).astype(int)
    worth = np.asarray(NPS.values)
    difference = worth[pair.iloc[:, 1]] - worth[pair.iloc[:, 0]]
    error = difference.std() / np.sqrt(len(difference))
    assert first.everyone == second.everyone
    assert abs(second.here_everyone - first.here_everyone) < 4 * error


# --- the description -------------------------------------------------------------------------------


def test_the_description_names_columns_that_are_there(demo):
    told = demo.description
    columns = {told["customer"], told["invited"], told["responded"], told["wave"]["column"]}
    columns |= {score["column"] for score in told["scores"].values()}
    columns |= {group["column"] for group in told["groups"].values()}
    columns |= {item["column"] for item in told["items"]}
    columns |= {outcome[name] for outcome in told["outcomes"].values() for name in ("column", "on")}
    columns |= {told["value"]["column"], told["set_aside"][0]["column"]}
    for section in ("stages", "instruments", "behaviour"):
        columns |= {entry["column"] for entry in told[section].values()}
    assert columns <= set(demo.rows.columns)
    assert sorted(demo.rows["wave"].unique()) == told["wave"]["order"]
    assert told["simulated"] is True
    assert told["name"] == "demo"


def test_the_description_is_valid_for_the_survey_model(demo):
    description = pytest.importorskip("cxstats.survey.description")
    parsed = description.parse_description({**demo.description, "responses": {"file": "rows.csv"}})
    assert list(parsed.metrics()) == ["nps", "csat", "ces"]
    assert {key: metric.values for key, metric in parsed.metrics().items()} == {
        key: metric.values for key, metric in METRICS.items()
    }
    assert [item.keyed for item in parsed.items] == ["straight", "reversed"] * 3


def test_the_survey_reads_what_the_simulation_wrote(demo):
    import cxstats as cx

    survey = cx.open_survey("demo")
    assert survey.n_invited == len(demo.hidden)
    assert survey.simulated
    assert survey.repeats
    rows = demo.rows.iloc[demo.hidden["row"]].reset_index(drop=True)
    for outcome, when, days in (("churned", "churn_date", 180), ("repurchased", "rebought_on", 90)):
        seen = survey.cells(by=[outcome]).set_index(outcome)["n"]
        assert seen[True] == within(rows, when, days).sum()
    early = rows["answered_at"] < rows["sent_at"]
    given = pd.to_numeric(rows["ltr"], errors="coerce").where(~early)
    assert survey.counts("nps").tolist() == NPS.counts(given.where(given <= 10).dropna()).tolist()


# --- truth -----------------------------------------------------------------------------------------


def test_the_demo_is_the_company_of_the_pictures(demo):
    nps = demo.truth.metric("nps")
    assert nps.everyone == pytest.approx(26, abs=1)
    assert nps.respondents == pytest.approx(37, abs=1)
    assert nps.everyone < nps.weighted - 2 < nps.respondents - 4
    assert demo.truth.response.rate == pytest.approx(0.213, abs=1e-6)
    assert demo.truth.change() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("key", list(METRICS))
def test_realised_truth_is_recomputed_from_what_is_hidden(demo, key):
    metric = METRICS[key]
    for (country, wave), part in demo.hidden.groupby(["country", "wave"], observed=True):
        true = demo.truth.metric(key, country=country, wave=wave)
        assert true.here_everyone == pytest.approx(metric.value(metric.counts(part[key])), abs=1e-9)
        weighted = np.bincount(
            part[key] - metric.scale.low, weights=part["propensity"], minlength=metric.scale.size
        )
        assert true.here_respondents == pytest.approx(metric.value(weighted), abs=1e-9)
    whole = demo.truth.metric(key)
    assert whole.here_everyone == pytest.approx(metric.value(metric.counts(demo.hidden[key])), abs=1e-9)
    assert whole.bias == whole.respondents - whole.everyone
    assert whole.here_bias == whole.here_respondents - whole.here_everyone


@pytest.mark.parametrize("key", list(METRICS))
def test_what_the_export_shows_is_what_the_truth_expects(demo, key):
    """The answers in the rows, faults set aside, within four standard errors of the realised expectation."""
    metric, rows = METRICS[key], genuine(demo)
    given = pd.to_numeric(rows[COLUMN[key]], errors="coerce")
    counts = metric.counts(given.where(given <= metric.scale.high).dropna())
    error = np.sqrt(metric.variance(counts) / counts.sum())
    assert abs(metric.value(counts) - demo.truth.metric(key).here_respondents) < 4 * error
    assert abs(metric.value(counts) - demo.truth.metric(key).everyone) > 4 * error


@pytest.mark.parametrize(
    "response",
    [
        Response(),
        Response.at_random(0.05),
        Response.by_frame(0.4, frame=2),
        Response(shape="u-shaped", rate=0.6, satisfaction=0.7),
        Response(satisfaction=-0.5),
    ],
    ids=["demo", "random", "frame", "u-shaped", "unhappy answer"],
)
def test_response_rate_is_realised(response):
    made = company(20_000, seed=3, response=response)
    p = made.hidden["propensity"]
    error = np.sqrt((p * (1 - p)).sum()) / len(p)
    # repeated customers are correlated: their share of a tenth hardly widens this
    assert abs(made.hidden["answered"].mean() - p.mean()) < 4 * error
    assert abs(p.mean() - response.rate) < 4 * p.std() / np.sqrt(len(p)) + 1e-9
    assert made.truth.response.here_rate == pytest.approx(p.mean())
    assert made.truth.response.rate == pytest.approx(response.rate, abs=1e-6)


def test_response_rates_by_fact_are_the_expected_ones(demo):
    for fact, rates in demo.truth.response.by_fact.items():
        seen = demo.hidden.groupby(fact, observed=True)["answered"].agg(["mean", "size"])
        for name, rate in rates.items():
            error = np.sqrt(rate * (1 - rate) / seen.loc[name, "size"])
            assert abs(seen.loc[name, "mean"] - rate) < 4 * error


@pytest.mark.simulation
def test_shapes_do_what_they_say():
    def by_fifth(response: Response) -> np.ndarray:
        hidden = company(30_000, seed=6, response=response, repeat_share=0).hidden
        fifth = pd.qcut(hidden["satisfaction"], 5, labels=False)
        return hidden.groupby(fifth)["answered"].mean().to_numpy()

    line = by_fifth(Response(frame=0, satisfaction=0.5))
    assert (np.diff(line) > 0).all()
    bowl = by_fifth(Response(shape="u-shaped", frame=0, satisfaction=0.5))
    assert bowl.argmin() == 2
    assert bowl[0] > bowl[1] > bowl[2] < bowl[3] < bowl[4]
    flat = by_fifth(Response.at_random())
    assert np.ptp(flat) < 4 * np.sqrt(2 * 0.213 * 0.787 / 6_000)
    down = by_fifth(Response(frame=0, satisfaction=-0.5))
    assert (np.diff(down) < 0).all()


def test_happy_customers_find_it_easy_and_have_little_effort(demo):
    hidden = demo.hidden
    assert np.corrcoef(hidden["satisfaction"], hidden["ces"])[0, 1] > 0.3
    assert np.corrcoef(hidden["effort"], hidden["ces"])[0, 1] < -0.6
    assert hidden.groupby("ces")["churn"].mean().is_monotonic_decreasing
    for name in ("satisfaction", "effort"):
        assert hidden[name].mean() == pytest.approx(0, abs=0.03)
        assert hidden[name].std() == pytest.approx(1, abs=0.03)


def test_countries_use_the_scale_differently_by_the_dial(demo):
    def gap(made, field: str) -> float:
        japan, germany = (made.truth.metric("nps", country=c) for c in ("Japan", "Germany"))
        return getattr(japan, field) - getattr(germany, field)

    assert gap(demo, "everyone") < -25
    assert -13 < gap(demo, "style_free") < -7
    same = company(500, seed=1, scale_use=ScaleUse.same(), change=0)
    assert gap(same, "everyone") == pytest.approx(gap(same, "style_free"), abs=1e-9)
    assert gap(same, "style_free") == pytest.approx(
        gap(company(500, seed=1, change=0), "style_free"), abs=1e-9
    )
    lenient = company(500, seed=1, scale_use=ScaleUse(strength=0, people=0, leniency=1, agreeing=0), change=0)
    # 0.2 latent standard deviations are some 13 points, and count as substance for any model
    assert gap(lenient, "everyone") - gap(same, "everyone") == pytest.approx(-13, abs=2)


def test_the_six_statements_show_style_and_different_topics():
    made = company(30_000, seed=8, faults=Faults.none(), response=Response.at_random(0.9))
    rows = made.rows[made.rows["answered_at"].notna()]
    items = rows[[f"q{number}" for number in range(1, 7)]].astype(int)
    extreme = items.isin([1, 5]).mean(axis=1).groupby(rows["country"]).mean()
    assert extreme["Brazil"] > extreme["United States"] > extreme["Germany"] > extreme["Japan"]
    middle = (items == 3).mean(axis=1).groupby(rows["country"]).mean()
    assert middle["Japan"] > middle["Germany"] > middle["Brazil"]
    # one half of the battery is worded the other way round, and the topics have little in common
    inside = items[rows["country"] == "Germany"].corr()
    assert inside.loc["q1", "q3"] > 0.05 > -0.05 > inside.loc["q1", "q2"]
    off_diagonal = inside.to_numpy()[np.triu_indices(6, 1)]
    assert np.abs(off_diagonal).max() < 0.25
    agreeing = (items - 3).mean(axis=1).groupby(rows["country"]).mean()
    assert agreeing["Brazil"] > agreeing["Germany"] + 0.1


def test_a_null_company_has_nothing_to_find():
    made = company(20_000, seed=12, **NULL)
    for key, metric in METRICS.items():
        truth = made.truth.metric(key)
        values = [v.everyone for v in made.truth.values if v.metric == key]
        assert np.ptp(values) < 1e-9
        assert truth.bias == pytest.approx(0, abs=1e-4)  # the quadrature's error, in points
        assert truth.style_free == pytest.approx(truth.everyone, abs=1e-9)
        assert metric.low < truth.everyone < metric.high
    assert made.truth.response.r_indicator == pytest.approx(1, abs=1e-7)
    assert made.hidden["propensity"].std() == pytest.approx(0, abs=1e-9)


# --- outcomes --------------------------------------------------------------------------------------


def within(rows: pd.DataFrame, when: str, days: int) -> pd.Series:
    sent = rows["sent_at"].dt.tz_localize(None).dt.normalize()
    return (pd.to_datetime(rows[when]) - sent).dt.days.le(days)


@pytest.mark.parametrize(
    ("outcome", "when", "days"), [("churn", "churn_date", 180), ("repurchase", "rebought_on", 90)]
)
def test_outcomes_happen_with_their_true_probabilities(demo, outcome, when, days):
    rows = demo.rows.iloc[demo.hidden["row"]].reset_index(drop=True)
    happened, p = within(rows, when, days), demo.hidden[outcome]
    assert abs(happened.mean() - p.mean()) < 4 * np.sqrt((p * (1 - p)).sum()) / len(p)
    # calibrated over the whole range, and for customers invited once and twice alike
    twice = demo.hidden.duplicated("customer", keep=False)
    for part in (twice, ~twice):
        for _, group in demo.hidden[part].groupby(pd.qcut(p[part], 5, labels=False)):
            expected = group[outcome]
            error = np.sqrt((expected * (1 - expected)).sum()) / len(group)
            assert abs(happened[group.index].mean() - expected.mean()) < 4 * error


def test_events_come_after_every_answer_and_before_the_data_end(demo):
    rows = genuine(demo)
    answered = rows["answered_at"].dt.tz_localize(None)
    for when in ("churn_date", "rebought_on"):
        dates = pd.to_datetime(rows[when])
        assert (dates >= answered.dt.normalize())[dates.notna() & answered.notna()].all()
        assert dates.max() <= pd.Timestamp(demo.description["data_as_of"])
    assert ((rows["churned"] == "1") == rows["churn_date"].notna()).all()
    assert ((rows["rebought"] == "true") == rows["rebought_on"].notna()).all()
    left, bought = pd.to_datetime(rows["churn_date"]), pd.to_datetime(rows["rebought_on"])
    assert (bought <= left)[left.notna() & bought.notna()].all()


def test_every_window_ends_before_the_data_do(demo):
    last = demo.rows["sent_at"].max().tz_localize(None).normalize()
    longest = max(outcome["window_days"] for outcome in demo.description["outcomes"].values())
    assert last + pd.Timedelta(days=longest) <= pd.Timestamp(demo.description["data_as_of"])


def test_a_customer_has_one_date_of_leaving(demo):
    rows = genuine(demo)
    assert rows.groupby("customer_id")["churn_date"].nunique(dropna=False).max() == 1


@pytest.mark.simulation
def test_outcome_dials_do_what_they_say():
    def slope(outcome: Outcome, by: str) -> np.ndarray:
        hidden = company(20_000, seed=3, churn=outcome, repeat_share=0).hidden
        fourth = pd.qcut(hidden[by], 4, labels=False)
        return hidden.groupby(fourth)["churn"].mean().to_numpy()

    nothing = slope(Outcome(rate=0.1, behaviour=0), "satisfaction")
    assert np.ptp(nothing) < 1e-12
    assert nothing[0] == pytest.approx(0.1, abs=1e-9)
    satisfied = slope(Outcome(rate=0.1, behaviour=0, satisfaction=-0.5), "satisfaction")
    assert (np.diff(satisfied) < 0).all()
    laborious = slope(Outcome(rate=0.1, behaviour=0, effort=0.5), "effort")
    assert (np.diff(laborious) > 0).all()
    low_end = slope(Outcome(rate=0.1, behaviour=0, satisfaction=-0.8, low_end=True), "satisfaction")
    assert low_end[0] > low_end[1] > low_end[2] == pytest.approx(low_end[3], abs=1e-5)
    silent = company(20_000, seed=3, churn=Outcome(rate=0.1, behaviour=0, silence=0.8), repeat_share=0).hidden
    assert (
        silent.loc[~silent["answered"], "churn"].mean() > 1.5 * silent.loc[silent["answered"], "churn"].mean()
    )


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.4])
def test_churn_has_the_rate_asked_for(rate):
    made = company(40_000, seed=5, churn=Outcome(rate=rate, effort=0.5, behaviour=0.75), repeat_share=0)
    # three tenths of a percentage point: the reference sample on which the intercept is solved
    assert made.hidden["churn"].mean() == pytest.approx(rate, abs=0.003 + 0.02 * rate)


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_customers": 5}, "n_customers must be from 10"),
        ({"n_customers": 1e4}, "whole number"),
        ({"seed": -1}, "seed must be"),
        ({"seed": True}, "seed must be"),
        ({"change": 1000}, "change must be"),
        ({"waves": 0}, "waves must be"),
        ({"waves": 1}, "repeat_share=0"),
        ({"repeat_share": 1.2}, "repeat_share must be"),
        ({"country_gaps": "big"}, "country_gaps must be"),
    ],
)
def test_dials_off_their_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        company(**{"seed": 1, **arguments})


def test_unknown_shapes_rates_and_shares_are_refused():
    with pytest.raises(ValueError, match="shape must be"):
        Response(shape="v-shaped")
    with pytest.raises(ValueError, match="rate must be"):
        Response(rate=21)
    with pytest.raises(ValueError, match="people must be"):
        ScaleUse(people=-1)
    with pytest.raises(ValueError, match="window_days must be"):
        Outcome(rate=0.1, window_days=365)
    with pytest.raises(ValueError, match="twice must be"):
        Faults(twice=2)


def test_true_values_that_do_not_exist_are_asked_for_in_vain(demo):
    with pytest.raises(ValueError, match="there are metric: ces, csat, nps"):
        demo.truth.metric("npss")
    with pytest.raises(ValueError, match="2024 Q4, 2025 Q1"):
        demo.truth.metric("nps", wave="2023 Q1")
    one = company(500, seed=1, waves=1, repeat_share=0, change=0)
    with pytest.raises(ValueError, match="one wave"):
        one.truth.change()


def test_three_waves_and_one_wave():
    three = company(3000, seed=1, waves=3, change=5)
    assert three.truth.waves == ("2024 Q3", "2024 Q4", "2025 Q1")
    assert three.truth.change() == pytest.approx(5, abs=1e-6)
    first, second = (three.truth.metric("nps", wave=wave).everyone for wave in three.truth.waves[:2])
    assert first == pytest.approx(second, abs=1e-9)
    one = company(500, seed=1, waves=1, repeat_share=0, change=0)
    assert one.truth.waves == ("2025 Q1",)
    assert one.rows["wave"].unique().tolist() == ["2025 Q1"]


def test_the_table_and_the_notebook_view(demo):
    table = demo.truth.table()
    assert len(table) == 3 * 6 * 3
    assert table.isna().sum().sum() == 0
    assert "NPS of all customers" in demo.truth._repr_html_()

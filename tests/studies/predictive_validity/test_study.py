"""The study on the demo company, whose truth is known, and on what cannot be answered."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.display import theme
from cxstats.display.parts import Note, Table
from cxstats.display.picture import Canvas
from cxstats.findings import Verdict, judge
from cxstats.methods.incremental import race
from cxstats.studies.pictures import Source
from cxstats.studies.predictive_validity import SECTIONS, _missing
from cxstats.studies.predictive_validity.decision_figures import _lead_headline, profit
from cxstats.studies.predictive_validity.evidence import advantage, curve, lead, unwanted, wanted
from cxstats.studies.predictive_validity.evidence import money as earned
from cxstats.studies.predictive_validity.figures import _steady, all_figures
from cxstats.studies.predictive_validity.phrases import gain_of, gain_text
from cxstats.studies.predictive_validity.sentences import answer, main_points, race_headline, robust_headline
from cxstats.studies.predictive_validity.study import judged, overall
from cxstats.studies.predictive_validity.time_figures import causes, survival, warning
from cxstats.words import interval, percent

SOURCE = Source("Test", "2024", simulated=False)


@pytest.fixture(scope="module")
def study(demo_study) -> cx.PredictiveValidityStudy:
    return demo_study("predictive_validity", outcome="churned")


TRUE_GAINS = {"nps": 0.0123, "csat": 0.0109, "ces": 0.0310}  # docs/demo_company.md: churn, respondents


def test_gains_recover_the_truth(study: cx.PredictiveValidityStudy) -> None:
    assert study.numbers.best.metric.key == "ces"
    for contender in study.numbers.contenders:
        assert contender.low < TRUE_GAINS[contender.metric.key] < contender.high


def test_all_scores_together_recover_the_truth(study: cx.PredictiveValidityStudy) -> None:
    row = study.numbers.race.gains.loc["all"]
    assert row["low"] < 0.0336 < row["high"]  # docs/demo_company.md: churn, respondents
    assert row["low"] > 0


def test_gains_judged_otherwise_and_together_are_as_wide_as_those_of_the_race(
    study: cx.PredictiveValidityStudy,
) -> None:
    from scipy import stats

    numbers = study.numbers
    t = stats.t.ppf(1 - 0.05 / (2 * len(numbers.contenders)), 63)  # Bonferroni over the metrics
    for otherwise in (numbers.weighted, numbers.later):
        for row in otherwise.gains.loc[["nps", "csat", "ces"]].itertuples():
            assert (row.high - row.low) / 2 == pytest.approx(t * row.standard_error)
    _, low, high = numbers.together
    assert (high - low) / 2 == pytest.approx(t * numbers.race.gains.loc["all", "standard_error"])
    assert numbers.together_verdict is judge(low, high, numbers.settings.margin)
    best = numbers.best
    shown = next(row for row in study.tables["robust"].rows if row[0] == best.metric.short)
    assert shown[3] == gain_of(best, numbers.settings.margin)[1]


def test_what_was_known_and_each_score_alone_recover_the_truth(study: cx.PredictiveValidityStudy) -> None:
    numbers = study.numbers
    value, low, high = numbers.rules["known"]
    assert low < 0.708 < high
    assert value == pytest.approx(numbers.race.known_auc[0])
    alone = {"nps": 0.650, "csat": 0.633, "ces": 0.677}
    for contender in numbers.contenders:
        assert contender.auc[1] < alone[contender.metric.key] < contender.auc[2]


def test_scores_are_compared_in_pairs_alone(study: cx.PredictiveValidityStudy) -> None:
    auc = {c.metric.key: c.auc[0] for c in study.numbers.contenders}
    assert len(study.numbers.pairs) == 3
    for pair in study.numbers.pairs:
        assert pair.difference == pytest.approx(auc[pair.first] - auc[pair.second])
        assert pair.difference >= 0


def test_noise_is_taken_out_of_scores_asked_twice(study: cx.PredictiveValidityStudy, demo: cx.Survey) -> None:
    rows = demo.rows(["ces", "wave", "customer"]).dropna()
    twice = rows.groupby("customer")["wave"].nunique()
    found = {s.metric.key: s for s in study.numbers.steadiness}
    assert set(found) == {"nps", "csat", "ces"}
    assert found["ces"].retest.n == (twice > 1).sum()
    for one in found.values():
        assert one.steady.value > one.auc[0]


def test_what_a_score_would_tell_without_noise_has_an_interval_or_is_not_said(
    study: cx.PredictiveValidityStudy,
) -> None:
    numbers = study.numbers
    least = min(numbers.steadiness, key=lambda s: s.retest.icc.consistency[0])
    steady, consistency = least.steady, least.retest.icc.consistency
    span = interval(100 * steady.low, 100 * steady.high, digits=0)
    said = study.figures["steady"].headline
    assert f"would tell at most about {round(100 * steady.value)} ({span}) of 100 pairs apart" in said
    # customers of the demo company do change their mind: what is printed is an upper bound, and is said to be
    assert "upper bound" in study.figures["steady"].table.notes
    assert any("if nobody changed their mind" in text for _, text in study.limits.items)
    icc = replace(least.retest.icc, consistency=(consistency[0], -0.01, consistency[2]))
    for made in (
        replace(least, steady=replace(steady, beyond=True)),
        replace(least, retest=replace(least.retest, icc=icc)),
    ):
        said = _steady(replace(numbers, steadiness=(made,)), SOURCE).headline
        assert said.endswith(f"give {least.metric.short} the same answer")


def test_a_step_on_the_scale_changes_the_hazard_as_the_company_was_made(
    study: cx.PredictiveValidityStudy,
) -> None:
    timing = study.numbers.timing
    assert timing.metric.key == "ces"
    # hazards are constant and multiplied by effort: the ratio does not change as days pass
    for fit in (timing.alone, timing.beside):
        row = fit.table.loc["score"]
        assert row["high"] < 1
        assert row["proportional_p"] > 0.01
    assert timing.beside.table.loc["score", "hazard_ratio"] > timing.alone.table.loc["score", "hazard_ratio"]


def table_of(study: cx.PredictiveValidityStudy, section: str, title: str) -> Table:
    return next(
        part
        for part in study.section(section).parts
        if isinstance(part, Table) and part.caption.startswith(title)
    )


def test_the_ledger_reaches_the_answers_that_raced(study: cx.PredictiveValidityStudy) -> None:
    *_, answered, incomplete, raced = study.ledger.ledger.lines
    assert answered.n == study.numbers.base.answered
    assert incomplete.label == "did not answer all of CES, NPS and CSAT"
    assert raced.n == study.numbers.race.n == answered.n - incomplete.n
    assert raced.kind == "used"


def test_tables_for_analysts_are_folded(study: cx.PredictiveValidityStudy) -> None:
    beside = [part for name in SECTIONS for part in study.section(name).parts if isinstance(part, Table)]
    assert len(beside) > 4
    assert all(table.folded for table in beside)


def read(cell: str) -> list[float]:
    return [float(x.replace("−", "-")) for x in re.findall(r"[+−]?\d[\d.]*", cell)]


def test_shapley_shares_add_up_to_the_rule_of_everything(study: cx.PredictiveValidityStudy) -> None:
    numbers = study.numbers
    rows = {row[0]: row for row in table_of(study, "race", "What the rule of everything").rows}
    shares = [read(row[1])[0] for row in rows.values()]
    everything = numbers.rules["known"][0] + numbers.race.gains.loc["all", "gain"]
    assert sum(shares) == pytest.approx(everything - 0.5, abs=0.0021)
    for row in rows.values():
        low, high = read(row[2])
        assert low < read(row[1])[0] < high
        assert (low + high) / 2 == pytest.approx(read(row[1])[0], abs=0.0011)
    for contender in numbers.contenders:
        assert read(rows[contender.metric.short][3])[0] == pytest.approx(2 * contender.auc[0] - 1, abs=0.0006)


def test_forms_of_the_link_are_tested_against_one_rate_per_answer(study: cx.PredictiveValidityStudy) -> None:
    from scipy import stats

    found = study.numbers.best.association
    table = table_of(study, "rates", "Forms of the link")
    assert [row[0] for row in table.rows] == ["Line", "Groups", "Spline", "One rate per answer"]
    for row, p in zip(table.rows[:3], found.forms["lack_of_fit_p"], strict=False):
        again = stats.chi2.sf(read(row[4])[0], int(row[5]))
        assert again == pytest.approx(p, abs=0.02)
        assert row[6] == ("<\u00a00.001" if p < 0.001 else f"{p:.3f}")
    z = f"{found.trend_z:+.2f}".replace("-", "−")
    assert f"z = {z}, p < 0.001" in re.sub("[\xa0\u202f]", " ", table.notes)


def test_parts_of_the_error_add_up_to_the_brier_score(study: cx.PredictiveValidityStudy) -> None:
    predictions = study.numbers.race.predictions
    *parts, score = (read(row[1])[0] for row in table_of(study, "decision", "The error of the rule").rows)
    assert score == pytest.approx(((predictions["event"] - predictions["all"]) ** 2).mean(), abs=6e-6)
    assert sum(parts) == pytest.approx(score, abs=3e-5)
    rate = predictions["event"].mean()
    assert parts[2] == pytest.approx(rate * (1 - rate), abs=6e-6)


def test_no_verdict_is_wrong(study: cx.PredictiveValidityStudy) -> None:
    margin = study.numbers.settings.margin
    for contender in study.numbers.contenders:
        matters = TRUE_GAINS[contender.metric.key] > margin
        assert contender.verdict is not (Verdict.NEGLIGIBLE if matters else Verdict.MATERIAL)
    assert study.findings[0].verdict is study.numbers.verdict
    assert study.numbers.verdict is not Verdict.NEGLIGIBLE


def test_the_page_says_what_was_computed(study: cx.PredictiveValidityStudy) -> None:
    numbers = study.numbers
    assert "CES" in study.findings[0].answer
    assert list(study.figures) == [
        "race", "rates", "robust", "steady", "silence", "cuts", "survival", "warning", "decision", "profit",
    ]  # fmt: skip
    rows = study.tables["race"].rows
    assert [row[0] for row in rows] == ["Known without asking", "CES", "NPS", "CSAT", "All together"]
    for contender in numbers.contenders:
        row = next(row for row in rows if row[0] == contender.metric.short)
        assert set(gain_of(contender, numbers.settings.margin)) <= set(row)
        assert contender.verdict.words in row
    assert numbers.base.events < numbers.base.known
    for name in ("race", "rates", "robust", "silence", "cuts", "time", "decision"):
        assert study.section(name).parts
    with pytest.raises(KeyError, match="there are race, rates"):
        study.section("nothing")
    assert len(study.main_points.points) == 5


def test_the_same_customers_race(study: cx.PredictiveValidityStudy, demo: cx.Survey) -> None:
    rows = demo.rows(["nps", "csat", "ces", "churned"]).dropna()
    assert study.numbers.race.n == len(rows)
    assert study.numbers.race.events == rows["churned"].sum()


def test_rates_count_each_customer_once(study: cx.PredictiveValidityStudy, demo: cx.Survey) -> None:
    rows = demo.rows(["ces", "churned", "customer", "wave"]).dropna(subset=["ces", "churned"])
    held = rows.sort_values("wave", kind="stable").drop_duplicates("customer", keep="first")
    assert len(held) < len(rows)
    best = study.numbers.best.association
    assert best.n == len(held)
    assert best.events == held["churned"].sum()


def test_silence_is_a_signal_that_behaviour_mostly_has(study: cx.PredictiveValidityStudy) -> None:
    silence = study.numbers.silence
    assert silence.difference[1] > 0
    # docs/demo_company.md: answering adds 0.0017 for everyone
    assert silence.gain[1] < 0.0017 < silence.gain[2]
    assert silence.gain[2] < study.numbers.settings.margin


def test_known_numbers_take_the_place_of_their_bands(study: cx.PredictiveValidityStudy) -> None:
    known = study.numbers.settings.known
    assert {"tenure_months", "app_days_90d", "tickets_90d", "value"} <= set(known)
    assert not {"tenure", "app_use", "tickets"} & set(known)


def test_net_benefit_and_profit_agree(study: cx.PredictiveValidityStudy) -> None:
    money = study.numbers.money
    settings = study.numbers.settings
    assert money.threshold == pytest.approx(settings.contact_cost / (settings.success * money.value_saved))
    assert money.profit["all"] > money.profit["known"] > money.profit["everybody"]
    table = study.numbers.race.predictions
    contacted = {name: table[name] >= money.threshold for name in ("known", "all")}
    earned = {
        name: 1000
        * (
            settings.success * money.value_saved * (who & table["event"]).mean()
            - settings.contact_cost * who.mean()
        )
        for name, who in contacted.items()
    }
    # net benefit at the threshold, in money, is what contacting earns
    assert money.profit["all"] == pytest.approx(earned["all"])
    value, low, high = money.more["all"]
    assert value == pytest.approx(earned["all"] - earned["known"])
    assert low < value < high


@pytest.mark.simulation
@pytest.mark.parametrize("n", [400, 1500])
def test_intervals_of_the_profit_hold_that_of_rules_trained_anew(n: int) -> None:
    """Training is not repeated in them: it moves whom a contact is worth nothing for."""
    from scipy.special import expit

    found = []
    for seed in range(120):
        rng = np.random.default_rng([n, seed])
        x, t = rng.normal(size=(2, n))
        left = rng.random(n) < expit(-1.7 - 0.8 * x - 0.5 * t)
        nps = np.clip(np.round(7 + 2 * (t + 0.5 * rng.normal(size=n))), 0, 10)
        rows = pd.DataFrame({"x": x, "nps": nps, "left": left, "part": rng.integers(0, 64, n)})
        raced = race(
            rows,
            scores=["nps"],
            outcome="left",
            known=["x"],
            resamples=1,
            optimism=False,
            contributions=False,
        )
        found.append(advantage(raced.predictions, "nps", "known", 0.2, 0.95))
    value, low, high = np.array(found).T
    truth = value.mean()  # judged on customers they were not trained on, the mean is what new rules bring
    held = np.mean((low <= truth) & (truth <= high))
    assert 0.91 <= held <= 0.99
    assert np.mean(high - low) / (2 * 1.998) == pytest.approx(value.std(), rel=0.2)


@pytest.mark.parametrize(
    ("name", "kind", "trend", "expected"),
    [
        ("churned", None, 5.0, False),  # what its name says
        ("renewed", None, -5.0, True),
        ("repurchased", None, 5.0, True),  # what happier customers do more often
        ("called", None, -5.0, False),
        ("called", "retention", -5.0, True),
    ],
)
def test_an_event_to_be_hoped_for_is_told_from_a_loss(name, kind, trend, expected) -> None:
    from cxstats.survey.model import Outcome

    survey = SimpleNamespace(description=SimpleNamespace(outcomes={name: Outcome(column="x", kind=kind)}))
    chosen = SimpleNamespace(outcome=name)
    happy = SimpleNamespace(association=SimpleNamespace(trend_z=trend), metric=cx.NPS)
    effort = SimpleNamespace(association=SimpleNamespace(trend_z=-trend), metric=cx.ces(7, high_is="effort"))
    assert wanted(survey, chosen, [happy]) is expected
    assert wanted(survey, chosen, [effort]) is expected


def test_whom_to_contact_about_an_event_to_be_hoped_for() -> None:
    rng = np.random.default_rng(2)
    chance = rng.uniform(0.1, 0.9, 400)
    predictions = pd.DataFrame(
        {
            "known": 0.5 + rng.uniform(-0.2, 0.2, 400),
            "all": chance,
            "event": rng.random(400) < chance,
            "weight": 1.0,
            "part": np.arange(400) % 64,
            "row": np.arange(400),
        }
    )
    chosen = SimpleNamespace(contact_cost=30.0, success=0.5, level=0.95)
    money = earned(unwanted(predictions), chosen, (100.0, True))
    assert money.threshold == pytest.approx(0.6)
    # contacted are those who are likely not to have it; half of those who would not have had it are won
    called = 1 - chance >= 0.6
    by_hand = np.mean(called * (~predictions["event"] * 0.5 * 100 - 30))
    assert money.profit["all"] == pytest.approx(1000 * by_hand)
    assert predictions["event"].mean() == pytest.approx(1 - unwanted(predictions)["event"].mean())
    found = lead(predictions, "all", curve(predictions, ["known", "all"], 0.05), 0.05, 0.95)
    assert found.same == "everybody"  # nobody's chance is that small: no score changes whom to contact
    assert found.at == pytest.approx((0, 0, 0))


@pytest.mark.parametrize(("money", "where"), [(None, "the base rate of"), (object(), "a chance of")])
def test_where_everybody_is_contacted_is_said_of_one_chance_only(money, where) -> None:
    numbers = SimpleNamespace(
        lead=SimpleNamespace(threshold=0.083, same="everybody", at=(0.0, 0.0, 0.0)),
        money=money,
        contenders=(1, 2),
    )
    assert _lead_headline(numbers).startswith(f"At {where} 8.3\u00a0% nearly everybody is contacted")


def test_a_loss_is_no_gain(study: cx.PredictiveValidityStudy) -> None:
    assert judged(-0.09, -0.03, 0.02) is Verdict.INCONCLUSIVE  # it does not add more than the margin
    assert judged(-0.01, 0.01, 0.02) is Verdict.NEGLIGIBLE
    assert judged(0.03, 0.09, 0.02) is Verdict.MATERIAL
    lost = replace(study.numbers.best, gain=-0.05, low=-0.09, high=-0.01, verdict=Verdict.INCONCLUSIVE)
    numbers = replace(study.numbers, contenders=(lost,), verdict=Verdict.INCONCLUSIVE)
    told = f"With {lost.metric.short} it is told worse, not better, who "
    assert answer(numbers).answer.startswith(told)
    assert "−0.050 (−0.090 to −0.010): there are too few" in answer(numbers).answer
    assert main_points(numbers)[0].headline.startswith(told)
    assert race_headline(numbers).startswith(told)
    unsure = replace(numbers, contenders=(replace(lost, high=0.01),))
    assert "may add" in answer(unsure).answer


def test_the_headline_asks_whether_any_adds() -> None:
    assert overall([Verdict.NEGLIGIBLE, Verdict.MATERIAL]) is Verdict.MATERIAL
    assert overall([Verdict.NEGLIGIBLE, Verdict.NEGLIGIBLE]) is Verdict.NEGLIGIBLE
    assert overall([Verdict.NEGLIGIBLE, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert overall([]) is Verdict.NOT_ANSWERABLE


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"outcome": "left"}, "outcomes are churned, repurchased"),
        ({"metrics": "npss"}, "no metric"),
        ({"known": "countryy"}, "known without asking are"),
        ({"margin": 0}, "above 0"),
        ({"wave": "2023 Q1"}, "no wave"),
        ({"contact_cost": 0}, "above 0"),
        ({"window_days": 0}, "window_days"),
        ({"level": 95}, "level"),
    ],
)
def test_parameters_are_checked(demo: cx.Survey, given: dict, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        cx.predictive_validity(demo, **given)


# ------------------------------------------------------------------------------- surveys of one's own


def survey_of(folder: Path, n: int, *, left, score=None, more: str = "", known=True) -> cx.Survey:
    rng = np.random.default_rng(3)
    use = rng.integers(0, 30, n)
    score = rng.integers(0, 11, n) if score is None else score
    lines = ["id,ltr,use,kind,left"]
    lines += [
        f"{i},{s},{u},{'ab'[i % 2]},{int(v)}"
        for i, (s, u, v) in enumerate(zip(score, use, left, strict=True))
    ]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    facts = "groups: {kind: kind}\nbehaviour: {use: {column: use}}\n" if known else ""
    (folder / "survey.yml").write_text(
        "title: Test\nresponses: {file: data.csv}\ncustomer: id\nscores: {nps: {column: ltr, scale: 0-10}}\n"
        f'outcomes: {{left: {{column: left, event: "1"}}}}\n{facts}{more}'
    )
    return cx.open_survey(folder / "survey.yml")


def dated(folder: Path, n: int = 1500, *, more: str = "", seed: int = 5) -> cx.Survey:
    """Customers asked on one day, who leave at a hazard that falls with their answer, for two causes."""
    import datetime as dt

    rng = np.random.default_rng(seed)
    score, use = rng.integers(0, 11, n), rng.integers(0, 30, n)
    price = rng.exponential(900, n)
    service = rng.exponential(250 * np.exp(0.35 * (score - 5)), n)
    day, cause = np.minimum(price, service).astype(int) + 1, np.where(price < service, "Price", "Service")
    cause = np.where(rng.random(n) < 0.005, "Moved away", cause)
    asked = dt.date(2024, 1, 1)
    lines = ["id,sent,ltr,use,kind,left_on,why"]
    for i in range(n):
        gone = day[i] <= 300
        left_on, why = (asked + dt.timedelta(days=int(day[i])), cause[i]) if gone else ("", "")
        lines.append(f"{i},{asked},{score[i]},{use[i]},{'ab'[i % 2]},{left_on},{why}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    (folder / "survey.yml").write_text(
        "title: Test\ndata_as_of: 2024-10-27\nresponses: {file: data.csv}\ncustomer: id\ninvited: sent\n"
        "scores: {nps: {column: ltr, scale: 0-10}}\ngroups: {kind: kind}\nbehaviour: {use: {column: use}}\n"
        f"outcomes: {{left: {{on: left_on, window_days: 180, label: Left within 180 days, cause: why{more}}}}}\n"
    )
    return cx.open_survey(folder / "survey.yml")


@pytest.fixture(scope="module")
def leavers(tmp_path_factory: pytest.TempPathFactory) -> cx.Survey:
    return dated(tmp_path_factory.mktemp("leavers"))


@pytest.fixture(scope="module")
def leaving(leavers: cx.Survey) -> cx.PredictiveValidityStudy:
    return cx.predictive_validity(leavers)


def test_curves_of_groups_reach_the_last_day_in_one_colour(leaving: cx.PredictiveValidityStudy) -> None:
    numbers = leaving.numbers
    table = numbers.timing.curves.table
    rare = table.assign(**{c: 1 - (1 - table[c]) / 100 for c in ("survival", "low", "high")})
    first = rare["group"].iloc[0]
    rare = rare[
        (rare["group"] != first) | (rare["day"] < 0.6 * rare["day"].max())
    ]  # one group's events end early
    curves = replace(numbers.timing.curves, table=rare)
    figure = survival(replace(numbers, timing=replace(numbers.timing, curves=curves)), SOURCE)
    with theme.drawing():
        drawn = figure.draw(Canvas("wide"))
    (axes,) = drawn.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert len(lines) == rare["group"].nunique()
    assert {line.get_xdata()[-1] for line in lines} == {rare["day"].max()}
    assert len({line.get_color() for line in lines}) == 1
    assert len({line.get_linestyle() for line in lines} | {str(line._dash_pattern) for line in lines}) > 1
    ends = {round(float(line.get_ydata()[-1]), 9) for line in lines}
    last = curves.at(rare["day"].max())["survival"]
    assert ends == {round(100 * (1 - v), 9) for v in last}
    ticks = [t.get_text() for t in drawn.texts if t.get_text().endswith("%")]
    assert len(ticks) == len(set(ticks))
    assert not any("under" in t for t in ticks)


def test_nobody_is_warned_of_what_is_hoped_for(leaving: cx.PredictiveValidityStudy) -> None:
    numbers = leaving.numbers
    assert "warns" in warning(numbers, SOURCE).headline
    hoped = warning(replace(numbers, wanted=True), SOURCE)
    assert "warn" not in hoped.headline + hoped.table.caption + hoped.table.notes
    assert "still there" not in hoped.table.notes


def test_a_curve_that_falls_and_one_ratio_for_all_days_are_said_to_go_together(
    study: cx.PredictiveValidityStudy,
) -> None:
    assert any(
        "can fall all the same" in part.text for part in study.section("time").parts if isinstance(part, Note)
    )


def test_causes_compete(leaving: cx.PredictiveValidityStudy, leavers: cx.Survey) -> None:
    timing = leaving.numbers.timing
    ends = timing.causes.at(180)["incidence"]
    rows = leavers.rows(["nps", "left", "left_days", "left_cause"])
    low = rows[rows["nps"] <= 6]
    # everybody is watched for the whole window, so incidence is a share of customers
    for cause in ("Price", "Service"):
        had = (low["left_days"].fillna(999) <= 180) & (low["left_cause"].fillna("") == cause)
        assert ends["0 to 6", cause] == pytest.approx(had.mean())
    assert "Moved away" in timing.merged_causes or ("0 to 6", "Moved away") in ends.index
    figure = leaving.figures["causes"]
    shown = figure.table.rows[0][1]
    row = timing.causes.at(180).loc[("0 to 6", figure.table.rows[0][0])]
    assert row["low"] < row["incidence"] < row["high"]
    assert f"({interval(100 * row['low'], 100 * row['high'], digits=1)})" in shown
    assert "Service" in figure.headline
    total = ends.groupby(level="group").sum()
    survival = timing.curves.at(180)["survival"]
    assert (total + survival).to_numpy() == pytest.approx(np.ones(len(total)))


def test_no_cause_of_a_few_customers_is_shown(
    leaving: cx.PredictiveValidityStudy, leavers: cx.Survey
) -> None:
    rows = leavers.rows(["left", "left_cause"])
    counted = rows.loc[rows["left"].fillna(False).astype(bool), "left_cause"].value_counts()
    shown = set(leaving.numbers.timing.causes.table["cause"])
    for cause, n in counted.items():
        assert (cause in shown) == (n >= 10)


def test_auc_by_a_day_is_of_those_who_left_by_then(
    leaving: cx.PredictiveValidityStudy, leavers: cx.Survey
) -> None:
    from scipy.stats import mannwhitneyu

    rows = leavers.rows(["nps", "left_days"])
    days = rows["left_days"].astype(float).where(rows["left_days"] <= 180, 999)
    first, *others = leaving.tables["warning"].rows
    assert first[4:6] == ("", "")  # nobody had left on the day they were asked
    for row in others:
        case = (days <= float(row[0])).to_numpy()
        score = rows["nps"].astype(float).to_numpy()
        area = mannwhitneyu(score[~case], score[case]).statistic / (case.sum() * (~case).sum())
        assert read(row[4])[0] == pytest.approx(area, abs=0.0006)
        low, high = read(row[5])
        assert low < area < high
        assert row[6] == str(case.sum())


def test_causes_whose_intervals_overlap_are_not_said_to_differ(leaving: cx.PredictiveValidityStudy) -> None:
    timing = leaving.numbers.timing
    value, low, high = timing.causes.at(180).loc[("0 to 6", "Service"), ["incidence", "low", "high"]]
    said = leaving.figures["causes"].headline
    shown = f"{percent(100 * value, 1)} ({interval(100 * low, 100 * high, digits=1)})"
    assert said.startswith(f"{shown} of those who gave NPS 0 to 6 left for “Service”")
    wide = replace(timing.causes, table=timing.causes.table.assign(low=0.0, high=1.0))
    unsure = causes(replace(leaving.numbers, timing=replace(timing, causes=wide)), SOURCE).headline
    assert unsure.startswith("That any cause differs by NPS is not sure: ")


@pytest.mark.parametrize(
    ("unsure", "said"),
    [
        ([], "still warns 144 days ahead"),
        ([5, 6], "warns is not sure beyond 96 days"),
        ([3], "warns is not sure beyond 48 days"),  # that later days are sure does not mend it
        ([1], "tells who left within 180 days; whether it warns ahead is not sure"),
        ([0], "Whether NPS warns ahead at all is not sure"),
    ],
)
def test_a_warning_reaches_as_far_as_every_day_before_is_sure(
    leaving: cx.PredictiveValidityStudy, unsure: list[int], said: str
) -> None:
    timing = leaving.numbers.timing
    table = timing.warning.copy()
    assert (table["warning_low"] > 0.5).all()
    table.loc[unsure, "warning_low"] = 0.45
    numbers = replace(leaving.numbers, timing=replace(timing, warning=table))
    assert said in warning(numbers, SOURCE).headline


@pytest.mark.parametrize("sign", [1, -1])
def test_a_profit_surely_below_that_of_what_was_known_is_said_to_be_less(
    study: cx.PredictiveValidityStudy, sign: int
) -> None:
    money = study.numbers.money
    ends = tuple(sorted((sign * 40.0, sign * 90.0)))
    changed = replace(money, more=money.more | {"all": (sign * 65.0, *ends)})
    numbers = replace(study.numbers, money=changed)
    word = "more" if sign > 0 else "less"
    assert profit(numbers, SOURCE).headline.startswith(
        f"Acting on all scores earns 40 to 90 {word} per 1,000"
    )
    (point,) = (p for p in main_points(numbers) if p.figure == "profit")
    assert f"acting on all scores too earns {word} than" in point.headline


@pytest.mark.parametrize("grain", ["month", "week"])
def test_dates_by_month_or_week_are_read_as_such(tmp_path: Path, grain: str) -> None:
    import datetime as dt

    rng, n = np.random.default_rng(8), 2500
    score, use = rng.integers(0, 11, n), rng.integers(0, 30, n)
    asked = dt.date(2024, 1, 31) if grain == "month" else dt.date(2024, 1, 7)  # ends of a month and of a week
    # hazard × 0.8 for one more on the scale, in calendar time, whatever the day it is written down for
    day = rng.exponential(400 * np.exp(-np.log(0.8) * (score - 5))).astype(int) + 1
    lines = ["id,sent,ltr,use,left_on"]
    for i in range(n):
        left = asked + dt.timedelta(days=int(day[i]))
        shown = left.replace(day=1) if grain == "month" else left - dt.timedelta(days=left.weekday())
        lines.append(f"{i},{asked},{score[i]},{use[i]},{shown if day[i] <= 320 else ''}")
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "survey.yml").write_text(
        "title: Test\ndata_as_of: 2024-10-27\nresponses: {file: data.csv}\ncustomer: id\ninvited: sent\n"
        "scores: {nps: {column: ltr, scale: 0-10}}\nbehaviour: {use: {column: use}}\n"
        "outcomes: {left: {on: left_on, window_days: 240}}\n"
    )
    study = cx.predictive_validity(cx.open_survey(tmp_path / "survey.yml"))
    timing = study.numbers.timing
    assert timing.alone is None
    assert timing.grouped.grain == grain
    _, low, high = timing.grouped.ratio
    assert low < 0.8 < high
    assert high / low < 1.1
    said = " ".join(part.to_text() for part in study.section("time").parts)
    assert f"Dates are by {grain}" in said
    assert f"known by {grain} only" in study.figures["survival"].subtitle


def test_true_days_stay_days(leaving: cx.PredictiveValidityStudy) -> None:
    assert leaving.numbers.timing.grouped is None
    assert leaving.numbers.timing.alone is not None


def test_another_window_counts_other_events(leavers: cx.Survey) -> None:
    study = cx.predictive_validity(leavers, window_days=60)
    days = leavers.rows(["left_days"])["left_days"]
    assert study.numbers.base.events == (days <= 60).sum()
    assert study.numbers.base.known == len(days)
    assert study.numbers.outcome_label == "Left within 60 days"
    assert study.numbers.timing.curves.table["day"].max() <= 60
    assert "60 days" in study.findings[0].question


def test_a_window_longer_than_the_data_says_so(leavers: cx.Survey) -> None:
    study = cx.predictive_validity(leavers, window_days=2000)
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "2,000 days" in study.findings[0].answer


def test_a_window_needs_dates(tmp_path: Path) -> None:
    left = np.random.default_rng(1).random(300) < 0.3
    with pytest.raises(ValueError, match="on: under outcomes"):
        cx.predictive_validity(survey_of(tmp_path, 300, left=left), window_days=30)


def test_answers_given_by_a_few_are_not_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    n = 1200
    score = np.where(np.arange(n) < 4, 3, rng.choice([0, 6, 8, 9, 10], n))
    left = rng.random(n) < 0.5 - 0.03 * score
    study = cx.predictive_validity(survey_of(tmp_path, n, left=left, score=score))
    best = study.numbers.best
    assert 3 in best.hidden
    assert len(best.hidden) > 1  # or it could be had by subtraction from the total
    shown = {row[0] for row in study.tables["rates"].rows}
    assert shown == {str(a) for a in (0, 6, 8, 9, 10)} - {str(a) for a in best.hidden}


def test_a_score_that_parts_most_customers_is_a_leak(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    left = rng.random(2000) < 0.27
    score = np.where(
        rng.random(2000) < 0.4, 5, np.where(left, rng.integers(0, 3, 2000), rng.integers(8, 11, 2000))
    )
    study = cx.predictive_validity(survey_of(tmp_path, 2000, left=left, score=score))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "gives the outcome away" in study.findings[0].answer
    assert "0, 1 or 2" in study.findings[0].answer
    assert list(study.figures) == ["rates"]


def test_a_score_made_from_the_outcome_is_a_leak(tmp_path: Path) -> None:
    left = np.random.default_rng(1).random(600) < 0.2
    study = cx.predictive_validity(survey_of(tmp_path, 600, left=left, score=np.where(left, 2, 9)))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "leak" in study.findings[0].answer
    assert list(study.figures) == ["rates"]
    assert study.section("race").parts[0].instead
    for name in ("silence", "cuts", "time"):  # not for want of dates or ways to cut
        assert "the answer above says why" in study.section(name).parts[0].text


def test_scores_that_point_in_opposite_ways_are_named(tmp_path: Path) -> None:
    rng, n = np.random.default_rng(6), 900
    use, nps = rng.integers(0, 30, n), rng.integers(0, 11, n)
    left = rng.random(n) < 0.45 - 0.03 * nps
    ces = np.clip(nps // 2 + 1 + rng.integers(0, 2, n), 1, 7)
    turned = 8 - ces  # exported with the scale the wrong way round
    for name, effort in (("right", ces), ("wrong", turned)):
        folder = tmp_path / name
        folder.mkdir()
        lines = [
            f"{i},{a},{b},{u},{int(v)}"
            for i, (a, b, u, v) in enumerate(zip(nps, effort, use, left, strict=True))
        ]
        (folder / "data.csv").write_text("id,ltr,ease,use,left\n" + "\n".join(lines) + "\n")
        (folder / "survey.yml").write_text(
            "title: Test\nresponses: {file: data.csv}\ncustomer: id\nscores: {nps: {column: ltr, scale: 0-10}, "
            "ces: {column: ease, scale: 1-7, high_is: easy}}\nbehaviour: {use: {column: use}}\n"
            'outcomes: {left: {column: left, event: "1"}}\n'
        )
        study = cx.predictive_validity(cx.open_survey(folder / "survey.yml"))
        said = " ".join(part.to_text() for part in study.section("race").parts)
        assert ("opposite ways" in said) == (name == "wrong")


def test_where_what_is_known_hardly_tells_no_number_of_customers_is_given(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    score = rng.integers(0, 11, 500)
    weak = rng.random(500) < 0.25 + 0.01 * (score < 4)
    use = np.random.default_rng(3).integers(0, 30, 500)  # as survey_of draws it
    for folder, left in (("nothing", weak), ("something", rng.random(500) < 0.1 + 0.5 * (use > 18))):
        (tmp_path / folder).mkdir()
        study = cx.predictive_validity(survey_of(tmp_path / folder, 500, left=left, score=score))
        numbers, hardly = study.numbers, folder == "nothing"
        assert study.findings[0].verdict is Verdict.INCONCLUSIVE
        assert numbers.known_hardly_tells is hardly is (numbers.rules["known"][1] <= 0.5)
        assert (numbers.n_for_margin is None) is hardly
        said = " ".join(part.to_text() for part in study.section("race").parts)
        assert ("hardly tells customers apart" in said) is hardly
        assert ("How many cannot be said" in study.findings[0].needed) is hardly
        assert ("that raced here" in study.findings[0].needed) is not hardly


def test_a_gain_that_may_be_none_is_not_said_to_be_one(tmp_path: Path) -> None:
    left = np.random.default_rng(5).random(500) < 0.2
    study = cx.predictive_validity(survey_of(tmp_path, 500, left=left))
    best = study.numbers.best
    assert best.low <= 0
    assert study.main_points.points[0].headline.startswith("Whether NPS adds to what was known")


def test_three_events_are_too_few(tmp_path: Path) -> None:
    study = cx.predictive_validity(survey_of(tmp_path, 300, left=np.arange(300) < 3))
    assert study.findings[0].verdict is Verdict.INCONCLUSIVE
    assert "3 of the 300 customers who answered had the event" in study.findings[0].answer
    assert "customers with an answer" in study.findings[0].needed


def test_everybody_had_the_event(tmp_path: Path) -> None:
    study = cx.predictive_validity(survey_of(tmp_path, 300, left=np.ones(300)))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "everybody of 300 customers" in study.findings[0].answer.lower()


def test_nothing_known_without_asking(tmp_path: Path) -> None:
    left = np.random.default_rng(1).random(600) < 0.3
    study = cx.predictive_validity(survey_of(tmp_path, 600, left=left, known=False))
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert "nothing for a score to add to" in study.findings[0].answer


def test_a_survey_without_invitations_waves_or_dates(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    score = rng.integers(0, 11, 1500)
    left = rng.random(1500) < 0.5 - 0.04 * score
    study = cx.predictive_validity(survey_of(tmp_path, 1500, left=left, score=score))
    assert study.numbers.race is not None
    assert study.numbers.silence is None
    for name, why in (
        ("silence", "Who was invited and did not answer is not in the data."),
        ("time", "When the event happened is not in the data."),
    ):
        (note,) = study.section(name).parts
        assert note.instead
        assert note.text == why
    assert study.findings[0].verdict is Verdict.MATERIAL
    # scores that change nothing in whom to contact have no picture of it
    numbers = study.numbers
    same = numbers.decision.table.assign(nps=numbers.decision.table["known"])
    ahead = numbers.lead.table.assign(value=0.0, low=0.0, high=0.0)
    idle = replace(
        numbers, decision=replace(numbers.decision, table=same), lead=replace(numbers.lead, table=ahead)
    )
    assert "decision" in all_figures(numbers, SOURCE)
    assert "decision" not in all_figures(idle, SOURCE)
    assert "as many are reached with them as without" in _missing(idle)["decision"]


def test_no_score_that_matters_is_said_before_which_is_largest(study: cx.PredictiveValidityStudy) -> None:
    numbers = study.numbers
    assert "CES has the largest gain" in robust_headline(numbers)
    wide = replace(numbers, settings=replace(numbers.settings, margin=0.2))
    assert robust_headline(wide) == "However it is judged, no score adds enough to matter"


def test_the_headline_of_silence_is_of_what_is_drawn(study: cx.PredictiveValidityStudy) -> None:
    silence = study.numbers.silence
    assert f"adds {gain_text(silence.gain[0], 4)} in AUC" in study.figures["silence"].headline
    point = next(p for p in main_points(study.numbers) if p.figure == "silence")
    assert percent(100 * silence.silent_rate, 1) in point.headline


def test_without_outcomes_it_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("ltr\n9\n3\n")
    (tmp_path / "survey.yml").write_text(
        "title: T\nresponses: {file: data.csv}\nscores: {nps: {column: ltr, scale: 0-10}}\n"
    )
    with pytest.raises(ValueError, match=r"outcomes: in survey\.yml"):
        cx.predictive_validity(cx.open_survey(tmp_path / "survey.yml"))


# ------------------------------------------------------------------------------------- cuts of the scale


def two_scores(folder: Path, nps, ces, left) -> cx.PredictiveValidityStudy:
    n = len(left)
    rows = pd.DataFrame({"id": np.arange(n), "ltr": nps, "ease": ces, "left": np.asarray(left, dtype=int)})
    rows["use"] = np.random.default_rng(9).integers(0, 30, n)
    rows.to_csv(folder / "data.csv", index=False)
    (folder / "survey.yml").write_text(
        "title: Test\nresponses: {file: data.csv}\ncustomer: id\nscores: {nps: {column: ltr, scale: 0-10}, "
        "ces: {column: ease, scale: 1-7, high_is: easy}}\nbehaviour: {use: {column: use}}\n"
        'outcomes: {left: {column: left, event: "1"}}\n'
    )
    return cx.predictive_validity(cx.open_survey(folder / "survey.yml"))


def test_answers_that_tell_nothing_have_nothing_to_forget(tmp_path: Path) -> None:
    left = np.random.default_rng(20).random(500) < 0.2
    study = cx.predictive_validity(survey_of(tmp_path, 500, left=left))
    cuts = study.numbers.best.cuts
    assert cuts.p_association > 0.05
    assert cuts.information_lost is not None  # a share of next to nothing, which the page must not give
    assert "forget" not in study.main_points.to_text()
    said = study.section("cuts").parts[0]
    assert said.instead
    assert f"answers to NPS (p = {cuts.p_association:.3f}) tell who left: no way to cut it" in said.to_text()


def test_only_scores_that_tell_are_cut_and_a_mean_has_no_usual_groups(tmp_path: Path) -> None:
    rng, n = np.random.default_rng(11), 1500
    nps, ces = rng.integers(0, 11, n), rng.integers(1, 8, n)
    study = two_scores(tmp_path, nps, ces, rng.random(n) < 0.5 - 0.05 * ces)
    found = {c.metric.key: c.cuts for c in study.numbers.contenders}
    assert found["ces"].p_association < 0.05 <= found["nps"].p_association
    figure = study.figures["cuts"]
    words = " ".join(part.to_text() for part in study.section("cuts").parts)
    assert "usual" not in words.replace("no usual groups", "")
    assert "shown here" in figure.headline
    rows = {row[0]: row for row in figure.table.rows}
    assert rows["CES"][1] == "1–2, 3–5, 6–7"
    for key, row in (("ces", rows["CES"]), ("nps", rows["NPS"])):
        cuts = found[key]
        for shown, p in zip(row[-3:], (cuts.p_better, cuts.p_official, cuts.p_association), strict=True):
            assert shown == ("< 0.001" if p < 0.001 else f"{p:.3f}")
    assert rows["NPS"][2:7] == ("",) * 5
    assert "answers to NPS (p = " in words
    assert "Detractors" not in study.main_points.to_text()


def test_what_an_event_is_worth_is_not_what_a_customer_is_worth(demo: cx.Survey) -> None:
    from cxstats.studies.predictive_validity.evidence import worth

    rows = demo.rows(["value"])
    chosen = SimpleNamespace(value_saved=None)
    assert worth(rows, chosen, kept=True) == (pytest.approx(rows["value"].astype(float).mean()), True)
    assert np.isnan(worth(rows, chosen, kept=False)[0])
    assert worth(rows, SimpleNamespace(value_saved=40.0), kept=False) == (40.0, False)


def test_point_and_figure_of_profit_speak_of_the_same_rule(study: cx.PredictiveValidityStudy) -> None:
    money, best = study.numbers.money, study.numbers.best.metric
    more = money.more | {"all": (50.0, -10.0, 110.0), best.key: (60.0, 20.0, 100.0)}
    numbers = replace(study.numbers, money=replace(money, more=more))
    assert profit(numbers, SOURCE).headline == (
        f"Acting on {best.short} earns 20 to 100 more per 1,000 customers than acting on what was known; "
        "whether all scores together do is not sure"
    )
    point = next(p for p in main_points(numbers) if p.figure == "profit")
    assert f"acting on {best.short} too earns more" in point.headline
    assert point.sentence.startswith("Whether all scores together do is not sure.")


def test_rates_of_the_silent_say_of_whom_they_are(study: cx.PredictiveValidityStudy) -> None:
    point = next(p for p in main_points(study.numbers) if p.figure == "silence")
    assert f"had not had the event by day {study.numbers.silence.since}" in point.sentence


def test_how_many_would_settle_it_says_what_is_open(study: cx.PredictiveValidityStudy) -> None:
    from cxstats.studies.predictive_validity.sentences import _needed

    numbers = study.numbers
    best = numbers.best
    assert best.low > 0  # that it adds nothing is settled already
    assert "a gain of nothing" not in _needed(numbers, "0.02")
    unsure = replace(numbers, contenders=(replace(best, low=-0.001), *numbers.contenders[1:]))
    assert "a gain of nothing from 0.02" in _needed(unsure, "0.02")
    # of answers, where some customers gave several: as many as raced
    assert numbers.of_answers
    assert " answers, " in _needed(unsure, "0.02")
    assert " customers with an answer, " in _needed(replace(unsure, repeated=False, nameless=False), "0.02")

"""Bad data: a message that says what and where, or "This data cannot say"; never a traceback, never a confident number."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.studies.predictive_validity import evidence
from cxstats.studies.predictive_validity.notes import section_notes
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.study import measure, settings

Columns = dict[str, Any]
DATES = "invited: sent\nresponded: answered\ndata_as_of: 2025-06-30"
DATED = 'left: {column: left, event: "1", on: gone, window_days: 90}'


def customers(n: int = 400, *, rate: float = 0.2, seed: int = 3) -> Columns:
    """Answers, use and leaving that have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    return {
        "id": np.arange(n),
        "ltr": rng.integers(0, 11, n),
        "use": rng.integers(0, 30, n),
        "kind": rng.choice(["a", "b"], n),
        "left": (rng.random(n) < rate).astype(int),
    }


def with_dates(n: int = 400, **given: Any) -> Columns:
    """The same, asked in January 2025; those who left did so 5 to 100 days later."""
    columns, rng = customers(n, **given), np.random.default_rng(4)
    sent = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 20, n), "D")
    gone = sent + pd.to_timedelta(rng.integers(5, 101, n), "D")
    return columns | {
        "sent": day(sent),
        "answered": day(sent + pd.Timedelta(days=2)),
        "gone": np.where(columns["left"] == 1, day(gone), ""),
    }


def day(dates: pd.DatetimeIndex) -> np.ndarray:
    return dates.strftime("%Y-%m-%d").to_numpy()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., cx.Survey]:
    """A survey of these columns."""

    def made(
        columns: Columns | pd.DataFrame,
        *,
        scores: str = "nps: {column: ltr, scale: 0-10}",
        outcome: str = 'left: {column: left, event: "1"}',
        known: str = "groups: {kind: kind}\nbehaviour: {use: {column: use}}",
        more: str = "",
    ) -> cx.Survey:
        pd.DataFrame(columns).to_csv(tmp_path / "data.csv", index=False)
        text = f"title: Test\nresponses: {{file: data.csv}}\ncustomer: id\nscores: {{{scores}}}\n"
        text += f"outcomes: {{{outcome}}}\n{known}\n{more}\n"
        (tmp_path / "survey.yml").write_text(text, encoding="utf-8")
        return cx.open_survey(tmp_path / "survey.yml")

    return made


def numbers_of(survey: cx.Survey) -> Numbers:
    """What the page would show, without drawing it."""
    given = inspect.signature(cx.predictive_validity).parameters
    return measure(
        survey, settings(survey, **{name: p.default for name, p in given.items() if name != "survey"})
    )


def not_said(study: cx.PredictiveValidityStudy, verdict: Verdict = Verdict.NOT_ANSWERABLE) -> str:
    """The answer of a study that gives none: no number, no race, what would settle it; sections say why they are empty."""
    finding = study.findings[0]
    assert finding.verdict is verdict
    assert finding.value is finding.low is finding.high is None
    assert finding.needed
    assert not {"race", "alone", "decision"} & set(study.figures)
    assert study.section("race").parts[0].instead
    assert finding.answer.endswith(".")
    assert "?." not in finding.answer
    return finding.answer


# ------------------------------------------------------------------------------- the outcome is constant


def test_an_event_that_never_occurs_is_told_when_the_survey_is_opened(make) -> None:
    with pytest.raises(cx.SurveyError, match='the event never occurs: no row in use says "1" in column left'):
        make(customers() | {"left": 0})


def test_an_event_that_everybody_had_leaves_nothing_to_predict(make) -> None:
    answer = not_said(cx.predictive_validity(make(customers() | {"left": 1})))
    assert "verybody of 400 customers had the event: there is nothing to predict" in answer


def test_an_event_that_only_those_who_did_not_answer_had(make) -> None:
    columns = with_dates()
    columns["ltr"] = np.where(columns["left"] == 1, "", columns["ltr"].astype(str))
    answer = not_said(cx.predictive_validity(make(columns, more=DATES)), Verdict.INCONCLUSIVE)
    assert "0 of the" in answer


# -------------------------------------------------------------------------- the outcome before the survey


def test_events_from_before_the_survey_are_not_predicted(make) -> None:
    columns = with_dates()
    before = day(pd.to_datetime(columns["sent"]) - pd.Timedelta(days=30))
    columns["gone"] = np.where(columns["left"] == 1, before, "")
    survey = make(columns, outcome=DATED, more=DATES)
    early = int(columns["left"].sum())
    answer = not_said(cx.predictive_validity(survey))
    assert f"{early} had it before they were asked" in answer


def test_some_events_from_before_the_survey_take_no_part(make) -> None:
    columns = with_dates(500, rate=0.4)
    early = (columns["left"] == 1) & (np.arange(500) % 3 == 0)
    columns["gone"] = np.where(
        early, day(pd.to_datetime(columns["sent"]) - pd.Timedelta(days=1)), columns["gone"]
    )
    numbers = numbers_of(make(columns, outcome=DATED, more=DATES))
    days = (pd.to_datetime(columns["gone"]) - pd.to_datetime(columns["sent"])).days
    assert numbers.base.unknown == early.sum()
    assert numbers.base.events == np.sum((days >= 0) & (days <= 90))
    assert numbers.race.n == 500 - early.sum()


def buyers(which: str, n: int = 3000) -> Columns:
    """Customers who buy again and again, pleased ones more often; one day of each: of the next purchase, or the last."""
    rng = np.random.default_rng(9)
    liking, sent = rng.normal(0, 1, n), pd.Timestamp("2025-02-04")
    bought = np.cumsum(rng.exponential(1, (n, 60)) / np.exp(-5.2 + 0.5 * liking)[:, None], axis=1) - 400
    known = bought <= 360
    last = np.where(known, bought, -np.inf).max(axis=1)
    following = np.where(known & (bought > 0), bought, np.inf).min(axis=1)
    when = np.ceil(
        np.where(np.isfinite(last), last, 0) if which == "last" else np.minimum(following, 999)
    ).astype(int)
    there = np.isfinite(last if which == "last" else following)
    return {
        "id": np.arange(n), "ltr": np.clip(np.rint(7 + 1.5 * liking + rng.normal(0, 1.3, n)), 0, 10).astype(int),
        "use": rng.integers(0, 30, n), "kind": rng.choice(["a", "b"], n), "sent": f"{sent:%Y-%m-%d}",
        "answered": f"{sent:%Y-%m-%d}", "bought": np.where(there, day(sent + pd.to_timedelta(when, "D")), ""),
        "truth": following <= 120,
    }  # fmt: skip


def test_the_last_of_many_purchases_does_not_tell_who_bought_after_the_survey(make) -> None:
    outcome, dates = "bought: {on: bought, window_days: 120}", DATES.replace("2025-06-30", "2026-01-30")
    columns = buyers("last")
    answer = not_said(cx.predictive_validity(make(columns, outcome=outcome, more=dates)))
    assert "dated before they were asked" in answer
    columns = buyers("next")
    numbers = numbers_of(make(columns, outcome=outcome, more=dates))
    effects, low = numbers.contenders[0].association.effects, columns["ltr"] <= 6
    assert effects.low_rate == pytest.approx(columns["truth"][low].mean(), abs=0.005)
    assert effects.high_rate > effects.low_rate + 0.2


# ----------------------------------------------------------------------------------------- few events


def test_three_events_give_no_number(make) -> None:
    columns = customers() | {"left": (np.arange(400) < 3).astype(int)}
    answer = not_said(cx.predictive_validity(make(columns)), Verdict.INCONCLUSIVE)
    assert "3 of the 400 customers who answered had the event; at least 20 are needed" in answer


def test_twenty_events_of_two_customers_are_the_events_of_two(make) -> None:
    columns = customers(600)
    columns["id"] = np.arange(600) % 4
    columns["left"] = (columns["id"] < 2).astype(int)
    columns["answered"] = day(pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(600), "D"))
    survey = make(columns, more="responded: answered")
    answer = not_said(cx.predictive_validity(survey), Verdict.INCONCLUSIVE)
    assert "2 of the 4 customers who answered" in answer


def test_few_events_in_one_category_only_give_no_firm_verdict(make) -> None:
    columns = customers(300) | {"left": (np.arange(300) % 12 == 0).astype(int)}
    columns["kind"] = np.where(np.arange(300) % 2, "without any event", "with all events")
    study = cx.predictive_validity(make(columns))
    assert study.findings[0].verdict is Verdict.INCONCLUSIVE
    assert study.numbers.race.simplified
    said = section_notes(study.numbers)["race"]
    assert "intervals can be a little too short" in said
    many = replace(study.numbers, race=replace(study.numbers.race, events=150))
    assert "too short" not in section_notes(many)["race"]


def test_a_group_that_nobody_is_in_gives_way_to_the_next(make) -> None:
    columns, rng = customers(600), np.random.default_rng(7)
    columns["ltr"] = rng.integers(7, 11, 600)  # no detractors
    study = cx.predictive_validity(make(columns))
    effects = study.numbers.best.association.effects
    assert (effects.low_name, effects.high_name) == ("7 to 8", "9 to 10")
    left, low = columns["left"], columns["ltr"] <= 8
    assert effects.low_rate == pytest.approx(left[low].mean())
    assert effects.risk_difference[0] == pytest.approx(100 * (left[low].mean() - left[~low].mean()))
    words = study.main_points.to_text() + " ".join(part.to_text() for part in study.section("rates").parts)
    assert "gave NPS 7 to 8" in words
    assert "not known" not in words


def test_one_group_alone_is_compared_with_nothing(make) -> None:
    columns, rng = customers(600), np.random.default_rng(7)
    columns["ltr"] = rng.integers(9, 11, 600)
    study = cx.predictive_validity(make(columns))
    words = study.main_points.to_text() + " ".join(part.to_text() for part in study.section("rates").parts)
    assert "All answers to NPS are of one group, 9 to 10" in words
    assert "percentage points apart" not in words
    assert "not known" not in words


# ------------------------------------------------------------------------------- separation and leaks


@pytest.mark.parametrize(
    ("stays", "leaves"),
    [((6, 11), (0, 4)), ((0, 4), (6, 11)), ((9, 10), (2, 3)), ((4, 11), (0, 5))],
    ids=["apart", "turned", "two answers", "one answer in common"],
)
def test_a_score_that_tells_the_outcome_is_a_leak(make, stays: tuple, leaves: tuple) -> None:
    columns, rng = customers(), np.random.default_rng(5)
    gone = columns["left"] == 1
    columns["ltr"] = np.where(gone, rng.integers(*leaves, 400), rng.integers(*stays, 400))
    answer = not_said(cx.predictive_validity(make(columns)))
    assert "leak" in answer


def test_a_leak_in_one_of_two_scores_is_named(make) -> None:
    columns = customers()
    columns["sat"] = np.where(columns["left"] == 1, 1, 5)
    scores = "nps: {column: ltr, scale: 0-10}, csat: {column: sat, scale: 1-5}"
    study = cx.predictive_validity(make(columns, scores=scores))
    assert "CSAT" in not_said(study)


def test_behaviour_that_tells_the_outcome_leaves_nothing_to_add_to(make) -> None:
    columns, rng = customers(), np.random.default_rng(6)
    columns["use"] = np.where(columns["left"] == 1, 40, 10) + rng.integers(0, 5, 400)
    answer = not_said(cx.predictive_validity(make(columns)))
    assert "Use" in answer
    assert "known without asking" in answer
    assert "leak" in answer


def test_a_group_that_tells_the_outcome_is_named_too(make) -> None:
    columns = customers()
    columns["kind"] = np.where(columns["left"] == 1, "closed", "open")
    assert "Kind" in not_said(cx.predictive_validity(make(columns)))


# ------------------------------------------------------------------------------ customers more than once


def test_rows_exported_twice_count_once(make) -> None:
    rows = pd.DataFrame(customers(300))
    once = numbers_of(make(rows))
    thrice = numbers_of(make(pd.concat([rows, rows, rows])))
    assert thrice.base == once.base
    assert thrice.race.gains["gain"].tolist() == once.race.gains["gain"].tolist()


def test_two_answers_of_a_customer_at_one_time_are_refused(make) -> None:
    columns = customers()
    columns["id"] = np.arange(400) // 2
    with pytest.raises(cx.SurveyError, match="the same customer has two different answers at one time"):
        make(columns)


def test_customers_who_cannot_be_recognised_are_answers(make, tmp_path: Path) -> None:
    columns = customers(300, rate=0.4)
    rows = pd.concat([pd.DataFrame(columns).assign(wave=w) for w in ("2024", "2025")])
    survey = make(rows, more="wave: {column: wave, order: ['2024', '2025']}")
    known = cx.predictive_validity(survey)
    described = (tmp_path / "survey.yml").read_text(encoding="utf-8")
    (tmp_path / "survey.yml").write_text(described.replace("customer: id\n", ""), encoding="utf-8")
    nameless = cx.open_survey(tmp_path / "survey.yml")
    study = cx.predictive_validity(nameless)
    assert "on 600 answers to it" in study.need_to_know.to_text()
    assert "same 600 customers" not in study.need_to_know.to_text()
    assert "could not be recognised" in study.limits.to_text()
    assert "intervals may be too narrow" in study.limits.to_text()
    assert "600 answers" in study.figures["rates"].source
    assert "could not be recognised" not in known.limits.to_text()
    # one wave has every customer once
    assert not cx.predictive_validity(nameless, wave="2025").numbers.nameless


def test_repeated_customers_are_no_more_certain_than_single_ones(make) -> None:
    columns = customers(300, rate=0.4)
    rows = pd.concat([pd.DataFrame(columns).assign(wave=w) for w in ("2024", "2025")])
    wave = "wave: {column: wave, order: ['2024', '2025']}"
    twice = numbers_of(make(rows, more=wave))
    once = numbers_of(make(columns))
    assert twice.race.n == 600
    assert twice.contenders[0].association.n == 300
    ratio = twice.race.gains.loc["nps", "standard_error"] / once.race.gains.loc["nps", "standard_error"]
    assert ratio > 0.8
    assert twice.contenders[0].nested is None or "clustered" in twice.contenders[0].nested.method


# ------------------------------------------------------------------------------- missing and constant


def test_a_metric_missing_for_most_does_not_race(make) -> None:
    columns = customers()
    columns["sat"] = np.where(np.arange(400) % 20, "", "4")
    columns["sat"][::40] = "2"
    scores = "nps: {column: ltr, scale: 0-10}, csat: {column: sat, scale: 1-5}"
    study = cx.predictive_validity(make(columns, scores=scores))
    assert study.numbers.race.n == 400
    assert "CSAT was answered by 5% of those who answered anything" in study.numbers.left_out_metrics["csat"]
    assert "CSAT was answered by 5%" in str(study.need_to_know.to_text())


def test_the_only_metric_missing_for_most_leaves_too_few(make) -> None:
    columns = customers()
    columns["ltr"] = np.where(np.arange(400) % 20, "", columns["ltr"].astype(str))
    answer = not_said(cx.predictive_validity(make(columns)), Verdict.INCONCLUSIVE)
    assert "of the 20 customers who answered" in answer


def test_all_answers_alike(make) -> None:
    answer = not_said(cx.predictive_validity(make(customers() | {"ltr": 9})))
    assert "all answers to NPS are the same" in answer[0].lower() + answer[1:]


def test_nobody_answered_a_usable_answer(make) -> None:
    columns = with_dates()
    columns["answered"] = day(pd.to_datetime(columns["sent"]) - pd.Timedelta(days=4))
    answer = not_said(cx.predictive_validity(make(columns, outcome=DATED, more=DATES)))
    assert "nobody answered" in answer.lower()


def test_what_is_known_is_the_same_for_everybody(make) -> None:
    study = cx.predictive_validity(make(customers() | {"use": 5, "kind": "a"}))
    assert "the same for all" in not_said(study)


def test_behaviour_that_is_mostly_missing_still_takes_part(make) -> None:
    columns = customers()
    columns["use"] = np.where(np.arange(400) % 20, "", columns["use"].astype(str))
    assert numbers_of(make(columns)).verdict is Verdict.INCONCLUSIVE


# ------------------------------------------------------------------------------------- dates and windows


def test_an_order_of_answer_and_event_that_nothing_dates_is_said_to_be_unchecked(make) -> None:
    columns = with_dates(rate=0.4)
    for outcome, more, said in (
        ('left: {column: left, event: "1"}', "", "taken from survey.yml and not checked"),
        (DATED, DATES.replace("responded: answered\n", ""), "the data has no day of the answer"),
        (DATED, DATES, None),
    ):
        study = cx.predictive_validity(make(columns, outcome=outcome, more=more))
        for words in (study.need_to_know.to_text(), study.limits.to_text()):
            assert ("not checked" in words) is (said is not None)
            assert said is None or said in words


def test_facts_that_tell_nothing_are_named_as_taking_no_part(make) -> None:
    columns = customers() | {"town": np.char.add("t", (np.arange(400) % 100).astype(str)), "era": "now"}
    known = "groups: {kind: kind, town: town, era: era}\nbehaviour: {use: {column: use}}"
    words = cx.predictive_validity(make(columns, known=known)).need_to_know.to_text()
    assert "“Town” and “Era” take no part: the same for everybody, or no two of their categories" in words
    # two towns that many customers live in, and it takes part
    columns["town"] = np.where(
        np.arange(400) % 3 > 0, np.array(["t0", "t1"])[np.arange(400) % 2], columns["town"]
    )
    words = cx.predictive_validity(make(columns, known=known)).need_to_know.to_text()
    assert "“Era” takes no part" in words


def test_many_events_are_fitted_in_a_sample_that_is_said(make, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = with_dates(rate=0.4)
    columns["ltr"] = np.clip(columns["ltr"] - 3 * columns["left"] + 2, 0, 10)
    survey = make(columns, outcome=DATED, more=DATES)
    whole = cx.predictive_validity(survey)
    assert whole.numbers.timing.sampled is None
    monkeypatch.setattr(evidence, "MOST_COX_EVENTS", 80)
    study = cx.predictive_validity(survey)
    timing = study.numbers.timing
    assert 160 < timing.sampled < 240  # 80 of some 160 events
    words = " ".join(part.to_text() for part in study.section("time").parts)
    assert f"Fitted to {timing.sampled} of these customers, drawn at random" in words
    assert 60 < timing.alone.events < 100
    # half of the customers estimate the same ratio, with √2 times the error
    one, other = (t.alone.table.loc["score"] for t in (whole.numbers.timing, timing))
    assert other["low"] < one["hazard_ratio"] < other["high"]
    assert np.log(other["high"] / other["low"]) > 1.2 * np.log(one["high"] / one["low"])


def test_a_category_without_events_leaves_no_ratio_beside_what_was_known(make) -> None:
    columns = with_dates(800, rate=0.4)
    never = np.arange(800) % 4 == 0
    columns["left"] = np.where(never, 0, columns["left"])
    columns["gone"] = np.where(never, "", columns["gone"])
    columns["kind"] = np.where(never, "bound by contract", columns["kind"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # none of the fit's may reach who asked
        study = cx.predictive_validity(make(columns, outcome=DATED, more=DATES))
    timing = study.numbers.timing
    assert timing.alone is not None
    assert timing.beside is None
    words = " ".join(part.to_text() for part in study.section("time").parts)
    assert "Beside what was known no ratio could be fitted" in words


def test_a_date_that_is_text_is_quoted_with_its_row(make) -> None:
    columns = with_dates()
    columns["gone"] = np.where(columns["left"] == 1, "soon", "")
    with pytest.raises(cx.SurveyError, match=r'column gone has \d+ values that are no dates \("soon" in row'):
        make(columns, outcome=DATED, more=DATES)


def test_a_window_longer_than_the_data(make) -> None:
    declared = DATED.replace("90", "900")
    study = cx.predictive_validity(make(with_dates(), outcome=declared, more=DATES))
    answer = not_said(study)
    assert "900 days" in answer
    assert "30 June 2025" in answer
    assert "shorter window" in study.findings[0].needed


def test_a_window_asked_for_that_the_data_does_not_cover(make) -> None:
    survey = make(with_dates(), outcome=DATED, more=DATES)
    assert "500 days" in not_said(cx.predictive_validity(survey, window_days=500))
    with pytest.raises(ValueError, match="whole number, 1 or more"):
        cx.predictive_validity(survey, window_days=-3)


def test_a_window_without_dates_is_refused(make) -> None:
    with pytest.raises(ValueError, match="window_days needs the day of 'left'"):
        cx.predictive_validity(make(customers()), window_days=30)


def test_negative_durations_are_refused_where_time_is_computed() -> None:
    from cxstats.methods.survival import cox, survival_curves

    rows = pd.DataFrame(
        {"day": [-1, 3, 5, 8] * 20, "event": [True, False, True, True] * 20, "x": [1.0, 2, 3, 4] * 20}
    )
    with pytest.raises(ValueError, match="'day' is negative in 20 rows"):
        survival_curves(rows.assign(group="all"), day="day", event="event", group="group")
    with pytest.raises(ValueError, match="'day' is negative in 20 rows"):
        cox(rows, day="day", event="event", columns=["x"])


def test_negative_behaviour_is_a_number_like_others(make) -> None:
    columns = customers()
    columns["use"] = columns["use"] - 20
    assert numbers_of(make(columns)).race.n == 400


# ------------------------------------------------------------- what happened first, from companies whose truth is known


def tracked(n: int = 2000, waves: int = 4, *, seed: int = 5) -> pd.DataFrame:
    """Customers asked every quarter while they are there; 8 % of those who give 0 to 6 leave by the next, 3 % of others."""
    rng, asked = np.random.default_rng(seed), []
    there, liking = np.ones(n, dtype=bool), rng.normal(7, 1.5, n)
    for wave in range(waves):
        ltr = np.clip(np.rint(liking + rng.normal(0, 1.5, n)), 0, 10).astype(int)
        leaves = rng.random(n) < np.where(ltr <= 6, 0.08, 0.03)
        sent = pd.Timestamp("2024-01-10") + pd.Timedelta(days=91 * wave)
        gone = sent + pd.to_timedelta(rng.integers(1, 91, n), "D")
        rows = pd.DataFrame(
            {
                "id": np.arange(n), "wave": f"w{wave}", "ltr": ltr, "sent": str(sent.date()), "answered": str(sent.date()),
                "kind": rng.choice(["a", "b"], n), "use": rng.integers(0, 30, n), "left": leaves.astype(int),
                "gone": np.where(leaves, day(gone), ""),
            }
        )  # fmt: skip
        asked.append(rows[there])
        there = there & ~leaves
    return pd.concat(asked, ignore_index=True)


def test_rates_of_a_tracker_are_not_those_of_customers_who_could_not_answer_again(make) -> None:
    rows = tracked()
    survey = make(rows, outcome=DATED, more=DATES.replace("2025-06-30", "2025-12-31") + "\nwave: wave")
    best = numbers_of(survey).contenders[0].association
    first = rows.drop_duplicates("id", keep="first")
    assert best.n == len(first)
    assert best.events == first["left"].sum()
    latest = rows.drop_duplicates("id", keep="last")
    low, high = best.effects.low_rate, best.effects.high_rate
    assert low == pytest.approx(0.08, abs=0.03)
    assert high == pytest.approx(0.03, abs=0.02)
    # what the latest answers would say
    assert latest.loc[latest["ltr"] <= 6, "left"].mean() > 0.15


def test_answers_after_the_event_do_not_foretell_it(make) -> None:
    columns = with_dates(1500)
    late = (columns["left"] == 1) & (np.arange(1500) % 2 == 0)
    after = day(pd.DatetimeIndex(np.where(late, columns["gone"], "2025-01-01")) + pd.Timedelta(days=1))
    columns["answered"] = np.where(late, after, columns["answered"])
    # who answered after leaving is angry
    columns["ltr"] = np.where(late, columns["ltr"] % 3, columns["ltr"])
    numbers = numbers_of(make(columns, outcome=DATED, more=DATES))
    assert numbers.base.before_answer == late.sum()
    in_time = ~late & (columns["left"] == 1)
    within = (pd.to_datetime(columns["gone"][in_time]) - pd.to_datetime(columns["sent"][in_time])).days <= 90
    assert numbers.base.respondent_events == numbers.race.events == within.sum()
    assert numbers.contenders[0].verdict is not Verdict.MATERIAL
    assert numbers.contenders[0].low < 0


def drifting(days: tuple[int, int], n: int = 3000) -> Columns:
    """Answers rose from the first wave to the second and have nothing to do with leaving; each was watched so many days."""
    rng = np.random.default_rng(6)
    wave = np.arange(n) % 2
    gone = np.ceil(rng.exponential(700, n)).astype(int)
    sent = pd.Timestamp("2025-06-30") - pd.to_timedelta(np.asarray(days)[wave], "D")
    left = gone <= np.asarray(days)[wave]
    return {
        "id": np.arange(n), "wave": np.where(wave == 0, "old", "new"), "sent": day(sent), "answered": day(sent),
        "ltr": rng.integers(0, 9, n) + 2 * wave, "use": rng.integers(0, 30, n), "kind": rng.choice(["a", "b"], n),
        "left": left.astype(int), "gone": np.where(left, day(sent + pd.to_timedelta(gone, "D")), ""),
    }  # fmt: skip


UNTIL = 'left: {column: left, event: "1", on: gone}'


def test_without_a_window_everybody_is_watched_for_the_same_time(make) -> None:
    survey = make(
        drifting((600, 120)), outcome=UNTIL, more=DATES + "\nwave: {column: wave, order: [old, new]}"
    )
    study = cx.predictive_validity(survey)
    numbers = study.numbers
    assert numbers.settings.window_days == numbers.window_days == 120
    assert "the longest for which everybody was watched" in study.need_to_know.to_text()
    assert numbers.contenders[0].verdict is not Verdict.MATERIAL
    assert numbers.contenders[0].low < 0
    warning = numbers.timing.warning.iloc[0]
    assert warning["warning_low"] < 0.5 < warning["warning_high"]


def test_a_window_must_be_declared_where_some_were_hardly_watched(make) -> None:
    survey = make(
        drifting((600, 20)), outcome=UNTIL, more=DATES + "\nwave: {column: wave, order: [old, new]}"
    )
    study = cx.predictive_validity(survey)
    assert "watched for 20 to 600 days" in not_said(study)
    assert "window_days" in study.findings[0].needed
    settled = cx.predictive_validity(survey, window_days=180).numbers
    assert settled.race is not None
    assert settled.base.known == 1500


def yearly(n: int = 9000) -> pd.DataFrame:
    """Asked in two years, in the second by another channel: answers are 2 higher, and have nothing to do with leaving.

    Who left is known until today and without a day, so of those asked in the first year more have left.
    """
    rng, asked = np.random.default_rng(1), []
    use = rng.normal(0, 1, n)
    stays = rng.exponential(900 / np.exp(0.15 * use))
    for wave, sent in (("2023", 0), ("2024", 365)):
        answers = (stays > sent) & (rng.random(n) < 0.4)
        ltr = np.clip(np.rint(rng.normal(6.5 + 2.0 * (wave == "2024"), 2, n)), 0, 10).astype(int)
        rows = {
            "id": np.arange(n),
            "wave": wave,
            "ltr": ltr,
            "use": use.round(3),
            "kind": "a",
            "left": 1 * (stays < 600),
        }
        asked.append(
            pd.DataFrame(rows | {"sent": str((pd.Timestamp("2023-03-01") + pd.Timedelta(days=sent)).date())})[
                answers
            ]
        )
    return pd.concat(asked, ignore_index=True)


@pytest.mark.parametrize("dates", ["", "invited: sent\ndata_as_of: 2024-10-22\n"])
def test_a_score_that_tells_the_wave_only_adds_nothing(make, dates: str) -> None:
    numbers = numbers_of(make(yearly(), more=dates + "wave: wave"))
    assert numbers.contenders[0].verdict is Verdict.NEGLIGIBLE
    assert abs(numbers.contenders[0].gain) < 0.005
    assert "When they were asked" in numbers.known_labels.values()


def test_when_they_were_asked_is_no_fact_to_be_beyond(make) -> None:
    rows = yearly(3000).assign(use=1)
    assert "the same for all customers" in not_said(cx.predictive_validity(make(rows, more="wave: wave")))


def test_a_score_that_follows_the_day_of_the_invitation_adds_nothing(make) -> None:
    rng, n = np.random.default_rng(4), 6000
    asked = rng.integers(0, 365, n)
    ltr = np.clip(np.rint(rng.normal(5.5 + 4 * asked / 365, 1.5)), 0, 10).astype(int)
    columns = customers(n) | {"ltr": ltr, "left": (rng.random(n) < 0.05 + 0.2 * asked / 365).astype(int)}
    columns["sent"] = day(pd.Timestamp("2024-01-01") + pd.to_timedelta(asked, "D"))
    numbers = numbers_of(make(columns, more="invited: sent\ndata_as_of: 2025-06-30"))
    assert numbers.contenders[0].high < 0.02
    assert numbers.contenders[0].auc[1] > 0.54


def test_who_left_before_they_could_answer_do_not_make_silence_a_sign(make) -> None:
    rng, n = np.random.default_rng(2), 6000
    gone, days = np.ceil(rng.exponential(500, n)), rng.integers(1, 31, n)
    answers = (rng.random(n) < 0.5) & (gone > days)  # but for leaving, answering has nothing to do with it
    sent = pd.Timestamp("2025-01-01")
    columns = {
        "id": np.arange(n), "sent": f"{sent:%Y-%m-%d}", "use": rng.integers(0, 30, n), "kind": rng.choice(["a", "b"], n),
        "answered": np.where(answers, day(sent + pd.to_timedelta(days, "D")), ""),
        "ltr": np.where(answers, rng.integers(0, 11, n).astype(str), ""),
        "left": (gone <= 90).astype(int), "gone": np.where(gone <= 90, day(sent + pd.to_timedelta(gone, "D")), ""),
    }  # fmt: skip
    silence = numbers_of(make(columns, outcome=DATED, more=DATES)).silence
    assert 27 <= silence.since <= 30
    assert silence.difference[1] < 0 < silence.difference[2]
    # counted from the invitation it would be a sign
    left, quiet = gone <= 90, ~answers
    assert left[quiet].mean() - left[~quiet].mean() > 0.03
    later = gone > silence.since
    assert silence.n == later.sum()
    # without the days of answers nothing tells who could not answer any more
    undated = make(columns | {"answered": ""}, outcome=DATED, more="invited: sent\ndata_as_of: 2025-06-30")
    study = cx.predictive_validity(undated)
    assert study.numbers.silence is None
    assert "no days of both answers and events" in study.section("silence").parts[0].to_text()


def reminded(n: int = 4000) -> Columns:
    """Who answers late, up to two months after the invitation, gives lower answers; leaving has to do with neither."""
    rng, sent = np.random.default_rng(1), pd.Timestamp("2025-01-01")
    late = np.where(
        rng.random(n) < 0.5, rng.integers(0, 3, n), np.minimum(rng.exponential(20, n), 60).astype(int)
    )
    gone = np.floor(rng.exponential(75, n)).astype(int)
    return customers(n) | {
        "ltr": np.clip(np.rint(8 - late / 20 + rng.normal(0, 1.8, n)), 0, 10).astype(int), "sent": f"{sent:%Y-%m-%d}",
        "answered": day(sent + pd.to_timedelta(late, "D")), "left": (gone <= 120).astype(int),
        "gone": np.where(gone <= 120, day(sent + pd.to_timedelta(gone, "D")), ""), "late": late, "days": gone,
    }  # fmt: skip


def test_days_before_a_late_answer_are_no_days_without_danger(make) -> None:
    columns = reminded()
    numbers = numbers_of(make(columns, outcome=DATED.replace("90", "30"), more=DATES))
    late, days = columns["late"], columns["days"]
    # answers after the window cannot be followed by an event in it
    assert numbers.base.before_answer == np.sum((days < late) | (late >= 30))
    assert numbers.timing.from_answer
    ratio = numbers.timing.alone.table.loc["score"]
    assert ratio["low"] < 1 < ratio["high"]
    counted = numbers.timing.curves.at(30)["survival"]
    assert counted.to_numpy() == pytest.approx(np.exp(-30 / 75), abs=0.03)


def test_who_answers_later_has_less_of_the_window_left_and_the_page_says_so(make) -> None:
    columns = reminded()
    study = cx.predictive_validity(make(columns, outcome=DATED, more=DATES))
    low, high = columns["ltr"] <= 6, columns["ltr"] >= 9
    kept = (columns["days"] >= columns["late"]) & (columns["late"] < 90)
    waited = study.numbers.waited
    assert waited.low == pytest.approx(columns["late"][kept & low].mean())
    assert waited.high == pytest.approx(columns["late"][kept & high].mean())
    said = " ".join(part.to_text() for part in study.section("rates").parts)
    assert (
        f"Those who gave 0 to 6 answered {round(waited.gap)} days later on average than those who gave 9 to 10"
        in said
    )
    # nor does the score add anything by it
    best = study.numbers.best
    assert best.low <= 0.0 <= best.high
    soon = columns | {"answered": columns["sent"]}
    assert not numbers_of(make(soon, outcome=DATED, more=DATES)).waited.matters(90)


@pytest.mark.parametrize(("known_until", "refused"), [(150, True), (211, False)])
def test_events_that_were_exported_before_the_last_wave_was(make, known_until: int, *, refused: bool) -> None:
    rng, n, begin = np.random.default_rng(2), 3000, pd.Timestamp("2025-01-01")
    sent = np.where(np.arange(n) % 2, 195, 0) + rng.integers(0, 15, n)
    gone = sent + np.ceil(rng.exponential(500, n)).astype(int)
    columns = customers(n) | {
        "wave": np.where(sent < 100, "winter", "summer"), "left": (gone <= known_until).astype(int),
        "sent": day(begin + pd.to_timedelta(sent, "D")), "answered": day(begin + pd.to_timedelta(sent + 2, "D")),
        "gone": np.where(gone <= known_until, day(begin + pd.to_timedelta(gone, "D")), ""),
    }  # fmt: skip
    more = "invited: sent\nresponded: answered\nwave: {column: wave, order: [winter, summer]}\n"
    outcome = DATED.replace("90", "180")
    study = cx.predictive_validity(make(columns, outcome=outcome, more=more))
    if refused:
        assert "seems not to be recorded to the end" in not_said(study)
        settled = numbers_of(
            make(columns, outcome=outcome.replace("180", "120"), more=more + "data_as_of: 2025-05-31")
        )
        assert settled.base.rate == pytest.approx(1 - np.exp(-120 / 500), abs=0.02)
    else:
        assert study.numbers.base.rate == pytest.approx(1 - np.exp(-180 / 500), abs=0.02)


def test_a_score_that_one_wave_did_not_ask(make) -> None:
    rows = tracked(1200, 2)
    rows["effort"] = np.where(
        rows["wave"] == "w0", (rows["ltr"] * 6 / 10 + 1).round().astype(int).astype(str), ""
    )
    survey = make(
        rows,
        scores="nps: {column: ltr, scale: 0-10}, ces: {column: effort, scale: 1-7, high_is: easy}",
        outcome=DATED,
        more=DATES + "\nwave: wave",
    )
    study = cx.predictive_validity(survey)
    found = {c.metric.key: c.association for c in study.numbers.contenders}
    assert found["nps"].n == rows["id"].nunique()
    assert found["ces"].n == (rows["wave"] == "w0").sum()


def test_a_group_in_which_nobody_left_stands_in_the_curves(make) -> None:
    columns = with_dates(800)
    columns["left"] = np.where(columns["ltr"] >= 9, 0, columns["left"])
    columns["gone"] = np.where(columns["left"] == 1, columns["gone"], "")
    study = cx.predictive_validity(make(columns, outcome=DATED, more=DATES))
    table = next(part for part in study.section("time").parts if hasattr(part, "table")).table
    row = next(row for row in table.rows if row[0] == "9 to 10")
    promoters = (columns["ltr"] >= 9).sum()
    assert row[1].startswith("0")
    assert f"{100 * (1 - 0.025 ** (1 / promoters)):.1f}" in row[2]


def test_customers_who_were_asked_again_because_they_had_stayed(make) -> None:
    rows = tracked(1500, 2)
    first = rows["wave"] == "w0"
    stayed = rows.groupby("id")["left"].transform("size") == 2
    rows = rows[stayed]  # the list of the first wave was kept of those only who were there for the second
    survey = make(rows, outcome=DATED, more=DATES + "\nwave: wave")
    assert rows.loc[first[stayed], "left"].sum() == 0
    assert "first answer" in not_said(cx.predictive_validity(survey), Verdict.INCONCLUSIVE)

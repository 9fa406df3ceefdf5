"""Every metric that customer-experience articles name, in one survey: each number again by other means, and one page."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.proportion import proportion_confint

import cxstats as cx
from cxstats import cli
from cxstats.findings import Verdict

WAVES = {"2024-1": "2024-01-08", "2024-2": "2024-04-08", "2024-3": "2024-07-08", "2024-4": "2024-10-07"}
NOW = "2024-4"
FACES = ["😠", "😐", "😊"]

SURVEY = """
title: Everything at once
population: Customers of a shop
data_as_of: 2025-06-30
responses: {file: answers.csv, delimiter: ",", encoding: utf-8}
customer: customer
invited: invited
responded: answered
wave: {column: wave, order: ["2024-1", "2024-2", "2024-3", "2024-4"]}
scores:
  nps:        {column: ltr, scale: 0-10}
  csat_three: {column: three, scale: 1-3}
  csat:       {column: five, scale: 1-5}
  csat_seven: {column: seven, scale: 1-7}
  csat_ten:   {column: ten, scale: 1-10}
  csat_faces: {column: face, answers: ["😠", "😐", "😊"]}
  csat_thumb: {column: thumb, answers: [down, up]}
  ces:        {column: ease, scale: 1-7, high_is: easy}
  ces_effort: {column: effort, scale: 1-5, high_is: effort}
  stars:      {column: stars, asked: no, channel: App store}
  sentiment:  {column: mood, asked: no, channel: Chats}
groups:
  segment: {column: segment, label: Segment}
  moment:  {column: moment, label: Moment}
  channel: {column: channel, label: Channel}
outcomes:
  churned:   {column: left, event: "yes", on: left_on, window_days: 90}
  complaint: {column: complained, event: "1"}
  returned:  {column: returned, event: "1", label: Came back}
value: {column: clv, label: Lifetime value (CLV), unit: €}
"""


def _answers() -> pd.DataFrame:
    """Customers of whom two thirds are asked in each wave; after wave 2 the shops' customers got a new service."""
    rng = np.random.default_rng(12)
    n = 620
    leaning, segment = rng.normal(size=n), rng.choice(["Home", "Office", "Tiny"], n, p=[0.6, 0.393, 0.007])
    channel = rng.choice(["Shop", "Web"], n)
    clv = np.round(rng.lognormal(5 + 0.2 * leaning, 1.0), 2)
    parts = []
    for t, (wave, start) in enumerate(WAVES.items()):
        who = np.flatnonzero(rng.random(n) < 0.66)
        k = len(who)
        invited = pd.Timestamp(start) + pd.to_timedelta(rng.integers(0, 20, k), unit="D")
        better = 1.6 * ((channel[who] == "Shop") & (t >= 2))
        felt = leaning[who] + rng.normal(size=k) + better

        def asked(low: int, high: int, shift: float = 0.0, felt: np.ndarray = felt) -> np.ndarray:
            middle, reach = (low + high) / 2, (high - low) / 4
            noise = rng.normal(scale=0.4, size=len(felt))
            return np.clip(np.round(middle + reach * (felt + shift + noise)), low, high)

        answers = rng.random(k) < 0.55
        left = rng.random(k) < 0.08 + 0.02 * t
        day = pd.to_timedelta(rng.integers(1, 80, k), unit="D")
        frame = pd.DataFrame(
            {
                "customer": [f"c{i:04d}" for i in who],
                "wave": wave,
                "invited": invited,
                "answered": (invited + pd.Timedelta(days=3)).where(answers),
                "segment": segment[who],
                "moment": rng.choice(["Onboarding", "Renewal"], k),
                "channel": channel[who],
                "ltr": asked(0, 10, 0.8),
                "three": asked(1, 3),
                "five": asked(1, 5, 0.5),
                "seven": asked(1, 7, 0.5),
                "ten": asked(1, 10, 0.5),
                "face": np.array(FACES)[asked(1, 3).astype(int) - 1],
                "thumb": np.array(["down", "up"])[(felt > 0).astype(int)],
                "ease": asked(1, 7, 0.5),
                "effort": asked(1, 5, -0.5),
                "stars": asked(1, 5, 0.2),
                "mood": np.array(["negative", "neutral", "positive"])[asked(1, 3).astype(int) - 1],
                "left": np.where(left, "yes", "no"),
                "left_on": (invited + day).where(left),
                "complained": (rng.random(k) < 0.06).astype(int),
                "returned": (rng.random(k) < 0.4).astype(int),
                "clv": clv[who],
            }
        )
        unasked = rng.random(k) < 0.15  # who writes a review or a chat does so whether he answers or not
        solicited = ["ltr", "three", "five", "seven", "ten", "face", "thumb", "ease", "effort"]
        for name in (*solicited, "stars", "mood"):
            given = unasked if name in ("stars", "mood") else answers
            frame[name] = frame[name].astype(object).where(given, "")
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("everything")
    _answers().to_csv(here / "answers.csv", index=False)
    (here / "survey.yml").write_text(SURVEY, encoding="utf-8")
    return here


@pytest.fixture(scope="module")
def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "answers.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def survey(folder: Path) -> cx.Survey:
    return cx.open_survey(folder / "survey.yml")


@pytest.fixture(scope="module")
def study(survey: cx.Survey) -> cx.ScoreOverviewStudy:
    return cx.score_overview(survey, action="2024-06-30", treated="channel = Shop")


def _number(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce")


def _worth(rows: pd.DataFrame, key: str) -> pd.Series:
    """What every answer is worth, by the definitions of the metrics and nothing of ours."""
    n = _number
    made = {
        "nps": lambda r: 100 * ((n(r.ltr) >= 9).astype(float) - (n(r.ltr) <= 6)).where(n(r.ltr).notna()),
        "csat_three": lambda r: 100 * (n(r.three) == 3).where(n(r.three).notna()),
        "csat": lambda r: 100 * (n(r.five) >= 4).where(n(r.five).notna()),
        "csat_seven": lambda r: 100 * (n(r.seven) >= 6).where(n(r.seven).notna()),
        "csat_ten": lambda r: 100 * (n(r.ten) >= 9).where(n(r.ten).notna()),
        "csat_faces": lambda r: 100 * (r.face == "😊").where(r.face != ""),
        "csat_thumb": lambda r: 100 * (r.thumb == "up").where(r.thumb != ""),
        "ces": lambda r: n(r.ease),
        "ces_effort": lambda r: n(r.effort),
        "stars": lambda r: n(r.stars),
        "sentiment": lambda r: r.mood.map({"negative": -100, "neutral": 0, "positive": 100}),
        "churned": lambda r: 100 * (r.left == "no"),
        "complaint": lambda r: 100 * (r.complained == 1),
        "returned": lambda r: 100 * (r.returned == 1),
        "value": lambda r: r.clv,
    }
    return made[key](rows).astype(float)


KEYS = [
    *("nps", "csat_three", "csat", "csat_seven", "csat_ten", "csat_faces", "csat_thumb", "ces", "ces_effort"),
    *("stars", "sentiment", "churned", "complaint", "returned", "value"),
]


@pytest.mark.parametrize("key", KEYS)
def test_value_n_and_response_rate_are_those_of_the_rows(
    key: str, study: cx.ScoreOverviewStudy, rows: pd.DataFrame
) -> None:
    m = study.numbers.of(key)
    assert [r.label for r in m.readings] == list(WAVES)
    for reading in m.readings:
        here = rows[rows["wave"] == reading.label]
        worth = _worth(here, key)
        assert reading.n == worth.notna().sum()
        assert reading.value == pytest.approx(worth.mean())
        assert reading.low < reading.value < reading.high
        if key in ("stars", "sentiment"):
            assert reading.rate is None
        else:
            assert reading.rate == pytest.approx(worth.notna().mean())


@pytest.mark.parametrize(
    "key",
    ["csat_three", "csat", "csat_seven", "csat_ten", "csat_faces", "csat_thumb", "churned", "complaint"],
)
def test_intervals_of_shares_are_wilsons(key: str, study: cx.ScoreOverviewStudy, rows: pd.DataFrame) -> None:
    now = study.numbers.of(key).now
    worth = _worth(rows[rows["wave"] == NOW], key).dropna()
    low, high = proportion_confint(int((worth > 0).sum()), len(worth), method="wilson")
    assert (now.low, now.high) == pytest.approx((100 * low, 100 * high), abs=1e-6)


@pytest.mark.parametrize("key", ["nps", "ces", "ces_effort", "stars", "sentiment"])
def test_intervals_of_means_are_nearly_students(
    key: str, study: cx.ScoreOverviewStudy, rows: pd.DataFrame
) -> None:
    now = study.numbers.of(key).now
    worth = _worth(rows[rows["wave"] == NOW], key).dropna()
    half = 1.96 * worth.std() / np.sqrt(len(worth))
    assert (now.high - now.low) / 2 == pytest.approx(half, rel=0.05)


def test_changes_allow_for_customers_in_two_waves_and_hold_together(
    study: cx.ScoreOverviewStudy, rows: pd.DataFrame
) -> None:
    changes = [m for m in study.numbers.measures if m.change is not None]
    assert len(changes) == len(KEYS)
    z = 2.9352  # normal quantile at 1 - 0.05/15/2
    for m in changes:
        two = rows[rows["wave"].isin(["2024-3", NOW])].assign(u=_worth(rows, m.key)).dropna(subset=["u"])
        fit = sm.OLS(two["u"], pd.get_dummies(two["wave"], dtype=float)).fit(
            cov_type="cluster", cov_kwds={"groups": pd.factorize(two["customer"])[0], "use_correction": False}
        )
        contrast = np.array([-1.0, 1.0])
        error = float(np.sqrt(contrast @ fit.cov_params().to_numpy() @ contrast))
        assert m.change.value == pytest.approx(float(contrast @ fit.params))
        assert (m.change.high - m.change.low) / 2 == pytest.approx(z * error, rel=0.12)


def test_the_worth_of_customers_has_an_interval_that_leans_to_the_long_tail(
    study: cx.ScoreOverviewStudy, rows: pd.DataFrame
) -> None:
    now = study.numbers.of("value").now
    clv = rows.loc[rows["wave"] == NOW, "clv"]
    found = cx.skewed_mean(clv)
    assert (now.low, now.high) == pytest.approx((found.low, found.high))
    assert now.high - now.value > 1.1 * (now.value - now.low)
    assert study.numbers.of("value").unit == "€"


def test_scores_weighted_by_worth_are_weighted_means(
    study: cx.ScoreOverviewStudy, rows: pd.DataFrame
) -> None:
    here = rows[rows["wave"] == NOW]
    for one in study.numbers.by_value:
        worth = _worth(here, one.key)
        used = worth.notna()
        assert one.value == pytest.approx(np.average(worth[used], weights=here.loc[used, "clv"]))
        fit = sm.WLS(worth[used], np.ones(used.sum()), weights=here.loc[used, "clv"]).fit(cov_type="HC0")
        assert one.high - one.low > 3.5 * fit.bse.iloc[0]


def test_small_groups_are_hidden_and_the_others_are_hand_counts(
    study: cx.ScoreOverviewStudy, rows: pd.DataFrame
) -> None:
    here = rows[rows["wave"] == NOW]
    variables = {g.name: g for g in study.numbers.groups}
    assert set(variables) == {"segment", "moment", "channel"}
    tiny = variables["segment"].labels.index("Tiny")
    assert all(cells[tiny] is None for cells in variables["segment"].cells.values())
    for name, variable in variables.items():
        for key in ("nps", "csat_faces", "churned", "value"):
            by_hand = here.assign(u=_worth(here, key)).groupby(name)["u"].agg(["mean", "count"])
            for label, cell in zip(variable.labels, variable.cells[key], strict=True):
                if cell is not None:
                    assert cell.n == by_hand.loc[label, "count"]
                    assert cell.value == pytest.approx(by_hand.loc[label, "mean"])


def test_the_action_is_a_difference_in_differences(study: cx.ScoreOverviewStudy, rows: pd.DataFrame) -> None:
    action = study.numbers.action
    assert (action.before, action.after) == (("2024-1", "2024-2"), ("2024-3", "2024-4"))
    for effect in action.effects:
        used = rows.assign(u=_worth(rows, effect.key)).dropna(subset=["u"])
        design = pd.get_dummies(used["wave"], dtype=float)
        design["shop"] = (used["channel"] == "Shop").astype(float)
        design["both"] = design["shop"] * used["wave"].isin(["2024-3", "2024-4"])
        fit = sm.OLS(used["u"], design).fit(
            cov_type="cluster", cov_kwds={"groups": pd.factorize(used["customer"])[0]}
        )
        assert effect.found.effect == pytest.approx(fit.params["both"])
        assert effect.found.standard_error == pytest.approx(fit.bse["both"], rel=0.03)
    nps = next(e for e in action.effects if e.key == "nps")
    assert nps.verdict is not Verdict.NEGLIGIBLE  # it was made 1.6 standard deviations better
    assert study.findings[1].verdict is nps.verdict


def test_trends_join_no_waves_whose_days_overlap(study: cx.ScoreOverviewStudy, survey: cx.Survey) -> None:
    windows = survey.wave_windows
    assert list(windows) == list(WAVES)
    assert all(first.isoformat() >= WAVES[wave] for wave, (first, _) in windows.items())
    readings = study.numbers.of("nps").readings
    assert [(r.start, r.end) for r in readings] == list(windows.values())
    assert all(r.outer[0] < r.low and r.high < r.outer[1] for r in readings)


@pytest.mark.parametrize("key", ["csat_thumb", "stars"])
def test_other_studies_take_these_metrics_too(key: str, survey: cx.Survey, rows: pd.DataFrame) -> None:
    found = cx.sample_size(survey, metric=key, days=1).numbers
    worth = _worth(rows[rows["wave"] == NOW], key)
    assert (found.n, found.total.value) == (worth.notna().sum(), pytest.approx(worth.mean()))


def test_the_page_is_rendered_with_all_of_them(
    folder: Path,
    tmp_path: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    catalog = tmp_path / "catalog.yml"
    notebook = (root / "notebooks" / "score_overview.ipynb").as_posix()
    catalog.write_text(
        f"downloads: none\nreports:\n  scores:\n    notebook: {notebook}\n    title: Scores\n"
        f"    survey: {(folder / 'survey.yml').as_posix()}\n"
        '    parameters: {action: "2024-06-30", treated: "channel = Shop"}\n',
        encoding="utf-8",
    )
    out = tmp_path / "out"
    arguments = ["cxstats", "render", "scores", "--catalog", str(catalog), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code, capsys.readouterr().err
    page = (out / "everything-at-once" / "scores" / "index.html").read_text(encoding="utf-8")
    for words in ("NPS", "CSAT (faces)", "CES (effort)", "Stars · App store", "Net sentiment · Chats"):
        assert words in page
    for words in (
        "Retention (CRR)",
        "Complaint rate",
        "Came back",
        "Lifetime value (CLV)",
        "What the action changed",
    ):
        assert words in page

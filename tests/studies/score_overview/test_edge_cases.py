"""Surveys at the edges: a page comes out, and says what cannot be said."""

from __future__ import annotations

from pathlib import Path

import pytest

import cxstats as cx
from cxstats.findings import Verdict

DESCRIPTION = """
title: Edge
population: Customers
responses: {{file: answers.csv}}
scores:
  nps: {{column: nps, scale: 0-10}}
  ces: {{column: ces, scale: 1-7, high_is: effort}}
groups:
  team: {{column: team}}
{more}
"""
WAVE = "wave: {column: wave}\ncustomer: id"
DATED = "wave: {column: wave}\ncustomer: id\nresponded: day"
PARTS = ("header", "answer", "main_points", "need_to_know", "limits", "method", "ledger")


def survey_of(folder: Path, rows: list[tuple], more: str = "") -> cx.Survey:
    lines = ["id,nps,ces,team,wave,day,worth,weight", *(",".join(map(str, row)) for row in rows)]
    (folder / "answers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "survey.yml").write_text(DESCRIPTION.format(more=more), encoding="utf-8")
    return cx.open_survey(folder / "survey.yml")


def answers(
    n: int,
    *,
    waves: str = "w",
    nps=lambda i, wave: (i * 7) % 11,
    team=lambda i: "abc"[i % 3],
    day=lambda i, w: f"2025-0{w + 1}-{i % 28 + 1:02d}",
) -> list[tuple]:
    return [
        (f"{i}", nps(i, wave), i % 7 + 1, team(i), wave, day(i, w), 10 + i % 50, 1 + i % 2)
        for w, wave in enumerate(waves)
        for i in range(n)
    ]


def shown(study: cx.ScoreOverviewStudy) -> str:
    for figure in study.figures.values():
        figure.to_json()
    parts = [str(getattr(study, name)) for name in PARTS]
    sections = ("scores", "trend", "outcomes", "groups", "worth", "action", "next")
    parts += [str(part) for name in sections for part in study.section(name).parts]
    return "\n".join(parts)


@pytest.mark.parametrize("n", [0, 1, 9])
def test_too_little_is_said_and_no_number_is_shown(tmp_path: Path, n: int) -> None:
    study = cx.score_overview(survey_of(tmp_path, answers(n)))
    finding = study.findings[0]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.value is None
    assert study.figures == {}
    assert "No score has the 10 answers" in shown(study)


def test_one_wave_is_asked_how_precise_it_is(tmp_path: Path) -> None:
    few = cx.score_overview(survey_of(tmp_path, answers(60)))
    assert "chance alone" in few.findings[0].question
    assert few.findings[0].verdict is Verdict.INCONCLUSIVE
    assert few.numbers.together
    assert "A second would tell" in shown(few)
    level = 1 - 0.05 / 2
    nps = few.numbers.of("nps")
    wide = cx.estimate(nps.counts, cx.NPS, level=level)
    assert nps.family == pytest.approx((wide.low, wide.high))


def test_a_change_is_told_and_the_steady_score_is_too(tmp_path: Path) -> None:
    rows = answers(900, waves="ab", nps=lambda i, wave: 10 if wave == "b" or i % 2 else 3)
    study = cx.score_overview(survey_of(tmp_path, rows, WAVE))
    finding = study.findings[0]
    assert finding.verdict is Verdict.MATERIAL
    assert "NPS rose from 0 to +100" in finding.answer
    assert study.numbers.deciding == "nps"
    assert study.numbers.together
    assert "Look for the cause" in shown(study)


def test_waves_that_were_asked_on_the_same_days_are_not_joined(tmp_path: Path) -> None:
    apart = cx.score_overview(survey_of(tmp_path, answers(40, waves="ab"), DATED))
    first, second = apart.numbers.of("nps").readings
    assert first.end < second.start
    assert "not joined" not in apart.figures["trend-nps"].source
    mixed = answers(40, waves="ab", day=lambda i, w: f"2025-01-{i % 28 + 1:02d}")
    (tmp_path / "x").mkdir()
    overlapping = cx.score_overview(survey_of(tmp_path / "x", mixed, DATED))
    assert "Waves that were asked on the same days are not joined" in overlapping.figures["trend-nps"].source
    (tmp_path / "y").mkdir()
    undated = cx.score_overview(survey_of(tmp_path / "y", answers(40, waves="ab"), WAVE))
    assert "days of the waves are not known" in undated.figures["trend-nps"].source


def test_small_groups_and_their_complement_are_hidden(tmp_path: Path) -> None:
    rows = answers(60, team=lambda i: "tiny" if i < 4 else "ab"[i % 2])
    study = cx.score_overview(survey_of(tmp_path, rows))
    (team,) = study.numbers.groups
    cells = dict(zip(team.labels, team.cells["nps"], strict=True))
    assert cells["tiny"] is None
    assert [label for label, cell in cells.items() if cell is not None] != [
        "a",
        "b",
    ]  # else 60 − a − b gives it away


def test_weights_count_everywhere(tmp_path: Path) -> None:
    more = "weight: weight\nvalue: {column: worth, unit: EUR}"
    study = cx.score_overview(survey_of(tmp_path, answers(200), more))
    rows = answers(200)
    weights = [row[7] for row in rows]
    by_hand = sum(
        w * (100 * (row[1] >= 9) - 100 * (row[1] <= 6)) for w, row in zip(weights, rows, strict=True)
    )
    assert study.numbers.of("nps").now.value == pytest.approx(by_hand / sum(weights))
    worth = sum(w * row[6] for w, row in zip(weights, rows, strict=True)) / sum(weights)
    assert study.numbers.of("value").now.value == pytest.approx(worth)
    assert "EUR" in shown(study)


@pytest.mark.parametrize(
    ("waves", "action", "treated", "why"),
    [
        ("ab", "b", "team = a", "there is one wave before it"),
        ("abc", "2025-04-01", "team = a", "there is no wave after it"),
        ("abcd", "2025-02-15", "team = a", "there is one wave before it"),  # wave b lies around that day
    ],
)
def test_what_an_action_did_is_not_said_without_the_waves_for_it(
    tmp_path: Path, waves: str, action: str, treated: str, why: str
) -> None:
    study = cx.score_overview(
        survey_of(tmp_path, answers(60, waves=waves), DATED), action=action, treated=treated
    )
    finding = study.findings[1]
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert why in finding.answer
    assert "two waves" in finding.needed.lower() or "2 waves" in finding.needed
    assert finding.answer in shown(study)


def test_an_action_that_reached_everybody_has_nobody_to_compare_with(tmp_path: Path) -> None:
    survey = survey_of(tmp_path, answers(60, waves="abc"), DATED)
    study = cx.score_overview(survey, action="c", treated={"team": ["a", "b", "c"]})
    assert study.findings[1].verdict is Verdict.NOT_ANSWERABLE
    assert "nobody to compare with" in study.findings[1].answer


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"metric": "npss"}, "no metric"),
        ({"wave": "z"}, "there is no wave 'z'"),
        ({"group": "region"}, "the survey's groups are team"),
        ({"action": "b"}, "treated is not given"),
        ({"treated": "team = a"}, "action is not given"),
        ({"action": "soon", "treated": "team = a"}, "must be a day such as"),
        ({"action": "b", "treated": "team = z"}, "team has no z; it has a, b, c"),
        ({"action": "b", "treated": "shop = z"}, "survey's groups are team"),
        ({"action": "b", "treated": "team"}, "^treated: "),
        ({"level": 95}, "Did you mean 0.95"),
    ],
)
def test_parameters_that_cannot_be_are_refused(tmp_path: Path, wrong: dict, told: str) -> None:
    survey = survey_of(tmp_path, answers(12, waves="ab"), WAVE)
    with pytest.raises(ValueError, match=told):
        cx.score_overview(survey, **wrong)


def test_an_earlier_wave_is_reported_as_if_it_were_the_latest(tmp_path: Path) -> None:
    study = cx.score_overview(survey_of(tmp_path, answers(60, waves="abc"), WAVE), wave="b")
    assert [r.label for r in study.numbers.of("nps").readings] == ["a", "b"]
    assert study.header.period_text == "b"


@pytest.mark.parametrize("window", [None, 30])
def test_waves_watched_for_different_times_are_not_compared(tmp_path: Path, window: int | None) -> None:
    """Every customer leaves as easily on every day; the first wave was watched for 90 days, the second for 31."""
    import numpy as np
    import pandas as pd

    n, rng = 3000, np.random.default_rng(1)
    wave = np.arange(n) % 2
    sent = pd.to_datetime(np.array(["2025-01-01", "2025-03-01"]))[wave]
    gone = sent + pd.to_timedelta(np.ceil(rng.exponential(200, n)), "D")
    table = pd.DataFrame(
        {"id": range(n), "wave": wave, "sent": sent.strftime("%Y-%m-%d"), "nps": rng.integers(0, 11, n)}
    )
    table["gone"] = np.where(gone <= pd.Timestamp("2025-04-01"), gone.strftime("%Y-%m-%d"), "")
    table.to_csv(tmp_path / "answers.csv", index=False)
    days = "" if window is None else f", window_days: {window}"
    (tmp_path / "survey.yml").write_text(
        "title: Watched\ndata_as_of: 2025-04-01\nresponses: {file: answers.csv}\ncustomer: id\nwave: wave\ninvited: sent\n"
        f"scores: {{nps: {{column: nps, scale: 0-10}}}}\noutcomes: {{churned: {{on: gone{days}}}}}\n"
    )
    study = cx.score_overview(cx.open_survey(tmp_path / "survey.yml"))
    churned = next(m for m in study.numbers.measures if m.key == "churned")
    assert churned.readings[-1].label == "1"
    said = "was watched for longer" in shown(study)
    if window is None:
        assert churned.change is None
        assert said
    else:
        assert abs(churned.change.value) < 6
        assert not said

"""One row per hospital, store or branch: an association, and no verdict on bias."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

import cxstats as cx
from cxstats.findings import Verdict

DESCRIPTION = """
title: Branches
population: Visitors
period: {{from: 2025-01-01, to: 2025-03-31}}
units:
  file: branches.csv
  called: branches
  unit: id
  response_rate: {{column: rate, unit: percent}}
  completed: {{column: n, few: ["fewer than 50"]}}
  bands: {{low: low, middle: mid, top: top, unit: percent}}
  measure: {{kind: nps}}
  adjust: {{region: {{column: region, kind: category, label: Region}}}}
  set_aside: [{{column: filled, values: ["yes"], reason: filled with a constant}}]
"""


def survey_of(folder: Path, n: int, *, slope: float = 0.5, seed: int = 1) -> cx.Survey:
    rng = np.random.default_rng(seed)
    rate = rng.uniform(10, 60, n).round(0)
    region = rng.choice(["north", "south", "west"], n)
    score = 20 + slope * rate + np.select([region == "north"], [8.0], 0.0) + rng.normal(0, 5, n)
    score = np.clip(score, -95, 95).round(0)
    top = np.ceil((score + 70) / 2).clip(0, 100)
    low = (top - score).clip(0, 100)
    lines = ["id,rate,n,low,mid,top,region,filled"]
    for i in range(n):
        few = "fewer than 50" if i % 17 == 5 else str(50 + 7 * i % 400)
        low_i, top_i = int(low[i]), int(top[i])
        lines.append(
            f"b{i},{rate[i]:.0f},{few},{low_i},{100 - low_i - top_i},{top_i},{region[i]},{'yes' if i % 29 == 3 else 'no'}"
        )
    (folder / "branches.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "survey.yml").write_text(DESCRIPTION.format(), encoding="utf-8")
    return cx.open_survey(folder / "survey.yml")


def test_the_slope_is_that_of_a_weighted_regression_and_no_verdict_follows(tmp_path: Path) -> None:
    survey = survey_of(tmp_path, 300)
    study = cx.response_rate_bias(survey, metric="nps")
    units, table = study.numbers.units, survey.units
    plain = sm.WLS(
        table["score"].to_numpy(float),
        sm.add_constant(10 * table["response_rate"].to_numpy(float)),
        weights=table["completed"].to_numpy(float),
    ).fit(cov_type="HC3")
    assert units.plain == pytest.approx(plain.params[1])
    assert (units.plain_low, units.plain_high) == pytest.approx(tuple(plain.conf_int()[1]))
    assert units.low < 5 < units.high  # half a point per percent
    assert units.adjusted == ("the number of people asked", "Region")
    finding = study.findings[0]
    assert finding.verdict is Verdict.NOT_ANSWERABLE
    assert "does not tell how those who stayed silent differ" in finding.answer
    assert "One row per invited person" in finding.needed
    assert set(study.figures) == {"units"}
    assert [g.value for g in units.groups] == sorted(g.value for g in units.groups)
    assert study.figures["units"].to_json()["table"]["rows"]


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    study = cx.response_rate_bias(survey_of(tmp_path, 300), metric="nps")
    left_out = dict(study.numbers.units.left_out)
    assert left_out["filled with a constant"] == len([i for i in range(300) if i % 29 == 3])
    few = next(n for why, n in left_out.items() if "few" in why)
    assert few == len([i for i in range(300) if i % 17 == 5 and i % 29 != 3])
    assert study.numbers.units.n + sum(left_out.values()) == 300
    assert "Filled with a constant: " in study.main_points.to_text()
    for name in ("response", "who", "beyond"):
        assert "one row for each of the branches" in study.section(name).parts[0].to_text()


def test_a_handful_of_units_says_nothing(tmp_path: Path) -> None:
    study = cx.response_rate_bias(survey_of(tmp_path, 20), metric="nps")
    assert study.numbers.units is None
    assert study.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert study.figures == {}
    assert study.main_points.points


def test_hospitals(shared_data: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    source = shared_data / "hcahps_2017" / "hcahps_2017.csv.gz"
    for file in source.parent.glob("*.csv.gz"):
        (tmp_path / "data" / file.name).write_bytes(file.read_bytes())
    text = (root / "examples" / "hcahps_2017" / "survey.yml").read_text(encoding="utf-8")
    (tmp_path / "survey.yml").write_text(text, encoding="utf-8")
    units = cx.response_rate_bias(cx.open_survey(tmp_path / "survey.yml"), metric="nps").numbers.units
    left_out = dict(units.left_out)
    assert left_out["not published; the file holds a constant instead"] == 671
    assert left_out["fewer than 50 answers"] == 266
    assert units.n == 3_860
    assert units.low > 0

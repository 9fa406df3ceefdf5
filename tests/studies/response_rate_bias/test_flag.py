"""A column that only marks who answered: the page says who answers, and nothing of a score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.methods.representativity import representativity
from cxstats.studies.response_rate_bias.flag_words import NO_SCORE

DESCRIPTION = """
title: Health interviews
population: Adults of sampled households
period: {from: 2003-01-01, to: 2003-12-31}
responses: {file: sample.csv}
frame: {file: sample.csv, key: id}
customer: id
scores:
  answered: {column: resp, kind: top_box, scale: 0-1, top: [1], missing: ["0"], label: Answered at all, short: Answered}
groups:
  age: {column: age, label: Age}
  home: {column: home, label: Home}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    rng = np.random.default_rng(3)
    n = 3_000
    age, home = rng.choice(["18 to 44", "45 to 64", "65 and over"], n), rng.choice(["own", "rented"], n)
    answered = rng.random(n) < np.select([age == "18 to 44", age == "45 to 64"], [0.75, 0.65], 0.55)
    lines = ["id,resp,age,home"]
    lines += [f"{i},{int(a)},{x},{y}" for i, (a, x, y) in enumerate(zip(answered, age, home, strict=True))]
    folder = tmp_path_factory.mktemp("flag")
    (folder / "sample.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "survey.yml").write_text(DESCRIPTION, encoding="utf-8")
    return cx.response_rate_bias(cx.open_survey(folder / "survey.yml"), metric="answered"), answered, age


def text_of(part) -> str:
    return part.to_text().replace("\xa0", " ")


def test_nothing_is_said_of_a_score(study) -> None:
    found = study[0]
    assert found.findings[0].verdict is Verdict.NOT_ANSWERABLE
    assert found.findings[0].value is None
    assert found.numbers.published is None
    assert found.header.score is None
    shown = " ".join(
        text_of(getattr(found, part))
        for part in ("header", "answer", "main_points", "need_to_know", "limits")
    )
    assert "Published" not in shown
    assert "100" not in shown  # nobody is told that 100 % of the answers answered
    assert NO_SCORE in shown
    assert set(found.figures) == {"stages", "rates", "partials", "balance"}
    assert NO_SCORE in " ".join(map(text_of, found.section("score").parts))


def test_who_answers_is_as_counted(study) -> None:
    found, answered, age = study
    numbers = found.numbers
    assert numbers.rate == pytest.approx(answered.mean())
    (rates,) = (table for table in numbers.rates if table.title == "Age")
    for row in rates.rows:
        assert row.value == pytest.approx(100 * answered[age == row.label].mean())
    oldest = next(row for row in numbers.balance if row.category == "65 and over")
    assert oldest.population == pytest.approx((age == "65 and over").mean())
    assert oldest.answers == pytest.approx((age[answered] == "65 and over").mean())
    assert max(abs(row.difference_weighted) for row in numbers.balance) < 1e-6
    assert "By age, “65 and over” answer least" in text_of(found.main_points)


def test_a_score_of_two_values_is_one(tmp_path) -> None:
    """A top box whose other answers count stays a score."""
    lines = ["id,resp,age"] + [f"{i},{i % 3 and 1 if i % 2 else ''},{'ab'[i % 7 % 2]}" for i in range(400)]
    (tmp_path / "sample.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = DESCRIPTION.replace(', missing: ["0"]', "").replace("  home: {column: home, label: Home}\n", "")
    (tmp_path / "survey.yml").write_text(text, encoding="utf-8")
    numbers = cx.response_rate_bias(cx.open_survey(tmp_path / "survey.yml"), metric="answered").numbers
    assert not numbers.flag
    assert numbers.published.value == pytest.approx(100 * 133 / 200, abs=0.6)


def test_the_mix_agrees_with_the_method(study) -> None:
    found = study[0]
    cells = pd.DataFrame({"age": study[2], "responded": study[1], "n": 1})
    both = representativity(cells, ["age"])
    assert found.numbers.reach.r == pytest.approx(both.r_indicator_adjusted, abs=0.03)

"""A hidden group cannot be had by subtraction, also across group variables that lie within each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import cxstats as cx
from cxstats.studies.disclosure import hidden_groups

REGION = {"IT": "South", "MT": "South", "ES": "South", "PL": "North", "SE": "North", "DE": "North"}


def _sizes(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {name: rows.groupby(name, as_index=False)["n"].sum() for name in ("country", "region")}


def _hidden(sizes: dict[str, int]) -> set[str]:
    rows = pd.DataFrame({"country": list(sizes), "n": list(sizes.values())})
    rows["region"] = rows["country"].map(REGION)
    tables = _sizes(rows)
    hidden = hidden_groups(tables, lambda a, b: rows[[a, b, "n"]], threshold=10)
    return set(tables["country"]["country"][hidden["country"]])


def test_a_small_country_cannot_be_had_from_its_region() -> None:
    # alone, Malta and Poland would be hidden; Spain and Italy would leave Malta in the South
    assert _hidden({"IT": 50, "MT": 4, "ES": 40, "PL": 12, "SE": 30, "DE": 90}) == {"MT", "PL", "ES"}


def test_two_small_countries_of_a_region_are_not_told_as_a_sum_below_the_threshold() -> None:
    hidden = _hidden({"IT": 50, "MT": 4, "ES": 3, "PL": 12, "SE": 30, "DE": 90})
    assert {"MT", "ES", "IT"} <= hidden


def test_nothing_more_is_hidden_where_nothing_could_be_had() -> None:
    assert _hidden({"IT": 50, "MT": 40, "ES": 40, "PL": 12, "SE": 30, "DE": 90}) == set()
    # the partner that the total needs lies in the same region already
    assert _hidden({"IT": 50, "MT": 4, "ES": 11, "PL": 12, "SE": 30, "DE": 90}) == {"MT", "ES"}


def test_variables_that_cross_give_nothing_away() -> None:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "country": rng.choice(list("abcd"), 600, p=[0.01, 0.09, 0.4, 0.5]),
            "region": rng.choice(list("xyz"), 600),
            "n": 1,
        }
    )
    tables = _sizes(rows)
    hidden = hidden_groups(tables, lambda a, b: rows[[a, b, "n"]], threshold=10)
    assert tables["country"]["country"][hidden["country"]].tolist() == ["a", "b"]
    assert not hidden["region"].any()


def test_the_page_of_a_real_survey_keeps_a_small_country(tmp_path: Path) -> None:
    sizes = {"IT": 50, "MT": 4, "ES": 40, "PL": 12, "SE": 30, "DE": 90}
    countries = [name for name, n in sizes.items() for _ in range(n)]
    lines = ["id,nps,country,region"]
    lines += [f"{i},{(7 * i) % 11},{name},{REGION[name]}" for i, name in enumerate(countries)]
    (tmp_path / "answers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "survey.yml").write_text(
        "title: Nested\npopulation: Customers\nresponses: {file: answers.csv}\n"
        "period: {from: 2025-01-01, to: 2025-03-31}\nscores: {nps: {column: nps, scale: 0-10}}\n"
        "groups: {country: {column: country}, region: {column: region}}\n",
        encoding="utf-8",
    )
    tables = {t.name: t for t in cx.sample_size(cx.open_survey(tmp_path / "survey.yml")).numbers.groups}
    assert set(tables["country"].labels) == {"IT", "SE", "DE"}
    assert set(tables["region"].labels) == {"North", "South"}
    assert tables["country"].hidden == 3

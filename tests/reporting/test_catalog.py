"""The catalogue, and the plan made from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cxstats.reporting import catalog as catalogs
from cxstats.reporting.errors import UsageError
from cxstats.reporting.plan import SurveyRef, plan

from .conftest import demo_survey

LEVEL = 'survey: str = "demo"\nmetric: str = "nps"\nlevel: cx.Level = 0.95'


def _load(tmp_path: Path, text: str) -> catalogs.Catalog:
    path = tmp_path / "catalog.yml"
    path.write_text(text, encoding="utf-8")
    return catalogs.load(path)


def test_scalars_stay_what_was_written(tmp_path: Path) -> None:
    catalog = _load(
        tmp_path,
        "reports:\n  r:\n    notebook: n\n    title: no\n    parameters: {a: 012, b: 1:30, c: yes}\n",
    )
    assert catalog.reports["r"].title == "no"
    assert catalog.reports["r"].parameters == {"a": "012", "b": "1:30", "c": "yes"}


def test_every_problem_is_told_at_once_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        _load(
            tmp_path,
            "reports:\n  ../up:\n    notebook: n\n    title: t\n  r:\n    notebok: n\n    title: t\n"
            "    parameters: {'x;y': 3}\nextra: 1\n",
        )
    said = str(refusal.value)
    for words in (
        "its name becomes a folder",
        "Did you mean notebook?",
        "notebook is missing",
        "'x;y'",
        "extra",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must start with 'reports:'"),
        ("- a\n", "must start with 'reports:'"),
        ("reports: {}\n", "no reports"),
        ("reports:\n  r: {notebook: n, title: t}\n  r: {notebook: n, title: t}\n", "r stands twice"),
        ("reports: !!python/object/apply:os.system [true]\n", "could not determine a constructor"),
        ("a: &a [1]\nb: *a\n", "aliases"),
        ("reports:\n\t- x\n", "line 2"),
        ("reports: [\n", "line"),
        ("a: " + "[" * 1500 + "]" * 1500, "not YAML"),
    ],
)
def test_what_is_no_catalogue_is_refused(tmp_path: Path, text, words) -> None:
    with pytest.raises(UsageError) as refusal:
        _load(tmp_path, text)
    assert words in str(refusal.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        catalogs.load(tmp_path / "catalog.yml")
    with pytest.raises(UsageError, match="cannot be read"):
        catalogs.load(tmp_path)


def test_the_catalogue_of_the_project_is_sound(root: Path) -> None:
    catalog = catalogs.load(root / "reports" / "catalog.yml")
    jobs, skipped = plan(catalog, describe=demo_survey)
    assert [job.report for job in jobs] == list(catalog.reports)
    assert not skipped


def test_problems_of_reports_and_parameters_are_told_together(workshop) -> None:
    workshop.add("size", "1", parameters=LEVEL)
    with pytest.raises(UsageError) as refusal:
        workshop.plan("sise", "size", level="95", metrik="nps")
    assert len(refusal.value.problems) == 3
    assert "Did you mean size?" in refusal.value.problems[0]


def test_the_command_lines_value_wins_and_shows_in_the_title(workshop) -> None:
    workshop.add("size", "1", parameters=LEVEL)
    workshop.entries["size"]["parameters"] = {"metric": "csat"}
    (job,) = workshop.plan("size")
    assert job.parameters == {"survey": "demo", "metric": "csat", "level": 0.95}
    assert job.title == "Title of size"
    (job,) = workshop.plan("size", metric="ces", level="0.9")
    assert job.parameters["metric"] == "ces"
    assert job.title == "Title of size (metric ces, level 0.9)"


def test_a_survey_of_ones_own_gets_every_study_once_and_is_not_shown_with_its_path(workshop) -> None:
    workshop.add("size", "1", parameters=LEVEL)
    workshop.entries["again"] = workshop.entries["size"] | {"survey": "other.yml"}
    workshop.entries["ces"] = workshop.entries["size"] | {"parameters": {"metric": "ces"}, "needs": ["ces"]}

    def describe(survey: str) -> SurveyRef:
        return SurveyRef("mine", f"/home/ann/{survey}", survey, "Mine", frozenset({"nps"}))

    jobs, skipped = plan(catalogs.load(workshop.catalog), survey="my.yml", describe=describe)
    assert [(job.report, job.survey.name) for job in jobs] == [("size", "mine")]
    assert jobs[0].parameters["survey"] == "/home/ann/my.yml"
    assert jobs[0].shown["survey"] == "my.yml"
    assert skipped == []  # it has no such score, and nobody asked for a report on it
    jobs, skipped = plan(catalogs.load(workshop.catalog), reports=["ces"], survey="my.yml", describe=describe)
    assert jobs == []
    assert [(skip.report, skip.reason) for skip in skipped] == [("ces", "this survey has no ces score")]


def test_a_notebook_that_is_not_there_is_named_with_its_neighbours(workshop) -> None:
    workshop.add("sample-size", "1")
    workshop.entries["r"] = {"notebook": "sample-sise", "title": "t"}
    with pytest.raises(UsageError, match="Did you mean sample-size"):
        workshop.plan("r")


def test_the_survey_is_named_in_one_place(workshop) -> None:
    workshop.add("size", "1", parameters=LEVEL)
    with pytest.raises(UsageError, match="--survey"):
        workshop.plan("size", survey="x.yml")
    workshop.entries["size"]["parameters"] = {"survey": "x.yml"}
    with pytest.raises(UsageError, match="survey: of the report"):
        workshop.plan("size")


def test_the_catalogue_that_came_with_the_package_is_found_anywhere(tmp_path, monkeypatch, root) -> None:
    bundle = tmp_path / "_bundled"  # as pyproject.toml lays it into the wheel
    shutil.copytree(root / "notebooks", bundle / "notebooks")
    shutil.copy(root / "reports" / "catalog.yml", bundle / "catalog.yml")
    monkeypatch.setattr(catalogs, "BUNDLED", bundle)
    monkeypatch.chdir(tmp_path)
    catalog = catalogs.load(catalogs.find())
    assert catalog.path == bundle / "catalog.yml"
    jobs, _ = plan(catalog, describe=demo_survey)
    assert {job.notebook.parent for job in jobs} == {(bundle / "notebooks").resolve()}

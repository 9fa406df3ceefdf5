"""A report is left as it is when everything it is made from is the same, and never otherwise."""

from __future__ import annotations

import io
import os
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cxstats import cli
from cxstats.reporting import catalog as catalogs
from cxstats.reporting import fingerprint, publish, record, run
from cxstats.reporting.execute import Executed
from cxstats.reporting.fingerprint import Hashes, inputs
from cxstats.reporting.index import render_index
from cxstats.reporting.plan import Job, SurveyRef, plan
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, PART, Workshop

PARAMETERS = 'survey: str = "demo"\nlevel: cx.Level = 0.95'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A survey's one file, changed long ago."""
    path = tmp_path / "answers.csv"
    path.write_text("id,ltr\n1,10\n", encoding="utf-8")
    _age(path)
    return path


def _age(path: Path, seconds: float = 60) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture
def ready(workshop: Workshop, data: Path) -> Workshop:
    workshop.add("size", "1", parameters=PARAMETERS)
    return workshop


def jobs(workshop: Workshop, *files: Path, **given: str) -> list[Job]:
    """Jobs on a survey that is read from these files."""
    reference = SurveyRef("ours", "/x/survey.yml", "survey.yml", files=files)
    return plan(catalogs.load(workshop.catalog), given=given, describe=lambda _: reference)[0]


# The fingerprint -----------------------------------------------------------------------------------


def test_everything_a_report_is_made_from_counts(ready, data, monkeypatch) -> None:
    (job,) = jobs(ready, data)
    first = inputs(job)
    whole = fingerprint.fingerprint(job)
    assert fingerprint.fingerprint(job) == whole

    def differs(name: str, other: Job, **more: Any) -> None:
        assert list(fingerprint.changed(first, inputs(other, **more))) == [name]
        assert fingerprint.fingerprint(other, **more) != whole

    differs("parameters", replace(job, shown={"level": 0.9}))
    differs("catalogue", replace(job, title="Another"))
    differs("compared", job, compared={"found": False})
    data.write_text("id,ltr\n1,9\n", encoding="utf-8")
    differs("data", job)
    data.write_text("id,ltr\n1,10\n", encoding="utf-8")
    assert inputs(job) == first
    other = data.with_name("copy of answers.csv")
    other.write_bytes(data.read_bytes())
    assert inputs(jobs(ready, other)[0]) == first, "where a file lies does not matter"
    job.notebook.write_text(job.notebook.read_text(encoding="utf-8") + " ", encoding="utf-8")
    differs("notebook", job)
    monkeypatch.setenv("CXSTATS_KEY", "k")
    assert list(fingerprint.changed(first, inputs(job))) == ["notebook", "key"]
    assert len(inputs(job)["key"]) == 4, "too little to guess the key by"


def test_the_package_and_the_libraries_count(tmp_path, monkeypatch) -> None:
    before = fingerprint._environment.__wrapped__()
    numpy = metadata.version("numpy")
    distribution = metadata.distribution

    def newer(name: str) -> Any:
        found = distribution(name)
        if name != "numpy":
            return found

        class Newer:
            def read_text(self, _: str) -> str:
                return (found.read_text("METADATA") or "").replace(f"Version: {numpy}", "Version: 99", 1)

        return Newer()

    monkeypatch.setattr(metadata, "distribution", newer)
    assert fingerprint._environment.__wrapped__() != before
    package = tmp_path / "cxstats"
    (package / "__pycache__").mkdir(parents=True)
    (package / "a.py").write_text("1")
    monkeypatch.setattr(fingerprint, "_PACKAGE", package)
    first = fingerprint._package.__wrapped__()
    (package / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert fingerprint._package.__wrapped__() == first
    (package / "a.py").write_text("2")
    assert fingerprint._package.__wrapped__() != first


def test_what_cannot_be_seen_has_no_fingerprint(ready, data) -> None:
    (job,) = jobs(ready, data)
    assert inputs(replace(job, survey=replace(job.survey, files=None))) is None, "a database"
    assert inputs(jobs(ready, data.with_name("gone.csv"))[0]) is None
    ready.add("free", "1", parameters="level: cx.Level = 0.95")  # takes no survey: who knows what it reads
    free = ready.plan("free")[0]
    assert inputs(free) is None
    ready.entries["free"]["reads"] = [str(data)]
    assert inputs(replace(ready.plan("free")[0], survey=job.survey)) is not None


def test_files_are_not_read_again_until_something_about_them_changes(tmp_path, data, monkeypatch) -> None:
    (tmp_path / record.FOLDER).mkdir()
    hashes = Hashes(tmp_path)
    first = hashes.of(data)
    hashes.save()
    reads = []
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *a, **k: (reads.append(path), opened(path, *a, **k))[1])
    assert Hashes(tmp_path).of(data) == first
    assert data not in reads
    _age(data, 30)  # the same bytes, touched
    assert Hashes(tmp_path).of(data) == first
    assert reads.count(data) == 1
    data.write_text("id,ltr\n1,11\n", encoding="utf-8")  # as long as before
    assert Hashes(tmp_path).of(data) != first
    (tmp_path / record.FOLDER / "hashes.json").write_text('{"x": [1], "y": 2}')
    assert Hashes(tmp_path).of(data) != first, "a damaged memory is no memory"


def test_a_file_that_may_change_again_unseen_is_not_remembered(tmp_path, data) -> None:
    (tmp_path / record.FOLDER).mkdir()
    os.utime(data)  # just now: within the grain of the clock another write would not show
    hashes = Hashes(tmp_path)
    hashes.of(data)
    hashes.save()
    assert not (tmp_path / record.FOLDER / "hashes.json").exists()


def test_every_file_of_a_survey_is_known_from_its_description(tmp_path, monkeypatch) -> None:
    for name in ("answers.csv", "frame.csv", "facts.csv", "part-1.parquet", "part-2.parquet"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    text = """
title: Ours
responses: {file: answers.csv, delimiter: ",", encoding: utf-8}
frame: {file: frame.csv, key: id}
outcomes_from: {file: "part-*.parquet", key: id}
group_facts: {file: facts.csv, key: c, group: country, columns: {idv: idv}}
customer: id
groups: {country: {column: c}}
scores: {nps: {column: ltr, scale: 0-10}}
"""
    (tmp_path / "survey.yml").write_text(text)
    names = [path.name for path in cli.describe(str(tmp_path / "survey.yml")).files]
    assert sorted(names) == sorted(
        ["survey.yml", "answers.csv", "frame.csv", "facts.csv", "part-1.parquet", "part-2.parquet"]
    )
    (tmp_path / "survey.yml").write_text(text.replace("file: facts.csv", "file: gone.csv"))
    assert cli.describe(str(tmp_path / "survey.yml")).files is None
    database = text.replace(
        '{file: answers.csv, delimiter: ",", encoding: utf-8}', "{table: t, url_env: CX_DB}"
    )
    (tmp_path / "survey.yml").write_text(database)
    assert cli.describe(str(tmp_path / "survey.yml")).files is None


# A run ---------------------------------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for execution; the reports that were executed."""
    done: list[str] = []

    def execute(notebook: Path, *_: Any, **__: Any) -> Executed:
        done.append(notebook.stem)
        cell = nbformat.v4.new_code_cell("show", id="show")
        cell.outputs = [nbformat.v4.new_output("display_data", {PART: part}) for part in (HEADER, ANSWER)]
        return Executed(nbformat.v4.new_notebook(cells=[cell]), 1, {"start": 0.0, "cells": 0.0})

    monkeypatch.setattr(run, "execute", execute)
    return done


def go(workshop: Workshop, *files: Path, force: bool = False) -> tuple[str, str]:
    """Status of the one report, and the log."""
    stream = io.StringIO()
    out = publish.open_out(workshop.out)
    found = run.render(
        jobs(workshop, *files), out, progress=Progress(stream, live=False), engine="kernel", force=force
    )
    return found[0].status, stream.getvalue()


def test_a_report_is_made_once_until_something_changes(ready, data, made, snapshot) -> None:
    assert go(ready, data)[0] == "ok"
    first = snapshot(ready.out)
    status, log = go(ready, data)
    assert status == "unchanged"
    assert "step=unchanged" in log
    assert made == ["size"]
    pages = {name: text for name, text in snapshot(ready.out).items() if name != "index.html"}
    assert pages == {name: text for name, text in first.items() if name != "index.html"}
    assert "unchanged since" in (ready.out / "index.html").read_text(encoding="utf-8")
    (card,) = record.cards(ready.out)
    assert card["state"] == "unchanged"
    assert go(ready, data, force=True)[0] == "ok"
    data.write_text("id,ltr\n1,9\n", encoding="utf-8")
    status, log = go(ready, data)
    assert (status, made) == ("ok", ["size"] * 3)
    assert "step=changed detail=data" in log
    assert record.cards(ready.out)[0]["state"] == "ok"


@pytest.mark.parametrize("harm", ["page", "gone", "analyst", "analyst-gone"])
def test_a_page_that_was_removed_or_altered_is_made_again(ready, data, made, harm) -> None:
    go(ready, data)
    page = ready.out / "ours" / "size" / "index.html"
    analyst = next(page.parent.glob("analyst-*.html"))
    path = analyst if harm.startswith("analyst") else page
    if harm.endswith("gone"):
        path.unlink()
    else:
        path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert go(ready, data)[0] == "ok"
    assert len(made) == 2


def test_a_survey_in_a_database_is_always_read(ready, data, made) -> None:
    reference = SurveyRef("ours", "/x/survey.yml", "survey.yml", files=None)
    for _ in range(2):
        found, _ = plan(catalogs.load(ready.catalog), describe=lambda _: reference)
        quiet = Progress(io.StringIO(), live=False)
        (outcome,) = run.render(found, publish.open_out(ready.out), progress=quiet, engine="kernel")
        assert outcome.status == "ok"


def test_data_that_changes_while_the_notebook_runs_is_read_again_next_time(
    ready, data, made, monkeypatch
) -> None:
    execute = run.execute

    def meddled(*a: Any, **k: Any) -> Executed:
        data.write_text("id,ltr\n1,3\n", encoding="utf-8")
        return execute(*a, **k)

    monkeypatch.setattr(run, "execute", meddled)
    assert go(ready, data)[0] == "ok"
    monkeypatch.setattr(run, "execute", execute)
    assert go(ready, data)[0] == "ok", "which of the two it had read is not known"
    assert go(ready, data)[0] == "unchanged"


def test_a_failure_that_has_mended_itself_is_no_longer_told(ready, data, made, monkeypatch) -> None:
    go(ready, data)
    before = data.read_bytes()
    execute = run.execute
    data.write_text("broken", encoding="utf-8")
    monkeypatch.setattr(run, "execute", lambda *_, **__: 1 / 0)
    assert go(ready, data)[0] == "failed"
    assert record.cards(ready.out)[0]["state"] == "failed"
    monkeypatch.setattr(run, "execute", execute)
    data.write_bytes(before)
    assert go(ready, data)[0] == "unchanged"
    (card,) = record.cards(ready.out)
    assert (card["state"], card["failed"]) == ("unchanged", None)


def test_a_year_of_failed_attempts_does_not_make_the_index_forget(ready, data, made, monkeypatch) -> None:
    ready.entries["size"]["keep"] = {"records": "3", "failed": "2"}
    go(ready, data)
    monkeypatch.setattr(run, "execute", lambda *_, **__: 1 / 0)
    for _ in range(6):
        go(ready, data, force=True)
    records = record.load_all(ready.out)["ours", "size"]
    assert [one["status"] for one in records] == ["ok", "failed", "failed", "failed"]
    (card,) = record.cards(ready.out)
    assert card["href"]
    assert card["failed"]["cause"].startswith("Something is wrong inside cxstats")
    assert "Traceback" not in card["failed"]["cause"]
    kept = sorted((ready.out / ".failed" / "ours" / "size").iterdir())
    assert len(kept) == 2
    assert "ZeroDivisionError" in kept[-1].read_text(encoding="utf-8")


def test_the_index_says_since_when_nothing_changed() -> None:
    card = {"survey": "s", "title": "t", "href": "x", "state": "unchanged", "published": "2025-04-02"}
    assert "unchanged since 2 April 2025" in render_index([card])
    assert "unchanged" not in render_index([card | {"state": "ok"}])

"""What was published stays byte-identical until a better page is complete: faults at every write."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cxstats.reporting import publish, record, run
from cxstats.reporting.errors import RenderError, UsageError
from cxstats.reporting.execute import Executed
from cxstats.reporting.lock import held
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, PART, Workshop

pytestmark = pytest.mark.usefixtures("plain_pages")


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch):
    """Stands for execution: what the next run's notebook will say."""
    said: dict[str, Any] = {"text": "first", "period": "January–March 2025", "value": 0.8}

    def execute(*_: Any, **__: Any) -> Executed:
        if isinstance(said["text"], BaseException):
            raise said["text"]
        cell = nbformat.v4.new_code_cell("show", id="show")
        parts = [HEADER | {"period_text": said["period"]}, ANSWER | {"value": said["value"]}]
        cell.outputs = [nbformat.v4.new_output("display_data", {PART: part}) for part in parts]
        cell.outputs.append(nbformat.v4.new_output("stream", text=said["text"]))
        return Executed(nbformat.v4.new_notebook(cells=[cell]), 1, {"start": 0.0, "cells": 0.0})

    monkeypatch.setattr(run, "execute", execute)
    return said


@pytest.fixture
def quiet() -> Progress:
    return Progress(io.StringIO(), live=False)


def _render(workshop: Workshop, quiet: Progress) -> list[run.Outcome]:
    return run.render(workshop.plan(), publish.open_out(workshop.out), progress=quiet)


@pytest.fixture
def ready(workshop: Workshop) -> Workshop:
    workshop.add("size", "1", parameters='survey: str = "demo"')
    return workshop


def test_a_run_publishes_page_companions_record_and_index(ready, says, quiet, snapshot) -> None:
    (outcome,) = _render(ready, quiet)
    assert outcome.status == "ok"
    seen = snapshot(ready.out)
    names = sorted(seen)
    kinds = [name.removeprefix("demo/size/").partition("-")[0] for name in names]
    assert kinds == ["analyst", "index.html", "main", "run", "tables", "index.html"]
    said = json.loads(seen[names[3]])
    assert said["status"] == "ok"
    assert said["answer"]["verdict"] == "negligible"
    assert said["parameters"] == {"survey": "demo"}
    (card,) = record.cards(ready.out)
    assert card["href"] == "demo/size/index.html"
    assert card["analyst_href"] == names[0]
    assert card["failed"] is None
    assert card["period_text"] == "January–March 2025"
    assert not list((ready.out / ".staging").iterdir())


def test_the_same_inputs_give_the_same_pages(ready, says, quiet, snapshot) -> None:
    _render(ready, quiet)
    first = {name: data for name, data in snapshot(ready.out).items() if "/run-" not in name}
    _render(ready, quiet)
    assert {name: data for name, data in snapshot(ready.out).items() if "/run-" not in name} == first


def test_companions_of_the_page_before_stay_and_older_ones_go(ready, says, quiet, snapshot) -> None:
    for text in ("first", "second", "third"):
        says["text"] = text
        _render(ready, quiet)
    analysts = [data for name, data in snapshot(ready.out).items() if "analyst-" in name]
    assert sorted(b"third" in data for data in analysts) == [False, True]
    assert any(b"second" in data for data in analysts)


def test_a_failure_leaves_the_last_good_page_and_says_so_on_the_index(ready, says, quiet, snapshot) -> None:
    _render(ready, quiet)
    before = snapshot(ready.out / "demo")
    says["text"] = RenderError("execute", "The file customers.xlsx was missing.", "Traceback: secret detail")
    (outcome,) = _render(ready, quiet)
    assert outcome.status == "failed"
    assert outcome.last_good == ready.out / "demo" / "size" / "index.html"
    assert snapshot(ready.out / "demo") == before
    (card,) = record.cards(ready.out)
    assert card["href"] == "demo/size/index.html"
    assert card["failed"]["cause"] == "The file customers.xlsx was missing."
    index = (ready.out / "index.html").read_text(encoding="utf-8")
    assert "customers.xlsx was missing" in index
    assert "Traceback" not in index
    assert "Traceback" in outcome.kept.read_text(encoding="utf-8")
    says["text"] = "good again"
    _render(ready, quiet)
    assert record.cards(ready.out)[0]["failed"] is None


def test_the_index_does_not_tell_how_this_machines_folders_are_called(ready, says, quiet) -> None:
    says["text"] = RenderError("execute", 'There is no file "a.csv" in /home/ann/our surveys/2025.')
    (outcome,) = _render(ready, quiet)
    assert "/home/ann" in outcome.cause  # whoever ran it needs the place
    (card,) = record.cards(ready.out)
    assert card["failed"]["cause"] == 'There is no file "a.csv" in …/our surveys/2025.'
    assert "home/ann" not in (ready.out / "index.html").read_text(encoding="utf-8")


def test_a_failed_pages_files_make_room_for_the_record_of_the_failure(
    ready, says, quiet, monkeypatch
) -> None:
    (job,) = ready.plan()
    staging = publish.target(ready.out, "demo", job.report).staging

    def full(goal: publish.Target, pages: Any, *_: Any) -> None:
        (goal.staging / "index.html").write_text("x", encoding="utf-8")
        raise RenderError("publish", "The page could not be written: the disk is full.")

    seen = []
    keep = publish.keep_failed
    monkeypatch.setattr(publish, "publish", full)
    monkeypatch.setattr(publish, "keep_failed", lambda *a: (seen.append(staging.exists()), keep(*a))[1])
    (outcome,) = _render(ready, quiet)
    assert outcome.status == "failed"
    assert seen == [False]


def test_a_failing_report_does_not_stop_the_others(ready, says, quiet, monkeypatch) -> None:
    ready.add("zones", "1", parameters='survey: str = "demo"')
    good = run.execute
    calls: list[int] = []

    def first_fails(*args: Any, **kwargs: Any) -> Executed:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("a fault of ours")
        return good(*args, **kwargs)

    monkeypatch.setattr(run, "execute", first_fails)
    outcomes = _render(ready, quiet)
    assert [outcome.status for outcome in outcomes] == ["failed", "ok"]
    assert "Something is wrong inside cxstats" in outcomes[0].cause


class _FullDisk:
    """Lets some writes through, then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, out: Path, after: int, code: int) -> None:
        self.left, self.code, self.hit = after, code, False
        self._open, self._replace = open, os.replace
        monkeypatch.setattr("builtins.open", self.open)
        monkeypatch.setattr(os, "replace", self.replace)
        self.out = str(out)

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.hit = True
            raise OSError(self.code, os.strerror(self.code))

    def open(self, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if "w" in mode and str(file).startswith(self.out):
            self._spend()
        return self._open(file, mode, *args, **kwargs)

    def replace(self, source: Any, goal: Any) -> None:
        if str(goal).startswith(self.out):
            self._spend()
        self._replace(source, goal)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_fills_up_at_any_write_changes_nothing_or_everything(
    ready, says, quiet, snapshot, monkeypatch, code
) -> None:
    _render(ready, quiet)
    old = snapshot(ready.out / "demo")
    published_at = []
    for after in range(40):
        says["text"] = f"attempt {after}"
        with monkeypatch.context() as patch:
            disk = _FullDisk(patch, ready.out, after, code)
            try:
                outcomes = _render(ready, quiet)
                statuses = [outcome.status for outcome in outcomes]
            except (RenderError, UsageError):
                statuses = ["index"]
        page = (ready.out / "demo" / "size" / "index.html").read_bytes()
        if page == old["size/index.html"]:
            assert snapshot(ready.out / "demo") == old, after
            assert "ok" not in statuses, after
        else:
            assert f"attempt {after}".encode() in page
            assert page.rstrip().endswith(b"end of page")
            published_at.append(after)
        # the next look finds out the truth, and the index heals
        run.rebuild_index(ready.out)
        (card,) = record.cards(ready.out)
        assert card["href"] == "demo/size/index.html"
        assert (ready.out / card["analyst_href"]).is_file()
        old = snapshot(ready.out / "demo")
        if not disk.hit:
            break
    else:
        pytest.fail("the disk never sufficed")
    assert published_at
    assert published_at[0] > 3


def test_a_run_cut_off_before_the_page_is_told_as_failed(ready, says, quiet, snapshot, monkeypatch) -> None:
    _render(ready, quiet)
    before = snapshot(ready.out / "demo")

    def killed(*_: Any) -> None:
        raise SystemExit  # as good as a kill: nothing of ours runs after it

    says["text"] = "second"
    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish", killed)
        with pytest.raises(SystemExit):
            _render(ready, quiet)
    assert snapshot(ready.out / "demo") == before
    run.rebuild_index(ready.out)
    (card,) = record.cards(ready.out)
    assert card["failed"]["cause"] == "the run was cut off before it could finish"
    assert card["href"] == "demo/size/index.html"


def test_a_run_cut_off_between_page_and_index_is_healed_by_the_next(ready, says, quiet, monkeypatch) -> None:
    _render(ready, quiet)
    says |= {"text": "second", "period": "April–June 2025", "value": 1.5}
    real = publish.publish

    def published_then_killed(*args: Any) -> None:
        real(*args)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish", published_then_killed)
        with pytest.raises(SystemExit):
            _render(ready, quiet)
    assert "second" in (ready.out / "demo/size/index.html").read_text(encoding="utf-8")
    run.rebuild_index(ready.out)
    (card,) = record.cards(ready.out)
    assert card["failed"] is None
    assert card["period_text"] == "April–June 2025"
    assert [row["value"] for row in card["history"]] == [0.8, 1.5]


def test_ctrl_c_leaves_a_record_and_the_old_page(ready, says, quiet, snapshot) -> None:
    _render(ready, quiet)
    before = snapshot(ready.out / "demo")
    says["text"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        _render(ready, quiet)
    assert snapshot(ready.out / "demo") == before
    assert record.cards(ready.out)[0]["failed"]["cause"] == "The run was interrupted."
    assert not list((ready.out / ".staging").iterdir())


def test_a_page_that_would_give_something_away_is_not_published(
    ready, says, quiet, snapshot, monkeypatch
) -> None:
    monkeypatch.setenv("CX_API_TOKEN", "sesame-open-now")
    says["text"] = "the token is sesame-open-now"
    (outcome,) = _render(ready, quiet)
    assert outcome.status == "failed"
    assert "CX_API_TOKEN" in outcome.cause
    assert "sesame" not in outcome.cause
    assert "demo/size/index.html" not in snapshot(ready.out)


def test_two_runs_of_one_report_at_once_are_one(ready, says, quiet) -> None:
    out = publish.open_out(ready.out)
    with held(publish.target(out, "demo", "size").lock):
        (outcome,) = _render(ready, quiet)
    assert outcome.status == "busy"
    assert not (ready.out / "demo" / "size" / "index.html").exists()
    (outcome,) = _render(ready, quiet)  # the lock file is still there; nobody holds it
    assert outcome.status == "ok"


def test_a_clock_set_back_does_not_hide_the_page_that_lies_there(ready, says, quiet, monkeypatch) -> None:
    _render(ready, quiet)
    says |= {"text": "second", "period": "April–June 2025"}
    real = run._now
    monkeypatch.setattr(run, "_now", lambda: real().replace(year=2001))
    _render(ready, quiet)
    (card,) = record.cards(ready.out)
    assert card["period_text"] == "April–June 2025"
    assert card["failed"] is None


def test_periods_line_up_for_the_sparkline_and_a_rerun_counts_once(ready, says, quiet) -> None:
    for period, value in (("Q1", 1.0), ("Q2", 2.0), ("Q2", 2.5), ("Q3", 3.0)):
        says |= {"text": f"{period} {value}", "period": period, "value": value}
        _render(ready, quiet)
    (card,) = record.cards(ready.out)
    assert [(row["period"], row["value"]) for row in card["history"]] == [
        ("Q1", 1.0),
        ("Q2", 2.5),
        ("Q3", 3.0),
    ]


# Where pages may go -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["..", "../up", "a/b", "", "A", "a b", "c:", ".hidden", "a" * 81])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="becomes a folder"):
        publish.target(tmp_path, name, "size")


@pytest.mark.parametrize("link", ["demo", "demo/size", "demo/size/index.html", "index.html"])
def test_a_link_in_the_way_is_refused(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out = publish.open_out(tmp_path / "out")
    (out / link).parent.mkdir(parents=True, exist_ok=True)
    (out / link).symlink_to(elsewhere)
    with pytest.raises(UsageError, match="link"):
        publish.target(out, "demo", "size")


def test_a_folder_that_cannot_be_used_is_refused_clearly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "index.html").write_text("theirs", encoding="utf-8")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name, words in (
        ("file", "is a file"),
        ("file/below", "is a file"),
        ("theirs", "did not make"),
        ("lost", "leads nowhere"),
    ):
        with pytest.raises(UsageError, match=words):
            publish.open_out(tmp_path / name)
    assert (tmp_path / "theirs" / "index.html").read_text(encoding="utf-8") == "theirs"


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="users as POSIX has them")
def test_a_folder_without_permission_is_refused_clearly(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    folder.chmod(0o500)
    me = os.geteuid()
    try:
        if me == 0:
            os.seteuid(65534)  # nobody: permissions do not bind root
        with pytest.raises(UsageError, match="no permission"):
            publish.open_out(folder / "out")
    finally:
        os.seteuid(me)


def test_an_interruption_between_companions_and_page_changes_nothing(
    ready, says, quiet, snapshot, monkeypatch
) -> None:
    _render(ready, quiet)
    before = snapshot(ready.out / "demo")
    real = os.replace

    def interrupted(source: Any, goal: Any) -> None:
        if Path(goal).name == "index.html":
            raise KeyboardInterrupt
        real(source, goal)

    says["text"] = "second"
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _render(ready, quiet)
    assert snapshot(ready.out / "demo") == before


def test_an_interruption_just_after_the_page_counts_as_published(ready, says, quiet, monkeypatch) -> None:
    _render(ready, quiet)
    real = publish.publish

    def interrupted(*args: Any) -> None:
        real(*args)
        raise KeyboardInterrupt

    says["text"] = "second"
    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _render(ready, quiet)
    (card,) = record.cards(ready.out)
    assert card["failed"] is None
    assert "second" in (ready.out / card["href"]).read_text(encoding="utf-8")


def test_reports_stand_in_the_catalogues_order(ready, says, quiet) -> None:
    ready.add("attic", "1", parameters='survey: str = "demo"')
    _render(ready, quiet)
    assert [card["report"] for card in record.cards(ready.out)] == ["size", "attic"]


# What a person and a log see -------------------------------------------------------------------------


def _told(*, live: bool) -> str:
    stream = io.StringIO()
    progress = Progress(stream, live=live)
    turn = progress.begin("demo/size", 1, 2)
    turn.step("execute")
    turn.cell(1, 2)
    turn.end("failed: first line\nsecond line")
    return stream.getvalue()


def test_a_log_gets_one_plain_line_a_step() -> None:
    lines = _told(live=False).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "report=demo/size step=execute",
        'report=demo/size step=failed detail="first line second line" seconds=0.0',
    ]
    assert all(line.startswith("time=2") and line[:25].endswith("Z") for line in lines)


def test_a_terminal_gets_one_moving_line() -> None:
    told = _told(live=True)
    assert told.count("\n") == 2  # the cause's own line break and the end
    assert "cell 1 of 2" in told


# A real kill, a real disk ----------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes as POSIX has them")
def test_a_run_killed_at_any_write_is_told_as_it_was_and_the_next_one_heals(
    tmp_path: Path, root: Path
) -> None:
    command = [sys.executable, "-m", "tests.reporting.killed", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    moments = told["moments"]
    assert len(moments) > 20
    assert [one["status"] for one in moments] == [-9] * (len(moments) - 1) + [0]
    for one in moments:
        assert one["whole"], one
        assert one["old_is_old"], one
        assert one["companions"], one
        assert one["index"], one
        # a run killed before its first record leaves no trace, and the page before it is told as it was
        expected = ("",) if one["published"] else ("the run was cut off before it could finish", "")
        assert one["failed"] in expected, one
    kinds = [(one["published"], bool(one["failed"])) for one in moments]
    assert kinds.count((False, True)) > 5
    assert kinds.count((True, False)) > 2
    assert told["last"]
    assert not told["left"]
    kinds = [name.partition("-")[0] for name in told["files"]]
    assert max(kinds.count(kind) for kind in kinds) <= 2  # companions of this page and of the one before


@pytest.fixture
def small_disk(ready: Workshop) -> Iterator[Path]:
    """An output folder on a file system of 1 MB, where this user may make one."""
    ready.out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(ready.out)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a file system of its own")
    yield ready.out
    subprocess.run(["umount", str(ready.out)], check=True)


def test_a_real_disk_with_room_for_less_than_a_page_keeps_the_old_one(
    ready, says, quiet, snapshot, small_disk
) -> None:
    says["text"] = "first " * 5_000
    _render(ready, quiet)
    statuses = []
    filler = small_disk / ".filler"
    for number, room in enumerate(range(0, 300_000, 30_000)):
        old = snapshot(small_disk / "demo")
        says["text"] = f"{number:05d} " * 10_000
        filler.unlink(missing_ok=True)
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(b"x" * max(0, free - room))
        try:
            (outcome,) = _render(ready, quiet)
            statuses.append(outcome.status)
            if outcome.status == "failed":
                assert "the disk is full" in outcome.cause
        except (RenderError, UsageError) as error:  # not even the index could be written, or nothing begun
            statuses.append(str(error))
        page = (small_disk / "demo" / "size" / "index.html").read_bytes()
        if f"{number:05d}".encode() not in page:
            assert snapshot(small_disk / "demo") == old
        assert page.rstrip().endswith(b"end of page")
    assert "ok" not in statuses[:2]
    assert statuses[-1] == "ok"
    assert all("the disk is full" in status for status in statuses if status not in ("ok", "failed"))
    assert record.cards(small_disk)[0]["failed"] is None


def test_a_disk_that_has_become_read_only_is_refused_and_the_pages_stay(
    ready, says, quiet, snapshot, small_disk
) -> None:
    _render(ready, quiet)
    old = snapshot(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    says["text"] = "second"
    with pytest.raises(UsageError, match="read-only"):
        _render(ready, quiet)
    assert snapshot(small_disk) == old
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    _render(ready, quiet)
    assert record.cards(small_disk)[0]["failed"] is None


def test_a_clock_that_jumps_back_during_a_run_changes_no_order(ready, says, quiet, monkeypatch) -> None:
    real = run._now
    _render(ready, quiet)
    moments = iter([real(), real().replace(year=1999), real().replace(year=1998)])
    monkeypatch.setattr(run, "_now", lambda: next(moments, real().replace(year=1997)))
    says |= {"text": "second", "period": "April–June 2025"}
    _render(ready, quiet)
    says["text"] = RenderError("execute", "The third did not run.")
    _render(ready, quiet)
    (card,) = record.cards(ready.out)
    assert card["period_text"] == "April–June 2025"
    assert card["failed"]["cause"] == "The third did not run."

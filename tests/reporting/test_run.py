"""Whole runs in real processes: what can go wrong in a notebook, and what a run must leave behind."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxstats.reporting import publish, record, run
from cxstats.reporting.execute import Limits
from cxstats.reporting.forked import ForkServer, available
from cxstats.reporting.forkserver import BASE
from cxstats.reporting.kernel import environment
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, Workshop, part_cell

PARAMETERS = 'survey: str = "demo"\nlabel: str = "all"\nn: int = 3'
needs_fork = pytest.mark.skipif(not available(), reason="notebooks are forked on Linux only")
posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits as POSIX has them")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """One fork server for all tests, without the libraries that these notebooks do not use."""
    with tempfile.TemporaryDirectory() as folder, ForkServer(environment(Path(folder)), BASE) as one:
        yield one


@pytest.fixture(params=[pytest.param("fork", marks=needs_fork), "kernel"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both ways in which a notebook's process is made."""
    return request.param


@pytest.fixture
def fork(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """``engine="fork"`` means the tests' own server."""

    @contextlib.contextmanager
    def forking(engine: str) -> Iterator[ForkServer | None]:
        yield server if engine == "fork" and available() else None

    monkeypatch.setattr(run, "_forking", forking)


pytestmark = pytest.mark.usefixtures("fork")


def _render(
    workshop: Workshop,
    limits: Limits | None = None,
    *,
    engine: str = "fork",
    workers: int = 1,
    told: io.StringIO | None = None,
    **given: str,
) -> list[run.Outcome]:
    progress = Progress(told or io.StringIO(), live=False)
    out = publish.open_out(workshop.out)
    return run.render(
        workshop.plan(**given), out, limits=limits, progress=progress, engine=engine, workers=workers
    )


def _descendants(of: int | None = None) -> dict[int, str]:
    """Process ids and commands of everything that a process (this one) started, and what that started."""
    parents, names = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)
            state, parent = rest.split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
                names[int(stat.parent.name)] = name.partition("(")[2]
    found: set[int] = set()
    fresh = {of or os.getpid()}
    while fresh := {pid for pid, parent in parents.items() if parent in fresh} - found:
        found |= fresh
    return {pid: names[pid] for pid in found}


def _only_the_server(server: ForkServer) -> bool:
    end = time.monotonic() + 5
    while left := set(_descendants()) - {server.process.pid if server.process else -1}:
        if time.monotonic() > end:
            pytest.fail(f"left behind: {[_descendants().get(pid) for pid in left]}")
        time.sleep(0.02)
    return True


def test_a_report_from_notebook_to_page(workshop: Workshop, snapshot) -> None:
    label = "<script>alert(1)</script>"
    shows = (
        "import os\nprint('label is', label, type(n).__name__, n)\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['PYTHONHASHSEED'])"
    )
    workshop.add("size", part_cell(HEADER, ANSWER), shows, parameters=PARAMETERS)
    (outcome,) = _render(workshop, label=label, n="7")
    assert outcome.status == "ok", outcome.cause
    page = outcome.page.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "label is &lt;script&gt;alert(1)&lt;/script&gt; int 7" in page
    assert "NPS held steady." in page
    (said,) = record.load_all(workshop.out)["demo", "size"]
    assert said["status"] == "ok"
    assert said["parameters"] == {"survey": "demo", "label": label, "n": 7}
    assert said["answer"]["value"] == 0.8
    assert said["header"]["period_text"] == "January–March 2025"
    assert {"start", "cells", "convert"} <= said["seconds"].keys()
    assert "papermill" in said["versions"]
    assert "sentinel" not in page
    index = (workshop.out / "index.html").read_text(encoding="utf-8")
    assert "demo/size/index.html" in index
    assert "<script" not in index
    assert os.fspath(workshop.folder) not in page + (workshop.out / said["page"]["analyst"]).read_text(
        encoding="utf-8"
    )
    first = snapshot(workshop.out)
    _render(workshop, label=label, n="7")  # the same again: the same bytes
    for name, data in snapshot(workshop.out).items():
        assert "/run-" in name or data == first[name]


# A process group and a session of its own: what a notebook leaves running in either must be ended
_LEAVES_CHILDREN = """
    import subprocess, sys
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = subprocess.Popen(sleep)
    """
_ALLOCATES = """
    import resource
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000, resource.RLIM_INFINITY))
    bytearray(1_000_000_000)
    """
_BAD_ENDS = {
    "exception": ("1 / 0", "Code cell 3 (1 / 0) failed: division by zero (ZeroDivisionError)."),
    "survey-error": (
        "class SurveyError(ValueError): pass\nraise SurveyError('export.csv, row 17: 11 is not on 0–10')",
        "export.csv, row 17: 11 is not on 0–10",
    ),
    "killed": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "out of memory is the likely cause",
    ),
    "crashed": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed in code cell 3"),
    "os-exit": ("import os; os._exit(0)", "ended itself in code cell 3"),
    "sys-exit": ("import sys; sys.exit(0)", "ended itself in code cell 3"),
    "sys-exit-1": ("import sys; sys.exit(1)", "ended itself in code cell 3"),
    "exit": ("exit()", "The notebook ended itself in code cell 3"),  # the cells after it run all the same
    "quit": ("if True:\n    quit(keep_kernel=True)", "The notebook ended itself in code cell 3"),
    "memory": (_ALLOCATES, "Memory ran out in code cell 3"),
    "endless": (_LEAVES_CHILDREN + "\n    while True: pass", "ran longer than 2 seconds"),
    "identifier": ("raise ValueError('no such person: ann@example.com')", "no such person: […]"),
}
_ENGINE_MATTERS = ("killed", "sys-exit", "exit", "endless")


@pytest.mark.parametrize(
    ("engine", "end"),
    [
        *(pytest.param("fork", end, marks=needs_fork) for end in _BAD_ENDS),
        *(("kernel", end) for end in _ENGINE_MATTERS),
    ],
)
def test_a_notebook_that_does_not_end_well_publishes_nothing(
    workshop: Workshop, snapshot, server, engine, end
) -> None:
    source, words = _BAD_ENDS[end]
    sources = ("print('before')", textwrap.dedent(source), "print('after')")
    workshop.add("size", *sources, parameters=PARAMETERS)
    workshop.out.mkdir()
    (outcome,) = _render(workshop, Limits(cell=2, run=60), engine=engine)
    assert outcome.status == "failed"
    assert words in outcome.cause
    assert "Traceback" not in outcome.cause
    assert sorted(snapshot(workshop.out)) == ["index.html"]
    assert _only_the_server(server)
    kept = json.loads(outcome.kept.read_text(encoding="utf-8"))
    states = [cell["metadata"].get("cxstats", {}).get("state") for cell in kept["cells"]]
    assert states[-2:] == ["failed", "not run"]  # papermill would call both completed
    assert "This run failed" in "".join(kept["cells"][0]["source"])
    assert words in record.cards(workshop.out)[0]["failed"]["cause"]


def test_a_report_that_takes_too_long_as_a_whole_is_stopped(workshop: Workshop, server, engine) -> None:
    workshop.add("size", *(["import time; time.sleep(1)"] * 20), parameters=PARAMETERS)
    (outcome,) = _render(workshop, Limits(cell=60, run=3), engine=engine)
    assert "took longer than 3 seconds" in outcome.cause
    assert _only_the_server(server)


def test_what_a_cell_prints_without_end_is_cut_off(workshop: Workshop, server) -> None:
    importlib.import_module("cxstats.reporting.engine")
    importlib.import_module("cxstats.reporting.convert")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loud = "import sys\nfor _ in range(100): sys.stdout.write(('x' * 99 + '\\n') * 10_000)"  # 100 MB
    workshop.add("size", loud, part_cell(HEADER, ANSWER), parameters=PARAMETERS)
    (outcome,) = _render(workshop)
    assert outcome.status == "ok", outcome.cause
    (said,) = record.load_all(workshop.out)["demo", "size"]
    analyst = (workshop.out / said["page"]["analyst"]).read_text(encoding="utf-8")
    assert "printed more than 1,000,000 characters: the rest is left out" in analyst
    assert len(analyst) < 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert _only_the_server(server)


# Starts ---------------------------------------------------------------------------------------------


def _python_that(folder: Path, *, fails: int, how: str) -> Path:
    """A Python that fails to start ``fails`` times, then starts; it counts in a file beside it."""
    count, path = folder / "starts", folder / "python"
    count.touch()
    path.write_text(
        f"#!/bin/sh\necho start >> {count}\n"
        f'if [ $(wc -l < {count}) -le {fails} ]; then {how}; fi\nexec {sys.executable} "$@"\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


@posix
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exec sleep 60", "did not start for the notebook within 1 seconds"),
        ("exit 3", "ended before it was ready (exit 3)"),
    ],
)
def test_a_python_that_does_not_start_is_tried_twice(
    workshop: Workshop, server, monkeypatch, how, words
) -> None:
    workshop.add("size", "1", parameters=PARAMETERS)
    monkeypatch.setattr(sys, "executable", str(_python_that(workshop.folder, fails=99, how=how)))
    (outcome,) = _render(workshop, Limits(start=1), engine="kernel")
    assert words in outcome.cause
    assert (workshop.folder / "starts").read_text(encoding="utf-8").count("start") == 2
    assert _only_the_server(server)


@posix
def test_a_python_that_starts_the_second_time_is_good_enough(workshop: Workshop, monkeypatch) -> None:
    workshop.add("size", "1", parameters=PARAMETERS)
    monkeypatch.setattr(sys, "executable", str(_python_that(workshop.folder, fails=1, how="exit 3")))
    told = io.StringIO()
    (outcome,) = _render(workshop, engine="kernel", told=told)
    assert outcome.status == "ok", outcome.cause
    assert "trying once more" in told.getvalue()


@needs_fork
def test_without_its_fork_server_a_report_gets_an_ordinary_kernel(workshop: Workshop, monkeypatch) -> None:
    workshop.add("size", "print('here')", parameters=PARAMETERS)
    with ForkServer(environment(workshop.folder), ["no_such_module_but_never_mind"]) as gone:
        gone._start()
        gone.process.kill()
        gone.process.wait()
        monkeypatch.setattr(run, "_forking", lambda engine: contextlib.nullcontext(gone))
        told = io.StringIO()
        (outcome,) = _render(workshop, told=told)
    assert outcome.status == "ok", outcome.cause
    assert "the process to be forked" in told.getvalue()


# Several at a time ----------------------------------------------------------------------------------


def test_reports_made_side_by_side_are_the_reports_made_one_by_one(
    workshop: Workshop, snapshot, monkeypatch, server
) -> None:
    monkeypatch.setattr("cxstats.reporting.pool.cores", lambda: 4)
    for number in range(4):
        fails = "1 / 0" if number == 2 else "import os; print(os.environ['CXSTATS_THREADS'])"
        workshop.add(f"r{number}", f"print('report {number}')", fails, parameters=PARAMETERS)
    told = io.StringIO()
    side_by_side = _render(workshop, workers=2, told=told)
    assert [outcome.status for outcome in side_by_side] == ["ok", "ok", "failed", "ok"]
    assert [outcome.job.report for outcome in side_by_side] == ["r0", "r1", "r2", "r3"]
    pages = {name: data for name, data in snapshot(workshop.out).items() if "/run-" not in name}
    assert b"report 3" in pages["demo/r3/index.html"]
    (said,) = record.load_all(workshop.out)["demo", "r0"]
    analyst = pages[said["page"]["analyst"]].decode()
    assert re.search(r">2\s*<", analyst)  # threads times jobs: the cores
    assert all(" report=demo/r" in line for line in told.getvalue().splitlines())
    monkeypatch.setenv("CXSTATS_THREADS", "2")
    _render(workshop, workers=1)
    again = {name: data for name, data in snapshot(workshop.out).items() if "/run-" not in name}
    assert again == pages
    assert _only_the_server(server)


def test_side_by_side_what_took_longest_begins_first(workshop: Workshop, monkeypatch) -> None:
    for name in ("size", "short", "long", "new"):
        workshop.add(name, "print('here')", parameters=PARAMETERS)
    monkeypatch.setattr(run, "_LONGEST", ("long",))
    plan = workshop.plan()
    place = [job.report for job in plan]
    begin = lambda: [place[number] for number in run._longest_first(plan, workshop.out)]  # noqa: E731
    assert begin() == [
        "long",
        "size",
        "short",
        "new",
    ]  # of what is not known the catalogue's order
    known = {"size": 3.0, "short": 1.0, "long": 2.0}
    records = {
        ("demo", name): [
            {"status": "ok", "notebook": name, "seconds": {"cells": seconds / 2, "convert": seconds / 2}}
        ]
        for name, seconds in known.items()
    }
    monkeypatch.setattr(run.record, "load_all", lambda out: records)
    assert begin() == ["size", "long", "short", "new"]


# Runs in a process of their own ---------------------------------------------------------------------

# the command, with a fork server that imports no more than it needs to be one
_QUICK = (
    "import functools, sys; from cxstats.reporting import forkserver, pool, run;"
    "run.ForkServer = functools.partial(run.ForkServer, modules=forkserver.BASE);"
    "pool.cores = lambda: 2;"
    "sys.argv = ['cxstats', *sys.argv[1:]]; from cxstats.cli import main; main()"
)


def _command(workshop: Workshop, *options: str, before: str = "") -> list[str]:
    script = [sys.executable, "-W", "error", "-c", before + _QUICK, "render"]
    return [*script, "--catalog", str(workshop.catalog), "--out", str(workshop.out), *options]


def _publish_old_page(workshop: Workshop, report: str = "size") -> None:
    goal = publish.target(publish.open_out(workshop.out), "demo", report)
    publish.fresh_staging(goal)
    publish.publish(goal, {"index.html": "<p>the old page"}, "run-old.json", "{}")


def _wait_for(path: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def _gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1][0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def _without_index(seen: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in seen.items() if name != "index.html"}


# two reports: each says who it is, who its child is and who a child in a session of its own is, and waits
_SAYS_ITS_PROCESSES = """
    import os, pathlib, subprocess, time
    if pathlib.Path({flag!r}).exists():
        sleep = ["sleep", "60"]
        pids = [os.getpid(), subprocess.Popen(sleep).pid]
        if {deserts}:
            pids.append(subprocess.Popen(sleep, start_new_session=True).pid)
        said = pathlib.Path({flag!r} + "-" + {name!r})
        said.with_suffix(".tmp").write_text(" ".join(map(str, pids)))
        said.with_suffix(".tmp").rename(said)
        time.sleep(60)
    """


@posix
@pytest.mark.parametrize(
    ("engine", "sent", "code"),
    [
        pytest.param("fork", signal.SIGINT, 130, marks=[needs_fork, pytest.mark.simulation]),
        pytest.param("fork", signal.SIGTERM, 143, marks=needs_fork),
        pytest.param("fork", signal.SIGKILL, -9, marks=needs_fork),
        pytest.param("kernel", signal.SIGTERM, 143, marks=pytest.mark.simulation),
        ("kernel", signal.SIGKILL, -9),
    ],
)
def test_an_interrupted_run_leaves_no_process_and_the_old_pages(
    workshop: Workshop, snapshot, engine, sent, code
) -> None:
    flag = workshop.folder / "flag"
    names = ("one", "two")
    for name in names:
        source = _SAYS_ITS_PROCESSES.format(flag=str(flag), name=name, deserts=engine == "fork")
        workshop.add(name, textwrap.dedent(source), parameters=PARAMETERS)
        _publish_old_page(workshop, name)
    before = snapshot(workshop.out)
    flag.touch()
    command = _command(workshop, "--jobs", "2", "--engine", engine)
    going = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a job in the background of a script is started deaf to Ctrl-C, and so would this one be
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = [Path(f"{flag}-{name}") for name in names]
    for path in said:
        _wait_for(path)
    if code == 130:  # a second run while the first is going
        busy = subprocess.run(command, capture_output=True, text=True, check=False)
        assert busy.returncode == 3
        assert "another run" in busy.stderr
    going.send_signal(sent)
    out, complained = going.communicate(timeout=30)
    assert going.returncode == code, complained
    assert "Traceback" not in out + complained
    for path in said:
        kernel, *children = map(int, path.read_text(encoding="ascii").split())
        assert _gone(kernel)
        if engine == "fork" or sent != signal.SIGKILL:  # who is killed cannot end what others started
            assert all(_gone(child) for child in children)
        else:
            for child in children:
                os.kill(child, signal.SIGKILL)
    assert _without_index(snapshot(workshop.out)) == _without_index(before)
    if sent != signal.SIGKILL:
        causes = {card["failed"]["cause"] for card in record.cards(workshop.out)}
        assert causes == {"The run was interrupted."}
    else:
        flag.unlink()
        outcomes = _render(workshop)  # the lock of the dead process binds nobody
        assert [outcome.status for outcome in outcomes] == ["ok", "ok"]


@posix
def test_a_disk_too_small_for_the_page_keeps_the_old_one(workshop: Workshop, snapshot) -> None:
    workshop.add("size", "print('x' * n)", parameters=PARAMETERS)
    _publish_old_page(workshop)
    before = snapshot(workshop.out)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
    command = _command(workshop, "-p", "n=400000", before=limit)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert _without_index(snapshot(workshop.out)) == _without_index(before)


def test_a_reader_who_polls_sees_the_old_page_or_the_new_one(tmp_path: Path) -> None:
    writer = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from cxstats.reporting import publish
        goal = publish.target(publish.open_out(Path(sys.argv[1])), "demo", "size")
        for number in range(100):
            publish.fresh_staging(goal)
            page = f"<p>{number}" * 20_000 + "<p>end"
            name = publish.companion_name("analyst", page)
            publish.publish(goal, {"index.html": f"{name}\\n{page}", name: page}, f"run-{number}.json", "{}")
        """
    )
    out = tmp_path / "out"
    going = subprocess.Popen([sys.executable, "-c", writer, str(out)])
    page = out / "demo" / "size" / "index.html"
    _wait_for(page)
    seen = set()
    while going.poll() is None:
        name, _, text = page.read_text(encoding="utf-8").partition("\n")
        first = text[: text.index("<p>", 1)]
        assert text == first * 20_000 + "<p>end"
        assert publish.companion_name("analyst", text) == name
        assert (page.parent / name).exists()
        seen.add(first)
    assert going.returncode == 0
    assert len(seen) > 5

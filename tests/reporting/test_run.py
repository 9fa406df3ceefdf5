"""Whole runs in real kernels: what can go wrong in a notebook, and what a run must leave behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from cxstats.reporting import publish, record, run
from cxstats.reporting.execute import Limits
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, Workshop, part_cell

PARAMETERS = 'survey: str = "demo"\nlabel: str = "all"\nn: int = 3'


def _render(workshop: Workshop, limits: Limits | None = None, **given: str) -> list[run.Outcome]:
    progress = Progress(io.StringIO(), live=False)
    return run.render(
        workshop.plan(**given), publish.open_out(workshop.out), limits=limits, progress=progress
    )


def _kernels() -> set[int]:
    """Process ids of the kernels that this process started."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"JPY_PARENT_PID={os.getpid()}\0".encode() in status.read_bytes():
                found.add(int(status.parent.name))
        except OSError:
            continue
    return found


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


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "Code cell 3 (1 / 0) failed: division by zero (ZeroDivisionError)."),
        (
            "class SurveyError(ValueError): pass\nraise SurveyError('export.csv, row 17: 11 is not on 0–10')",
            "export.csv, row 17: 11 is not on 0–10",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "out of memory is the likely cause"),
        ("import os; os._exit(0)", "ended itself in code cell 3"),
        ("import sys; sys.exit(0)", "ended itself in code cell 3"),
        ("raise MemoryError", "Memory ran out in code cell 3"),
        ("while True: pass", "ran longer than 2 seconds"),
        ("raise ValueError('no such person: ann@example.com')", "no such person: […]"),
    ],
    ids=["exception", "survey-error", "killed", "os-exit", "sys-exit", "memory", "endless", "identifier"],
)
def test_a_notebook_that_does_not_end_well_publishes_nothing(
    workshop: Workshop, snapshot, source, words
) -> None:
    workshop.add("size", "print('before')", source, "print('after')", parameters=PARAMETERS)
    workshop.out.mkdir()
    (outcome,) = _render(workshop, Limits(cell=2, run=60))
    assert outcome.status == "failed"
    assert words in outcome.cause
    assert "Traceback" not in outcome.cause
    assert sorted(snapshot(workshop.out)) == ["index.html"]
    assert not _kernels()
    kept = json.loads(outcome.kept.read_text(encoding="utf-8"))
    states = [cell["metadata"].get("cxstats", {}).get("state") for cell in kept["cells"]]
    assert states[-2:] == ["failed", "not run"]  # papermill would call both completed
    assert "This run failed" in "".join(kept["cells"][0]["source"])
    assert words in record.cards(workshop.out)[0]["failed"]["cause"]


def test_a_report_that_takes_too_long_as_a_whole_is_stopped(workshop: Workshop) -> None:
    workshop.add("size", *(["import time; time.sleep(1)"] * 20), parameters=PARAMETERS)
    (outcome,) = _render(workshop, Limits(cell=60, run=3))
    assert "took longer than 3 seconds" in outcome.cause
    assert not _kernels()


# Runs in a process of their own ---------------------------------------------------------------------


def _command(workshop: Workshop, *options: str) -> list[str]:
    script = [sys.executable, "-W", "error", "-m", "cxstats.cli", "render"]
    return [*script, "--catalog", str(workshop.catalog), "--out", str(workshop.out), *options]


def _publish_old_page(workshop: Workshop) -> None:
    goal = publish.target(publish.open_out(workshop.out), "demo", "size")
    publish.fresh_staging(goal)
    publish.publish(goal, {"index.html": "<p>the old page"}, "run-old.json", "{}")


def _wait_for(path: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def _gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split(") ")[1][0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(
    ("sent", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
    ids=["ctrl-c", "sigterm", "sigkill"],
)
def test_an_interrupted_run_leaves_no_process_and_the_old_page(
    workshop: Workshop, snapshot, sent, code
) -> None:
    flag = workshop.folder / "pid"
    source = f"""
        import os, pathlib, time
        flag = pathlib.Path({str(flag)!r})
        if flag.exists():
            flag.write_text(str(os.getpid()))
            pathlib.Path({str(flag) + "-set"!r}).touch()
            time.sleep(60)
        """
    workshop.add("size", textwrap.dedent(source), parameters=PARAMETERS)
    _publish_old_page(workshop)
    before = snapshot(workshop.out)
    flag.touch()
    going = subprocess.Popen(
        _command(workshop),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a job in the background of a script is started deaf to Ctrl-C, and so would this one be
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    _wait_for(Path(f"{flag}-set"))
    busy = (
        subprocess.run(_command(workshop), capture_output=True, text=True, check=False)
        if code == 130
        else None
    )
    going.send_signal(sent)
    said, complained = going.communicate(timeout=30)
    assert going.returncode == code, complained
    assert "Traceback" not in said + complained
    assert _gone(int(flag.read_text(encoding="ascii")))
    assert {name: data for name, data in snapshot(workshop.out).items() if name != "index.html"} == {
        name: data for name, data in before.items() if name != "index.html"
    }
    if busy is not None:  # a second run while the first was going
        assert busy.returncode == 3
        assert "another run" in busy.stderr
    if sent == signal.SIGKILL:
        flag.unlink()
        (outcome,) = _render(workshop)  # the lock of the dead process binds nobody
        assert outcome.status == "ok"


@pytest.mark.skipif(os.name != "posix", reason="RLIMIT_FSIZE is POSIX")
def test_a_disk_too_small_for_the_page_keeps_the_old_one(workshop: Workshop, snapshot) -> None:
    workshop.add("size", "print('x' * n)", parameters=PARAMETERS)
    _publish_old_page(workshop)
    before = snapshot(workshop.out)
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "sys.argv = ['cxstats', *sys.argv[1:]]; from cxstats.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, *_command(workshop, "-p", "n=400000")[5:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert {name: data for name, data in snapshot(workshop.out).items() if name != "index.html"} == {
        name: data for name, data in before.items() if name != "index.html"
    }


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

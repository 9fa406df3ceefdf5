"""Commands of the user's after a report: what they are told, and that they can undo nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cxstats import cli
from cxstats.reporting import hooks, record
from cxstats.reporting.errors import UsageError

RECORD = {
    "run": "000001-20250402T060000Z-aaaaaa",
    "survey": "ours",
    "report": "size",
    "started": "",
    "header": {},
    "answer": {},
    "page": None,
}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    failed = RECORD | {"status": "failed", "error": {"cause": "a; $(rm -rf /) `x`"}}
    record.save(tmp_path, failed)
    return tmp_path


def script(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "hook.py"
    path.write_text(text, encoding="utf-8")
    return [sys.executable, str(path)]


def test_a_hook_is_told_of_the_run_and_no_shell_reads_it(out: Path) -> None:
    parts = script(
        out,
        "import json, os, sys\n"
        "about = {k: v for k, v in os.environ.items() if k.startswith('CXSTATS_')}\n"
        "json.dump([sys.argv[1:], about], open(sys.argv[0] + '.json', 'w'))",
    )
    assert hooks.run_hook([*parts, "two words"], out, "ours", "size") == ""
    arguments, about = json.loads((out / "hook.py.json").read_text())
    path = out / ".records" / "ours" / "size" / f"{RECORD['run']}.json"
    assert arguments == ["two words", str(path)]
    assert json.loads(path.read_text(encoding="utf-8"))["status"] == "failed"
    assert about["CXSTATS_STATUS"] == "failed"
    assert about["CXSTATS_CAUSE"] == "a; $(rm -rf /) `x`"
    assert (about["CXSTATS_RECORD"], about["CXSTATS_PAGE"]) == (str(path), "")


def test_what_goes_wrong_in_a_hook_is_told(out: Path) -> None:
    assert hooks.run_hook(script(out, "raise SystemExit('no mail server')"), out, "ours", "size").endswith(
        "exit code 1 (no mail server)"
    )
    slow = hooks.run_hook(script(out, "import time; time.sleep(60)"), out, "ours", "size", timeout=0.5)
    assert "stopped after 0.5 seconds" in slow
    assert "left no record" in hooks.run_hook(["true"], out, "ours", "other")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("no-such-program-here x", "there is no program"),
        ("mail 'x", "no closing quotation"),
    ],
)
def test_a_hook_that_cannot_be_run_is_refused_before_anything_runs(text, words) -> None:
    with pytest.raises(UsageError, match=words):
        hooks.command("--on-success", text)


class _Job:
    class survey:
        name = "ours"

    report = "size"
    name = "ours/size"


def test_a_failing_hook_is_told_by_the_exit_code_unless_a_report_failed(out: Path, capsys) -> None:
    from cxstats.reporting.run import Outcome

    ok, failed = Outcome(_Job, "ok"), Outcome(_Job, "failed")
    bad = {"ok": ["false"], "failed": ["true"]}
    assert cli._hooked(0, [ok], out, bad) == cli.HOOK_FAILED == 4
    assert "ours/size: the hook did not do its work: false: exit code 1" in capsys.readouterr().err
    assert cli._hooked(1, [ok, failed], out, bad) == 1
    assert cli._hooked(0, [Outcome(_Job, "unchanged")], out, bad) == 0, "nothing new, nothing to tell"

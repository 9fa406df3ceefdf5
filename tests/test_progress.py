"""The line that tells how far a study is: there for who waits, and nowhere else."""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from pathlib import Path

import pytest

import cxstats
from cxstats.progress import step, steps

ROOT = Path(cxstats.__file__).parent


class Terminal(io.TextIOWrapper):
    """What a terminal is given to print."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return self.bytes.getvalue().decode(self.encoding)


def _outside_of_tests(monkeypatch: pytest.MonkeyPatch, stream: io.TextIOBase | None) -> None:
    """As if no test were running, in a plain Python whose standard error is ``stream``."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setattr(sys, "stderr", stream)


def _study() -> None:
    with steps("Sample size", "waves", "groups"):
        step("waves")
        with steps("Another", "within"):  # shows nothing of its own
            step("within")
        step("groups")


def test_a_terminal_shows_one_line_and_has_none_in_the_end(monkeypatch) -> None:
    terminal = Terminal()
    _outside_of_tests(monkeypatch, terminal)
    _study()
    first, second, wiped, end = terminal.text.lstrip("\r").split("\r")
    assert first == f"Sample size  {'░' * 20}  1 of 2: waves"
    assert second == f"Sample size  {'█' * 10}{'░' * 10}  2 of 2: groups"
    assert wiped == " " * len(second)
    assert end == ""


def test_a_narrow_terminal_without_unicode_gets_what_it_can_show(monkeypatch) -> None:
    terminal = Terminal("ascii")
    _outside_of_tests(monkeypatch, terminal)
    monkeypatch.setenv("COLUMNS", "30")
    _study()
    lines = terminal.text.split("\r")
    assert "Sample size  ##########......" in lines
    assert max(map(len, lines)) == 29


def test_the_line_goes_when_the_study_fails(monkeypatch) -> None:
    terminal = Terminal()
    _outside_of_tests(monkeypatch, terminal)
    with contextlib.suppress(ZeroDivisionError), steps("Sample size", "waves"):
        step("waves")
        1 / 0  # noqa: B018
    assert terminal.text.endswith(" \r")
    step("waves")  # outside of a study: nothing happens
    assert terminal.text.endswith(" \r")


@pytest.mark.parametrize("why", ["tests", "no terminal", "dumb", "no stream"])
def test_where_nobody_waits_nothing_is_shown(monkeypatch, why) -> None:
    stream = io.StringIO() if why == "no terminal" else None if why == "no stream" else Terminal()
    _outside_of_tests(monkeypatch, stream)
    if why == "tests":
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "this one")
    if why == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    _study()
    assert getattr(stream, "text", "") == ""
    assert why != "no terminal" or stream.getvalue() == ""


# one notebook, asked as JupyterLab asks (it names the cell) and as papermill does
_CODE = """
import os; os.environ.pop("PYTEST_CURRENT_TEST", None)
from cxstats.progress import step, steps
with steps("A <study>", "one", "two"):
    step("one"); step("two")
"""


def test_a_notebook_shows_it_to_who_ran_the_cell_and_a_rendered_page_never() -> None:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        seen = {}
        for who, metadata in (("papermill", {}), ("JupyterLab", {"cellId": "abc"})):
            message = client.session.msg(
                "execute_request",
                {"code": _CODE, "silent": False, "store_history": True, "user_expressions": {}},
                metadata=metadata,
            )
            client.shell_channel.send(message)
            seen[who] = []
            while True:
                told = client.get_iopub_msg(timeout=60)
                if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                    continue
                if told["content"].get("execution_state") == "idle":
                    break
                if told["msg_type"] not in ("status", "execute_input"):
                    seen[who].append(told)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert seen["papermill"] == []
    kinds = [told["msg_type"] for told in seen["JupyterLab"]]
    assert kinds == ["display_data", "update_display_data", "update_display_data"]
    assert len({told["content"]["transient"]["display_id"] for told in seen["JupyterLab"]}) == 1
    first, second, last = (told["content"]["data"] for told in seen["JupyterLab"])
    assert first["text/plain"] == "A <study>, 1 of 2: one"
    assert "A &lt;study&gt;, 2 of 2: two" in second["text/html"]
    assert '<progress value="1" max="2">' in second["text/html"]
    assert set(last.values()) == {""}


def _called(name: str, tree: ast.AST) -> list[list[str]]:
    """The text arguments of every call of ``name``, in the order of the file."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == name]
    return [[ast.literal_eval(argument) for argument in call.args] for call in found]


ROOMS = [ROOT / "survey", *sorted(path.parent for path in (ROOT / "studies").glob("*/study.py"))]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_study_comes_to_the_steps_it_names_and_no_others(room) -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(room.glob("*.py"))]
    ((_title, *named),) = [arguments for tree in trees for arguments in _called("steps", tree)]
    reached = [name for tree in trees for (name,) in _called("step", tree)]
    assert sorted(reached) == sorted(set(named))
    assert len(named) > 1

"""What somebody who waits for a study sees: one line with a bar, gone when the study is there.

Only somebody who waits: a person at a terminal, or at a notebook's cell. In a rendered report, in a log, in
tests and in other programs nothing is shown, so a page is the same however it came about.

A study names its steps, and says which it has come to; nothing else is asked of it::

    with steps("Sample size", "waves", "groups", "plans"):
        step("waves")
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Any, Protocol, TextIO

__all__ = ["step", "steps"]

_BAR = 20  # characters
_WIDEST = 100


class _Line(Protocol):
    """Where the line is shown."""

    def show(self, title: str, step: str, done: int, of: int) -> None: ...

    def clear(self) -> None: ...


class _Study:
    """A study under way: its steps, and the line that tells of them."""

    def __init__(self, line: _Line, title: str, names: tuple[str, ...]) -> None:
        self.line, self.title, self.names = line, title, names

    def at(self, step: str) -> None:
        if step in self.names:  # else that of another one, which this one called
            self.line.show(self.title, step, self.names.index(step), len(self.names))


_current: ContextVar[_Study | None] = ContextVar("cxstats_progress", default=None)


@contextmanager
def steps(title: str, *names: str) -> Iterator[None]:
    """Show, to whoever waits, which of the steps ``names`` the work called ``title`` has come to.

    Within another one it shows nothing of its own.
    """
    line = None if _current.get() else _line()
    if line is None:
        yield
        return
    token = _current.set(_Study(line, title, names))
    try:
        yield
    finally:
        _current.reset(token)
        line.clear()


def step(name: str) -> None:
    """The work has come to the step ``name``, one of the names given to :func:`steps`; outside of it, nothing happens."""
    study = _current.get()
    if study is not None:
        study.at(name)


def _line() -> _Line | None:
    """Where somebody would see it; None where nobody does."""
    if "PYTEST_CURRENT_TEST" in os.environ:
        return None
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if hasattr(shell, "kernel"):
        return _InNotebook() if _somebody_ran_this_cell(shell) else None
    stream = sys.stderr
    if stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb":
        return _OnTerminal(stream)
    return None


def _somebody_ran_this_cell(shell: Any) -> bool:
    """JupyterLab and the like say which cell they run; papermill and nbconvert say nothing."""
    asked = shell.get_parent()
    return isinstance(asked, dict) and "cellId" in (asked.get("metadata") or {})


class _OnTerminal:
    """A line that is rewritten, and wiped in the end."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.width = stream, 0

    def show(self, title: str, step: str, done: int, of: int) -> None:
        full = round(_BAR * done / of)
        text = f"{title}  {'█' * full}{'░' * (_BAR - full)}  {done + 1} of {of}: {step}"
        self._write(text[: min(_WIDEST, shutil.get_terminal_size().columns - 1)])

    def clear(self) -> None:
        self._write("")
        self._put("\r")

    def _write(self, text: str) -> None:
        self._put(f"\r{text:<{self.width}}")
        self.width = len(text)

    def _put(self, text: str) -> None:
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            self.stream.write(text.replace("█", "#").replace("░", ".").encode("ascii", "replace").decode())
        self.stream.flush()


class _InNotebook:
    """An output of the cell that is replaced, and empty in the end."""

    def __init__(self) -> None:
        self.handle: Any = None

    def show(self, title: str, step: str, done: int, of: int) -> None:
        text = f"{title}, {done + 1} of {of}: {step}"
        bar = f'<label>{escape(text)} <progress value="{done}" max="{of}"></progress></label>'
        self._put({"text/plain": text, "text/html": bar})

    def clear(self) -> None:
        if self.handle is not None:
            self._put({"text/plain": "", "text/html": ""})

    def _put(self, data: dict[str, str]) -> None:
        from IPython.display import display

        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)

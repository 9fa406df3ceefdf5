"""Run one notebook through papermill and know for certain whether it ran to its end.

papermill's output notebook cannot tell: a killed or timed-out kernel leaves every cell marked
completed, and ``sys.exit(0)`` passes for success. So a cell is appended that writes a token, new for
every run, to a file; only a run that reached it can have written it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import logging
import os
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxstats.reporting.errors import RenderError
from cxstats.reporting.kernel import Kernel
from cxstats.reporting.scan import redact

if TYPE_CHECKING:
    from cxstats.reporting.forked import ForkServer

__all__ = ["Executed", "ExecutionFailed", "Limits", "execute", "quick_imports"]

_SENTINEL_TAG = "cxstats-sentinel"
_OWN_WORDS = {"SurveyError", "UsageError"}  # exceptions whose message is all a user needs
_MEMORY = {"MemoryError", "OutOfMemoryException", "ArrowMemoryError", "_ArrayMemoryError"}
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a kernel's start, one cell, and the whole notebook may take."""

    start: float = 60
    cell: float = 600
    run: float = 3600


@dataclass(frozen=True, slots=True)
class Executed:
    """A notebook that ran to its end.

    Attributes
    ----------
    notebook : the executed notebook, without the runner's own cells and without times of this run.
    n_cells : code cells run.
    seconds : time taken until the kernel was ready (``start``) and by the cells (``cells``).
    """

    notebook: Any
    n_cells: int
    seconds: dict[str, float]


class ExecutionFailed(RenderError):
    """The notebook did not run to its end; ``notebook`` is what there is of it, honestly marked."""

    def __init__(self, cause: str, detail: str, notebook: Any) -> None:
        super().__init__("execute", redact(cause), detail)
        self.notebook = notebook


class _EndedItself(Exception):
    """A cell asked for the end of its process."""


@dataclass(slots=True)
class _Attempt:
    """What the thread that runs the notebook knows, for the one that waits."""

    kernel: Kernel
    started: float
    notebook: Any = None
    cell: int = -1
    ready: float = 0.0
    error: BaseException | None = None
    status: int | None = None
    done: threading.Event = field(default_factory=threading.Event)


_importing = threading.RLock()


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import Jupyter's libraries without one that builds a grammar of internationalised addresses.

    jsonschema imports it where it finds it, which takes 1.5 s, and leaves that check out where it
    does not; notebooks need none.
    """
    name = "rfc3987_syntax"
    with _importing:
        hide = name not in sys.modules
        if hide:
            sys.modules[name] = None  # type: ignore[assignment]
        try:
            yield
        finally:
            if hide:
                sys.modules.pop(name, None)


def execute(
    notebook: Path,
    parameters: Mapping[str, Any],
    work: Path,
    *,
    limits: Limits | None = None,
    shown: Mapping[str, Any] | None = None,
    on_cell: Callable[[int, int], None] = lambda cell, of: None,
    meanwhile: Callable[[], None] = lambda: None,
    note: Callable[[str], None] = lambda text: None,
    server: ForkServer | None = None,
    threads: int | None = None,
    stop: threading.Event | None = None,
    variables: Mapping[str, str] | None = None,
) -> Executed:
    """Run ``notebook`` with ``parameters`` (checked, JSON-plain) in the private folder ``work``.

    Parameters
    ----------
    shown : the parameters as the page prints them.
    on_cell : told ``(number, of)`` of every code cell that starts.
    meanwhile : called once while Python starts for the notebook: time that would be spent waiting.
    note : told in words of what a log should hold.
    server : forks the notebook's process; without one it is a Python of its own.
    threads : the most that one library may use in it.
    stop : set by another thread to end the run, which then raises KeyboardInterrupt.
    variables : what the notebook's process sees of the environment besides this one's.

    Raises ExecutionFailed, and KeyboardInterrupt as it comes; either way no process is left behind.
    """
    with quick_imports():
        import nbformat

        import cxstats.reporting.engine  # noqa: F401 (papermill learns of it)
    limits = limits or Limits()
    source = nbformat.reads(notebook.read_text(encoding="utf-8"), as_version=4)
    token = secrets.token_hex(16)
    finished = work / "finished"
    source.cells.append(_sentinel(nbformat, finished, token))
    codes = [i for i, cell in enumerate(source.cells) if cell.cell_type == "code" and cell.source.strip()]
    # papermill puts its own cell after the parameters
    total = len(codes) - 1 + bool(parameters)
    began = time.monotonic()

    def attempt(server: ForkServer | None) -> _Attempt:
        kernel = Kernel(work, server=server, threads=threads, seconds=limits.start, variables=variables)
        one = _Attempt(kernel, began)
        work_through = functools.partial(_work_through, one, source, parameters, limits, on_cell, total)
        worker = threading.Thread(target=work_through, name="notebook", daemon=True)
        worker.start()
        try:
            meanwhile()
            _wait(one, limits, stop)
        finally:
            if not one.done.is_set():
                kernel.stop("interrupted")
                one.done.wait(10)
            one.status = kernel.exit_status() if kernel.process else None
            kernel.close()
        return one

    with _quiet_logs():
        one = attempt(server)
        if one.error is not None and one.notebook is None and not one.kernel.stopped_early:
            # Nothing of the notebook has run. Not forked this time: what stood against it may still do.
            note(f"Python did not start ({one.error}); trying once more")
            one = attempt(None)
    reached = _reached(finished, token)
    result = _without_ours(one.notebook)
    if one.error is not None or one.kernel.stopped == "deadline" or not reached:
        cause, detail = _diagnosis(one, limits)
        raise ExecutionFailed(cause, detail, _honest(result, one.cell, cause))
    return Executed(
        notebook=_cleaned(result, shown if shown is not None else parameters),
        n_cells=total,
        seconds={
            "start": round(one.ready - began, 3),
            "cells": round(time.monotonic() - one.ready, 3),
        },
    )


def _work_through(
    one: _Attempt,
    source: Any,
    parameters: Mapping[str, Any],
    limits: Limits,
    on_cell: Callable[[int, int], None],
    total: int,
) -> None:
    """papermill's part, in a thread of its own; every end of it is told in ``one``."""
    import papermill

    def started(notebook: Any) -> None:
        one.notebook, one.ready = notebook, time.monotonic()

    def cell_started(cell: Any, cell_index: int) -> None:
        one.cell = cell_index
        if cell.cell_type == "code" and _SENTINEL_TAG not in cell.metadata.get("tags", []):
            before = one.notebook.cells[: cell_index + 1]
            on_cell(sum(c.cell_type == "code" and bool(c.source.strip()) for c in before), total)

    def cell_executed(execute_reply: Mapping[str, Any], **_: Any) -> None:
        # exit and quit end the kernel a moment later: cells that follow at once would still run
        if any(told.get("source") == "ask_exit" for told in execute_reply["content"].get("payload", ())):
            raise _EndedItself

    try:
        papermill.execute_notebook(
            copy.deepcopy(source),
            None,
            parameters=dict(parameters),
            engine_name="cxstats",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            start_timeout=max(1, round(limits.start)),
            execution_timeout=max(1, round(limits.cell)),
            autosave_cell_every=0,
            kernel_manager_class=one.kernel.manager_class(),
            shutdown_kernel="immediate",
            iopub_timeout=60,
            store_widget_state=False,
            on_notebook_start=started,
            on_cell_start=cell_started,
            on_cell_executed=cell_executed,
        )
    except BaseException as error:
        one.error = error
    finally:
        _close_loop()
        one.done.set()


def _close_loop() -> None:
    """End this thread's event loop, which nbclient leaves open, and whatever still waits in it."""
    import asyncio

    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    waiting = asyncio.all_tasks(loop)
    for task in waiting:
        task.cancel()
    with contextlib.suppress(Exception):
        loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
    loop.close()


def _sentinel(nbformat: Any, finished: Path, token: str) -> Any:
    source = (
        "import pathlib as _cx_pathlib\n"
        f"_cx_pathlib.Path({str(finished)!r}).write_text({token!r}, encoding='ascii')\n"
        "del _cx_pathlib"
    )
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [_SENTINEL_TAG]})
    cell["id"] = "cxstats-sentinel"
    return cell


def _reached(finished: Path, token: str) -> bool:
    try:
        return finished.read_text(encoding="ascii") == token
    except (OSError, UnicodeDecodeError):
        return False


def _wait(one: _Attempt, limits: Limits, stop: threading.Event | None) -> None:
    """Until the worker is done; short waits, so that Ctrl-C is answered on every system."""
    deadline = one.started + limits.run
    while not one.done.wait(0.1):
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        if time.monotonic() > deadline:
            one.kernel.stop("deadline")
            one.done.wait(10)
            return


_quiet = threading.Lock()
_quieted: list[tuple[logging.Logger, int, bool]] = []
_speakers = 0


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """papermill and nbclient log what we say better; a console must not carry both.

    Loggers belong to the process: the first of several reports silences them, the last one gives them back.
    """
    global _speakers
    with _quiet:
        if not _speakers:
            for name in ("papermill", "traitlets", "asyncio"):
                logger = logging.getLogger(name)
                _quieted.append((logger, logger.level, logger.propagate))
                logger.setLevel(logging.CRITICAL + 1)
                logger.propagate = False
        _speakers += 1
    try:
        yield
    finally:
        with _quiet:
            _speakers -= 1
            if not _speakers:
                for logger, level, propagate in _quieted:
                    logger.setLevel(level)
                    logger.propagate = propagate
                _quieted.clear()


# What went wrong, in words ------------------------------------------------------------------------


def _diagnosis(one: _Attempt, limits: Limits) -> tuple[str, str]:
    error, kernel, status = one.error, one.kernel, one.status
    where = _place(one.notebook, one.cell)
    detail = f"{type(error).__name__}: {error}\n{kernel.log_tail()}" if error else kernel.log_tail()
    detail = _ANSI.sub("", detail)
    kind = type(error).__name__
    if kernel.stopped == "deadline":
        cause = f"The report took longer than {limits.run:g} seconds and was stopped in {where}."
        return f"{cause} Raise --run-timeout if it may take that long.", detail
    if kind == "PapermillExecutionError":
        return _exception(error, where), detail
    if kind == "CellTimeoutError":
        cause = f"{_capital(where)} ran longer than {limits.cell:g} seconds and was stopped."
        return f"{cause} Raise --cell-timeout if it may take that long.", detail
    if one.notebook is None:
        return _not_started(error, kernel, status, limits), detail
    if kind in ("DeadKernelError", "RuntimeError") and status is not None:
        return _died(where, status), detail
    if error is not None and not isinstance(error, _EndedItself):
        if isinstance(error, OSError):
            return f"The notebook could not be run: {error.strerror or error}.", detail
        return f"The notebook could not be run ({kind}: {str(error)[:300]}).", detail
    return _ended_itself(where), detail


def _ended_itself(where: str) -> str:
    return f"The notebook ended itself in {where}: exit, quit or sys.exit. A report must run to its end."


def _exception(error: Any, where: str) -> str:
    name = error.ename
    message = _ANSI.sub("", error.evalue or "").strip()
    if name in _MEMORY:
        return f"Memory ran out in {where}. Use a machine with more memory, or fewer groups."
    if name in _OWN_WORDS:
        return message.removeprefix("1 problem:\n- ")[:2000]
    if name == "KeyboardInterrupt":
        return f"The notebook was interrupted in {where}."
    if name == "SystemExit":
        return _ended_itself(where)
    return f"{_capital(where)} failed: {message[:600] or 'no message'} ({name})."


def _not_started(error: BaseException | None, kernel: Kernel, status: int | None, limits: Limits) -> str:
    tail = kernel.log_tail(1)
    late = status is None or "respond" in str(error)  # nbclient's words; how it then ended it says nothing
    if late or kernel.process is None:
        return f"Python did not start for the notebook within {limits.start:g} seconds. {tail}".strip()
    return f"Python for the notebook ended before it was ready (exit {status}). {tail}".strip()


def _died(where: str, status: int) -> str:
    if os.name == "posix" and status == -signal.SIGKILL:
        return (
            f"The notebook's process was killed in {where}: out of memory is the likely cause. "
            "Use a machine with more memory, or fewer groups."
        )
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"The notebook's process crashed in {where} ({name})."
    return f"The notebook's process ended itself in {where} (exit {status}) before its last cell."


def _place(notebook: Any, index: int) -> str:
    if notebook is None or not 0 <= index < len(notebook.cells):
        return "the notebook"
    before = [
        cell for cell in notebook.cells[: index + 1] if cell.cell_type == "code" and cell.source.strip()
    ]
    number = sum("injected-parameters" not in cell.metadata.get("tags", []) for cell in before)
    lines = [line.strip() for line in notebook.cells[index].source.splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return f"code cell {number}" + (f" ({first[:60]}{'…' if len(first) > 60 else ''})" if first else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# The notebook afterwards --------------------------------------------------------------------------


def _honest(notebook: Any, failed: int, cause: str) -> Any:
    """What there is of a failed run: the cause on top, cells marked as they really ended."""
    if notebook is None:
        return None
    import nbformat

    for index, cell in enumerate(notebook.cells):
        state = "ran" if index < failed else "failed" if index == failed else "not run"
        cell.metadata["cxstats"] = {"state": state}
    words = "\n".join(f"> {line}" for line in cause.splitlines())
    top = nbformat.v4.new_markdown_cell(f"**This run failed.**\n\n{words}")
    notebook.cells.insert(0, top)
    return notebook


def _cleaned(notebook: Any, shown: Mapping[str, Any]) -> Any:
    """The executed notebook as it is converted: the same for the same inputs, and nothing of this machine."""
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
            cell.source = "\n".join(f"{name} = {value!r}" for name, value in shown.items())
    return json_safe(notebook)


def _without_ours(notebook: Any) -> Any:
    """The notebook without the runner's cell, papermill's error banners and times of this run."""
    if notebook is None:
        return None
    ours = {_SENTINEL_TAG, "papermill-error-cell-tag"}
    notebook.cells = [cell for cell in notebook.cells if not ours & set(cell.metadata.get("tags", []))]
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    return notebook


def json_safe(notebook: Any) -> Any:
    """The notebook with lone surrogates replaced: JSON carries them, UTF-8 cannot."""
    text = json.dumps(notebook, ensure_ascii=False)
    clean = text.encode("utf-8", "replace").decode("utf-8")
    if clean == text:
        return notebook
    import nbformat

    return nbformat.reads(clean, as_version=4)

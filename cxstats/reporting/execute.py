"""Run one notebook through papermill and know for certain whether it ran to its end.

papermill's output notebook cannot tell: a killed or timed-out kernel leaves every cell marked
completed, and ``sys.exit(0)`` passes for success. So a cell is appended that writes a token, new for
every run, to a file; only a run that reached it can have written it.
"""

from __future__ import annotations

import contextlib
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
from typing import Any

from cxstats.reporting.errors import RenderError
from cxstats.reporting.kernel import Kernel
from cxstats.reporting.scan import redact

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


@dataclass(slots=True)
class _Progress:
    """What the worker knows, for the thread that waits."""

    notebook: Any = None
    cell: int = -1
    started: float = 0.0
    ready: float = 0.0
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import Jupyter's libraries without one that builds a grammar of internationalised addresses.

    jsonschema imports it where it finds it, which takes 1.5 s, and leaves that check out where it
    does not; notebooks need none.
    """
    name = "rfc3987_syntax"
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
) -> Executed:
    """Run ``notebook`` with ``parameters`` (checked, JSON-plain) in the private folder ``work``.

    ``on_cell(number, of)`` is told of every code cell that starts. ``meanwhile`` is called once while the
    kernel starts: time that would be spent waiting. ``shown`` are the parameters as the page prints them.

    Raises ExecutionFailed, and KeyboardInterrupt as it comes; either way no process is left behind.
    """
    with quick_imports():
        import nbformat
        import papermill
    limits = limits or Limits()
    source = nbformat.reads(notebook.read_text(encoding="utf-8"), as_version=4)
    token = secrets.token_hex(16)
    finished = work / "finished"
    source.cells.append(_sentinel(nbformat, finished, token))
    codes = [i for i, cell in enumerate(source.cells) if cell.cell_type == "code" and cell.source.strip()]
    # papermill puts its own cell after the parameters
    total = len(codes) - 1 + bool(parameters)
    progress = _Progress(started=time.monotonic())
    kernel = Kernel(work)

    def started(notebook: Any) -> None:
        progress.notebook, progress.ready = notebook, time.monotonic()

    def cell_started(cell: Any, cell_index: int) -> None:
        progress.cell = cell_index
        if cell.cell_type == "code" and _SENTINEL_TAG not in cell.metadata.get("tags", []):
            before = progress.notebook.cells[: cell_index + 1]
            on_cell(sum(c.cell_type == "code" and bool(c.source.strip()) for c in before), total)

    def work_through() -> None:
        try:
            papermill.execute_notebook(
                source,
                None,
                parameters=dict(parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                request_save_on_cell_execute=False,
                start_timeout=max(1, round(limits.start)),
                execution_timeout=max(1, round(limits.cell)),
                autosave_cell_every=0,
                kernel_manager_class=kernel.manager_class(),
                shutdown_kernel="immediate",
                iopub_timeout=60,
                store_widget_state=False,
                on_notebook_start=started,
                on_cell_start=cell_started,
            )
        except BaseException as error:
            progress.error = error
        finally:
            _close_loop()
            progress.done.set()

    with _quiet_logs():
        worker = threading.Thread(target=work_through, name="notebook", daemon=True)
        worker.start()
        try:
            meanwhile()
            _wait(progress, kernel, limits)
        finally:
            if not progress.done.is_set():
                kernel.stop("interrupted")
                progress.done.wait(10)
            status = kernel.exit_status() if kernel.process else None
            kernel.close()
    reached = _reached(finished, token)
    result = _without_ours(progress.notebook)
    if progress.error is not None or kernel.stopped in ("deadline",) or not reached:
        cause, detail = _diagnosis(progress, kernel, status, limits)
        raise ExecutionFailed(cause, detail, _honest(result, progress.cell, cause))
    return Executed(
        notebook=_cleaned(result, shown if shown is not None else parameters),
        n_cells=total,
        seconds={
            "start": round(progress.ready - progress.started, 3),
            "cells": round(time.monotonic() - progress.ready, 3),
        },
    )


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


def _wait(progress: _Progress, kernel: Kernel, limits: Limits) -> None:
    """Until the worker is done; short waits, so that Ctrl-C is answered on every system."""
    deadline = progress.started + limits.run
    while not progress.done.wait(0.2):
        if time.monotonic() > deadline:
            kernel.stop("deadline")
            progress.done.wait(10)
            return


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """papermill and nbclient log what we say better; a console must not carry both."""
    loggers = [logging.getLogger(name) for name in ("papermill", "traitlets", "asyncio")]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate, _) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.propagate = propagate


# What went wrong, in words ------------------------------------------------------------------------


def _diagnosis(progress: _Progress, kernel: Kernel, status: int | None, limits: Limits) -> tuple[str, str]:
    error = progress.error
    where = _place(progress.notebook, progress.cell)
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
    if progress.notebook is None:
        return _not_started(kernel, status, limits), detail
    if kind in ("DeadKernelError", "RuntimeError") and status is not None:
        return _died(where, status), detail
    if error is not None:
        if isinstance(error, OSError):
            return f"The notebook could not be run: {error.strerror or error}.", detail
        return f"The notebook could not be run ({kind}: {str(error)[:300]}).", detail
    cause = f"The notebook ended itself in {where} before its last cell (sys.exit, or exit())."
    return f"{cause} A report must run to its end.", detail


def _exception(error: Any, where: str) -> str:
    name = error.ename
    message = _ANSI.sub("", error.evalue or "").strip()
    if name in _MEMORY:
        return f"Memory ran out in {where}. Use a machine with more memory, or fewer groups."
    if name in _OWN_WORDS:
        return message.removeprefix("1 problem:\n- ")[:2000]
    if name == "KeyboardInterrupt":
        return f"The notebook was interrupted in {where}."
    return f"{_capital(where)} failed: {message[:600] or 'no message'} ({name})."


def _not_started(kernel: Kernel, status: int | None, limits: Limits) -> str:
    tail = kernel.log_tail(1)
    if status is None or status == -signal.SIGTERM or kernel.process is None:
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

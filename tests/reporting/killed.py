"""A run killed at every moment that it changes something on disk; run by test_transaction as a process of its own.

Killing wants a process that can be forked, one a moment, and a test's process cannot: it may have threads.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from cxstats.reporting import publish, record, run
from cxstats.reporting.execute import Executed
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, PART, Workshop

MOMENTS = 200


def render(workshop: Workshop, text: str) -> None:
    """A run whose notebook says ``text``."""

    def execute(*_: Any, **__: Any) -> Executed:
        cell = nbformat.v4.new_code_cell("show", id="show")
        cell.outputs = [nbformat.v4.new_output("display_data", {PART: part}) for part in (HEADER, ANSWER)]
        cell.outputs.append(nbformat.v4.new_output("stream", text=text))
        return Executed(nbformat.v4.new_notebook(cells=[cell]), 1, {"start": 0.0, "cells": 0.0})

    run.execute = execute
    run.render(
        workshop.plan(), publish.open_out(workshop.out), progress=Progress(io.StringIO()), engine="kernel"
    )


def plain_converter() -> None:
    """A page as plain as can be."""

    def to_html(notebook: Any, *, edition: str, **_: Any) -> str:
        said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.outputs)
        return f"<!doctype html><title>{edition}</title>{said}<p>end of page"

    module = types.ModuleType("cxstats.reporting.convert")
    module.to_html = to_html
    sys.modules[module.__name__] = module


def kill_at(moment: int, out: Path) -> None:
    """From here on this process is killed just before the ``moment``-th change below ``out``."""
    left = [moment]

    def before(real: Callable[..., Any], counts: Callable[..., bool]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            if counts(*args):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return changed

    def below(path: Any, *_: Any) -> bool:
        return not isinstance(path, int) and str(path).startswith(str(out))

    os.replace = before(os.replace, below)
    os.unlink = before(os.unlink, below)
    os.mkdir = before(os.mkdir, below)
    os.fsync = before(os.fsync, lambda *_: True)
    builtins.open = before(open, lambda path, mode="r", *_: "w" in mode and below(path))


def seen(folder: Path) -> dict[str, bytes]:
    """Every file of a report's folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main() -> None:
    """Print what came of every killing, as JSON."""
    workshop = Workshop(Path(sys.argv[1]))
    workshop.add("size", "1", parameters='survey: str = "demo"')
    plain_converter()
    render(workshop, "first")
    folder = workshop.out / "demo" / "size"
    told = []
    for moment in range(MOMENTS):
        old = seen(folder)
        text = f"attempt {moment} "
        pid = os.fork()
        if pid == 0:
            kill_at(moment, workshop.out)
            render(workshop, text)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        lies_there = seen(folder)
        page = lies_there["index.html"].decode("utf-8")
        run.rebuild_index(workshop.out)
        (card,) = record.cards(workshop.out)
        index = (workshop.out / "index.html").read_text(encoding="utf-8")
        told.append(
            {
                "status": os.waitstatus_to_exitcode(status),
                "published": text in page,
                "whole": page.endswith("end of page"),
                "old_is_old": text in page or all(lies_there.get(name) == was for name, was in old.items()),
                "companions": (workshop.out / card["analyst_href"]).is_file(),
                "failed": (card["failed"] or {}).get("cause", ""),
                "index": "demo/size/index.html" in index and index.rstrip().endswith("</html>"),
            }
        )
        if status == 0:
            break
    render(workshop, "at last")
    (card,) = record.cards(workshop.out)
    left = [path.name for path in workshop.out.rglob("*") if path.is_file() and path.suffix in ("", ".tmp")]
    left += [path.name for path in (workshop.out / ".staging").iterdir()]
    last = "at last" in (folder / "index.html").read_text(encoding="utf-8") and card["failed"] is None
    print(json.dumps({"moments": told, "last": last, "left": left, "files": sorted(seen(folder))}))


if __name__ == "__main__":
    main()

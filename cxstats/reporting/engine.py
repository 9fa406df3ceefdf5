"""The papermill engine that reports run with: papermill's own, with a bound on what a cell may say.

A cell that prints in an endless loop, or a library that logs every row, would otherwise fill this process's
memory and the page. What goes beyond is counted and left out, and the page says so.
"""

from __future__ import annotations

from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.utils import merge_kwargs, remove_args

__all__ = ["LONGEST_OUTPUT", "LONGEST_TEXT", "NAME", "Engine"]

NAME = "cxstats"
LONGEST_TEXT = 1_000_000  # characters that one cell may print
LONGEST_OUTPUT = 64_000_000  # characters of everything else that a notebook may show


class Engine(NBClientEngine):
    """papermill's engine, with our client."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, start_timeout: int, execution_timeout: int, **settings: Any
    ) -> Any:
        """Run the notebook; the settings are nbclient's."""
        settings = merge_kwargs(
            remove_args(["input_path", "log_output", "stdout_file", "stderr_file"], **settings),
            timeout=execution_timeout,
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
        )
        return _Client(nb_man, **settings).execute()


class _Client(PapermillNotebookClient):
    """Counts what cells show, and stops keeping it where it is too much."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._printed: dict[int, int] = {}
        self._shown = 0

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> Any:
        content = msg["content"]
        if msg["msg_type"] == "stream":
            text = content.get("text", "")
            before = self._printed.get(cell_index, 0)
            self._printed[cell_index] = before + len(text)
            room = LONGEST_TEXT - before
            if len(text) > room:
                if room < 0:
                    return None
                note = f"\n[The cell printed more than {LONGEST_TEXT:,} characters: the rest is left out.]\n"
                content["text"] = text[:room] + note
                self._printed[cell_index] = max(self._printed[cell_index], LONGEST_TEXT + 1)
        elif msg["msg_type"] in ("display_data", "execute_result"):
            size = sum(len(value) for value in content["data"].values() if isinstance(value, str))
            if self._shown + size > LONGEST_OUTPUT:
                note = f"[Output of {size:,} characters left out: the notebook shows too much.]"
                content["data"], content["metadata"] = {"text/plain": note}, {}
            else:
                self._shown += size
        return super().output(outs, msg, display_id, cell_index)


papermill_engines.register(NAME, Engine)

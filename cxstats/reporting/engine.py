"""The papermill engine that reports run with: papermill's own, with a bound on what a notebook may show.

(What a cell may print is bounded where it is printed: :mod:`.outstream`.)
"""

from __future__ import annotations

from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.utils import merge_kwargs, remove_args

__all__ = ["MOST", "NAME", "Engine"]

NAME = "cxstats"
MOST = 64_000_000  # characters that a notebook may show in all: more would only fill this process


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

    _shown = 0

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> Any:
        content = msg["content"]
        shown = (
            {"text/plain": content.get("text", "")}
            if msg["msg_type"] == "stream"
            else content.get("data", {})
        )
        size = sum(len(value) for value in shown.values() if isinstance(value, str))
        self._shown += size
        if self._shown > MOST:
            note = f"[{size:,} characters left out: the notebook shows more than {MOST:,}.]\n"
            if msg["msg_type"] == "stream":
                content["text"] = note
            elif "data" in content:
                content["data"], content["metadata"] = {"text/plain": note}, {}
        return super().output(outs, msg, display_id, cell_index)


papermill_engines.register(NAME, Engine)

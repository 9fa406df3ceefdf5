"""The floor of rendering: the notebooks' analyses and figures in one plain script, no Jupyter, no page.

Everything is imported once; then every notebook has a process of its own, forked, WORKERS at a time.

notebooks_plain.py WORKERS NOTEBOOK NAME=VALUE [NOTEBOOK NAME=VALUE ...]
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import sys
from pathlib import Path


def preload() -> None:
    """What the notebooks import themselves, and no more."""
    for name in (
        "seaborn", "statsmodels.formula.api", "ibis.backends.duckdb", "cxstats.studies.sample_size.figures",
        "cxstats.studies.response_rate_bias.figures", "cxstats.studies.extreme_response_bias.figures",
        "cxstats.studies.predictive_validity.figures", "cxstats.simulation",
    ):  # fmt: skip
        importlib.import_module(name)


def work(notebook: Path, setting: str) -> int:
    """Run the cells and draw what they show; how many parts that were."""
    names: dict[str, object] = {}
    shown = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        body = ast.parse("".join(cell["source"])).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), notebook.name, "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            name, _, value = setting.partition("=")
            names[name] = value
        if last is not None:
            result = eval(compile(ast.Expression(last.value), notebook.name, "eval"), names)
            shown += [part._repr_mimebundle_() for part in getattr(result, "parts", [result])]
    return len(shown)


def main() -> None:
    workers, *rest = sys.argv[1:]
    waiting = list(zip(map(Path, rest[::2]), rest[1::2], strict=True))
    preload()
    running: set[int] = set()
    while waiting or running:
        if waiting and len(running) < int(workers):
            notebook, setting = waiting.pop(0)
            pid = os.fork()
            if pid == 0:
                os._exit(0 if work(notebook, setting) > 5 else 1)
            running.add(pid)
            continue
        pid, status = os.wait()
        running.discard(pid)
        if status:
            sys.exit(f"a notebook failed ({os.waitstatus_to_exitcode(status)})")


if __name__ == "__main__":
    main()

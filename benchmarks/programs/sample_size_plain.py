"""The floor of rendering: the notebook's analysis and figures in one plain script, no Jupyter, no page."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path


def main() -> None:
    notebook, metric = Path(sys.argv[1]), sys.argv[2]
    names: dict[str, object] = {}
    shown = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        body = ast.parse("".join(cell["source"])).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), notebook.name, "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names["metric"] = metric
        if last is not None:
            result = eval(compile(ast.Expression(last.value), notebook.name, "eval"), names)
            shown += [part._repr_mimebundle_() for part in getattr(result, "parts", [result])]
    print(json.dumps({"parts": len(shown), "characters": sum(len(str(part)) for part in shown)}))


if __name__ == "__main__":
    main()

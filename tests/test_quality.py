"""The house rules that a machine can keep: style, import contract, clean notebooks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


def _run(root: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_code_and_notebooks_are_lint_free(root: Path) -> None:
    _run(root, "ruff", "check", "--no-cache", ".")


def test_code_and_notebooks_are_formatted(root: Path) -> None:
    _run(root, "ruff", "format", "--no-cache", "--check", ".")


def test_rooms_import_only_what_the_contract_allows(root: Path) -> None:
    script = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_an_article_without_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in notebook["cells"]) == 1
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert all("id" in cell for cell in notebook["cells"])
    for cell in code:
        lines = [line for line in "".join(cell["source"]).splitlines() if line.strip()]
        assert len(lines) <= 15, "logic belongs in the package"
        assert not any(line.lstrip().startswith(("def ", "class ", "for ", "while ")) for line in lines)

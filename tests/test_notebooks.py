"""Every notebook runs from its first cell to its last with its own defaults."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_with_its_defaults_from_any_folder(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    parts = [
        output["data"]["application/vnd.cxstats.part+json"]["part"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "application/vnd.cxstats.part+json" in output.get("data", {})
    ]
    assert parts[:4] == ["header", "answer", "points", "know"]
    assert parts[-3:] == ["limits", "method", "ledger"]
    assert parts.count("figure") >= 5

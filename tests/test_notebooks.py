"""Every notebook runs from its first cell to its last with its own defaults."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxstats.reporting.execute import Limits, execute
from cxstats.reporting.forked import ForkServer, available
from cxstats.reporting.kernel import environment

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(
    set(FOLDER.glob("*.ipynb")) - {FOLDER / "start_here.ipynb"}
)  # no study: tests/test_start.py
LONG = ("extreme_response_bias", "predictive_validity", "response_rate_bias", "score_overview")
"""A quarter of a minute each, and their studies are run by other tests too: with the long simulations."""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer | None]:
    """One Python with everything imported, which every notebook's is forked from; None where none can be."""
    if not available():
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, ForkServer(environment(Path(folder))) as one:
        yield one


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.simulation] if path.stem in LONG else [])
        for path in NOTEBOOKS
    ],
)
def test_notebook_runs_with_its_defaults_from_any_folder(
    path: Path, tmp_path: Path, server: ForkServer | None
) -> None:
    done = execute(path, {}, tmp_path, limits=Limits(start=300, cell=300), server=server)
    parts = [
        output["data"]["application/vnd.cxstats.part+json"]["part"]
        for cell in done.notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "application/vnd.cxstats.part+json" in output.get("data", {})
    ]
    assert parts[:4] == ["header", "answer", "points", "know"]
    assert parts[-3:] == ["limits", "method", "ledger"]
    assert parts.count("figure") >= 5

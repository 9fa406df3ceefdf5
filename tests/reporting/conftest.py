"""Tiny notebooks, catalogues and output folders for the tests of rendering."""

from __future__ import annotations

import html
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cxstats.reporting import catalog as catalogs
from cxstats.reporting.plan import Job, SurveyRef, plan

PART = "application/vnd.cxstats.part+json"

HEADER = {
    "part": "header",
    "study": "Sample size",
    "measure": "Net promoter score (NPS)",
    "survey_title": "Contoso relationship survey",
    "period_text": "January–March 2025",
    "population": "Retail customers",
    "facts": [],
    "data_as_of_text": "31 March 2025",
    "simulated": True,
    "n_text": "8,497 of 40,000 answered",
}
ANSWER = {
    "part": "answer",
    "question": "Did NPS change by 5 points?",
    "verdict": "negligible",
    "verdict_words": "No difference that matters",
    "answer": "NPS held steady.",
    "rule": "The interval lies inside the margin.",
    "effect": "change in NPS",
    "needed": None,
    "margin": 5.0,
    "unit": "points",
    "value": 0.8,
    "low": -1.4,
    "high": 3.0,
    "assumption_low": None,
    "assumption_high": None,
    "previous": "",
    "previous_label": "Last period",
}


def part_cell(*parts: dict[str, Any]) -> str:
    """Source of a cell that shows display parts without importing any library."""
    lines = ["from IPython.display import display"]
    lines += [f"display({{{PART!r}: {part!r}, 'text/plain': 'part'}}, raw=True)" for part in parts]
    return "\n".join(lines)


def write_notebook(path: Path, *sources: str, parameters: str = "") -> Path:
    """A notebook of code cells, the first one tagged as parameters where given."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if parameters:
        cells.insert(0, nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


class Workshop:
    """A folder with a catalogue and notebooks, and a folder for pages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.entries: dict[str, dict[str, Any]] = {}

    def add(self, report: str, *sources: str, parameters: str = "", **entry: Any) -> None:
        """A notebook and its entry in the catalogue."""
        write_notebook(self.folder / "notebooks" / f"{report}.ipynb", *sources, parameters=parameters)
        self.entries[report] = {"notebook": report, "title": f"Title of {report}"} | entry

    @property
    def catalog(self) -> Path:
        """The catalogue, written anew."""
        path = self.folder / "reports" / "catalog.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"reports": self.entries}), encoding="utf-8")  # JSON is YAML
        return path

    def plan(self, *reports: str, **given: str) -> list[Job]:
        """Jobs on the demo survey."""
        jobs, _ = plan(catalogs.load(self.catalog), reports=reports, given=given, describe=demo_survey)
        return jobs


def demo_survey(survey: str) -> SurveyRef:
    """Stands for any survey; one of which a change cannot be seen, so that every run is a run."""
    return SurveyRef(name="demo", value="demo", shown="demo", files=None)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """An empty workshop."""
    return Workshop(tmp_path)


@pytest.fixture
def plain_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter and an index as plain as can be, for tests of what happens around them."""

    def to_html(notebook: Any, *, edition: str, title: str, **_: Any) -> str:
        said = [
            html.escape("".join(output.get("text", "")) or str(output.get("data", {}).get("text/plain", "")))
            for cell in notebook.cells
            for output in cell.get("outputs", [])
        ]
        source = [html.escape(cell.source) for cell in notebook.cells] if edition == "analyst" else []
        return f"<!doctype html><title>{html.escape(title)}</title>{'<p>'.join(source + said)}<p>end of page"

    def render_index(cards: list[dict[str, Any]]) -> str:
        rows = [f"{card['survey']}/{card['report']} {card['href']} failed={card['failed']}" for card in cards]
        return "<!doctype html><title>index</title>" + html.escape("\n".join(rows))

    for name, function in (("convert", to_html), ("index", render_index)):
        module = types.ModuleType(f"cxstats.reporting.{name}")
        setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """What readers can see below a folder: every file that is not in a private one."""

    def take(out: Path) -> dict[str, bytes]:
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(out).parts)
        }

    return take

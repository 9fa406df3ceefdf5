"""Files beside the page: published with it, replaced with it, missed when they are gone."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from cxstats.reporting import catalog as catalogs
from cxstats.reporting import paper, publish, run
from cxstats.reporting.errors import UsageError
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, Workshop, part_cell

SAYS = "import os\nassert os.environ['CXSTATS_SLIDES'] == {!r}"


def _render(workshop: Workshop, force: bool = False) -> tuple[list[run.Outcome], str]:
    log = io.StringIO()
    out = publish.open_out(workshop.out)
    return run.render(
        workshop.plan(), out, progress=Progress(log), engine="kernel", force=force
    ), log.getvalue()


def _beside(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix in (".xlsx", ".txt", ".pdf", ".png")}


def test_files_come_and_go_with_their_page(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paper.BROWSER_VARIABLE, "no-such-browser")
    found: list[set[str]] = []
    for verdict in ("negligible", "inconclusive", "material"):
        cell = part_cell(HEADER, ANSWER | {"verdict": verdict, "verdict_words": verdict})
        workshop.add("r", SAYS.format("1"), cell, downloads=["tables", "findings", "slides", "pdf"])
        (outcome,), log = _render(workshop)
        assert outcome.status == "ok", outcome.cause
        assert "step=skipped" in log
        assert "the PDF: Chromium is not installed" in log
        folder = outcome.page.parent
        html = outcome.page.read_text(encoding="utf-8")
        linked = set(re.findall(r'href="([^"/]+)" download=', html))
        assert {name.partition("-")[0] for name in linked} == {"tables", "main"}
        assert linked <= _beside(folder)
        found.append(linked)
    assert len(found[0] | found[1] | found[2]) == 6
    assert _beside(folder) == found[1] | found[2], "those of the page before the last one are gone"


def test_a_report_without_downloads_has_none(workshop: Workshop) -> None:
    workshop.add("r", SAYS.format(""), part_cell(HEADER, ANSWER), downloads="none")
    (outcome,), _ = _render(workshop)
    assert outcome.status == "ok", outcome.cause
    assert _beside(outcome.page.parent) == set()
    assert "Take it with you" not in outcome.page.read_text(encoding="utf-8")


def test_a_secret_in_a_file_beside_the_page_stops_publication(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # in the page as well, so the page's own look is passed over here
    monkeypatch.setattr("cxstats.reporting.scan.problems", lambda html, **_: [])
    workshop.add("r", part_cell(HEADER | {"population": "ann@example.com"}, ANSWER))
    (outcome,), _ = _render(workshop)
    assert outcome.status == "failed"
    assert "xlsx holds an e-mail address" in outcome.cause
    assert "ann@example.com" not in outcome.cause
    assert not workshop.out.joinpath("demo", "r").exists()


def test_what_the_catalogue_may_ask_for(workshop: Workshop) -> None:
    workshop.add("r", "1", downloads="all")
    assert workshop.plan()[0].downloads == ("tables", "findings", "slides", "pdf")
    workshop.add("r", "1")
    assert workshop.plan()[0].downloads == ("tables", "findings")
    workshop.add("r", "1", downloads=["tabels"])
    with pytest.raises(UsageError, match="downloads"):
        catalogs.load(workshop.catalog)

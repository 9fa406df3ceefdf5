"""Pages in a real browser: nothing is fetched, nothing runs, nothing is out of reach.

Needs the extra ``browser`` and a Chromium; without either these tests are skipped, and say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxstats.reporting import paper
from cxstats.reporting.convert import to_html
from cxstats.reporting.downloads import downloads
from cxstats.reporting.index import render_index

from .hostile import cards, report
from .payloads import MARK
from .sample_cards import card
from .sample_notebook import hostile_notebook, notebook

CHROMIUM = paper.browser()
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None,
    reason=f"CHROMIUM ABSENT: {paper.BROWSER_VARIABLE} can name its program; this test did not run",
)
_MARK = MARK.partition("(")[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by playwright."""
    if CHROMIUM is None:
        pytest.skip("CHROMIUM ABSENT: no page was opened in a browser")
    playwright = pytest.importorskip(
        "playwright.sync_api",
        reason="PLAYWRIGHT ABSENT: pip install 'cxstats[browser]'; no page was opened in a browser",
    )
    with playwright.sync_playwright() as one:
        chromium = one.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report in both editions, an index, and the same with payloads for names."""
    folder = tmp_path_factory.mktemp("pages")
    ordinary, hostile = notebook(), report()
    formulas = ("## Mathematics", r"With $\hat p \pm z\sqrt{p(1-p)/n}$:", r"$$\sum_{i=1}^{n} w_i x_i$$")
    ordinary.cells[7].source += "".join(f"\n\n{text}" for text in formulas)
    made = {
        "reader": to_html(ordinary, downloads=downloads(ordinary), analyst_href="analyst.html"),
        "analyst": to_html(ordinary, edition="analyst", reader_href="reader.html"),
        "index": render_index([card("material", "NPS is too high", [1.0, None, 8.0], 3.0)]),
        "outputs": to_html(hostile_notebook()),
        "hostile reader": to_html(hostile, downloads=downloads(hostile)),
        "hostile analyst": to_html(hostile, edition="analyst"),
        "hostile index": render_index(cards()),
    }
    paths = {}
    for name, html in made.items():
        paths[name] = folder / f"{name.replace(' ', '-')}.html"
        paths[name].write_text(html, encoding="utf-8")
    return paths


class Visit:
    """One page opened at one width, and what happened meanwhile."""

    def __init__(self, browser: Any, path: Path, width: int, *, bypass_csp: bool = False) -> None:
        self.requests: list[str] = []
        self.said: list[str] = []
        self.ran: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=bypass_csp)
        self.page = self.context.new_page()
        self.page.expose_function(_MARK, lambda *_: self.ran.append("a payload ran"))
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("console", lambda m: self.said.append(m.text))
        self.page.on("pageerror", lambda e: self.said.append(str(e)))
        self.page.on("dialog", lambda d: (self.ran.append("a dialog"), d.dismiss()))
        self.page.goto(path.as_uri())
        self.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")

    @property
    def fetched(self) -> list[str]:
        return [url for url in self.requests[1:] if not url.startswith("data:image/")]

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


ORDINARY = ("reader", "analyst", "index", "outputs")
HOSTILE = ("hostile reader", "hostile analyst", "hostile index")


@pytest.mark.parametrize("name", ORDINARY)
def test_nothing_is_fetched_nothing_complains_and_nothing_is_out_of_sight(browser, pages, name):
    with Visit(browser, pages[name], 320) as visit:
        assert visit.fetched == []
        assert visit.said == []
        wide = visit.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1], "the page scrolls sideways at 320 px"
        if name != "outputs":  # where one picture is made to fail
            assert visit.page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("name", ORDINARY)
def test_axe_finds_nothing(browser, pages, name, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="AXE ABSENT: pip install 'cxstats[browser]'; accessibility was not checked",
    )
    with Visit(browser, pages[name], width) as visit:
        found = axe.Axe().run(visit.page).response
        assert len(found["passes"]) > 15
        assert any(rule["id"] == "color-contrast" for rule in found["passes"])
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_no_payload_runs_even_without_the_policy(browser, pages, name):
    with Visit(browser, pages[name], 1280, bypass_csp=True) as visit:
        page = visit.page
        # what waits for a pointer or for focus gets it
        page.evaluate(
            "document.querySelectorAll('body *').forEach(e => ['mouseover', 'focus', 'click', 'toggle', 'error', 'load']"
            ".forEach(t => e.tagName === 'A' && t === 'click' || e.dispatchEvent(new Event(t, {bubbles: true}))))"
        )
        page.wait_for_timeout(150)
        assert visit.ran == []
        assert visit.fetched == []
        acting = (
            "script, iframe, object, embed, form, base, link, img[onerror], [onload], [onerror], [onfocus]"
        )
        assert page.locator(acting).count() == 0
        assert page.evaluate(
            "[...document.querySelectorAll('*')].every(e => [...e.attributes].every(a => !a.name.startsWith('on')))"
        )
        hrefs = page.evaluate("[...document.links].map(a => a.href)")
        assert all(re.match(r"file:///", href) for href in hrefs)


def test_a_payload_that_is_not_escaped_would_be_noticed(browser, tmp_path):
    path = tmp_path / "open.html"
    path.write_text(f"<!DOCTYPE html><title>x</title><img src=x onerror={MARK}>", encoding="utf-8")
    with Visit(browser, path, 1280, bypass_csp=True) as visit:
        visit.page.wait_for_timeout(150)
        assert visit.ran


def test_the_policy_stops_a_script_that_slipped_through(browser, pages, tmp_path):
    html = pages["reader"].read_text(encoding="utf-8")
    path = tmp_path / "slipped.html"
    path.write_text(
        html.replace("<main", f"<script>{MARK}</script><img src=x onerror={MARK}><main", 1), encoding="utf-8"
    )
    with Visit(browser, path, 1280) as visit:
        visit.page.wait_for_timeout(150)
        assert visit.ran == []
        assert visit.said, "the browser says that it refused"


def test_the_narrow_picture_is_shown_on_a_phone_and_the_wide_one_on_a_desk(browser, pages):
    widths = {}
    for width in (1280, 390):
        with Visit(browser, pages["reader"], width) as visit:
            widths[width] = visit.page.evaluate("document.querySelector('picture img').naturalWidth")
    assert widths == {1280: 720, 390: 328}


def test_formulas_are_set_by_the_browser(browser, pages):
    with Visit(browser, pages["reader"], 1280) as visit:
        inline, block = visit.page.locator("math").all()
        assert inline.bounding_box()["height"] > 12
        # one line of text is 17 px high
        assert block.bounding_box()["height"] > 27, "the sum stands with its limits above and below"


def test_contents_and_findings_lead_to_their_places(browser, pages):
    with Visit(browser, pages["reader"], 390) as visit:
        page = visit.page
        for link in page.locator(".cx-contents a, a.cx-anchor").all():
            target = link.get_attribute("href")
            assert page.locator(target).count() == 1
        page.locator(".cx-contents a", has_text="Method and versions").click()
        assert abs(page.locator("#method").bounding_box()["y"]) < 900


def test_the_validator_finds_no_error(pages):
    html5lib = pytest.importorskip(
        "html5lib", reason="HTML5LIB ABSENT: pip install 'cxstats[browser]'; HTML was not validated"
    )
    for path in pages.values():
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(path.read_text(encoding="utf-8"))
        assert parser.errors == [], path.name


@needs_chromium
def test_on_paper_pages_are_numbered_tagged_and_the_same_every_time(pages):
    html = pages["reader"].read_text(encoding="utf-8")
    printed = paper.pdf(html)
    assert printed == paper.pdf(html)
    assert printed.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in printed, "readers who listen get its structure"
    assert len(re.findall(rb"/Type /Page\b", printed)) > 2
    assert b"19800101000000" in printed


def test_without_a_browser_there_is_no_paper_and_the_reason_is_given(monkeypatch):
    monkeypatch.setenv(paper.BROWSER_VARIABLE, "no-such-browser")
    assert paper.browser() is None
    with pytest.raises(paper.NoPaper, match="not installed"):
        paper.pdf("<p>x")

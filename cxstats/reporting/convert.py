"""An executed notebook to the page that readers open: one offline file that fetches and runs nothing.

The parts a study displays (header, answer, figures, ...) travel in the notebook as plain data; the
page is made from that data with the package's own templates, in the order that
:mod:`cxstats.display.parts` describes. A notebook's own HTML is never copied: tables are rebuilt from
their cells, everything else is shown as text. Markdown is the evidence's prose; HTML in it is
escaped. Errors, warnings and what a cell wrote to standard error never reach a page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup, escape
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from traitlets.config import Config

from cxstats.display.fragments import PART_MIME, environment, part_html
from cxstats.display.plain import printable
from cxstats.display.theme import css
from cxstats.reporting.downloads import Download
from cxstats.reporting.mathml import mathml
from cxstats.words import join_words

__all__ = ["Edition", "to_html"]

Edition = Literal["reader", "analyst"]

_PLACED = ("header", "answer", "points", "know", "limits", "method", "ledger")
_HEADS = {
    "points": ("main-points", "Main points"),
    "know": ("need-to-know", "What you need to know"),
    "limits": ("limits", "What this cannot tell you"),
    "method": ("method", "Method and versions"),
    "ledger": ("ledger", "Every row accounted for"),
    "downloads": ("downloads", "Take it with you"),
}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def to_html(
    notebook: Any,
    *,
    edition: Edition = "reader",
    title: str | None = None,
    index_href: str | None = "../../index.html",
    analyst_href: str | None = None,
    reader_href: str | None = None,
    footer: str = "",
    language: str = "en",
    downloads: Sequence[Download] = (),
) -> str:
    """The page of an executed notebook.

    Parameters
    ----------
    notebook : notebook node (nbformat 4), executed without errors; it is not changed.
    edition : "reader" leaves the code out, "analyst" has it folded away, each piece where it ran.
    title : the browser's title; by default the study and the page's heading.
    index_href : address of the index page, relative to this one; None for no link.
    analyst_href, reader_href : address of the other edition, for the foot of the page.
    footer : a line at the foot of the page.
    language : the page's language, as HTML names it.
    downloads : files that lie beside the page, which its last section links to.

    Returns
    -------
    A complete HTML document. The same notebook gives the same bytes.

    Raises
    ------
    ValueError : an unknown edition, or a part whose data is damaged (the message says which).
    """
    if edition not in ("reader", "analyst"):
        raise ValueError(f"a page has the editions 'reader' and 'analyst', not {edition!r}")
    page = _collect(notebook, title=title, language=language)
    page.show_code = edition == "analyst"
    page.index_href = index_href
    page.footer = footer
    if downloads:
        page.downloads = _download_list(downloads)
        page.contents.append(_HEADS["downloads"])
    page.editions = [
        (words, href)
        for words, href in (("Analyst edition, with code", analyst_href), ("Reader edition", reader_href))
        if href
    ]
    page.set_style()
    exporter = _ReportExporter(config=Config())
    html, _ = exporter.from_notebook_node(page.evidence, resources={"page": page})
    return printable(html)


# ---------------------------------------------------------------- what the page consists of


@dataclass
class _Page:
    """What the template places: parts as HTML, and the cells that are the evidence."""

    title: str
    print_title: str
    language: str
    evidence: Any
    figure_numbers: Mapping[str, int]
    simulated: bool
    contents: list[tuple[str, str]]
    header: str
    banner: str = ""
    facts: str = ""
    answer: str = ""
    points: str = ""
    know: str = ""
    limits: str = ""
    method: str = ""
    ledger: str = ""
    downloads: str = ""
    show_code: bool = False
    index_href: str | None = None
    footer: str = ""
    editions: list[tuple[str, str]] = field(default_factory=list)
    style: str = ""
    style_hash: str = ""

    def set_style(self) -> None:
        """The one style block, and the hash that lets it, and nothing else, apply."""
        sheets = ["parts", "page", *(["code"] if self.show_code else [])]
        type_ = (
            'font:8pt system-ui,"Segoe UI",Roboto,"Noto Sans",Arial,"DejaVu Sans",sans-serif;color:#45525f'
        )
        pages = 'counter(page) " of " counter(pages)'
        margins = (
            f'@bottom-left{{content:"{_css_string(self.print_title)}";{type_}}}'
            f"@bottom-right{{content:{pages};{type_}}}"
        )
        self.style = f"{css(*sheets)}\n@page{{{margins}}}"
        digest = hashlib.sha256(self.style.encode()).digest()
        self.style_hash = f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _download_list(files: Sequence[Download]) -> Markup:
    """Links to the files beside the page, each under the name it is to be saved as; slides share a line."""

    def link(file: Download, words: str) -> str:
        return f'<a href="{escape(file.name)}" download="{escape(file.saved_as)}">{escape(words)}</a>'

    lines = [
        f"<li>{link(file, file.words)} ({_size(file.content)})</li>"
        for file in files
        if file.kind != "slides"
    ]
    if slides := [link(file, file.words) for file in files if file.kind == "slides"]:
        lines.append(f"<li>Slides, 1920 × 1080 pixels: {', '.join(slides)}</li>")
    return Markup("\n".join(lines))


def _size(content: bytes) -> str:
    return f"{max(1, round(len(content) / 1000)):,} KB"


def _css_string(text: str) -> str:
    """Text that can stand in a CSS string whatever it holds."""
    return "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):06x}" for c in text)


def _collect(notebook: Any, *, title: str | None, language: str) -> _Page:
    """Sort the notebook's parts into their places; what is left, in its order, is the evidence."""
    import nbformat

    evidence = nbformat.from_dict(notebook)  # a deep copy: the caller's notebook stays as it is
    placed: dict[str, Mapping[str, Any]] = {}
    figures: list[str] = []
    for cell in evidence.cells:
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            part = output.get("data", {}).get(PART_MIME)
            kind = part.get("part") if isinstance(part, Mapping) else None
            if kind in _PLACED and kind not in placed:
                placed[kind] = part
                continue
            if kind == "figure":
                figures.append(str(part.get("key")))
            kept.append(output)
        cell.outputs = kept
    numbers = {key: i for i, key in enumerate(dict.fromkeys(figures), start=1)}

    own_title = _introduction(evidence, replaced="header" in placed)
    _gather_what_is_missing(evidence)
    taken = {"content", "contents", *(id for id, _ in _HEADS.values()), *(f"figure-{key}" for key in numbers)}
    headings = _headings(evidence, taken)
    header = placed.get("header")
    if header is not None:
        words = ", ".join(w for w in (header["survey_title"], header["period_text"]) if w)
        head = _render("header", header, numbers)
        browser, printed = f"{header['study']} · {words}", f"{header['study']} · {words}"
    else:
        words = own_title or title or "Report"
        head = f'<header class="cx-header"><h1>{escape(words)}</h1></header>'
        browser = printed = words
    simulated = bool(header and header["simulated"])
    before = [_HEADS[kind] for kind in ("points", "know") if kind in placed]
    after = [_HEADS[kind] for kind in ("limits", "method", "ledger") if kind in placed]
    page = _Page(
        title=title or browser,
        language=language,
        evidence=evidence,
        figure_numbers=numbers,
        simulated=simulated,
        header=head,
        contents=[*before, *headings, *after],
        print_title=printed + (" · Simulated data" if simulated else ""),
    )
    for kind, part in placed.items():
        if kind != "header":
            setattr(page, kind, _render(kind, part, numbers))
    if header is not None:
        macros = (
            environment()
            .get_template("parts.html.j2")
            .make_module({"figure_numbers": {}, "on_page": True, "ids": True})
        )
        if header["facts"]:
            page.facts = macros.facts(header["facts"])
        page.banner = f'<div class="cx-banner-inner">{macros.banner()}</div>'
    return page


def _render(kind: str, part: Mapping[str, Any], numbers: Mapping[str, int], *, ids: bool = True) -> Markup:
    try:
        return part_html(part, figure_numbers=numbers, on_page=True, ids=ids)
    except Exception as error:
        raise ValueError(f"the page's part {kind!r} is damaged: {error}") from error


def _introduction(notebook: Any, *, replaced: bool) -> str:
    """The notebook's own title, taken out of its first cell.

    What stands before the first ``##`` speaks to whoever opens the notebook ("change a parameter and
    run again"). Where the page has a header of its own, that takes its place and the prose is left out.
    """
    title = ""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        lines = cell.source.splitlines()
        at = next((i for i, line in enumerate(lines) if re.match(r"#{2,6}\s", line)), None)
        intro, rest = (lines, []) if at is None else (lines[:at], lines[at:])
        heading = next((line for line in intro if re.match(r"#\s", line)), None)
        if heading is not None and not title:
            title = heading.lstrip("# ").strip()
            intro.remove(heading)
        cell.source = "\n".join(rest if replaced else [*intro, *rest]).strip()
        if at is not None:
            break
    return title


def _gather_what_is_missing(notebook: Any) -> None:
    """Sections that only say why there is nothing to show become lines of one section at the end, one line a reason."""
    import nbformat

    sections: list[tuple[str, list[Any]]] = []
    for cell in notebook.cells:
        heading = re.match(r"##\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            sections.append((heading[1].strip(), []))
        if sections:
            sections[-1][1].append(cell)
    missing: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for words, cells in sections:
        outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
        parts = [output.get("data", {}).get(PART_MIME, {}) for output in outputs]
        if parts and all(part.get("part") == "note" and part.get("instead") for part in parts):
            for part in parts:
                missing.setdefault(part["text"], ([], part))[0].append(words)
            gone = {id(cell) for cell in cells}
            notebook.cells = [cell for cell in notebook.cells if id(cell) not in gone]
    if not missing:
        return
    heading = nbformat.v4.new_markdown_cell("## What is left out, and why", id="left-out")
    shown = nbformat.v4.new_code_cell(id="left-out-notes")
    for headings, part in missing.values():
        one = f"**{headings[0]}.** {part['text']}"
        several = f"{part['text']} So nothing is said on {join_words([f'“{words}”' for words in headings])}."
        note = {**part, "text": one if len(headings) == 1 else several}
        shown.outputs.append(nbformat.v4.new_output("display_data", {PART_MIME: note}))
    notebook.cells += [heading, shown]


def _headings(notebook: Any, taken: set[str]) -> list[tuple[str, str]]:
    """Ids and words of the evidence's sections; gives its headings ids and levels without a gap.

    Evidence that begins without a heading gets one, so that no figure's heading skips a level.
    """
    import nbformat

    found: list[tuple[str, str]] = []
    level = 1
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        plan = []
        for depth, words in _Headings.of(cell.source):
            depth = min(max(depth, 2), level + 1)
            name = _unique(_slug(words), taken)
            plan.append([depth, name])
            level = depth
            if depth == 2:
                found.append((name, words))
        cell.metadata["cx_headings"] = plan
    first = next((c for c in notebook.cells if _shows(c)), None)
    starts_well = first is not None and first.cell_type == "markdown" and first.metadata.get("cx_headings")
    if first is not None and not starts_well:
        name = _unique("evidence", taken)
        heading = nbformat.v4.new_markdown_cell("## Evidence", id="evidence")
        heading.metadata["cx_headings"] = [[2, name]]
        notebook.cells.insert(notebook.cells.index(first), heading)
        found.insert(0, (name, "Evidence"))
    return found


def _shows(cell: Any) -> bool:
    if cell.cell_type == "markdown":
        return bool(cell.source.strip())
    return cell.cell_type == "code" and any(_is_shown(output) for output in cell.outputs)


def _is_shown(output: Mapping[str, Any]) -> bool:
    if output["output_type"] == "stream":
        return output.get("name") == "stdout" and bool("".join(output.get("text", "")).strip())
    return output["output_type"] in ("display_data", "execute_result")


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "section"


def _unique(name: str, taken: set[str]) -> str:
    found, n = name, 2
    while found in taken:
        found, n = f"{name}-{n}", n + 1
    taken.add(found)
    return found


# ---------------------------------------------------------------- markdown


class _Headings(IPythonRenderer):
    """Finds a cell's headings as the renderer will meet them."""

    def __init__(self) -> None:
        super().__init__(escape=True)
        self.found: list[tuple[int, str]] = []

    @classmethod
    def of(cls, source: str) -> list[tuple[int, str]]:
        renderer = cls()
        MarkdownWithMath(renderer=renderer).render(source)
        return renderer.found

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        self.found.append((level, _plain(text)))
        return ""


class _Prose(IPythonRenderer):
    """Markdown for the page: HTML escaped, links kept where they are harmless, no picture fetched."""

    def __init__(self, plan: Iterable[tuple[int, str]], attachments: Mapping[str, Any]) -> None:
        super().__init__(escape=True, attachments=attachments, exclude_anchor_links=True)
        self._plan = list(plan)

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        depth, name = self._plan.pop(0)
        return f'<h{depth} id="{escape(name)}">{text}</h{depth}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not re.match(r"(https?://|mailto:|#|(?!//)[\w./-]+$)", url, re.IGNORECASE):
            return text
        return f'<a href="{escape(url)}">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        alt = _plain(text)
        if url.startswith("attachment:"):
            url = _attachment(self.attachments.get(url[len("attachment:") :], {}))
        if not re.match(r"data:image/(png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+/=]+$", url):
            return f"<em>{escape(alt)}</em>"  # a picture elsewhere would be a request
        return f'<img src="{escape(url)}" alt="{escape(alt)}">'

    def table(self, text: str) -> str:
        return _scrolling(f'<table class="cx-table">{text}</table>', "Table")

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        number = ' class="cx-num"' if align == "right" else ""
        return f'<th scope="col"{number}>{text}</th>' if head else f"<td{number}>{text}</td>"

    def block_code(self, code: str, info: str | None = None) -> str:
        return f'<pre tabindex="0"><code>{escape(code)}</code></pre>\n'

    def block_math(self, body: str) -> str:
        # a span: in a paragraph, where mathematics may stand, a block would end it
        inner = mathml(body, block=True) or f"<code>{escape(body)}</code>"
        return f'<span class="cx-math" role="group" tabindex="0" aria-label="Formula">{inner}</span>\n'

    def inline_math(self, body: str) -> str:
        return mathml(body) or f"<code>{escape(body)}</code>"


def _plain(html: str) -> str:
    """The words of rendered markdown."""
    return unescape(re.sub(r"<[^>]+>", "", html))


def _attachment(bundle: Mapping[str, str]) -> str:
    mime, data = next(iter(bundle.items()), ("", ""))
    return f"data:{mime};base64,{''.join(data.split())}"


def _markdown(cell: Mapping[str, Any]) -> Markup:
    if not cell["source"].strip():
        return Markup("")
    plan = cell.get("metadata", {}).get("cx_headings", [])
    renderer = _Prose(plan, cell.get("attachments", {}))
    return Markup(MarkdownWithMath(renderer=renderer).render(cell["source"]))


# ---------------------------------------------------------------- outputs


class _Outputs:
    """Outputs as the page shows them."""

    def __init__(self, page: _Page) -> None:
        self.page = page
        self._shown: set[str] = set()

    def html(self, output: Mapping[str, Any], cell: Mapping[str, Any]) -> Markup:
        """One output: a part, a table, a picture, or text; nothing for errors and standard error."""
        kind = output["output_type"]
        if kind == "stream":
            return _text(output["text"]) if output.get("name") == "stdout" else Markup("")
        if kind not in ("display_data", "execute_result"):
            return Markup("")
        data = output.get("data", {})
        if isinstance(data.get(PART_MIME), Mapping):
            part = data[PART_MIME]
            kind = str(part.get("part"))
            # what has a place of its own stands there; a figure shown twice is linked to where it stands first
            name = f"figure {part.get('key')}" if kind == "figure" else kind
            ids = name not in self._shown and kind not in _PLACED
            self._shown.add(name)
            return _render(kind, part, self.page.figure_numbers, ids=ids)
        if "text/html" in data:
            tables = _tables(_joined(data["text/html"]))
            if tables:
                return tables
        for mime in ("image/svg+xml", "image/png", "image/jpeg"):
            if mime in data:
                return _image(mime, _joined(data[mime]), output, cell)
        if "text/markdown" in data:
            return _markdown({"source": _demoted(_joined(data["text/markdown"]))})
        text = next((data[m] for m in ("text/plain", "text/latex") if m in data), "")
        return _text(text)


def _demoted(source: str) -> str:
    """Markdown made by code brings no headings of its own: the contents would not know them."""
    return re.sub(r"(?m)^ {0,3}#{1,6}\s+(.*)$", r"**\1**", re.sub(r"(?m)^ {0,3}(=+|-+)\s*$", "", source))


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _text(value: str | list[str]) -> Markup:
    text = _ANSI.sub("", _joined(value)).rstrip()
    if not text.strip():
        return Markup("")
    return Markup(f'<div class="cx-output"><pre tabindex="0">{escape(text)}</pre></div>')


def _image(mime: str, data: str, output: Mapping[str, Any], cell: Mapping[str, Any]) -> Markup:
    metadata = output.get("metadata", {})
    alt = (metadata.get(mime) or {}).get("alt") or metadata.get("alt") or cell.get("metadata", {}).get("alt")
    if mime == "image/svg+xml":
        encoded = base64.b64encode(data.encode()).decode("ascii")
    else:
        encoded = "".join(data.split())
        base64.b64decode(encoded, validate=True)
    words = escape(alt or "A picture for which no description was given")
    return Markup(f'<div class="cx-output"><img src="data:{mime};base64,{encoded}" alt="{words}"></div>')


class _Tables(HTMLParser):
    """Rebuilds the tables of an HTML output from their cells; every other tag is dropped.

    Only rows, cells, captions, spans and scopes survive, and text is escaped, so nothing in a data
    frame's HTML can act. Heads get the ``scope`` that pandas leaves out.
    """

    _KEPT = ("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td")
    _SILENT = ("style", "script", "template", "noscript", "title", "textarea", "iframe", "svg", "math")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[str] = []
        self._out: list[str] = []
        self._open: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self._silent += 1
        elif tag == "table" and "table" not in self._open:
            self._open.append(tag)
            self._out = ['<table class="cx-table">']
        elif tag in self._KEPT and "table" in self._open and tag != "table":
            while self._open[-1] in ("th", "td", "caption") and tag in self._KEPT:
                self._close(self._open[-1])
            self._open.append(tag)
            self._out.append(f"<{tag}{self._attributes(tag, dict(attrs))}>")
        elif tag == "br" and "table" in self._open:
            self._out.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in self._open:
            self._close(tag)

    def handle_data(self, data: str) -> None:
        if self._silent or not self._open:
            return
        if self._open[-1] in ("th", "td", "caption"):
            self._out.append(str(escape(data)))

    def _close(self, tag: str) -> None:
        while self._open:
            last = self._open.pop()
            self._out.append(f"</{last}>")
            if last == "table":
                self.tables.append("".join(self._out))
            if last == tag:
                return

    def _attributes(self, tag: str, attrs: Mapping[str, str | None]) -> str:
        if tag not in ("th", "td"):
            return ""
        kept = []
        for name in ("colspan", "rowspan"):
            if re.fullmatch(r"[1-9]\d{0,2}", attrs.get(name) or ""):
                kept.append(f'{name}="{attrs[name]}"')
        if tag == "th":
            scope = attrs.get("scope")
            default = "col" if "thead" in self._open else "row"
            kept.append(f'scope="{scope if scope in ("col", "row", "colgroup", "rowgroup") else default}"')
        return "".join(f" {attribute}" for attribute in kept)


def _tables(html: str) -> Markup:
    parser = _Tables()
    parser.feed(html)
    parser.close()
    if parser._open:
        parser._close("table")
    blocks = []
    for built in parser.tables:
        table = re.sub(r"<th[^>]*></th>", "<td></td>", built)  # an empty corner heads nothing
        name = re.search(r"<caption>(.*?)</caption>", table)
        blocks.append(_scrolling(table, name[1] if name else "Table"))
    return Markup("\n".join(blocks))


def _scrolling(table: str, label: str) -> str:
    """A table that scrolls in a region of its own, which the keyboard reaches."""
    return f'<div class="cx-scroll" role="group" tabindex="0" aria-label="{label}">{table}</div>'


# ---------------------------------------------------------------- nbconvert


class _ReportExporter(HTMLExporter):
    """nbconvert with the project's own template and filters, and nothing of its default page."""

    def __init__(self, **kw: Any) -> None:
        kw.setdefault("extra_template_basedirs", [str(Path(__file__).parent)])
        kw.setdefault("template_name", "template")
        super().__init__(**kw)

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        """The page. HTMLExporter's own pass over the finished HTML is left out: it would rewrite the style."""
        page = resources["page"]
        self.register_filter("highlight_code", _highlighter())
        self.register_filter("safe_output", _Outputs(page).html)
        self.register_filter("safe_markdown", _markdown)
        self.register_filter("first_line", _first_line)
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **kw)


def _first_line(source: str) -> str:
    """The first line of a cell that is not a comment: its name in the folded list."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    line = next((text for text in lines if not text.startswith("#")), lines[0] if lines else "")
    return line if len(line) <= 60 else f"{line[:59]}…"


@cache
def _highlighter() -> Callable[..., str]:
    colour = Highlight2HTML(pygments_lexer="ipython3")

    def highlighted(source: str, **options: Any) -> str:
        """Coloured code; what is too wide scrolls, and the keyboard can do that as well."""
        return colour(source, **options).replace("<pre>", '<pre tabindex="0">', 1)

    return highlighted

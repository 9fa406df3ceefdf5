"""Whatever a group, a label or a file is called, it is text wherever it goes."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree

import openpyxl
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from cxstats.display.plain import plain_text, printable
from cxstats.reporting import scan
from cxstats.reporting.convert import to_html
from cxstats.reporting.downloads import downloads
from cxstats.reporting.index import render_index

from .hostile import HARMLESS, N_DRAWN, cards, report
from .payloads import GROUPS, PAYLOADS

_INLINE = {"strong", "code", "a"}  # what a part's text may mark up
_OURS = re.compile(r"#|data:image/|(\.\./\.\./index|a|s/r/index)\.html$|[a-z]+-[0-9a-z-]+\.(xlsx|txt)$")
_SHAPE = re.compile(r"[ \t\n\r]+")


@cache
def notebook(texts):
    return report(texts)


@cache
def page(texts, edition):
    if edition == "index":
        return render_index(cards(texts))
    return to_html(notebook(texts), edition=edition, downloads=files(texts), analyst_href="a.html")


@cache
def files(texts):
    return downloads(notebook(texts))


class Shape(HTMLParser):
    """Elements with the names of their attributes, and every text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.addresses = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, *sorted(name for name, _ in attrs)))
        self.texts += [value or "" for _, value in attrs]
        self.addresses += [v or "" for k, v in attrs if k in ("href", "src", "srcset")]

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.elements.append(("comment",))

    def handle_decl(self, decl):
        self.elements.append((decl.lower(),))

    def handle_pi(self, data):
        self.elements.append(("processing instruction",))


def said(text):
    return _SHAPE.sub(" ", text)


def test_the_corpus_is_large_and_each_kind_is_there():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 150
    assert set(GROUPS) >= {
        "html", "attribute", "svg", "mathml", "css", "address", "markdown", "latex", "template", "formula", "yaml",
        "unicode",
    }  # fmt: skip


@pytest.mark.parametrize("edition", ["reader", "analyst", "index"])
def test_payloads_add_no_element_and_no_attribute(edition):
    hostile, harmless = Shape(page(PAYLOADS, edition)), Shape(page(HARMLESS, edition))
    # the code of the analyst edition is coloured word by word
    ours = [
        Counter(e for e in shape.elements if e[0] not in _INLINE | {"span"}) for shape in (hostile, harmless)
    ]
    assert ours[0] == ours[1]
    assert {e for e in hostile.elements if e[0] in _INLINE} <= {
        ("strong",), ("code",), ("a", "href"), ("a", "class", "href"), ("a", "download", "href"),
        ("a", "aria-label", "class", "href"),
    }  # fmt: skip
    for address in hostile.addresses:
        assert _OURS.match(address), address


@pytest.mark.parametrize("edition", ["reader", "analyst", "index"])
def test_every_payload_is_there_as_text(edition):
    texts = said("\n".join(Shape(page(PAYLOADS, edition)).texts))
    for payload in PAYLOADS:
        assert said(plain_text(payload)).strip() in texts or said(printable(payload)).strip() in texts, (
            payload
        )


@pytest.mark.parametrize("edition", ["reader", "analyst", "index"])
def test_the_last_look_finds_nothing_that_could_act(edition):
    assert scan.problems(page(PAYLOADS, edition), environ={}, limit=10**8) == []


def test_nothing_turns_the_direction_of_a_page_or_breaks_its_encoding():
    for edition in ("reader", "analyst", "index"):
        html = page(PAYLOADS, edition)
        html.encode("utf-8")
        assert not re.search(
            r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", html
        )
        assert "עברית" in html, "a script that runs from right to left stays"


def test_pictures_hold_the_payloads_as_text_alone():
    pictures = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page(PAYLOADS, "reader"))
    assert len(pictures) == 2
    for picture in pictures:
        root = ElementTree.fromstring(base64.b64decode(picture))
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "g", "text", "path", "defs", "style", "clipPath", "rect", "use"}
        assert not any(name.startswith("on") for element in root.iter() for name in element.attrib)
        drawn = said(" ".join(element.text or "" for element in root.iter() if element.tag.endswith("text")))
        assert all(said(printable(payload[:60])).strip() in drawn for payload in PAYLOADS[:N_DRAWN])


def test_workbook_cells_are_text_and_no_formula():
    file = next(file for file in files(PAYLOADS) if file.kind == "tables")
    assert scan.problems_of(file.name, file.content, environ={}) == []
    book = openpyxl.load_workbook(io.BytesIO(file.content))
    rows = list(book["Table 1"].iter_rows(min_row=4))
    assert rows[0][0].row == 4
    for row, payload in zip(rows, PAYLOADS, strict=True):
        assert row[0].value == re.sub("\r\n?", "\n", plain_text(payload)), payload
        assert row[0].data_type == "s"
        if payload.startswith(("=", "+", "-", "@", "\t", "\r", "＝")):
            assert row[0].quotePrefix
    for sheet in book:
        for row in sheet.iter_rows():
            assert all(cell.data_type != "f" and cell.hyperlink is None for cell in row)


def test_the_text_for_a_mail_holds_no_control_character():
    file = next(file for file in files(PAYLOADS) if file.kind == "findings")
    text = file.content.decode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert scan.problems_of(file.name, file.content, environ={}) == []


def test_names_of_files_hold_letters_and_digits_alone():
    for file in files(PAYLOADS):
        assert re.fullmatch(r"[a-z-]+-[0-9a-f]{12}\.(xlsx|txt)", file.name)
        assert re.fullmatch(r"[\w -]+\.(xlsx|txt)", file.saved_as)
        assert len(file.saved_as) < 130


def test_the_same_payloads_give_the_same_bytes():
    assert [file.content for file in downloads(notebook(PAYLOADS))] == [
        file.content for file in files(PAYLOADS)
    ]


def test_a_table_that_escapes_nothing_is_rebuilt_without_what_could_act():
    """As a Styler writes it: pandas' own tables escape, those do not."""
    rows = "".join(f"<tr><th>{i}</th><td>{text}</td></tr>" for i, text in enumerate(PAYLOADS))
    output = new_output("display_data", data={"text/html": f"<table>{rows}</table>", "text/plain": "x"})
    html = to_html(new_notebook(cells=[new_code_cell("frame", id="a", outputs=[output])]))
    assert scan.problems(html, environ={}) == []
    assert not {tag for tag, *_ in Shape(html).elements} & {"b", "img", "svg", "script", "form", "input"}

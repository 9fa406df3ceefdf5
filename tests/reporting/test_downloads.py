"""What a reader takes along: numbers that are numbers, words that are words, and nothing that the page hides."""

from __future__ import annotations

import io
import re
import zipfile
from functools import cache

import openpyxl
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from cxstats.display import slide
from cxstats.display.parts import Table
from cxstats.reporting import downloads as module
from cxstats.reporting import scan
from cxstats.reporting.convert import to_html
from cxstats.reporting.downloads import COMPANION, downloads, hashed_name
from cxstats.reporting.mathml import mathml

from .sample_notebook import notebook


@cache
def made():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(slide.SLIDES_VARIABLE, "1")
        return notebook()


@cache
def files(*kinds):
    return downloads(made(), kinds=kinds or module.KINDS)


def workbook(notebook=None):
    (file,) = downloads(notebook, kinds=("tables",)) if notebook else files("tables")
    return openpyxl.load_workbook(io.BytesIO(file.content))


def of(table):
    output = new_output("display_data", data=table._repr_mimebundle_())
    return new_notebook(cells=[new_code_cell("t", id="a", outputs=[output])])


def test_each_kind_is_there_and_named_by_its_content():
    assert [file.kind for file in files()] == ["tables", "findings", "slides", "slides", "slides"]
    for file in files():
        assert COMPANION.fullmatch(file.name)
        stem, _, suffix = file.name.rpartition(".")
        assert file.name == hashed_name(stem.rpartition("-")[0], file.content, suffix)
    assert files("findings")[0].saved_as == (
        "Response-rate bias Net promoter score NPS Contoso relationship survey January-March 2025.txt"
    )


def test_the_same_notebook_gives_the_same_bytes_whenever_it_is_made(monkeypatch):
    import time

    before = [file.content for file in downloads(made(), kinds=module.KINDS)]
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(4_000_000_000))
    assert [file.content for file in downloads(made(), kinds=module.KINDS)] == before


def test_the_workbook_knows_no_time_of_day():
    with zipfile.ZipFile(io.BytesIO(files("tables")[0].content)) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"dcterms" not in re.sub(rb"xmlns:dcterms", b"", book.read("docProps/core.xml"))


def test_numbers_are_numbers_in_the_format_they_are_printed_in():
    rows = (
        ("a", "+26.2", "+25.0 to +27.4", "8,497", "21.2\u00a0%", "88 / 90", "Weak"),
        ("b", "−7.0", "−9.1 to 0.0", "19", "under 0.1\u00a0%", "3 / 4", ""),
        ("c", "–", "", "not known", "100\u00a0%", "", "12 of them"),
    )
    heads = ("Group", "NPS", "95 % interval", "n", "Share", "Answers / asked", "Note")
    sheet = workbook(of(Table("Scores", heads, rows)))["Table 1"]
    cells = list(sheet.iter_rows(min_row=3, values_only=True))
    assert cells[0] == (
        "Group", "NPS", "95 % interval, from", "95 % interval, to", "n", "Share", "Answers", "asked", "Note",
    )  # fmt: skip
    assert cells[1] == ("a", 26.2, 25.0, 27.4, 8497, 0.212, 88, 90, "Weak")
    assert cells[2] == ("b", -7, -9.1, 0, 19, "under 0.1\u00a0%", 3, 4, None)
    assert cells[3] == ("c", "–", None, None, "not known", 1, None, None, "12 of them")
    assert sheet["B4"].number_format == '+#,##0.0;"−"#,##0.0;0.0'
    assert sheet["F4"].number_format == '#,##0.0"\u00a0"%'


def test_names_of_rows_stay_text_however_much_they_look_like_numbers():
    sheet = workbook(of(Table("By shop", ("Shop", "n"), (("007", 1), ("12", 2), ("-3", 3)))))["Table 1"]
    assert [(sheet.cell(row, 1).value, sheet.cell(row, 1).data_type) for row in (4, 5, 6)] == [
        ("007", "s"), ("12", "s"), ("-3", "s"),
    ]  # fmt: skip


def test_every_table_of_the_page_is_a_sheet_and_no_cell_says_more_than_the_page():
    book = workbook()
    assert book.sheetnames == ["Main findings", "Figure 1", "Figure 2", "Figure 3", "Every row"]
    html = to_html(made())
    printed = set(
        re.findall(r"\d[\d,.]*", re.sub(r"<style>.*?</style>|base64,[\w+/=]+", "", html, flags=re.DOTALL))
    )
    values = {
        float(text.replace(",", "").rstrip("."))
        for text in printed
        if text.count(".") <= 1 or text.endswith(".")
    }
    for sheet in book.worksheets[1:]:  # the first gives the finding's own numbers to four decimals
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, int | float):
                    shown = abs(cell.value) * (100 if "%" in cell.number_format else 1)
                    assert any(abs(shown - value) < 1e-9 for value in values), (
                        sheet.title,
                        cell.coordinate,
                        cell.value,
                    )


def test_what_is_hidden_on_the_page_is_hidden_in_the_workbook():
    sheet = workbook()["Figure 1"]
    rows = {row[0]: row[1:] for row in sheet.iter_rows(values_only=True) if row[0]}
    assert rows["日本"] == ("–", None, None, "too few answers")


def test_the_text_for_a_mail_reads_from_top_to_bottom():
    text = files("findings")[0].content.decode()
    wanted = (
        "Response-rate bias · Net promoter score (NPS)", "Contoso relationship survey, January–March 2025", "Simulated data",
        "How much of this score is who happened to answer?", "A difference that matters. The published +37",
        "How we decided: The whole range", "Last quarter: same verdict", "Main points",
        "1. Weighted to all customers, NPS is +26, not +37: +26.2 (+25.0 to +27.4)", "What this cannot tell you",
    )  # fmt: skip
    places = [text.index(words) for words in wanted]
    assert places == sorted(places)
    assert "Why it is needed" in text
    assert "](#" not in text
    assert max(map(len, text.splitlines())) < 600


def test_slides_are_full_size_and_hold_the_picture():
    from PIL import Image

    for file in files("slides"):
        assert scan.problems_of(file.name, file.content, environ={}) == []
        image = Image.open(io.BytesIO(file.content))
        assert image.size == (1920, 1080)
        assert len(file.content) < 200_000
        grey = image.convert("L")
        assert grey.crop((80, 60, 1840, 200)).getextrema()[0] < 60, "the headline"
        middle = grey.crop((300, 380, 1640, 900))
        assert middle.getextrema()[0] < 80, "the picture"
        edges = [
            grey.crop(box).getextrema()[0]
            for box in ((0, 0, 1920, 30), (0, 1060, 1920, 1080), (0, 0, 20, 1080))
        ]
        assert min(edges) > 240, "nothing runs over the edge"


def test_figures_bring_slides_only_where_they_are_asked_for(monkeypatch):
    monkeypatch.delenv(slide.SLIDES_VARIABLE, raising=False)
    plain = notebook(figures=("ladder",))
    assert downloads(plain, kinds=("slides",)) == ()
    assert "slide" not in str([list(o.data) for c in plain.cells if c.cell_type == "code" for o in c.outputs])


def test_the_page_links_to_its_files_under_readable_names():
    html = to_html(made(), downloads=files())
    section = html[html.index('<section class="cx-downloads"') :]
    for file in files():
        assert f'<a href="{file.name}" download="{file.saved_as}">' in section
    assert '<a href="#downloads">Take it with you</a>' in html
    assert "Take it with you" not in to_html(made())


def test_a_notebook_without_parts_has_nothing_to_take_along():
    assert downloads(new_notebook(cells=[new_code_cell("1", id="a")])) == ()


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no download 'word'; there are tables, findings, slides, pdf"):
        downloads(made(), kinds=("word",))


FENCED = '<mrow><mo fence="true">(</mo><mfrac><mn>1</mn><mn>2</mn></mfrac><mo fence="true">)</mo></mrow>'


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (r"\frac{a}{b}", "<mfrac><mi>a</mi><mi>b</mi></mfrac>"),
        (r"x_i^{2}", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        (r"\sqrt[3]{n}", "<mroot><mi>n</mi><mn>3</mn></mroot>"),
        (
            r"\sum_{i=1}^n",
            "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>",
        ),
        (r"\alpha - 1.96", "<mrow><mi>α</mi><mo>−</mo><mn>1.96</mn></mrow>"),
        (r"\mathbb{E}", "<mi>𝔼</mi>"),
        (r"\text{a <b> c}", "<mtext>a &lt;b&gt; c</mtext>"),
        (
            r"\left(\frac{1}{2}\right)",
            '<mrow><mo fence="true">(</mo><mfrac><mn>1</mn><mn>2</mn></mfrac><mo fence="true">)</mo></mrow>',
        ),
    ],
)
def test_formulas_are_mathml(source, wanted):
    # Held against latex2mathml 3.81.1 (convert(source)): the same elements in the same nesting, but for rows around
    # single elements, attributes, and the limits of a sum, which here stand above and below it in a line of text too
    assert mathml(source) == f"<math>{wanted}</math>"


@pytest.mark.parametrize(
    "source",
    [
        r"\input{/etc/passwd}",
        r"\href{javascript:1}{x}",
        "{",
        "}",
        "x_",
        r"\frac{1}{",
        r"\begin{array}",
        "a&b",
        "{" * 2000,
    ],
)
def test_formulas_that_are_not_known_are_left_as_they_are(source):
    assert mathml(source) is None

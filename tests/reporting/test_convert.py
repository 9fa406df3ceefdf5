"""The page: one offline file that fetches and runs nothing, readable by everyone."""

from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import re
from functools import cache
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cxstats.reporting.convert import to_html

from .sample_notebook import FINDINGS, PART_MIME, hostile_notebook, notebook


@cache
def page(verdict: str = "material", edition: str = "reader") -> str:
    return to_html(
        notebook(verdict), edition=edition, analyst_href="analyst.html", footer="Contoso customer insight"
    )


@cache
def hostile(edition: str = "reader") -> str:
    return to_html(hostile_notebook(), edition=edition)


class Outline(HTMLParser):
    """Tags with their attributes, in order, and ids."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


PAGES = {
    "reader": page,
    "analyst": lambda: page(edition="analyst"),
    "hostile": hostile,
    "hostile analyst": lambda: hostile("analyst"),
    "not answerable": lambda: page("not_answerable"),
}


@pytest.fixture(params=PAGES, scope="module")
def html(request) -> str:
    return PAGES[request.param]()


def test_nothing_is_fetched_and_nothing_runs(html):
    outline = Outline(html)
    for tag, attrs in outline.tags:
        assert tag not in {"script", "iframe", "object", "embed", "link", "base", "form", "audio", "video"}
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "srcset", "poster", "background"):
            assert (attrs.get(name) or "data:image/").startswith("data:image/")
        assert not (attrs.get("href") or "").lower().startswith(("javascript:", "data:", "vbscript:"))
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_allows_the_one_style_block_and_nothing_else(html):
    policy = next(a["content"] for a in Outline(html).all("meta") if a.get("http-equiv"))
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert not any("style" in attrs for _, attrs in Outline(html).tags), "the policy drops style attributes"


def test_headings_begin_with_one_h1_and_skip_no_level(html):
    levels = [int(tag[1]) for tag, _ in Outline(html).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_ids_are_unique_and_links_in_the_page_lead_somewhere(html):
    outline = Outline(html)
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for a in outline.all("a") if (a.get("href") or "").startswith("#")]
    assert targets[0] == "content", "the skip link comes first"
    assert set(targets) <= set(ids)
    labels = [a["aria-labelledby"] for _, a in outline.tags if "aria-labelledby" in a]
    assert set(labels) <= set(ids)


def test_every_picture_has_words(html):
    assert all((attrs.get("alt") or "").strip() for attrs in Outline(html).all("img"))


def test_tables_can_be_followed_by_ear(html):
    outline = Outline(html)
    assert all(attrs.get("scope") in ("col", "row") for attrs in outline.all("th"))
    regions = [a for a in outline.all("div") if a.get("role") == "group"]
    assert len(regions) == len(outline.all("table"))
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in regions)


def test_the_page_is_what_a_browser_expects(html):
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert len(Outline(html).all("title")) == 1
    assert html.count("<main") == html.count("</main>") == 1
    for tag in ("div", "section", "figure", "details", "table", "tr", "ul", "li", "p", "nav", "dl"):
        assert len(re.findall(rf"<{tag}[\s>]", html)) == html.count(f"</{tag}>"), tag


def test_sections_stand_in_the_page_order():
    wanted = [
        "Simulated data", "All survey reports", "Response-rate bias · Net promoter score (NPS)",
        "Contoso relationship survey, January–March 2025", "How much of this score is who happened to answer?",
        "A difference that matters", "How we decided.", "Invited", "Main points", "What you need to know",
        "On this page", "How far the score moves", "Among all customers the score is about", "Numbers behind",
        "What this cannot tell you", "Method and versions", "Every row accounted for", "Contoso customer insight",
    ]  # fmt: skip
    body = page()[page().index("<body") :]
    text = re.sub(r"<nav class=\"cx-contents\".*?</nav>", "On this page", body, flags=re.DOTALL)
    places = [text.index(words) for words in wanted]
    assert places == sorted(places)


def test_contents_name_every_section():
    html = page()
    nav = re.search(r'<nav class="cx-contents".*?</nav>', html, re.DOTALL)[0]
    named = re.findall(r'<a href="#([^"]+)">', nav)
    sections = re.findall(r'<h2 id="([^"]+)"', html)
    assert named == [name for name in sections if name != "contents"]


def test_main_points_link_to_figures_by_their_number_on_the_page():
    html = page()
    assert '<a href="#figure-ladder">Figure&nbsp;1</a>' in html
    assert '<a href="#figure-response">Figure&nbsp;2</a>' in html
    assert "no-such-figure" not in html
    assert 'id="figure-two-stages"' in html


def test_readers_get_no_code_and_analysts_all_of_it_folded():
    reader, analyst = page(), page(edition="analyst")
    for code in ("import cxstats", "SECRET_CODE_WORD", "study.answer"):
        assert code not in reader
    assert analyst.count('<details class="cx-fold cx-code">') == len(
        [c for c in notebook().cells if c.cell_type == "code"]
    )
    assert "SECRET_CODE_WORD" in analyst
    assert "In&nbsp;[" not in analyst


def test_the_notebooks_own_introduction_gives_way_to_the_header():
    assert "Change a parameter and run again" not in page()
    assert "How much of the score is who answered?" not in page()
    assert "Introduction." in hostile(), "where there is no header, it stays"


def test_labels_from_the_data_stay_text():
    html = page()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "日本" in html


def test_errors_warnings_and_foreign_html_never_reach_a_page():
    for html in (hostile(), hostile("analyst")):
        for word in ("hunter2", "KeyError", "WARNING", "/home/ann", "mermaid", "alert(4)"):
            assert word not in html
        assert "plain &lt;b&gt;" in html, "an output with unknown HTML is shown as its plain text"
        assert "printed &lt;b&gt;" in html
        assert "\x1b" not in html
        assert "https://example.org/pixel.png" not in re.sub(r"<p>.*?</p>", "", html, flags=re.DOTALL)


def test_a_data_frame_is_rebuilt_from_its_cells():
    html = hostile()
    table = re.search(
        r'<table class="cx-table"><thead>.*?</table>', html[html.index("printed") - 2000 :], re.DOTALL
    )
    assert '<th scope="col">nps</th>' in html
    assert '<th scope="row">0</th>' in html
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in html
    assert "vertical-align: top" not in html
    assert "alert(2)" in html, "markdown's text stays"
    assert table is not None


def test_alt_text_of_a_picture_output_is_kept():
    assert 'alt="A &lt;dot&gt;"' in hostile()


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("[good](https://example.org/x)", '<a href="https://example.org/x">good</a>'),
        ("[near](#limits)", '<a href="#limits">near</a>'),
        ("[bad](javascript:alert(1))", "<p>bad"),
        ("[bad](//example.org)", "<p>bad</p>"),
        ("![far](https://example.org/a.png)", "<em>far</em>"),
        ("![in](data:text/html;base64,PHNjcmlwdD4=)", "<em>in</em>"),
        ("*a* <b onclick=x>b</b>", "<em>a</em> &lt;b onclick=x&gt;b&lt;/b&gt;"),
        ("$a<b$", "<math><mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow></math>"),
        (
            "so $$c$$",
            '<p>so <span class="cx-math" role="group" tabindex="0" aria-label="Formula"><math display=',
        ),
        ("$\\input{<b>}$", "<code>\\input{&lt;b&gt;}</code>"),
        ("`<i>`", "<code>&lt;i&gt;</code>"),
    ],
)
def test_markdown_is_prose_and_nothing_more(source, wanted):
    made = new_notebook(cells=[new_markdown_cell("## Head\n\n" + source, id="a")])
    assert wanted in to_html(made)


def test_heading_levels_are_closed_up_and_ids_made_unique():
    cells = [
        new_markdown_cell(
            "## A & B\n\n#### Deep\n\nText\n\n## A & B\n\nSetext\n------\n\n# Late title", id="a"
        ),
        new_markdown_cell("```\n# no heading\n```", id="b"),
    ]
    html = to_html(new_notebook(cells=cells))
    assert re.findall(r'<h(\d) id="([^"]+)"', html) == [
        ("2", "contents"), ("2", "a-b"), ("3", "deep"), ("2", "a-b-2"), ("2", "setext"), ("2", "late-title"),
    ]  # fmt: skip
    assert 'href="#a-b-2">A &amp; B</a>' in html


def test_tags_take_cells_out():
    cells = [
        new_markdown_cell("## Head", id="a"),
        new_markdown_cell("left out", id="b", metadata={"tags": ["remove-cell"]}),
        new_code_cell("code_out", id="c", metadata={"tags": ["remove-input"]}),
        new_code_cell("code_in", id="d", metadata={"tags": ["remove-output"]}),
    ]
    for cell in cells[2:]:
        cell.outputs = [new_output("stream", text=f"printed by {cell.id}")]
    html = to_html(new_notebook(cells=cells), edition="analyst")
    assert "left out" not in html
    assert "code_out" not in html
    assert "printed by c" in html
    assert "code_in" in html
    assert "printed by d" not in html


def test_the_same_notebook_gives_the_same_bytes_and_is_not_changed():
    made = notebook()
    before = copy.deepcopy(made)
    assert to_html(made) == to_html(made)
    assert made == before
    nbformat.validate(made)


def test_a_typical_page_is_small():
    assert len(page().encode()) < 300_000


@pytest.mark.parametrize("verdict", FINDINGS)
def test_each_verdict_has_its_mark_words_and_frame(verdict):
    html = page(verdict)
    assert f'class="cx-verdict cx-{verdict}"' in html
    assert FINDINGS[verdict].verdict.words in html
    assert (html.count('class="cx-strip') == 2) is (FINDINGS[verdict].low is not None)


def test_a_second_answer_stays_where_it_was_displayed():
    made = notebook()
    cell = next(c for c in made.cells if c.cell_type == "code" and c.source == "study.answer")
    made.cells.append(nbformat.from_dict({**cell, "id": "again"}))
    html = to_html(made)
    assert html.count('<section class="cx-answer"') == 2


def test_a_notebook_without_any_part_still_makes_a_page():
    made = new_notebook(
        cells=[new_code_cell("1 + 1", id="a", outputs=[new_output("execute_result", {"text/plain": "2"})])]
    )
    html = to_html(made, title="Sums <b>", index_href=None)
    assert "<h1>Sums &lt;b&gt;</h1>" in html
    assert "All survey reports" not in html
    assert ">2</pre>" in html


def test_an_empty_notebook_makes_an_empty_page():
    assert "<h1>Report</h1>" in to_html(new_notebook())


def test_a_damaged_part_is_named():
    output = new_output("display_data", {PART_MIME: {"part": "answer"}, "text/plain": "x"})
    with pytest.raises(ValueError, match="part 'answer' is damaged"):
        to_html(new_notebook(cells=[new_code_cell("x", id="a", outputs=[output])]))
    output = new_output("display_data", {PART_MIME: {"part": "pie"}, "text/plain": "x"})
    with pytest.raises(ValueError, match="unknown part 'pie'"):
        to_html(new_notebook(cells=[new_code_cell("x", id="a", outputs=[output])]))


def test_an_unknown_edition_is_refused():
    with pytest.raises(ValueError, match="editions 'reader' and 'analyst'"):
        to_html(new_notebook(), edition="pdf")


def test_the_title_on_paper_cannot_leave_its_string():
    made = notebook()
    for cell in made.cells:
        for output in cell.get("outputs", []):
            part = output.get("data", {}).get(PART_MIME, {})
            if part.get("part") == "header":
                part["survey_title"] = '"}</style><script>alert(1)</script>'
    html = to_html(made)
    assert html.count("</style>") == 1
    assert "<script" not in html


def test_phones_paper_and_the_keyboard_are_thought_of():
    (style,) = re.findall(r"<style>(.*?)</style>", page(), re.DOTALL)
    assert "@page{size:A4;margin:17mm}" in style
    assert "counter(page)" in style
    assert "details::details-content" in style
    assert "@media (max-width:40rem)" in style
    assert ":focus-visible" in style
    assert "outline:3px solid" in style


def test_sections_with_nothing_to_show_become_one() -> None:
    import nbformat

    from cxstats.display.parts import Note
    from cxstats.reporting.convert import PART_MIME, to_html

    notebook = nbformat.v4.new_notebook()
    for words, note in (
        ("Ranks", Note("No two groups.", instead=True)),
        ("Score", Note("Beside the evidence.")),
        ("Label", Note("No <custom> label.", instead=True)),
    ):
        cell = nbformat.v4.new_code_cell("study.section()")
        cell.outputs = [nbformat.v4.new_output("display_data", {PART_MIME: note.to_json()})]
        notebook.cells += [nbformat.v4.new_markdown_cell(f"## {words}\n\nProse."), cell]
    page = to_html(notebook)
    assert re.findall(r'<h2 id="([^"]+)"', page) == ["contents", "score", "what-is-left-out-and-why"]
    assert "<h2" in page.split("Beside the evidence.")[0]
    assert "<strong>Ranks.</strong> No two groups." in page
    assert "<strong>Label.</strong> No &lt;custom&gt; label." in page
    assert page.count("What is left out, and why") == 2  # the heading and the contents


def test_sections_left_out_for_one_reason_share_a_line() -> None:
    from cxstats.display.parts import Note
    from cxstats.reporting.convert import PART_MIME, to_html

    made = new_notebook()
    for words, text in (
        ("Ranks", "One row a hospital."),
        ("Label", "No label."),
        ("Score", "One row a hospital."),
    ):
        cell = new_code_cell("study.section()")
        cell.outputs = [new_output("display_data", {PART_MIME: Note(text, instead=True).to_json()})]
        made.cells += [new_markdown_cell(f"## {words}\n\nProse."), cell]
    page = to_html(made)
    assert page.count("One row a hospital.") == 1
    assert "One row a hospital. So nothing is said on “Ranks” and “Score”." in page

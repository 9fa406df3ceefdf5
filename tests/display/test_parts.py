"""Parts show themselves: plain text, an escaped fragment, and data that JSON carries."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from reporting import sample_notebook

from cxstats.display import marks
from cxstats.display.fragments import PART_MIME, part_html
from cxstats.display.parts import Answer, Figure, LedgerTable, Limits, MainPoints, NeedToKnow, Table
from cxstats.findings import Finding, MainPoint, Verdict

from . import samples

FIGURE = samples.figure("ladder")
PARTS = {
    "header": sample_notebook.HEADER,
    "answer": Answer(sample_notebook.FINDINGS["material"], "same verdict"),
    "points": sample_notebook.POINTS,
    "know": sample_notebook.KNOW,
    "figure": FIGURE,
    "table": samples.TABLE,
    "limits": sample_notebook.LIMITS,
    "method": sample_notebook.METHOD,
    "ledger": LedgerTable(sample_notebook.Ledger()),
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_travels_as_json_and_shows_itself_in_a_notebook(kind):
    bundle = PARTS[kind]._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", PART_MIME}
    assert bundle["text/plain"].strip()
    data = json.loads(json.dumps(bundle[PART_MIME], allow_nan=False))
    assert data["part"] == kind
    assert str(part_html(data, figure_numbers={}, on_page=True))
    html = bundle["text/html"]
    assert "<script" not in html
    assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", html)
    assert " style=" not in html, "a page's content-security policy would drop it"


def test_texts_are_escaped_but_bold_and_links_in_the_page_work():
    part = NeedToKnow((("Who <b>", "**All** of [them](#ledger), not [this](http://x.org) <i>"),))
    html = str(part_html(part.to_json()))
    assert '<strong>All</strong> of <a href="#ledger">them</a>' in html
    assert "[this](http://x.org) &lt;i&gt;" in html
    assert "Who &lt;b&gt;" in html


@pytest.mark.parametrize("missing", ["headline", "subtitle", "alt", "source"])
def test_a_figure_without_its_words_is_refused(missing):
    words = {"headline": "A", "subtitle": "B", "alt": "C", "source": "D", missing: "  "}
    with pytest.raises(ValueError, match=missing):
        Figure(key="k", draw=samples.ladder, table=samples.TABLE, **words)


def test_a_bad_key_or_an_unknown_mark_is_refused():
    words = {"headline": "A", "subtitle": "B", "alt": "C", "source": "D", "draw": samples.ladder}
    with pytest.raises(ValueError, match="key"):
        Figure(key="Bad key", table=samples.TABLE, **words)
    with pytest.raises(ValueError, match="no mark 'pie'"):
        Figure(key="k", table=samples.TABLE, key_marks=(("pie", "x"),), **words)


def test_the_figure_has_both_pictures_its_alt_text_and_the_table():
    html = FIGURE._repr_mimebundle_()["text/html"]
    assert html.count("data:image/svg+xml;base64,") == 2
    assert '<source media="(max-width: 40rem)" srcset="data:image/svg+xml;base64,' in html
    assert 'width="328"' in html
    assert 'width="720"' in html
    assert 'alt="Among all customers' in html
    assert "&lt;b&gt;Invented&lt;/b&gt;" in html
    assert "<details" in html
    assert '<th scope="col">Assumption</th>' in html


def test_a_page_has_at_most_five_main_points():
    point = MainPoint("1", "2", "A headline", "A sentence")
    with pytest.raises(ValueError, match="but 6 are given"):
        MainPoints((point,) * 6)
    with pytest.raises(ValueError, match="0 are given"):
        MainPoints(())


def test_table_numbers_are_right_aligned_and_rows_have_heads():
    html = str(
        part_html(Table("Groups", ("Group", "n", "NPS", "Note"), (("a", 12345, "−3.1", "x"),)).to_json())
    )
    assert "<caption>Groups</caption>" in html
    assert '<th scope="row">a</th>' in html
    assert '<td class="cx-num">12,345</td>' in html
    assert '<td class="cx-num">−3.1</td>' in html
    assert "<td>x</td>" in html


def test_a_folded_table_is_opened_by_its_caption_and_keeps_it_for_screen_readers():
    table = Table("Forms of the link", ("Form", "AIC"), (("Line", 3),), notes="One a row.")
    assert "<details" not in str(part_html(table.to_json()))
    html = str(part_html(replace(table, folded=True).to_json()))
    assert "<summary>Forms of the link</summary>" in html
    assert '<caption class="cx-said">Forms of the link</caption>' in html
    assert (
        html.index("<summary>") < html.index("<table") < html.index("One a row.") < html.index("</details>")
    )


def test_a_table_says_what_is_wrong_with_its_rows():
    with pytest.raises(ValueError, match=r"row 1 has 1 cells, but there are 2 columns"):
        Table("Groups", ("a", "b"), ((1, 2), (1,)))
    with pytest.raises(ValueError, match="caption"):
        Table(" ", ("a",), ())


def test_the_ledger_marks_totals_and_what_belongs_to_them():
    data = LedgerTable(sample_notebook.Ledger()).to_json()["table"]
    assert data["total_rows"] == [3]
    assert data["indented_rows"] == [1, 2, 4, 5, 6, 7]
    assert data["rows"][2] == ["Set aside: staff and test accounts", "81", "0.2\u00a0%"]
    assert data["rows"][6][2] == "under 0.1\u00a0%"


def test_a_missing_number_is_no_number_in_the_answer():
    finding = Finding(
        "Q?", Verdict.NOT_ANSWERABLE, "A.", "R.", 5, "points", float("nan"), None, None, needed="More."
    )
    data = Answer(finding).to_json()
    assert data["value"] is None
    html = str(part_html(data))
    assert "cx-strip" not in html
    assert "What would settle it." in html


# ---------------------------------------------------------------- marks


@pytest.mark.parametrize("verdict", [v.value for v in Verdict])
def test_verdict_marks_are_hidden_from_screen_readers_and_take_the_texts_colour(verdict):
    svg = marks.verdict_mark(verdict)
    assert 'aria-hidden="true"' in svg
    assert "currentColor" in svg
    assert set(re.findall(r"#[0-9a-f]{3,6}", svg)) == set()
    assert ("circle" in svg) is (verdict != "not_answerable")


@pytest.mark.parametrize("width", [288, 620])
@pytest.mark.parametrize(
    "numbers",
    [
        {"low": 9.9, "high": 24.9, "margin": 5, "assumption": (11.1, 22.4)},
        {"low": -1.4, "high": 3.0, "margin": 5, "value": 0.8},
        {"low": 4.6, "high": 5.4, "margin": 5, "value": 5.0},
        {"low": -70.8, "high": 86.7, "margin": 5, "value": 3.0},
        {"low": 0.0191, "high": 0.0404, "margin": 0.02, "value": 0.031, "unit": ""},
        {"low": 5.0, "high": 5.0, "margin": 0.001, "value": 5.0},
    ],
)
def test_labels_of_the_strip_never_run_into_each_other_or_out_of_it(numbers, width):
    svg = marks.strip(**{"unit": "points", **numbers}, width=width)
    found = re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)"[^>]*font-size="([\d.]+)"( font-weight="700")?>([^<]+)<', svg
    )
    boxes = []
    for x, y, size, bold, text in found:
        half = len(text) * float(size) * (0.67 if bold else 0.6) / 2
        boxes.append((float(y), float(x) - half, float(x) + half, text))
    assert all(left >= -0.6 and right <= width + 0.6 for _, left, right, _ in boxes), boxes
    for i, (y, left, right, _) in enumerate(boxes):
        for other_y, other_left, other_right, _ in boxes[i + 1 :]:
            assert y != other_y or right <= other_left + 0.6 or other_right <= left + 0.6, boxes


def test_a_number_held_against_itself_shows_its_interval_instead_of_zero():
    svg = marks.strip(low=-2.9, high=2.8, margin=5, unit="points", value=0.0)
    assert 'font-weight="700">−2.9 to +2.8 points</text>' in svg
    assert ">0.0" not in svg


def test_a_range_is_told_with_its_sampling_error():
    svg = marks.strip(low=5.2, high=36.8, margin=5, unit="points", assumption=(13.2, 30.8))
    assert 'font-weight="700">5.2 to 36.8 points</text>' in svg
    svg = marks.strip(low=10.1, high=36.8, margin=5, unit="points", assumption=(13.2, 30.8))
    assert 'font-weight="700">10 to 37 points</text>' in svg


def test_a_margin_of_a_fraction_gets_its_decimals_in_the_range_too():
    svg = marks.strip(low=0.11, high=1.22, margin=0.15, unit="points", assumption=(0.12, 1.05))
    assert 'font-weight="700">0.11 to 1.22 points</text>' in svg
    assert ">+0.11</text>" in svg
    assert ">+1.22</text>" in svg


def test_an_end_beside_the_margin_does_not_read_as_if_on_it():
    svg = marks.strip(low=-2.51, high=1.3, margin=2.5, unit="percentage points", value=0.0)
    assert ">−2.51</text>" in svg
    assert ">−2.5</text>" in svg


def test_code_in_a_text_is_code_on_the_page():
    part = Limits((("Lead.", "Add `frame: <x>` in survey.yml."),)).to_json()
    assert "Add <code>frame: &lt;x&gt;</code> in survey.yml." in str(part_html(part))


def test_a_strip_with_a_range_says_what_box_and_line_are():
    found = Finding(
        question="Q?", verdict=Verdict.INCONCLUSIVE, answer="A.", rule="R.", margin=5.0, unit="points", effect="e",
        low=-7.0, high=4.0, assumption_low=-3.0, assumption_high=1.0,
    )  # fmt: skip
    words = "range over what is assumed; thin ends add chance"
    assert words in Answer(found)._repr_mimebundle_()["text/html"]
    plain = replace(found, assumption_low=None, assumption_high=None)
    assert words not in Answer(plain)._repr_mimebundle_()["text/html"]


def test_the_strip_prints_the_decimals_of_the_answer_beside_it():
    found = Finding(
        question="Q?", verdict=Verdict.INCONCLUSIVE, answer="+0.026 (−0.062 to +0.114).", rule="R.", margin=0.02,
        unit="AUC", effect="e", value=0.026, low=-0.062, high=0.114, digits=3,
    )  # fmt: skip
    html = str(part_html(Answer(found).to_json()))
    strip = html[html.index("<svg", html.index("cx-strip")) :]
    for told in ("+0.026 AUC", "−0.062", "+0.114"):
        assert f">{told}<" in strip
    assert ">+0.03 AUC<" in str(part_html(Answer(replace(found, digits=None)).to_json()))


def test_a_strip_from_high_to_low_is_refused():
    with pytest.raises(ValueError, match="low ≤ high"):
        marks.strip(low=2, high=1, margin=5, unit="points")


def test_the_sparkline_marks_missing_periods_and_needs_a_number():
    svg = marks.sparkline(
        [("a", 1, 0, 2), ("b", None, None, None), ("c", 2, 1, 3)], margin=5, last_label="+2 <x>"
    )
    assert svg.count("<circle") == 2
    assert "l6 6m0-6l-6 6" in svg
    assert "+2 &lt;x&gt;" in svg
    assert marks.sparkline([("a", None, None, None)], margin=5, last_label="") == ""


def test_the_sparkline_draws_a_range_over_an_assumption_as_a_box_in_its_interval():
    svg = marks.sparkline(
        [("a", 1.0, 0.0, 2.0), ("b", None, -12.0, 3.0)],
        margin=5,
        last_label=("−12", "+3"),
        ranges=[None, (-9.0, 1.0)],
    )
    assert svg.count("<circle") == 1, "the period with a value"
    # 46 px high over −12 to +5: the line from one end of the interval to the other, the box within it
    box = next(found for found in re.findall(r'M[\d.]+ ([\d.]+)V([\d.]+)h12V([\d.]+)Z" fill="#', svg))
    bottom, top = float(box[0]), float(box[1])
    assert bottom == pytest.approx(6 + 46 * 14 / 17, abs=0.1)
    assert top == pytest.approx(6 + 46 * 4 / 17, abs=0.1)
    assert ">−12</text>" in svg
    assert ">+3</text>" in svg
    assert "l6 6m0-6l-6 6" not in svg, "a range is no missing period"


@pytest.mark.parametrize("name", PARTS)
def test_print_shows_the_words(name):
    assert str(PARTS[name]) == PARTS[name].to_text()

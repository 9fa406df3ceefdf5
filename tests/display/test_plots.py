"""Charts: what is drawn, on both canvases, and never over the edge."""

from __future__ import annotations

import doctest
import re
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cxstats.display import picture, plots, theme
from cxstats.display.picture import Canvas, paint
from cxstats.display.plots import (
    Band,
    Heading,
    Line,
    Mark,
    Row,
    Series,
    Wave,
    band_strip,
    curves,
    interval_rows,
    row,
    trend,
    wrap,
)

from . import samples

KINDS = ("wide", "narrow")


@cache
def drawn(draw, kind):
    with theme.drawing("日本語"):
        figure = draw(Canvas(kind))
        figure.draw_without_rendering()
    return figure


def texts(figure):
    return [t.get_text() for t in figure.texts]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", samples.DRAWINGS)
def test_no_text_leaves_the_picture_or_is_too_small(name, kind):
    figure = drawn(samples.DRAWINGS[name], kind)
    width, height = figure.get_size_inches() * 96
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= -1.5, text.get_text()
        assert box.x1 <= width + 1.5, text.get_text()
        assert box.y0 >= -1.5, text.get_text()
        assert box.y1 <= height + 1.5, text.get_text()
        assert text.get_fontsize() >= 9, "12 px is the smallest text"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in samples.DRAWINGS if name != "growth"])
def test_no_text_stands_over_another(name, kind):
    figure = drawn(samples.DRAWINGS[name], kind)
    boxes = [(t.get_window_extent(), t.get_text()) for t in figure.texts]
    for i, (a, first) in enumerate(boxes):
        for b, second in boxes[i + 1 :]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            # the last pixels of a text's box are its descent
            assert wide <= 1 or high <= 4.5, (first, second)


@pytest.mark.parametrize("name", samples.DRAWINGS)
def test_a_picture_has_the_same_bytes_every_time_and_runs_nothing(name):
    for kind in KINDS:
        one = paint(samples.DRAWINGS[name], kind)
        assert kind == "narrow" or one == paint(samples.DRAWINGS[name], kind)
        assert one.mime == "image/svg+xml"
        assert len(one.data) < 20_000
        assert "<script" not in one.data
        assert "<metadata" not in one.data
        assert "font-family:'DejaVu Sans', Verdana, sans-serif" in one.data
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", one.data)


def test_pyplot_knows_of_no_figure():
    paint(samples.ladder, "wide")
    assert plt.get_fignums() == []


def test_two_sizes_are_drawn():
    wide, narrow = paint(samples.ladder, "wide"), paint(samples.ladder, "narrow")
    assert (wide.width, narrow.width) == (720, 328)
    assert narrow.height > wide.height, "labels stand above rows"


def test_a_label_is_data_never_markup_or_mathematics():
    svg = paint(samples.response, "wide").data
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in svg
    assert "$5 to $10" in svg


def test_roles_have_shapes_of_their_own():
    figure = drawn(samples.two_stages, "wide")
    axes = figure.axes[0]
    # seaborn made two collections: circles and squares
    scatters = [c for c in axes.collections if len(c.get_offsets()) == 4 and c.get_sizes().size]
    sizes = sorted(round(float(np.sqrt(c.get_sizes()[0])), 2) for c in scatters)
    assert sizes == [6.5, 6.5]  # hollow circle (7.5 less its edge) and square
    assert len({len(c.get_paths()[0].vertices) for c in scatters}) == 2


def test_values_are_right_aligned_in_the_gutter_and_the_estimate_is_bold():
    figure = drawn(samples.ladder, "wide")
    found = {t.get_text(): t for t in figure.texts}
    assert found["+37.3"].get_ha() == "right"
    assert found["+37.3"].get_fontweight() == 700
    assert found["+35.7 to +38.9"].get_fontweight() == 400


def test_the_axis_is_never_stretched_by_a_worst_case():
    figure = drawn(samples.ladder, "wide")
    low, high = figure.axes[0].get_xlim()
    assert low > 5
    assert high < 50
    assert "−70.8 to +86.7" in texts(figure)


def test_an_interval_beyond_the_limits_gets_an_arrowhead():
    rows = [row("a", 5, -40, 8, values=("+5",))]
    figure = drawn(lambda c: interval_rows(c, rows, axis_label="x", limits=(-10, 10)), "wide")
    assert [line.get_marker() for line in figure.axes[0].lines if line.get_marker() not in ("", "None")] == [
        "<"
    ]


@pytest.mark.parametrize(
    "values", [(0.0, 0.0, 0.0), (1e6, 1e6, 1e6), (-5.0, -5.0, -5.0), (0.0001, 0.0, 0.0002)]
)
def test_a_single_row_without_spread_can_be_drawn(values):
    for kind in KINDS:
        figure = drawn(lambda c: interval_rows(c, [row("a", *values, values=("v",))], axis_label="x"), kind)
        assert len(figure.axes[0].collections)


def test_rows_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        interval_rows(Canvas(), [Heading("a")], axis_label="x")
    nothing = [Row("a", (Line((Mark("observed", float("nan")),)),))]
    with pytest.raises(ValueError, match="no number to draw"):
        interval_rows(Canvas(), nothing, axis_label="x")
    with pytest.raises(ValueError, match="role"):
        Mark("pie", 1)


def test_one_missing_row_among_others_is_left_empty():
    rows = [row("a", 1, 0, 2), row("b", float("nan"), float("nan"), float("nan"), values=("–",))]
    for kind in KINDS:
        assert "b" in texts(drawn(lambda c: interval_rows(c, rows, axis_label="x"), kind))


def test_fifty_long_labels_fit():
    rows = [
        row(f"Group number {i} with a long-windedly-hyphenated-name", i, i - 1, i + 1, values=(str(i),))
        for i in range(50)
    ]
    for kind in KINDS:
        figure = drawn(lambda c: interval_rows(c, rows, axis_label="x"), kind)
        assert all(t.get_window_extent().x0 >= -1.5 for t in figure.texts)


def test_waves_that_share_answers_are_not_joined():
    from datetime import date

    def wave(label, start, end):
        return Wave(label, 10.0, 8.0, 12.0, "+10.0", start=start, end=end)

    apart = [wave("1", date(2025, 1, 1), date(2025, 1, 31)), wave("2", date(2025, 2, 1), date(2025, 2, 28))]
    rolling = [wave("1", date(2025, 1, 1), date(2025, 3, 31)), wave("2", date(2025, 2, 1), date(2025, 4, 30))]
    unknown = [wave("1", None, None), wave("2", None, None)]
    for waves, joins in ((apart, 1), (rolling, 0), (unknown, 0)):
        figure = drawn(lambda c, w=waves: trend(c, w, axis_label="NPS"), "wide")
        joining = [
            line
            for line in figure.axes[0].lines
            if list(line.get_xdata()) == [0, 1] and line.get_color() == theme.WORST
        ]
        assert len(joining) == joins


def test_a_tracker_with_many_waves_names_only_those_that_fit():
    waves = [Wave(f"September {2000 + i}", 10.0, 8, 12, "+10.0") for i in range(30)]
    figure = drawn(lambda c: trend(c, waves, axis_label="NPS"), "wide")
    assert 3 <= texts(figure).count("September") < 30
    assert "2029" in texts(figure), "the last wave is always named"


def test_a_trend_without_a_value_is_refused():
    with pytest.raises(ValueError, match="at least one wave"):
        trend(Canvas(), [Wave("a", None)], axis_label="x")


def test_curves_refuse_what_a_logarithm_cannot_show():
    with pytest.raises(ValueError, match="above 0"):
        curves(Canvas(), [Series("a", [0, 1], [1, 2])], x_label="n", y_label="y", x_log=True)
    with pytest.raises(ValueError, match="at least one series"):
        curves(Canvas(), [], x_label="n", y_label="y")


def test_a_series_with_gaps_or_without_a_number_is_drawn_beside_the_others():
    nan = float("nan")
    series = [Series("a", [1, 2, 3], [1, nan, 3]), Series("b", [1, 2, 3], [nan] * 3)]
    for kind in KINDS:
        figure = drawn(lambda c: curves(c, series, x_label="n", y_label="y"), kind)
        assert "a" in texts(figure)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_that_leaves_the_axis_ends_there_and_says_where_it_goes(kind):
    series = [Series("stays", [0, 10, 40], [50, 20, 5]), Series("falls", [0, 10, 20, 40], [50, 0, -50, -230])]
    figure = drawn(lambda c: curves(c, series, x_label="x", y_label="y", y_limits=(-5, 55)), kind)
    goes_on = {"wide": "(−230 at 40)", "narrow": "↓ to −230"}[kind]
    assert {"falls", goes_on, "stays"} <= set(texts(figure))
    (axes,) = figure.axes
    assert axes.get_ylim() == (-5, 55)
    heads = [line for line in axes.lines if line.get_marker() == "v"]
    assert [(float(h.get_xdata()[0]), float(h.get_ydata()[0])) for h in heads] == [(11, -5)]
    drawn_to = [min(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 4]
    assert drawn_to == [-230]  # its own numbers, cut by the axis: none is made up


def test_bands_must_add_up():
    with pytest.raises(ValueError, match="add to 1"):
        band_strip(Canvas(), [Band("a", "", 0.5)])


def test_wrapping_keeps_every_character():
    text = "Donaudampfschifffahrtsgesellschaftskapitän und 日本語のラベル"
    with theme.drawing(text):
        lines = wrap(text, 90)
        assert all(plots.measure(line) <= 90 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_above_some_two_thousand_marks_a_picture_is_pixels():
    def many(canvas):
        figure = canvas.figure(200)
        axes = figure.add_subplot()
        axes.plot(np.arange(picture.MANY_MARKS + 1), np.arange(picture.MANY_MARKS + 1), "o")
        return figure

    found = paint(many, "wide")
    assert found.mime == "image/png"
    assert (found.width, found.height) == (720, 200)
    assert found == paint(many, "wide")
    assert picture.picture_uri(found.to_json()).startswith("data:image/png;base64,iVBOR")


def test_draw_must_return_a_figure():
    with pytest.raises(TypeError, match="must return a matplotlib Figure"):
        paint(lambda canvas: None, "wide")


def test_a_picture_that_is_neither_svg_nor_png_is_refused():
    with pytest.raises(ValueError, match="SVG or PNG"):
        picture.picture_uri({"mime": "text/html", "data": "<b>"})
    with pytest.raises(ValueError, match="base64"):
        picture.picture_uri({"mime": "image/png", "data": '"><script>'})


@pytest.mark.parametrize("module", [plots.items, plots.rows, plots.sheet, picture])
def test_examples(module):
    assert doctest.testmod(module).failed == 0

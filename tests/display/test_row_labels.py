"""Labels beside the marks of a row chart: never over its numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cxstats.display import theme
from cxstats.display.picture import Canvas
from cxstats.display.plots import Line, Mark, Row, Series, Step, curves, interval_rows, waterfall


@pytest.mark.parametrize(("low", "high"), [(71.0, 205.0), (60.0, 110.0), (150.0, 205.0)])
def test_a_label_that_fits_left_of_no_mark_keeps_clear_of_the_numbers(low: float, high: float) -> None:
    """An interval over the whole width, as that of a group of fifty people."""

    def one(label: str, low: float, high: float) -> Row:
        mark = Mark("observed", (low + high) / 2, low, high)
        return Row(label, (Line((mark,), label="this score", values=("120 %", f"{low:g} to {high:g} %")),))

    with theme.drawing("x"):
        figure = interval_rows(
            Canvas("wide"),
            [
                one("Latin America", low, high),
                Row("Canada", (Line((Mark("observed", 130.0, 55.0, 210.0),)),)),
            ],
            axis_label="Spread",
            columns=("spread", "95 % interval"),
            reference=100.0,
        )
        figure.draw_without_rendering()
    boxes = {text.get_text(): text.get_window_extent() for text in figure.texts}
    label = boxes.pop("this score")
    assert not [text for text, box in boxes.items() if text and label.overlaps(box)]


def test_numbers_of_a_narrow_axis_stand_apart_and_0_is_among_them() -> None:
    steps = [
        Step("China as measured", 0.0, 0.75, "level", 0.59, 0.92, values=("+0.75", "+0.59 to +0.92")),
        Step("By the stories", 0.0, -0.26, "level", -0.4, -0.13, values=("−0.26", "leaves +0.69 to +0.75")),
    ]
    with theme.drawing("x"):
        figure = waterfall(
            Canvas("narrow"),
            steps,
            axis_label="points",
            columns=("step", "interval, or what is left"),
            tick_text=lambda v: f"{v:+.3f} points",
        )
        figure.draw_without_rendering()
    ticks = [text for text in figure.texts if text.get_text().endswith("0 points")]
    boxes = sorted((text.get_window_extent().x0, text.get_window_extent().x1) for text in ticks)
    assert any(text.get_text() == "+0.000 points" for text in ticks)
    assert all(end < start for (_, end), (start, _) in pairwise(boxes))


def test_numbers_of_an_axis_stand_where_they_say() -> None:
    """Steps of 2.5 points under labels in whole points: 32.5 read as +32, 37.5 as +38."""
    with theme.drawing("x"):
        figure = interval_rows(
            Canvas("narrow"),
            [Row("2025 Q1", (Line((Mark("observed", 37.2, 35.1, 39.2),)),))],
            axis_label="NPS, points",
            band=(32.3, 42.3),
            tick_text=lambda v: f"{v:+.0f}",
        )
        figure.draw_without_rendering()
    ticks = [text for text in figure.texts if text.get_text().startswith("+")]
    boxes = [text.get_window_extent() for text in ticks]
    places = [(box.x0 + box.x1) / 2 for box in boxes]
    said = [float(text.get_text()) for text in ticks]
    steps = [(places[i + 1] - places[i]) / (said[i + 1] - said[i]) for i in range(len(said) - 1)]
    assert len(said) >= 3
    assert steps == pytest.approx([steps[0]] * len(steps), rel=0.02)


def test_what_a_band_means_is_not_printed_over_the_name_of_the_axis() -> None:
    odds = [0.5 * 2 ** (k / 4) for k in range(13)]
    falls = [40.4, 38.4, 36.1, 33.4, 30.5, 27.2, 23.5, 19.5, 15.2, 10.5, 5.6, 0.5, -4.8]
    rises = [24.5, 26.0, 27.6, 29.0, 30.5, 31.9, 33.2, 34.4, 35.5, 36.5, 37.3, 38.1, 38.9]
    with theme.drawing("x"):
        figure = curves(
            Canvas("narrow"),
            [
                Series("more detractors among the silent", odds, falls),
                Series("more of both ends among the silent", odds, rises, role="adjusted"),
            ],
            x_label="odds",
            y_label="NPS, points",
            x_log=True,
            x_ticks=(0.5, 1, 2, 4),
            y_band=(32.2, 42.2),
            y_band_label="within 5 points of the published score",
            y_limits=(-7.15, 44.55),
            y_text=lambda v: f"{v:+.0f}",
        )
        figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in figure.texts]
    axis = next(box for text, box in boxes if text == "NPS, points")
    told = [box for text, box in boxes if text and text in "within 5 points of the published score"]
    assert told
    assert not any(axis.overlaps(box) for box in told)
    assert all(box.y1 <= figure.bbox.y1 for box in told)


def test_no_line_runs_through_words_above_the_marks_on_a_phone() -> None:
    lines = tuple(
        Line((Mark("observed", 0.04, low, 0.09),), label="as answered", values=("+0.040",))
        for low in (-0.01, 0.0)
    )
    with theme.drawing("x"):
        figure = interval_rows(
            Canvas("narrow"),
            [Row("CES", lines)],
            axis_label="Gain",
            columns=("gain",),
            band=(-0.02, 0.02),
            reference=0.0,
        )
        figure.draw_without_rendering()
    words = [t.get_window_extent() for t in figure.texts if t.get_text() in ("as answered", "+0.040")]
    (axes,) = figure.axes
    assert len(words) == 4
    for drawn in axes.collections:
        if hasattr(drawn, "get_segments"):
            for segment in drawn.get_segments():
                (x0, y0), (x1, y1) = axes.transData.transform(segment)
                for box in words:
                    across = min(x0, x1) < box.x1 and max(x0, x1) > box.x0
                    assert not (across and min(y0, y1) < box.y1 - 2 and max(y0, y1) > box.y0 + 2)

"""Labels beside the marks of a row chart: never over its numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cxstats.display import theme
from cxstats.display.picture import Canvas
from cxstats.display.plots import Line, Mark, Row, Step, interval_rows, waterfall


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

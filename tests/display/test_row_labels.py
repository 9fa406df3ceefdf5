"""Labels beside the marks of a row chart: never over its numbers."""

from __future__ import annotations

import pytest

from cxstats.display import theme
from cxstats.display.picture import Canvas
from cxstats.display.plots import Line, Mark, Row, interval_rows


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

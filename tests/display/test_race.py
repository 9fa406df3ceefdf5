"""The race: contenders alone and on top of what was known, in two panels."""

from __future__ import annotations

import pytest

from cxstats.display import picture, plots, theme
from cxstats.display.plots import Entrant, Mark, Panel
from cxstats.words import signed

ENTRANTS = (
    Entrant(
        "What was known", Mark("observed", 0.71, 0.69, 0.73), Mark("reference", 0.0), "0.710",
        verdict=("", "reference"),
    ),
    Entrant(
        "Effort", Mark("observed", 0.67, 0.65, 0.69), Mark("adjusted", 0.031, 0.022, 0.040), "0.670", "+0.031",
        "+0.022 to +0.040", "91 %", "place 1", ("material", "A difference that matters"), True,
    ),
    Entrant(
        "Recommendation, with a name much longer than the room that there is for it",
        Mark("observed", 0.65, 0.63, 0.67), Mark("adjusted", 0.012, -0.004, 0.019), "0.650", "+0.012",
        "−0.004 to +0.019", "9 %", "place 2", ("negligible", "No difference that matters"),
    ),
)  # fmt: skip


def drawn(kind: str, entrants=ENTRANTS, margin: float = 0.02):
    with theme.drawing():
        return plots.race(
            picture.Canvas(kind),
            entrants,
            alone=Panel("Each alone", "AUC"),
            gain=Panel(
                "On top", "gain in AUC", lambda v: signed(v, 2), note="below 0.02: too small to matter"
            ),
            margin=margin,
            reference=0.71,
        )


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_numbers_names_places_and_verdicts_are_printed(kind: str) -> None:
    said = " ".join(texts(drawn(kind)))
    for word in (
        "Effort",
        "0.670",
        "+0.031",
        "91 %",
        "place 1",
        "A difference",
        "Each alone",
        "On top",
        "too small",
    ):
        assert word in said


def test_gains_stand_with_their_intervals_in_a_gutter() -> None:
    figure = drawn("wide")
    printed = {text.get_text(): text.get_window_extent(figure.canvas.get_renderer()) for text in figure.texts}
    gains, marks = figure.axes[1].get_window_extent(), ("+0.031", "+0.022 to +0.040", "−0.004 to +0.019")
    assert all(printed[text].x0 > gains.x1 for text in marks)  # beside the marks, not among them
    assert len({round(printed[text].x1) for text in marks}) == 1  # and end at the same place
    assert printed["came first 91 %"].x1 < gains.x0


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_nothing_is_printed_off_the_sheet_or_over_another_text(kind: str) -> None:
    figure = drawn(kind)
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts if text.get_text()]
    width, height = figure.bbox.width, figure.bbox.height
    for box in boxes:
        assert box.x0 >= -1
        assert box.x1 <= width + 1
        assert box.y0 >= -1
        assert box.y1 <= height + 1
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert wide <= 1 or high <= 3


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_zero_and_margin_are_seen_however_far_the_marks_are(kind: str) -> None:
    for gain, margin in ((0.3, 0.02), (0.001, 0.02), (-0.2, 0.05)):
        entrants = [
            Entrant("A", Mark("observed", 0.6, 0.55, 0.65), Mark("adjusted", gain, gain - 0.01, gain + 0.01))
        ]
        spans = [axes.get_xlim() for axes in drawn(kind, entrants, margin).axes]
        assert any(low <= 0 and margin <= high and low <= gain <= high for low, high in spans)


def test_a_race_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks in both"):
        drawn("wide", [Entrant("A", Mark("observed", 0.6))])


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_no_line_and_no_interval_runs_through_the_number_of_a_gain(kind):
    entrants = [
        Entrant("Known", Mark("observed", 0.7, 0.65, 0.75), Mark("reference", 0.0), "0.700"),
        Entrant(
            "Wide", Mark("observed", 0.6, 0.5, 0.7), Mark("adjusted", 0.0, -0.06, 0.11), "0.600", "+0.0003"
        ),
    ]
    figure = drawn(kind, entrants)
    figure.draw_without_rendering()
    (text,) = (t for t in figure.texts if t.get_text() == "+0.0003")
    box, axes = text.get_window_extent(), figure.axes[-1]
    for lines in axes.collections:
        if not hasattr(lines, "get_segments"):
            continue
        for segment in lines.get_segments():
            (x0, y0), (x1, y1) = axes.transData.transform(segment)
            across = min(x0, x1) < box.x1 and max(x0, x1) > box.x0
            assert not (across and min(y0, y1) < box.y1 - 2 and max(y0, y1) > box.y0 + 2)

"""Two numbers of each of a few groups: a named point with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.display.picture import Canvas
from cxstats.display.plots.sheet import (
    SMALL_PT,
    Plot,
    Sheet,
    axis_label_below,
    draw_points,
    known,
    measure,
    padded,
    plain_tick,
    round_ticks,
    verticals,
    within,
)
from cxstats.display.theme import GRID, OBSERVED, SECONDARY, WORST

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure


@dataclass(frozen=True, slots=True)
class Labelled:
    """A group's point: where it stands, and the interval of its vertical number."""

    label: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None


def scatter(
    canvas: Canvas,
    points: Sequence[Labelled],
    *,
    x_label: str,
    y_label: str,
    x_text: Callable[[float], str] | None = None,
    y_text: Callable[[float], str] | None = None,
) -> MplFigure:
    """Named points of two numbers, no line through them: a few groups support none.

    Names stand where they cover neither a point nor another name; those for which there is no such place are left
    out, the outermost points being named first. The vertical axis' label stands level above it.

    Raises
    ------
    ValueError : there is no point.
    """
    if not points:
        raise ValueError("a scatter needs at least one point")
    ys = [v for p in points for v in (p.y, p.low, p.high) if known(v)]
    xs = [p.x for p in points]
    x_span, y_span = padded(min(xs), max(xs)), padded(min(ys), max(ys))
    x_text, y_text = x_text or plain_tick, y_text or plain_tick
    x_ticks = round_ticks(x_span, 6 if canvas.wide else 4, x_text)
    y_ticks = round_ticks(y_span, 6, y_text)
    sheet = Sheet(canvas)
    left = max(measure(y_text(t), SMALL_PT) for t in y_ticks) + 10
    right, top = canvas.px - 12.0, 30.0
    bottom = top + (330.0 if canvas.wide else 260.0)
    plot = sheet.plot(left, right, top, bottom, x_span, y_span)
    for tick in y_ticks:
        plot.axes.axhline(tick, color=GRID, linewidth=0.75, zorder=0.6)
        sheet.text(left - 8, plot.y(tick), y_text(tick), colour=SECONDARY, ha="right")
    for tick in x_ticks:
        text = x_text(tick)
        at = within(plot.x(tick), measure(text, SMALL_PT), 0, sheet.width)
        sheet.text(at, bottom + 15, text, colour=SECONDARY, ha="center")
    sheet.text(0, 10, y_label, colour=SECONDARY)
    for p in points:
        if known(p.low) and known(p.high):
            verticals(plot.axes, [p.x], p.low, p.high, colors=WORST, linewidth=1.1, zorder=1.5)
    draw_points(plot.axes, [(p.x, p.y) for p in points], "observed")
    _names(sheet, plot, points)
    return sheet.finish(axis_label_below(sheet, plot, bottom, x_label))


Box = tuple[float, float, float, float]


def _names(sheet: Sheet, plot: Plot, points: Sequence[Labelled]) -> None:
    taken: list[Box] = [(plot.x(p.x) - 5, plot.y(p.y) - 5, plot.x(p.x) + 5, plot.y(p.y) + 5) for p in points]
    middle = ((plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2)
    outermost = sorted(
        points, key=lambda p: -((plot.x(p.x) - middle[0]) ** 2 + (plot.y(p.y) - middle[1]) ** 2)
    )
    for p in outermost:
        x, y, width = plot.x(p.x), plot.y(p.y), measure(p.label, SMALL_PT)
        for at, dy in (
            (x + 8, 0),
            (x - 8 - width, 0),
            (x + 6, -12),
            (x + 6, 12),
            (x - 6 - width, -12),
            (x - 6 - width, 12),
        ):
            box = (at, y + dy - 7, at + width, y + dy + 7)
            inside = (
                plot.left <= box[0] and box[2] <= plot.right and plot.top <= box[1] and box[3] <= plot.bottom
            )
            if inside and not any(_over(box, other) for other in taken):
                sheet.text(at, y + dy, p.label, colour=OBSERVED)
                taken.append(box)
                break


def _over(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])

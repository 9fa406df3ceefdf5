"""What a number is made of: steps that lead from one value to another, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from cxstats.display.picture import Canvas
from cxstats.display.plots.sheet import (
    LABEL_LEADING,
    LABEL_PT,
    SMALL_LEADING,
    SMALL_PT,
    Plot,
    Sheet,
    axis_label_below,
    horizontals,
    known,
    measure,
    padded,
    plain_tick,
    round_ticks,
    verticals,
    within,
    wrap,
)
from cxstats.display.theme import (
    ADJUSTED,
    BAND,
    BAND_EDGE,
    GRID,
    INK,
    OBSERVED,
    RANGE,
    RANGE_EDGE,
    SECONDARY,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a waterfall.

    Attributes
    ----------
    label, sublabel : what the step is, and a smaller line below.
    start, stop : where its bar begins and ends: a level runs from 0, a change from where the one before ended.
    kind : "level" (as observed), "change" (after an adjustment), or "range" (over an assumption).
    low, high : ends of the interval around ``stop``, sampling error included; None for none.
    box : for a range, lowest and highest ``stop`` over the assumption; the bar runs from ``start`` to the farther.
    values : printed at the right edge: the step, then its interval.
    """

    label: str
    start: float
    stop: float
    kind: str = "change"
    low: float | None = None
    high: float | None = None
    box: tuple[float, float] | None = None
    sublabel: str = ""
    values: tuple[str, ...] = ()


def waterfall(
    canvas: Canvas,
    steps: Sequence[Step],
    *,
    axis_label: str,
    columns: Sequence[str] = (),
    band: tuple[float, float] | None = None,
    band_label: str = "",
    tick_text: Callable[[float], str] | None = None,
) -> MplFigure:
    """Steps from top to bottom, each beginning where the one before ended.

    A level is a solid bar from 0; a change a lighter bar from the running total; a range a box, because the step
    is known only up to an assumption. Thin lines are the sampling error of where the step ends.

    Raises
    ------
    ValueError : no step, or a kind of step that is not known.
    """
    if not steps:
        raise ValueError("a waterfall needs at least one step")
    for step in steps:
        if step.kind not in ("level", "change", "range"):
            raise ValueError(f'a step is a "level", "change" or "range", not {step.kind!r}')
    ends = [v for s in steps for v in (s.start, s.stop, s.low, s.high, *(s.box or ())) if known(v)]
    low, high = min([0.0, *ends, *(band or ())]), max([0.0, *ends, *(band or ())])
    span, text = padded(low, high), tick_text or plain_tick
    ticks = round_ticks(span, 6 if canvas.wide else 4, text)
    sheet = Sheet(canvas)
    if canvas.wide:
        left, right, places, bottom, top = _wide(sheet, steps, columns, band_label)
    else:
        left, right, places, bottom, top = _narrow(sheet, steps, band_label)
    plot = sheet.plot(left, right, top, bottom, span)
    # on a phone labels stand between the bars, and what lies behind the bars must not run through them
    blocks = [(top, bottom)] if canvas.wide else [(y - 12, y + 12) for y in places]
    tops, bottoms = [a for a, _ in blocks], [b for _, b in blocks]
    for tick in _apart(ticks, plot.x, text):
        verticals(plot.axes, [tick] * len(blocks), tops, bottoms, colors=GRID, linewidth=0.75, zorder=0.8)
        half = measure(text(tick), SMALL_PT) / 2
        at = min(max(plot.x(tick), half), sheet.width - half)
        sheet.text(at, bottom + 15, text(tick), colour=SECONDARY, ha="center")
    if band:
        for first, last in blocks:
            plot.axes.fill_between(list(band), first, last, color=BAND, linewidth=0, zorder=0.5)
        for edge in band:
            verticals(
                plot.axes,
                [edge] * len(blocks),
                tops,
                bottoms,
                colors=BAND_EDGE,
                linewidth=0.9,
                linestyles=(0, (4, 3)),
                zorder=1.1,
            )
        if band_label:
            # not over the heads of the columns right of the plot
            at = within(plot.x(sum(band) / 2), measure(band_label, SMALL_PT), 0, right + 8)
            sheet.text(at, top - 10, band_label, colour=SECONDARY, ha="center")
    verticals(plot.axes, [0] * len(blocks), tops, bottoms, colors=INK, linewidth=1.1, zorder=1.5)
    for k, (step, y) in enumerate(zip(steps, places, strict=True)):
        _bar(plot, step, y)
        if canvas.wide and k + 1 < len(steps) and step.box is None:
            verticals(
                plot.axes,
                [step.stop],
                y,
                places[k + 1],
                colors=SECONDARY,
                linewidth=0.9,
                linestyles=(0, (1, 1.6)),
                zorder=1.4,
            )
    return sheet.finish(axis_label_below(sheet, plot, bottom, axis_label))


_HALF = 8.5  # px, half of a bar


def _bar(plot: Plot, step: Step, y: float) -> None:
    axes = plot.axes
    if step.kind == "range" and step.box:
        first, last = step.box
        thinnest = plot.data_px(2.5)
        if last - first < thinnest:
            first, last = (first + last - thinnest) / 2, (first + last + thinnest) / 2
        axes.fill_between(
            [first, last],
            y - _HALF,
            y + _HALF,
            facecolor=RANGE,
            edgecolor=RANGE_EDGE,
            linewidth=1.1,
            zorder=2.4,
        )
        colour = RANGE_EDGE
    else:
        colour = OBSERVED if step.kind == "level" else ADJUSTED
        first, last = sorted((step.start, step.stop))
        axes.fill_between(
            [first, last], y - _HALF, y + _HALF, color=colour, linewidth=0, zorder=2, alpha=0.32
        )
        verticals(axes, [step.stop], y - _HALF, y + _HALF, colors=colour, linewidth=2.4, zorder=2.5)
    if known(step.low) and known(step.high):
        horizontals(axes, [y], step.low, step.high, colors=colour, linewidth=2.0, zorder=2.2)
        verticals(axes, [step.low, step.high], y - 4.2, y + 4.2, colors=colour, linewidth=1.5, zorder=2.2)


def _wide(
    sheet: Sheet, steps: Sequence[Step], columns: Sequence[str], band_label: str
) -> tuple[float, float, list[float], float, float]:
    width = sheet.width
    widest = min(
        max(max(measure(s.label, LABEL_PT, s.kind == "level"), measure(s.sublabel, SMALL_PT)) for s in steps),
        200.0,
    )
    gutters = []
    edge = width - 1
    for j in reversed(range(max([len(columns), *(len(s.values) for s in steps)]))):
        cells = [
            measure(s.values[j], LABEL_PT if j == 0 else SMALL_PT, j == 0) for s in steps if j < len(s.values)
        ]
        heads = measure(columns[j], SMALL_PT) if j < len(columns) else 0
        gutters.insert(0, edge)
        edge -= max([*cells, heads]) + 22
    left, right = widest + 30, edge - 8
    top = 26.0 if columns or band_label else 4.0
    for at, head in zip(gutters, columns, strict=False):
        sheet.text(at, top - 10, head, colour=SECONDARY, ha="right")
    y, places = top, []
    for step in steps:
        labels = wrap(step.label, widest + 4, LABEL_PT, step.kind == "level")
        subs = wrap(step.sublabel, widest + 4, SMALL_PT) if step.sublabel else []
        tall = LABEL_LEADING * len(labels) + SMALL_LEADING * len(subs)
        height = max(tall, 20.0) + 14
        at = y + (height - tall) / 2
        for text in labels:
            sheet.text(2, at + LABEL_LEADING / 2, text, size=LABEL_PT, bold=step.kind == "level")
            at += LABEL_LEADING
        for text in subs:
            sheet.text(2, at + SMALL_LEADING / 2, text, colour=SECONDARY)
            at += SMALL_LEADING
        for j, (x, text) in enumerate(zip(gutters, step.values, strict=False)):
            sheet.text(
                x,
                y + height / 2,
                text,
                size=LABEL_PT if j == 0 else SMALL_PT,
                bold=j == 0,
                colour=INK if j == 0 else SECONDARY,
                ha="right",
            )
        places.append(y + height / 2)
        y += height
    return left, right, places, y, top


def _narrow(
    sheet: Sheet, steps: Sequence[Step], band_label: str
) -> tuple[float, float, list[float], float, float]:
    """Labels above their bars, the step at the right edge of its label, its interval below."""
    width = sheet.width
    y = top = 22.0 if band_label else 2.0
    places = []
    for step in steps:
        value = step.values[0] if step.values else ""
        room = width - (measure(value, SMALL_PT, bold=True) + 10 if value else 2)
        sheet.text(width - 1, y + 9, value, bold=True, ha="right")
        for text in wrap(step.label, room, SMALL_PT, bold=step.kind == "level"):
            sheet.text(1, y + 9, text, bold=step.kind == "level")
            y += SMALL_LEADING
        for text in wrap(step.sublabel, width - 2, SMALL_PT) if step.sublabel else []:
            sheet.text(1, y + 9, text, colour=SECONDARY)
            y += SMALL_LEADING
        places.append(y + 15)
        y += 32
    return 10.0, width - 10.0, places, y, top


def _apart(
    ticks: Sequence[float], x: Callable[[float], float], text: Callable[[float], str]
) -> Sequence[float]:
    """The ticks, every second one left out (0 is kept) until their numbers stand apart."""
    while len(ticks) > 2 and any(
        x(b) - x(a) < (measure(text(a), SMALL_PT) + measure(text(b), SMALL_PT)) / 2 + 8
        for a, b in pairwise(ticks)
    ):
        zero = next((k for k, tick in enumerate(ticks) if abs(tick) < 1e-12), 0)
        ticks = [tick for k, tick in enumerate(ticks) if (k - zero) % 2 == 0]
    return ticks

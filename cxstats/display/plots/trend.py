"""A point with its interval per wave of a tracker."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.display.picture import Canvas
from cxstats.display.plots.items import Line, Mark, Row, row
from cxstats.display.plots.rows import interval_rows
from cxstats.display.plots.sheet import (
    SMALL_LEADING,
    SMALL_PT,
    Sheet,
    draw_points,
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
from cxstats.display.theme import BAND, BAND_EDGE, GRID, INK, OBSERVED, SECONDARY, SPREAD, WORST

if TYPE_CHECKING:
    from datetime import date

    from matplotlib.figure import Figure as MplFigure


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of a tracker. ``value`` is None where the wave is missing.

    ``start`` and ``end`` are its window; waves whose windows overlap share answers and are not joined.
    ``outer`` are wider limits behind the interval, such as those that hold for all waves together.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    value_text: str = ""
    n_text: str = ""
    start: date | None = None
    end: date | None = None
    outer: tuple[float, float] | None = None


def trend(
    canvas: Canvas,
    waves: Sequence[Wave],
    *,
    axis_label: str,
    band: tuple[float, float] | None = None,
    band_label: str = "",
    tick_text: Callable[[float], str] | None = None,
    limits: tuple[float, float] | None = None,
) -> MplFigure:
    """A point with its interval per wave. A thin line joins neighbours whose windows do not overlap.

    Moving averages drawn as one line look like more evidence than they are: the same answers stand
    behind several points. Such points stay apart here. On a phone the waves are rows, oldest on top.

    Raises
    ------
    ValueError : no wave has a value.
    """
    present = [w for w in waves if known(w.value)]
    if not present:
        raise ValueError("a trend needs at least one wave with a value")
    if not canvas.wide:
        rows = [_row(w) if known(w.value) else Row(w.label, (Line((), values=("×",)),)) for w in waves]
        return interval_rows(
            canvas,
            rows,
            axis_label=axis_label,
            band=band,
            band_label=band_label,
            tick_text=tick_text,
            limits=limits,
        )
    return _wide_trend(canvas, waves, axis_label, band, band_label, tick_text or plain_tick, limits)


def _wide_trend(
    canvas: Canvas,
    waves: Sequence[Wave],
    axis_label: str,
    band: tuple[float, float] | None,
    band_label: str,
    tick_text: Callable[[float], str],
    limits: tuple[float, float] | None,
) -> MplFigure:
    present = [w for w in waves if known(w.value)]
    bounds = [v for w in present for v in (w.value, w.low, w.high, *(w.outer or ())) if known(v)] + list(
        band or ()
    )
    span = limits or padded(min(bounds), max(bounds))
    ticks = round_ticks(span, 6, tick_text)
    sheet = Sheet(canvas)
    left = max(measure(tick_text(t), SMALL_PT) for t in ticks) + 10
    right, top, bottom = canvas.px - 12, 30.0, 270.0
    n = len(waves)
    plot = sheet.plot(left, right, top, bottom, (-0.6, n - 0.4), span)
    axes = plot.axes
    if band:
        axes.axhspan(*band, color=BAND, linewidth=0, zorder=0.5)
        for edge in band:
            axes.axhline(edge, color=BAND_EDGE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        if band_label:
            sheet.text(left + 4, plot.y(band[1]) - 8, band_label, colour=SECONDARY)
    for tick in ticks:
        axes.axhline(tick, color=GRID, linewidth=0.75, zorder=0.6)
        sheet.text(left - 8, plot.y(tick), tick_text(tick), colour=SECONDARY, ha="right")
    sheet.text(0, 10, axis_label, colour=SECONDARY)
    pitch = (right - left) / (n + 0.2)
    lowest = bottom
    # every how many waves a name fits: its longest word, or the number of answers below it
    longest = max(measure(w, SMALL_PT) for wave in waves for w in (*wave.label.split(" "), wave.n_text))
    every = max(1, math.ceil((longest + 8) / pitch))
    for i, wave in enumerate(waves):
        x = plot.x(i)
        y = bottom + 15
        if (n - 1 - i) % every == 0:
            texts = [
                *wrap(wave.label, max(pitch * every - 6, 40), SMALL_PT),
                *([wave.n_text] if wave.n_text else []),
            ]
            for k, text in enumerate(texts):
                last = k == len(texts) - 1 and bool(wave.n_text)
                sheet.text(
                    within(x, measure(text, SMALL_PT), 0, sheet.width),
                    y + SMALL_LEADING * k,
                    text,
                    colour=SECONDARY if last else INK,
                    ha="center",
                )
            lowest = max(lowest, y + SMALL_LEADING * len(texts))
        if not known(wave.value):
            sheet.text(x, (top + bottom) / 2, "×", colour=SECONDARY, ha="center")
            continue
        if wave.outer:
            half = min(7.0, pitch / 4) / (right - left) * (n + 0.2)
            axes.fill_between([i - half, i + half], *wave.outer, color=SPREAD, linewidth=0, zorder=1.4)
        if known(wave.low) and known(wave.high):
            cap = min(5.0, pitch / 5) / (right - left) * (n + 0.2)
            verticals(axes, [i], wave.low, wave.high, colors=OBSERVED, linewidth=2.0, zorder=2)
            horizontals(
                axes, [wave.low, wave.high], i - cap, i + cap, colors=OBSERVED, linewidth=1.5, zorder=2
            )
        if wave.value_text and measure(wave.value_text, SMALL_PT, bold=True) + 14 < pitch:
            # beside the line to the next wave, not under it
            joined = i + 1 < n and _joinable(wave, waves[i + 1])
            rise = 0 if not joined else -9 if waves[i + 1].value <= wave.value else 9
            sheet.text(x + 9, plot.y(wave.value) + rise, wave.value_text, bold=True)
        if i and _joinable(waves[i - 1], wave):
            axes.plot([i - 1, i], [waves[i - 1].value, wave.value], color=WORST, linewidth=0.9, zorder=1.5)
    draw_points(axes, [(i, w.value) for i, w in enumerate(waves) if known(w.value)], "observed")
    return sheet.finish(lowest + 4)


def _row(wave: Wave) -> Row:
    """A wave on a phone: its point and interval, on the wider limits where there are any."""
    marks = (Mark("rank", box=wave.outer),) if wave.outer else ()
    own = row(wave.label, wave.value, wave.low, wave.high).lines[0].marks
    return Row(wave.label, (Line((*marks, *own), values=(wave.value_text,)),))


def _joinable(before: Wave, after: Wave) -> bool:
    if not (known(before.value) and known(after.value)):
        return False
    if before.end is None or after.start is None:
        return False  # windows unknown: they may overlap
    return before.end < after.start

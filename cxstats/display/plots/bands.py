"""How probable each label is, as one strip or one bar a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.display.picture import Canvas
from cxstats.display.plots.sheet import (
    LABEL_PT,
    SMALL_LEADING,
    SMALL_PT,
    Sheet,
    measure,
    verticals,
    within,
    wrap,
)
from cxstats.display.theme import BAND, OBSERVED, SECONDARY, STEPS
from cxstats.words import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure


@dataclass(frozen=True, slots=True)
class Band:
    """A label ("excellent"), the scores it stands for ("from +50"), and its probability in [0, 1]."""

    label: str
    range_text: str
    probability: float


def band_strip(canvas: Canvas, bands: Sequence[Band], *, axis_label: str = "Probability") -> MplFigure:
    """How probable each label is: one strip of 100 %, bands from low to high, lighter to darker.

    On a phone, and where more than five bands are given, each band has a bar of its own.

    Raises
    ------
    ValueError : probabilities that are not in [0, 1] or do not add to 1.
    """
    total = sum(band.probability for band in bands)
    if not bands or any(not 0 <= band.probability <= 1 for band in bands) or abs(total - 1) > 1e-6:
        raise ValueError(f"the bands' probabilities must lie in [0, 1] and add to 1, but add to {total:g}")
    if canvas.wide and len(bands) <= len(STEPS):
        return _wide_strip(canvas, bands)
    return _band_bars(canvas, bands, axis_label)


def _wide_strip(canvas: Canvas, bands: Sequence[Band]) -> MplFigure:
    sheet = Sheet(canvas)
    left, right, top, bottom = 1.0, canvas.px - 1.0, 62.0, 104.0
    plot = sheet.plot(left, right, top, bottom, (0, 1))
    colours = _steps(len(bands))
    start, edge = 0.0, -10.0
    rest = []
    for band, (fill, ink) in zip(bands, colours, strict=True):
        stop = start + band.probability
        if band.probability > 0:
            plot.axes.fill_between([start, stop], top, bottom, color=fill, linewidth=0, zorder=1)
            verticals(plot.axes, [start, stop], top, bottom, colors="white", linewidth=1.2, zorder=2)
        text = percent(100 * band.probability)
        middle = (plot.x(start) + plot.x(stop)) / 2
        width = max(measure(band.label, LABEL_PT, bold=True), measure(band.range_text, SMALL_PT))
        room = plot.x(stop) - plot.x(start)
        anchor = within(middle, width, 0, canvas.px)
        if room >= measure(text, LABEL_PT, bold=True) + 8 and anchor - width / 2 >= edge + 14:
            sheet.text(middle, (top + bottom) / 2, text, size=LABEL_PT, bold=True, colour=ink, ha="center")
            sheet.text(anchor, top - 32, band.label, size=LABEL_PT, bold=True, ha="center")
            sheet.text(anchor, top - 15, band.range_text, colour=SECONDARY, ha="center")
            edge = anchor + width / 2
        else:
            rest.append(
                f"{band.label} ({band.range_text}): {text}" if band.range_text else f"{band.label}: {text}"
            )
        start = stop
    for k, line in enumerate(wrap("; ".join(rest), canvas.px, SMALL_PT) if rest else []):
        sheet.text(1, bottom + 18 + SMALL_LEADING * k, line, colour=SECONDARY)
        lines = k + 1
    return sheet.finish(bottom + (14 + SMALL_LEADING * lines if rest else 6))


def _band_bars(canvas: Canvas, bands: Sequence[Band], axis_label: str) -> MplFigure:
    sheet = Sheet(canvas)
    room = measure(percent(99.9, 1), LABEL_PT, bold=True) + 34
    left, right = 1.0, canvas.px - room
    y = 4.0
    bars = []
    for band in bands:
        label_width = measure(band.label, SMALL_PT, bold=True)
        sheet.text(1, y + 8, band.label, bold=True)
        if label_width + 8 + measure(band.range_text, SMALL_PT) <= canvas.px:
            sheet.text(1 + label_width + 7, y + 8, band.range_text, colour=SECONDARY)
        else:
            y += SMALL_LEADING
            sheet.text(1, y + 8, band.range_text, colour=SECONDARY)
        y += 18
        bars.append((y, band.probability))
        y += 28
    plot = sheet.plot(left, right, 0, y, (0, 1))
    for top, probability in bars:
        plot.axes.fill_between([0, 1], top, top + 16, color=BAND, linewidth=0, zorder=0.5)
        plot.axes.fill_between([0, probability], top, top + 16, color=OBSERVED, linewidth=0, zorder=1)
        sheet.text(canvas.px - 1, top + 8, percent(100 * probability), bold=True, ha="right")
    sheet.text(1, y + 4, axis_label, colour=SECONDARY)
    return sheet.finish(y + 16)


def _steps(n: int) -> list[tuple[str, str]]:
    if n == 1:
        return [STEPS[-1]]
    return [STEPS[round(i * (len(STEPS) - 1) / (n - 1))] for i in range(n)]

"""Contenders in two panels: each by itself, and what each adds to what was there before it, against a margin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.display.picture import Canvas
from cxstats.display.plots.items import Mark
from cxstats.display.plots.row_chart import PICTOGRAM, draw_span, pictogram
from cxstats.display.plots.sheet import (
    LABEL_LEADING,
    LABEL_PT,
    SMALL_LEADING,
    SMALL_PT,
    Plot,
    Sheet,
    known,
    measure,
    padded,
    plain_tick,
    scale,
    verticals,
    within,
    wrap,
)
from cxstats.display.theme import BAND, BAND_EDGE, GRID, INK, SECONDARY

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

__all__ = ["Entrant", "Panel", "race"]

_PITCH = 44.0  # px of a row: a number above its mark, and two lines of a verdict
_WORDS = 104.0  # px that a verdict's words may take
_NAMES = 112.0  # px that names may take beside the marks on a phone


@dataclass(frozen=True, slots=True)
class Entrant:
    """A row of the race.

    Attributes
    ----------
    label : its name. strong : in bold, for those that matter.
    alone, gain : its mark in the first and in the second panel; None leaves a panel empty.
    alone_text, gain_text : the numbers as printed beside the marks. gain_span : the gain's interval as printed.
    first, place : printed above each other, under the name: how often it came first, and its places.
    verdict : a verdict's name and its words; an empty name prints the words alone ("reference").
    """

    label: str
    alone: Mark | None = None
    gain: Mark | None = None
    alone_text: str = ""
    gain_text: str = ""
    gain_span: str = ""
    first: str = ""
    place: str = ""
    verdict: tuple[str, str] | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """What a panel is called, what its axis measures, and how its ticks are printed."""

    title: str
    axis_label: str
    tick_text: Callable[[float], str] = plain_tick
    note: str = ""


def race(
    canvas: Canvas,
    entrants: Sequence[Entrant],
    *,
    alone: Panel,
    gain: Panel,
    margin: float,
    gutter: str = "gain",
    reference: float | None = None,
) -> MplFigure:
    """Each contender by itself and on top of what was known, its place, and the verdict on it.

    Parameters
    ----------
    canvas : wide or narrow; on a phone the panels stand below each other.
    entrants : rows, top to bottom.
    alone, gain : the panels. The second shows differences from 0, with ±``margin`` as the band that would not matter.
    gutter : head of the column with gains and their intervals.
    reference : a value of the first panel that the others are compared with, as a dotted line; the first row's.

    Raises
    ------
    ValueError : no entrant, or no mark in one of the panels.
    """
    spans = []
    for mark_of in (lambda e: e.alone, lambda e: e.gain):
        extents = [mark_of(e).extent for e in entrants if mark_of(e) is not None and mark_of(e).extent]
        if not extents:
            raise ValueError("a race needs marks in both of its panels")
        spans.append((min(low for low, _ in extents), max(high for _, high in extents)))
    first = padded(*spans[0])
    # the band's lower edge is of no use where nothing comes near it; zero and the margin must be seen
    second = padded(min(spans[1][0], -0.35 * margin), max(spans[1][1], 1.15 * margin))
    made = _Race(canvas, tuple(entrants), alone, gain, margin, gutter, reference, first, second)
    return made.wide() if canvas.wide else made.narrow()


@dataclass(frozen=True, slots=True)
class _Race:
    canvas: Canvas
    entrants: tuple[Entrant, ...]
    alone: Panel
    gain: Panel
    margin: float
    gutter: str
    reference: float | None
    alone_span: tuple[float, float]
    gain_span: tuple[float, float]

    # ------------------------------------------------ wide

    def wide(self) -> MplFigure:
        sheet, width = Sheet(self.canvas), self.canvas.px
        words = {
            id(e): wrap(e.verdict[1], _WORDS, SMALL_PT, bold=True) if e.verdict else [] for e in self.entrants
        }
        verdicts = max(
            (measure(t, SMALL_PT, bold=True) for e in self.entrants for t in words[id(e)]), default=0.0
        )
        right = width
        if verdicts:
            right -= PICTOGRAM + 8 + verdicts
            judged = right
        heads = self.gutter.split("\n") if any(e.gain_text for e in self.entrants) else []
        cells = [measure(e.gain_text, LABEL_PT, bold=True) for e in self.entrants]
        cells += [measure(text, SMALL_PT) for text in (*heads, *(e.gain_span for e in self.entrants))]
        edge = right - 20  # gains end there
        if heads:
            right = edge - max(cells)
        right -= 16
        below = {id(e): _places(e) for e in self.entrants}
        cells = [measure(e.label, LABEL_PT, bold=e.strong) for e in self.entrants]
        cells += [measure(text, SMALL_PT) for lines in below.values() for text in lines]
        names = min(max(cells) + 2, 150.0)
        left = names + 20
        split = left + 0.4 * (right - left - 34)
        panels = ((left, split), (split + 34, right))

        note = wrap(self.gain.note, right - split - 34 + 20, SMALL_PT) if self.gain.note else []
        head = SMALL_LEADING * max(len(note), len(heads)) + 6
        sheet.text(left, 10, self.alone.title, size=LABEL_PT, bold=True)
        sheet.text(panels[1][0], 10, self.gain.title, size=LABEL_PT, bold=True)
        for k, text in enumerate(note):
            sheet.text(panels[1][0], 30 + SMALL_LEADING * k, text, colour=SECONDARY)
        for k, text in enumerate(heads):
            sheet.text(edge, 20 + head - SMALL_LEADING * (len(heads) - k), text, colour=SECONDARY, ha="right")
        if verdicts:
            sheet.text(judged, 20 + head - SMALL_LEADING, "verdict", colour=SECONDARY)

        top = 22 + head
        heights = []
        for e in self.entrants:
            lines = wrap(e.label, names, LABEL_PT, e.strong)
            heights.append(max(_PITCH, LABEL_LEADING * len(lines) + SMALL_LEADING * len(below[id(e)]) + 10))
        bottom = top + sum(heights) + 4
        plots = [
            sheet.plot(*panels[0], top, bottom, self.alone_span),
            sheet.plot(*panels[1], top, bottom, self.gain_span),
        ]
        y = top
        for e, height in zip(self.entrants, heights, strict=True):
            at = y + height / 2 + 4
            lines = wrap(e.label, names, LABEL_PT, e.strong)
            start = at - (LABEL_LEADING * (len(lines) - 1) + SMALL_LEADING * len(below[id(e)])) / 2
            for k, text in enumerate(lines):
                sheet.text(1, start + LABEL_LEADING * k, text, size=LABEL_PT, bold=e.strong)
            start += LABEL_LEADING * (len(lines) - 1)
            for k, text in enumerate(below[id(e)], start=1):
                sheet.text(1, start + SMALL_LEADING * k, text, colour=SECONDARY)
            if e.alone is not None:  # the reference line starts at the first row
                crossing = (
                    [self.reference] if self.reference is not None and e is not self.entrants[0] else []
                )
                self._mark(sheet, plots[0], e.alone, at, e.alone_text, crossing)
            if e.gain is not None:
                self._mark(sheet, plots[1], e.gain, at, "")
            up = SMALL_LEADING / 2 if e.gain_span else 0.0
            sheet.text(edge, at - up, e.gain_text, size=LABEL_PT, bold=True, ha="right")
            sheet.text(edge, at + SMALL_LEADING / 2, e.gain_span, colour=SECONDARY, ha="right")
            if e.verdict:
                self._verdict(sheet, judged, at, e.verdict, words[id(e)])
            y += height
        self._ground(plots[0], plots[1], [(top, bottom)], top + heights[0] / 2 + 4)
        depth = bottom
        for plot, panel in zip(plots, (self.alone, self.gain), strict=True):
            depth = max(depth, self._axis(sheet, plot, bottom, panel, 4))
        return sheet.finish(depth)

    # ------------------------------------------------ narrow

    def narrow(self) -> MplFigure:
        sheet = Sheet(self.canvas)
        y = self._narrow_alone(sheet)
        return sheet.finish(self._narrow_gain(sheet, y + 16))

    def _narrow_alone(self, sheet: Sheet) -> float:
        """Names left of the marks, numbers right of them."""
        rows = [e for e in self.entrants if e.alone is not None]
        names = {id(e): wrap(e.label, _NAMES, SMALL_PT, e.strong) for e in rows}
        left = max(measure(t, SMALL_PT, e.strong) for e in rows for t in names[id(e)]) + 16
        right = sheet.width - max(measure(e.alone_text, SMALL_PT, bold=True) for e in rows) - 16
        sheet.text(1, 10, self.alone.title, size=LABEL_PT, bold=True)
        top = y = 26.0
        spots = []
        for e in rows:
            height = 24 + (SMALL_LEADING - 1) * (len(names[id(e)]) - 1)
            at = y + height / 2
            for k, text in enumerate(names[id(e)]):
                shift = (k - (len(names[id(e)]) - 1) / 2) * (SMALL_LEADING - 1)
                sheet.text(1, at + shift, text, bold=e.strong)
            sheet.text(sheet.width - 1, at, e.alone_text, bold=True, ha="right")
            spots.append((e.alone, at))
            y += height
        plot = sheet.plot(left, right, top, y, self.alone_span)
        self._ground(plot, None, [(top, y)], spots[0][1])
        for mark, at in spots:
            self._mark(sheet, plot, mark, at, "")
        return self._axis(sheet, plot, y, self.alone, 3)

    def _narrow_gain(self, sheet: Sheet, y: float) -> float:
        """Name and verdict above the marks, numbers beside them, the band only behind marks."""
        sheet.text(1, y + 10, self.gain.title, size=LABEL_PT, bold=True)
        y += 24
        for text in wrap(self.gain.note, sheet.width - 2, SMALL_PT) if self.gain.note else []:
            sheet.text(1, y + 6, text, colour=SECONDARY)
            y += SMALL_LEADING
        left, right = 12.0, sheet.width - 12.0
        x = scale(self.gain_span, left, right)
        top, spots, blocks = y, [], []
        for e in self.entrants:
            if e.gain is None or e.gain.role == "reference":
                continue  # it is the line at 0
            y += 6
            name = wrap(e.label, sheet.width - 2, SMALL_PT, bold=True)
            for text in name:
                sheet.text(1, y + 8, text, bold=True)
                y += SMALL_LEADING
            y -= SMALL_LEADING
            tail = " · ".join(t for t in (f"first in {e.first}" if e.first else "", e.place) if t)
            if measure(name[-1], SMALL_PT, bold=True) + measure(tail, SMALL_PT) + 14 <= sheet.width:
                sheet.text(sheet.width - 1, y + 8, tail, colour=SECONDARY, ha="right")
            else:
                y += SMALL_LEADING
                sheet.text(1, y + 8, tail, colour=SECONDARY)
            y += SMALL_LEADING
            if e.verdict:
                self._verdict(sheet, 1, y + 11, e.verdict, [e.verdict[1]])
                y += 24
            at = self._beside(e, x, sheet.width)
            if at is None:  # no room beside the mark
                sheet.text(1, y + 6, e.gain_text, bold=True)
                y += SMALL_LEADING
            else:
                sheet.text(at, y + 14, e.gain_text, bold=True)
            blocks.append((y + 1, y + 27))
            spots.append((e, y + 14))
            y += 32
        plot = sheet.plot(left, right, top, y, self.gain_span)
        self._ground(None, plot, blocks, 0.0)
        for e, at in spots:
            self._mark(sheet, plot, e.gain, at, "")
        return self._axis(sheet, plot, y, self.gain, 4)

    def _beside(self, e: Entrant, x: Callable[[float], float], width: float) -> float | None:
        """Where a number beside its mark begins, no line running through it; None where it has no room."""
        low, high = (x(min(max(v, self.gain_span[0]), self.gain_span[1])) for v in e.gain.extent)
        need = measure(e.gain_text, SMALL_PT, bold=True)
        edges = [
            x(v) for v in (-self.margin, 0.0, self.margin) if self.gain_span[0] <= v <= self.gain_span[1]
        ]
        start = high + 9
        for edge in edges:
            if start - 3 < edge < start + need + 3:
                start = edge + 6
        if start + need <= width:
            return start
        end = low - 9
        for edge in reversed(edges):
            if end - need - 3 < edge < end + 3:
                end = edge - 6
        return end - need if end >= need else None

    # ------------------------------------------------ both

    def _ground(
        self,
        alone: Plot | None,
        gain: Plot | None,
        blocks: Sequence[tuple[float, float]],
        start: float,
    ) -> None:
        """Grid behind both panels, in the first the reference from ``start`` on, in the second band and zero."""
        tops, bottoms = [a for a, _ in blocks], [b for _, b in blocks]

        def lines(plot: Plot, at: float, **style: object) -> None:
            verticals(plot.axes, [at] * len(tops), tops, bottoms, **style)

        if alone is not None:
            for tick in _ticks(self.alone_span, 3):
                lines(alone, tick, colors=GRID, linewidth=0.75, zorder=0.8)
            if self.reference is not None:
                style = {"colors": INK, "linewidth": 1.2, "linestyles": (0, (1, 1.6)), "zorder": 1.4}
                verticals(alone.axes, [self.reference], [start], bottoms[-1:], **style)
        if gain is None:
            return
        low, high = max(-self.margin, self.gain_span[0]), min(self.margin, self.gain_span[1])
        for top, bottom in blocks:
            gain.axes.fill_between([low, high], top, bottom, color=BAND, linewidth=0, zorder=0.5)
        for tick in _ticks(self.gain_span, 4):
            lines(gain, tick, colors=GRID, linewidth=0.75, zorder=0.8)
        for edge in (-self.margin, self.margin):
            if self.gain_span[0] <= edge <= self.gain_span[1]:
                lines(gain, edge, colors=BAND_EDGE, linewidth=0.9, linestyles=(0, (4, 3)), zorder=1.1)
        lines(gain, 0.0, colors=INK, linewidth=1.1, zorder=1.5)

    def _mark(
        self, sheet: Sheet, plot: Plot, mark: Mark, y: float, text: str, lines: Sequence[float] = ()
    ) -> None:
        """The mark and its number above it."""
        draw_span(plot, mark, y, plot.x_span)
        if not known(mark.value):
            return
        sheet.point(plot, mark.value, y, mark.role)
        if text:
            width = measure(text, SMALL_PT)
            x = within(plot.x(mark.value), width, plot.left - 14, plot.right + 14)
            for at in lines:  # no line runs through a number
                if abs(plot.x(at) - x) < width / 2 + 3:
                    x = plot.x(at) + (width / 2 + 5) * (1 if x > plot.x(at) else -1)
            sheet.text(x, y - 14, text, colour=SECONDARY, ha="center")

    def _verdict(
        self, sheet: Sheet, left: float, y: float, verdict: tuple[str, str], words: Sequence[str]
    ) -> None:
        kind = verdict[0]
        if kind:
            pictogram(sheet, left, y, kind)
        start = y - SMALL_LEADING * (len(words) - 1) / 2
        for k, text in enumerate(words):
            sheet.text(
                left + (PICTOGRAM + 8 if kind else 0),
                start + SMALL_LEADING * k,
                text,
                bold=kind == "material",
                colour=INK if kind else SECONDARY,
            )

    def _axis(self, sheet: Sheet, plot: Plot, bottom: float, panel: Panel, most: int) -> float:
        end = -1e9
        for tick in _ticks(plot.x_span, most):
            text = panel.tick_text(tick)
            half = measure(text, SMALL_PT) / 2
            at = min(max(plot.x(tick), half), sheet.width - half)
            if at - half < end + 6:
                continue  # it would touch the one before
            sheet.text(at, bottom + 15, text, colour=SECONDARY, ha="center")
            end = at + half
        x = within((plot.left + plot.right) / 2, measure(panel.axis_label, SMALL_PT), 0, sheet.width)
        sheet.text(x, bottom + 32, panel.axis_label, colour=SECONDARY, ha="center")
        return bottom + 42


def _places(e: Entrant) -> list[str]:
    """What stands under a name: how often it came first, and its places."""
    return [text for text in (f"came first {e.first}" if e.first else "", e.place) if text]


def _ticks(span: tuple[float, float], most: int) -> tuple[float, ...]:
    """Round positions that need few decimals."""
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(nbins=most, steps=[1, 2, 5, 10], min_n_ticks=2).tick_values(*span)
    return tuple(round(float(p), 12) for p in places if span[0] <= p <= span[1])

"""Charts that all studies share. Each takes a canvas and finished numbers, and returns a matplotlib Figure.

Every chart is laid out in CSS pixels and drawn twice by its figure: on the wide canvas labels stand
left and values in a right-aligned gutter; on the narrow one labels stand above rows, numbers beside
marks, and the band only behind marks. Points are drawn with seaborn, on an axes handed to it.

    Figure(..., draw=lambda canvas: interval_rows(canvas, rows, axis_label="NPS, points"), ...)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from cxstats.display.picture import Canvas
from cxstats.display.theme import (
    ADJUSTED,
    BAND,
    BAND_EDGE,
    GRID,
    INK,
    OBSERVED,
    RANGE,
    RANGE_EDGE,
    RULE,
    SECONDARY,
    SPREAD,
    STEPS,
    WORST,
)
from cxstats.words import number, percent

if TYPE_CHECKING:
    from datetime import date

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure

__all__ = [
    "Band",
    "Heading",
    "Line",
    "Mark",
    "Ranked",
    "Row",
    "Series",
    "Spot",
    "Wave",
    "band_strip",
    "curves",
    "interval_rows",
    "measure",
    "ranks",
    "row",
    "trend",
]

Role = Literal["observed", "adjusted", "range", "worst", "keeps", "falls_short", "reference", "rank"]
_ROLES = ("observed", "adjusted", "range", "worst", "keeps", "falls_short", "reference", "rank")

LABEL_PT, SMALL_PT = 9.75, 9.0  # 13 px and 12 px; text is never smaller
_LABEL_LEADING, _SMALL_LEADING = 17.0, 15.5
_BESIDE = 122.0  # px that a label may take beside its mark on a phone
_CIRCLE, _SQUARE, _HOLLOW_EDGE = 7.5, 6.5, 1.8  # points


# ---------------------------------------------------------------- what is drawn


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark in a row: a role with a shape of its own.

    Attributes
    ----------
    role : "observed" (circle), "adjusted" (square), "range" (box with thin ends), "worst" (bar that may run
        past the chart), "keeps" and "falls_short" (dot and diamond on a light box), "rank" (dot on a light
        box), "reference" (black dot).
    value : where the point is; None for a range or a worst case.
    low, high : ends of the interval, sampling error included.
    box : ends of the thick part: the range over an assumption, or the spread behind a point.
    hollow : a hollow circle, where two stages share a row.
    """

    role: Role
    value: float | None = None
    low: float | None = None
    high: float | None = None
    box: tuple[float, float] | None = None
    hollow: bool = False

    def __post_init__(self) -> None:
        if self.role not in _ROLES:
            raise ValueError(f"a mark's role is one of {', '.join(_ROLES)}, not {self.role!r}")

    @property
    def extent(self) -> tuple[float, float] | None:
        """Leftmost and rightmost number of the mark."""
        numbers = [x for x in (self.value, self.low, self.high, *(self.box or ())) if _known(x)]
        return (min(numbers), max(numbers)) if numbers else None


@dataclass(frozen=True, slots=True)
class Line:
    """Marks on one line of a row, a label beside them, and the gutter's values.

    ``values`` are printed as given, one a column; the first is bold. ``stacked`` puts them one above
    the other at the right edge, for a range whose ends are as long as both columns.
    """

    marks: tuple[Mark, ...]
    label: str = ""
    values: tuple[str, ...] = ()
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the chart: a label, a smaller one below it, and one or more lines."""

    label: str
    lines: tuple[Line, ...]
    sublabel: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A bold heading over the rows that follow."""

    text: str


def row(
    label: str,
    value: float,
    low: float,
    high: float,
    *,
    values: Sequence[str] = (),
    role: Role = "observed",
    sublabel: str = "",
    strong: bool = False,
) -> Row:
    """The common row: one point with its interval."""
    return Row(label, (Line((Mark(role, value, low, high),), values=tuple(values)),), sublabel, strong)


# ---------------------------------------------------------------- interval rows


def interval_rows(
    canvas: Canvas,
    rows: Sequence[Row | Heading],
    *,
    axis_label: str,
    columns: Sequence[str] = (),
    band: tuple[float, float] | None = None,
    band_label: str = "",
    reference: float | None = None,
    reference_label: str = "",
    limits: tuple[float, float] | None = None,
    ticks: Sequence[float] | None = None,
    tick_text: Callable[[float], str] | None = None,
    ruled: bool | None = None,
    bold_column: int = 0,
    connect: bool = False,
) -> MplFigure:
    """Rows of points with their intervals against a margin.

    Parameters
    ----------
    canvas : wide or narrow.
    rows : rows, top to bottom; :class:`Heading` starts a group.
    axis_label : what the axis measures, with its unit.
    columns : heads of the gutter's columns, "\\n" breaks a line; empty for none.
    band, band_label : the margin that would not matter, in the axis' unit, and what stands above it.
    reference, reference_label : a value to compare with, drawn as an ink line, labelled on top.
    limits : ends of the axis; by default what the marks need, worst cases left out.
    ticks, tick_text : positions, and how a number is printed.
    ruled : rules between rows; by default where a row has more than one line.
    bold_column : which of a line's values is bold.
    connect : join a line's marks with a dotted line (two stages of one number).

    Raises
    ------
    ValueError : there is no row, or no number to draw.
    """
    if not any(isinstance(item, Row) for item in rows):
        raise ValueError("a chart of rows needs at least one row")
    span = limits or _limits(rows, band, reference)
    tick_text = tick_text or _plain_tick
    chart = _RowChart(
        canvas=canvas,
        rows=tuple(rows),
        axis_label=axis_label,
        columns=tuple(columns),
        band=band,
        band_label=band_label,
        reference=reference,
        reference_label=reference_label,
        limits=span,
        ticks=tuple(ticks) if ticks is not None else _ticks(span, 6 if canvas.wide else 4),
        tick_text=tick_text,
        ruled=any(isinstance(r, Row) and len(r.lines) > 1 for r in rows) if ruled is None else ruled,
        bold_column=bold_column,
        connect=connect,
    )
    return chart.wide() if canvas.wide else chart.narrow()


@dataclass(frozen=True, slots=True)
class _Spot:
    """A line of marks at its height (px from the top), and the band's stretch behind it."""

    y: float
    line: Line


@dataclass(frozen=True, slots=True)
class _RowChart:
    canvas: Canvas
    rows: tuple[Row | Heading, ...]
    axis_label: str
    columns: tuple[str, ...]
    band: tuple[float, float] | None
    band_label: str
    reference: float | None
    reference_label: str
    limits: tuple[float, float]
    ticks: tuple[float, ...]
    tick_text: Callable[[float], str]
    ruled: bool
    bold_column: int
    connect: bool

    # ------------------------------------------------ wide

    def wide(self) -> MplFigure:
        width = self.canvas.px
        gutter = self._gutter_edges(width)
        grouped = any(isinstance(item, Heading) for item in self.rows)
        indent = 11.0 if grouped else 0.0
        label_width = min(self._label_width() + indent, 232.0)
        left = label_width + 30.0
        right = (gutter[0][0] if gutter else width) - 30.0
        if right - left < 230:  # long labels give way before the plot does
            label_width = max(120.0, right - 230 - 30)
            left = label_width + 30.0
        sheet = _Sheet(self.canvas)
        top = self._wide_head(sheet, left, right, gutter)
        spots, bottom = self._wide_rows(sheet, top, label_width, indent, gutter)
        plot = sheet.plot(left, right, top, bottom, self.limits)
        self._ground(plot, [(top, bottom)])
        depth = self._axis(sheet, plot, bottom)
        self._marks(plot, spots)
        for spot in spots:
            self._side_label(sheet, plot, spot, left)
        return sheet.finish(depth)

    def _label_width(self) -> float:
        widths = [0.0]
        for item in self.rows:
            if isinstance(item, Heading):
                continue
            widths.append(measure(item.label, LABEL_PT, bold=item.strong or self.ruled))
            widths += [min(measure(item.sublabel, SMALL_PT), 200.0)]
        return max(widths) + 2

    def _gutter_edges(self, width: float) -> list[tuple[float, float]]:
        """(left, right) of each gutter column, the last one ending at the right edge."""
        lines = [
            line for item in self.rows if isinstance(item, Row) for line in item.lines if not line.stacked
        ]
        n = max([len(self.columns), *(len(line.values) for line in lines)], default=0)
        widths = []
        for j in range(n):
            cells = [
                measure(
                    line.values[j], LABEL_PT if j == self.bold_column else SMALL_PT, j == self.bold_column
                )
                for line in lines
                if j < len(line.values)
            ]
            heads = self.columns[j].split("\n") if j < len(self.columns) else [""]
            widths.append(max([*cells, *(measure(head, SMALL_PT) for head in heads)]))
        edges, x = [], width - 1
        for j in reversed(range(n)):
            edges.append((x - widths[j], x))
            x -= widths[j] + 22
        return edges[::-1]

    def _wide_head(
        self, sheet: _Sheet, left: float, right: float, gutter: list[tuple[float, float]]
    ) -> float:
        """Labels above the plot; returns where the plot begins."""
        x = _scale(self.limits, left, right)
        band_lines = self.band_label.split("\n") if self.band_label else []
        n_columns = max([head.count("\n") + 1 for head in self.columns], default=0)
        n_labels = len(band_lines) + bool(self.reference_label)
        height = 10.0 + _SMALL_LEADING * max(n_columns, n_labels)
        top = height + (6.0 if height > 10 else 0)
        y = top - 10.0
        for (_, edge), head in zip(gutter, self.columns, strict=False):
            for k, text in enumerate(reversed(head.split("\n"))):
                sheet.text(edge, y - k * _SMALL_LEADING, text, colour=SECONDARY, ha="right")
        reach = (gutter[0][0] if gutter else sheet.width) - 14
        if self.band and band_lines:
            middle = (max(self.band[0], self.limits[0]) + min(self.band[1], self.limits[1])) / 2
            for k, text in enumerate(reversed(band_lines)):
                sheet.text(
                    _within(x(middle), measure(text, SMALL_PT), 0, reach),
                    y - k * _SMALL_LEADING,
                    text,
                    colour=SECONDARY,
                    ha="center",
                )
        if self.reference is not None and self.reference_label:
            sheet.text(
                _within(x(self.reference), measure(self.reference_label, SMALL_PT, bold=True), 0, reach),
                y - len(band_lines) * _SMALL_LEADING,
                self.reference_label,
                bold=True,
                ha="center",
            )
        return top

    def _wide_rows(
        self,
        sheet: _Sheet,
        top: float,
        label_width: float,
        indent: float,
        gutter: list[tuple[float, float]],
    ) -> tuple[list[_Spot], float]:
        y = top
        spots = []
        compact = not self.ruled and not any(isinstance(r, Row) and r.sublabel for r in self.rows)
        boxed = any(m.box for r in self.rows if isinstance(r, Row) for line in r.lines for m in line.marks)
        for i, item in enumerate(self.rows):
            if isinstance(item, Heading):
                y += 4 if i == 0 else 9
                sheet.text(2, y + 9, item.text, size=LABEL_PT, bold=True)
                y += 22
                continue
            bold = item.strong or self.ruled
            labels = wrap(item.label, label_width - indent, LABEL_PT, bold)
            subs = wrap(item.sublabel, label_width - indent, SMALL_PT) if item.sublabel else []
            label_height = _LABEL_LEADING * len(labels) + _SMALL_LEADING * len(subs)
            pitch = 27.0 if len(item.lines) > 1 else 22.0
            pad = 20.0 if self.ruled else (3.6 if compact and not boxed else 14.0)
            height = max(label_height, pitch * len(item.lines) if len(item.lines) > 1 else 17.0) + pad
            middle = y + height / 2
            if self.ruled and i:
                sheet.rule(y)
            # labels of a row with several lines hang from its top, otherwise they are centred on the mark
            start = y + pad / 2 if len(item.lines) > 1 else middle - label_height / 2
            for k, text in enumerate(labels):
                sheet.text(2 + indent, start + _LABEL_LEADING * (k + 0.5), text, size=LABEL_PT, bold=bold)
            start += _LABEL_LEADING * len(labels)
            for k, text in enumerate(subs):
                sheet.text(2 + indent, start + _SMALL_LEADING * (k + 0.5), text, colour=SECONDARY)
            first = middle - pitch * (len(item.lines) - 1) / 2
            for k, line in enumerate(item.lines):
                spot = _Spot(first + pitch * k, line)
                spots.append(spot)
                self._gutter_values(sheet, spot, gutter)
            y += height
        return spots, y + 2

    def _gutter_values(self, sheet: _Sheet, spot: _Spot, gutter: list[tuple[float, float]]) -> None:
        values = spot.line.values
        if spot.line.stacked:
            for k, text in enumerate(values):
                y = spot.y + 16 * (k - (len(values) - 1) / 2)
                bold = k == self.bold_column
                sheet.text(
                    sheet.width - 1,
                    y,
                    text,
                    size=LABEL_PT if bold else SMALL_PT,
                    bold=bold,
                    colour=INK if bold else SECONDARY,
                    ha="right",
                )
            return
        for j, text in enumerate(values):
            bold = j == self.bold_column
            sheet.text(
                gutter[j][1],
                spot.y,
                text,
                size=LABEL_PT if bold else SMALL_PT,
                bold=bold,
                colour=INK if bold else SECONDARY,
                ha="right",
            )

    def _side_label(self, sheet: _Sheet, plot: _Plot, spot: _Spot, left: float) -> None:
        if not spot.line.label:
            return
        first, last = self._px_extent(plot, spot.line)
        width = measure(spot.line.label, SMALL_PT)
        if first - 10 - width >= left - 20:
            sheet.text(first - 10, spot.y, spot.line.label, colour=SECONDARY, ha="right")
        else:
            sheet.text(last + 10, spot.y, spot.line.label, colour=SECONDARY)

    def _px_extent(self, plot: _Plot, line: Line) -> tuple[float, float]:
        extents = [mark.extent for mark in line.marks if mark.extent]
        if not extents:
            return plot.left, plot.left
        first = plot.x(max(min(e[0] for e in extents), self.limits[0]))
        last = plot.x(min(max(e[1] for e in extents), self.limits[1]))
        return min(first, plot.x(min(e[1] for e in extents)) - 5), max(last, first + 5)

    # ------------------------------------------------ narrow

    def narrow(self) -> MplFigure:
        rows = [item for item in self.rows if isinstance(item, Row)]
        beside = all(
            len(r.lines) == 1
            and not r.sublabel
            and not r.lines[0].label
            and not r.lines[0].stacked
            and len(wrap(r.label, _BESIDE, SMALL_PT, r.strong)) <= 3
            for r in rows
        )
        return self._narrow_beside() if beside else self._narrow_above()

    def _bold_value(self, line: Line) -> str:
        return line.values[self.bold_column] if self.bold_column < len(line.values) else ""

    def _narrow_beside(self) -> MplFigure:
        """Short labels left of the marks, the estimate right of them."""
        sheet = _Sheet(self.canvas)
        rows = [item for item in self.rows if isinstance(item, Row)]
        names = {id(r): wrap(r.label, _BESIDE, SMALL_PT, r.strong) for r in rows}
        value_width = max(measure(self._bold_value(r.lines[0]), SMALL_PT, bold=True) for r in rows)
        left = max(measure(text, SMALL_PT, r.strong) for r in rows for text in names[id(r)]) + 18
        right = self.canvas.px - value_width - (16 if value_width else 8)
        top = self._narrow_head(sheet, left, right)
        y, spots = top, []
        blocks: list[list[float]] = []
        for i, item in enumerate(self.rows):
            if isinstance(item, Heading):
                y += 2 if i == 0 else 8
                for text in wrap(item.text, self.canvas.px - 2, SMALL_PT, bold=True):
                    sheet.text(1, y + 9, text, bold=True)
                    y += _SMALL_LEADING
                y += 4
                continue
            if i == 0 or isinstance(self.rows[i - 1], Heading):
                blocks.append([y, y])
            texts = names[id(item)]
            height = 20 + (_SMALL_LEADING - 1) * (len(texts) - 1) + (4 if len(texts) > 1 else 0)
            middle = y + height / 2
            for k, text in enumerate(texts):
                shift = (k - (len(texts) - 1) / 2) * (_SMALL_LEADING - 1)
                sheet.text(1, middle + shift, text, bold=item.strong)
            spots.append(_Spot(middle, item.lines[0]))
            value = self._bold_value(item.lines[0])
            sheet.text(self.canvas.px - 1, middle, value, bold=True, ha="right")
            y += height
            blocks[-1][1] = y
        plot = sheet.plot(left, right, top, y, self.limits)
        self._ground(plot, [(a, b) for a, b in blocks] if len(blocks) > 1 else [(top, y)])
        depth = self._axis(sheet, plot, y)
        self._marks(plot, spots)
        return sheet.finish(depth)

    def _narrow_head(self, sheet: _Sheet, left: float, right: float) -> float:
        x = _scale(self.limits, left, right)
        lines = []
        if self.reference is not None and self.reference_label:
            lines.append((self.reference, self.reference_label, True))
        if self.band and self.band_label:
            middle = (max(self.band[0], self.limits[0]) + min(self.band[1], self.limits[1])) / 2
            lines += [(middle, text, False) for text in self.band_label.split("\n")]
        for k, (value, text, bold) in enumerate(lines):
            width = measure(text, SMALL_PT, bold)
            sheet.text(
                _within(x(value), width, 0, sheet.width),
                8 + _SMALL_LEADING * k,
                text,
                bold=bold,
                colour=INK if bold else SECONDARY,
                ha="center",
            )
        return 4 + _SMALL_LEADING * len(lines) + (8 if lines else 0)

    def _narrow_above(self) -> MplFigure:
        """Labels above their rows, numbers beside the marks, the band only behind marks."""
        sheet = _Sheet(self.canvas)
        left, right = self._narrow_left(), self.canvas.px - 10.0
        width = self.canvas.px - 2
        top = y = self._narrow_head(sheet, left, right)
        spots, blocks = [], []
        x = _scale(self.limits, left, right)
        for i, item in enumerate(self.rows):
            if isinstance(item, Heading):
                y += 2 if i == 0 else 10
                sheet.text(1, y + 9, item.text, size=LABEL_PT, bold=True)
                y += 22
                continue
            bold = item.strong or self.ruled
            y += 2
            for text in wrap(item.label, width, SMALL_PT, bold):
                sheet.text(1, y + 8, text, bold=bold)
                y += _SMALL_LEADING
            for text in wrap(item.sublabel, width, SMALL_PT) if item.sublabel else []:
                sheet.text(1, y + 8, text, colour=SECONDARY)
                y += _SMALL_LEADING
            y += 3
            start = y
            side = self._side(item, x)
            for line in item.lines:
                if side == "above":
                    sheet.text(1, y + 8, line.label, colour=SECONDARY)
                    shift = measure(line.label, SMALL_PT) + 6 if line.label else 0
                    sheet.text(1 + shift, y + 8, self._bold_value(line), bold=True)
                    y += _SMALL_LEADING
                spot = _Spot(y + 12, line)
                spots.append(spot)
                if side != "above":
                    self._value_beside(sheet, spot, x, side)
                y += 24
            blocks.append((start, y))
            y += 9
        bottom = y - 6
        plot = sheet.plot(left, right, top, bottom, self.limits)
        self._ground(plot, blocks)
        depth = self._axis(sheet, plot, bottom)
        self._marks(plot, spots)
        return sheet.finish(depth)

    def _narrow_left(self) -> float:
        """Room left of the axis, as little as lets the numbers stand beside their marks."""
        right = self.canvas.px - 10.0
        rows = [r for r in self.rows if isinstance(r, Row) and not any(n.stacked for n in r.lines)]
        for left in (10.0, 25.0, 40.0, 55.0, 70.0):
            x = _scale(self.limits, left, right)
            sides = [
                self._side(r, x) for r in rows if any(m.role != "worst" for n in r.lines for m in n.marks)
            ]
            if set(sides) <= {"left"}:
                return left
        return 10.0

    def _side(self, item: Row, x: Callable[[float], float]) -> str:
        """Where a row's numbers stand: the side where all fit, clear of band and reference if it can be."""
        if any(line.stacked for line in item.lines):
            return "above"  # a range's two ends are as long as half a phone
        spans = [(*_mark_px(line, x, self.limits), self._need(line)) for line in item.lines]
        fits = {
            "left": all(self._clear_left(first - 9, need, x) - need >= 0 for first, _, need in spans),
            "right": all(last + 9 + need <= self.canvas.px for _, last, need in spans),
        }
        crossed = any(last < at < last + 9 + need for _, last, need in spans for at in self._lines(x))
        if fits["left"] and not (fits["right"] and not crossed and self._crossed_left(spans, x)):
            return "left"
        return "right" if fits["right"] else "above"

    def _need(self, line: Line) -> float:
        need = measure(self._bold_value(line), SMALL_PT, bold=True)
        return need + (measure(line.label, SMALL_PT) + 6 if line.label else 0)

    def _lines(self, x: Callable[[float], float]) -> list[float]:
        """Where band edges and the reference line stand."""
        edges = [e for e in (*(self.band or ()), self.reference) if e is not None]
        return sorted((x(e) for e in edges if self.limits[0] <= e <= self.limits[1]), reverse=True)

    def _crossed_left(self, spans: Sequence[tuple[float, float, float]], x: Callable[[float], float]) -> bool:
        return any(first - 9 - need < at < first - 9 for first, _, need in spans for at in self._lines(x))

    def _clear_left(self, end: float, need: float, x: Callable[[float], float]) -> float:
        """Where a text left of a mark ends: left of any line that would run through it."""
        for at in self._lines(x):
            if end - need - 3 < at < end + 3:
                end = at - 6
        return end

    def _value_beside(self, sheet: _Sheet, spot: _Spot, x: Callable[[float], float], side: str) -> None:
        text, label = self._bold_value(spot.line), spot.line.label
        first, last = _mark_px(spot.line, x, self.limits)
        shift = measure(text, SMALL_PT, bold=True) + 6
        if side == "left":
            end = self._clear_left(first - 9, self._need(spot.line), x)
            sheet.text(end, spot.y, text, bold=True, ha="right")
            sheet.text(end - shift, spot.y, label, colour=SECONDARY, ha="right")
        else:
            sheet.text(last + 9, spot.y, text, bold=True)
            sheet.text(last + 9 + shift, spot.y, label, colour=SECONDARY)

    # ------------------------------------------------ both

    def _ground(self, plot: _Plot, blocks: Iterable[tuple[float, float]]) -> None:
        """Grid, band and reference line behind the marks, over these stretches of height."""
        blocks = list(blocks)
        axes = plot.axes
        if self.band:
            low, high = max(self.band[0], self.limits[0]), min(self.band[1], self.limits[1])
            edges = [edge for edge in self.band if self.limits[0] <= edge <= self.limits[1]]
            if low < high:
                for top, bottom in blocks:
                    axes.fill_between([low, high], top, bottom, color=BAND, linewidth=0, zorder=0.5)
            for edge in edges:
                axes.vlines(
                    [edge] * len(blocks),
                    [b[0] for b in blocks],
                    [b[1] for b in blocks],
                    colors=BAND_EDGE,
                    linewidth=0.9,
                    linestyles=(0, (4, 3)),
                    zorder=1.1,
                )
        for tick in self.ticks:
            tops, bottoms = [b[0] for b in blocks], [b[1] for b in blocks]
            axes.vlines([tick] * len(blocks), tops, bottoms, colors=GRID, linewidth=0.75, zorder=0.8)
        if self.reference is not None and self.limits[0] <= self.reference <= self.limits[1]:
            axes.vlines(
                [self.reference] * len(blocks),
                [b[0] for b in blocks],
                [b[1] for b in blocks],
                colors=INK,
                linewidth=1.1,
                zorder=1.5,
            )

    def _axis(self, sheet: _Sheet, plot: _Plot, bottom: float) -> float:
        """Tick labels and the axis' own; returns how far down they reach."""
        for tick in self.ticks:
            text = self.tick_text(tick)
            half = measure(text, SMALL_PT) / 2
            x = min(max(plot.x(tick), half), sheet.width - half)
            sheet.text(x, bottom + 15, text, colour=SECONDARY, ha="center")
        return _axis_label(sheet, plot, bottom, self.axis_label)

    def _marks(self, plot: _Plot, spots: Sequence[_Spot]) -> None:
        points: dict[tuple[str, bool], list[tuple[float, float]]] = {}
        for spot in spots:
            centres = [m.value for m in spot.line.marks if _known(m.value)]
            if self.connect and len(centres) > 1:
                plot.axes.plot(
                    [min(centres), max(centres)],
                    [spot.y, spot.y],
                    color=SECONDARY,
                    linewidth=0.9,
                    linestyle=(0, (1, 1.6)),
                    zorder=1.8,
                )
            for mark in spot.line.marks:
                _draw_span(plot, mark, spot.y, self.limits)
                if _known(mark.value) and self.limits[0] <= mark.value <= self.limits[1]:
                    points.setdefault((mark.role, mark.hollow), []).append((mark.value, spot.y))
        for (role, hollow), where in points.items():
            draw_points(plot.axes, where, role, hollow=hollow)


def _axis_label(sheet: _Sheet, plot: _Plot, bottom: float, text: str) -> float:
    texts = wrap(text, sheet.width, SMALL_PT)
    for k, line in enumerate(texts):
        x = _within((plot.left + plot.right) / 2, measure(line, SMALL_PT), 0, sheet.width)
        sheet.text(x, bottom + 33 + _SMALL_LEADING * k, line, colour=SECONDARY, ha="center")
    return bottom + 42 + _SMALL_LEADING * (len(texts) - 1)


# ---------------------------------------------------------------- coverage, ranks


def ranks(
    canvas: Canvas,
    groups: Sequence[Ranked],
    *,
    columns: Sequence[str] = ("rank", ""),
    axis_label: str = "Rank, 1 is highest",
) -> MplFigure:
    """Which places in a league table each group may hold: a box from best to worst, a dot where it stands.

    A group that overlaps another cannot be told from it; a box as wide as the chart says that it
    cannot be ranked at all.
    """
    n = len(groups)
    rows = tuple(
        Row(
            group.label,
            (
                Line(
                    (Mark("rank", group.rank, box=(group.low - 0.3, group.high + 0.3)),),
                    values=(place_text(group.low, group.high), *group.values),
                ),
            ),
        )
        for group in groups
    )
    step = max(1, math.ceil(n / (10 if canvas.wide else 6)))
    places = sorted({1, *range(step, n + 1, step)})
    return interval_rows(
        canvas,
        rows,
        axis_label=axis_label,
        columns=columns,
        limits=(0.4, n + 0.6),
        ticks=places,
        tick_text=lambda place: number(place),
        ruled=False,
    )


@dataclass(frozen=True, slots=True)
class Ranked:
    """A group's place: where it stands, and the best and worst place it may hold."""

    label: str
    rank: float
    low: int
    high: int
    values: tuple[str, ...] = ()


def place_text(low: int, high: int) -> str:
    """A set of places as printed.

    >>> place_text(1, 3), place_text(5, 5)
    ('1–3', '5')
    """
    return str(low) if low == high else f"{low}–{high}"


# ---------------------------------------------------------------- curves


@dataclass(frozen=True, slots=True)
class Series:
    """A line with its label at its end, and a band around it where low and high are given.

    ``role`` "observed" is a solid line, "adjusted" a dashed one, "plain" a thin dotted one.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    role: Literal["observed", "adjusted", "plain"] = "observed"


@dataclass(frozen=True, slots=True)
class Spot:
    """A point worth naming on a curve ("this survey: 8,497 answers")."""

    x: float
    y: float
    label: str


_LINES: dict[str, tuple[str, float, Any]] = {
    "observed": (OBSERVED, 2.0, "-"),
    "adjusted": (ADJUSTED, 2.0, (0, (5, 1.6))),
    "plain": (WORST, 1.6, (0, (1.5, 1.5))),
}


def curves(
    canvas: Canvas,
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    x_log: bool = False,
    spots: Sequence[Spot] = (),
    y_reference: float | None = None,
    y_reference_label: str = "",
    y_band: tuple[float, float] | None = None,
    y_band_label: str = "",
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    x_ticks: Sequence[float] | None = None,
    x_text: Callable[[float], str] | None = None,
    y_text: Callable[[float], str] | None = None,
    height: float | None = None,
) -> MplFigure:
    """Lines with direct labels: what a number does as another grows (n against the interval's half width).

    The axis labels stand level: the vertical one above the axis. ``spots`` are drawn as observed points
    with a thin line down to the axis; ``y_reference`` as an ink line, ``y_band`` as the margin's band.

    Raises
    ------
    ValueError : there is no series, or a logarithmic axis meets a number that is not above 0.
    """
    import numpy as np

    if not series:
        raise ValueError("a chart of curves needs at least one series")
    xs = np.concatenate([np.asarray(s.x, float) for s in series] + [np.array([s.x for s in spots], float)])
    if x_log and not (xs > 0).all():
        raise ValueError("a logarithmic axis needs numbers above 0")
    ys = [np.asarray(v, float) for s in series for v in (s.y, s.low, s.high) if v is not None]
    extra = [v for v in (y_reference, *(y_band or ())) if v is not None] + [s.y for s in spots]
    finite = np.concatenate([*ys, np.asarray(extra, float)])
    finite = finite[np.isfinite(finite)]
    y_span = y_limits or _padded(float(finite.min()), float(finite.max()), zero=True)
    x_span = x_limits or (float(np.nanmin(xs)), float(np.nanmax(xs)))
    y_text = y_text or _plain_tick
    x_text = x_text or _plain_tick
    y_ticks = _ticks(y_span, 6)
    if x_ticks is None:
        x_ticks = (
            _log_ticks(x_span, 7 if canvas.wide else 4) if x_log else _ticks(x_span, 6 if canvas.wide else 4)
        )

    sheet = _Sheet(canvas)
    left = max(measure(y_text(t), SMALL_PT) for t in y_ticks) + 10
    cap = 150.0 if canvas.wide else 92.0
    names = [wrap(s.label, cap, SMALL_PT, bold=True) for s in series]
    room = max((measure(text, SMALL_PT, bold=True) for name in names for text in name), default=0)
    right = canvas.px - (room + 14 if room else 12)
    top = 30.0
    bottom = top + (height or (300.0 if canvas.wide else 230.0))
    plot = sheet.plot(left, right, top, bottom, x_span, y_span, log=x_log)
    axes = plot.axes
    if y_band:
        axes.axhspan(*y_band, color=BAND, linewidth=0, zorder=0.5)
        for edge in y_band:
            if y_span[0] <= edge <= y_span[1]:
                axes.axhline(edge, color=BAND_EDGE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for tick in y_ticks:
        axes.axhline(tick, color=GRID, linewidth=0.75, zorder=0.6)
        sheet.text(left - 8, plot.y(tick), y_text(tick), colour=SECONDARY, ha="right")
    for tick in x_ticks:
        sheet.text(
            _within(plot.x(tick), measure(x_text(tick), SMALL_PT), 0, sheet.width),
            bottom + 15,
            x_text(tick),
            colour=SECONDARY,
            ha="center",
        )
    sheet.text(0, 10, y_label, colour=SECONDARY)
    depth = _axis_label(sheet, plot, bottom, x_label)
    taken = _taken(plot, series, spots)
    if y_reference is not None:
        axes.axhline(y_reference, color=INK, linewidth=1.1, zorder=1.5)
        if y_reference_label:
            width, y = measure(y_reference_label, SMALL_PT, bold=True), plot.y(y_reference)
            places = [
                _Box(at, y + dy - 7, at + width, y + dy + 7)
                for dy in (-10, 11)
                for at in (left + 4, right - width - 4, (left + right - width) / 2)
            ]
            box = _freest(places, taken, plot)
            taken.append(box)
            sheet.text(box.left, box.middle, y_reference_label, bold=True)
    _draw_series(plot, series)
    ends = [_curve_end(plot, s, y_span) for s in series]
    for name, s, y in zip(
        names, series, _spread(ends, [_SMALL_LEADING * len(n) + 3 for n in names], top, bottom), strict=True
    ):
        for k, text in enumerate(name):
            sheet.text(
                right + 10,
                y + _SMALL_LEADING * (k - (len(name) - 1) / 2),
                text,
                bold=True,
                colour=SECONDARY if s.role == "plain" else _LINES[s.role][0],
            )
    for spot in spots:
        taken.append(_draw_spot(sheet, plot, spot, y_span, taken))
    if y_band and y_band_label:
        taken.append(
            _band_words(
                sheet, plot, y_band_label, (max(y_band[0], y_span[0]), min(y_band[1], y_span[1])), taken
            )
        )
    return sheet.finish(depth)


@dataclass(frozen=True, slots=True)
class _Box:
    """A stretch of the sheet in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def overlap(self, other: _Box) -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0) * max(high, 0)


def _taken(plot: _Plot, series: Sequence[Series], spots: Sequence[Spot]) -> list[_Box]:
    """What labels should keep clear of: the curves, as small boxes along them, and the named points."""
    import numpy as np

    boxes = []
    for s in series:
        xs = np.array([plot.x(float(v)) for v in s.x])
        ys = np.array([plot.y(float(v)) for v in s.y])
        known = np.isfinite(ys)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(xs[known]), np.diff(ys[known])))])
        every = np.arange(0, along[-1], 4.0) if along.size else []
        places = zip(np.interp(every, along, xs[known]), np.interp(every, along, ys[known]), strict=True)
        boxes += [_Box(x - 3, y - 3, x + 3, y + 3) for x, y in places]
    return boxes + [_Box(plot.x(s.x) - 6, plot.y(s.y) - 6, plot.x(s.x) + 6, plot.y(s.y) + 6) for s in spots]


def _freest(places: Sequence[_Box], taken: Sequence[_Box], plot: _Plot) -> _Box:
    """The first of the places with the least under it; what leaves the plot counts as taken."""

    def cost(box: _Box) -> float:
        outside = max(plot.left - box.left, 0) + max(box.right - plot.right, 0)
        outside += max(plot.top - box.top, 0) + max(box.bottom - plot.bottom, 0)
        return 40 * outside + sum(box.overlap(other) for other in taken)

    return min(places, key=lambda box: round(cost(box), 3))


def _band_words(
    sheet: _Sheet, plot: _Plot, text: str, band: tuple[float, float], taken: Sequence[_Box]
) -> _Box:
    """What the band means, inside it or just above, where no curve runs."""
    upper, lower = plot.y(band[1]), plot.y(band[0])
    choices: dict[_Box, list[str]] = {}
    for part in (0.62, 0.4):
        lines = wrap(text, part * (plot.right - plot.left), SMALL_PT)
        width, height = max(measure(line, SMALL_PT) for line in lines), _SMALL_LEADING * len(lines)
        tops = [upper - height - 2]
        if lower - upper >= height + 4:
            tops = [upper + 3, lower - height - 3, *tops]
        for top in tops:
            for left in (plot.left + 5, plot.right - width - 5, (plot.left + plot.right - width) / 2):
                choices.setdefault(_Box(left, top, left + width, top + height), lines)
    box = _freest(list(choices), taken, plot)
    for k, line in enumerate(choices[box]):
        sheet.text(box.left, box.top + _SMALL_LEADING * (k + 0.5), line, colour=SECONDARY)
    return box


def _draw_series(plot: _Plot, series: Sequence[Series]) -> None:
    import numpy as np
    import seaborn as sns

    for s in series:
        colour, line_width, style = _LINES[s.role]
        if s.low is not None and s.high is not None:
            plot.axes.fill_between(
                np.asarray(s.x, float),
                np.asarray(s.low, float),
                np.asarray(s.high, float),
                color=SPREAD,
                alpha=0.6,
                linewidth=0,
                zorder=1.2,
            )
        sns.lineplot(
            x=np.asarray(s.x, float),
            y=np.asarray(s.y, float),
            ax=plot.axes,
            color=colour,
            linewidth=line_width,
            linestyle=style,
            errorbar=None,
            estimator=None,
            sort=False,
            legend=False,
            zorder=2.5,
        )


def _curve_end(plot: _Plot, s: Series, y_span: tuple[float, float]) -> float:
    known = [y for y in s.y if _known(y)]
    return plot.y(min(max(known[-1], y_span[0]), y_span[1])) if known else plot.bottom


def _draw_spot(
    sheet: _Sheet, plot: _Plot, spot: Spot, y_span: tuple[float, float], taken: Sequence[_Box]
) -> _Box:
    plot.axes.vlines(
        [spot.x], y_span[0], spot.y, colors=OBSERVED, linewidth=0.9, linestyles=(0, (1, 1.6)), zorder=2
    )
    draw_points(plot.axes, [(spot.x, spot.y)], "observed")
    lines = wrap(spot.label, 170.0 if sheet.width > 400 else 120.0, SMALL_PT, bold=True)
    width = max(measure(text, SMALL_PT, bold=True) for text in lines)
    height = _SMALL_LEADING * len(lines)
    x, y = plot.x(spot.x), plot.y(spot.y)
    places = [
        _Box(at, y + dy - height / 2, at + width, y + dy + height / 2)
        for reach in (8, 24, 44, 70, 100)
        for dy in (-reach - height / 2, reach + height / 2)
        for at in (x + 9, x - 9 - width, x - width / 2)
    ]
    box = _freest(places, taken, plot)
    for k, text in enumerate(lines):
        sheet.text(box.left, box.top + _SMALL_LEADING * (k + 0.5), text, bold=True)
    return box


def _spread(wanted: Sequence[float], heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Positions as near to the wanted ones as labels of these heights allow, none over another."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = list(wanted)
    edge = top - 12
    for i in order:
        placed[i] = max(wanted[i], edge + heights[i] / 2)
        edge = placed[i] + heights[i] / 2
    edge = max(bottom + 8, edge if len(order) > 12 else bottom + 8)
    for i in reversed(order):
        placed[i] = min(placed[i], edge - heights[i] / 2)
        edge = placed[i] - heights[i] / 2
    return placed


# ---------------------------------------------------------------- trend


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of a tracker. ``value`` is None where the wave is missing.

    ``start`` and ``end`` are its window; waves whose windows overlap share answers and are not joined.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    value_text: str = ""
    n_text: str = ""
    start: date | None = None
    end: date | None = None


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
    known = [w for w in waves if _known(w.value)]
    if not known:
        raise ValueError("a trend needs at least one wave with a value")
    if not canvas.wide:
        rows = [
            row(w.label, w.value, w.low, w.high, values=(w.value_text,))
            if _known(w.value)
            else Row(w.label, (Line((), values=("×",)),))
            for w in waves
        ]
        return interval_rows(
            canvas,
            rows,
            axis_label=axis_label,
            band=band,
            band_label=band_label,
            tick_text=tick_text,
            limits=limits,
        )
    return _wide_trend(canvas, waves, axis_label, band, band_label, tick_text or _plain_tick, limits)


def _wide_trend(
    canvas: Canvas,
    waves: Sequence[Wave],
    axis_label: str,
    band: tuple[float, float] | None,
    band_label: str,
    tick_text: Callable[[float], str],
    limits: tuple[float, float] | None,
) -> MplFigure:
    known = [w for w in waves if _known(w.value)]
    bounds = [v for w in known for v in (w.value, w.low, w.high) if _known(v)] + list(band or ())
    span = limits or _padded(min(bounds), max(bounds))
    ticks = _ticks(span, 6)
    sheet = _Sheet(canvas)
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
                    _within(x, measure(text, SMALL_PT), 0, sheet.width),
                    y + _SMALL_LEADING * k,
                    text,
                    colour=SECONDARY if last else INK,
                    ha="center",
                )
            lowest = max(lowest, y + _SMALL_LEADING * len(texts))
        if not _known(wave.value):
            sheet.text(x, (top + bottom) / 2, "×", colour=SECONDARY, ha="center")
            continue
        if _known(wave.low) and _known(wave.high):
            cap = min(5.0, pitch / 5) / (right - left) * (n + 0.2)
            axes.vlines([i], wave.low, wave.high, colors=OBSERVED, linewidth=2.0, zorder=2)
            axes.hlines([wave.low, wave.high], i - cap, i + cap, colors=OBSERVED, linewidth=1.5, zorder=2)
        if wave.value_text and measure(wave.value_text, SMALL_PT, bold=True) + 14 < pitch:
            sheet.text(x + 9, plot.y(wave.value), wave.value_text, bold=True)
        if i and _joinable(waves[i - 1], wave):
            axes.plot([i - 1, i], [waves[i - 1].value, wave.value], color=WORST, linewidth=0.9, zorder=1.5)
    draw_points(axes, [(i, w.value) for i, w in enumerate(waves) if _known(w.value)], "observed")
    return sheet.finish(lowest + 4)


def _joinable(before: Wave, after: Wave) -> bool:
    if not (_known(before.value) and _known(after.value)):
        return False
    if before.end is None or after.start is None:
        return False  # windows unknown: they may overlap
    return before.end < after.start


# ---------------------------------------------------------------- probabilities of bands


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
    sheet = _Sheet(canvas)
    left, right, top, bottom = 1.0, canvas.px - 1.0, 62.0, 104.0
    plot = sheet.plot(left, right, top, bottom, (0, 1))
    colours = _steps(len(bands))
    start, edge = 0.0, -10.0
    rest = []
    for band, (fill, ink) in zip(bands, colours, strict=True):
        stop = start + band.probability
        if band.probability > 0:
            plot.axes.fill_between([start, stop], top, bottom, color=fill, linewidth=0, zorder=1)
            plot.axes.vlines([start, stop], top, bottom, colors="white", linewidth=1.2, zorder=2)
        text = percent(100 * band.probability)
        middle = (plot.x(start) + plot.x(stop)) / 2
        width = max(measure(band.label, LABEL_PT, bold=True), measure(band.range_text, SMALL_PT))
        room = plot.x(stop) - plot.x(start)
        anchor = _within(middle, width, 0, canvas.px)
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
        sheet.text(1, bottom + 18 + _SMALL_LEADING * k, line, colour=SECONDARY)
        lines = k + 1
    return sheet.finish(bottom + (14 + _SMALL_LEADING * lines if rest else 6))


def _band_bars(canvas: Canvas, bands: Sequence[Band], axis_label: str) -> MplFigure:
    sheet = _Sheet(canvas)
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
            y += _SMALL_LEADING
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


# ---------------------------------------------------------------- drawing in pixels


class _Sheet:
    """A figure laid out in CSS pixels from its top left corner.

    Texts and rules are collected first: the height is known only when everything has its place.
    """

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.width = canvas.px
        self.figure = canvas.figure(100)
        self._texts: list[tuple[float, float, str, dict[str, Any]]] = []
        self._rules: list[float] = []
        self._plots: list[_Plot] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = SMALL_PT,
        bold: bool = False,
        colour: str = INK,
        ha: str = "left",
    ) -> None:
        """A line of text whose x-height is centred on ``y``."""
        if text:
            style = {"fontsize": size, "fontweight": 700 if bold else 400, "color": colour, "ha": ha}
            self._texts.append((x, y + size * 96 / 72 * 0.36, text, style))

    def rule(self, y: float) -> None:
        """A thin rule across the figure."""
        self._rules.append(y)

    def plot(
        self,
        left: float,
        right: float,
        top: float,
        bottom: float,
        x_span: tuple[float, float],
        y_span: tuple[float, float] | None = None,
        *,
        log: bool = False,
    ) -> _Plot:
        """An axes over this rectangle; without ``y_span`` its y counts pixels from the figure's top."""
        axes = self.figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        if log:
            axes.set_xscale("log")
        axes.set_xlim(*x_span)
        axes.set_ylim(*(y_span or (bottom, top)))
        plot = _Plot(axes, left, right, top, bottom, x_span, y_span, log)
        self._plots.append(plot)
        return plot

    def finish(self, height: float) -> MplFigure:
        """The figure at its final height."""
        height = math.ceil(height)
        self.figure.set_size_inches(self.canvas.inches, height / 96)
        for plot in self._plots:
            plot.axes.set_position(
                (
                    plot.left / self.width,
                    1 - plot.bottom / height,
                    (plot.right - plot.left) / self.width,
                    (plot.bottom - plot.top) / height,
                )
            )
            # seaborn and autoscaling may have moved them
            plot.axes.set_xlim(*plot.x_span)
            plot.axes.set_ylim(*(plot.y_span or (plot.bottom, plot.top)))
        for y in self._rules:
            from matplotlib.lines import Line2D

            self.figure.add_artist(
                Line2D([0, 1], [1 - y / height] * 2, color=RULE, linewidth=0.9, zorder=0.1)
            )
        for x, y, text, style in self._texts:
            self.figure.text(x / self.width, 1 - y / height, text, va="baseline", **style)
        return self.figure


@dataclass(frozen=True, slots=True)
class _Plot:
    axes: Axes
    left: float
    right: float
    top: float
    bottom: float
    x_span: tuple[float, float]
    y_span: tuple[float, float] | None
    log: bool

    def x(self, value: float) -> float:
        """Pixels from the figure's left edge."""
        return _scale(self.x_span, self.left, self.right, log=self.log)(value)

    def y(self, value: float) -> float:
        """Pixels from the figure's top edge."""
        if self.y_span is None:
            return value
        return _scale(self.y_span, self.bottom, self.top)(value)

    def data_px(self, px: float) -> float:
        """Width of so many pixels in the data's unit, on a linear axis."""
        return px * (self.x_span[1] - self.x_span[0]) / (self.right - self.left)


def draw_points(
    axes: Axes, where: Sequence[tuple[float, float]], role: Role, *, hollow: bool = False
) -> None:
    """Points of one role, with seaborn."""
    import seaborn as sns

    if not where:
        return
    marker, size, fill, edge, edge_width = {
        "observed": ("o", _CIRCLE, OBSERVED, OBSERVED, 0.0),
        "keeps": ("o", _CIRCLE + 1, OBSERVED, OBSERVED, 0.0),
        "rank": ("o", _CIRCLE, OBSERVED, OBSERVED, 0.0),
        "falls_short": ("D", _SQUARE, "white", OBSERVED, _HOLLOW_EDGE),
        "adjusted": ("s", _SQUARE, ADJUSTED, ADJUSTED, 0.0),
        "reference": ("o", _SQUARE, INK, INK, 0.0),
        "range": ("|", _CIRCLE, RANGE_EDGE, RANGE_EDGE, 1.5),
        "worst": ("|", _CIRCLE, WORST, WORST, 1.5),
    }[role]
    if hollow:
        fill, edge_width, size = "white", _HOLLOW_EDGE, size - 1
    sns.scatterplot(
        x=[x for x, _ in where],
        y=[y for _, y in where],
        ax=axes,
        marker=marker,
        s=size**2,
        color=fill,
        edgecolor=edge,
        linewidth=edge_width,
        legend=False,
        zorder=4 if role != "adjusted" else 3.5,
    )


def _draw_span(plot: _Plot, mark: Mark, y: float, limits: tuple[float, float]) -> None:
    """The line, box or bar of a mark; ends beyond the axis get an arrowhead instead of a cap."""
    axes = plot.axes
    if mark.role == "worst":
        _draw_worst(plot, mark, y, limits)
        return
    colour = {"range": RANGE_EDGE, "adjusted": ADJUSTED}.get(mark.role, OBSERVED)
    if _known(mark.low) and _known(mark.high):
        first, last = max(mark.low, limits[0]), min(mark.high, limits[1])
        if first <= last:
            axes.hlines([y], first, last, colors=colour, linewidth=2.0, zorder=2.2)
        for end, inside, arrow in (
            (mark.low, mark.low >= limits[0], "<"),
            (mark.high, mark.high <= limits[1], ">"),
        ):
            if inside and limits[0] <= end <= limits[1]:
                axes.vlines([end], y - 4.2, y + 4.2, colors=colour, linewidth=1.5, zorder=2.2)
            elif not inside:
                edge = limits[0] if arrow == "<" else limits[1]
                axes.plot([edge], [y], marker=arrow, color=colour, markersize=6, clip_on=False, zorder=3)
    if mark.box:
        first, last = max(mark.box[0], limits[0]), min(mark.box[1], limits[1])
        light = mark.role in ("keeps", "falls_short", "rank")
        half = 7.5 if light else 9.5
        thinnest = plot.data_px(2.5)
        if last - first < thinnest:
            middle = (first + last) / 2
            first, last = middle - thinnest / 2, middle + thinnest / 2
        axes.fill_between(
            [first, last],
            y - half,
            y + half,
            facecolor=SPREAD if light else RANGE,
            edgecolor=OBSERVED if light else RANGE_EDGE,
            linewidth=0.0 if mark.role == "rank" else 1.1,
            zorder=2.4,
        )


def _draw_worst(plot: _Plot, mark: Mark, y: float, limits: tuple[float, float]) -> None:
    low, high = mark.extent or limits
    first, last = max(low, limits[0]), min(high, limits[1])
    head = plot.data_px(11)
    body_first = first + (head if low < limits[0] else 0)
    body_last = last - (head if high > limits[1] else 0)
    plot.axes.fill_between([body_first, body_last], y - 3.6, y + 3.6, color=WORST, linewidth=0, zorder=2.2)
    for beyond, tip, base in ((low < limits[0], first, body_first), (high > limits[1], last, body_last)):
        if beyond:
            plot.axes.fill([tip, base, base], [y, y - 6.8, y + 6.8], color=WORST, linewidth=0, zorder=2.2)
    for inside, end in ((low >= limits[0], first), (high <= limits[1], last)):
        if inside:
            plot.axes.vlines([end], y - 7, y + 7, colors=WORST, linewidth=1.8, zorder=2.2)


# ---------------------------------------------------------------- numbers and text


@lru_cache(maxsize=8192)
def _measured(text: str, size: float, bold: bool, families: tuple[str, ...]) -> float:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    renderer = _measured.__dict__.setdefault("renderer", RendererAgg(1, 1, 96))
    font = FontProperties(family=list(families), size=size, weight=700 if bold else 400)
    width, _, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def measure(text: str, size: float = SMALL_PT, bold: bool = False) -> float:
    """Width of a text in CSS pixels, in the figures' font."""
    import matplotlib as mpl

    if not text:
        return 0.0
    return _measured(text, size, bold, tuple(mpl.rcParams["font.family"]))


def wrap(text: str, width: float, size: float = SMALL_PT, bold: bool = False) -> list[str]:
    """The text in lines no wider than ``width`` px; "\\n" breaks too, a word too long is broken."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            trial = f"{line} {word}" if line else word
            if measure(trial, size, bold) <= width:
                line = trial
                continue
            if line:
                lines.append(line)
            line = word
            while measure(line, size, bold) > width and len(line) > 1:
                cut = next(
                    i for i in range(len(line), 0, -1) if i == 1 or measure(line[:i], size, bold) <= width
                )
                lines.append(line[:cut])
                line = line[cut:]
        lines.append(line)
    return lines


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _scale(
    span: tuple[float, float], first: float, last: float, *, log: bool = False
) -> Callable[[float], float]:
    low, high = (math.log(span[0]), math.log(span[1])) if log else span

    def place(value: float) -> float:
        at = math.log(value) if log else value
        return first + (at - low) / (high - low) * (last - first)

    return place


def _within(x: float, width: float, first: float, last: float) -> float:
    """Centre of a text of this width, moved so that it stays between first and last."""
    return min(max(x, first + width / 2), max(last - width / 2, first + width / 2))


def _mark_px(line: Line, x: Callable[[float], float], limits: tuple[float, float]) -> tuple[float, float]:
    """Pixels that a line's marks take up, from left to right."""
    extents = [mark.extent for mark in line.marks if mark.extent]
    if not extents:
        return 0.0, 0.0
    first = x(min(max(min(e[0] for e in extents), limits[0]), limits[1]))
    last = x(max(min(max(e[1] for e in extents), limits[1]), limits[0]))
    return first - 3, last + 3


def _limits(
    rows: Sequence[Row | Heading], band: tuple[float, float] | None, reference: float | None
) -> tuple[float, float]:
    numbers: list[float] = []
    for item in rows:
        if isinstance(item, Row):
            for line in item.lines:
                for mark in line.marks:
                    if mark.role != "worst" and mark.extent:
                        numbers += mark.extent
    if not numbers:
        raise ValueError("there is no number to draw: every value is missing")
    low, high = min(numbers), max(numbers)
    if reference is not None:
        low, high = min(low, reference), max(high, reference)
    if band:
        low, high = min(low, band[0]), max(high, band[1])
    return _padded(low, high)


def _padded(low: float, high: float, *, zero: bool = False) -> tuple[float, float]:
    pad = 0.06 * (high - low) or max(abs(high) * 0.1, 0.5)
    if zero and 0 <= low <= 0.6 * high:
        return 0.0, high + pad
    return low - pad, high + pad


def _ticks(span: tuple[float, float], most: int) -> tuple[float, ...]:
    """Three to seven round positions inside the span."""
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3).tick_values(*span)
    return tuple(round(float(p), 12) for p in places if span[0] <= p <= span[1])


def _log_ticks(span: tuple[float, float], most: int) -> tuple[float, ...]:
    low, high = math.floor(math.log10(span[0])), math.ceil(math.log10(span[1]))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        places = tuple(
            f * 10.0**e for e in range(low, high + 1) for f in factors if span[0] <= f * 10.0**e <= span[1]
        )
        if len(places) <= most:
            break
    return places


def _plain_tick(value: float) -> str:
    digits = next((d for d in range(6) if math.isclose(value, round(value, d), abs_tol=1e-12)), 6)
    return number(value, digits)

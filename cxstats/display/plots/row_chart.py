"""The layout of a chart of rows, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.display.picture import Canvas
from cxstats.display.plots.items import Heading, Line, Mark, Row, mark_px
from cxstats.display.plots.sheet import (
    LABEL_LEADING,
    LABEL_PT,
    SMALL_LEADING,
    SMALL_PT,
    Plot,
    Sheet,
    axis_label_below,
    draw_points,
    horizontals,
    known,
    measure,
    scale,
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
    SPREAD,
    WORST,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

_BESIDE = 122.0  # px that a label may take beside its mark on a phone
PICTOGRAM, VERDICT_WORDS = (
    40.0,
    112.0,
)  # px of a verdict's drawing, and most that its words may take beside it
# What each verdict's pictogram shows: the interval's ends against the band (9 to 22 px), and its dot.
_PICTOGRAMS = {"material": (26, 40, 33), "negligible": (10.5, 20.5, 15.5), "inconclusive": (12, 31, 21.5)}


@dataclass(frozen=True, slots=True)
class _Spot:
    """A line of marks at its height (px from the top), and the band's stretch behind it."""

    y: float
    line: Line


@dataclass(frozen=True, slots=True)
class RowChart:
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
        judged = self._verdict_width()
        gutter = self._gutter_edges(width - (judged + 22 if judged else 0))
        grouped = any(isinstance(item, Heading) for item in self.rows)
        indent = 11.0 if grouped else 0.0
        label_width = min(self._label_width() + indent, 232.0)
        left = label_width + 30.0
        right = (gutter[0][0] if gutter else width - judged) - 30.0
        if right - left < 230:  # long labels give way before the plot does
            label_width = max(120.0 if not judged else 96.0, right - 230 - 30)
            left = label_width + 30.0
        right -= self._side_room(left, right)
        sheet = Sheet(self.canvas)
        top = self._wide_head(sheet, left, right, gutter)
        if judged:
            sheet.text(width - judged, top - 10, "verdict", colour=SECONDARY)
        spots, bottom = self._wide_rows(sheet, top, label_width, indent, gutter, judged)
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

    def _verdict_width(self) -> float:
        """Room for the verdicts at the right edge, 0 where there are none."""
        judged = [r.verdict for r in self.rows if isinstance(r, Row) and r.verdict]
        if not judged:
            return 0.0
        words = [text for _, said in judged for text in wrap(said, VERDICT_WORDS, SMALL_PT, bold=True)]
        return PICTOGRAM + 8 + max(measure(text, SMALL_PT, bold=True) for text in words)

    def _gutter_edges(self, width: float) -> list[tuple[float, float]]:
        """(left, right) of each gutter column, the last one ending at the right edge."""
        rows = [item for item in self.rows if isinstance(item, Row)]
        printed = [line.values for item in rows for line in item.lines if not line.stacked]
        printed += [item.values for item in rows]
        n = max([len(self.columns), *(len(values) for values in printed)], default=0)
        widths = []
        for j in range(n):
            cells = [
                measure(values[j], LABEL_PT if j == self.bold_column else SMALL_PT, j == self.bold_column)
                for values in printed
                if j < len(values)
            ]
            heads = self.columns[j].split("\n") if j < len(self.columns) else [""]
            widths.append(max([*cells, *(measure(head, SMALL_PT) for head in heads)]))
        edges, x = [], width - 1
        for j in reversed(range(n)):
            edges.append((x - widths[j], x))
            x -= widths[j] + 22
        return edges[::-1]

    def _wide_head(self, sheet: Sheet, left: float, right: float, gutter: list[tuple[float, float]]) -> float:
        """Labels above the plot; returns where the plot begins."""
        x = scale(self.limits, left, right)
        band_lines = self.band_label.split("\n") if self.band_label else []
        n_columns = max([head.count("\n") + 1 for head in self.columns], default=0)
        n_labels = len(band_lines) + bool(self.reference_label)
        height = 10.0 + SMALL_LEADING * max(n_columns, n_labels)
        top = height + (6.0 if height > 10 else 0)
        y = top - 10.0
        for (_, edge), head in zip(gutter, self.columns, strict=False):
            for k, text in enumerate(reversed(head.split("\n"))):
                sheet.text(edge, y - k * SMALL_LEADING, text, colour=SECONDARY, ha="right")
        reach = (gutter[0][0] if gutter else sheet.width) - 14
        if self.band and band_lines:
            middle = (max(self.band[0], self.limits[0]) + min(self.band[1], self.limits[1])) / 2
            for k, text in enumerate(reversed(band_lines)):
                sheet.text(
                    within(x(middle), measure(text, SMALL_PT), 0, reach),
                    y - k * SMALL_LEADING,
                    text,
                    colour=SECONDARY,
                    ha="center",
                )
        if self.reference is not None and self.reference_label:
            sheet.text(
                within(x(self.reference), measure(self.reference_label, SMALL_PT, bold=True), 0, reach),
                y - len(band_lines) * SMALL_LEADING,
                self.reference_label,
                bold=True,
                ha="center",
            )
        return top

    def _wide_rows(
        self,
        sheet: Sheet,
        top: float,
        label_width: float,
        indent: float,
        gutter: list[tuple[float, float]],
        judged: float,
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
            label_height = LABEL_LEADING * len(labels) + SMALL_LEADING * len(subs)
            pitch = 27.0 if len(item.lines) > 1 else 22.0
            pad = 20.0 if self.ruled else (3.6 if compact and not boxed else 14.0)
            words = wrap(item.verdict[1], VERDICT_WORDS, SMALL_PT, bold=True) if item.verdict else []
            if len(words) > 1 and pad < 14.0:
                pad = 14.0  # two lines of a verdict need air between rows
            tall = max(label_height, SMALL_LEADING * len(words))
            height = max(tall, pitch * len(item.lines) if len(item.lines) > 1 else 17.0) + pad
            middle = y + height / 2
            if self.ruled and i:
                sheet.rule(y)
            # labels of a row with several lines hang from its top, otherwise they are centred on the mark
            start = y + pad / 2 if len(item.lines) > 1 else middle - label_height / 2
            for k, text in enumerate(labels):
                sheet.text(2 + indent, start + LABEL_LEADING * (k + 0.5), text, size=LABEL_PT, bold=bold)
            start += LABEL_LEADING * len(labels)
            for k, text in enumerate(subs):
                sheet.text(2 + indent, start + SMALL_LEADING * (k + 0.5), text, colour=SECONDARY)
            first = middle - pitch * (len(item.lines) - 1) / 2
            for k, line in enumerate(item.lines):
                spot = _Spot(first + pitch * k, line)
                spots.append(spot)
                self._gutter_values(sheet, spot.y, line, gutter)
            self._gutter_values(sheet, middle, Line((), values=item.values), gutter)
            if item.verdict:
                self._verdict(sheet, sheet.width - judged, middle, item.verdict, words)
            y += height
        return spots, y + 2

    def _verdict(
        self, sheet: Sheet, left: float, y: float, verdict: tuple[str, str], words: Sequence[str]
    ) -> None:
        """Pictogram and words of a verdict; a difference that matters stands out in bold."""
        kind, _ = verdict
        if kind:
            pictogram(sheet, left, y, kind)
        start = y - SMALL_LEADING * (len(words) - 1) / 2
        for k, text in enumerate(words):
            sheet.text(
                left + PICTOGRAM + 8,
                start + SMALL_LEADING * k,
                text,
                bold=kind == "material",
                colour=INK if kind else SECONDARY,
            )

    def _gutter_values(self, sheet: Sheet, y: float, line: Line, gutter: list[tuple[float, float]]) -> None:
        values = line.values
        if line.stacked:
            for k, text in enumerate(values):
                bold = k == self.bold_column
                sheet.text(
                    sheet.width - 1,
                    y + 16 * (k - (len(values) - 1) / 2),
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
                y,
                text,
                size=LABEL_PT if bold else SMALL_PT,
                bold=bold,
                colour=INK if bold else SECONDARY,
                ha="right",
            )

    def _side_room(self, left: float, right: float) -> float:
        """By how much the plot gives way, so that labels that fit left of no mark do not run into the numbers."""
        x = scale(self.limits, left, right)
        lines = [line for item in self.rows if isinstance(item, Row) for line in item.lines if line.label]
        needed = 0.0
        for line in lines:
            width = measure(line.label, SMALL_PT)
            first, last = self._px_extent(x, left, line)
            if self._side_left(first, width, x, left) is None and last + 10 + width > right + 24:
                # wherever the marks end once the plot is narrower, it is not beyond its right edge
                needed = max(needed, width - 14)
        return needed

    def _side_left(
        self, first: float, width: float, x: Callable[[float], float], left: float
    ) -> float | None:
        """Where a label left of the marks ends; None where it has no room there."""
        end = self._clear_left(first - 10, width, x)
        return end if end - width >= left - 20 else None

    def _side_label(self, sheet: Sheet, plot: Plot, spot: _Spot, left: float) -> None:
        if not spot.line.label:
            return
        first, last = self._px_extent(plot.x, plot.left, spot.line)
        width = measure(spot.line.label, SMALL_PT)
        end = self._side_left(first, width, plot.x, left)
        if end is not None:
            sheet.text(end, spot.y, spot.line.label, colour=SECONDARY, ha="right")
        else:
            start = self._clear_right(last + 10, width, plot)
            sheet.text(start, spot.y, spot.line.label, colour=SECONDARY)

    def _clear_right(self, start: float, width: float, plot: Plot) -> float:
        """Where a text right of a mark begins: right of any line that would run through it, where there is room."""
        moved = start
        for at in reversed(self._lines(plot.x)):
            if moved - 3 < at < moved + width + 3:
                moved = at + 6
        return moved if moved + width <= plot.right else start

    def _px_extent(self, x: Callable[[float], float], left: float, line: Line) -> tuple[float, float]:
        extents = [mark.extent for mark in line.marks if mark.extent]
        if not extents:
            return left, left
        first = x(max(min(e[0] for e in extents), self.limits[0]))
        last = x(min(max(e[1] for e in extents), self.limits[1]))
        return min(first, x(min(e[1] for e in extents)) - 5), max(last, first + 5)

    # ------------------------------------------------ narrow

    def narrow(self) -> MplFigure:
        rows = [item for item in self.rows if isinstance(item, Row)]
        beside = all(
            len(r.lines) == 1
            and not r.sublabel
            and not r.lines[0].label
            and not r.lines[0].stacked
            and not r.verdict
            and len(wrap(r.label, _BESIDE, SMALL_PT, r.strong)) <= 3
            for r in rows
        )
        return self._narrow_beside() if beside else self._narrow_above()

    def _bold_value(self, line: Line) -> str:
        return self._bold_of(line.values)

    def _bold_of(self, values: Sequence[str]) -> str:
        return values[self.bold_column] if self.bold_column < len(values) else ""

    def _narrow_beside(self) -> MplFigure:
        """Short labels left of the marks, the estimate right of them."""
        sheet = Sheet(self.canvas)
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
                    y += SMALL_LEADING
                y += 4
                continue
            if i == 0 or isinstance(self.rows[i - 1], Heading):
                blocks.append([y, y])
            texts = names[id(item)]
            height = 20 + (SMALL_LEADING - 1) * (len(texts) - 1) + (4 if len(texts) > 1 else 0)
            middle = y + height / 2
            for k, text in enumerate(texts):
                shift = (k - (len(texts) - 1) / 2) * (SMALL_LEADING - 1)
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

    def _narrow_head(self, sheet: Sheet, left: float, right: float) -> float:
        x = scale(self.limits, left, right)
        lines = []
        if self.reference is not None and self.reference_label:
            lines.append((self.reference, self.reference_label, True))
        if self.band and self.band_label:
            middle = (max(self.band[0], self.limits[0]) + min(self.band[1], self.limits[1])) / 2
            lines += [(middle, text, False) for text in self.band_label.split("\n")]
        for k, (value, text, bold) in enumerate(lines):
            width = measure(text, SMALL_PT, bold)
            sheet.text(
                within(x(value), width, 0, sheet.width),
                8 + SMALL_LEADING * k,
                text,
                bold=bold,
                colour=INK if bold else SECONDARY,
                ha="center",
            )
        return 4 + SMALL_LEADING * len(lines) + (8 if lines else 0)

    def _narrow_above(self) -> MplFigure:
        """Labels above their rows, numbers beside the marks, the band only behind marks."""
        sheet = Sheet(self.canvas)
        left, right = self._narrow_left(), self.canvas.px - 10.0
        width = self.canvas.px - 2
        top = y = self._narrow_head(sheet, left, right)
        spots, blocks = [], []
        x = scale(self.limits, left, right)
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
                y += SMALL_LEADING
            if item.values:
                sheet.text(
                    self.canvas.px - 1,
                    y + 8 - SMALL_LEADING,
                    self._bold_of(item.values),
                    bold=True,
                    ha="right",
                )
            for text in wrap(item.sublabel, width, SMALL_PT) if item.sublabel else []:
                sheet.text(1, y + 8, text, colour=SECONDARY)
                y += SMALL_LEADING
            if item.verdict:
                shift = 0.0 if item.verdict[0] else -PICTOGRAM - 8
                self._verdict(sheet, 1 + shift, y + 11, item.verdict, [item.verdict[1]])
                y += 23 if item.verdict[0] else SMALL_LEADING
            y += 3
            start = y
            side = self._side(item, x)
            for line in item.lines:
                if side == "above":
                    sheet.text(1, y + 8, line.label, colour=SECONDARY)
                    shift = measure(line.label, SMALL_PT) + 6 if line.label else 0
                    sheet.text(1 + shift, y + 8, self._bold_value(line), bold=True)
                    y += SMALL_LEADING
                spot = _Spot(y + 12, line)
                spots.append(spot)
                if side != "above":
                    self._value_beside(sheet, spot, x, side)
                else:  # nothing runs through the words above the marks
                    blocks.append((y + 1, y + 24))
                y += 24
            if side != "above":
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
            x = scale(self.limits, left, right)
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
        spans = [(*mark_px(line, x, self.limits), self._need(line)) for line in item.lines]
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

    def _value_beside(self, sheet: Sheet, spot: _Spot, x: Callable[[float], float], side: str) -> None:
        text, label = self._bold_value(spot.line), spot.line.label
        first, last = mark_px(spot.line, x, self.limits)
        shift = measure(text, SMALL_PT, bold=True) + 6
        if side == "left":
            end = self._clear_left(first - 9, self._need(spot.line), x)
            sheet.text(end, spot.y, text, bold=True, ha="right")
            sheet.text(end - shift, spot.y, label, colour=SECONDARY, ha="right")
        else:
            start, need = last + 9, self._need(spot.line)
            for at in reversed(self._lines(x)):  # no line runs through the number, where there is room
                if start - 3 < at < start + need + 3 and at + 6 + need <= self.canvas.px:
                    start = at + 6
            sheet.text(start, spot.y, text, bold=True)
            sheet.text(start + shift, spot.y, label, colour=SECONDARY)

    # ------------------------------------------------ both

    def _ground(self, plot: Plot, blocks: Iterable[tuple[float, float]]) -> None:
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
                verticals(
                    axes,
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
            verticals(axes, [tick] * len(blocks), tops, bottoms, colors=GRID, linewidth=0.75, zorder=0.8)
        if self.reference is not None and self.limits[0] <= self.reference <= self.limits[1]:
            verticals(
                axes,
                [self.reference] * len(blocks),
                [b[0] for b in blocks],
                [b[1] for b in blocks],
                colors=INK,
                linewidth=1.1,
                zorder=1.5,
            )

    def _axis(self, sheet: Sheet, plot: Plot, bottom: float) -> float:
        """Tick labels and the axis' own; returns how far down they reach."""
        for tick in self.ticks:
            text = self.tick_text(tick)
            half = measure(text, SMALL_PT) / 2
            x = min(max(plot.x(tick), half), sheet.width - half)
            sheet.text(x, bottom + 15, text, colour=SECONDARY, ha="center")
        return axis_label_below(sheet, plot, bottom, self.axis_label)

    def _marks(self, plot: Plot, spots: Sequence[_Spot]) -> None:
        points: dict[tuple[str, bool], list[tuple[float, float]]] = {}
        for spot in spots:
            centres = [m.value for m in spot.line.marks if known(m.value)]
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
                draw_span(plot, mark, spot.y, self.limits)
                if known(mark.value) and self.limits[0] <= mark.value <= self.limits[1]:
                    points.setdefault((mark.role, mark.hollow), []).append((mark.value, spot.y))
        for (role, hollow), where in points.items():
            draw_points(plot.axes, where, role, hollow=hollow)


def pictogram(sheet: Sheet, left: float, y: float, kind: str) -> None:
    """The verdict's drawing, 40 × 20 px: the interval against the band, as on the page."""
    plot = sheet.plot(left, left + PICTOGRAM, y - 10, y + 10, (0.0, PICTOGRAM))
    axes, top, bottom = plot.axes, y - 8, y + 8
    axes.fill_between([9, 22], top, bottom, color=SPREAD, linewidth=0, zorder=0.5)
    verticals(axes, [9, 22], top, bottom, colors=INK, linewidth=1.1, zorder=1)
    if kind in _PICTOGRAMS:
        low, high, dot = _PICTOGRAMS[kind]
        horizontals(axes, [y], low, high, colors=INK, linewidth=1.9, zorder=2)
        axes.plot([dot], [y], marker="o", color=INK, markersize=5.2, linestyle="none", zorder=3)
    else:
        horizontals(axes, [y], 0, 36, colors=INK, linewidth=1.5, linestyles=(0, (1.6, 1.6)), zorder=2)


def draw_span(plot: Plot, mark: Mark, y: float, limits: tuple[float, float]) -> None:
    """The line, box or bar of a mark; ends beyond the axis get an arrowhead instead of a cap."""
    axes = plot.axes
    if mark.role == "worst":
        _draw_worst(plot, mark, y, limits)
        return
    colour = {"range": RANGE_EDGE, "adjusted": ADJUSTED}.get(mark.role, OBSERVED)
    if known(mark.low) and known(mark.high):
        first, last = max(mark.low, limits[0]), min(mark.high, limits[1])
        if first <= last:
            horizontals(axes, [y], first, last, colors=colour, linewidth=2.0, zorder=2.2)
        for end, inside, arrow in (
            (mark.low, mark.low >= limits[0], "<"),
            (mark.high, mark.high <= limits[1], ">"),
        ):
            if inside and limits[0] <= end <= limits[1]:
                verticals(axes, [end], y - 4.2, y + 4.2, colors=colour, linewidth=1.5, zorder=2.2)
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
            zorder=2.1 if mark.role == "rank" else 2.4,  # below the interval that another mark may draw on it
        )


def _draw_worst(plot: Plot, mark: Mark, y: float, limits: tuple[float, float]) -> None:
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
            verticals(plot.axes, [end], y - 7, y + 7, colors=WORST, linewidth=1.8, zorder=2.2)

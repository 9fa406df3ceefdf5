"""Rows of points with their intervals against a margin, and the places of a league table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.display.picture import Canvas
from cxstats.display.plots.items import Heading, Line, Mark, Row
from cxstats.display.plots.row_chart import RowChart
from cxstats.display.plots.sheet import (
    padded,
    plain_tick,
    round_ticks,
)
from cxstats.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure


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
    tick_text = tick_text or plain_tick
    chart = RowChart(
        canvas=canvas,
        rows=tuple(rows),
        axis_label=axis_label,
        columns=tuple(columns),
        band=band,
        band_label=band_label,
        reference=reference,
        reference_label=reference_label,
        limits=span,
        ticks=tuple(ticks) if ticks is not None else round_ticks(span, 6 if canvas.wide else 4, tick_text),
        tick_text=tick_text,
        ruled=any(isinstance(r, Row) and len(r.lines) > 1 for r in rows) if ruled is None else ruled,
        bold_column=bold_column,
        connect=connect,
    )
    return chart.wide() if canvas.wide else chart.narrow()


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
    return padded(low, high)


def ranks(
    canvas: Canvas,
    groups: Sequence[Ranked],
    *,
    columns: Sequence[str] = ("rank", ""),
    axis_label: str = "Place, 1 is highest",
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

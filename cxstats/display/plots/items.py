"""What a chart of rows is made of: marks on lines in rows, under headings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.display.plots.sheet import (
    ROLES,
    Role,
    known,
)

if TYPE_CHECKING:
    pass


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
        if self.role not in ROLES:
            raise ValueError(f"a mark's role is one of {', '.join(ROLES)}, not {self.role!r}")

    @property
    def extent(self) -> tuple[float, float] | None:
        """Leftmost and rightmost number of the mark."""
        numbers = [x for x in (self.value, self.low, self.high, *(self.box or ())) if known(x)]
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
    """A row of the chart: a label, a smaller one below it, and one or more lines.

    Attributes
    ----------
    values : printed in the gutter once for the whole row, in the columns of its lines' values; the first is bold.
    verdict : a verdict ("material", "negligible", "inconclusive", "not_answerable") and its words, drawn as
        pictogram and text at the right edge; an empty verdict prints the words alone ("reference").
    """

    label: str
    lines: tuple[Line, ...]
    sublabel: str = ""
    strong: bool = False
    values: tuple[str, ...] = ()
    verdict: tuple[str, str] | None = None


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


def mark_px(line: Line, x: Callable[[float], float], limits: tuple[float, float]) -> tuple[float, float]:
    """Pixels that a line's marks take up, from left to right."""
    extents = [mark.extent for mark in line.marks if mark.extent]
    if not extents:
        return 0.0, 0.0
    first = x(min(max(min(e[0] for e in extents), limits[0]), limits[1]))
    last = x(max(min(max(e[1] for e in extents), limits[1]), limits[0]))
    return first - 3, last + 3

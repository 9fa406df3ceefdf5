"""A figure laid out in CSS pixels: texts, rules, a plot with its scale, and points of each role."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from cxstats.display.picture import Canvas
from cxstats.display.theme import ADJUSTED, INK, OBSERVED, RANGE_EDGE, RULE, SECONDARY, WORST
from cxstats.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure

Role = Literal["observed", "adjusted", "range", "worst", "keeps", "falls_short", "reference", "rank"]
ROLES = ("observed", "adjusted", "range", "worst", "keeps", "falls_short", "reference", "rank")

LABEL_PT, SMALL_PT = 9.75, 9.0  # 13 px and 12 px; text is never smaller
LABEL_LEADING, SMALL_LEADING = 17.0, 15.5
_CIRCLE, _SQUARE, _HOLLOW_EDGE = 7.5, 6.5, 1.8  # points


class Sheet:
    """A figure laid out in CSS pixels from its top left corner.

    Texts and rules are collected first: the height is known only when everything has its place.
    """

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.width = canvas.px
        self.figure = canvas.figure(100)
        self._texts: list[tuple[float, float, str, dict[str, Any]]] = []
        self._rules: list[float] = []
        self._plots: list[Plot] = []
        self._points: dict[tuple[int, Role], list[tuple[float, float]]] = {}

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
        clear: bool = False,
    ) -> None:
        """A line of text whose x-height is centred on ``y``; ``clear`` keeps what is drawn behind it away."""
        if text:
            style = {"fontsize": size, "fontweight": 700 if bold else 400, "color": colour, "ha": ha}
            if clear:
                style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            self._texts.append((x, y + size * 96 / 72 * 0.36, text, style))

    def point(self, plot: Plot, x: float, y: float, role: Role) -> None:
        """A point of this role; a plot's points of one role are drawn together."""
        self._points.setdefault((self._plots.index(plot), role), []).append((x, y))

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
    ) -> Plot:
        """An axes over this rectangle; without ``y_span`` its y counts pixels from the figure's top."""
        axes = self.figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        if log:
            axes.set_xscale("log")
        _without_ticks(axes)
        axes.set_xlim(*x_span)
        axes.set_ylim(*(y_span or (bottom, top)))
        plot = Plot(axes, left, right, top, bottom, x_span, y_span, log)
        self._plots.append(plot)
        return plot

    def finish(self, height: float) -> MplFigure:
        """The figure at its final height."""
        height = math.ceil(height)
        for (i, role), where in self._points.items():
            draw_points(self._plots[i].axes, where, role)
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


def _without_ticks(axes: Axes) -> None:
    """Sheets write their own tick labels; matplotlib would make, lay out and measure some that nobody sees."""
    from matplotlib.ticker import NullLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(NullLocator())
        axis.set_minor_locator(NullLocator())
        axis.majorTicks, axis.minorTicks = [], []  # else one of each is made to copy from


@dataclass(frozen=True, slots=True)
class Plot:
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
        return scale(self.x_span, self.left, self.right, log=self.log)(value)

    def y(self, value: float) -> float:
        """Pixels from the figure's top edge."""
        if self.y_span is None:
            return value
        return scale(self.y_span, self.bottom, self.top)(value)

    def data_px(self, px: float) -> float:
        """Width of so many pixels in the data's unit, on a linear axis."""
        return px * (self.x_span[1] - self.x_span[0]) / (self.right - self.left)


def axis_label_below(sheet: Sheet, plot: Plot, bottom: float, text: str) -> float:
    texts = wrap(text, sheet.width, SMALL_PT)
    for k, line in enumerate(texts):
        x = within((plot.left + plot.right) / 2, measure(line, SMALL_PT), 0, sheet.width)
        sheet.text(x, bottom + 33 + SMALL_LEADING * k, line, colour=SECONDARY, ha="center")
    return bottom + 42 + SMALL_LEADING * (len(texts) - 1)


def verticals(
    axes: Axes,
    at: Sequence[float],
    first: float | Sequence[float],
    last: float | Sequence[float],
    **look: Any,
) -> None:
    """Lines down at these x, as ``axes.vlines`` draws them, without its look at what the axes' limits might be."""
    _lines(axes, at, first, last, look, swap=False)


def horizontals(
    axes: Axes,
    at: Sequence[float],
    first: float | Sequence[float],
    last: float | Sequence[float],
    **look: Any,
) -> None:
    """Lines across at these y, as ``axes.hlines`` draws them."""
    _lines(axes, at, first, last, look, swap=True)


def _lines(
    axes: Axes,
    at: Sequence[float],
    first: float | Sequence[float],
    last: float | Sequence[float],
    look: dict[str, Any],
    *,
    swap: bool,
) -> None:
    import numpy as np
    from matplotlib.collections import LineCollection

    where, first, last = np.broadcast_arrays(np.asarray(at, float), first, last)
    ends = np.stack([np.stack([where, first], axis=-1), np.stack([where, last], axis=-1)], axis=1)
    axes.add_collection(LineCollection(ends[..., ::-1] if swap else ends, **look), autolim=False)


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


def known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def scale(
    span: tuple[float, float], first: float, last: float, *, log: bool = False
) -> Callable[[float], float]:
    low, high = (math.log(span[0]), math.log(span[1])) if log else span

    def place(value: float) -> float:
        at = math.log(value) if log else value
        return first + (at - low) / (high - low) * (last - first)

    return place


def within(x: float, width: float, first: float, last: float) -> float:
    """Centre of a text of this width, moved so that it stays between first and last."""
    return min(max(x, first + width / 2), max(last - width / 2, first + width / 2))


def padded(low: float, high: float, *, zero: bool = False) -> tuple[float, float]:
    pad = 0.06 * (high - low) or max(abs(high) * 0.1, 0.5)
    if zero and 0 <= low <= 0.6 * high:
        return 0.0, high + pad
    return low - pad, high + pad


def round_ticks(
    span: tuple[float, float], most: int, text: Callable[[float], str] | None = None
) -> tuple[float, ...]:
    """Three to seven round positions inside the span, where ``text`` says no other number than the position.

    Labels in whole numbers do not go with steps of 2.5: 32.5 would read as 32, 37.5 as 38.

    >>> round_ticks((31, 43), 4), round_ticks((31, 43), 4, lambda v: f"{v:+.0f}")
    ((32.5, 35.0, 37.5, 40.0, 42.5), (32.0, 34.0, 36.0, 38.0, 40.0, 42.0))
    """
    from matplotlib.ticker import MaxNLocator

    def places(steps: list[float], most: int) -> tuple[float, ...]:
        found = MaxNLocator(nbins=most, steps=steps, min_n_ticks=min(3, most)).tick_values(*span)
        return tuple(round(float(p), 12) for p in found if span[0] <= p <= span[1])

    first = places([1, 2, 2.5, 5, 10], most)
    if text is None or all(_says(text(tick), tick) for tick in first):
        return first
    for fewer in range(most, 1, -1):
        ticks = places([1, 2, 5, 10], fewer)
        if len(ticks) > 1 and all(_says(text(tick), tick) for tick in ticks):
            return ticks
    return first


def _says(text: str, value: float) -> bool:
    """Whether the number in a label is the value; a label without a number says what it wants."""
    found = re.search(r"[-−+]?[\d,]*\.?\d+", text)
    if found is None:
        return True
    return math.isclose(float(found[0].replace("−", "-").replace(",", "")), value, rel_tol=1e-9, abs_tol=1e-9)


def log_ticks(span: tuple[float, float], most: int) -> tuple[float, ...]:
    low, high = math.floor(math.log10(span[0])), math.ceil(math.log10(span[1]))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        places = tuple(
            f * 10.0**e for e in range(low, high + 1) for f in factors if span[0] <= f * 10.0**e <= span[1]
        )
        if len(places) <= most:
            break
    return places


def plain_tick(value: float) -> str:
    digits = next((d for d in range(6) if math.isclose(value, round(value, d), abs_tol=1e-12)), 6)
    return number(value, digits)

"""Lines with direct labels: what a number does as another grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from cxstats.display.picture import Canvas
from cxstats.display.plots.sheet import (
    SMALL_LEADING,
    SMALL_PT,
    Plot,
    Sheet,
    axis_label_below,
    draw_points,
    known,
    log_ticks,
    measure,
    padded,
    plain_tick,
    round_ticks,
    verticals,
    within,
    wrap,
)
from cxstats.display.theme import ADJUSTED, BAND, BAND_EDGE, GRID, INK, OBSERVED, SECONDARY, SPREAD, WORST

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure


@dataclass(frozen=True, slots=True)
class Series:
    """A line with its label at its end, and a band around it where low and high are given.

    ``role`` "observed" is a solid line, "adjusted" a dashed one, "plain" a thin dotted one. ``line`` tells apart
    lines of one role, such as groups of customers.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    role: Literal["observed", "adjusted", "plain"] = "observed"
    line: Literal["", "solid", "dashed", "dotted"] = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """A point worth naming on a curve ("this survey: 8,497 answers")."""

    x: float
    y: float
    label: str


_ARROWS = {True: "↓", False: "↑"}
_LINES: dict[str, tuple[str, float, Any]] = {
    "observed": (OBSERVED, 2.0, "-"),
    "adjusted": (ADJUSTED, 2.0, (0, (5, 1.6))),
    "plain": (WORST, 1.6, (0, (1.5, 1.5))),
}
_DASHES: dict[str, Any] = {"solid": "-", "dashed": (0, (5, 1.6)), "dotted": (0, (1.5, 1.5))}


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
    A line that leaves ``y_limits`` for good ends there in an arrowhead, with the number that it goes on to.

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
    y_span = y_limits or padded(float(finite.min()), float(finite.max()), zero=True)
    x_span = x_limits or (float(np.nanmin(xs)), float(np.nanmax(xs)))
    if x_span[0] == x_span[1]:  # a curve of one point still needs an axis
        x_span = (x_span[0] / 1.5, x_span[1] * 1.5) if x_log else (x_span[0] - 0.5, x_span[1] + 0.5)
    y_text = y_text or plain_tick
    x_text = x_text or plain_tick
    y_ticks = round_ticks(y_span, 6, y_text)
    if x_ticks is None:
        x_ticks = (
            log_ticks(x_span, 7 if canvas.wide else 4)
            if x_log
            else round_ticks(x_span, 6 if canvas.wide else 4, x_text)
        )

    sheet = Sheet(canvas)
    left = max(measure(y_text(t), SMALL_PT) for t in y_ticks) + 10
    cap = 150.0 if canvas.wide else 92.0
    whole, exits = series, [_exit(s, y_span) for s in series]
    # on a phone there is no room inside the plot: there their labels stand with the others
    series = [s for s, gone in zip(whole, exits, strict=True) if gone is None or not canvas.wide]
    names = [wrap(s.label, cap, SMALL_PT, bold=True) for s in series]
    if not canvas.wide:
        names = [
            [*name, *([] if gone is None else [f"{_ARROWS[gone[1] == y_span[0]]} to {y_text(_last(s)[1])}"])]
            for name, s, gone in zip(names, series, exits, strict=True)
        ]
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
            within(plot.x(tick), measure(x_text(tick), SMALL_PT), 0, sheet.width),
            bottom + 15,
            x_text(tick),
            colour=SECONDARY,
            ha="center",
        )
    sheet.text(0, 10, y_label, colour=SECONDARY)
    depth = axis_label_below(sheet, plot, bottom, x_label)
    taken = _taken(plot, [_until(s, gone) for s, gone in zip(whole, exits, strict=True)], spots)
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
    _draw_series(plot, whole)
    ends = [_curve_end(plot, s, y_span) for s in series]
    for name, s, y in zip(
        names, series, _spread(ends, [SMALL_LEADING * len(n) + 3 for n in names], top, bottom), strict=True
    ):
        for k, text in enumerate(name):
            sheet.text(
                right + 10,
                y + SMALL_LEADING * (k - (len(name) - 1) / 2),
                text,
                bold=True,
                colour=_label_colour(s),
            )
    for spot in spots:
        taken.append(_draw_spot(sheet, plot, spot, y_span, taken))
    for s, gone in zip(whole, exits, strict=True):
        if gone is not None:
            _draw_head(plot, s, gone)
        if gone is not None and canvas.wide:
            down = [_Box(plot.x(o.x) - 0.5, plot.y(o.y), plot.x(o.x) + 0.5, bottom) for o in spots]
            taken.append(_draw_exit(sheet, plot, s, gone, (x_text, y_text), [*taken, *down]))
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


def _taken(plot: Plot, series: Sequence[Series], spots: Sequence[Spot]) -> list[_Box]:
    """What labels should keep clear of: the curves, as small boxes along them, and the named points."""
    import numpy as np

    boxes = []
    for s in series:
        xs = np.array([plot.x(float(v)) for v in s.x])
        ys = np.array([plot.y(float(v)) for v in s.y])
        finite = np.isfinite(ys)
        if not finite.any():
            continue
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(xs[finite]), np.diff(ys[finite])))])
        every = np.arange(0, along[-1], 4.0)
        places = zip(np.interp(every, along, xs[finite]), np.interp(every, along, ys[finite]), strict=True)
        boxes += [_Box(x - 3, y - 3, x + 3, y + 3) for x, y in places]
    return boxes + [_Box(plot.x(s.x) - 6, plot.y(s.y) - 6, plot.x(s.x) + 6, plot.y(s.y) + 6) for s in spots]


def _freest(places: Sequence[_Box], taken: Sequence[_Box], plot: Plot) -> _Box:
    """The first of the places with the least under it; what leaves the plot counts as taken."""

    def cost(box: _Box) -> float:
        outside = max(plot.left - box.left, 0) + max(box.right - plot.right, 0)
        outside += max(plot.top - box.top, 0) + max(box.bottom - plot.bottom, 0)
        return 40 * outside + sum(box.overlap(other) for other in taken)

    return min(places, key=lambda box: round(cost(box), 3))


def _band_words(
    sheet: Sheet, plot: Plot, text: str, band: tuple[float, float], taken: Sequence[_Box]
) -> _Box:
    """What the band means, inside it or just above or below, where no curve runs."""
    upper, lower = plot.y(band[1]), plot.y(band[0])
    choices: dict[_Box, list[str]] = {}
    for part in (0.62, 0.4):
        lines = wrap(text, part * (plot.right - plot.left), SMALL_PT)
        width, height = max(measure(line, SMALL_PT) for line in lines), SMALL_LEADING * len(lines)
        # above the plot stands the axis label: there the words go below the band
        tops = [upper - height - 2 if upper - height - 2 >= plot.top else lower + 2]
        if lower - upper >= height + 4:
            tops = [upper + 3, lower - height - 3, *tops]
        for top in tops:
            for left in (plot.left + 5, plot.right - width - 5, (plot.left + plot.right - width) / 2):
                choices.setdefault(_Box(left, top, left + width, top + height), lines)
    box = _freest(list(choices), taken, plot)
    for k, line in enumerate(choices[box]):
        sheet.text(box.left, box.top + SMALL_LEADING * (k + 0.5), line, colour=SECONDARY)
    return box


def _draw_series(plot: Plot, series: Sequence[Series]) -> None:
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
            linestyle=_DASHES.get(s.line, style),
            errorbar=None,
            estimator=None,
            sort=False,
            legend=False,
            zorder=2.5,
        )


def _exit(s: Series, y_span: tuple[float, float]) -> tuple[float, float] | None:
    """Where a line leaves the axis and does not come back; None where it ends on it."""
    points = [(float(x), float(y)) for x, y in zip(s.x, s.y, strict=True) if known(y)]
    if not points or y_span[0] <= points[-1][1] <= y_span[1]:
        return None
    edge = y_span[0] if points[-1][1] < y_span[0] else y_span[1]
    for (x0, y0), (x1, y1) in zip(points[-2::-1], points[:0:-1], strict=True):
        if (y0 - edge) * (y1 - edge) <= 0 and y0 != y1:
            return x0 + (x1 - x0) * (edge - y0) / (y1 - y0), edge
    return points[0][0], edge


def _until(s: Series, gone: tuple[float, float] | None) -> Series:
    """The part of a line that is on the axis."""
    if gone is None:
        return s
    kept = [(x, y) for x, y in zip(s.x, s.y, strict=True) if x < gone[0]]
    return replace(s, x=[*(x for x, _ in kept), gone[0]], y=[*(y for _, y in kept), gone[1]])


def _last(s: Series) -> tuple[float, float]:
    return next((x, y) for x, y in zip(reversed(s.x), reversed(s.y), strict=True) if known(y))


def _draw_head(plot: Plot, s: Series, gone: tuple[float, float]) -> None:
    """An arrowhead where a line leaves the axis."""
    look = {"marker": "v" if gone[1] == plot.y_span[0] else "^", "color": _LINES[s.role][0]}
    plot.axes.plot([gone[0]], [gone[1]], markersize=6.5, clip_on=False, zorder=4, **look)


def _draw_exit(
    sheet: Sheet,
    plot: Plot,
    s: Series,
    gone: tuple[float, float],
    said: tuple[Callable[[float], str], Callable[[float], str]],
    taken: Sequence[_Box],
) -> _Box:
    """Beside a line's arrowhead its label, and the last number that it goes on to."""
    down = gone[1] == plot.y_span[0]
    x, y = _last(s)
    lines = [s.label, f"({said[1](y)} at {said[0](x)})"]
    width = max(measure(text, SMALL_PT, bold=k == 0) for k, text in enumerate(lines))
    height = SMALL_LEADING * len(lines)
    at, edge = plot.x(gone[0]), plot.y(gone[1])
    places = [
        _Box(left, top, left + width, top + height)
        for rise in (4, 10, 22, 40, 60)
        for top in ((edge - rise - height) if down else (edge + rise),)
        for left in (at + 12, at - 12 - width, at + 24, at - 28 - width, at - 44 - width)
    ]
    box = _freest(places, taken, plot)
    for k, text in enumerate(lines):
        y = box.top + SMALL_LEADING * (k + 0.5)
        sheet.text(box.left, y, text, bold=k == 0, colour=_label_colour(s), clear=True)
    return box


def _label_colour(s: Series) -> str:
    return SECONDARY if s.role == "plain" else _LINES[s.role][0]


def _curve_end(plot: Plot, s: Series, y_span: tuple[float, float]) -> float:
    values = [y for y in s.y if known(y)]
    return plot.y(min(max(values[-1], y_span[0]), y_span[1])) if values else plot.bottom


def _draw_spot(
    sheet: Sheet, plot: Plot, spot: Spot, y_span: tuple[float, float], taken: Sequence[_Box]
) -> _Box:
    verticals(
        plot.axes,
        [spot.x],
        y_span[0],
        spot.y,
        colors=OBSERVED,
        linewidth=0.9,
        linestyles=(0, (1, 1.6)),
        zorder=2,
    )
    draw_points(plot.axes, [(spot.x, spot.y)], "observed")
    lines = wrap(spot.label, 170.0 if sheet.width > 400 else 120.0, SMALL_PT, bold=True)
    width = max(measure(text, SMALL_PT, bold=True) for text in lines)
    height = SMALL_LEADING * len(lines)
    x, y = plot.x(spot.x), plot.y(spot.y)
    places = [
        _Box(at, y + dy - height / 2, at + width, y + dy + height / 2)
        for reach in (8, 24, 44, 70, 100, 130)
        for dy in (-reach - height / 2, reach + height / 2)
        for at in (x + 9, x - 9 - width, x - width / 2)
    ]
    box = _freest(places, taken, plot)
    for k, text in enumerate(lines):
        sheet.text(box.left, box.top + SMALL_LEADING * (k + 0.5), text, bold=True)
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

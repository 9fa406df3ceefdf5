"""Small drawings that need no plotting library: verdict marks, the strip, key samples, sparklines.

Each is inline SVG without ids, scripts or style attributes, so it may stand in a page with a
strict content-security policy. Text inside inherits the page's font.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cxstats.display.theme import (
    ADJUSTED,
    BAND,
    BAND_EDGE,
    INK,
    OBSERVED,
    RANGE,
    RANGE_EDGE,
    RULE,
    SECONDARY,
    SPREAD,
    WORST,
)
from cxstats.words import amount, interval, number, signed

__all__ = ["KEY_SAMPLES", "key_sample", "sparkline", "strip", "verdict_mark"]

# What each verdict's pictogram shows: the interval's ends against the band (9 to 22), and its dot.
_MARKS = {
    "material": (26, 40, 33),
    "negligible": (10.5, 20.5, 15.5),
    "inconclusive": (12, 31, 21.5),
}


def verdict_mark(verdict: str) -> str:
    """The 40 × 20 pictogram of a verdict, in the text's own colour, hidden from screen readers."""
    band = (
        '<path d="M9 2h13v16H9z" fill="currentColor" opacity=".25"/>'
        '<path d="M9 2v16M22 2v16" stroke="currentColor" stroke-width="1.5"/>'
    )
    if verdict in _MARKS:
        low, high, dot = _MARKS[verdict]
        mark = (
            f'<path d="M{low:g} 10H{high:g}" stroke="currentColor" stroke-width="2.5"/>'
            f'<circle cx="{dot:g}" cy="10" r="3.6" fill="currentColor"/>'
        )
    else:
        mark = '<path d="M0 10H36" stroke="currentColor" stroke-width="2" stroke-dasharray="2.5 2.5"/>'
    return (
        '<svg class="cx-pictogram" viewBox="0 0 40 20" width="40" height="20" '
        f'aria-hidden="true" focusable="false" fill="none">{band}{mark}</svg>'
    )


def _interval_sample(colour: str, shape: str) -> str:
    return (
        f'<path d="M2 8H34M2 3V13M34 3V13" stroke="{colour}" stroke-width="2.2" fill="none"/>'
        f"{shape.format(colour=colour)}"
    )


_CIRCLE = '<circle cx="18" cy="8" r="5" fill="{colour}"/>'
_HOLLOW = '<circle cx="18" cy="8" r="4.6" fill="#fff" stroke="{colour}" stroke-width="2.2"/>'
_SQUARE = '<path d="M13.5 3.5h9v9h-9z" fill="{colour}"/>'

KEY_SAMPLES = {
    "observed": _interval_sample(OBSERVED, _CIRCLE),
    "observed_hollow": _interval_sample(OBSERVED, _HOLLOW),
    "adjusted": _interval_sample(ADJUSTED, _SQUARE),
    "range": (
        f'<path d="M1 8H35M1 3V13M35 3V13" stroke="{RANGE_EDGE}" stroke-width="2" fill="none"/>'
        f'<path d="M7 2.5h22v11H7z" fill="{RANGE}" stroke="{RANGE_EDGE}" stroke-width="1.4"/>'
    ),
    "worst": f'<path d="M0 8 9 2.5V6H27V2.5L36 8 27 13.5V10H9V13.5Z" fill="{WORST}"/>',
    "band": (
        f'<path d="M5 0h26v16H5z" fill="{BAND}"/>'
        f'<path d="M5 0v16M31 0v16" stroke="{BAND_EDGE}" stroke-width="1.2" stroke-dasharray="3 2.5"/>'
    ),
    "keeps": f'<circle cx="18" cy="8" r="5.5" fill="{OBSERVED}"/>',
    "falls_short": f'<path d="M18 2 24 8 18 14 12 8Z" fill="#fff" stroke="{OBSERVED}" stroke-width="2.2"/>',
    "spread": f'<path d="M1 2.5h34v11H1z" fill="{SPREAD}" stroke="{OBSERVED}" stroke-width="1.2"/>',
    "reference": f'<path d="M18 0V16" stroke="{INK}" stroke-width="1.6"/>',
    "line": f'<path d="M1 8H35" stroke="{OBSERVED}" stroke-width="2.6"/>',
    "line_adjusted": f'<path d="M1 8H35" stroke="{ADJUSTED}" stroke-width="2.6" stroke-dasharray="9 3"/>',
    "line_plain": f'<path d="M1 8H35" stroke="{WORST}" stroke-width="2" stroke-dasharray="3 3"/>',
    "rank": f'<path d="M2 4h32v8H2z" fill="{SPREAD}"/><circle cx="18" cy="8" r="5" fill="{OBSERVED}"/>',
}


def key_sample(mark: str) -> str:
    """The sample that stands in a figure's key for one of :data:`KEY_SAMPLES`."""
    if mark not in KEY_SAMPLES:
        raise ValueError(f"a key has no mark {mark!r}; it knows {', '.join(KEY_SAMPLES)}")
    return (
        '<svg class="cx-sample" viewBox="0 0 36 16" width="36" height="16" aria-hidden="true" '
        f'focusable="false" fill="none">{KEY_SAMPLES[mark]}</svg>'
    )


# ---------------------------------------------------------------- the strip in the answer box


@dataclass(frozen=True, slots=True)
class _Label:
    x: float
    text: str
    bold: bool = False

    def width(self, size: float) -> float:
        # DejaVu Sans' mean advance: 0.6 em, 0.67 in bold; the widest of the page's fall-back fonts
        return len(self.text) * size * (0.67 if self.bold else 0.6)


def strip(
    *,
    low: float,
    high: float,
    margin: float,
    unit: str,
    value: float | None = None,
    assumption: tuple[float, float] | None = None,
    digits: int | None = None,
    width: int = 640,
) -> str:
    """The interval against the margin, as the answer box shows it; inline SVG ``width`` px wide.

    Thick is the range over an assumption, thin is sampling; the bold numbers hold both. The numbers of the margin stand
    under its edges; those of the interval under its ends, a row lower where the two would collide. ``digits`` are the
    decimals of the text beside it; else it takes as many as tell the interval from the margin.

    Raises
    ------
    ValueError : an interval that ends before it begins, or a margin not above 0.
    """
    if low > high or not margin > 0:
        raise ValueError(f"a strip needs low ≤ high and a margin above 0, not {low}, {high}, {margin}")
    size = 12.0
    first, last = min(-margin, low), max(margin, high)
    pad = 0.12 * (last - first)
    left, right = 4.0, width - 4.0
    start, stop = first - pad, last + pad

    def x(data: float) -> float:
        return round(left + (data - start) / (stop - start) * (right - left), 1)

    # a margin of 0.15 beside an end of 1.2: as many decimals as it takes to see the margin
    chosen = digits is not None
    digits = digits if chosen else max(_digits(low, high, margin), min(_digits(margin), 4))
    while (
        not chosen
        and digits < 4
        and any(abs(v) != margin and abs(round(v, digits)) == margin for v in (low, high))
    ):
        digits += 1  # an end beside the margin's edge must not read as if on it
    title = _strip_title(low, high, value, assumption, unit, digits, margin)
    middle = x(value) if assumption is None and value is not None else (x(low) + x(high)) / 2
    head = _inside(_Label(middle, title, bold=True), size, width)
    band_head = _inside(_Label(x(0), "would not matter"), size, width)
    head_rows = _rows([band_head, head], size)
    top = 18.0 * (1 + max(head_rows)) - 2
    mid, bottom = top + 20.0, top + 40.0

    edges = [_Label(x(-margin), signed(-margin, _digits(margin)))]
    if x(margin) - x(-margin) > 90:
        edges.append(_Label(x(0), "0"))
    edges.append(_Label(x(margin), signed(margin, _digits(margin))))
    if _collide(edges[0], edges[-1], size):
        edges = [_inside(_Label(x(0), f"±{number(margin, _digits(margin))}"), size, width)]
    ends = [
        _inside(_Label(x(low), signed(low, digits)), size, width),
        _inside(_Label(x(high), signed(high, digits)), size, width),
    ]
    if _collide(ends[0], ends[1], size):
        both = interval(low, high, digits=digits, sign=True) if high > low else signed(low, digits)
        ends = [_inside(_Label((x(low) + x(high)) / 2, both), size, width)]
    second = any(_collide(a, b, size) for a in ends for b in edges)
    ends_y = bottom + (34.0 if second else 17.0)
    height = ends_y + 6

    parts = [
        f'<path d="M0 {mid:g}H{width}" stroke="{RULE}" stroke-width="1.2"/>',
        f'<path d="M{x(-margin):g} {top:g}H{x(margin):g}V{bottom:g}H{x(-margin):g}Z" fill="{BAND}"/>',
        f'<path d="M{x(-margin):g} {mid:g}H{x(margin):g}" stroke="{RULE}" stroke-width="1.2"/>',
        (
            f'<path d="M{x(-margin):g} {top:g}V{bottom:g}M{x(margin):g} {top:g}V{bottom:g}" '
            f'stroke="{BAND_EDGE}" stroke-width="1.4" stroke-dasharray="4 3"/>'
        ),
    ]
    colour = OBSERVED if assumption is None else RANGE_EDGE
    parts.append(
        f'<path d="M{x(low):g} {mid:g}H{x(high):g}M{x(low):g} {mid - 4:g}v8M{x(high):g} {mid - 4:g}v8" '
        f'stroke="{colour}" stroke-width="2.4"/>'
    )
    if assumption is not None:
        box_low, box_high = x(assumption[0]), x(assumption[1])
        parts.append(
            f'<path d="M{box_low:g} {mid - 7:g}H{max(box_high, box_low + 2):g}v14H{box_low:g}Z" '
            f'fill="{RANGE}" stroke="{RANGE_EDGE}" stroke-width="1.5"/>'
        )
    elif value is not None:
        parts.append(f'<circle cx="{x(value):g}" cy="{mid:g}" r="5.2" fill="{OBSERVED}"/>')

    def text(label: _Label, y: float, colour: str) -> str:
        weight = ' font-weight="700"' if label.bold else ""
        return (
            f'<text x="{label.x:.1f}" y="{y:g}" fill="{colour}" text-anchor="middle" '
            f'font-size="{size:g}"{weight}>{escape(label.text)}</text>'
        )

    rows = max(head_rows)
    parts.append(text(band_head, top - 5 - 18 * (rows - head_rows[0]) * bool(head_rows[0]), SECONDARY))
    parts.append(text(head, top - 5 - (18 if head_rows[1] else 0), INK))
    parts += [text(label, bottom + 17, SECONDARY) for label in edges]
    parts += [text(label, ends_y, INK if second else SECONDARY) for label in ends]
    words = f"{title}. Interval from {signed(low, digits)} to {signed(high, digits)}; what would not matter "
    words += f"lies between {signed(-margin, _digits(margin))} and {amount(margin, unit, sign=True)}."
    return (
        f'<svg viewBox="0 0 {width} {height:g}" width="{width}" height="{height:g}" role="img" '
        f'aria-label="{escape(words)}" fill="none">{"".join(parts)}</svg>'
    )


def _strip_title(
    low: float,
    high: float,
    value: float | None,
    assumption: tuple[float, float] | None,
    unit: str,
    digits: int,
    margin: float,
) -> str:
    if assumption is not None:
        # sampling error is part of what the verdict claims; fewer decimals, unless an end would read as on the edge
        whole = max(digits - 1, min(_digits(margin), digits), 0)
        if any(abs(v) != margin and abs(round(v, whole)) == margin for v in (low, high)):
            whole = digits
        return interval(low, high, unit, digits=whole, sign=low < 0)
    if value:
        return amount(value, unit, sign=True, digits=digits)
    # an effect of exactly 0 is a number held against itself: its interval is the news
    return interval(low, high, unit, digits=digits, sign=True)


def _digits(*values: float) -> int:
    """Decimals that the numbers need: one where they run over whole units, more for small ones."""
    largest = max(abs(value) for value in values)
    if len(values) == 1:
        return next(d for d in range(6) if abs(round(largest, d) - largest) < 1e-9 or d == 5)
    return 1 if largest >= 1 else 2 if largest >= 0.1 else 3


def _inside(label: _Label, size: float, width: float) -> _Label:
    half = label.width(size) / 2
    return _Label(min(max(label.x, half), width - half), label.text, label.bold)


def _collide(a: _Label, b: _Label, size: float) -> bool:
    return abs(a.x - b.x) < (a.width(size) + b.width(size)) / 2 + 0.7 * size


def _rows(labels: Sequence[_Label], size: float) -> list[int]:
    """Row of each of two labels, 0 nearest the drawing: the second moves up where they would collide."""
    return [0, 1 if _collide(labels[0], labels[1], size) else 0]


# ---------------------------------------------------------------- the sparkline on the index


def sparkline(
    history: Sequence[tuple[str, float | None, float | None, float | None]],
    *,
    margin: float | None,
    last_label: str | tuple[str, str],
    first_period: str = "",
    last_period: str = "",
    width: int = 228,
    ranges: Sequence[tuple[float, float] | None] = (),
) -> str:
    """Up to six periods with their intervals, the margin as a band around zero, the last one labelled.

    ``history`` holds (period, value, low, high), oldest first; a missing period has value None and is
    drawn as ×. ``margin=None`` draws no band (the number is a level, not a difference). ``ranges`` holds, for each
    period, the range over an assumption, drawn as a box in the interval as in the answer's strip, or None; a period
    with a range needs no value. ``last_label`` may be two texts, for the interval's lower and upper end.
    """
    points = list(history)[-6:]
    boxes = [None] * (len(points) - len(ranges)) + list(ranges)[-len(points) :]
    points = [
        (period, value if box is None else None, lo, hi)
        for (period, value, lo, hi), box in zip(points, boxes, strict=True)
    ]
    known = [p for p, box in zip(points, boxes, strict=True) if p[1] is not None or box is not None]
    if not known:
        return ""
    bounds = [v for p in known for v in p[1:] if v is not None] + [v for box in boxes if box for v in box]
    if margin is not None:
        bounds += [-margin, margin]
    low, high = min(bounds), max(bounds)
    span = (high - low) or 1.0
    plot_width, top, height = 156.0, 6.0, 46.0
    step = plot_width / max(len(points), 6)

    def y(value: float) -> float:
        return round(top + (high - value) / span * height, 1)

    parts = []
    if margin is not None:
        upper, lower = y(margin), y(-margin)
        parts.append(f'<path d="M0 {upper:g}H{plot_width:g}V{lower:g}H0Z" fill="{BAND}"/>')
        parts.append(
            f'<path d="M0 {upper:g}H{plot_width:g}M0 {lower:g}H{plot_width:g}" '
            f'stroke="{BAND_EDGE}" stroke-width="1" stroke-dasharray="3 2.5"/>'
        )
    xs = [round(plot_width - step * (len(points) - i - 0.5), 1) for i in range(len(points))]
    for x, (_, value, lo, hi), box in zip(xs, points, boxes, strict=True):
        last = x == xs[-1]
        colour, radius, line = (OBSERVED, 4.4, 2.8) if last else (WORST, 3.2, 2.0)
        if box is not None:
            lo, hi = (end if end is not None else edge for end, edge in zip((lo, hi), box, strict=True))
            colour, half = (RANGE_EDGE, 6) if last else (WORST, 4)
            # as in the answer's strip: the box is the assumption, the line through it sampling
            parts.append(
                f'<path d="M{x:g} {y(lo):g}V{y(hi):g}" stroke="{colour}" stroke-width="{line:g}"/>'
                f'<path d="M{x - half:g} {y(box[0]):g}V{min(y(box[1]), y(box[0]) - 2):g}h{2 * half}'
                f'V{y(box[0]):g}Z" fill="{RANGE}" stroke="{colour}" stroke-width="1.5"/>'
            )
            if last:
                parts += _end_labels(x + 10, y(lo), y(hi), last_label, top + height)
            continue
        if value is None:
            middle = top + height / 2
            parts.append(
                f'<path d="M{x - 3:g} {middle - 3:g}l6 6m0-6l-6 6" stroke="{SECONDARY}" stroke-width="1.5"/>'
            )
            continue
        if lo is not None and hi is not None:
            parts.append(f'<path d="M{x:g} {y(lo):g}V{y(hi):g}" stroke="{colour}" stroke-width="{line:g}"/>')
        parts.append(f'<circle cx="{x:g}" cy="{y(value):g}" r="{radius:g}" fill="{colour}"/>')
        if last:
            parts.append(
                f'<text x="{x + 10:g}" y="{min(max(y(value) + 4, 12), top + height):g}" fill="{INK}" '
                f'font-size="12.5" font-weight="700">{escape(_joined(last_label))}</text>'
            )
    parts += _end_periods(xs, first_period if len(points) > 1 else "", last_period, top + height + 17)
    return (
        f'<svg class="cx-spark" viewBox="0 0 {width} {top + height + 22:g}" width="{width}" '
        f'height="{top + height + 22:g}" aria-hidden="true" focusable="false" fill="none">'
        f"{''.join(parts)}</svg>"
    )


def _joined(label: str | tuple[str, str]) -> str:
    return label if isinstance(label, str) else " to ".join(label)


def _end_labels(x: float, low: float, high: float, label: str | tuple[str, str], bottom: float) -> list[str]:
    """What stands beside the last box: a text at either end of its interval, 14 px or more apart."""
    texts = (
        [(high + 4, label[1]), (low + 4, label[0])]
        if isinstance(label, tuple)
        else [((low + high) / 2 + 4, label)]
    )
    first = min(max(texts[0][0], 12.0), bottom - 14 * (len(texts) - 1))
    places = [first] if len(texts) == 1 else [first, min(max(texts[1][0], first + 14), bottom)]
    return [
        f'<text x="{x:g}" y="{y:g}" fill="{INK}" font-size="12.5" font-weight="700">{escape(text)}</text>'
        for y, (_, text) in zip(places, texts, strict=True)
    ]


def _end_periods(xs: Sequence[float], first: str, last: str, y: float) -> list[str]:
    """The names of the first and the last period, the first moved left, or left out, where they would meet."""
    size = 12.0
    end = _Label(xs[-1], last)
    end_left = end.x - end.width(size) / 2
    start = _Label(xs[0], first)
    left = min(max(start.x - start.width(size) / 2, 0), end_left - 10 - start.width(size))
    named = [(max(end_left, 0), last)] if last else []
    if first and left >= 0:
        named.insert(0, (left, first))
    return [
        f'<text x="{x:.1f}" y="{y:g}" fill="{SECONDARY}" font-size="{size:g}">{escape(text)}</text>'
        for x, text in named
    ]

"""The pictures of the response-style report, each with its headline and the numbers behind it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.findings import Verdict
from cxstats.studies.extreme_response_bias.numbers import Gap, Numbers, Pair
from cxstats.studies.extreme_response_bias.sentences import (
    fact_names,
    gap_words,
    plain,
    range_words,
    style_share_text,
)
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.speech import Speech, enough_digits, in_sentence
from cxstats.words import (
    NBSP,
    capitalised,
    count,
    interval,
    join_words,
    number,
    plural,
    share,
    signed,
)

__all__ = ["Source", "all_figures", "facts_table"]

Tick = Callable[[float], str]
ROOMY = 8  # groups up to which each step has a line of its own
MOST_ROWS = 24  # groups in a picture; the table has them all
MOST_PAIRED = 10  # groups in a picture in which each has several lines


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if not numbers.pairs:
        return {}
    main = numbers.main
    made = [_gaps(numbers, source)]
    made += [_steps(numbers, source)] if main.fitted else []
    made += [_spread(numbers, source)] if numbers.spread else []
    made += [_style(numbers, source)] if numbers.items else []
    made += [_assumptions(numbers, source), _naive(numbers, source)] if main.fitted else []
    made += [_designs(numbers, source)] if any(design.gaps for design in numbers.designs) else []
    made += [_culture(numbers, source)] if numbers.culture else []
    return {figure.key: figure for figure in made}


def _ticks(numbers: Numbers) -> Tick:
    digits = Speech(numbers.metric).gap_digits
    return lambda v: signed(v, 1 if digits and abs(10 * v - round(10 * v)) < 1e-9 else digits)


def _axis(numbers: Numbers) -> str:
    unit = Speech(numbers.metric).gap_unit
    words = (
        f"{numbers.metric.short} {unit}"
        if unit == "points"
        else f"{capitalised(unit)} of {numbers.metric.short}"
    )
    return f"{words} above (+) or below (−) {numbers.reference}"


def _band(numbers: Numbers) -> dict[str, object]:
    margin = numbers.settings.margin
    return {
        "band": (-margin, margin),
        "band_label": f"within {Speech(numbers.metric).gap(margin)} of {numbers.reference}",
    }


def _value(numbers: Numbers, value: float) -> str:
    say = Speech(numbers.metric)
    return signed(value, min(say.gap_digits + 1, 2))


def _span(numbers: Numbers, low: float, high: float, fine: int = 1) -> str:
    least = min(Speech(numbers.metric).gap_digits + fine, 2)
    digits = enough_digits(least, lambda d: abs(high - low) < 1e-9 or round(low, d) != round(high, d))
    return interval(low, high, digits=min(digits, 2), sign=True)


def _with_span(numbers: Numbers, gap: Gap | None) -> tuple[str, str]:
    return ("", "") if gap is None else (_value(numbers, gap.value), _span(numbers, gap.low, gap.high))


def _hidden_note(numbers: Numbers) -> str:
    if not numbers.hidden:
        return ""
    return (
        f"{plural(numbers.hidden, 'group is', 'groups are')} not shown: under {numbers.settings.smallest_group} "
        "answers, or one that would give such a group away by subtraction."
    )


# ------------------------------------------------------------------------------- the gaps


def _gaps(numbers: Numbers, source: Source) -> Figure:
    ref, margin = numbers.reference, Speech(numbers.metric).gap(numbers.settings.margin)
    stage = _stage(numbers)
    roomy = len(numbers.pairs) < ROOMY
    shown = _shown(numbers)
    places = {label: rest for label, *rest in numbers.ranks}
    rows: list[plots.Row] = []
    for k, item in enumerate(shown):
        if item is None:
            rows.append(
                plots.Row(
                    ref,
                    (plots.Line((plots.Mark("reference", 0.0),)),),
                    values=(_place(places.get(ref)),),
                    verdict=("", "reference"),
                    strong=True,
                )
            )
            continue
        rows.append(_gap_row(numbers, item, stage, _place(places.get(item.label)), roomy, first=k == 0))
    cut = len(numbers.pairs) + 1 - len(shown)
    note = _hidden_note(numbers)
    left_out = f" {plural(cut, 'group')} between them stand only in the table." if cut else ""
    sizes = [n for _, n, _ in numbers.groups]
    return Figure(
        key="gaps",
        headline=_gaps_headline(numbers),
        subtitle=f"{capitalised(numbers.metric.short)} compared with {ref}: as measured"
        + (f", {stage}," if stage else "")
        + f" and after allowing for scale use ({style_share_text(numbers)} of the difference in spread)",
        alt=alt_text(
            f"{numbers.metric.short} of each group against {ref}, within {margin} or not",
            [
                f"{p.label}: {_value(numbers, p.raw.value)} as measured"
                + (
                    f", {_span(numbers, p.styled.low, p.styled.high, 0)} after scale use, {p.verdict.words.lower()}"
                    if p.styled
                    else ""
                )
                for p in numbers.pairs[:8]
            ],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label=_axis(numbers),
            columns=("rank",) if numbers.ranks else (),
            reference=0.0,
            tick_text=_ticks(numbers),
            ruled=roomy,
            **_band(numbers),
        ),
        table=_gaps_table(numbers, stage),
        source=f"{source.line(f'{count(min(sizes))} to {count(max(sizes))} answers per group')} "
        + (
            f"Rank is out of {len(numbers.ranks)}: as measured → what chance and scale use leave possible. "
            if numbers.ranks
            else ""
        )
        + f"{note}{left_out}",
        key_marks=(
            ("observed_hollow", f"as measured, with {level_of(numbers)} interval"),
            *((("adjusted", f"{stage}, with {level_of(numbers)} interval"),) if stage and roomy else ()),
            *(
                (("range", "range after scale use; thin ends add chance"),)
                if any(p.fitted for p in numbers.pairs)
                else ()
            ),
            *(
                (("keeps", "by the stories that everybody rated"),)
                if any(p.anchored for p in numbers.pairs)
                else ()
            ),
            ("band", "too small to matter"),
        ),
    )


def _stage(numbers: Numbers) -> str:
    """What the square stands for."""
    if any(pair.answered for pair in numbers.pairs):
        return "same customers, answered or not"
    if any(pair.mixed for pair in numbers.pairs):
        return "same customer mix"
    return ""


def _shown(numbers: Numbers) -> list[Pair | None]:
    """Pairs highest first, with the reference (None) where it belongs; the ends of a long list."""
    rows: list[Pair | None] = [*numbers.pairs]
    place = sum(pair.raw.value > 0 for pair in numbers.pairs)
    rows.insert(place, None)
    if len(rows) <= MOST_ROWS:
        return rows
    half = MOST_ROWS // 2
    kept = [*rows[:half], *rows[-half:]]
    if None not in kept:
        kept.insert(half, None)
    return kept


def _place(places: list[int] | None) -> str:
    """Place as measured → places possible: "1 → 1–4"."""
    if not places:
        return ""
    own, _, _, first, last = places
    after = plots.place_text(first, last)
    return str(own) if after == str(own) else f"{own} → {after}"


def _gap_row(numbers: Numbers, pair: Pair, stage: str, place: str, roomy: bool, *, first: bool) -> plots.Row:
    raw = plots.Mark("observed", pair.raw.value, pair.raw.low, pair.raw.high, hollow=True)
    styled = pair.styled
    box = (
        None
        if styled is None
        else plots.Mark("range", None, styled.region_low, styled.region_high, box=(styled.low, styled.high))
    )
    verdict = (pair.verdict.value, pair.verdict.words)
    if not roomy:
        marks = (raw,) if box is None else (box, plots.Mark("observed", pair.raw.value, hollow=True))
        return plots.Row(pair.label, (plots.Line(marks),), values=(place,), verdict=verdict)
    lines = [plots.Line((raw,), label="as measured" if first else "")]
    before = pair.answered or pair.mixed
    if before is not None:
        label = ("same customers" if pair.answered else "same mix") if first else ""
        lines.append(
            plots.Line((plots.Mark("adjusted", before.value, before.low, before.high),), label=label)
        )
    if box is not None:
        lines.append(plots.Line((box,), label="after scale use" if first else ""))
    if pair.anchored is not None:
        told = plots.Mark("keeps", pair.anchored.value, pair.anchored.low, pair.anchored.high)
        lines.append(plots.Line((told,), label="by the stories" if first else ""))
    return plots.Row(pair.label, tuple(lines), values=(place,), verdict=verdict)


def _gaps_headline(numbers: Numbers) -> str:
    if any(pair.anchored for pair in numbers.pairs):
        main = numbers.main
        turned = (
            main.anchored and main.anchored.value * main.raw.value < 0 and main.verdict is Verdict.MATERIAL
        )
        return (
            f"{main.label} turns from above to below {numbers.reference} once the stories are allowed for"
            if turned and main.raw.value > 0
            else f"{main.label} turns from below to above {numbers.reference} once the stories are allowed for"
            if turned
            else f"What is left of the gaps to {numbers.reference} once the stories are allowed for"
        )
    ref, margin = numbers.reference, Speech(numbers.metric).gap(numbers.settings.margin)
    differ = [p.label for p in numbers.pairs if p.verdict is Verdict.MATERIAL]
    alike = [p.label for p in numbers.pairs if p.verdict is Verdict.NEGLIGIBLE]
    n = len(numbers.pairs)
    if differ and len(differ) == n:
        which = f"{differ[0]}’s" if n == 1 else "Every group’s"
        return f"{which} gap to {ref} matters, whatever part of it is scale use"
    if differ:
        names = join_words(differ) if len(differ) <= 3 else f"{count(len(differ))} of {count(n)} groups"
        return f"Only for {names} is the gap to {ref} sure to matter once scale use is allowed for"
    if alike:
        names = join_words(alike) if len(alike) <= 3 else f"{count(len(alike))} of {count(n)} groups"
        return f"No gap to {ref} is sure to matter; {names} can be called level with it"
    return f"Once scale use is allowed for, no gap to {ref} is sure to exceed {margin}"


def _gaps_table(numbers: Numbers, stage: str) -> Table:
    places = {label: rest for label, *rest in numbers.ranks}
    rows = []
    for p in numbers.pairs:
        styled = p.styled
        after = (
            ("", "")
            if styled is None
            else (
                _span(numbers, styled.low, styled.high),
                _span(numbers, styled.region_low, styled.region_high),
            )
        )
        rows.append(
            (
                p.label,
                count(p.n),
                *_with_span(numbers, p.raw),
                *(_with_span(numbers, p.answered or p.mixed) if stage else ()),
                *after,
                _place(places.get(p.label)),
                p.verdict.words,
            )
        )
    level = level_of(numbers)
    return Table(
        f"{numbers.metric.short} of each group minus {numbers.reference}",
        (
            "Group",
            "Answers",
            "As measured",
            f"{level} interval",
            *((capitalised(stage), f"{level} interval") if stage else ()),
            "After scale use",
            f"{level} region",
            "Rank",
            "Verdict",
        ),
        tuple(rows),
        notes=" ".join(p.why for p in numbers.pairs if p.why),
    )


# ------------------------------------------------------------------------------- what the gap is made of


def _steps(numbers: Numbers, source: Source) -> Figure:
    pair, ref = numbers.main, numbers.reference
    styled = pair.styled
    used = fact_names(numbers, pair.label)
    drawn = [
        plots.Step(
            f"{pair.label} as measured",
            0.0,
            pair.raw.value,
            "level",
            pair.raw.low,
            pair.raw.high,
            values=_with_span(numbers, pair.raw),
        )
    ]
    rows = [(f"{pair.label} as measured", "", *_with_span(numbers, pair.raw))]
    at = pair.raw
    for label, gap, words in (
        ("Customer mix", pair.mixed, f"groups made alike in {used}" if used else ""),
        ("Who answered", pair.answered, "groups made like everyone invited"),
    ):
        if gap is None:
            continue
        change = gap.value - at.value
        drawn.append(
            plots.Step(
                label,
                at.value,
                gap.value,
                "change",
                gap.low,
                gap.high,
                sublabel=words if len(words) < 60 else "groups made alike",
                values=(_value(numbers, change), f"leaves {_value(numbers, gap.value)}"),
            )
        )
        rows.append((label, _value(numbers, change), *_with_span(numbers, gap)))
        at = gap
    taken = sorted((-styled.step_low, -styled.step_high))
    drawn.append(
        plots.Step(
            "Scale use",
            at.value,
            styled.high,
            "range",
            styled.region_low,
            styled.region_high,
            box=(styled.low, styled.high),
            sublabel=f"{style_share_text(numbers)} of the difference in spread",
            values=(
                _span(numbers, *taken, 0),
                f"leaves {_span(numbers, styled.low, styled.high, 0)}",
            ),
        )
    )
    rows.append(
        (
            "Scale use",
            _span(numbers, *taken),
            _span(numbers, styled.low, styled.high),
            _span(numbers, styled.region_low, styled.region_high),
        )
    )
    most = max(abs(styled.step_low), abs(styled.step_high))
    small = max((abs(g.value - pair.raw.value) for g in (pair.mixed, pair.answered) if g), default=0.0)
    and_silence, matter = (" and who answered", "matter") if pair.answered else ("", "matters")
    first = (
        f"Customer mix{and_silence} hardly {matter}"
        if small < numbers.settings.margin / 2
        else f"Customer mix{and_silence} {matter}"
    )
    if most < numbers.settings.margin / 2:
        headline = (
            f"Neither customer mix nor scale use explains the gap of {pair.label}"
            if small < numbers.settings.margin / 2
            else f"{first} for {pair.label}; scale use hardly does"
        )
    elif drawn[1].kind == "change":
        moved = f"{plain(numbers, most)} {Speech(numbers.metric).gap_unit}"
        headline = f"{first}; scale use could move {pair.label} by up to {moved}"
    else:
        headline = f"Scale use could move {pair.label} by up to {plain(numbers, most)} {Speech(numbers.metric).gap_unit}"
    split_rows = tuple(
        (
            f"Scale use if all of the spread is (Shapley), neutral point {point:g}",
            _value(numbers, gap.value),
            "",
            _span(numbers, gap.low, gap.high),
        )
        for point, gap in zip(numbers.neutral, pair.split, strict=True)
    )
    return Figure(
        key="steps",
        headline=headline,
        subtitle=f"What the gap between {pair.label} and {ref} is made of, step by step; lines are {level_of(numbers)} "
        "intervals of where each step ends",
        alt=alt_text(
            f"Steps from the gap as measured, {_value(numbers, pair.raw.value)}, to what is left after scale use, "
            f"{_span(numbers, styled.low, styled.high)}",
            [f"{row[0]} {row[1]}".strip() for row in rows[1:]],
        ),
        draw=lambda canvas: plots.waterfall(
            canvas,
            drawn,
            axis_label=_axis(numbers),
            columns=("step", "interval, or what is left"),
            tick_text=_ticks(numbers),
            **_band(numbers),
        ),
        table=Table(
            f"The gap between {pair.label} and {ref}, step by step",
            ("Step", "Change", "Gap after it", f"{level_of(numbers)} interval"),
            tuple(rows) + split_rows,
            notes="The steps are taken in this order; the Shapley split takes the average over both orders of level "
            "and spread.",
        ),
        source=source.line(f"{count(pair.n)} answers from {pair.label}"),
        key_marks=(
            ("observed", f"as measured, with {level_of(numbers)} interval"),
            *((("adjusted", "after a step"),) if len(drawn) > 2 else ()),
            ("range", "range after scale use; thin ends add chance"),
            ("band", "too small to matter"),
        ),
    )


# ------------------------------------------------------------------------------- spread


def _spread(numbers: Numbers, source: Source) -> Figure:
    spread, ref = numbers.spread, numbers.reference
    rows_in = sorted(spread.rows, key=lambda r: -r.ratio.value)
    both = any(row.items for row in rows_in)
    wide = [r.label for r in rows_in if r.ratio.low > 1]
    tight = [r.label for r in rows_in if r.ratio.high < 1]
    if wide or tight:
        said = []
        if tight:
            said.append(f"{_names(tight)} spread{'s' if len(tight) == 1 else ''} answers less than {ref}")
        if wide:
            said.append(
                f"{_names(wide)} "
                f"{'more' if tight else f'spread{chr(115) if len(wide) == 1 else str()} answers more than {ref}'}"
            )
        headline = ", ".join(said)
    else:
        headline = f"No group is sure to spread its answers otherwise than {ref}"
    drawn = []
    for k, row in enumerate(_ends(rows_in, MOST_PAIRED if both else MOST_ROWS)):
        lines = [_ratio_line("observed", row.ratio, "this score" if both and k == 0 else "")]
        if both and row.items is not None:
            lines.append(_ratio_line("adjusted", row.items, "other topics" if k == 0 else ""))
        drawn.append(plots.Row(row.label, tuple(lines)))
    return Figure(
        key="spread",
        headline=headline,
        subtitle=f"Spread of answers to {numbers.metric.short} as a share of that in {ref}, with {level_of(numbers)} "
        "interval" + (": in this score, and in statements on other topics" if both else ""),
        alt=alt_text(
            f"Spread of answers by group against {ref}",
            [
                f"{r.label} {share(r.ratio.value)} ({share(r.ratio.low)} to {share(r.ratio.high)})"
                for r in rows_in[:8]
            ],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=f"Spread of answers, {ref} = 100 %",
            reference=100.0,
            reference_label=ref,
            tick_text=lambda v: f"{number(v)}",
            columns=("spread", f"{level_of(numbers)} interval"),
        ),
        table=Table(
            f"Spread of answers against {ref}",
            (
                "Group",
                "Answers",
                "This score",
                f"{level_of(numbers)} interval",
                *(("Other topics", f"{level_of(numbers)} interval") if both else ()),
            ),
            tuple(
                (
                    r.label,
                    count(r.n),
                    _ratio(r.ratio.value, 1),
                    interval(100 * r.ratio.low, 100 * r.ratio.high, "%"),
                    *(
                        (
                            (_ratio(r.items.value, 1), interval(100 * r.items.low, 100 * r.items.high, "%"))
                            if r.items
                            else ("", "")
                        )
                        if both
                        else ()
                    ),
                )
                for r in rows_in
            ),
            notes="Standard deviations of the latent answer in an ordered probit model with common thresholds.",
        ),
        source=source.line(plural(numbers.n, "answer"))
        + _cut(len(rows_in), MOST_PAIRED if both else MOST_ROWS),
        key_marks=(
            ("observed", f"in {numbers.metric.short}, with {level_of(numbers)} interval"),
            *((("adjusted", "in statements on other topics"),) if both else ()),
            ("reference", ref),
        ),
    )


def _names(labels: list[str], most: int = 3) -> str:
    return join_words(labels) if len(labels) <= most else plural(len(labels), "group")


def _ratio_line(role: str, gap: Gap, label: str) -> plots.Line:
    return plots.Line(
        (plots.Mark(role, 100 * gap.value, 100 * gap.low, 100 * gap.high),),
        label=label,
        values=(_ratio(gap.value), interval(100 * gap.low, 100 * gap.high, "%", digits=0)),
    )


def _ratio(value: float, digits: int = 0) -> str:
    # not words.share: a ratio just under 1 is no share that is nearly all
    return f"{number(100 * value, digits)}{NBSP}%"


def _ends(rows: list, most: int = MOST_ROWS) -> list:
    """The first and the last of a long list."""
    return rows if len(rows) <= most else [*rows[: most // 2], *rows[-(most // 2) :]]


def _cut(n: int, most: int) -> str:
    """What to say of the groups that a picture leaves out."""
    return (
        f" {plural(n - 2 * (most // 2), 'group')} between them stand only in the table." if n > most else ""
    )


# ------------------------------------------------------------------------------- style indices


def _style(numbers: Numbers, source: Source) -> Figure:
    items = numbers.items
    _, name, values = items.indices[0]
    ordered = sorted(values, key=lambda v: -v.value)
    drawn: list[plots.Row | plots.Heading] = []
    shown_indices = items.indices[:3]
    for _, title, indices in shown_indices:
        drawn.append(plots.Heading(title))
        for index in (
            _ends(sorted(indices, key=lambda v: -v.value))
            if len(ordered) <= ROOMY
            else _few(indices, numbers.reference)
        ):
            drawn.append(
                plots.row(
                    index.label,
                    index.value,
                    index.low,
                    index.high,
                    values=(number(index.value, 1), interval(index.low, index.high, digits=1)),
                )
            )
    top, bottom = ordered[0], ordered[-1]
    apart = top.low > bottom.high
    what = in_sentence(name)
    headline = (
        f"{capitalised(what)} go from {share(bottom.value / 100)} in {bottom.label} to {share(top.value / 100)} in "
        f"{top.label}"
        if apart
        else f"Groups hardly differ in {what}"
    )
    rest = (
        f"{plural(items.n_items, 'statement')} on other topics"
        if not items.stand_in
        else f"{numbers.metric.short} itself, for want of other statements"
    )
    rows = tuple(
        (
            f"{title}: {v.label}",
            number(v.value, 1),
            interval(v.low, v.high, digits=1),
            _alpha(items.reliability.get(k)),
        )
        for k, title, indices in items.indices
        for v in indices
    )
    return Figure(
        key="style",
        headline=headline,
        subtitle=f"How each group uses the scale, in percent of its answers, from {rest}; with {level_of(numbers)} "
        "interval",
        alt=alt_text(
            f"Style indices by group from {rest}",
            [
                f"{title}: " + ", ".join(f"{v.label} {number(v.value, 1)}" for v in indices[:6])
                for _, title, indices in shown_indices
            ],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="Percent of answers",
            columns=("%", f"{level_of(numbers)} interval"),
        ),
        table=Table(
            "Style indices by group",
            ("Index and group", "Percent", f"{level_of(numbers)} interval", "Reliability"),
            rows,
            notes=(f"Statements: {', '.join(items.labels)}. " if items.labels else "")
            + (
                "Intervals hold one by one, not together."
                if not items.stand_in
                else "Stand-ins: from the satisfaction question itself, so they mix style with satisfaction."
            ),
        ),
        source=source.line(plural(numbers.n, "answer"))
        + (
            " Of each index the four highest and the four lowest groups and the reference; the table has them all."
            if len(ordered) > ROOMY
            else ""
        ),
        key_marks=(("observed", f"share of answers, with {level_of(numbers)} interval"),),
    )


def _few(indices: tuple, reference: str) -> list:
    """The four highest, the four lowest, and the group the others are compared with."""
    ordered = sorted(indices, key=lambda v: -v.value)
    middle = ordered[4:-4]
    return [*ordered[:4], *(v for v in middle if v.label == reference), *ordered[-4:]]


def _alpha(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else number(value, 2)


# ------------------------------------------------------------------------------- assumptions


def _assumptions(numbers: Numbers, source: Source) -> Figure:
    pair, margin = numbers.main, numbers.settings.margin
    grid = numbers.grid[pair.label]
    low, high = numbers.grid_low[pair.label], numbers.grid_high[pair.label]
    shares = 100 * numbers.style_shares
    single = len(shares) == 1
    x = [0.0, 100.0] if single else shares.tolist()
    series = []
    for c, point in enumerate(numbers.neutral):
        y = [float(grid[0, c])] * 2 if single else grid[:, c].tolist()
        series.append(
            plots.Series(
                f"neutral {point:g}",
                x,
                y,
                low=None if c or single else low[:, c].tolist(),
                high=None if c or single else high[:, c].tolist(),
                role=("observed", "adjusted", "plain")[min(c, 2)],
            )
        )
    ends = grid[-1]
    widest = int(np.argmax(np.abs(ends - grid[0])))
    point = numbers.neutral[widest]
    headline = (
        f"If all of the difference in spread were scale use around {point:g}, {pair.label} would be "
        f"{gap_words(numbers, float(ends[widest]), numbers.reference)}"
    )
    rows = tuple(
        (
            share(float(s)),
            *(
                cell
                for c in range(len(numbers.neutral))
                for cell in (
                    _value(numbers, float(grid[k, c])),
                    _span(numbers, float(low[k, c]), float(high[k, c])),
                )
            ),
        )
        for k, s in enumerate(numbers.style_shares)
    )
    columns = [
        cell for p in numbers.neutral for cell in (f"Neutral point {p:g}", f"{level_of(numbers)} interval")
    ]
    return Figure(
        key="assumptions",
        headline=headline,
        subtitle=f"Gap between {pair.label} and {numbers.reference}, by the share of their difference in spread that "
        "is scale "
        f"use and by the scale’s neutral point; band: {level_of(numbers)} interval at {numbers.neutral[0]:g}",
        alt=alt_text(
            "The gap as the assumed share grows, a line for each neutral point",
            [
                f"neutral point {p:g}: from {_value(numbers, float(grid[0, c]))} to {_value(numbers, float(ends[c]))}"
                for c, p in enumerate(numbers.neutral)
            ],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            series,
            x_label="Percent of the difference in spread that is scale use",
            y_label=_axis(numbers),
            y_band=(-margin, margin),
            y_band_label="too small to matter",
            y_text=_ticks(numbers),
            x_text=lambda v: number(v),
        ),
        table=Table(
            f"Gap between {pair.label} and {numbers.reference} at each assumption",
            ("Share that is scale use", *columns),
            rows,
        ),
        source=source.line(f"{count(pair.n)} answers from {pair.label}"),
        key_marks=(
            ("line", f"neutral point {numbers.neutral[0]:g}"),
            *(
                ((("line_adjusted", f"neutral point {numbers.neutral[1]:g}"),))
                if len(numbers.neutral) > 1
                else ()
            ),
            *(
                (
                    (
                        (
                            "line_plain",
                            f"neutral point {join_words([f'{p:g}' for p in numbers.neutral[2:]])}",
                        ),
                    )
                )
                if len(numbers.neutral) > 2
                else ()
            ),
            ("band", "too small to matter"),
        ),
    )


def _naive(numbers: Numbers, source: Source) -> Figure:
    pairs = [p for p in numbers.pairs if p.fitted]
    wrong = [
        p
        for p in pairs
        if p.warning is not None
        and abs(p.warning) > abs(p.before_style.value) + 1e-9
        and abs(p.styled.all_style[0]) < abs(p.before_style.value)
    ]
    drawn = []
    rows = []
    for k, p in enumerate(_ends(pairs, MOST_PAIRED)):
        own = p.styled.all_style[0]
        drawn.append(
            plots.Row(
                p.label,
                (
                    plots.Line(
                        (plots.Mark("observed", p.before_style.value, hollow=True),),
                        label="before" if k == 0 else "",
                        values=(_value(numbers, p.before_style.value),),
                    ),
                    plots.Line(
                        (plots.Mark("falls_short", p.warning),),
                        label="naive" if k == 0 else "",
                        values=(_value(numbers, p.warning),),
                    ),
                    plots.Line(
                        (plots.Mark("adjusted", own),),
                        label="stretch undone" if k == 0 else "",
                        values=(_value(numbers, own),),
                    ),
                ),
            )
        )
    for p in pairs:
        rows.append(
            (
                p.label,
                _value(numbers, p.before_style.value),
                _value(numbers, p.warning),
                _value(numbers, p.styled.all_style[0]),
            )
        )
    point = numbers.neutral[0]
    headline = (
        f"The usual correction moves {_names([p.label for p in wrong])} the wrong way"
        if wrong
        else "The usual correction resets the spread and leaves the level as it was: shown here only as a warning"
    )
    return Figure(
        key="naive",
        headline=headline,
        subtitle="A warning: gaps after resetting each group’s spread and keeping its mean, beside undoing a stretch "
        "around "
        f"the neutral point {point:g}, both as if all of the difference in spread were scale use",
        alt=alt_text(
            "Gaps before, after the naive correction, and after undoing the stretch",
            [f"{r[0]}: {r[1]}, {r[2]}, {r[3]}" for r in rows[:8]],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=_axis(numbers),
            reference=0.0,
            tick_text=_ticks(numbers),
            columns=("gap",),
            **_band(numbers),
        ),
        table=Table(
            "The naive correction, as a warning",
            ("Group", "Before", "Naive: spread reset, mean kept", f"Stretch around {point:g} undone"),
            tuple(rows),
            notes="People who stretch their answers do so around the scale’s neutral point, not around their "
            "country’s mean: a "
            "satisfied group that stretches has a mean that is too high as well.",
        ),
        source=source.line(plural(numbers.n, "answer")) + _cut(len(pairs), MOST_PAIRED),
        key_marks=(
            ("observed_hollow", "before"),
            ("falls_short", "naive correction: do not use"),
            ("adjusted", "stretch undone"),
            ("band", "too small to matter"),
        ),
    )


# ------------------------------------------------------------------------------- designs, culture, facts


def _designs(numbers: Numbers, source: Source) -> Figure:
    pair, ref = numbers.main, numbers.reference
    styled = pair.styled
    with_gaps = [design for design in numbers.designs if design.gaps]
    drawn: list[plots.Row | plots.Heading] = []
    rows = []
    if styled is not None:
        drawn.append(
            plots.Row(
                "Range over the assumptions",
                (
                    plots.Line(
                        (
                            plots.Mark(
                                "range",
                                None,
                                styled.region_low,
                                styled.region_high,
                                box=(styled.low, styled.high),
                            ),
                        ),
                        values=(
                            _span(numbers, styled.low, styled.high, 0),
                            _span(numbers, styled.region_low, styled.region_high),
                        ),
                    ),
                ),
                sublabel="one question, nothing else",
            )
        )
        rows.append(
            (
                f"{pair.label}: range over the assumptions",
                _span(numbers, styled.low, styled.high),
                _span(numbers, styled.region_low, styled.region_high),
                "",
            )
        )
    for design in with_gaps:
        for label, gap in design.gaps:
            rows.append(
                (f"{label}: {in_sentence(design.name)}", *_evidence_text(numbers, gap), design.caveat)
            )
            if label == pair.label:
                drawn.append(
                    plots.Row(
                        design.name,
                        (
                            plots.Line(
                                (_evidence_mark(gap),),
                                values=_evidence_text(numbers, gap),
                            ),
                        ),
                        sublabel=design.how,
                    )
                )
    best = next((dict(d.gaps)[pair.label] for d in with_gaps if pair.label in dict(d.gaps)), None)
    headline = (
        f"What else this survey asked puts {pair.label} {_put(numbers, best)}"
        if best is not None
        else "What else this survey asked says more about other groups"
    )
    return Figure(
        key="designs",
        headline=headline,
        subtitle=f"Gap between {pair.label} and {ref} by what each kind of evidence allows to be said, with "
        f"{level_of(numbers)} "
        "interval (each by itself)",
        alt=alt_text(
            "The range over the assumptions, and the gap from each further kind of evidence",
            [f"{r[0]} {r[1]} ({r[2]})" for r in rows[:8]],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=_axis(numbers),
            reference=0.0,
            tick_text=_ticks(numbers),
            columns=("gap", f"{level_of(numbers)} interval"),
            **_band(numbers),
        ),
        table=Table(
            f"The gap to {ref} by kind of evidence",
            ("Group and evidence", "Gap", f"{level_of(numbers)} interval", "What it assumes"),
            tuple(rows),
        ),
        source=source.line(plural(numbers.n, "answer")),
        key_marks=(
            ("range", "range over the assumptions; thin ends add chance"),
            ("adjusted", f"further evidence, with {level_of(numbers)} interval"),
            ("band", "too small to matter"),
        ),
    )


def _evidence_mark(gap: Gap) -> plots.Mark:
    if gap.box is None:
        return plots.Mark("adjusted", gap.value, gap.low, gap.high)
    return plots.Mark("range", None, gap.low, gap.high, box=gap.box)


def _evidence_text(numbers: Numbers, gap: Gap) -> tuple[str, str]:
    value = _value(numbers, gap.value) if gap.box is None else _span(numbers, *gap.box, 0)
    return value, _span(numbers, gap.low, gap.high)


def _put(numbers: Numbers, gap: Gap) -> str:
    """Where the evidence puts a gap; no "give or take", because intervals need not lie evenly around it."""
    low, high = gap.box or (gap.value, gap.value)
    return range_words(numbers, low, high, numbers.reference)


def _culture(numbers: Numbers, source: Source) -> Figure:
    culture = numbers.culture
    sure = culture.pearson_low > 0 or culture.pearson_high < 0
    headline = (
        f"{capitalised(in_sentence(culture.index))} {'rise' if culture.pearson > 0 else 'fall'} with "
        f"{in_sentence(culture.fact)} "
        f"across {culture.n} countries"
        if sure
        else f"Across {culture.n} countries, {in_sentence(culture.index)} cannot be said to go with "
        f"{in_sentence(culture.fact)}"
    )
    points = [plots.Labelled(label, x, y, y - 1.96 * e, y + 1.96 * e) for label, x, y, e in culture.points]
    return Figure(
        key="culture",
        headline=headline,
        subtitle=f"{culture.index} (percent) against {in_sentence(culture.fact)}. **n = {culture.n} countries**. "
        "Correlation "
        f"{signed(culture.pearson, 2)} ({signed(culture.pearson_low, 2)} to {signed(culture.pearson_high, 2)}), rank "
        "correlation "
        f"{signed(culture.rank, 2)}",
        alt=alt_text(
            f"A point per country, {culture.n} in all: correlation {signed(culture.pearson, 2)}",
            [f"{label} {number(x)}, {number(y, 1)}" for label, x, y, _ in culture.points[:8]],
        ),
        draw=lambda canvas: plots.scatter(
            canvas, points, x_label=culture.fact, y_label=f"{culture.index}, percent"
        ),
        table=Table(
            f"{culture.index} and {in_sentence(culture.fact)} by country",
            ("Country", culture.fact, "Percent", "Standard error"),
            tuple((label, number(x), number(y, 1), number(e, 2)) for label, x, y, e in culture.points),
            notes=f"Pearson p {number(culture.pearson_p, 3)}, rank p {number(culture.rank_p, 3)} (permutation). "
            "Leaving out one "
            f"country at a time the correlation runs from {signed(culture.loo_low, 2)} to "
            f"{signed(culture.loo_high, 2)}; "
            f"{culture.loo_widest} matters most.",
        ),
        source=source.line(plural(numbers.n, "person", "persons")),
        key_marks=(("observed", "a country, with 95 % interval"),),
    )


def facts_table(numbers: Numbers) -> Table:
    """What is measured beside the score, and what the groups were made alike in."""
    kinds = {
        "language": "questionnaire language",
        "channel": "channel",
        "mode": "interview mode",
        "other": "",
    }
    return Table(
        "What could differ between groups besides satisfaction and scale use",
        ("Fact", "Kind", "Groups made alike in it", "Why not", "Shared with the reference"),
        tuple(
            (
                fact.title,
                kinds[fact.kind],
                ("yes, but for " + join_words(fact.not_in) if fact.not_in else "yes") if fact.used else "no",
                fact.why,
                share(fact.overlap),
            )
            for fact in numbers.facts
        ),
        notes="The last column is the share of the other groups’ answers in categories that the reference has too. "
        "Where a fact goes "
        "with the groups (everybody in one country answers in one language), its effect cannot be told from the "
        "country’s.",
    )

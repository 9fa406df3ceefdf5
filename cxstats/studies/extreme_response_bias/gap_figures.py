"""Pictures of the gaps, and of what the clearest one is made of."""

from __future__ import annotations

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.findings import Verdict
from cxstats.studies.extreme_response_bias.figure_texts import (
    MOST_ROWS,
    ROOMY,
    axis_label,
    band_of,
    hidden_note,
    span_text,
    tick_text,
    value_text,
    with_span,
)
from cxstats.studies.extreme_response_bias.numbers import Numbers, Pair
from cxstats.studies.extreme_response_bias.phrases import (
    fact_names,
    gap_words,
    plain,
    range_words,
    style_share_text,
)
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.speech import Speech
from cxstats.words import capitalised, count, join_words, plural

__all__ = ["gaps_figure", "steps_figure"]


def gaps_figure(numbers: Numbers, source: Source) -> Figure:
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
    note = hidden_note(numbers)
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
                f"{p.label}: {value_text(numbers, p.raw.value)} as measured"
                + (
                    f", {span_text(numbers, p.styled.low, p.styled.high, 0)} after scale use, {p.verdict.words.lower()}"
                    if p.styled
                    else ""
                )
                for p in numbers.pairs[:8]
            ],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label=axis_label(numbers),
            columns=("rank",) if numbers.ranks else (),
            reference=0.0,
            tick_text=tick_text(numbers),
            ruled=roomy,
            **band_of(numbers),
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
                span_text(numbers, styled.low, styled.high),
                span_text(numbers, styled.region_low, styled.region_high),
            )
        )
        rows.append(
            (
                p.label,
                count(p.n),
                *with_span(numbers, p.raw),
                *(with_span(numbers, p.answered or p.mixed) if stage else ()),
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


def steps_figure(numbers: Numbers, source: Source) -> Figure:
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
            values=with_span(numbers, pair.raw),
        )
    ]
    rows = [(f"{pair.label} as measured", "", *with_span(numbers, pair.raw))]
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
                values=(value_text(numbers, change), f"leaves {value_text(numbers, gap.value)}"),
            )
        )
        rows.append((label, value_text(numbers, change), *with_span(numbers, gap)))
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
                span_text(numbers, *taken, 0),
                f"leaves {span_text(numbers, styled.low, styled.high, 0)}",
            ),
        )
    )
    rows.append(
        (
            "Scale use",
            span_text(numbers, *taken),
            span_text(numbers, styled.low, styled.high),
            span_text(numbers, styled.region_low, styled.region_high),
        )
    )
    if pair.anchored is not None:
        told = with_span(numbers, pair.anchored)
        drawn.append(
            plots.Step(
                "By the stories",
                0.0,
                pair.anchored.value,
                "level",
                pair.anchored.low,
                pair.anchored.high,
                sublabel="judged in place of the range",
                values=told,
            )
        )
        rows.append(("By the stories, in place of the range", "", *told))
    most = max(abs(styled.step_low), abs(styled.step_high))
    small = max((abs(g.value - pair.raw.value) for g in (pair.mixed, pair.answered) if g), default=0.0)
    and_silence, matter = (" and who answered", "matter") if pair.answered else ("", "matters")
    first = (
        f"Customer mix{and_silence} hardly {matter}"
        if small < numbers.settings.margin / 2
        else f"Customer mix{and_silence} {matter}"
    )
    if pair.anchored is not None:
        left = range_words(numbers, styled.low, styled.high, ref)
        headline = f"The stories put {pair.label} {gap_words(numbers, pair.anchored.value, ref)}; spread alone leaves {left}"
    elif most < numbers.settings.margin / 2:
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
            value_text(numbers, gap.value),
            "",
            span_text(numbers, gap.low, gap.high),
        )
        for point, gap in zip(numbers.neutral, pair.split, strict=True)
    )
    return Figure(
        key="steps",
        headline=headline,
        subtitle=f"What the gap between {pair.label} and {ref} is made of, step by step; lines are {level_of(numbers)} "
        "intervals of where each step ends",
        alt=alt_text(
            f"Steps from the gap as measured, {value_text(numbers, pair.raw.value)}, to what is left after scale use, "
            f"{span_text(numbers, styled.low, styled.high)}",
            [f"{row[0]} {row[1]}".strip() for row in rows[1:]],
        ),
        draw=lambda canvas: plots.waterfall(
            canvas,
            drawn,
            axis_label=axis_label(numbers),
            columns=("step", "interval, or what is left"),
            tick_text=tick_text(numbers),
            **band_of(numbers),
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
            *((("adjusted", "after a step"),) if any(step.kind == "change" for step in drawn) else ()),
            ("range", "range after scale use; thin ends add chance"),
            ("band", "too small to matter"),
        ),
    )

"""Pictures of what the assumptions are worth, and of what other evidence says."""

from __future__ import annotations

import numpy as np

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.extreme_response_bias.figure_texts import (
    MOST_PAIRED,
    axis_label,
    band_of,
    cut_note,
    ends,
    names_text,
    span_text,
    tick_text,
    value_text,
)
from cxstats.studies.extreme_response_bias.numbers import Gap, Numbers
from cxstats.studies.extreme_response_bias.phrases import (
    gap_words,
    range_words,
)
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.speech import in_sentence
from cxstats.words import capitalised, count, join_words, number, plural, share, signed

__all__ = ["assumptions_figure", "culture_figure", "designs_figure", "facts_table", "naive_figure"]


def assumptions_figure(numbers: Numbers, source: Source) -> Figure:
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
                    value_text(numbers, float(grid[k, c])),
                    span_text(numbers, float(low[k, c]), float(high[k, c])),
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
                f"neutral point {p:g}: from {value_text(numbers, float(grid[0, c]))} to "
                f"{value_text(numbers, float(ends[c]))}"
                for c, p in enumerate(numbers.neutral)
            ],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            series,
            x_label="Percent of the difference in spread that is scale use",
            y_label=axis_label(numbers),
            y_band=(-margin, margin),
            y_band_label="too small to matter",
            y_text=tick_text(numbers),
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


def naive_figure(numbers: Numbers, source: Source) -> Figure:
    pairs = [p for p in numbers.pairs if p.fitted]
    # where the spread may be the same there is nothing that a correction could do right or wrong
    unlike = (
        {r.label for r in numbers.spread.rows if r.ratio.low > 1 or r.ratio.high < 1}
        if numbers.spread
        else set()
    )
    wrong = [
        p
        for p in pairs
        if p.warning is not None
        and abs(p.warning) > abs(p.before_style.value) + 1e-9
        and abs(p.styled.all_style[0]) < abs(p.before_style.value)
        and p.label in unlike
    ]
    drawn = []
    rows = []
    for k, p in enumerate(ends(pairs, MOST_PAIRED)):
        own = p.styled.all_style[0]
        drawn.append(
            plots.Row(
                p.label,
                (
                    plots.Line(
                        (plots.Mark("observed", p.before_style.value, hollow=True),),
                        label="before" if k == 0 else "",
                        values=(value_text(numbers, p.before_style.value),),
                    ),
                    plots.Line(
                        (plots.Mark("falls_short", p.warning),),
                        label="naive" if k == 0 else "",
                        values=(value_text(numbers, p.warning),),
                    ),
                    plots.Line(
                        (plots.Mark("adjusted", own),),
                        label="stretch undone" if k == 0 else "",
                        values=(value_text(numbers, own),),
                    ),
                ),
            )
        )
    for p in pairs:
        rows.append(
            (
                p.label,
                value_text(numbers, p.before_style.value),
                value_text(numbers, p.warning),
                value_text(numbers, p.styled.all_style[0]),
            )
        )
    point = numbers.neutral[0]
    headline = (
        f"The usual correction moves {names_text([p.label for p in wrong])} the wrong way"
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
            axis_label=axis_label(numbers),
            reference=0.0,
            tick_text=tick_text(numbers),
            columns=("gap",),
            **band_of(numbers),
        ),
        table=Table(
            "The naive correction, as a warning",
            ("Group", "Before", "Naive: spread reset, mean kept", f"Stretch around {point:g} undone"),
            tuple(rows),
            notes="People who stretch their answers do so around the scale’s neutral point, not around their "
            "country’s mean: a "
            "satisfied group that stretches has a mean that is too high as well.",
        ),
        source=source.line(plural(numbers.n, "answer")) + cut_note(len(pairs), MOST_PAIRED),
        key_marks=(
            ("observed_hollow", "before"),
            ("falls_short", "naive correction: do not use"),
            ("adjusted", "stretch undone"),
            ("band", "too small to matter"),
        ),
    )


def designs_figure(numbers: Numbers, source: Source) -> Figure:
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
                            span_text(numbers, styled.low, styled.high, 0),
                            span_text(numbers, styled.region_low, styled.region_high),
                        ),
                    ),
                ),
                sublabel="one question, nothing else",
            )
        )
        rows.append(
            (
                f"{pair.label}: range over the assumptions",
                span_text(numbers, styled.low, styled.high),
                span_text(numbers, styled.region_low, styled.region_high),
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
            axis_label=axis_label(numbers),
            reference=0.0,
            tick_text=tick_text(numbers),
            columns=("gap", f"{level_of(numbers)} interval"),
            **band_of(numbers),
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
    value = value_text(numbers, gap.value) if gap.box is None else span_text(numbers, *gap.box, 0)
    return value, span_text(numbers, gap.low, gap.high)


def _put(numbers: Numbers, gap: Gap) -> str:
    """Where the evidence puts a gap; no "give or take", because intervals need not lie evenly around it."""
    low, high = gap.box or (gap.value, gap.value)
    return range_words(numbers, low, high, numbers.reference)


def culture_figure(numbers: Numbers, source: Source) -> Figure:
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

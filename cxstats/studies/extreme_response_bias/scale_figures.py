"""Pictures of how groups use the scale: spread of answers and style indices."""

from __future__ import annotations

import numpy as np

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.extreme_response_bias.figure_texts import (
    MOST_PAIRED,
    MOST_ROWS,
    ROOMY,
    cut_note,
    ends,
    names_text,
)
from cxstats.studies.extreme_response_bias.numbers import Gap, Numbers
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.speech import in_sentence
from cxstats.words import NBSP, capitalised, count, interval, number, plural, share

__all__ = ["spread_figure", "style_figure"]


def spread_figure(numbers: Numbers, source: Source) -> Figure:
    spread, ref = numbers.spread, numbers.reference
    rows_in = sorted(spread.rows, key=lambda r: -r.ratio.value)
    both = any(row.items for row in rows_in)
    wide = [r.label for r in rows_in if r.ratio.low > 1]
    tight = [r.label for r in rows_in if r.ratio.high < 1]
    if wide or tight:
        said = []
        if tight:
            said.append(f"{names_text(tight)} spread{'s' if len(tight) == 1 else ''} answers less than {ref}")
        if wide:
            said.append(
                f"{names_text(wide)} "
                f"{'more' if tight else f'spread{chr(115) if len(wide) == 1 else str()} answers more than {ref}'}"
            )
        headline = "; ".join(said)
    else:
        headline = f"No group is sure to spread its answers otherwise than {ref}"
    drawn = []
    for k, row in enumerate(ends(rows_in, MOST_PAIRED if both else MOST_ROWS)):
        lines = [ratio_line("observed", row.ratio, "this score" if both and k == 0 else "")]
        if both and row.items is not None:
            lines.append(ratio_line("adjusted", row.items, "other topics" if k == 0 else ""))
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
                    ratio_text(r.ratio.value, 1),
                    interval(100 * r.ratio.low, 100 * r.ratio.high, "%"),
                    *(
                        (
                            (
                                ratio_text(r.items.value, 1),
                                interval(100 * r.items.low, 100 * r.items.high, "%"),
                            )
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
        + cut_note(len(rows_in), MOST_PAIRED if both else MOST_ROWS),
        key_marks=(
            ("observed", f"in {numbers.metric.short}, with {level_of(numbers)} interval"),
            *((("adjusted", "in statements on other topics"),) if both else ()),
            ("reference", ref),
        ),
    )


def ratio_line(role: str, gap: Gap, label: str) -> plots.Line:
    return plots.Line(
        (plots.Mark(role, 100 * gap.value, 100 * gap.low, 100 * gap.high),),
        label=label,
        values=(ratio_text(gap.value), interval(100 * gap.low, 100 * gap.high, "%", digits=0)),
    )


def ratio_text(value: float, digits: int = 0) -> str:
    # not words.share: a ratio just under 1 is no share that is nearly all
    return f"{number(100 * value, digits)}{NBSP}%"


def style_figure(numbers: Numbers, source: Source) -> Figure:
    items = numbers.items
    ordered = sorted(items.indices[0][2], key=lambda v: -v.value)
    drawn: list[plots.Row | plots.Heading] = []
    shown_indices = items.indices[:3]
    for _, title, indices in shown_indices:
        drawn.append(plots.Heading(title))
        for index in (
            ends(sorted(indices, key=lambda v: -v.value))
            if len(ordered) <= ROOMY
            else few_indices(indices, numbers.reference)
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
    headline = _style_headline(shown_indices)
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


def _style_headline(indices: tuple) -> str:
    """The first of these indices in which groups are sure to differ; that they hardly do, where there is none."""
    for _, name, values in indices:
        top, bottom = max(values, key=lambda v: v.value), min(values, key=lambda v: v.value)
        if top.low > bottom.high:
            what = capitalised(in_sentence(name))
            verb = "goes" if what.lower().startswith("share") else "go"
            far, near = (f"{_share_text(index.value)} in {index.label}" for index in (top, bottom))
            return f"{what} {verb} from {near} to {far}"
    return "Groups hardly differ in how they use the scale"


def _share_text(value: float) -> str:
    # a net index can be below 0, which is no share
    return share(value / 100) if value >= 0 else f"{number(value)}{NBSP}%"


def few_indices(indices: tuple, reference: str) -> list:
    """The four highest, the four lowest, and the group the others are compared with."""
    ordered = sorted(indices, key=lambda v: -v.value)
    middle = ordered[4:-4]
    return [*ordered[:4], *(v for v in middle if v.label == reference), *ordered[-4:]]


def _alpha(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else number(value, 2)

"""The pictures of the response-rate report, each with its headline and the numbers behind it."""

from __future__ import annotations

from collections.abc import Callable

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.response_rate_bias import headlines, phrases, unit_words
from cxstats.studies.response_rate_bias.beyond_figures import (
    early_figure,
    instrument_figure,
    phi_figure,
    plan_figure,
    proxy_figure,
    robustness_figure,
    tipping_figure,
)
from cxstats.studies.response_rate_bias.figure_texts import answers_of, axis, band_of, ticks
from cxstats.studies.response_rate_bias.numbers import Numbers
from cxstats.studies.response_rate_bias.response_figures import (
    coverage_figure,
    partials_figure,
    rates_figure,
    stages_figure,
)
from cxstats.studies.response_rate_bias.weighting_figures import balance_figure, checks_figure, strip_figure
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import count, join_words, percent, plural

__all__ = ["all_figures"]


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if numbers.units is not None:
        return {figure.key: figure for figure in (_units(numbers, source),)}
    makers: tuple[tuple[bool, Callable[[Numbers, Source], Figure]], ...] = (
        (numbers.published is not None, _ladder),
        (bool(numbers.stages), stages_figure),
        (any(len(table.rows) > 1 for table in numbers.rates), rates_figure),
        (numbers.coverage is not None, coverage_figure),
        (numbers.reach is not None, partials_figure),
        (bool(numbers.balance), balance_figure),
        (bool(numbers.choices), strip_figure),
        (bool(numbers.checks), checks_figure),
        (numbers.unseen is not None, proxy_figure),
        (numbers.unseen is not None and numbers.region is not None, phi_figure),
        (numbers.tipping is not None, tipping_figure),
        (numbers.robustness is not None, robustness_figure),
        (bool(numbers.instruments), instrument_figure),
        (numbers.early_late is not None, early_figure),
        (numbers.plan is not None, plan_figure),
    )
    made = [make(numbers, source) for there, make in makers if there]
    return {figure.key: figure for figure in made}


def _ladder(numbers: Numbers, source: Source) -> Figure:
    say, margin, published = Speech(numbers.metric), numbers.settings.margin, numbers.published
    level = level_of(numbers)
    value, span = say.value(published.value, 1), say.span(published.low, published.high, 1)
    rows = [
        plots.row(
            "Score as published",
            published.value,
            published.low,
            published.high,
            values=(value, span),
            sublabel=f"{plural(numbers.n, 'answer')}, "
            + ("design weights only" if numbers.by_design else "unweighted"),
        )
    ]
    table = [("Score as published", "answers are like all invited", value, span)]
    shown = [choice for choice in numbers.choices if choice.key in phrases.LADDER]
    if shown:
        lines = tuple(
            plots.Line(
                (plots.Mark("adjusted", c.value, c.low, c.high),),
                label=phrases.LADDER[c.key],
                values=(say.value(c.value, 1), say.span(c.low, c.high, 1)),
            )
            for c in shown
        )
        rows.append(
            plots.Row(
                "Weighted to everyone invited", lines, "assumes that people in the same groups answer alike"
            )
        )
        table += [
            (
                f"Weighted: {phrases.LADDER[c.key]}",
                "people in the same groups answer alike",
                say.value(c.value, 1),
                say.span(c.low, c.high, 1),
            )
            for c in shown
        ]
    region = numbers.region
    if region is not None:
        # the bias is the published score minus that of everyone invited
        first, last = (published.value - edge for edge in reversed(region.assumption))
        low, high = (_within(numbers, published.value - edge) for edge in (region.high, region.low))
        trusted = numbers.unseen is not None and numbers.unseen.trusted
        rows.append(
            plots.Row(
                "If satisfaction itself decides who answers",
                (
                    plots.Line(
                        (plots.Mark("range", low=low, high=high, box=(first, last)),),
                        values=(say.span(first, last, 1), say.span(low, high, 1)),
                        stacked=True,
                    ),
                ),
                "from not at all to entirely" + ("" if trusted else "; a check of this range fails"),
            )
        )
        table.append(
            (
                "If satisfaction itself decides",
                "from not at all to entirely" + ("" if trusted else " (a check of this range fails)"),
                say.span(first, last, 1),
                say.span(low, high, 1),
            )
        )
    if numbers.follow_up is not None:
        f = numbers.follow_up
        rows.append(
            plots.Row(
                "With the follow-up",
                (
                    plots.Line(
                        (
                            plots.Mark(
                                "range", low=f.low_unbounded, high=f.high_unbounded, box=(f.low, f.high)
                            ),
                        ),
                        values=(say.value(f.value, 1), say.span(f.low, f.high, 1)),
                    ),
                ),
                f"{count(f.answered)} of {count(f.selected)} drawn from the silent answered",
            )
        )
        table.append(
            (
                "With the follow-up",
                "those who answered it are like all of the silent",
                say.value(f.value, 1),
                say.span(f.low, f.high, 1),
            )
        )
    worst = numbers.worst
    if worst is not None:
        rows.append(
            plots.Row(
                "Worst case",
                (
                    plots.Line(
                        (plots.Mark("worst", low=worst[0], high=worst[1]),),
                        values=(say.span(*worst, 1),),
                        stacked=True,
                    ),
                ),
                headlines.worst_case_words(numbers.metric),
            )
        )
        table.append(("Worst case", "nothing at all", say.span(*worst, 1), ""))
    band = band_of(numbers)
    marks = [("observed", f"as answered, with {level} interval")]
    marks += [("adjusted", f"after weighting, with {level} interval")] if shown else []
    marks += [("range", "range over the assumption; thin ends add sampling")] if region is not None else []
    marks += [("band", "too small to matter")]
    marks += [("worst", "no assumption at all; runs past the chart")] if worst is not None else []
    return Figure(
        key="ladder",
        headline=headlines.ladder_headline(numbers),
        subtitle=f"{numbers.metric.label} under {headlines.assumption_count(len(rows))}, from the mildest at the "
        f"top to {'none at all' if worst is not None else 'the strongest'} at the bottom",
        alt=alt_text(
            f"{numbers.metric.short} under each assumption, against {say.gap(margin)} around the published score",
            [f"{row[0]}: {row[2]}" + (f" ({row[3]})" if row[3] else "") for row in table],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label=axis(numbers),
            band=band,
            band_label=f"within {say.gap(margin)} of\nthe published score",
            tick_text=ticks(numbers),
            columns=(f"{numbers.metric.short} and\n{level} interval",)
            if not canvas.wide
            else (numbers.metric.short, f"{level} interval"),
            ruled=True,
        ),
        table=Table(
            f"{numbers.metric.short} under each assumption",
            ("Step", "Assumes", numbers.metric.short, f"{level} interval"),
            tuple(table),
            notes=headlines.ladder_note(numbers),
        ),
        source=source.line(answers_of(numbers)),
        key_marks=tuple(marks),
    )


def _within(numbers: Numbers, value: float) -> float:
    return min(max(value, numbers.metric.low), numbers.metric.high)


def _units(numbers: Numbers, source: Source) -> Figure:
    units, say = numbers.units, Speech(numbers.metric)
    rows = [
        plots.row(
            g.label,
            g.value,
            g.low,
            g.high,
            values=(say.value(g.value, 1), say.span(g.low, g.high, 1), count(g.n)),
        )
        for g in units.groups
    ]
    return Figure(
        key="units",
        headline=unit_words.units_headline(numbers),
        subtitle=f"Mean {in_sentence(numbers.metric.short)} of {units.noun} in fifths of their response rate, "
        + (f"adjusted for {join_words([in_sentence(a) for a in units.adjusted])}, " if units.adjusted else "")
        + f"with its {level_of(numbers)} interval",
        alt=alt_text(
            "Mean score by fifth of response rate",
            [f"{g.label}: {say.value(g.value, 1)}" for g in units.groups],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label=axis(numbers),
            tick_text=ticks(numbers),
            columns=(numbers.metric.short, f"{level_of(numbers)} interval", units.noun),
        ),
        table=Table(
            f"Mean score of {units.noun} by response rate",
            (
                "Response rate",
                units.noun.capitalize(),
                "Mean rate",
                numbers.metric.short,
                f"{level_of(numbers)} interval",
            ),
            tuple(
                (g.label, count(g.n), percent(g.rate, 1), say.value(g.value, 1), say.span(g.low, g.high, 1))
                for g in units.groups
            ),
            notes=unit_words.units_note(numbers),
        ),
        source=source.line(f"{count(units.n)} {units.noun}"),
        key_marks=(("observed", f"mean, with {level_of(numbers)} interval"),),
    )

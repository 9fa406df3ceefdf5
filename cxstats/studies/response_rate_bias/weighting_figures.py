"""Pictures of what weighting changes, costs and repairs."""

from __future__ import annotations

import math

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.response_rate_bias import headlines, phrases
from cxstats.studies.response_rate_bias.figure_texts import answers_of, axis, band_of, ticks
from cxstats.studies.response_rate_bias.numbers import Choice, Numbers
from cxstats.studies.speech import Speech
from cxstats.words import count, interval, number, percent, plural, share, signed

MOST_BALANCE = 14  # categories of the love plot; the table has them all


def balance_figure(numbers: Numbers, source: Source) -> Figure:
    ordered = sorted(numbers.balance, key=lambda r: -abs(r.difference))
    top = ordered[:MOST_BALANCE]
    drawn: list[plots.Row | plots.Heading] = []
    for variable in dict.fromkeys(row.variable for row in top):
        drawn.append(plots.Heading(variable))
        drawn += [
            plots.Row(
                row.category,
                (
                    plots.Line(
                        (
                            plots.Mark("observed", row.difference, hollow=True),
                            plots.Mark("adjusted", row.difference_weighted),
                        ),
                        values=(
                            share(row.answers, 0),
                            share(row.population, 0),
                        ),
                    ),
                ),
            )
            for row in sorted((r for r in top if r.variable == variable), key=lambda r: -r.difference)
        ]
    reach = max(0.12, 1.1 * max(abs(v) for r in ordered for v in (r.difference, r.difference_weighted)))
    cut = len(ordered) - len(top)
    left = (
        f" {plural(cut, 'category', 'categories')} with smaller differences only in the table." if cut else ""
    )
    return Figure(
        key="balance",
        headline=headlines.balance_headline(numbers),
        subtitle="Difference of those who answered from everyone invited, in standard deviations, before and "
        "after weighting",
        alt=alt_text(
            "Differences before and after weighting",
            [
                f"{r.variable}, {r.category}: {signed(r.difference, 2)}, then {signed(r.difference_weighted, 2)}"
                for r in top[:6]
            ],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="← fewer among the answers · difference in standard deviations · more →",
            band=(-0.1, 0.1),
            band_label="within 0.1: usually harmless",
            reference=0.0,
            limits=(-reach, reach),
            tick_text=lambda v: signed(v, 1) if abs(v) > 1e-9 else "0",
            ticks=_even_ticks(reach),
            columns=("answers", "invited"),
            connect=True,
            ruled=False,
        ),
        table=Table(
            "Share among everyone invited, the answers, and the weighted answers",
            ("Group", "Invited", "Answers", "Weighted", "Difference (sd)", "After weighting (sd)"),
            tuple(
                (
                    f"{r.variable}: {r.category}",
                    share(r.population, 1),
                    share(r.answers, 1),
                    share(r.weighted, 1),
                    signed(r.difference, 3),
                    signed(r.difference_weighted, 3),
                )
                for r in ordered
            ),
            notes="Standardised by the spread among everyone invited.",
        ),
        source=f"{source.line(answers_of(numbers))}{left}",
        key_marks=(
            ("observed_hollow", "as answered"),
            ("adjusted", f"after weighting ({phrases.LADDER.get(numbers.main, numbers.main)})"),
            ("band", "within 0.1"),
        ),
    )


def signed_tick(value: float) -> str:
    return signed(value, 0 if abs(value - round(value)) < 1e-9 else 1)


def _even_ticks(reach: float) -> tuple[float, ...]:
    step = next(s for s in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if reach / s <= 3.4 or s == 5.0)
    k = int(reach / step)
    return tuple(i * step for i in range(-k, k + 1))


def strip_figure(numbers: Numbers, source: Source) -> Figure:
    say, published = Speech(numbers.metric), numbers.published
    ordered = numbers.choices
    drawn: list[plots.Row | plots.Heading] = []
    for family in dict.fromkeys(choice.family for choice in ordered):
        drawn.append(plots.Heading(family))
        drawn += [
            plots.row(
                c.label,
                c.value,
                c.low,
                c.high,
                values=(say.value(c.value, 1), say.span(c.low, c.high, 1), _price(c)),
                role="adjusted",
                strong=c.key == numbers.main,
            )
            for c in ordered
            if c.family == family
        ]
    return Figure(
        key="strip",
        headline=headlines.strip_headline(numbers),
        subtitle=f"{numbers.metric.label} under every reasonable choice of weighting, with its {level_of(numbers)} "
        "interval and its price: how many times as many answers the same precision now takes (design effect)",
        alt=alt_text(
            f"{numbers.metric.short} under each choice of weights",
            [f"{c.label}: {say.value(c.value, 1)} ({say.span(c.low, c.high, 1)})" for c in ordered],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=axis(numbers),
            band=band_of(numbers),
            reference=published.value,
            reference_label=f"as published: {say.value(published.value, 1)}",
            tick_text=ticks(numbers),
            columns=(numbers.metric.short, f"{level_of(numbers)} interval", "price"),
            ruled=False,
        ),
        table=Table(
            "Every choice of weighting",
            (
                "Weighting",
                numbers.metric.short,
                f"{level_of(numbers)} interval",
                "Standard error",
                "Price (design effect)",
            ),
            tuple(
                (
                    c.label,
                    say.value(c.value, 1),
                    say.span(c.low, c.high, 1),
                    number(c.standard_error, 2),
                    _price(c),
                )
                for c in ordered
            ),
            notes="Price: Kish’s design effect 1 + CV² of the weights. What weighting explains of the score can "
            "make the interval narrower all the same.",
        ),
        source=source.line(answers_of(numbers)),
        key_marks=(
            ("adjusted", f"after weighting, with {level_of(numbers)} interval"),
            ("band", f"within {say.gap(numbers.settings.margin)} of the published score"),
        ),
    )


def _price(choice: Choice) -> str:
    return "–" if math.isnan(choice.design_effect) else number(choice.design_effect, 2)


def checks_figure(numbers: Numbers, source: Source) -> Figure:
    say = Speech(numbers.metric)
    drawn = [
        plots.Row(
            check.label,
            (
                plots.Line(
                    (plots.Mark("observed", check.gap, check.gap_low, check.gap_high, hollow=True),),
                    label="as answered",
                    values=(percent(check.answers, 1), percent(check.everyone, 1)),
                ),
                plots.Line(
                    (
                        plots.Mark(
                            "adjusted", check.gap_weighted, check.gap_weighted_low, check.gap_weighted_high
                        ),
                    ),
                    label="weighted",
                    values=(percent(check.weighted, 1), percent(check.everyone, 1)),
                ),
            ),
        )
        for check in numbers.checks
    ]
    level = level_of(numbers)
    return Figure(
        key="checks",
        headline=headlines.checks_headline(numbers),
        subtitle="Percentage points by which those who answered lie off everyone invited, in what customers did "
        "later, which no weight was made from",
        alt=alt_text(
            "How far the answers lie off, before and after weighting",
            [
                f"{c.label}: {percent(c.answers, 1)} of the answers, {percent(c.weighted, 1)} weighted, "
                f"{percent(c.everyone, 1)} of all"
                for c in numbers.checks
            ],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="Answers minus everyone invited, percentage points",
            reference=0.0,
            reference_label="everyone invited",
            tick_text=signed_tick,
            columns=("answers", "everyone"),
        ),
        table=Table(
            "What customers did, as the answers have it and in truth",
            ("Fact", "Everyone invited", "Answers", "Off by", "Weighted", "Off by, weighted"),
            tuple(
                (
                    c.label,
                    percent(c.everyone, 1),
                    percent(c.answers, 1),
                    interval(c.gap_low, c.gap_high, "points", sign=True),
                    percent(c.weighted, 1),
                    interval(c.gap_weighted_low, c.gap_weighted_high, "points", sign=True),
                )
                for c in numbers.checks
            ),
            notes=f"{level} intervals. That a fact is repaired says nothing sure of {say.metric.short}: it may "
            "depend on what the list does not show in another way.",
        ),
        source=source.line(answers_of(numbers)),
        key_marks=(
            ("observed_hollow", f"as answered, with {level} interval"),
            ("adjusted", f"after weighting, with {level} interval"),
        ),
    )


def defect_table(numbers: Numbers) -> Table | None:
    """How good a random sample the answers are, by what is known of everyone; None where nothing is."""
    if not numbers.defects:
        return None
    return Table(
        "How large a random sample would know it as well",
        ("Fact", "Answers", "Off by", "Chance explains", "As good as a random"),
        tuple(
            (
                f"{d.label}{f', {d.wave}' if d.wave else ''}",
                count(d.n),
                f"{signed(d.error, 1)} points",
                f"±{number(d.limit, 1)} points",
                f"{count(d.effective)} ({count(d.effective_low)} to {count(d.effective_high)})"
                if d.effective is not None
                else "no worse than chance",
            )
            for d in numbers.defects
        ),
        notes="Percentage points by which the answers miss the share of everyone invited, and what a random "
        "sample of as many would miss it by at most in 95 of 100 surveys. Where the answers miss by more, the "
        "last column is the size of a random sample with such an error (Meng 2018), and its interval.",
    )

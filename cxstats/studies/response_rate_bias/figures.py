"""The pictures of the response-rate report, each with its headline and the numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Callable

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.response_rate_bias import sentences
from cxstats.studies.response_rate_bias.numbers import Choice, Numbers, Rate, RateTable
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import (
    capitalised,
    count,
    interval,
    join_words,
    number,
    percent,
    plural,
    share,
    signed,
)

__all__ = ["all_figures"]

MOST_ROWS = 12  # of one variable in a picture; the table has them all
MOST_TABLES = 5  # variables in a picture of response rates, those that tell most
MOST_BALANCE = 14  # categories of the love plot; the table has them all


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if numbers.units is not None:
        return {figure.key: figure for figure in (_units(numbers, source),)}
    makers: tuple[tuple[bool, Callable[[Numbers, Source], Figure]], ...] = (
        (numbers.published is not None, _ladder),
        (bool(numbers.stages), _stages),
        (any(len(table.rows) > 1 for table in numbers.rates), _rates),
        (numbers.coverage is not None, _coverage),
        (numbers.reach is not None, _partials),
        (bool(numbers.balance), _balance),
        (bool(numbers.choices), _strip),
        (bool(numbers.checks), _checks),
        (numbers.unseen is not None, _proxy),
        (numbers.unseen is not None and numbers.region is not None, _phi),
        (numbers.tipping is not None, _tipping),
        (numbers.robustness is not None, _robustness),
        (bool(numbers.instruments), _instrument),
        (numbers.early_late is not None, _early),
        (numbers.plan is not None, _plan),
    )
    made = [make(numbers, source) for there, make in makers if there]
    return {figure.key: figure for figure in made}


def _axis(numbers: Numbers) -> str:
    unit = {"points": "points", "%": "% satisfied", "scale points": f"mean answer on {numbers.metric.scale}"}
    return f"{numbers.metric.short}, {unit[numbers.metric.unit]}"


def _ticks(numbers: Numbers) -> Callable[[float], str]:
    say = Speech(numbers.metric)
    return lambda v: say.value(v) if numbers.metric.unit != "scale points" else number(v, 1)


def _answers_of(numbers: Numbers) -> str:
    if numbers.invited:
        return f"{count(numbers.n)} answers of {count(numbers.invited)} invited"
    return plural(numbers.n, "answer")


def _band(numbers: Numbers) -> tuple[float, float]:
    """Scores that differ from the published one by less than would matter."""
    value, margin = numbers.published.value, numbers.settings.margin
    return value - margin, value + margin


# ---------------------------------------------------------------------------------- how far the score moves


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
    shown = [choice for choice in numbers.choices if choice.key in sentences.LADDER]
    if shown:
        lines = tuple(
            plots.Line(
                (plots.Mark("adjusted", c.value, c.low, c.high),),
                label=sentences.LADDER[c.key],
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
                f"Weighted: {sentences.LADDER[c.key]}",
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
                sentences.worst_case_words(numbers.metric),
            )
        )
        table.append(("Worst case", "nothing at all", say.span(*worst, 1), ""))
    band = _band(numbers)
    marks = [("observed", f"as answered, with {level} interval")]
    marks += [("adjusted", f"after weighting, with {level} interval")] if shown else []
    marks += [("range", "range over the assumption; thin ends add sampling")] if region is not None else []
    marks += [("band", "too small to matter")]
    marks += [("worst", "no assumption at all; runs past the chart")] if worst is not None else []
    return Figure(
        key="ladder",
        headline=sentences.ladder_headline(numbers),
        subtitle=f"{numbers.metric.label} under {sentences.assumption_count(len(rows))}, from the mildest at the "
        f"top to {'none at all' if worst is not None else 'the strongest'} at the bottom",
        alt=alt_text(
            f"{numbers.metric.short} under each assumption, against {say.gap(margin)} around the published score",
            [f"{row[0]}: {row[2]}" + (f" ({row[3]})" if row[3] else "") for row in table],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label=_axis(numbers),
            band=band,
            band_label=f"within {say.gap(margin)} of\nthe published score",
            tick_text=_ticks(numbers),
            columns=(f"{numbers.metric.short} and\n{level} interval",)
            if not canvas.wide
            else (numbers.metric.short, f"{level} interval"),
            ruled=True,
        ),
        table=Table(
            f"{numbers.metric.short} under each assumption",
            ("Step", "Assumes", numbers.metric.short, f"{level} interval"),
            tuple(table),
            notes=sentences.ladder_note(numbers),
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=tuple(marks),
    )


def _within(numbers: Numbers, value: float) -> float:
    return min(max(value, numbers.metric.low), numbers.metric.high)


# ---------------------------------------------------------------------------------- how many answered, and who


def _rate_cells(rate: Rate) -> tuple[str, str]:
    return percent(rate.value, 1), f"{count(rate.n)} / {count(rate.of)}"


def _rate_row(rate: Rate) -> plots.Row:
    return plots.row(rate.label, rate.value, rate.low, rate.high, values=_rate_cells(rate))


def _stages(numbers: Numbers, source: Source) -> Figure:
    stages = numbers.stages
    rows = [_rate_row(stage) for stage in stages]
    return Figure(
        key="stages",
        headline=sentences.stages_headline(numbers),
        subtitle=f"Share of everyone invited who got as far as each stage, with its {level_of(numbers)} interval",
        alt=alt_text(
            "Share of everyone invited at each stage", [f"{s.label} {percent(s.value, 1)}" for s in stages]
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label="Share of everyone invited",
            tick_text=percent,
            limits=(0, 104),
            ticks=(0, 25, 50, 75, 100),
            columns=("of invited", "customers"),
        ),
        table=Table(
            "How far invitations got",
            (
                "Stage",
                "Customers",
                "Of everyone invited",
                f"{level_of(numbers)} interval",
                "Of the stage before",
            ),
            tuple(
                (
                    s.label,
                    count(s.n),
                    percent(s.value, 1),
                    interval(s.low, s.high, "%"),
                    percent(100 * s.n / before.n, 1) if before is not None and before.n else "",
                )
                for s, before in zip(stages, (None, *stages), strict=False)
            ),
        ),
        source=source.line(f"{count(stages[0].of)} invited"),
        key_marks=(("observed", f"share, with {level_of(numbers)} interval"),),
    )


def _rates(numbers: Numbers, source: Source) -> Figure:
    total = 100 * numbers.rate
    drawn: list[plots.Row | plots.Heading] = []
    rows = []
    for table in numbers.rates:
        rows += [
            (
                f"{table.title}: {r.label}",
                count(r.n),
                count(r.of),
                percent(r.value, 1),
                interval(r.low, r.high, "%"),
            )
            for r in table.rows
        ]
    told = sorted((t for t in numbers.rates if len(t.rows) > 1), key=_told_by, reverse=True)[:MOST_TABLES]
    for table in told:
        drawn.append(plots.Heading(table.title))
        drawn += [_rate_row(rate) for rate in _ends(table.rows)]
    rest = [in_sentence(t.title) for t in numbers.rates if t not in told and len(t.rows) > 1]
    more = f" Also in the table: {join_words(rest)}." if rest else ""
    hidden = sum(table.hidden for table in numbers.rates)
    note = _hidden(hidden, numbers)
    return Figure(
        key="rates",
        headline=sentences.rates_headline(numbers),
        subtitle=f"Share of those invited who gave a usable answer, with its {level_of(numbers)} interval",
        alt=alt_text(
            f"Response rate by group, against {percent(total, 1)} in all",
            [_extremes(table) for table in told],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="Response rate",
            tick_text=percent,
            reference=total,
            reference_label=f"all invited: {percent(total, 1)}",
            columns=("rate", "answers / invited"),
        ),
        table=Table(
            "Response rate by group",
            ("Group", "Answers", "Invited", "Response rate", f"{level_of(numbers)} interval"),
            tuple(rows),
            notes=f"{note} Answers by everyone invited (AAPOR RR1); Wilson intervals.".strip(),
        ),
        source=f"{source.line(_answers_of(numbers))} {note}{more}".rstrip(),
        key_marks=(("observed", f"response rate, with {level_of(numbers)} interval"),),
    )


def _told_by(table: RateTable) -> float:
    """How far a variable spreads the response rate, chance taken off."""
    n = sum(r.of for r in table.rows)
    mean = sum(r.n for r in table.rows) / n
    spread = sum(r.of * (r.n / r.of - mean) ** 2 for r in table.rows) / n
    return spread - mean * (1 - mean) * (len(table.rows) - 1) / n


def _extremes(table: RateTable) -> str:
    low, high = (f(table.rows, key=lambda r: r.value) for f in (min, max))
    return f"{table.title}: from {low.label} {percent(low.value, 1)} to {high.label} {percent(high.value, 1)}"


def _ends(rows: tuple) -> tuple:
    return rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS // 2] + rows[-MOST_ROWS // 2 :]


def _hidden(hidden: int, numbers: Numbers) -> str:
    if not hidden:
        return ""
    return (
        f"{plural(hidden, 'group is', 'groups are')} not shown: under {numbers.settings.smallest_group} answers, "
        "or one that would give such a group away by subtraction."
    )


def _coverage(numbers: Numbers, source: Source) -> Figure:
    coverage = numbers.coverage
    total = 100 * coverage.invited / coverage.customers
    drawn: list[plots.Row | plots.Heading] = []
    for table in coverage.tables:
        drawn.append(plots.Heading(table.title))
        drawn += [_rate_row(rate) for rate in _ends(table.rows)]
    rows = tuple(
        (f"{t.title}: {r.label}", count(r.n), count(r.of), percent(r.value, 1))
        for t in coverage.tables
        for r in t.rows
    )
    return Figure(
        key="coverage",
        headline=f"{share(1 - coverage.invited / coverage.customers)} of customers were never invited",
        subtitle=f"Share of all customers who were invited, with its {level_of(numbers)} interval",
        alt=alt_text(
            "Share of customers invited, by group", [_extremes(t) for t in coverage.tables if t.rows]
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="Invited, of all customers",
            tick_text=percent,
            reference=total,
            reference_label=f"all customers: {percent(total, 1)}",
            columns=("invited", "of customers"),
        ),
        table=Table("Who was invited", ("Group", "Invited", "Customers", "Share"), rows),
        source=source.line(f"{count(coverage.invited)} of {count(coverage.customers)} customers invited"),
        key_marks=(("observed", f"share invited, with {level_of(numbers)} interval"),),
    )


def _partials(numbers: Numbers, source: Source) -> Figure:
    reach = numbers.reach
    ordered = sorted(reach.partials, key=lambda p: -p.unconditional)
    drawn = [
        plots.Row(
            partial.title,
            (
                plots.Line(
                    (
                        plots.Mark("observed", 100 * partial.unconditional, hollow=True),
                        plots.Mark("adjusted", 100 * partial.conditional),
                    ),
                    values=(number(100 * partial.unconditional, 1), number(100 * partial.conditional, 1)),
                ),
            ),
        )
        for partial in ordered
    ]
    most = 100 * max(max(p.unconditional, p.conditional) for p in ordered)
    rows = []
    for partial in ordered:
        rows.append(
            (partial.title, number(100 * partial.unconditional, 2), number(100 * partial.conditional, 2))
        )
        rows += [
            (f"{partial.title}: {c.label}", signed(100 * c.unconditional, 2), number(100 * c.conditional, 2))
            for c in partial.categories
        ]
    say = Speech(numbers.metric)
    return Figure(
        key="partials",
        headline=sentences.partials_headline(numbers),
        subtitle="How far each fact of the customer list spreads the probability of an answer: alone, and with "
        "the other facts held equal (partial R-indicators, in percentage points of the response rate)",
        alt=alt_text(
            "Spread of response by each fact, alone and with the others held equal",
            [
                f"{p.title} {number(100 * p.unconditional, 1)} and {number(100 * p.conditional, 1)}"
                for p in ordered
            ],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="Spread of the response rate, percentage points",
            limits=(0, 1.08 * max(most, 0.1)),
            columns=("alone", "others\nheld equal"),
            connect=True,
            ruled=False,
        ),
        table=Table(
            "Partial R-indicators, in percentage points",
            ("Fact", "Alone", "Others held equal"),
            tuple(rows),
            notes=f"R-indicator {number(reach.r, 3)} ({number(reach.r_low, 3)} to {number(reach.r_high, 3)}; 1: "
            f"everyone equally likely to answer). Coefficient of variation {number(reach.cv, 3)} "
            f"({number(reach.cv_low, 3)} to {number(reach.cv_high, 3)}). Largest bias that a score could have "
            f"which follows exactly this probability: {say.rough_gap(reach.largest, 1)}; not a bound on the whole "
            f"bias. AUC of the model {number(reach.auc, 3)}. A category’s sign says whether it answers more (+) or "
            "less (−).",
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(("observed_hollow", "alone"), ("adjusted", "with the other facts held equal")),
    )


# ---------------------------------------------------------------------------------- what weighting does


def _balance(numbers: Numbers, source: Source) -> Figure:
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
        headline=sentences.balance_headline(numbers),
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
        source=f"{source.line(_answers_of(numbers))}{left}",
        key_marks=(
            ("observed_hollow", "as answered"),
            ("adjusted", f"after weighting ({sentences.LADDER.get(numbers.main, numbers.main)})"),
            ("band", "within 0.1"),
        ),
    )


def _signed_tick(value: float) -> str:
    return signed(value, 0 if abs(value - round(value)) < 1e-9 else 1)


def _even_ticks(reach: float) -> tuple[float, ...]:
    step = next(s for s in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if reach / s <= 3.4 or s == 5.0)
    k = int(reach / step)
    return tuple(i * step for i in range(-k, k + 1))


def _strip(numbers: Numbers, source: Source) -> Figure:
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
        headline=sentences.strip_headline(numbers),
        subtitle=f"{numbers.metric.label} under every reasonable choice of weighting, with its {level_of(numbers)} "
        "interval and its price: how many times as many answers the same precision now takes (design effect)",
        alt=alt_text(
            f"{numbers.metric.short} under each choice of weights",
            [f"{c.label}: {say.value(c.value, 1)} ({say.span(c.low, c.high, 1)})" for c in ordered],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=_axis(numbers),
            band=_band(numbers),
            reference=published.value,
            reference_label=f"as published: {say.value(published.value, 1)}",
            tick_text=_ticks(numbers),
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
        source=source.line(_answers_of(numbers)),
        key_marks=(
            ("adjusted", f"after weighting, with {level_of(numbers)} interval"),
            ("band", f"within {say.gap(numbers.settings.margin)} of the published score"),
        ),
    )


def _price(choice: Choice) -> str:
    return "–" if math.isnan(choice.design_effect) else number(choice.design_effect, 2)


def _checks(numbers: Numbers, source: Source) -> Figure:
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
        headline=sentences.checks_headline(numbers),
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
            tick_text=_signed_tick,
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
        source=source.line(_answers_of(numbers)),
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


# ---------------------------------------------------------------------------------- what weighting cannot fix


def _proxy(numbers: Numbers, source: Source) -> Figure:
    unseen = numbers.unseen
    x = [float(i + 1) for i in range(len(unseen.deciles))]
    rates = [r.value for r in unseen.deciles]
    total = 100 * numbers.rate
    return Figure(
        key="proxy",
        headline=sentences.proxy_headline(numbers),
        subtitle="Response rate by tenth of everyone invited, from those whose facts foretell the lowest "
        f"{numbers.metric.short} to the highest",
        alt=alt_text("Response rate by tenth", [f"{r.label}: {percent(r.value, 1)}" for r in unseen.deciles]),
        draw=lambda canvas: plots.curves(
            canvas,
            [plots.Series("", x, rates, [r.low for r in unseen.deciles], [r.high for r in unseen.deciles])],
            x_label=f"Tenths of everyone invited, from the lowest to the highest foretold {numbers.metric.short}",
            y_label="Response rate",
            y_text=percent,
            x_text=count,
            x_ticks=[1, 3, 5, 7, 10] if not canvas.wide else x,
            y_reference=total,
            y_reference_label=f"all: {percent(total, 1)}",
            y_limits=(0, 1.15 * max(r.high for r in unseen.deciles)),
        ),
        table=Table(
            "Response rate by foretold satisfaction",
            ("Tenth", "Answers", "Invited", "Response rate", "Interval"),
            tuple(
                (r.label, count(r.n), count(r.of), percent(r.value, 1), interval(r.low, r.high, "%"))
                for r in unseen.deciles
            ),
            notes=" ".join(
                f"{capitalised(c.condition)}: {c.found}{'' if c.holds else ' (fails)'}."
                for c in unseen.conditions
            ),
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(("line", f"response rate, with {level_of(numbers)} interval"),),
    )


def _phi(numbers: Numbers, source: Source) -> Figure:
    say, unseen, margin = Speech(numbers.metric), numbers.unseen, numbers.settings.margin
    phi = [100 * p for p in unseen.phi]
    return Figure(
        key="phi",
        headline=sentences.phi_headline(numbers),
        subtitle="Published score minus that of everyone invited, by how far satisfaction itself, beyond what is "
        "known of customers, decides who answers",
        alt=alt_text(
            "A curve of the bias over the assumption",
            [
                f"{percent(p)}: {say.gap_span(lo, hi)}"
                for p, lo, hi in zip(phi, unseen.bias_low, unseen.bias_high, strict=True)
            ][:: max(1, len(phi) // 4)],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            [plots.Series("", phi, list(unseen.bias), list(unseen.bias_low), list(unseen.bias_high))],
            x_label="How far satisfaction itself decides (φ), from the customer list alone to satisfaction alone",
            y_label=f"Published score too high by, {say.gap_unit}",
            x_text=percent,
            x_ticks=(0, 25, 50, 75, 100),
            y_text=_signed_tick,
            y_band=(-margin, margin),
            y_band_label="would not matter",
        ),
        table=Table(
            "Bias by φ",
            ("φ", "Bias", "Interval"),
            tuple(
                (percent(p), signed(b, say.gap_digits + 1), say.gap_span(lo, hi))
                for p, b, lo, hi in zip(phi, unseen.bias, unseen.bias_low, unseen.bias_high, strict=True)
            ),
            notes=f"Proxy correlation {number(unseen.correlation, 2)}; variance ratio "
            f"{number(unseen.variance_ratio, 2)}.",
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(
            ("line", f"bias, with {level_of(numbers)} interval"),
            ("band", f"smaller than {say.gap(margin)}"),
        ),
    )


def _tipping(numbers: Numbers, source: Source) -> Figure:
    say, tipping = Speech(numbers.metric), numbers.tipping
    series = [plots.Series(sentences.tipping_words(numbers)[0], list(tipping.odds), list(tipping.value))]
    if len(tipping.ends_odds):
        series.append(
            plots.Series(
                sentences.tipping_words(numbers)[1],
                list(tipping.ends_odds),
                list(tipping.ends_value),
                role="adjusted",
            )
        )
    return Figure(
        key="tipping",
        headline=sentences.tipping_headline(numbers),
        subtitle=f"{numbers.metric.short} of everyone invited, by how many times the odds of "
        f"{sentences.worst_answers(numbers.metric)} are among those who stayed silent, compared with people like "
        "them who answered",
        alt=alt_text(
            "The score of everyone falls as the odds rise",
            [
                f"odds × {number(o, 1)}: {say.value(v, 1)}"
                for o, v in list(zip(tipping.odds, tipping.value, strict=True))[
                    :: max(1, len(tipping.odds) // 5)
                ]
            ],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            series,
            x_label="Odds among the silent, as a multiple of those among people like them who answered",
            y_label=_axis(numbers),
            x_log=True,
            x_text=lambda v: (
                f"× {number(v, 0 if v >= 1 and abs(v - round(v)) < 1e-9 else 2 if v < 0.5 else 1)}"
            ),
            x_ticks=(0.5, 1, 2, 4),
            y_text=_ticks(numbers),
            y_band=_band(numbers),
            y_band_label=f"within {say.gap(numbers.settings.margin)} of the published score",
            y_limits=_tipping_limits(numbers),
        ),
        table=Table(
            "Score of everyone by how different the silent are",
            ("Odds among the silent", *[capitalised(s.label) for s in series]),
            _tipping_rows(numbers),
            notes=sentences.tipping_note(numbers),
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(
            ("line", sentences.tipping_words(numbers)[0]),
            ("line_adjusted", sentences.tipping_words(numbers)[1]),
        )
        if len(series) > 1
        else (("line", sentences.tipping_words(numbers)[0]),),
    )


def _tipping_limits(numbers: Numbers) -> tuple[float, float]:
    values = [*numbers.tipping.value, *numbers.tipping.ends_value, *_band(numbers)]
    pad = 0.05 * (max(values) - min(values))
    return min(values) - pad, max(values) + pad


def _tipping_rows(numbers: Numbers) -> tuple[tuple[str, ...], ...]:
    say, tipping = Speech(numbers.metric), numbers.tipping
    step = max(1, len(tipping.odds) // 12)
    both = len(tipping.ends_odds) == len(tipping.odds)
    return tuple(
        (
            f"× {number(tipping.odds[i], 2)}",
            say.value(tipping.value[i], 1),
            *((say.value(tipping.ends_value[i], 1),) if both else ()),
        )
        for i in range(0, len(tipping.odds), step)
    )


def _robustness(numbers: Numbers, source: Source) -> Figure:
    say, found = Speech(numbers.metric), numbers.robustness
    margin = numbers.settings.margin
    ordered = sorted(found.benchmarks, key=lambda b: -abs(b[1]))
    rows = [
        plots.row(title, bias, bias, bias, values=(signed(bias, say.gap_digits + 1),), role="adjusted")
        for title, bias, _ in ordered
    ]
    reach = 1.1 * max(margin, *(abs(b[1]) for b in ordered))
    return Figure(
        key="robustness",
        headline=sentences.robustness_headline(numbers),
        subtitle="How far one more fact, which is not known, would move the weighted score if it were as telling "
        "as each of the facts at hand",
        alt=alt_text(
            "Move of the score by an unknown fact as telling as",
            [f"{t}: {signed(b, 1)}" for t, b, _ in ordered],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label=f"Move of the weighted score, {say.gap_unit}",
            band=(-margin, margin),
            band_label="would not matter",
            reference=0.0,
            limits=(-reach, reach),
            tick_text=_signed_tick,
            columns=("move",),
        ),
        table=Table(
            "An unknown fact as telling as one of these",
            ("As telling as", "Moves the score by", "Correlation with the score"),
            tuple((t, signed(b, say.gap_digits + 2), signed(r, 3)) for t, b, r in ordered),
            notes=f"Robustness value {number(found.value, 3)}: an unknown fact that explains this share both of "
            f"the weights and of the score would bring the weighted score to {say.value(found.target, 1)}.",
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(("adjusted", "move of the weighted score"), ("band", f"smaller than {say.gap(margin)}")),
    )


# ---------------------------------------------------------------------------------- stronger designs


def _instrument(numbers: Numbers, source: Source) -> Figure:
    say = Speech(numbers.metric)
    drawn: list[plots.Row | plots.Heading] = []
    rows = []
    for found in numbers.instruments:
        drawn.append(plots.Heading(found.title))
        for label, rate, score in found.arms:
            cells = (say.value(score.value, 1), say.span(score.low, score.high, 1), percent(rate.value, 1))
            drawn.append(plots.row(label, score.value, score.low, score.high, values=cells))
            rows.append(
                (f"{found.title}: {label}", count(rate.of), percent(rate.value, 1), cells[0], cells[1])
            )
    return Figure(
        key="instrument",
        headline=sentences.instrument_headline(numbers),
        subtitle=f"{numbers.metric.label} of those who answered, by how hard they were asked, with its "
        f"{level_of(numbers)} interval",
        alt=alt_text(
            "Score and response rate in each arm", [f"{r[0]}: {r[2]} answered, {r[3]} ({r[4]})" for r in rows]
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=_axis(numbers),
            tick_text=_ticks(numbers),
            columns=(numbers.metric.short, f"{level_of(numbers)} interval", "answered"),
        ),
        table=Table(
            "Score and response by arm",
            ("Arm", "Invited", "Response rate", numbers.metric.short, f"{level_of(numbers)} interval"),
            tuple(rows),
            notes=" ".join(sentences.instrument_note(numbers, found) for found in numbers.instruments),
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(("observed", f"as answered, with {level_of(numbers)} interval"),),
    )


def _early(numbers: Numbers, source: Source) -> Figure:
    say, found = Speech(numbers.metric), numbers.early_late
    drawn = [
        plots.row(label, value, low, high, values=(say.value(value, 1), say.span(low, high, 1), count(n)))
        for label, n, value, low, high in found.groups
    ]
    return Figure(
        key="early",
        headline=sentences.early_headline(numbers),
        subtitle=f"{numbers.metric.label} by how long customers took to answer, with its {level_of(numbers)} interval",
        alt=alt_text("Score by time to answer", [f"{g[0]}: {say.value(g[2], 1)}" for g in found.groups]),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=_axis(numbers),
            tick_text=_ticks(numbers),
            reference=numbers.published.value,
            reference_label=f"all: {say.value(numbers.published.value, 1)}",
            columns=(numbers.metric.short, f"{level_of(numbers)} interval", "answers"),
        ),
        table=Table(
            "Score by time to answer",
            ("Answered", "Answers", numbers.metric.short, f"{level_of(numbers)} interval"),
            tuple((g[0], count(g[1]), say.value(g[2], 1), say.span(g[3], g[4], 1)) for g in found.groups),
            notes="The trend holds equal what is known of customers. Late is not never: those who answer late "
            "need not be like those who never do (Lin and Schaeffer 1995).",
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(("observed", f"as answered, with {level_of(numbers)} interval"),),
    )


def _plan(numbers: Numbers, source: Source) -> Figure:
    say, plan, margin = Speech(numbers.metric), numbers.plan, numbers.settings.margin
    n, width = zip(*plan.curve, strict=True)
    return Figure(
        key="plan",
        headline=sentences.plan_headline(numbers),
        subtitle=f"Half the width of the {level_of(numbers)} interval of the score of everyone invited, by answers "
        "from customers drawn at random from those who stayed silent",
        alt=alt_text(
            "A falling curve",
            [
                f"{count(a)} answers: ±{say.rough_gap(b, 1)}"
                for a, b in plan.curve[:: max(1, len(plan.curve) // 4)]
            ],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            [plots.Series("", list(n), list(width))],
            x_label="Answers from the follow-up",
            x_log=True,
            x_text=count,
            y_label=f"± {say.gap_unit} of {numbers.metric.short}",
            y_band=(0, margin),
            y_band_label="would not matter",
            spots=[
                plots.Spot(
                    plan.n, plan.precision, f"{count(plan.n)} answers: ±{say.rough_gap(plan.precision, 1)}"
                )
            ],
        ),
        table=Table(
            "Precision a follow-up gives",
            ("Answers from the follow-up", "Half-width of the interval"),
            tuple(
                (count(a), f"±{say.rough_gap(b, 1)}") for a, b in plan.curve[:: max(1, len(plan.curve) // 10)]
            ),
            notes=sentences.plan_note(numbers),
        ),
        source=source.line(_answers_of(numbers)),
        key_marks=(("band", f"smaller than {say.gap(margin)}"),),
    )


# ---------------------------------------------------------------------------------- one row per unit


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
        headline=sentences.units_headline(numbers),
        subtitle=f"Mean {numbers.metric.short} of {units.noun} in fifths of their response rate, "
        + (f"adjusted for {join_words([in_sentence(a) for a in units.adjusted])}, " if units.adjusted else "")
        + f"with its {level_of(numbers)} interval",
        alt=alt_text(
            "Mean score by fifth of response rate",
            [f"{g.label}: {say.value(g.value, 1)}" for g in units.groups],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label=_axis(numbers),
            tick_text=_ticks(numbers),
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
            notes=sentences.units_note(numbers),
        ),
        source=source.line(f"{count(units.n)} {units.noun}"),
        key_marks=(("observed", f"mean, with {level_of(numbers)} interval"),),
    )

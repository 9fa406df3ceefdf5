"""Pictures of how many answered, and who."""

from __future__ import annotations

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.response_rate_bias import headlines
from cxstats.studies.response_rate_bias.figure_texts import answers_of
from cxstats.studies.response_rate_bias.numbers import Numbers, Rate, RateTable
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import count, interval, join_words, number, percent, plural, share, signed

MOST_ROWS = 12  # of one variable in a picture; the table has them all


MOST_TABLES = 5  # variables in a picture of response rates, those that tell most


def _rate_cells(rate: Rate) -> tuple[str, str]:
    return percent(rate.value, 1), f"{count(rate.n)} / {count(rate.of)}"


def _rate_row(rate: Rate) -> plots.Row:
    return plots.row(rate.label, rate.value, rate.low, rate.high, values=_rate_cells(rate))


def stages_figure(numbers: Numbers, source: Source) -> Figure:
    stages = numbers.stages
    rows = [_rate_row(stage) for stage in stages]
    return Figure(
        key="stages",
        headline=headlines.stages_headline(numbers),
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


def rates_figure(numbers: Numbers, source: Source) -> Figure:
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
        headline=headlines.rates_headline(numbers),
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
        source=f"{source.line(answers_of(numbers))} {note}{more}".rstrip(),
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


def coverage_figure(numbers: Numbers, source: Source) -> Figure:
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


def partials_figure(numbers: Numbers, source: Source) -> Figure:
    reach = numbers.reach
    ordered = sorted(reach.partials, key=lambda p: -p.unconditional)
    drawn = [
        plots.Row(
            partial.title,
            (
                _spread_line("observed", partial.unconditional, partial.unconditional_limits),
                _spread_line("adjusted", partial.conditional, partial.conditional_limits),
            ),
        )
        for partial in ordered
    ]
    most = 100 * max(max(p.unconditional_limits[1], p.conditional_limits[1]) for p in ordered)
    rows = []
    for partial in ordered:
        rows.append(
            (
                partial.title,
                number(100 * partial.unconditional, 2),
                interval(*(100 * v for v in partial.unconditional_limits), digits=2),
                number(100 * partial.conditional, 2),
                interval(*(100 * v for v in partial.conditional_limits), digits=2),
            )
        )
        rows += [
            (
                f"{partial.title}: {c.label}",
                signed(100 * c.unconditional, 2),
                "",
                number(100 * c.conditional, 2),
                "",
            )
            for c in partial.categories
        ]
    # answers that are all alike have no spread for a bias to come of
    largest = (
        f"Largest bias that a score could have which follows exactly this probability: "
        f"{Speech(numbers.metric).rough_gap(reach.largest, 1)}; not a bound on the whole bias. "
        if reach.largest > 0
        else ""
    )
    return Figure(
        key="partials",
        headline=headlines.partials_headline(numbers),
        subtitle="How far each fact of the customer list spreads the probability of an answer: alone, and with "
        f"the other facts held equal, with {level_of(numbers)} intervals (partial R-indicators, in percentage points of the "
        "response rate)",
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
            columns=("spread", f"{level_of(numbers)} interval"),
            ruled=False,
        ),
        table=Table(
            "Partial R-indicators, in percentage points",
            (
                "Fact",
                "Alone",
                f"{level_of(numbers)} interval",
                "Others held equal",
                f"{level_of(numbers)} interval",
            ),
            tuple(rows),
            notes=f"R-indicator {number(reach.r, 3)} ({number(reach.r_low, 3)} to {number(reach.r_high, 3)}; 1: "
            f"everyone equally likely to answer). Coefficient of variation {number(reach.cv, 3)} "
            f"({number(reach.cv_low, 3)} to {number(reach.cv_high, 3)}). {largest}AUC of the model "
            f"{number(reach.auc, 3)}. A category’s sign says whether it answers more (+) or less (−).",
        ),
        source=source.line(answers_of(numbers)),
        key_marks=(
            ("observed", f"alone, with {level_of(numbers)} interval"),
            ("adjusted", "with the other facts held equal"),
        ),
    )


def _spread_line(role: plots.Role, value: float, limits: tuple[float, float]) -> plots.Line:
    low, high = (100 * limit for limit in limits)
    return plots.Line(
        (plots.Mark(role, 100 * value, low, high),), values=(number(100 * value, 1), interval(low, high))
    )

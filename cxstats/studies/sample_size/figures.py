"""The pictures of the sample-size report, each with its headline and the numbers behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.sample_size.sentences import league_table, rank_headline
from cxstats.studies.sample_size.study import GroupTable, Numbers
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import (
    amount,
    capitalised,
    count,
    join_words,
    number,
    percent,
    plural,
    share,
)

if TYPE_CHECKING:
    from cxstats.methods.efficiency import RelativeEfficiency

__all__ = ["all_figures"]

Tick = Callable[[float], str]
MOST_ROWS = 16  # of one group variable in a picture; the table has them all


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if numbers.total is None:
        return {}
    made = [_score(numbers, source)]
    made += [_groups(numbers, source)] if any(len(t.labels) > 1 for t in numbers.groups) else []
    made += [_card(numbers, source)] if numbers.card else []
    made += [_needs(numbers, source), _tracker(numbers, source)]
    made += [_efficiency(numbers, source)] if numbers.efficiency else []
    made += [_alarms(numbers, source)] if numbers.alarms else []
    made += [_ranks(numbers, source)] if league_table(numbers) else []
    made += [_label(numbers, source)] if numbers.label else []
    made += [_floor(numbers, source)] if numbers.floors else []
    return {figure.key: figure for figure in made}


def _axis(numbers: Numbers) -> str:
    unit = {"points": "points", "%": "% satisfied", "scale points": f"mean answer on {numbers.metric.scale}"}
    return f"{numbers.metric.short}, {unit[numbers.metric.unit]}"


def _ticks(numbers: Numbers) -> Tick:
    say = Speech(numbers.metric)
    return lambda v: say.value(v) if numbers.metric.unit != "scale points" else number(v, 1)


def _gap_axis(numbers: Numbers) -> str:
    return f"{Speech(numbers.metric).gap_unit} of {numbers.metric.short}"


def _score(numbers: Numbers, source: Source) -> Figure:
    say, margin = Speech(numbers.metric), numbers.settings.margin
    waves = numbers.waves
    last = waves[-1].estimate
    if numbers.change is not None:
        before = waves[-2].estimate.value
        band = (before - margin, before + margin)
        band_label = f"within {say.gap(margin)} of {waves[-2].label}"
        change = numbers.change
        first, now = say.value(before), say.value(last.value)
        told = numbers.verdict.value != "inconclusive"
        same = f"stayed at {now}" if told else f"is at {now} in both waves"
        moved = same if first == now else f"went from {first} to {now}"
        headline = f"{numbers.metric.short} {moved}: " + {
            "negligible": f"a change of {say.gap(margin)} can be ruled out",
            "material": f"a change of more than {say.gap(margin)}",
            "inconclusive": f"whether it changed by {say.gap(margin)} cannot be told",
        }.get(numbers.verdict.value, "the change cannot be told")
        extra = (("Change", say.gap_span(change.low, change.high, edge=margin), "", ""),)
        subtitle = f"{numbers.metric.label} per wave, with its {level_of(numbers)} interval. {extra[0][0]}: {extra[0][1]}"
        key_band = (("band", f"within {say.gap(margin)} of the wave before"),)
    else:
        band = (last.value - margin, last.value + margin)
        band_label = f"within {say.gap(margin)}"
        headline = f"Chance leaves {numbers.metric.short} between {say.span(last.low, last.high).replace(' to ', ' and ')}"
        subtitle = f"{numbers.metric.label} with its {level_of(numbers)} interval, against {say.gap(margin)} either way"
        key_band = (("band", f"within {say.gap(margin)} of the published score"),)
    rows = tuple(
        (
            wave.label if len(waves) > 1 else "All answers",
            count(wave.n),
            say.value(wave.estimate.value, 1),
            say.span(wave.estimate.low, wave.estimate.high, 1),
            wave.estimate.method.replace("_", " "),
        )
        for wave in waves
    )
    table = Table(
        f"{numbers.metric.short} per wave" if len(waves) > 1 else numbers.metric.short,
        ("Wave", "Answers", numbers.metric.short, f"{level_of(numbers)} interval", "Method"),
        rows,
    )
    drawn = [
        plots.Wave(
            label=wave.label,
            value=wave.estimate.value,
            low=wave.estimate.low,
            high=wave.estimate.high,
            value_text=say.value(wave.estimate.value, 1),
            n_text=f"{count(wave.n)} answers",
        )
        for wave in waves
    ]

    def draw(canvas):
        if len(waves) > 1:
            return plots.trend(
                canvas,
                drawn,
                axis_label=_axis(numbers),
                band=band,
                band_label=band_label,
                tick_text=_ticks(numbers),
            )
        one = plots.row(
            numbers.metric.short,
            last.value,
            last.low,
            last.high,
            values=(say.value(last.value, 1), say.span(last.low, last.high, 1)),
        )
        return plots.interval_rows(
            canvas,
            [one],
            axis_label=_axis(numbers),
            band=band,
            band_label=band_label,
            tick_text=_ticks(numbers),
            columns=(numbers.metric.short, f"{level_of(numbers)} interval"),
        )

    return Figure(
        key="score",
        headline=headline,
        subtitle=subtitle,
        draw=draw,
        table=table,
        alt=alt_text(
            f"{numbers.metric.short} {'per wave' if len(waves) > 1 else ''} with its interval",
            [f"{row[0]} {row[2]} ({row[3]})" for row in rows[-6:]],
        ),
        source=source.line(plural(numbers.n, "answer")),
        key_marks=(("observed", f"as answered, with {level_of(numbers)} interval"), *key_band),
    )


def _hidden_note(tables: tuple[GroupTable, ...], numbers: Numbers) -> str:
    hidden = sum(table.hidden for table in tables)
    if not hidden:
        return ""
    return (
        f"{plural(hidden, 'group is', 'groups are')} not shown: under {numbers.settings.smallest_group} answers, or one "
        "that would give such a group away by subtraction."
    )


def _groups(numbers: Numbers, source: Source) -> Figure:
    say, margin, total = Speech(numbers.metric), numbers.settings.margin, numbers.total
    tables = tuple(table for table in numbers.groups if table.labels)
    known = [e.margin_of_error <= margin for table in tables for e in table.estimates]
    if all(known):
        headline = f"Every group is known to within {say.gap(margin)}"
    elif not any(known):
        headline = f"No group is known to within {say.gap(margin)}"
    else:
        verb = "is" if sum(known) == 1 else "are"
        headline = (
            f"{count(sum(known))} of {count(len(known))} groups {verb} known to within {say.gap(margin)}"
        )
    drawn: list[plots.Row | plots.Heading] = []
    rows = []
    for table in tables:
        entries = list(zip(table.labels, table.n, table.estimates, strict=True))
        for label, n, e in entries:
            value, span = say.value(e.value, 1), say.span(e.low, e.high, 1)
            rows.append((f"{table.title}: {label}", count(n), value, span, e.method.replace("_", " ")))
        if len(entries) < 2:
            continue  # one group beside a total is no comparison: the table has it
        drawn.append(plots.Heading(table.title))
        for label, n, e in _ends(entries):
            cells = (say.value(e.value, 1), say.span(e.low, e.high, 1), count(n))
            drawn.append(plots.row(label, e.value, e.low, e.high, values=cells))
    cut = sum(max(0, len(table.labels) - MOST_ROWS) for table in tables)
    left_out = (
        f" {plural(cut, 'group')} between the highest and the lowest stand only in the table." if cut else ""
    )
    note = _hidden_note(tables, numbers)

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            drawn,
            axis_label=_axis(numbers),
            tick_text=_ticks(numbers),
            reference=total.value,
            reference_label=f"all: {say.value(total.value, 1)}",
            band=(total.value - margin, total.value + margin),
            columns=(numbers.metric.short, f"{level_of(numbers)} interval", "answers"),
        )

    return Figure(
        key="groups",
        headline=headline,
        subtitle=f"{numbers.metric.label} by group, highest first, with its {level_of(numbers)} interval",
        alt=alt_text(
            f"{numbers.metric.short} with its interval in {plural(len(rows), 'group')}, against "
            f"{say.value(total.value, 1)} in all",
            [
                f"{table.title}: from {table.labels[-1]} {say.value(table.estimates[-1].value, 1)} to "
                f"{table.labels[0]} {say.value(table.estimates[0].value, 1)}"
                for table in tables
                if len(table.labels) > 1
            ],
        ),
        draw=draw,
        table=Table(
            f"{numbers.metric.short} by group",
            ("Group", "Answers", numbers.metric.short, f"{level_of(numbers)} interval", "Method"),
            tuple(rows),
            notes=note,
        ),
        source=f"{source.line(plural(numbers.n, 'answer'))} {note}{left_out}".rstrip(),
        key_marks=(
            ("observed", f"as answered, with {level_of(numbers)} interval"),
            ("band", f"within {say.gap(margin)} of the total"),
        ),
    )


def _ends(entries: list) -> list:
    """The highest and the lowest of a long list."""
    if len(entries) <= MOST_ROWS:
        return entries
    return entries[: MOST_ROWS // 2] + entries[-(MOST_ROWS // 2) :]


def _card(numbers: Numbers, source: Source) -> Figure:
    say, card = Speech(numbers.metric), numbers.card
    short = [row.label for row in card.rows if row.falls_short]
    promised = 100 * card.level
    example = numbers.card_example
    answers = plural(card.n, "answer")
    who = numbers.card_for
    if round(example.n) != card.n:  # weighted or repeated answers, worth fewer than they are
        answers = plural(card.n, "independent answer")
        who += f", whose {plural(round(example.n), 'answer')} are worth {count(card.n)} independent ones"
    used = "used in this report" if example.method == "score" else "used from 30 answers on"
    if card.row("wald").falls_short and not card.row("score").falls_short:
        headline = f"With {answers}, the textbook interval breaks its promise; the score interval keeps it"
    elif short:
        verb = "falls" if len(short) == 1 else "fall"
        headline = f"With {answers}, {join_words(short)} {verb} short of the promised {percent(promised)}"
    else:
        headline = f"With {answers}, every method keeps its promise of {percent(promised)}"
    drawn = [
        plots.Row(
            row.label,
            (
                plots.Line(
                    (
                        plots.Mark(
                            "falls_short" if row.falls_short else "keeps",
                            100 * row.value,
                            box=(100 * row.lowest, 100 * row.highest),
                        ),
                    ),
                    values=(percent(100 * row.value, 1), say.span(row.estimate.low, row.estimate.high, 1)),
                ),
            ),
            sublabel=used if row.method == "score" else "",
            strong=row.method == "score",
        )
        for row in card.rows
    ]

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            drawn,
            axis_label="Intervals that contain the true score, of 100 surveys like this one",
            reference=promised,
            reference_label=f"promised: {percent(promised)}",
            limits=(min(promised - 2, lowest - 0.3), max(min(promised + 2, 100), highest + 0.3)),
            columns=("contains\nthe truth", f"these answers’\n{level_of(numbers)} interval"),
            ruled=False,
        )

    lowest, highest = (
        100 * f(x for r in card.rows for x in (r.value, r.lowest, r.highest)) for f in (min, max)
    )
    groups = numbers.metric.groups
    mix = (
        "these shares ("
        + join_words([f"{share(s)} {g}" for s, g in zip(card.distribution, groups, strict=True)])
        + ")"
        if len(groups) == len(card.distribution)
        else "answers spread like these"
    )
    rows = tuple(
        (
            row.label,
            percent(100 * row.value, 2),
            percent(100 * row.lowest, 2),
            percent(100 * row.highest, 2),
            say.span(row.estimate.low, row.estimate.high, 1),
        )
        for row in card.rows
    )
    return Figure(
        key="coverage",
        headline=headline,
        subtitle=f"How often a “{percent(promised)}” interval contains the true {numbers.metric.short} at {answers} "
        f"and {mix}. A method falls short if it drops below {percent(promised - 100 * card.shortfall)} nearby",
        alt=alt_text(
            f"How often each method’s interval contains the truth, against {percent(promised)} promised",
            [f"{r[0]} {r[1]}, nearby {r[2]} to {r[3]}" for r in rows],
        ),
        draw=draw,
        table=Table(
            f"Coverage of {percent(promised)} intervals at {answers}",
            ("Method", "Contains the truth", "Lowest nearby", "Highest nearby", "These answers’ interval"),
            rows,
            notes=""
            if example.method == "score"
            else f"For so few answers the report uses the exact interval, {say.span(example.low, example.high, 1)}: "
            f"by construction it contains the truth in {percent(promised)} or more, whatever the shares.",
        ),
        source=source.line(f"{card.how.rstrip('.')}. Example: {who}"),
        key_marks=(
            *((("keeps", "keeps its promise"),) if len(short) < len(card.rows) else ()),
            *((("falls_short", "falls short"),) if short else ()),
            ("spread", "lowest to highest for customers much like these"),
        ),
    )


def _plan_notes(numbers: Numbers) -> str:
    """What the plans rest on, each once, and where there are too few customers for one of them."""
    rests_on = dict.fromkeys(text for plan in numbers.plans for text in plan.assumptions)
    said = f"Assumed: {'; '.join(rests_on)}."
    customers = numbers.settings.population
    if customers and any((plan.invitations or plan.size.n) > customers for plan in numbers.plans):
        said += f" Some plans take more people than the {count(customers)} customers there are."
    return said


def _needs(numbers: Numbers, source: Source) -> Figure:
    plans = numbers.plans
    met = [plan for plan in plans if plan.enough]
    headline = (
        "There are answers enough for each of these decisions"
        if len(met) == len(plans)
        else "There are too few answers for any of these decisions"
        if not met
        else f"{capitalised(join_words([plan.decision for plan in met]))}: enough answers; not for the rest"
    )
    drawn = [
        plots.row(
            capitalised(plan.decision),
            plan.size.n,
            plan.size.n_low or plan.size.n,
            plan.size.n_high or plan.size.n,
            values=(
                count(plan.size.n),
                count(plan.invitations) if plan.invitations else "not known",
            ),
            role="adjusted",
        )
        for plan in plans
    ]
    have = plans[0].have
    invited = any(plan.invitations for plan in plans)

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            drawn,
            axis_label="Answers in a wave",
            reference=have,
            reference_label=f"answers now: {count(have)}",
            tick_text=count,
            limits=(0, 1.12 * max(have, *(plan.size.n_high or plan.size.n for plan in plans))),
            columns=("needed", "invitations"),
        )

    notes = _plan_notes(numbers)
    return Figure(
        key="needs",
        headline=headline,
        subtitle=f"Answers that each decision needs, with the {level_of(numbers)} interval that comes from not knowing "
        "the spread of answers exactly",
        alt=alt_text(
            f"Answers that each decision needs, against the {count(have)} there are",
            [f"{plan.decision}: {count(plan.size.n)}" for plan in plans],
        ),
        draw=draw,
        table=Table(
            "Answers and invitations each decision needs",
            ("Decision", "Answers", "Interval", "Invitations", "Enough now"),
            tuple(
                (
                    capitalised(plan.decision),
                    count(plan.size.n),
                    f"{count(plan.size.n_low)} to {count(plan.size.n_high)}"
                    if plan.size.n_low
                    else "not known",
                    count(plan.invitations) if plan.invitations else "not known",
                    "yes" if plan.enough else "no",
                )
                for plan in plans
            ),
            notes=notes,
        ),
        source=source.line(
            plural(numbers.n, "answer")
            + (
                f", response rate {share(numbers.response_rate, 1)}"
                if invited
                else ", response rate not known"
            )
        ),
        key_marks=(("adjusted", f"answers needed, with {level_of(numbers)} interval"),),
    )


def _tracker(numbers: Numbers, source: Source) -> Figure:
    say, margin = Speech(numbers.metric), numbers.settings.margin
    n, change = np.array(numbers.detectable_curve).T
    seen = numbers.detectable
    told = sorted({*numbers.detectable_curve[::6], (numbers.n, seen)})
    headline = f"Waves of this size see a change of about {say.rough_gap(seen, edge=margin)}, " + (
        f"less than the {say.that_matter(margin)}" if seen <= margin else f"not the {say.that_matter(margin)}"
    )
    return Figure(
        key="tracker",
        headline=headline,
        subtitle=f"Smallest true change between two waves that is found in {share(numbers.settings.power)} of cases, by "
        "answers in each wave",
        alt=alt_text(
            "A falling curve: the more answers in each wave, the smaller the change that shows",
            [
                f"{plural(a, 'answer')}: {say.rough_gap(b, 1)}"
                for a, b in (told[0], (numbers.n, seen), told[-1])
            ],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            [plots.Series("", n.tolist(), change.tolist())],
            x_label="Answers in each wave",
            x_log=True,
            y_label=f"Smallest change seen, {_gap_axis(numbers)}",
            x_text=count,
            spots=[plots.Spot(numbers.n, seen, f"now: {count(numbers.n)} answers, {say.rough_gap(seen, 1)}")],
            y_band=(0, margin),
            y_band_label="would not matter",
        ),
        table=Table(
            "Smallest change two waves can see",
            ("Answers in each wave", "Smallest change"),
            tuple((count(a), say.rough_gap(b, 1)) for a, b in told),
        ),
        source=source.line(plural(numbers.n, "answer")),
        key_marks=(("band", f"smaller than {say.gap(margin)}"),),
    )


def _alarms(numbers: Numbers, source: Source) -> Figure:
    alarms = numbers.alarms
    fixed, guarded = 100 * np.asarray(alarms.fixed.by_look), 100 * np.asarray(alarms.sequence.by_look)
    days = np.asarray(alarms.days, dtype=float)
    promised = 100 * (1 - numbers.settings.level)
    last = int(days[-1])
    return Figure(
        key="alarms",
        headline=f"Looked at every day, the usual interval raises a false alarm in {percent(fixed[-1])} of cases; "
        f"a confidence sequence in {percent(guarded[-1], 1)}",
        subtitle=f"Share of periods without any change in which a dashboard has reported one, by day; "
        f"{plural(alarms.per_day, 'answer')} a day",
        alt=f"After {last} daily looks the fixed interval has raised a false alarm in {percent(fixed[-1])} of periods, "
        f"the confidence sequence in {percent(guarded[-1], 1)}; {percent(promised)} was promised.",
        draw=lambda canvas: plots.curves(
            canvas,
            [
                plots.Series("usual interval", days.tolist(), fixed.tolist()),
                plots.Series("confidence sequence", days.tolist(), guarded.tolist(), role="adjusted"),
            ],
            x_label="Day",
            y_label="Periods with a false alarm so far, %",
            y_reference=promised,
            y_reference_label=f"promised: {percent(promised)}",
            y_limits=(0, max(promised * 1.5, float(fixed[-1]) * 1.1)),
        ),
        table=Table(
            "False alarms by day",
            ("Day", "Usual interval", "Confidence sequence"),
            tuple(
                (number(days[i]), percent(fixed[i], 1), percent(guarded[i], 1))
                for i in sorted({0, *(np.linspace(0, len(days) - 1, 7).astype(int).tolist())})
            ),
            notes="A false alarm: the interval of all answers so far leaves out the true value, which stays the same "
            f"all the time. Simulated {count(alarms.fixed.replicates)} times. Final shares: "
            f"{percent(100 * alarms.fixed.low, 1)} to {percent(100 * alarms.fixed.high, 1)} and "
            f"{percent(100 * alarms.sequence.low, 1)} to {percent(100 * alarms.sequence.high, 1)} with simulation error. "
            f"The price of the sequence: on the last day its limits lie "
            f"{number(alarms.sequence.half_width / alarms.fixed.half_width, 1)} times as far out.",
        ),
        source=source.line(f"Simulated from {plural(numbers.n, 'answer')}"),
    )


def _ranks(numbers: Numbers, source: Source) -> Figure:
    say, table = Speech(numbers.metric), league_table(numbers)
    sets = table.ranks
    entries = list(zip(table.labels, sets.rank, sets.lower, sets.upper, table.estimates, strict=True))
    drawn = [
        plots.Ranked(label, float(rank), int(low), int(high), (say.value(e.value, 1),))
        for label, rank, low, high, e in _ends(entries)
    ]
    ranked = [t for t in numbers.groups if t.ranks is not None]
    rows = tuple(
        (f"{t.title}: {label}", number(rank), plots.place_text(int(low), int(high)), say.value(e.value, 1))
        for t in ranked
        for label, rank, low, high, e in zip(
            t.labels, t.ranks.rank, t.ranks.lower, t.ranks.upper, t.estimates, strict=True
        )
    )
    note = _hidden_note((table,), numbers)
    return Figure(
        key="ranks",
        headline=rank_headline(table),
        subtitle=f"Place in a league table of {numbers.metric.short} by {in_sentence(table.title)}: as it stands, and "
        f"the places that chance allows, all together with {level_of(numbers)} confidence",
        alt=alt_text(
            f"The places each {in_sentence(table.title)} can hold",
            [f"{d.label} {plots.place_text(d.low, d.high)}" for d in drawn],
        ),
        draw=lambda canvas: plots.ranks(canvas, drawn, columns=("place", numbers.metric.short)),
        table=Table(
            "League tables by every group variable",
            ("Group", "Place as it stands", "Places possible", numbers.metric.short),
            rows,
            notes="The places of one group variable hold together; those of several do not.",
        ),
        source=f"{source.line(plural(sum(table.n), 'answer') + ' in the groups shown')} {note}".rstrip(),
        key_marks=(("spread", "places that chance allows"), ("keeps", "place as it stands")),
    )


def _label(numbers: Numbers, source: Source) -> Figure:
    say, label = Speech(numbers.metric), numbers.label
    best = int(np.argmax(label.probabilities))
    # a probability that the machine rounds to 0 or 1 is small or large, never certain
    probabilities = np.clip(label.probabilities, 1e-9, 1 - 1e-9)
    sure = float(probabilities[best])
    uppers = (*label.lower[1:], None)
    ranges = [
        f"from {say.value(low)} to {say.value(high)}"
        if high is not None and i
        else f"below {say.value(high)}"
        if high is not None
        else f"from {say.value(low)}"
        for i, (low, high) in enumerate(zip(label.lower, uppers, strict=True))
    ]
    headline = (
        f"The label “{label.names[best]}” is safe: {percent(100 * sure)} sure"
        if sure >= numbers.settings.level
        else f"The label could be “{label.names[best]}” ({percent(100 * sure)} sure) or another"
    )
    bands = [
        plots.Band(name, text, float(p))
        for name, text, p in zip(label.names, ranges, probabilities, strict=True)
    ]
    return Figure(
        key="label",
        headline=headline,
        subtitle=f"Probability that the true {numbers.metric.short} falls in each customary band",
        alt=alt_text(
            "A bar divided by the probability of each label",
            [f"{b.label}, {b.range_text}: {percent(100 * b.probability, 1)}" for b in bands],
        ),
        draw=lambda canvas: plots.band_strip(canvas, bands),
        table=Table(
            "Probability of each label",
            ("Label", "Range", "Probability"),
            tuple((b.label, b.range_text, percent(100 * b.probability, 1)) for b in bands),
            notes="The bands are a convention of vendors and trade articles, without evidence behind them. Dirichlet "
            "posterior of the shares, effective number of answers.",
        ),
        source=source.line(plural(numbers.n, "answer")),
    )


def _efficiency(numbers: Numbers, source: Source) -> Figure:
    e, metric = numbers.efficiency, numbers.metric
    per, low, high = 100 * e.value, 100 * e.low, 100 * e.high
    headline = (
        f"{metric.short} needs {count(per)} answers where the mean answer needs 100"
        if round(per) >= 100
        else f"{metric.short} needs only {count(per)} answers where the mean answer needs 100"
    )
    rows = [
        plots.row("Mean answer", 100, 100, 100, values=("100", ""), role="reference"),
        plots.row(metric.short, per, low, high, values=(count(per), f"{count(low)} to {count(high)}")),
    ]
    return Figure(
        key="efficiency",
        headline=headline,
        subtitle=f"Answers needed to find the same change: {e.change}",
        alt=f"For each 100 answers of the mean, {metric.short} needs {count(per)} ({count(low)} to {count(high)}).",
        draw=lambda canvas: plots.interval_rows(
            canvas,
            rows,
            axis_label="Answers needed for the same change",
            columns=("answers", f"{level_of(numbers)} interval"),
            limits=(0, 1.1 * max(high, 110)),
            tick_text=count,
        ),
        table=Table(
            "Answers needed for the same change",
            ("Metric", "Answers", f"{level_of(numbers)} interval"),
            (
                ("Mean answer", "100", ""),
                *(
                    (f"{metric.short}: {other.change}", count(100 * other.value), _hundreds(other))
                    for other in (e, *numbers.efficiency_of_others)
                ),
            ),
            notes="The mean uses every step of the scale; the metric forgets all but its groups. What that costs depends on "
            "the kind of change: the picture shows the first, the table others too. The intervals are for chance alone.",
        ),
        source=source.line(plural(numbers.n, "answer")),
        key_marks=(("observed", f"with {level_of(numbers)} interval"),),
    )


def _hundreds(efficiency: RelativeEfficiency) -> str:
    """The interval of a relative efficiency, per hundred answers of the mean."""
    if not np.isfinite(efficiency.low):
        return "not known"
    return f"{count(100 * efficiency.low)} to {count(100 * efficiency.high)}"


def _floor(numbers: Numbers, source: Source) -> Figure:
    say, metric = Speech(numbers.metric), numbers.metric
    variance = metric.variance(numbers.counts) * numbers.design_effect
    grid = np.unique(np.geomspace(min(30, numbers.n), max(30_000, 3 * numbers.n), 60).astype(int))
    series = []
    for floor, role in zip(numbers.floors, ("plain", "adjusted", "observed"), strict=False):
        total = np.sqrt(variance / grid + floor.bias**2)
        series.append(plots.Series(f"bias {say.gap(floor.bias)}", grid.tolist(), total.tolist(), role=role))
    middle = numbers.floors[len(numbers.floors) // 2]
    past = numbers.n > middle.n
    now = float(np.sqrt(variance / numbers.n + middle.bias**2))
    return Figure(
        key="floor",
        headline=f"If those who answer differ by {say.gap(middle.bias)}, "
        + (
            f"that is already a larger error than chance leaves in {count(numbers.n)} answers"
            if past
            else f"beyond {count(middle.n)} answers that is a larger error than chance"
        ),
        subtitle=f"Typical total error of {metric.short} (chance and bias together) by number of answers, if those who "
        "answer differ from all customers by this much",
        alt=alt_text(
            "Falling curves that level off at the bias: no number of answers takes it away",
            [
                f"bias {say.gap(f.bias)}: larger than chance beyond {count(f.n)} answers"
                for f in numbers.floors
            ],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            series,
            x_label="Answers",
            x_log=True,
            spots=[plots.Spot(numbers.n, now, f"now: {plural(numbers.n, 'answer')}")],
            y_label=f"Typical error, {_gap_axis(numbers)}",
            x_text=count,
        ),
        table=Table(
            "Answers beyond which bias outweighs chance",
            ("If the bias is", "Answers", "Typical error there"),
            tuple(
                (say.gap(f.bias), count(f.n), say.rough_gap(np.sqrt(2) * f.bias, 1)) for f in numbers.floors
            ),
            notes="Where the variance of the score equals the squared bias: beyond it the error falls by less than a third "
            "however many answers come. Whether there is a bias, and how large, is "
            "the question of the response-rate bias report.",
        ),
        source=source.line(
            f"Spread of {plural(numbers.n, 'answer')}; the biases are assumptions, "
            f"{amount(numbers.floors[0].bias)} to {say.gap(numbers.floors[-1].bias)}"
        ),
    )

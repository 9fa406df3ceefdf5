"""The pictures of the page of all scores, each with its headline and the numbers behind it."""

from __future__ import annotations

from typing import Any

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.findings import Verdict
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.score_overview.action import Action, Effect
from cxstats.studies.score_overview.groups import GroupVariable
from cxstats.studies.score_overview.measures import Measure
from cxstats.studies.score_overview.money import voice
from cxstats.studies.score_overview.phrases import key_of, moved, reached, wave_of
from cxstats.studies.score_overview.sentences import action_headline
from cxstats.studies.score_overview.study import Numbers
from cxstats.words import (
    MINUS,
    NBSP,
    amount,
    capitalised,
    count,
    join_words,
    number,
    number_word,
    percent,
    plural,
    share,
    signed,
)

__all__ = ["all_figures", "drawn_trends", "group_table", "kpi_table", "standing_out_table", "wave_table"]

WIDEST = 6.0  # margins either side of no change; what reaches beyond ends in an arrowhead
MOST_ROWS = 24  # of groups in a picture; the table has them all
MOST_TRENDS = {"score": 3, "outcome": 3, "value": 1}
"""Trends drawn of each kind; the others stand in a table."""
LATEST = 6
MARK = {
    Verdict.NEGLIGIBLE: "within its margin",
    Verdict.MATERIAL: "beyond its margin",
    Verdict.INCONCLUSIVE: "too few answers to say",
}


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if not numbers.shown:
        return {}
    made = [_changes(numbers, source)]
    made += [_trend(numbers, m, source) for m in drawn_trends(numbers)]
    made += [_groups(numbers, source)] if _drawn_groups(numbers) else []
    made += [_by_value(numbers, source)] if numbers.by_value else []
    made += [_worth(numbers, source)] if len(numbers.worth) > 1 else []
    if numbers.action is not None and numbers.action.effects:
        made += [_action(numbers, numbers.action, source), _effects(numbers, numbers.action, source)]
    return {figure.key: figure for figure in made}


# --- all of them at once --------------------------------------------------------------------------


def kpi_table(numbers: Numbers) -> Table:
    """Every measure with its answers, response rate and interval."""
    rows = []
    for m in numbers.measures:
        name = f"{m.short} · {m.channel}" if m.channel else m.short
        if not m.readings:
            rows.append((name, "", "too few", "", "too few", ""))
            continue
        say, now = voice(m), m.now
        rate = "nobody was asked" if m.unasked else "not known" if now.rate is None else share(now.rate, 1)
        if m.kind != "score":
            known = "" if now.rate is None else "all" if now.rate == 1 else share(now.rate, 1)
            rate = f"known of {known}" if known else "not known"
        rows.append(
            (
                name,
                wave_of(m).replace(" ", NBSP),
                count(now.n),
                rate,
                say.value(now.value, 1),
                say.span(now.low, now.high, 1),
            )
        )
    return Table(
        "Every score, with its answers and its interval",
        ("Score", "Wave", "Answers", "Response rate", "Value", f"{level_of(numbers)} interval"),
        tuple(rows),
        notes="What customers did, and what they are worth, counts everyone on the list of whom it is known."
        if any(m.kind != "score" for m in numbers.measures)
        else "",
    )


def _changes(numbers: Numbers, source: Source) -> Figure:
    measures = numbers.judged
    rows, drawn = [], []
    for m in measures:
        say = voice(m)
        if m.change is not None:
            centre, low, high = m.change.value, m.change.low, m.change.high
            told = say.gap_span(low, high, edge=m.margin)
        else:
            centre, low, high = 0.0, m.family[0] - m.now.value, m.family[1] - m.now.value
            told = say.span(*m.family, 1)
        value = say.value(m.now.value, 1)
        plain = told.removesuffix(f" {say.gap_unit}") if m.change is not None else told
        drawn.append(
            plots.row(
                m.short,
                centre / m.margin,
                low / m.margin,
                high / m.margin,
                values=(value, plain),
                sublabel=m.channel,
            )
        )
        since = m.change.before if m.change is not None else ""
        rows.append((m.short, value, since, told, say.gap(m.margin), MARK[m.verdict]))
    reach = max(abs(x) for d in drawn for mark in d.lines[0].marks for x in mark.extent)
    limit = min(WIDEST, max(1.6, 1.08 * reach))
    level = level_of(numbers)
    kind = (
        f"that hold together in {level} of cases"
        if numbers.together
        else f"that are right in {level} of cases each"
    )
    firm = [m for m in measures if m.verdict is Verdict.MATERIAL]
    open_ = [m for m in measures if m.verdict is Verdict.INCONCLUSIVE]
    k = number_word(len(measures))
    if numbers.changing:
        if firm:
            headline = "; ".join(moved(m) for m in firm[:2]) + (
                f"; {number_word(len(firm) - 2)} more moved" if len(firm) > 2 else ""
            )
        elif open_:
            which = "any of them" if len(open_) == len(measures) else f"{number_word(len(open_))} of {k}"
            headline = f"No score is sure to have moved: too few answers to say of {which}"
        else:
            headline = (
                f"None of {k} scores moved by as much as would matter"
                if len(measures) > 1
                else f"{measures[0].short} did not move by as much as would matter"
            )
        subtitle = (
            "Change since the wave before, in units of the smallest change that matters for each score, with intervals "
            f"{kind}"
        )
        axis, columns = "Change, in margins", ("now", "change")
    else:
        sure = len(measures) - len(open_)
        headline = (
            f"{'Each' if len(measures) > 1 else 'The'} score is known to within its margin"
            if not open_
            else f"{capitalised(number_word(sure))} of {k} scores {'is' if sure == 1 else 'are'} known to within the margin"
        )
        subtitle = (
            "What chance leaves of each published score, in units of the smallest difference that matters for it, with "
            f"intervals {kind}"
        )
        axis, columns = "From the published score, in margins", ("value", "interval")
    return Figure(
        key="changes",
        headline=headline,
        subtitle=subtitle,
        alt=alt_text(
            f"{'Change' if numbers.changing else 'Interval'} of {plural(len(measures), 'score')} against the margin of "
            "each",
            [f"{row[0]} {row[1]}, {row[3]}: {row[5]}" for row in rows],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=axis,
            columns=columns,
            band=(-1, 1),
            band_label="would not matter",
            reference=0,
            reference_label="no change" if numbers.changing else "as published",
            limits=(-limit, limit),
            tick_text=lambda v: signed(v),
        ),
        table=Table(
            "Change of every score, and the smallest that matters"
            if numbers.changing
            else "Every score and what chance leaves",
            (
                "Score",
                "Now" if numbers.changing else "Value",
                "Wave before",
                "Change" if numbers.changing else "Interval",
                "What would matter",
                "Verdict",
            ),
            tuple(rows),
            notes=f"The intervals of all {k} hold together (Bonferroni), so each is wider than in the table of scores."
            if numbers.together
            else "",
        ),
        source=source.line(plural(numbers.n, "answer") + f" to {numbers.headline.short}"),
        key_marks=(
            (
                "observed",
                "with the interval that holds for all together"
                if numbers.together
                else f"with {level} interval",
            ),
            ("band", "smaller than what would matter"),
        ),
    )


# --- waves ----------------------------------------------------------------------------------------


def drawn_trends(numbers: Numbers) -> tuple[Measure, ...]:
    """Measures whose waves are drawn: the headline score, what changed, then the others as far as a page holds them."""
    out: list[Measure] = []
    for kind, most in MOST_TRENDS.items():
        found = [m for m in numbers.shown if m.kind == kind and len(m.readings) > 1]
        ranked = sorted(
            found, key=lambda m: (m.key != numbers.settings.metric, m.verdict is not Verdict.MATERIAL)
        )
        chosen = {m.key for m in ranked[:most]}
        out += [m for m in found if m.key in chosen]
    return tuple(out)


def wave_table(numbers: Numbers, kind: str) -> Table | None:
    """Every measure of a kind in every wave; None where all of them are drawn."""
    found = [m for m in numbers.shown if m.kind == kind and len(m.readings) > 1]
    if len(found) <= MOST_TRENDS[kind]:
        return None
    waves = list(dict.fromkeys(r.label for m in found for r in m.readings))
    rows = []
    for m in found:
        say = voice(m)
        by_wave = {r.label: f"{say.value(r.value, 1)} ({say.span(r.low, r.high, 1)})" for r in m.readings}
        rows.append((m.short, *(by_wave.get(w, "") for w in waves[-LATEST:])))
    return Table(
        f"All {'scores' if kind == 'score' else 'outcomes'} by wave",
        ("", *(w.replace(" ", NBSP) for w in waves[-LATEST:])),
        tuple(rows),
        notes=f"In brackets the {level_of(numbers)} interval."
        + (f" The latest {number_word(LATEST)} waves." if len(waves) > LATEST else ""),
    )


def _axis(m: Measure) -> str:
    if m.metric is None:
        return f"{m.short}{f', {m.unit}' if m.unit else ''}"
    unit = {"points": "points", "%": "%", "scale points": f"mean on {m.metric.scale}"}[m.unit]
    return f"{m.short}, {unit}"


def _ticks(m: Measure) -> Any:
    say = voice(m)
    return (lambda v: number(v, 1)) if m.unit == "scale points" else say.value


def _trend(numbers: Numbers, m: Measure, source: Source) -> Figure:
    say = voice(m)
    change = m.change
    assert change is not None
    before = m.readings[-2]
    sequence = m.readings[0].outer is not None
    sure = change.low > 0 or change.high < 0
    told = {
        Verdict.NEGLIGIBLE: f"less than the {say.that_matter(m.margin)}"
        if sure
        else f"a change of {say.gap(m.margin)} can be ruled out",
        Verdict.MATERIAL: f"a change of more than {say.gap(m.margin)}",
        Verdict.INCONCLUSIVE: f"whether it changed by {say.gap(m.margin)} cannot be told",
    }[m.verdict]
    drawn = [
        plots.Wave(
            label=r.label,
            value=r.value,
            low=r.low,
            high=r.high,
            value_text=say.value(r.value, 1),
            n_text=count(r.n),
            start=r.start,
            end=r.end,
            outer=r.outer,
        )
        for r in m.readings
    ]
    joined = sum(_apart(a, b) for a, b in zip(m.readings, m.readings[1:], strict=False))
    note = ""
    if any(r.start is None for r in m.readings):
        note = "The days of the waves are not known, so they are not joined."
    elif joined < len(m.readings) - 1:
        note = "Waves that were asked on the same days are not joined by a line."
    rows = tuple(
        (
            r.label,
            count(r.n),
            share(r.rate, 1) if r.rate is not None and not m.unasked else "not known",
            say.value(r.value, 1),
            say.span(r.low, r.high, 1),
            say.span(*r.outer, 1) if r.outer else "",
        )
        for r in m.readings
    )
    columns = (
        "Wave",
        "Answers" if m.kind == "score" else "Customers",
        "Response rate" if m.kind == "score" else "Known of",
        m.short,
        f"{level_of(numbers)} interval",
        "For all waves",
    )
    if not sequence:
        rows, columns = tuple(row[:-1] for row in rows), columns[:-1]
    n_text = plural(m.now.n, "answer") if m.kind == "score" else plural(m.now.n, "customer")
    wider = "; behind it the limits that hold for all waves together" if sequence else ""
    return Figure(
        key=f"trend-{key_of(m)}",
        headline=f"{moved(m)}: {told}",
        subtitle=f"{m.label} per wave, with its {level_of(numbers)} interval{wider}",
        alt=alt_text(
            f"{m.short} per wave with its interval", [f"{row[0]} {row[3]} ({row[4]})" for row in rows[-6:]]
        ),
        draw=lambda canvas: plots.trend(
            canvas,
            drawn,
            axis_label=_axis(m),
            band=(before.value - m.margin, before.value + m.margin),
            band_label=f"within {say.gap(m.margin)} of {before.label}",
            tick_text=_ticks(m),
        ),
        table=Table(f"{m.short} per wave", columns, rows, notes=note),
        source=f"{source.line(n_text + ' in ' + m.now.label)} {note}".rstrip(),
        key_marks=(
            ("observed", f"with {level_of(numbers)} interval"),
            *((("spread", "limits for all waves together, however often one looks"),) if sequence else ()),
            ("band", f"within {say.gap(m.margin)} of the wave before"),
        ),
    )


def _apart(a: Any, b: Any) -> bool:
    return a.end is not None and b.start is not None and a.end < b.start


# --- groups ---------------------------------------------------------------------------------------


def _drawn_groups(numbers: Numbers) -> list[GroupVariable]:
    key, wanted = numbers.settings.metric, numbers.settings.group
    return [
        g
        for g in numbers.groups
        if wanted in (None, g.name) and sum(cell is not None for cell in g.cells.get(key, ())) > 1
    ]


def _groups(numbers: Numbers, source: Source) -> Figure:
    m = numbers.headline
    say, groups = voice(m), _drawn_groups(numbers)
    drawn: list[Any] = []
    n_rows = n_cut = 0
    for g in groups:
        cells = [(label, c) for label, c in zip(g.labels, g.cells[m.key], strict=True) if c is not None]
        cells.sort(key=lambda one: -one[1].value)
        if n_rows + len(cells) > MOST_ROWS and n_rows:
            n_cut += len(cells)
            continue
        n_rows += len(cells)
        drawn.append(plots.Heading(g.title))
        drawn += [
            plots.row(label, c.value, c.low, c.high, values=(say.value(c.value, 1), count(c.n)))
            for label, c in cells
        ]
    out = sorted(((g.title, *one) for g in groups for one in g.standing_out), key=lambda one: -abs(one[2]))
    if out:
        title, label, gap, *_ = out[0]
        side = "above" if gap > 0 else "below"
        headline = f"{title} “{label}” is furthest from the rest: {say.rough_gap(abs(gap))} {side}"
    else:
        headline = f"No group stands out from the rest by more than chance in {m.short}"
    hidden = sum(g.hidden.get(m.key, 0) for g in groups)
    note = (
        f"{plural(hidden, 'group is', 'groups are')} not shown: under {numbers.settings.smallest_group} answers, or one "
        "that would give such a group away by subtraction."
        if hidden
        else ""
    )
    cut = f" {plural(n_cut, 'group')} of other variables stand only in the table." if n_cut else ""
    return Figure(
        key="groups",
        headline=headline,
        subtitle=f"{m.label} by group, highest first, with its {level_of(numbers)} interval",
        alt=alt_text(
            f"{m.short} in {plural(n_rows, 'group')} against {say.value(m.now.value, 1)} in all",
            [f"{t}: {lab} {say.gap_span(low, high)} from the rest" for t, lab, _, low, high in out[:6]]
            or ["no group stands out"],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=_axis(m),
            tick_text=_ticks(m),
            reference=m.now.value,
            reference_label=f"all: {say.value(m.now.value, 1)}",
            band=(m.now.value - m.margin, m.now.value + m.margin),
            columns=(m.short, "answers"),
        ),
        table=group_table(numbers),
        source=f"{source.line(plural(m.now.n, 'answer'))} {note}{cut}".rstrip(),
        key_marks=(
            ("observed", f"with {level_of(numbers)} interval"),
            ("band", f"within {say.gap(m.margin)} of the total"),
        ),
    )


def standing_out_table(numbers: Numbers) -> Table | None:
    """Groups that differ from the rest by more than chance; None where none does."""
    m = numbers.headline
    out = sorted(
        ((g.title, *one) for g in _drawn_groups(numbers) for one in g.standing_out),
        key=lambda one: -abs(one[2]),
    )
    if not out:
        return None
    say = voice(m)
    return Table(
        f"Groups that differ from the rest in {m.short} by more than chance",
        ("Group", "Difference from the rest", "Interval"),
        tuple(
            (f"{title}: {label}", _signed_gap(m, gap), say.gap_span(low, high))
            for title, label, gap, low, high in out
        ),
        notes="The intervals of all groups hold together.",
    )


def _signed_gap(m: Measure, gap: float) -> str:
    return ("+" if gap > 0 else MINUS) + voice(m).rough_gap(abs(gap), 1)


def group_table(numbers: Numbers) -> Table:
    """Every measure in every group."""
    groups = [g for g in numbers.groups if numbers.settings.group in (None, g.name)]
    rows, totals = [], []
    for g in groups:
        totals.append(len(rows))
        rows.append((g.title, *("" for _ in numbers.shown)))
        for i, label in enumerate(g.labels):
            told = []
            for m in numbers.shown:
                cell = g.cells[m.key][i]
                say = voice(m)
                told.append(
                    f"{say.value(cell.value, 1)} ({say.span(cell.low, cell.high, 1)}; {count(cell.n)})"
                    if cell is not None
                    else "not shown"
                )
            rows.append((label, *told))
    return Table(
        "Every score by group",
        ("Group", *(m.short for m in numbers.shown)),
        tuple(rows),
        notes=f"In brackets the {level_of(numbers)} interval and the number of answers or customers. “Not shown”: under "
        f"{numbers.settings.smallest_group}, or a group that would give such a group away by subtraction.",
        total_rows=tuple(totals),
        indented_rows=tuple(i for i in range(len(rows)) if i not in totals),
    )


# --- worth ----------------------------------------------------------------------------------------


def _by_value(numbers: Numbers, source: Source) -> Figure:
    drawn, rows, apart = [], [], []
    for one in numbers.by_value:
        m = numbers.of(one.key)
        say = voice(m)
        low, high = (one.low - one.plain) / m.margin, (one.high - one.plain) / m.margin
        gap = one.value - one.plain
        if low > 0 or high < 0:
            apart.append(f"{m.short} {say.value(one.value)} instead of {say.value(one.plain)}")
        drawn.append(
            plots.row(
                m.short,
                gap / m.margin,
                low,
                high,
                values=(say.value(one.value, 1), say.value(one.plain, 1)),
                role="adjusted",
            )
        )
        rows.append(
            (
                m.short,
                count(one.n),
                say.value(one.plain, 1),
                say.value(one.value, 1),
                say.span(one.low, one.high, 1),
            )
        )
    reach = max(abs(x) for d in drawn for mark in d.lines[0].marks for x in mark.extent)
    limit = min(WIDEST, max(1.6, 1.08 * reach))
    headline = (
        f"Weighted by what customers are worth: {'; '.join(apart[:2])}"
        if apart
        else "Weighting by what customers are worth changes no score by more than chance"
    )
    return Figure(
        key="by-value",
        headline=headline,
        subtitle="How far each score moves when every answer counts for what its customer is worth, in units of the "
        f"smallest change that matters, with {level_of(numbers)} interval",
        alt=alt_text(
            "Each score weighted by worth, against the score as counted",
            [f"{row[0]} {row[3]} ({row[4]}) against {row[2]}" for row in rows],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="From the score as counted, in margins",
            columns=("by worth", "as counted"),
            band=(-1, 1),
            band_label="would not matter",
            reference=0,
            reference_label="as counted",
            limits=(-limit, limit),
            tick_text=lambda v: signed(v),
        ),
        table=Table(
            "Scores weighted by what customers are worth",
            ("Score", "Answers", "As counted", "By worth", f"{level_of(numbers)} interval"),
            tuple(rows),
            notes="Answers of customers whose worth is known and above zero.",
        ),
        source=source.line(plural(max(one.n for one in numbers.by_value), "answer")),
        key_marks=(("adjusted", f"weighted by worth, with {level_of(numbers)} interval"),),
    )


def _worth(numbers: Numbers, source: Source) -> Figure:
    m, worth = numbers.headline, numbers.worth
    value = next(one for one in numbers.measures if one.kind == "value")
    say = voice(value)
    top, bottom = worth[-1], worth[0]
    apart = top.low > bottom.high or top.high < bottom.low
    headline = (
        f"{capitalised(top.label)} are worth {say.value(top.value)} each, {bottom.label} {say.value(bottom.value)}"
        if apart
        else f"Whether {top.label} are worth more than {bottom.label} cannot be told"
    )
    rows = tuple(
        (capitalised(w.label), count(w.n), say.value(w.value, 1), say.span(w.low, w.high, 1)) for w in worth
    )
    return Figure(
        key="worth",
        headline=headline,
        subtitle=f"{value.label} by answer to {m.short}, mean with its {level_of(numbers)} interval",
        alt=alt_text(
            f"{value.short} by answer to {m.short}", [f"{row[0]} {row[2]} ({row[3]})" for row in rows]
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            [
                plots.row(capitalised(w.label), w.value, w.low, w.high, values=(row[2], row[3]))
                for w, row in zip(worth, rows, strict=True)
            ],
            axis_label=_axis(value),
            tick_text=say.value,
            columns=("mean", f"{level_of(numbers)} interval"),
        ),
        table=Table(
            f"{value.short} by answer to {m.short}",
            ("Answer", "Customers", "Mean", f"{level_of(numbers)} interval"),
            rows,
            notes="The mean of amounts with a long tail: the interval is not even on both sides.",
        ),
        source=source.line(plural(sum(w.n for w in worth), "answer")),
        key_marks=(("observed", f"with {level_of(numbers)} interval"),),
    )


# --- the action -----------------------------------------------------------------------------------


def _shown_effect(numbers: Numbers, action: Action) -> Effect:
    return next((e for e in action.effects if e.key == numbers.settings.metric), action.effects[0])


def _action(numbers: Numbers, action: Action, source: Source) -> Figure:
    effect = _shown_effect(numbers, action)
    m, found = numbers.of(effect.key), effect.found
    say = voice(m)
    z = (found.high - found.low) / (2 * found.standard_error) if found.standard_error > 0 else 0.0
    days = {r.label: (r.start, r.end) for r in m.readings}
    drawn, rows = [], []
    for i, wave in enumerate(found.waves):
        gap, half = float(found.gaps[i]), z * float(found.gap_errors[i])
        told = say.gap_span(gap - half, gap + half)
        drawn.append(
            plots.Wave(
                label=wave,
                value=gap,
                low=gap - half,
                high=gap + half,
                value_text=signed(gap, say.digits + 1),
                n_text="after" if found.after[i] else "before",
                start=days.get(wave, (None, None))[0],
                end=days.get(wave, (None, None))[1],
            )
        )
        rows.append(
            (
                wave,
                "after" if found.after[i] else "before",
                f"{say.value(float(found.treated[i]), 1)} ({count(found.n_treated[i])})",
                f"{say.value(float(found.untreated[i]), 1)} ({count(found.n_untreated[i])})",
                signed(gap, say.digits + 1),
                told,
            )
        )
    earlier = [float(g) for g, after in zip(found.gaps, found.after, strict=True) if not after]
    level = sum(earlier) / len(earlier)
    alike = found.parallel_p >= 0.05
    trend = (
        f"Before the action the gap moved by {say.gap_span(found.slope, found.slope).split(' to ')[-1]} a wave, "
        + ("no more than chance explains; that is no proof" if alike else "more than chance explains")
        + "."
    )
    return Figure(
        key="action",
        headline=action_headline(numbers, effect),
        subtitle=f"{m.short} of those the action reached ({reached(action)}) minus that of all others, wave by wave. "
        f"{trend}",
        alt=alt_text(
            "Gap between those the action reached and the others, per wave",
            [f"{row[0]}, {row[1]} {row[4]} ({row[5]})" for row in rows],
        ),
        draw=lambda canvas: plots.trend(
            canvas,
            drawn,
            axis_label=f"Gap in {m.short}, {say.gap_unit or m.unit}",
            band=(level - m.margin, level + m.margin),
            band_label=f"within {say.gap(m.margin)} of the gap before",
            tick_text=lambda v: signed(v, 1 if m.unit == "scale points" else 0),
        ),
        table=Table(
            f"{m.short} of those the action reached and of the others",
            ("Wave", "", "Reached (answers)", "Others (answers)", "Gap", "Interval"),
            tuple(rows),
            notes=trend,
        ),
        source=source.line(
            plural(int(found.n_treated.sum() + found.n_untreated.sum()), "answer")
            + f" in {plural(len(found.waves), 'wave')}"
        ),
        key_marks=(
            ("observed", "gap, with its interval"),
            ("band", f"within {say.gap(m.margin)} of the mean gap before"),
        ),
    )


def _effects(numbers: Numbers, action: Action, source: Source) -> Figure:
    drawn: list[Any] = []
    rows = []
    for effect in action.effects:
        m, f = numbers.of(effect.key), effect.found
        say = voice(m)
        drawn.append(
            plots.Row(
                m.short,
                tuple(
                    plots.Line(
                        (plots.Mark(role, v / m.margin, lo / m.margin, hi / m.margin),),
                        values=(say.gap_span(lo, hi).removesuffix(f" {say.gap_unit}"),),
                    )
                    for role, v, lo, hi in (
                        ("observed", f.effect, f.low, f.high),
                        ("adjusted", f.trend_effect, f.trend_low, f.trend_high),
                    )
                ),
            )
        )
        rows.append(
            (
                m.short,
                signed(f.effect, say.digits + 1),
                say.gap_span(f.low, f.high, edge=m.margin),
                signed(f.trend_effect, say.digits + 1),
                say.gap_span(f.trend_low, f.trend_high, edge=m.margin),
                percent(100 * f.parallel_p, 0) if f.parallel_p >= 0.005 else "under 1 %",
                effect.verdict.words,
            )
        )
    firm = [e for e in action.effects if e.verdict is Verdict.MATERIAL]
    names = [numbers.of(e.key).short for e in firm]
    headline = (
        f"The action moved {join_words(names)} under either assumption about what would have happened without it"
        if firm
        else "Under both assumptions together, no score is sure to have been moved by as much as would matter"
    )
    reach = max(abs(x) for d in drawn for line in d.lines for mark in line.marks for x in mark.extent)
    limit = max(1.6, 1.08 * reach)
    return Figure(
        key="effects",
        headline=headline,
        subtitle="Effect of the action on every score, in units of the smallest change that matters: if both groups "
        "had moved alike without it, and if the gap between them had gone on moving as before",
        alt=alt_text(
            "Effect of the action under two assumptions",
            [f"{row[0]} {row[1]} ({row[2]}), or {row[3]} ({row[4]})" for row in rows],
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label="Effect, in margins",
            columns=("interval",),
            band=(-1, 1),
            band_label="would not matter",
            limits=(-limit, limit),
            tick_text=lambda v: signed(v),
        ),
        table=Table(
            "Effect of the action on every score",
            (
                "Score",
                "Parallel trends",
                "Interval",
                "Trend goes on",
                "Interval",
                "Same trend before, p",
                "Verdict",
            ),
            tuple(rows),
            notes=f"Intervals of {plural(len(rows), 'score')} hold together. The verdict takes both assumptions into "
            "account.",
        ),
        source=source.line(amount(len(action.before) + len(action.after), "waves")),
        key_marks=(
            ("observed", "if both would have moved alike"),
            ("adjusted", "if the gap had gone on moving"),
            ("band", "smaller than what would matter"),
        ),
    )

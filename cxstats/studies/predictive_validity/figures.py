"""The pictures of the predictive-validity report, each with its headline and the numbers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.findings import Verdict
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.sentences import cut_text, event_text, gain_text, span_text
from cxstats.studies.speech import in_sentence
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

if TYPE_CHECKING:
    from cxstats.methods.incremental import Race

__all__ = ["all_figures"]


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if numbers.race is None:
        return {}
    made = [
        _race(numbers, source),
        _alone(numbers, source),
        _rates(numbers, source),
        _robust(numbers, source),
    ]
    made += [_silence(numbers, source)] if numbers.silence else []
    made += (
        [_cuts(numbers, source)]
        if any(c.cuts and c.cuts.information_lost for c in numbers.contenders)
        else []
    )
    made += [_survival(numbers, source)] if numbers.timing else []
    made += [_warning(numbers, source)] if numbers.timing and len(numbers.timing.warning) > 1 else []
    made += [_decision(numbers, source)]
    return {figure.key: figure for figure in made}


def _customers(numbers: Numbers, race: Race | None = None) -> str:
    race = race or numbers.race
    return f"{plural(race.n, 'customer')}, {count(race.events)} with the event"


def _race(numbers: Numbers, source: Source) -> Figure:
    margin = numbers.settings.margin
    firm = [c.metric.short for c in numbers.contenders if c.verdict is Verdict.MATERIAL]
    small = [c.metric.short for c in numbers.contenders if c.verdict is Verdict.NEGLIGIBLE]
    event = event_text(numbers)
    if firm:
        headline = (
            f"{join_words(firm)} {'adds' if len(firm) == 1 else 'add'} to what was known about who {event}"
        )
    elif len(small) == len(numbers.contenders):
        headline = f"No score adds enough to matter about who {event}"
    else:
        best = numbers.best
        headline = f"{best.metric.short} seems to add most about who {event}, but it is not sure to matter"
    together = numbers.race.gains.loc["all"]
    rows = [
        (
            c.metric.short,
            gain_text(c.gain),
            span_text(c.low, c.high, edge=margin),
            c.verdict.words,
            share(c.first),
            f"{c.places[0]} to {c.places[1]}" if c.places[0] != c.places[1] else str(c.places[0]),
            number(numbers.race.shapley.loc[c.metric.key, "value"], 3),
            gain_text(numbers.race.gains.loc[c.metric.key, "apparent"]),
            gain_text(numbers.race.gains.loc[c.metric.key, "optimism_corrected"]),
        )
        for c in numbers.contenders
    ]
    rows.append(
        (
            "All together",
            gain_text(together["gain"]),
            span_text(together["low"], together["high"]),
            "",
            "",
            "",
            "",
            gain_text(together["apparent"]),
            gain_text(together["optimism_corrected"]),
        )
    )
    rows.append(
        (
            "Known without asking",
            "",
            "",
            "",
            "",
            "",
            number(numbers.race.shapley.loc["known", "value"], 3),
            "",
            "",
        )
        if "known" in numbers.race.shapley.index
        else ("Known without asking", "", "", "", "", "", "", "", "")
    )
    table = Table(
        "What each score adds to what was known",
        (
            "Score",
            "Gain in AUC",
            f"{level_of(numbers)} interval, together",
            "Verdict",
            "First in resamples",
            "Place",
            "Shapley share of AUC − 0.5",
            "Gain as trained",
            "Less optimism",
        ),
        tuple(rows),
        notes="First: share of resamples of customers in which the score gains most. Place: places it can hold in the "
        "ranking of gains. Shapley shares divide the AUC of the rule of everything, whose scores overlap.",
    )
    drawn = [
        plots.Row(
            c.metric.short,
            (plots.Line((plots.Mark("adjusted", c.gain, c.low, c.high),)),),
            values=(gain_text(c.gain), span_text(c.low, c.high)),
            verdict=(c.verdict.value, c.verdict.words),
        )
        for c in numbers.contenders
    ]
    if len(numbers.contenders) > 1:
        drawn.append(
            plots.Row(
                "All together",
                (plots.Line((plots.Mark("adjusted", together["gain"], together["low"], together["high"]),)),),
                values=(gain_text(together["gain"]), span_text(together["low"], together["high"])),
            )
        )

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            drawn,
            axis_label="Gain in AUC over what was known without asking",
            columns=("gain", f"{level_of(numbers)} interval"),
            band=(-margin, margin),
            band_label="too small to matter",
            reference=0.0,
            tick_text=lambda v: signed(v, 2),
        )

    return Figure(
        key="race",
        headline=headline,
        subtitle="Gain in AUC when each score joins what was known without asking "
        f"(AUC {number(numbers.race.known_auc[0], 3)}), judged on customers the rule was not trained on",
        draw=draw,
        table=table,
        alt=alt_text(
            "Gain of each score with its interval against the margin",
            [f"{r[0]} {r[1]} ({r[2]})" for r in rows[:-1]],
        ),
        source=source.line(_customers(numbers)),
        key_marks=(("adjusted", f"gain, with {level_of(numbers)} interval"), ("band", "too small to matter")),
    )


def _alone(numbers: Numbers, source: Source) -> Figure:
    known, error = numbers.race.known_auc
    best = max(numbers.contenders, key=lambda c: c.auc[0])
    t = 2.0
    entries = [("Known without asking", known, known - t * error, known + t * error, "adjusted")]
    entries += [
        (c.metric.short, *c.auc, "observed") for c in sorted(numbers.contenders, key=lambda c: -c.auc[0])
    ]
    beats = best.auc[0] > known
    headline = (
        f"{best.metric.short} alone tells {round(100 * best.auc[0])} of 100 pairs apart, "
        + ("more" if beats else "fewer" if round(100 * best.auc[0]) < round(100 * known) else "as many")
        + (" than" if round(100 * best.auc[0]) != round(100 * known) else " as")
        + f" what was known without asking ({round(100 * known)})"
    )
    lifts = numbers.lift
    keys = {"Known without asking": "known"} | {c.metric.short: c.metric.key for c in numbers.contenders}
    rows = tuple(
        (
            name,
            number(value, 3),
            interval(low, high, digits=3),
            number(2 * value - 1, 3),
            number(lifts[keys[name]], 1),
        )
        for name, value, low, high, _ in entries
    )

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.row(
                    name,
                    value,
                    low,
                    high,
                    values=(number(value, 3), interval(low, high, digits=3)),
                    role=role,
                )
                for name, value, low, high, role in entries
            ],
            axis_label="AUC: share of pairs told apart; 0.5 is guessing",
            columns=("AUC", f"{level_of(numbers)} interval"),
            reference=0.5,
            reference_label="guessing",
            tick_text=lambda v: number(v, 2),
        )

    return Figure(
        key="alone",
        headline=headline,
        subtitle=f"AUC for “{numbers.outcome_label}” of each score by itself, and of what was known without asking",
        draw=draw,
        table=Table(
            "Each by itself",
            (
                "",
                "AUC",
                f"{level_of(numbers)} interval",
                "Gini",
                "Lift of the top tenth, with what was known",
            ),
            rows,
        ),
        alt=alt_text("AUC of each score alone", [f"{r[0]} {r[1]} ({r[2]})" for r in rows]),
        source=source.line(_customers(numbers)),
        key_marks=(("observed", "a score alone"), ("adjusted", "what was known, cross-fitted")),
    )


def _rates(numbers: Numbers, source: Source) -> Figure:
    best = numbers.best
    found = best.association
    table = found.table
    least = numbers.settings.smallest_group
    shown = table[table["n"] >= least]
    event = event_text(numbers)
    effects = found.effects
    headline = (
        f"Of those who gave {effects.low_name}, {share(effects.low_rate)} {event}; of those who gave {effects.high_name}, "
        f"{share(effects.high_rate)}"
    )
    forms = found.forms.set_index("form")["lack_of_fit_p"]
    shape = ""
    if "line" in forms.index and np.isfinite(forms["line"]):
        shape = (
            " A straight line in the log-odds fits."
            if forms["line"] > 0.05
            else " A straight line in the log-odds does not fit."
        )
    hidden = int((table["n"] < least).sum() - (table["n"] == 0).sum())
    note = (
        f"{plural(hidden, 'answer was', 'answers were')} given by fewer than {least} customers and not shown.{shape}"
        if hidden
        else shape.strip()
    )
    rows = tuple(
        (
            count(r.answer),
            count(r.n),
            share(r.rate, 1),
            f"{share(r.low, 1)} to {share(r.high, 1)}",
            share(r.isotonic, 1),
        )
        for r in shown.itertuples()
    )

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.row(
                    count(r.answer),
                    100 * r.rate,
                    100 * r.low,
                    100 * r.high,
                    values=(share(r.rate, 1), f"{share(r.low, 1)} to {share(r.high, 1)}", count(r.n)),
                )
                for r in shown.itertuples()
            ],
            axis_label=f"% who {event}",
            columns=("rate", f"{level_of(numbers)} interval", "answers"),
            reference=100 * effects.base_rate,
            reference_label=f"base rate {share(effects.base_rate, 1)}",
            tick_text=lambda v: percent(v),
            limits=None,
        )

    return Figure(
        key="rates",
        headline=headline,
        subtitle=f"Share who {event}, by answer to {best.metric.short}, with {level_of(numbers)} intervals",
        draw=draw,
        table=Table(
            f"Outcome by {best.metric.short}",
            ("Answer", "Customers", "Rate", f"{level_of(numbers)} interval", "Rate that only rises or falls"),
            rows,
            notes=note,
        ),
        alt=alt_text("Rate of the event at each answer", [f"answer {r[0]} {r[2]} ({r[3]})" for r in rows]),
        source=source.line(f"{plural(found.n, 'customer')}, {count(found.events)} with the event"),
        key_marks=(("observed", f"as seen, with {level_of(numbers)} interval"),),
    )


def _robust(numbers: Numbers, source: Source) -> Figure:
    margin = numbers.settings.margin
    races = [("those who answered", numbers.race, "observed")]
    races += [("weighted to everyone invited", numbers.weighted, "adjusted")] if numbers.weighted else []
    races += [("trained early, judged on the last wave", numbers.later, "adjusted")] if numbers.later else []
    order = [c.metric for c in numbers.contenders]
    leaders = {name: race.gains.loc[[m.key for m in order], "gain"].idxmax() for name, race, _ in races}
    best = order[0]
    same = all(leader == best.key for leader in leaders.values())
    rows, drawn = [], []
    for metric in order:
        lines = []
        for name, race, role in races:
            row = race.gains.loc[metric.key]
            rows.append(
                (metric.short, capitalised(name), gain_text(row["gain"]), span_text(row["low"], row["high"]))
            )
            lines.append(
                plots.Line(
                    (plots.Mark(role, row["gain"], row["low"], row["high"]),),
                    label=name,
                    values=(gain_text(row["gain"]), span_text(row["low"], row["high"])),
                )
            )
        drawn.append(plots.Row(metric.short, tuple(lines)))

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            drawn,
            axis_label="Gain in AUC over what was known without asking",
            columns=("gain", f"{level_of(numbers)} interval"),
            band=(-margin, margin),
            band_label="too small to matter",
            reference=0.0,
            tick_text=lambda v: signed(v, 2),
        )

    if len(races) == 1:
        headline = f"{best.short} leads among those who answered; nothing else can be compared"
    elif len(order) == 1:
        headline = f"What {best.short} adds, judged in {len(races)} ways"
    else:
        headline = (
            f"{best.short} leads however it is judged"
            if same
            else "Which score leads depends on who is counted, or on the wave that judges"
        )
    return Figure(
        key="robust",
        headline=headline,
        subtitle="Gain of each score among those who answered, weighted to everyone invited, and in a wave not trained on",
        draw=draw,
        table=Table(
            "The race, judged otherwise",
            ("Score", "Judged on", "Gain", f"{level_of(numbers)} interval"),
            tuple(rows),
        ),
        alt=alt_text(
            "Gains under other ways of judging", [f"{r[0]}, {r[1].lower()}: {r[2]} ({r[3]})" for r in rows]
        ),
        source=source.line(_customers(numbers)),
        key_marks=(
            ("observed", "those who answered"),
            ("adjusted", "judged otherwise"),
            ("band", "too small to matter"),
        ),
    )


def _silence(numbers: Numbers, source: Source) -> Figure:
    silence = numbers.silence
    value, low, high = silence.difference
    event = event_text(numbers)
    clear = low > 0 or high < 0
    headline = (
        f"Those who did not answer {event} {'more' if value > 0 else 'less'} often: {share(silence.silent_rate, 1)} against "
        f"{share(silence.answered_rate, 1)}"
        if clear
        else "Whether somebody answered says nothing clear about what they do next"
    )
    rows = (
        ("Answered", share(silence.answered_rate, 1), ""),
        ("Did not answer", share(silence.silent_rate, 1), ""),
        ("Difference, percentage points", signed(value, 1), interval(low, high, digits=1, sign=True)),
        (
            "Gain in AUC beyond what was known",
            gain_text(silence.gain[0], 4),
            span_text(*silence.gain[1:], digits=4),
        ),
    )
    margin = numbers.settings.margin

    def draw(canvas):
        gain, lower, upper = silence.gain
        return plots.interval_rows(
            canvas,
            [
                plots.row(
                    "Not answering",
                    gain,
                    lower,
                    upper,
                    role="adjusted",
                    values=(gain_text(gain), span_text(lower, upper)),
                )
            ],
            axis_label="Gain in AUC for everyone invited, over what was known",
            columns=("gain", f"{level_of(numbers)} interval"),
            band=(-margin, margin),
            band_label="too small to matter",
            reference=0.0,
            tick_text=lambda v: signed(v, 2),
        )

    return Figure(
        key="silence",
        headline=headline,
        subtitle="What not answering adds to what was known, for everyone invited",
        draw=draw,
        table=Table("Silence as a signal", ("", "", f"{level_of(numbers)} interval"), rows),
        alt=alt_text("Gain of knowing who answered", [f"{r[0]} {r[1]} {r[2]}".strip() for r in rows]),
        source=source.line(plural(silence.n, "customer")),
        key_marks=(("adjusted", f"gain, with {level_of(numbers)} interval"), ("band", "too small to matter")),
    )


def _cuts(numbers: Numbers, source: Source) -> Figure:
    judged = [c for c in numbers.contenders if c.cuts and c.cuts.information_lost]
    rows, drawn, worse = [], [], []
    for c in judged:
        cuts, scale = c.cuts, c.metric.scale
        official = cut_text(cuts.official, scale.low, scale.high)
        best = cut_text(cuts.best, scale.low, scale.high)
        kept = 1 - cuts.information_lost[0]
        span = (1 - cuts.information_lost[2], 1 - cuts.information_lost[1])
        top = float(cuts.table["information"].iloc[0])
        if cuts.p_official < 0.05:
            worse.append(c.metric.short)
        rows.append(
            (
                c.metric.short,
                official,
                share(kept),
                f"{share(span[0])} to {share(span[1])}",
                best,
                share(top),
                share(cuts.agreement),
                number(cuts.p_official, 3),
            )
        )
        drawn.append(
            plots.Row(
                c.metric.short,
                (
                    plots.Line(
                        (plots.Mark("observed", 100 * kept, 100 * max(span[0], 0), 100 * span[1]),),
                        label=f"as usual: {official}",
                        values=(share(kept),),
                    ),
                    plots.Line(
                        (plots.Mark("adjusted", 100 * top),), label=f"best here: {best}", values=(share(top),)
                    ),
                ),
            )
        )
    headline = (
        f"The usual groups of {join_words(worse)} forget more than other cuts would"
        if worse
        else "No other cuts are better than the usual ones by more than chance"
    )

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            drawn,
            axis_label="% of what the answers tell about the event that the groups keep",
            columns=("kept",),
            tick_text=lambda v: percent(v),
        )

    return Figure(
        key="cuts",
        headline=headline,
        subtitle="How much of what the answers tell about the event is left after they are put into groups",
        draw=draw,
        table=Table(
            "Groups of answers",
            (
                "Score",
                "Usual groups",
                "Kept",
                f"{level_of(numbers)} interval",
                "Best groups",
                "Kept",
                "Best in resamples",
                "p",
            ),
            tuple(rows),
            notes="p: how often the best of all ways to cut leads by as much when only the usual groups matter. Best in "
            "resamples: of the partition that is best most often.",
        ),
        alt=alt_text(
            "Information kept by the usual and the best groups",
            [f"{r[0]} {r[1]} keep {r[2]}, {r[4]} keep {r[5]}" for r in rows],
        ),
        source=source.line(_customers(numbers)),
        key_marks=(
            ("observed", f"usual groups, with {level_of(numbers)} interval"),
            ("adjusted", "best groups in these answers"),
        ),
    )


def _survival(numbers: Numbers, source: Source) -> Figure:
    timing = numbers.timing
    table = timing.curves.table
    last = float(table["day"].max())
    ends = timing.curves.at(last)
    series, rows = [], []
    roles = {0: "observed", 1: "plain", 2: "adjusted"}
    for i, (group, part) in enumerate(table.groupby("group", sort=False, observed=True)):
        step = part.iloc[np.unique(np.linspace(0, len(part) - 1, 60).astype(int))]
        series.append(
            plots.Series(
                f"gave {group}",
                [0.0, *step["day"]],
                [0.0, *(100 * (1 - step["survival"]))],
                low=[0.0, *(100 * (1 - step["high"]))],
                high=[0.0, *(100 * (1 - step["low"]))],
                role=roles.get(i, "plain"),
            )
        )
        row = ends.loc[group]
        rows.append(
            (
                str(group),
                share(1 - row["survival"], 1),
                f"{share(1 - row['high'], 1)} to {share(1 - row['low'], 1)}",
            )
        )
    spread = [1 - ends.loc[g, "survival"] for g in ends.index]
    event = event_text(numbers)
    outcome = in_sentence(numbers.outcome_label.split(" within ")[0])

    def draw(canvas):
        return plots.curves(
            canvas,
            series,
            x_label="days since the invitation",
            y_label=f"% who {outcome}",
            y_text=lambda v: percent(v),
        )

    return Figure(
        key="survival",
        headline=f"By day {count(last)}, {share(min(spread))} to {share(max(spread))} {outcome}, depending on "
        f"{timing.metric.short}",
        subtitle=f"Share who {event}, by answer to {timing.metric.short}; those no longer watched count while they were",
        draw=draw,
        table=Table(
            f"By day {count(last)}",
            (f"Answer to {timing.metric.short}", f"% who {outcome}", f"{level_of(numbers)} interval"),
            tuple(rows),
            notes=""
            if timing.curves.log_rank is None
            else f"Log-rank test of one curve for all: χ² = {number(timing.curves.log_rank[0], 1)}, p "
            + (
                "< 0.001"
                if timing.curves.log_rank[2] < 0.001
                else f"= {number(timing.curves.log_rank[2], 3)}"
            )
            + ".",
        ),
        alt=alt_text(
            "Share with the event as days pass, by group of answers", [f"{r[0]}: {r[1]}" for r in rows]
        ),
        source=source.line(plural(numbers.base.respondents, "customer")),
    )


def _warning(numbers: Numbers, source: Source) -> Figure:
    timing = numbers.timing
    table = timing.warning
    first, last = table.iloc[0], table.iloc[-1]
    keeps = last["warning_low"] > 0.5
    headline = (
        f"{timing.metric.short} still warns {count(last['day'])} days ahead: {round(100 * last['warning_auc'])} of 100 pairs"
        if keeps
        else f"How far ahead {timing.metric.short} warns is not sure beyond "
        f"{count(table.loc[table['warning_low'] > 0.5, 'day'].max() if (table['warning_low'] > 0.5).any() else 0)} days"
    )
    rows = tuple(
        (
            count(r.day),
            number(r.warning_auc, 3),
            interval(r.warning_low, r.warning_high, digits=3),
            count(r.warning_cases),
        )
        for r in table.itertuples()
    )

    def draw(canvas):
        return plots.curves(
            canvas,
            [
                plots.Series(
                    timing.metric.short,
                    table["day"].tolist(),
                    table["warning_auc"].tolist(),
                    low=table["warning_low"].tolist(),
                    high=table["warning_high"].tolist(),
                )
            ],
            x_label="lead time: days after the invitation",
            y_label="AUC among those still there",
            y_reference=0.5,
            y_reference_label="guessing",
            y_limits=(0.4, max(0.8, float(table["warning_high"].max()) + 0.02)),
            y_text=lambda v: number(v, 2),
        )

    return Figure(
        key="warning",
        headline=headline,
        subtitle=f"AUC of {timing.metric.short} for events after each day, among customers to whom it had not happened yet",
        draw=draw,
        table=Table(
            "Early warning",
            ("Lead, days", "AUC", f"{level_of(numbers)} interval", "Events after it"),
            rows,
        ),
        alt=alt_text("AUC by lead time", [f"{r[0]} days {r[1]} ({r[2]})" for r in (rows[0], rows[-1])]),
        source=source.line(f"{count(first['warning_cases'])} events"),
    )


def _decision(numbers: Numbers, source: Source) -> Figure:
    table = numbers.decision.table
    money = numbers.money
    names = {"known": "known without asking", "all": "with all scores"}
    series = [
        plots.Series(names["all"], table["threshold"] * 100, 1000 * table["all"], role="observed"),
        plots.Series(names["known"], table["threshold"] * 100, 1000 * table["known"], role="adjusted"),
        plots.Series(
            "everybody", table["threshold"] * 100, 1000 * table["everybody"].clip(lower=-1e-3), role="plain"
        ),
    ]
    better = 1000 * (table["all"] - table["known"])
    if money is not None:
        at = float(np.interp(money.threshold, table["threshold"], better))
        where = f"at a threshold of {share(money.threshold, 1)}"
    else:
        rate = numbers.base.respondent_rate
        at, where = (
            float(np.interp(rate, table["threshold"], better)),
            f"at the base rate of {share(rate, 1)}",
        )
    headline = (
        f"Asking reaches {number(at, 1)} more of 1,000 customers, net of contacts in vain, {where}"
        if at > 0
        else f"Asking does not pay {where}"
    )
    picks = table.iloc[np.unique(np.linspace(0, len(table) - 1, 8).astype(int))]
    columns = ["known", *(c.metric.key for c in numbers.contenders), "all", "everybody"]
    titles = {"known": "Known", "all": "All scores", "everybody": "Everybody"} | {
        c.metric.key: f"With {c.metric.short}" for c in numbers.contenders
    }
    rows = tuple(
        (share(r["threshold"], 1), *(signed(1000 * r[c], 1) for c in columns)) for _, r in picks.iterrows()
    )
    notes = ""
    if money is not None:
        notes = (
            f"A contact costs {number(numbers.settings.contact_cost, 2)} and keeps {share(numbers.settings.success)} of "
            f"those it reaches in time, worth {number(money.value_saved, 2)} each "
            + ("(average recorded value): " if money.measured else "(as given): ")
            + f"it pays from {share(money.threshold, 1)} on. Profit per 1,000 customers: "
            + "; ".join(
                f"{titles[k].lower()} {count(round(v))}" for k, v in money.profit.items() if k in titles
            )
            + "."
        )

    def draw(canvas):
        return plots.curves(
            canvas,
            series,
            x_label="contact from this chance on, %",
            y_label="net events reached per 1,000 customers",
            y_text=lambda v: number(v),
            x_text=lambda v: percent(v),
            y_limits=(
                min(0.0, float(1000 * table["all"].min())) - 0.5,
                float(1000 * table[["all", "known"]].max().max()) * 1.05,
            ),
        )

    return Figure(
        key="decision",
        headline=headline,
        subtitle="Net benefit: events reached per 1,000 customers, less contacts in vain at the rate the threshold implies",
        draw=draw,
        table=Table(
            "Net benefit per 1,000 customers",
            ("Contact from", *(titles[c] for c in columns)),
            rows,
            notes=notes,
        ),
        alt=alt_text(
            "Net benefit by threshold", [f"from {r[0]}: known {r[1]}, all scores {r[-2]}" for r in rows[:4]]
        ),
        source=source.line(_customers(numbers)),
    )

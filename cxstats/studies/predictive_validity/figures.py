"""The pictures of the predictive-validity report, each with its headline and the numbers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.findings import Verdict
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.predictive_validity.decision_figures import (
    decides_nothing,
    decision,
    lists_table,
    profit,
)
from cxstats.studies.predictive_validity.notes import weight_notes
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.phrases import (
    KNOWN,
    customers,
    cut_text,
    event_text,
    gain_of,
    gain_text,
    gain_texts,
    margin_text,
    p_text,
    percent_tick,
    span_text,
    tick_text,
)
from cxstats.studies.predictive_validity.sentences import (
    race_headline,
    rates_headline,
    robust_headline,
)
from cxstats.studies.predictive_validity.time_figures import causes, hazard_table, survival, warning
from cxstats.studies.predictive_validity.unit_figures import other_outcomes, units
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
    from cxstats.studies.predictive_validity.numbers import Contender, GivenAway

__all__ = ["all_figures", "hazard_table", "lists_table", "pairs_table", "partitions_table"]


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if numbers.units is not None:
        made = [units(numbers, source)]
        made += [other_outcomes(numbers, source)] if len(numbers.units.others) > 1 else []
        return {figure.key: figure for figure in made}
    if numbers.given_away is not None:
        return {"rates": _rates(numbers, source, numbers.given_away)}
    if numbers.race is None:
        return {}
    timing = numbers.timing
    made = [_race(numbers, source), _rates(numbers, source, numbers.best)]
    made += [_robust(numbers, source)] if numbers.weighted or numbers.later else []
    made += [_steady(numbers, source)] if numbers.steadiness else []
    made += [_silence(numbers, source)] if numbers.silence else []
    made += [_cuts(numbers, source)] if any(c.cuts_judged for c in numbers.contenders) else []
    made += [survival(numbers, source)] if timing else []
    made += [causes(numbers, source)] if timing and timing.causes is not None else []
    made += [warning(numbers, source)] if timing and len(timing.warning) > 1 else []
    idle = decides_nothing(numbers)
    made += [] if idle else [decision(numbers, source)]
    made += [profit(numbers, source)] if numbers.money and not (idle and numbers.lead.same) else []
    return {figure.key: figure for figure in made}


def _official(contender: Contender) -> str:
    return cut_text(contender.cuts.official, contender.metric.scale.low, contender.metric.scale.high)


def _p(p: float) -> str:
    """A p-value in a column."""
    return p_text(p).removeprefix("= ")


def _race(numbers: Numbers, source: Source) -> Figure:
    margin, level = numbers.settings.margin, level_of(numbers)
    several = len(numbers.contenders) > 1
    entrants = [
        plots.Entrant(
            KNOWN,
            plots.Mark("observed", *numbers.rules["known"]),
            plots.Mark("reference", 0.0),
            number(numbers.rules["known"][0], 3),
            verdict=("", "reference"),
        )
    ]
    entrants += [
        plots.Entrant(
            c.metric.short,
            plots.Mark("observed", *c.auc),
            plots.Mark("adjusted", c.gain, c.low, c.high),
            number(c.auc[0], 3),
            *gain_of(c, margin),
            share(c.first) if several else "",
            f"place {plots.place_text(*c.places)}" if several else "",
            (c.verdict.value, c.verdict.words),
            c.verdict is Verdict.MATERIAL,
        )
        for c in numbers.contenders
    ]
    if several:
        entrants.append(
            plots.Entrant(
                "All together",
                plots.Mark("observed", *numbers.rules["all"]),
                plots.Mark("adjusted", *numbers.together),
                number(numbers.rules["all"][0], 3),
                *gain_texts(*numbers.together, margin),
                verdict=(numbers.together_verdict.value, numbers.together_verdict.words),
                strong=numbers.together_verdict is Verdict.MATERIAL,
            )
        )

    def draw(canvas):
        return plots.race(
            canvas,
            entrants,
            alone=plots.Panel("Each alone", "AUC", tick_text),
            gain=plots.Panel(
                "On top of what was known",
                "gain in AUC",
                lambda v: tick_text(v, sign=True),
                note=f"gain below {margin_text(margin)}:\ntoo small to matter",
            ),
            margin=margin,
            gutter=f"gain,\n{level} interval",
            reference=numbers.rules["known"][0],
        )

    return Figure(
        key="race",
        headline=race_headline(numbers),
        subtitle=f"How well each score tells who {event_text(numbers)} from the others (AUC: 0.5 is a coin toss, 1 is "
        "perfect), and what it adds to what was known without asking",
        draw=draw,
        table=_race_table(numbers),
        alt=alt_text(
            "AUC of each score alone, and its gain over what was known against the margin",
            [
                f"{c.metric.short} alone {number(c.auc[0], 3)}, gain {gain} ({span}), {c.verdict.words.lower()}"
                for c in numbers.contenders
                for gain, span in [gain_of(c, margin)]
            ],
        ),
        source=source.line(
            customers(numbers) + ("; “came first”: share of 200 resamples" if several else "")
        ),
        key_marks=(
            ("observed", f"alone, with {level} interval"),
            ("adjusted", f"gain, with {level} interval" + (", scores together" if several else "")),
            ("band", "too small to matter"),
        ),
    )


def _race_table(numbers: Numbers) -> Table:
    race, margin, several = numbers.race, numbers.settings.margin, len(numbers.contenders) > 1

    def line(key, name, auc, gain, first="", place="", verdict="") -> tuple[str, ...]:
        row = race.gains.loc[key] if key in race.gains.index else None
        return (
            name,
            number(auc[0], 3),
            interval(auc[1], auc[2], digits=3),
            *(gain_texts(*gain, margin) if gain else ("", "")),
            verdict,
            *((first, place) if several else ()),  # one score is first whatever happens
            gain_text(row["apparent"]) if row is not None else "",
            gain_text(row["optimism_corrected"]) if row is not None else "",
        )

    rows = [line("known", KNOWN, numbers.rules["known"], None)]
    rows += [
        line(
            c.metric.key,
            c.metric.short,
            c.auc,
            (c.gain, c.low, c.high),
            share(c.first),
            plots.place_text(*c.places),
            c.verdict.words,
        )
        for c in numbers.contenders
    ]
    if several:
        verdict = numbers.together_verdict.words
        rows.append(line("all", "All together", numbers.rules["all"], numbers.together, verdict=verdict))
    level = level_of(numbers)
    return Table(
        "The race",
        (
            "",
            "AUC alone",
            f"{level} interval",
            "Gain in AUC",
            f"{level} interval{', together' if several else ''}",
            "Verdict",
            *(("Came first", "Place") if several else ()),
            "Gain as trained",
            "Less optimism",
        ),
        tuple(rows),
        notes="A score alone is taken as it is, with DeLong's interval; what was known"
        + (", and all scores together, are rules" if several else " is a rule")
        + ", each customer judged by one that was trained on others. "
        + (
            "Intervals of the scores' gains hold together; that of all together is as wide, but stands outside that set, "
            "and is no part of the headline. Came first: share of resamples of customers. Place: places it can hold in the "
            "ranking of gains. "
            if several
            else ""
        )
        + "Gain as trained: in the customers that the rules were trained on; less optimism: what is left of it when the "
        "flattery of one's own customers is taken off (bootstrap).",
    )


def pairs_table(numbers: Numbers) -> Table | None:
    """The scores as they are, alone, each against each."""
    if not numbers.pairs:
        return None
    names = {c.metric.key: c.metric.short for c in numbers.contenders}
    return Table(
        "Each score alone against each other",
        ("", "Difference in AUC", f"{level_of(numbers)} interval", "p"),
        tuple(
            (
                f"{names[p.first]} less {names[p.second]}",
                signed(p.difference, 3),
                interval(p.low, p.high, digits=3, sign=True),
                _p(p.p_value),
            )
            for p in numbers.pairs
        ),
        notes="Paired test of DeLong, DeLong and Clarke-Pearson (1988) on the same customers, one pair at a time.",
    )


def _rates(numbers: Numbers, source: Source, best: Contender | GivenAway) -> Figure:
    found = best.association
    table = found.table
    shown = table[(table["n"] > 0) & ~table["answer"].isin(best.hidden)]
    unasked = best.metric.key in numbers.unasked
    event = event_text(numbers)
    effects = found.effects
    forms = found.forms.set_index("form")["lack_of_fit_p"]
    shape = ""
    if "line" in forms.index and forms["line"] == forms["line"]:
        shape = (
            " A straight line in the log-odds fits."
            if forms["line"] > 0.05
            else " A straight line in the log-odds does not fit."
        )
    hidden = len(best.hidden)
    note = (
        f"{plural(hidden, 'answer is', 'answers are')} not shown: given by fewer than "
        f"{numbers.settings.smallest_group} customers, or else to be had by subtraction.{shape}"
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
            columns=("rate", f"{level_of(numbers)} interval", "answers" if numbers.nameless else "customers"),
            reference=100 * effects.base_rate,
            reference_label=f"base rate {share(effects.base_rate, 1)}",
            tick_text=percent_tick,
            limits=None,
        )

    return Figure(
        key="rates",
        headline=rates_headline(numbers, best),
        subtitle=f"Share who {event}, by {'' if unasked else 'answer to '}{best.metric.short}, with {level_of(numbers)} "
        "intervals",
        draw=draw,
        table=Table(
            f"Outcome by {best.metric.short}",
            (
                best.metric.short if unasked else "Answer",
                "Answers" if numbers.nameless else "Customers",
                "Rate",
                f"{level_of(numbers)} interval",
                "Rate that only rises or falls",
            ),
            rows,
            notes=note,
        ),
        alt=alt_text(
            f"Rate of the event at each {best.metric.short if unasked else 'answer'}",
            [f"{best.metric.short if unasked else 'answer'} {r[0]} {r[2]} ({r[3]})" for r in rows],
        ),
        source=source.line(
            f"{plural(found.n, 'answer' if numbers.nameless else 'customer')}, {count(found.events)} with the event"
        ),
        key_marks=(("observed", f"as seen, with {level_of(numbers)} interval"),),
    )


def _robust(numbers: Numbers, source: Source) -> Figure:
    margin = numbers.settings.margin
    races = [("as answered", numbers.race, "observed")]
    races += [("weighted", numbers.weighted, "adjusted")] if numbers.weighted else []
    races += [("next wave", numbers.later, "adjusted")] if numbers.later else []
    ways = {
        "as answered": "those who answered",
        "weighted": "weighted to everyone invited",
        "next wave": "trained on earlier waves and judged on the last",
    }
    order = [c.metric for c in numbers.contenders]
    raced = {c.metric.key: {"gain": c.gain, "low": c.low, "high": c.high} for c in numbers.contenders}
    rows, drawn = [], []
    for metric in order:
        lines = []
        for name, race, role in races:
            row = race.gains.loc[metric.key] if race is not numbers.race else raced[metric.key]
            texts = gain_texts(row["gain"], row["low"], row["high"], margin)
            rows.append((metric.short, capitalised(ways[name]), *texts))
            lines.append(
                plots.Line(
                    (plots.Mark(role, row["gain"], row["low"], row["high"]),),
                    label=name,
                    values=texts,
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
            tick_text=lambda v: tick_text(v, sign=True),
        )

    return Figure(
        key="robust",
        headline=robust_headline(numbers),
        subtitle="Gain in AUC of each score: " + join_words([ways[name] for name, _, _ in races]),
        draw=draw,
        table=Table(
            "The race, judged otherwise",
            ("Score", "Judged on", "Gain", f"{level_of(numbers)} interval"),
            tuple(rows),
            notes="Intervals of the scores hold together, as in the race." + weight_notes(numbers),
        ),
        alt=alt_text(
            "Gains under other ways of judging", [f"{r[0]}, {r[1].lower()}: {r[2]} ({r[3]})" for r in rows]
        ),
        source=source.line(customers(numbers)),
        key_marks=(
            ("observed", f"those who answered, with {level_of(numbers)} interval"),
            ("adjusted", f"judged otherwise, with {level_of(numbers)} interval"),
            ("band", "too small to matter"),
        ),
    )


def _silence_gain(numbers: Numbers) -> str:
    """What the picture shows: the gain. The rates stand in the main point and in the table."""
    margin = numbers.settings.margin
    value, low, high = numbers.silence.gain
    if -margin < low and high < margin:
        return f"Knowing who did not answer adds {gain_text(value, 4)} in AUC to what was known, too little to matter"
    if low > margin:
        return f"Knowing who did not answer adds {gain_text(value, 4)} in AUC to what was known: enough to matter"
    return f"Whether knowing who did not answer adds enough to matter is not sure: {span_text(low, high, 4)} in AUC"


def _silence(numbers: Numbers, source: Source) -> Figure:
    silence = numbers.silence
    value, low, high = silence.difference
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

    best = numbers.best
    # as many digits as the main points give, or a small gain reads as none
    texts = (gain_text(silence.gain[0], 4), span_text(*silence.gain[1:], digits=4))
    shown = [
        ("Not answering", "for everyone invited", silence.gain, "adjusted", texts),
        (
            best.metric.short,
            "for those who answered",
            (best.gain, best.low, best.high),
            "observed",
            gain_of(best, margin),
        ),
    ]

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.row(
                    name,
                    *gain,
                    role=role,
                    sublabel=who,
                    values=values,
                )
                for name, who, gain, role, values in shown
            ],
            axis_label="Gain in AUC over what was known without asking",
            columns=("gain", f"{level_of(numbers)} interval"),
            band=(-margin, margin),
            band_label="too small to matter",
            reference=0.0,
            tick_text=lambda v: tick_text(v, sign=True),
        )

    return Figure(
        key="silence",
        headline=_silence_gain(numbers),
        subtitle="What knowing who did not answer adds to what was known, beside what an answer adds",
        draw=draw,
        table=Table(
            "Silence as a signal",
            ("", "", f"{level_of(numbers)} interval"),
            rows,
            notes=" ".join(
                [
                    f"Counted from day {silence.since} after the invitation, by which 19 of 20 answers had come: who had "
                    "the event before then could not answer any more, and does not count.",
                    *(
                        ["Rates count each customer once, by the first invitation."]
                        if numbers.repeated
                        else []
                    ),
                ]
            ),
        ),
        alt=alt_text("Gain of knowing who answered", [f"{r[0]} {r[1]} {r[2]}".strip() for r in rows]),
        source=source.line(plural(silence.n, "customer")),
        key_marks=(
            ("adjusted", "not answering"),
            ("observed", f"the score that adds most, each with {level_of(numbers)} interval"),
            ("band", "too small to matter"),
        ),
    )


def _steady(numbers: Numbers, source: Source) -> Figure:
    made = numbers.steadiness
    level = level_of(numbers)
    least = min(made, key=lambda m: m.retest.icc.consistency[0])
    first, second = made[0].retest.first, made[0].retest.second
    rows = tuple(
        (
            m.metric.short,
            count(m.retest.n),
            number(m.retest.icc.consistency[0], 2),
            interval(*m.retest.icc.consistency[1:], digits=2),
            share(m.retest.same),
            number(m.retest.smallest_change, 1),
            number(m.auc[0], 3),
            number(m.steady.value, 3),
            interval(m.steady.low, m.steady.high, digits=3),
        )
        for m in made
    )

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.Row(
                    m.metric.short,
                    (
                        plots.Line((plots.Mark("observed", *m.auc),), "as answered", (number(m.auc[0], 3),)),
                        plots.Line(
                            (plots.Mark("adjusted", m.steady.value, m.steady.low, m.steady.high),),
                            "without noise, at most",
                            (number(m.steady.value, 3),),
                        ),
                    ),
                )
                for m in made
            ],
            axis_label="AUC of the score alone",
            columns=("AUC",),
            tick_text=tick_text,
        )

    return Figure(
        key="steady",
        headline=f"Asked again, {share(least.retest.same)} give {least.metric.short} the same answer"
        + (
            f"; without that noise it would tell at most about {round(100 * least.steady.value)} "
            f"({interval(100 * least.steady.low, 100 * least.steady.high, digits=0)}) of 100 pairs apart, not "
            f"{round(100 * least.auc[0])}"
            if least.bounded
            else ""
        ),
        subtitle="AUC of each score alone, as answered and as it would be at most if customers gave the same answer when "
        f"asked again ({first} and {second}). Secondary: decisions use the answers as they are",
        draw=draw,
        table=Table(
            "How steady the scores are",
            (
                "Score",
                "Asked twice",
                "Reliability",
                f"{level} interval",
                "Same answer twice",
                "Change beyond noise",
                "AUC",
                "AUC without noise, at most",
                f"{level} interval",
            ),
            rows,
            notes="Reliability: intraclass correlation (consistency) of the two answers. A real change of mind between the "
            "waves counts as noise too: the AUC without noise is an upper bound, reached if nobody changed their mind in "
            "between. Change beyond noise: in points of the scale, exceeded by noise alone in one "
            "customer of twenty. The correction takes the answers of both groups of customers to be normal around "
            "their means.",
        ),
        alt=alt_text(
            "AUC as answered and, at most, without noise",
            [f"{r[0]} {r[6]}, without noise at most {r[7]} ({r[8]})" for r in rows],
        ),
        source=source.line(f"{plural(max(m.retest.n for m in made), 'customer')} who answered twice"),
        key_marks=(
            ("observed", f"as answered, with {level} interval"),
            ("adjusted", f"without noise, if nobody changed their mind, with {level} interval"),
        ),
    )


def partitions_table(numbers: Numbers) -> Table | None:
    """The best ways to cut the first score with three groups, and the one that the page shows."""
    named = [c for c in numbers.contenders if c.cuts_judged and len(c.cuts.official) == 2]
    if not named:
        return None
    c = max(named, key=lambda c: len(c.cuts.table))
    scale = c.metric.scale
    mine = " (usual)" if c.usual_groups else " (shown here)"
    ranked = c.cuts.table.reset_index(drop=True)
    shown = ranked[(ranked.index < 8) | ranked["official"]]
    return Table(
        f"Ways to cut {c.metric.short} in three, of {len(ranked)}",
        ("Groups", "Place", "Kept", "Best in resamples"),
        tuple(
            (
                cut_text(row["cuts"], scale.low, scale.high) + (mine if row["official"] else ""),
                count(i + 1),
                share(row["information"]),
                share(row["chosen"]),
            )
            for i, row in shown.iterrows()
        ),
        notes="Kept: share of what the answers tell about the event, beyond chance, that is left when they are put into "
        "these groups.",
    )


def _cuts(numbers: Numbers, source: Source) -> Figure:
    judged = [c for c in numbers.contenders if c.cuts_judged]
    usual = all(c.usual_groups for c in judged)
    which = "usual groups" if usual else "groups shown here"
    rows, drawn, worse = [], [], []
    for c in judged:
        cuts, scale = c.cuts, c.metric.scale
        official = _official(c)
        best = cut_text(cuts.best, scale.low, scale.high)
        kept = 1 - cuts.information_lost[0]
        span = (1 - cuts.information_lost[2], 1 - cuts.information_lost[1])
        top = float(cuts.table["information"].iloc[0])
        named = "as usual" if c.usual_groups else "as shown here"
        if cuts.p_better < 0.05:
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
                *(_p(p) for p in (cuts.p_better, cuts.p_official, cuts.p_association)),
            )
        )
        drawn.append(
            plots.Row(
                c.metric.short,
                (
                    plots.Line(
                        (plots.Mark("observed", 100 * kept, 100 * max(span[0], 0), 100 * span[1]),),
                        label=f"{named}: {official}",
                        values=(share(kept),),
                    ),
                    plots.Line(
                        (plots.Mark("adjusted", 100 * top),), label=f"best here: {best}", values=(share(top),)
                    ),
                ),
            )
        )
    rows += [
        (c.metric.short, _official(c), *[""] * 5, *(_p(p) for p in (c.cuts.p_better, c.cuts.p_official)),
         _p(c.cuts.p_association))
        for c in numbers.contenders
        if c.cuts_tell_nothing
    ]  # fmt: skip
    headline = (
        f"The {which} of {join_words(worse)} forget more than other cuts would"
        if worse
        else f"That other cuts would forget less than the {which} is not sure"
        if any(c.cuts.best != c.cuts.official for c in judged)
        else f"The {which} forget least"
    )
    means = [c.metric.short for c in numbers.contenders if not c.usual_groups and c.cuts]

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
                capitalised(which),
                "Kept",
                f"{level_of(numbers)} interval",
                "Best groups",
                "Kept",
                "Best in resamples",
                "p, none better",
                "p, nothing forgotten",
                "p, answers tell nothing",
            ),
            tuple(rows),
            notes="Kept: share of what the answers tell about the event, beyond chance. Best in resamples: of the partition "
            f"that is best most often. p: how often chance alone makes the best of all ways to cut lead the {which} by as "
            "much, where none is better; and where these groups hold all there is; and how often it makes the best cuts "
            "tell as much, where the answers have nothing to do with the event."
            + (
                f" {join_words(means)} {'is a mean and has' if len(means) == 1 else 'are means and have'} no usual groups: "
                "taken are the two lowest answers, the two highest, and those between."
                if means
                else ""
            ),
        ),
        alt=alt_text(
            f"Information kept by the {which} and by the best groups",
            [f"{r[0]} {r[1]} keep {r[2]}, {r[4]} keep {r[5]}" for r in rows if r[2]],
        ),
        source=source.line(
            " to ".join(dict.fromkeys(count(f(c.cuts.n for c in judged)) for f in (min, max))) + " customers"
        ),
        key_marks=(
            ("observed", f"{which}, with {level_of(numbers)} interval"),
            ("adjusted", "best groups in these answers"),
        ),
    )

"""Pictures for one row per unit: what goes with what between units."""

from __future__ import annotations

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.unit_sentences import outcome_value, units_headline
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import capitalised, count, interval, join_words, signed

__all__ = ["other_outcomes", "units"]


def units(numbers: Numbers, source: Source) -> Figure:
    """The outcome in each fifth of score."""
    u, level = numbers.units, level_of(numbers)
    say = Speech(u.metric)
    rows = [
        (
            say.span(r["from"], r["to"]),
            count(r["n"]),
            outcome_value(u, r["value"]),
            f"{outcome_value(u, r['low'])} to {outcome_value(u, r['high'])}",
        )
        for _, r in u.fifths.iterrows()
    ]

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.row(label, r["value"], r["low"], r["high"], values=(value, span, n))
                for (label, n, value, span), (_, r) in zip(rows, u.fifths.iterrows(), strict=True)
            ],
            axis_label=numbers.outcome_label,
            columns=("mean", f"{level} interval", u.noun),
        )

    return Figure(
        key="units",
        headline=units_headline(numbers),
        subtitle=f"Mean of {in_sentence(numbers.outcome_label)} in each fifth of {u.noun} by {u.metric.short}, adjusted for "
        f"{join_words([in_sentence(a) for a in u.adjusted])}",
        draw=draw,
        table=Table(
            f"{numbers.outcome_label} by {u.metric.short}",
            (u.metric.short, capitalised(u.noun), "Mean", f"{level} interval"),
            tuple(rows),
            notes="Adjusted by least squares, errors robust to unequal variance (HC3); every unit counts once.",
        ),
        alt=alt_text("Mean outcome by fifth of score", [f"{r[0]}: {r[2]} ({r[3]})" for r in rows]),
        source=source.line(f"{count(u.n)} {u.noun}"),
        key_marks=(("observed", f"adjusted mean, with {level} interval"),),
    )


def other_outcomes(numbers: Numbers, source: Source) -> Figure:
    """Rank correlation of the score with every outcome declared."""
    u, level = numbers.units, level_of(numbers)
    found = u.others
    clear = found[(found["low"] > 0) | (found["high"] < 0)]
    rows = [
        (r["label"], count(r["n"]), signed(r["rank"], 2), interval(r["low"], r["high"], digits=2, sign=True))
        for _, r in found.iterrows()
    ]

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.row(label, r["rank"], r["low"], r["high"], values=(value, span))
                for (label, _, value, span), (_, r) in zip(rows, found.iterrows(), strict=True)
            ],
            axis_label="Rank correlation; −1 and +1 are perfect",
            columns=("correlation", f"{level} interval"),
            reference=0.0,
            reference_label="none",
            tick_text=lambda v: signed(v, 1),
        )

    return Figure(
        key="others",
        headline=f"{u.metric.short} goes with {len(clear)} of {len(found)} outcomes, and with none closely: the largest "
        f"correlation is {signed(found.loc[found['rank'].abs().idxmax(), 'rank'], 2)}"
        if found["rank"].abs().max() < 0.5
        else f"{u.metric.short} goes with {len(clear)} of {len(found)} outcomes",
        subtitle=f"Rank correlation (Spearman) of {u.metric.short} with each outcome between {u.noun}, not adjusted",
        draw=draw,
        table=Table(
            f"{u.metric.short} and each outcome",
            ("Outcome", capitalised(u.noun), "Correlation", f"{level} interval"),
            tuple(rows),
            notes="Intervals of Bonett and Wright (2000), one outcome at a time.",
        ),
        alt=alt_text("Rank correlations", [f"{r[0]} {r[2]} ({r[3]})" for r in rows]),
        source=source.line(
            " to ".join(dict.fromkeys(count(f(found["n"])) for f in (min, max))) + f" {u.noun} an outcome"
        ),
        key_marks=(("observed", f"correlation, with {level} interval"),),
    )

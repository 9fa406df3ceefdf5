"""Pictures of what weighting cannot fix, and of the designs that could."""

from __future__ import annotations

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.response_rate_bias import headlines, phrases
from cxstats.studies.response_rate_bias.figure_texts import answers_of, axis, band_of, ticks
from cxstats.studies.response_rate_bias.numbers import Numbers
from cxstats.studies.response_rate_bias.weighting_figures import signed_tick
from cxstats.studies.speech import Speech
from cxstats.words import capitalised, count, interval, number, percent, signed


def proxy_figure(numbers: Numbers, source: Source) -> Figure:
    unseen = numbers.unseen
    x = [float(i + 1) for i in range(len(unseen.deciles))]
    rates = [r.value for r in unseen.deciles]
    total = 100 * numbers.rate
    return Figure(
        key="proxy",
        headline=headlines.proxy_headline(numbers),
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
        source=source.line(answers_of(numbers)),
        key_marks=(("line", f"response rate, with {level_of(numbers)} interval"),),
    )


def phi_figure(numbers: Numbers, source: Source) -> Figure:
    say, unseen, margin = Speech(numbers.metric), numbers.unseen, numbers.settings.margin
    phi = [100 * p for p in unseen.phi]
    return Figure(
        key="phi",
        headline=headlines.phi_headline(numbers),
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
            y_text=signed_tick,
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
        source=source.line(answers_of(numbers)),
        key_marks=(
            ("line", f"bias, with {level_of(numbers)} interval"),
            ("band", f"smaller than {say.gap(margin)}"),
        ),
    )


def tipping_figure(numbers: Numbers, source: Source) -> Figure:
    say, tipping = Speech(numbers.metric), numbers.tipping
    series = [
        plots.Series(
            headlines.tipping_words(numbers)[0],
            list(tipping.odds),
            list(tipping.value),
            list(tipping.low),
            list(tipping.high),
        )
    ]
    if len(tipping.ends_odds):
        series.append(
            plots.Series(
                headlines.tipping_words(numbers)[1],
                list(tipping.ends_odds),
                list(tipping.ends_value),
                list(tipping.ends_low),
                list(tipping.ends_high),
                role="adjusted",
            )
        )
    return Figure(
        key="tipping",
        headline=headlines.tipping_headline(numbers),
        subtitle=f"{numbers.metric.short} of everyone invited, by how many times the odds of "
        f"{phrases.worst_answers(numbers.metric)} are among those who stayed silent, compared with people like "
        f"them who answered; bands: {level_of(numbers)} intervals of its distance from the published score",
        alt=alt_text(
            "The score of everyone falls as the odds rise",
            [
                f"odds × {number(o, 1)}: {say.value(v, 1)} ({say.span(low, high, 1)})"
                for o, v, low, high in list(
                    zip(tipping.odds, tipping.value, tipping.low, tipping.high, strict=True)
                )[:: max(1, len(tipping.odds) // 5)]
            ],
        ),
        draw=lambda canvas: plots.curves(
            canvas,
            series,
            x_label="Odds among the silent, as a multiple of those among people like them who answered",
            y_label=axis(numbers),
            x_log=True,
            x_text=lambda v: (
                f"× {number(v, 0 if v >= 1 and abs(v - round(v)) < 1e-9 else 2 if v < 0.5 else 1)}"
            ),
            x_ticks=(0.5, 1, 2, 4),
            y_text=ticks(numbers),
            y_band=band_of(numbers),
            y_band_label=f"within {say.gap(numbers.settings.margin)} of the published score",
            y_limits=_tipping_limits(numbers),
        ),
        table=Table(
            "Score of everyone by how different the silent are",
            (
                "Odds among the silent",
                *(head for s in series for head in (capitalised(s.label), f"{level_of(numbers)} interval")),
            ),
            _tipping_rows(numbers),
            notes=headlines.tipping_note(numbers),
        ),
        source=source.line(answers_of(numbers)),
        key_marks=(
            ("line", headlines.tipping_words(numbers)[0]),
            ("line_adjusted", headlines.tipping_words(numbers)[1]),
        )
        if len(series) > 1
        else (("line", headlines.tipping_words(numbers)[0]),),
    )


def _tipping_limits(numbers: Numbers) -> tuple[float, float]:
    tipping = numbers.tipping
    values = [*tipping.low, *tipping.high, *tipping.ends_low, *tipping.ends_high, *band_of(numbers)]
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
            say.span(tipping.low[i], tipping.high[i], 1),
            *(
                (say.value(tipping.ends_value[i], 1), say.span(tipping.ends_low[i], tipping.ends_high[i], 1))
                if both
                else ()
            ),
        )
        for i in range(0, len(tipping.odds), step)
    )


def robustness_figure(numbers: Numbers, source: Source) -> Figure:
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
        headline=headlines.robustness_headline(numbers),
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
            tick_text=signed_tick,
            columns=("move",),
        ),
        table=Table(
            "An unknown fact as telling as one of these",
            ("As telling as", "Moves the score by", "Correlation with the score"),
            tuple((t, signed(b, say.gap_digits + 2), signed(r, 3)) for t, b, r in ordered),
            notes=f"Robustness value {number(found.value, 3)}: an unknown fact that explains this share both of "
            f"the weights and of the score would bring the weighted score to {say.value(found.target, 1)}.",
        ),
        source=source.line(answers_of(numbers)),
        key_marks=(("adjusted", "move of the weighted score"), ("band", f"smaller than {say.gap(margin)}")),
    )


def instrument_figure(numbers: Numbers, source: Source) -> Figure:
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
        headline=headlines.instrument_headline(numbers),
        subtitle=f"{numbers.metric.label} of those who answered, by how hard they were asked, with its "
        f"{level_of(numbers)} interval",
        alt=alt_text(
            "Score and response rate in each arm", [f"{r[0]}: {r[2]} answered, {r[3]} ({r[4]})" for r in rows]
        ),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=axis(numbers),
            tick_text=ticks(numbers),
            columns=(numbers.metric.short, f"{level_of(numbers)} interval", "answered"),
        ),
        table=Table(
            "Score and response by arm",
            ("Arm", "Invited", "Response rate", numbers.metric.short, f"{level_of(numbers)} interval"),
            tuple(rows),
            notes=" ".join(headlines.instrument_note(numbers, found) for found in numbers.instruments),
        ),
        source=source.line(answers_of(numbers)),
        key_marks=(("observed", f"as answered, with {level_of(numbers)} interval"),),
    )


def early_figure(numbers: Numbers, source: Source) -> Figure:
    say, found = Speech(numbers.metric), numbers.early_late
    drawn = [
        plots.row(label, value, low, high, values=(say.value(value, 1), say.span(low, high, 1), count(n)))
        for label, n, value, low, high in found.groups
    ]
    return Figure(
        key="early",
        headline=headlines.early_headline(numbers),
        subtitle=f"{numbers.metric.label} by how long customers took to answer, with its {level_of(numbers)} interval",
        alt=alt_text("Score by time to answer", [f"{g[0]}: {say.value(g[2], 1)}" for g in found.groups]),
        draw=lambda canvas: plots.interval_rows(
            canvas,
            drawn,
            axis_label=axis(numbers),
            tick_text=ticks(numbers),
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
        source=source.line(answers_of(numbers)),
        key_marks=(("observed", f"as answered, with {level_of(numbers)} interval"),),
    )


def plan_figure(numbers: Numbers, source: Source) -> Figure:
    say, plan, margin = Speech(numbers.metric), numbers.plan, numbers.settings.margin
    n, width = zip(*plan.curve, strict=True)
    return Figure(
        key="plan",
        headline=headlines.plan_headline(numbers),
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
            notes=headlines.plan_note(numbers),
        ),
        source=source.line(answers_of(numbers)),
        key_marks=(("band", f"smaller than {say.gap(margin)}"),),
    )

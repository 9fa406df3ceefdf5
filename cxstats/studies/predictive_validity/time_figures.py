"""Pictures of when it happens: curves by answer, causes, and how far ahead a score warns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.predictive_validity.numbers import FEWEST_EVENTS, Numbers
from cxstats.studies.predictive_validity.phrases import (
    event_name,
    event_text,
    having,
    p_text,
    percent_tick,
    rate_texts,
    those,
    tick_text,
)
from cxstats.words import count, interval, number, percent, plural, share

__all__ = ["causes", "hazard_table", "survival", "warning"]

# Groups are told apart by place, label and dashes, never by colour: colours are roles.
LINES = ("solid", "dashed", "dotted")


def _watched(numbers: Numbers) -> str:
    """Customers whose time is known, as far as they stand in the curves."""
    fit = numbers.timing.alone or numbers.timing.grouped
    return plural(fit.n if fit is not None else numbers.base.respondents, "customer")


def _stepped(without: pd.Series) -> np.ndarray:
    """Percent with the event from 0 on, from the shares without it after each day: corners of steps."""
    return np.repeat([0.0, *(100 * (1 - without))], 2)


def survival(numbers: Numbers, source: Source) -> Figure:
    timing = numbers.timing
    table = timing.curves.table
    last = float(table["day"].max())
    ends = timing.curves.at(last)
    series, rows = [], []
    for i, (group, part) in enumerate(table.groupby("group", sort=False, observed=True)):
        shown = part.iloc[np.unique(np.linspace(0, len(part) - 1, 60).astype(int))]
        days = np.repeat([0.0, *shown["day"], last], 2)[1:-1]  # steps, the last of them up to the last day
        share_of = {end: _stepped(shown[end]) for end in ("survival", "low", "high")}
        series.append(
            plots.Series(
                f"{having(numbers, timing.metric)} {group}",
                days,
                share_of["survival"],
                low=share_of["high"],
                high=share_of["low"],
                line=LINES[i % len(LINES)],
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
    outcome = event_name(numbers)

    def draw(canvas):
        return plots.curves(
            canvas,
            series,
            x_label=f"days since the {'answer' if timing.from_answer else 'invitation'}",
            y_label=f"% who {outcome}",
            y_text=percent_tick,
        )

    return Figure(
        key="survival",
        headline=f"By day {count(last)}, {' to '.join(dict.fromkeys(rate_texts(min(spread), max(spread))))} {outcome}, "
        + (
            f"by answer to {timing.metric.short}"
            if timing.curves.log_rank is not None and timing.curves.log_rank[2] < 0.05
            else f"by {timing.metric.short} not surely more in one group than in another"
        ),
        subtitle=f"Share who {event}, by answer to {timing.metric.short}, with {level_of(numbers)} intervals; those "
        "no longer watched count while they were"
        + (", from their answer on" if timing.from_answer else "")
        + (f". The event is known by {timing.grouped.grain} only" if timing.grouped else ""),
        draw=draw,
        table=Table(
            f"By day {count(last)}",
            (f"Answer to {timing.metric.short}", f"% who {outcome}", f"{level_of(numbers)} interval"),
            tuple(rows),
            notes=""
            if timing.curves.log_rank is None
            else f"Log-rank test of one curve for all: χ² = {number(timing.curves.log_rank[0], 1)}, p "
            + p_text(timing.curves.log_rank[2])
            + ".",
        ),
        alt=alt_text(
            "Share with the event as days pass, by group of answers", [f"{r[0]}: {r[1]}" for r in rows]
        ),
        source=source.line(_watched(numbers)),
    )


def warning(numbers: Numbers, source: Source) -> Figure:
    timing = numbers.timing
    table = timing.warning
    first, last = table.iloc[0], table.iloc[-1]
    # day by day from the first: beyond one that is not sure, a later one that is may be so by chance
    sure = table.loc[(table["warning_low"] > 0.5).cummin(), "day"]
    keeps = len(sure) == len(table)
    tells = "tells" if numbers.wanted else "warns"  # nobody is warned of what is hoped for
    headline = (
        f"{timing.metric.short} still {tells} {count(last['day'])} days ahead: "
        f"{round(100 * last['warning_auc'])} of 100 pairs"
        if keeps
        else f"How far ahead {timing.metric.short} {tells} is not sure beyond {plural(int(sure.max()), 'day')}"
        if len(sure) and sure.max() > 0
        else f"{timing.metric.short} tells who {event_text(numbers)}; whether it {tells} ahead is not sure"
        if len(sure)
        else f"Whether {timing.metric.short} {tells} ahead at all is not sure"
    )
    rows = tuple(
        (
            count(r.day),
            number(r.warning_auc, 3),
            interval(r.warning_low, r.warning_high, digits=3),
            count(r.warning_cases),
            *(
                (number(r.auc, 3), interval(r.low, r.high, digits=3))
                if r.cases >= FEWEST_EVENTS and r.auc == r.auc
                else ("", "")
            ),
            count(r.cases),
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
            y_label="AUC among those it had not happened to yet",
            y_reference=0.5,
            y_reference_label="guessing",
            y_limits=(0.4, max(0.8, float(table["warning_high"].max()) + 0.02)),
            y_text=tick_text,
        )

    return Figure(
        key="warning",
        headline=headline,
        subtitle=f"AUC of {timing.metric.short} for events after each day, among customers to whom it had not happened yet, "
        f"with {level_of(numbers)} interval",
        draw=draw,
        table=Table(
            "How far ahead it tells" if numbers.wanted else "Early warning",
            (
                "Lead, days",
                "AUC",
                f"{level_of(numbers)} interval",
                "Events after it",
                "AUC by then",
                f"{level_of(numbers)} interval",
                "Events by then",
            ),
            rows,
            notes="AUC: of customers without the event up to that day, those with the event later against those without it. "
            "AUC by then: those who had the event by that day against those without it up to then (Uno et al. 2007); left "
            f"out with fewer than {FEWEST_EVENTS} events.",
        ),
        alt=alt_text("AUC by lead time", [f"{r[0]} days {r[1]} ({r[2]})" for r in (rows[0], rows[-1])]),
        source=source.line(f"{count(first['warning_cases'])} events"),
    )


def causes(numbers: Numbers, source: Source) -> Figure:
    """Incidence of each cause in the groups with the most and the fewest events."""
    timing = numbers.timing
    table = timing.causes.table
    last = float(table["day"].max())
    ends = timing.causes.at(last)
    groups = list(dict.fromkeys(ends.index.get_level_values("group")))
    total = ends["incidence"].groupby(level="group").sum()
    most, least = total.idxmax(), total.idxmin()
    names = ends["incidence"].groupby(level="cause").sum().sort_values(ascending=False).index

    def at(group, cause) -> tuple[float, float | None, float | None]:
        if (group, cause) not in ends.index:  # nobody in the group for this cause
            return 0.0, None, None
        return tuple(100 * ends.loc[(group, cause), ["incidence", "low", "high"]])

    def told(group, cause) -> str:
        value, low, high = at(group, cause)
        return percent(value, 1) + ("" if low is None else f" ({interval(low, high, digits=1)})")

    apart = [cause for cause in names if at(most, cause)[0] > 0]
    widest = max(apart, key=lambda cause: at(most, cause)[0] - at(least, cause)[0])
    # which cause differs most is chosen by looking, and not tested: said is what was seen
    seen = (
        f"{told(most, widest)} of {those(numbers, timing.metric, f'{timing.metric.short} {most}')} "
        f"{event_name(numbers)} for “{widest}”, {told(least, widest)} of {those(numbers, timing.metric, least)}"
    )
    ends_apart = at(most, widest)[1], at(least, widest)[2]
    if None not in ends_apart and ends_apart[0] <= ends_apart[1]:
        seen = f"That any cause differs by {timing.metric.short} is not sure: {seen}"
    rows = tuple((str(cause), *(told(group, cause) for group in groups)) for cause in names)

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.Row(
                    str(cause),
                    tuple(
                        plots.Line(
                            (plots.Mark("observed", *at(group, cause)),),
                            f"{having(numbers, timing.metric)} {group}",
                            (percent(at(group, cause)[0], 1),),
                        )
                        for group in (most, least)
                    ),
                )
                for cause in names
            ],
            axis_label=f"% who {event_name(numbers)} for this cause by day {count(last)}",
            columns=("share",),
            tick_text=percent_tick,
        )

    merged = (
        f" {plural(len(timing.merged_causes), 'cause')} of fewer than {numbers.settings.smallest_group} customers stand "
        "together."
        if timing.merged_causes
        else ""
    )
    return Figure(
        key="causes",
        headline=seen,
        subtitle=f"Share who {event_name(numbers)} for each cause by day {count(last)}, the other causes at work, in the "
        f"groups of answers to {timing.metric.short} where most and fewest did",
        draw=draw,
        table=Table(
            f"By cause, day {count(last)}",
            ("Cause", *(f"{having(numbers, timing.metric)} {group}" for group in groups)),
            rows,
            notes=f"Cumulative incidence (Aalen–Johansen) with {level_of(numbers)} intervals: a customer with the "
            "event for one cause can no longer have it for another." + merged,
        ),
        alt=alt_text(
            "Share with the event by cause and answer",
            [
                f"{cause}: {percent(at(most, cause)[0], 1)} and {percent(at(least, cause)[0], 1)}"
                for cause in names
            ],
        ),
        source=source.line(_watched(numbers)),
        key_marks=(("observed", f"share, with {level_of(numbers)} interval"),),
    )


def hazard_table(numbers: Numbers) -> Table | None:
    """Hazard ratio of one step of the scale, alone and beside what was known."""
    timing = numbers.timing
    if timing is None or (timing.alone is None and timing.grouped is None):
        return None
    if timing.grouped is not None:
        found = timing.grouped
        return Table(
            f"Hazard ratio of one more on the scale of {timing.metric.short}, by {found.grain}",
            ("", "Ratio", f"{level_of(numbers)} interval", "Customers", "Events"),
            (
                (
                    "Alone",
                    number(found.ratio[0], 2),
                    interval(*found.ratio[1:], digits=2),
                    count(found.n),
                    count(found.events),
                ),
            ),
            notes=f"Grouped time: a complementary log-log model with a rate of its own for every {found.grain}, the form "
            f"that Cox regression takes where events are known by {found.grain} only (Prentice and Gloeckler 1978). Counted "
            f"are {found.grain}s watched to their end.",
        )
    rows = []
    for name, fit in (("Alone", timing.alone), ("Beside what was known", timing.beside)):
        if fit is None:
            continue
        row = fit.table.loc["score"]
        rows.append(
            (
                name,
                number(row["hazard_ratio"], 2),
                interval(row["low"], row["high"], digits=2),
                p_text(row["proportional_p"]).removeprefix("= "),
                number(fit.concordance, 3),
                count(fit.events),
            )
        )
    return Table(
        f"Hazard ratio of one more on the scale of {timing.metric.short}",
        (
            "",
            "Ratio",
            f"{level_of(numbers)} interval",
            "p of one ratio for all days",
            "Concordance",
            "Events",
        ),
        tuple(rows),
        notes="Cox regression with Efron's ties; what was known enters as lines and categories. p: of the hypothesis that "
        "the ratio does not change as days pass (Grambsch and Therneau 1994). Concordance: share of pairs in which "
        "whoever had the event first was the one at higher hazard.",
    )

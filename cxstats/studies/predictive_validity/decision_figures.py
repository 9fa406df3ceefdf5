"""Pictures of what acting on a score is worth."""

from __future__ import annotations

import numpy as np

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.phrases import KNOWN, customers, earns_alone, money_text, money_texts
from cxstats.words import capitalised, interval, number, percent, share, signed

__all__ = ["decides_nothing", "decision", "idle_text", "lists_table", "profit"]


def decision(numbers: Numbers, source: Source) -> Figure:
    """Net benefit of contacting by each rule; the band is of the lead over what was known."""
    table, lead = numbers.decision.table, numbers.lead
    names = {"known": "known without asking", "all": "with all scores"}
    rich = all_key(numbers)
    if rich != "all":
        names["all"] = f"with {numbers.contenders[0].metric.short}"
    at = 100 * table["threshold"]
    band = {}
    if lead is not None:
        band = {end: 1000 * (table["known"] + lead.table[end]) for end in ("low", "high")}
    series = [
        plots.Series(names["all"], at, 1000 * table[rich], role="observed", **band),
        plots.Series(names["known"], at, 1000 * table["known"], role="adjusted"),
        plots.Series("everybody", at, 1000 * table["everybody"], role="plain"),
    ]
    shown = np.linspace(0, len(table) - 1, 8).astype(int)
    if lead is not None:  # the one that the headline is of
        shown = np.append(shown, np.abs(table["threshold"].to_numpy() - lead.threshold).argmin())
    picks = table.iloc[np.unique(shown)]
    columns = [
        "known",
        *(c.metric.key for c in numbers.contenders),
        *([rich] if rich == "all" else []),
        "everybody",
    ]
    titles = {"known": "Known", "all": "All scores", "everybody": "Everybody"} | {
        c.metric.key: f"With {c.metric.short}" for c in numbers.contenders
    }

    def ahead(row: int) -> tuple[str, ...]:
        if lead is None:
            return ()
        return (interval(*(1000 * lead.table.loc[row, end] for end in ("low", "high")), digits=1, sign=True),)

    rows = tuple(
        (share(r["threshold"], 1), *(signed(1000 * r[c], 1) for c in columns), *ahead(i))
        for i, r in picks.iterrows()
    )
    level = level_of(numbers)
    tops = [1000 * table[[rich, "known"]].max().max(), *([band["high"].max()] if band else [])]
    bottoms = [0.0, 1000 * table[rich].min(), *([band["low"].min()] if band else [])]

    def draw(canvas):
        return plots.curves(
            canvas,
            series,
            x_label=f"contact from this chance {'of no event ' if numbers.wanted else ''}on, %",
            y_label="net reached per 1,000 customers",
            y_text=lambda v: number(v),
            x_text=lambda v: percent(v),
            spots=()
            if lead is None
            else (plots.Spot(100 * lead.threshold, 1000 * lead.rule, _where(numbers)),),
            y_limits=(float(min(bottoms)) - 0.5, float(max(tops)) * 1.05),
        )

    return Figure(
        key="decision",
        headline=_lead_headline(numbers),
        subtitle=f"Net benefit: {_whom(numbers)} reached per 1,000 customers, less contacts in vain at the rate the "
        f"threshold "
        "implies" + (f"; band: {level} interval of the lead over what was known" if lead is not None else ""),
        draw=draw,
        table=Table(
            "Net benefit per 1,000 customers",
            (
                "Contact from",
                *(titles[c] for c in columns),
                *((f"{titles[rich]} less known, {level} interval",) if lead is not None else ()),
            ),
            rows,
            notes=f"{capitalised(_whom(numbers))} reached, less contacts in vain at the rate the threshold implies; "
            f"contacting "
            "nobody is 0. Intervals hold one threshold at a time.",
        ),
        alt=alt_text(
            "Net benefit by threshold",
            [
                f"from {share(r['threshold'], 1)}: known {signed(1000 * r['known'], 1)}, {names['all']} "
                f"{signed(1000 * r[rich], 1)}"
                for _, r in picks.iloc[:: max(1, len(picks) // 4)].iterrows()
            ],
        ),
        source=source.line(customers(numbers)),
    )


def decides_nothing(numbers: Numbers) -> bool:
    """Whether the scores change net benefit nowhere by as much as can be printed, nor the limits of the lead."""
    table, lead = numbers.decision.table, numbers.lead
    apart = [(table[all_key(numbers)] - table["known"]).abs().max()]
    if lead is not None:
        apart += [lead.table[end].abs().max() for end in ("low", "high")]
    return bool(1000 * max(apart) < 0.05)


def idle_text(numbers: Numbers) -> str:
    """Why there is no picture of a decision that no score changes."""
    at = numbers.decision.table["threshold"]
    return (
        "Acting on the scores changes nothing that could be drawn: whatever the chance "
        f"{'of no event ' if numbers.wanted else ''}from which on customers are contacted, {share(at.iloc[0])} to "
        f"{share(at.iloc[-1], 1)}, as many are reached with them as without."
    )


def _whom(numbers: Numbers) -> str:
    """Who is to be reached: those with the event, or those in whom one to be hoped for does not happen."""
    return "customers without the event" if numbers.wanted else "events"


def _same_headline(numbers: Numbers) -> str:
    lead = numbers.lead
    where = "a chance of" if numbers.money is not None else "the base rate of"
    return (
        f"At {where} {share(lead.threshold, 1)} {'nearly ' if lead.same == 'everybody' else 'next to '}"
        f"{lead.same} is contacted with or without the scores: there is nothing for them to change"
    )


def _where(numbers: Numbers) -> str:
    at = share(numbers.lead.threshold, 1)
    return f"contacting pays from {at}" if numbers.money is not None else f"base rate {at}"


def _lead_headline(numbers: Numbers) -> str:
    """Whether acting on all scores reaches more than acting on what was known, where the page looks."""
    what = "all scores" if all_key(numbers) == "all" else numbers.contenders[0].metric.short
    if numbers.lead is None:
        return f"Whether acting on {what} reaches more than acting on what was known is not known"
    lead = numbers.lead
    value, low, high = (1000 * v for v in lead.at)
    where = (
        f"at {'a threshold' if numbers.money is not None else 'the base rate'} of {share(lead.threshold, 1)}"
    )
    if lead.same:
        return _same_headline(numbers)
    if low > 0 or high < 0:
        return (
            f"Acting on {what} reaches {number(abs(value), 1)} {'more' if low > 0 else 'fewer'} of 1,000 customers than "
            f"acting on what was known, net of contacts in vain, {where}"
        )
    return (
        f"Whether acting on {what} reaches more customers than acting on what was known is not sure {where}: "
        f"{interval(low, high, digits=1, sign=True)} of 1,000"
    )


def lists_table(numbers: Numbers) -> Table | None:
    """How good a list of customers in the order of each rule is: lift, value, precision."""
    if not numbers.lists:
        return None
    names = {"known": KNOWN} | {c.metric.key: f"With {c.metric.short}" for c in numbers.contenders}
    names |= {"all": "With all scores"} if len(numbers.contenders) > 1 else {}
    first = numbers.lists["known"]
    valued = first.value_lift is not None
    told = [
        (
            name,
            number(found.lift[0], 1),
            interval(*found.lift[1:], digits=1),
            *((number(found.value_lift[0], 1), interval(*found.value_lift[1:], digits=1)) if valued else ()),
            number(found.average_precision[0], 3),
            interval(*found.average_precision[1:], digits=3),
        )
        for name, found in ((name, numbers.lists[key]) for key, name in names.items())
    ]
    level = f"{level_of(numbers)} interval"
    return Table(
        "A list of customers, "
        + ("those first in whom the event is least likely" if numbers.wanted else "those most at risk first"),
        (
            "Order of the list",
            "Lift of top tenth",
            level,
            *(("Lift in value", level) if valued else ()),
            "Average precision",
            level,
        ),
        tuple(told),
        notes=f"Lift: how many times more {_whom(numbers)} than by chance in the top tenth of the list; ties count in part. "
        + ("Lift in value: the same of the recorded value of those customers. " if valued else "")
        + f"Average precision: share {'without' if numbers.wanted else 'with'} the event among those listed, averaged over "
        f"them; by chance {number(first.base_rate, 3)}, their share in all. Intervals are of "
        "other customers in the order of these same rules, one rule at a time; rules trained on other customers are not in "
        "them.",
    )


def all_key(numbers: Numbers) -> str:
    """The rule of all scores; with one score it is that one's."""
    return "all" if len(numbers.contenders) > 1 else numbers.contenders[0].metric.key


def _amounts(least: float, most: float) -> str:
    """Two amounts in one headline, as whole as the larger, as they are beside its figure.

    >>> _amounts(7.07, 570.2)
    '7 to 570'
    """
    return " to ".join(money_texts([least, most]))


def profit(numbers: Numbers, source: Source) -> Figure:
    """Profit of contacting by each rule, at the user's costs, above that of what was known."""
    money, chosen = numbers.money, numbers.settings
    names = {c.metric.key: f"With {c.metric.short}" for c in numbers.contenders}
    if len(names) > 1:
        names["all"] = "With all scores"
    entries = [(key, name, *money.more[key]) for key, name in names.items() if key in money.more]
    key, name, _, low, high = entries[-1]  # all scores; what is judged is not chosen by its profit
    what = "all scores" if key == "all" else name.removeprefix("With ")
    if numbers.lead is not None and numbers.lead.same:
        headline = "At these costs the scores change next to nothing in what contacting earns"
    elif low > 0 or high < 0:
        earned = f"{_amounts(*sorted((abs(low), abs(high))))} {'more' if low > 0 else 'less'}"
        headline = f"Acting on {what} earns {earned} per 1,000 customers than acting on what was known"
    elif earns_alone(numbers):
        _, low, high = money.more[numbers.best.metric.key]
        headline = (
            f"Acting on {numbers.best.metric.short} earns {_amounts(low, high)} more per 1,000 customers "
            "than acting on what was known; whether all scores together do is not sure"
        )
    else:
        headline = (
            f"Whether acting on {what} earns more than acting on what was known is not sure at these costs"
        )
    by_rule = money_texts([money.profit[k] for k in ("everybody", "known", *(e[0] for e in entries))])
    more = money_texts([v for _, _, v, _, _ in entries], sign=True)
    ends = money_texts([x for entry in entries for x in entry[3:]], sign=True)
    spans = [f"{a} to {b}" for a, b in zip(ends[::2], ends[1::2], strict=True)]
    rows = [("Contacting nobody", "0", "", "")]
    rows += [("Contacting everybody", by_rule[0], "", ""), (KNOWN, by_rule[1], "", "")]
    rows += [
        (name, earns, m, span)
        for (_, name, *_), earns, m, span in zip(entries, by_rule[2:], more, spans, strict=True)
    ]

    def draw(canvas):
        return plots.interval_rows(
            canvas,
            [
                plots.row(
                    name,
                    v,
                    a,
                    b,
                    role="adjusted",
                    values=(m, earns),
                )
                for (_, name, v, a, b), m, earns in zip(entries, more, by_rule[2:], strict=True)
            ],
            axis_label="more per 1,000 customers than with what was known",
            columns=("more", "profit"),
            reference=0.0,
            reference_label=f"what was known: {by_rule[1]}",
            tick_text=lambda v: money_text(v, sign=True),
        )

    return Figure(
        key="profit",
        headline=headline,
        subtitle="Profit per 1,000 customers of contacting those "
        f"{'in whom the chance that it does not happen is' if numbers.wanted else 'whose chance is'} "
        f"{share(money.threshold, 1)} or more: a contact costs {money_text(chosen.contact_cost)}, "
        + (
            f"brings it about in {share(chosen.success)} of those in whom it would not happen, and one won is worth "
            if numbers.wanted
            else f"keeps {share(chosen.success)} of those it reaches in time, and one kept is worth "
        )
        + f"{money_text(money.value_saved)} ({'average recorded value' if money.measured else 'as given'})",
        draw=draw,
        table=Table(
            "Profit per 1,000 customers",
            ("Whom to contact", "Profit", "More than what was known", f"{level_of(numbers)} interval"),
            tuple(rows),
            notes="In the unit of the recorded value. Intervals hold one rule at a time, and are of other customers "
            "acted on by these rules; that rules "
            "trained on other customers would draw the line a little elsewhere hardly changes them, as a contact at the "
            "line is worth nothing. What asking costs is not in it.",
        ),
        alt=alt_text(
            "Profit above that of what was known",
            [f"{name} {m} ({span})" for (_, name, *_), m, span in zip(entries, more, spans, strict=True)],
        ),
        source=source.line(customers(numbers)),
        key_marks=(
            ("adjusted", f"above what was known, with {level_of(numbers)} interval"),
            ("reference", "what was known"),
        ),
    )

"""Pictures of what acting on a score is worth."""

from __future__ import annotations

import numpy as np

from cxstats.display import plots
from cxstats.display.parts import Figure, Table
from cxstats.studies.pictures import Source, alt_text, level_of
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.phrases import KNOWN, customers, money_span, money_text
from cxstats.words import interval, number, percent, share, signed

__all__ = ["decision", "lists_table", "profit"]


def decision(numbers: Numbers, source: Source) -> Figure:
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
        threshold, where = money.threshold, f"at a threshold of {share(money.threshold, 1)}"
        sure = all_key(numbers) in money.more and money.more[all_key(numbers)][1] > 0
    else:
        threshold, where = (
            numbers.base.respondent_rate,
            f"at the base rate of {share(numbers.base.respondent_rate, 1)}",
        )
        sure = False
    at = float(np.interp(threshold, table["threshold"], better))
    headline = (
        f"Asking reaches {number(at, 1)} more of 1,000 customers, net of contacts in vain, {where}"
        + ("" if sure else "; that it is more at all is not sure")
        if at > 0.05
        else f"Asking {'does not pay' if at < -0.05 else 'changes next to nothing'} {where}"
    )
    picks = table.iloc[np.unique(np.linspace(0, len(table) - 1, 8).astype(int))]
    columns = ["known", *(c.metric.key for c in numbers.contenders), "all", "everybody"]
    titles = {"known": "Known", "all": "All scores", "everybody": "Everybody"} | {
        c.metric.key: f"With {c.metric.short}" for c in numbers.contenders
    }
    rows = tuple(
        (share(r["threshold"], 1), *(signed(1000 * r[c], 1) for c in columns)) for _, r in picks.iterrows()
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
            notes="Events reached, less contacts in vain at the rate the threshold implies; contacting nobody is 0.",
        ),
        alt=alt_text(
            "Net benefit by threshold", [f"from {r[0]}: known {r[1]}, all scores {r[-2]}" for r in rows[:4]]
        ),
        source=source.line(customers(numbers)),
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
        "A list of customers, those most at risk first",
        (
            "Order of the list",
            "Lift of top tenth",
            level,
            *(("Lift in value", level) if valued else ()),
            "Average precision",
            level,
        ),
        tuple(told),
        notes="Lift: how many times more events than by chance in the top tenth of the list; ties count in part. "
        + ("Lift in value: the same of the recorded value of those customers. " if valued else "")
        + f"Average precision: share with the event among those listed, averaged over the events; by chance "
        f"{number(first.base_rate, 3)}, the base rate. Intervals are of "
        "other customers in the order of these same rules, one rule at a time; rules trained on other customers are not in "
        "them.",
    )


def all_key(numbers: Numbers) -> str:
    """The rule of all scores; with one score it is that one's."""
    return "all" if len(numbers.contenders) > 1 else numbers.contenders[0].metric.key


def profit(numbers: Numbers, source: Source) -> Figure:
    """Profit of contacting by each rule, at the user's costs, above that of what was known."""
    money, chosen = numbers.money, numbers.settings
    names = {c.metric.key: f"With {c.metric.short}" for c in numbers.contenders}
    if len(names) > 1:
        names["all"] = "With all scores"
    entries = [(key, name, *money.more[key]) for key, name in names.items() if key in money.more]
    key, name, _, low, high = entries[-1]  # all scores; what is judged is not chosen by its profit
    what = "All scores earn" if key == "all" else f"{name.removeprefix('With ')} earns"
    if low > 0:
        headline = f"{what} {money_text(low)} to {money_text(high)} more per 1,000 customers than what was known does"
    else:
        headline = "Whether asking earns more than what was known is not sure at these costs"
    rows = [("Contacting nobody", "0", "", "")]
    rows += [("Contacting everybody", money_text(money.profit["everybody"]), "", "")]
    rows += [(KNOWN, money_text(money.profit["known"]), "", "")]
    rows += [
        (
            name,
            money_text(money.profit[key]),
            money_text(v, sign=True),
            money_span(a, b),
        )
        for key, name, v, a, b in entries
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
                    values=(money_text(v, sign=True), money_text(money.profit[key])),
                )
                for key, name, v, a, b in entries
            ],
            axis_label="more per 1,000 customers than with what was known",
            columns=("more", "profit"),
            reference=0.0,
            reference_label=f"what was known: {money_text(money.profit['known'])}",
            tick_text=lambda v: money_text(v, sign=True),
        )

    return Figure(
        key="profit",
        headline=headline,
        subtitle=f"Profit per 1,000 customers of contacting those whose chance is {share(money.threshold, 1)} or more: a "
        f"contact costs {money_text(chosen.contact_cost)}, keeps {share(chosen.success)} of those it reaches in time, and "
        f"one kept is worth {money_text(money.value_saved)} ({'average recorded value' if money.measured else 'as given'})",
        draw=draw,
        table=Table(
            "Profit per 1,000 customers",
            ("Whom to contact", "Profit", "More than what was known", f"{level_of(numbers)} interval"),
            tuple(rows),
            notes="In the unit of the recorded value. Intervals are of other customers acted on by these rules; that rules "
            "trained on other customers would draw the line a little elsewhere hardly changes them, as a contact at the "
            "line is worth nothing. What asking costs is not in it.",
        ),
        alt=alt_text(
            "Profit above that of what was known",
            [f"{name} {money_text(v, sign=True)}" for _, name, v, _, _ in entries],
        ),
        source=source.line(customers(numbers)),
        key_marks=(
            ("adjusted", f"above what was known, with {level_of(numbers)} interval"),
            ("reference", "what was known"),
        ),
    )

"""Tables for analysts beside the pictures: shares of the rule, forms of the link, and parts of the rule's error."""

from __future__ import annotations

from cxstats.display.parts import Table
from cxstats.studies.pictures import level_of
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.phrases import KNOWN, p_text
from cxstats.words import count, interval, number, signed

__all__ = ["brier_table", "forms_table", "shares_table"]


def shares_table(numbers: Numbers) -> Table | None:
    """What each score, and what was known, contributes to the rule of everything; and how well each does alone."""
    if numbers.race is None or numbers.race.shapley.empty:
        return None
    level, shapley = f"{level_of(numbers)} interval", numbers.race.shapley
    alone = {"known": (KNOWN, numbers.rules["known"])}
    alone |= {c.metric.key: (c.metric.short, c.auc) for c in numbers.contenders}
    rows = []
    for key, (name, auc) in alone.items():
        gini = tuple(2 * v - 1 for v in auc)
        value, low, high = shapley.loc[key, ["value", "low", "high"]]
        rows.append(
            (
                name,
                number(value, 3),
                interval(low, high, digits=3, sign=True),
                number(gini[0], 3),
                interval(*gini[1:], digits=3),
            )
        )
    return Table(
        "What the rule of everything is made of",
        ("", "Shapley share", level, "Gini alone", level),
        tuple(rows),
        notes="Shapley shares divide the AUC above 0.5 of the rule of everything, whose scores overlap; their intervals "
        "hold one at a time. Gini: twice the AUC above 0.5, of the score as it is, and of the rule of what was known.",
    )


def forms_table(numbers: Numbers) -> Table | None:
    """How well four forms of the link fit, each against one rate per answer, for the score that adds most.

    With two answers all forms are the same two rates: there is nothing to compare.
    """
    if numbers.best is None or numbers.best.metric.scale.size < 3:
        return None
    found = numbers.best.association
    full = found.forms.iloc[-1]
    rows = []
    for form in found.forms.itertuples():
        last = form.form == full["form"]
        rows.append(
            (
                str(form.form).capitalize(),
                count(form.parameters),
                number(form.log_likelihood, 1),
                number(form.aic, 1),
                "" if last else number(2 * (full["log_likelihood"] - form.log_likelihood), 1),
                "" if last else count(full["parameters"] - form.parameters),
                ""
                if form.lack_of_fit_p != form.lack_of_fit_p
                else p_text(form.lack_of_fit_p).removeprefix("= ").replace(" ", "\u00a0"),
            )
        )
    return Table(
        f"Forms of the link with {numbers.best.metric.short}",
        ("Form", "Parameters", "Log-likelihood", "AIC", "χ²", "Degrees of freedom", "p"),
        tuple(rows),
        notes="Likelihood ratio of each form against one rate per answer; a small p says that the form does not fit. Line "
        f"and spline are of the log-odds. Trend in the rates (Cochran–Armitage): z = {signed(found.trend_z, 2)}, p "
        f"{p_text(found.trend_p)}.",
    )


def brier_table(numbers: Numbers) -> Table | None:
    """The squared error of the rule of everything, and where it comes from."""
    found = numbers.brier
    if found is None:
        return None
    parts = (
        ("Chances off the rates that came true (reliability)", found.reliability),
        ("Less: rates that differ between chances (resolution)", -found.resolution),
        ("The base rate for everyone (uncertainty)", found.uncertainty),
        ("What varies within the ten groups", found.within),
        ("Brier score", found.value),
    )
    return Table(
        "The error of the rule with everything",
        ("", "Mean squared error"),
        tuple(
            (name, signed(value, 5) if name != "Brier score" else number(value, 5)) for name, value in parts
        ),
        notes="Murphy's (1973) decomposition over ten groups of customers of about equal size, by their chance; the parts "
        "add up to the score.",
    )

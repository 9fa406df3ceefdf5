"""Words and choices that several texts of the response-rate report share."""

from __future__ import annotations

import math

from cxstats.metrics import Metric
from cxstats.studies.response_rate_bias.numbers import Check, Choice, Numbers, Rate, RateTable
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import count

LADDER = {"raking": "raking", "propensity": "propensity", "doubly_robust": "doubly robust"}

FIT = {
    **LADDER,
    "post_stratification": "post-stratification",
    "linear": "linear calibration",
    "logit": "bounded calibration",
}

HARMLESS = 0.1  # standard deviations, the customary bound of balance


def question(numbers: Numbers) -> str:
    """The study's question."""
    return f"How much of this {in_sentence(numbers.metric.short)} is who happened to answer?"


def two_digits(n: float) -> float:
    """Rounded up to two digits that count."""
    step = 10 ** max(math.floor(math.log10(max(n, 1))) - 1, 0)
    return math.ceil(n / step) * step


def what_is_needed(numbers: Numbers) -> str:
    plan, say = numbers.plan, Speech(numbers.metric)
    if plan is None:
        return (
            "A follow-up of a random part of those who stayed silent, or a few facts known of everyone before the "
            "invitation."
        )
    return (
        f"A follow-up: answers from {count(two_digits(plan.n))} customers drawn at random from those who stayed "
        f"silent would tell the score of everyone to within {say.rough_gap(plan.precision, 0)}, whatever decides "
        "who answers, if all who are drawn reply."
    )


def group_words(table: RateTable, rate: Rate) -> str:
    """A category as a sentence has it: “Rarely” (use of the app)."""
    return f"“{rate.label}” ({in_sentence(table.title)})"


def least_answering(numbers: Numbers, most: int = 2) -> list[tuple[RateTable, Rate]]:
    """The category with the lowest response rate in each of the variables that spread it most."""
    if not numbers.rates or not numbers.rate:
        return []
    total, found = 100 * numbers.rate, []
    for table in numbers.rates:
        if table.title not in numbers.variables:
            continue  # a weekday or a number of reminders is no kind of customer
        rows = [r for r in table.rows if r.high < total and r.of >= 0.02 * numbers.invited]
        if rows:
            lowest = min(rows, key=lambda r: r.value)
            found.append((table, lowest))
    return sorted(found, key=lambda pair: pair[1].value)[:most]


def methods_of(numbers: Numbers) -> list[Choice]:
    """Choices of weights made from all facts."""
    return [c for c in numbers.choices if c.family == numbers.choices[0].family]


def worst_answers(metric: Metric) -> str:
    """The worst group of answers in the metric's words."""
    if metric.unit == "scale points":
        return "low answers"
    return metric.groups[0] if metric.groups else "the worst answers"


def headline_check(numbers: Numbers) -> Check | None:
    if not numbers.checks:
        return None
    wanted = [c for c in numbers.checks if c.name == numbers.settings.benchmark]
    return wanted[0] if wanted else max(numbers.checks, key=lambda c: abs(c.gap))


def conditions_text(numbers: Numbers) -> str:
    if numbers.unseen is None:
        return "It could not be checked."
    said = [
        f"{c.condition}: {c.found}{'' if c.holds else ', which fails'}" for c in numbers.unseen.conditions
    ]
    return (
        f"The checks: {'; '.join(said)}. They see the shape of response only as far as the customer list foretells "
        "satisfaction."
    )

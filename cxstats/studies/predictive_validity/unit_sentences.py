"""What the report says where there is one row per unit: what goes with what between units, and what that cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.predictive_validity.numbers import Numbers, Units
from cxstats.studies.speech import enough_digits, in_sentence
from cxstats.words import (
    capitalised,
    count,
    date_text,
    interval,
    join_words,
    number,
    plural,
    share,
    signed,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "answer",
    "facts",
    "limits",
    "main_points",
    "method",
    "need_to_know",
    "outcome_value",
    "units_headline",
]


def outcome_value(u: Units, value: float) -> str:
    """A value of the outcome, with as many decimals as tell its fifths apart."""
    spread = float(u.fifths["value"].max() - u.fifths["value"].min())
    return number(value, enough_digits(0, lambda d: spread >= 20 * 10.0**-d))


def _change(u: Units, triple: tuple[float, float, float]) -> tuple[str, str]:
    digits = enough_digits(0, lambda d: abs(triple[2] - triple[1]) >= 3 * 10.0**-d)
    return signed(triple[0], digits), interval(triple[1], triple[2], digits=digits, sign=True)


def units_headline(numbers: Numbers) -> str:
    """What score and outcome have to do with each other between units."""
    u, outcome = numbers.units, in_sentence(numbers.outcome_label)
    value, low, high = u.slope
    if low <= 0 <= high:
        return f"{capitalised(u.noun)} that are rated higher stand much the same on “{outcome}”, as far as can be told"
    more = "higher" if value > 0 else "lower"
    return f"{capitalised(u.noun)} that are rated higher stand {more} on “{outcome}”, for whatever reason"


def answer(numbers: Numbers) -> Finding:
    """The finding: what units show, and that it is not about customers."""
    u = numbers.units
    question = (
        f"Does {u.metric.short} tell anything about the customers behind “{in_sentence(numbers.outcome_label)}”, beyond "
        "what was known without asking?"
    )
    return Finding(
        question=question,
        verdict=Verdict.NOT_ANSWERABLE,
        answer=f"{units_headline(numbers)}; whether those who rate low are the ones it happens to, one row per unit does "
        "not tell.",
        rule=f"What goes together between {u.noun} need not go together between the people in them, and {u.noun} differ in "
        "much else.",
        margin=numbers.settings.margin,
        unit="AUC",
        needed="One row per customer, with the answer and what happened to that customer afterwards.",
    )


def facts(numbers: Numbers) -> tuple[tuple[str, str, str], ...]:
    """(label, value, note) of the facts beside the answer."""
    u = numbers.units
    rows = [(capitalised(u.noun), count(u.n), "with score and outcome")]
    if numbers.base.answered:
        rows.append(("Answers", count(numbers.base.answered), f"of these {u.noun}"))
    return tuple(rows)


def main_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """What units show, in points."""
    u = numbers.units
    outcome = in_sentence(numbers.outcome_label)
    value, span = _change(u, u.slope)
    plain, plain_span = _change(u, u.plain)
    gain, low, high = u.gain
    points = [
        MainPoint(
            number=value,
            interval=f"{span}, for {number(u.step)} points of {u.metric.short}",
            headline=units_headline(numbers),
            sentence=f"Adjusted for {join_words([in_sentence(a) for a in u.adjusted])}; "
            f"without that {plain} ({plain_span}).",
            figure="units",
        ),
        MainPoint(
            number=f"{signed(100 * gain, 1)} points",
            interval=f"{interval(100 * low, 100 * high, digits=1, sign=True)} percentage points of the variance",
            headline=f"{u.metric.short} tells {number(100 * gain, 1)} percentage points more of how {u.noun} differ in "
            f"“{outcome}”"
            if low > 0
            else f"That the score helps to tell “{outcome}” of other {u.noun} is not shown",
            sentence=f"Share of the variance between {u.noun} that rules tell of those they were not trained on: "
            f"{share(max(u.known, 0), 1)} from what is known without asking, and this much more with {u.metric.short}.",
        ),
        MainPoint(
            number=signed(u.rank[0], 2),
            interval=interval(u.rank[1], u.rank[2], digits=2, sign=True),
            headline=_order(u, outcome),
            sentence="Rank correlation: 0 is none, −1 and +1 are perfect.",
            figure="others" if len(u.others) > 1 else "units",
        ),
    ]
    aside = (*u.left_out, *([("the outcome is not known", u.without)] if u.without else []))
    left = sum(n for _, n in aside)
    if left:
        points.append(
            MainPoint(
                number=count(left),
                interval=f"{u.noun} not used",
                headline=f"{count(left)} {u.noun} are left out, each for a stated reason",
                sentence=capitalised("; ".join(f"{why}: {count(n)}" for why, n in aside)) + ".",
            )
        )
    return tuple(points)


def _order(u: Units, outcome: str) -> str:
    """How closely the two orders of units go together."""
    size = abs(u.rank[0])
    if u.rank[1] <= 0 <= u.rank[2]:
        return f"The order of {u.noun} by {u.metric.short} tells nothing sure of their order by “{outcome}”"
    how = "closely" if size > 0.7 else "in part" if size > 0.4 else "only loosely"
    way = "the same way" if u.rank[0] > 0 else "the opposite way"
    return f"By {u.metric.short} and by “{outcome}”, {u.noun} are ordered {way}, but {how}".replace(
        ", but closely", ", closely"
    )


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(title, text) of what a reader needs before the evidence."""
    u = numbers.units
    without = f" For {count(u.without)} more the outcome is not known." if u.without else ""
    return (
        (
            "What a row is",
            f"One of {count(u.n)} {u.noun} with a score and an outcome.{without}"
            + (f" {survey.population}." if survey.population else ""),
        ),
        ("The score", f"{u.metric.label}, as published for each of the {u.noun}."),
        ("The outcome", f"{numbers.outcome_label}, one number for each of the {u.noun}."),
        (
            "What was known without asking",
            capitalised(join_words([in_sentence(a) for a in u.adjusted])) + ".",
        ),
    )


def _order_in_time(u: Units, survey: Survey) -> str:
    """Whether the outcome came after the answers, as far as the periods of both are stated."""
    when, (first, last) = u.period, survey.period
    if when is None or when.start is None or first is None or last is None:
        return (
            f"The rows of {u.noun} carry no dates: that the outcome came after the answers cannot be checked here "
            "(`period:` of the outcome, in survey.yml, would tell)."
        )
    until = f" to {date_text(when.end)}" if when.end is not None else " on"
    told = f"The outcome is of {date_text(when.start)}{until}, the answers of {survey.period_text}: "
    if when.start > last:
        return told + "it came after."
    if when.end is not None and when.end < first:
        return told + "it came first. What goes together here is no prediction."
    return told + "part of it came before them. What goes together here is no prediction."


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(bold lead, text) of what the report cannot tell."""
    u = numbers.units
    return (
        (
            "Customers.",
            f"Between {u.noun} is not between customers: what goes together for averages can be absent, or turned round, "
            "for the people in them.",
        ),
        (
            "What comes first.",
            _order_in_time(u, survey),
        ),
        (
            "Cause.",
            f"{capitalised(u.noun)} with other customers, other prices or other places differ in score and outcome "
            "without one making the other.",
        ),
    )


def method(numbers: Numbers) -> tuple[str, ...]:
    """Paragraphs of the method section."""
    u = numbers.units
    return (
        f"**Slope and fifths**: least squares over {plural(u.n, 'unit')}, each counted once, with errors robust to unequal "
        f"variance (HC3), adjusted for {join_words([in_sentence(a) for a in u.adjusted])}. **Correlation**: Spearman, "
        "interval of Bonett and Wright (2000).",
        "**Share of variance**: of units that the rule was not trained on (eight folds); the gain ± t × the error of a "
        "jackknife over 64 parts of the units.",
    )

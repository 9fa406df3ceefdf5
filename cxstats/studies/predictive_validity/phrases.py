"""Numbers of the predictive-validity report as words: short, and as exact as they need to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxstats.studies.predictive_validity.numbers import Contender, Numbers
from cxstats.studies.speech import enough_digits, in_sentence
from cxstats.words import count, date_text, interval, join_words, number, plural, share, signed

if TYPE_CHECKING:
    from cxstats.metrics import Metric
    from cxstats.survey import Survey

__all__ = [
    "KNOWN",
    "about",
    "as_of",
    "customers",
    "cut_text",
    "earns_alone",
    "event_name",
    "event_text",
    "gain_digits",
    "gain_of",
    "gain_text",
    "gain_texts",
    "having",
    "margin_text",
    "money_span",
    "money_text",
    "money_texts",
    "n_text",
    "p_text",
    "percent_tick",
    "period",
    "raced_names",
    "rate_texts",
    "span_text",
    "those",
    "tick_text",
]

KNOWN = "Known without asking"


def event_text(numbers: Numbers) -> str:
    """The event inside a sentence: "left within 180 days"."""
    return in_sentence(numbers.outcome_label)


def event_name(numbers: Numbers) -> str:
    """The event without its window: "left"."""
    return event_text(numbers).split(" within ")[0]


def earns_alone(numbers: Numbers) -> bool:
    """Whether acting on the score that won the race surely earns more, and it is open whether all scores together do.

    Its profit had no part in choosing that score.
    """
    more, best = numbers.money.more, numbers.best.metric.key
    if "all" not in more or best not in more:
        return False
    _, low, high = more["all"]
    return low <= 0 <= high and more[best][1] > 0


def customers(numbers: Numbers) -> str:
    """Customers raced, or their answers where some answered more than once, for a figure's source line."""
    n = plural(numbers.race.n, "answer" if numbers.of_answers else "customer")
    return f"{n}, {count(numbers.race.events)} {'followed by' if numbers.of_answers else 'with'} the event"


def margin_text(margin: float) -> str:
    """The margin, as short as it is.

    >>> margin_text(0.02), margin_text(0.015)
    ('0.02', '0.015')
    """
    return number(margin, enough_digits(1, lambda d: round(margin, d) == margin))


def money_text(value: float, *, sign: bool = False) -> str:
    """An amount of money, whole from 20 on.

    >>> money_text(1278.67), money_text(12.5), money_text(-3, sign=True)
    ('1,279', '12.5', '−3')
    """
    digits = 0 if abs(value) >= 20 else enough_digits(0, lambda d: abs(round(value, d) - value) < 0.005)
    return (signed if sign else number)(value, min(digits, 2))


def money_texts(values: Sequence[float], *, sign: bool = False) -> list[str]:
    """Amounts that stand under each other, as whole as the largest of them.

    >>> money_texts([312.4, -26.6, 12.53], sign=True), money_texts([1.5, 12.25])
    (['+312', '−27', '+13'], ['1.50', '12.25'])
    """
    digits = 0 if max(map(abs, values), default=0) >= 20 else 2
    return [(signed if sign else number)(value, digits) for value in values]


def money_span(low: float, high: float) -> str:
    """Two amounts of money, as whole as the larger of them.

    >>> money_span(-13.58, 530.2), money_span(-1.5, 2.25)
    ('−14 to +530', '−1.5 to +2.25')
    """
    if max(abs(low), abs(high)) >= 20:
        return interval(low, high, digits=0, sign=True)
    return f"{money_text(low, sign=True)} to {money_text(high, sign=True)}"


def about(n: int) -> str:
    """A number of customers that is itself an estimate: two digits of it, rounded up.

    >>> about(15392), about(812), about(40)
    ('16,000', '820', '40')
    """
    unit = 10 ** max(len(str(n)) - 2, 0)
    return count(-(-n // unit) * unit)


def tick_text(value: float, *, sign: bool = False) -> str:
    """An AUC, or a difference of two, on an axis: two decimals, or more where two would not be true.

    >>> tick_text(0.65), tick_text(0.625), tick_text(0.025, sign=True), tick_text(0, sign=True)
    ('0.65', '0.625', '+0.025', '0')
    """
    if sign and value == 0:
        return "0"
    return (signed if sign else number)(
        value, enough_digits(2, lambda d: abs(round(value, d) - value) < 1e-9)
    )


def percent_tick(value: float) -> str:
    """A value in percent on an axis, with the decimals that it needs: small rates do not all read as "under 1 %".

    >>> percent_tick(20), percent_tick(0), percent_tick(0.1), percent_tick(0.25)
    ('20\\xa0%', '0\\xa0%', '0.1\\xa0%', '0.25\\xa0%')
    """
    return f"{number(value, enough_digits(0, lambda d: abs(round(value, d) - value) < 1e-9))}\u00a0%"


def p_text(p: float) -> str:
    """A p-value after its "p": "= 0.012", "< 0.001".

    >>> p_text(0.0004), p_text(0.0124)
    ('< 0.001', '= 0.012')
    """
    return "< 0.001" if p < 0.001 else f"= {number(p, 3)}"


def having(numbers: Numbers, metric: Metric) -> str:
    """How customers came by a score, before its value: they "gave" an answer, or are "with" what nobody asked for."""
    return "with" if metric.key in numbers.unasked else "gave"


def those(numbers: Numbers, metric: Metric, value: str) -> str:
    """Customers by their score: "those who gave CES 6 to 7", "those with Complaint 1"."""
    return f"those {'' if metric.key in numbers.unasked else 'who '}{having(numbers, metric)} {value}"


def gain_text(value: float, digits: int = 3) -> str:
    """A gain in AUC, signed."""
    return signed(value, digits)


def gain_digits(low: float, high: float, edge: float = 0.0, digits: int = 3) -> int:
    """Decimals of a gain and its interval: one more where an end beside the margin would read as if on it.

    >>> gain_digits(0.019, 0.060, edge=0.02), gain_digits(0.0198, 0.0392, edge=0.02)
    (3, 4)
    """
    return digits + any(edge and round(abs(v), digits) == edge and abs(v) != edge for v in (low, high))


def span_text(low: float, high: float, digits: int = 3, edge: float = 0.0) -> str:
    """An interval of gains; an end beyond the margin does not read as if on it."""
    return interval(low, high, digits=gain_digits(low, high, edge, digits), sign=True)


def gain_texts(value: float, low: float, high: float, edge: float) -> tuple[str, str]:
    """A gain and its interval, with as many decimals as each other.

    >>> gain_texts(0.0295, 0.0198, 0.0392, edge=0.02)
    ('+0.0295', '+0.0198 to +0.0392')
    """
    return gain_text(value, gain_digits(low, high, edge)), span_text(low, high, edge=edge)


def gain_of(contender: Contender, margin: float) -> tuple[str, str]:
    """What a metric adds, and its interval, as they are printed wherever they stand."""
    return gain_texts(contender.gain, contender.low, contender.high, margin)


def cut_text(cuts: tuple[int, ...], low: int, high: int) -> str:
    """Groups of answers as a reader writes them: "0–6, 7–8, 9–10"."""
    starts, ends = (low, *(c + 1 for c in cuts)), (*cuts, high)
    return ", ".join(f"{a}–{b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True))


def rate_texts(*rates: float) -> tuple[str, ...]:
    """Shares as printed together: whole percents, or as many decimals as small ones need.

    >>> rate_texts(0.16, 0.033), rate_texts(0.0016, 0.003)
    (('16\\xa0%', '3\\xa0%'), ('0.2\\xa0%', '0.3\\xa0%'))
    """
    least = min((r for r in rates if r > 0), default=1.0)
    digits = enough_digits(0, lambda d: 100 * least >= 10.0**-d)
    return tuple(share(r, digits) for r in rates)


def n_text(numbers: Numbers) -> str:
    """Customers judged."""
    if numbers.units is not None:
        return f"{count(numbers.units.n)} {numbers.units.noun}"
    base = numbers.base
    if base.invited and not (base.all_answered or numbers.nothing_asked):
        return f"{count(base.answered)} of {count(base.invited)} answered ({share(base.answered / base.invited, 1)})"
    return plural(base.answered, "customer" if numbers.nothing_asked else "answer")


def period(numbers: Numbers, survey: Survey) -> str:
    """The period reported on."""
    if numbers.settings.wave:
        return numbers.settings.wave
    order = survey.wave_order
    return f"{order[0]} to {order[-1]}" if len(order) > 1 else survey.period_text


def as_of(survey: Survey) -> str:
    """The day up to which the data reaches."""
    return date_text(survey.data_as_of) if survey.data_as_of else ""


def raced_names(numbers: Numbers) -> str:
    """The metrics that race, from the largest gain to the smallest."""
    return join_words([c.metric.short for c in numbers.contenders])

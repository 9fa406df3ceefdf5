"""What the report says of data that hold who answered, and no score."""

from __future__ import annotations

import math

from cxstats.findings import Finding, MainPoint
from cxstats.studies.response_rate_bias.headlines import strongest_facts
from cxstats.studies.response_rate_bias.numbers import BalanceRow, Numbers
from cxstats.studies.response_rate_bias.phrases import HARMLESS, least_answering
from cxstats.studies.speech import in_sentence
from cxstats.words import (
    capitalised,
    count,
    interval,
    join_words,
    number,
    number_word,
    percent,
    plural,
    share,
)

NO_SCORE = "There is no score in this data: it holds who answered, and not what they said."


def flag_answer(numbers: Numbers) -> Finding:
    """The headline finding: who answers, and no word on a score."""
    if numbers.invited is None:
        text = f"{NO_SCORE} Who was invited and did not answer is not in it either."
    elif not numbers.balance:
        text = f"{NO_SCORE} {share(numbers.rate)} of {count(numbers.invited)} invited did."
    else:
        text = f"{_mix(numbers)} What a score would lose by the others cannot be told: there is none in this data."
    return Finding(
        question="How much of a score would be who happened to answer?",
        verdict=numbers.verdict,
        answer=text,
        rule="Who answers can be seen where everyone invited is known; what that does to a score, only where there is one.",
        margin=numbers.settings.margin,
        unit="percentage points",
        effect="no score in the data",
        needed="The answers themselves, in a column of the same file: everyone invited is known already, so that the range "
        "for those who stayed silent follows from it.",
    )


def _mix(numbers: Numbers) -> str:
    """How those who answered differ from everyone invited."""
    first = f"{share(numbers.rate)} of {count(numbers.invited)} invited answered"
    off = [row for row in numbers.balance if abs(row.difference) > HARMLESS]
    if not off:
        most = max(abs(row.answers - row.population) for row in numbers.balance)
        return (
            f"{first}, and in what is known of them they are a mix much like everyone invited: no kind is off by more "
            f"than {plural(math.ceil(100 * most), 'percentage point')}."
        )
    return f"{first}, and they are not a mix like everyone invited: {_kind(_farthest(numbers))}."


def _farthest(numbers: Numbers) -> BalanceRow:
    return max(numbers.balance, key=lambda row: abs(row.difference))


def _kind(row: BalanceRow) -> str:
    return (
        f"“{row.category}” ({in_sentence(row.variable)}) make up {share(row.answers)} of those who answered and "
        f"{share(row.population)} of everyone"
    )


def flag_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """Main points: how many answered, who did least, which fact tells most, and what that does to the mix."""
    points = []
    if numbers.stages:
        last = numbers.stages[-1]
        points.append(
            MainPoint(
                number=percent(last.value, 1),
                interval=interval(last.low, last.high, "%"),
                headline=f"{count(last.n)} of {count(last.of)} invited answered",
                sentence=f"The {count(last.of - last.n)} who did not are in the data with what is known of them, which is "
                "what this page rests on.",
                figure="stages",
            )
        )
    least = least_answering(numbers, 1)
    if least:
        table, low = least[0]
        high = max(table.rows, key=lambda r: r.value)
        points.append(
            MainPoint(
                number=percent(low.value, 1),
                interval=interval(low.low, low.high, "%"),
                headline=f"By {in_sentence(table.title)}, “{low.label}” answer least: {percent(low.value)} against "
                f"{percent(high.value)}",
                sentence=f"“{high.label}” answer most, {percent(high.value, 1)} ({interval(high.low, high.high, '%')}).",
                figure="rates",
            )
        )
    if numbers.reach is not None:
        points.append(
            MainPoint(
                number=number(numbers.reach.r, 2),
                interval=f"R-indicator, {number(numbers.reach.r_low, 2)} to {number(numbers.reach.r_high, 2)}",
                headline=strongest_facts(numbers.reach),
                sentence="The R-indicator is 1 where everyone is equally likely to answer, and lower the more that depends "
                "on what is known of them.",
                figure="partials",
            )
        )
    if numbers.balance:
        row = _farthest(numbers)
        after = max(abs(r.difference_weighted) for r in numbers.balance)
        points.append(
            MainPoint(
                number=f"{share(row.population)} → {share(row.answers)}",
                interval="of everyone invited, of those who answered",
                headline=f"The kind furthest off is “{row.category}” ({in_sentence(row.variable)})",
                sentence=f"{capitalised(number_word(len(numbers.balance)))} kinds were compared; weights "
                + ("bring all of them into line" if after <= HARMLESS else "leave some of them off balance")
                + ". Whether a score needs them, only the score can say.",
                figure="balance",
            )
        )
    return tuple(points) or (
        MainPoint(
            number=count(numbers.n),
            interval="answered",
            headline="Who was invited and did not answer is not in the data",
            sentence=NO_SCORE,
        ),
    )


def flag_need(numbers: Numbers, asked: str, known: str) -> tuple[tuple[str, str], ...]:
    """What a reader needs to know."""
    return (
        ("Who was asked", asked),
        (
            "What is in the data",
            f"Whether each of them answered: {count(numbers.n)} did. No score; every row that was set aside is [listed with "
            "its reason](#ledger).",
        ),
        ("What is known of everyone", known),
        ("What this is not", "A statement on any score. Kinds who answer less need not be less satisfied."),
    )


def flag_limit(numbers: Numbers) -> tuple[str, str]:
    """The first thing this cannot tell."""
    facts = join_words([in_sentence(v) for v in numbers.variables]) or "what is known of them"
    return (
        "What those who answered said, and what the others would have.",
        f"{NO_SCORE} Alike in {facts} is not alike in satisfaction.",
    )


def flag_method(numbers: Numbers) -> str:
    """How the numbers were made."""
    _ = numbers
    return (
        "Response rates: answers by everyone invited (AAPOR RR1), Wilson intervals. Propensity: logistic regression on the "
        "frame’s categories, main effects. R-indicator and partial indicators, bias-adjusted (Schouten, Cobben and "
        "Bethlehem 2009; Shlomo, Skinner and Schouten 2012). Balance: standardised differences of shares, before and after "
        "calibration to everyone invited (Deville and Särndal 1992). The score named in survey.yml has one possible value, "
        "all others counting as not answered: it marks who answered and is nowhere treated as a score."
    )

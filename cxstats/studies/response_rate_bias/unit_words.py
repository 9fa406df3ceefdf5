"""What the report says of data with one row per hospital, store or branch."""

from __future__ import annotations

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.response_rate_bias.numbers import Numbers
from cxstats.studies.response_rate_bias.phrases import question
from cxstats.studies.speech import Speech
from cxstats.words import capitalised, count, number, percent, signed


def units_answer(numbers: Numbers) -> Finding:
    u, say = numbers.units, Speech(numbers.metric)
    clear = u.low > 0 or u.high < 0
    small, large = sorted((abs(u.low), abs(u.high)))
    goes = (
        f"{capitalised(u.noun)} where ten points more of those asked answer score {number(small, 1)} to "
        f"{number(large, 1)} {say.gap_unit} {'higher' if u.slope > 0 else 'lower'}; "
        if clear
        else f"{capitalised(u.noun)} where more people answer score much as others; "
    )
    return Finding(
        question=question(numbers),
        verdict=Verdict.NOT_ANSWERABLE,
        answer=f"{goes}that does not tell how those who stayed silent differ. There is one row per unit, and none "
        "per person.",
        rule="A comparison of units identifies no bias: places where more people answer differ in many ways.",
        margin=numbers.settings.margin,
        unit=say.gap_unit,
        effect=f"{numbers.metric.short} per ten points of response rate",
        needed="One row per invited person, with facts known of everyone before the invitation.",
    )


def units_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    u, say = numbers.units, Speech(numbers.metric)
    left = sum(n for _, n in u.left_out)
    points = [
        MainPoint(
            number=signed(u.slope, 1),
            interval=f"{say.gap_span(u.low, u.high)}, for ten points more response",
            headline=units_headline(numbers),
            sentence=f"It says nothing of those who stayed silent. Without adjustment {signed(u.plain, 1)} "
            f"({say.gap_span(u.plain_low, u.plain_high)}).",
            figure="units",
        ),
        MainPoint(
            number=percent(float(u.rates.mean()), 1),
            interval=f"{percent(float(u.rates.min()))} to {percent(float(u.rates.max()))}",
            headline=f"The average response rate is {percent(float(u.rates.mean()))}",
            sentence=f"Over {count(u.n)} {u.noun}, each counted once, however many it asked.",
        ),
    ]
    if left:
        points.append(
            MainPoint(
                number=count(left),
                interval=f"{u.noun} not used",
                headline=f"{count(left)} {u.noun} are left out, each for a stated reason",
                sentence=" ".join(f"{capitalised(why)}: {count(n)}." for why, n in u.left_out),
            )
        )
    return tuple(points)


def units_headline(numbers: Numbers) -> str:
    """What response and score have to do with each other between units."""
    u = numbers.units
    if u.low <= 0 <= u.high:
        return f"{capitalised(u.noun)} where more people answer score no differently, as far as can be told"
    return (
        f"{capitalised(u.noun)} where more people answer score {'higher' if u.slope > 0 else 'lower'}, for "
        "whatever reason"
    )


def units_note(numbers: Numbers) -> str:
    """What was left out and how few were handled."""
    u = numbers.units
    said = [f"{capitalised(why)}: {count(n)}." for why, n in u.left_out]
    if u.few:
        said.append(
            f"{count(u.few)} {u.noun} state only that their number of answers is small; they count with the lowest "
            "weight."
        )
    return " ".join(said)

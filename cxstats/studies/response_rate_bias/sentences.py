"""What the response-rate report says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.metrics import Metric
from cxstats.studies.response_rate_bias.numbers import Check, Choice, Instrument, Numbers, Rate, RateTable
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import (
    capitalised,
    count,
    date_text,
    interval,
    join_words,
    level_text,
    number,
    number_word,
    percent,
    plural,
    share,
    signed,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey

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
    return f"How much of this {numbers.metric.short} is who happened to answer?"


# ---------------------------------------------------------------------------------- the answer


def answer(numbers: Numbers) -> Finding:
    """The headline finding."""
    if numbers.units is not None:
        return _units_answer(numbers)
    if numbers.published is None:
        return _too_few(numbers)
    if numbers.invited is None:
        return _nobody_known(numbers)
    if numbers.n == numbers.invited:
        return _everyone(numbers)
    if numbers.follow_up is not None:
        return _followed(numbers)
    if numbers.region is None:
        return _no_range(numbers)
    if numbers.by_worst_case:
        return _bounded(numbers)
    return _judged(numbers)


def _finding(
    numbers: Numbers, text: str, rule: str, *, needed: str | None = None, **effect: float
) -> Finding:
    return Finding(
        question=question(numbers),
        verdict=numbers.verdict,
        answer=text,
        rule=rule,
        margin=numbers.settings.margin,
        unit=Speech(numbers.metric).gap_unit,
        effect=f"published {numbers.metric.short} against everyone invited",
        needed=needed,
        **effect,
    )


def _too_few(numbers: Numbers) -> Finding:
    held = (
        "Nobody answered"
        if numbers.n == 0
        else f"There {'is' if numbers.n == 1 else 'are'} only {plural(numbers.n, 'answer')}"
    )
    least = numbers.settings.smallest_group
    of = f" of {count(numbers.invited)} invited" if numbers.invited else ""
    return _finding(
        numbers,
        f"{held}{of}: too few to state {numbers.metric.short}, let alone whom it speaks for.",
        f"Nothing is estimated from fewer than {least} answers.",
        needed=f"At least {least} answers; some hundreds to see who is missing among them.",
    )


def _nobody_known(numbers: Numbers) -> Finding:
    return _finding(
        numbers,
        "Who was invited and did not answer is not in the data, so nobody can say how far the "
        f"{numbers.metric.short} of {Speech(numbers.metric).value(numbers.published.value)} is theirs.",
        "Without those who did not answer, no assumption can be tested, and no range be given but the whole scale.",
        needed="One row per invitation, answered or not (`frame:` or `invited:` in survey.yml), with a few facts "
        "known of everyone before the invitation.",
    )


def _everyone(numbers: Numbers) -> Finding:
    say = Speech(numbers.metric)
    return _finding(
        numbers,
        f"All {count(numbers.invited)} invited answered: {say.value(numbers.published.value)} is their "
        f"{numbers.metric.short}, and nobody is missing from it.",
        "Where everyone answered there is nothing to estimate.",
        value=0.0,
        low=0.0,
        high=0.0,
    )


def _no_range(numbers: Numbers) -> Finding:
    say = Speech(numbers.metric)
    low, high = numbers.worst
    if numbers.verdict in (Verdict.NEGLIGIBLE, Verdict.MATERIAL):
        return _bounded(numbers)
    why = numbers.reasons[0] if numbers.reasons else "nothing is known of those who did not answer"
    return _finding(
        numbers,
        f"{capitalised(why)}. Without any assumption, {numbers.metric.short} of everyone invited could be anything "
        f"from {say.span(low, high)}.",
        f"A firm verdict needs a range that the data can check; {why}.",
        needed=_needed(numbers),
    )


def _bounded(numbers: Numbers) -> Finding:
    """Where what the silent could say at most decides, whatever is known of them."""
    say, margin = Speech(numbers.metric), numbers.settings.margin
    low, high = numbers.worst_bias
    published, name = say.value(numbers.published.value), numbers.metric.short
    span = say.gap_span(low, high, edge=margin)
    if numbers.verdict is Verdict.NEGLIGIBLE:
        text = (
            f"Whatever the {count(numbers.invited - numbers.n)} who did not answer would say, {name} moves by less than "
            f"{say.gap(margin)}: {published} can stand for everyone invited."
        )
        where = "within"
    else:
        text = (
            f"Whatever the {count(numbers.invited - numbers.n)} who did not answer would say, the published {published} "
            f"is too {'high' if low > 0 else 'low'} by more than {say.gap(margin)}."
        )
        where = "beyond"
    return _finding(
        numbers,
        text,
        f"The bias in the worst case and in the best, sampling error included ({span}), lies wholly {where} the "
        f"{say.gap(margin)} set as the smallest difference that matters; nothing is assumed.",
        value=(low + high) / 2,
        low=low,
        high=high,
    )


def _followed(numbers: Numbers) -> Finding:
    say, f, published = Speech(numbers.metric), numbers.follow_up, numbers.published
    name, now, before = numbers.metric.short, say.value(f.value), say.value(published.value)
    asked = f"A random {count(f.selected)} of those who had stayed silent were asked again: {name} of everyone is {now}"
    if numbers.verdict is Verdict.MATERIAL:
        text = f"{asked}, not the published {before}."
    elif numbers.verdict is Verdict.NEGLIGIBLE:
        text = f"{asked}, close enough to the published {before}."
    else:
        why = (
            "too many of them stayed silent again"
            if numbers.verdict is Verdict.NOT_ANSWERABLE
            else "there are too few answers to it"
        )
        text = (
            f"A follow-up of {count(f.selected)} puts {name} of everyone at {now}, against the published {before}, "
            f"but {why} to settle it."
        )
    open_verdict = numbers.verdict is Verdict.NOT_ANSWERABLE
    outer = (f.bias_low_unbounded, f.bias_high_unbounded)
    low, high = outer if open_verdict else (f.bias_low, f.bias_high)
    return _finding(
        numbers,
        text,
        f"The {level_text(numbers.settings.level)} interval of published minus everyone is "
        f"{say.gap_span(f.bias_low, f.bias_high, edge=numbers.settings.margin)}; whatever the "
        f"{count(f.selected - f.answered)} who stayed silent again would say, {say.gap_span(*outer)}. It is judged "
        f"against {say.gap(numbers.settings.margin)}.",
        needed=_needed(numbers)
        if numbers.verdict in (Verdict.NOT_ANSWERABLE, Verdict.INCONCLUSIVE)
        else None,
        value=f.bias,
        low=low,
        high=high,
    )


def _judged(numbers: Numbers) -> Finding:
    say, chosen, region = Speech(numbers.metric), numbers.settings, numbers.region
    first, last = region.assumption
    margin, published = say.gap(chosen.margin), say.value(numbers.published.value)
    span = say.gap_span(region.low, region.high, edge=chosen.margin)
    needed = None
    if numbers.verdict is Verdict.MATERIAL:
        # sampling error is part of what is claimed
        size = sorted((abs(region.low), abs(region.high)))
        direction = "high" if first > 0 else "low"
        text = f"The published {published} is {_between(say, *size)} too {direction}. {_who(numbers)}"
    elif numbers.verdict is Verdict.NEGLIGIBLE:
        text = (
            f"Who happened to answer moves {numbers.metric.short} by less than {margin}: {published} can stand for "
            "everyone invited."
        )
    elif numbers.verdict is Verdict.INCONCLUSIVE:
        text = (
            f"The published {published} could be off by {_off(say, region.low, region.high)}. More answers of the "
            f"same kind would settle whether that is more than {margin}."
        )
        needed = _more_answers(numbers)
    else:
        why = (
            numbers.reasons[0]
            if numbers.reasons
            else "the range over what cannot be seen is wider than the margin"
        )
        weighted = numbers.weighted
        known = (
            f"Weighted to everyone invited it would be {say.value(weighted.value)}, not {published}; but "
            if weighted is not None and abs(weighted.value - numbers.published.value) > chosen.margin
            else f"Weighting leaves the published {published} as it is; but "
            if weighted is not None and say.value(weighted.value) == published
            else f"Weighting moves the published {published} to {say.value(weighted.value)}; but "
            if weighted is not None
            else ""
        )
        text = capitalised(f"{known}{why}, so how far those who stayed silent differ cannot be told.")
        needed = _needed(numbers)
    where = {
        Verdict.MATERIAL: f"lies wholly beyond the {margin}",
        Verdict.NEGLIGIBLE: f"lies wholly within the {margin}",
        Verdict.INCONCLUSIVE: f"lies partly within and partly beyond the {margin}",
        Verdict.NOT_ANSWERABLE: f"was to be held against the {margin}",
    }[numbers.verdict]
    checks = (
        "and every check of that range holds"
        if numbers.unseen is not None and numbers.unseen.trusted
        else "but " + join_words(numbers.reasons[:2])
        if numbers.reasons
        else ""
    )
    return _finding(
        numbers,
        text,
        "The bias from “the customer list explains who answers” to “satisfaction alone does”, sampling error "
        f"included ({span}), {where} set as the smallest difference that matters{', ' + checks if checks else ''}.",
        needed=needed,
        value=(first + last) / 2,
        low=region.low,
        high=region.high,
        assumption_low=first,
        assumption_high=last,
    )


def _between(say: Speech, small: float, large: float) -> str:
    """A range of sizes as a sentence has it.

    >>> from cxstats.metrics import NPS
    >>> _between(Speech(NPS), 10.7, 22.4), _between(Speech(NPS), 10.7, 11.2)
    ('between 11 and 22 points', 'about 11 points')
    """
    digits = say.gap_digits
    if round(small, digits) == round(large, digits):
        return f"about {say.rough_gap(small)}"
    return f"between {number(small, digits)} and {number(large, digits)} {say.gap_unit}"


def _off(say: Speech, low: float, high: float) -> str:
    return f"anything from {say.gap_span(low, high, 0)}"


def _more_answers(numbers: Numbers) -> str:
    region, margin = numbers.region, numbers.settings.margin
    first, last = region.assumption
    room = min(abs(abs(edge) - margin) for edge in (first, last))
    reach = max(region.high - last, first - region.low)
    if room < margin / 50 or reach <= 0:
        return "Many more answers: the bias lies next to the margin."
    factor = max((reach / room) ** 2, 1.1)
    return f"About {count(_two_digits(numbers.n * factor))} answers at this response rate, if the bias is what it seems."


def _two_digits(n: float) -> float:
    """Rounded up to two digits that count."""
    step = 10 ** max(math.floor(math.log10(max(n, 1))) - 1, 0)
    return math.ceil(n / step) * step


def _needed(numbers: Numbers) -> str:
    plan, say = numbers.plan, Speech(numbers.metric)
    if plan is None:
        return (
            "A follow-up of a random part of those who stayed silent, or a few facts known of everyone before the "
            "invitation."
        )
    return (
        f"A follow-up: answers from {count(_two_digits(plan.n))} customers drawn at random from those who stayed "
        f"silent would tell the score of everyone to within {say.rough_gap(plan.precision, 0)}, whatever decides "
        "who answers, if all who are drawn reply."
    )


def _who(numbers: Numbers) -> str:
    """Who answers least, in a sentence; nothing where no group stands out."""
    least = least_answering(numbers)
    if not least:
        return ""
    return f"{join_words([_group_words(t, r) for t, r in least])} answer least."


def _group_words(table: RateTable, rate: Rate) -> str:
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


# ---------------------------------------------------------------------------------- the page's frame


def n_text(numbers: Numbers) -> str:
    """Answers, of those invited where that is known."""
    if numbers.units is not None:
        return f"{count(numbers.units.n)} {numbers.units.noun}"
    if numbers.invited:
        return f"{count(numbers.n)} of {count(numbers.invited)} answered ({share(numbers.n / numbers.invited, 1)})"
    return plural(numbers.n, "answer")


def period(numbers: Numbers, survey: Survey) -> str:
    """The period reported on: the wave where there are waves."""
    return numbers.wave or survey.period_text


def as_of(survey: Survey) -> str:
    """The day of the latest answer, as printed; empty where the data has no day."""
    return date_text(survey.data_as_of) if survey.data_as_of else ""


def facts(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str, str], ...]:
    """(label, value, note) of the facts beside the answer."""
    say = Speech(numbers.metric)
    if numbers.units is not None:
        u = numbers.units
        return (
            (capitalised(u.noun), count(u.n), "used"),
            *((("Answers", count(u.completed), "in all of them"),) if u.completed else ()),
            ("Response rate", percent(float(u.rates.mean()), 1), "mean of the units"),
        )
    rows = [("Answers", count(numbers.n), numbers.wave)]
    if numbers.invited:
        rows.append(("Invited", count(numbers.invited), numbers.wave))
        of = "of everyone invited" + (", by design weights" if numbers.by_design else "")
        rows.append(("Response rate", share(numbers.rate, 1), of))
    if numbers.published is not None:
        p = numbers.published
        rows.append(
            ("Published score", f"{numbers.metric.short} {say.value(p.value, 1)}", say.span(p.low, p.high, 1))
        )
    if numbers.weighted is not None:
        w = numbers.weighted
        rows.append(
            ("Weighted to all", f"{numbers.metric.short} {say.value(w.value, 1)}", say.span(w.low, w.high, 1))
        )
    if survey.data_as_of:
        rows.append(("Data as of", as_of(survey), ""))
    return tuple(rows)


def main_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """At most five main points, the most useful to a decision first."""
    if numbers.units is not None:
        return _units_points(numbers)
    if numbers.published is None:
        return (
            MainPoint(
                number=count(numbers.n),
                interval="answer" if numbers.n == 1 else "answers",
                headline=f"With {plural(numbers.n, 'answer')} nothing can be said about {numbers.metric.short}",
                sentence=f"The report states numbers from {numbers.settings.smallest_group} answers on.",
            ),
        )
    points = [
        _weighted_point(numbers),
        _range_point(numbers),
        _who_point(numbers),
        _check_point(numbers),
        _plan_point(numbers),
    ]
    return tuple(point for point in points if point) or (_published_point(numbers),)


def _published_point(numbers: Numbers) -> MainPoint:
    say, p = Speech(numbers.metric), numbers.published
    return MainPoint(
        number=say.value(p.value, 1),
        interval=say.span(p.low, p.high, 1),
        headline=f"{numbers.metric.short} is {say.value(p.value)} among those who answered",
        sentence=f"From {plural(numbers.n, 'answer')}; the interval covers chance, not who chose to answer.",
        figure="ladder",
    )


def _weighted_point(numbers: Numbers) -> MainPoint | None:
    weighted = numbers.weighted
    if weighted is None:
        return None
    say = Speech(numbers.metric)
    now, before = say.value(weighted.value), say.value(numbers.published.value)
    headline = (
        f"Weighted to everyone invited, {numbers.metric.short} stays at {now}"
        if now == before
        else f"Weighted to everyone invited, {numbers.metric.short} is {now}, not {before}"
    )
    methods = _methods(numbers)
    apart = max(c.value for c in methods) - min(c.value for c in methods)
    return MainPoint(
        number=say.value(weighted.value, 1),
        interval=say.span(weighted.low, weighted.high, 1),
        headline=headline,
        sentence=(
            f"{capitalised(number_word(len(methods)))} methods agree to within {say.rough_gap(apart, 1)}. "
            if len(methods) > 1
            else ""
        )
        + "It assumes that people alike in what is known of them answer alike.",
        figure="strip",
    )


def _methods(numbers: Numbers) -> list[Choice]:
    """Choices of weights made from all facts."""
    return [c for c in numbers.choices if c.family == numbers.choices[0].family]


def _range_point(numbers: Numbers) -> MainPoint | None:
    region = numbers.region
    if region is None:
        if numbers.worst is None:
            return None
        say = Speech(numbers.metric)
        return MainPoint(
            number=say.span(*numbers.worst),
            interval="without any assumption",
            headline=f"Without any assumption, the silent {share(1 - numbers.rate)} leave {numbers.metric.short} "
            "this far open",
            sentence="The interval of the published score says nothing about them.",
            figure="ladder",
        )
    say, published = Speech(numbers.metric), numbers.published.value
    first, last = region.assumption
    low, high = published - last, published - first
    failed = [c for c in numbers.unseen.conditions if not c.holds] if numbers.unseen else []
    headline = (
        f"If satisfaction alone decides who answers, {numbers.metric.short} of everyone is about "
        f"{say.value(published - region.last)}"
    )
    sentence = (
        "Sampling error aside, the truth lies in this range if happier customers answer more, or less, at any strength."
        if not failed
        else f"The range cannot be relied on here: {failed[0].fails}."
    )
    return MainPoint(
        number=say.span(low, high),
        interval=say.span(
            min(max(published - region.high, numbers.metric.low), numbers.metric.high),
            min(max(published - region.low, numbers.metric.low), numbers.metric.high),
            1,
        )
        + " with sampling",
        headline=headline,
        sentence=sentence,
        figure="phi",
    )


def _who_point(numbers: Numbers) -> MainPoint | None:
    least = least_answering(numbers, 1)
    if not least:
        return None
    table, low = least[0]
    high = max(table.rows, key=lambda r: r.value)
    return MainPoint(
        number=percent(low.value, 1),
        interval=interval(low.low, low.high, "%"),
        headline=f"By {in_sentence(table.title)}, “{low.label}” answer least: {percent(low.value)} against "
        f"{percent(high.value)}",
        sentence=f"“{high.label}” answer most, {percent(high.value, 1)} ({interval(high.low, high.high, '%')}).",
        figure="rates",
    )


def _check_point(numbers: Numbers) -> MainPoint | None:
    check = _headline_check(numbers)
    if check is None:
        return None
    return MainPoint(
        number=f"{signed(check.gap, 1)} → {signed(check.gap_weighted, 1)}",
        interval="percentage points off, before and after weighting",
        headline=checks_headline(numbers),
        sentence=f"{check.label}: {percent(check.answers, 1)} of those who answered, {percent(check.weighted, 1)} "
        f"weighted, {percent(check.everyone, 1)} of everyone invited.",
        figure="checks",
    )


def _plan_point(numbers: Numbers) -> MainPoint | None:
    plan = numbers.plan
    if plan is None or numbers.follow_up is not None:
        return None
    say = Speech(numbers.metric)
    return MainPoint(
        number=count(_two_digits(plan.n)),
        interval="follow-up answers",
        headline=f"Answers from a random {count(_two_digits(plan.n))} of those who stayed silent would tell "
        f"{numbers.metric.short} of everyone to within {say.rough_gap(plan.precision)}",
        sentence="Whatever decides who answers, if all who are drawn reply. If only part of them do, what the rest "
        "would say stays open.",
        figure="plan",
    )


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What a reader needs to know before the evidence."""
    say, chosen = Speech(numbers.metric), numbers.settings
    when = f"wave {numbers.wave}" if numbers.wave else survey.period_text
    if numbers.units is not None:
        u = numbers.units
        return (
            (
                "What is compared",
                f"{count(u.n)} {u.noun}: the response rate of each with its score. Nothing is known of single people.",
            ),
            (
                "What would matter",
                f"A difference of {say.gap(chosen.margin)} or more, set before the analysis.",
            ),
            ("What this is not", "An estimate of bias. Places where more people answer differ in many ways."),
        )
    asked = f"{survey.population or 'Population not stated'}, {when}."
    asked += (
        f" {count(numbers.invited)} were invited."
        if numbers.invited
        else " Who was invited is not in the data."
    )
    known = (
        f"{capitalised(join_words([in_sentence(v) for v in numbers.variables]))}, answered or not; taken to be from "
        "before the invitation."
        if numbers.variables
        else "Nothing that can be used."
    )
    left = (
        " Left out: " + "; ".join(f"{title}, because {reason}" for title, reason in numbers.left_out) + "."
        if numbers.left_out
        else ""
    )
    return (
        ("Who was asked", asked),
        (
            "Who is in the score",
            f"{plural(numbers.n, 'answer')} to {numbers.metric.label}; every row that was set aside is [listed "
            "with its reason](#ledger).",
        ),
        ("What is known of everyone", known + left),
        ("What would matter", f"A difference of {say.gap(chosen.margin)} or more, set before the analysis."),
        (
            "What is assumed",
            "Nothing for the worst case; for weighting, that people of the same kind answer alike; for the range, "
            "that response rises or falls with satisfaction throughout. [What that leaves open](#limits).",
        ),
    )


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What this cannot tell."""
    metric = numbers.metric
    if numbers.units is not None:
        return (
            (
                "Whether those who did not answer differ.",
                "Units with more answers may have happier customers for reasons of their own. One row per "
                "invitation, with facts known of everyone, would tell more.",
            ),
            ("What single customers think.", "Only each unit’s shares are in the data."),
        )
    rows: list[tuple[str, str]] = []
    if numbers.region is not None:
        rows.append(
            (
                "Where in the range the score lies.",
                f"Only answers from people who stayed silent can say. {_needed(numbers)}",
            )
        )
        rows.append(
            (
                "Anything if both ends answer most, or the middle does.",
                "The range assumes that response rises or falls with satisfaction throughout. "
                + _conditions_text(numbers),
            )
        )
        rows.append(
            (
                "Anything if a fact and satisfaction pull opposite ways.",
                "Where a fact makes customers answer more while they score lower (a loyalty scheme that reminds its members, "
                "who are stricter), and happier customers answer more as well, the two hide each other. The range then misses "
                "the truth in about a third of such surveys, and no check here sees it; only a follow-up does.",
            )
        )
    elif numbers.invited is not None and numbers.published is not None and numbers.n < numbers.invited:
        rows.append(
            (
                "How those who stayed silent differ.",
                (f"{capitalised(numbers.reasons[0])}. " if numbers.reasons else "") + _needed(numbers),
            )
        )
    if numbers.invited is None:
        rows.append(
            (
                "Who did not answer.",
                "The data has answers only. Keep one row per invitation (`frame:` or `invited:` in survey.yml).",
            )
        )
    if numbers.coverage is None:
        rows.append(
            (
                "What people who were never invited think.",
                "Customers without an address, on a suppression list or too recently asked are in no row of this data.",
            )
        )
    rows.append(
        (
            "Whether the facts were dated before the invitation.",
            "A fact recorded after the invitation can be a consequence of it. `as_of:` in survey.yml states the "
            "date and has it checked.",
        )
    )
    if "part" not in survey.columns:
        rows.append(
            (
                "Whether someone answered twice.",
                "There is no customer column, so every invitation counts as another customer. Name it with `customer:`.",
            )
        )
    rows += [
        (f"What {in_sentence(title)} would change.", f"It was left out: {reason}.")
        for title, reason in numbers.left_out
    ]
    _ = metric
    return tuple(rows)


def _conditions_text(numbers: Numbers) -> str:
    if numbers.unseen is None:
        return "It could not be checked."
    said = [
        f"{c.condition}: {c.found}{'' if c.holds else ', which fails'}" for c in numbers.unseen.conditions
    ]
    return (
        f"The checks: {'; '.join(said)}. They see the shape of response only as far as the customer list foretells "
        "satisfaction."
    )


def method(numbers: Numbers, survey: Survey) -> tuple[str, ...]:
    """How the numbers were made."""
    chosen = numbers.settings
    if numbers.units is not None:
        return (
            "Weighted least squares of each unit’s score on its response rate, weighted by completed surveys"
            + (
                f", with {join_words([in_sentence(a) for a in numbers.units.adjusted])}"
                if numbers.units.adjusted
                else ""
            )
            + "; heteroskedasticity-robust standard errors (HC3). An association between units identifies no bias "
            "(Groves and Peytcheva 2008: response rate explains about a tenth of the variation of non-response "
            "bias between studies).",
        )
    said = [
        f"Estimand: the expected {numbers.metric.short} of those who answer minus that of everyone invited. "
        "Response rates: answers by everyone invited (AAPOR RR1), Wilson intervals. Propensity: logistic "
        "regression on the frame’s categories, main effects. R-indicator and partial indicators, bias-adjusted "
        "(Schouten, Cobben and Bethlehem 2009; Shlomo, Skinner and Schouten 2012). Data defect correlation: Meng "
        "2018.",
        "Weighting: calibration to the margins of everyone invited (Deville and Särndal 1992; raking, linear and "
        "bounded are one solver), inverse propensities, and a cross-fitted doubly robust estimate. Standard "
        f"errors of {FIT.get(numbers.main, 'the main weighting')} re-make the weights in every replicate "
        "of a delete-a-part jackknife over customers"
        + ("" if numbers.main == "doubly_robust" else "; those of other choices are linearised")
        + ".",
        "Range over φ: proxy pattern-mixture (Andridge and Little 2011; Little and others 2020; Andridge and "
        "others 2019), on one latent scale with the metric’s cut points, so that shares stay shares; φ = 0 is "
        "weighting, φ = 1 response by satisfaction alone. Uncertainty region: from the lowest to the "
        "highest limit of all two-sided intervals. Worst case: Manski 1989, with the interval of Imbens and Manski 2004. "
        "Follow-up: Hansen and Hurwitz 1946.",
    ]
    if numbers.notes:
        said.append(" ".join(numbers.notes))
    if numbers.reach is not None and numbers.reach.warnings:
        said.append(" ".join(numbers.reach.warnings))
    if chosen.smallest_group < 10:
        said.append(
            f"Groups are shown from {plural(chosen.smallest_group, 'answer')} on, fewer than the usual 10: the "
            "threshold was lowered for this report."
        )
    said.append(
        f"Verdict at {level_text(chosen.level)}, by a rule stated before any data: material where the whole region "
        "lies beyond the margin and the checks hold; negligible where it lies within, the checks hold, and the "
        "two-ended tipping curve agrees; otherwise this data cannot say, or there are too few answers."
    )
    return tuple(said)


# ---------------------------------------------------------------------------------- headlines of figures


def assumption_count(n: int) -> str:
    """How many assumptions a ladder has."""
    return f"{number_word(n)} assumption{'s' if n != 1 else ''}"


def worst_answers(metric: Metric) -> str:
    """The worst group of answers in the metric's words."""
    if metric.unit == "scale points":
        return "low answers"
    return metric.groups[0] if metric.groups else "the worst answers"


def worst_case_words(metric: Metric) -> str:
    """What the worst case supposes."""
    if metric.unit == "points" and metric.groups:
        return f"every silent customer is among the {metric.groups[0]}, or the {metric.groups[-1]}"
    return "every silent customer gives the lowest answer, or the highest"


def ladder_headline(numbers: Numbers) -> str:
    """What the ladder shows."""
    say, region = Speech(numbers.metric), numbers.region
    name, published = numbers.metric.short, say.value(numbers.published.value)
    if numbers.invited is None:
        return f"{name} is {published} among those who answered; who else was asked is not known"
    if numbers.n == numbers.invited:
        return f"Everyone invited answered: {name} is {published}"
    if numbers.follow_up is not None:
        return (
            f"With the follow-up, {name} of everyone is {say.value(numbers.follow_up.value)}; {published} was "
            "published"
        )
    if region is None:
        return f"Without an assumption, {name} of everyone invited could be {say.span(*numbers.worst)}"
    first = region.assumption[0]
    # with sampling error: what is claimed is a bound
    low, high = numbers.published.value - region.high, numbers.published.value - region.low
    if numbers.verdict is Verdict.MATERIAL:
        bound = "most" if first > 0 else "least"
        nearest = say.value(high if first > 0 else low)
        return f"Among everyone invited {name} is at {bound} about {nearest}, not the published {published}"
    if numbers.verdict is Verdict.NEGLIGIBLE:
        return (
            f"Among everyone invited {name} stays within {say.gap(numbers.settings.margin)} of the published "
            f"{published}"
        )
    if numbers.verdict is Verdict.INCONCLUSIVE:
        return f"Chance leaves open whether {name} of everyone lies near the published {published}"
    return f"Whether {name} of everyone lies near the published {published} cannot be told from this data"


def ladder_note(numbers: Numbers) -> str:
    """What stands under the ladder's table."""
    if numbers.unseen is None:
        return ""
    return _conditions_text(numbers)


def stages_headline(numbers: Numbers) -> str:
    """Where most invitations were lost."""
    stages = numbers.stages
    lost = [(a.n - b.n, a, b) for a, b in pairwise(stages)]
    if not lost:
        return f"{share(numbers.rate, 1)} of those invited answered"
    _, before, after = max(lost, key=lambda item: item[0])
    return (
        f"Most are lost between “{in_sentence(before.label)}” and “{in_sentence(after.label)}”: "
        f"{percent(before.value)} get to the one, {percent(after.value)} to the other"
    )


def rates_headline(numbers: Numbers) -> str:
    """Who answers least."""
    least = least_answering(numbers)
    if not least:
        return "No group answers clearly less than the others"
    names = join_words([f"{_group_words(t, r)} ({percent(r.value)})" for t, r in least])
    return f"{names} answer least; of everyone invited {percent(100 * numbers.rate)} do"


def partials_headline(numbers: Numbers) -> str:
    """Which fact decides most who answers."""
    reach, say = numbers.reach, Speech(numbers.metric)
    strongest = max(reach.partials, key=lambda p: p.conditional)
    first = f"{strongest.title} goes most with who answers"
    if not reach.largest > 0:
        return first
    return f"{first}; what the list shows could move a score by up to {say.rough_gap(reach.largest)}"


def balance_headline(numbers: Numbers) -> str:
    """What weighting does to the mix."""
    before = [row for row in numbers.balance if abs(row.difference) > HARMLESS]
    after = [row for row in numbers.balance if abs(row.difference_weighted) > HARMLESS]
    if not before:
        return "Those who answered are a mix much like everyone invited, in what the list knows"
    if not after:
        return (
            f"{capitalised(number_word(len(before)))} {'kind' if len(before) == 1 else 'kinds'} of customer are "
            f"off balance; weighting repairs {'it' if len(before) == 1 else 'all of them'}"
        )
    return (
        f"{capitalised(number_word(len(before)))} kinds of customer are off balance; after weighting "
        f"{number_word(len(after))} still are"
    )


def strip_headline(numbers: Numbers) -> str:
    """Whether the choice of weights matters: of the method, and of the facts."""
    say, weighted = Speech(numbers.metric), numbers.weighted
    methods = _methods(numbers)
    low, high = min(c.value for c in methods), max(c.value for c in methods)
    first = (
        f"Every method gives {say.value(weighted.value)}"
        if say.value(low) == say.value(high)
        else f"Methods give {say.span(low, high)}"
    )
    others = [c for c in numbers.choices if c not in methods]
    if not others:
        return f"{first} from all that is known"
    farthest = max(others, key=lambda c: abs(c.value - weighted.value))
    moved = abs(farthest.value - weighted.value)
    matters = "more than would matter" if moved > numbers.settings.margin else "less than would matter"
    return f"{first}; {_fewer_words(farthest.label)} it moves by {say.rough_gap(moved)}, {matters}"


def _fewer_words(label: str) -> str:
    """A choice without one fact, inside a sentence."""
    return f"without {in_sentence(label.removeprefix('without '))}" if label.startswith("without ") else label


def _headline_check(numbers: Numbers) -> Check | None:
    if not numbers.checks:
        return None
    wanted = [c for c in numbers.checks if c.name == numbers.settings.benchmark]
    return wanted[0] if wanted else max(numbers.checks, key=lambda c: abs(c.gap))


def checks_headline(numbers: Numbers) -> str:
    """What weighting does to what it was not shown."""
    first = _headline_check(numbers)
    told = [
        _repair_words(c)
        for c in (first, *(c for c in numbers.checks if c is not first))
        if c.repaired is not None
    ]
    if not told:
        what = f"“{in_sentence(first.label)}”"
        return f"In {what}, which no weight was made from, those who answered are like everyone, as far as can be told"
    return f"Weighting removes {join_words(told[:2])}"


def _repair_words(check: Check) -> str:
    steps = (
        (0.9, "nearly all"),
        (0.65, "about three quarters"),
        (0.4, "about half"),
        (0.25, "about a third"),
        (0.1, "a little"),
    )
    if check.repaired < -0.1:
        return f"nothing of the gap in “{in_sentence(check.label)}”, which grows"
    part = next((text for least, text in steps if check.repaired > least), "nothing")
    return f"{part} of the gap in “{in_sentence(check.label)}”"


def defect_words(numbers: Numbers) -> str:
    """How good a random sample the answers are, in a sentence; empty where no error exceeds chance."""
    found = [d for d in numbers.defects if d.effective is not None and d.wave in ("", numbers.wave)]
    if not found:
        return ""
    worst = min(found, key=lambda d: d.effective)
    return (
        f"**{count(worst.n)} answers are not {count(worst.n)} random answers.** They know "
        f"“{in_sentence(worst.label)}” as well as a random sample of {count(worst.effective)} "
        f"({count(worst.effective_low)} to {count(worst.effective_high)})."
    )


def proxy_headline(numbers: Numbers) -> str:
    """Whether response rises or falls with the foretold score."""
    unseen, name = numbers.unseen, numbers.metric.short
    monotone = next((c for c in unseen.conditions if c.key == "monotone"), None)
    first, last = unseen.deciles[0], unseen.deciles[-1]
    if monotone is not None and not monotone.holds:
        return f"Response neither rises nor falls throughout with the {name} that is foretold"
    if last.low > first.high or first.low > last.high:
        more = "likelier" if last.low > first.high else "less likely"
        return (
            f"The higher the foretold {name}, the {more} an answer: {percent(first.value)} in the lowest tenth, "
            f"{percent(last.value)} in the highest"
        )
    return f"Whether response depends on the foretold {name} cannot be told apart from chance"


def phi_headline(numbers: Numbers) -> str:
    """How the bias depends on what cannot be seen."""
    say, region, margin = Speech(numbers.metric), numbers.region, numbers.settings.margin
    first, last = region.assumption
    if first > margin or last < -margin:
        side = min(abs(first), abs(last))
        return (
            f"Anywhere in this range the published score is {say.rough_gap(side, edge=margin)} or more too "
            f"{'high' if first > 0 else 'low'}"
        )
    if -margin <= first and last <= margin:
        most = max(abs(first), abs(last))
        return (
            f"Anywhere in this range the published score is off by {say.rough_gap(most, edge=margin)} at most"
        )
    return "Whether the bias matters depends on what the customer list cannot show"


def tipping_words(numbers: Numbers) -> tuple[str, str]:
    """Names of the two tipping curves."""
    bad = worst_answers(numbers.metric)
    return f"more {bad} among the silent", "more of both ends among the silent"


def tipping_headline(numbers: Numbers) -> str:
    """How different the silent need be for it to matter."""
    tipping, say = numbers.tipping, Speech(numbers.metric)
    bad = worst_answers(numbers.metric)
    if tipping.at_margin is None:
        return f"However many {bad} there are among the silent, the score stays within {say.gap(numbers.settings.margin)}"
    if tipping.at_margin <= 1:
        return (
            "Even if the silent answered like people of their kind, the score would be off by "
            f"{say.gap(numbers.settings.margin)} or more"
        )
    return (
        f"If the odds of {bad} are {number(tipping.at_margin, 1)} times as high among the silent, the score is off "
        f"by {say.gap(numbers.settings.margin)}"
    )


def tipping_note(numbers: Numbers) -> str:
    """What the two-ended curve says."""
    tipping = numbers.tipping
    low, high = tipping.ends_at_margin
    said = "The second curve multiplies the odds of both ends of the scale against the middle. "
    if low is not None or high is not None:
        said += (
            "It reaches the margin at "
            f"{join_words([f'× {number(x, 2)}' for x in (low, high) if x is not None], 'and')}. "
        )
    if tipping.supported is not None:
        a, b = tipping.supported
        said += (
            f"As the customer list foretells satisfaction, both ends’ odds may lie from × {number(a, 2)} to × "
            f"{number(b, 2)}: "
        )
        crossed = any(x is not None and a <= x <= b for x in (low, high))
        said += (
            "the bias is within the margin throughout."
            if tipping.agrees
            else "part of that lies within the margin, part beyond."
            if crossed
            else "the bias is beyond the margin throughout."
        )
    return said.strip()


def robustness_headline(numbers: Numbers) -> str:
    """How strong an unknown fact would have to be."""
    found, margin, say = numbers.robustness, numbers.settings.margin, Speech(numbers.metric)
    strongest = max(found.benchmarks, key=lambda b: abs(b[1]))
    if abs(strongest[1]) > margin:
        return (
            f"An unknown fact as telling as {in_sentence(strongest[0])} would move the weighted score by more than "
            f"{say.gap(margin)}"
        )
    return (
        "An unknown fact as telling as any at hand would move the weighted score by "
        f"{say.rough_gap(abs(strongest[1]), 1)} at most"
    )


def instrument_headline(numbers: Numbers) -> str:
    """What harder asking shows."""
    found, say = numbers.instruments[0], Speech(numbers.metric)
    if found.low <= 0 <= found.high:
        return (
            f"The score differs by no more than chance explains between “{found.arms[0][0]}” and "
            f"“{found.arms[-1][0]}” in {in_sentence(found.title)} ({say.gap_span(found.low, found.high)})"
        )
    lower = "lower" if found.difference < 0 else "higher"
    return (
        f"In {in_sentence(found.title)}, “{found.arms[-1][0]}” has a {lower} score than “{found.arms[0][0]}”: "
        f"{say.gap_span(found.low, found.high)}"
    )


def instrument_note(numbers: Numbers, found: Instrument) -> str:
    """What the contrast of arms can say."""
    say = Speech(numbers.metric)
    how = (
        "set at random" if found.randomised else "not set at random, so the arms may differ for other reasons"
    )
    said = (
        f"{found.title}: {how}. Last arm minus first: {say.gap_span(found.low, found.high)} (p = "
        f"{number(found.p_value, 3)}). "
    )
    said += (
        "The arms differ by all who answer in them, of whom only a part came for the nudge: a difference shows that "
        "response goes with satisfaction; none does not show that it does not."
        if found.randomised
        else "So no difference between them, and no likeness, shows anything of who answers."
    )
    return " ".join([said, *found.notes])


def selection_words(numbers: Numbers) -> str:
    """What a selection model makes of a randomised nudge; empty where there is none."""
    say = Speech(numbers.metric)
    models = [(found.title, found.model) for found in numbers.instruments if found.model is not None]
    if not models:
        return ""
    title, model = models[0]
    return (
        f"**A model that uses the randomised {in_sentence(title)}** (normal selection) puts {numbers.metric.short} "
        f"of everyone at {say.value(model.everyone)}, anywhere from {say.span(model.low, model.high)}. It stands "
        f"on a bell curve as much as on the {in_sentence(title)}; the verdict does not use it."
    )


def early_headline(numbers: Numbers) -> str:
    """Whether late answers differ."""
    found, say = numbers.early_late, Speech(numbers.metric)
    if found.trend_low <= 0 <= found.trend_high:
        return "From early answers to late ones the score shows no trend; that says little of those who never answered"
    moves = "falls" if found.trend < 0 else "rises"
    return (
        f"From early answers to late ones the score {moves} ({_clear_of_zero(say, found.trend_low, found.trend_high)} a "
        "step); those who never answered may differ more, or less"
    )


def _clear_of_zero(say: Speech, low: float, high: float) -> str:
    """An interval that excludes 0, with digits that show it.

    >>> from cxstats.metrics import NPS
    >>> _clear_of_zero(Speech(NPS), 0.03, 2.7)
    '+0.03 to +2.70 points'
    """
    fine = 2 if 0 in (round(low, say.gap_digits + 1), round(high, say.gap_digits + 1)) else 1
    return say.gap_span(low, high, fine)


def plan_headline(numbers: Numbers) -> str:
    """What a follow-up takes."""
    plan, say = numbers.plan, Speech(numbers.metric)
    return (
        f"{count(_two_digits(plan.n))} answers from people who stayed silent would tell the score of everyone to "
        f"within {say.rough_gap(plan.precision)}"
    )


def plan_note(numbers: Numbers) -> str:
    """What the plan assumes."""
    plan, say = numbers.plan, Speech(numbers.metric)
    said = (
        "Planned for the largest spread that answers can have, because nothing is known of the silent (Hansen and "
        "Hurwitz 1946). "
    )
    if plan.drawn is not None:
        said += (
            f"If {share(plan.rate_assumed)} of those drawn answer, {count(_two_digits(plan.drawn))} have to be "
            f"drawn, and what the others would have said still leaves {say.gap(round(plan.unbounded, 1))} open "
            "either way: raising the share that answers is worth more than a larger number."
        )
    return said


# ---------------------------------------------------------------------------------- one row per unit


def _units_answer(numbers: Numbers) -> Finding:
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


def _units_points(numbers: Numbers) -> tuple[MainPoint, ...]:
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
                sentence="; ".join(f"{why}: {count(n)}" for why, n in u.left_out) + ".",
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
    said = [f"{why}: {count(n)}." for why, n in u.left_out]
    if u.few:
        said.append(
            f"{count(u.few)} {u.noun} state only that their number of answers is small; they count with the lowest "
            "weight."
        )
    return " ".join(said)


def section_notes(numbers: Numbers) -> dict[str, str]:
    """A sentence or two below a section's figures."""
    notes = {}
    said = []
    if numbers.by_design and numbers.stages:
        said.append("Numbers of customers are as counted; shares of them are by design weights.")
    if numbers.follow_up is not None and len(numbers.stages) > 2:
        said.append(
            "Stages before the answer may belong to the follow-up where it wrote to the customer again: one row holds both."
        )
    if said:
        notes["response"] = " ".join(said)
    if numbers.reach is not None:
        say = Speech(numbers.metric)
        notes["who"] = (
            "**What this can and cannot bound.** If answering followed these facts and nothing else, no score "
            f"could be off by more than {say.rough_gap(numbers.reach.largest, 1)}. What they do not show is in the "
            "sections below."
        )
    if words := selection_words(numbers):
        notes["instrument"] = words
    if words := defect_words(numbers):
        notes["benchmark"] = words
    return notes

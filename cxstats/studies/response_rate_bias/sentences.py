"""What the response-rate report says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.findings import MainPoint
from cxstats.studies.response_rate_bias.flag_words import flag_limit, flag_method, flag_need, flag_points
from cxstats.studies.response_rate_bias.headlines import checks_headline, defect_words, selection_words
from cxstats.studies.response_rate_bias.numbers import Numbers
from cxstats.studies.response_rate_bias.phrases import (
    FIT,
    conditions_text,
    headline_check,
    least_answering,
    methods_of,
    two_digits,
    what_is_needed,
)
from cxstats.studies.response_rate_bias.unit_words import units_points
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import (
    capitalised,
    count,
    date_text,
    interval,
    join_words,
    level_text,
    number_word,
    percent,
    plural,
    share,
    signed,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey


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
        return units_points(numbers)
    if numbers.flag:
        return flag_points(numbers)
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
    methods = methods_of(numbers)
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
    check = headline_check(numbers)
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
        number=count(two_digits(plan.n)),
        interval="follow-up answers",
        headline=f"Answers from a random {count(two_digits(plan.n))} of those who stayed silent would tell "
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
    if numbers.flag:
        return flag_need(numbers, asked, known + left)
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
    if numbers.units is not None:
        return (
            (
                "Whether those who did not answer differ.",
                "Units with more answers may have happier customers for reasons of their own. One row per "
                "invitation, with facts known of everyone, would tell more.",
            ),
            ("What single customers think.", "Only each unit’s shares are in the data."),
        )
    rows: list[tuple[str, str]] = [flag_limit(numbers)] if numbers.flag else []
    if numbers.region is not None:
        rows.append(
            (
                "Where in the range the score lies.",
                f"Only answers from people who stayed silent can say. {what_is_needed(numbers)}",
            )
        )
        rows.append(
            (
                "Anything if both ends answer most, or the middle does.",
                "The range assumes that response rises or falls with satisfaction throughout. "
                + conditions_text(numbers),
            )
        )
        rows.append(
            (
                "Anything if a fact and satisfaction pull opposite ways.",
                "Where a fact makes customers answer more while they score lower (a loyalty scheme that reminds its "
                "members, who are stricter), and happier customers answer more as well, the two hide each other. The range "
                "then misses the truth in about a third of such surveys, and no check here sees it; only a follow-up does.",
            )
        )
    elif numbers.invited is not None and numbers.published is not None and numbers.n < numbers.invited:
        rows.append(
            (
                "How those who stayed silent differ.",
                (f"{capitalised(numbers.reasons[0])}. " if numbers.reasons else "") + what_is_needed(numbers),
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
    return tuple(rows)


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
    said = (
        [flag_method(numbers)]
        if numbers.flag
        else [
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
            "highest limit of all two-sided intervals. Worst case: Manski 1989, with the interval of Imbens and Manski "
            "2004. Follow-up: Hansen and Hurwitz 1946.",
        ]
    )
    if numbers.notes:
        said.append(" ".join(numbers.notes))
    if numbers.reach is not None and numbers.reach.warnings:
        said.append(" ".join(numbers.reach.warnings))
    if chosen.smallest_group < 10:
        said.append(
            f"Groups are shown from {plural(chosen.smallest_group, 'answer')} on, fewer than the usual 10: the "
            "threshold was lowered for this report."
        )
    if numbers.flag:
        return tuple(said)
    said.append(
        f"Verdict at {level_text(chosen.level)}, by a rule stated before any data: material where the whole region "
        "lies beyond the margin and the checks hold; negligible where it lies within, the checks hold, and the "
        "two-ended tipping curve agrees; otherwise this data cannot say, or there are too few answers."
    )
    return tuple(said)


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
    # where all answers are alike the facts can move nothing, which bounds nothing
    if numbers.reach is not None and numbers.reach.largest > 0:
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

"""The answer of the response-rate report, in words that claim no more than its verdict."""

from __future__ import annotations

from cxstats.findings import Finding, Verdict
from cxstats.studies.response_rate_bias.flag_words import flag_answer
from cxstats.studies.response_rate_bias.numbers import Numbers
from cxstats.studies.response_rate_bias.phrases import (
    group_words,
    least_answering,
    question,
    two_digits,
    what_is_needed,
)
from cxstats.studies.response_rate_bias.unit_words import units_answer
from cxstats.studies.speech import Speech
from cxstats.words import capitalised, count, join_words, level_text, number, plural


def answer(numbers: Numbers) -> Finding:
    """The headline finding."""
    if numbers.units is not None:
        return units_answer(numbers)
    if numbers.flag:
        return flag_answer(numbers)
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
        needed=what_is_needed(numbers),
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
        needed=what_is_needed(numbers)
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
        needed = what_is_needed(numbers)
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
    return f"About {count(two_digits(numbers.n * factor))} answers at this response rate, if the bias is what it seems."


def _who(numbers: Numbers) -> str:
    """Who answers least, in a sentence; nothing where no group stands out."""
    least = least_answering(numbers)
    if not least:
        return ""
    return f"{join_words([group_words(t, r) for t, r in least])} answer least."

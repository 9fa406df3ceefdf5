"""The findings in words: each pair's question, answer, rule and what would settle it."""

from __future__ import annotations

from cxstats.findings import Finding, Verdict
from cxstats.studies.extreme_response_bias.gaps import FEWEST, HIDDEN
from cxstats.studies.extreme_response_bias.numbers import Numbers, Pair
from cxstats.studies.extreme_response_bias.phrases import (
    from_to,
    gap_words,
    margin_text,
    neutral_text,
    range_words,
    steps_text,
    style_share_text,
)
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import (
    count,
    join_words,
    level_text,
    share,
)

__all__ = ["findings"]


def findings(numbers: Numbers) -> tuple[Finding, ...]:
    """One finding per group compared with the reference, the headline first."""
    if not numbers.pairs:
        return (_nothing(numbers),)
    first = numbers.main
    return tuple(
        _finding(numbers, pair) for pair in (first, *(p for p in numbers.pairs if p.label != first.label))
    )


def _nothing(numbers: Numbers) -> Finding:
    metric = numbers.metric
    title = in_sentence(numbers.group_title)
    least = numbers.settings.smallest_group
    return Finding(
        question=f"Can {metric.short} be compared between groups of {title}?",
        verdict=Verdict.NOT_ANSWERABLE,
        answer=f"This survey has no two groups of {title} to compare. {numbers.why}".strip(),
        rule=f"Nothing is compared between groups of fewer than {least} answers.",
        margin=numbers.settings.margin,
        unit=Speech(metric).gap_unit,
        needed=f"Two groups with {least} answers each, and {FEWEST} for their spread to be estimated.",
    )


def _question(numbers: Numbers, pair: Pair) -> str:
    return (
        f"Does {pair.label} differ from {numbers.reference} by {margin_text(numbers)} or more in {numbers.metric.short}, "
        "whatever part of their difference in spread is scale use?"
    )


def _finding(numbers: Numbers, pair: Pair) -> Finding:
    metric, chosen, ref = numbers.metric, numbers.settings, numbers.reference
    say = Speech(metric)
    if pair.anchored is not None:
        return _anchored(numbers, pair)
    if not pair.fitted:
        return Finding(
            question=_question(numbers, pair),
            verdict=pair.verdict,
            answer=f"{pair.label} is {gap_words(numbers, pair.raw.value, ref)} as measured. {pair.why}",
            rule=f"A group's spread is estimated from {FEWEST} answers on, in three categories or more.",
            margin=chosen.margin,
            unit=say.gap_unit,
            effect=f"{metric.short} of {pair.label} against {ref}",
            needed=f"{FEWEST} answers or more in each group, spread over the scale. A longer scale, or vignettes, "
            "where nearly everybody gives the same answer.",
        )
    styled = pair.styled
    span = say.gap_span(styled.region_low, styled.region_high, edge=chosen.margin)
    together = f", {count(numbers.n_compared)} comparisons together" if numbers.n_compared > 1 else ""
    return Finding(
        question=_question(numbers, pair),
        verdict=pair.verdict,
        answer=_answer(numbers, pair),
        rule=f"With {steps_text(numbers, pair)}, {style_share_text(numbers)} of the difference in spread counted as "
        f"scale use (and {share(HIDDEN - 1)} beyond, for people who differ within a group), and "
        f"{neutral_text(numbers)} as the scale’s neutral point, the {level_text(chosen.level)} region"
        f"{together}, is {span}: {_where(numbers, pair)} the {margin_text(numbers)} set as the smallest difference that "
        "matters.",
        margin=chosen.margin,
        unit=say.gap_unit,
        # a range over assumptions has no value of its own: one end of it would be taken for the answer
        low=styled.region_low,
        high=styled.region_high,
        assumption_low=styled.low,
        assumption_high=styled.high,
        effect=f"{metric.short} of {pair.label} minus {ref}",
        needed=_needed(numbers, pair),
    )


def _anchored(numbers: Numbers, pair: Pair) -> Finding:
    """What the vignettes say of a pair."""
    metric, chosen, ref, gap = numbers.metric, numbers.settings, numbers.reference, pair.anchored
    say, margin = Speech(metric), margin_text(numbers)
    span = say.gap_span(gap.low, gap.high, edge=chosen.margin)
    here, raw = gap_words(numbers, gap.value, ref), gap_words(numbers, pair.raw.value, ref)
    measured = f"As measured it is {raw}."
    if gap.value * pair.raw.value < 0 and pair.verdict is Verdict.MATERIAL:
        measured = f"As measured it is {raw}: the order turns round."
    text = {
        Verdict.MATERIAL: f"Judged by the stories that everybody rated, {pair.label} is {here}, beyond the "
        f"{say.that_matter(chosen.margin)}. {measured}",
        Verdict.NEGLIGIBLE: f"Judged by the stories that everybody rated, {pair.label} and {ref} are less than "
        f"{margin} apart. {measured}",
        Verdict.INCONCLUSIVE: f"Judged by the stories that everybody rated, {pair.label} is {here}, but with chance "
        f"it could be anywhere from {from_to(numbers, gap.low, gap.high)}. {measured}",
    }[pair.verdict]
    together = f", {count(len(numbers.pairs))} comparisons together" if len(numbers.pairs) > 1 else ""
    return Finding(
        question=f"Does {pair.label} differ from {ref} by {margin} or more in {metric.short}, if both are held to "
        "the same "
        "stories?",
        verdict=pair.verdict,
        answer=text,
        rule=f"Everybody rated the same stories, so what differs there is scale use, leniency included. With {ref}’s "
        f"thresholds and {steps_text(numbers, pair)}, the {level_text(chosen.level)} interval{together} is {span}: "
        f"{_where(numbers, pair)} the {margin} set as the "
        "smallest difference that matters.",
        margin=chosen.margin,
        unit=say.gap_unit,
        value=gap.value,
        low=gap.low,
        high=gap.high,
        effect=f"{metric.short} of {pair.label} minus {ref}, by the stories",
        needed="More people who rate the stories." if pair.verdict is Verdict.INCONCLUSIVE else None,
    )


def _where(numbers: Numbers, pair: Pair) -> str:
    return {
        Verdict.NEGLIGIBLE: "wholly within",
        Verdict.MATERIAL: "wholly beyond",
        Verdict.INCONCLUSIVE: "on both sides of",
        Verdict.NOT_ANSWERABLE: "on both sides of",
    }[pair.verdict]


def _answer(numbers: Numbers, pair: Pair) -> str:
    ref, styled, margin = numbers.reference, pair.styled, margin_text(numbers)
    ranged = range_words(numbers, styled.low, styled.high, ref)
    raw = gap_words(numbers, pair.raw.value, ref)
    if pair.verdict is Verdict.MATERIAL:
        return (
            f"{pair.label} is {ranged}, depending on how much of the difference in spread is scale use: beyond the "
            f"{Speech(numbers.metric).that_matter(numbers.settings.margin)} in every case, chance included. "
            f"As measured it is {raw}."
        )
    if pair.verdict is Verdict.NEGLIGIBLE:
        return (
            f"{pair.label} and {ref} can be called alike: whatever part of their difference in spread is scale use, "
            "they "
            f"are less than {margin} apart."
        )
    if pair.verdict is Verdict.INCONCLUSIVE:
        return (
            f"{pair.label} could be anywhere from {from_to(numbers, styled.region_low, styled.region_high)} {ref} once "
            f"scale use and chance are allowed for, so whether it differs by {margin} is open. As measured it is {raw}."
        )
    return (
        f"{pair.label} is {raw} as measured, but {ranged} depending on how much of the difference in spread is scale "
        f"use. Whether that is {margin} or more, these answers alone cannot tell."
    )


def _needed(numbers: Numbers, pair: Pair) -> str | None:
    if pair.verdict is Verdict.INCONCLUSIVE:
        if pair.needed is None:
            return "Many more answers, or a narrower range for scale use: the gap lies next to the margin."
        return f"If the estimates stay what they are, about {count(_rounded(pair.needed))} answers in all groups together."
    if pair.verdict is Verdict.NOT_ANSWERABLE:
        if numbers.designs:
            names = join_words([in_sentence(design.name) for design in numbers.designs])
            return (
                "Knowing what part of the difference in spread is scale use. This survey holds evidence on it "
                f"({names}); "
                "if you accept it, set `style_share` to what it supports. Anchoring vignettes would settle more."
            )
        return (
            "Knowing what part of the difference in spread is scale use: two anchoring vignettes, or ten statements on "
            "other topics, asked of some 300 people in each group."
        )
    return None


def _rounded(n: int) -> int:
    """To two digits: the number is a rough one."""
    size = 10 ** max(len(str(n)) - 2, 0)
    return -(-n // size) * size

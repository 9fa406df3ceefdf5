"""What the report says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.studies.extreme_response_bias.gaps import HIDDEN, LENIENCY, PEOPLE
from cxstats.studies.extreme_response_bias.notes import notes
from cxstats.studies.extreme_response_bias.numbers import Numbers
from cxstats.studies.extreme_response_bias.phrases import (
    margin_text,
    neutral_text,
    style_share_text,
)
from cxstats.studies.extreme_response_bias.points import main_points
from cxstats.studies.extreme_response_bias.study import SMALLEST_GROUP
from cxstats.studies.extreme_response_bias.verdict_words import findings
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import (
    capitalised,
    count,
    date_text,
    level_text,
    number,
    plural,
    share,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "as_of",
    "facts",
    "findings",
    "limits",
    "main_points",
    "method",
    "n_text",
    "need_to_know",
    "notes",
    "period",
]


def n_text(numbers: Numbers) -> str:
    """Answers, of those invited where that is known."""
    if numbers.invited:
        return f"{count(numbers.n)} of {count(numbers.invited)} answered ({share(numbers.n / numbers.invited, 1)})"
    return plural(numbers.n, "answer")


def period(numbers: Numbers, survey: Survey) -> str:
    """The period reported on: the wave where one was asked for, all waves otherwise."""
    if numbers.settings.wave:
        return numbers.settings.wave
    if len(numbers.waves) > 1:
        return f"{numbers.waves[0]} to {numbers.waves[-1]}"
    return survey.period_text


def as_of(survey: Survey) -> str:
    """The day of the latest answer, as printed; empty where the data has no day."""
    return date_text(survey.data_as_of) if survey.data_as_of else ""


def facts(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str, str], ...]:
    """(label, value, note) of the facts beside the answer."""
    rows = [("Answers", count(numbers.n), "")]
    if numbers.invited:
        rows.append(("Invited", count(numbers.invited), ""))
        rows.append(("Response rate", share(numbers.n / numbers.invited, 1), "of everyone invited"))
    if numbers.groups:
        sizes = [n for _, n, _ in numbers.groups]
        rows.append(
            ("Groups compared", count(len(sizes)), f"{count(min(sizes))} to {count(max(sizes))} answers each")
        )
        say = Speech(numbers.metric)
        own = next(e for label, _, e in numbers.groups if label == numbers.reference)
        rows.append(("Compared with", numbers.reference, f"{numbers.metric.short} {say.value(own.value, 1)}"))
    if survey.data_as_of:
        rows.append(("Data as of", as_of(survey), ""))
    return tuple(rows[:6])


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What a reader needs to know before the evidence."""
    asked = f"{survey.population or 'Population not stated'}, {period(numbers, survey)}."
    asked += (
        f" {count(numbers.invited)} were invited."
        if numbers.invited
        else " Who was invited is not in the data."
    )
    level = f"{100 * numbers.settings.level:.10g}"
    return (
        ("Who was asked", asked),
        (
            "What is compared",
            f"{capitalised(numbers.metric.short)} by {in_sentence(numbers.group_title)}, each with "
            f"{numbers.reference or 'a reference group'}, from {plural(numbers.n, 'answer')}; every row that was set "
            "aside "
            "is [listed with its reason](#ledger).",
        ),
        ("What would matter", f"A difference of {margin_text(numbers)} or more, set before the analysis."),
        ("What is assumed", f"{_assumed(numbers)} [What that leaves open](#limits)."),
        (
            "What “interval” means",
            f"Where the value plausibly lies. All comparisons hold together: in {level} of 100 surveys like this one "
            "none "
            "of their intervals misses.",
        ),
    )


def _assumed(numbers: Numbers) -> str:
    spread = (
        f"Of the difference in how widely two groups spread their answers, {style_share_text(numbers)} may be scale use, "
        f"around a neutral point of {neutral_text(numbers)}."
    )
    anchored = [pair.anchored is not None for pair in numbers.pairs]
    if not any(anchored):
        return spread
    stories = "Everybody sees the same thing in a story, and rates stories as they rate themselves."
    return (
        stories if all(anchored) else f"{stories} Where a group rated none: {spread[0].lower()}{spread[1:]}"
    )


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What this cannot tell."""
    metric = numbers.metric
    rows = []
    if numbers.spread is not None:
        rows += [
            (
                "What part of the difference in spread is scale use.",
                f"With one question per person it cannot be known; {style_share_text(numbers)} is assumed, and every "
                "statement holds for all of that range. Where people of one group differ in it too, groups look more "
                f"alike in spread than they are; ranges reach {share(HIDDEN - 1)} farther, which covers people whose "
                f"stretch varies by up to about {share(PEOPLE)}. People who differ more are not covered.",
            ),
            (
                "Around which point people stretch their answers.",
                f"{capitalised(neutral_text(numbers))} on the scale {metric.scale} "
                f"{'are' if len(numbers.neutral) > 1 else 'is'} assumed.",
            ),
            (
                "Whether a group is lenient.",
                f"A shift of all answers by {LENIENCY:g} standard deviations is worth "
                f"{Speech(metric).rough_gap(numbers.spread.leniency)}. "
                + (
                    "The stories allow for it, if everybody sees the same thing in them; the range does not."
                    if any(pair.anchored for pair in numbers.pairs)
                    else "It counts as a real difference."
                ),
            ),
        ]
    rows.append(
        (
            "Whether the question means the same everywhere.",
            "The same construct and a faithful translation are assumed; nothing here tests them.",
        )
    )
    unadjusted = [fact for fact in numbers.facts if not fact.used and fact.why != "not asked for"]
    for fact in unadjusted[:3]:
        rows.append((f"What “{fact.title}” contributes.", f"{capitalised(fact.why)}."))
    if not numbers.invited:
        rows.append(
            (
                "Whether silence differs between groups.",
                "Who was invited is not in the data. Add one row per invitation with `invited:` or `frame:` in "
                "survey.yml.",
            )
        )
    elif numbers.pairs:
        rows.append(
            (
                "Whether those who stayed silent think differently.",
                "Only what is known of everyone invited is allowed for; the response-rate bias report looks further.",
            )
        )
    if "part" not in survey.columns:
        rows.append(
            (
                "Whether someone answered twice.",
                "There is no customer column, so every answer counts as another customer. Name it with `customer:`.",
            )
        )
    return tuple(rows)


def method(numbers: Numbers, survey: Survey) -> tuple[str, ...]:
    """How the numbers were made."""
    chosen = numbers.settings
    said = []
    if numbers.pairs:
        said.append(
            f"{numbers.metric.label}, group minus {numbers.reference}. Gaps as measured: MOVER on score limits with "
            "the largest-t "
            "critical value. Composition: raking within each group to common margins, first of all answers, then of "
            "everyone "
            "invited, anew in every replicate."
        )
    if numbers.spread is not None:
        said.append(
            "Scale use: ordered probit with common thresholds, a location and a log-scale per group, by maximum "
            "likelihood. A "
            "share λ of the log-scale is style; style stretches answers around the neutral point c, so the location "
            "becomes "
            "c + (μ − c)·exp(−λ·log σ) and the spread σ^(1−λ); the difference this makes is added to the counted "
            "value. "
            f"λ runs over {len(numbers.style_shares)} values from {chosen.style_share[0]:g} to "
            f"{chosen.style_share[1]:g}, c over "
            f"{neutral_text(numbers, 'and')}. The range reaches to {HIDDEN:g} times the highest λ, for people within a "
            "group who differ in style, which makes groups look more alike in spread than they are."
        )
        said.append(
            f"Errors: {numbers.how_replicated}; critical value {number(numbers.critical, 3)} (Šidák over "
            f"{plural(len(numbers.pairs), 'comparison')}, which also holds if the share differs between groups). A "
            "region is the union "
            "of intervals over all assumptions, each from score limits that keep to the ends of the metric, put together "
            "by MOVER. Places as measured: step-down rank sets (Mogstad and others 2024). Places over the "
            "assumptions: all pairs together (Šidák), each group with a share of its own."
        )
    if numbers.weighted:
        said.append("Design weights multiply the calibration weights.")
    if chosen.smallest_group < SMALLEST_GROUP:
        said.append(
            f"Groups are shown from {plural(chosen.smallest_group, 'answer')} on, fewer than the usual "
            f"{SMALLEST_GROUP}: "
            "the threshold was lowered for this report."
        )
    if numbers.hidden:
        said.append(
            f"{plural(numbers.hidden, 'group is', 'groups are')} not shown: under {chosen.smallest_group} answers, "
            "or one that "
            "would give such a group away by subtraction."
        )
    said.append(
        f"Verdicts at {level_text(chosen.level)}: one question per group, stated beforehand; all hold together. The "
        "headline is the "
        "group whose measured gap is clearest."
    )
    return tuple(said)

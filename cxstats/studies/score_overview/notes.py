"""What a reader of the page of scores should know, what it cannot tell, what to do next, and how it was made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cxstats.findings import Verdict
from cxstats.studies.score_overview.measures import Measure, without_window
from cxstats.studies.score_overview.money import voice
from cxstats.studies.score_overview.phrases import is_or_are, names_of, needed, period, reached
from cxstats.studies.score_overview.study import SMALLEST_GROUP, Numbers
from cxstats.studies.speech import in_sentence
from cxstats.words import capitalised, count, join_words, level_text, plural, share

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["limits", "method", "need_to_know", "next_steps", "value_notes"]


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What a reader needs to know before the evidence."""
    m, level = numbers.headline, numbers.settings.level
    wave = f"wave {period(numbers, survey)}" if survey.wave and m.readings else survey.period_text
    asked = f"{survey.population or 'Population not stated'}, {wave}. "
    asked += (
        f"{count(numbers.invited)} were invited."
        if numbers.invited
        else "Who was invited is not in the data."
    )
    alike: dict[str, list[Measure]] = {}
    for one in numbers.judged:
        alike.setdefault(voice(one).gap(one.margin), []).append(one)
    margins = "; ".join(f"{gap} in {names_of(measures)}" for gap, measures in alike.items())
    rows = [
        ("Who was asked", asked),
        (
            "What would matter",
            f"A change of {margins}, set before the analysis." if margins else "Nothing could be judged.",
        ),
    ]
    outcomes = [one for one in numbers.shown if one.kind == "outcome"]
    if outcomes:
        verb = "counts" if len(outcomes) == 1 else "count"
        told = (
            f"{capitalised(names_of(outcomes, 4))} {verb} everyone on the list of whom it is known, not those who "
            "answered."
        )
        early = [one for one in outcomes if m.readings and one.now.label != m.now.label]
        if early:
            told += (
                f" {capitalised(names_of(early))} {is_or_are(early)} of {early[0].now.label}: later customers have not "
                "been watched long enough."
            )
        open_ended = [one for one in outcomes if one.readings and without_window(survey, one.key)]
        if open_ended and len(survey.wave_order) > 1:
            told += (
                f" Waves are not compared in {names_of(open_ended)}: who was asked earlier was watched for longer. A window "
                "(window_days in survey.yml) makes them alike."
            )
        rows.append(("What customers did", told))
    unasked = [one for one in numbers.shown if one.unasked]
    if unasked:
        rows.append(
            (
                "What nobody was asked",
                f"{capitalised(names_of(unasked))} {'comes' if len(unasked) == 1 else 'come'} from people who spoke up "
                "of their own accord: there is no response rate, and they are no draw of the customers.",
            )
        )
    rows.append(
        (
            "What “interval” means",
            f"Where the value plausibly lies: {100 * level:.10g} of 100 such intervals contain it. It covers chance, "
            "not who chose to answer.",
        )
    )
    return tuple(rows)


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What this cannot tell."""
    rows = [
        (
            "Whether those who answered are like those who did not.",
            "Every interval treats the answers as a random draw of the population. The response-rate bias report asks "
            "how far that is wrong.",
        ),
    ]
    if numbers.changing:
        rows.append(
            (
                "Why a score moved.",
                "A change between two waves can be the customers', the questionnaire's, or that others were asked. "
                + (
                    "Only an action that reached some and not others can be judged, below its assumption."
                    if numbers.action is None
                    else "The effect of the action rests on the trends it is shown with."
                ),
            )
        )
    elif numbers.shown:
        rows.append(
            ("Whether anything changed.", "There is one wave with enough answers. A second would tell.")
        )
    if numbers.action is not None:
        rows.append(
            (
                "What else reached the same customers at the same time.",
                f"Whatever else changed for {reached(numbers.action)} at the time counts as the action here. With few "
                "groups that cannot be told apart by any number of answers.",
            )
        )
    silent = [m for m in numbers.measures if not m.readings]
    if silent:
        rows.append(
            (
                f"Anything about {join_words([m.short for m in silent])}.",
                f"There are fewer than {numbers.settings.smallest_group} answers, or nothing is known of it yet.",
            )
        )
    if any(m.kind == "value" and m.readings for m in numbers.measures):
        rows.append(
            (
                "What customers will be worth.",
                "The amounts are taken as the data has them. If they are forecasts, their own error is not in the "
                "intervals.",
            )
        )
    if numbers.value_left_out:
        rows.append(
            (
                "What customers are worth.",
                "There are too many rows to look at amounts one by one; take a part of them.",
            )
        )
    if numbers.crowded:
        rows.append(
            (
                f"How {join_words(numbers.crowded)} compare.",
                "There are too many groups for this page; the sample-size report ranks them.",
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


def next_steps(numbers: Numbers, survey: Survey) -> tuple[str, ...]:
    """What to do next, each a sentence or two, the most useful first."""
    steps = []
    firm = [m for m in numbers.judged if m.change is not None and m.verdict is Verdict.MATERIAL]
    open_ = [m for m in numbers.judged if m.verdict is Verdict.INCONCLUSIVE]
    found = [(g, one) for g in numbers.groups for one in g.standing_out]
    if firm:
        steps.append(
            f"**Look for the cause of the change in {names_of(firm)}** where it is largest, before telling anybody a "
            "reason: compare groups, and ask what else changed between the waves."
        )
    if numbers.changing and not firm and not open_:
        steps.append(
            "**Report no change.** What moved in the second digit is chance, or too small to act on."
        )
    if open_:
        steps.append(f"**Ask more customers before deciding on {names_of(open_)}.** {needed(open_)}")
    low = [
        (g, one)
        for g, one in found
        if (one[1] < 0) == (getattr(numbers.metric, "high_is", "good") != "effort")
    ]
    if low:
        g, (label, *_rest) = max(low, key=lambda one: abs(one[1][1]))
        steps.append(
            f"**Start with {in_sentence(g.title)} “{label}”**, the group furthest behind the rest. Whether its "
            "customers answer differently or fare differently is the response-style report's question."
        )
    rates = [m.now.rate for m in numbers.shown if m.kind == "score" and m.now.rate is not None]
    if rates and rates[0] < 0.5:
        steps.append(
            f"**Ask who did not answer.** With {share(rates[0])} answering, who chooses to answer can move a score "
            "further than chance does: see the response-rate bias report."
        )
    if numbers.action is None and survey.groups and len(survey.wave_order) > 2:
        steps.append(
            "**Let the next action reach some customers first**, and state it here with `action` and `treated`: its "
            "effect can then be told from what would have happened anyway."
        )
    if not steps:
        steps.append("**Ask again.** A second wave tells what changes, and what is chance.")
    return tuple(steps)


def value_notes(numbers: Numbers) -> tuple[str, ...]:
    """Sentences below what customers are worth."""
    worth = next((m for m in numbers.shown if m.kind == "value"), None)
    if worth is None or math.isnan(worth.largest_share):
        return ()
    part = share(worth.largest_share)
    lead = f"**The long tail.** The largest hundredth of the customers makes {part} of the total"
    if worth.largest_share > 0.5:
        return (
            f"{lead}: the mean and its interval hang on them, and the next wave can differ for that reason alone.",
        )
    return (f"{lead}. The interval allows for such a tail as far as these customers show it.",)


def method(numbers: Numbers, survey: Survey) -> tuple[str, ...]:
    """How the numbers were made."""
    chosen, level = numbers.settings, level_text(numbers.settings.level)
    k = len(numbers.judged)
    said = [
        "Every score and outcome is the mean of a bounded score. Intervals: exact by enumeration under 30 answers "
        "where that is possible, else the score interval (Wilson 1927, Tango 1998). Changes: MOVER on score limits "
        "(Zou and Donner 2008) with the correlation that customers in both waves cause"
        + (
            f"; the headline's are made at 1 − {1 - chosen.level:.2g}/{k} (Bonferroni)."
            if numbers.together
            else "."
        ),
    ]
    if any(m.readings[0].outer for m in numbers.shown):
        said.append(
            "Limits for all waves together: a confidence sequence within each wave (Howard and others 2021, "
            f"Waudby-Smith and others 2024) that spends α·6/(π²t²) of the error in wave t; they hold at {level} however "
            "many waves follow and however often one looks."
        )
    if any(m.kind == "value" for m in numbers.shown):
        said.append(
            "Amounts: Hall’s (1992) transformation of the studentised mean, customers as clusters; it assumes a third "
            "moment. Scores weighted by worth: linearised, with an effective number of answers (Korn and Graubard "
            "1998)."
        )
    if any(g.standing_out for g in numbers.groups):
        said.append(
            "Groups against the rest: Holm’s family within a variable, Bonferroni over "
            f"{plural(len(numbers.groups), 'variable')}."
        )
    if numbers.action is not None and numbers.action.effects:
        said.append(
            "Action: difference in differences of wave means, waves weighted by n₁n₀/(n₁ + n₀), errors clustered by "
            "customer; the second estimate continues the line of the gaps before the action (see Roth 2022 on why both "
            "are given)."
        )
    if numbers.weighted or numbers.shared:
        causes = [
            word
            for word, there in (("weights", numbers.weighted), ("repeated customers", numbers.shared))
            if there
        ]
        clusters = ", with customers as clusters" if numbers.shared else ""
        said.append(f"{capitalised(join_words(causes))} enter by linearisation{clusters}.")
    if chosen.smallest_group < SMALLEST_GROUP:
        said.append(
            f"Groups are shown from {plural(chosen.smallest_group, 'answer')} on, fewer than the usual "
            f"{SMALLEST_GROUP}: the threshold was lowered for this report."
        )
    return tuple(said)

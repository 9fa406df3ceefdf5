"""What the sample-size report says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.sample_size.study import SMALLEST_GROUP, GroupTable, Numbers
from cxstats.studies.speech import Speech, enough_digits, in_sentence
from cxstats.words import (
    capitalised,
    count,
    date_text,
    join_words,
    level_text,
    number,
    number_word,
    plural,
    share,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "answer",
    "as_of",
    "facts",
    "league_table",
    "limits",
    "main_points",
    "method",
    "n_text",
    "need_to_know",
    "notes",
    "period",
    "previous",
    "rank_headline",
]


def answer(numbers: Numbers) -> Finding:
    """The headline finding."""
    if numbers.total is None:
        return _too_little(numbers)
    if numbers.change is not None:
        return _change(numbers)
    return _precision(numbers)


def _too_little(numbers: Numbers) -> Finding:
    metric, least = numbers.metric, numbers.settings.smallest_group
    held = "No answers" if numbers.n == 0 else f"Only {plural(numbers.n, 'answer')}"
    return Finding(
        question=f"Is this survey big enough to state {metric.short}?",
        verdict=Verdict.INCONCLUSIVE,
        answer=f"{held} to {metric.short}: too few to state any number.",
        rule=f"Nothing is estimated from fewer than {least} answers.",
        margin=numbers.settings.margin,
        unit=metric.unit,
        needed=f"At least {least} answers, and about {count(_worst_n(numbers))} to be within "
        f"{Speech(metric).gap(numbers.settings.margin)} whatever the answers turn out to be.",
    )


def _worst_n(numbers: Numbers) -> int:
    from cxstats.methods.planning import n_for_margin

    metric = numbers.metric
    widest = ((metric.high - metric.low) / 2) ** 2
    return n_for_margin(metric, numbers.settings.margin, variance=widest, level=numbers.settings.level).n


def _change(numbers: Numbers) -> Finding:
    metric, chosen, change = numbers.metric, numbers.settings, numbers.change
    say = Speech(metric)
    before, now = numbers.waves[-2:]
    margin = say.gap(chosen.margin)
    span = say.gap_span(change.low, change.high, edge=chosen.margin)
    first, last = say.value(before.estimate.value), say.value(now.estimate.value)
    moved = f"from {first} to {last}"
    verb = "rose" if change.difference > 0 else "fell"
    needed = None
    if numbers.verdict is Verdict.NEGLIGIBLE:
        ruled_out = f"{count(now.n)} answers are enough to rule out a change of {margin}."
        if change.low <= 0 <= change.high:
            text = f"{metric.short} held steady: {ruled_out} " + (
                f"It stands at {last}, as before." if first == last else f"It went {moved}."
            )
        else:
            text = f"{metric.short} {verb}, but by less than would matter ({span}): {ruled_out}"
    elif numbers.verdict is Verdict.MATERIAL:
        fine = enough_digits(
            0, lambda d: say.value(before.estimate.value, d) != say.value(now.estimate.value, d)
        )
        moved = f"from {say.value(before.estimate.value, fine)} to {say.value(now.estimate.value, fine)}"
        text = f"{metric.short} {verb} {moved}. The change, {span}, is larger than the {say.that_matter(chosen.margin)}."
    else:
        went = f"is at {last} in both waves" if first == last else f"went {moved}"
        text = f"{metric.short} {went}, but the change could be anything from {span}. "
        if numbers.settling is None:
            text += "It lies so near the margin that many more answers would be needed to settle whether it matters."
            needed = "Many more answers in each wave: the change seen lies next to the margin."
        else:
            enough = f"about {count(numbers.settling)} answers a wave"
            text += f"If it is what it seems, {enough} would settle whether it matters."
            needed = f"If the change is what it seems, {enough}."
    shared = ", customers who answered in both waves allowed for" if numbers.change_correlation else ""
    return Finding(
        question=f"Did {metric.short} change by {margin}?",
        verdict=numbers.verdict,
        answer=text,
        rule=f"The {level_text(chosen.level)} interval of the change ({span}{shared}) lies "
        f"{_where(numbers.verdict)} the {margin} set as the smallest change that matters.",
        margin=chosen.margin,
        unit=say.gap_unit,
        value=change.difference,
        low=change.low,
        high=change.high,
        effect=f"change in {metric.short} since {before.label}",
        needed=needed,
    )


def _precision(numbers: Numbers) -> Finding:
    metric, chosen, total = numbers.metric, numbers.settings, numbers.total
    say = Speech(metric)
    margin, low, high = say.gap(chosen.margin), total.low - total.value, total.high - total.value
    span, around = say.span(total.low, total.high), say.gap_span(low, high, edge=chosen.margin)
    needed = None
    if numbers.verdict is Verdict.NEGLIGIBLE:
        text = (
            f"{metric.short} is {say.value(total.value)}, and {count(numbers.n)} answers are enough to state it "
            f"to within {margin}: chance leaves {span}."
        )
    else:
        plan = next(p for p in numbers.plans if p.key == "state")
        # the plan is for even limits; those of a score near the end of its scale are not even
        enough = max(plan.size.n, ceil(numbers.n * (max(-low, high) / chosen.margin) ** 2))
        text = (
            f"{metric.short} is {say.value(total.value)}, but with {count(numbers.n)} answers chance leaves {span}. "
            f"About {count(enough)} answers would state it to within {margin}."
        )
        needed = f"About {count(enough)} answers."
    return Finding(
        question=f"Could chance alone have moved the published {say.value(total.value)} by {margin}?",
        verdict=numbers.verdict,
        answer=text,
        rule=f"The {level_text(chosen.level)} interval, {around} around the published value, lies "
        f"{_where(numbers.verdict)} the {margin} set as the smallest difference that matters. There is no earlier "
        "wave to compare with, so a change cannot be judged.",
        margin=chosen.margin,
        unit=say.gap_unit,
        value=0.0,
        low=low,
        high=high,
        effect=f"true {metric.short} against the published {say.value(total.value)}",
        needed=needed,
    )


def _where(verdict: Verdict) -> str:
    return {
        Verdict.NEGLIGIBLE: "wholly within",
        Verdict.MATERIAL: "wholly beyond",
        Verdict.INCONCLUSIVE: "partly within and partly beyond",
    }[verdict]


def n_text(numbers: Numbers) -> str:
    """Answers, of those invited where that is known."""
    if numbers.invited:
        return f"{count(numbers.n)} of {count(numbers.invited)} answered ({share(numbers.n / numbers.invited, 1)})"
    return plural(numbers.n, "answer")


def period(numbers: Numbers, survey: Survey) -> str:
    """The period reported on: the wave where there are waves."""
    return numbers.waves[-1].label if survey.wave and numbers.waves else survey.period_text


def as_of(survey: Survey) -> str:
    """The day of the latest answer, as printed; empty where the data has no day."""
    return date_text(survey.data_as_of) if survey.data_as_of else ""


def previous(numbers: Numbers) -> str:
    """What the wave before showed."""
    if len(numbers.waves) < 2:
        return ""
    say, before = Speech(numbers.metric), numbers.waves[-2]
    return (
        f"{before.label}, {say.value(before.estimate.value, 1)} "
        f"({say.span(before.estimate.low, before.estimate.high, 1)}) from {count(before.n)} answers."
    )


def notes(numbers: Numbers) -> tuple[str, ...]:
    """Sentences that stand below the score."""
    said = []
    if numbers.scale_problems:
        said.append("**Is this the scale it is said to be?** " + " ".join(numbers.scale_problems))
    if numbers.finite is not None:
        say, finite, total = Speech(numbers.metric), numbers.finite, numbers.total
        said.append(
            f"**These customers or the process.** If the answers are a random draw of just {count(finite.population)} "
            f"customers and everyone drawn answered, their {numbers.metric.short} lies in "
            f"{say.span(finite.low, finite.high, 1)}. For the process that makes such customers, next quarter's too, "
            f"the interval is {say.span(total.low, total.high, 1)}."
        )
    return tuple(said)


def facts(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str, str], ...]:
    """(label, value, note) of the facts beside the answer."""
    say, wave = Speech(numbers.metric), numbers.waves[-1].label if survey.wave and numbers.waves else ""
    rows = [("Answers", count(numbers.n), wave)]
    if numbers.invited:
        rows.append(("Invited", count(numbers.invited), wave))
        rows.append(("Response rate", share(numbers.n / numbers.invited, 1), "of everyone invited"))
    if numbers.total is not None:
        total = numbers.total
        rows.append(
            (
                "Published score",
                f"{numbers.metric.short} {say.value(total.value, 1)}",
                say.span(total.low, total.high, 1),
            )
        )
    if survey.data_as_of:
        rows.append(("Data as of", as_of(survey), ""))
    return tuple(rows)


def main_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """At most five main points, the most useful to a decision first."""
    if numbers.total is None:
        chosen = numbers.settings
        return (
            MainPoint(
                number=count(numbers.n),
                interval="answer" if numbers.n == 1 else "answers",
                headline=f"With {plural(numbers.n, 'answer')} nothing can be said about {numbers.metric.short}",
                sentence=f"The report states numbers from {chosen.smallest_group} answers on.",
            ),
        )
    points = [_score_point(numbers), _tracker_point(numbers), _need_point(numbers)]
    points += [point for point in (_alarm_point(numbers), _rank_point(numbers)) if point]
    return tuple(points)


def _score_point(numbers: Numbers) -> MainPoint:
    say, total = Speech(numbers.metric), numbers.total
    half = max(total.high - total.value, total.value - total.low)
    design = ""
    if numbers.design_effect > 1.005:
        worth = count(numbers.n / numbers.design_effect)
        design = f" {capitalised(_causes(numbers, numbers.repeated_here))} make them worth {worth} independent ones."
    return MainPoint(
        number=say.value(total.value, 1),
        interval=say.span(total.low, total.high, 1),
        headline=f"{numbers.metric.short} is {say.value(total.value)}, give or take {say.rough_gap(half)}",
        sentence=f"From {plural(numbers.n, 'answer')}.{design}",
        figure="score",
    )


def _causes(numbers: Numbers, repeated: bool) -> str:
    there = (("weights", numbers.weighted), ("repeated customers", repeated))
    return join_words([word for word, is_there in there if is_there])


def _tracker_point(numbers: Numbers) -> MainPoint:
    say, chosen = Speech(numbers.metric), numbers.settings
    seen = numbers.detectable
    enough = seen <= chosen.margin
    return MainPoint(
        number=number(seen, min(say.gap_digits + 1, 2)),
        interval=f"{say.gap_unit}, seen in {share(chosen.power)} of cases",
        headline=f"Between two waves of this size a change of about {say.rough_gap(seen, edge=chosen.margin)} "
        + (
            "shows"
            if enough
            else f"is the smallest that shows: the {say.that_matter(chosen.margin)} can be missed"
        ),
        sentence=f"A smaller change is missed more often than in {share(1 - chosen.power)} of cases.",
        figure="tracker",
    )


def _need_point(numbers: Numbers) -> MainPoint:
    say, chosen = Speech(numbers.metric), numbers.settings
    plan = next(p for p in numbers.plans if p.key == "steady")
    enough = plan.enough
    if plan.invitations:
        takes = f" That takes {count(plan.invitations)} invitations at a response rate of {share(numbers.response_rate)}."
    else:
        takes = " Who was invited is not in the data, so the invitations this takes cannot be given."
    return MainPoint(
        number=count(plan.size.n),
        interval=(f"{count(plan.size.n_low)} to {count(plan.size.n_high)} " if plan.size.n_low else "")
        + "answers a wave",
        headline=f"A firm “no change of {say.gap(chosen.margin)}” needs {count(plan.size.n)} answers a wave; "
        f"there {'are' if plan.have != 1 else 'is'} {count(plan.have)}",
        sentence=(
            f"Enough to find it in {share(chosen.power)} of cases where nothing changed."
            if enough
            else f"{number(plan.size.n / plan.have, 1 if plan.size.n < 10 * plan.have else 0)} times as many as now."
        )
        + takes,
        figure="needs",
    )


def _alarm_point(numbers: Numbers) -> MainPoint | None:
    alarms = numbers.alarms
    if alarms is None:
        return None
    fixed, guarded = alarms.fixed.share, alarms.sequence.share
    return MainPoint(
        number=share(fixed),
        interval=f"{share(guarded, 1)} with limits made for daily looks",
        headline=f"A dashboard looked at daily cries wolf in {share(fixed)} of quarters without any change"
        if alarms.days[-1] in range(85, 96)
        else f"Looked at daily for {plural(alarms.days[-1], 'day')}, a dashboard cries wolf in {share(fixed)} of cases",
        sentence=f"Each day’s interval is right {100 * numbers.settings.level:.10g} times in 100; "
        f"{plural(alarms.days[-1], 'look')} together are not. A confidence sequence is an interval made for all of "
        "them at once.",
        figure="alarms",
    )


def _rank_point(numbers: Numbers) -> MainPoint | None:
    table = league_table(numbers)
    if table is None:
        return None
    return MainPoint(
        number=f"{table.ranks.n_ordered} of {table.ranks.n_pairs}",
        interval="pairs told apart",
        headline=rank_headline(table),
        sentence="A place in a league table is the range of places that chance allows.",
        figure="ranks",
    )


def league_table(numbers: Numbers) -> GroupTable | None:
    """The group variable that the report ranks: the one asked for, else the first that can be ranked."""
    wanted = numbers.settings.group
    ranked = [table for table in numbers.groups if table.ranks is not None and wanted in (None, table.name)]
    return ranked[0] if ranked else None


def rank_headline(table: GroupTable) -> str:
    """Which categories of a group can be highest, or told apart at all.

    "Highest", not "first": where a high score is effort, the highest is no winner.
    """
    sets, size, what = table.ranks, len(table.labels), in_sentence(table.title)
    if table.hidden:
        # a group that is not shown can be the highest of all
        what = f"{what}, of those shown"
    if sets.n_ordered == 0:
        return f"By {what}, none of {number_word(size)} can be told from another"
    if sets.n_ordered == sets.n_pairs:
        return f"By {what}, each of {number_word(size)} has a place of its own"
    first = [label for label, low in zip(table.labels, sets.lower, strict=True) if low == 1]
    if len(first) <= 3:
        verb = "is highest" if len(first) == 1 else "could each be highest"
        rest = [i for i, low in enumerate(sets.lower) if low > 1]
        if not rest:
            return f"By {what}, {join_words(first)} {verb}"
        one = table.labels[rest[0]] if len(rest) == 1 else ""
        ordered = all(sets.better[i, j] or sets.better[j, i] for i in rest for j in rest if i < j)
        if all(sets.lower[i] == sets.upper[i] for i in rest):
            others = f"{one} has a place of its own" if one else "the others have a place of their own"
        elif one:
            others = f"{one} could not"
        else:
            others = "the others can be put in order" if ordered else "not all others can be put in order"
        return f"By {what}, {join_words(first)} {verb}; {others}"
    which = "any" if len(first) == size else number_word(len(first))
    return f"By {what}, {which} of {number_word(size)} could {'' if which == 'any' else 'each '}be highest"


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What a reader needs to know before the evidence."""
    say, chosen = Speech(numbers.metric), numbers.settings
    when = f"wave {period(numbers, survey)}" if survey.wave and numbers.waves else survey.period_text
    asked = f"{survey.population or 'Population not stated'}, {when}."
    if numbers.invited:
        asked += f" {count(numbers.invited)} were invited."
    else:
        asked += " Who was invited is not in the data."
    used = f"{plural(numbers.n, 'answer')} to {numbers.metric.label}"
    return (
        ("Who was asked", asked),
        (
            "Who is in the score",
            f"{used}; every row that was set aside is [listed with its reason](#ledger).",
        ),
        ("What would matter", f"A difference of {say.gap(chosen.margin)} or more, set before the analysis."),
        (
            "What is assumed",
            "The answers are a random draw of the population, and customers are independent of each other. "
            "[What that leaves open](#limits).",
        ),
        (
            "What “interval” means",
            f"Where the value plausibly lies: {100 * chosen.level:.10g} of 100 such intervals contain it. "
            "It covers chance, not who chose to answer.",
        ),
    )


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What this cannot tell."""
    metric = numbers.metric
    rows = [
        (
            "Whether those who answered are like those who did not.",
            "Every number here treats the answers as a random draw of the population. A larger sample makes chance "
            "smaller, not that.",
        ),
        (
            "Whether customers depend on each other.",
            "Answers of one customer are kept together; customers of one shop, team or account are taken as independent.",
        ),
    ]
    if numbers.change is None:
        rows.append(
            (
                f"Whether {metric.short} changed.",
                "There are too few answers."
                if numbers.total is None
                else "There is no earlier wave with enough answers. A second wave would tell.",
            )
        )
    elif skipped := _skipped(numbers, survey):
        before = numbers.waves[-2].label
        rows.append(
            (
                f"What {join_words(skipped)} showed.",
                f"There are fewer than {numbers.settings.smallest_group} answers, so the change is the one since {before}.",
            )
        )
    if not numbers.invited and numbers.settings.response_rate is None:
        rows.append(
            (
                "How many invitations the next wave takes.",
                "The data has no list of those invited. Add one with `frame:` in survey.yml, or set a response rate.",
            )
        )
    if numbers.label is None and numbers.total is not None:
        rows.append(
            (f"Whether the {metric.short} is good.", "There is no customary label for it to be held against.")
        )
    if "part" not in survey.columns:
        rows.append(
            (
                "Whether someone answered twice.",
                "There is no customer column, so every answer counts as another customer. Name it with `customer:`.",
            )
        )
    return tuple(rows)


def _skipped(numbers: Numbers, survey: Survey) -> list[str]:
    """Waves between the two compared, which have too few answers."""
    order = list(survey.wave_order)
    first, last = (order.index(wave.label) for wave in numbers.waves[-2:])
    return order[first + 1 : last]


def method(numbers: Numbers, survey: Survey) -> tuple[str, ...]:
    """How the numbers were made."""
    chosen = numbers.settings
    used = numbers.total.method.replace("_", " ") if numbers.total else "score"
    few = "exact by enumeration for groups and waves under 30 answers that are neither weighted nor repeated, otherwise "
    by_group = (few if len(numbers.metric.distinct_values) <= 3 else "") + "the score interval by inversion"
    said = [
        f"{numbers.metric.label} is the mean of a bounded score per answer. Intervals: {used} for the total; {by_group} "
        "(Tango 1998, Rocks 2016). Change: MOVER on score limits (Zou and Donner 2008), with the correlation from customers "
        "in both waves. League tables: step-down rank confidence sets (Mogstad and others 2024) with adjusted-Wald errors.",
        "Planning: adjusted-Wald sample sizes with the variance of these answers, its own uncertainty carried along; "
        "two one-sided tests for “no difference that matters”. Daily looks: normal-mixture confidence sequence (Howard "
        f"and others 2021), error rates by simulation with seed {chosen.seed}. Label: Dirichlet posterior.",
    ]
    if numbers.weighted or numbers.repeated:
        said.append(
            f"{capitalised(_causes(numbers, numbers.repeated))} enter by linearisation with customers as clusters (design "
            f"effect {number(numbers.design_effect, 2)}); intervals use the effective number of answers, at most n and "
            "reduced where few customers carry the weight (Korn and Graubard 1998)."
        )
    if chosen.smallest_group < SMALLEST_GROUP:
        said.append(
            f"Groups are shown from {plural(chosen.smallest_group, 'answer')} on, fewer than the usual {SMALLEST_GROUP}: "
            "the threshold was lowered for this report."
        )
    said.append(
        f"Verdict at {level_text(chosen.level)}: one question, stated beforehand. Comparisons of groups carry no verdict; "
        "their rank sets hold together at the same level."
    )
    return tuple(said)

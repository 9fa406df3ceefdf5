"""Headlines and notes of the response-rate report's figures."""

from __future__ import annotations

from itertools import pairwise

from cxstats.findings import Verdict
from cxstats.metrics import Metric
from cxstats.studies.response_rate_bias.numbers import Check, Instrument, Numbers, Reach
from cxstats.studies.response_rate_bias.phrases import (
    HARMLESS,
    conditions_text,
    group_words,
    headline_check,
    least_answering,
    methods_of,
    two_digits,
    worst_answers,
)
from cxstats.studies.speech import Speech, enough_digits, in_sentence
from cxstats.words import capitalised, count, interval, join_words, number, number_word, percent, share


def assumption_count(n: int) -> str:
    """How many assumptions a ladder has."""
    return f"{number_word(n)} assumption{'s' if n != 1 else ''}"


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
    return conditions_text(numbers)


def stages_headline(numbers: Numbers) -> str:
    """Where most invitations were lost."""
    stages = numbers.stages
    lost = [(a.n - b.n, a, b) for a, b in pairwise(stages)]
    if not lost:
        return f"{share(numbers.rate, 1)} of those invited answered"
    if len(stages) == 2:  # where else could they be lost
        return f"{percent(stages[-1].value)} of everyone invited gave a usable answer"
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
    names = join_words([f"{group_words(t, r)} ({percent(r.value)})" for t, r in least])
    return f"{names} answer least; of everyone invited {percent(100 * numbers.rate)} do"


def partials_headline(numbers: Numbers) -> str:
    """Which fact decides most who answers."""
    reach, say = numbers.reach, Speech(numbers.metric)
    first = strongest_facts(reach)
    if not reach.largest > 0:
        return first
    return f"{first}; what the list shows could move a score by up to {say.rough_gap(reach.largest)}"


def strongest_facts(reach: Reach) -> str:
    """The facts that go most with who answers: those whose interval is not wholly below that of the strongest."""
    ordered = sorted(reach.partials, key=lambda p: -p.conditional)
    least = ordered[0].conditional_limits[0]
    if not least > 0:
        return "No fact of the list surely goes with who answers"
    level = [p.title for p in ordered if p.conditional_limits[1] >= least]
    if len(level) > 3:
        return "Several facts of the list go with who answers, none surely most"
    names = join_words([level[0], *(in_sentence(title) for title in level[1:])])
    return f"{names} {'goes' if len(level) == 1 else 'go'} most with who answers"


def balance_headline(numbers: Numbers) -> str:
    """What weighting does to the mix."""
    before = [row for row in numbers.balance if abs(row.difference) > HARMLESS]
    after = [row for row in numbers.balance if abs(row.difference_weighted) > HARMLESS]
    if not before:
        return "Those who answered are a mix much like everyone invited, in what the list knows"
    if not after:
        if len(before) == 1:
            return "One kind of customer is off balance; weighting repairs it"
        return f"{capitalised(number_word(len(before)))} kinds of customer are off balance; weighting repairs all of them"
    return (
        f"{capitalised(number_word(len(before)))} {'kind of customer is' if len(before) == 1 else 'kinds of customer are'} "
        f"off balance; after weighting {number_word(len(after))} {'is' if len(after) == 1 else 'are'}"
    )


def strip_headline(numbers: Numbers) -> str:
    """Whether the choice of weights matters: of the method, and of the facts."""
    say, weighted = Speech(numbers.metric), numbers.weighted
    methods = methods_of(numbers)
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


def checks_headline(numbers: Numbers) -> str:
    """What weighting does to what it was not shown."""
    first = headline_check(numbers)
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
        side, far = sorted((abs(first), abs(last)))
        digits = enough_digits(say.gap_digits, lambda d: round(side, d) != margin)
        return (
            f"Over this range the published score is {interval(side, far, say.gap_unit, digits=digits)} "
            f"too {'high' if first > 0 else 'low'}, chance aside"
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
    if tipping.at_margin <= 1 and not numbers.unseen.off_by(numbers.settings.margin):
        return (
            "If the silent answered like people of their kind, the score would be off by "
            f"{say.rough_gap(abs(numbers.unseen.bias[0]), 1)}, not surely by {say.gap(numbers.settings.margin)}"
        )
    if tipping.at_margin <= 1:
        return (
            "Even if the silent answered like people of their kind, the score would be off by "
            f"{say.gap(numbers.settings.margin)} or more"
        )
    return (
        f"If the odds of {bad} are {number(tipping.at_margin, 1)} times as high among the silent, the score is off "
        f"by about {say.gap(numbers.settings.margin)}"
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
        f"{count(two_digits(plan.n))} answers from people who stayed silent would tell the score of everyone to "
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
            f"If {share(plan.rate_assumed)} of those drawn answer, {count(two_digits(plan.drawn))} have to be "
            f"drawn, and what the others would have said still leaves {say.gap(round(plan.unbounded, 1))} open "
            "either way: raising the share that answers is worth more than a larger number."
        )
    return said

"""What the predictive-validity report finds, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.predictive_validity import unit_sentences
from cxstats.studies.predictive_validity.notes import limits, method, need_to_know, section_notes
from cxstats.studies.predictive_validity.numbers import Contender, GivenAway, Numbers
from cxstats.studies.predictive_validity.phrases import (
    about,
    as_of,
    cut_text,
    earns_alone,
    event_text,
    gain_digits,
    gain_of,
    gain_text,
    margin_text,
    money_span,
    money_text,
    n_text,
    period,
    rate_texts,
    span_text,
    those,
)
from cxstats.words import capitalised, count, interval, join_words, level_text, number, share, signed

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "answer",
    "as_of",
    "facts",
    "limits",
    "main_points",
    "method",
    "n_text",
    "need_to_know",
    "period",
    "race_headline",
    "rates_headline",
    "robust_headline",
    "section_notes",
    "silence_headline",
]


def _pairs(value: float) -> str:
    """An AUC as customers: of 100 pairs, how many are told apart."""
    return f"{round(100 * value)} of 100"


def _more_pairs(margin: float) -> str:
    """A gain in AUC for readers who never met one, beside the number of pairs that guessing gets.

    >>> _more_pairs(0.02), _more_pairs(0.015)
    ('2 more of 100 pairs of customers told apart', '1.5 more of 100 pairs of customers told apart')
    """
    return (
        f"{margin_text(round(100 * margin, 9)).removesuffix('.0')} more of 100 pairs of customers told apart"
    )


def answer(numbers: Numbers) -> Finding:
    """The headline finding."""
    chosen = numbers.settings
    if numbers.units is not None:
        return unit_sentences.answer(numbers)
    margin = margin_text(chosen.margin)
    names = [c.metric.short for c in numbers.contenders] or list(numbers.asked)
    asked = join_words(names, "or")
    question = (
        f"Does {asked} add {margin} or more to the AUC for “{event_text(numbers)}”, "
        "beyond what was known without asking?"
    )
    if numbers.race is None:
        return _cannot(numbers, question)
    best = numbers.best
    firm = [c for c in numbers.contenders if c.verdict is Verdict.MATERIAL]
    small = [c for c in numbers.contenders if c.verdict is Verdict.NEGLIGIBLE]
    open_ = [c for c in numbers.contenders if c.verdict is Verdict.INCONCLUSIVE]
    needed = None
    if firm:
        text = (
            f"{join_words([c.metric.short for c in firm])} {'adds' if len(firm) == 1 else 'add'} to what was known "
            f"about who {event_text(numbers)}."
        )
        if small:
            text += _too_little(small)
        if open_:
            text += f" For {join_words([c.metric.short for c in open_])} there are too few answers to say."
    elif numbers.verdict is Verdict.NEGLIGIBLE:
        most = max(c.high for c in numbers.contenders)
        text = (
            f"No score adds enough to matter to what was known without asking about who {event_text(numbers)}"
            + (f": at most {number(most, 3)} in AUC." if most > 0 else ".")
        )
    else:
        text = _open(numbers, margin)
        if small:
            text += _too_little(small)
        needed = _needed(numbers, margin)
    return Finding(
        question=question,
        verdict=numbers.verdict,
        answer=text,
        rule=f"A metric's gain is judged by its {level_text(chosen.level)} interval"
        + (f", {count(len(names))} metrics together," if len(names) > 1 else "")
        + f" against {margin}, set as the smallest gain that matters: {_more_pairs(chosen.margin)}. "
        f"{_by_metric(numbers)}",
        margin=chosen.margin,
        unit="AUC",
        value=best.gain,
        low=best.low,
        high=best.high,
        digits=gain_digits(best.low, best.high, chosen.margin),
        effect=f"AUC that {best.metric.short} adds to what was known",
        needed=needed,
    )


def _open(numbers: Numbers, margin: str) -> str:
    """What the largest gain says where it is open whether any reaches the margin."""
    best, event = numbers.best, event_text(numbers)
    gain, span = gain_of(best, numbers.settings.margin)
    if best.high < 0:
        return f"{_worse(best, event)}, {gain} ({span}): there are too few answers to learn from."
    sure, alone = best.low > 0, len(numbers.contenders) == 1
    most = "may add" if not sure else "adds most" if not alone and best.places[1] == 1 else "adds"
    return (
        f"{best.metric.short} {most} to what was known about who {event}, {gain} ({span}): too uncertain to say whether "
        f"{margin} is reached."
    )


def _worse(best: Contender, event: str) -> str:
    """The largest gain is a loss: what was learned of the score misleads."""
    return f"With {best.metric.short} it is told worse, not better, who {event}"


def _needed(numbers: Numbers, margin: str) -> str:
    """How many customers would settle it: more than there are, whatever the gain is. Answers, where one gave several."""
    who = (
        "customers"
        if numbers.nothing_asked
        else "answers"
        if numbers.of_answers
        else "customers with an answer"
    )
    if numbers.known_hardly_tells:
        return (
            f"More {who}. How many cannot be said: where what is known hardly tells customers apart, "
            "intervals of gains are too wide to reckon from."
        )
    n, least, gap = numbers.race.n, numbers.n_for_margin, numbers.n_for_gap
    times = f"times the {count(n)} that raced here"
    if numbers.best.low <= 0:  # else that it adds nothing is settled, and the margin is what is not
        if least is None:
            return f"More than a hundred {times}."
        if least > n:
            return (
                f"About {about(least)} {who}, {_fold(least, n)} {times}, would tell a gain of "
                f"nothing from {margin} in 80 of 100 surveys."
            )
    gain, _ = gain_of(numbers.best, numbers.settings.margin)
    best = f"{numbers.best.metric.short}'s gain, if it is {gain},"
    if gap is None or gap <= n:
        return f"{best} is too close to {margin} for any number of answers in reach."
    return (
        f"About {about(gap)} {who}, {_fold(gap, n)} {times}, would tell {best} from {margin} in 80 "
        "of 100 surveys."
    )


def _fold(needed: int, n: int) -> str:
    """How many times ``n`` a number is that stands beside it, rounded by :func:`.about`."""
    return number(int(about(needed).replace(",", "")) / n, 1)


def race_headline(numbers: Numbers) -> str:
    """What the race shows, claiming no more than its verdicts."""
    event = event_text(numbers)
    firm = [c for c in numbers.contenders if c.verdict is Verdict.MATERIAL]
    small = [c for c in numbers.contenders if c.verdict is Verdict.NEGLIGIBLE]
    rest = (
        f"; {join_words([c.metric.short for c in small])} {'adds' if len(small) == 1 else 'add'} too little to matter"
        if small
        else ""
    )
    if firm:
        names = join_words([c.metric.short for c in firm])
        return f"{names} {'adds' if len(firm) == 1 else 'add'} to what was known about who {event}{rest}"
    if len(small) == len(numbers.contenders):
        return f"No score adds enough to matter to what was known about who {event}"
    best = numbers.best
    if best.high < 0:
        return f"{_worse(best, event)}{rest}"
    if len(numbers.contenders) == 1:
        return f"Whether {best.metric.short} adds enough to what was known about who {event} is not sure"
    if best.low > 0 and best.places[1] == 1:
        return f"{best.metric.short} adds most to what was known about who {event}, but not surely enough to matter{rest}"
    return (
        f"Which score adds to what was known about who {event}, and whether it matters, cannot be told{rest}"
    )


def robust_headline(numbers: Numbers) -> str:
    """Whether the same score leads however it is judged."""
    races = [race for race in (numbers.race, numbers.weighted, numbers.later) if race is not None]
    keys, best = [c.metric.key for c in numbers.contenders], numbers.best.metric
    if len(races) == 1:
        return "It can be judged in one way only: among those who answered"
    if len(keys) == 1:
        gains_ = [race.gains.loc[best.key, "gain"] for race in races]
        return f"{best.short} adds {gain_text(min(gains_))} to {gain_text(max(gains_))}, judged in {len(races)} ways"
    limits_ = [(c.low, c.high) for c in numbers.contenders]
    limits_ += [tuple(race.gains.loc[key, ["low", "high"]]) for race in races[1:] for key in keys]
    margin = numbers.settings.margin
    if all(-margin < low and high < margin for low, high in limits_):
        return "However it is judged, no score adds enough to matter"
    if all(race.gains.loc[keys, "gain"].idxmax() == best.key for race in races):
        sure = "" if numbers.best.places[1] == 1 else "; that it adds most is not sure"
        return f"{best.short} has the largest gain however it is judged{sure}"
    return "Which score has the largest gain depends on who is counted, or on the wave that judges"


def _too_little(small: list[Contender]) -> str:
    return f" {join_words([c.metric.short for c in small])} {'adds' if len(small) == 1 else 'add'} too little to matter."


def _by_metric(numbers: Numbers) -> str:
    margin = numbers.settings.margin
    told = [
        f"{c.metric.short} {gain_of(c, margin)[1]}, {c.verdict.words.lower()}" for c in numbers.contenders
    ]
    return "; ".join(told) + "."


def _cannot(numbers: Numbers, question: str) -> Finding:
    why = capitalised(numbers.missing["all"])
    return Finding(
        question=question,
        verdict=numbers.verdict,
        answer=why if why.endswith((".", "?")) else f"{why}.",
        rule="Nothing is trained or judged without 20 customers with the event and 20 without it, or on a score that gives "
        "the outcome away.",
        margin=numbers.settings.margin,
        unit="AUC",
        needed=numbers.missing["needed"],
    )


def facts(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str, str], ...]:
    """(label, value, note) of the facts beside the answer."""
    if numbers.units is not None:
        return unit_sentences.facts(numbers)
    base = numbers.base
    rows = [("Customers" if numbers.nothing_asked else "Answers", count(base.answered), "")]
    if base.invited and not (base.all_answered or numbers.nothing_asked):
        rows.append(("Invited", count(base.invited), ""))
        rows.append(("Response rate", share(base.answered / base.invited, 1), "of everyone invited"))
    if base.known:
        rows.append((numbers.outcome_label, share(base.rate, 1), "of everyone whose outcome is known"))
    if base.respondents and not numbers.nothing_asked:
        rows.append(
            (
                "Among those who answered",
                share(base.respondent_rate, 1),
                f"{count(base.respondent_events)} of {count(base.respondents)} "
                f"{'answers' if numbers.of_answers else 'customers'}",
            )
        )
    if survey.data_as_of:
        rows.append(("Data as of", as_of(survey), ""))
    return tuple(rows)


def main_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """At most five main points, the most useful to a decision first."""
    if numbers.units is not None:
        return unit_sentences.main_points(numbers)
    if numbers.race is None:
        return _stopped(numbers)
    points = [
        _race_point(numbers),
        _known_point(numbers),
        _rate_point(numbers),
        _money_point(numbers),
        _silence_point(numbers),
        _cut_point(numbers),
    ]
    return tuple([point for point in points if point is not None][:5])


def _stopped(numbers: Numbers) -> tuple[MainPoint, ...]:
    """What is there to be said where nothing could be raced."""
    base, leak = numbers.base, numbers.given_away
    points = []
    if leak is not None:
        everybody, nobody = leak.ends
        points.append(
            MainPoint(
                number=f"{share(1.0)} → {share(0.0)}",
                interval=f"{leak.metric.short} {everybody} against {nobody}",
                headline=f"{leak.metric.short} knows what happened, it does not predict it",
                sentence="No satisfaction or effort of customers parts those who go from those who stay like this. Find out "
                "when the score was asked, and what it was made from.",
                figure="rates",
            )
        )
    if base.known:
        points.append(
            MainPoint(
                number=share(base.rate, 1),
                interval=f"{count(base.events)} of {count(base.known)} customers",
                headline=f"The base rate of “{event_text(numbers)}” is {share(base.rate, 1)}",
                sentence=f"Of the {count(base.respondents)} who answered, {count(base.respondent_events)} had the event.",
            )
        )
    if not points:
        points.append(
            MainPoint(
                number=count(base.answered),
                interval="answers in use",
                headline="What those who answered did later is not known"
                if base.answered
                else "Nobody's answer is in use",
                sentence=numbers.missing["needed"],
            )
        )
    return tuple(points)


def _race_point(numbers: Numbers) -> MainPoint:
    best = numbers.best
    place = ""
    most = max(numbers.contenders, key=lambda c: c.first)
    if len(numbers.contenders) > 1:
        place = f"It comes first in {share(best.first)} of resamples of customers"
        place += f", {most.metric.short} in {share(most.first)}. " if most.first > best.first else ". "
    others = [c for c in numbers.contenders if c is not best]
    told = ((c.metric.short, *gain_of(c, numbers.settings.margin)) for c in others)
    rest = "; ".join(f"{name} {gain} ({span})" for name, gain, span in told)
    gain, span = gain_of(best, numbers.settings.margin)
    event, alone = event_text(numbers), not others
    if best.high < 0:
        headline = _worse(best, event)
    elif best.low <= 0:
        what = best.metric.short if alone else "any score"
        headline = f"Whether {what} adds to what was known about who {event} is not sure"
    elif alone or best.places[1] > 1:
        headline = f"{best.metric.short} adds {gain} to what was known about who {event}"
        headline += "" if alone else "; which score adds most cannot be told"
    else:
        headline = f"{best.metric.short} adds most to what was known about who {event}"
    return MainPoint(
        number=gain,
        interval=f"{span} in AUC",
        headline=headline,
        sentence=place + (f"The others: {rest}." if rest else ""),
        figure="race",
    )


def _known_point(numbers: Numbers) -> MainPoint:
    value, low, high = numbers.rules["known"]
    all_ = value + numbers.race.gains.loc["all", "gain"]
    with_ = "all scores" if len(numbers.contenders) > 1 else numbers.best.metric.short
    told = f"{_pairs(value)} pairs apart; with {with_}, {_pairs(all_)}"
    return MainPoint(
        number=number(value, 3),
        interval=f"{interval(low, high, digits=3)}, AUC without asking",
        headline=f"What is known without asking tells {told}"
        if not numbers.known_hardly_tells
        else f"Whether what is known without asking tells customers apart is not sure: {told}",
        sentence="A pair is a customer who had the event and one who had not; guessing gets 50.",
        figure="race",
    )


def rates_headline(numbers: Numbers, best: Contender | GivenAway) -> str:
    """How often the event happens at the ends of the scale, and whether they surely differ."""
    effects, event = best.association.effects, event_text(numbers)
    if isinstance(best, GivenAway):
        everybody, nobody = best.ends
        return f"Everybody who gave {best.metric.short} {everybody} {event}, and nobody who gave {nobody} did"
    low, high = rate_texts(effects.low_rate, effects.high_rate)
    metric = best.metric
    if effects.low_name == effects.high_name:
        return f"All answers to {metric.short} are of one group, {effects.low_name}: {low} {event}"
    _, below, above = effects.risk_difference
    told = (
        f"f {those(numbers, metric, f'{metric.short} {effects.low_name}')}, {low} {event}; of "
        f"{those(numbers, metric, effects.high_name)}, {high}"
    )
    if below <= 0 <= above:
        return f"Whether it goes with {metric.short} is not sure: o{told}"
    return f"O{told}"


def _rate_point(numbers: Numbers) -> MainPoint | None:
    best = numbers.best
    effects = best.association.effects
    if effects.low_name == effects.high_name:  # nothing to stand against
        return None
    _, low, high = effects.risk_difference
    apart = interval(low, high, digits=1, sign=True)
    if low > 0 or high < 0:  # how far, whichever is first
        apart = interval(*sorted((abs(low), abs(high))), digits=1)
    return MainPoint(
        number=f"{share(effects.low_rate, 1)} → {share(effects.high_rate, 1)}",
        interval=f"{apart} percentage points apart",
        headline=rates_headline(numbers, best),
        sentence=f"Of all{'' if best.metric.key in numbers.unasked else f' who answered {best.metric.short}'} it is "
        f"{share(effects.base_rate, 1)}"
        + (", each customer counted once" if numbers.repeated else "")
        + ". The difference is not an effect of the score: it may be of what was known anyway.",
        figure="rates",
    )


def silence_headline(numbers: Numbers) -> str:
    """What not answering goes with, and what it adds to what was known."""
    silence, margin = numbers.silence, numbers.settings.margin
    value, low, high = silence.difference
    _, least, most = silence.gain
    adds = (
        "adds to what was known"
        if least > margin
        else "adds too little to what was known to matter"
        if -margin < least and most < margin
        else "may add to what was known"
    )
    if low <= 0 <= high:
        return f"Whether those who did not answer {event_text(numbers)} more often is not sure; knowing it {adds}"
    return (
        f"Those who did not answer {event_text(numbers)} {'more' if value > 0 else 'less'} often, "
        f"{share(silence.silent_rate, 1)} against {share(silence.answered_rate, 1)}; knowing it {adds}"
    )


def _silence_point(numbers: Numbers) -> MainPoint | None:
    silence = numbers.silence
    if silence is None:
        return None
    value, low, high = silence.difference
    return MainPoint(
        number=f"{signed(value, 1)} points",
        interval=f"{interval(low, high, digits=1, sign=True)} percentage points",
        headline=silence_headline(numbers),
        sentence=f"Beyond what was known anyway it adds {gain_text(silence.gain[0], 4)} "
        f"({span_text(*silence.gain[1:], digits=4)}) "
        "to the AUC for everyone invited."
        f" Rates are of customers who had not had the event by day {silence.since}, when 19 of 20 answers had come.",
        figure="silence",
    )


def _cut_point(numbers: Numbers) -> MainPoint | None:
    named = [c for c in numbers.contenders if c.metric.key == "nps" and c.cuts_judged]
    if not named:
        return None
    cuts = named[0].cuts
    lost, low, high = cuts.information_lost
    scale = named[0].metric.scale
    other = cut_text(cuts.best, scale.low, scale.high)
    sure = cuts.p_better < 0.05
    return MainPoint(
        number=share(lost),
        interval=f"{share(max(low, 0))} to {share(high)} of the information",
        headline="Detractors, passives and promoters forget "
        + (
            f"{share(lost)} of what the answers tell; {other} would forget less"
            if sure
            else f"{share(lost)} of what the answers tell"
        ),
        sentence=(
            f"The lead of the best cuts is more than choosing among {len(cuts.table)} brings "
            f"(p = {number(cuts.p_better, 3)})."
            if sure
            else f"That any other of the {len(cuts.table)} ways to cut forgets less is not sure (p = "
            f"{number(cuts.p_better, 2)})."
        ),
        figure="cuts",
    )


def _money_point(numbers: Numbers) -> MainPoint | None:
    money = numbers.money
    if money is None or not money.more or (numbers.lead is not None and numbers.lead.same):
        return None
    best = "all" if len(numbers.contenders) > 1 else numbers.contenders[0].metric.key
    open_ = "Whether all scores together do is not sure. " if earns_alone(numbers) else ""
    best = numbers.best.metric.key if open_ else best
    value, low, high = money.more[best]
    names = {c.metric.key: c.metric.short for c in numbers.contenders} | {"all": "all scores"}
    fails = "that it does not happen " if numbers.wanted else ""
    cost = money_text(numbers.settings.contact_cost)
    than = "than acting on what was known"
    return MainPoint(
        number=money_text(value, sign=True),
        interval=f"{money_span(low, high)}, per 1,000 customers",
        headline=f"At {cost} a contact, acting on {names[best]} too earns {'more' if low > 0 else 'less'} {than}"
        if low > 0 or high < 0
        else f"At {cost} a contact, whether acting on {names[best]} earns more {than} is not sure",
        sentence=f"{open_}Contacting pays where the chance {fails}is {share(money.threshold, 1)} or more. What asking costs "
        f"is not in it. That a contact costs {cost} and wins over {share(numbers.settings.success)} is assumed, not from "
        "this data: put in your own (`contact_cost`, `success`).",
        figure="profit",
    )

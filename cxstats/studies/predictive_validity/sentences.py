"""What the predictive-validity report says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.predictive_validity import unit_sentences
from cxstats.studies.predictive_validity.numbers import Contender, GivenAway, Numbers
from cxstats.studies.predictive_validity.unit_sentences import outcome_value, units_headline
from cxstats.studies.speech import enough_digits, in_sentence
from cxstats.words import (
    capitalised,
    count,
    date_text,
    interval,
    join_words,
    level_text,
    number,
    plural,
    share,
    signed,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "KNOWN",
    "answer",
    "as_of",
    "customers",
    "cut_text",
    "event_name",
    "event_text",
    "facts",
    "gain_text",
    "limits",
    "main_points",
    "margin_text",
    "method",
    "money_span",
    "money_text",
    "n_text",
    "need_to_know",
    "outcome_value",
    "p_text",
    "period",
    "race_headline",
    "rate_texts",
    "rates_headline",
    "robust_headline",
    "section_notes",
    "span_text",
    "tick_text",
    "units_headline",
]

KNOWN = "Known without asking"


def event_text(numbers: Numbers) -> str:
    """The event inside a sentence: "left within 180 days"."""
    return in_sentence(numbers.outcome_label)


def event_name(numbers: Numbers) -> str:
    """The event without its window: "left"."""
    return event_text(numbers).split(" within ")[0]


def customers(numbers: Numbers) -> str:
    """Customers raced, or their answers where some answered more than once, for a figure's source line."""
    n = plural(numbers.race.n, "answer" if numbers.repeated else "customer")
    return f"{n}, {count(numbers.race.events)} {'followed by' if numbers.repeated else 'with'} the event"


def margin_text(margin: float) -> str:
    """The margin, as short as it is.

    >>> margin_text(0.02), margin_text(0.015)
    ('0.02', '0.015')
    """
    return number(margin, enough_digits(1, lambda d: round(margin, d) == margin))


def money_text(value: float, *, sign: bool = False) -> str:
    """An amount of money, whole from 20 on.

    >>> money_text(1278.67), money_text(12.5), money_text(-3, sign=True)
    ('1,279', '12.5', '−3')
    """
    digits = 0 if abs(value) >= 20 else enough_digits(0, lambda d: abs(round(value, d) - value) < 0.005)
    return (signed if sign else number)(value, min(digits, 2))


def money_span(low: float, high: float) -> str:
    """Two amounts of money, as whole as the larger of them.

    >>> money_span(-13.58, 530.2), money_span(-1.5, 2.25)
    ('−14 to +530', '−1.5 to +2.25')
    """
    if max(abs(low), abs(high)) >= 20:
        return interval(low, high, digits=0, sign=True)
    return f"{money_text(low, sign=True)} to {money_text(high, sign=True)}"


def about(n: int) -> str:
    """A number of customers that is itself an estimate: two digits of it, rounded up.

    >>> about(15392), about(812), about(40)
    ('16,000', '820', '40')
    """
    unit = 10 ** max(len(str(n)) - 2, 0)
    return count(-(-n // unit) * unit)


def tick_text(value: float, *, sign: bool = False) -> str:
    """An AUC, or a difference of two, on an axis: two decimals, or more where two would not be true.

    >>> tick_text(0.65), tick_text(0.625), tick_text(0.025, sign=True), tick_text(0, sign=True)
    ('0.65', '0.625', '+0.025', '0')
    """
    if sign and value == 0:
        return "0"
    return (signed if sign else number)(
        value, enough_digits(2, lambda d: abs(round(value, d) - value) < 1e-9)
    )


def p_text(p: float) -> str:
    """A p-value after its "p": "= 0.012", "< 0.001".

    >>> p_text(0.0004), p_text(0.0124)
    ('< 0.001', '= 0.012')
    """
    return "< 0.001" if p < 0.001 else f"= {number(p, 3)}"


def gain_text(value: float, digits: int = 3) -> str:
    """A gain in AUC, signed."""
    return signed(value, digits)


def span_text(low: float, high: float, digits: int = 3, edge: float = 0.0) -> str:
    """An interval of gains; an end beyond the margin does not read as if on it."""
    if edge and any(round(abs(v), digits) == edge and abs(v) != edge for v in (low, high)):
        digits += 1
    return interval(low, high, digits=digits, sign=True)


def cut_text(cuts: tuple[int, ...], low: int, high: int) -> str:
    """Groups of answers as a reader writes them: "0–6, 7–8, 9–10"."""
    starts, ends = (low, *(c + 1 for c in cuts)), (*cuts, high)
    return ", ".join(f"{a}–{b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True))


def _pairs(value: float) -> str:
    """An AUC as customers: of 100 pairs, how many are told apart."""
    return f"{round(100 * value)} of 100"


def _raced(numbers: Numbers) -> str:
    return join_words([c.metric.short for c in numbers.contenders])


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
        text = (
            f"No score adds enough to matter to what was known without asking about who {event_text(numbers)}: at most "
            f"{number(max(c.high for c in numbers.contenders), 3)} in AUC."
        )
    else:
        most = "adds most to" if len(names) > 1 else "may add to"
        text = (
            f"{best.metric.short} {most} what was known about who {event_text(numbers)}, {gain_text(best.gain)} "
            f"({span_text(best.low, best.high, edge=chosen.margin)}): too uncertain to say whether {margin} is reached."
        )
        if small:
            text += _too_little(small)
        needed = _needed(numbers, margin)
    return Finding(
        question=question,
        verdict=numbers.verdict,
        answer=text,
        rule=f"A metric's gain is judged by its {level_text(chosen.level)} interval"
        + (f", {count(len(names))} metrics together," if len(names) > 1 else "")
        + f" against {margin}, set as the smallest gain that matters. "
        f"{_by_metric(numbers)}",
        margin=chosen.margin,
        unit="AUC",
        value=best.gain,
        low=best.low,
        high=best.high,
        effect=f"AUC that {best.metric.short} adds to what was known",
        needed=needed,
    )


def _needed(numbers: Numbers, margin: str) -> str:
    """How many customers would settle it: more than there are, whatever the gain is."""
    n, least, gap = numbers.race.n, numbers.n_for_margin, numbers.n_for_gap
    if least is None:
        return f"More than a hundred times as many customers with an answer as the {count(n)} here."
    if least > n:
        return (
            f"About {about(least)} customers with an answer, {number(least / n, 1)} times as many, would tell a gain of "
            f"nothing from {margin} in 80 of 100 surveys."
        )
    best = f"{numbers.best.metric.short}'s gain, if it is {gain_text(numbers.best.gain)},"
    if gap is None or gap <= n:
        return f"{best} is too close to {margin} for any number of answers in reach."
    return (
        f"About {about(gap)} customers with an answer, {number(gap / n, 1)} times as many, would tell {best} from {margin} "
        "in 80 of 100 surveys."
    )


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
    if len(numbers.contenders) == 1:
        return f"Whether {best.metric.short} adds enough to matter about who {event} is not sure"
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
    if all(race.gains.loc[keys, "gain"].idxmax() == best.key for race in races):
        return f"{best.short} has the largest gain however it is judged"
    return "Which score has the largest gain depends on who is counted, or on the wave that judges"


def _too_little(small: list[Contender]) -> str:
    return f" {join_words([c.metric.short for c in small])} {'adds' if len(small) == 1 else 'add'} too little to matter."


def _by_metric(numbers: Numbers) -> str:
    margin = numbers.settings.margin
    told = [
        f"{c.metric.short} {span_text(c.low, c.high, edge=margin)}, {c.verdict.words.lower()}"
        for c in numbers.contenders
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


def n_text(numbers: Numbers) -> str:
    """Customers judged."""
    if numbers.units is not None:
        return f"{count(numbers.units.n)} {numbers.units.noun}"
    base = numbers.base
    if base.invited:
        return f"{count(base.answered)} of {count(base.invited)} answered ({share(base.answered / base.invited, 1)})"
    return plural(base.answered, "answer")


def period(numbers: Numbers, survey: Survey) -> str:
    """The period reported on."""
    if numbers.settings.wave:
        return numbers.settings.wave
    order = survey.wave_order
    return f"{order[0]} to {order[-1]}" if len(order) > 1 else survey.period_text


def as_of(survey: Survey) -> str:
    """The day up to which the data reaches."""
    return date_text(survey.data_as_of) if survey.data_as_of else ""


def facts(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str, str], ...]:
    """(label, value, note) of the facts beside the answer."""
    if numbers.units is not None:
        return unit_sentences.facts(numbers)
    base = numbers.base
    rows = [("Answers", count(base.answered), "")]
    if base.invited:
        rows.append(("Invited", count(base.invited), ""))
        rows.append(("Response rate", share(base.answered / base.invited, 1), "of everyone invited"))
    if base.known:
        rows.append((numbers.outcome_label, share(base.rate, 1), "of everyone whose outcome is known"))
    if base.respondents:
        rows.append(
            (
                "Among those who answered",
                share(base.respondent_rate, 1),
                f"{count(base.respondent_events)} {'answers' if numbers.repeated else 'customers'}",
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
    points = [_race_point(numbers), _known_point(numbers), _rate_point(numbers)]
    points += [p for p in (_money_point(numbers), _silence_point(numbers), _cut_point(numbers)) if p]
    return tuple(points[:5])


def _stopped(numbers: Numbers) -> tuple[MainPoint, ...]:
    """What is there to be said where nothing could be raced."""
    base, leak = numbers.base, numbers.given_away
    points = []
    if leak is not None:
        effects = leak.association.effects
        points.append(
            MainPoint(
                number=f"{share(effects.low_rate)} → {share(effects.high_rate)}",
                interval=f"{leak.metric.short} {effects.low_name} against {effects.high_name}",
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
    if len(numbers.contenders) > 1:
        place = f"It comes first in {share(best.first)} of resamples of customers. "
    others = [c for c in numbers.contenders if c is not best]
    rest = "; ".join(f"{c.metric.short} {gain_text(c.gain)} ({span_text(c.low, c.high)})" for c in others)
    event, alone = event_text(numbers), not others
    if best.low <= 0:
        what = best.metric.short if alone else "any score"
        headline = f"Whether {what} adds to what was known about who {event} is not sure"
    elif alone or best.places[1] > 1:
        headline = f"{best.metric.short} adds {gain_text(best.gain)} to what was known about who {event}"
        headline += "" if alone else "; which score adds most cannot be told"
    else:
        headline = f"{best.metric.short} adds most to what was known about who {event}"
    return MainPoint(
        number=gain_text(best.gain),
        interval=f"{span_text(best.low, best.high, edge=numbers.settings.margin)} in AUC",
        headline=headline,
        sentence=place + (f"The others: {rest}." if rest else ""),
        figure="race",
    )


def _known_point(numbers: Numbers) -> MainPoint:
    value, low, high = numbers.rules["known"]
    all_ = value + numbers.race.gains.loc["all", "gain"]
    return MainPoint(
        number=number(value, 3),
        interval=f"{interval(low, high, digits=3)}, AUC without asking",
        headline=f"What is known without asking tells {_pairs(value)} pairs apart; with "
        f"{'all scores' if len(numbers.contenders) > 1 else numbers.best.metric.short}, {_pairs(all_)}",
        sentence="A pair is a customer who had the event and one who had not; guessing gets 50.",
        figure="race",
    )


def rate_texts(*rates: float) -> tuple[str, ...]:
    """Shares as printed together: whole percents, or as many decimals as small ones need.

    >>> rate_texts(0.16, 0.033), rate_texts(0.0016, 0.003)
    (('16\\xa0%', '3\\xa0%'), ('0.2\\xa0%', '0.3\\xa0%'))
    """
    least = min((r for r in rates if r > 0), default=1.0)
    digits = enough_digits(0, lambda d: 100 * least >= 10.0**-d)
    return tuple(share(r, digits) for r in rates)


def rates_headline(numbers: Numbers, best: Contender | GivenAway) -> str:
    """How often the event happens at the ends of the scale, and whether they surely differ."""
    effects, event = best.association.effects, event_text(numbers)
    low, high = rate_texts(effects.low_rate, effects.high_rate)
    _, below, above = effects.risk_difference
    told = (
        f"f those who gave {best.metric.short} {effects.low_name}, {low} {event}; of those who gave "
        f"{effects.high_name}, {high}"
    )
    if below <= 0 <= above:
        return f"Whether it goes with {best.metric.short} is not sure: o{told}"
    return f"O{told}"


def _rate_point(numbers: Numbers) -> MainPoint:
    best = numbers.best
    effects = best.association.effects
    _, low, high = effects.risk_difference
    return MainPoint(
        number=f"{share(effects.low_rate, 1)} → {share(effects.high_rate, 1)}",
        interval=f"{interval(low, high, digits=1, sign=True)} percentage points apart",
        headline=rates_headline(numbers, best),
        sentence=f"The base rate of all who answered is {share(effects.base_rate, 1)}. The difference is not an effect of "
        "the score: it may be of what was known anyway.",
        figure="rates",
    )


def _silence_point(numbers: Numbers) -> MainPoint | None:
    silence = numbers.silence
    if silence is None:
        return None
    value, low, high = silence.difference
    more = "more" if value > 0 else "less"
    tells = abs(value) > 0 and (low > 0 or high < 0)
    return MainPoint(
        number=f"{signed(value, 1)} points",
        interval=f"{interval(low, high, digits=1, sign=True)} percentage points",
        headline=(
            f"Silence is a sign: those who did not answer {event_text(numbers)} {more} often, "
            f"{share(silence.silent_rate, 1)} against {share(silence.answered_rate, 1)}"
            if tells
            else "Whether a customer answers says nothing clear about who has the event"
        ),
        sentence=f"Beyond what was known anyway it adds {gain_text(silence.gain[0], 4)} "
        f"({span_text(*silence.gain[1:], digits=4)}) "
        "to the AUC for everyone invited.",
        figure="silence",
    )


def _cut_point(numbers: Numbers) -> MainPoint | None:
    named = [c for c in numbers.contenders if c.metric.key == "nps" and c.cuts is not None]
    if not named or named[0].cuts.information_lost is None:
        return None
    cuts = named[0].cuts
    lost, low, high = cuts.information_lost
    scale = named[0].metric.scale
    other = cut_text(cuts.best, scale.low, scale.high)
    sure = cuts.p_official < 0.05
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
            f"(p = {number(cuts.p_official, 3)})."
            if sure
            else f"No other of the {len(cuts.table)} ways to cut leads by more than choosing brings "
            f"(p = {number(cuts.p_official, 2)})."
        ),
        figure="cuts",
    )


def _money_point(numbers: Numbers) -> MainPoint | None:
    money = numbers.money
    if money is None or not money.more:
        return None
    best = "all" if len(numbers.contenders) > 1 else numbers.contenders[0].metric.key
    value, low, high = money.more[best]
    names = {c.metric.key: c.metric.short for c in numbers.contenders} | {"all": "all scores"}
    cost = money_text(numbers.settings.contact_cost)
    return MainPoint(
        number=money_text(value, sign=True),
        interval=f"{money_span(low, high)}, per 1,000 customers",
        headline=f"At {cost} a contact, acting on {names[best]} too earns more than acting on what was known, by these rules"
        if low > 0
        else f"At {cost} a contact, that acting on the scores earns more is not sure",
        sentence=f"Contacting pays from a chance of {share(money.threshold, 1)} on. What asking costs is not in it, "
        "nor that rules trained on other customers would be others.",
        figure="profit",
    )


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(title, text) of what a reader needs before the evidence."""
    if numbers.units is not None:
        return unit_sentences.need_to_know(numbers, survey)
    base, chosen = numbers.base, numbers.settings
    window = (
        f" within {plural(numbers.window_days, 'day')} of being asked"
        if numbers.window_days
        else " after being asked"
    )
    who = f"{survey.population or 'Customers'}, {period(numbers, survey)}."
    if base.invited:
        who += f" {count(base.invited)} were invited."
    items = [
        ("Who was asked", who),
        (
            "What counts as the event",
            f"“{numbers.outcome_label}”, an event{window}. Of {count(base.known)} "
            f"{('invitations' if base.invited else 'answers') if numbers.repeated else 'customers'} whose outcome is known "
            f"{share(base.rate, 1)} had it."
            + (
                f" For {count(base.unknown)} it is not known yet or not recorded; they take no part."
                if base.unknown
                else ""
            ),
        ),
        (
            "What was known without asking",
            capitalised(join_words([in_sentence(label) for label in numbers.known_labels.values()]))
            + (
                f". All of it is taken to date from before the {'invitation' if base.invited else 'answer'}: the data does "
                "not show when it was recorded."
            )
            if numbers.known_labels
            else "Nothing.",
        ),
    ]
    if numbers.race is not None:
        items.append(
            (
                "Who races",
                f"{_raced(numbers)}, on "
                + (
                    f"{count(numbers.race.n)} answers to "
                    if numbers.repeated
                    else f"the same {count(numbers.race.n)} customers who answered "
                )
                + ("all of them." if len(numbers.contenders) > 1 else "it.")
                + (" Some customers answered more than once." if numbers.repeated else "")
                + "".join(f" {text}." for text in numbers.left_out_metrics.values()),
            )
        )
    called = (
        f"{share(base.called_back)} of those who answered were called back."
        if base.called_back is not None
        else "Whether unhappy customers were called back is not in the data."
    )
    aside = [
        (line.label, line.n)
        for line in survey.ledger.lines
        if line.kind == "set aside" and line.n and line.section not in survey.metrics
    ]
    if sum(n for _, n in aside) >= survey.ledger.rows_read / 100:
        text = "; ".join(f"{label.removeprefix('Set aside: ')}, {count(n)}" for label, n in aside)
        items.append(("What was left out", f"{capitalised(text)} of {count(survey.ledger.rows_read)} rows."))
    items += [
        (
            "What would matter",
            f"A gain of {margin_text(chosen.margin)} in AUC, set before the analysis.",
        ),
        ("Calls after the survey", called),
        (
            "What “AUC” means",
            "Of 100 pairs of one customer with the event and one without, how many a rule puts in the right order. 0.5 is "
            "guessing, 1 is knowing.",
        ),
    ]
    return tuple(items)


def section_notes(numbers: Numbers) -> dict[str, str]:
    """A sentence or two below a section's figures."""
    race = numbers.race
    if race is None:
        return {}
    notes = {"rates": _rates_note(numbers)}
    if race.simplified:
        notes["race"] = (
            f"**Few events.** There are {number(race.events_per_column, 1)} events for each column of the largest rule: "
            "straight lines stand in for curves, and a penalty keeps rules from learning by heart."
        )
    odd = _other_way(numbers)
    if odd:
        notes["race"] = " ".join([*([notes["race"]] if "race" in notes else []), odd])
    best = numbers.best
    told = []
    if numbers.later is not None:
        row = numbers.later.gains.loc[best.metric.key]
        told.append(
            f"**Does it last?** Trained on the earlier waves and judged on the last, {best.metric.short} adds "
            f"{gain_text(row['gain'])} ({span_text(row['low'], row['high'])})."
        )
    told += [numbers.missing[key] for key in ("weighted", "later") if key in numbers.missing]
    if told:
        notes["robust"] = " ".join(told)  # stands alone where nothing could be judged otherwise
    hazard = _hazard_note(numbers)
    if hazard:
        notes["time"] = hazard
    return notes


def _other_way(numbers: Numbers) -> str:
    """Scores of which some go with the event by low answers and others, as clearly, by high ones."""
    from cxstats.methods.limits import critical_value

    z = critical_value(numbers.settings.level)
    clear = [c for c in numbers.contenders if abs(c.association.trend_z) > z]
    ways = {way: [c.metric.short for c in clear if c.association.direction == way] for way in (-1, 1)}
    if not (ways[-1] and ways[1]):
        return ""
    return (
        f"**They point in opposite ways.** The event goes with low answers to {join_words(ways[-1])}, and with high answers "
        f"to {join_words(ways[1])}: find out why, or whether a scale was recorded the wrong way round."
    )


def _rates_note(numbers: Numbers) -> str:
    """What a step on the scale amounts to, always beside the base rate; and whether only one end matters."""
    best = numbers.best
    effects = best.association.effects
    said = []
    if effects.odds_ratio is not None and effects.marginal_effect is not None:
        ratio, change = effects.odds_ratio, effects.marginal_effect
        said.append(
            f"**One more on the scale** goes with odds × {number(ratio[0], 2)} ({interval(*ratio[1:], digits=2)}) of the "
            f"event: on average {signed(change[0], 1)} percentage points ({interval(*change[1:], digits=1, sign=True)}), "
            f"where the base rate is {share(effects.base_rate, 1)}."
        )
    elif best.association.separated:
        said.append(f"**No coefficient is given**: {best.association.separated}.")
    value, low, high = effects.risk_ratio
    first, second = effects.low_name, effects.high_name
    if 0 < value < 1:  # the more frequent first
        value, low, high = 1 / value, 1 / high, 1 / low if low > 0 else float("inf")
        first, second = second, first
    if 0 < value < float("inf"):
        said.append(
            f"Those who gave {first} have the event {number(value, 1)} times as often ({interval(low, high, digits=1)}) as "
            f"those who gave {second}."
        )
    a = best.association.asymmetry
    if a is not None:
        ends = (
            "That the highest group differs from the middle is not shown."
            if a.high_p > 0.05
            else "Both ends differ from the middle"
            + (
                ", and not by the same."
                if a.symmetric_p < 0.05
                else "; that they differ by the same is not ruled out."
            )
        )
        said.append(
            f"**Do only low scores matter?** Against those between, the lowest group's log-odds are {signed(a.low[0], 2)} "
            f"and the highest group's {signed(a.high[0], 2)}. {ends}"
        )
    return " ".join(said)


def _hazard_note(numbers: Numbers) -> str:
    """Whether one hazard ratio for all days is a fair summary."""
    timing = numbers.timing
    if timing is not None and timing.grouped is not None:
        ratio, grain = timing.grouped.ratio, timing.grouped.grain
        return (
            f"**Dates are by {grain}.** All events are dated on one day of a {grain}, so they are read as {grain}s: one "
            f"more on the scale of {timing.metric.short} goes with a hazard × {number(ratio[0], 2)} "
            f"({interval(*ratio[1:], digits=2)}) in every {grain}. An event in the {grain} of the invitation may be dated "
            "before it, and is then left out."
        )
    if timing is None or timing.alone is None:
        return ""
    row = (timing.beside or timing.alone).table.loc["score"]
    beside = "beside what was known" if timing.beside is not None else "alone"
    p = row["proportional_p"]
    return (
        f"**Does the answer wear off?** {capitalised(beside)}, one more on the scale of {timing.metric.short} goes with a "
        f"hazard × {number(row['hazard_ratio'], 2)} ({interval(row['low'], row['high'], digits=2)}) on every day. "
        + (
            f"That it changes as days pass is not shown (p {p_text(p)})."
            if p > 0.05
            else f"It changes as days pass (p {p_text(p)}): this is an average over them."
        )
    )


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(bold lead, text) of what the report cannot tell."""
    if numbers.units is not None:
        return unit_sentences.limits(numbers)
    base = numbers.base
    called = (
        f"{share(base.called_back)} of those who answered were called back. Where calls keep customers, their low answers "
        "seem harmless: the link is weaker here than it would be without calls, and those called cannot be told "
        "from the saved."
        if base.called_back is not None
        else "Whether unhappy customers were called back is not in the data. Calls that work hide the link they act on; "
        "declare them under `recovery:` in survey.yml."
    )
    said = [
        (
            "Prediction is not cause.",
            "A score that goes with the event need not be its reason: raising the score need not change what happens.",
        ),
        (
            "Those who answered.",
            "Rules are trained and judged on customers who answered. "
            + (
                "The race weighted to everyone invited stands beside it."
                if numbers.weighted is not None
                else numbers.missing.get("weighted", "")
            ),
        ),
        (
            "These facts, this window, this rate.",
            "What a score adds depends on what else is known, on how long one waits"
            + (f" ({plural(numbers.window_days, 'day')} here)" if numbers.window_days else "")
            + ", and on how often the event happens"
            + (f" ({share(base.respondent_rate, 1)} of those who answered)" if base.respondents else "")
            + ". Another company gets another answer.",
        ),
        ("Calls after the survey.", called),
    ]
    if numbers.repeated:
        said.append(
            (
                "Repeated customers.",
                "Rates, curves and cuts use each customer's latest answer; the race uses all answers and keeps those of a "
                "customer together.",
            )
        )
    return tuple(said)


def method(numbers: Numbers, survey: Survey) -> tuple[str, ...]:
    """Paragraphs of the method section."""
    if numbers.units is not None:
        return unit_sentences.method(numbers)
    chosen = numbers.settings
    said = [
        "**Estimand.** The gain in AUC of the rule trained on this many customers, judged on fresh ones. **Rules**: "
        "logistic regression; numbers as restricted cubic splines, never in bands; groups as categories. **Judging**: eight "
        "folds of customers, none judged by a rule that was trained on them. **Interval**: the gain ± t × the error of a "
        "jackknife that repeats training and judging without each of 64 parts of the customers.",
        "Not DeLong's test, which is wrong for a rule and the same rule with one more column (Demler, Pencina and "
        "D'Agostino 2012), and not percentiles of a bootstrap, whose copies of customers flatter a rule.",
        f"**Verdicts** at {level_text(chosen.level)} for all metrics together (Bonferroni); the headline asks whether "
        "any adds the margin or more. **First places** are counted in 200 resamples of the parts.",
    ]
    if numbers.race is not None:
        tests = [(c.metric.short, c.nested) for c in numbers.contenders if c.nested is not None]
        if tests:
            tested = "; ".join(f"{name} p {p_text(test.p_value)}" for name, test in tests)
            said.append(
                f"**Whether a score tells anything at all** beyond what was known ({tests[0][1].method}): {tested}. With "
                "many customers that is nearly always so, and says nothing about use."
            )
        calibration = numbers.calibration
        slope = (
            "cannot be computed, as some chances are next to 0 or 1. "
            if calibration is None
            else f"slope {number(calibration.slope[0], 2)} (± {number(calibration.slope[1], 2)}), observed to expected "
            f"{number(calibration.observed_to_expected, 2)}. "
        )
        said.append(
            f"**Calibration** of the rule with everything: {slope}"
            f"Brier score {number(numbers.brier.value, 4)}, {share(numbers.brier.scaled, 1)} below that of the base rate. "
            f"Events per column of the largest rule: {number(numbers.race.events_per_column, 0)}."
        )
    return tuple(said)

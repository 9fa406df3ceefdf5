"""What the predictive-validity report says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.predictive_validity.numbers import Contender, Numbers
from cxstats.studies.speech import in_sentence
from cxstats.words import (
    amount,
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
    "answer",
    "as_of",
    "cut_text",
    "event_text",
    "facts",
    "gain_text",
    "limits",
    "main_points",
    "method",
    "n_text",
    "need_to_know",
    "period",
    "section_notes",
    "span_text",
]


def event_text(numbers: Numbers) -> str:
    """The event inside a sentence: "left within 180 days"."""
    return in_sentence(numbers.outcome_label)


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
    margin = number(chosen.margin, 3).rstrip("0")
    names = [c.metric.short for c in numbers.contenders]
    asked = join_words(names, "or") if names else "a score"
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
            f"{join_words([c.metric.short for c in firm])} {'adds' if len(firm) == 1 else 'add'} to what behaviour "
            f"tells about who {event_text(numbers)}."
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
        text = (
            f"{best.metric.short} adds most to what was known about who {event_text(numbers)}, {gain_text(best.gain)} "
            f"({span_text(best.low, best.high, edge=chosen.margin)}): too uncertain to say whether {margin} is reached."
        )
        if small:
            text += _too_little(small)
        needed = (
            f"About {count(numbers.n_for_margin)} customers with an answer, "
            f"{number(numbers.n_for_margin / numbers.race.n, 1)} times as many, "
            f"would tell a gain of nothing from {margin} in 80 of 100 surveys."
        )
    return Finding(
        question=question,
        verdict=numbers.verdict,
        answer=text,
        rule=f"A metric's gain is judged by its {level_text(chosen.level)} interval, "
        f"{plural(len(numbers.contenders), 'metric')} together, against {margin}, set as the smallest gain that matters. "
        f"{_by_metric(numbers)}",
        margin=chosen.margin,
        unit="AUC",
        value=best.gain,
        low=best.low,
        high=best.high,
        effect=f"AUC that {best.metric.short} adds to what was known",
        needed=needed,
    )


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
    why = numbers.missing.get("all", "")
    base = numbers.base
    few = base.respondents and min(base.respondent_events, base.respondents - base.respondent_events) < 20
    leak = "leak" in why
    if leak:
        needed = "A score asked before the outcome could happen, and not made from it."
    elif few and 0 < base.events < base.known:
        rate = max(base.respondent_rate, 1 / max(base.respondents, 1))
        enough = count(max(200 / min(rate, 1 - rate), 400))
        needed = f"About {enough} customers with an answer, at the rate seen, for a first answer."
    elif not numbers.settings.known:
        needed = "Facts known of everybody without asking (tenure, use, tickets, spend), under groups: or behaviour:."
    else:
        needed = (
            "An outcome, known for those who answered, that happened to some of them and not to others, "
            "after they answered."
        )
    return Finding(
        question=question,
        verdict=Verdict.INCONCLUSIVE
        if few and not leak and 0 < base.events < base.known
        else Verdict.NOT_ANSWERABLE,
        answer=f"{capitalised(why)}.".replace("..", "."),
        rule="Nothing is trained or judged without 20 customers with the event and 20 without it, or on a score that gives "
        "the outcome away.",
        margin=numbers.settings.margin,
        unit="AUC",
        needed=needed,
    )


def n_text(numbers: Numbers) -> str:
    """Customers judged."""
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
                f"{count(base.respondent_events)} customers",
            )
        )
    if survey.data_as_of:
        rows.append(("Data as of", as_of(survey), ""))
    return tuple(rows)


def main_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """At most five main points, the most useful to a decision first."""
    base = numbers.base
    if numbers.race is None:
        return (
            MainPoint(
                number=count(base.respondent_events),
                interval=f"of {count(base.respondents)} who answered",
                headline=f"{capitalised(event_text(numbers))}: {count(base.respondent_events)} of those who answered",
                sentence=f"{capitalised(numbers.missing.get('all', ''))}.",
            ),
        )
    points = [_race_point(numbers), _known_point(numbers), _rate_point(numbers)]
    points += [p for p in (_silence_point(numbers), _cut_point(numbers), _money_point(numbers)) if p]
    return tuple(points[:5])


def _race_point(numbers: Numbers) -> MainPoint:
    best = numbers.best
    place = ""
    if len(numbers.contenders) > 1:
        place = f"It comes first in {share(best.first)} of resamples of customers. "
    others = [c for c in numbers.contenders if c is not best]
    rest = "; ".join(f"{c.metric.short} {gain_text(c.gain)} ({span_text(c.low, c.high)})" for c in others)
    return MainPoint(
        number=gain_text(best.gain),
        interval=f"{span_text(best.low, best.high, edge=numbers.settings.margin)} in AUC",
        headline=(
            f"{best.metric.short} adds most to what was known about who {event_text(numbers)}"
            if best.places[1] == 1
            else f"{best.metric.short} adds {gain_text(best.gain)} to what was known about who {event_text(numbers)}; "
            "which score adds most cannot be told"
        ),
        sentence=place + (f"The others: {rest}." if rest else ""),
        figure="race",
    )


def _known_point(numbers: Numbers) -> MainPoint:
    value, error = numbers.race.known_auc
    all_ = value + numbers.race.gains.loc["all", "gain"]
    return MainPoint(
        number=number(value, 3),
        interval=f"{interval(value - 2 * error, value + 2 * error, digits=3)}, AUC without asking",
        headline=f"What is known without asking tells {_pairs(value)} pairs apart; with all scores, {_pairs(all_)}",
        sentence="A pair is a customer who had the event and one who had not; guessing gets 50.",
        figure="race",
    )


def _rate_point(numbers: Numbers) -> MainPoint:
    best = numbers.best
    effects = best.association.effects
    _, low, high = effects.risk_difference
    return MainPoint(
        number=f"{share(effects.low_rate, 1)} → {share(effects.high_rate, 1)}",
        interval=f"{interval(low, high, digits=1, sign=True)} percentage points",
        headline=f"Of those who gave {best.metric.short} {effects.low_name}, {share(effects.low_rate)} "
        f"{event_text(numbers)}; of those who gave {effects.high_name}, {share(effects.high_rate)}",
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
        sentence=f"Beyond what was known anyway it adds {gain_text(silence.gain[0])} ({span_text(*silence.gain[1:])}) "
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
    if money is None:
        return None
    best = max(("known", *(c.metric.key for c in numbers.contenders), "all"), key=lambda k: money.profit[k])
    return MainPoint(
        number=count(round(money.profit[best] - money.profit["known"], -1)),
        interval="per 1,000 customers more than without asking",
        headline=f"At a contact that costs {amount(numbers.settings.contact_cost)}, the scores pay "
        f"{count(round(money.profit[best] - money.profit['known'], -1))} per 1,000 customers",
        sentence=f"Contacting pays from a chance of {share(money.threshold, 1)} on.",
        figure="decision",
    )


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(title, text) of what a reader needs before the evidence."""
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
            f"“{numbers.outcome_label}”, an event{window}. Of {count(base.known)} customers whose outcome is known "
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
            + ", all from before the invitation."
            if numbers.known_labels
            else "Nothing.",
        ),
    ]
    if numbers.race is not None:
        items.append(
            (
                "Who races",
                f"{_raced(numbers)}, on the same {count(numbers.race.n)} customers who answered "
                + ("all of them." if len(numbers.contenders) > 1 else "it.")
                + "".join(f" {text}." for text in numbers.left_out_metrics.values()),
            )
        )
    called = (
        f"{share(base.called_back)} of those who answered were called back; the link that calls act on looks weaker "
        "than it was."
        if base.called_back is not None
        else "Whether unhappy customers were called back is not in the data. Calls that work hide the link."
    )
    items += [
        (
            "What would matter",
            f"A gain of {number(chosen.margin, 3).rstrip('0')} in AUC, set before the analysis.",
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
    """A sentence below a section's figures."""
    notes = {}
    if numbers.race is None:
        return notes
    race = numbers.race
    if race.simplified:
        notes["race"] = (
            f"**Few events.** There are {number(race.events_per_column, 1)} events for each column of the largest rule: "
            "straight lines stand in for curves, and a penalty keeps rules from learning by heart."
        )
    best = numbers.best
    if best.association.asymmetry is not None:
        a = best.association.asymmetry
        only_low = a.high_p > 0.05
        notes["rates"] = (
            f"**Do only low scores matter?** Against those between, the lowest group's log-odds are "
            f"{signed(a.low[0], 2)} and the highest group's {signed(a.high[0], 2)}. "
            + (
                "That the highest group differs from the middle is not shown."
                if only_low
                else "Both ends differ from the middle"
                + (
                    ", and not by the same."
                    if a.symmetric_p < 0.05
                    else "; that they differ by the same is not ruled out."
                )
            )
        )
    if numbers.later is not None:
        row = numbers.later.gains.loc[best.metric.key]
        notes["robust"] = (
            f"**Does it last?** Trained on the earlier waves and judged on the last, {best.metric.short} adds "
            f"{gain_text(row['gain'])} ({span_text(row['low'], row['high'])})."
        )
    return notes


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(bold lead, text) of what the report cannot tell."""
    said = [
        (
            "Prediction is not cause.",
            "A score that goes with leaving need not be its reason: raising the score need not keep anybody.",
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
            "These facts, this window.",
            "What a score adds depends on what else is known, and on how long one waits. Another company, or another "
            "window, gets another answer.",
        ),
    ]
    if numbers.base.before:
        said.append(
            (
                "Earlier events.",
                f"{plural(numbers.base.before, 'event is', 'events are')} dated before the invitation and did not count.",
            )
        )
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
        tested = "; ".join(
            f"{c.metric.short} {'p < 0.001' if c.nested.p_value < 0.001 else f'p = {number(c.nested.p_value, 3)}'}"
            for c in numbers.contenders
        )
        said.append(
            f"**Whether a score tells anything at all** beyond what was known ({numbers.contenders[0].nested.method}): "
            f"{tested}. With many customers that is nearly always so, and says nothing about use."
        )
        calibration = numbers.calibration
        said.append(
            f"**Calibration** of the rule with everything: slope {number(calibration.slope[0], 2)} (± "
            f"{number(calibration.slope[1], 2)}), observed to expected {number(calibration.observed_to_expected, 2)}. "
            f"Brier score {number(numbers.brier.value, 4)}, {share(numbers.brier.scaled, 1)} below that of the base rate. "
            f"Events per column of the largest rule: {number(numbers.race.events_per_column, 0)}."
        )
    return tuple(said)

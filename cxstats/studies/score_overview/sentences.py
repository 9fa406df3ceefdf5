"""What the page of all scores says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.score_overview.action import Effect
from cxstats.studies.score_overview.measures import Measure
from cxstats.studies.score_overview.money import Voice, voice
from cxstats.studies.score_overview.notes import limits, method, need_to_know, next_steps, value_notes
from cxstats.studies.score_overview.phrases import (
    is_or_are,
    key_of,
    listed,
    moved,
    names_of,
    needed,
    period,
    reached,
    when,
)
from cxstats.studies.score_overview.study import Numbers
from cxstats.studies.speech import in_sentence
from cxstats.words import (
    MINUS,
    capitalised,
    count,
    date_text,
    level_text,
    number_word,
    plural,
    share,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "action_finding",
    "action_headline",
    "answer",
    "as_of",
    "facts",
    "limits",
    "main_points",
    "method",
    "n_text",
    "need_to_know",
    "next_steps",
    "period",
    "previous",
    "value_notes",
]


# --- the answer -----------------------------------------------------------------------------------


def answer(numbers: Numbers) -> Finding:
    """The headline finding."""
    if numbers.deciding is None:
        return _too_little(numbers)
    m = numbers.of(numbers.deciding)
    say, family = voice(m), _family(numbers)
    if numbers.changing:
        return _changed(numbers, m, say, family)
    low, high = m.family[0] - m.now.value, m.family[1] - m.now.value
    loose = [one for one in numbers.judged if one.verdict is not Verdict.NEGLIGIBLE]
    if loose:
        text = (
            f"{_values(numbers)}. {capitalised(names_of(loose))} {is_or_are(loose)} not known to within the margin: of "
            f"{m.short} chance leaves {say.span(*m.family)}."
        )
    else:
        text = f"{_values(numbers)}. The answers are enough to state {_each(numbers)} to within its margin."
    return Finding(
        question="Could chance alone have moved any of the scores by as much as would matter?",
        verdict=numbers.verdict,
        answer=text,
        rule=f"The interval of {m.short}, {say.span(*m.family, 1)}, is {family} "
        f"It lies {'' if not loose else 'not '}wholly within {say.gap(m.margin)} of the published value. There is "
        "no earlier wave to compare with.",
        margin=m.margin,
        unit=say.gap_unit,
        value=0.0,
        low=low,
        high=high,
        effect=f"true {m.short} against the published {say.value(m.now.value)}",
        needed=None if not loose else needed(loose),
    )


def _changed(numbers: Numbers, m: Measure, say: Voice, family: str) -> Finding:
    change = m.change
    assert change is not None
    firm = [one for one in numbers.judged if one.verdict is Verdict.MATERIAL]
    open_ = [one for one in numbers.judged if one.verdict is Verdict.INCONCLUSIVE]
    steady = [one for one in numbers.judged if one.verdict is Verdict.NEGLIGIBLE]
    if firm:
        kind = "a change that matters" if len(firm) == 1 else "changes that matter"
        text = f"{capitalised(listed([moved(one) for one in firm]))}: {kind}. "
        rest = []
        if steady:
            rest.append(f"{names_of(steady)} did not move by as much as would matter")
        if open_:
            rest.append(f"of {names_of(open_)} there are too few answers to say")
        text += f"{capitalised('; '.join(rest))}." if rest else ""
    elif open_:
        text = (
            f"{'None' if len(numbers.judged) > 1 else 'It'} is sure to have moved by as much as would matter, but of "
            f"{names_of(open_)} there are too few answers to rule it out. "
        )
        text += f"{capitalised(names_of(steady))} did not." if steady else ""
    else:
        k = len(numbers.judged)
        what = "scores" if {one.kind for one in numbers.judged} == {"score"} else "measures"
        none = f"None of {number_word(k)} {what} moved" if k > 1 else f"{m.short} did not move"
        text = f"{none} by as much as would matter since {change.before}. {_values(numbers)}."
    span = say.gap_span(change.low, change.high, edge=m.margin)
    where = {Verdict.NEGLIGIBLE: "wholly within", Verdict.MATERIAL: "wholly beyond"}.get(
        m.verdict, "partly within and partly beyond"
    )
    nearest = {
        Verdict.MATERIAL: "The largest change in units of its margin is that of",
        Verdict.NEGLIGIBLE: "The one that comes nearest to its margin is",
    }.get(numbers.verdict, "The least certain is")
    return Finding(
        question="Did any score change by as much as would matter since the wave before?",
        verdict=numbers.verdict,
        answer=text.strip(),
        rule=f"{nearest} {m.short}: its interval ({span}) lies {where} the {say.gap(m.margin)} set as the smallest "
        f"change that matters. It is {family}",
        margin=m.margin,
        unit=say.gap_unit,
        value=change.value,
        low=change.low,
        high=change.high,
        effect=f"change in {m.short} since {change.before}",
        needed=needed(open_) if numbers.verdict is Verdict.INCONCLUSIVE else None,
    )


def _too_little(numbers: Numbers) -> Finding:
    m, least = numbers.headline, numbers.settings.smallest_group
    return Finding(
        question="What do the scores say, and how sure are they?",
        verdict=Verdict.INCONCLUSIVE,
        answer=f"No score has the {least} answers from which on a number is stated.",
        rule=f"Nothing is estimated from fewer than {least} answers.",
        margin=m.margin,
        unit=voice(m).gap_unit,
        needed=f"At least {least} answers to one question.",
    )


def _family(numbers: Numbers) -> str:
    k = number_word(len(numbers.judged))
    what = "changes" if numbers.changing else "scores"
    level = level_text(numbers.settings.level)
    if numbers.together:
        return f"wide enough for the intervals of all {k} {what} to hold together in {level} of cases."
    if len(numbers.judged) == 1:
        return f"the {level} interval."
    return f"the {level} interval; those of the other {what} lie within their margins too."


def _values(numbers: Numbers) -> str:
    told = [f"{m.short} is {voice(m).value(m.now.value)}" for m in numbers.judged[:3]]
    return listed(told)


def _each(numbers: Numbers) -> str:
    return "it" if len(numbers.judged) == 1 else "each"


# --- around it ------------------------------------------------------------------------------------


def n_text(numbers: Numbers) -> str:
    """Answers to the headline score, of those invited where that is known."""
    if numbers.invited:
        return f"{count(numbers.n)} of {count(numbers.invited)} answered ({share(numbers.n / numbers.invited, 1)})"
    return plural(numbers.n, "answer")


def as_of(survey: Survey) -> str:
    """The day of the latest answer, as printed; empty where the data has no day."""
    return date_text(survey.data_as_of) if survey.data_as_of else ""


def previous(numbers: Numbers) -> str:
    """What the wave before showed."""
    two = [m for m in numbers.judged if len(m.readings) > 1]
    told = [f"{m.short} {voice(m).value(m.readings[-2].value)}" for m in two[:4]]
    m = numbers.headline
    if not told or len(m.readings) < 2:
        return ""
    return f"{m.readings[-2].label}: {', '.join(told)}."


def facts(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str, str], ...]:
    """(label, value, note) of the facts beside the answer."""
    wave = period(numbers, survey) if survey.wave else ""
    rows = [("Answers", count(numbers.n), f"to {numbers.headline.short}, {wave}".rstrip(", "))]
    if numbers.invited:
        rows.append(("Invited", count(numbers.invited), wave))
        rows.append(("Response rate", share(numbers.n / numbers.invited, 1), "of everyone invited"))
    rows += [
        (m.short, voice(m).value(m.now.value, 1), voice(m).span(m.now.low, m.now.high, 1))
        for m in numbers.shown[: 5 - len(rows)]
        if m.kind == "score"
    ]
    if survey.data_as_of:
        rows.append(("Data as of", as_of(survey), ""))
    return tuple(rows)


def main_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """At most five main points: what moved, then the headline score, who stays, who stands out, what value says."""
    if not numbers.shown:
        return (
            MainPoint(
                number=count(numbers.n),
                interval="answer" if numbers.n == 1 else "answers",
                headline="There are too few answers to state any score",
                sentence=f"Numbers are stated from {numbers.settings.smallest_group} answers on.",
            ),
        )
    points = [*_moved_points(numbers), _action_point(numbers), _headline_point(numbers), _kept_point(numbers)]
    points += [_outstanding_point(numbers), _value_point(numbers)]
    return tuple(point for point in points if point is not None)[:5]


def _moved_points(numbers: Numbers) -> list[MainPoint]:
    firm = [m for m in numbers.judged if m.change is not None and m.verdict is Verdict.MATERIAL]
    firm.sort(key=lambda m: -abs(m.change.value) / m.margin if m.change else 0.0)
    out = []
    for m in firm[:3]:
        assert m.change is not None
        say = voice(m)
        out.append(
            MainPoint(
                number=("+" if m.change.value > 0 else MINUS) + say.rough_gap(abs(m.change.value), 1),
                interval=say.gap_span(m.change.low, m.change.high, edge=m.margin),
                headline=moved(m),
                sentence=f"More than the {say.that_matter(m.margin)}, beyond what chance explains.",
                figure="changes",
            )
        )
    return out


def _headline_point(numbers: Numbers) -> MainPoint | None:
    m = numbers.headline
    if not m.readings or (m.change is not None and m.verdict is Verdict.MATERIAL):
        return None
    say = voice(m)
    half = max(m.now.high - m.now.value, m.now.value - m.now.low)
    what = f"From {plural(m.now.n, 'answer')}"
    if m.now.rate is not None:
        what += f", {share(m.now.rate, 1)} of those invited"
    steady = ""
    if m.change is not None:
        steady = (
            f" Since {m.change.before} a change of {say.gap(m.margin)} can be ruled out."
            if m.verdict is Verdict.NEGLIGIBLE
            else f" Whether it changed by {say.gap(m.margin)} since {m.change.before} cannot be told."
        )
    return MainPoint(
        number=say.value(m.now.value, 1),
        interval=say.span(m.now.low, m.now.high, 1),
        headline=f"{m.short} is {say.value(m.now.value)}, give or take {say.rough_gap(half)}",
        sentence=f"{what}.{steady}",
        figure=f"trend-{key_of(m)}" if len(m.readings) > 1 else "changes",
    )


def _kept_point(numbers: Numbers) -> MainPoint | None:
    kept = [
        m for m in numbers.shown if m.kind == "outcome" and not (m.change and m.verdict is Verdict.MATERIAL)
    ]
    if not kept:
        return None
    m = next((one for one in kept if one.short.startswith("Retention")), kept[0])
    say = voice(m)
    known = f"Known of {plural(m.now.n, 'customer')}"
    known += f" asked in {m.now.label}." if m.now.label else "."
    value = say.value(m.now.value, 1)
    if m.short.startswith("Retention"):
        headline = f"{value} of customers stayed{_within(m).replace(' within ', ' on for ')}"
    elif m.short.startswith("Complaint"):
        headline = f"{value} of customers complained{_within(m)}"
    else:
        headline = f"{m.short}: {value} of customers"
    if m.change is not None and (m.change.low > 0 or m.change.high < 0):
        known += f" {capitalised(_small_change(m))}."
    return MainPoint(
        number=value,
        interval=say.span(m.now.low, m.now.high, 1),
        headline=headline,
        sentence=known,
        figure="changes",
    )


def _within(m: Measure) -> str:
    at = m.label.find(" within ")
    return m.label[at:] if at >= 0 else ""


def _small_change(m: Measure) -> str:
    say = voice(m)
    assert m.change is not None
    more = "higher" if m.change.value > 0 else "lower"
    but = ", less than would matter" if m.verdict is Verdict.NEGLIGIBLE else ""
    return f"that is {say.rough_gap(abs(m.change.value), 1)} {more} than in {m.change.before}{but}"


def _outstanding_point(numbers: Numbers) -> MainPoint | None:
    found = [
        (g, one) for g in numbers.groups if numbers.settings.group in (None, g.name) for one in g.standing_out
    ]
    if not found:
        return None
    group, (label, gap, low, high) = max(found, key=lambda one: abs(one[1][1]))
    m = numbers.headline
    say = voice(m)
    side = "above" if gap > 0 else "below"
    return MainPoint(
        number=("+" if gap > 0 else MINUS) + say.rough_gap(abs(gap), 1),
        interval=say.gap_span(low, high),
        headline=f"{group.title} “{label}” stands out: {m.short} {say.rough_gap(abs(gap))} {side} the rest",
        sentence=f"{capitalised(number_word(len(found)))} of {number_word(_n_groups(numbers))} groups differ from the "
        "rest by more than chance explains."
        if len(found) > 1
        else "The only group that differs from the rest by more than chance explains.",
        figure="groups",
    )


def _action_point(numbers: Numbers) -> MainPoint | None:
    action = numbers.action
    if action is None or not action.effects:
        return None
    effect = next((e for e in action.effects if e.key == numbers.settings.metric), action.effects[0])
    say, found = voice(numbers.of(effect.key)), effect.found
    return MainPoint(
        number=say.gap_span(found.effect, found.effect).split(" to ")[-1],
        interval=say.gap_span(*found.region),
        headline=action_headline(numbers, effect),
        sentence=_either(numbers, effect),
        figure="action",
    )


def _n_groups(numbers: Numbers) -> int:
    key = numbers.settings.metric
    return sum(
        cell is not None
        for g in numbers.groups
        if numbers.settings.group in (None, g.name)
        for cell in g.cells.get(key, ())
    )


def _value_point(numbers: Numbers) -> MainPoint | None:
    one = next((v for v in numbers.by_value if v.key == numbers.settings.metric), None)
    if one is None:
        return None
    m = numbers.headline
    say = voice(m)
    gap = one.value - one.plain
    apart = one.low > one.plain or one.high < one.plain
    headline = (
        f"Customers who are worth more score {'higher' if gap > 0 else 'lower'}: weighted by worth, {m.short} is "
        f"{say.value(one.value)}, not {say.value(one.plain)}"
        if apart and getattr(m.metric, "high_is", "good") != "effort"
        else f"Weighted by what customers are worth, {m.short} is {say.value(one.value)}"
        + (f", not {say.value(one.plain)}" if apart else ", much as without")
    )
    return MainPoint(
        number=say.value(one.value, 1),
        interval=say.span(one.low, one.high, 1),
        headline=headline,
        sentence="Every answer counts for what its customer is worth.",
        figure="by-value",
    )


# --- the action -----------------------------------------------------------------------------------


def action_finding(numbers: Numbers) -> Finding | None:
    """What the action did to the headline score (or the first score that can be judged)."""
    action = numbers.action
    if action is None:
        return None
    if not action.effects:
        m = numbers.headline
        return Finding(
            question=f"Did the action ({when(action)}; {reached(action)}) change {m.short} by as much as would matter?",
            verdict=Verdict.NOT_ANSWERABLE,
            answer=f"This data cannot say what the action did, because {action.why}.",
            rule=f"Before against after, of those it reached against the others, needs {in_sentence(action.needed)}",
            margin=m.margin,
            unit=voice(m).gap_unit,
            needed=action.needed,
        )
    effect = next((e for e in action.effects if e.key == numbers.settings.metric), action.effects[0])
    m, found = numbers.of(effect.key), effect.found
    say = voice(m)
    low, high = found.region
    return Finding(
        question=f"Did the action ({when(action)}; {reached(action)}) change {m.short} by {say.gap(m.margin)}?",
        verdict=effect.verdict,
        answer=f"{action_headline(numbers, effect)}. {_either(numbers, effect)}",
        rule=f"The whole region of the effect, {say.gap_span(low, high, edge=m.margin)}, against {say.gap(m.margin)}: "
        f"the {level_text(numbers.settings.level)} intervals under parallel trends and under the trend before "
        "going on, those of all scores holding together.",
        margin=m.margin,
        unit=say.gap_unit,
        value=found.effect,
        low=low,
        high=high,
        assumption_low=found.assumption[0],
        assumption_high=found.assumption[1],
        effect=f"change in {m.short} by the action",
        needed=None
        if effect.verdict in (Verdict.MATERIAL, Verdict.NEGLIGIBLE)
        else "More waves before the action, to know how the groups were moving; a lot that decides whom an action reaches "
        "first would need no such assumption.",
    )


def _either(numbers: Numbers, effect: Effect) -> str:
    """The effect under either assumption."""
    say, found = voice(numbers.of(effect.key)), effect.found
    return (
        f"It is {say.gap_span(found.low, found.high)} if both groups would have moved alike without it, and "
        f"{say.gap_span(found.trend_low, found.trend_high)} if the gap between them had gone on moving as before."
    )


def action_headline(numbers: Numbers, effect: Effect) -> str:
    """What the action did to one score."""
    m, found = numbers.of(effect.key), effect.found
    say = voice(m)
    assert numbers.action is not None
    size, way = say.rough_gap(abs(found.effect), edge=m.margin), "up" if found.effect > 0 else "down"
    if effect.verdict is Verdict.MATERIAL:
        return f"With the action {m.short} went {way} by about {size} more than without it"
    if effect.verdict is Verdict.NEGLIGIBLE:
        return f"The action moved {m.short} by less than {say.gap(m.margin)}, if at all"
    if effect.verdict is Verdict.NOT_ANSWERABLE:
        return (
            f"What the action did to {m.short} hangs on how the groups would have moved without it: "
            f"{say.gap_span(*found.assumption)}"
        )
    return f"Whether the action moved {m.short} by {say.gap(m.margin)} cannot be told"

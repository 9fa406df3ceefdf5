"""The main points: at most five, the most useful to a decision first."""

from __future__ import annotations

from cxstats.findings import MainPoint, Verdict
from cxstats.studies.extreme_response_bias.gaps import LENIENCY
from cxstats.studies.extreme_response_bias.numbers import Numbers, Pair
from cxstats.studies.extreme_response_bias.phrases import (
    digits_of,
    fact_names,
    gap_words,
    margin_text,
    named,
    plain,
    range_words,
)
from cxstats.studies.speech import Speech, enough_digits
from cxstats.words import (
    capitalised,
    count,
    interval,
    signed,
)

__all__ = ["main_points"]


def main_points(numbers: Numbers) -> tuple[MainPoint, ...]:
    """At most five main points, the most useful to a decision first."""
    if not numbers.pairs:
        return (
            MainPoint(
                number=count(numbers.n),
                interval="answer" if numbers.n == 1 else "answers",
                headline="There are no two groups to compare",
                sentence=numbers.why or "Groups are declared under groups: in survey.yml.",
            ),
        )
    points = [_range_point(numbers), _firm_point(numbers), _evidence_point(numbers), _rank_point(numbers)]
    points += [_mix_point(numbers), _leniency_point(numbers)]
    return tuple([point for point in points if point][:5])


def _range_point(numbers: Numbers) -> MainPoint:
    pair, say, ref = numbers.main, Speech(numbers.metric), numbers.reference
    if not pair.fitted:
        return MainPoint(
            number=signed(pair.raw.value, digits_of(numbers, 1)),
            interval=say.gap_span(pair.raw.low, pair.raw.high),
            headline=f"{pair.label} is {gap_words(numbers, pair.raw.value, ref)} as measured",
            sentence=pair.why,
            figure="gaps",
        )
    if pair.anchored is not None:
        return MainPoint(
            number=signed(pair.anchored.value, digits_of(numbers, 1)),
            interval=say.gap_span(pair.anchored.low, pair.anchored.high),
            headline=f"By the stories that everybody rated, {pair.label} is "
            f"{gap_words(numbers, pair.anchored.value, ref)}",
            sentence=f"As measured it is {gap_words(numbers, pair.raw.value, ref, 1)}.",
            figure="gaps",
        )
    styled = pair.styled
    most = max(abs(styled.step_low), abs(styled.step_high))
    return MainPoint(
        number=_span_text(numbers, styled.low, styled.high),
        interval=f"{say.gap_span(styled.region_low, styled.region_high)} with chance",
        headline=f"{pair.label} is {range_words(numbers, styled.low, styled.high, ref)}, depending on scale use; "
        "chance comes on top",
        sentence=f"As measured it is {gap_words(numbers, pair.raw.value, ref, 1)}. "
        + (
            _what_style_does(numbers, pair)
            if round(most, digits_of(numbers))
            else "Scale use hardly matters for it."
        ),
        figure="gaps",
    )


def _what_style_does(numbers: Numbers, pair: Pair) -> str:
    """Whether scale use could make the gap that is seen, or hide a larger one: it can do either.

    ``step_low`` to ``step_high`` is what scale use adds to the gap as it is seen.
    """
    styled, unit = pair.styled, Speech(numbers.metric).gap_unit
    base, digits = pair.before_style.value, digits_of(numbers)
    steps = (styled.step_low, styled.step_high)
    behind = max(step if base > 0 else -step for step in steps)
    hidden = max(-step if base > 0 else step for step in steps)
    if round(behind, digits) > 0 and round(hidden, digits) > 0:
        return (
            f"The way people use the scale could be behind {plain(numbers, behind)} {unit} of the gap, or hide "
            f"{plain(numbers, hidden)} more."
        )
    if round(hidden, digits) > 0:
        much = plain(numbers, hidden)
        points = unit.removesuffix("s") if much == "1" else unit
        return f"The way people use the scale could hide up to {much} {points} more."
    if behind >= abs(base):
        return "The way people use the scale could be behind all of that."
    return (
        "The way people use the scale could be behind some of that, up to "
        f"{plain(numbers, behind)} of {plain(numbers, base)} {unit}."
    )


def _span_text(numbers: Numbers, low: float, high: float, fine: int = 0) -> str:
    digits = enough_digits(digits_of(numbers, fine), lambda d: low == high or round(low, d) != round(high, d))
    digits = min(digits, 2)
    if round(low, digits) == round(high, digits):
        return signed((low + high) / 2, digits)
    return interval(low, high, digits=digits, sign=True)


def _firm_point(numbers: Numbers) -> MainPoint:
    ref = numbers.reference
    differ = [p.label for p in numbers.pairs if p.verdict is Verdict.MATERIAL]
    alike = [p.label for p in numbers.pairs if p.verdict is Verdict.NEGLIGIBLE]
    cannot = [p.label for p in numbers.pairs if p.verdict is Verdict.NOT_ANSWERABLE]
    few = [p.label for p in numbers.pairs if p.verdict is Verdict.INCONCLUSIVE]
    parts = []
    if differ:
        parts.append(
            f"{named(differ)} differ{'s' if len(differ) == 1 else ''} by {margin_text(numbers)} or more"
        )
    if alike:
        parts.append(f"{named(alike)} {'does' if len(alike) == 1 else 'do'} not")
    firm = len(differ) + len(alike)
    anchored = any(p.anchored for p in numbers.pairs)
    whatever = "by the stories" if anchored else "whatever scale use explains"
    headline = (
        f"Against {ref}, {', '.join(parts)}, {whatever}"
        if firm
        else f"For no group is it sure whether it differs from {ref} by {margin_text(numbers)}"
    )
    said = []
    if cannot:
        said.append(f"For {named(cannot)} the answer depends on what part of the spread is scale use.")
    if few:
        said.append(f"For {named(few)} there are too few answers to say.")
    return MainPoint(
        number=f"{firm} of {len(numbers.pairs)}",
        interval="comparisons with a firm answer",
        headline=headline,
        sentence=" ".join(said) or "All comparisons hold together at the stated level.",
        figure="gaps",
    )


def _evidence_point(numbers: Numbers) -> MainPoint | None:
    main = numbers.main
    for design in numbers.designs:
        gap = dict(design.gaps).get(main.label)
        if gap is not None and design.key != "vignettes":
            say = Speech(numbers.metric)
            low, high = gap.box or (gap.value, gap.value)
            return MainPoint(
                number=_span_text(numbers, low, high, 0 if gap.box else 1),
                interval=f"{say.gap_span(gap.low, gap.high)}",
                headline=f"{design.short or design.name}, {main.label} would be "
                f"{range_words(numbers, low, high, numbers.reference)}",
                sentence=design.caveat,
                figure="designs",
            )
    return None


def _rank_point(numbers: Numbers) -> MainPoint | None:
    if len(numbers.ranks) < 3:
        return None
    certain = [label for label, _, _, _, first, last in numbers.ranks if first == last]
    n = len(numbers.ranks)
    headline = (
        "No group’s place in the ranking is sure once scale use is allowed for"
        if not certain
        else f"Only {named(certain)} {'has' if len(certain) == 1 else 'have'} a sure place in the ranking"
        if len(certain) < n
        else "The ranking holds whatever part of the spread is scale use"
    )
    by_chance = sum(low == high for _, _, low, high, _, _ in numbers.ranks)
    return MainPoint(
        number=f"{len(certain)} of {n}",
        interval="places sure",
        headline=headline,
        sentence=f"As measured, chance alone leaves {by_chance} of {n} places sure.",
        figure="gaps",
    )


def _mix_point(numbers: Numbers) -> MainPoint | None:
    pair = numbers.main
    if pair.before_style is pair.raw:
        return None
    moved = pair.before_style.value - pair.raw.value
    what = "customer mix and who answered" if pair.answered is not None else "customer mix"
    both = pair.answered is not None
    small = abs(moved) < numbers.settings.margin / 5
    verb = ("hardly explain" if small else "change") + ("" if both else "s")
    return MainPoint(
        number=signed(moved, digits_of(numbers, 1)),
        interval=f"{Speech(numbers.metric).gap_unit} from {what}",
        headline=f"{capitalised(what)} {verb} the gap between {pair.label} and {numbers.reference}",
        sentence=f"They were made alike in {fact_names(numbers, pair.label) or 'nothing: too few answers'}.",
        figure="steps",
    )


def _leniency_point(numbers: Numbers) -> MainPoint | None:
    spread = numbers.spread
    if spread is None or numbers.main.anchored is not None:
        return None
    say = Speech(numbers.metric)
    return MainPoint(
        number=signed(spread.leniency, digits_of(numbers, 1)),
        interval=f"{say.gap_unit} for a shift of {LENIENCY:g} standard deviations",
        headline="A country that is simply more lenient would look more satisfied, and nothing here would show it"
        if "countr" in numbers.group_title.lower()
        else "A group that is simply more lenient would look more satisfied, and nothing here would show it",
        sentence="A shift of all answers alike counts as a real difference in this report.",
        figure="assumptions",
    )

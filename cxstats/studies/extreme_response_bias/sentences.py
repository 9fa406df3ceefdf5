"""What the report says, in words: each sentence is computed and claims no more than its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.findings import Finding, MainPoint, Verdict
from cxstats.studies.extreme_response_bias.numbers import Numbers, Pair
from cxstats.studies.extreme_response_bias.study import FEWEST, LENIENCY, SMALLEST_GROUP
from cxstats.studies.speech import Speech, enough_digits, in_sentence
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
    "as_of",
    "fact_names",
    "facts",
    "findings",
    "gap_words",
    "limits",
    "main_points",
    "method",
    "n_text",
    "need_to_know",
    "neutral_text",
    "notes",
    "period",
    "plain",
    "range_words",
    "style_share_text",
]


# ------------------------------------------------------------------------------- phrases


def plain(numbers: Numbers, value: float, fine: int = 0) -> str:
    """The size of a gap, without its sign or unit."""
    return number(abs(value), _digits(numbers, fine))


def _digits(numbers: Numbers, fine: int = 0) -> int:
    return min(Speech(numbers.metric).gap_digits + fine, 2)


def _unit(numbers: Numbers, size: float, fine: int = 0) -> str:
    unit = Speech(numbers.metric).gap_unit
    return amount(abs(round(size, _digits(numbers, fine))), unit, digits=_digits(numbers, fine)).split(
        " ", 1
    )[1]


def gap_words(numbers: Numbers, value: float, reference: str, fine: int = 0) -> str:
    """One gap in words.

    >>> from cxstats.metrics import NPS
    >>> from types import SimpleNamespace
    >>> gap_words(SimpleNamespace(metric=NPS), -29.1, "Germany")
    '29 points below Germany'
    """
    size = plain(numbers, value, fine)
    if float(size.replace(",", "")) == 0:
        return f"level with {reference}"
    return f"{size} {_unit(numbers, value, fine)} {'above' if value > 0 else 'below'} {reference}"


def range_words(numbers: Numbers, low: float, high: float, reference: str, fine: int = 0) -> str:
    """A range of gaps in words.

    >>> from cxstats.metrics import NPS
    >>> from types import SimpleNamespace
    >>> n = SimpleNamespace(metric=NPS)
    >>> range_words(n, -28.7, -9.2, "Germany"), range_words(n, -1.2, 3.1, "Germany")
    ('9 to 29 points below Germany', 'between 1 point below and 3 points above Germany')
    """
    digits = _digits(numbers, fine)
    if round(low, digits) == round(high, digits):
        return gap_words(numbers, (low + high) / 2, reference, fine)
    if round(low, digits) >= 0 or round(high, digits) <= 0:
        small, large = sorted((abs(low), abs(high)))
        side = "above" if round(low, digits) >= 0 else "below"
        if round(small, digits) == 0:
            return f"up to {plain(numbers, large, fine)} {_unit(numbers, large, fine)} {side} {reference}"
        far = f"{plain(numbers, large, fine)} {_unit(numbers, large, fine)}"
        return f"{plain(numbers, small, fine)} to {far} {side} {reference}"
    return (
        f"between {plain(numbers, low, fine)} {_unit(numbers, low, fine)} below and "
        f"{plain(numbers, high, fine)} {_unit(numbers, high, fine)} above {reference}"
    )


def _from_to(numbers: Numbers, low: float, high: float) -> str:
    """Both ends of a range of gaps, the nearer to 0 first: "level to 35 points below"."""
    near, far = sorted((low, high), key=abs)
    words = []
    for end in (near, far):
        size = plain(numbers, end)
        side = "above" if end > 0 else "below"
        words.append(f"{size} {_unit(numbers, end)} {side}" if float(size.replace(",", "")) else "level")
    return f"{words[0]} to {words[1]}"


def fact_names(numbers: Numbers, label: str) -> str:
    """The facts that a group was made alike in with the reference, as readers know them."""
    return join_words([f"“{fact.title}”" for fact in numbers.facts if fact.used and label not in fact.not_in])


def style_share_text(numbers: Numbers) -> str:
    """The assumed share of the difference in spread that is scale use.

    "none to all", or "50 % to 100 %".
    """
    low, high = numbers.settings.style_share
    if (low, high) == (0.0, 1.0):
        return "none to all"
    if low == high:
        return {0.0: "none", 1.0: "all"}.get(low, share(low))
    return f"{share(low)} to {share(high)}"


def neutral_text(numbers: Numbers, last: str = "or") -> str:
    """The neutral points assumed: "5, 6 or 7"."""
    return join_words([f"{point:g}" for point in numbers.neutral or numbers.settings.neutral], last)


def _margin(numbers: Numbers) -> str:
    return Speech(numbers.metric).gap(numbers.settings.margin)


def _steps_text(numbers: Numbers, pair: Pair) -> str:
    """What was allowed for before scale use."""
    if pair.answered is not None:
        return "the same customer mix, and who answered allowed for"
    if pair.mixed is not None:
        return "the same customer mix"
    return "the answers as they are"


# ------------------------------------------------------------------------------- findings


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
        f"Does {pair.label} differ from {numbers.reference} by {_margin(numbers)} or more in {numbers.metric.short}, "
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
        rule=f"With {_steps_text(numbers, pair)}, {style_share_text(numbers)} of the difference in spread counted as "
        f"scale use, and {neutral_text(numbers)} as the scale’s neutral point, the {level_text(chosen.level)} region"
        f"{together}, is {span}: {_where(numbers, pair)} the {_margin(numbers)} set as the smallest difference that "
        "matters.",
        margin=chosen.margin,
        unit=say.gap_unit,
        value=pair.before_style.value,
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
    say, margin = Speech(metric), _margin(numbers)
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
        f"it could be anywhere from {_from_to(numbers, gap.low, gap.high)}. {measured}",
    }[pair.verdict]
    together = f", {count(len(numbers.pairs))} comparisons together" if len(numbers.pairs) > 1 else ""
    return Finding(
        question=f"Does {pair.label} differ from {ref} by {margin} or more in {metric.short}, if both are held to "
        "the same "
        "stories?",
        verdict=pair.verdict,
        answer=text,
        rule=f"Everybody rated the same stories, so what differs there is scale use, leniency included. With {ref}’s "
        "thresholds, "
        f"and the customer mix left as it is, the {level_text(chosen.level)} interval{together} is {span}: "
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
    ref, styled, margin = numbers.reference, pair.styled, _margin(numbers)
    ranged = range_words(numbers, styled.low, styled.high, ref)
    raw = gap_words(numbers, pair.raw.value, ref)
    if pair.verdict is Verdict.MATERIAL:
        return (
            f"{pair.label} is {ranged}, depending on how much of the difference in spread is scale use: beyond the "
            f"{Speech(numbers.metric).that_matter(numbers.settings.margin)} in every case. As measured it is {raw}."
        )
    if pair.verdict is Verdict.NEGLIGIBLE:
        return (
            f"{pair.label} and {ref} can be called alike: whatever part of their difference in spread is scale use, "
            "they "
            f"are less than {margin} apart."
        )
    if pair.verdict is Verdict.INCONCLUSIVE:
        return (
            f"{pair.label} is {ranged}, depending on scale use. With chance added it could be anywhere from "
            f"{_from_to(numbers, styled.region_low, styled.region_high)}: too wide to say whether {margin} are "
            "exceeded."
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


# ------------------------------------------------------------------------------- head of the page


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


# ------------------------------------------------------------------------------- main points


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
            number=signed(pair.raw.value, _digits(numbers, 1)),
            interval=say.gap_span(pair.raw.low, pair.raw.high),
            headline=f"{pair.label} is {gap_words(numbers, pair.raw.value, ref)} as measured",
            sentence=pair.why,
            figure="gaps",
        )
    if pair.anchored is not None:
        return MainPoint(
            number=signed(pair.anchored.value, _digits(numbers, 1)),
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
        headline=f"{pair.label} is {range_words(numbers, styled.low, styled.high, ref)}, depending on scale use",
        sentence=f"As measured it is {gap_words(numbers, pair.raw.value, ref, 1)}. "
        + (
            _what_style_does(numbers, pair)
            if round(most, _digits(numbers))
            else "Scale use hardly matters for it."
        ),
        figure="gaps",
    )


def _what_style_does(numbers: Numbers, pair: Pair) -> str:
    """Whether scale use could make the gap that is seen, or hide a larger one: it can do either.

    ``step_low`` to ``step_high`` is what scale use adds to the gap as it is seen.
    """
    styled, unit = pair.styled, Speech(numbers.metric).gap_unit
    base, digits = pair.before_style.value, _digits(numbers)
    steps = (styled.step_low, styled.step_high)
    behind = max(step if base > 0 else -step for step in steps)
    hidden = max(-step if base > 0 else step for step in steps)
    if round(behind, digits) > 0 and round(hidden, digits) > 0:
        return (
            f"The way people use the scale could be behind {plain(numbers, behind)} {unit} of the gap, or hide "
            f"{plain(numbers, hidden)} more."
        )
    if round(hidden, digits) > 0:
        return f"The way people use the scale could hide up to {plain(numbers, hidden)} {unit} more."
    if behind >= abs(base):
        return "The way people use the scale could be behind all of that."
    return (
        "The way people use the scale could be behind some of that, up to "
        f"{plain(numbers, behind)} of {plain(numbers, base)} {unit}."
    )


def _span_text(numbers: Numbers, low: float, high: float, fine: int = 0) -> str:
    digits = enough_digits(_digits(numbers, fine), lambda d: low == high or round(low, d) != round(high, d))
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
        parts.append(f"{_few(differ)} differ{'s' if len(differ) == 1 else ''} by {_margin(numbers)} or more")
    if alike:
        parts.append(f"{_few(alike)} {'does' if len(alike) == 1 else 'do'} not")
    firm = len(differ) + len(alike)
    anchored = any(p.anchored for p in numbers.pairs)
    whatever = "by the stories" if anchored else "whatever scale use explains"
    headline = (
        f"Against {ref}, {', '.join(parts)}, {whatever}"
        if firm
        else f"For no group is it sure whether it differs from {ref} by {_margin(numbers)}"
    )
    said = []
    if cannot:
        said.append(f"For {_few(cannot)} the answer depends on what part of the spread is scale use.")
    if few:
        said.append(f"For {_few(few)} there are too few answers to say.")
    return MainPoint(
        number=f"{firm} of {len(numbers.pairs)}",
        interval="comparisons with a firm answer",
        headline=headline,
        sentence=" ".join(said) or "All comparisons hold together at the stated level.",
        figure="gaps",
    )


def _few(labels: list[str], most: int = 4) -> str:
    """The labels, or how many there are where a sentence would not hold them."""
    return join_words(labels) if len(labels) <= most else plural(len(labels), "group")


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
        else f"Only {_few(certain)} {'has' if len(certain) == 1 else 'have'} a sure place in the ranking"
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
        number=signed(moved, _digits(numbers, 1)),
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
        number=signed(spread.leniency, _digits(numbers, 1)),
        interval=f"{say.gap_unit} for a shift of {LENIENCY:g} standard deviations",
        headline="A country that is simply more lenient would look more satisfied, and nothing here would show it"
        if "countr" in numbers.group_title.lower()
        else "A group that is simply more lenient would look more satisfied, and nothing here would show it",
        sentence="A shift of all answers alike counts as a real difference in this report.",
        figure="assumptions",
    )


# ------------------------------------------------------------------------------- what to know


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
        ("What would matter", f"A difference of {_margin(numbers)} or more, set before the analysis."),
        (
            "What is assumed",
            f"Of the difference in how widely two groups spread their answers, {style_share_text(numbers)} may be "
            "scale "
            f"use, around a neutral point of {neutral_text(numbers)}. [What that leaves open](#limits).",
        ),
        (
            "What “interval” means",
            f"Where the value plausibly lies. All comparisons hold together: in {level} of 100 surveys like this one "
            "none "
            "of their intervals misses.",
        ),
    )


# ------------------------------------------------------------------------------- notes in sections


def notes(numbers: Numbers, section: str) -> tuple[str, ...]:
    """Sentences that stand below a section's figures."""
    return {
        "gaps": _gap_notes,
        "spread": _spread_notes,
        "style": _style_notes,
        "assumptions": _assumption_notes,
        "designs": _design_notes,
        "culture": _culture_notes,
        "facts": _fact_notes,
    }.get(section, lambda _: ())(numbers)


def _gap_notes(numbers: Numbers) -> tuple[str, ...]:
    left = [pair for pair in numbers.pairs if not pair.fitted]
    said = [f"**{pair.label} is shown as measured only.** {pair.why}" for pair in left[:3]]
    said += [
        f"**Written in several ways?** {join_words([f'“{label}”' for label in alike])} are compared as different groups. "
        "If they are one, give them one label under `labels:` of the group in survey.yml."
        for alike in _written_alike([label for label, _, _ in numbers.groups])
    ]
    return tuple(said)


def _written_alike(labels: list[str]) -> list[list[str]]:
    """Labels that differ in capitals, spaces or points only.

    >>> _written_alike(["DE", "Germany", "de", "U.K.", "UK"])
    [['DE', 'de'], ['U.K.', 'UK']]
    """
    bare: dict[str, list[str]] = {}
    for label in sorted(labels):
        bare.setdefault("".join(c for c in label.casefold() if c.isalnum()) or label, []).append(label)
    return [same for same in bare.values() if len(same) > 1]


def _spread_notes(numbers: Numbers) -> tuple[str, ...]:
    spread = numbers.spread
    say = Speech(numbers.metric)
    said = [
        "**Do groups differ in spread at all?** The test that all spread their answers alike gives p "
        f"{_p(spread.scale_p_value)} "
        f"({plural(spread.scale_df, 'comparison')}). A difference in spread can be a habit of answering or a real "
        "difference between customers; this test cannot tell which."
    ]
    said.append(
        f"**What stretching does not explain.** {_beyond(numbers)} The model of one scale, stretched by each group, "
        "misses the counted "
        f"{numbers.metric.short} by at most {say.rough_gap(spread.beyond, 1)} ({spread.beyond_label}); the gaps in "
        "this report start "
        "from the counts and take from the model only what stretching changes."
    )
    return tuple(said)


def _p(value: float) -> str:
    return "under 0.001" if value < 0.001 else number(value, 3)


def _beyond(numbers: Numbers) -> str:
    """Whether groups cut the scale at other points, beyond stretching it, and how much that is."""
    spread = numbers.spread
    if spread.beyond_p_value is None:
        return ""
    size = spread.beyond_share
    much = (
        f"at most {share(size, 1)} of a group’s answers ({spread.beyond_share_label}) would have to be other ones, "
        "beyond chance"
        if size > 0.0005
        else "no more of a group’s answers lie elsewhere than chance puts there"
    )
    return f"Do groups cut the scale at points of their own? The test gives p {_p(spread.beyond_p_value)}; {much}."


def _style_notes(numbers: Numbers) -> tuple[str, ...]:
    return tuple(f"**Mind this.** {text}" for text in numbers.items.warnings) if numbers.items else ()


def _assumption_notes(numbers: Numbers) -> tuple[str, ...]:
    spread = numbers.spread
    if spread is None:
        return ()
    say = Speech(numbers.metric)
    return (
        f"**What no assumption here covers.** If one group simply rates everything higher, by {LENIENCY:g} of a "
        "standard "
        f"deviation, its {numbers.metric.short} is {say.rough_gap(spread.leniency)} higher. From one question such "
        "leniency "
        "cannot be told from satisfaction, so it counts as a real difference. Anchoring vignettes could tell.",
    )


def _design_notes(numbers: Numbers) -> tuple[str, ...]:
    said = [
        f"**{design.name}.** {design.text} {design.caveat}".replace("  ", " ")
        for design in numbers.designs
        if design.text
    ]
    said += [f"**What to add: {in_sentence(one.name)}.** {one.add}" for one in numbers.to_add]
    return tuple(said)


def _culture_notes(numbers: Numbers) -> tuple[str, ...]:
    culture = numbers.culture
    return (
        f"**How much {culture.n} countries can show.** A correlation must be beyond "
        f"±{number(culture.smallest_clear, 2)} to be "
        f"clearly different from none. Leaving out one country at a time it runs from {signed(culture.loo_low, 2)} to "
        f"{signed(culture.loo_high, 2)}; {culture.loo_widest} matters most.",
        "**No leap to customers.** These are countries: even a perfect correlation here would not say that a "
        "customer who "
        "is more individualistic gives more extreme answers.",
        *(text for text in culture.warnings if not text.startswith("The sample is")),
    )


def _fact_notes(numbers: Numbers) -> tuple[str, ...]:
    kinds = {
        "language": "the questionnaire’s language",
        "channel": "the channel",
        "mode": "the interview mode",
    }
    known = {fact.kind for fact in numbers.facts}
    missing = [words for kind, words in kinds.items() if kind not in known and not _compares(numbers, kind)]
    if not missing:
        return ()
    return (
        f"**Not in the data:** {join_words(missing)}. "
        + (
            "If it differs between groups, its effect is"
            if len(missing) == 1
            else "Where they differ between groups, their effect is"
        )
        + " part of the gap.",
    )


def _compares(numbers: Numbers, kind: str) -> bool:
    from cxstats.studies.extreme_response_bias.mix import kind_of

    return kind_of(numbers.settings.group, numbers.group_title) == kind


# ------------------------------------------------------------------------------- limits and method


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """What this cannot tell."""
    metric = numbers.metric
    rows = []
    if numbers.spread is not None:
        rows += [
            (
                "What part of the difference in spread is scale use.",
                f"With one question per person it cannot be known; {style_share_text(numbers)} is assumed, and every "
                "statement holds for all of that range.",
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
            f"{neutral_text(numbers, 'and')}."
        )
        said.append(
            f"Errors: {numbers.how_replicated}; critical value {number(numbers.critical, 3)} (Šidák over "
            f"{plural(len(numbers.pairs), 'comparison')}, which also holds if the share differs between groups). A "
            "region is the union "
            "of intervals over all assumptions, reaching 12 % beyond the highest λ, because people within a group "
            "differ too. Places as measured: step-down rank sets (Mogstad and others 2024). Places over the "
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

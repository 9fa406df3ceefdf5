"""What better designs say, where the survey has them, and what to add where it has not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cxstats.methods.style_residuals import residualise
from cxstats.studies.extreme_response_bias import items as statements_of
from cxstats.studies.extreme_response_bias.numbers import Design, Gap, Missing, Numbers
from cxstats.words import number, plural, share

if TYPE_CHECKING:
    from cxstats.methods.style_indices import StyleIndices
    from cxstats.studies.extreme_response_bias.items import Battery
    from cxstats.studies.extreme_response_bias.study import Gaps
    from cxstats.survey import Survey

__all__ = ["with_evidence"]

ENOUGH_ITEMS = 4  # statements from which on a habit is read off
GOOD_ITEMS = 10


def with_evidence(survey: Survey, numbers: Numbers, gaps: Gaps) -> Numbers:
    """The numbers with style indices, every better design the survey has, and what it lacks."""
    battery = statements_of.battery(survey, numbers)
    designs: list[Design] = []
    if battery is None:
        worth = {label: float(gaps.means.effective_n[i]) for i, label in enumerate(gaps.labels)}
        counts = {label: gaps.means.counts[i] for i, label in enumerate(gaps.labels)}
        numbers = replace(numbers, items=statements_of.stand_ins(numbers, counts, worth))
    else:
        found, items = statements_of.style_of(battery, numbers)
        numbers = replace(numbers, items=items)
        labels = [gaps.labels[i] for i in gaps.fitted]
        spread = statements_of.spread_in_items(battery, numbers, labels) if numbers.spread else None
        if spread is not None:
            value, error, _ = spread
            numbers = statements_of.with_ratios(numbers, labels, value, error)
            if len(battery.items) >= ENOUGH_ITEMS:
                designs.append(_from_spread(numbers, gaps, battery, value, error))
        if len(battery.items) >= ENOUGH_ITEMS:
            designs += _residuals(numbers, battery, found)
    return replace(numbers, designs=tuple(designs), to_add=_to_add(numbers, designs, battery))


def _from_spread(
    numbers: Numbers, gaps: Gaps, battery: Battery, value: np.ndarray, error: np.ndarray
) -> Design:
    """Scale use as wide as the spread in statements on other topics says, at every neutral point."""
    rows = []
    critical = gaps.single
    for k, i in enumerate(gaps.fitted):
        if i == gaps.ref:
            continue
        at = [gaps.gap_at(k, point, float(value[k])) for point in numbers.settings.neutral]
        moved = [gaps.gap_at(k, point, float(value[k] + error[k]))[0] for point in numbers.settings.neutral]
        ends = [
            (own, np.hypot(sampling, away - own)) for (own, sampling), away in zip(at, moved, strict=True)
        ]
        low, high = (min(v for v, _ in ends), max(v for v, _ in ends))
        rows.append(
            (
                gaps.labels[i],
                Gap(
                    ends[0][0],
                    float(min(v - critical * e for v, e in ends)),
                    float(max(v + critical * e for v, e in ends)),
                    box=(float(low), float(high)),
                ),
            )
        )
    n = plural(len(battery.items), "statement")
    main = next(row for row in numbers.spread.rows if row.label == numbers.headline)
    return Design(
        key="items_spread",
        name="Spread in statements on other topics taken for scale use",
        how=f"{n}; range over neutral points",
        short=f"If {n} on other topics show scale use",
        gaps=tuple(rows),
        caveat="Assumes that groups differ in how they use the scale, not in how varied their opinions on these "
        "topics are.",
        text=f"In {n} on other topics {numbers.headline} spreads its answers {share(main.items.value)} as widely as "
        f"{numbers.reference} ({share(main.items.low)} to {share(main.items.high)}); in {numbers.metric.short} "
        f"{share(main.ratio.value)}. What is the same everywhere is more likely a habit than a fact about satisfaction."
        if main.items
        else "",
    )


def _residuals(numbers: Numbers, battery: Battery, found: StyleIndices) -> list[Design]:
    try:
        made = residualise(
            battery.rows,
            numbers.metric,
            found,
            score=numbers.metric.key,
            use=["extreme"],
            level=numbers.settings.level,
            seed=numbers.settings.seed,
        )
        gaps = made.gaps(numbers.reference)
    except ValueError as error:
        return [Design("rirs", "Style regressed out", "", (), "", f"It could not be done: {error}.")]
    slope = made.slopes.iloc[0]
    main = gaps[gaps["group"] == numbers.headline]
    detail = ""
    if len(main):
        row = main.iloc[0]
        detail = (
            f" With the slope as estimated the gap of {numbers.headline} is {number(row['adjusted'], 1)}; corrected "
            "for the "
            f"index’s unreliability ({number(slope['reliability'], 2)}) it is {number(row['corrected'], 1)}."
        )
    return [
        Design(
            key="rirs",
            name="Extreme answering regressed out within groups",
            how=f"{plural(len(battery.items), 'statement')}, unreliability corrected",
            short="With extreme answering regressed out",
            gaps=tuple(
                (str(row.group), Gap(row.corrected, row.corrected_low, row.corrected_high))
                for row in gaps.itertuples()
            ),
            caveat="Assumes that the statements have nothing to do with satisfaction; style that they do not catch "
            "stays in.",
            text="The score is regressed on each person’s share of extreme answers, within groups, and groups are "
            "compared at the "
            f"same share, without allowing for customer mix.{detail}",
        )
    ]


def _to_add(numbers: Numbers, designs: list[Design], battery: Battery | None) -> tuple[Missing, ...]:
    """The designs that the survey lacks, with how many."""
    has = {design.key for design in designs}
    wanted = []
    n = 0 if battery is None else len(battery.items)
    if n < GOOD_ITEMS:
        more = GOOD_ITEMS - n
        wanted.append(
            Missing(
                f"{more} {'more ' if n else ''}statements on other topics",
                (
                    "Unrelated to each other and to satisfaction, half of them worded the other way round, on one "
                    "scale, asked of everyone "
                    "(`items:` in survey.yml). They show the habit of answering."
                ),
            )
        )
    if "vignettes" not in has:
        wanted.append(
            Missing(
                "two anchoring vignettes",
                "Short stories of a good and a poor service, rated on the same scale by some 300 people in each "
                "group, once a year. "
                "They show leniency too, which nothing else here can.",
            )
        )
    return tuple(wanted)

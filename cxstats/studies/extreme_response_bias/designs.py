"""What better designs say, where the survey has them, and what to add where it has not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from cxstats.findings import judge
from cxstats.methods.chopit import chopit
from cxstats.methods.equating import equate_on_behaviour
from cxstats.methods.irtree import MOST_ITEMS, irtree
from cxstats.methods.latent_metric import net_score
from cxstats.methods.style_residuals import residualise
from cxstats.methods.vignettes import c_ranks
from cxstats.studies.extreme_response_bias import items as statements_of
from cxstats.studies.extreme_response_bias.numbers import Design, Gap, Missing, Numbers
from cxstats.studies.extreme_response_bias.study import FEWEST
from cxstats.studies.speech import in_sentence
from cxstats.words import join_words, number, plural, share, signed

if TYPE_CHECKING:
    from cxstats.methods.chopit import Chopit
    from cxstats.methods.style_indices import StyleIndices
    from cxstats.methods.vignettes import CRanks
    from cxstats.metrics import Metric
    from cxstats.studies.extreme_response_bias.items import Battery
    from cxstats.studies.extreme_response_bias.study import Gaps
    from cxstats.survey import Survey

__all__ = ["with_evidence"]

ENOUGH_ITEMS = 4  # statements from which on a habit is read off
GOOD_ITEMS = 10
FEWEST_FOR_TREE = 3


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
        if FEWEST_FOR_TREE <= len(battery.items) <= MOST_ITEMS:
            designs.append(_tree(numbers, battery))
    stories = _stories(survey, numbers)
    if stories is not None and stories.gaps:
        numbers = _judged_by_stories(numbers, stories)
        designs.insert(0, stories)
    designs += [stories] if stories is not None and not stories.gaps else []
    behaviour = _behaviour(survey, numbers)
    designs += [behaviour] if behaviour is not None else []
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
        at = [gaps.gap_at(k, point, float(value[k])) for point in numbers.neutral]
        moved = [gaps.gap_at(k, point, float(value[k] + error[k]))[0] for point in numbers.neutral]
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


def _tree(numbers: Numbers, battery: Battery) -> Design:
    """Whether it is the same persons who go to the ends of the scale, whatever they are asked."""
    name = "Going to the end of the scale as a trait of persons (IRTree)"
    scale = battery.scale[battery.items[0]]
    nodes = ("middle", "extreme") if scale.size % 2 else ("extreme",)
    try:
        found = irtree(
            battery.rows,
            list(battery.items),
            scale=battery.scale,
            keyed=battery.keyed,
            group=numbers.settings.group,
            reference=numbers.reference,
            nodes=nodes,
            customer="customer" if "customer" in battery.rows.columns else None,
            level=numbers.settings.level,
        )
    except ValueError as error:
        return Design("irtree", name, "", (), "", f"It could not be fitted: {error}.")
    trait = found.spread.set_index("trait").loc["extreme"]
    sure = trait["standard_deviation"] > 2 * trait["standard_error"]
    rows = found.groups[found.groups["trait"] == "extreme"].set_index("group")
    text = (
        "Who goes to the end on one statement does so on others: going to the end is a habit of persons "
        f"(standard deviation {number(trait['standard_deviation'], 2)} log-odds)."
        if sure
        else "Who goes to the end on one statement does not do so on others: these statements show no habit."
    )
    if numbers.headline in rows.index:
        here, there = rows.loc[numbers.headline], rows.loc[numbers.reference]
        text += (
            f" Having taken a side, {numbers.headline} goes to its end in {share(here['share'])} of answers, "
            f"{numbers.reference} in "
            f"{share(there['share'])} (log-odds {signed(here['difference'], 2)}, {signed(here['low'], 2)} to "
            f"{signed(here['high'], 2)})."
        )
    return Design("irtree", name, "", (), "Persons vary equally in all groups, by assumption.", text)


def _stories(survey: Survey, numbers: Numbers) -> Design | None:
    """Anchoring vignettes: everybody rates the same stories, so what differs between groups there is scale use."""
    if not survey.vignettes:
        return None
    metric, group = numbers.metric, numbers.settings.group
    name = "Anchoring vignettes"
    scales = {v.key: v.scale for v in survey.description.vignettes}
    names = [
        key
        for key in survey.vignettes
        if (scales[key].low, scales[key].high) == (metric.scale.low, metric.scale.high)
    ]
    if not names:
        return Design(
            "vignettes",
            name,
            "",
            (),
            "",
            f"They are rated on another scale than {metric.short}, {metric.scale}.",
        )
    rows = statements_of.answered_rows(survey, numbers, [metric.key, *names])
    rated = rows[rows[metric.key].notna() & rows[names].notna().any(axis=1)][group].astype("string")
    raters = rated.value_counts()
    # a few raters say nothing of a group, and could be recognised
    labels = [label for label, _, _ in numbers.groups if raters.get(label, 0) >= FEWEST]
    if numbers.reference not in labels or len(labels) < 2:
        return Design(
            "vignettes",
            name,
            "",
            (),
            "",
            f"They could not be used: {numbers.reference} and another group need {FEWEST} people each who rated them.",
        )
    rows = rows[rows[group].astype("string").isin(labels)].reset_index(drop=True)
    # the reference first: its thresholds are the yardstick
    order = {label: f"{int(label != numbers.reference)}{k:05d}" for k, label in enumerate(labels)}
    rows = rows.assign(_group=rows[group].astype("string").map(order).astype(object))
    customer = "customer" if "customer" in rows.columns and survey.repeats else None
    try:
        ranks = c_ranks(
            rows, metric.key, names, scale=metric.scale, group="_group", level=numbers.settings.level
        )
        model = chopit(
            rows,
            metric.key,
            names,
            location=["_group"],
            scale=metric.scale,
            customer=customer,
            level=numbers.settings.level,
        )
    except ValueError as error:
        return Design("vignettes", name, "", (), "", f"They could not be used: {error}.")
    gaps = []
    for label in labels:
        if label == numbers.reference:
            continue
        found = model.location[model.location["term"].str.contains(order[label], regex=False)]
        if len(found):
            row = found.iloc[0]
            value, low, high = (_on_scale(model, metric, float(row[k])) for k in ("estimate", "low", "high"))
            gaps.append((label, Gap(value, low, high)))
    said = list(dict.fromkeys((*ranks.order.warnings, *ranks.warnings, *model.warnings)))
    for label, code in order.items():
        said = [text.replace(f"_group: {code}", label).replace(code, label) for text in said]
    return Design(
        key="vignettes",
        name=name,
        how=f"{plural(len(names), 'story', 'stories')}, CHOPIT",
        short="By the stories that everybody rated",
        gaps=tuple(gaps),
        caveat="Assumes that everybody sees the same thing in a story, and rates stories as they rate themselves.",
        text=_stories_text(numbers, ranks, names, order) + (" " + " ".join(said) if said else ""),
    )


def _judged_by_stories(numbers: Numbers, stories: Design) -> Numbers:
    """Verdicts on what the vignettes say, where they say something: they see leniency too, which the range does not."""
    single = float(ndtri((1 + numbers.settings.level) / 2))
    family = float(ndtri((1 + numbers.settings.level ** (1 / len(numbers.pairs))) / 2))
    gaps = dict(stories.gaps)
    pairs = []
    for pair in numbers.pairs:
        gap = gaps.get(pair.label)
        if gap is not None:
            # wider by as much as holding together takes
            low, high = (gap.value + (end - gap.value) * family / single for end in (gap.low, gap.high))
            verdict = judge(low, high, numbers.settings.margin)
            pair = replace(pair, anchored=Gap(gap.value, low, high), verdict=verdict, needed=None, why="")
        pairs.append(pair)
    main = next(pair for pair in pairs if pair.label == numbers.headline)
    # places over the range say nothing where the range is not what is judged
    return replace(numbers, pairs=tuple(pairs), verdict=main.verdict, why=main.why, ranks=())


def _on_scale(model: Chopit, metric: Metric, location: float) -> float:
    """What a latent difference is worth in the metric, with the reference's thresholds."""
    base = model.thresholds[model.thresholds["term"].isin(["constant", "const"])]["estimate"].to_numpy(
        dtype=float
    )
    cuts = np.cumsum([base[0], *np.exp(base[1:])])
    here, there = (float(net_score(cuts, at, 0.0, metric)) for at in (0.0, location))
    return there - here


def _stories_text(numbers: Numbers, ranks: CRanks, names: list[str], order: dict[str, str]) -> str:
    best = ranks.groups[ranks.groups["vignette"] == names[-1]].set_index("group")
    said = []
    for label in dict.fromkeys((numbers.headline, numbers.reference)):
        if order.get(label) in best.index:
            row = best.loc[order[label]]
            said.append(f"{share(row['surely_above'])} to {share(row['possibly_above'])} in {label}")
    return (
        f"Rating themselves above the best story: {join_words(said)} (the range is what ties leave open)."
        if said
        else ""
    )


def _behaviour(survey: Survey, numbers: Numbers) -> Design | None:
    """Which score goes with the same later behaviour, relative to each group's own average."""
    metric, group = numbers.metric, numbers.settings.group
    if not survey.outcomes or not numbers.headline or not numbers.main.fitted:
        return None
    top = metric.scale.high - 1 if metric.key == "nps" else metric.scale.high
    name = "Behaviour equating"
    said = []
    for outcome in survey.outcomes:
        cells, matrix = statements_of.answered_cells(survey, numbers, outcome)
        try:
            found = equate_on_behaviour(
                cells,
                metric,
                group=group,
                outcome=outcome,
                reference=numbers.reference,
                matrix=matrix,
                level=numbers.settings.level,
            )
        except ValueError as error:
            said.append(f"{survey.group_labels[outcome]}: {error}.")
            continue
        title = in_sentence(survey.group_labels[outcome])
        rows = found.scores[(found.scores[group] == numbers.headline) & (found.scores["score"] == top)]
        if rows.empty or not found.lines.loc[[numbers.reference, numbers.headline], "usable"].all():
            said.append(f"For “{title}” the link to the score is too weak to read scores by it.")
            continue
        row = rows.iloc[0]
        said.append(
            f"For “{title}” a {top} in {numbers.reference} goes with the same behaviour, relative to each group’s "
            "own average, as "
            f"{number(row['equivalent'], 1)} ({number(row['low'], 1)} to {number(row['high'], 1)}) in "
            f"{numbers.headline}."
        )
    return Design(
        key="behaviour",
        name=name,
        how="score against later behaviour, within groups",
        gaps=(),
        caveat="It compares within each group, so it says how scores map, not who is more satisfied; and it assumes "
        "that "
        "behaviour depends on satisfaction equally strongly everywhere.",
        text=" ".join(said),
    )


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

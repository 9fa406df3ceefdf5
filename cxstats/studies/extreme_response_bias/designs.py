"""What better designs say, where the survey has them, and what to add where it has not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.findings import judge
from cxstats.methods.bounded import difference_limits, score_limits
from cxstats.methods.chopit import chopit
from cxstats.methods.equating import equate_on_behaviour
from cxstats.methods.irtree import MOST_ITEMS, irtree
from cxstats.methods.latent_metric import net_score
from cxstats.methods.style_residuals import residualise
from cxstats.methods.vignettes import c_ranks
from cxstats.studies.extreme_response_bias import items as statements_of
from cxstats.studies.extreme_response_bias import mix
from cxstats.studies.extreme_response_bias.gaps import FEWEST, critical_value
from cxstats.studies.extreme_response_bias.numbers import Design, Gap, Missing, Numbers
from cxstats.studies.extreme_response_bias.phrases import spaced
from cxstats.studies.speech import in_sentence
from cxstats.words import join_words, number, plural, share, signed

if TYPE_CHECKING:
    from cxstats.methods.chopit import Chopit
    from cxstats.methods.style_indices import StyleIndices
    from cxstats.methods.vignettes import CRanks
    from cxstats.metrics import Metric
    from cxstats.studies.extreme_response_bias.gaps import Gaps
    from cxstats.studies.extreme_response_bias.items import Battery
    from cxstats.survey import Survey

__all__ = ["with_evidence"]

ENOUGH_ITEMS = 4  # statements from which on a habit is read off
GOOD_ITEMS = 10
FEWEST_FOR_TREE = 3
STORIES = "Anchoring vignettes"


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
    stories, anchored = _stories(survey, numbers, gaps)
    if stories is not None and stories.gaps:
        numbers = _judged_by_stories(numbers, anchored)
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
    for k, i in enumerate(gaps.fitted):
        if i == gaps.ref or not np.isfinite(value[k]):
            continue
        at = [gaps.gap_with_stretch(k, point, float(value[k]), float(error[k])) for point in numbers.neutral]
        box = (min(gap.value for gap in at), max(gap.value for gap in at))
        ends = (min(gap.low for gap in at), max(gap.high for gap in at))
        rows.append((gaps.labels[i], Gap(at[0].value, *ends, box=box)))
    n = plural(len(battery.items), "statement")
    main = next((row for row in numbers.spread.rows if row.label == numbers.headline), None)
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
        if main is not None and main.items
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


def _stories(survey: Survey, numbers: Numbers, gaps: Gaps) -> tuple[Design | None, dict[str, Gap]]:
    """Anchoring vignettes: everybody rates the same stories, so what differs between groups there is scale use.

    Returns
    -------
    What they say, with gaps that hold one by one, and the gaps that hold together.
    """
    if not survey.vignettes or survey.description.rows_stay:
        return None, {}
    metric, group = numbers.metric, numbers.settings.group
    scales = {v.key: v.scale for v in survey.description.vignettes}
    names = [
        key
        for key in survey.vignettes
        if (scales[key].low, scales[key].high) == (metric.scale.low, metric.scale.high)
    ]
    if not names:
        return _unused(
            f"They are rated on another scale than {metric.short}, {metric.scale}.",
        )
    facts = [*gaps.answers.codes, *(["weight"] if survey.weighted else [])]
    rows = statements_of.answered_rows(survey, numbers, [metric.key, *names, *facts])
    rated = rows[rows[metric.key].notna() & rows[names].notna().any(axis=1)][group].astype("string")
    raters = rated.value_counts()
    # a few raters say nothing of a group, and could be recognised
    labels = [label for label, _, _ in numbers.groups if raters.get(label, 0) >= FEWEST]
    if numbers.reference not in labels or len(labels) < 2:
        return _unused(
            f"They could not be used: {numbers.reference} and another group need {FEWEST} people each who rated them.",
        )
    rows = rows[rows[group].astype("string").isin(labels)].reset_index(drop=True)
    # the reference first: its thresholds are the yardstick
    order = {label: f"{int(label != numbers.reference)}{k:05d}" for k, label in enumerate(labels)}
    rows = rows.assign(_group=rows[group].astype("string").map(order).astype(object))
    rows, customer = _weighed(rows, survey, numbers, gaps)
    try:
        ranks = c_ranks(
            rows.drop(columns="n", errors="ignore"),
            metric.key,
            names,
            scale=metric.scale,
            group="_group",
            level=numbers.settings.level,
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
        return _unused(f"They could not be used: {error}.")
    found = {
        label: place
        for place, term in enumerate(model.location["term"])
        for label, code in order.items()
        if code in term
    }
    single, family = (
        critical_value(numbers.settings.level, comparisons, float("inf"))
        for comparisons in (1, len(numbers.pairs))
    )
    size = {label: int(raters[label]) for label in labels}
    said = list(dict.fromkeys((*ranks.order.warnings, *ranks.warnings, *model.warnings)))
    for label, code in order.items():
        said = [text.replace(f"_group: {code}", label).replace(code, label) for text in said]
    together = {}
    alone = []
    for label, place in found.items():
        n = (size[label], size[numbers.reference])
        alone.append((label, _by_stories(model, metric, place, n, single)))
        together[label] = _by_stories(model, metric, place, n, family)
    design = Design(
        key="vignettes",
        name=STORIES,
        how=f"{plural(len(names), 'story', 'stories')}, CHOPIT",
        short="By the stories that everybody rated",
        gaps=tuple(alone),
        caveat="Assumes that everybody sees the same thing in a story, and rates stories as they rate themselves.",
        text=spaced(" ".join([_stories_text(numbers, ranks, names, order), *said])),
    )
    return design, together


def _unused(why: str) -> tuple[Design, dict[str, Gap]]:
    return Design("vignettes", STORIES, "", (), "", why), {}


def _weighed(
    rows: pd.DataFrame, survey: Survey, numbers: Numbers, gaps: Gaps
) -> tuple[pd.DataFrame, str | None]:
    """The rows with weights that make the groups alike as everywhere in the report, and what errors are clustered by.

    Weights are of mean 1 in each group. Their errors are those of a sandwich, which takes the weights as given.
    """
    repeated = "customer" if "customer" in rows.columns and survey.repeats else None
    group = numbers.settings.group
    factors = mix.factors_of(gaps.answers, group, gaps.last)
    if factors is None and not survey.weighted:
        return rows, repeated
    weight = rows["weight"].astype(float).fillna(0.0) if survey.weighted else pd.Series(1.0, rows.index)
    if factors is not None:
        keys = [name for name in factors.columns if name != "factor"]
        keyed = rows[keys].astype("string")
        weight = weight * keyed.merge(factors, on=keys, how="left")["factor"].fillna(1.0).to_numpy()
    weight = weight / weight.groupby(rows[group].astype("string")).transform("mean")
    rows = rows.assign(n=weight.to_numpy(dtype=float))
    if repeated is None:
        rows, repeated = rows.assign(_row=np.arange(len(rows))), "_row"
    return rows, repeated


def _judged_by_stories(numbers: Numbers, anchored: dict[str, Gap]) -> Numbers:
    """Verdicts on what the vignettes say, where they say something: they see leniency too, which the range does not."""
    pairs = []
    for pair in numbers.pairs:
        gap = anchored.get(pair.label)
        if gap is not None:
            verdict = judge(gap.low, gap.high, numbers.settings.margin)
            pair = replace(pair, anchored=gap, verdict=verdict, needed=None, why="")
        pairs.append(pair)
    main = next(pair for pair in pairs if pair.label == numbers.headline)
    # places over the range say nothing where the range is not what is judged
    return replace(numbers, pairs=tuple(pairs), verdict=main.verdict, why=main.why, ranks=())


def _by_stories(model: Chopit, metric: Metric, place: int, n: tuple[int, int], critical: float) -> Gap:
    """What a latent difference is worth in the metric, with the reference's thresholds; both are estimates.

    The errors of both values come from the covariance of thresholds and difference together (delta method). ``n`` is
    how many people of the group and of the reference rated the stories.
    """
    cut = model.thresholds["cut"].to_numpy()
    constant = np.flatnonzero(np.diff(cut, prepend=0))
    at = np.append(constant, len(model.covariance) - len(model.location) + place)
    covariance = model.covariance[np.ix_(at, at)]
    own = model.thresholds["estimate"].to_numpy(dtype=float)[constant]
    start = np.append(own, float(model.location["estimate"].iloc[place]))

    def values(parameters: np.ndarray) -> np.ndarray:
        cuts = np.cumsum(np.append(parameters[0], np.exp(parameters[1:-1])))
        return np.array([float(net_score(cuts, level, 0.0, metric)) for level in (parameters[-1], 0.0)])

    value = values(start)
    step = 1e-5 * np.eye(len(start))
    slope = np.array([(values(start + row) - values(start - row)) / 2e-5 for row in step])
    (own_variance, shared), (_, its_variance) = slope.T @ covariance @ slope
    error = np.sqrt(np.maximum([own_variance, its_variance], 0.0))
    ends = score_limits(value, error, np.array(n), (metric.low, metric.high), critical)
    one, two = zip(value, *ends, strict=True)
    low, high = difference_limits(one, two, shared / error.prod() if error.prod() > 0 else 0.0)
    return Gap(float(value[0] - value[1]), float(low), float(high))


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

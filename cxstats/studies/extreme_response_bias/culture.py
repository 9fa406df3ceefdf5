"""The claim that style goes with a trait of countries, tested as it is stated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
from scipy.special import ndtri

from cxstats.methods.culture import FEWEST_COUNTRIES, culture_correlation
from cxstats.studies.extreme_response_bias.numbers import Culture, Numbers

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["with_culture"]

INDEX = "extreme"  # the index the articles speak of; the score's share at the top end where there are no statements


def with_culture(survey: Survey, numbers: Numbers) -> Numbers:
    """The numbers with group style indices against a trait of the groups, where the survey names a table of it."""
    described = survey.description.group_facts
    if described is None or numbers.items is None:
        return numbers
    if described.group != numbers.settings.group:
        title = survey.group_labels[described.group]
        missing = f"The survey’s table of traits is about {title}, not {numbers.group_title}."
        return replace(numbers, missing=numbers.missing | {"culture": missing})
    table = survey.group_facts
    fact = next(name for name in table.columns if name != described.group)
    named = {key: (name, values) for key, name, values in numbers.items.indices}
    name, values = named.get(INDEX) or next(iter(named.values()))
    # the indices' intervals are read back into errors only to draw them and to weigh reliability
    reach = 2 * float(ndtri((1 + numbers.settings.level) / 2))
    errors = {index.label: (index.high - index.low) / reach for index in values}
    shown = {index.label for index in values}
    pairs = zip(table[described.group], table[fact], strict=True)
    scores = {label: float(score) for label, score in pairs if label in shown and pd.notna(score)}
    known = len(scores)
    if known < FEWEST_COUNTRIES:
        few = f"Only {known} groups have both a style index and a trait; {FEWEST_COUNTRIES} are the least to look at."
        return replace(numbers, missing=numbers.missing | {"culture": few})
    try:
        found = culture_correlation(
            {index.label: index.value for index in values},
            errors,
            scores,
            level=numbers.settings.level,
            seed=numbers.settings.seed,
        )
    except ValueError as error:
        return replace(numbers, missing=numbers.missing | {"culture": f"{error}."})
    out = found.leave_one_out
    return replace(
        numbers,
        culture=Culture(
            fact=fact.replace("_", " ").capitalize(),
            index=name,
            n=found.n,
            pearson=found.pearson.value,
            pearson_low=found.pearson.low,
            pearson_high=found.pearson.high,
            pearson_p=found.pearson.p_value,
            rank=found.rank.value,
            rank_p=found.rank.p_value,
            loo_low=float(out["pearson"].min()),
            loo_high=float(out["pearson"].max()),
            loo_widest=str(out["country"].iloc[0]),
            points=tuple(
                (str(row.country), float(row.score), float(row.value), float(row.standard_error))
                for row in found.countries.itertuples()
            ),
            smallest_clear=found.smallest_clear,
            warnings=found.warnings,
        ),
    )

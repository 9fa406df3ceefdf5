"""How many answered: stages, response rates by kind of customer, wave and weekday, and who was never invited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from cxstats.methods.accounting import coverage_rates, response_rates
from cxstats.metrics import Metric
from cxstats.studies.disclosure import hidden_groups
from cxstats.studies.response_rate_bias.frame import ANSWERED, Frame, asked, before_follow_up
from cxstats.studies.response_rate_bias.numbers import Coverage, Rate, RateTable, Settings, Stage
from cxstats.studies.response_rate_bias.tallies import first_answers, instrument_title, part_of

if TYPE_CHECKING:
    from cxstats.survey import Survey

STAGE_WORDS = {
    "delivered": "Delivered",
    "opened": "Opened",
    "clicked": "Clicked",
    "started": "Started",
    "completed": "Completed",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def accounting(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, *, repeated: bool = False
) -> dict[str, Any]:
    """Stages, response rates by group, wave and moment, and who was never invited.

    Answers to a follow-up are not counted: they are not among those published. Where customers were invited more than
    once (``repeated``), intervals come from the jackknife's parts.
    """
    return {
        "stages": _stages(survey, frame, metric, chosen, repeated),
        "rates": (
            *_rates(survey, frame, metric, chosen, repeated),
            *_wave_rates(survey, metric, chosen, repeated),
        ),
        "coverage": _coverage(survey, frame, chosen),
    }


def _stages(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, repeated: bool
) -> tuple[Stage, ...]:
    named = [stage for stage in survey.stages if stage in survey.columns]
    cells = first_answers(survey, frame, metric, named, parts=repeated)
    cells = cells.assign(**{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)})
    found = response_rates(
        cells, stages=[*named, ANSWERED], level=chosen.level, part=part_of(cells, repeated)
    ).table
    everyone = Stage("Invited", frame.n_invited, frame.n_invited, 100.0, 100.0, 100.0)
    rest = [
        Stage(
            STAGE_WORDS.get(row.stage, "Gave a usable answer"),
            int(row.n_reached),
            int(row.n_invited),
            100 * row.rate,
            100 * row.low,
            100 * row.high,
        )
        for row in found.itertuples()
    ]
    return (everyone, *rest)


def _rates(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, repeated: bool
) -> tuple[RateTable, ...]:
    """Response rate by every group, instrument and weekday of invitation; categories with few answers hidden."""
    names = [name for name in (*survey.groups, *survey.instruments) if name != survey.wave]
    names += [name for name in (WEEKDAY,) if name in survey.columns]
    tables = {}
    for name in names:
        cells = _weekdays_named(first_answers(survey, frame, metric, [name], parts=repeated))
        if cells[name].nunique() > MOST_SHOWN:
            continue
        tables[name] = cells.assign(**{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)})
    sizes = {
        name: cells[cells[ANSWERED]]
        .dropna(subset=[name])
        .groupby(name, observed=True, as_index=False)["n"]
        .sum()
        for name, cells in tables.items()
    }
    sizes = {name: frame_ for name, frame_ in sizes.items() if len(frame_) > 1}

    def together(one: str, other: str) -> pd.DataFrame:
        cells = _weekdays_named(first_answers(survey, frame, metric, [one, other], parts=False))
        held = cells[cells[metric.key].notna()]
        return held.groupby([one, other], observed=True, dropna=False, as_index=False)["n"].sum()

    hidden = hidden_groups(sizes, together, threshold=chosen.smallest_group)
    titles = survey.group_labels | {WEEKDAY: "Weekday of the invitation"}
    return tuple(
        _rate_table(
            tables[name],
            name,
            titles.get(name) or instrument_title(survey, name),
            set(sizes[name][name][hidden[name]]),
            chosen,
            repeated=repeated,
        )
        for name in sizes
    )


def _weekdays_named(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells with the weekday of the invitation in words, where it is one of their columns."""
    if WEEKDAY not in cells.columns:
        return cells
    cells = cells.dropna(subset=[WEEKDAY]).reset_index(drop=True)
    days = [WEEKDAYS[int(day) - 1] for day in cells[WEEKDAY]]
    return cells.assign(**{WEEKDAY: pd.array(days, dtype="string")})


WEEKDAY = "invited_weekday"
MOST_SHOWN = 60  # categories of a variable beyond which its response rates are no table to read


def _rate_table(
    cells: pd.DataFrame,
    name: str,
    title: str,
    hidden: set[str],
    chosen: Settings,
    order: tuple[str, ...] = (),
    *,
    repeated: bool = False,
) -> RateTable:
    found = response_rates(
        cells, name, stages=[ANSWERED], level=chosen.level, part=part_of(cells, repeated)
    ).table
    rows = [
        Rate(
            str(row[name]),
            int(row["n_reached"]),
            int(row["n_invited"]),
            100 * row["rate"],
            100 * row["low"],
            100 * row["high"],
        )
        for _, row in found.iterrows()
        if row[name] not in hidden and row["n_reached"] >= chosen.smallest_group
    ]
    if name == WEEKDAY:
        order = WEEKDAYS
    if order:
        rows.sort(key=lambda r: order.index(r.label))
    return RateTable(name, title, tuple(rows), hidden=len(found) - len(rows))


def _wave_rates(survey: Survey, metric: Metric, chosen: Settings, repeated: bool) -> tuple[RateTable, ...]:
    if survey.wave is None:
        return ()
    marks = [name for name in ("invited", "follow_up") if name in survey.columns]
    marks += ["part"] if repeated and "part" in survey.columns else []
    cells = asked(survey.cells([survey.wave, metric.key, *marks]).dropna(subset=[survey.wave]))
    cells = before_follow_up(cells.reset_index(drop=True), metric.key)
    cells = cells.assign(**{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)})
    if cells.empty:
        return ()
    answers = cells[cells[ANSWERED]].groupby(survey.wave, observed=True, as_index=False)["n"].sum()
    hidden = hidden_groups({survey.wave: answers}, _no_other, threshold=chosen.smallest_group)[survey.wave]
    order = tuple(survey.wave_order)
    held = set(answers[survey.wave][hidden])
    return (_rate_table(cells, survey.wave, "Wave", held, chosen, order, repeated=repeated),)


def _no_other(one: str, other: str) -> pd.DataFrame:
    raise AssertionError(f"{one} stands alone, so nothing is asked of it together with {other}")


def _coverage(survey: Survey, frame: Frame, chosen: Settings) -> Coverage | None:
    """Who was invited at all, where the list holds customers who were not."""
    if not _held(survey):
        return None
    total = survey.cells(["invited"])
    if not (~total["invited"].fillna(False)).any():
        return None
    tables = []
    for name in frame.by:
        if name in survey.groups:
            found = coverage_rates(survey.cells([name, "invited"]), name, level=chosen.level)
            rows = tuple(
                Rate(
                    str(r[name]),
                    int(r["n_invited"]),
                    int(r["n_customers"]),
                    100 * r["rate"],
                    100 * r["low"],
                    100 * r["high"],
                )
                for _, r in found.iterrows()
                if r["n_customers"] >= chosen.smallest_group
            )
            tables.append(RateTable(name, frame.titles[name], rows, len(found) - len(rows)))
    n = total["n"].to_numpy()
    asked = total["invited"].fillna(False).to_numpy(dtype=bool)
    return Coverage(int(n.sum()), int(n[asked].sum()), tuple(tables))


def _held(survey: Survey) -> list[str]:
    return ["invited"] if "invited" in survey.columns else []

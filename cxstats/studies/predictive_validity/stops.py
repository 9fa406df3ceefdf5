"""Why the question cannot be answered with this data, and what would answer it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from cxstats.findings import Verdict
from cxstats.methods.incremental import FEWEST_EVENTS, Race
from cxstats.methods.predictors import FEWEST_IN_CATEGORY
from cxstats.methods.splits import concordance
from cxstats.studies.predictive_validity.numbers import Base, Settings
from cxstats.words import count, date_text, join_words, plural

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "Stop",
    "another_time",
    "cannot",
    "known_gives_away",
    "known_is_nothing",
    "not_to_the_end",
    "of_first_answers",
    "refused",
    "watched_unequally",
]

SURE = 0.995
"""AUC of a single fact above which it was made from the outcome, or after it."""
MONTH = 32
"""Days without an event at the end of the data that say nothing: events may be dated by month."""
STRAY = 0.01
"""Share of the dated events that may lie before the survey by mistake."""
_OUTCOME = "An outcome, known for those who answered, that happened to some of them and not to others, after they answered."
_FACTS = "Facts known of everybody without asking (tenure, use, tickets, spend), under groups: or behaviour:."
LEAK = "A score asked before the outcome could happen, and not made from it."


class Stop(NamedTuple):
    """Why nothing is raced, in words; what would settle it; and whether that is more of the same answers."""

    why: str
    needed: str
    verdict: Verdict = Verdict.NOT_ANSWERABLE


def cannot(
    survey: Survey,
    answered: pd.DataFrame,
    chosen: Settings,
    base: Base,
    racing: Sequence[str],
    left_out: dict[str, str],
) -> Stop | None:
    """The first reason why no rule can be trained, or None.

    Parameters
    ----------
    answered : rows with an answer and a known outcome. racing, left_out : metrics that race, and why others do not.
    """
    if base.answered == 0:
        return Stop("nobody answered: there is no answer in use to be judged", "Answers of these customers.")
    if base.known == 0:
        return _unknown(survey, chosen)
    if base.events in (0, base.known):
        who = "nobody" if base.events == 0 else "everybody"
        early = _early(survey, chosen.outcome) if base.events == 0 else 0
        before = f"; {count(early)} had it before they were asked, which says nothing" if early else ""
        return Stop(
            f"{who} of {count(base.known)} customers had the event{before}: there is nothing to predict",
            _OUTCOME,
        )
    if not racing:
        return Stop("; ".join(left_out.values()), "Answers that differ from customer to customer.")
    if base.respondents == 0:
        return Stop("the outcome is not known for any of those who answered", _OUTCOME)
    had, total = _customers(answered, chosen.outcome)
    if min(had, total - had) < FEWEST_EVENTS:
        which = "had the event" if had <= total - had else "did not have the event"
        return Stop(
            f"{count(min(had, total - had))} of the {count(total)} customers who answered {which}; at least "
            f"{FEWEST_EVENTS} are needed to train and judge a rule",
            _more(had, total),
            Verdict.INCONCLUSIVE,
        )
    if not chosen.known:
        return Stop(
            "nothing is known of these customers without asking them, so there is nothing for a score to add to",
            _FACTS,
        )
    return None


def _customers(answered: pd.DataFrame, outcome: str) -> tuple[int, int]:
    """Customers who ever had the event, and all: twenty events of one customer in twenty waves are one."""
    happened = answered[outcome].astype(bool)
    if "customer" in answered.columns:
        happened = happened.groupby(answered["customer"], observed=True, dropna=False).any()
    return int(happened.sum()), len(happened)


def watched_unequally(watched: tuple[int, int] | None, chosen: Settings) -> Stop | None:
    """Why nothing is said where customers were watched for very different times, ``watched`` being the ends of these."""
    if watched is None:
        return None
    shortest, longest = watched
    return Stop(
        f"customers were watched for {count(shortest)} to {plural(longest, 'day')} after they were asked, so who was asked "
        "early had longer to have the event, and no window says what counts",
        f"A window for all: window_days under {chosen.outcome}: in survey.yml, or window_days of the report; who was "
        "watched for less then takes no part.",
    )


def _more(had: int, total: int) -> str:
    rate = min(max(had, 1), max(total - had, 1)) / max(total, 1)
    return (
        f"About {count(max(200 / rate, 400))} customers with an answer, at the rate seen, for a first answer."
    )


def _unknown(survey: Survey, chosen: Settings) -> Stop:
    if chosen.window_days is None or survey.data_as_of is None:
        return Stop("the outcome is not known for anybody: the column is empty, or coded so", _OUTCOME)
    days, until = plural(chosen.window_days, "day"), date_text(survey.data_as_of)
    return Stop(
        f"the outcome is not known for anybody: for no customer had {days} from the invitation gone by on {until}, where "
        "the data ends",
        f"Data that reaches {days} beyond the invitations, or a shorter window.",
    )


def _early(survey: Survey, outcome: str) -> int:
    """Events dated before the invitation, as the ledger counts them."""
    label = f"{survey.group_labels[outcome]}: not known, happened before the survey"
    return sum(line.n for line in survey.ledger.lines if line.label == label)


def another_time(survey: Survey, rows: pd.DataFrame, chosen: Settings) -> Stop | None:
    """Why nothing is said of an event that can come again where many are dated before the survey.

    Then the day is that of the last time, or of the very first. By the last, who bought within the window and once more
    after it counts as not having bought: the most loyal are turned into those who stay away.
    """
    days = f"{chosen.outcome}_days"
    if (
        survey.description.outcomes[chosen.outcome].kind_for(chosen.outcome) == "churn"
        or days not in rows.columns
    ):
        return None
    lost = rows["observed_days"].notna() & rows[f"{chosen.outcome}_observed_days"].isna()
    before = min(_early(survey, chosen.outcome), int(lost.sum()))  # of this wave, if one alone is looked at
    if before < FEWEST_EVENTS or before < STRAY * (before + rows[days].notna().sum()):
        return None
    return Stop(
        f"for {plural(before, 'customer')} the event is dated before they were asked: one that can happen again then has "
        "the day of the last time, or of the very first, and who had it after the survey is not known",
        "The day of the first event after the invitation, for each invitation. If it happens once only, set aside who had "
        "it before (set_aside: in survey.yml), or say kind: churn where it is a loss.",
    )


def not_to_the_end(survey: Survey, rows: pd.DataFrame, chosen: Settings) -> Stop | None:
    """Why nothing is said where events seem to be known up to an earlier day than answers are.

    Without ``data_as_of`` the data is taken to reach to its last day, of an answer or an event. Where outcomes were exported
    before the last wave was, who had the event in between counts as not having had it.
    """
    key, until = chosen.outcome, survey.data_as_of
    if survey.description.data_as_of is not None or until is None or f"{key}_days" not in rows.columns:
        return None
    there = rows[rows[f"{key}_observed_days"].notna() & rows["observed_days"].notna()]
    watched = there["observed_days"].to_numpy(dtype=float)
    day = there[f"{key}_days"].to_numpy(dtype=float, na_value=np.nan)
    reach = watched if chosen.window_days is None else np.minimum(watched, chosen.window_days)
    had = day <= reach
    if had.sum() < FEWEST_EVENTS or (gap := float((watched - day)[had].min())) < MONTH:
        return None
    # what the rates by time since the invitation, seen before, bring in the days at risk after the last event
    edges, end, since = np.linspace(0, reach.max(), 11), np.where(had, day, reach), watched - gap
    expected = 0.0
    for low, high in pairwise(edges):
        at_risk = np.clip(np.minimum(end, high) - low, 0, None).sum()
        after = np.clip(np.minimum(end, high) - np.maximum(since, low), 0, None).sum()
        if at_risk > after:
            expected += after / (at_risk - after) * np.sum(had & (day > low) & (day <= high))
    if expected < FEWEST_EVENTS:
        return None
    last = date_text(until - timedelta(days=int(gap)))
    return Stop(
        f"the last event is of {last} and the last answer of {date_text(until)}: at the rate before, about "
        f"{count(round(expected))} more customers would have had it in between, so it seems not to be recorded to the end",
        "The day up to which events are known: data_as_of: in survey.yml.",
    )


def known_gives_away(answered: pd.DataFrame, chosen: Settings, labels: dict[str, str]) -> Stop | None:
    """A fact that tells the outcome by itself: what is left for a score to add says nothing about the score."""
    happened = answered[chosen.outcome].to_numpy(dtype=bool)
    told = [name for name in chosen.known if _apart(answered[name], happened) > SURE]
    if not told:
        return None
    names = join_words([f"“{labels[name]}”" for name in told])
    return Stop(
        f"{names} {'tells' if len(told) == 1 else 'tell'} by "
        f"{'itself' if len(told) == 1 else 'themselves'} who had the event: what counts as known without asking is a leak, "
        "made from the outcome or recorded after it",
        f"What was known before the invitation: leave {names} out (known=), or take "
        f"{'its' if len(told) == 1 else 'their'} values of that day.",
    )


def _apart(fact: pd.Series, happened: np.ndarray) -> float:
    """AUC of a fact alone, whichever way it points: a number by its size, a category by its rate, a gap by being one."""
    missing = fact.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(fact) and not pd.api.types.is_bool_dtype(fact):
        value = fact.to_numpy(dtype=float, na_value=np.nan)
        middle = np.nanmedian(value) if not missing.all() else 0.0
        columns = [np.where(missing, middle, value), missing.astype(float)]
    else:
        code = pd.factorize(fact, use_na_sentinel=False)[0]
        n, events = np.bincount(code), np.bincount(code, weights=happened)
        rate = np.where(n >= FEWEST_IN_CATEGORY, events / np.maximum(n, 1), happened.mean())
        columns = [rate[code]]
    pairs = concordance(np.column_stack(columns), happened, np.ones((len(happened), 1)))
    areas = pairs[:, 0] / pairs[:, 1]
    return float(np.maximum(areas, 1 - areas).max())


def known_is_nothing(raced: Race, facts: Sequence[str]) -> Stop | None:
    """What was known does not tell customers apart at all, or tells the outcome as a whole.

    ``facts`` : what was known, but for when they were asked, which is no fact of a customer.
    """
    if "known" not in raced.predictions.columns or set(facts) <= set(raced.unused):
        return Stop(
            "what is known without asking is the same for all customers who answered, so there is nothing for a score to "
            "add to",
            _FACTS,
        )
    if raced.known_auc[0] > SURE:
        return Stop(
            f"what is known without asking tells who had the event (AUC {raced.known_auc[0]:.3f}): it is a leak, made from "
            "the outcome or recorded after it",
            "What was known before the invitation, with its values of that day.",
        )
    return None


def of_first_answers(error: ValueError, base: Base) -> Stop:
    """Why nothing can be said of the answers that each customer gave first: nobody left after them, or everybody."""
    return Stop(
        f"of each customer's first answer nothing can be said ({str(error).rstrip('.')})",
        _more(base.respondent_events, base.respondents),
        Verdict.INCONCLUSIVE,
    )


def refused(error: ValueError, answered: pd.DataFrame, chosen: Settings) -> Stop:
    """Why the race itself was refused."""
    why = str(error)
    if "are needed before a rule" in why:
        happened = answered[chosen.outcome].astype(bool)
        return Stop(why, _more(int(happened.sum()), len(happened)), Verdict.INCONCLUSIVE)
    return Stop(why.partition(" Was the score")[0].rstrip("."), LEAK if "leak" in why else _OUTCOME)

"""Contoso, an invented company: its export, its description, and the truth behind both."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

from .counts import wave_names
from .frame import FACTS, LEVELS
from .model import CHURN, ITEM_KEYS, REPURCHASE, Faults, Model, Outcome, Response, ScaleUse
from .people import (
    FIRST_DAY,
    Customers,
    Spell,
    answers_given,
    bought_within,
    customers,
    hazard,
    intercept,
    left_within,
    risk,
    spell,
)
from .population import Population, population
from .streams import uniforms
from .truth import Truth, truth

__all__ = ["Company", "company", "demo_company"]

_LAST_WAVE = date(2025, 1, 6)  # a Monday
_WAVE_DAYS = 91
_SENDING_WEEKS = 10
_OBSERVED_UNTIL = date(2025, 9, 30)
_LABELS = {
    "country": "Country",
    "segment": "Segment",
    "tenure": "Customer for",
    "app_use": "Use of the app",
    "tickets": "Support tickets, 90 days before",
    "channel": "Invited by",
}
_REACHED = ("not opened", "opened", "started", "completed")
_BEHAVIOUR = {
    "tenure_months": "Months as a customer",
    "tickets_90d": "Support tickets, 90 days before",
    "app_days_90d": "Days with the app, 90 days before",
}
_HOURS_FROM_UTC = (1, 0, -6, -3, 9)  # by country, the hour at which the working day is counted


@dataclass(frozen=True, slots=True)
class Company:
    """A simulated company.

    Attributes
    ----------
    rows : what the company's own export holds, one row per invitation (and a few faults), the columns as
        a survey tool names them: scores are text, times carry a zone, unanswered is missing.
    description : what ``survey.yml`` would say of the rows, without a file.
    truth : expected and realised true values; see :class:`Truth`.
    hidden : what no survey sees, one row per genuine invitation (``row`` is its position in ``rows``):
        wave, propensity, true satisfaction and effort, the answers every customer would give,
        true probabilities of the outcomes.
    """

    rows: pd.DataFrame
    description: dict[str, Any]
    truth: Truth
    hidden: pd.DataFrame


def company(
    n_customers: int = 40_000,
    *,
    seed: int,
    response: Response | None = None,
    scale_use: ScaleUse | None = None,
    churn: Outcome = CHURN,
    repurchase: Outcome = REPURCHASE,
    change: float = 1.0,
    country_gaps: float = 1.0,
    frame_effects: float = 1.0,
    waves: int = 2,
    repeat_share: float = 0.10,
    repeat_correlation: float = 0.70,
    faults: Faults | None = None,
) -> Company:
    """A company whose truth is known.

    Parameters
    ----------
    n_customers : customers on the frame, 10 to 5,000,000. Each is invited in one wave; those invited in
        two have two rows.
    seed : whole number, 0 or more. The same arguments give the same rows on every machine.
    response, scale_use, churn, repurchase, faults : dials, see :class:`Response`, :class:`ScaleUse`,
        :class:`Outcome`, :class:`Faults`.
    change : true change of NPS, in points, from the last wave but one to the last.
    country_gaps, frame_effects : 1 as in the demo, 0 for none: how much satisfaction depends on the
        country, and on segment, tenure, app use and tickets.
    waves, repeat_share, repeat_correlation : see :class:`Model`.

    Raises
    ------
    ValueError : a dial is off its range.

    >>> small = company(500, seed=1, response=Response.at_random(0.5), change=0)
    >>> abs(small.truth.metric("nps").bias) < 1e-4
    True
    """
    if isinstance(n_customers, bool) or not isinstance(n_customers, int | np.integer):
        raise ValueError(f"n_customers must be a whole number, but is {n_customers!r}")
    if not 10 <= n_customers <= 5_000_000:
        raise ValueError(f"n_customers must be from 10 to 5,000,000, but is {n_customers:,}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number, 0 or more, but is {seed!r}")
    model = Model(
        response=response or Response(),
        scale_use=scale_use or ScaleUse(),
        churn=churn,
        repurchase=repurchase,
        change=change,
        country_gaps=country_gaps,
        frame_effects=frame_effects,
        waves=waves,
        repeat_share=repeat_share,
        repeat_correlation=repeat_correlation,
    )
    return _draw(model, int(n_customers), int(seed), faults or Faults())


def demo_company(seed: int = 20250401) -> Company:
    """The company that comes with cxstats: 40,000 customers of Contoso, all dials at their defaults.

    >>> demo_company().description["title"]
    'Contoso relationship survey'
    """
    made = _demo(seed)
    # pandas copies on write: whoever changes what they got leaves the next one's whole
    return replace(
        made,
        rows=made.rows.copy(deep=False),
        hidden=made.hidden.copy(deep=False),
        description=deepcopy(made.description),
    )


@lru_cache(maxsize=1)
def _demo(seed: int) -> Company:
    return company(seed=seed)


def _draw(model: Model, n: int, seed: int, faults: Faults) -> Company:
    people = population(model)
    who = customers(model, seed, n)
    invitations = _invitations(people, who, n, seed)
    rows, position = _export(people, who, invitations, faults, seed)
    hidden = _hidden(people, who, invitations).assign(row=position)
    hidden = hidden.sort_values("row", ignore_index=True)
    return Company(
        rows=rows,
        description=_description(model),
        truth=truth(model, hidden, seed=seed, n_customers=n),
        hidden=hidden,
    )


@dataclass(frozen=True, slots=True)
class _Invitations:
    # one row per genuine invitation, those of turn 0 first; times in days after the invitation
    customer: np.ndarray
    wave: np.ndarray
    sent: np.ndarray  # seconds since 1970, UTC
    then: Spell
    churn: np.ndarray
    repurchase: np.ndarray
    leaves: np.ndarray
    buys: np.ndarray


def _invitations(people: Population, who: Customers, n: int, seed: int) -> _Invitations:
    model = people.model
    pair = uniforms(seed, "repeat", n) < model.repeat_share
    starts = np.where(pair, model.waves - 1, model.waves)
    wave = np.floor(uniforms(seed, "wave", n) * starts).astype(int)
    everybody = np.arange(n)
    sent = _sent(people, who.cell, wave, model.waves, n, seed)

    first = _future(people, who, everybody, wave, seed, turn=0)
    again = np.flatnonzero(pair)
    second = _future(people, who, again, wave[again] + 1, seed, turn=1)
    # Customers invited twice are bound until after the second invitation: were those who leave between
    # the two taken out, the second wave would be happier than the first with nothing having changed.
    bound = {
        "leaves": _WAVE_DAYS + second.leaves,
        "buys": np.where(first.buys[again] > _WAVE_DAYS, _WAVE_DAYS + second.buys, first.buys[again]),
        "churn": left_within(model, second.churn, model.churn.window_days - _WAVE_DAYS),
        "repurchase": _bought_when_bound(model, first.repurchase_rate[again], second),
    }
    both = {
        name: np.concatenate([_replaced(getattr(first, name), again, value), getattr(second, name)])
        for name, value in bound.items()
    }
    return _Invitations(
        customer=np.concatenate([everybody, again]),
        wave=np.concatenate([wave, wave[again] + 1]),
        sent=np.concatenate([sent, sent[again] + _WAVE_DAYS * 86_400]),
        then=_stacked(first.then, second.then),
        **both,
    )


def _replaced(values: np.ndarray, at: np.ndarray, new: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[at] = new
    return values


def _bought_when_bound(model: Model, rate: np.ndarray, second: _Future) -> np.ndarray:
    # at the first rate until the second invitation, while nobody leaves; at the second rate afterwards
    window = model.repurchase.window_days
    by_second = -np.expm1(-hazard(rate, model.repurchase) * (min(window, _WAVE_DAYS) - FIRST_DAY))
    after = bought_within(model, second.repurchase_rate, second.churn, window - _WAVE_DAYS)
    return by_second + (1 - by_second) * after


def _sent(
    people: Population, cell: np.ndarray, wave: np.ndarray, waves: int, n: int, seed: int
) -> np.ndarray:
    # a working day of the wave's ten weeks, between 9 and 17 o'clock in the customer's country
    day = np.floor(uniforms(seed, "day", n) * _SENDING_WEEKS * 5).astype(int)
    day = day // 5 * 7 + day % 5
    start = (_LAST_WAVE - date(1970, 1, 1)).days + _WAVE_DAYS * (wave - (waves - 1))
    away = np.asarray(_HOURS_FROM_UTC)[people.frame.codes["country"][cell]]
    clock = (9 - away) * 3600 + np.floor(uniforms(seed, "clock", n) * 8 * 3600).astype(int)
    return (start + day) * 86_400 + clock


@dataclass(frozen=True, slots=True)
class _Future:
    # what becomes of customers after an invitation; ``repurchase_rate`` as if nobody ever left
    then: Spell
    churn: np.ndarray
    repurchase: np.ndarray
    repurchase_rate: np.ndarray
    leaves: np.ndarray
    buys: np.ndarray


def _future(
    people: Population, who: Customers, chosen: np.ndarray, wave: np.ndarray, seed: int, turn: int
) -> _Future:
    model, n = people.model, len(chosen)
    then = spell(people, who, chosen, wave, seed=seed, turn=turn)
    churn = expit(risk(model.churn, who, chosen, then) + intercept(model, "churn"))
    rate = expit(risk(model.repurchase, who, chosen, then) + intercept(model, "repurchase"))
    return _Future(
        then=then,
        churn=churn,
        repurchase=bought_within(model, rate, churn, model.repurchase.window_days),
        repurchase_rate=rate,
        leaves=FIRST_DAY - np.log(uniforms(seed, f"leaves, turn {turn}", n)) / hazard(churn, model.churn),
        buys=FIRST_DAY - np.log(uniforms(seed, f"buys, turn {turn}", n)) / hazard(rate, model.repurchase),
    )


def _stacked(first: Spell, second: Spell) -> Spell:
    def both(name: str) -> Any:
        one, two = getattr(first, name), getattr(second, name)
        if isinstance(one, dict):
            return {key: np.concatenate([one[key], two[key]]) for key in one}
        return np.concatenate([one, two])

    return Spell(**{name: both(name) for name in Spell.__slots__})


def _hidden(people: Population, who: Customers, invitations: _Invitations) -> pd.DataFrame:
    cell = who.cell[invitations.customer]
    then = invitations.then
    return pd.DataFrame(
        {
            "customer": invitations.customer,
            "wave": pd.Categorical.from_codes(invitations.wave, wave_names(people.model)),
            **{fact: _labels(fact, people.frame.codes[fact][cell]) for fact in FACTS},
            "propensity": then.propensity,
            "answered": answers_given(then),
            "satisfaction": then.satisfaction,
            "effort": then.effort,
            **then.answers,
            "churn": invitations.churn,
            "repurchase": invitations.repurchase,
        }
    )


def _labels(fact: str, codes: np.ndarray) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, LEVELS[fact])


def _export(
    people: Population, who: Customers, invitations: _Invitations, faults: Faults, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows as exported, in order of sending, and the position in them of every genuine invitation."""
    n, chosen, then = len(invitations.customer), invitations.customer, invitations.then
    answered = answers_given(then)
    codes = {fact: people.frame.codes[fact][who.cell[chosen]] for fact in FACTS}

    def chance(name: str) -> np.ndarray:
        return uniforms(seed, name, n)

    day = invitations.sent // 86_400
    unanswered = ~answered
    ltr = _text(then.answers["nps"], unanswered)
    marred = chance("marred recommendation")
    ltr[answered & (marred < faults.eleven)] = "11"
    ltr[answered & (marred >= faults.eleven) & (marred < faults.eleven + faults.blank)] = "Blank"
    items = {
        f"q{number}": _text(then.items[:, number - 1], unanswered) for number in range(1, len(ITEM_KEYS) + 1)
    }
    columns = {
        "customer_id": _identifiers(chosen),
        "account": np.full(n, "Customer", dtype=object),
        "sent_at": _stamps(invitations.sent),
        "answered_at": _stamps(_answered(invitations, faults, seed), unanswered),
        "wave": _plain(wave_names(people.model), invitations.wave),
        **{fact: _plain(LEVELS[fact], codes[fact]) for fact in FACTS},
        "tenure_months": who.tenure_months[chosen],
        "tickets_90d": who.tickets_90d[chosen],
        "app_days_90d": who.app_days_90d[chosen],
        "reminders": np.where(who.reminded_twice[chosen], 2, 1),
        "stage": _stage(answered, chance("stage")),
        "ltr": ltr,
        "sat": _text(then.answers["csat"], unanswered | (chance("skipped sat") < faults.skipped)),
        "ease": _text(then.answers["ces"], unanswered | (chance("skipped ease") < faults.skipped)),
        **items,
        **_event("churned", "churn_date", day, invitations.leaves, np.inf, ("1", "0")),
        **_event("rebought", "rebought_on", day, invitations.buys, invitations.leaves, ("true", "false")),
        "annual_revenue": who.annual_revenue[chosen],
    }
    rows = pd.DataFrame({name: _column(value) for name, value in columns.items()})
    rows = rows.assign(_genuine=np.arange(n), _sent=invitations.sent)
    twice = rows[answered & (chance("twice") < faults.twice)].assign(_genuine=-1)
    tests = _test_accounts(rows, round(faults.test_accounts * n))
    rows = pd.concat([rows, twice, tests], ignore_index=True)
    rows = rows.sort_values(["_sent", "customer_id"], kind="stable", ignore_index=True)
    genuine = rows.pop("_genuine").to_numpy()
    position = np.empty(n, dtype=int)
    position[genuine[genuine >= 0]] = np.flatnonzero(genuine >= 0)
    return rows.drop(columns="_sent"), position


def _identifiers(customer: np.ndarray) -> np.ndarray:
    # multiplication modulo a prime: no two alike, and their order says nothing of the customer
    return np.char.mod("%08d", (customer.astype(np.int64) * 5_700_661 + 48_271) % 9_999_991)


def _plain(names: tuple[str, ...] | list[str], codes: np.ndarray) -> np.ndarray:
    return np.asarray(names, dtype=object)[codes]


def _text(numbers: np.ndarray, missing: np.ndarray) -> np.ndarray:
    words = np.array([str(number) for number in range(12)], dtype=object)[numbers]
    words[missing] = None
    return words


def _stamps(seconds: np.ndarray, missing: np.ndarray | None = None) -> pd.DatetimeIndex:
    stamps = seconds.astype("datetime64[s]")
    if missing is not None:
        stamps[missing] = np.datetime64("NaT", "s")
    return pd.DatetimeIndex(stamps).tz_localize("UTC").as_unit("us")


def _column(values: Any) -> Any:
    if isinstance(values, np.ndarray) and values.dtype.kind in "OU":
        return pd.array(values, dtype="str")
    return values


def _answered(invitations: _Invitations, faults: Faults, seed: int) -> np.ndarray:
    # whoever would have answered without the reminder of day 5 does so before it; all within two weeks
    n, then = len(invitations.customer), invitations.then
    ready = np.exp(-0.7)
    odds = then.propensity / (1 - then.propensity) * ready
    early = ndtr(then.reluctance) < odds / (1 + odds)
    wait = -np.log(uniforms(seed, "wait", n))
    days = np.where(early, np.minimum(0.9 * wait, 4.9), 5 + np.minimum(1.6 * wait, 8.5))
    wrong = uniforms(seed, "before invited", n) < faults.before_invited
    days = np.where(wrong, -days, days)
    return invitations.sent + np.where(wrong, -60, 60) + np.round(days * 86_400).astype(int)


def _stage(answered: np.ndarray, chance: np.ndarray) -> np.ndarray:
    # how far an invitation got; of those started, about 85 % are completed
    names = np.array(["started", "opened", "not opened", "bounced"], dtype=object)
    stage = names[np.searchsorted([0.048, 0.35, 0.97], chance)]
    stage[answered] = "completed"
    return stage


def _event(
    flag: str,
    when: str,
    day: np.ndarray,
    after: np.ndarray,
    until: np.ndarray | float,
    words: tuple[str, str],
) -> dict[str, np.ndarray]:
    # seen where it comes before the customer leaves and before the data end, in the window or later
    last = (_OBSERVED_UNTIL - date(1970, 1, 1)).days
    happened = day + np.ceil(np.minimum(after, 10_000)).astype(int)
    seen = (after < until) & (happened <= last)
    dates = np.datetime_as_string(np.where(seen, happened, 0).astype("datetime64[D]")).astype(object)
    dates[~seen] = None
    return {flag: np.where(seen, *np.array(words, dtype=object)), when: dates}


def _test_accounts(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    # copies of the first invitations under ids of their own, every score at its best
    tests = rows.head(count).copy()
    tests["customer_id"] = [f"TEST{number:04d}" for number in range(1, len(tests) + 1)]
    tests["_genuine"] = -1
    tests["account"] = "Test"
    tests["stage"] = "completed"
    tests["answered_at"] = tests["sent_at"] + pd.Timedelta(minutes=2)
    for column, best in {"ltr": "10", "sat": "5", "ease": "7"}.items():
        tests[column] = best
    for number in range(1, len(ITEM_KEYS) + 1):
        tests[f"q{number}"] = "5"
    return tests


def _description(model: Model) -> dict[str, Any]:
    start = _LAST_WAVE - timedelta(days=_WAVE_DAYS * (model.waves - 1))
    quarter_start = date(start.year, 3 * ((start.month - 1) // 3) + 1, 1)
    return {
        "name": "demo",
        "title": "Contoso relationship survey",
        "population": "Retail customers in five countries",
        "period": {"from": quarter_start.isoformat(), "to": "2025-03-31"},
        "data_as_of": _OBSERVED_UNTIL.isoformat(),
        "simulated": True,
        "customer": "customer_id",
        "invited": "sent_at",
        "responded": "answered_at",
        "wave": {"column": "wave", "order": wave_names(model)},
        "scores": {
            "nps": {"column": "ltr", "scale": "0-10", "missing": ["11", "Blank"]},
            "csat": {"column": "sat", "scale": "1-5", "top": [4, 5]},
            "ces": {"column": "ease", "scale": "1-7", "high_is": "easy"},
        },
        "groups": {fact: {"column": fact, "label": _LABELS[fact]} for fact in FACTS},
        # each stage holds those that got further; a bounced message was not delivered
        "stages": {
            name: {"column": "stage", "values": list(_REACHED[i:])}
            for i, name in enumerate(("delivered", "opened", "started", "completed"))
        },
        "instruments": {"reminders": {"column": "reminders", "randomised": True, "label": "Reminders"}},
        "behaviour": {name: {"column": name, "label": label} for name, label in _BEHAVIOUR.items()},
        "items": [
            {"column": f"q{number}", "scale": "1-5"} | ({"keyed": "reversed"} if key < 0 else {})
            for number, key in enumerate(ITEM_KEYS, 1)
        ],
        "outcomes": {
            "churned": {
                "column": "churned",
                "event": "1",
                "on": "churn_date",
                "window_days": model.churn.window_days,
                "label": f"Left within {model.churn.window_days} days",
            },
            "repurchased": {
                "column": "rebought",
                "event": "true",
                "on": "rebought_on",
                "window_days": model.repurchase.window_days,
                "label": f"Bought again within {model.repurchase.window_days} days",
            },
        },
        "value": {"column": "annual_revenue"},
        "set_aside": [{"column": "account", "values": ["Test"], "reason": "staff and test accounts"}],
    }

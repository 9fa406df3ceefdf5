"""When it happens: time to an event by score, and how far ahead a score warns.

Days are whole days from the invitation. Counts of (group, day, event or still there) are all that the curves need;
Cox regression reads rows. Customers whose time ends without the event are censored there: they count as long as they
were watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.clusters import require_columns
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count

__all__ = [
    "CoxFit",
    "IncidenceCurves",
    "SurvivalCurves",
    "complementary_log_log",
    "cox",
    "cumulative_incidence",
    "date_grain",
    "dynamic_auc",
    "survival_curves",
    "whole_periods",
]

FEWEST_EVENTS = 20


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurves:
    """Share of each group without the event, day by day.

    Attributes
    ----------
    table : one row per group and day with an event: ``group``, ``day``, ``at_risk``, ``events``, ``survival`` and its
        log-minus-log limits ``low``, ``high`` (shares). A group without any event has one row, with an exact limit.
    log_rank : chi-squared, degrees of freedom and p-value of the hypothesis that the groups' curves are one.
    level : confidence level.
    """

    table: pd.DataFrame
    log_rank: tuple[float, int, float] | None
    level: float

    def at(self, day: float) -> pd.DataFrame:
        """Survival of every group at the end of a day, one row per group."""
        before = self.table[self.table["day"] <= day]
        last = before.groupby("group", sort=False, observed=True).tail(1).set_index("group")
        everyone = self.table["group"].unique()
        return last.reindex(everyone).fillna({"survival": 1.0, "low": 1.0, "high": 1.0})

    def _repr_html_(self) -> str:
        day = self.table["day"].max()
        rows = [
            (str(group), f"{row.survival:.1%} ({row.low:.1%} to {row.high:.1%})")
            for group, row in self.at(day).iterrows()
        ]
        return definition_html(f"Without the event after {day:.0f} days", rows)


def _timed(cells: pd.DataFrame, day: str, event: str, more: Sequence[str]) -> pd.DataFrame:
    require_columns(cells, [day, event, *more])
    known = cells.dropna(subset=[day, event])
    time = known[day].to_numpy(dtype=float)
    if np.any(time < 0):
        first = known.index[np.flatnonzero(time < 0)[0]]
        raise ValueError(
            f"{day!r} is negative in {count(int(np.sum(time < 0)))} rows (first: row {first}): an event before the "
            "invitation cannot follow from the answer"
        )
    n = known["n"].to_numpy(dtype=float) if "n" in known.columns else np.ones(len(known))
    frame = pd.DataFrame({"day": time, "event": known[event].to_numpy(dtype=bool), "n": n})
    for name in more:
        frame[name] = known[name].to_numpy()
    if int(frame.loc[frame["event"], "n"].sum()) < FEWEST_EVENTS:
        raise ValueError(
            f"{count(frame.loc[frame['event'], 'n'].sum())} customers had the event: at least {FEWEST_EVENTS} are "
            "needed before a curve says anything"
        )
    return frame


def survival_curves(
    cells: pd.DataFrame, *, day: str, event: str, group: str, level: float = 0.95
) -> SurvivalCurves:
    """Kaplan–Meier curves by group, with the log-rank test.

    Parameters
    ----------
    cells : rows or cells (column ``n``) of customers: ``day`` of the event, or up to which the customer was
        watched; ``event``, whether it was the event; ``group``.
    level : confidence level of the limits, day by day.

    Raises
    ------
    ValueError : a column does not exist, negative days, or fewer than 20 events.

    Notes
    -----
    statsmodels' ``SurvfuncRight`` (Kaplan & Meier 1958; Greenwood 1926), limits on the log-minus-log scale, which
    stay between 0 and 1; ``survdiff`` for the test.

    Examples
    --------
    >>> cells = pd.DataFrame({"day": [5, 9, 5, 9], "left": [True, False] * 2, "who": list("aabb"), "n": [30, 70, 10, 90]})
    >>> survival_curves(cells, day="day", event="left", group="who").at(6)["survival"].round(3).to_dict()
    {'a': 0.7, 'b': 0.9}
    """
    from scipy.special import ndtri
    from statsmodels.duration.survfunc import SurvfuncRight, survdiff

    level = checked("level", level, Level)
    frame = _timed(cells, day, event, [group]).dropna(subset=[group])
    z = -ndtri((1 - level) / 2)
    tables = []
    for label, part in frame.groupby(group, sort=True, observed=True):
        if not part["event"].any():
            tables.append(_without_event(label, part, frame.loc[frame["event"], "day"].max(), level))
            continue
        fit = SurvfuncRight(part["day"], part["event"].astype(int), freq_weights=part["n"])
        s = fit.surv_prob
        with np.errstate(divide="ignore", invalid="ignore"):
            # Greenwood's formula; with frequency weights statsmodels' own error is another, of weighted rows
            greenwood = np.sqrt(np.cumsum(fit.n_events / (fit.n_risk * (fit.n_risk - fit.n_events))))
            width = z * greenwood / np.abs(np.log(s))
            low, high = s ** np.exp(width), s ** np.exp(-width)
        sure = (s <= 0) | (s >= 1)
        tables.append(
            pd.DataFrame(
                {
                    "group": label,
                    "day": fit.surv_times,
                    "at_risk": fit.n_risk,
                    "events": fit.n_events,
                    "survival": s,
                    "low": np.where(sure, s, low),
                    "high": np.where(sure, s, high),
                }
            )
        )
    rank = None
    if len(frame[group].unique()) > 1:
        each = frame.loc[frame.index.repeat(frame["n"].astype(int))]
        statistic, p = survdiff(each["day"].to_numpy(), each["event"].to_numpy(int), each[group].to_numpy())
        rank = (float(statistic), int(frame[group].nunique() - 1), float(p))
    return SurvivalCurves(pd.concat(tables, ignore_index=True), rank, level)


def _without_event(label: object, part: pd.DataFrame, last: float, level: float) -> pd.DataFrame:
    """The flat curve of a group in which nobody had the event, at the last day on which half of it was watched.

    ``last``: day of the last event of others, beyond which no curve says anything. The lower limit is the exact one for
    no event among so many (Clopper & Pearson 1934), on the side it can be on.
    """
    day, n = part["day"].to_numpy(dtype=float), part["n"].to_numpy(dtype=float)
    order = np.argsort(-day, kind="stable")
    at = min(day[order][np.searchsorted(np.cumsum(n[order]), n.sum() / 2)], last)
    watched = float(n[day >= at].sum())
    low = ((1 - level) / 2) ** (1 / watched)
    row = {
        "group": label,
        "day": at,
        "at_risk": watched,
        "events": 0.0,
        "survival": 1.0,
        "low": low,
        "high": 1.0,
    }
    return pd.DataFrame([row])


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """Hazard ratios, and whether one ratio for all days is a fair summary.

    Attributes
    ----------
    table : one row per column: ``coefficient``, ``standard_error``, ``hazard_ratio``, ``low``, ``high``, ``p_value`` and
        ``proportional_p``, of the hypothesis that the effect does not change with time.
    log_likelihood : partial, at the estimates. concordance : share of comparable pairs in which the one with the
        higher hazard had the event first (Harrell 1982); ties count half.
    n, events : customers and events.
    """

    table: pd.DataFrame
    log_likelihood: float
    concordance: float
    n: int
    events: int

    def _repr_html_(self) -> str:
        rows = [
            (str(name), f"hazard × {row.hazard_ratio:.2f} ({row.low:.2f} to {row.high:.2f})")
            for name, row in self.table.iterrows()
        ]
        return definition_html("Hazard ratios", rows)


def cox(
    rows: pd.DataFrame,
    *,
    day: str,
    event: str,
    columns: Sequence[str],
    cluster: str | None = None,
    level: float = 0.95,
) -> CoxFit:
    """Cox regression of the time to an event on numbers, with the test of proportional hazards.

    Parameters
    ----------
    rows : one row per customer. columns : numbers. cluster : column that is the same for rows of one customer;
        standard errors then allow for repeated customers.

    Raises
    ------
    ValueError : as :func:`survival_curves`; a column that is constant.

    Notes
    -----
    statsmodels' ``PHReg`` with Efron's (1977) ties. Of proportional hazards: the score test against an effect that
    changes with the rank of time (Grambsch & Therneau 1994).
    """
    from scipy import stats
    from statsmodels.duration.hazard_regression import PHReg

    level = checked("level", level, Level)
    columns = list(columns)
    frame = _timed(rows, day, event, [*columns, *([cluster] if cluster else [])]).dropna(subset=columns)
    x = frame[columns].to_numpy(dtype=float)
    constant = [name for name, spread in zip(columns, x.std(axis=0), strict=True) if not spread > 0]
    if constant:
        raise ValueError(f"{constant[0]!r} is the same for every customer: it has no hazard ratio")
    model = PHReg(
        frame["day"].to_numpy(), x - x.mean(axis=0), status=frame["event"].to_numpy(int), ties="efron"
    )
    fit = model.fit(groups=frame[cluster].to_numpy()) if cluster else model.fit()
    z = stats.norm.ppf((1 + level) / 2)
    table = pd.DataFrame(
        {
            "coefficient": fit.params,
            "standard_error": fit.bse,
            "hazard_ratio": np.exp(fit.params),
            "low": np.exp(fit.params - z * fit.bse),
            "high": np.exp(fit.params + z * fit.bse),
            "p_value": fit.pvalues,
            "proportional_p": _proportional(
                frame["day"].to_numpy(), frame["event"].to_numpy(), x - x.mean(axis=0), fit.params
            ),
        },
        index=pd.Index(columns, name="column"),
    )
    return CoxFit(
        table=table,
        log_likelihood=float(fit.llf),
        concordance=concordance_index(frame["day"].to_numpy(), frame["event"].to_numpy(), x @ fit.params),
        n=len(frame),
        events=int(frame["event"].sum()),
    )


def _proportional(day: np.ndarray, event: np.ndarray, x: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """p-value per column: score test of an effect that changes with the rank of time (Grambsch & Therneau 1994).

    The variance is summed over event times instead of being taken as equal at all of them, as R's ``cox.zph`` has it
    since version 3.0 of the survival package; tied events share their risk set.
    """
    from scipy import stats

    hazard = np.exp(x @ beta)
    times, of = np.unique(day[event], return_inverse=True)
    d = np.bincount(of)
    rank = pd.Series(day).rank().to_numpy()
    g = rank[event][np.unique(of, return_index=True)[1]] - rank[event].mean()
    # sums over each risk set (everyone watched at least as long), and over the events tied at its time
    order = np.argsort(-day, kind="stable")
    reached = np.searchsorted(-day[order], -times, side="right") - 1
    moments = _moments(x, hazard)
    at_risk = np.cumsum(moments[order], axis=0)[reached]
    tied = np.zeros((len(times), moments.shape[1]))
    np.add.at(tied, of, moments[event])
    # Efron: the k-th of d tied events leaves behind a risk set from which k/d of the tied have gone
    which = np.repeat(np.arange(len(times)), d)
    gone = (np.arange(len(which)) - np.repeat(np.cumsum(d) - d, d)) / np.repeat(d, d)
    left_behind = at_risk[which] - gone[:, None] * tied[which]
    p = x.shape[1]
    mean = left_behind[:, 1 : p + 1] / left_behind[:, :1]
    spread = (left_behind[:, p + 1 :] / left_behind[:, :1]).reshape(-1, p, p)
    spread = spread - mean[:, :, None] * mean[:, None, :]
    far = g[which]
    score = g[of] @ x[event] - far @ mean
    information = spread.sum(axis=0)
    cross, own = (np.tensordot(power, spread, axes=1) for power in (far, far**2))
    left = own - cross @ np.linalg.solve(information, cross)
    return stats.chi2.sf(score**2 / np.diag(left), 1)


def _moments(x: np.ndarray, hazard: np.ndarray) -> np.ndarray:
    """Hazard, hazard × x and hazard × x x', side by side, shape (n, 1 + p + p²)."""
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    return hazard[:, None] * np.column_stack([np.ones(len(x)), x, products])


def concordance_index(day: np.ndarray, event: np.ndarray, hazard: np.ndarray) -> float:
    """Harrell's C: pairs in which the higher hazard met the event first, ties in the hazard counting half.

    A pair is comparable if the shorter time ended in the event; of two on the same day, one with the event and one
    watched longer are.
    """
    levels, code = np.unique(hazard, return_inverse=True)
    there = np.zeros(len(levels))  # how many with each hazard are watched longer
    concordant = comparable = 0.0
    order = np.argsort(-day, kind="stable")
    for rows in np.split(
        order, np.flatnonzero(np.diff(day[order])) + 1
    ):  # from the longest time to the shortest
        had = event[rows]
        there += np.bincount(code[rows[~had]], minlength=len(levels))
        if had.any():
            met = np.bincount(code[rows[had]], minlength=len(levels))
            concordant += float(met @ (np.cumsum(there) - there / 2))
            comparable += float(met.sum() * there.sum())
            there += met
    return concordant / comparable if comparable else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceCurves:
    """Share of each group that has had the event from each cause by each day, the other causes at work.

    Attributes
    ----------
    table : one row per group, cause and day with an event of any cause: ``group``, ``cause``, ``day``, ``incidence``
        (share), its ``standard_error`` and log-minus-log limits ``low``, ``high`` (shares), day by day.
    level : confidence level.
    """

    table: pd.DataFrame
    level: float

    def at(self, day: float) -> pd.DataFrame:
        """Incidence of every group and cause at the end of a day."""
        before = self.table[self.table["day"] <= day]
        return (
            before.groupby(["group", "cause"], sort=False, observed=True)
            .tail(1)
            .set_index(["group", "cause"])
        )


def cumulative_incidence(
    cells: pd.DataFrame, *, day: str, cause: str, group: str, level: float = 0.95
) -> IncidenceCurves:
    """Aalen–Johansen incidence of each cause by group (competing risks), with its error.

    Parameters
    ----------
    cells : rows or cells; ``cause`` is a text, missing where the customer was still there when watching ended.
    level : confidence level of the limits, day by day.

    Raises
    ------
    ValueError : as :func:`survival_curves`.

    Notes
    -----
    Aalen & Johansen (1978). One minus a Kaplan–Meier curve that censors the other causes would be too large: it asks
    what would happen if nobody could leave any other way. Variance by the delta method (Marubini & Valsecchi 1995,
    eq. 10.12), equal to the infinitesimal jackknife of R's ``survfit``; with one cause it is Greenwood's.

    Examples
    --------
    >>> cells = pd.DataFrame({"day": [5, 7, 9], "why": ["price", "moved", None], "who": "all", "n": [20, 10, 70]})
    >>> found = cumulative_incidence(cells, day="day", cause="why", group="who").at(9)
    >>> found.loc[("all", "price"), ["incidence", "standard_error"]].round(3).tolist()
    [0.2, 0.04]
    """
    from scipy.special import ndtri

    z = -ndtri((1 - checked("level", level, Level)) / 2)
    known = cells.assign(_event=cells[cause].notna())
    frame = _timed(known, day, "_event", [cause, group]).dropna(subset=[group])
    causes = sorted(frame.loc[frame["event"], cause].unique())
    tables = []
    for label, part in frame.groupby(group, sort=True, observed=True):
        for name in causes:
            if not (part["event"] & (part[cause] == name)).any():
                continue
            table = _incidence(part, part[cause] == name, z)
            table.insert(0, "cause", name)
            table.insert(0, "group", label)
            tables.append(table)
    return IncidenceCurves(pd.concat(tables, ignore_index=True), level)


def _incidence(part: pd.DataFrame, mine: pd.Series, z: float) -> pd.DataFrame:
    """Incidence of one cause on the days with an event of any, with its error and limits."""
    n, had = part["n"].to_numpy(dtype=float), part["event"].to_numpy()
    times, when = np.unique(part["day"].to_numpy(), return_inverse=True)
    everyone, events, own = (
        np.bincount(when, weights=n * counted, minlength=len(times))
        for counted in (np.ones(len(n)), had, had & mine.to_numpy())
    )
    at_risk = np.cumsum(everyone[::-1])[::-1]
    on = events > 0
    times, at_risk, d, k = times[on], at_risk[on], events[on], own[on]
    survival = np.cumprod(1 - d / at_risk)
    before = np.r_[1.0, survival[:-1]]
    incidence = np.cumsum(before * k / at_risk)
    left = at_risk - d
    # Σ over days u ≤ t of (F(t) − F(u))²·a + b − 2·(F(t) − F(u))·c, as sums that run along the days. Where nobody is
    # left after day u, nothing can happen later: F(t) = F(u) for the only t there is
    a = np.divide(d, at_risk * left, out=np.zeros_like(d), where=left > 0)
    b, c = before**2 * (at_risk - k) * k / at_risk**3, before * k / at_risk**2
    square = (
        incidence**2 * np.cumsum(a)
        - 2 * incidence * np.cumsum(a * incidence + c)
        + np.cumsum(a * incidence**2 + b + 2 * c * incidence)
    )
    error = np.sqrt(np.maximum(square, 0.0))
    sure = (incidence <= 0) | (incidence >= 1)
    inside = np.where(sure, 0.5, incidence)
    width = z * error / np.abs(inside * np.log(inside))
    low, high = inside ** np.exp(width), inside ** np.exp(-width)
    return pd.DataFrame(
        {
            "day": times,
            "incidence": incidence,
            "standard_error": error,
            "low": np.where(sure, incidence, low),
            "high": np.where(sure, incidence, high),
        }
    )


def dynamic_auc(
    rows: pd.DataFrame,
    *,
    day: str,
    event: str,
    score: str,
    days: Sequence[float],
    part: str | None = "part",
    level: float = 0.95,
) -> pd.DataFrame:
    """AUC of a score for who has the event by each day, and for who has it only after a lead time.

    Parameters
    ----------
    rows : rows or cells. score : number, high where the event is *less* likely (a satisfaction score).
    days : horizons. part : column for the delete-a-part jackknife; None for no interval.

    Returns
    -------
    One row per horizon t: ``day``, ``auc`` (cases had the event by t, controls were still there after t),
    ``warning_auc`` (customers still there at t: the event later, against never while watched), ``low``, ``high``,
    ``warning_low``, ``warning_high``, ``cases``, ``warning_cases``.

    Notes
    -----
    Cumulative/dynamic AUC with inverse-probability-of-censoring weights 1/G(T−) for cases and 1/G(t) for controls (Uno
    et al. 2007), G by Kaplan–Meier of being watched no longer. The early-warning curve answers "does an answer still
    tell who leaves when those who left within t days are gone?".

    Raises
    ------
    ValueError : as :func:`survival_curves`.
    """
    from scipy import stats

    level = checked("level", level, Level)
    frame = _timed(rows, day, event, [score, *([part] if part else [])]).dropna(subset=[score])
    days = np.asarray(days, dtype=float)
    counts = _Dated.of(frame, score, days)
    mass = frame["n"].to_numpy()
    whole = counts.aucs(mass)
    table = pd.DataFrame({"day": days, "auc": whole[:, 0], "warning_auc": whole[:, 1]})
    table["cases"] = [int(frame.loc[frame["event"] & (frame["day"] <= t), "n"].sum()) for t in days]
    table["warning_cases"] = [int(frame.loc[frame["event"] & (frame["day"] > t), "n"].sum()) for t in days]
    for name in ("low", "high", "warning_low", "warning_high"):
        table[name] = np.nan
    if part:
        number = frame[part].to_numpy()
        present = np.unique(number)
        again = np.stack([counts.aucs(np.where(number != j, mass, 0.0)) for j in present])
        with np.errstate(invalid="ignore"):
            error = np.sqrt(
                (len(present) - 1) / len(present) * ((again - again.mean(axis=0)) ** 2).sum(axis=0)
            )
        t = stats.t.ppf((1 + level) / 2, len(present) - 1)
        for column, prefix in ((0, ""), (1, "warning_")):
            table[f"{prefix}low"] = whole[:, column] - t * error[:, column]
            table[f"{prefix}high"] = whole[:, column] + t * error[:, column]
    return table


@dataclass(frozen=True, slots=True, eq=False)
class _Dated:
    """Where each row stands among the days, the horizons and the distinct scores: sums over rows are then counts.

    Attributes
    ----------
    times : number of distinct days, at which ``when`` of a row points.
    cell : of a row in a table of horizons (from before the first to after the last) by scores of ``shape``.
    back : the order of the horizons as they were asked for.
    """

    when: np.ndarray
    times: int
    event: np.ndarray
    cell: np.ndarray
    shape: tuple[int, int]
    back: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame, score: str, days: np.ndarray) -> _Dated:
        day = frame["day"].to_numpy()
        times, when = np.unique(day, return_inverse=True)
        values, level = np.unique(frame[score].to_numpy(dtype=float), return_inverse=True)
        horizons, back = np.unique(days, return_inverse=True)
        span = np.searchsorted(horizons, day, side="left")  # days up to the first horizon stand in row 0
        return cls(
            when, len(times), frame["event"].to_numpy(), span * len(values) + level,
            (len(horizons) + 1, len(values)), back,
        )  # fmt: skip

    def aucs(self, mass: np.ndarray) -> np.ndarray:
        """AUC by each horizon, and of the events after it among those still there, shape (days, 2)."""

        def counted(weight: np.ndarray) -> np.ndarray:
            size = self.shape[0] * self.shape[1]
            return np.bincount(self.cell, weights=weight, minlength=size).reshape(self.shape)

        everyone, had = counted(mass), counted(mass * self.event)
        by = np.cumsum(counted(mass * self.event / self._watched_before(mass)), axis=0)[:-1]
        # 1/G(t) of the controls is one number for all of them: it cancels
        still, later = (np.cumsum(table[::-1], axis=0)[::-1][1:] for table in (everyone, had))
        return np.column_stack([_auc_of_counts(by, still), _auc_of_counts(later, still - later)])[self.back]

    def _watched_before(self, mass: np.ndarray) -> np.ndarray:
        """Kaplan–Meier of the censoring, its value just before each row's own day."""
        total, had = (
            np.bincount(self.when, weights=w, minlength=self.times) for w in (mass, mass * self.event)
        )
        at_risk = np.cumsum(total[::-1])[::-1] - had  # on the same day events come before the end of watching
        gone = np.where(at_risk > 0, (total - had) / np.maximum(at_risk, 1e-300), 0.0)
        curve = np.cumprod(1 - gone)
        return np.maximum(np.r_[1.0, curve[:-1]], 1e-6)[self.when]


def _auc_of_counts(cases: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """AUC per line of counts by score, low scores for the cases, shape (T,); missing where a side is empty."""
    above = np.cumsum(controls[:, ::-1], axis=1)[:, ::-1] - controls / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return (cases * above).sum(axis=1) / (cases.sum(axis=1) * controls.sum(axis=1))


def complementary_log_log(
    cells: pd.DataFrame, *, period: str, event: str, score: str, level: float = 0.95
) -> tuple[float, float, float]:
    """Hazard ratio per step of a score when time is known only by period (month, quarter): discrete-time Cox.

    Parameters
    ----------
    cells : rows or cells of customers: ``period``, number of the period of the event or the last watched, from 0.

    Returns
    -------
    Hazard ratio per step, and its limits.

    Notes
    -----
    One row per customer and period at risk, complementary log-log link with a rate of its own for every period:
    the grouped-time form of the Cox model (Prentice & Gloeckler 1978). Fitted by statsmodels.

    Raises
    ------
    ValueError : as :func:`survival_curves`.
    """
    from scipy import stats
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.families.links import CLogLog
    from statsmodels.genmod.generalized_linear_model import GLM

    frame = _timed(cells, period, event, [score]).dropna(subset=[score])
    table = frame.groupby(["day", "event", score], as_index=False, observed=True)["n"].sum()
    last = table["day"].to_numpy(dtype=int)
    long = table.loc[table.index.repeat(last + 1)].reset_index(drop=True)
    long["at"] = np.concatenate([np.arange(k + 1) for k in last])
    long["had"] = long["event"] & (long["at"] == long["day"])
    counted = long.groupby(["at", score, "had"], as_index=False, observed=True)["n"].sum()
    # a period without any event has no rate to be estimated, and tells nothing about the score
    alive = counted.loc[counted["had"], "at"].unique()
    counted = counted[counted["at"].isin(alive)]
    counted["outcome"] = np.where(counted["had"], "events", "others")
    wide = counted.pivot_table(
        index=["at", score], columns="outcome", values="n", fill_value=0, observed=True
    )
    wide = wide.reset_index()
    design = np.column_stack([wide["at"].to_numpy()[:, None] == alive, wide[score].to_numpy(dtype=float)])
    counts = wide[["events", "others"]].to_numpy(dtype=float)
    fit = GLM(counts, design.astype(float), family=Binomial(link=CLogLog())).fit()
    z = stats.norm.ppf((1 + checked("level", level, Level)) / 2)
    slope, error = fit.params[-1], fit.bse[-1]
    return tuple(float(np.exp(x)) for x in (slope, slope - z * error, slope + z * error))


def date_grain(dates: pd.Series) -> str | None:
    """Whether days of events are true to the day: "month" or "week" where they are not, else None.

    Parameters
    ----------
    dates : days of the events (datetime). Events recorded by month all stand on its first or on its last day; recorded by
        week, all on one weekday. With 20 events that is no accident; with fewer the answer is None.

    >>> days = pd.date_range("2024-01-01", periods=24, freq="MS")
    >>> date_grain(pd.Series(days)), date_grain(pd.Series(days + pd.to_timedelta(range(24), "D")))
    ('month', None)
    """
    when = pd.DatetimeIndex(pd.Series(dates).dropna())
    if len(when) < FEWEST_EVENTS:
        return None
    if (when.day == 1).all() or when.is_month_end.all():
        return "month"
    return "week" if len(np.unique(when.day_of_week)) == 1 else None


def whole_periods(
    start: pd.Series, event: pd.Series, end: pd.Series, grain: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time in whole months or weeks, of customers whose events are known by those only.

    Parameters
    ----------
    start, event, end : days (datetime) on which watching began, of the event (missing where there was none), and up to
        which it lasted.
    grain : "month", or "week", which then begins on the weekday of the events.

    Returns
    -------
    Period of the event or the last that was watched to its end, counted from that of ``start``, which is 0, and whether it
    was the event, and which customers were watched to the end of a period at all (others have no time): shape (n,) each.

    >>> day = lambda text: pd.Series(pd.to_datetime([text]))
    >>> period, had, there = whole_periods(day("2024-01-20"), day("2024-03-01"), day("2024-06-10"), "month")
    >>> int(period[0]), bool(had[0])
    (2, True)
    >>> period, had, there = whole_periods(day("2024-01-20"), day(None), day("2024-06-10"), "month")
    >>> int(period[0]), bool(had[0])         # June was not watched to its end
    (4, False)
    """
    first, last = pd.to_datetime(start), pd.to_datetime(end)
    when = pd.to_datetime(event)
    if grain == "month":
        number = lambda d: (12 * d.dt.year + d.dt.month).astype(float)  # noqa: E731
    elif grain == "week":
        origin = when.dropna().min() if when.notna().any() else pd.Timestamp("2024-01-01")
        number = lambda d: ((d - origin).dt.days // 7).astype(float)  # noqa: E731
    else:
        raise ValueError(f"grain is {grain!r}, but must be 'month' or 'week'")
    begun = number(first).to_numpy()
    # a period counts if it ended while customers were watched
    watched = number(last + pd.Timedelta(days=1)).to_numpy() - 1 - begun
    came = number(when).to_numpy() - begun
    had = came <= watched
    there = watched >= 0
    return np.where(had, came, np.maximum(watched, 0)).astype(int), had & there, there

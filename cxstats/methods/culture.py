"""Do countries' style indices go along with a score of their culture? A correlation of few countries.

"Individualist countries use the ends of the scale" is a claim about countries, and its sample size is the
number of countries: some dozens, however many million customers answered. So the p-value is a permutation
one, the interval is that of n countries, every country is left out once, and nothing follows about
customers within a country (the ecological fallacy, Robinson 1950).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations as every_order

import numpy as np
import pandas as pd

from cxstats.methods.limits import critical_value
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html
from cxstats.words import join_words, plural

__all__ = ["Correlation", "CultureCorrelation", "culture_correlation"]

FEWEST_COUNTRIES = 5
LARGEST_EXACT = 8
"""Up to this many countries every order is tried (8! = 40,320)."""

_FORMS = {
    "two letters": re.compile(r"[A-Z]{2}"),
    "three letters": re.compile(r"[A-Z]{3}"),
    "numbers": re.compile(r"\d+"),
    "small letters": re.compile(r"[a-z]{2,3}"),
}
# in common use, but not the country's ISO 3166 code
_NO_CODE = {"UK": "GB", "EL": "GR"}


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation over countries.

    Attributes
    ----------
    value : in [−1, 1].
    low, high : interval from Fisher's z; for ranks with the variance of Bonett & Wright (2000).
    p_value : two-sided, of no association, by permutation.
    p_error : Monte-Carlo standard error of the p-value; 0 where every order was tried.
    exact : whether every order was tried.
    """

    value: float
    low: float
    high: float
    p_value: float
    p_error: float
    exact: bool

    def _repr_html_(self) -> str:
        return definition_html(
            "Correlation",
            [("value", f"{self.value:.2f}"), ("interval", f"{self.low:.2f} to {self.high:.2f}")],
        )


@dataclass(frozen=True, slots=True)
class CultureCorrelation:
    """Group values against scores of culture, one point a country.

    Attributes
    ----------
    n : number of countries with both: the sample size.
    pearson, rank : :class:`Correlation` each (rank: Spearman's).
    countries : one row per country used: "country", "value", "standard_error" (NaN where none given), "score".
    leave_one_out : one row per country, most influential first: "country", "pearson" and "rank" without it,
        "change" (of Pearson's).
    value_reliability : share of the values' variance between countries that is not sampling error, in [0, 1];
        NaN without standard errors. A correlation can be seen at most √ of this strong.
    smallest_clear : Pearson correlation that n countries need to be clearly different from 0 at this level.
    without_score : countries with a value that have no score, in alphabetical order.
    level : confidence level.
    warnings : what a reader must know, in sentences.
    """

    n: int
    pearson: Correlation
    rank: Correlation
    countries: pd.DataFrame = field(repr=False)
    leave_one_out: pd.DataFrame = field(repr=False)
    value_reliability: float
    smallest_clear: float
    without_score: tuple[str, ...]
    level: float
    warnings: tuple[str, ...]

    @property
    def sign_is_stable(self) -> bool:
        """Whether no single country turns the sign of either correlation."""
        out = self.leave_one_out
        return bool(
            (np.sign(out["pearson"]) == np.sign(self.pearson.value)).all()
            and (np.sign(out["rank"]) == np.sign(self.rank.value)).all()
        )

    def _repr_html_(self) -> str:
        rows = [("countries", str(self.n))]
        for name, one in (("Pearson", self.pearson), ("Spearman", self.rank)):
            rows.append(
                (
                    name,
                    f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f}), permutation p = {one.p_value:.3f}",
                )
            )
        low, high = self.leave_one_out["pearson"].min(), self.leave_one_out["pearson"].max()
        rows.append(("Pearson without any one country", f"{low:.2f} to {high:.2f}"))
        return definition_html(
            f"Countries and culture ({self.level:.0%} intervals)",
            [*rows, *(("note", w) for w in self.warnings)],
        )


def culture_correlation(
    values: Mapping[str, float] | pd.Series,
    standard_errors: Mapping[str, float] | pd.Series | None,
    scores: Mapping[str, float] | pd.Series,
    *,
    level: float = 0.95,
    permutations: int = 20_000,
    seed: int = 0,
) -> CultureCorrelation:
    """Correlation of countries' values with scores of their culture, as n = number of countries allows.

    Parameters
    ----------
    values : by country, such as the group values of a style index; countries of too few answers left out.
    standard_errors : of the values, by country, or None.
    scores : by country, such as individualism 0–100; may hold more countries, and missing scores or codes.
    level : confidence level.
    permutations : random orders for the p-values of more than eight countries; fewer are tried one by one.
    seed : for the random orders.

    Raises
    ------
    ValueError : countries named in mixed forms ("DE" beside "Germany", "gb", "UK"), in the values, the scores
        or between them; a country twice; fewer than five countries with both; values or scores all equal.

    Notes
    -----
    Pearson's interval is tanh(atanh r ± z/√(n − 3)); Spearman's has (1 + r²/2)/(n − 3) (Bonett & Wright 2000).
    Monte-Carlo p-values are (1 + hits)/(1 + permutations), never 0 (Phipson & Smyth 2010). Countries count the
    same whatever their number of answers: the claim is about countries.

    Examples
    --------
    >>> extreme = {"BR": 0.36, "DE": 0.24, "GB": 0.25, "JP": 0.13, "US": 0.29}
    >>> individualism = {"BR": 38, "DE": 67, "GB": 89, "JP": 46, "US": 91, "FR": 71}
    >>> found = culture_correlation(extreme, None, individualism)
    >>> found.n, round(found.pearson.value, 2), found.pearson.exact, found.sign_is_stable
    (5, 0.04, True, False)

    References
    ----------
    Bonett & Wright (2000), Psychometrika 65, 23–28; Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9;
    Robinson (1950), American Sociological Review 15, 351–357.
    """
    level, seed = checked("level", level, Level), checked("seed", seed, Seed)
    permutations = checked("permutations", permutations, Count)
    own, theirs = _by_country(values, "values"), _by_country(scores, "scores")
    _require_one_form(own.index, theirs.index)
    errors = (
        pd.Series(np.nan, index=own.index)
        if standard_errors is None
        else _by_country(standard_errors, "standard_errors").reindex(own.index)
    )
    table = pd.DataFrame({"value": own, "standard_error": errors}).dropna(subset=["value"])
    table = table.join(theirs.rename("score"), how="left").sort_index()
    without = tuple(table.index[table["score"].isna()])
    table = table.dropna(subset=["score"])
    _require_enough(table, own, without)

    x, y = table["value"].to_numpy(), table["score"].to_numpy()
    rank_x, rank_y = _ranks(x), _ranks(y)
    orders = _orders(len(x), permutations, seed)
    pearson = _with_interval(x, y, orders, 1.0, level)
    rank = _with_interval(rank_x, rank_y, orders, None, level)
    left_out = _leave_one_out(table, pearson.value)
    reliability = _reliability(table)
    result = CultureCorrelation(
        n=len(table),
        pearson=pearson,
        rank=rank,
        countries=table.rename_axis("country").reset_index(),
        leave_one_out=left_out,
        value_reliability=reliability,
        smallest_clear=_smallest_clear(len(table), level),
        without_score=without,
        level=level,
        warnings=(),
    )
    return _warned(result)


# ------------------------------------------------------------------------------------------ countries


def _by_country(given: Mapping[str, float] | pd.Series, what: str) -> pd.Series:
    series = given if isinstance(given, pd.Series) else pd.Series(dict(given), dtype=float)
    series = series[series.index.notna()]
    names = series.index.astype(str)
    series = pd.Series(pd.to_numeric(series).to_numpy(dtype=float, na_value=np.nan), index=names)
    series = series[names.str.strip() != ""]  # a region without a code
    if not series.index.is_unique:
        double = series.index[series.index.duplicated()][0]
        raise ValueError(f"{what} name the country {double!r} twice; each country is one point")
    if np.isinf(series).any():
        raise ValueError(f"{what} of {series.index[np.isinf(series)][0]!r} are infinite")
    return series


def _form(name: str) -> str:
    return next((form for form, pattern in _FORMS.items() if pattern.fullmatch(name)), "names")


def _require_one_form(own: pd.Index, theirs: pd.Index) -> None:
    """Refuse what would lose countries in silence when the two tables are joined."""
    for what, names in (("values", own), ("scores", theirs)):
        spaced = [name for name in names if name != name.strip()]
        if spaced:
            raise ValueError(f"{what}: the country {spaced[0]!r} has a space before or after its name")
    forms = {
        what: {form: [n for n in names if _form(n) == form] for form in sorted({_form(n) for n in names})}
        for what, names in (("values", own), ("scores", theirs))
    }
    for what, found in forms.items():
        if len(found) > 1:
            listed = "; ".join(f"{form}: {join_words(names[:3])}" for form, names in found.items())
            raise ValueError(
                f"the {what} name countries in mixed forms ({listed}). Use one form throughout, such as the two "
                "letters of ISO 3166"
            )
    first, second = (next(iter(found), "nothing") for found in forms.values())
    if first != second:
        raise ValueError(
            f"the values name countries by {first} ({join_words(own[:3])}), the scores by {second} "
            f"({join_words(theirs[:3])}). Bring both to one form, such as the two letters of ISO 3166"
        )
    for what, names in (("values", own), ("scores", theirs)):
        wrong = [name for name in names if name in _NO_CODE]
        if wrong and first == "two letters":
            raise ValueError(
                f"the {what} hold {wrong[0]!r}, which is no ISO code: write {_NO_CODE[wrong[0]]!r}, or the country "
                "finds no partner"
            )


def _require_enough(table: pd.DataFrame, own: pd.Series, without: tuple[str, ...]) -> None:
    if len(table) < FEWEST_COUNTRIES:
        missing = f"; without a score: {join_words(without[:8])}" if without else ""
        raise ValueError(
            f"{plural(len(table), 'country has', 'countries have')} both a value and a score, of {len(own)} with a "
            f"value{missing}. A correlation needs {FEWEST_COUNTRIES} countries at the least, and says little under 20"
        )
    for column in ("value", "score"):
        if np.ptp(table[column].to_numpy()) == 0:
            raise ValueError(f"every country has the same {column}: nothing can go along with it")


# ---------------------------------------------------------------------------------------- correlation


def _ranks(x: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(x)


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson correlation of x with y, or with each row of y."""
    dx = x - x.mean()
    dy = y - y.mean(axis=-1, keepdims=True)
    return dy @ dx / np.sqrt((dx @ dx) * (dy**2).sum(axis=-1))


def _orders(n: int, permutations: int, seed: int) -> tuple[np.ndarray, bool]:
    """Orders of n countries, one per row, and whether these are all there are."""
    if n <= LARGEST_EXACT:
        return np.array(list(every_order(range(n)))), True
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1), False


def _with_interval(
    x: np.ndarray, y: np.ndarray, orders: tuple[np.ndarray, bool], variance: float | None, level: float
) -> Correlation:
    r = float(np.clip(_correlations(x, y), -1, 1))
    rows, exact = orders
    # an order that gives the same correlation but for rounding is as extreme
    hits = int((np.abs(_correlations(x, y[rows])) >= abs(r) - 1e-9).sum())
    p_value = hits / len(rows) if exact else (1 + hits) / (1 + len(rows))
    p_error = 0.0 if exact else float(np.sqrt(p_value * (1 - p_value) / len(rows)))
    low, high = _fisher(r, len(x), (1 + r**2 / 2) if variance is None else variance, level)
    return Correlation(r, low, high, p_value, p_error, exact)


def _fisher(r: float, n: int, variance: float, level: float) -> tuple[float, float]:
    if abs(r) > 1 - 1e-12:  # a perfect order of a handful of countries is no proof of a perfect one
        bound = np.tanh(np.arctanh(1 - 1 / n**2) - critical_value(level) * np.sqrt(variance / (n - 3)))
        return (float(bound), 1.0) if r > 0 else (-1.0, float(-bound))
    half = critical_value(level) * np.sqrt(variance / (n - 3))
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def _leave_one_out(table: pd.DataFrame, whole: float) -> pd.DataFrame:
    x, y = table["value"].to_numpy(), table["score"].to_numpy()
    rows = []
    for i, country in enumerate(table.index):
        a, b = np.delete(x, i), np.delete(y, i)
        flat = np.ptp(a) == 0 or np.ptp(b) == 0
        one = float("nan") if flat else float(_correlations(a, b))
        ranked = float("nan") if flat else float(_correlations(_ranks(a), _ranks(b)))
        rows.append((country, one, ranked, one - whole))
    out = pd.DataFrame(rows, columns=["country", "pearson", "rank", "change"])
    return out.sort_values("change", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)


def _reliability(table: pd.DataFrame) -> float:
    errors = table["standard_error"].to_numpy()
    if np.isnan(errors).any():
        return float("nan")
    return float(np.clip(1 - (errors**2).mean() / table["value"].var(ddof=1), 0, 1))


def _smallest_clear(n: int, level: float) -> float:
    from scipy.special import stdtrit

    t = -stdtrit(n - 2, (1 - level) / 2)
    return float(t / np.sqrt(n - 2 + t**2))


def _warned(result: CultureCorrelation) -> CultureCorrelation:
    from dataclasses import replace

    said = [
        f"The sample is {result.n} countries: with so many a correlation has to be beyond "
        f"±{result.smallest_clear:.2f} to be told from none, and it says nothing about customers within a country."
    ]
    if result.without_score:
        said.append(
            f"{plural(len(result.without_score), 'country', 'countries')} without a score left out: "
            f"{join_words(result.without_score[:12])}{' …' if len(result.without_score) > 12 else ''}."
        )
    if result.value_reliability < 0.8:
        said.append(
            f"{1 - result.value_reliability:.0%} of the variance between the countries' values is sampling error, which "
            "weakens every correlation with them."
        )
    if not result.sign_is_stable:
        turn = result.leave_one_out
        who = turn.loc[
            (np.sign(turn["pearson"]) != np.sign(result.pearson.value))
            | (np.sign(turn["rank"]) != np.sign(result.rank.value)),
            "country",
        ]
        said.append(f"The sign rests on single countries: it turns without {join_words(who[:4], 'or')}.")
    return replace(result, warnings=tuple(said))

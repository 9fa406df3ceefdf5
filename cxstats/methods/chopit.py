"""CHOPIT: an ordered probit whose thresholds are learnt from anchoring vignettes.

The compound hierarchical ordered probit of King, Murray, Salomon & Tandon (2004): a person's own level is
N(xβ, 1), vignette j is N(θ_j, σ_j²) for everybody, and both are cut by the same thresholds, which depend on the
person (language, country, age). Vignettes say how the thresholds move; what is left in β is a difference
in level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxstats.methods.ascent import Ascent
from cxstats.methods.hierarchical_probit import Problem, Spacing, log_likelihoods, maximise
from cxstats.methods.limits import critical_value
from cxstats.metrics import Scale
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import join_words

__all__ = ["Chopit", "checked_answers", "chopit", "covariate_design"]

_WEAK = 10.0


@dataclass(frozen=True, slots=True)
class Chopit:
    """A fitted CHOPIT model, beside the ordered probit that takes everyone's thresholds as the same.

    Attributes
    ----------
    location : per term of β: "term", "estimate", "standard_error", "low", "high" in standard deviations of own
        levels, and "without_vignettes", "without_error": the same term where thresholds are common to all.
    thresholds : per threshold and term of γ: "cut", "term", "estimate", "standard_error".
    vignettes : per story: "vignette", "mean" (θ), "mean_error", "deviation" (σ), "deviation_error", "n".
    log_likelihood : at the maximum. without_vignettes_log_likelihood : of the ordered probit of own answers.
    by_question : "question", "log_likelihood", "n".
    covariance : of γ by threshold, θ, log σ, β in this order, shape (P, P).
    dropped : per term and vignette left out, "term", "vignette", "estimate", "standard_error"; empty unless asked
        for: does the answer hang on one story?
    spacing : how thresholds are made. converged : whether the maximum was reached.
    n_own, n_vignettes : people with a usable own answer, and with at least one rating.
    n_set_aside : rows with neither, or with a missing covariate.
    level : confidence level. warnings : in sentences.
    """

    location: pd.DataFrame = field(repr=False)
    thresholds: pd.DataFrame = field(repr=False)
    vignettes: pd.DataFrame = field(repr=False)
    log_likelihood: float
    without_vignettes_log_likelihood: float
    by_question: pd.DataFrame = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    dropped: pd.DataFrame = field(repr=False)
    spacing: Spacing
    converged: bool
    n_own: int
    n_vignettes: int
    n_set_aside: int
    level: float
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = [
            (
                row.term,
                f"{row.estimate:+.3f} ({row.low:+.3f} to {row.high:+.3f}); "
                f"{row.without_vignettes:+.3f} without vignettes",
            )
            for row in self.location.itertuples()
        ]
        return definition_html(
            f"CHOPIT, log-likelihood {self.log_likelihood:,.2f}",
            [*rows, *(("note", w) for w in self.warnings)],
        )


def chopit(
    rows: pd.DataFrame,
    own: str,
    vignettes: Sequence[str],
    *,
    location: Sequence[str],
    threshold: Sequence[str] | None = None,
    scale: Scale,
    spacing: Spacing = "exponential",
    customer: str | None = None,
    leave_one_out: bool = False,
    level: float = 0.95,
) -> Chopit:
    """Fit CHOPIT by maximum likelihood.

    Parameters
    ----------
    rows : one row per person, or per combination with a column ``n``.
    own : column of the own answer. vignettes : columns of the ratings, one or more, from worst to best.
    location : columns that the own level depends on, such as the country: texts become a term per category
        but the first in alphabetical order, numbers stay. threshold : columns that the thresholds depend on;
        by default the same.
    scale : of all answers; three points or more, each chosen by somebody.
    spacing : "exponential" (King et al. 2004: thresholds cannot cross) or "linear" (default of R's anchors).
    customer : column that names repeated people; errors are then clustered.
    leave_one_out : fit again without each story in turn.
    level : confidence level.

    Raises
    ------
    ValueError : a column missing or named twice, an answer off the scale, a category nobody chose, a covariate
        that does not vary, covariates that determine one another, no vignette.

    Notes
    -----
    β has no constant and the own level's variance is 1. Own answers and ratings count where they are given; a row
    with a missing covariate is set aside. Newton steps on the analytic gradient; errors from the inverse
    Hessian. Reproduces R anchors 3.0-8 on its two data sets in every coefficient (docs/methods/style_indices.md).

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> strict = np.repeat([0.0, 0.8], 600)        # B demands more for the same words, and is no less content
    >>> def answer(latent):
    ...     return 1 + sum((latent > cut + strict).astype(int) for cut in (-1.0, 0.0, 1.0))
    >>> rows = pd.DataFrame({"own": answer(rng.normal(size=1200)), "country": np.repeat(["A", "B"], 600)})
    >>> for j, mean in enumerate([-0.8, 0.7]):
    ...     rows[f"story{j}"] = answer(mean + 0.7 * rng.normal(size=1200))
    >>> found = chopit(rows, "own", ["story0", "story1"], location=["country"], scale=Scale(1, 4))
    >>> term = found.location.iloc[0]
    >>> bool(term["without_vignettes"] < -0.6), bool(abs(term["estimate"]) < 3 * term["standard_error"])
    (True, True)
    """
    level = checked("level", level, Level)
    names = [vignettes] if isinstance(vignettes, str) else list(vignettes)
    location = [location] if isinstance(location, str) else list(location)
    threshold = location if threshold is None else list(threshold)
    if not names:
        raise ValueError("CHOPIT needs a vignette: without one, thresholds and levels cannot be told apart")
    if scale.size < 3:
        raise ValueError(f"CHOPIT needs a scale of three points or more, but {scale} has {scale.size}")
    if spacing not in ("linear", "exponential"):
        raise ValueError(f'spacing must be "linear" or "exponential", but is {spacing!r}')
    answers, mass = checked_answers(rows, [own, *names], scale)
    x, x_complete, x_terms = covariate_design(rows, location)
    v, v_complete, v_terms = covariate_design(rows, threshold)
    used = x_complete & v_complete & (answers >= 0).any(axis=1) & (mass > 0)
    _require_answers(answers[used], [own, *names], scale)
    for name in dict.fromkeys([*location, *threshold]):
        if len(rows.loc[used, name].drop_duplicates()) == 1:
            raise ValueError(f"the covariate {name!r} is the same for everybody: there is nothing to compare")
    _require_rank(x[used], x_terms, "location")
    _require_rank(v[used], v_terms, "threshold")
    problem = _problem(answers[used], x[used], v[used], mass[used], scale.size, spacing)
    cluster = rows.loc[used, customer] if customer else None
    solution, covariance = _fitted(problem, cluster)
    plain = _without_vignettes(answers[used], x[used], mass[used], scale.size, cluster)

    gamma, theta, log_sigma, beta = problem.parts(solution.parameters)
    error = np.sqrt(np.clip(np.diag(covariance), 0, None))
    gamma_error, theta_error, sigma_error, beta_error = problem.parts(error)
    z = critical_value(level)
    located = pd.DataFrame({"term": x_terms, "estimate": beta, "standard_error": beta_error})
    located["low"], located["high"] = beta - z * beta_error, beta + z * beta_error
    located["without_vignettes"], located["without_error"] = plain[0], plain[1]
    log_p, _ = log_likelihoods(problem, solution.parameters, with_scores=False)
    weighted = mass[used] @ log_p
    counted = mass[used] @ (answers[used] >= 0)
    n_gamma, n_theta = problem.sizes[:2]
    theta_covariance = covariance[n_gamma : n_gamma + n_theta, n_gamma : n_gamma + n_theta]
    dropped = (
        _dropped(answers[used], x[used], v[used], mass[used], scale.size, spacing, names, x_terms, cluster)
        if leave_one_out
        else pd.DataFrame({"term": [], "vignette": [], "estimate": [], "standard_error": []})
    )
    stories = pd.DataFrame(
        {
            "vignette": names,
            "mean": theta,
            "mean_error": theta_error,
            "deviation": np.exp(log_sigma),
            "deviation_error": np.exp(log_sigma) * sigma_error,
            "n": counted[1:].astype(int),
        }
    )
    return Chopit(
        location=located,
        thresholds=pd.DataFrame(
            {
                "cut": np.repeat(np.arange(1, scale.size), len(v_terms) + 1),
                "term": ["constant", *v_terms] * (scale.size - 1),
                "estimate": gamma.ravel(),
                "standard_error": gamma_error.ravel(),
            }
        ),
        vignettes=stories,
        log_likelihood=solution.log_likelihood,
        without_vignettes_log_likelihood=plain[2],
        by_question=pd.DataFrame(
            {"question": [own, *names], "log_likelihood": weighted, "n": counted.astype(int)}
        ),
        covariance=covariance,
        dropped=dropped,
        spacing=spacing,
        converged=solution.converged,
        n_own=int(counted[0]),
        n_vignettes=int(mass[used] @ (answers[used, 1:] >= 0).any(axis=1)),
        n_set_aside=int(mass.sum() - mass[used].sum()),
        level=level,
        warnings=tuple(_fit_warnings(solution, located, gamma_error, stories, theta_covariance)),
    )


# ---------------------------------------------------------------------------------------------- input


def checked_answers(
    rows: pd.DataFrame, columns: Sequence[str], scale: Scale
) -> tuple[np.ndarray, np.ndarray]:
    """Answers counted from 0 (−1 where missing), shape (n, Q), and how many people each row stands for."""
    names = [columns] if isinstance(columns, str) else list(columns)
    if len(set(names)) != len(names):
        raise ValueError(f"a question is named twice: {', '.join(names)}")
    out = np.full((len(rows), len(names)), -1)
    for i, name in enumerate(names):
        if name not in rows.columns:
            raise ValueError(
                f"the rows have no column {name!r}; they have {', '.join(map(str, rows.columns[:12]))}"
            )
        given = rows[name].notna().to_numpy()
        numbers = pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        wrong = given & ~np.isin(numbers, scale.categories)
        if wrong.any():
            first = rows[name].to_numpy(dtype=object)[np.flatnonzero(wrong)[0]]
            raise ValueError(
                f"{name!r} runs {scale}, but {int(wrong.sum()):,} answers do not (first: {first!r}). Is it a code for "
                "a missing answer?"
            )
        out[given, i] = numbers[given].astype(int) - scale.low
    if "n" in rows.columns and "n" not in names:
        mass = rows["n"].to_numpy(dtype=float, na_value=np.nan)
        if not np.all(mass >= 0):
            raise ValueError("column 'n' must hold how many people a row stands for: numbers of 0 or more")
        return out, mass
    return out, np.ones(len(rows))


def covariate_design(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Columns of a design without a constant, which rows miss none of them, and the terms' names.

    Texts and booleans become one 0/1 column per category but the first in alphabetical order ("country: JP");
    a missing text is the category "not known". A missing number leaves the row out.

    >>> design, complete, terms = covariate_design(pd.DataFrame({"c": ["B", "A"], "age": [30, None]}), ["c", "age"])
    >>> terms, complete.tolist()
    (['c: B', 'age'], [True, False])
    """
    if len(set(columns)) != len(list(columns)):
        raise ValueError(f"a covariate is named twice: {', '.join(columns)}")
    parts, terms = [], []
    complete = np.ones(len(rows), dtype=bool)
    for name in columns:
        if name not in rows.columns:
            raise ValueError(
                f"the rows have no column {name!r}; they have {', '.join(map(str, rows.columns[:12]))}"
            )
        column = rows[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(dtype=float, na_value=np.nan)
            complete &= np.isfinite(values)
            parts.append(np.nan_to_num(values, posinf=0, neginf=0))
            terms.append(name)
            continue
        texts = column.astype("string").fillna("not known").to_numpy(dtype=object).astype(str)
        for category in sorted(set(texts))[1:]:
            parts.append((texts == category).astype(float))
            terms.append(f"{name}: {category}")
    design = np.column_stack(parts) if parts else np.zeros((len(rows), 0))
    return design, complete, terms


def _require_answers(answers: np.ndarray, names: list[str], scale: Scale) -> None:
    for i, name in enumerate(names):
        if not (answers[:, i] >= 0).any():
            raise ValueError(f"nobody answered {name!r} whose covariates are known")
    chosen = np.unique(answers[answers >= 0])
    if len(chosen) < scale.size:
        missing = [k + scale.low for k in range(scale.size) if k not in chosen]
        raise ValueError(
            f"nobody chose {join_words(missing)} on any question, so there is no threshold to find there; "
            "merge categories"
        )


def _require_rank(design: np.ndarray, terms: list[str], what: str) -> None:
    if not terms:
        return
    scaled = (design - design.mean(axis=0)) / design.std(axis=0)
    if np.linalg.matrix_rank(scaled) < len(terms):
        raise ValueError(f"the {what} covariates {join_words(terms)} determine one another; leave one out")


# ------------------------------------------------------------------------------------------------ fit


def _problem(answers, x, v, mass, n_points, spacing) -> Problem:
    return Problem(
        low=answers,
        high=answers,
        location=x,
        shift=np.column_stack([np.ones(len(v)), v]),
        mass=mass,
        n_points=n_points,
        spacing=spacing,
    )


def _scaled(problem: Problem) -> tuple[Problem, np.ndarray]:
    """The same problem with covariates of spread 1, and what its parameters are to be multiplied by."""
    x_size = problem.location.std(axis=0)
    v_size = np.append(1.0, problem.shift[:, 1:].std(axis=0))
    scaled = Problem(
        problem.low,
        problem.high,
        problem.location / x_size,
        problem.shift / v_size,
        problem.mass,
        problem.n_points,
        problem.spacing,
    )
    factor = np.concatenate(
        [np.tile(1 / v_size, problem.n_points - 1), np.ones(2 * problem.n_others), 1 / x_size]
    )
    return scaled, factor


def _fitted(problem: Problem, cluster: pd.Series | None) -> tuple[Ascent, np.ndarray]:
    """The maximum on the covariates' own scale, and the covariance of the parameters."""
    scaled, factor = _scaled(problem)
    found = maximise(scaled)
    try:
        bread = np.linalg.inv(-found.hessian)
    except np.linalg.LinAlgError:
        bread = np.full_like(found.hessian, np.nan)
    covariance = bread
    if cluster is not None:
        codes, _ = pd.factorize(cluster)
        alone = codes < 0
        codes = np.where(alone, len(codes) + np.arange(len(codes)), codes)
        _, person = np.unique(codes, return_inverse=True)
        total = np.zeros((person.max() + 1, found.scores.shape[1]))
        np.add.at(total, person, found.scores * problem.mass[:, None])
        n_people = len(total)
        covariance = bread @ (total.T @ total) @ bread * n_people / max(n_people - 1, 1)
    at = found.parameters * factor
    solution = Ascent(at, found.log_likelihood, found.hessian, found.scores, found.converged, found.steps)
    return solution, covariance * np.outer(factor, factor)


def _without_vignettes(answers, x, mass, n_points, cluster) -> tuple[np.ndarray, np.ndarray, float]:
    """β, its errors and the log-likelihood of the ordered probit with thresholds common to all."""
    given = answers[:, 0] >= 0
    own = answers[given, :1]
    chosen, recoded = np.unique(own, return_inverse=True)
    empty = np.full(x.shape[1], np.nan)
    if len(chosen) < 2 or np.any(np.ptp(x[given], axis=0) == 0):
        return empty, empty, float("nan")
    problem = _problem(
        recoded.reshape(-1, 1), x[given], np.zeros((given.sum(), 0)), mass[given], len(chosen), "exponential"
    )
    solution, covariance = _fitted(problem, None if cluster is None else cluster[given])
    start = problem.sizes[0]
    error = np.sqrt(np.clip(np.diag(covariance)[start:], 0, None))
    return solution.parameters[start:], error, solution.log_likelihood


def _dropped(answers, x, v, mass, n_points, spacing, names, terms, cluster) -> pd.DataFrame:
    rows = []
    for j, name in enumerate(names):
        if len(names) == 1:
            break
        kept = [k for k in range(len(names) + 1) if k != j + 1]
        given = (answers[:, kept] >= 0).any(axis=1)
        problem = _problem(answers[np.ix_(given, kept)], x[given], v[given], mass[given], n_points, spacing)
        solution, covariance = _fitted(problem, None if cluster is None else cluster[given])
        beta = problem.parts(solution.parameters)[3]
        error = problem.parts(np.sqrt(np.clip(np.diag(covariance), 0, None)))[3]
        rows += [
            {"term": term, "vignette": name, "estimate": b, "standard_error": e}
            for term, b, e in zip(terms, beta, error, strict=True)
        ]
    return pd.DataFrame(rows, columns=["term", "vignette", "estimate", "standard_error"])


def _fit_warnings(
    solution: Ascent,
    located: pd.DataFrame,
    gamma_error: np.ndarray,
    stories: pd.DataFrame,
    spread: np.ndarray,
) -> list[str]:
    said = []
    if not solution.converged:
        said.append("The maximum was not reached: read nothing off these numbers.")
    if np.any(~np.isfinite(gamma_error)) or np.any(gamma_error > _WEAK):
        said.append(
            "Some thresholds cannot be placed: a group uses too few categories. Merge categories or groups."
        )
    means = stories["mean"].to_numpy()
    for j in range(len(means) - 1):
        for k in range(j + 1, len(means)):
            error = np.sqrt(max(spread[j, j] + spread[k, k] - 2 * spread[j, k], 0.0))
            if means[k] < means[j] - 2 * error:
                said.append(
                    f"Out of order: {stories['vignette'][k]} comes out below {stories['vignette'][j]}, which was "
                    "declared worse. The model does not mind, but people may read them in another way than meant."
                )
    turned = located[
        (np.sign(located["estimate"]) != np.sign(located["without_vignettes"]))
        & (located["estimate"].abs() > 2 * located["standard_error"])
        & (located["without_vignettes"].abs() > 2 * located["without_error"])
    ]
    said += [
        f"{term} turns round once the thresholds are learnt from the vignettes." for term in turned["term"]
    ]
    return said

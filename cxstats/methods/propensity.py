"""Response propensity: how likely each kind of customer is to answer, from what is known about everyone invited.

A logistic regression of answering on frame variables. Customers with the same facts are one frame cell, so the cost
is that of the number of cells, not of invitations. Small categories, empty ones and combinations that nobody or
everybody answered are handled and said (:attr:`Propensity.warnings`).
"""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxstats.methods.clusters import Clusters, clusters_of, require_both, require_columns, truth_of
from cxstats.methods.discrimination import area_under_curve
from cxstats.methods.frame_variables import (
    EXPECTED,
    FrameVariable,
    cross_classify,
    frame_variables,
    missing_note,
)
from cxstats.show import definition_html
from cxstats.words import count, join_words, percent, share

__all__ = ["Performance", "Propensity", "cross_fit", "fit", "performance"]

LEAST = 10
"""Answers, and people without one, below which no propensity is estimated."""


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """How well propensities tell who answers, and whether they mean what they say.

    Attributes
    ----------
    auc : chance that of one who answered and one who did not, the first had the higher propensity; 0.5 is a guess.
    auc_se : its standard error (DeLong), the propensities taken as given.
    intercept, slope : of the logistic regression of answering on the propensity's log-odds: 0 and 1 when
        propensities mean what they say; a slope below 1 tells of an over-fitted model. None where all are equal.
    bands : one row per band of propensity with about as many invited in each: ``invited``, ``answered``,
        ``predicted_share``, ``observed_share``.
    """

    auc: float
    auc_se: float
    intercept: float | None
    slope: float | None
    bands: pd.DataFrame

    def _repr_html_(self) -> str:
        rows = [("AUC", f"{self.auc:.3f} (standard error {self.auc_se:.3f})")]
        if self.slope is not None:
            rows.append(("calibration", f"intercept {self.intercept:.3f}, slope {self.slope:.3f}"))
        return definition_html("Propensities against answers", rows)


@dataclass(frozen=True, slots=True, eq=False)
class Propensity:
    """A fitted response propensity.

    Attributes
    ----------
    by : frame variables in the model, without those left out (``warnings`` says why).
    columns : names of the coefficients: "intercept", "country: Japan", "country: Japan × segment: Plus"; the
        category with most customers invited is the reference of each variable.
    coefficients : log-odds, shape (p,).
    covariance : of the coefficients, shape (p, p): model-based; a sandwich where weights, M or parts were given.
    cells : one row per frame cell: the variables (as the model knows their categories), ``invited``, ``answered``
        (customers), ``propensity``, and with weights ``weight`` (Σw of those invited).
    response_rate : answered/invited, weighted where weights are.
    n, n_answered : customers invited, and who answered.
    auc, calibration : of the propensities against the very answers they were fitted to (``performance`` holds more);
        for honest ones take :func:`cross_fit` and :func:`performance`.
    method : "maximum likelihood", or "Firth" where answers are separated and maximum likelihood has no finite answer.
    warnings : sentences: what was put together, left out, separated, and who can hardly be stood for.
    design : predictors of each frame cell, shape (K, p). frame_cell : frame cell of each row given,
        shape (R,). frame_codes : per variable the number of each frame cell's category, shape (K,).
    """

    by: tuple[str, ...]
    columns: tuple[str, ...]
    coefficients: np.ndarray
    covariance: np.ndarray
    cells: pd.DataFrame
    response_rate: float
    n: int
    n_answered: int
    performance: Performance
    method: str
    warnings: tuple[str, ...]
    design: np.ndarray = field(repr=False)
    frame_cell: np.ndarray = field(repr=False)
    frame_codes: tuple[np.ndarray, ...] = field(repr=False)
    variables: tuple[FrameVariable, ...] = field(repr=False)
    terms: tuple[tuple[tuple[int, int], ...], ...] = field(repr=False)
    clusters: Clusters = field(repr=False)

    @property
    def auc(self) -> float:
        """Apparent AUC of the propensities."""
        return self.performance.auc

    @property
    def calibration(self) -> pd.DataFrame:
        """Predicted and observed response by band of propensity."""
        return self.performance.bands

    @property
    def standard_errors(self) -> np.ndarray:
        """Standard error per coefficient, shape (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def predict(self, cells: pd.DataFrame) -> np.ndarray:
        """Propensity of the customers in each row of ``cells``, shape (R,), each above 0 and below 1.

        Raises
        ------
        ValueError : a column is missing, or a category the model has never seen.
        """
        require_columns(cells, self.by)
        codes = [variable.codes(cells[variable.name]) for variable in self.variables]
        return _expit(_design(codes, self.terms, len(cells)) @ self.coefficients)

    def _repr_html_(self) -> str:
        return definition_html(
            "Response propensity",
            [
                ("invited", count(self.n)),
                ("answered", f"{count(self.n_answered)} ({share(self.response_rate, 1)})"),
                ("frame variables", join_words(self.by)),
                ("frame cells", count(len(self.cells))),
                ("AUC", f"{self.auc:.3f}"),
                ("fitted by", self.method),
                *[("note", note) for note in self.warnings],
            ],
        )


def fit(
    cells: pd.DataFrame,
    by: Sequence[str],
    *,
    responded: str = "responded",
    interactions: Sequence[tuple[str, str]] = (),
    weights: Sequence[float] | np.ndarray | None = None,
    matrix: np.ndarray | None = None,
    part: str | None = None,
    expected: float = EXPECTED,
) -> Propensity:
    """Fit the response propensity: a logistic regression of answering on frame variables.

    Parameters
    ----------
    cells : rows of invited customers with the columns ``by``, ``responded`` (true or false) and ``n``; a weighted
        survey's also ``w`` = Σw and ``w2`` = Σw² (design weights of everyone invited). Missing facts are a category
        of their own, "not known". Numbers with more than 20 values are cut into ten bands.
    by : frame variables: facts known for everyone invited, from before the invitation.
    responded : column that says who answered.
    interactions : pairs of variables whose combinations have effects of their own.
    weights : design weight of each customer in a row, shape (R,), in place of ``w`` and ``w2``.
    matrix : M of :func:`cxstats.cells.cluster_matrix` over the rows of ``cells``, for customers invited repeatedly.
    part : name of the column with the 64 parts, in place of ``matrix``. With neither, every invitation is taken to be
        another customer's.
    expected : a category must hold so many customers that this many answers, and as many non-answers, are expected at
        the overall rate; smaller ones are put together as "others".

    Returns
    -------
    Propensity.

    Raises
    ------
    ValueError : nobody or everybody answered; fewer than ten who did, or who did not; no variable with two
        categories large enough; a variable that gives the answer away; a column that does not exist.

    Notes
    -----
    Maximum likelihood by ``statsmodels``. Where a combination of facts separates those who answered from those who
    did not (found by linear programming, Konis 2007), the likelihood has no finite maximum: Firth's (1993) penalised
    likelihood is taken (Heinze & Schemper 2002). Rosenbaum & Rubin (1983) on propensities.

    Examples
    --------
    >>> cells = pd.DataFrame({"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2,
    ...                       "n": [300, 700, 200, 800]})
    >>> fit(cells, ["channel"]).predict(cells).round(6).tolist()
    [0.3, 0.3, 0.2, 0.2]
    """
    by = [by] if isinstance(by, str) else list(by)
    answered = truth_of(cells, responded, "whether a customer answered")
    given = None if weights is None else np.asarray(weights, dtype=float)
    clusters = clusters_of(cells, weights=given, matrix=matrix, part=part)
    n = cells["n"].to_numpy(dtype=float)
    require_both(n, answered, least=LEAST)
    variables, codes, notes = frame_variables(cells, by, n, answered, expected=expected)
    if not variables:
        raise ValueError(
            f"no frame variable can be used with {count(n.sum())} invited and {count(n[answered].sum())} answers: "
            + " ".join(notes)
        )
    notes += tuple(
        note for v in variables if (note := missing_note(cells[v.name], v.name, n, answered)) is not None
    )
    place, first = cross_classify(codes)
    frame_codes = [code[first] for code in codes]
    size = len(first)
    invited = np.bincount(place, weights=n, minlength=size)
    terms, said = _terms(variables, interactions, frame_codes, invited, n, answered, expected, by)
    design = _design(frame_codes, terms, size)
    mass = np.bincount(place, weights=clusters.mass, minlength=size)
    success = np.bincount(place, weights=clusters.mass * answered, minlength=size)
    # weights as large as customers, so that Firth's half an answer is half a customer
    scale = n.sum() / clusters.mass.sum()
    keep = _independent_columns(design, mass)
    dropped = [_name(variables, terms[i]) for i in range(len(terms)) if i not in set(keep)]
    if dropped:
        said += [f"{join_words(dropped)} left out: the other variables say the same."]
    terms, design = tuple(terms[i] for i in keep), design[:, keep]
    coefficients, method, separated = _coefficients(design, success * scale, (mass - success) * scale)
    if separated:
        names = [_name(variables, terms[i]) for i in separated]
        said += [
            f"Who answers is separated by {join_words(names[:4])}: there nobody or everybody answered. Propensities are "
            "Firth's, which stay above 0 and below 1."
        ]
    propensity = _expit(design @ coefficients)
    bread = np.linalg.inv((design * (mass * propensity * (1 - propensity))[:, None]).T @ design)
    plain = clusters.independent and np.array_equal(clusters.mass, clusters.square)
    if plain:
        covariance = bread
    else:
        scores = (design @ bread)[place] * (answered - propensity[place])[:, None]
        covariance = clusters.covariance(scores)
    answers = np.bincount(place, weights=n * answered, minlength=size)
    facts = {
        v.name: pd.array(np.array(v.categories, dtype=object)[c], dtype="string")
        for v, c in zip(variables, frame_codes, strict=True)
    }
    numbers = {"invited": np.rint(invited).astype("int64"), "answered": np.rint(answers).astype("int64")}
    table = pd.DataFrame(facts | numbers | {"propensity": propensity})
    if not np.array_equal(mass, invited):
        table["weight"] = mass
    said += _overlap_notes(variables, frame_codes, invited, answers, propensity)
    return Propensity(
        by=tuple(v.name for v in variables),
        columns=tuple(_name(variables, term) for term in terms),
        coefficients=coefficients,
        covariance=covariance,
        cells=table,
        response_rate=float(success.sum() / mass.sum()),
        n=round(n.sum()),
        n_answered=round(n[answered].sum()),
        performance=_performance(propensity, success * scale, (mass - success) * scale, own=not separated),
        method=method,
        warnings=(*notes, *said),
        design=design,
        frame_cell=place,
        frame_codes=tuple(frame_codes),
        variables=variables,
        terms=terms,
        clusters=clusters,
    )


def cross_fit(
    cells: pd.DataFrame,
    by: Sequence[str],
    *,
    responded: str = "responded",
    part: str = "part",
    folds: int = 5,
    interactions: Sequence[tuple[str, str]] = (),
    weights: Sequence[float] | np.ndarray | None = None,
    expected: float = EXPECTED,
) -> np.ndarray:
    """Propensity of each row, from a model that has not seen its customers, shape (R,).

    Parameters
    ----------
    cells, by, responded, interactions, weights, expected : as in :func:`fit`.
    part : column with the part (0 to 63) of each row's customers. All invitations of one customer are in one part, so
        a fold's customers are unknown to the model that is asked about them.
    folds : number of folds, 2 or more: a part belongs to fold ``part`` modulo ``folds``.

    Raises
    ------
    ValueError : as :func:`fit`; or fewer than two folds, or a fold that is empty.

    Notes
    -----
    Categories are put together once, by the customers invited in all folds, so that every fold knows them all.
    Chernozhukov et al. (2018) on cross-fitting.

    Examples
    --------
    >>> one = pd.DataFrame({"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2,
    ...                     "n": [60, 140, 40, 160]})
    >>> cells = pd.concat([one.assign(part=k) for k in range(5)], ignore_index=True)
    >>> cross_fit(cells, ["channel"]).round(6)[:4].tolist()
    [0.3, 0.3, 0.2, 0.2]
    """
    require_columns(cells, [part])
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise ValueError(f"folds must be a whole number, 2 or more, but is {folds!r}")
    whole = fit(cells, by, responded=responded, interactions=interactions, weights=weights, expected=expected)
    fold = cells[part].to_numpy(dtype=int) % folds
    answered = truth_of(cells, responded, "whether a customer answered")
    place, mass, size = whole.frame_cell, whole.clusters.mass, len(whole.cells)
    scale = whole.n / mass.sum()
    result = np.empty(len(cells))
    for k in range(folds):
        out = fold == k
        if not (mass[out].sum() > 0 and mass[~out].sum() > 0):
            raise ValueError(
                f"fold {k} of {folds} is empty, or holds everyone: column {part!r} holds only "
                f"{len(np.unique(cells[part]))} parts. Take fewer folds"
            )
        learn = np.where(out, 0.0, mass) * scale
        success = np.bincount(place, weights=learn * answered, minlength=size)
        failure = np.bincount(place, weights=learn, minlength=size) - success
        if not min(success.sum(), failure.sum()) > 0:
            raise ValueError(
                f"without fold {k} of {folds} nobody, or everybody, answered: there are too few answers to cross-fit"
            )
        known = _independent_columns(whole.design, success + failure)
        coefficients, _, _ = _coefficients(whole.design[:, known], success, failure)
        result[out] = _expit(whole.design[:, known] @ coefficients)[place[out]]
    return result


def performance(
    cells: pd.DataFrame, propensity: Sequence[float] | np.ndarray, *, responded: str = "responded"
) -> Performance:
    """How well given propensities tell who answered: AUC, calibration intercept and slope, bands.

    Parameters
    ----------
    cells : rows with ``responded`` and ``n`` (``w`` where weighted).
    propensity : one per row, above 0 and below 1; those of :func:`cross_fit` give honest results, those of
        :func:`fit` on its own cells flatter themselves.

    Raises
    ------
    ValueError : propensities of another shape or range; nobody or everybody answered.

    Examples
    --------
    >>> cells = pd.DataFrame({"responded": [True, False] * 2, "n": [300, 700, 200, 800]})
    >>> result = performance(cells, [0.3, 0.3, 0.2, 0.2])
    >>> round(result.auc, 3), round(result.slope, 3)
    (0.567, 1.0)
    """
    given = np.asarray(propensity, dtype=float)
    answered = truth_of(cells, responded, "whether a customer answered")
    if given.shape != answered.shape or not np.all((given > 0) & (given < 1)):
        raise ValueError(
            f"propensities must be {len(answered):,} numbers above 0 and below 1, one per row of cells"
        )
    clusters = clusters_of(cells)
    require_both(clusters.mass, answered)
    value, place = np.unique(given, return_inverse=True)
    success = np.bincount(place, weights=clusters.mass * answered, minlength=len(value))
    failure = np.bincount(place, weights=clusters.mass, minlength=len(value)) - success
    return _performance(value, success, failure)


# ------------------------------------------------------------------------------------------ the model


def _terms(
    variables: tuple[FrameVariable, ...],
    interactions: Sequence[tuple[str, str]],
    codes: list[np.ndarray],
    invited: np.ndarray,
    n: np.ndarray,
    answered: np.ndarray,
    expected: float,
    by: list[str],
) -> tuple[tuple[tuple[tuple[int, int], ...], ...], list[str]]:
    """Columns of the design: each the (variable, category) pairs that must hold; () is the intercept."""
    rate = n[answered].sum() / n.sum()
    smallest = expected / min(rate, 1 - rate)
    number = {variable.name: i for i, variable in enumerate(variables)}
    terms: list[tuple[tuple[int, int], ...]] = [()]
    for i, variable in enumerate(variables):
        terms += [((i, c),) for c in range(1, len(variable.categories))]
    notes = []
    for pair in interactions:
        if len(pair) != 2 or not set(pair) <= set(by):
            raise ValueError(f"interactions are pairs of the variables in by, but one is {pair!r}")
        if not set(pair) <= set(number):
            continue  # one of them was left out, which is said already
        i, j = (number[name] for name in pair)
        small = 0
        for a in range(1, len(variables[i].categories)):
            for b in range(1, len(variables[j].categories)):
                if invited[(codes[i] == a) & (codes[j] == b)].sum() >= smallest:
                    terms.append(((i, a), (j, b)))
                else:
                    small += 1
        if small:
            notes.append(
                f"{count(small)} combinations of {pair[0]} and {pair[1]} hold too few customers for an effect of their "
                "own and follow from the two."
            )
    return tuple(terms), notes


def _design(codes: list[np.ndarray], terms: Sequence[tuple[tuple[int, int], ...]], rows: int) -> np.ndarray:
    design = np.ones((rows, len(terms)))
    for column, term in enumerate(terms):
        for variable, category in term:
            design[:, column] *= codes[variable] == category
    return design


def _name(variables: tuple[FrameVariable, ...], term: tuple[tuple[int, int], ...]) -> str:
    if not term:
        return "intercept"
    return " × ".join(f"{variables[i].name}: {variables[i].categories[c]}" for i, c in term)


def _independent_columns(design: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Columns none of which follows from those before it, in their order."""
    root = np.sqrt(mass / mass.sum())[:, None] * design
    gram = root.T @ root
    # Cholesky without pivoting: a column that follows from earlier ones leaves nothing on the diagonal
    keep: list[int] = []
    basis = np.zeros((0, design.shape[1]))
    for j in range(design.shape[1]):
        rest = gram[j] - basis[:, j] @ basis
        if rest[j] > 1e-10 * max(gram[j, j], 1e-300) and gram[j, j] > 0:
            basis = np.vstack([basis, rest / np.sqrt(rest[j])])
            keep.append(j)
    return np.array(keep, dtype=int)


def _coefficients(
    design: np.ndarray, success: np.ndarray, failure: np.ndarray
) -> tuple[np.ndarray, str, list[int]]:
    """Coefficients, how they were fitted, and which columns separate (empty for maximum likelihood)."""
    used = success + failure > 0
    design, success, failure = design[used], success[used], failure[used]
    coefficients, trusted = _maximum_likelihood(design, success, failure)
    if trusted:
        return coefficients, "maximum likelihood", []
    separated = _separating_columns(design, success, failure)
    if not separated:
        return coefficients, "maximum likelihood", []
    return _firth(design, success, failure), "Firth", separated


def _maximum_likelihood(
    design: np.ndarray, success: np.ndarray, failure: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, bool]:
    """Coefficients by statsmodels; False where they look as if they had run off."""
    import statsmodels.api as sm

    model = sm.GLM(np.column_stack([success, failure]), design, family=sm.families.Binomial())
    with python_warnings.catch_warnings(), np.errstate(all="ignore"):
        # statsmodels warns of separation and of a search that ends far out; both are examined here instead
        python_warnings.simplefilter("ignore")
        result = model.fit(start_params=start, maxiter=50, tol=1e-13, tol_criterion="params")
    coefficients = np.asarray(result.params, dtype=float)
    inside = np.all(np.isfinite(coefficients)) and np.abs(design @ coefficients).max() < 12
    return coefficients, bool(inside and result.converged)


def _separating_columns(design: np.ndarray, success: np.ndarray, failure: np.ndarray) -> list[int]:
    """Columns whose coefficients run off to infinity: a linear program (Konis 2007, section 4)."""
    from scipy.optimize import linprog

    rows = np.vstack([design[success > 0], -design[failure > 0]])
    bounds = [(-1, 1)] * design.shape[1]
    solved = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=bounds, method="highs")
    if solved.status != 0 or -solved.fun <= 1e-7:
        return []
    return [j for j in range(design.shape[1]) if abs(solved.x[j]) > 1e-7]


def _firth(design: np.ndarray, success: np.ndarray, failure: np.ndarray) -> np.ndarray:
    """Maximum of Firth's penalised likelihood: answers plus half of each cell's leverage, refitted until it stands."""
    coefficients = np.zeros(design.shape[1])
    total = success + failure
    for _ in range(200):
        p = _expit(design @ coefficients)
        weight = total * p * (1 - p)
        covariance = np.linalg.pinv((design * weight[:, None]).T @ design)
        leverage = weight * np.einsum("ij,jk,ik->i", design, covariance, design)
        # pseudo-answers: success + h/2 of total + h has the penalised score as its ordinary one (Heinze & Schemper 2002)
        new, _ = _maximum_likelihood(design, success + leverage / 2, failure + leverage / 2, coefficients)
        if np.abs(new - coefficients).max() < 1e-9:
            return new
        coefficients = new
    return coefficients


def _overlap_notes(
    variables: tuple[FrameVariable, ...],
    codes: list[np.ndarray],
    invited: np.ndarray,
    answers: np.ndarray,
    propensity: np.ndarray,
) -> list[str]:
    """Who nobody can stand for, and for whom very few stand."""
    notes = []
    for variable, code in zip(variables, codes, strict=True):
        size = np.bincount(code, weights=invited, minlength=len(variable.categories))
        answered = np.bincount(code, weights=answers, minlength=len(variable.categories))
        for category, asked, got in zip(variable.categories, size, answered, strict=True):
            if got == 0:
                notes.append(
                    f"None of the {count(asked)} invited with {variable.name} {category} answered: no weights can make up "
                    "for them."
                )
            elif got == asked:
                notes.append(f"All of the {count(asked)} invited with {variable.name} {category} answered.")
    mean = invited @ propensity / invited.sum()
    rare = invited[propensity < mean / 5].sum() / invited.sum()
    if rare > 0.01:
        notes.append(
            f"{percent(100 * rare)} of those invited are less than a fifth as likely to answer as the average: few "
            "answers would have to stand for many customers."
        )
    return notes


# -------------------------------------------------------------------------------------- its performance


def _performance(
    propensity: np.ndarray, success: np.ndarray, failure: np.ndarray, *, own: bool = False
) -> Performance:
    """Performance from a table; ``own`` where maximum likelihood chose the propensities, which calibrates them."""
    # propensities of cells that differ in the last bit only are ties
    auc, error = area_under_curve(np.round(propensity, 12), success, failure)
    intercept = slope = None
    if own:
        intercept, slope = 0.0, 1.0
    elif np.ptp(propensity) > 1e-9:
        design = np.column_stack([np.ones(len(propensity)), np.log(propensity / (1 - propensity))])
        (intercept, slope), _ = _maximum_likelihood(design, success, failure)
    return Performance(
        auc,
        error,
        None if intercept is None else float(intercept),
        None if slope is None else float(slope),
        _bands(propensity, success, failure),
    )


def _bands(propensity: np.ndarray, success: np.ndarray, failure: np.ndarray, bands: int = 10) -> pd.DataFrame:
    order = np.argsort(propensity, kind="stable")
    p, s, total = propensity[order], success[order], (success + failure)[order]
    middle = (np.cumsum(total) - total / 2) / total.sum()
    band = np.minimum((middle * bands).astype(int), bands - 1)
    _, band = np.unique(band, return_inverse=True)
    sums = {name: np.bincount(band, weights=x) for name, x in (("n", total), ("s", s), ("p", p * total))}
    return pd.DataFrame(
        {
            "invited": np.rint(sums["n"]).astype("int64"),
            "answered": np.rint(sums["s"]).astype("int64"),
            "predicted_share": sums["p"] / sums["n"],
            "observed_share": sums["s"] / sums["n"],
        }
    )


def _expit(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(x)

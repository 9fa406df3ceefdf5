"""What each study will be able to say about a survey, and what is missing: told before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from cxstats.words import count, join_words, share

if TYPE_CHECKING:
    from cxstats.survey import Survey
    from cxstats.survey.model import Description

__all__ = ["STUDIES", "Lack", "Readiness", "StudyName", "missing", "readiness", "told"]


@dataclass(frozen=True, slots=True)
class StudyName:
    """How readers know a study: its title, and the question it answers."""

    title: str
    question: str


STUDIES: Mapping[str, StudyName] = MappingProxyType(
    {
        "score_overview": StudyName("Score overview", "What do our scores say, and how sure are they?"),
        "sample_size": StudyName("Sample size", "Is the survey big enough for the decision it is used for?"),
        "response_rate_bias": StudyName(
            "Response-rate bias", "How much of the score is who happened to answer?"
        ),
        "extreme_response_bias": StudyName(
            "Response style", "Are differences between groups real, or a habit of using the scale?"
        ),
        "predictive_validity": StudyName("Predictive validity", "Does the score say what customers do next?"),
    }
)
"""The studies by the name of their notebook, in the order they are told."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something a study cannot say with this data.

    Attributes
    ----------
    what : what it cannot say; "" where it is the study's whole question.
    why : because of what.
    cure : what to add to the data and to survey.yml.
    lines : lines of survey.yml that would add it, with made-up names of files and columns.
    """

    what: str
    why: str
    cure: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Readiness:
    """What one study will be able to say.

    Attributes
    ----------
    study, question : its name and its question.
    says : what it will answer; "" where it cannot answer its question.
    lacks : what it cannot say, the most important first.
    """

    study: str
    question: str
    says: str
    lacks: tuple[Lack, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether its question can be answered."""
        return bool(self.says)

    def lines(self) -> list[str]:
        """The same in plain words, the first line being the study's."""
        whole, *parts = self.lacks if not self.answers else (None, *self.lacks)
        head = (
            f"yes: {self.says}"
            if whole is None
            else f"This data cannot say, because {whole.why}: {whole.cure}"
        )
        return [
            f"{self.study}: {head}",
            *(f"  not {lack.what}, because {lack.why}: {lack.cure}" for lack in parts if lack.what),
        ]


def told(studies: Sequence[Readiness]) -> str:
    """What each study will be able to say, as a block of plain text.

    >>> print(told([Readiness("Sample size", "Is it big enough?", "how far chance could have moved NPS")]))
    What each study will be able to answer
      Sample size: yes: how far chance could have moved NPS
    """
    lines = [line for study in studies for line in study.lines()]
    return "\n".join(["What each study will be able to answer", *("  " + line for line in lines)])


def readiness(survey: Survey) -> tuple[Readiness, ...]:
    """What each of the studies will be able to say about this survey."""
    tell: dict[str, Callable[[Survey, StudyName], Readiness]] = {
        "score_overview": _overview,
        "sample_size": _size,
        "response_rate_bias": _response,
        "extreme_response_bias": _style,
        "predictive_validity": _prediction,
    }
    return tuple(_ready(survey, study, name, tell[study]) for study, name in STUDIES.items())


def _ready(
    survey: Survey, study: str, name: StudyName, tell: Callable[[Survey, StudyName], Readiness]
) -> Readiness:
    if lack := missing(survey.description, study):
        return Readiness(name.title, name.question, "", (lack,))
    if survey.units is None and not _answered(survey):
        return Readiness(name.title, name.question, "", (_NOBODY,))
    return tell(survey, name)


# What a description lacks -------------------------------------------------------------------------


def missing(d: Description, study: str, measure: str | None = None) -> Lack | None:
    """What a survey's description lacks for a study to be possible at all; None where nothing is missing.

    What depends on the data itself (too few answers, an outcome that hardly happened) the study finds out, and says.

    Parameters
    ----------
    d : the survey's description.
    study : the name of the study's notebook; one that is not in :data:`STUDIES` lacks nothing.
    measure : the score or outcome that the study is about; None for all that there are.

    >>> from cxstats.survey import parse_description
    >>> d = parse_description({"title": "t", "responses": {"file": "a.csv"}, "scores": {"nps": {"column": "a"}}})
    >>> missing(d, "response_rate_bias").why
    'there is no list of those invited'
    """
    if study == "response_rate_bias":
        if d.units is not None:
            return None
        return _no_list(d) if not d.knows_invited else _not_asked(d, measure)
    if study == "predictive_validity":
        if not (d.outcomes if d.units is None else d.units.outcomes):
            return _no_outcomes(d)
        return _no_rows(d) if d.rows_stay else None
    if study in ("score_overview", "sample_size", "extreme_response_bias") and d.units is not None:
        why = {
            "score_overview": "there is one row per unit and no answers to sum up",
            "sample_size": "there is one row per unit and no answers to draw from",
            "extreme_response_bias": "there is one row per unit, and a habit shows in single answers alone",
        }
        lines = (
            "title: …",
            "responses: {file: answers.csv}  # a row per answer",
            "scores: {nps: {column: ltr}}",
        )
        return Lack("", why[study], "open a survey of answers, with responses:", lines)
    if study == "extreme_response_bias":
        return _no_style(d, measure)
    return None


def _below(section: str, there: bool, *lines: str) -> tuple[str, ...]:
    """Lines of a section of survey.yml, which may be there already."""
    return (
        f"{section}:{'  # is there already: add below it' if there else ''}",
        *(f"  {line}" for line in lines),
    )


def _with_customer(d: Description, *lines: str) -> tuple[str, ...]:
    """Files are joined by the customer's id, which the description may not name yet."""
    if d.customer is not None:
        return lines
    return ("customer: customer_id  # column of the answers that says whose answer it is", *lines)


def _key(d: Description) -> str:
    column = d.customer.column if d.customer is not None else "customer_id"
    return f"key: id  # its column with the ids that the answers have in {column}"


def _no_list(d: Description) -> Lack:
    lines = _with_customer(
        d,
        *_below(
            "frame",
            False,
            "file: invited.csv  # everyone who was asked, whether they answered or not",
            _key(d),
        ),
        *_below("groups", bool(d.groups), "segment: segment  # facts that the list has of everyone on it"),
        "# or, where the file of the answers has a row for everyone who was asked:",
        "# invited: sent_at",
    )
    cure = "add that list with frame:, or say invited: where the file holds everyone who was asked"
    return Lack("", "there is no list of those invited", cure, lines)


def _not_asked(d: Description, measure: str | None) -> Lack | None:
    """Of reviews and comments nobody can be silent: who wrote none was not asked for one."""
    scores = d.scores if measure is None else {measure: d.scores[measure]} if measure in d.scores else {}
    if not scores or any(score.asked for score in scores.values()):
        return None
    which = "no score here" if measure is None else d.metrics()[measure].short
    why = f"{'nobody was asked for' if measure else 'customers were asked for'} {which}, so nobody stayed silent"
    lines = (
        "scores:  # is there already: add below it",
        "  nps: {column: ltr}  # a question that those invited were asked",
    )
    return Lack("", why, "add a score that customers were asked for, or take away asked: false", lines)


def _no_outcomes(d: Description) -> Lack:
    if d.units is not None:
        cure = "add what was measured of each unit, under units: outcomes:"
        lines = ("units:  # is there already: add below it", "  outcomes:", "    complaints: n_complaints")
        return Lack("", "nothing else is recorded of the units", cure, lines)
    # days are counted from the invitation or the answer: without the day of one, a plain yes or no
    dated = ", on: cancelled_on, window_days: 180" if d.invited is not None or d.responded is not None else ""
    lines = _with_customer(
        d,
        *_below("outcomes_from", False, "file: crm.csv  # what customers did after they were asked", _key(d)),
        *_below("outcomes", False, f"left: {{column: status, event: cancelled{dated}}}"),
    )
    cure = "add who left or bought again with outcomes: (from another file, with outcomes_from:)"
    return Lack("", "nothing is recorded of what customers did later", cure, lines)


def _no_rows(d: Description) -> Lack:
    table = d.responses.table if d.responses is not None else "answers"
    lines = (f"responses: {{table: {table}, url_env: …, copy_rows: true}}  # and beside every other table:",)
    why = "it looks at customers one by one, and the rows are to stay in the database"
    return Lack("", why, "say copy_rows: true, with a view of a sample where the table is large", lines)


_POINTS = (
    "scores:  # is there already: add below it",
    "  effort: {kind: ces, column: ease, scale: 1-7, high_is: easy}",
)


def _no_style(d: Description, measure: str | None) -> Lack | None:
    metrics = d.metrics()
    chosen = metrics if measure is None else {measure: metrics[measure]}
    if all(metric.scale.size < 3 for metric in chosen.values()):
        why = "answers on two points show no habit of using the ends"
        return Lack("", why, "add a score on three points or more", _POINTS)
    if not d.groups:
        lines = _below("groups", False, "country: country  # a column whose values divide the answers")
        return Lack("", "there are no groups to compare", _GROUPS, lines)
    return None


_GROUPS = "add groups:, such as country or language"


# What the data adds --------------------------------------------------------------------------------


def _answered(survey: Survey) -> list[str]:
    """Metrics that somebody answered."""
    return [name for name in survey.metrics if survey.units is not None or survey.n_answered(name)]


def _shorts(survey: Survey, names: list[str]) -> str:
    return join_words([survey.metric(name).short for name in names])


_NOBODY = Lack("", "no metric has an answer in use", "look at what was set aside in the ledger above")


def _overview(survey: Survey, study: StudyName) -> Readiness:
    names = _answered(survey)
    says = f"where {_shorts(survey, names)} {'stands' if len(names) == 1 else 'stand'}, and how sure that is"
    return Readiness(study.title, study.question, says)


def _size(survey: Survey, study: StudyName) -> Readiness:
    names, d = _answered(survey), survey.description
    lacks = []
    says = f"how far chance alone could have moved {_shorts(survey, names)}"
    if len(survey.wave_order) > 1:
        says = f"whether {_shorts(survey, names)} changed from {survey.wave_order[-2]} to {survey.wave_order[-1]}"
    else:
        why = "one wave only is known" if survey.wave_order else "the answers do not say their wave"
        lines = () if d.wave is not None else ("wave: {column: quarter, order: [2024-Q4, 2025-Q1]}",)
        lacks.append(Lack("whether the score changed", why, "add the earlier answers, and wave:", lines))
    if not survey.groups:
        lines = _below("groups", False, "segment: segment")
        lacks.append(Lack("how groups compare", "no groups are described", "add groups:", lines))
    return Readiness(study.title, study.question, says, tuple(lacks))


def _response(survey: Survey, study: StudyName) -> Readiness:
    names, d = [name for name in _answered(survey) if survey.was_asked(name)], survey.description
    if survey.units is not None:
        says = f"whether {_shorts(survey, names)} goes with the response rate, from unit to unit"
        return Readiness(study.title, study.question, says)
    assert survey.n_invited is not None  # else the description lacks a list
    if not names:
        return Readiness(study.title, study.question, "", (_NOBODY,))
    facts = [*survey.groups, *survey.behaviour]
    known = [name for name in facts if survey.group_kind(name) == "everyone"]
    silent = [name for name in names if survey.n_answered(name) < survey.n_invited]
    if not silent:
        says = "everyone invited answered, so that nobody's silence can bias the score"
        return Readiness(study.title, study.question, says)
    if not known and not survey.has_follow_up:
        why = "nothing is known of those who did not answer"
        if facts:
            why = f"{join_words(facts)} {'is' if len(facts) == 1 else 'are'} not known of those who did not answer"
        cure = "add facts of everyone invited to the list (groups:, behaviour:), such as country, segment or tenure"
        lines = (
            *_below(
                "groups",
                bool(d.groups),
                "segment: segment  # a column of the list, filled for everyone on it",
            ),
            *_below("behaviour", bool(d.behaviour), "tenure: tenure_months"),
        )
        return Readiness(study.title, study.question, "", (Lack("", why, cure, lines),))
    rate = survey.n_answered(names[0]) / survey.n_invited
    says = (
        f"how far {_shorts(survey, names)} would move if all {count(survey.n_invited)} invited had answered "
        f"({share(rate)} did), by {count(len(known))} {'fact' if len(known) == 1 else 'facts'} known of everyone"
    )
    lacks = []
    if not survey.has_follow_up:
        cure = "ask a random part of them again, and mark it with follow_up:"
        lines = ("follow_up: {column: asked_again, values: [selected]}",)
        lacks.append(Lack("what the silent would have said", "none of them was asked again", cure, lines))
    if not survey.has_coverage:
        cure = "list all customers (frame: with holds: customers)"
        lines = _below(
            "frame", d.frame is not None, "holds: customers  # invited: is blank for those nobody asked"
        )
        lacks.append(
            Lack(
                "whether the right people were invited", "customers never invited are not listed", cure, lines
            )
        )
    return Readiness(study.title, study.question, says, tuple(lacks))


def _style(survey: Survey, study: StudyName) -> Readiness:
    names = [name for name in _answered(survey) if survey.metric(name).scale.size >= 3]
    if not names:
        why = "answers on two points show no habit of using the ends"
        lack = Lack("", why, "add a score on three points or more", _POINTS)
        return Readiness(study.title, study.question, "", (lack,))
    groups = [name for name in survey.groups if survey.cells([name])[name].dropna().nunique() >= 2]
    if not groups:
        return Readiness(
            study.title, study.question, "", (Lack("", "there are no groups to compare", _GROUPS),)
        )
    labels = join_words([survey.group_labels[name] for name in groups])
    verb = "differs" if len(names) == 1 else "differ"
    says = f"whether {_shorts(survey, names)} {verb} by more than the way the scale is used, between groups of: {labels}"
    lacks = []
    if not survey.vignettes:
        cure = "have an imagined case or two rated by everybody, and add vignettes:"
        lines = ("vignettes: [{column: case_1, scale: 1-5}, {column: case_2, scale: 1-5}]",)
        lacks.append(
            Lack(
                "leniency apart from satisfaction", "no case was rated that is the same for all", cure, lines
            )
        )
    if len(survey.items) < 3:
        cure = "add a battery of statements with items:"
        lines = (
            "items: [{column: q1, scale: 1-5}, {column: q2, scale: 1-5, keyed: reversed}, {column: q3, scale: 1-5}]",
        )
        why = "fewer than three further statements are there"
        lacks.append(Lack("each customer's own style", why, cure, lines))
    return Readiness(study.title, study.question, says, tuple(lacks))


def _prediction(survey: Survey, study: StudyName) -> Readiness:
    from cxstats.methods.incremental import FEWEST_EVENTS

    names = _answered(survey)
    if survey.units is not None:
        says = f"whether {_shorts(survey, names)} goes with {join_words(list(survey.outcomes))}, from unit to unit"
        return Readiness(study.title, study.question, says)
    enough, lacks = [], []
    for name in survey.outcomes:
        cells = survey.cells([name, "responded"])
        cells = cells[cells["responded"].fillna(False) & cells[name].notna()]
        hit = int(cells["n"][cells[name].astype(bool)].sum()) if len(cells) else 0
        rest = int(cells["n"].sum()) - hit
        if min(hit, rest) >= FEWEST_EVENTS:
            enough.append(name)
            continue
        why = (
            f"of those who answered, {name} is known to have happened to {count(hit)} and not to {count(rest)}, "
            f"and {FEWEST_EVENTS} of each are needed"
        )
        lacks.append(Lack(f"anything about {name}", why, "wait for more, or join more answers"))
    if not enough:
        return Readiness(study.title, study.question, "", tuple(lacks))
    if not (survey.groups or survey.behaviour):
        cure = "add facts of every customer (groups:, behaviour:)"
        lines = (
            *_below("groups", False, "segment: segment"),
            *_below("behaviour", False, "tenure: tenure_months"),
        )
        lacks.append(
            Lack("whether asking adds to what is known anyway", "nothing else is known", cure, lines)
        )
    labels = join_words([f"“{survey.group_labels[name]}”" for name in enough])
    says = f"how much {_shorts(survey, names)} {'tells' if len(names) == 1 else 'tell'} beforehand about {labels}"
    return Readiness(study.title, study.question, says, tuple(lacks))

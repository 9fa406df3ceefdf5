"""What each study will be able to say about a survey, and what is missing: told before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.words import count, join_words

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["Lack", "Readiness", "readiness", "told"]


@dataclass(frozen=True, slots=True)
class Lack:
    """Something a study cannot say with this data.

    Attributes
    ----------
    what : what it cannot say; "" where it is the study's whole question.
    why : because of what.
    cure : what to add to the data and to survey.yml.
    """

    what: str
    why: str
    cure: str


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
    """What each of the four studies will be able to say about this survey."""
    studies: tuple[Callable[[Survey], Readiness], ...] = (_size, _response, _style, _prediction)
    return tuple(study(survey) for study in studies)


def _answered(survey: Survey) -> list[str]:
    """Metrics that somebody answered."""
    return [name for name in survey.metrics if survey.units is not None or survey.n_answered(name)]


def _shorts(survey: Survey, names: list[str]) -> str:
    return join_words([survey.metric(name).short for name in names])


_NOBODY = Lack("", "no metric has an answer in use", "look at what was set aside in the ledger above")


def _size(survey: Survey) -> Readiness:
    study, question = "Sample size", "Is the survey big enough for the decision it is used for?"
    names = _answered(survey)
    if survey.units is not None:
        why = "there is one row per unit and no answers to draw from"
        return Readiness(study, question, "", (Lack("", why, "open a survey of answers, with responses:"),))
    if not names:
        return Readiness(study, question, "", (_NOBODY,))
    lacks = []
    says = f"how far chance alone could have moved {_shorts(survey, names)}"
    if len(survey.wave_order) > 1:
        says = f"whether {_shorts(survey, names)} changed from {survey.wave_order[-2]} to {survey.wave_order[-1]}"
    else:
        why = "one wave only is known" if survey.wave_order else "the answers do not say their wave"
        lacks.append(Lack("whether the score changed", why, "add the earlier answers, and wave:"))
    if not survey.groups:
        lacks.append(Lack("how groups compare", "no groups are described", "add groups:"))
    return Readiness(study, question, says, tuple(lacks))


def _response(survey: Survey) -> Readiness:
    study, question = "Response-rate bias", "How much of the score is who happened to answer?"
    names = _answered(survey)
    if survey.units is not None:
        says = f"whether {_shorts(survey, names)} goes with the response rate, from unit to unit"
        return Readiness(study, question, says)
    if not names:
        return Readiness(study, question, "", (_NOBODY,))
    if survey.n_invited is None:
        why = "there is no list of those invited"
        cure = "add one with frame:, or say invited: where the file holds everyone who was asked"
        return Readiness(study, question, "", (Lack("", why, cure),))
    facts = [*survey.groups, *survey.behaviour]
    known = [name for name in facts if survey.group_kind(name) == "everyone"]
    silent = [name for name in names if survey.n_answered(name) < survey.n_invited]
    if not silent:
        return Readiness(
            study, question, "everyone invited answered, so that nobody's silence can bias the score"
        )
    if not known and not survey.has_follow_up:
        why = "nothing is known of those who did not answer"
        if facts:
            why = f"{join_words(facts)} {'is' if len(facts) == 1 else 'are'} not known of those who did not answer"
        cure = "add facts of everyone invited to the list (groups:, behaviour:), such as country, segment or tenure"
        return Readiness(study, question, "", (Lack("", why, cure),))
    rate = survey.n_answered(names[0]) / survey.n_invited
    says = (
        f"how far {_shorts(survey, names)} would move if all {count(survey.n_invited)} invited had answered "
        f"({rate:.0%} did), by {count(len(known))} facts known of everyone"
    )
    lacks = []
    if not survey.has_follow_up:
        cure = "ask a random part of them again, and mark it with follow_up:"
        lacks.append(Lack("what the silent would have said", "none of them was asked again", cure))
    if not survey.has_coverage:
        cure = "list all customers (frame: with holds: customers)"
        lacks.append(
            Lack("whether the right people were invited", "customers never invited are not listed", cure)
        )
    return Readiness(study, question, says, tuple(lacks))


def _style(survey: Survey) -> Readiness:
    study, question = "Response style", "Are differences between groups real, or a habit of using the scale?"
    if survey.units is not None:
        why = "there is one row per unit, and a habit shows in single answers alone"
        return Readiness(study, question, "", (Lack("", why, "open a survey of answers, with responses:"),))
    names = [name for name in _answered(survey) if survey.metric(name).scale.size >= 3]
    if not names:
        why = "answers on two points show no habit of using the ends" if _answered(survey) else _NOBODY.why
        return Readiness(study, question, "", (Lack("", why, "add a score on three points or more"),))
    groups = [name for name in survey.groups if survey.cells([name])[name].dropna().nunique() >= 2]
    if not groups:
        why = "there are no groups to compare"
        return Readiness(study, question, "", (Lack("", why, "add groups:, such as country or language"),))
    labels = join_words([survey.group_labels[name] for name in groups])
    says = f"whether {_shorts(survey, names)} differ by more than the way the scale is used, between groups of: {labels}"
    lacks = []
    if not survey.vignettes:
        cure = "have an imagined case or two rated by everybody, and add vignettes:"
        lacks.append(
            Lack("leniency apart from satisfaction", "no case was rated that is the same for all", cure)
        )
    if len(survey.items) < 3:
        cure = "add a battery of statements with items:"
        lacks.append(Lack("each customer's own style", "fewer than three further statements are there", cure))
    return Readiness(study, question, says, tuple(lacks))


def _prediction(survey: Survey) -> Readiness:
    from cxstats.methods.incremental import FEWEST_EVENTS

    study, question = "Predictive validity", "Does the score say what customers do next?"
    if not survey.outcomes:
        why = "it holds nothing that customers did later"
        cure = "add who left or bought again with outcomes: (from another file, with outcomes_from:)"
        return Readiness(study, question, "", (Lack("", why, cure),))
    names = _answered(survey)
    if survey.units is not None:
        says = f"whether {_shorts(survey, names)} goes with {join_words(list(survey.outcomes))}, from unit to unit"
        return Readiness(study, question, says)
    if not names:
        return Readiness(study, question, "", (_NOBODY,))
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
        return Readiness(study, question, "", tuple(lacks))
    if not (survey.groups or survey.behaviour):
        cure = "add facts of every customer (groups:, behaviour:)"
        lacks.append(Lack("whether asking adds to what is known anyway", "nothing else is known", cure))
    labels = join_words([f"“{survey.group_labels[name]}”" for name in enough])
    says = f"how much {_shorts(survey, names)} tell beforehand about {labels}"
    return Readiness(study, question, says, tuple(lacks))

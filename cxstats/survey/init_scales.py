"""Scales whose answers are words or faces: which is worst, which best, and which count as satisfied.

"Very dissatisfied" to "Very satisfied" say their order themselves, in any order of rows; numbers do not, and are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["WordScale", "word_scale"]

_CSAT_POINTS = (2, 3, 5, 7, 10)  # what kind: csat takes; see metrics.csat
_LEAST = 3  # kinds of answers that have to be seen, as fewer words say too little about their scale

# One ladder a line, from worst to best; "|" parts spellings of one rung. Shorter ladders come first: the shortest one
# that holds all answers counts, so that four answers without a middle are not taken for five.
_LADDERS: dict[str, tuple[str, ...]] = {
    "csat": (
        "unhappy|sad|dissatisfied|bad; neutral|ok|okay|neither; happy|satisfied|good",
        "very unhappy|very sad; unhappy|sad; happy; very happy",
        "very dissatisfied|extremely dissatisfied; dissatisfied|somewhat dissatisfied|rather dissatisfied; "
        "satisfied|somewhat satisfied|rather satisfied; very satisfied|extremely satisfied",
        "sehr unzufrieden; unzufrieden|eher unzufrieden; zufrieden|eher zufrieden; sehr zufrieden",
        "very unhappy|very sad; unhappy|sad; neutral|ok|okay|neither happy nor unhappy; happy; very happy",
        "very dissatisfied|extremely dissatisfied; dissatisfied|somewhat dissatisfied|rather dissatisfied; "
        "neither satisfied nor dissatisfied|neutral|neither; satisfied|somewhat satisfied|rather satisfied; "
        "very satisfied|extremely satisfied",
        "very poor|terrible; poor; fair|average|okay|ok|acceptable; good; excellent|very good",
        "sehr unzufrieden; unzufrieden|eher unzufrieden; weder noch|neutral|teils/teils|teils, teils|"
        "weder zufrieden noch unzufrieden; zufrieden|eher zufrieden; sehr zufrieden",
        "très insatisfait|très insatisfait(e)|pas du tout satisfait; insatisfait|insatisfait(e)|plutôt insatisfait|"
        "plutôt pas satisfait|peu satisfait; neutre|ni satisfait ni insatisfait; "
        "satisfait|satisfait(e)|plutôt satisfait|assez satisfait; très satisfait|très satisfait(e)|tout à fait satisfait",
        "muy insatisfecho|muy insatisfecho/a; insatisfecho|insatisfecho/a|algo insatisfecho; "
        "neutral|ni satisfecho ni insatisfecho; satisfecho|satisfecho/a|algo satisfecho; muy satisfecho|muy satisfecho/a",
        "molto insoddisfatto|molto insoddisfatto/a; insoddisfatto|insoddisfatto/a|abbastanza insoddisfatto; "
        "neutrale|né soddisfatto né insoddisfatto; soddisfatto|soddisfatto/a|abbastanza soddisfatto; "
        "molto soddisfatto|molto soddisfatto/a",
        "zeer ontevreden|heel ontevreden; ontevreden|enigszins ontevreden; "
        "neutraal|niet tevreden en niet ontevreden|niet tevreden, niet ontevreden; tevreden|enigszins tevreden; "
        "zeer tevreden|heel tevreden",
        "extremely dissatisfied|very dissatisfied|completely dissatisfied; moderately dissatisfied|dissatisfied; "
        "slightly dissatisfied|somewhat dissatisfied; neither satisfied nor dissatisfied|neutral; "
        "slightly satisfied|somewhat satisfied; moderately satisfied|satisfied; "
        "extremely satisfied|very satisfied|completely satisfied",
    ),
    "ease": (
        "very difficult|extremely difficult; difficult|somewhat difficult; easy|somewhat easy; very easy|extremely easy",
        "very difficult|extremely difficult; difficult|somewhat difficult; neither easy nor difficult|neutral|neither; "
        "easy|somewhat easy; very easy|extremely easy",
        "sehr schwierig|sehr schwer; schwierig|schwer|eher schwierig|eher schwer; weder noch|neutral|teils/teils; "
        "einfach|leicht|eher einfach|eher leicht; sehr einfach|sehr leicht",
        "extremely difficult|very difficult; moderately difficult|difficult; slightly difficult|somewhat difficult; "
        "neither easy nor difficult|neutral; slightly easy|somewhat easy; moderately easy|easy; "
        "extremely easy|very easy",
    ),
    "agree": (
        "strongly disagree|completely disagree; disagree|somewhat disagree; neither agree nor disagree|neutral|"
        "undecided; agree|somewhat agree; strongly agree|completely agree",
        "stimme überhaupt nicht zu|stimme gar nicht zu; stimme nicht zu|stimme eher nicht zu; weder noch|teils/teils|"
        "neutral|unentschieden; stimme zu|stimme eher zu; stimme voll zu|stimme voll und ganz zu|stimme vollkommen zu",
        "pas du tout d’accord|pas du tout d'accord; pas d’accord|pas d'accord|plutôt pas d’accord|plutôt pas d'accord; "
        "neutre|ni d’accord ni pas d’accord|ni d'accord ni pas d'accord; d’accord|d'accord|plutôt d’accord|"
        "plutôt d'accord; tout à fait d’accord|tout à fait d'accord",
        "strongly disagree|completely disagree; disagree|moderately disagree; somewhat disagree|slightly disagree; "
        "neither agree nor disagree|neutral|undecided; somewhat agree|slightly agree; agree|moderately agree; "
        "strongly agree|completely agree",
    ),
}

# from worst to best; the empty place parts those that do not look satisfied from those that do
_FACES = ("😭🤬😡😠😖😫😩😢😥😞☹😟🙁😕😒😐😑😶", "🙂☺😊😌😀😃😄😁😆😍🤩🥰")


@dataclass(frozen=True, slots=True)
class WordScale:
    """A scale made out from its answers.

    Attributes
    ----------
    kind : "csat" for satisfaction and faces, "ease" where the words say easy or difficult, "agree" for a statement.
    answers : from worst to best, spelled as the file spells them; those nobody gave as they are usually spelled.
    top : places (from 1) of the answers that are satisfied ones; () where that is no question.
    unseen : how many of ``answers`` nobody gave.
    """

    kind: str
    answers: tuple[str, ...]
    top: tuple[int, ...]
    unseen: int

    @property
    def is_csat(self) -> bool:
        """Whether ``kind: csat`` takes a scale of this many points; a top-box share takes any."""
        return len(self.answers) in _CSAT_POINTS


def word_scale(values: Iterable[str]) -> WordScale | None:
    """The scale that these answers are from, or None where they are no known words or faces of one.

    >>> word_scale(["Satisfied", "Very satisfied", "Dissatisfied"]).answers
    ('Very dissatisfied', 'Dissatisfied', 'Satisfied', 'Very satisfied')
    >>> word_scale(["🙂", "😡", "😀", "🙁"]).top
    (3, 4)
    >>> word_scale(["Germany", "France", "Spain"]) is None
    True
    """
    spelled = {_plain(value): value for value in values}
    faces = _faces(spelled)
    if faces is not None:
        return faces
    if len(spelled) < _LEAST:
        return None
    fits = [
        fit
        for kind, ladders in _LADDERS.items()
        for ladder in ladders
        if (fit := _fit(kind, ladder, spelled))
    ]
    # a tie goes to the first named: "Neutral" and its like stand on several ladders
    return min(fits, key=lambda fit: len(fit.answers), default=None)


def _plain(value: str) -> str:
    return " ".join(value.replace("\ufe0f", "").split()).casefold()


def _fit(kind: str, ladder: str, spelled: dict[str, str]) -> WordScale | None:
    rungs = [[form.strip() for form in rung.split("|")] for rung in ladder.split(";")]
    answers, seen = [], 0
    for rung in rungs:
        given = [spelled[_plain(form)] for form in rung if _plain(form) in spelled]
        if len(given) > 1:
            return None
        seen += len(given)
        answers.append(given[0] if given else rung[0][:1].upper() + rung[0][1:])
    if seen < len(spelled):
        return None
    size = len(rungs)
    top = () if kind != "csat" else (size,) if size <= 3 else (size - 1, size)
    return WordScale(kind, tuple(answers), top, size - seen)


def _faces(spelled: dict[str, str]) -> WordScale | None:
    order = "".join(_FACES)
    if not 2 <= len(spelled) <= 10 or not all(len(face) == 1 and face in order for face in spelled):
        return None
    ranked = sorted(spelled, key=order.index)
    top = tuple(i for i, face in enumerate(ranked, start=1) if face in _FACES[1])
    # faces all sad or all glad say nothing about how far their scale runs
    return (
        WordScale("csat", tuple(spelled[face] for face in ranked), top, 0)
        if 0 < len(top) < len(ranked)
        else None
    )

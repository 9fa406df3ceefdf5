"""``cxstats init FILE…``: look at files, and propose a survey.yml in which every guess is marked.

What cannot be seen in data is never guessed: whether much effort is a high or a low answer, how far the scale of a
satisfaction question runs, which clock a time was written by, whether a list holds those who were asked or all customers.
It is asked for; what stays open is written as "FILL IN", which ``cxstats check`` refuses until it is filled.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from .description import OPEN
from .errors import Problem, SurveyError, quoted
from .init_columns import SEEN, Look, LookedAt, look_at
from .init_scales import WordScale, word_scale
from .init_words import (
    BEHAVIOUR,
    CES,
    COMMENT,
    CSAT,
    CUSTOMER,
    EVENT,
    INVITED,
    NOT_GROUPS,
    NPS,
    RESPONDED,
    VALUE,
    WAVE,
    YES,
)
from .presets import recognise

__all__ = ["OPEN", "Question", "Written", "complaint", "init", "propose"]

_MOST_GROUPS = 12
_HEADER = 10  # rows of names and headings, at most, among those that are looked at
_ORDER = ("nps", "csat", "ces")

Ask = Callable[["Question"], str | None]


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only the user knows.

    Attributes
    ----------
    where : the entry it fills: "scores.csat.scale".
    text : the question.
    known : answers that are possible; () where any text is.
    """

    where: str
    text: str
    known: tuple[str, ...] = ()


def complaint(question: Question, answer: str) -> str:
    """Why an answer cannot stand, in words; "" if it can.

    >>> complaint(Question("scores.csat.scale", "The scale?"), "five")
    'A scale is two whole numbers, such as 1-5.'
    """
    last = question.where.rpartition(".")[2]
    if question.known and answer not in question.known:
        return f"Not one of {', '.join(question.known[:12])}."
    if last == "scale" and not re.fullmatch(r"-?\d{1,4}\s*(-|–|to)\s*-?\d{1,4}", answer):
        return "A scale is two whole numbers, such as 1-5."
    if last == "time_zone":
        try:
            ZoneInfo(answer)
        except (KeyError, ValueError, OSError):
            return f"There is no time zone {quoted(answer)}; its name is like Europe/Berlin, America/New_York or UTC."
    return ""


@dataclass(frozen=True, slots=True)
class Written:
    """A survey.yml that was written: where, and the questions it leaves open."""

    path: Path
    open: tuple[Question, ...]


def init(
    files: Sequence[str | Path], out: str | Path, *, ask: Ask | None = None, sheet: str | None = None
) -> Written:
    """Write a proposed survey.yml for these files; an existing file is never written over.

    Parameters
    ----------
    files : one or more: answers, and perhaps a customer list and what customers did later.
    out : the survey.yml to write.
    ask : answers a :class:`Question`, or returns None to leave it open; without it everything stays open.
    sheet : the workbooks' sheet, where several look like data.

    Raises
    ------
    SurveyError : ``out`` is there already, or a file cannot be read.
    """
    target = Path(out)
    there = Problem(
        "is there already, and is not written over", str(target), fix="name another file with --out"
    )
    if target.exists():
        raise SurveyError(there)
    text, left = propose(files, target.absolute().parent, ask=ask, sheet=sheet)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SurveyError(there) from None
    except OSError as error:
        raise SurveyError(Problem(f"cannot be written: {error.strerror}", str(target))) from None
    return Written(target, left)


def propose(
    files: Sequence[str | Path], folder: Path, *, ask: Ask | None = None, sheet: str | None = None
) -> tuple[str, tuple[Question, ...]]:
    """The text of a survey.yml in ``folder`` for these files, and the questions it leaves open."""
    problems: list[Problem] = []
    seen: list[LookedAt] = []
    for file in files:
        try:
            seen.append(look_at(Path(file), sheet))
        except SurveyError as error:
            problems += error.problems
    if problems:
        raise SurveyError(problems)
    return _Draft(_by_role(seen), folder, ask).write()


def _by_role(seen: Sequence[LookedAt]) -> dict[str, LookedAt]:
    """Which file holds the answers, which everyone invited, which what happened later."""

    def answers(file: LookedAt) -> tuple[int, int]:
        return len(_scores(file)), file.preset.name != "generic"

    left = list(seen)
    roles = {"responses": max(left, key=answers)}
    left.remove(roles["responses"])
    if len(left) == 1 and _lists_customers(left[0], roles["responses"]):
        roles["frame"] = left.pop()
    if left:
        later = max(left, key=lambda file: sum(_word(look, EVENT) is not None for look in file.columns))
        if any(_word(look, EVENT) for look in later.columns):
            roles["outcomes_from"] = later
            left.remove(later)
    if left:
        roles["frame"] = left.pop(0)
    if left:
        names = ", ".join(file.path.name for file in left)
        raise SurveyError(
            Problem(
                f"{names}: init makes out answers, a customer list and one file of outcomes, not more",
                fix="join further files to one of these before",
            )
        )
    return {role: roles[role] for role in ("responses", "frame", "outcomes_from") if role in roles}


def _lists_customers(file: LookedAt, answers: LookedAt) -> bool:
    """Whether a file with outcomes is the customer list itself: it knows facts, also of people who gave no answer.

    Sales systems keep who left in the same table as country, segment and revenue. Taken for a table of outcomes alone,
    it would leave out everyone silent, and with them the response rate.
    """
    shared = {value.strip().casefold() for look in answers.columns if look.is_key for value in look.values}
    keys = [
        {value.strip().casefold() for value in look.values}
        for look in file.columns
        if look.is_key and not look.dates
    ]
    key = max(keys, key=lambda ids: len(ids & shared), default=set())
    facts = [
        look
        for look in file.columns
        if not look.dates and not look.is_key and not _word(look, EVENT) and len(look.tally) >= 2
    ]
    return bool(facts) and bool(key & shared) and len(key - shared) > 0.1 * len(key)


def _word(look: Look, words: Sequence[str]) -> str | None:
    """The first of ``words`` that a column's name or question holds, as a word's beginning."""
    return next((word for word in words if re.search(rf"(?<![a-z]){re.escape(word)}", look.said)), None)


def _dated(looks: Sequence[Look], words: Sequence[str]) -> Look | None:
    """The column of dates with the first of these words in its name."""
    ranked = [
        (words.index(word), look) for look in looks if look.dates and (word := _word(look, words)) is not None
    ]
    return min(ranked, key=lambda r: r[0])[1] if ranked else None


def _own_group(look: Look) -> bool:
    return look.said.endswith((" group", "nps group")) or look.name.upper().endswith("_NPS_GROUP")


def _scores(file: LookedAt) -> dict[str, tuple[Look, str]]:
    """Key -> column and the reason for it: at most one NPS, the others numbered."""
    open_to = [look for look in file.columns if not (look.secret or look.dates or _own_group(look))]
    found: dict[str, tuple[Look, str]] = {}
    taken: set[str] = set()

    def add(kind: str, look: Look, reason: str) -> None:
        number = sum(key.split("_")[0] == kind for key in found) + 1
        found[kind if number == 1 else f"{kind}_{number}"] = (look, reason)
        taken.add(look.name)

    typed = _typed(file)
    if typed is not None:
        rating, kinds = typed[1], typed[2]
        for name, kind in kinds.items():
            told = f'{file.preset.title} says so in "{typed[0].name}"'
            # with several kinds in one file, an answer's kind stands in place of its column
            add(kind, rating if len(kinds) == 1 else Look(name, rating.text, rating.values, rating.n), told)
        return found
    stars = [fill for fill in file.preset.scores if fill.columns]
    for fill in stars:
        for look in open_to:
            if look.name.casefold() in fill.columns:
                add(fill.kind, look, f"{file.preset.title}: {fill.why}")
    for kind, words, low, high in (("nps", NPS, 0, 10), ("ces", CES, 0, 10), ("csat", CSAT, 0, 10)):
        for look in open_to:
            word = _word(look, words)
            few = len(look.numbers) <= 15
            if look.name not in taken and word is not None and few and look.scores(low, high):
                if kind == "nps" and max(look.numbers, default=0) < 8:
                    continue
                add(kind, look, f'"{word}" in its name or question, and answers from {_range(look)}')
    for look in open_to:
        scale = word_scale(look.tally) if look.name not in taken else None
        if scale is None:
            continue
        word = _word(look, CES) or _word(look, CSAT)
        if scale.kind == "csat":
            add("csat", look, "its answers say how satisfied somebody is")
        elif scale.kind == "ease":
            add("ces", look, "its answers say how easy it was")
        elif word is not None:
            kind = "ces" if word in CES else "csat"
            add(kind, look, f'"{word}" in its name or question, and answers that agree or disagree')
    if "nps" not in found:
        wide = [
            look
            for look in open_to
            if look.name not in taken and look.scores(0, 10) and {0, 9, 10} <= set(look.numbers)
        ]
        if len(wide) == 1 and len(wide[0].numbers) >= 8:
            add("nps", wide[0], "answers from 0 to 10, as only this question has")
    return found


_KINDS = {
    "nps": "nps",
    "customer loyalty": "nps",
    "loyalty": "nps",
    "csat": "csat",
    "customer satisfaction": "csat",
    "satisfaction": "csat",
    "ces": "ces",
    "customer support": "ces",
    "support": "ces",
    "customer effort": "ces",
}


def _typed(file: LookedAt) -> tuple[Look, Look, dict[str, str]] | None:
    """Where a column names each answer's kind: that column, the answers' column, and kind by name."""
    columns = {look.name.casefold(): look for look in file.columns}
    if file.preset.name != "hubspot" or not {"survey type", "rating"} <= columns.keys():
        return None
    names = list(columns["survey type"].tally)
    kinds = {
        name: kind
        for name in names
        if (kind := next((k for words, k in _KINDS.items() if words in name.casefold()), None))
    }
    return (columns["survey type"], columns["rating"], kinds) if kinds else None


def _range(look: Look) -> str:
    inside = [number for number, n in look.numbers.items() if 0 <= number <= 10 and n]
    return f"{min(inside)} to {max(inside)}" if inside else "no numbers"


def _usual(look: Look) -> str:
    """The shortest usual scale that holds the answers: an example, not a guess."""
    inside = [number for number, n in look.numbers.items() if 0 <= number <= 10 and n]
    top = max(inside, default=5)
    low = 0 if 0 in inside else 1
    return f"{low}-{next((usual for usual in (5, 7, 10) if top <= usual), 10)}"


def _quoted(text: str) -> str:
    """A text as YAML holds it."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ ()./-]*[A-Za-z0-9_)]|[A-Za-z]", text)
    return text if plain and text.casefold() not in ("null", "~") else json.dumps(text, ensure_ascii=False)


def _line(text: str) -> str:
    """A text on one line of a comment."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "æ": "ae", "å": "aa", "ł": "l"}
)


def _ascii(name: str) -> str:
    """A name in the letters a to z as far as it can be written with them.

    >>> _ascii("Größe der Filiale"), _ascii("Société")
    ('groesse der filiale', 'societe')
    """
    spelled = name.lower().translate(_SPELLED)
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))


def _spelled(look: Look) -> bool:
    """Whether a column's key can spell its name."""
    return _ascii(look.name) == look.name.lower()


def _key(name: str, taken: set[str]) -> str:
    key = re.sub(r"[^a-z0-9]+", "_", _ascii(name)).strip("_")[:40].rstrip("_") or "column"
    key = key if key[0].isalpha() else f"q_{key}"
    number, new = 1, key
    while new in taken:
        number, new = number + 1, f"{key}_{number + 1}"
    taken.add(new)
    return new


@dataclass
class _Draft:
    """A survey.yml that is being written."""

    files: dict[str, LookedAt]
    folder: Path
    ask: Ask | None
    lines: list[str] = field(default_factory=list)
    asked_when: bool = False  # whether a day of invitation was made out
    left: list[Question] = field(default_factory=list)
    used: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: set[str] = field(
        default_factory=lambda: {
            *("n", "w", "w2", "part", "responded", "customer", "value", "weight", "invited", "wave"),
            *("follow_up", "recovery", "days_to_answer", "invited_weekday", "invited_hour", "observed_days"),
        }
    )

    def write(self) -> tuple[str, tuple[Question, ...]]:
        """The text, and what it leaves open."""
        names = ", ".join(file.path.name for file in self.files.values())
        self.lines += [
            f"# Proposed by cxstats init from {_line(names)}.",
            '# Every line with "guess:" is a guess with its reason: correct it, or delete it.',
            '# A line with "FILL IN" is open: only you know what belongs there; cxstats check refuses it until then.',
            "# Every key is explained in docs/own_data.md.",
            "",
        ]
        self.title()
        times = self.times()
        self.asked_when = "invited" in times
        self.lines += ["# population: whom it is about, such as Retail customers", self.period(times)]
        keys = self.keys()
        for role, file in self.files.items():
            self.source(role, file, [look for r, look in times.values() if r == role], keys.get(role))
            if role == "frame":
                self.listed(file, times.get("invited"))
        if "customer" in keys:
            column, reason = keys["customer"]
            look = next(look for look in self.files["responses"].columns if look.name == column)
            if sum("@" in value for value in look.values) > 0.5 * len(look.values):
                told = f"{reason}; e-mail addresses are the same whatever their capital letters"
                self.say("customer", f"{{column: {_quoted(column)}, ignore_case: true}}", told)
            else:
                self.say("customer", _quoted(column), reason)
        else:
            self.lines.append(
                "# customer: no column tells customers apart; without one, no files can be joined"
            )
        for role, (_, look) in times.items():
            sounds = _word(look, INVITED if role == "invited" else RESPONDED)
            told = f'and "{look.name}" sounds like it' if sounds else "and no other column's are"
            self.say(role, _quoted(look.name), f"its values are dates, {told}")
        self.scores()
        self.items()
        self.facts()
        self.asides()
        self.listing()
        return "\n".join(self.lines) + "\n", tuple(self.left)

    # ------------------------------------------------------------------ lines

    def say(self, key: str, value: str, reason: str, indent: int = 0) -> None:
        """A guess."""
        self.lines.append(f"{'  ' * indent}{key}: {value}  # guess: {_line(reason)}")

    def question(self, key: str, question: Question, indent: int) -> None:
        """A line that only the user can fill."""
        answer = self.ask(question) if self.ask is not None else None
        if answer:
            self.lines.append(f"{'  ' * indent}{key}: {_quoted(answer)}  # your answer")
            return
        self.left.append(question)
        self.lines.append(f'{"  " * indent}{key}: "{OPEN}"  # open: {_line(question.text)}')

    def mark(self, role: str, look: Look, what: str) -> None:
        self.used[role, look.name] = what

    # ------------------------------------------------------------------ parts

    def title(self) -> None:
        """What readers call the survey: the heading above the answers, else the name of their file."""
        answers = self.files["responses"]
        if answers.heading and len(answers.heading) <= 100:
            self.say("title", _quoted(_line(answers.heading)), "it stands above the names of the columns")
            return
        # Qualtrics ends a file's name with the minute of its export
        stem = re.sub(r"_[^\W\d_]+ \d{1,2}, \d{4}_\d{2}[.:]\d{2}$", "", answers.path.stem)
        stem = re.sub(r"[_-]+", " ", stem).strip() or "Survey"
        self.say("title", _quoted(stem[:1].upper() + stem[1:]), "the name of the file")

    def times(self) -> dict[str, tuple[str, Look]]:
        """Role -> file and column of the day of invitation and of answer."""
        found: dict[str, tuple[str, Look]] = {}
        answers = [look for look in self.files["responses"].columns if _word(look, INVITED) is None]
        if responded := _dated(answers, RESPONDED):
            found["responded"] = ("responses", responded)
        elif len(dated := [look for look in answers if look.dates]) == 1:
            responded = dated[0]
            found["responded"] = ("responses", responded)
        # among answers alone, the day of an invitation is no list of those who were asked
        source = "frame" if "frame" in self.files else "responses"
        open_to = [look for look in self.files[source].columns if look is not responded]
        if (invited := _dated(open_to, INVITED)) and (source == "frame" or self.has_silent(responded)):
            found["invited"] = (source, invited)
        for role, (file, look) in found.items():
            self.mark(file, look, role)
        return {role: found[role] for role in ("invited", "responded") if role in found}

    @staticmethod
    def period(times: dict[str, tuple[str, Look]]) -> str:
        """A line for the period, with the first and last day seen; which days were meant is the user's to say."""
        first, last, told = "2025-01-01", "2025-03-31", ""
        look = times["responded"][1] if "responded" in times else None
        if look is not None and len(look.dates) == 1:
            form = look.dates[0]
            days = [
                value[:10] if form == "iso" else f"{dt.datetime.strptime(value, form):%Y-%m-%d}"  # noqa: DTZ007 (a day)
                for value in look.tally
            ]
            first, last, told = min(days), max(days), "; these are the first and last day seen"
        return f"# period: {{from: {first}, to: {last}}}  (titles say it; rows of other days are then set aside{told})"

    def has_silent(self, responded: Look | None) -> bool:
        """Whether the file of the answers has rows of people who gave none."""
        told = (
            [look for look, _ in _scores(self.files["responses"]).values()]
            if responded is None
            else [responded]
        )
        return bool(told) and all(len(look.values) < look.n for look in told)

    def keys(self) -> dict[str, tuple[str, str]]:
        """ "customer" -> its column in the answers and why; role -> the same column's name in that file."""
        answers = self.files["responses"]
        others = [role for role in self.files if role != "responses"]
        candidates = [look for look in answers.columns if look.is_key and not look.dates]
        found: dict[str, tuple[str, str]] = {}
        if others:
            best: tuple[int, Look | None] = (0, None)
            for look in candidates:
                mine = {value.strip().casefold() for value in look.values}
                shared = 0
                for role in others:
                    theirs = [
                        (len(mine & {v.strip().casefold() for v in other.values}), other)
                        for other in self.files[role].columns
                    ]
                    shared += max((n for n, _ in theirs), default=0)
                if shared > best[0]:
                    best = (shared, look)
            look = best[1]
            if look is None:
                return found
            found["customer"] = (look.name, "its values stand in the other files, too")
            mine = {value.strip().casefold() for value in look.values}
            for role in others:
                other = max(
                    self.files[role].columns,
                    key=lambda o: len(mine & {v.strip().casefold() for v in o.values}),
                )
                n = len(mine & {v.strip().casefold() for v in other.values})
                # of a long list only the first rows were looked at: a share of it would read as a poor match
                part = (
                    " among its first rows, which are all that was looked at"
                    if other.n >= SEEN - _HEADER
                    else ""
                )
                found[role] = (other.name, f"{n:,} of {len(mine):,} ids of the answers stand there{part}")
                self.mark(role, other, "key")
        else:
            ranked = [(CUSTOMER.index(w), look) for look in candidates if (w := _word(look, CUSTOMER))]
            if not ranked:
                return found
            rank, look = min(ranked, key=lambda r: r[0])
            found["customer"] = (
                look.name,
                f'"{CUSTOMER[rank]}" in its name, and a value of its own in most rows',
            )
        self.mark("responses", look, "customer")
        return found

    def source(self, role: str, file: LookedAt, dated: Sequence[Look], key: tuple[str, str] | None) -> None:
        self.lines.append(f"{role}:")
        path = (
            file.path
            if not _same_drive(file.path, self.folder)
            else Path(os.path.relpath(file.path, self.folder))
        )
        self.lines.append(f"  file: {_quoted(path.as_posix())}")
        if file.kind in ("csv", "excel"):
            self.say("preset", file.preset.name, file.reason, 1)
        if file.skip:
            above = "a heading stands" if file.skip == 1 else "headings stand"
            self.say("skip_rows", str(file.skip), f"{above} above the names of the columns", 1)
        typed = _typed(file) if role == "responses" else None
        if typed is not None and len(typed[2]) > 1:
            self.say("shape", "long", f'"{typed[0].name}" names several kinds of answers', 1)
            self.say("metric", _quoted(typed[0].name), "it names each answer's kind", 1)
            self.say("score", _quoted(typed[1].name), "it holds the answers", 1)
        if key is not None and key[0] != self.customer_column:
            self.say("key", _quoted(key[0]), key[1], 1)
        forms = {form for look in dated for form in look.dates[:1]} - {"iso"}
        both = [form for look in dated for form in look.dates if len(look.dates) > 1]
        if both:
            listed = tuple(dict.fromkeys(both))
            text = f"day or month first? Both {' and '.join(listed[:2])} fit every date"
            self.question("date_format", Question(f"{role}.date_format", text, listed), 1)
        elif len(forms) == 1:
            self.say("date_format", json.dumps(next(iter(forms))), "the only form that fits every date", 1)
        elif len(forms) > 1:
            text = f"the dates have several forms ({', '.join(sorted(forms))}); a file can have one"
            self.question("date_format", Question(f"{role}.date_format", text), 1)
        if any(look.timed for look in dated) and not file.zones:
            text = "which clock were these times written by? A time zone such as Europe/Berlin or UTC"
            self.question("time_zone", Question(f"{role}.time_zone", text), 1)

    def listed(self, file: LookedAt, invited: tuple[str, Look] | None) -> None:
        """Whether a list holds everyone who was asked, or all customers: a response rate depends on it."""
        if invited is None:
            text = f"is everyone in {file.path.name} somebody who was asked (invited), or are they all customers?"
            self.question("holds", Question("frame.holds", text, ("invited", "customers")), 1)
        elif len(invited[1].values) < invited[1].n:
            told = f'"{invited[1].name}" is blank for some, who were then not asked'
            self.say("holds", "customers", told, 1)

    @property
    def customer_column(self) -> str | None:
        return next((name for (role, name), what in self.used.items() if what == "customer"), None)

    def scores(self) -> None:
        file = self.files["responses"]
        found = _scores(file)
        self.lines.append("scores:")
        if not found:
            self.lines.append("  nps:")
            text = "no column looks like a score; which column holds the answers?"
            self.question(
                "column", Question("scores.nps.column", text, tuple(c.name for c in file.columns)), 2
            )
            return
        for key, (look, reason) in sorted(
            found.items(), key=lambda entry: _ORDER.index(entry[0].split("_")[0])
        ):
            kind = key.split("_")[0]
            self.taken.add(key)
            self.mark("responses", look, f"scores.{key}")
            self.lines.append(f"  {key}:")
            self.say("column", _quoted(look.name), reason, 2)
            known = any(
                fill.kind == kind and (not fill.columns or look.name.casefold() in fill.columns)
                for fill in file.preset.scores
            )
            shown = look.text or look.name
            worded = None if known else word_scale(look.tally)
            if worded is not None:
                self.worded(look, worded, kind)
            elif kind in ("csat", "ces") and not known:
                text = f"the scale of “{shown}”, such as {_usual(look)}; the answers seen run from {_range(look)}"
                self.question("scale", Question(f"scores.{key}.scale", text), 2)
            if kind == "ces" and worded is not None and worded.kind == "ease":
                self.say("high_is", "easy", "the answers, from worst to best, end with the easiest", 2)
            elif kind == "ces":
                text = f"does a high answer to “{shown}” mean that it was easy, or much effort?"
                self.question("high_is", Question(f"scores.{key}.high_is", text, ("easy", "effort")), 2)
            if worded is None:
                self.codes(look, known, kind)
            part = _line(look.text.rpartition(" - ")[2]) if " - " in look.text else ""
            same = sum(k.split("_")[0] == kind for k in found)
            if same > 1 and part and len(part) <= 60:
                self.say(
                    "label",
                    json.dumps(part, ensure_ascii=False),
                    "what this line of the question is about",
                    2,
                )
            elif worded is not None and kind == "csat" and not worded.is_csat:
                self.say("label", "Satisfaction", "short for its question", 2)

    def worded(self, look: Look, scale: WordScale, kind: str) -> None:
        """A scale whose answers are words or faces, from worst to best."""
        listed = "[" + ", ".join(json.dumps(answer, ensure_ascii=False) for answer in scale.answers) + "]"
        told = (
            "from worst to best, as the words say"
            if any(len(a) > 1 for a in scale.answers)
            else "from worst to best, as the faces look"
        )
        if scale.unseen:
            told += f"; {len(scale.answers) - scale.unseen} of these {len(scale.answers)} were given"
        size = len(scale.answers)
        if kind == "csat" and not scale.is_csat:
            self.say("kind", "top_box", f"{size} answers, while CSAT has 2, 3, 5, 7 or 10", 2)
        self.say("answers", listed, told, 2)
        top = scale.top
        if kind == "csat" and top:
            places = ", ".join(str(place) for place in top)
            which = " and ".join(f"“{scale.answers[place - 1]}”" for place in top)
            self.say("top", f"[{places}]", f"these count as satisfied: {which}", 2)

    def codes(self, look: Look, known: bool, kind: str) -> None:
        """Values beside the numbers, proposed as codes for no answer where they are rare."""
        if known:
            return
        numbers = look.numbers
        top = 10 if kind == "nps" else max((n for n in numbers if n <= 10), default=10)
        odd = [value for value in look.tally if not re.match(r"\s*-?\d", value)]
        odd += [str(number) for number in sorted(numbers) if number > top or number < 0]
        if 0 < len(odd) <= 5:
            listed = "[" + ", ".join(json.dumps(value, ensure_ascii=False) for value in odd) + "]"
            self.say("missing", listed, "no answers of the scale, and rare", 2)

    def items(self) -> None:
        """Statements of a battery: three or more columns of one name with small numbers."""
        batteries: dict[str, list[Look]] = {}
        for look in self.files["responses"].columns:
            match = re.fullmatch(r"(.*?)(?:[ _-]*\d+| - .+)", look.name)
            few = 3 <= len(look.numbers) <= 11 and look.scores(0, 10)
            if match and few and ("responses", look.name) not in self.used and not look.secret:
                batteries.setdefault(match[1], []).append(look)
        battery = max(batteries.values(), key=len, default=[])
        if len(battery) < 3:
            return
        text = f"{len(battery)} questions of one name; say scale: and keyed: reversed where it is so"
        self.lines.append(f"items:  # guess: {text}")
        for look in battery:
            name = _key(look.name, self.taken)
            self.lines.append(f"  - {{column: {_quoted(look.name)}, name: {name}}}")
            self.mark("responses", look, "items")

    def facts(self) -> None:
        """Groups, numbers, value and outcomes."""
        groups: list[tuple[str, Look]] = []
        numbers: list[tuple[str, Look]] = []
        events: list[tuple[str, Look]] = []
        value: tuple[str, Look] | None = None
        wave: tuple[str, Look] | None = None
        named: set[str] = set()
        for role in ("frame", "responses", "outcomes_from"):
            for look in self.files[role].columns if role in self.files else ():
                skip = look.secret or look.name.casefold().replace("_", " ") in NOT_GROUPS or look.dates
                if skip or (role, look.name) in self.used or look.name in named or _own_group(look):
                    continue
                if role == "responses" and (_word(look, COMMENT) or word_scale(look.tally)):
                    continue  # what somebody wrote or rated is an answer, and no group of customers
                number = self.is_number(look)
                if _word(look, EVENT) and len(look.tally) == 2:
                    events.append((role, look))
                elif role == "outcomes_from":
                    continue
                elif wave is None and _word(look, WAVE) and look.categories:
                    wave = (role, look)
                elif value is None and number and _word(look, VALUE):
                    value = (role, look)
                elif look.categories and not number and len(look.tally) <= _MOST_GROUPS:
                    groups.append((role, look))
                elif number and not look.is_key and _word(look, BEHAVIOUR):
                    numbers.append((role, look))
                else:
                    continue
                named.add(look.name)
        if groups:
            self.lines.append("groups:")
            for role, look in groups:
                self.fact("groups", role, look, f"{len(look.tally)} values, each in several rows")
        if wave is not None:
            self.say("wave", _quoted(wave[1].name), "its name; add order: from old to new")
            self.mark(*wave, "wave")
        if numbers:
            self.lines.append("behaviour:")
            for role, look in numbers:
                self.fact("behaviour", role, look, f"numbers, and “{_word(look, BEHAVIOUR)}” in its name")
        if value is not None:
            self.say("value", _quoted(value[1].name), f"numbers, and “{_word(value[1], VALUE)}” in its name")
            self.mark(*value, "value")
        if events:
            self.lines.append("outcomes:")
            for role, look in events:
                self.event(role, look)

    def asides(self) -> None:
        """Previews and partial answers of a tool whose export came in another program's format, where no preset reads."""
        file = self.files["responses"]
        if file.kind in ("csv", "excel"):
            return
        columns = {look.name: look for look in file.columns}
        rules = []
        for aside in recognise(list(columns)).asides:
            look = columns.get(aside.column)
            told = {} if look is None else {look.labels.get(value, value): value for value in look.tally}
            seen = [text for text, value in told.items() if {text, value} & set(aside.values)]
            if look is not None and seen:
                values = ", ".join(json.dumps(text, ensure_ascii=False) for text in seen)
                rules.append(
                    f"  - {{column: {look.name}, values: [{values}], reason: {_quoted(aside.reason)}}}"
                )
                self.mark("responses", look, "set_aside")
        if rules:
            self.lines += ["set_aside:  # guess: what nobody answered, or not to the end", *rules]

    @staticmethod
    def is_number(look: Look) -> bool:
        return bool(look.values) and all(
            re.fullmatch(r"[+-]?\d+([.,]\d+)?", value.strip()) for value in look.tally
        )

    def fact(self, section: str, role: str, look: Look, reason: str) -> None:
        key = _key(look.name, self.taken)
        # a name that its key cannot spell goes with it, for readers
        column = _quoted(look.name)
        self.say(key, column if _spelled(look) else f"{{column: {column}, label: {column}}}", reason, 1)
        self.mark(role, look, f"{section}.{key}")

    def event(self, role: str, look: Look) -> None:
        key = _key(look.name, self.taken)
        self.mark(role, look, f"outcomes.{key}")
        self.lines.append(f"  {key}:")
        self.say("column", _quoted(look.name), f"two values, and “{_word(look, EVENT)}” in its name", 2)
        if not _spelled(look):
            self.lines.append(f"    label: {_quoted(look.name)}")
        told = [look.labels.get(value, value) for value in look.tally]
        yes = [value for value in told if value.strip().casefold() in YES]
        if len(yes) == 1:
            self.say("event", json.dumps(yes[0], ensure_ascii=False), "the value that sounds like yes", 2)
        else:
            known = tuple(told)
            text = f"which value says that it happened: {' or '.join(known)}?"
            self.question("event", Question(f"outcomes.{key}.event", text, known), 2)
        day = self.day_of(role, look, yes)
        if day and role == "frame" and not self.asked_when:
            # counted from the answer, it would be known of nobody who gave none
            self.lines.append(
                f"    # on: {_quoted(day.name)}  (its day; without invited: only known of those who answered)"
            )
        elif day:
            self.say("on", _quoted(day.name), "dates where it happened, and nowhere else", 2)
            self.mark(role, day, f"outcomes.{key}.on")

    def day_of(self, role: str, look: Look, yes: Sequence[str]) -> Look | None:
        """The column that dates an event: without it, what happened before the survey would count as later."""
        happened = sum(n for value, n in look.tally.items() if look.labels.get(value, value) in yes)
        fits = [
            other
            for other in self.files[role].columns
            # another form of dates would have to be that of every date of the file, and is left to the user
            if other.dates == ("iso",) and len(other.values) == happened < other.n and _word(other, EVENT)
        ]
        return fits[0] if len(fits) == 1 else None

    def listing(self) -> None:
        """Every column, with its question and a few values."""
        for role, file in self.files.items():
            self.lines += [
                "",
                f"# Columns of {_line(file.path.name)} (letters as x and digits as 9 where a value",
            ]
            self.lines += ["# could say who somebody is):"]
            for look in file.columns:
                what = self.used.get((role, look.name), "")
                text = f" “{_line(look.text)}”" if look.text else ""
                values = ", ".join(_line(v) for v in look.examples()) or "(blank)"
                arrow = f"  -> {what}" if what else ""
                self.lines.append(f"#   {_line(look.name)}{text}: {values}{arrow}")


def _same_drive(path: Path, folder: Path) -> bool:
    return path.absolute().drive == folder.absolute().drive

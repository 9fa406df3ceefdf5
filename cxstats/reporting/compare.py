"""A report beside the one of the period before: old and new findings, and whether the number moved.

A difference is called a change only when its interval leaves out no change at all. The interval is made of the
two reports' own (Zou & Donner 2008: the squared distances of estimates to the ends of their intervals add,
MOVER), which takes the periods' answers as independent. Where the same customers answered both times, or a
report gives a range over what it cannot know, the distances themselves add: that holds however the two go
together, and is wider. Numbers that are no like for like are shown side by side and not compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cxstats.reporting import record
from cxstats.reporting.periods import parse_period
from cxstats.reporting.plan import Earlier, Job
from cxstats.words import amount, interval

__all__ = ["Change", "change", "days", "earlier_record", "for_card", "said", "taken", "with_comparison"]

Kind = Literal["higher", "lower", "none", "not_comparable"]

_OVERLAP = "the two periods overlap, so the same answers may be in both"


@dataclass(frozen=True, slots=True)
class Change:
    """Whether a number moved between two reports.

    Attributes
    ----------
    kind : "higher" or "lower": beyond what chance makes of it; "none": not beyond chance; "not_comparable".
    difference, low, high : now less before, in the answers' unit, with its interval; None where not known.
    why : why the two are not compared.
    note : what to know about the interval.
    """

    kind: Kind
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""
    note: str = ""


def change(now: Mapping[str, Any], before: Mapping[str, Any], *, customers: str = "unknown") -> Change:
    """Whether the number of one answer lies beyond chance from that of another.

    Parameters
    ----------
    now, before : answers as the run records hold them: ``value``, ``low``, ``high``, and where they have them
        ``effect``, ``unit``, ``assumption_low``, ``assumption_high``, ``level`` and ``days`` (of the
        period, "2025-01-01/2025-03-31"). Values in the effect's unit; None for none.
    customers : whether those who answered before were "different" from those who answered now, the "same", or
        whether that is "unknown".

    Returns
    -------
    The change; never an error.

    References
    ----------
    Zou & Donner (2008), Construction of confidence limits about effect measures: a general approach,
    Statistics in Medicine 27, 1693-1702.

    >>> a, b = ({"value": v, "low": v - 2, "high": v + 2} for v in (5.0, 1.0))
    >>> moved = change(a, b)
    >>> moved.kind, moved.difference, round(moved.low, 3)
    ('higher', 4.0, 1.172)
    >>> change(a, b, customers="same").kind
    'none'
    """
    if why := _unlike(now, before):
        return Change("not_comparable", why=why)
    ends = [answer.get(key) for answer in (now, before) for key in ("low", "high")]
    if any(not _known(end) for end in ends):
        return Change("not_comparable", why="one of the two reports gives no interval")
    low, high, low_before, high_before = (float(end) for end in ends)
    value, value_before = now.get("value"), before.get("value")
    point = _known(value) and _known(value_before)
    ranges = any(_known(answer.get("assumption_low")) for answer in (now, before))
    note = ""
    if point and not ranges and customers != "same":
        step = float(value) - float(value_before)
        down = math.hypot(float(value) - low, high_before - float(value_before))
        up = math.hypot(high - float(value), float(value_before) - low_before)
        ends_of_step = step - down, step + up
        if customers == "unknown":
            note = (
                "The interval takes the two periods' answers as those of different customers. Where many of the same "
                "customers answered both times it is, as a rule, wider than it need be."
            )
    else:
        step = float(value) - float(value_before) if point else None
        ends_of_step = low - high_before, high - low_before
        note = (
            "The same customers answered both times. The interval holds however much their answers go together, so it is "
            "wider than one from their paired answers would be."
            if customers == "same" and not ranges
            else "The numbers are ranges, so their difference is taken between opposite ends: it holds wherever in its "
            "range each number lies."
        )
    kind: Kind = "higher" if ends_of_step[0] > 0 else "lower" if ends_of_step[1] < 0 else "none"
    return Change(kind, step, *ends_of_step, note=note)


def _known(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _unlike(now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Why two answers are no like for like; empty where they are."""
    effects = [str(answer.get("effect") or "") for answer in (now, before)]
    if any(effect.lower().startswith("change in") for effect in effects):
        # W3 − W2 and W2 − W1 share W2: neither independent, nor a trend
        return "each is itself a change from the period before it, and two such changes share a period"
    if effects[0] != effects[1] or now.get("unit") != before.get("unit"):
        return "the headline numbers of the two reports measure different things"
    if now.get("level") != before.get("level") and None not in (now.get("level"), before.get("level")):
        return "their intervals are of different confidence levels"
    if _overlap(now.get("days"), before.get("days")):
        return _OVERLAP
    return ""


def _overlap(now: Any, before: Any) -> bool:
    if not now or not before:
        return False
    (first, end), (other_first, other_end) = (str(days).split("/") for days in (now, before))
    return first <= other_end and other_first <= end  # ISO days sort as text


# The report of the period before -------------------------------------------------------------------


def days(job: Job, header: Mapping[str, Any]) -> str:
    """First and last day of what a page is about ("2025-01-01/2025-03-31"); empty where it does not say.

    A survey's description may hold several waves, of which the page reports one: its header decides, unless
    the catalogue states the period.
    """
    said = str(header.get("period_text") or "")
    if job.period is not None and (job.period_stated or said in ("", job.period.words)):
        return job.period.iso
    try:
        return parse_period(said).iso
    except ValueError:
        return ""


def earlier_record(out: Path, earlier: Earlier) -> record.Record | None:
    """The record of the good report to compare with; None where there is none.

    With a period, the last good one of that period; without, the one whose page lies there.
    """
    records = record.load_all(out, earlier.survey, earlier.report).get((earlier.survey, earlier.report), [])
    if earlier.period is None:
        good = record.good(out, earlier.survey, earlier.report, records)
    else:
        good = [
            one
            for one in records
            if one["status"] == "ok"
            and (
                one.get("period") == earlier.period.iso
                or (one["header"] or {}).get("period_text") == earlier.period.words
            )
        ]
    return good[-1] if good else None


def taken(job: Job, before: record.Record | None) -> dict[str, Any] | None:
    """What a report takes from the one it is compared with; None where it is compared with none.

    The same findings give the same content, whichever run they came from.
    """
    if job.earlier is None:
        return None
    asked = {
        "survey": job.earlier.survey,
        "report": job.earlier.report,
        "customers": job.earlier.customers,
        "period_text": job.earlier.period.words if job.earlier.period else "",
        "found": before is not None,
    }
    if before is None:
        return asked
    header = before["header"] or {}
    return asked | {
        "period_text": header.get("period_text") or asked["period_text"],
        "survey_title": header.get("survey_title") or before.get("survey_title", ""),
        "title": before.get("title", ""),
        "n_text": header.get("n_text", ""),
        "answer": _numbers(before),
        "score": _score(header, _numbers(before)),
        "points": before.get("points") or [],
    }


def _numbers(one: record.Record) -> dict[str, Any]:
    """An answer with what decides whether it can be compared."""
    return dict(one["answer"] or {}) | {
        "level": (one.get("parameters") or {}).get("level"),
        "days": one.get("period") or "",
    }


def _score(header: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The published score of a page, with what decides whether it can be compared; None where it tells none."""
    score = header.get("score")
    if not isinstance(score, dict):
        return None
    return score | {"level": answer.get("level"), "days": answer.get("days")}


def said(
    job: Job, before: dict[str, Any] | None, parts: Mapping[str, Any], level: Any
) -> dict[str, Any] | None:
    """The comparison for the record and the index: what was found then, and whether the number moved."""
    if before is None:
        return None
    now = dict(parts["answer"]) | {"level": level, "days": days(job, parts["header"])}
    result = {key: value for key, value in before.items() if key not in ("points", "answer", "score")}
    if not before["found"]:
        return result
    then = before["answer"]
    moved = change(now, then, customers=before["customers"])
    score, score_then = _score(parts["header"], now), before.get("score")
    if moved.kind == "not_comparable" and score is not None and score_then is not None:
        # the headline is about something else each time; the score that both publish is not
        result["score"] = _of_scores(score, score_then, before["customers"])
    kept = ("verdict", "verdict_words", "answer", "value", "low", "high")
    return result | {
        "change": asdict(moved),
        "sentence": " ".join(filter(None, [_sentence(moved, now, then), result.get("score", "")])),
        "then": {key: then.get(key) for key in kept},
    }


def _sentence(moved: Change, now: Mapping[str, Any], then: Mapping[str, Any]) -> str:
    """What became of the verdict and of the number, for the answer box."""
    if not then.get("verdict"):
        return "that report gave no verdict."
    same = now.get("verdict") == then.get("verdict")
    verdict = "the same verdict" if same else f"another verdict, “{then.get('verdict_words')}”"
    if moved.kind == "not_comparable":
        return f"{verdict}. The numbers are not compared: {moved.why}."
    span = _span(moved.low, moved.high, now)
    if moved.difference is None:
        return f"{verdict}; a difference between {span}, {_beyond(moved.kind)}."
    return f"{verdict}; {_amount(moved.difference, now, sign=True)} ({span}), {_beyond(moved.kind)}."


def _of_scores(now: Mapping[str, Any], then: Mapping[str, Any], customers: str) -> str:
    """Whether the published score itself moved; empty where that cannot be said either."""
    moved = change(now, then, customers=customers)
    if moved.kind == "not_comparable":
        return ""
    values = " then, ".join(
        _amount(one["value"], now, sign=one.get("unit") == "points") for one in (then, now)
    )
    lead = f"{now['effect']} itself: {values} now"
    if moved.difference is None:
        return f"{lead}, {_beyond(moved.kind)}."
    difference = _amount(moved.difference, now, sign=True)
    return f"{lead}; {difference} ({_span(moved.low, moved.high, now)}), {_beyond(moved.kind)}."


def _beyond(kind: Kind) -> str:
    return {
        "none": "no change beyond chance",
        "higher": "higher beyond chance",
        "lower": "lower beyond chance",
    }[kind]


def for_card(rows: Sequence[Mapping[str, Any]]) -> tuple[Kind | None, Mapping[str, Any] | None]:
    """Whether the last of a report's periods differs from the one before it, and that one.

    ``rows`` are those of :func:`.record.history`. (None, None) for a single period.
    """
    if len(rows) < 2:
        return None, None
    return change(rows[-1], rows[-2]).kind, rows[-2]


# On the page ---------------------------------------------------------------------------------------


def with_comparison(
    notebook: Any, now: Mapping[str, Any], comparison: Mapping[str, Any] | None, then: Any
) -> Any:
    """The executed notebook with what the period before had found, for the converter; itself without one.

    Parameters
    ----------
    notebook : as executed; it is not changed.
    now : what it says of itself (:func:`.record.parts_of`).
    comparison : from :func:`said`.
    then : from :func:`taken`.
    """
    if comparison is None:
        return notebook
    import nbformat

    from cxstats.display.parts import Note

    result = nbformat.from_dict(notebook)
    label = f"Compared with {_named(comparison)}"
    sentence = comparison.get("sentence") or "there is no good report of it to compare with."
    _say_in_answer(result, label, sentence)
    if not comparison["found"]:
        return result
    shown: list[Any] = [_findings(now, comparison, then)]
    if points := _points(now, comparison, then):
        shown.append(points)
    if note := comparison["change"]["note"]:
        shown.append(Note(note))
    cells = [
        nbformat.v4.new_markdown_cell(f"## {label}"),
        nbformat.v4.new_code_cell(
            "",
            outputs=[nbformat.v4.new_output("display_data", data=part._repr_mimebundle_()) for part in shown],
        ),
    ]
    for cell, name in zip(cells, ("heading", "tables"), strict=True):
        cell["id"] = f"cxstats-compared-{name}"
    place = next(
        (
            i
            for i, cell in enumerate(result.cells)
            if cell.cell_type == "markdown" and cell.source.lstrip().startswith("## ")
        ),
        len(result.cells),
    )
    result.cells[place:place] = cells
    return result


def _named(comparison: Mapping[str, Any]) -> str:
    return comparison["period_text"] or comparison.get("title") or comparison["report"]


def _say_in_answer(notebook: Any, label: str, sentence: str) -> None:
    """Into the answer box, beside what the study itself says of the wave before."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            part = output.get("data", {}).get(record.PART_MIME)
            if isinstance(part, dict) and part.get("part") == "answer":
                if part.get("previous"):
                    part["previous"] = f"{part['previous']} **{label}:** {sentence}"
                else:
                    part["previous"], part["previous_label"] = sentence, label
                return


def _findings(now: Mapping[str, Any], comparison: Mapping[str, Any], then: Mapping[str, Any]) -> Any:
    from cxstats.display.parts import Table

    new, old = now["answer"], then["answer"]
    header = now["header"]
    moved = comparison["change"]
    rows: list[tuple[str, str, str]] = []

    def row(label: str, before: Any, after: Any) -> None:
        if before or after:
            rows.append((label, str(before or "–"), str(after or "–")))

    if old.get("question") != new.get("question"):
        row("Question", old.get("question"), new.get("question"))
    row("Main finding", old.get("answer"), new.get("answer"))
    row("Verdict", old.get("verdict_words"), new.get("verdict_words"))
    effect = str(new.get("effect") or "") if new.get("effect") == old.get("effect") else ""
    row(effect[:1].upper() + effect[1:] or "Number", _value(old), _value(new))
    if old.get("margin") != new.get("margin"):
        row("What would matter", _margin(old), _margin(new))
    row("Answers", then.get("n_text"), header.get("n_text"))
    difference = (
        f"Not compared: {moved['why']}."
        if moved["kind"] == "not_comparable"
        else f"Difference: {_sign(moved, new)}, {_beyond(moved['kind'])}."
    )
    columns = ("", _named(comparison), header.get("period_text") or "Now")
    return Table(
        "What was found then and now",
        columns if columns[1] != columns[2] else ("", "Before", "Now"),
        tuple(rows),
        notes=difference,
    )


def _points(now: Mapping[str, Any], comparison: Mapping[str, Any], then: Mapping[str, Any]) -> Any:
    """Main points beside each other: those with one figure are one row, what is left follows in its order."""
    from cxstats.display.parts import Table

    old, new = list(then["points"]), list(now["points"])
    if not old or not new:
        return None
    pairs = []
    for point in new:
        figure = point.get("figure")
        match = next((one for one in old if figure and one.get("figure") == figure), None)
        if match is not None:
            old.remove(match)
        pairs.append((match, point))
    pairs += [(one, None) for one in old]
    rows = tuple((str(i), _point(one), _point(other)) for i, (one, other) in enumerate(pairs, start=1))
    head = now["header"].get("period_text") or "Now"
    named = _named(comparison)
    return Table(
        "Main points then and now",
        ("", named, head) if named != head else ("", "Before", "Now"),
        rows,
        notes="Side by side as each report gave them; whether a single point changed was not tested.",
    )


def _point(point: Mapping[str, Any] | None) -> str:
    if point is None:
        return "–"
    number = " ".join(str(point.get(key) or "") for key in ("number",)).strip()
    reach = f" ({point['interval']})" if point.get("interval") else ""
    return f"{point.get('headline', '')}: {number}{reach}" if number else str(point.get("headline", ""))


def _value(answer: Mapping[str, Any]) -> str:
    low, high, value = (answer.get(key) for key in ("low", "high", "value"))
    if not _known(low) or not _known(high):
        return _amount(value, answer, sign=True) if _known(value) else ""
    span = _span(low, high, answer)
    return f"{_amount(value, answer, sign=True)} ({span})" if _known(value) else span


def _margin(answer: Mapping[str, Any]) -> str:
    return _amount(answer["margin"], answer) if _known(answer.get("margin")) else ""


def _sign(moved: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    span = _span(moved["low"], moved["high"], answer)
    if moved["difference"] is None:
        return f"between {span}"
    return f"{_amount(moved['difference'], answer, sign=True)} ({span})"


def _digits(answer: Mapping[str, Any]) -> int:
    """Enough for the margin to show: what is too small to matter need not be printed."""
    size = answer.get("margin")
    size = (
        size if _known(size) and size else max(abs(answer.get(key) or 0) for key in ("value", "low", "high"))
    )
    return 1 if size >= 1 else 2 if size >= 0.1 else 3


def _amount(value: float, answer: Mapping[str, Any], *, sign: bool = False) -> str:
    return amount(value, str(answer.get("unit") or ""), sign=sign, digits=_digits(answer))


def _span(low: float, high: float, answer: Mapping[str, Any]) -> str:
    unit = "%" if answer.get("unit") == "%" else ""
    return interval(low, high, unit, digits=_digits(answer), sign=True)

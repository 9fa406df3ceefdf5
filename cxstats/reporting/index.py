"""The index: every report with its verdict, its main finding, and how the number moved."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from cxstats.display.fragments import environment
from cxstats.display.marks import sparkline
from cxstats.display.plain import printable
from cxstats.display.theme import css
from cxstats.reporting import compare
from cxstats.words import amount, capitalised, date_text, number, number_word, signed

__all__ = ["render_index"]

TITLE = "How far can our survey scores be trusted?"
_ORDER = ("material", "negligible", "inconclusive", "not_answerable")


def render_index(records: Sequence[Mapping[str, Any]], *, title: str = TITLE, footer: str = "") -> str:
    """The index page of these reports, grouped by survey, as one offline HTML document.

    Parameters
    ----------
    records : one mapping a report, as :func:`cxstats.reporting.record.cards` makes them: survey, report,
        title, href (None where no good report lies there), the header's and the answer's texts and
        numbers, ``headline`` (where there is no answer), ``history`` (rows with period, value, low, high;
        oldest first; value None for a missing period), ``published`` (ISO day) and ``failed`` (None, or
        date and cause of the last attempt). A missing key counts as empty.
    title, footer : the heading, and a line at the foot.

    >>> "Too few" in render_index([{"survey": "s", "verdict": "inconclusive", "verdict_words": "Too few"}])
    True
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(str(record.get("survey", "")), []).append(record)
    style = css("parts", "page", "index")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    macros = (
        environment()
        .get_template("parts.html.j2")
        .make_module({"figure_numbers": {}, "on_page": True, "ids": True})
    )
    simulated = any(record.get("simulated") for record in records)
    n_left = sum(bool(record.get("left_out")) for record in records)
    page = _template().render(
        title=title,
        lede=_lede(len(records), len(groups), sum(bool(record.get("failed")) for record in records), n_left),
        tally=_tally(records, macros),
        simulated=simulated,
        banner=_banner(records, macros) if simulated else "",
        surveys=[_survey(members, macros) for members in groups.values()],
        footer=footer,
        style=Markup(style),  # our own file, and hashed below
        style_hash=f"sha256-{digest}",
    )
    return printable(str(page))


@cache
def _template() -> Any:
    source = (files("cxstats.reporting") / "template" / "reports.html.j2").read_text(encoding="utf-8")
    return environment().from_string(source)


def _lede(n_reports: int, n_surveys: int, n_failed: int, n_left: int = 0) -> str:
    if not n_reports:
        return "No report has been made yet."
    reports = f"{number_word(n_reports)} report{'s' * (n_reports != 1)}"
    surveys = f"{number_word(n_surveys)} survey{'s' * (n_surveys != 1)}"
    one = "Its card gives" if n_reports == 1 else "Each card gives"
    said = f"{capitalised(reports)} on {surveys}. {one} the verdict and the main finding; open it for the evidence."
    if n_failed:
        which = (
            "it" if n_reports == 1 else "all" if n_failed == n_reports else f"{number_word(n_failed)} of them"
        )
        said += f" The last attempt failed for {which}."
    if n_left:
        which = (
            "all are"
            if n_left == n_reports > 1
            else f"{number_word(n_left)} {'is' if n_left == 1 else 'are'}"
        )
        said += f" {capitalised(which)} from an earlier description of the survey, and not counted here."
    return said


def _banner(records: Sequence[Mapping[str, Any]], macros: Any) -> Markup:
    if all(record.get("simulated") for record in records):
        return Markup(macros.banner())
    text = "<strong>Simulated data</strong> Surveys marked “simulated data” are of invented customers."
    return Markup(f'<p class="cx-banner">{text}</p>')


def _tally(records: Sequence[Mapping[str, Any]], macros: Any) -> list[tuple[int, Markup]]:
    words = {r["verdict"]: r.get("verdict_words", r["verdict"]) for r in records if r.get("verdict")}
    now = [
        r for r in records if not r.get("left_out")
    ]  # what a description no longer leads to is no verdict of today
    counted = [(kind, sum(r.get("verdict") == kind for r in now)) for kind in _ORDER]
    return [(n, Markup(macros.verdict(kind, words[kind]))) for kind, n in counted if n]


def _survey(members: Sequence[Mapping[str, Any]], macros: Any) -> dict[str, Any]:
    first = members[0]
    periods = list(dict.fromkeys(_text(m, "period_text") for m in members if _text(m, "period_text")))
    population = next((_text(m, "population") for m in members if _text(m, "population")), "")
    texts = [population]
    if len(periods) == 1:
        texts.append(periods[0])
    if any(m.get("simulated") for m in members):
        texts.append("simulated data")
    return {
        "title": _text(first, "survey_title") or _text(first, "survey"),
        "line": " · ".join(text for text in texts if text),
        # one period for all stands above them
        "cards": [_card(member, macros, period=len(periods) > 1) for member in members],
    }


def _card(record: Mapping[str, Any], macros: Any, *, period: bool) -> dict[str, Any]:
    history = [row for row in record.get("history") or [] if row.get("period")]
    effect = _text(record, "effect")
    study, measure = _text(record, "study"), _text(record, "measure")
    texts = [
        _text(record, "period_text") if period else "",
        _text(record, "n_text"),
        f"data as of {record['data_as_of_text']}" if record.get("data_as_of_text") else "",
        f"unchanged since {_day(record.get('published'))}" if record.get("state") == "unchanged" else "",
    ]
    verdict = _text(record, "verdict")
    href = record.get("href") or None
    finding = _first_sentence(_text(record, "answer")) or _text(record, "headline") or _text(record, "title")
    eyebrow = " · ".join(t for t in (study, measure) if t) or _text(record, "title")
    return {
        "eyebrow": eyebrow if eyebrow != finding else "",
        "verdict": Markup(macros.verdict(verdict, record.get("verdict_words") or verdict)) if verdict else "",
        "finding": finding,
        "href": href,
        "spark": _spark(record, history),
        "effect": capitalised(effect),
        "change": _change(history) if not record.get("comparison") else "",
        "before": _before(record.get("comparison")),
        "meta": " · ".join(t for t in texts if t),
        "failure": _failure(record, has_page=href is not None) or _left_out(record),
    }


def _first_sentence(text: str) -> str:
    """The sentence that answers the question, as a headline.

    >>> _first_sentence("NPS rose by 5.2 points. It stands at +37.")
    'NPS rose by 5.2 points'
    """
    return re.split(r"(?<=[.!?])\s+(?=\S)", text.strip())[0].removesuffix(".")


def _text(record: Mapping[str, Any], key: str) -> str:
    return str(record.get(key) or "")


def _spark(record: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Markup:
    if not history or not _known(history[-1]):
        return Markup("")
    last, margin = history[-1], record.get("margin")
    value, low, high = (last.get(key) for key in ("value", "low", "high"))
    rows = [(str(row["period"]), row.get("value"), row.get("low"), row.get("high")) for row in history]
    ranges = [_range(row) for row in history]
    size = margin if margin is not None else abs(value) if value is not None else 1.0
    digits = 1 if size >= 1 else 2 if size >= 0.1 else 3
    unit = "%" if record.get("unit") == "%" else ""
    label: str | tuple[str, str]
    if ranges[-1] is not None:
        ends = (ranges[-1][0] if low is None else low, ranges[-1][1] if high is None else high)
        # whole numbers where the margin has them, as in the page's own strip
        label = tuple(signed(end, 0 if size >= 5 else digits) for end in ends)
    elif value == 0 and margin is not None and low is not None and high is not None:
        # a number held against itself: how far chance reaches is the news
        label = f"±{number(max(-low, high), digits)}"
    else:
        label = amount(value, unit, sign=margin is not None or record.get("unit") == "points", digits=digits)
    return Markup(
        sparkline(
            rows,
            margin=margin,
            last_label=label,
            first_period=_short(rows[-6:][0][0]) if len(rows) > 1 else "",
            last_period=_short(rows[-1][0]),
            ranges=ranges,
        )
    )


def _known(row: Mapping[str, Any]) -> bool:
    """Whether a period has a number, or a range over an assumption in its place."""
    return row.get("value") is not None or _range(row) is not None


def _range(row: Mapping[str, Any]) -> tuple[float, float] | None:
    low, high = row.get("assumption_low"), row.get("assumption_high")
    return None if low is None or high is None else (float(low), float(high))


def _short(period: str) -> str:
    """A period short enough to stand under a sparkline.

    >>> _short("January–March 2025"), _short("March 2025"), _short("2024")
    ('Jan–Mar 2025', 'Mar 2025', '2024')
    """
    for month in (
        "January", "February", "March", "April", "June", "July",
        "August", "September", "October", "November", "December",
    ):  # fmt: skip
        period = period.replace(month, month[:3])
    return period


def _change(history: Sequence[Mapping[str, Any]]) -> str:
    """Whether the number moved beyond chance since the period before, by the rule of :mod:`.compare`."""
    missing = [row["period"] for row in history[-2:] if not _known(row)]
    if len(history) > 1 and missing:
        return f"× no report for {_short(str(missing[-1]))}"
    kind, before = compare.for_card(history)
    return "" if before is None else _moved(str(kind), _short(str(before["period"])))


def _moved(kind: str, period: str) -> str:
    if kind == "not_comparable":
        return f"not compared with {period}"
    return (
        f"no change beyond chance since {period}"
        if kind == "none"
        else f"{kind} than in {period}, beyond chance"
    )


def _before(comparison: Mapping[str, Any] | None) -> dict[str, str] | None:
    """What the report of the named period before had found, and whether the number moved."""
    if not comparison:
        return None
    period = _short(
        _text(comparison, "period_text") or _text(comparison, "title") or _text(comparison, "report")
    )
    if not comparison.get("found"):
        return {"lead": f"{period}:", "finding": "no good report to compare with", "moved": ""}
    then = comparison["then"]
    finding = _first_sentence(_text(then, "answer"))
    verdict = _text(then, "verdict_words")
    return {
        "lead": f"{period}:",
        "finding": f"“{finding}”{f' ({verdict})' if verdict else ''}" if finding else verdict or "no verdict",
        "moved": capitalised(_moved(comparison["change"]["kind"], period)),
    }


def _failure(record: Mapping[str, Any], *, has_page: bool) -> dict[str, str] | None:
    failed = record.get("failed")
    if not failed:
        return None
    lead = f"Last attempt failed on {_day(failed.get('date'))}"
    cause = _text(failed, "cause").strip()
    if cause:
        # the cause is a sentence of its own: it may begin with a file's name
        lead, cause = f"{lead}.", cause if cause.endswith((".", "!", "?")) else f"{cause}."
    else:
        lead = f"{lead}."
    published = record.get("published")
    if has_page:
        last = (
            f"This is the last good report, of {_day(published)}."
            if published
            else "This is the last good report."
        )
    else:
        last = "There is no earlier report."
    return {"lead": lead, "cause": cause, "last_good": last}


def _left_out(record: Mapping[str, Any]) -> dict[str, str] | None:
    """What stands on the card of a page that its survey's description no longer leads to."""
    if not record.get("left_out"):
        return None
    told = (
        f"The survey.yml of {_day(record['left_out'])} does not ask for it, or no longer has what it needs, "
        "so it was not made anew."
    )
    report = "/".join(_text(record, key) for key in ("survey", "report"))
    return {
        "lead": f"From an earlier description, of {_day(record.get('published'))}.",
        "cause": told,
        "last_good": f"It can be deleted: the folder {report}, and the folder of that name in .records."
        if report
        else "",
    }


def _day(text: str | None) -> str:
    try:
        return date_text(date.fromisoformat(str(text)[:10]))
    except ValueError:
        return "an unknown day"

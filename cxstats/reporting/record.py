"""Run records: what was tried, what came of it, and which run the page that lies there came from.

One JSON file a run, ``<out>/.records/<survey>/<report>/<run>.json``. A record starts as ``running``, is
``publishing`` from just before the page is put in place, and ends as ``ok`` or ``failed``. A run that
was cut off leaves its record where it stood; :func:`settle` finds out what became of it by comparing the
page that lies there with the fingerprint in the record, so that records tell the truth even after a
power cut, and the index, which is made from them alone, heals itself.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "cards",
    "current",
    "good",
    "history",
    "load_all",
    "new_run_id",
    "page_hash",
    "parts_of",
    "save",
    "settle",
    "unchanged",
]

FOLDER = ".records"
PART_MIME = "application/vnd.cxstats.part+json"
PERIODS = 8  # periods in a sparkline

Record = dict[str, Any]


def new_run_id(earlier: Iterable[Record], now: dt.datetime) -> str:
    """A name for one run, counted on from the ``earlier`` ones of its report: a clock may be set back.

    >>> new_run_id([{"run": "000007-20250402T060000Z-aaaaaa"}], dt.datetime(2025, 4, 3))[:22]
    '000008-20250403T000000'
    """
    names = [name for record in earlier for name in (record["run"], record.get("checked_run")) if name]
    last = max((int(name.partition("-")[0]) for name in names), default=0)
    return f"{last + 1:06d}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def page_hash(page: Path) -> str:
    """Fingerprint of the page that lies there; empty where none does."""
    try:
        return hashlib.sha256(page.read_bytes()).hexdigest()
    except OSError:
        return ""


def folder(out: Path, survey: str, report: str) -> Path:
    """Where the records of one report are."""
    return out / FOLDER / survey / report


def save(out: Path, record: Record, *, keep: int | None = None) -> Path:
    """Write a record whole or not at all; with ``keep``, remove those too old to matter.

    Beside the last ``keep``, the record of the page that lies there stays, and those of the periods in the
    sparkline: a month of failed attempts must not make the index forget the last good report.
    """
    place = folder(out, record["survey"], record["report"])
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{record['run']}.json"
    write_atomic(path, as_text(record))
    if keep is not None and len(old := sorted(place.glob("*.json"))[:-keep]):
        key = record["survey"], record["report"]
        well = good(out, *key, load_all(out, *key).get(key, []))
        needed = {one["run"] for one in well[-1:]} | {row["run"] for row in history(well)}
        for past in old:
            if past.stem not in needed:
                past.unlink(missing_ok=True)
    return path


def unchanged(out: Path, current: Record, now: str, run: str, position: int) -> None:
    """Note on the record of the page that lies there that a run (at ``now``, called ``run``) would make it again."""
    save(out, current | {"checked": now, "checked_run": run, "position": position, "left_out": ""})


def left_out(out: Path, current: Record, now: str) -> None:
    """Note on the record of the page that lies there that its survey, as described ``now``, no longer has the report."""
    save(out, current | {"left_out": now})


def as_text(record: Record) -> str:
    """A record as it is written."""
    return json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write_atomic(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``: a reader sees the old file or the new one, a power cut likewise."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames in a folder last through a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems cannot; the rename is still atomic
    finally:
        os.close(handle)


def load_all(out: Path, survey: str = "*", report: str = "*") -> dict[tuple[str, str], list[Record]]:
    """The records under ``out`` by (survey, report), oldest first; other files are left out."""
    found: dict[tuple[str, str], list[Record]] = {}
    for path in sorted((out / FOLDER).glob(f"{survey}/{report}/*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if _is_record(record):
            found.setdefault((path.parts[-3], path.parts[-2]), []).append(record)
    return found


def _is_record(content: Any) -> bool:
    needed = {"run", "survey", "report", "status", "started", "header", "answer", "page"}
    return isinstance(content, dict) and needed <= content.keys() and content["run"][:6].isdigit()


def settle(out: Path, records: Iterable[Record]) -> list[Record]:
    """The records of one report with unfinished ones settled by what lies on the disk, and saved.

    Call it while no run of this report is going on (under its lock).
    """
    settled = []
    for record in records:
        if record["status"] in ("running", "publishing"):
            page = record.get("page") or {}
            lies_there = record["status"] == "publishing" and page.get("sha256") == page_hash(
                out / page["path"]
            )
            if lies_there:
                record = record | {"status": "ok"}
            else:
                cause = "the run was cut off before it could finish"
                record = record | {"status": "failed", "error": {"step": "interrupted", "cause": cause}}
            save(out, record)
        settled.append(record)
    return settled


# What the page says, for the record ---------------------------------------------------------------


def parts_of(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """What an executed notebook says about itself: ``header``, ``answer`` and ``points``, empty where absent.

    Read from the display parts' JSON; pictures and tables are left out.
    """
    said: dict[str, Any] = {"header": {}, "answer": {}, "points": []}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            part = output.get("data", {}).get(PART_MIME)
            if not isinstance(part, dict):
                continue
            kind = part.get("part")
            if kind in ("header", "answer") and not said[kind]:
                said[kind] = {key: value for key, value in part.items() if key != "part"}
            elif kind == "points":
                said["points"] += part.get("points", [])
    return said


# What the index shows ------------------------------------------------------------------------------


def history(well: list[Record]) -> list[dict[str, Any]]:
    """One row a period for the sparkline, oldest first, of what the latest run measured and how.

    Keys: ``period`` (as it is printed), ``value``, ``low``, ``high``, ``verdict``, ``run``, and what
    :func:`.compare.change` asks for. Where a period was rendered more than once, its last run counts.
    """
    if not well:
        return []
    latest, latest_period = well[-1]["answer"], well[-1]["header"].get("period_text", "")
    rows: dict[str, dict[str, Any]] = {}
    for record in well:
        answer = record["answer"]
        if (answer.get("effect"), answer.get("unit")) != (latest.get("effect"), latest.get("unit")):
            continue
        # a range over an assumption has no value of its own
        if answer.get("value") is None and answer.get("assumption_low") is None:
            continue
        period = record["header"].get("period_text", "")
        row = {key: answer.get(key) for key in ("value", "low", "high", "verdict", "effect", "unit")}
        row |= {key: answer.get(key) for key in ("assumption_low", "assumption_high")}
        row["level"] = (record.get("parameters") or {}).get("level")
        row["days"] = record.get("period") or ""
        rows[period] = {"period": period, **row, "run": record["run"]}
    # an older period that is rendered again ends the line: its page is the one that lies there
    ordered = list(rows.values())
    if all(row["days"] for row in ordered):
        ordered.sort(key=lambda row: row["days"])
    ends = next((i for i, row in enumerate(ordered, start=1) if row["period"] == latest_period), len(ordered))
    return ordered[:ends][-PERIODS:]


def cards(out: Path) -> list[dict[str, Any]]:
    """What the index shows: one flat dictionary a report, from the records and the pages that lie there.

    Surveys come by name, a survey's reports in the catalogue's order.

    Keys
    ----
    survey, report, title, audience : names and texts of the catalogue.
    href : the page, relative to the index; None where no good report lies there.
    analyst_href : the analysts' edition; None where there is none.
    study, measure, survey_title, period_text, population, n_text, data_as_of_text, simulated : the header.
    question, verdict, verdict_words, answer, effect, unit, margin, value, low, high, needed : the answer.
    headline : the first main point's headline; empty where the page makes none.
    history : rows of :func:`history`.
    published : ISO day on which the good report was made; empty where there is none.
    checked : ISO day on which it was last found unchanged; empty where it was not.
    left_out : ISO day on which its survey was rendered without it, by a later description; empty where it was not.
    state : "ok", "unchanged" (since it was made), "failed" (the last attempt), "never" (made).
    comparison : what the report it is compared with had found (:func:`.compare.said`); None for none.
    failed : None, or {"date": ISO day, "cause": one paragraph} when the last attempt failed.
    """
    found = []
    everything = load_all(out).items()
    for (survey, report), records in sorted(
        everything, key=lambda item: (item[0][0], _position(item[1]), item[0])
    ):
        well = good(out, survey, report, records)
        # a clock set back must not hide the run whose page lies there
        current = well[-1] if well else None
        last = records[-1]
        if current is not None and current.get("checked_run", "") > last["run"]:
            last = current  # what failed since has been mended: the report would be the same
        failed = _failure(last, current)
        checked = (current or {}).get("checked", "")[:10]
        shown = current or last
        page = current["page"] if current else {}
        header, answer = shown.get("header") or {}, shown.get("answer") or {}
        found.append(
            {
                "survey": survey,
                "report": report,
                "title": shown.get("title", report),
                "audience": shown.get("audience", ""),
                "href": page.get("path"),
                "analyst_href": page.get("analyst"),
                **{
                    key: header.get(key, "")
                    for key in ("study", "measure", "period_text", "population", "n_text", "data_as_of_text")
                },
                "survey_title": header.get("survey_title") or shown.get("survey_title") or survey,
                "simulated": bool(header.get("simulated")),
                **{key: answer.get(key, "") for key in ("question", "verdict", "verdict_words", "answer")},
                **{
                    key: answer.get(key)
                    for key in ("effect", "unit", "margin", "value", "low", "high", "needed")
                },
                "headline": next((point.get("headline", "") for point in shown.get("points") or []), ""),
                "history": history(well),
                "published": (current or {}).get("finished", "")[:10],
                "checked": checked,
                "left_out": (current or {}).get("left_out", "")[:10],
                "state": "failed" if failed else "never" if not current else "unchanged" if checked else "ok",
                "comparison": (current or {}).get("comparison"),
                "failed": failed,
            }
        )
    return found


def _position(records: list[Record]) -> int:
    """The report's place in the catalogue, as its last run found it."""
    return records[-1].get("position", 0)


def good(out: Path, survey: str, report: str, records: list[Record]) -> list[Record]:
    """Good runs, oldest first, the one whose page lies there last."""
    well = [record for record in records if record["status"] == "ok"]
    lies_there = page_hash(out / survey / report / "index.html")
    current = [record for record in well if (record.get("page") or {}).get("sha256") == lies_there]
    if not current:
        return []
    return [record for record in well if record is not current[-1]] + [current[-1]]


def current(out: Path, survey: str, report: str, records: list[Record]) -> Record | None:
    """The record of the page that lies there, as long as nothing that belongs to it was removed or altered."""
    well = good(out, survey, report, records)
    if not well:
        return None
    page = well[-1]["page"]
    companions = [out / page[key] for key in ("analyst", "record") if page.get(key)]
    hashed = [out / path for path in (page.get("analyst"), *page.get("downloads", ())) if path]
    for path in hashed:  # their names say what is in them
        named = re.search(r"-([0-9a-f]{12})\.[a-z]+$", path.name)
        if named and not page_hash(path).startswith(named[1]):
            return None
    return well[-1] if all(path.is_file() for path in companions) else None


def _failure(last: Record, current: Record | None) -> dict[str, str] | None:
    if last is current or last["status"] not in ("failed", "ok"):
        return None
    if last["status"] == "ok":
        if current is not None:
            return None
        return {"date": last.get("finished", "")[:10], "cause": "its page is no longer there"}
    error = last.get("error") or {}
    return {"date": (last.get("finished") or last.get("started", ""))[:10], "cause": error.get("cause", "")}

"""Makes small exports of the demo company in the shapes in which survey tools write theirs.

``python -m tests.survey.exports.make FOLDER`` writes them all; the tests make them on the fly. Every export also
holds what real ones hold: previews, tests, spam and partial answers, choice texts, groups that disagree, blanks.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd

from cxstats import simulation

N_CUSTOMERS = 400
DENVER = ZoneInfo("America/Denver")
ITEMS = ("q1", "q2", "q3", "q4", "q5", "q6")


@lru_cache
def company() -> pd.DataFrame:
    """400 invited customers of one wave, with their answers; blanks as ""."""
    rows = simulation.demo_company().rows
    rows = rows[(rows["wave"] == "2025 Q1") & (rows["account"] == "Customer") & rows["customer_id"].notna()]
    rows = rows.drop_duplicates("customer_id", keep=False)
    answered = rows[rows["answered_at"].notna()].iloc[:300]
    silent = rows[rows["answered_at"].isna()].iloc[:100]
    out = pd.concat([answered, silent]).astype(object)
    assert len(out) == N_CUSTOMERS
    return out.where(out.notna(), "")


def answers() -> pd.DataFrame:
    """Those of them who answered."""
    rows = company()
    return rows[rows["answered_at"] != ""]


def write(
    path: Path, rows: Iterable[Sequence[object]], *, delimiter: str = ",", encoding: str = "utf-8"
) -> Path:
    """Rows as a workbook or as text, by the file's name."""
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([None if cell == "" else cell for cell in row])
        book.save(path)
        return path
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def _words(score: str) -> str:
    return {"10": "10 - Extremely likely", "0": "0 - Not at all likely", "5": "5 - Neutral"}.get(score, score)


def _group(score: str) -> str:
    if not score.isdigit() or int(score) > 10:
        return ""
    return "1" if int(score) <= 6 else "2" if int(score) <= 8 else "3"


QUALTRICS = (
    *("StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished"),
    *("RecordedDate", "ResponseId", "RecipientLastName", "RecipientFirstName", "RecipientEmail"),
    *("ExternalReference", "LocationLatitude", "LocationLongitude", "DistributionChannel", "UserLanguage"),
    *("Q1", "Q1_NPS_GROUP", "Q2", "Q3", *(f"Q4_{i}" for i in range(1, 7)), "country", "segment"),
)
_LABELS = {
    "StartDate": "Start Date",
    "Status": "Response Type",
    "ExternalReference": "External Data Reference",
    "Q1": "How likely are you, all in all,\nto recommend <b>Contoso</b>?",
    "Q1_NPS_GROUP": "How likely are you, all in all,\nto recommend <b>Contoso</b>? - Group",
    "Q2": "How satisfied are you?",
    "Q3": "It was easy to get help 🙂",
}


def _denver(moment: pd.Timestamp) -> str:
    return moment.astimezone(DENVER).strftime("%Y-%m-%d %H:%M:%S")


def qualtrics(path: Path, *, header_rows: int = 3, choice_text: bool = True) -> Path:
    """Answers as Qualtrics exports them; five rows are nobody's answer, three groups disagree with the score."""
    dated = {"StartDate", "EndDate", "RecordedDate"}
    imports = [
        json.dumps(
            {"ImportId": name[0].lower() + name[1:], "timeZone": "America/Denver"}
            if name in dated
            else {"ImportId": f"QID_{name}"},
            separators=(",", ":"),
        )
        for name in QUALTRICS
    ]
    labels = [_LABELS.get(name, name) for name in QUALTRICS]
    head = [list(QUALTRICS), labels]
    if header_rows == 4:
        head.append([""] * 2 + ["Metadata"] * (len(QUALTRICS) - 2))
    if header_rows >= 3:
        head.append(imports)
    rows = [_qualtrics_row(i, row, choice_text) for i, row in enumerate(answers().to_dict("records"))]
    column = QUALTRICS.index
    strange = [list(row) for row in rows[:5]]
    finished = ("True", "False") if choice_text else ("1", "0")
    status = ("Survey Preview", "Survey Test", "Spam") if choice_text else ("1", "2", "8")
    for i, row in enumerate(strange):
        row[column("ExternalReference")] = f"x{i}"
        row[column("Q1")], row[column("Q1_NPS_GROUP")] = "0", "1"
        if i < 3:
            row[column("Status")] = status[i]
        else:
            row[column("Finished")], row[column("Progress")] = finished[1], "40"
    for row in rows:
        row[column("Finished")] = finished[0]
    for row in [row for row in rows if row[column("Q1_NPS_GROUP")] == "3"][:3]:
        row[column("Q1_NPS_GROUP")] = "2"
    encoding = "utf-16" if path.suffix == ".tsv" else "utf-8-sig"
    return write(
        path, [*head, *strange, *rows], delimiter="\t" if path.suffix == ".tsv" else ",", encoding=encoding
    )


def _qualtrics_row(i: int, row: dict, choice_text: bool) -> list[str]:
    at = _denver(row["answered_at"])
    return [
        *(at, at, "IP Address" if choice_text else "0", "203.0.113.9", "100", "61", "", at, f"R_{i:015d}"),
        *("Doe", "Jo", f"jo{i}@example.com", row["customer_id"], "40.1", "-105.2", "email", "EN"),
        _words(row["ltr"]) if choice_text else row["ltr"],
        *(_group(row["ltr"]), row["sat"], row["ease"], *(row[item] for item in ITEMS)),
        *(row["country"], row["segment"]),
    ]


def frame(path: Path) -> Path:
    """Everyone invited, with the time in UTC."""
    rows = [
        [row["customer_id"], row["sent_at"].strftime("%Y-%m-%dT%H:%M:%SZ"), row["country"], row["segment"]]
        for row in company().to_dict("records")
    ]
    return write(path, [["id", "sent_at", "country", "segment"], *rows])


def outcomes(path: Path) -> Path:
    """Who left, from a table of another system."""
    rows = [
        [row["customer_id"], row["churned"]] for row in company().to_dict("records") if row["churned"] != ""
    ]
    return write(path, [["number", "churned"], *rows])


def surveymonkey(path: Path) -> Path:
    """Answers as SurveyMonkey exports them: two header rows, a matrix of six statements under one question."""
    question = "<p>Please rate each statement,<br>1 to 5</p>"
    first = [
        *("Respondent ID", "Collector ID", "Start Date", "End Date", "IP Address", "Email Address"),
        *("First Name", "Last Name", "Custom Data 1", "country"),
        *("How likely are you to recommend <strong>Contoso</strong>, all in all?", question, *([""] * 5)),
        "How satisfied are you?",
    ]
    second = [*([""] * 10), "Response", *(f"Statement {i}" for i in range(1, 7)), "Response"]
    rows = []
    for i, row in enumerate(answers().to_dict("records")):
        at = row["answered_at"].strftime("%m/%d/%Y %I:%M:%S %p")
        rows.append(
            [
                *(
                    f"1189{i:08d}",
                    "401",
                    at,
                    at,
                    "203.0.113.9",
                    "",
                    "",
                    "",
                    row["customer_id"],
                    row["country"],
                ),
                *(_words(row["ltr"]), *(row[item] for item in ITEMS), row["sat"]),
            ]
        )
    return write(path, [first, second, *rows])


def typeform(path: Path) -> Path:
    """Answers as Typeform exports them; two are partial."""
    head = [
        *("#", "How likely are you to <em>recommend</em> us?", "How satisfied are you?", "customer_id"),
        *("country", "Response Type", "Start Date (UTC)", "Stage Date (UTC)", "Submit Date (UTC)"),
        *("Network ID", "Tags"),
    ]
    rows = []
    for i, row in enumerate(answers().to_dict("records")):
        at = row["answered_at"].strftime("%Y-%m-%d %H:%M:%S")
        rows.append(
            [
                f"tok{i}",
                row["ltr"],
                row["sat"],
                row["customer_id"],
                row["country"],
                "completed",
                at,
                "",
                at,
                f"net{i}",
                "",
            ]
        )
    partial = [
        [f"part{i}", "0", "", f"x{i}", "", "partial", row[6], row[6], row[6], "", ""]
        for i, row in enumerate(rows[:2])
    ]
    return write(path, [head, *rows, *partial])


def good_or_bad(sat: str) -> str:
    """A five-point answer folded to two points, as Zendesk does: 4 and 5 are good."""
    return {"1": "bad", "2": "bad", "3": "bad", "4": "good", "5": "good"}.get(sat, "")


def zendesk(path: Path) -> Path:
    """Satisfaction ratings as Zendesk lists them; seven tickets were never asked about."""
    head = (
        "id",
        "url",
        "assignee_id",
        "group_id",
        "requester_id",
        "ticket_id",
        "score",
        "comment",
        "reason",
        "country",
    )
    rows = [
        [
            str(i),
            f"https://example.com/{i}",
            "7",
            "3",
            row["customer_id"],
            str(1000 + i),
            good_or_bad(row["sat"]) or "offered",
            "",
            "",
            row["country"],
        ]
        for i, row in enumerate(company().to_dict("records"))
    ]
    never = [[f"u{i}", "", "7", "3", f"x{i}", f"u{i}", "unoffered", "", "", "Japan"] for i in range(7)]
    return write(path, [head, *rows, *never])


def medallia(path: Path) -> Path:
    """Requests and responses in one row each, as Medallia Agent Connect exports them; times in UTC."""
    head = (
        *("request_id", "request_sent_at", "request_delivery_status", "response_received_at", "star_rating"),
        *(
            "comments",
            "ext_interaction_id",
            "channel",
            "brand",
            "customer_name",
            "request_sent_to",
            "country",
        ),
    )
    rows = []
    for i, row in enumerate(company().to_dict("records")):
        received = row["answered_at"] and row["answered_at"].strftime("%Y-%m-%d %H:%M:%S")
        sent = row["sent_at"].strftime("%Y-%m-%d %H:%M:%S")
        rows.append(
            [
                f"r{i}",
                sent,
                "delivered",
                received,
                row["sat"],
                "",
                row["customer_id"],
                row["channel"],
                "Contoso",
                f"Jo {i}",
                f"jo{i}@example.com",
                row["country"],
            ]
        )
    return write(path, [head, *rows])


def hubspot(path: Path, *metrics: str) -> Path:
    """Responses of one survey, or of several, as HubSpot lists them; two sentiments each disagree with the rating."""
    head = (
        "Survey name",
        "Survey type",
        "Date",
        "Rating",
        "Sentiment",
        "Contact email",
        "customer_id",
        "country",
    )
    return write(path, [head, *(row for metric in metrics or ("ltr",) for row in _hubspot_rows(metric))])


def _hubspot_rows(metric: str) -> list[list[str]]:
    bands = {"ltr": (6, 8), "ease": (3, 5)}[metric]
    rows, turned = [], 0
    for i, row in enumerate(answers().to_dict("records")):
        rating = row[metric]
        sentiment = ""
        if rating.isdigit() and int(rating) <= 10:
            sentiment = ("Detractor", "Passive", "Promoter")[sum(int(rating) > edge for edge in bands)]
        if sentiment == "Promoter" and turned < 2:
            sentiment, turned = "Detractor", turned + 1
        kind, at = "NPS" if metric == "ltr" else "CES", row["answered_at"].strftime("%Y-%m-%d %H:%M")
        rows.append(
            ["Spring", kind, at, rating, sentiment, f"jo{i}@example.com", row["customer_id"], row["country"]]
        )
    return rows


def german(path: Path) -> Path:
    """A CSV of a German Excel: semicolons, decimal commas, cp1252, a line break and HTML in a header."""
    head = ["Kundennummer", "Würden Sie uns <b>weiterempfehlen</b>,\nalles in allem?", "Land", "Umsatz"]
    rows = [
        [row["customer_id"], row["ltr"], row["country"], f"{row['annual_revenue']:.2f}".replace(".", ",")]
        for row in answers().to_dict("records")
    ]
    return write(path, [head, *rows], delimiter=";", encoding="cp1252")


def main(folder: Path) -> None:
    """Write every export into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    qualtrics(folder / "qualtrics.csv")
    qualtrics(folder / "qualtrics.xlsx")
    frame(folder / "invited.csv")
    outcomes(folder / "crm.csv")
    surveymonkey(folder / "surveymonkey.csv")
    typeform(folder / "typeform.csv")
    zendesk(folder / "zendesk.csv")
    medallia(folder / "medallia.csv")
    hubspot(folder / "hubspot.csv")
    german(folder / "german.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

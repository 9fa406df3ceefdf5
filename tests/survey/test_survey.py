"""The survey as studies meet it; the demo company and the airport; pseudonyms; the check."""

import hashlib
import hmac
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.survey import SurveyError, check, pseudonym
from cxstats.survey.ledger import Ledger, LedgerLine

from .conftest import line


@pytest.fixture(scope="module")
def demo():
    return cx.open_survey("demo")


@pytest.fixture
def airport(shared_data, root, tmp_path):
    data = shared_data / "sfo_airport_2014_2017" / "sfo_2017.csv.gz"
    if not data.is_file():
        pytest.skip("PUBLIC DATA ABSENT: the San Francisco airport survey of 2017; this test did not run")
    shutil.copy(root / "examples" / "sfo_airport_2017" / "survey.yml", tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(data, tmp_path / "data")
    return tmp_path / "survey.yml"


# ------------------------------------------------------------------ the demo company


def test_the_demo_is_what_was_simulated(demo):
    from cxstats.simulation import demo_company

    company = demo_company()
    hidden = company.hidden
    assert demo.n_invited == len(hidden)
    assert demo.repeats
    assert demo.n_customers() == hidden["customer"].nunique()
    assert demo.truth is company.truth
    assert demo.simulated
    # by hand from the export: genuine rows, answered in time, with a number on the scale
    rows = company.rows[company.rows["account"] != "Test"].drop_duplicates(["customer_id", "wave"])
    valid = rows["answered_at"].notna() & (rows["answered_at"] >= rows["sent_at"])
    ltr = pd.to_numeric(rows["ltr"].where(valid), errors="coerce")
    assert demo.counts("nps").tolist() == [int((ltr == i).sum()) for i in range(11)]
    assert demo.cells("responded").set_index("responded")["n"][True] == valid.sum()
    left = rows["churned"].eq("1") & (
        (
            pd.to_datetime(rows["churn_date"]) - rows["sent_at"].dt.tz_localize(None).dt.normalize()
        ).dt.days.between(0, 180)
    )
    assert demo.cells("churned").set_index("churned")["n"][True] == left.sum()


def test_every_count_agrees_with_the_ledger(demo):
    used = demo.n_rows
    for by in (["country"], ["wave", "segment"], ["nps"], ["responded", "churned"], ["part"], []):
        assert demo.cells(by)["n"].sum() == used
    assert demo.ledger.rows_used == used
    for name in demo.metrics:
        answered = [entry.n for entry in demo.ledger.section(name) if entry.kind == "answered"]
        assert answered == [demo.n_answered(name)]
        assert demo.response_rate(name) == demo.n_answered(name) / demo.n_invited
    reasons = {entry.label: entry.n for entry in demo.ledger if entry.kind == "set aside"}
    assert {label.split(":")[1].strip() for label in reasons} >= {
        "staff and test accounts",
        "the same answer twice",
        "answered before being invited",
    }


def test_cells_have_the_promised_shape(demo):
    cells = demo.cells(["wave", "country", "nps", "churned", "responded", "part", "q1"])
    assert {name: str(dtype) for name, dtype in cells.dtypes.items()} == {
        "wave": "string",
        "country": "string",
        "nps": "Int64",
        "churned": "boolean",
        "responded": "boolean",
        "part": "Int64",
        "q1": "Int64",
        "n": "int64",
    }
    assert cells["wave"].drop_duplicates().tolist() == list(demo.wave_order) == ["2024 Q4", "2025 Q1"]
    pd.testing.assert_frame_equal(cells, demo.cells(list(cells.columns[:-1])))
    assert set(cells["part"]) <= set(range(64))


def test_the_matrix_is_aligned_with_the_cells(demo):
    by = ["wave", "responded", "nps"]
    cells, matrix = demo.cells(by), demo.cluster_matrix(by)
    assert matrix.shape == (len(cells), len(cells))
    np.testing.assert_allclose(matrix, matrix.T)
    people = demo.rows(["customer", *by])
    key = cells[by].astype(object).where(cells[by].notna(), None).apply(tuple, axis=1)
    place = {values: i for i, values in enumerate(key)}
    row = people[by].astype(object).where(people[by].notna(), None).apply(tuple, axis=1).map(place).to_numpy()
    who = pd.factorize(people["customer"])[0]
    from scipy import sparse

    falls = sparse.coo_array((np.ones(len(row)), (who, row)), shape=(who.max() + 1, len(cells))).tocsr()
    np.testing.assert_allclose(matrix, (falls.T @ falls).toarray())


def test_rows_for_what_counts_cannot_carry(demo):
    rows = demo.rows(["customer", "country", "nps", "value", "churned", "part"])
    assert len(rows) == demo.n_rows
    assert rows["value"].dtype == "Float64"
    assert rows["customer"].str.fullmatch("[0-9a-f]{32}").all()
    assert rows.groupby("customer")["part"].nunique().max() == 1
    np.testing.assert_allclose(rows["value"].astype(float).mean(), rows["value"].mean())


def test_no_raw_id_is_shown(demo, capsys):
    from cxstats.simulation import demo_company

    raw = set(demo_company().rows["customer_id"])
    print(demo, demo.ledger, demo._repr_html_(), demo.ledger._repr_html_(), check("demo"))
    assert not raw & set(capsys.readouterr().out.replace(",", " ").split())
    with pytest.raises(ValueError, match="no column"):
        demo.cells("_customer")
    with pytest.raises(ValueError, match="no column"):
        demo.rows("_customer")
    with pytest.raises(ValueError, match="no column"):
        demo.cells("customer")


def test_names_that_are_none(demo):
    with pytest.raises(ValueError, match='Did you mean "csat"'):
        demo.metric("cast")
    with pytest.raises(ValueError, match='Did you mean "country"'):
        demo.cells(["contry"])
    with pytest.raises(ValueError, match="asked for twice"):
        demo.cells(["nps", "nps"])
    with pytest.raises(ValueError, match="seed is for the demo"):
        cx.open_survey("survey.yml", seed=1)


def test_the_demo_of_another_seed():
    other = cx.open_survey("demo", seed=7)
    assert other.fingerprint != cx.open_survey("demo").fingerprint


def test_truth_is_for_the_simulated_only(folder):
    folder.file("data.csv", "ltr\n9\n")
    survey = folder.open()
    with pytest.raises(AttributeError, match="real data"):
        _ = survey.truth
    assert survey.n_invited is None
    assert survey.response_rate("nps") is None
    with pytest.raises(ValueError, match="say customer: in the description"):
        survey.cells("part")


# ------------------------------------------------------------------ pseudonyms


def test_the_engines_pseudonym_is_hmac_sha256(folder, monkeypatch):
    monkeypatch.setenv("CXSTATS_KEY", "schlüssel")
    ids = ["1", "00123", "ü中", "x" * 200]
    folder.file("data.csv", "id,ltr\n" + "".join(f"{i},{n}\n" for n, i in enumerate(ids)))
    rows = folder.open("customer: id\n").rows(["nps", "customer", "part"])
    for i, (score, name, part) in enumerate(rows.itertuples(index=False)):
        assert score == i
        assert name == hmac.new("schlüssel".encode(), ids[i].encode(), hashlib.sha256).hexdigest()[:32]
        assert name == pseudonym.pseudonym(ids[i])
        assert part == pseudonym.part(ids[i])


@pytest.mark.parametrize("key", ["a" * 64, "a" * 65, "k"])
def test_keys_of_any_length(folder, monkeypatch, key):
    monkeypatch.setenv("CXSTATS_KEY", key)
    folder.file("data.csv", "id,ltr\n42,9\n")
    rows = folder.open("customer: id\n").rows(["customer", "part"])
    assert rows["customer"][0] == hmac.new(key.encode(), b"42", hashlib.sha256).hexdigest()[:32]
    assert rows["part"][0] == pseudonym.part("42")


def test_without_a_key_pseudonyms_change_from_process_to_process_and_parts_do_not(folder, monkeypatch):
    import os

    folder.file("data.csv", "id,ltr\n" + "".join(f"{i},9\n" for i in range(50)))
    path = folder.describe("customer: id\n")
    code = (
        f"import cxstats as cx; r = cx.open_survey({str(path)!r}).rows(['customer', 'part'])\n"
        "print(r.customer[0], r.part.tolist())"
    )
    env = {k: v for k, v in os.environ.items() if k != "CXSTATS_KEY"}

    def said():
        text = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, check=True, text=True
        ).stdout
        return text.split(" ", 1)

    (first, parts), (second, again) = said(), said()
    assert first != second
    assert parts == again


def test_parts_are_even(demo):
    n = demo.cells("part")["n"].to_numpy()
    assert len(n) == 64
    # chi-square on 63 degrees of freedom; customers in two waves fall in the same part, so somewhat more than 63
    assert ((n - n.mean()) ** 2 / n.mean()).sum() < 63 + 5 * np.sqrt(2 * 63)


# ------------------------------------------------------------------ the ledger and the check


def test_a_ledger_that_does_not_add_up_cannot_be_made():
    lines = (LedgerLine("Read", 10, "read", "responses", 10), LedgerLine("Used", 8, "used", "responses", 10))
    with pytest.raises(RuntimeError, match="of 10 rows in responses, 8 are accounted for"):
        Ledger(lines)


def test_the_ledger_of_one_metric(demo):
    ledger = demo.ledger.of("csat")
    assert {entry.section for entry in ledger} == {"responses", "csat"}
    assert ledger.rows_read == demo.ledger.rows_read
    assert ledger.section("csat") == demo.ledger.section("csat")


def test_the_ledger_as_table_and_page(folder):
    folder.file("data.csv", "ltr\n9\n<b>\n")
    ledger = folder.open(scores='scores: {nps: {column: ltr, missing: ["<b>"]}}\n').ledger
    frame = ledger.to_frame()
    assert frame.columns.tolist() == ["section", "label", "kind", "n", "share_of_read"]
    assert "&lt;b&gt;" in ledger._repr_html_()
    assert "<b>" not in ledger._repr_html_()


def test_the_check_shows_what_was_read(demo):
    report = check("demo")
    assert report.ok
    assert report.ledger is not None
    for words in [
        "Contoso relationship survey",
        "period: ",
        "What became of every row",
        "Net promoter score (NPS)",
        "response rate",
        "██████",
        "No problems: this survey can be used.",
    ]:
        assert words in str(report)


def test_the_check_lists_every_problem(folder):
    folder.file("data.csv", "ltr,sat,w\n9,5,1\n8,80,0\n9\n")
    path = folder.describe(
        "weight: w\ngroups: {country: land}\n",
        scores="scores: {nps: {column: ltr}, csat: {column: sat, scale: 1-5}}\n",
    )
    report = check(path)
    assert not report.ok
    assert len(report.problems) == 4
    for problem in report.problems:
        assert problem.what in report.text
        assert problem.where


def test_the_check_of_what_is_no_survey(tmp_path):
    report = check(tmp_path / "survey.yml")
    assert not report.ok
    assert "there is no such file" in report.text


def test_markup_in_values_does_no_harm_to_the_check(folder):
    folder.file("data.csv", "ltr,seg\n9,<script>alert(1)</script>\n8,\x1b[31mred\n")
    report = check(folder.describe("groups: {seg: seg}\n"))
    assert report.ok
    assert "\x1b" not in report.text


# ------------------------------------------------------------------ the airport


def test_the_airport_by_hand(airport):
    survey = cx.open_survey(airport)
    # NETPRO: 10 872, 9 564, 8 677, 7 291, 0–6 342 of which 5 144; 11 (84) and blank (1) are no answers
    assert survey.counts("nps").tolist() == [17, 6, 8, 19, 18, 144, 130, 291, 677, 564, 872]
    assert survey.metric("nps").value(survey.counts("nps")) == pytest.approx(100 * (1436 - 342) / 2746)
    assert survey.counts("csat").tolist() == [6, 32, 444, 1507, 699]
    assert survey.counts("ces").tolist() == [34, 58, 341, 676, 1298]
    assert survey.counts("ces_find").tolist() == [16, 40, 337, 716, 1574]
    assert survey.ledger.rows_read == survey.n_rows == 2831
    assert line(survey, "coded as no answer (11)") == 84
    assert survey.cells("language")["n"].tolist() == [124, 2656, 5, 46]
    assert survey.cells([])["w"][0] == pytest.approx(2831, rel=1e-6)
    assert survey.cells("country")["country"].isna().sum() == 1
    assert survey.n_invited is None
    assert survey.period_text == "May 2017"
    assert not survey.repeats
    weighted = survey.cells("nps").dropna()
    worth = np.asarray(survey.metric("nps").values)
    assert worth @ weighted["w"] / weighted["w"].sum() == pytest.approx(39.8, abs=3)
    assert check(airport).ok


def test_the_airport_of_other_years_is_refused_by_name(airport, shared_data):
    shutil.copy(
        shared_data / "sfo_airport_2014_2017" / "sfo_2016.csv.gz", airport.parent / "data" / "sfo_2017.csv.gz"
    )
    with pytest.raises(SurveyError) as error:
        cx.open_survey(airport)
    text = str(error.value)
    assert 'there is no column "NETPRO"' in text
    assert 'there is no column "RESPNUM"' in text
    assert 'Did you mean "*RESPNUM"' in text

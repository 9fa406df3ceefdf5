"""The same survey from a database as from a file: the same cells, and nothing but counts is fetched.

PostgreSQL is started here (see ``databases.py``), or the scratch database in CXSTATS_TEST_POSTGRES is used; Spark runs
in this process. What is not installed skips with the word ABSENT.
"""

from __future__ import annotations

import hashlib
import hmac
import logging

import duckdb
import pandas as pd
import pytest
import yaml

from cxstats.simulation import demo_company
from cxstats.survey import SurveyError, open_survey
from cxstats.survey.pseudonym import HASHING

from .databases import postgres, spark

DAYS = {"churn_date": "date", "rebought_on": "date"}
FRAME = [
    "customer_id",
    "account",
    "sent_at",
    "wave",
    "country",
    "segment",
    "tenure",
    "channel",
    "tenure_months",
]
ANSWERS = ["customer_id", "wave", "answered_at", "ltr", "sat", "ease"]
OUTCOMES = ["customer_id", "churned", "churn_date"]
BY = (
    ["nps"], ["nps", "country", "wave"], ["responded", "segment"], ["csat", "churned"], ["nps", "part"],
    ["churned_days", "churned_observed_days"], ["repurchased", "repurchased_days"],
    ["days_to_answer", "invited_weekday", "invited_hour"], ["observed_days", "delivered", "opened", "completed"],
    ["q1", "q6", "reminders"],
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """A tenth of the demo company, with everything that is odd in it: tests, repeats, answers too early."""
    rows = demo_company().rows
    rows = rows[rows["customer_id"].str.endswith("3")]
    # a repeat that is not the same row: the fuller one counts
    again = rows[rows["ltr"].notna() & rows["sat"].notna()].head(3).assign(sat=None)
    return pd.concat([rows, again], ignore_index=True)


@pytest.fixture(scope="module")
def split(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The same people as a frame, answers (some of strangers) and outcomes in tables of their own."""
    answers = rows.loc[rows["answered_at"].notna(), ANSWERS]
    stranger = answers.head(2).assign(customer_id=["nobody-1", "nobody-2"])
    late = answers.iloc[[5]].assign(
        answered_at=answers["answered_at"].iloc[5] + pd.Timedelta(days=9), ltr="0"
    )
    people = rows[FRAME].drop_duplicates(["customer_id", "wave"])
    outcomes = rows[OUTCOMES].drop_duplicates("customer_id").iloc[20:]
    return {
        "frame": people.reset_index(drop=True),
        "answers": pd.concat([answers, stranger, late], ignore_index=True),
        "outcomes": outcomes.reset_index(drop=True),
    }


@pytest.fixture(scope="module")
def server(rows, split):
    with postgres() as server:
        server.load("cx_test_answers", rows, **DAYS)
        for name, table in split.items():
            server.load(f"cx_test_{name}_alone", table, **DAYS)
        yield server
        with server.connect() as connection:
            for table in ("answers", *(f"{name}_alone" for name in split)):
                connection.execute(f"drop table if exists cx_test_{table}")


def described(folder, *drop: str, **changes) -> str:
    description = {k: v for k, v in demo_company().description.items() if k not in drop} | {"name": "there"}
    path = folder / f"survey-{len(list(folder.iterdir()))}.yml"
    path.write_text(
        yaml.safe_dump(description | changes, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    return str(path)


@pytest.fixture(scope="module")
def here(rows, tmp_path_factory):
    """The survey from a CSV file, read row by row on this machine."""
    folder = tmp_path_factory.mktemp("here")
    rows.to_csv(folder / "answers.csv", index=False)
    return open_survey(described(folder, responses={"file": "answers.csv"}))


@pytest.fixture
def there(server, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    return open_survey(described(tmp_path, responses={"table": "cx_test_answers", "url_env": "CX_DB"}))


def same_cells(one, other, bys=BY) -> None:
    for by in bys:
        pd.testing.assert_frame_equal(one.cells(by=by), other.cells(by=by))
    assert [(line.kind, line.section, line.n) for line in one.ledger] == [
        (line.kind, line.section, line.n) for line in other.ledger
    ]
    assert (one.repeats, one.n_customers(), one.data_as_of) == (
        other.repeats,
        other.n_customers(),
        other.data_as_of,
    )


# ---------------------------------------------------------------------------------------- PostgreSQL


def test_every_count_is_the_same_and_only_counts_are_fetched(there, here, server, rows):
    server.fetched()
    same_cells(there, here)
    assert (there.cluster_matrix(by=["nps", "wave"]) == here.cluster_matrix(by=["nps", "wave"])).all()
    assert there.repeats
    statements = server.fetched()
    if statements is not None:
        largest = max(len(here.cells(by)) for by in BY)
        assert largest < len(rows) / 4
        assert len(statements) > 20  # the log was looked at
        assert max(n for _, n in statements) <= largest
    # nothing was copied into the engine on this machine
    assert there._engine.duck.sql("show tables").fetchall() == []


def test_no_row_is_handed_out(there):
    assert not there.has_rows
    with pytest.raises(SurveyError, match=r"stay in the database[\s\S]*copy_rows: true"):
        there.rows(["nps", "customer"])


def test_a_study_of_single_customers_says_what_is_missing():
    from cxstats.studies.requirements import missing
    from cxstats.survey import parse_description

    demo = demo_company().description
    table = {"table": "t", "url_env": "CX_DB"}
    stay, copied = (
        parse_description(dict(demo) | {"responses": table | more}) for more in ({}, {"copy_rows": "true"})
    )
    lack = missing(stay, "predictive_validity")
    assert "stay in the database" in lack.why
    assert "copy_rows: true" in lack.cure
    assert missing(copied, "predictive_validity") is None
    assert missing(stay, "sample_size") is None


def test_rows_are_copied_where_that_is_asked_for(server, here, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    source = {"table": "cx_test_answers", "url_env": "CX_DB", "copy_rows": True}
    copied = open_survey(described(tmp_path, responses=source))
    assert copied.has_rows
    same_cells(copied, here, BY[:2])
    assert len(copied.rows(["nps", "customer"])) == copied.n_rows


def test_frame_and_outcomes_in_tables_of_their_own(server, split, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    drop = ("stages", "instruments", "items", "value", "behaviour", "groups", "outcomes")
    common = {
        "groups": {name: {"column": name} for name in ("country", "segment")},
        "behaviour": {"tenure_months": {"column": "tenure_months"}},
        "outcomes": {"churned": {"column": "churned", "event": "1", "on": "churn_date", "window_days": 180}},
    }
    tables, files = {}, {}
    for role, name in (("responses", "answers"), ("frame", "frame"), ("outcomes_from", "outcomes")):
        key = {} if role == "responses" else {"key": "customer_id"}
        tables[role] = {"table": f"cx_test_{name}_alone", "url_env": "CX_DB"} | key
        split[name].to_csv(tmp_path / f"{name}.csv", index=False)
        files[role] = {"file": f"{name}.csv"} | key
    database = open_survey(described(tmp_path, *drop, **common, **tables))
    read = open_survey(described(tmp_path, *drop, **common, **files))
    bys = [["nps", "country"], ["responded", "wave"], ["nps", "churned"], ["churned_days"], ["csat", "part"]]
    same_cells(database, read, bys)
    told = {line.label for line in database.ledger}
    assert any(label.startswith("Not matched") for label in told)
    assert any("answered again" in label for label in told)


def test_what_needs_no_rows_is_counted_in_the_database(server, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    kept = ("title", "scores", "groups")
    drop = [key for key in demo_company().description if key not in kept]
    source = {"table": "cx_test_answers", "url_env": "CX_DB"}
    cells = open_survey(described(tmp_path, *drop, responses=source)).cells(by=["nps", "country"])
    assert cells["n"].sum() == len(rows)
    assert cells.loc[cells["nps"] == 10, "n"].sum() == (rows["ltr"] == "10").sum()


def test_two_different_answers_at_one_time_are_refused(server, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    odd = rows[rows["ltr"].isin(["9"])].head(1)
    server.load("cx_test_odd", pd.concat([odd, odd.assign(ltr="0")]), **DAYS)
    drop = ("outcomes", "set_aside", "period", "instruments", "stages", "items")
    survey = open_survey(described(tmp_path, *drop, responses={"table": "cx_test_odd", "url_env": "CX_DB"}))
    with pytest.raises(SurveyError, match="1 customer has two different answers at one time"):
        survey.counts("nps")
    with server.connect() as connection:
        connection.execute("drop table cx_test_odd")


def test_texts_that_are_dates_are_refused_with_a_cure(server, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    server.load("cx_test_texts", rows.head(5))
    survey = open_survey(described(tmp_path, responses={"table": "cx_test_texts", "url_env": "CX_DB"}))
    with pytest.raises(SurveyError) as error:
        survey.counts("nps")
    assert "column churn_date holds string, not dates" in str(error.value)
    assert "cast(churn_date as date)" in str(error.value)
    assert "copy_rows: true" in str(error.value)
    with server.connect() as connection:
        connection.execute("drop table cx_test_texts")


def test_a_frame_in_a_file_is_refused(server, split, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    split["frame"].to_csv(tmp_path / "frame.csv", index=False)
    survey = open_survey(
        described(
            tmp_path,
            responses={"table": "cx_test_answers", "url_env": "CX_DB"},
            frame={"file": "frame.csv", "key": "customer_id"},
        )
    )
    with pytest.raises(SurveyError, match="all of them must lie in the same one; frame: names a file"):
        survey.counts("nps")


def test_a_table_that_is_not_there(server, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", server.address)
    with pytest.raises(SurveyError, match='Did you mean "cx_test_answers"'):
        open_survey(described(tmp_path, responses={"table": "cx_test_answer", "url_env": "CX_DB"}))


def test_the_password_is_shown_nowhere(server, there, tmp_path, monkeypatch, capfd, caplog):
    if not server.password:
        pytest.skip("the scratch database's password is not known here")
    caplog.set_level(logging.DEBUG)
    said = [repr(there), str(there.ledger), str(there.notes), there._repr_html_(), there.description.text()]
    said += [str(vars(reader)) for reader in there.readers.values()]
    source = {"table": "cx_test_answers", "url_env": "CX_WRONG"}
    for wrong in (
        server.address.replace("@", "-not-it@", 1),
        server.address.replace("/postgres?", "/nowhere?"),
        server.address.replace("postgresql", "postgrsql", 1),
    ):
        monkeypatch.setenv("CX_WRONG", wrong)
        with pytest.raises(SurveyError) as error:
            open_survey(described(tmp_path, responses=source))
        said += [str(error.value), repr(error.value.__context__), repr(error.value.__cause__)]
    with server.connect() as connection:  # and when the server goes away in the middle of a count
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        )
    with pytest.raises(SurveyError, match="cannot be counted") as error:
        there.cells("ces")
    said.append(str(error.value))
    printed = capfd.readouterr()
    said += [printed.out, printed.err, caplog.text]
    assert not any(server.password in text for text in said)


# --------------------------------------------------------------------------------------------- parts


def test_parts_are_those_of_this_machine(monkeypatch):
    """RFC 2104 spelled out in a database's own functions (DuckDB's here) against Python's hmac."""
    import ibis

    from cxstats.survey.pseudonym import part, part_in_place

    ids = ["1", "000123", "Zoë", "a" * 200, "客户"]
    for key in ("", "a key", "k" * 100):
        monkeypatch.setenv("CXSTATS_KEY", key)
        table = ibis.memtable({"id": ids})
        found = table.select(part=part_in_place(table["id"], "duckdb")).to_pyarrow()["part"].to_pylist()
        assert found == [part(one) for one in ids]
        derived = hmac.digest(key.encode(), b"cxstats part", "sha256") if key else b"cxstats part"
        assert found == [hmac.new(derived, i.encode(), hashlib.sha256).digest()[0] % 64 for i in ids]


@pytest.mark.parametrize("engine", sorted(HASHING))
def test_parts_can_be_asked_of_every_database(engine):
    import ibis

    from cxstats.survey.pseudonym import part_in_place

    table = ibis.table({"id": "string"}, name="people")
    sql = ibis.to_sql(table.select(part=part_in_place(table["id"], engine)), dialect=engine)
    assert "sha2" in sql.lower()


# --------------------------------------------------------------------------------------- large files


def parquet(rows: pd.DataFrame, path) -> None:
    days = {name: pd.to_datetime(rows[name]).dt.date for name in DAYS if name in rows}
    rows.assign(**days).to_parquet(path, index=False)


@pytest.fixture
def in_place(monkeypatch):
    """Files of a thousand rows are large."""
    monkeypatch.setattr("cxstats.survey.rows.IN_PLACE_ROWS", 1_000)


@pytest.mark.parametrize("kind", ["parquet", "duckdb"])
def test_large_files_with_ids_are_judged_where_they_lie(in_place, rows, here, tmp_path, kind):
    parquet(rows, tmp_path / "answers.parquet")
    source = {"file": "answers.parquet"}
    if kind == "duckdb":
        with duckdb.connect(str(tmp_path / "answers.duckdb")) as file:
            file.execute(f"create table answers as from '{tmp_path / 'answers.parquet'}'")
        source = {"file": "answers.duckdb", "table": "answers"}
    there = open_survey(described(tmp_path, responses=source))
    same_cells(there, here)
    assert (there.cluster_matrix(by=["nps", "wave"]) == here.cluster_matrix(by=["nps", "wave"])).all()
    assert there._rows.in_place
    assert not here._rows.in_place
    assert not there.rows(["nps", "customer"])["customer"].isin(rows["customer_id"]).any()  # pseudonyms alone


def test_large_files_of_people_answers_and_outcomes_are_joined_where_they_lie(in_place, split, tmp_path):
    drop = ("stages", "instruments", "items", "value", "behaviour", "groups", "outcomes")
    common = {
        "groups": {name: {"column": name} for name in ("country", "segment")},
        "outcomes": {"churned": {"column": "churned", "event": "1", "on": "churn_date", "window_days": 180}},
    }
    large, small = {}, {}
    for role, name in (("responses", "answers"), ("frame", "frame"), ("outcomes_from", "outcomes")):
        key = {} if role == "responses" else {"key": "customer_id"}
        parquet(split[name], tmp_path / f"{name}.parquet")
        split[name].to_csv(tmp_path / f"{name}.csv", index=False)
        large[role], small[role] = {"file": f"{name}.parquet"} | key, {"file": f"{name}.csv"} | key
    there, read = (open_survey(described(tmp_path, *drop, **common, **files)) for files in (large, small))
    bys = [["nps", "country"], ["responded", "wave"], ["nps", "churned"], ["churned_days"], ["csat", "part"]]
    same_cells(there, read, bys)
    assert there._rows.in_place


# --------------------------------------------------------------------------------------------- Spark


@pytest.fixture(scope="module")
def session(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spark")
    with spark(folder) as session:
        days = {name: pd.to_datetime(rows[name]).dt.date for name in DAYS}
        rows.assign(**days).to_parquet(folder / "answers.parquet", index=False)
        session.read.parquet(str(folder / "answers.parquet")).createOrReplaceTempView("cx_test_answers")
        yield session


# pyspark 4.0 calls pandas in a way that pandas 4 retires, and leaves its sockets to the garbage collector
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_count_is_the_same_in_spark(session, here, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_SPARK", "pyspark://")
    source = {"table": "cx_test_answers", "url_env": "CX_SPARK"}
    there = open_survey(described(tmp_path, responses=source))
    same_cells(there, here, BY[1:7:2])
    matrices = [survey.cluster_matrix(by=["nps", "wave"]) for survey in (there, here)]
    assert (matrices[0] == matrices[1]).all()

"""The same survey from a real PostgreSQL as from the rows themselves.

Needs a scratch database and its driver (``pip install 'cxstats[warehouse]'``): set CXSTATS_TEST_POSTGRES to
its address, such as postgresql://user:password@localhost/scratch. The tables cx_test_* are made and dropped.
"""

from __future__ import annotations

import os

import pandas as pd
import pytest
import yaml

from cxstats.simulation import demo_company
from cxstats.survey import SurveyError, open_survey

ADDRESS = os.environ.get("CXSTATS_TEST_POSTGRES")
pytestmark = pytest.mark.skipif(
    not ADDRESS, reason="no database to test with: CXSTATS_TEST_POSTGRES is not set (see the top of the file)"
)

KINDS = {"int64": "bigint", "float64": "double precision", "datetime64[us, UTC]": "timestamptz"}


@pytest.fixture(scope="module")
def tables():
    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    rows = demo_company().rows
    kinds = ", ".join(f'"{name}" {KINDS.get(str(kind), "text")}' for name, kind in rows.dtypes.items())
    with psycopg.connect(ADDRESS) as connection:
        connection.execute("drop table if exists cx_test_answers")
        connection.execute(f"create table cx_test_answers ({kinds})")
        with connection.cursor().copy("copy cx_test_answers from stdin (format csv)") as copy:
            copy.write(rows.to_csv(index=False, header=False))
    yield
    with psycopg.connect(ADDRESS) as connection:
        connection.execute("drop table cx_test_answers")


@pytest.fixture
def opened(tables, tmp_path, monkeypatch):
    monkeypatch.setenv("CX_DB", ADDRESS)

    def made(keep=lambda key: True, **changes):
        description = {k: v for k, v in demo_company().description.items() if keep(k)} | {"name": "there"}
        description["responses"] = {"table": "cx_test_answers", "url_env": "CX_DB"} | changes
        path = tmp_path / "survey.yml"
        path.write_text(yaml.safe_dump(description, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return open_survey(path)

    return made


BY = (["nps"], ["nps", "country", "wave"], ["responded", "segment"], ["csat", "churned"], ["nps", "part"])


def test_every_count_is_the_same(opened):
    there, here = opened(), open_survey("demo")
    for by in BY:
        pd.testing.assert_frame_equal(there.cells(by=by), here.cells(by=by))
    assert (there.cluster_matrix(by=["nps", "wave"]) == here.cluster_matrix(by=["nps", "wave"])).all()
    assert [(line.kind, line.n) for line in there.ledger] == [(line.kind, line.n) for line in here.ledger]


def test_what_needs_no_rows_is_counted_in_the_database(opened):
    # no dates and no customers: nothing has to be judged row by row
    survey = opened(keep=lambda key: key in ("title", "scores", "groups"))
    cells = survey.cells(by=["nps", "country"])
    rows = demo_company().rows
    assert cells["n"].sum() == len(rows)
    assert cells.loc[cells["nps"] == 10, "n"].sum() == (rows["ltr"] == "10").sum()
    assert "answers" not in str(survey._engine.duck.sql("show tables").fetchall())


def test_a_table_that_is_not_there(opened):
    with pytest.raises(SurveyError, match='Did you mean "cx_test_answers"'):
        opened(table="cx_test_answer")


def test_a_wrong_password_is_not_shown(opened, monkeypatch):
    opened()
    wrong = ADDRESS.replace("@", "not-it-hunter2@", 1)
    monkeypatch.setenv("CX_WRONG", wrong)
    with pytest.raises(SurveyError) as error:
        opened(url_env="CX_WRONG")
    assert "cannot be opened" in str(error.value)
    assert "hunter2" not in str(error.value)

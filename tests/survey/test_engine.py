"""The engine's private folder."""

import os
import stat

import pytest

from cxstats.survey import engine as module
from cxstats.survey.engine import Engine


def test_nothing_is_left_behind(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    folder.file("data.csv", 'ltr,seg\r\n9,Größe\r\n8,"a\nb"\n'.encode("utf-16"))
    survey = folder.open("groups: {seg: seg}\n", responses="{file: data.csv, encoding: utf-16}")
    assert set(survey.cells("seg")["seg"]) == {"Größe", "a\nb"}
    assert not list((tmp_path / "tmp").rglob("*.csv"))
    del survey
    import gc

    gc.collect()
    assert [p.name for p in (tmp_path / "tmp").rglob("copies-*")] == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owners on this system")
def test_the_folder_is_private(monkeypatch, tmp_path):
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    shared = tmp_path / f"cxstats-{os.getuid()}"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    # one that others can write to is not trusted
    engine = Engine()
    mine = engine.folder
    assert shared not in mine.parents
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700


def test_a_long_query_draws_no_bar_into_pipes_and_logs():
    # DuckDB's own: after two seconds, on standard output, whatever that is
    assert Engine().run("SELECT current_setting('enable_progress_bar')") == [(False,)]


def test_what_does_not_fit_in_memory_is_spilled_and_cleaned_up(monkeypatch, tmp_path):
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    engine = Engine()
    engine.run("SET memory_limit = '60MB'")
    engine.run("SET threads = 1")
    engine.run("CREATE TEMP TABLE t AS SELECT hash(i) AS h, hash(i + 1) AS g FROM range(5000000) r(i)")
    assert engine.one("SELECT count(*) FROM t") == 5_000_000
    assert any(tmp_path.rglob("spill-*"))
    engine.run("DROP TABLE t")
    engine.duck.close()
    assert not any(p for p in tmp_path.rglob("*") if p.is_file())

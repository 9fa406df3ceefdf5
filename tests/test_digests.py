"""Digests of data files: of every byte, read once in a run."""

from __future__ import annotations

import hashlib
import os

import pytest

from cxstats import digests


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A large file as it lay there an hour ago, and how often it was read."""
    monkeypatch.setattr(digests, "LARGE", 10)
    path = tmp_path / "answers.parquet"
    path.write_bytes(b"some answers" * 100)
    os.utime(path, (1.7e9, 1.7e9))
    reads = []
    monkeypatch.setattr(digests, "_digest", lambda p, was=digests._digest: reads.append(p) or was(p))
    return path, reads


def test_a_digest_is_that_of_the_bytes(file):
    path, _ = file
    assert digests.file_digest(path) == hashlib.blake2b(path.read_bytes(), digest_size=32).digest()
    with pytest.raises(FileNotFoundError):
        digests.file_digest(path.with_name("nothing"))


def test_reports_of_one_run_read_a_file_once(file, tmp_path, monkeypatch):
    path, reads = file
    alone = digests.file_digest(path)
    assert (digests.file_digest(path), len(reads)) == (alone, 2)  # no run, nothing shared
    monkeypatch.setenv(digests.SHARED, str(tmp_path / "run" / "counts"))
    assert [digests.file_digest(path) for _ in range(3)] == [alone] * 3
    assert len(reads) == 3
    path.write_bytes(b"other answer" * 100)  # of the same size
    os.utime(path, (1.7e9, 1.7e9 + 1))
    assert digests.file_digest(path) != alone


@pytest.mark.parametrize("why", ["small", "changed just now"])
def test_what_may_change_unseen_or_is_small_is_read_each_time(file, tmp_path, monkeypatch, why):
    path, reads = file
    monkeypatch.setenv(digests.SHARED, str(tmp_path / "counts"))
    if why == "small":
        monkeypatch.setattr(digests, "LARGE", 1 << 20)
    else:
        os.utime(path)
    digests.file_digest(path), digests.file_digest(path)
    assert len(reads) == 2

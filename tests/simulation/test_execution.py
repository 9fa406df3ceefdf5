"""Work over many companies: processes here, a cluster where there is one."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from cxstats.simulation import Model, company_counts, executor


def test_processes_do_the_work():
    with executor(workers=1) as pool:
        done = pool.submit(company_counts, Model(repeat_share=0), 2, 100, seed=1).result(timeout=120)
    assert (done.answers == company_counts(Model(repeat_share=0), 2, 100, seed=1).answers).all()


def test_a_cluster_gives_its_own_executor(monkeypatch):
    class Client:
        def __init__(self, address):
            self.address = address

        def get_executor(self):
            return ("executor of", self.address)

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Client))
    assert executor("tcp://scheduler:8786") == ("executor of", "tcp://scheduler:8786")


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"cxstats\[distributed\]"):
        executor("tcp://scheduler:8786")


def test_what_is_refused():
    with pytest.raises(ValueError, match="1 or more"):
        executor(workers=0)
    with pytest.raises(ValueError, match="a cluster has its own"):
        executor("tcp://scheduler:8786", workers=2)

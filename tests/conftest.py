"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# As in a report's own process (cxstats.reporting.kernel): one thread of linear algebra, before numpy is imported.
# Two workers with a thread per core each wait for one another most of the time.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parents[1]
LONG = ("tests/test_notebooks.py", "tests/studies/", "tests/reporting/")
"""Files that take longest, which start first: a long one that starts last keeps one worker busy alone."""


def pytest_configure() -> None:
    """Jupyter's libraries without the grammar of addresses that takes them seconds, as the package loads them."""
    from cxstats.reporting.execute import quick_imports

    with quick_imports():
        import nbformat  # noqa: F401


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which may be absent or switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """With ``-n`` and no ``--dist``, a file stays with one worker: what its tests share is made once, not on each."""
    if config.getvalue("dist") not in ("load", "loadfile"):
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # by the number of tests, which says little about the time
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order within a file stays."""
    place = {start: i for i, start in enumerate(LONG)}
    items.sort(
        key=lambda item: next((i for start, i in place.items() if item.nodeid.startswith(start)), len(LONG))
    )


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the public data sets that are not committed; tests on them skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            "PUBLIC DATA ABSENT: this test needs the public data sets beside the project "
            "(examples/ says where each comes from); it did not run"
        )
    return folder

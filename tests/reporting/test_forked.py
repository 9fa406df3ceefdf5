"""The fork server: safe to fork, the same outputs as an ordinary kernel, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxstats.reporting import forkserver
from cxstats.reporting.execute import Executed, ExecutionFailed, execute
from cxstats.reporting.forked import ForkServer, Gone, available
from cxstats.reporting.kernel import environment

from .conftest import write_notebook

pytestmark = pytest.mark.skipif(not available(), reason="notebooks are forked on Linux only")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """With every library that reports use, as in production."""
    with tempfile.TemporaryDirectory() as folder, ForkServer(environment(Path(folder))) as one:
        yield one


@pytest.fixture
def small() -> Iterator[ForkServer]:
    """One of its own for a test that ends it, with no more than a kernel needs."""
    with tempfile.TemporaryDirectory() as folder:
        one = ForkServer(environment(Path(folder)), forkserver.BASE)
        yield one
        one.close()


def _run(folder: Path, server: ForkServer | None, *sources: str, **parameters: Any) -> Executed:
    folder.mkdir()
    path = write_notebook(folder / "n.ipynb", *map(textwrap.dedent, sources), parameters="n: int = 1")
    return execute(path, parameters, folder, server=server)


def _outputs(done: Executed) -> list[Any]:
    return json.loads(json.dumps([cell.get("outputs", []) for cell in done.notebook.cells]))


_RICH = (
    "print('n is', n, type(n)); import sys; print('to stderr', file=sys.stderr)",
    "import os; os.system('echo from a shell') and None; print(os.environ['MPLBACKEND'])",
    "print([a for a in sys.argv if '/' not in a], sys.path[0] != '', __name__, '__file__' in globals())",
    "'a last expression', hash('text'), {*'abc'}",
    """
    import matplotlib.pyplot as plt
    plt.plot([1, 2, 3], [3, 1, 2]); plt.title('drawn by pyplot')
    None
    """,
    """
    import numpy as np, pandas as pd, seaborn as sns
    frame = pd.DataFrame({'g': list('aabb'), 'y': [1.0, 2, 3, 5]})
    sns.boxplot(data=frame, x='g', y='y'); plt.show()
    frame
    """,
    "%matplotlib inline\nfig, ax = plt.subplots(); ax.bar(['x', 'y'], [1, 2]); None",
    "import duckdb; duckdb.sql('select g, sum(y) as s from frame group by g order by g').df()",
    "import statsmodels.formula.api as smf; print(smf.ols('y ~ g', frame).fit().params.round(6))",
    "import ibis; ibis.memtable(frame).y.mean().execute()",
    "np.random.default_rng(1).normal(size=3).round(6), len({np.random.rand() for _ in range(3)})",
    "import warnings; warnings.warn('beware', stacklevel=1)",
    "from IPython.display import HTML, Markdown, display; display(HTML('<b>x</b>'), Markdown('*y*'))",
    "import logging; logging.getLogger('somewhere').warning('logged')",
    """
    import cxstats as cx
    print(cx.estimate(np.array([10, 20, 70]), cx.NPS))
    """,
    """
    import subprocess, sys
    print(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout)
    """,
    """
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    import multiprocessing, math
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
        print(pool.submit(math.sqrt, 16).result())
    with ThreadPoolExecutor(2) as pool:
        print(list(pool.map(abs, [-1, -2])))
    """,
)


def test_a_forked_notebook_shows_what_an_ordinary_one_shows(server, tmp_path: Path) -> None:
    forked = _outputs(_run(tmp_path / "forked", server, *_RICH, n=3))
    ordinary = _outputs(_run(tmp_path / "ordinary", None, *_RICH, n=3))
    named = dict(zip((source[:40] for source in ("parameters", "injected", *_RICH)), forked, strict=True))
    for (source, mine), theirs in zip(named.items(), ordinary, strict=True):
        assert _comparable(mine) == _comparable(theirs), source
    images = [out for outs in forked for out in outs if "image/png" in out.get("data", {})]
    assert len(images) == 3  # none has vanished


def _comparable(outputs: list[Any]) -> Any:
    """Without what differs between two runs of one engine: process ids, and how a stream came in pieces."""
    streams: dict[str, str] = {}
    rest = []
    for output in outputs:
        if output["output_type"] == "stream":
            text = output["text"]
            text = "".join(line for line in text.splitlines(True) if "ipykernel_" not in line)
            streams[output["name"]] = streams.get(output["name"], "") + text
        else:
            rest.append(output)
    return streams, rest


def test_the_notebooks_libraries_are_there_before_it_asks(server, tmp_path: Path) -> None:
    done = _run(
        tmp_path / "run",
        server,
        """
        import sys
        before = set(sys.modules)
        import cxstats as cx, seaborn, statsmodels.api, duckdb, ibis
        cx.open_survey, cx.sample_size, cx.response_rate_bias, cx.extreme_response_bias, cx.predictive_validity
        print(sorted(name for name in set(sys.modules) - before if name.partition('.')[0] in
                     ('numpy', 'scipy', 'pandas', 'statsmodels', 'seaborn', 'ibis', 'duckdb', 'pyarrow', 'cxstats')))
        """,
    )
    assert _outputs(done)[1][0]["text"] == "[]\n"


def test_notebooks_draw_numbers_of_their_own_and_share_nothing(server, tmp_path: Path) -> None:
    draw = "import random, numpy as np; print(random.random(), np.random.rand())"
    stain = "import pandas as pd; pd.stained = True; pd.set_option('display.max_rows', 1)"
    first = _outputs(_run(tmp_path / "a", server, draw, stain))
    look = "import pandas as pd; print(hasattr(pd, 'stained'), pd.get_option('display.max_rows'))"
    second = _outputs(_run(tmp_path / "b", server, draw, look))
    assert first[1] != second[1]
    assert second[2][0]["text"] == "False 60\n"


def test_the_server_has_one_thread_and_no_file_open_that_a_notebook_could_inherit(
    server, tmp_path: Path
) -> None:
    done = _run(
        tmp_path / "run",
        server,
        """
        import os
        print(open(f'/proc/{os.getppid()}/status').read())
        """,
    )
    status = dict(line.split(":\t", 1) for line in _outputs(done)[1][0]["text"].splitlines() if ":\t" in line)
    assert status["Threads"] == "1"
    assert server.process is not None
    assert int(status["Pid"]) == server.process.pid


def test_a_process_with_a_thread_is_not_forked(tmp_path: Path) -> None:
    module = tmp_path / "modules" / "starts_a_thread.py"
    module.parent.mkdir()
    module.write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    surroundings = environment(tmp_path) | {"PYTHONPATH": str(module.parent)}
    with (
        ForkServer(surroundings, [*forkserver.BASE, "starts_a_thread"]) as server,
        open(tmp_path / "log", "wb") as log,
        pytest.raises(Gone, match="would not be safe: Python threads"),
    ):
        server.launch(["-f", "k.json"], folder=tmp_path, environment=surroundings, log=log)


def test_an_open_duckdb_would_be_noticed() -> None:
    import duckdb

    with duckdb.connect(config={"threads": 4}) as connection:
        connection.execute("select 1")
        assert "threads" in forkserver.not_alone()


_LEAVES = """
    import os, subprocess
    pids = [os.getpid(), subprocess.Popen(["sleep", "60"]).pid,
            subprocess.Popen(["sleep", "60"], start_new_session=True).pid]
    print(*pids)
    """


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def _soon(condition: Any, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_what_a_notebook_leaves_running_ends_with_it_or_with_the_server(small, tmp_path: Path) -> None:
    done = _run(tmp_path / "run", small, _LEAVES)
    kernel, child, deserter = map(int, _outputs(done)[1][0]["text"].split())
    assert _soon(lambda: not _alive(kernel) and not _alive(child))
    small.close()
    assert _soon(lambda: not _alive(deserter), 1)


def test_a_server_that_is_killed_takes_its_kernels_with_it(small, tmp_path: Path) -> None:
    kill = f"import os; os.kill(os.getppid(), {int(signal.SIGKILL)}); import time; time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(ExecutionFailed, match="out of memory is the likely cause"):
        _run(tmp_path / "run", small, kill)
    assert time.monotonic() - began < 30
    with pytest.raises(Gone), open(tmp_path / "log", "wb") as log:
        small.launch(["-f", "k.json"], folder=tmp_path, environment=os.environ, log=log)


def test_a_server_that_is_still_importing_is_not_waited_for(tmp_path: Path) -> None:
    module = tmp_path / "modules" / "takes_its_time.py"
    module.parent.mkdir()
    module.write_text("import time\ntime.sleep(60)", encoding="utf-8")
    surroundings = environment(tmp_path) | {"PYTHONPATH": str(module.parent)}
    server = ForkServer(surroundings, ["takes_its_time"])
    with open(tmp_path / "log", "wb") as log, pytest.raises(Gone, match="not ready"):
        server.launch(["-f", "k.json"], folder=tmp_path, environment=surroundings, log=log, seconds=0.5)
    assert server.process is not None
    server.close(patience=0.2)
    assert not _alive(server.process.pid)


def test_a_closed_server_that_never_started_is_no_trouble() -> None:
    server = ForkServer({})
    server.close()
    assert server.process is None

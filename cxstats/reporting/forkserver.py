"""The process that pays for imports once, and forks itself for every notebook.

``python -m cxstats.reporting.forkserver FD`` loads every library that reports use and then waits on the
socket FD. Each request makes a child that becomes an ordinary IPython kernel, in a session of its own;
papermill talks to it exactly as it does to a kernel started from nothing.

Forking is safe only from a process that holds nothing a child could inherit half of: so this one imports
and does nothing else (no query, no fit, no drawing, no connection), has no thread but its first, which it
verifies before every fork, and is ended with all its kernels when the socket's other end is closed, however
that came about. Linux only: macOS' own libraries do not survive a fork, Windows has none.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["BASE", "LARGEST_REQUEST", "LIBRARIES", "main"]

LARGEST_REQUEST = 200_000  # bytes

# What a kernel itself needs
BASE = (
    "cxstats.reporting.outstream",
    "IPython",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.subshell_manager",
    "pydoc",
    "pdb",
)

# What reports use, under the names that load all of it. The inline backend of matplotlib is not among
# them: it joins the shell that is there when it is loaded, and here there is none yet.
LIBRARIES = (
    *BASE,
    "pandas",
    "pandas.io.formats.html",
    "pandas.io.formats.style",
    "pyarrow.parquet",
    "duckdb",
    "ibis.backends.duckdb",
    "scipy.stats",
    "scipy.optimize",
    "scipy.interpolate",
    "statsmodels.api",
    "statsmodels.formula.api",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_agg",
    "seaborn",
    # loaded only once something is asked of them
    "ibis.backends.duckdb.converter",
    "ibis.expr.types.groupby",
    "ibis.formats.numpy",
    "ibis.formats.pandas",
    "ibis.formats.pyarrow",
    "pyarrow.pandas_compat",
    "scipy.optimize.elementwise",
    "concurrent.futures.process",
    "multiprocessing.connection",
)

_KILLED_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_ADOPTS_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER


def main() -> None:
    """Serve until the other end of the socket is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks for kernels
    _prctl(_ADOPTS_ORPHANS, 1)  # what a notebook starts and leaves behind can be found and ended
    _preload(sys.argv[2:] or [*LIBRARIES, *_rooms()])
    _Server(control).serve()
    os._exit(0)  # as in the children: nothing to tidy up, and no library to be asked


def _rooms() -> list[str]:
    """Every module of cxstats that a notebook may come to use."""
    import cxstats

    above = ("cxstats.cli", "cxstats.reporting", "cxstats._")
    found = pkgutil.walk_packages(cxstats.__path__, "cxstats.")
    return [module.name for module in found if not module.name.startswith(above)]


def _preload(modules: list[str]) -> None:
    """Import and nothing else; what cannot be imported is left for the notebook that needs it to complain of."""
    gc.disable()  # nothing imported is garbage: looking for some takes a tenth of the time
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not this run's business: a notebook gets its own
        for name in modules:
            try:
                importlib.import_module(name)
            except Exception:
                traceback.print_exc()
    gc.collect()
    gc.freeze()  # children share these pages as long as nobody writes to them
    gc.enable()


class _Server:
    """The waiting process: one kernel a request, each with a channel of its own to whoever asked."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.channels: dict[int, socket.socket] = {}  # by the kernel's process id
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ)
        self.woken, self.wake = os.pipe()
        for end in (self.woken, self.wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)
        self.selector.register(self.woken, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the control socket is closed; then nothing that was started here goes on."""
        try:
            while self._turn():
                pass
        finally:
            for pid in self.channels:
                _kill_group(pid)
            _end_children()

    def _turn(self) -> bool:
        for key, _ in self.selector.select():
            if key.fileobj == self.control:
                if not self._request():
                    return False
            elif key.fileobj == self.woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.woken, 4096)
                self._reap()
            else:
                self._order(key.data)
        return True

    def _request(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self.control, LARGEST_REQUEST, 2)
        except ConnectionResetError:
            return False
        if not data:
            return False
        channel, log = socket.socket(fileno=fds[0]), fds[1]
        try:
            if reason := not_alone():
                _tell(channel, {"error": f"forking would not be safe: {reason}"})
                channel.close()
                return True
            sys.stdout.flush()
            sys.stderr.flush()
            here = os.getpid()
            pid = os.fork()
            if pid == 0:
                channel.close()
                self._become_kernel(json.loads(data), log, here)
            self.channels[pid] = channel
            self.selector.register(channel, selectors.EVENT_READ, data=pid)
            _tell(channel, {"pid": pid})
        finally:
            os.close(log)
        return True

    def _order(self, pid: int) -> None:
        """A signal for a kernel and all it started; or its owner is gone, and so must it be."""
        channel = self.channels.get(pid)
        if channel is None:
            return
        try:
            data = channel.recv(4096)
        except OSError:
            data = b""
        if data:
            _kill_group(pid, json.loads(data)["signal"])
        else:
            _kill_group(pid)
            self.selector.unregister(channel)

    def _reap(self) -> None:
        while True:
            try:
                # looked at first and only then reaped: while it is there its number is nobody else's
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            channel = self.channels.pop(pid, None)
            if channel is not None:
                _kill_group(pid)  # what it started goes with it
            _, status = os.waitpid(pid, 0)
            if channel is not None:
                _tell(channel, {"exit": os.waitstatus_to_exitcode(status)})
                with contextlib.suppress(KeyError, ValueError):
                    self.selector.unregister(channel)
                channel.close()

    def _become_kernel(self, request: dict[str, Any], log: int, parent: int) -> NoReturn:
        """From here on this is the notebook's own process; it never returns into the server."""
        try:
            os.setsid()
            _prctl(_KILLED_WITH_PARENT, signal.SIGKILL)
            if os.getppid() != parent:  # it ended before it could take this one with it
                os._exit(1)
            signal.set_wakeup_fd(-1)
            self.selector.close()
            for channel in (*self.channels.values(), self.control):
                channel.close()
            os.close(self.woken)
            os.close(self.wake)
            _redirect(log)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _expendable()
            for name, value in request["environment"].items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            os.chdir(request["folder"])
            _draw_anew()
            _kernel(request["arguments"], parent)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        # nothing imported before the fork may clean up here what it did not make here
        os._exit(0)


def _kernel(arguments: list[str], parent: int) -> None:
    """What ``python -m ipykernel_launcher`` does."""
    from ipykernel import kernelapp

    launcher = Path(kernelapp.__file__).parents[1] / "ipykernel_launcher.py"
    sys.argv = [str(launcher), *arguments]
    with contextlib.suppress(SystemExit):
        kernelapp.launch_new_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={parent}"])


def _redirect(log: int) -> None:
    """Standard output and error into the log, nothing to read."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)


def _draw_anew() -> None:
    """Generators of random numbers that were seeded by an import give every notebook numbers of its own.

    (Python's own does so by itself.)
    """
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def _expendable() -> None:
    """Where memory runs out the system is to end the notebook that used it, not the run."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def not_alone() -> str:
    """What stands against forking this process; empty when nothing does.

    A thread of Python's or of a library's (an open DuckDB has some) would be missing in the child, with
    whatever it had locked locked for good.
    """
    if threading.active_count() != 1:
        return f"Python threads {[thread.name for thread in threading.enumerate()]}"
    tasks = Path("/proc/self/task")
    names = []
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):
            names.append((task / "comm").read_text(encoding="utf-8").strip())
    return f"threads of the system {names}" if len(names) != 1 else ""


def _tell(channel: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # whoever asked has gone
        channel.send(json.dumps(message).encode())


def _kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    # a group that does not exist yet belongs to a child that has not come to setsid
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:
        pass


def _end_children() -> None:
    """Every process that has come to be a child of this one, until there is none."""
    for _ in range(1000):
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        with contextlib.suppress(OSError):
            for pid in children.read_text(encoding="ascii").split():
                with contextlib.suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _prctl(option: int, value: int) -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    # under its own name, so that what is imported and what runs are the same module
    importlib.import_module("cxstats.reporting.forkserver").main()

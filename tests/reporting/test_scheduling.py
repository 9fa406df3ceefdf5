"""What docs/scheduling.md tells people to copy: every piece is tried as far as this machine can."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from cxstats import cli
from cxstats.reporting import catalog as catalogs
from cxstats.reporting.parameters import declared


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs" / "scheduling.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_every_option_and_exit_code_that_is_told_exists(text: str) -> None:
    commands = typer.main.get_command(cli.app).commands.values()
    known = {option for command in commands for parameter in command.params for option in parameter.opts}
    others = {"--now", "--nworkers", "--nthreads"}  # of systemctl and dask
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - others <= known
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == {
        cli.OK,
        cli.FAILED,
        cli.REFUSED,
        cli.BUSY,
        cli.HOOK_FAILED,
        cli.INTERRUPTED,
        cli.TERMINATED,
    }


def test_the_catalogue_that_is_shown_can_be_read(text: str, tmp_path: Path, root: Path) -> None:
    (shown,) = (block for block in blocks(text, "yaml") if "for_each" in block)
    path = tmp_path / "catalog.yml"
    path.write_text(shown, encoding="utf-8")
    found = catalogs.load(path).reports
    assert list(found)[:2] == ["sample-size-nps-acme", "sample-size-nps-zenith"]
    assert found["sample-size-ces-acme"].compare_with.survey == "../surveys/acme/2024-q4/survey.yml"
    parameters = declared(root / "notebooks" / "sample_size.ipynb")
    assert set(found["sample-size-ces-acme"].parameters) <= set(parameters)


def test_the_cron_line_is_one(text: str) -> None:
    (block,) = blocks(text, "cron")
    (line,) = (line for line in block.splitlines() if line.strip() and not line.startswith("#"))
    *times, command = line.split(None, 5)
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    for field, (low, high) in zip(times, limits, strict=True):
        assert field == "*" or low <= int(field) <= high
    assert not re.search(r"(?<!\\)%", command), "a bare percent sign ends a command in a crontab"
    inner = re.search(r"--period (\"\$\(.*?\)\")(?= --out)", command.replace("\\%", "%"))[1]
    done = subprocess.run(["bash", "-c", f"echo {inner}"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d{4}-\d{2}", done.stdout.strip())


def test_the_units_of_systemd_are_sound(text: str, tmp_path: Path) -> None:
    service, timer = blocks(text, "ini")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NOT TRIED: systemd-analyze is not here")
    (tmp_path / "cxstats.service").write_text(service)
    (tmp_path / "cxstats.timer").write_text(timer)
    units = [str(tmp_path / name) for name in ("cxstats.timer", "cxstats.service")]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    when = re.search(r"OnCalendar=(.*)", timer)[1]
    subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, check=True, timeout=60)


def test_the_workflow_and_the_dag_can_be_read(text: str) -> None:
    (workflow,) = (yaml.safe_load(block) for block in blocks(text, "yaml") if "runs-on" in block)
    steps = workflow["jobs"]["render"]["steps"]
    for step in steps:
        if "run" in step:
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)
    (dag,) = blocks(text, "python")
    ast.parse(dag)

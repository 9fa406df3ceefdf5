"""pyproject.toml, environment.yml and requirements.lock say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# what PyPI and conda-forge call differently
CONDA_NAME = {
    "jupyter-server": "jupyter_server",
    "seaborn": "seaborn-base",
    "matplotlib": "matplotlib-base",
    "duckdb": "python-duckdb",
    "ibis-framework[duckdb]": "ibis-duckdb",
    "tzdata": "python-tzdata",
}


def _declared(root: Path, *extras: str) -> list[Requirement]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def _conda_line(requirement: Requirement) -> tuple[str, str]:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    name = CONDA_NAME.get(requirement.name + extras, requirement.name)
    return name, ",".join(sorted(str(part) for part in requirement.specifier))


def test_conda_users_get_the_same(root: Path) -> None:
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *lines, last = environment["dependencies"]
    assert last == {"pip": ["-e ."]}
    listed = {}
    for line in lines:
        name, specifier = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", line).groups()
        listed[name] = ",".join(sorted(part for part in specifier.split(",") if part))
    python = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "requires-python"
    ]
    assert listed.pop("python") == python
    listed.pop("pip")
    assert listed == dict(_conda_line(r) for r in _declared(root, "test"))


@pytest.mark.parametrize("extra", [(), ("test",)])
def test_every_dependency_is_pinned_with_a_hash(root: Path, extra: tuple[str, ...]) -> None:
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[a-z0-9])", lock)
    pinned = {
        canonicalize_name(b.split("==")[0].split("[")[0]): b for b in blocks if "==" in b.splitlines()[0]
    }
    for requirement in _declared(root, *extra):
        block = pinned[canonicalize_name(requirement.name)]
        version = re.match(r"[^=]+==([^ ;\\]+)", block)[1]
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"
        assert "--hash=sha256:" in block


def test_the_lock_names_no_registry(root: Path) -> None:
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", lock)

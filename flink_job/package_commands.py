"""``package``: the job as the one zip that the service takes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from connectors.deployment.job_zip import (
    Entry,
    JobZip,
    code_entries,
    jar_entry,
    megabytes,
    model_entries,
    wheel_entries,
    write_zip,
)
from connectors.deployment.lock import read_lock
from connectors.deployment.wheels import Installed, PackageRuntime, install_wheels
from flink_job.own_files import own_file_entries
from flink_job.terminal import console, errors, explained
from udfs.models.contract import SHIPPED, ModelError
from udfs.models.source import PRETRAINED

ROOT: Final = Path(__file__).resolve().parents[1]
DEFAULT_ZIP: Final = Path("build") / "call-sentiment.zip"
_SHOWN: Final = 5


def package(
    output: Annotated[Path, typer.Option(help="The zip to write.")] = DEFAULT_ZIP,
    wheel_index: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Package index that is asked first; with --runtime torch, one of CPU builds.",
        ),
    ] = None,
    models: Annotated[
        list[Path] | None,
        typer.Option(
            "--models",
            metavar="DIR",
            help="A model of your own; its folder's name is its path in the settings. Repeatable.",
        ),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--files",
            metavar="FILE",
            help="A policy, fusion or prompt of your own that the settings name. Repeatable.",
        ),
    ] = None,
    runtime: Annotated[
        PackageRuntime,
        typer.Option(help="onnx: small; torch: also models without a graph for ONNX Runtime."),
    ] = "onnx",
) -> None:
    """Make the zip that Managed Service for Apache Flink takes: code, models, jar, wheels.

    Wheels are those of requirements.lock, for Python 3.11 on Linux x86-64, without what the
    service has itself. The same inputs give the same SHA-256.
    """
    if runtime == "torch" and wheel_index is None:
        msg = "--runtime torch needs --wheel-index: the default index has torch for CUDA only"
        raise typer.BadParameter(msg)
    with explained():
        own = [*_own_models(models or [], runtime), *own_file_entries(files or [])]
        jar = jar_entry(ROOT)
        lock = read_lock(ROOT / "requirements.lock")
        with tempfile.TemporaryDirectory(prefix="call-sentiment-") as folder:
            errors.print("getting the wheels", highlight=False)
            installed = install_wheels(lock, runtime, Path(folder), wheel_index)
            errors.print("writing the zip", highlight=False)
            entries = [*code_entries(ROOT), jar, *wheel_entries(Path(folder)), *own]
            made = write_zip(entries, output)
        _print(output, made, installed)


def _own_models(folders: list[Path], runtime: PackageRuntime) -> list[Entry]:
    """The files of a user's models.

    Raises:
        ModelError: one cannot be packed.
    """
    entries: list[Entry] = []
    names = {SHIPPED, *(path.name for path in PRETRAINED.iterdir())}
    for folder in folders:
        name = folder.resolve().name
        if name in names:
            msg = f"model {folder}: there is one of that name already; rename the folder"
            raise ModelError(msg)
        names.add(name)
        _check_model(folder, runtime)
        entries += model_entries(name, folder)
    return entries


def _check_model(folder: Path, runtime: PackageRuntime) -> None:
    if not (folder / "config.json").is_file():
        msg = f"model {folder}: has no config.json; give a folder made by save_pretrained"
        raise ModelError(msg)
    if runtime == "onnx" and not (folder / "model.onnx").is_file():
        msg = (
            f"model {folder}: has no model.onnx; write one with `call-sentiment export`, or use "
            "--runtime torch"
        )
        raise ModelError(msg)


def _print(output: Path, made: JobZip, installed: Installed) -> None:
    largest = ", ".join(
        f"{part} {megabytes(size)}" for part, size in made.parts.most_common(_SHOWN)
    )
    for line in (
        f"{output}: {megabytes(made.num_bytes)}, SHA-256 {made.sha256}",
        f"{len(installed.packages)} wheels, which need glibc {installed.glibc}",
        f"largest parts: {largest}",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)

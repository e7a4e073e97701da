"""Where a model is read from, and what it is called in the rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from udfs.models.contract import SHIPPED, ModelError, ModelSpec

Loaded = TypeVar("Loaded")

PRETRAINED = Path(__file__).parent.parent / "pretrained"
WEIGHTS_FILE = "model.safetensors"

_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


@dataclass(frozen=True)
class Source:
    """A folder or a hub id."""

    path: str
    is_local: bool

    @property
    def folder(self) -> Path:
        return Path(self.path)

    def read(self, load: Callable[..., Loaded], **options: Any) -> Loaded:
        """Call a ``from_pretrained``.

        Raises:
            ModelError: whatever it found wrong.
        """
        try:
            return load(
                self.path, local_files_only=self.is_local, trust_remote_code=False, **options
            )
        except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
            raise self.unreadable(error) from error

    def unreadable(self, error: Exception) -> ModelError:
        """What was found wrong, with the remedy."""
        place = "this folder" if self.is_local else "the hub or its local cache"
        reason = " ".join(str(error).split())[:300]
        return ModelError(
            f"model {self.path} cannot be read from {place} ({reason}): give a folder made by "
            "save_pretrained, or a hub id that this machine can download"
        )


def source_of(spec: ModelSpec, shipped_folder: str) -> Source:
    """Where ``spec`` points to.

    A path that is no folder here may be the name of one that ``package --models`` packed.

    Raises:
        ModelError: neither an existing folder nor a hub id.
    """
    if spec.path == SHIPPED:
        return Source(str(PRETRAINED / shipped_folder), is_local=True)
    for folder in (Path(spec.path).expanduser(), PRETRAINED / spec.path):
        if spec.path and folder.is_dir():
            return Source(str(folder), is_local=True)
    if not _HUB_ID.fullmatch(spec.path):
        message = (
            f"model folder {spec.path!r} does not exist: "
            f"give an existing folder, a hub id, or {SHIPPED!r}"
        )
        raise ModelError(message)
    return Source(spec.path, is_local=False)


def model_id(source: Source, config: Any) -> str:
    """Name and version: ``folder@first 8 of the weights' SHA-256``, or ``hub id@commit``."""
    if not source.is_local:
        commit = getattr(config, "_commit_hash", None) or "unknown"
        return f"{source.path}@{commit[:8]}"
    digest = hashlib.sha256()
    for pattern in ("*.safetensors", "*.bin"):
        for file in sorted(source.folder.glob(pattern)):
            digest.update(file.read_bytes())
    return f"{source.folder.resolve().name}@{digest.hexdigest()[:8]}"

"""A trained fuser as a file: JSON with a version, the models it was trained for, and the weights.

    {"format": "call-sentiment-fusion", "version": 1, "kind": "late" or "early",
     "trained_for": {"text": [model ids], "audio": [model ids]},
     "keeps": "both", "text" or "audio", "alone": [sides that may answer alone],
     "training": what was measured, …weights}

``keeps`` is what the table showed: where one side adds nothing beside the other, only the other is
used where both are there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.fusion import AudioEvidence, TextEvidence
from udfs.models.contract import Triple

FORMAT = "call-sentiment-fusion"
VERSION = 1

Side = Literal["text", "audio"]
Sides = Literal["both", "text", "audio"]
Logits = NDArray[np.float64]
"""(3,): one a label, up to a constant."""


class FusionFileError(ValueError):
    """A fusion file cannot be used: says why and what to do."""


class TrainedFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The models whose answers it was trained on; empty where the table did not tell."""

    text: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()


class FusionFile(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind's file holds."""

    format: str = FORMAT
    version: int = VERSION
    trained_for: TrainedFor
    keeps: Sides
    alone: tuple[Side, ...]
    training: dict[str, Any]
    """What was measured in training, for people to read."""

    def used(
        self, text: TextEvidence | None, audio: AudioEvidence | None
    ) -> tuple[TextEvidence | None, AudioEvidence | None]:
        """The sides that count in a window; neither, where none of use is there."""
        if text is not None and audio is not None:
            keeps_text, keeps_audio = self.keeps != "audio", self.keeps != "text"
        else:
            keeps_text, keeps_audio = "text" in self.alone, "audio" in self.alone
        return (text if keeps_text else None, audio if keeps_audio else None)

    def check_model(self, side: Side, model_id: str) -> None:
        """Whether it was trained on what this model answers.

        Raises:
            FusionFileError: for another model; it would weigh numbers that mean something else.
        """
        known = self.trained_for.text if side == "text" else self.trained_for.audio
        if known and model_id not in known:
            msg = (
                f"was trained for the {side} model {', '.join(known)}, not for {model_id}: "
                "train it on features of this model, or use that one"
            )
            raise FusionFileError(msg)


class _Head(msgspec.Struct, frozen=True):
    format: str
    version: int
    kind: str


def read_checked(data: bytes, kind: type[Any] | Any) -> Any:
    """The file of ``kind``, a struct or a union of them.

    Raises:
        FusionFileError: these bytes are none, of another version, or of other kinds.
    """
    try:
        head = msgspec.json.decode(data, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        head = None
    if head is None or head.format != FORMAT:
        msg = "is no fusion file: give one that train fusion wrote"
        raise FusionFileError(msg)
    if head.version != VERSION:
        msg = f"has version {head.version}, this program reads {VERSION}: train it again"
        raise FusionFileError(msg)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        msg = f"does not hold what a fusion file must ({error}): train it again"
        raise FusionFileError(msg) from None


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        FusionFileError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"cannot be read ({error.strerror or type(error).__name__}): name an existing file"
        raise FusionFileError(msg) from None


def written(file: FusionFile) -> bytes:
    """JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"


def file_id(kind: str, data: bytes) -> str:
    """``late@first 8 of the file's SHA-256``."""
    return f"{kind}@{hashlib.sha256(data).hexdigest()[:8]}"


def softmax(logits: Logits) -> Triple:
    shares = np.exp(logits - logits.max())
    shares = shares / shares.sum()
    return Triple(float(shares[0]), float(shares[1]), float(shares[2]))


def shares_of(text: Logits, audio: Logits) -> tuple[float, float]:
    """Text's and audio's weight from what each adds to the logits.

    ``text_weight = |t| / (|t| + |a|)`` with t and a the contributions less their means over the
    labels (a constant on all labels moves nothing), and the Euclidean norm. Half each where neither
    moves anything. They sum to 1.
    """
    of_text = float(np.linalg.norm(text - text.mean()))
    of_audio = float(np.linalg.norm(audio - audio.mean()))
    total = of_text + of_audio
    text_weight = of_text / total if total else 0.5
    return text_weight, 1.0 - text_weight

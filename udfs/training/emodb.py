"""EmoDB (Burkhardt et al. 2005, CC0): ten actors, ten sentences, acted emotions, in German.

Boredom is trained on as neutral: flat, unhurried voices are what most of a call sounds like, and
the clips called neutral alone, read brightly, would teach that such a voice is sad. It is left out
of the scores, since listeners may well call it negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from udfs.models.contract import SAMPLE_RATE_HZ

EMOTIONS = ("anger", "disgust", "fear", "sadness", "neutral", "happiness", "boredom")
_BY_LETTER = {"W": 0, "E": 1, "A": 2, "T": 3, "N": 4, "F": 5, "L": 6}
SENTIMENT_OF_EMOTION = (0, 0, 0, 0, 1, 2, 1)
"""0 negative, 1 neutral, 2 positive, by emotion."""
BOREDOM = EMOTIONS.index("boredom")


@dataclass(frozen=True)
class Clip:
    speaker: str
    sentence: str
    emotion: int
    waveform: NDArray[np.float32]
    """(num_samples,) at 16 kHz."""


def read_emodb(folder: Path) -> list[Clip]:
    clips = []
    for path in sorted(folder.glob("*.flac")):
        emotion = _BY_LETTER[path.name[5]]
        clips.append(Clip(path.name[:2], path.name[2:5], emotion, read_sound(path)))
    if not clips:
        message = f"no EmoDB clips (03a01Fa.flac and so on) in {folder}"
        raise FileNotFoundError(message)
    return clips


def read_sound(path: Path) -> NDArray[np.float32]:
    waveform, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != SAMPLE_RATE_HZ:
        message = f"{path} has {rate_hz} Hz; expected {SAMPLE_RATE_HZ}"
        raise ValueError(message)
    return waveform

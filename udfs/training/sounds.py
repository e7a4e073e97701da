"""Sound files of any rate as the models hear them: mono, 16 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from udfs.models.contract import SAMPLE_RATE_HZ
from udfs.training.errors import TrainingError

Waveform = NDArray[np.float32]
"""(num_samples,) in -1..1 at 16 kHz."""
DIGITAL_SILENCE = 1e-4


def read_sound(path: Path, start_ms: int = 0, end_ms: int | None = None) -> Waveform:
    """A file, or a span of it; several channels become their mean.

    Raises:
        TrainingError: it cannot be read, or the span is empty.
    """
    try:
        with soundfile.SoundFile(path) as file:
            begin = min(start_ms * file.samplerate // 1_000, file.frames)
            end = file.frames if end_ms is None else end_ms * file.samplerate // 1_000
            file.seek(begin)
            frames = file.read(max(0, end - begin), dtype="float32", always_2d=True)
            rate_hz = file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        reason = " ".join(str(error).split())
        msg = f"{path} is no readable sound ({reason}): give WAV or FLAC, or drop the row"
        raise TrainingError(msg) from None
    if not len(frames):
        msg = f"{path} has no sound in the span asked for: mend the span, or drop the row"
        raise TrainingError(msg)
    mono: Waveform = frames.mean(1)
    if not np.isfinite(mono).all():
        msg = f"{path} holds samples that are no numbers: write it anew, or drop the row"
        raise TrainingError(msg)
    if rate_hz == SAMPLE_RATE_HZ:
        return mono
    return soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ)


def noise_files(folder: Path) -> list[Path]:
    return sorted(path for kind in ("*.flac", "*.wav") for path in folder.glob(kind))


def read_noises(folder: Path) -> list[Waveform]:
    """Every sound of a folder, by name, digital silence at both ends cut off.

    Raises:
        TrainingError: there is none.
    """
    noises = []
    for path in noise_files(folder):
        noise = read_sound(path)
        heard = np.flatnonzero(np.abs(noise) > DIGITAL_SILENCE)
        if len(heard):
            noises.append(noise[heard[0] : heard[-1] + 1])
    if not noises:
        msg = f"no noise (WAV or FLAC) in {folder}: name a folder that holds some"
        raise TrainingError(msg)
    return noises

"""Harper Valley (Wu et al. 2020, CC BY 4.0): real people on simulated, polite bank calls.

These calls have no true labels. That people who ask for a new card are seldom angry is all we
know, so ``neutral`` is an assumption: a high share of negative is a fault, a low one alone proves
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from udfs.models.contract import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from udfs.speech import SpeechDetector
from udfs.training.sounds import read_sound

ASSUMED = "neutral"
WINDOW_MS = WINDOW_SAMPLES * 1_000 // SAMPLE_RATE_HZ
_NOT_WORDS = re.compile(r"\[[^\]]*\]|<[^>]*>")


def audio_rows(folder: Path) -> Iterator[dict[str, object]]:
    """Every 5-s window of a party with speech in it."""
    detector = SpeechDetector()
    for path in sorted(folder.glob("audio/*/*.flac")):
        role = "customer" if path.parent.name == "caller" else "agent"
        end_ms = int(soundfile.info(path).duration * 1_000)
        for start_ms in range(0, end_ms, WINDOW_MS):
            span = (start_ms, min(start_ms + WINDOW_MS, end_ms))
            sound = read_sound(path, *span)
            window = np.pad(sound[:WINDOW_SAMPLES], (0, max(0, WINDOW_SAMPLES - len(sound))))
            if detector.speech_spans_ms(window):
                yield {
                    "path": str(path),
                    "start_ms": span[0],
                    "end_ms": span[1],
                    "label": ASSUMED,
                    "speaker": _speaker(folder, path.stem, path.parent.name),
                    "role": role,
                    "call": path.stem,
                }


def text_rows(folder: Path) -> Iterator[dict[str, object]]:
    """Every segment's words as people wrote them down, without marks such as [noise]."""
    for path in sorted(folder.glob("transcript/*.json")):
        for segment in json.loads(path.read_text(encoding="utf-8")):
            text = " ".join(_NOT_WORDS.sub(" ", segment["human_transcript"]).split())
            if text:
                role = segment["speaker_role"]
                yield {
                    "text": text,
                    "label": ASSUMED,
                    "speaker": _speaker(folder, path.stem, role),
                    "role": "customer" if role == "caller" else "agent",
                    "call": path.stem,
                }


def _speaker(folder: Path, call: str, role: str) -> str:
    metadata = json.loads((folder / "metadata" / f"{call}.json").read_text(encoding="utf-8"))
    return str(metadata[role]["speaker_id"])

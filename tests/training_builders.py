"""Small manifests with something to learn: tones for voices, words for texts."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from tests.tiny_models import tiny_roberta
from udfs.models.audio_encoder import SpeechEmotionConfig, SpeechEmotionModel
from udfs.models.speech_features import SpeechFeatureExtractor

LABELS = ("negative", "neutral", "positive")
TONES_HZ = {"negative": 300, "neutral": 900, "positive": 2_400}
WORDS = {
    "negative": "bad angry awful",
    "neutral": "the card number",
    "positive": "good happy great",
}


def write_table(file: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def tone_manifest(
    folder: Path, speakers: int = 4, takes: int = 2, rate_hz: int = 8_000, seconds: float = 0.4
) -> Path:
    """Each label a tone, each speaker a little off it."""
    random = np.random.default_rng(0)
    rows = []
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    for speaker in range(speakers):
        for label, tone_hz in TONES_HZ.items():
            for take in range(takes):
                wave = 0.3 * np.sin(2 * np.pi * tone_hz * (1 + speaker / 50) * time)
                path = folder / f"{speaker}-{label}-{take}.wav"
                soundfile.write(path, wave + random.normal(0, 0.01, len(time)), rate_hz)
                rows.append(
                    {
                        "path": path.name,
                        "label": label,
                        "speaker": f"s{speaker}",
                        "sentence": f"t{take}",
                        "gender": "woman" if speaker % 2 else "man",
                    }
                )
    return write_table(folder / "tones.csv", rows)


def word_manifest(folder: Path, speakers: int = 4, takes: int = 6) -> Path:
    random = np.random.default_rng(0)
    rows = [
        {
            "text": " ".join(random.choice(WORDS[label].split(), 3)),
            "label": label,
            "speaker": f"s{speaker}",
        }
        for speaker in range(speakers)
        for label in LABELS
        for _ in range(takes)
    ]
    return write_table(folder / "words.csv", rows)


def small_speech_base(folder: Path) -> Path:
    """Our own class of speech model, random, one narrow layer."""
    torch.manual_seed(0)
    config = SpeechEmotionConfig(
        hidden_size=16, num_attention_heads=2, intermediate_size=16, num_hidden_layers=1
    )
    SpeechEmotionModel(config).save_pretrained(folder)
    SpeechFeatureExtractor().save_pretrained(folder)
    return folder


def small_text_base(folder: Path) -> Path:
    return tiny_roberta(folder)

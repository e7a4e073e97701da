"""Tables of windows with labels that words and voice tell as clearly as a test wants."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ("negative", "neutral", "positive")
TEXT_SIZE, AUDIO_SIZE = 12, 10


def fusion_frame(
    *,
    text: float = 1.5,
    audio: float = 1.5,
    groups: int = 40,
    rows: int = 20,
    missing: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """``text`` and ``audio`` are how far each side's logit of the true label is above the others.

    Each side's embedding holds its logits, turned into more dimensions, and noise. With ``missing``
    that share of the rows lacks its words and as many their voice.
    """
    random = np.random.default_rng(seed)
    turn = np.random.default_rng(99)  # of the models, the same in every table
    of_text = turn.normal(size=(3, TEXT_SIZE))
    of_audio = turn.normal(size=(3, AUDIO_SIZE))
    number = groups * rows
    truth = random.integers(0, 3, number)
    lean = random.normal(scale=0.3, size=(groups, 3)).repeat(rows, axis=0)
    sides = {}
    for side, strength, matrix in (("text", text, of_text), ("audio", audio, of_audio)):
        logits = strength * np.eye(3)[truth] + random.normal(size=(number, 3)) + lean
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        noise = 0.3 * random.normal(size=(number, matrix.shape[1]))
        sides[side] = (shares, logits @ matrix + noise)
    lot = random.random(number)
    frame = pd.DataFrame(
        {
            "group": [f"call-{row // rows}" for row in range(number)],
            "label": [LABELS[label] for label in truth],
            "word_count": random.integers(1, 15, number).astype(float),
            "confidence": random.uniform(0.5, 1.0, number),
            "speech_ratio": random.uniform(0.1, 1.0, number),
            "snr_db": random.uniform(0, 30, number),
            "text_model_id": "text@1",
            "audio_model_id": "audio@1",
        }
    )
    for side, gone in (("text", lot < missing), ("audio", lot > 1 - missing)):
        shares, embeddings = sides[side]
        frame[f"{side}_probabilities"] = _cells(shares, gone)
        frame[f"{side}_embedding"] = _cells(embeddings, gone)
    return frame


def write_fusion_table(path: Path, frame: pd.DataFrame) -> Path:
    """CSV or Parquet, by the name's ending."""
    if path.suffix == ".parquet":
        frame.to_parquet(path)
        return path
    lists = {
        column: [None if cell is None else json.dumps(cell) for cell in frame[column]]
        for column in frame
        if column.endswith(("_probabilities", "_embedding"))
    }
    frame.assign(**lists).to_csv(path, index=False)
    return path


def _cells(values: np.ndarray, gone: np.ndarray) -> list[list[float] | None]:
    return [None if lost else row for row, lost in zip(values.tolist(), gone, strict=True)]

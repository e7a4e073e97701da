"""A window or an utterance as the bytes of a request: the content alone, of nobody."""

from __future__ import annotations

import io
import json
from typing import NamedTuple

import soundfile

from udfs.models.contract import SAMPLE_RATE_HZ
from udfs.models.scorer import Text, Waveform


class Payload(NamedTuple):
    content_type: str
    body: bytes


def wav(waveform: Waveform) -> Payload:
    """16-bit PCM at 16 kHz, 160 kB a window."""
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return Payload("audio/wav", buffer.getvalue())


def raw_float32(waveform: Waveform) -> Payload:
    """The samples as they are, little-endian, 16 kHz, 320 kB a window."""
    return Payload("application/octet-stream", waveform.astype("<f4", copy=False).tobytes())


def text_json(one: Text) -> Payload:
    """What Hugging Face's containers read; ``top_k`` null asks for every label."""
    request = {"inputs": clean(one.text), "parameters": {"top_k": None}}
    return Payload("application/json", json.dumps(request).encode())


def clean(text: str) -> str:
    """Without lone surrogates, which JSON can carry and no tokenizer reads."""
    return text.encode("utf-8", "replace").decode("utf-8")

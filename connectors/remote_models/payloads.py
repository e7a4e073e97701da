"""A window or an utterance as the bytes of a request: the content alone, of nobody."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from udfs.audio_codec import encode
from udfs.models.contract import SAMPLE_RATE_HZ
from udfs.models.scorer import Text, Waveform


class Payload(NamedTuple):
    content_type: str
    body: bytes


def wav(waveforms: Sequence[Waveform]) -> Payload:
    """16-bit PCM at 16 kHz, 160 kB; such a file holds one window."""
    (waveform,) = waveforms
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:  # soundfile calls back for every write: a tenth slower
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(encode(waveform, "pcm_s16le"))
    return Payload("audio/wav", buffer.getvalue())


def raw_float32(waveforms: Sequence[Waveform]) -> Payload:
    """The samples as they are, little-endian, 16 kHz, one window's 320 kB after another's."""
    samples = np.concatenate(waveforms)
    return Payload("application/octet-stream", samples.astype("<f4", copy=False).tobytes())


def text_json(utterances: Sequence[Text]) -> Payload:
    """What Hugging Face's containers read; ``top_k`` null asks for every label."""
    texts = [clean(one.text) for one in utterances]
    inputs = texts if len(texts) > 1 else texts[0]
    request = {"inputs": inputs, "parameters": {"top_k": None}}
    return Payload("application/json", json.dumps(request).encode())


def clean(text: str) -> str:
    """Without lone surrogates, which JSON can carry and no tokenizer reads."""
    return text.encode("utf-8", "replace").decode("utf-8")

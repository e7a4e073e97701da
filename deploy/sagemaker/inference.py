"""Serving on SageMaker: the four functions that Hugging Face's inference container calls.

    request ─► input_fn ─► windows or texts ─► predict_fn ─► triples ─► output_fn ─► answer

A request holds one input or several. Each is scored alone, as in the job, so its triple is the one
that the same model gives in a worker. The answer is ``[{"label": "negative", "score": …}, …]`` for
one input, a list of these for several.

==============================  ====================================================================
``audio/wav``                   one window, any rate
``application/octet-stream``    raw float32, little-endian, 16 kHz; windows of 80,000 samples
``application/json``            ``{"inputs": "text"}`` or ``{"inputs": ["text", …]}``
==============================  ====================================================================
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import soundfile

from udfs.audio_codec import resample_to_16khz
from udfs.models.audio import load_audio_model
from udfs.models.contract import WINDOW_SAMPLES, ModelSpec, Triple
from udfs.models.text import load_text_model

AUDIO_FILE = "preprocessor_config.json"
"""Only an audio model has one."""


class Request(NamedTuple):
    inputs: list[Any]
    is_list: bool


class Predictions(NamedTuple):
    triples: list[Triple]
    is_list: bool


def model_fn(model_dir: str) -> Any:
    """The model of a folder.

    Raises:
        ModelError: it cannot be used.
    """
    spec = ModelSpec(path=model_dir)
    is_audio = (Path(model_dir) / AUDIO_FILE).exists()
    return load_audio_model(spec) if is_audio else load_text_model(spec)


def input_fn(body: bytes | bytearray | str, content_type: str) -> Request:
    """What a request asks about.

    Raises:
        ValueError: it cannot be read; the container answers with an error.
    """
    data = body.encode() if isinstance(body, str) else bytes(body)
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        inputs = json.loads(data)["inputs"]
        is_list = isinstance(inputs, list)
        texts = inputs if is_list else [inputs]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("inputs: give a text or a list of texts")
        return Request(texts, is_list)
    if kind == "application/octet-stream":
        samples = np.frombuffer(data, dtype="<f4").astype(np.float32)
        windows = [
            samples[begin : begin + WINDOW_SAMPLES]
            for begin in range(0, len(samples), WINDOW_SAMPLES)
        ]
        return Request(windows, is_list=len(windows) > 1)
    if kind.startswith("audio/"):
        sound, rate_hz = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        return Request([resample_to_16khz(sound.mean(axis=1), rate_hz)], is_list=False)
    message = f"content type {kind}: send audio/wav, application/octet-stream or application/json"
    raise ValueError(message)


def predict_fn(request: Request, model: Any) -> Predictions:
    """A triple for each input, each scored alone."""
    triples = [model.probabilities(one) for one in request.inputs]
    return Predictions(triples, request.is_list)


def output_fn(predictions: Predictions, accept: str) -> str:
    """The answer as Hugging Face's own pipelines give it."""
    answers = [
        [{"label": label, "score": score} for label, score in triple._asdict().items()]
        for triple in predictions.triples
    ]
    return json.dumps(answers if predictions.is_list else answers[0])

"""What a worker that runs the shipped models loads: no torch, which would double its memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


HEAVY = (
    "torch", "transformers", "scipy", "sklearn", "plotly", "onnx", "silero_vad",
    "presidio_analyzer", "spacy", "phonenumbers",  # redaction: loaded with its first text
)  # fmt: skip

IN_A_WORKER = """
import json, sys
import numpy as np
import flink_job.topology
from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from connectors.remote_models.spec import BackendSpec
from tests.bench.workload import read_bank
from udfs.models.contract import ModelSpec
from udfs.metrics import NoMetrics
from udfs.models.scorer import Text
from udfs.score_text import score_texts
from udfs.score_window import score_signals
from udfs.speech import SpeechDetector

local = BackendSpec(local=ModelSpec())
audio = open_audio_scorer(local, NoMetrics(), with_embedding=True)
texts = open_text_scorers({"en": local}, NoMetrics(), with_embedding=True)
windows = score_signals(read_bank().signals()[:8], SpeechDetector(), audio)
words = score_texts([Text("thank you", "en-US")], texts)
scored = [any(one.embedding for one in windows), all(one.embedding for one in words)]
print(json.dumps([scored, sorted(set(sys.modules))]))
"""


@pytest.mark.models
def test_a_worker_scores_with_the_shipped_models_and_loads_nothing_heavy() -> None:
    command = [sys.executable, "-W", "ignore", "-c", IN_A_WORKER]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    scored, loaded = json.loads(output.splitlines()[-1])

    assert scored == [True, True]
    assert {"flink_job.topology", "onnxruntime", "tokenizers"} <= set(loaded)
    assert sorted(set(HEAVY) & set(loaded)) == []

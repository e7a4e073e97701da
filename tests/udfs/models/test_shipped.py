"""The models that come with the project."""

import json
import subprocess
import sys

import numpy as np
import pytest

from udfs.models.audio import load_audio_model
from udfs.models.contract import WINDOW_SAMPLES, ModelSpec
from udfs.models.source import PRETRAINED
from udfs.models.text import load_text_model
from udfs.training.examples import plain
from udfs.training.service_phrases import judged_rows

pytestmark = pytest.mark.models
MAX_BYTES = 25_000_000

WAVEFORMS = {
    "silence": np.zeros(WINDOW_SAMPLES, np.float32),
    "clipping": np.sign(np.sin(np.arange(WINDOW_SAMPLES) * 0.05)).astype(np.float32),
    "constant": np.full(WINDOW_SAMPLES, 0.5, np.float32),
    "click": np.eye(1, WINDOW_SAMPLES, 4_000, dtype=np.float32)[0],
    "noise": (np.random.default_rng(0).normal(size=WINDOW_SAMPLES) * 0.05).astype(np.float32),
}
TEXTS = ("", "thank you", "i am so angry about this", "ß漢字🙂\ud800", "never again " * 2_000)

IN_ANOTHER_PROCESS = """
import json, sys, numpy as np
import udfs.speech
from udfs.models.audio import load_audio_model
from udfs.models.contract import ModelSpec
from udfs.models.text import load_text_model
noise = (np.random.default_rng(0).normal(size=80_000) * 0.05).astype(np.float32)
triples = [load_audio_model(ModelSpec()).probabilities(noise),
           load_text_model(ModelSpec()).probabilities("i am so angry about this")]
heavy = sorted({"torch", "transformers", "scipy", "sklearn", "pandas", "onnx", "silero_vad"}
               & set(sys.modules))
print(json.dumps([triples, heavy]))
"""


@pytest.fixture(scope="module")
def audio_model():
    return load_audio_model(ModelSpec())


@pytest.fixture(scope="module")
def text_model():
    return load_text_model(ModelSpec())


@pytest.mark.parametrize("name", WAVEFORMS)
def test_any_waveform_gives_a_distribution(audio_model, name):
    triple = audio_model.probabilities(WAVEFORMS[name])
    assert all(0 <= p <= 1 for p in triple)
    assert sum(triple) == pytest.approx(1)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_gives_a_distribution(text_model, text):
    triple = text_model.probabilities(text)
    assert all(0 <= p <= 1 for p in triple)
    assert sum(triple) == pytest.approx(1)


def test_another_process_gives_the_same_bits_and_imports_little(audio_model, text_model):
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    triples, heavy = json.loads(output)
    assert triples == [
        list(audio_model.probabilities(WAVEFORMS["noise"])),
        list(text_model.probabilities(TEXTS[2])),
    ]
    assert heavy == []


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("i am so angry about this, nobody helps me", "negative"),
        ("my number is four five one", "neutral"),
        ("thank you for calling, have a great day", "neutral"),
        ("sorry, could you repeat that please", "neutral"),
        ("that is wonderful, you have been so helpful", "positive"),
    ],
)
def test_words_on_a_service_call(text_model, text, sentiment):
    triple = text_model.probabilities(text)._asdict()
    assert max(triple, key=triple.get) == sentiment


def score(text_model, text):
    """From -5 to 5."""
    triple = text_model.probabilities(text)
    return 5 * (triple.positive - triple.negative)


@pytest.mark.parametrize("form", [str, plain], ids=["written", "recognised"])
def test_most_service_formulas_are_nearly_neutral(text_model, form):
    formulas = [row["text"] for row in judged_rows() if row["kind"] == "formula"]
    nearly_neutral = [abs(score(text_model, form(text))) <= 1 for text in formulas]
    assert np.mean(nearly_neutral) >= 0.85


@pytest.mark.parametrize("form", [str, plain], ids=["written", "recognised"])
@pytest.mark.parametrize(("kind", "sign"), [("sincere thanks", 1), ("complaint", -1)])
def test_sincere_thanks_and_complaints_keep_their_sign(text_model, form, kind, sign):
    meant = [row["text"] for row in judged_rows() if row["kind"] == kind]
    assert np.mean([sign * score(text_model, form(text)) > 0 for text in meant]) >= 0.9


@pytest.mark.parametrize("folder", sorted(p.name for p in PRETRAINED.iterdir() if p.is_dir()))
def test_a_shipped_model_is_small_and_has_a_card(folder):
    files = list((PRETRAINED / folder).iterdir())
    assert sum(file.stat().st_size for file in files) <= MAX_BYTES
    card = (PRETRAINED / folder / "README.md").read_text(encoding="utf-8")
    for part in ("license:", "## Data", "## Recipe", "## Scores", "## Use and limits"):
        assert part in card

"""ONNX Runtime gives what torch gives, and is picked where a folder has a graph."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from tests import tiny_models
from tests.bench.workload import read_bank
from udfs.models.audio import load_audio_model
from udfs.models.contract import WINDOW_SAMPLES, ModelError, ModelSpec, ask, embedding_size_of
from udfs.models.onnx_audio import OnnxAudio
from udfs.models.onnx_session import GRAPH_FILE
from udfs.models.onnx_text import OnnxText
from udfs.models.source import PRETRAINED
from udfs.models.text import load_text_model
from udfs.models.torch_audio import TorchAudio
from udfs.score_window import waveform_of

pytestmark = [pytest.mark.models, pytest.mark.slow]

ONNX = ModelSpec(runtime="onnx")
TORCH = ModelSpec(runtime="torch", precision="float32")
LOAD = {"audio": load_audio_model, "text": load_text_model}
FOLDERS = {"audio": "call-sentiment-speech", "text": "call-sentiment-text"}


def windows():
    rng = np.random.default_rng(0)
    random = [(rng.normal(size=WINDOW_SAMPLES) * level) for level in (1.0, 0.05, 1e-4, 0.0)]
    bursts = np.repeat(rng.normal(size=250) > 1, WINDOW_SAMPLES // 250) * random[0]
    sampled = [waveform_of(signal) for signal in read_bank().signals()[::6]]
    return [*sampled, *(one.astype(np.float32) for one in (*random, bursts))]


def texts():
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      '.,!?ß漢🙂\ud800"))
    random = ["".join(rng.choice(letters, size)) for size in (1, 3, 10, 100, 1_000, 5_000)]
    hostile = ["", " ", "[MASK] [SEP]", "\0\r\n", "I'M Not ANGRY.", "never again " * 2_000]
    return [*read_bank().texts, *random, *hostile]


@pytest.fixture(scope="module", params=["audio", "text"])
def given(request):
    return {"audio": windows, "text": texts}[request.param]()


@pytest.fixture(scope="module")
def models(given):
    """By ONNX Runtime and by torch."""
    load = load_text_model if isinstance(given[0], str) else load_audio_model
    return load(ONNX), load(TORCH)


@pytest.fixture(scope="module")
def answers(models, given):
    """By each, of everything given."""
    return [[ask(model, one, with_embedding=True) for one in given] for model in models]


def test_triples_are_those_of_torch(answers):
    triples = [[answer.triple for answer in each] for each in answers]
    assert np.abs(np.subtract(*triples)).max() < 1e-4


def test_embeddings_are_those_of_torch(models, answers):
    embeddings = [[np.frombuffer(one.embedding, "<f2") for one in each] for each in answers]
    sizes = {embedding_size_of(model) for model in models}
    assert {len(one) for each in embeddings for one in each} == sizes
    np.testing.assert_allclose(*np.float32(embeddings), rtol=2e-3, atol=2e-3)


def test_asking_for_the_embedding_changes_no_triple(models, given, answers):
    onnx, _ = models
    assert [onnx.probabilities(one) for one in given[:3]] == [one.triple for one in answers[0][:3]]


def test_it_is_the_same_model_by_name_and_prior(models):
    onnx, torch = models
    assert onnx.model_id == torch.model_id
    assert onnx.operating_prior == torch.operating_prior


def test_settings_come_before_the_config():
    uniform = (1 / 3, 1 / 3, 1 / 3)
    spec = dataclasses.replace(ONNX, training_prior=uniform, operating_prior=uniform)
    by_torch = dataclasses.replace(spec, runtime="torch", precision="float32")
    given = "i am so angry about this"
    assert load_text_model(spec).operating_prior == uniform
    assert load_text_model(spec).probabilities(given) == pytest.approx(
        load_text_model(by_torch).probabilities(given), abs=1e-4
    )


def test_auto_is_onnx_where_there_is_a_graph(tmp_path):
    assert isinstance(load_audio_model(ModelSpec()), OnnxAudio)
    assert isinstance(load_text_model(ModelSpec()), OnnxText)
    hubert = str(tiny_models.tiny_hubert(tmp_path / "model"))
    assert isinstance(load_audio_model(ModelSpec(hubert)), TorchAudio)


def test_bfloat16_is_torchs():
    assert isinstance(load_audio_model(ModelSpec(precision="bfloat16")), TorchAudio)
    with pytest.raises(ModelError, match="set precision auto or float32"):
        load_audio_model(dataclasses.replace(ONNX, precision="bfloat16"))


@pytest.mark.parametrize("load", LOAD.values())
@pytest.mark.parametrize("path", ["folder", "some/hub-id"])
def test_without_a_graph_onnx_is_refused(load, path, tmp_path):
    folder = tiny_models.tiny_hubert(tmp_path / "model") if path == "folder" else path
    with pytest.raises(ModelError, match=r"has no model\.onnx: .* or set runtime torch"):
        load(dataclasses.replace(ONNX, path=str(folder)))


@pytest.fixture(params=["audio", "text"])
def copied(request, tmp_path):
    """A copy of a shipped model, and what reads it."""
    folder = shutil.copytree(PRETRAINED / FOLDERS[request.param], tmp_path / "model")
    return folder, lambda: LOAD[request.param](dataclasses.replace(ONNX, path=str(folder)))


def test_a_folder_may_be_anywhere(copied):
    folder, load = copied
    assert load().model_id.startswith(f"{folder.name}@")


def test_a_graph_of_other_weights_is_refused(copied):
    folder, load = copied
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match=r"made for other weights than model\.safetensors: write"):
        load()


@pytest.mark.parametrize(
    ("file", "length"),
    [
        (GRAPH_FILE, 5_000),
        (GRAPH_FILE, 0),
        ("model.safetensors", 1_000),
        ("config.json", 20),
    ],
)
def test_a_cut_off_file_is_an_error_with_a_remedy(copied, file, length):
    folder, load = copied
    path = folder / file
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelError, match=r"cannot be read|other weights"):
        load()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_an_error_with_a_remedy(copied, name):
    folder, load = copied
    (folder / name).unlink()
    with pytest.raises(ModelError, match=r"cannot be read"):
        load()


def test_a_text_model_needs_its_tokenizer(tmp_path):
    folder = shutil.copytree(PRETRAINED / FOLDERS["text"], tmp_path / "model")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"cannot be read"):
        load_text_model(dataclasses.replace(ONNX, path=str(folder)))


def test_an_audio_model_for_another_rate_is_refused(tmp_path):
    folder = shutil.copytree(PRETRAINED / FOLDERS["audio"], tmp_path / "model")
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sampling_rate": 8_000}))
    with pytest.raises(ModelError, match="8000 Hz"):
        load_audio_model(dataclasses.replace(ONNX, path=str(folder)))

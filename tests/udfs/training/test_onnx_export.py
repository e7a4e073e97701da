"""Exported graphs: what is in them, and that they compute what the module does."""

import shutil

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file

from tests import tiny_models
from udfs.models.audio_encoder import SpeechEmotionConfig, SpeechEmotionModel
from udfs.models.onnx_session import GRAPH_FILE, Graph
from udfs.models.source import PRETRAINED
from udfs.models.text_encoder import QuantizedEmbedding, TextSentimentConfig, TextSentimentModel
from udfs.training.errors import TrainingError
from udfs.training.onnx_export import export, is_exportable
from udfs.training.onnx_weights import stored_weights

pytestmark = [pytest.mark.models, pytest.mark.slow]
LABELS = dict(enumerate(("negative", "neutral", "positive")))
MAX_GRAPH_BYTES = 40_000


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    torch.manual_seed(0)
    config = TextSentimentConfig(
        vocab_size=50, hidden_size=16, num_attention_heads=2, intermediate_size=32, id2label=LABELS
    )
    model = TextSentimentModel(config)
    model.word_embeddings = QuantizedEmbedding.quantize(torch.randn(50, 16))
    folder = tmp_path_factory.mktemp("text")
    model.save_pretrained(folder, dtype=torch.float16)
    export(folder)
    return folder


def test_a_text_of_any_length_gives_the_modules_logits(text_folder):
    config = TextSentimentConfig.from_pretrained(text_folder)
    module = TextSentimentModel.from_pretrained(str(text_folder), config=config)
    graph = Graph(text_folder, num_threads=1)
    for tokens in (2, 3, 64, 512):
        ids = np.random.default_rng(tokens).integers(0, 50, (1, tokens))
        with torch.inference_mode():
            expected = module(torch.from_numpy(ids)).logits[0].numpy()
        np.testing.assert_allclose(graph({"input_ids": ids}).logits, expected, atol=1e-5)


def test_weights_kept_in_float32_are_referred_to_as_well(tmp_path):
    torch.manual_seed(0)
    config = SpeechEmotionConfig(
        hidden_size=16, num_attention_heads=2, intermediate_size=32, id2label=LABELS
    )
    module = SpeechEmotionModel(config).eval()
    module.save_pretrained(tmp_path)
    export(tmp_path)
    assert (tmp_path / GRAPH_FILE).stat().st_size < MAX_GRAPH_BYTES
    mel, active = torch.randn(1, 80, 500), torch.rand(1, 250) > 0.5
    with torch.inference_mode():
        expected = module(mel, active).logits[0].numpy()
    inputs = {"input_features": mel.numpy(), "attention_mask": active.numpy()}
    np.testing.assert_allclose(Graph(tmp_path, num_threads=1)(inputs).logits, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["call-sentiment-speech", "call-sentiment-text"])
def test_a_shipped_graph_holds_no_weights_and_no_notes(name):
    file = PRETRAINED / name / GRAPH_FILE
    assert file.stat().st_size < MAX_GRAPH_BYTES
    model = onnx.load(file, load_external_data=False)
    held = [one for one in model.graph.initializer if not one.external_data]
    assert sum(int(np.prod(one.dims)) for one in held) < 100
    assert not model.producer_version  # torch's build: CPU or CUDA
    parts = (model.graph, *model.graph.node, *model.graph.initializer)
    assert not any(part.doc_string or part.metadata_props for part in parts)


def test_a_shipped_graph_is_what_export_writes(tmp_path):
    shipped = PRETRAINED / "call-sentiment-text"
    folder = shutil.copytree(shipped, tmp_path / "model")
    (folder / GRAPH_FILE).unlink()
    assert export(folder).read_bytes() == (shipped / GRAPH_FILE).read_bytes()


def test_weights_are_found_where_they_lie(text_folder):
    file = text_folder / "model.safetensors"
    data = file.read_bytes()
    found = stored_weights(file)
    assert {one.name for one in found} == set(load_file(file))
    for one in found:
        assert data[one.offset : one.offset + one.values.nbytes] == one.values.tobytes()


def test_others_models_have_no_graph(tmp_path):
    folder = tiny_models.tiny_roberta(tmp_path / "model")
    assert not is_exportable(folder)
    with pytest.raises(TrainingError, match="is a roberta, which torch runs"):
        export(folder)

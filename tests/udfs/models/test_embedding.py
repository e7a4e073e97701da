"""The embedding is what the labels were computed from, for any architecture."""

import numpy as np
import pytest
import torch
from torch import nn

from tests import tiny_models
from udfs.models.audio import load_audio_model
from udfs.models.contract import WINDOW_SAMPLES, ModelSpec, ask, embedding_size_of
from udfs.models.embedding import EmbeddingTap, as_bytes, classifying_layer
from udfs.models.text import load_text_model

WINDOW = (np.random.default_rng(0).normal(size=WINDOW_SAMPLES) * 0.05).astype(np.float32)


def shipped_audio(_folder):
    return load_audio_model(ModelSpec(runtime="torch", precision="float32")), WINDOW


def shipped_text(_folder):
    return load_text_model(ModelSpec(runtime="torch", precision="float32")), "i am not happy"


def hubert(folder):
    path = str(tiny_models.tiny_hubert(folder / "model"))
    return load_audio_model(ModelSpec(path, precision="float32")), WINDOW


def roberta(folder):
    path = str(tiny_models.tiny_roberta(folder / "model"))
    return load_text_model(ModelSpec(path, precision="float32")), "i am not happy"


@pytest.mark.models
@pytest.mark.parametrize("load", [shipped_audio, shipped_text, hubert, roberta])
def test_the_last_layer_over_the_embedding_gives_the_models_own_triple(load, tmp_path):
    model, given = load(tmp_path)

    answer = ask(model, given, with_embedding=True)

    embedding = np.frombuffer(answer.embedding, "<f2").astype(np.float32)
    assert embedding.shape == (embedding_size_of(model),)
    layer = classifying_layer(model._classifier.model)
    logits = layer(torch.from_numpy(embedding)).detach().numpy()
    # The embedding's float16; on speech the shipped models differ by less than 0.001.
    assert list(model._classifier.outputs.triple(logits)) == pytest.approx(
        list(answer.triple), abs=5e-3
    )
    assert answer.triple == model.probabilities(given)


@pytest.mark.models
def test_without_being_asked_no_embedding_is_given(tmp_path):
    model, given = roberta(tmp_path)

    assert ask(model, given, with_embedding=False).embedding is None


class OfEveryToken(nn.Module):
    """Labels from each position, as generating models give them."""

    def __init__(self):
        super().__init__()
        self.config = type("Config", (), {"num_labels": 3})
        self.score = nn.Linear(4, 3)


def test_a_layer_over_positions_gives_no_pooled_embedding():
    model = OfEveryToken()
    tap = EmbeddingTap(model)

    model.score(torch.zeros(1, 5, 4))

    assert tap.take() is None


def test_a_model_without_a_linear_last_layer_has_no_embedding():
    model = OfEveryToken()
    model.score = nn.Identity()

    assert EmbeddingTap(model).size is None


def test_numbers_beyond_half_precision_stay_finite():
    model = OfEveryToken()
    tap = EmbeddingTap(model)

    model.score(torch.tensor([[1e9, -1e9, 0.5, 0.0]]))

    assert np.frombuffer(as_bytes(tap.take()), "<f2").tolist() == [65_504.0, -65_504.0, 0.5, 0.0]

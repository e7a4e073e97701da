"""The classes of the shipped models, tiny and random."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForAudioClassification, AutoModelForSequenceClassification

from udfs.models.audio import load_audio_model
from udfs.models.audio_encoder import SpeechEmotionConfig, SpeechEmotionModel
from udfs.models.contract import WINDOW_SAMPLES, ModelError, ModelSpec
from udfs.models.speech_features import SpeechFeatureExtractor
from udfs.models.text_encoder import QuantizedEmbedding, TextSentimentConfig, TextSentimentModel

EMOTIONS = ("anger", "neutral", "happiness")


def speech_model():
    torch.manual_seed(0)
    config = SpeechEmotionConfig(
        hidden_size=16,
        num_attention_heads=2,
        intermediate_size=32,
        id2label=dict(enumerate(EMOTIONS)),
    )
    return SpeechEmotionModel(config).eval()


def text_model():
    torch.manual_seed(0)
    config = TextSentimentConfig(
        vocab_size=50, hidden_size=16, num_attention_heads=2, intermediate_size=32, num_labels=3
    )
    model = TextSentimentModel(config)
    model.word_embeddings = QuantizedEmbedding.quantize(torch.randn(50, 16))
    return model.eval()


@pytest.mark.parametrize(
    ("build", "auto_class", "inputs"),
    [
        (speech_model, AutoModelForAudioClassification, torch.randn(1, 80, 500)),
        (text_model, AutoModelForSequenceClassification, torch.arange(9)[None]),
    ],
)
def test_a_saved_model_comes_back_through_the_auto_classes(build, auto_class, inputs, tmp_path):
    model = build()
    model.save_pretrained(tmp_path)
    loaded = auto_class.from_pretrained(tmp_path, trust_remote_code=False)
    assert type(loaded) is type(model)
    with torch.inference_mode():
        assert torch.equal(loaded(inputs).logits, model(inputs).logits)


def test_a_quantized_row_is_off_by_half_a_step_at_most():
    table = torch.randn(40, 8) * torch.logspace(-3, 1, 40)[:, None]
    embedding = QuantizedEmbedding.quantize(table)
    error = (embedding(torch.arange(40)) - table).abs()
    assert (error <= embedding.scale * 0.51).all()


def test_padding_does_not_change_a_text_in_training():
    model = text_model()
    ids = torch.tensor([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    with torch.inference_mode():
        together = model(ids, mask).logits
        alone = model(ids[:1, :3]).logits
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_pauses_do_not_enter_the_pooling():
    model = speech_model()
    mel, active = torch.randn(1, 80, 500), torch.zeros(1, 250, dtype=torch.bool)
    active[:, :100] = True
    with torch.inference_mode():
        hidden = model.pooled(mel, active)
        everywhere = model.pooled(mel, None)
    assert hidden.shape == everywhere.shape == (1, 2 * 16 + 3 * 80)
    assert not torch.allclose(hidden, everywhere)


def test_one_active_block_is_enough():
    active = torch.zeros(1, 250, dtype=torch.bool)
    active[:, 3] = True
    with torch.inference_mode():
        assert torch.isfinite(speech_model()(torch.randn(1, 80, 500), active).logits).all()


def test_an_own_model_without_its_head_is_refused(tmp_path):
    speech_model().save_pretrained(tmp_path)
    SpeechFeatureExtractor().save_pretrained(tmp_path)
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    assert sum(load_audio_model(ModelSpec(str(tmp_path))).probabilities(window)) == pytest.approx(1)
    weights = tmp_path / "model.safetensors"
    kept = {k: v.clone() for k, v in load_file(weights).items() if "classifier" not in k}
    save_file(kept, weights)
    with pytest.raises(ModelError, match=r"lacks the weights classifier\.bias"):
        load_audio_model(ModelSpec(str(tmp_path)))

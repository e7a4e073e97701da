"""The shipped voice model as one call gives what it gives module by module."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_hubert
from udfs.models.audio import load_audio_model
from udfs.models.contract import ModelSpec
from udfs.models.embedding import EmbeddingTap
from udfs.models.one_call import one_call

pytestmark = [pytest.mark.models, pytest.mark.slow]

WINDOWS = [
    np.random.default_rng(seed).normal(0, level, 80_000).astype(np.float32)
    for seed, level in enumerate((0.2, 0.01, 0.0))
]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_shipped_model_gives_the_same_numbers(precision):
    scorer = load_audio_model(ModelSpec(runtime="torch", precision=precision))
    model, tap = scorer._classifier.model, EmbeddingTap(scorer._classifier.model)

    for waveform in WINDOWS:
        inputs = scorer.inputs(waveform)
        is_bfloat16 = precision == "bfloat16"
        with torch.inference_mode():
            logits, embedding = scorer._pass(inputs)
            with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
                expected = model(**inputs).logits
        # Casting a weight once or with each window is the same.
        assert torch.equal(logits, expected)
        assert torch.equal(embedding, tap.take())


def test_it_is_one_native_call_and_others_models_are_left_as_they_are(tmp_path):
    shipped = load_audio_model(ModelSpec(runtime="torch"))._classifier.model
    hubert = load_audio_model(ModelSpec(str(tiny_hubert(tmp_path / "model"))))._classifier.model
    features = {"input_features": torch.zeros(1, 80, 500), "attention_mask": torch.ones(1, 250)}
    passes: list[str] = []
    for name, model in (("shipped", shipped), ("hubert", hubert)):
        model.register_forward_hook(lambda *_, name=name: passes.append(name))

    run = one_call(shipped, EmbeddingTap(shipped), features, bfloat16=False)
    passes.clear()
    run(features)
    assert not passes  # Python is not asked again

    values = {"input_values": torch.zeros(1, 80_000)}
    one_call(hubert, EmbeddingTap(hubert), values, bfloat16=False)(values)
    assert passes == ["hubert"]

"""Tiny, randomly made models of well-known classes, saved as a user's folder would be.

They load through the Auto classes as the real ones do; only what they say is noise.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from transformers.convert_slow_tokenizer import bytes_to_unicode

SUPERB_LABELS = ("neu", "hap", "ang", "sad")
"""superb/hubert-base-superb-er and superb/wav2vec2-base-superb-er."""
CARDIFF_LABELS = ("negative", "neutral", "positive")
"""cardiffnlp/twitter-roberta-base-sentiment-latest."""

_SPEECH_SIZE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (10, 8, 4),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 16,
}


def tiny_hubert(folder: Path, labels: Sequence[str] = SUPERB_LABELS) -> Path:
    """A ``HubertForSequenceClassification`` and its feature extractor."""
    config = transformers.HubertConfig(**_SPEECH_SIZE, **_label_names(labels))
    return _save_speech(transformers.HubertForSequenceClassification, config, folder)


def tiny_wav2vec2(folder: Path, labels: Sequence[str] = SUPERB_LABELS) -> Path:
    """A ``Wav2Vec2ForSequenceClassification`` and its feature extractor."""
    config = transformers.Wav2Vec2Config(**_SPEECH_SIZE, **_label_names(labels))
    return _save_speech(transformers.Wav2Vec2ForSequenceClassification, config, folder)


def tiny_hubert_without_head(folder: Path) -> Path:
    """A ``HubertModel``: what was pretrained but never taught to classify."""
    config = transformers.HubertConfig(**_SPEECH_SIZE, **_label_names(SUPERB_LABELS))
    return _save_speech(transformers.HubertModel, config, folder)


def tiny_roberta(folder: Path, labels: Sequence[str] = CARDIFF_LABELS, **options: str) -> Path:
    """A ``RobertaForSequenceClassification`` and its byte-level tokenizer."""
    torch.manual_seed(0)
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(bytes_to_unicode().values())
    vocabulary = {token: number for number, token in enumerate([*specials, *alphabet])}
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    transformers.RobertaTokenizer.from_pretrained(folder).save_pretrained(folder)
    config = transformers.RobertaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=514,
        **_label_names(labels),
        **options,
    )
    transformers.RobertaForSequenceClassification(config).save_pretrained(folder)
    return folder


def _save_speech(model_class: type, config: transformers.PreTrainedConfig, folder: Path) -> Path:
    torch.manual_seed(0)
    model_class(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return folder


def _label_names(labels: Sequence[str]) -> dict[str, dict[int, str] | dict[str, int]]:
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }

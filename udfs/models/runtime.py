"""Which runtime computes a model: ONNX Runtime where its folder has a graph, else torch.

torch reads any classifier of the Auto classes, but a worker pays for it with hundreds of
megabytes; so nothing here imports it before a model asks for it.
"""

from __future__ import annotations

from udfs.models.contract import ModelError, ModelSpec
from udfs.models.onnx_session import GRAPH_FILE
from udfs.models.source import Source


def uses_onnx(spec: ModelSpec, source: Source) -> bool:
    """Whether ONNX Runtime computes the model.

    Raises:
        ModelError: it is told to, and cannot.
    """
    has_graph = source.is_local and (source.folder / GRAPH_FILE).is_file()
    if spec.runtime != "onnx":
        return spec.runtime == "auto" and has_graph and spec.precision != "bfloat16"
    if not has_graph:
        message = (
            f"model {source.path} has no {GRAPH_FILE}: write one with call-sentiment export, "
            "or set runtime torch"
        )
        raise ModelError(message)
    if spec.precision == "bfloat16":
        message = f"runtime onnx computes {source.path} in float32: set precision auto or float32"
        raise ModelError(message)
    return True

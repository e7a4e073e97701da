"""Reading a text model, for whichever runtime computes it."""

from __future__ import annotations

from udfs.models.contract import ModelSpec, TextModel
from udfs.models.onnx_text import load_onnx_text
from udfs.models.runtime import uses_onnx
from udfs.models.source import source_of

SHIPPED_FOLDER = "call-sentiment-text"


def load_text_model(spec: ModelSpec) -> TextModel:
    """Read a text classifier: our own by ONNX Runtime, any of the Auto classes by torch.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    source = source_of(spec, SHIPPED_FOLDER)
    if uses_onnx(spec, source):
        return load_onnx_text(spec, source)
    from udfs.models.torch_text import load_torch_text  # noqa: PLC0415 - loads torch

    return load_torch_text(spec, source)

"""Reading an audio model, for whichever runtime computes it."""

from __future__ import annotations

from udfs.models.contract import AudioModel, ModelSpec
from udfs.models.onnx_audio import load_onnx_audio
from udfs.models.runtime import uses_onnx
from udfs.models.source import source_of

SHIPPED_FOLDER = "call-sentiment-speech"


def load_audio_model(spec: ModelSpec) -> AudioModel:
    """Read an audio classifier: our own by ONNX Runtime, any of the Auto classes by torch.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    source = source_of(spec, SHIPPED_FOLDER)
    if uses_onnx(spec, source):
        return load_onnx_audio(spec, source)
    from udfs.models.torch_audio import load_torch_audio  # noqa: PLC0415 - loads torch

    return load_torch_audio(spec, source)

"""A graph's weights as references into the safetensors beside it.

A reference is a file name, an offset and a length, which ONNX calls external data; safetensors lays
each weight out as ONNX does. What the graph needs in another form (float32 of float16, transposed)
it makes by steps of its own, which ONNX Runtime takes once, when it reads the graph.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    StringStringEntryProto,
    TensorProto,
    helper,
    numpy_helper,
)
from safetensors.numpy import load_file

from udfs.models.source import WEIGHTS_FILE


class Stored(NamedTuple):
    """A weight in the safetensors."""

    name: str
    values: NDArray[Any]
    offset: int
    """Bytes from the file's start."""

    @property
    def is_half(self) -> bool:
        return self.values.dtype == np.float16


def stored_weights(file: Path) -> list[Stored]:
    """What lies where in a safetensors file: a length, a header in JSON, the weights' bytes."""
    with file.open("rb") as reader:
        header_bytes = int.from_bytes(reader.read(8), "little")
        header = json.loads(reader.read(header_bytes))
    return [
        Stored(name, values, 8 + header_bytes + header[name]["data_offsets"][0])
        for name, values in sorted(load_file(file).items())
    ]


def refer(graph: GraphProto, stored: Iterable[Stored]) -> None:
    """Replace the graph's weights by references; numbers that are none of them stay in it."""
    weights = list(stored)
    kept: list[TensorProto] = []
    references: dict[str, TensorProto] = {}
    steps: list[NodeProto] = []
    for held in graph.initializer:
        weight, is_transposed = _where(numpy_helper.to_array(held), weights)
        if weight is None:
            kept.append(held)
        else:
            references[weight.name] = _reference(weight)
            steps.extend(_steps(weight, held.name, is_transposed=is_transposed))
    _replace(graph.initializer, [*kept, *references.values()])
    _replace(graph.node, [*steps, *graph.node])


def _where(values: NDArray[Any], weights: list[Stored]) -> tuple[Stored | None, bool]:
    """The weight that has these values, and whether the graph has it transposed."""
    for weight in weights:
        if (weight.values.dtype == np.int8) != (values.dtype == np.int8):
            continue
        if np.array_equal(weight.values, values):
            return weight, False
        if values.ndim == 2 and np.array_equal(weight.values.T, values):  # noqa: PLR2004
            return weight, True
    return None, False


def _reference(weight: Stored) -> TensorProto:
    place = {
        "location": WEIGHTS_FILE,
        "offset": weight.offset,
        "length": weight.values.nbytes,
    }
    return TensorProto(
        name=weight.name,
        data_type=helper.np_dtype_to_tensor_dtype(weight.values.dtype),
        dims=weight.values.shape,
        data_location=TensorProto.EXTERNAL,
        external_data=[StringStringEntryProto(key=k, value=str(v)) for k, v in place.items()],
    )


def _steps(weight: Stored, name: str, *, is_transposed: bool) -> Iterator[NodeProto]:
    """From a weight as it is stored to ``name``, as the graph wants it."""
    steps: list[tuple[str, dict[str, Any]]] = []
    if weight.is_half:
        steps.append(("Cast", {"to": TensorProto.FLOAT}))
    if is_transposed:
        steps.append(("Transpose", {"perm": [1, 0]}))
    if not steps:
        steps.append(("Identity", {}))
    given = weight.name
    for step, attributes in steps[:-1]:
        yield helper.make_node(step, [given], [f"{name}.{step}"], **attributes)
        given = f"{name}.{step}"
    step, attributes = steps[-1]
    yield helper.make_node(step, [given], [name], **attributes)


def _replace(field: Any, values: list[Any]) -> None:
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(copies)


def forget_origins(model: ModelProto) -> None:
    """Remove the exporter's notes: its build, and the lines of code that a step came from."""
    model.ClearField("producer_version")
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]

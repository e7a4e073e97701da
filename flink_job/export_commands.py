"""``export``: a trained model's graph for ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flink_job.terminal import console, explained

Folder = Annotated[
    Path, typer.Argument(help="A model that train audio or train text has written.", exists=True)
]


def export(model: Folder) -> None:
    """Write model.onnx anew, with which a worker needs no torch; train has written it once."""
    with explained():
        from udfs.training.onnx_export import export as write_graph  # noqa: PLC0415 - loads torch

        file = write_graph(model)
        console.print(f"graph: {file}", markup=False, highlight=False, soft_wrap=True)

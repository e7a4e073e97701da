"""A SageMaker container on a local port: calls a model's own entry point as the toolkit does.

    python -m tests.aws_servers.container MODEL_DIR

prints its URL. The code that serves is the one in ``MODEL_DIR/code``.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path

from tests.aws_servers.model_server import ModelServer, serving

if __name__ == "__main__":
    model_dir = Path(sys.argv[1])
    spec = importlib.util.spec_from_file_location("inference", model_dir / "code" / "inference.py")
    entry = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entry)
    model = entry.model_fn(str(model_dir))
    one_at_a_time = threading.Lock()

    def answer(body: bytes, content_type: str) -> bytes:
        with one_at_a_time:
            predictions = entry.predict_fn(entry.input_fn(bytearray(body), content_type), model)
        return entry.output_fn(predictions, "application/json").encode()

    with serving(ModelServer(answer=answer, keep_requests=False)) as url:
        print(url, flush=True)
        threading.Event().wait()

"""The main job with a SageMaker-shaped endpoint that throttles and garbles."""

from __future__ import annotations

from pathlib import Path

from connectors.lake_reader import read_rows
from flink_job.local import write_properties
from tests.aws_servers.fixtures import Serve
from tests.aws_servers.model_server import ModelServer
from tests.flink.conftest import call_sentiment
from tests.udfs.test_model_udfs import faults
from udfs.models.scorer import MODEL_FAILURES
from udfs.rows import LEDGER, SEGMENTS, newest


def segments(output: Path) -> dict[tuple[str, str, int], object]:
    rows = newest(read_rows(output, SEGMENTS), SEGMENTS)
    return {(row.call_id, row.participant_id, row.window_start_ms): row for row in rows}


def test_every_window_has_a_score_or_a_reason_and_none_is_lost(
    tmp_path: Path, output: Path, calls: Path, reference: Path, serve: Serve
) -> None:
    remote = {"backend": "sagemaker", "endpoint.name": "calls", "time.limit.ms": "20000"}
    properties = write_properties({"models.audio": remote, "models.text": remote}, tmp_path)
    fault_of = faults(throttled=0.30, garbage=0.05)
    # The first calls are the start's own, which a bad answer would stop.
    serve(ModelServer(lambda number: fault_of(number) if number >= 8 else None, latency_s=0.05))

    done = call_sentiment(
        "local", "--calls", calls, "--output", output, "--speed", "max",
        "--properties", properties,
    )  # fmt: skip

    assert done.returncode in (0, 1), done.stderr + done.stdout
    local, found = segments(reference), segments(output)
    assert found.keys() == local.keys()
    failed = 0
    for key, row in found.items():
        missing = dict(one.split(":") for one in row.missing.split(",") if one)
        expected = dict(one.split(":") for one in local[key].missing.split(",") if one)
        for side in ("audio", "text"):
            probability = getattr(row, f"{side}_neutral")
            assert (probability is None) == (side in missing)
            if missing.get(side) in MODEL_FAILURES:
                failed += 1
                assert side not in expected
            else:
                assert missing.get(side) == expected.get(side)
        if row.audio_neutral is not None:
            assert row.audio_model_id == "sagemaker:calls/blue"
    ledgers = newest(read_rows(output, LEDGER), LEDGER)
    incomplete = [row for row in ledgers if not row.complete]
    assert bool(incomplete) == bool(failed) == (done.returncode == 1)
    assert failed
    assert sum(row.windows_lost for row in ledgers) == 0

"""Calls that lack something, and calls in which an agent hands over to another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.call_folder_builders import write_transfer
from tests.flink.conftest import SAMPLES, call_sentiment
from tests.flink.test_local import ledgers, sequences
from tests.row_comparison import newest_rows
from udfs.rows import CALLS, SEGMENTS


def test_dropped_chunks_are_named_and_a_transfer_has_three_parties(
    tmp_path: Path, output: Path
) -> None:
    calls = tmp_path / "calls"
    shutil.copytree(SAMPLES / "sample-4-no-transcript", calls / "sample-4-no-transcript")
    write_transfer(calls / "transfer")
    report = tmp_path / "report.json"

    done = call_sentiment(
        "local", "--calls", calls, "--output", output, "--speed", "max", "--report", report,
        "--drop", "0.03", "--seed", "5",
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    dropped = json.loads(report.read_text())["dropped"]
    assert sum(map(len, dropped["sample-4-no-transcript"].values())) > 3
    for (call_id, participant_id), row in ledgers(output).items():
        if participant_id != "all":
            assert sequences(row.missing_sequences) == dropped.get(call_id, {}).get(
                participant_id, []
            )
    assert "never came" in done.stdout
    parties = {key[1] for key in newest_rows(output, SEGMENTS) if key[0] == "transfer"}
    assert parties == {"customer", "agent", "agent-2"}
    summaries = {key[1] for key in newest_rows(output, CALLS) if key[0] == "transfer"}
    assert summaries == {"customer", "agent", "agent-2", "all"}

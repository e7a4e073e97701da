"""The search itself finds what it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.privacy import leaks
from udfs.events import LOAD_FAILED, LOGGER

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


def first(pattern: str) -> dict[str, object]:
    path = sorted(SAMPLES.glob(pattern))[0]
    line = path.read_text().splitlines()[0] if path.suffix == ".jsonl" else path.read_text()
    return json.loads(line)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("nothing to see", []),
        ("failed on: {text}", ["a phrase of a transcript"]),
        ("asked for {person}.", ["a person's id"]),
        (
            '{{"event": "model_failed", "error": "{text}"}}',
            ["a phrase of a transcript", "a word of a transcript in a line of ours"],
        ),
    ],
)
def test_it_finds_words_and_persons(tmp_path: Path, line: str, kinds: list[str]) -> None:
    text = first("*/transcript.jsonl")["text"]
    [person, *_] = [one["person_id"] for one in first("*/call.json")["participants"]]  # type: ignore[attr-defined]
    (tmp_path / "job.log").write_text("INFO it runs\n" + line.format(text=text, person=person))

    assert leaks(tmp_path, SAMPLES) == [f"job.log: {kind}" for kind in kinds]


def test_an_event_is_one_line_of_json_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    LOAD_FAILED.log(table="call_segment", attempt=2, reason="two\nlines")

    [record] = caplog.records
    assert (record.name, record.levelname) == (LOGGER, LOAD_FAILED.level_name)
    assert "\n" not in record.message
    assert json.loads(record.message) == {
        "event": "load_failed",
        "table": "call_segment",
        "attempt": 2,
        "reason": "two\nlines",
    }

"""Intake, a stand-in for the models, and assembly, one after the other, driven by hand.

The stand-in scores by content alone: another byte in a window or a word in a text is another score.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from pyflink.common import Row

from flink_job.arrows import Opened, decode_signal, decode_work, encode
from flink_job.call_assembly import CallAssembly
from flink_job.call_intake import CallIntake
from flink_job.settings import CallSettings, TimeSettings
from tests.builders import STARTED_AT_MS, arrival
from tests.harness import KeyedHarness, Snapshot
from udfs.fusion import Fuser, PriorFusion
from udfs.models.contract import Triple
from udfs.policy import Policy, read_policy
from udfs.record_json import CallRecord
from udfs.records import CallClosed, RejectNotice
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, Table
from udfs.score_text import TextScore
from udfs.score_window import WindowScore
from udfs.windows import WindowSignal

FUSER = PriorFusion()


def triple_of(content: bytes) -> Triple:
    """Three shares that depend on every byte."""
    shares = [1 + byte for byte in hashlib.sha256(content).digest()[:3]]
    return Triple(*(share / sum(shares) for share in shares))


def hear(signal: WindowSignal) -> WindowScore:
    """Somebody speaks for as long as audio came, unless that is under a second."""
    content = repr((signal.tracks, signal.covered_ms)).encode()
    spoken_ms = sum(end - start for start, end in signal.covered_ms)
    if spoken_ms < 1_000:
        return WindowScore(None, "no_speech", None, (), 0.0, None, None)
    level = -40.0 + content[-5] / 10
    ratio = spoken_ms / 5_000
    return WindowScore(triple_of(content), None, "ear", signal.covered_ms, ratio, level, 12.0)


def read(text: str, language: str = "en") -> TextScore:
    if not text:
        return TextScore(None, "no_words", None)
    return TextScore(triple_of(text.encode()), None, "eye")


DEFAULT_POLICY = read_policy()


def intake_harness(
    calls: CallSettings, time: TimeSettings, policy: Policy = DEFAULT_POLICY
) -> KeyedHarness:
    return KeyedHarness(lambda: CallIntake(calls, time, policy))


def assembly_harness(calls: CallSettings, fuser: Fuser) -> KeyedHarness:
    return KeyedHarness(lambda: CallAssembly(fuser, calls.text_wait_ms))


def opened(record: CallRecord | RejectNotice, arrival_ms: int = STARTED_AT_MS) -> bytes:
    return encode(Opened(record, arrival(arrival_ms)))


def rows_of(table: Table, flink_rows: list[Row]) -> list[dict[str, Any]]:
    """Flink's rows as dictionaries."""
    names = [*(column.name for column in table.columns), "dt"]
    return [dict(zip(names, row, strict=True)) for row in flink_rows]


def newest(table: Table, rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The newest revision of each key; of equal ones the later."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in table.key)
        if key not in found or row["revision"] >= found[key]["revision"]:
            found[key] = row
    return found


@dataclass
class Checkpoint:
    intake: Snapshot
    assembly: Snapshot
    rows_out: tuple[int, int, int, int]


@dataclass
class JobRun:
    """The keyed half of the job on one subtask each."""

    calls: CallSettings = field(default_factory=CallSettings)
    time: TimeSettings = field(default_factory=TimeSettings)
    fuser: Fuser = FUSER
    policy: Policy = DEFAULT_POLICY

    def __post_init__(self) -> None:
        self.intake = intake_harness(self.calls, self.time, self.policy)
        self.assembly = assembly_harness(self.calls, self.fuser)
        self.work: list[Any] = []
        self.to_models: list[bytes] = []
        """All that a model was given, windows and texts."""

    def send(self, *records: CallRecord | RejectNotice, arrival_ms: int = STARTED_AT_MS) -> None:
        for record in records:
            self.intake.send(record.call_id, opened(record, arrival_ms))
            self._hand_on()

    def advance_clock(self, by_ms: int) -> None:
        self.intake.advance_clock(by_ms)
        self.assembly.clock_ms = max(self.assembly.clock_ms, self.intake.clock_ms - by_ms)
        self._hand_on()
        self.assembly.advance_clock_to(self.intake.clock_ms)

    def advance_watermark_to(self, stream_ms: int) -> None:
        self.intake.advance_watermark_to(max(stream_ms, self.intake.watermark_ms))
        self._hand_on()
        self.assembly.advance_watermark_to(max(stream_ms, self.assembly.watermark_ms))

    def pulse(self, call_id: str) -> None:
        """What Flink's window operator sends of a call every ten seconds of stream time."""
        self.intake.send(call_id, None)
        self._hand_on()

    def end_bundle(self) -> None:
        self.intake.end_bundle()
        self.assembly.end_bundle()

    def checkpoint(self, *, timers_of_last_bundle: bool = True) -> Checkpoint:
        """All that a checkpoint saves; the rows put out since are gone after a restart."""
        snapshots = [self.intake.snapshot(), self.assembly.snapshot()]
        if not timers_of_last_bundle:
            snapshots = [one.drop_timers_of_last_bundle() for one in snapshots]
        return Checkpoint(snapshots[0], snapshots[1], self._rows_out())

    def restart(self, checkpoint: Checkpoint) -> None:
        self.intake.restore(checkpoint.intake)
        self.assembly.restore(checkpoint.assembly)
        self.intake.output.clear()
        segments, calls, ledger, rejects = checkpoint.rows_out
        del self.assembly.output[segments:]
        del self.assembly.side_output.get("calls", [])[calls:]
        del self.assembly.side_output.get("ledger", [])[ledger:]
        del self.intake.side_output.get("rejects", [])[rejects:]

    def _rows_out(self) -> tuple[int, int, int, int]:
        return (
            len(self.assembly.output),
            len(self.assembly.side_output.get("calls", [])),
            len(self.assembly.side_output.get("ledger", [])),
            len(self.intake.side_output.get("rejects", [])),
        )

    def _hand_on(self) -> None:
        for call_id, work, signal, text, language, _ in self.intake.output:
            self.to_models += [signal or b"", (text or "").encode()]
            heard = None if signal is None else encode(hear(decode_signal(signal)))
            known = None if text is None else encode(read(text, language))
            self.work.append(decode_work(work))
            self.assembly.send(call_id, Row(work, heard, known))
        self.intake.output.clear()

    # --- what came out -------------------------------------------------------------------------

    @property
    def segments(self) -> list[dict[str, Any]]:
        return rows_of(SEGMENTS, self.assembly.output)

    @property
    def summaries(self) -> list[dict[str, Any]]:
        return rows_of(CALLS, self.assembly.side_output.get("calls", []))

    @property
    def ledgers(self) -> list[dict[str, Any]]:
        return rows_of(LEDGER, self.assembly.side_output.get("ledger", []))

    @property
    def rejects(self) -> list[dict[str, Any]]:
        return rows_of(REJECTS, self.intake.side_output.get("rejects", []))

    @property
    def closed(self) -> list[CallClosed]:
        return [work for work in self.work if isinstance(work, CallClosed)]

    def held(self, call_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.intake.held(call_id), self.assembly.held(call_id)

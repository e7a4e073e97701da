"""Alarms on steps that are driven by hand: each fault makes its own alarm ring and no other.

That each rings from a running job is shown in ``tests/flink``; here each number is chosen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pyflink.common import Row

from connectors.deployment.templates import load_template
from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from connectors.remote_models.spec import BackendSpec, RemoteSpec
from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.loading import LoadRules, pack_row
from flink_job import warehouse_writer
from flink_job.arrows import encode
from flink_job.monitoring.__main__ import FILES
from flink_job.monitoring.alarms import ALARMS, PARAMETERS
from flink_job.monitoring.templates import logical_id
from flink_job.open_records import OpenRecords
from flink_job.settings import CallSettings, TimeSettings
from flink_job.warehouse_writer import WarehouseWriter
from tests.aws_servers.model_server import ModelServer, serving
from tests.builders import STARTED_AT_MS, call_ended, call_started, chunk, utterance
from tests.captured_metrics import CapturedGroup
from tests.deploy.test_templates import FOLDER
from tests.deploy.watched import DEFAULTS, Watched
from tests.fake_warehouse import FakeWarehouse
from tests.flink import test_recovery, test_watched_faults
from tests.harness import KeyedHarness
from tests.job_run import FUSER, JobRun, assembly_harness
from tests.row_builders import segment
from udfs.envelope import Limits
from udfs.metrics import METRICS
from udfs.models.scorer import Text
from udfs.record_json import record_json
from udfs.records import Announced, Heartbeat, UtteranceAccepted
from udfs.score_text import TextScore

pytestmark = pytest.mark.slow


def test_every_alarm_rings_from_a_local_run_and_its_fault() -> None:
    assert {alarm.name for alarm in ALARMS} == test_recovery.CAUSED | test_watched_faults.CAUSED


# --- the door ----------------------------------------------------------------------------------


@dataclass
class Door:
    """The first step, at a clock of its own."""

    now_ms: int = STARTED_AT_MS
    group: CapturedGroup = field(default_factory=CapturedGroup)

    def __post_init__(self) -> None:
        self._step = OpenRecords("audio", Limits(), TimeSettings())
        self._step.open(self.group)

    def time_ns(self) -> int:
        return self.now_ms * 1_000_000

    monotonic_ns = time_ns

    def read(self, *records: bytes, shard: str = "a", late_ms: int = 0) -> None:
        for record in records:
            row = Row(record, self.now_ms - late_ms, "1", shard)
            list(self._step.process_element(row, None))


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    found = Door()
    monkeypatch.setattr("flink_job.open_records.time", found)
    return found


BEAT = record_json(Heartbeat())
GOOD = record_json(chunk())


def passing(door: Door, *records: bytes, **more: Any) -> Callable[[], None]:
    """Read these in each quarter of a minute."""

    def step() -> None:
        for _ in range(15):
            door.now_ms += 1_000
            door.read(BEAT)
        door.read(*records, **more)

    return step


def test_a_producer_that_sends_what_is_no_record(door: Door) -> None:
    watched = Watched(lambda: door.group)
    watched.minutes(6, passing(door, *[GOOD] * 50))
    assert watched.ringing() == set()

    watched.minutes(6, passing(door, *[GOOD] * 50, b"{}"))

    assert watched.ringing() == {"records-refused"}


def test_a_job_that_reads_nothing_any_more(door: Door) -> None:
    watched = Watched(lambda: door.group)
    watched.minutes(6, passing(door, GOOD))
    assert watched.ringing() == set()

    watched.minutes(7)

    assert watched.ringing() == {"job-hears-nothing"}


def test_a_shard_that_is_not_read_any_more(door: Door) -> None:
    watched = Watched(lambda: door.group)
    watched.minutes(3, passing(door, BEAT, shard="stuck"))
    assert watched.ringing() == set()

    watched.minutes(4, passing(door))

    assert watched.ringing() == {"shard-silent"}


# --- calls and models --------------------------------------------------------------------------


def test_a_producer_that_loses_audio() -> None:
    run = JobRun()
    watched = Watched(lambda: run.intake.metrics, lambda: run.assembly.metrics)

    def call(*sequences: int) -> None:
        """It comes within a minute, and two minutes later nothing of it can come any more."""
        now_ms = STARTED_AT_MS + round(watched.now_s * 1_000) * 3
        call_id = f"call-{now_ms}"
        run.send(
            call_started(call_id=call_id),
            *(chunk(sequence, call_id=call_id) for sequence in sequences),
            call_ended(chunks={"customer": 3}, utterances=0, call_id=call_id),
            arrival_ms=now_ms,
        )
        run.advance_watermark_to(now_ms + 120_000)
        watched.minute()

    for _ in range(15):
        call(0, 1, 2)
    assert watched.ringing() == set()

    for _ in range(20):
        call(0, 2)

    assert watched.ringing() == {"calls-incomplete"}


def test_a_model_that_fails_on_some_utterances() -> None:
    assembly = assembly_harness(CallSettings(), FUSER)
    watched = Watched(lambda: assembly.metrics)
    start = call_started()
    announced = Announced(start.started_at_ms, start.participants)
    assembly.send("call-1", Row(encode(announced), None, None))
    numbers = iter(range(10_000))

    def scored(*scores: TextScore) -> Callable[[], None]:
        def step() -> None:
            for score in scores:
                said = utterance(next(numbers))
                work = UtteranceAccepted(
                    said.participant_id, said.utterance_id, said.start_ms, said.end_ms,
                    2, said.language, None, 0,
                )  # fmt: skip
                assembly.send("call-1", Row(encode(work), None, encode(score)))

        return step

    good = TextScore((0.2, 0.6, 0.2), None, "model")
    watched.minutes(6, scored(*[good] * 9, TextScore(None, "no_words", None)))
    assert watched.ringing() == set()

    watched.minutes(6, scored(*[good] * 9, TextScore(None, "model_error", None)))

    assert watched.ringing() == {"models-fail"}


@dataclass
class Remote:
    """A text scorer of a remote model."""

    group: CapturedGroup
    scorer: Any

    def ask(self) -> None:
        list(self.scorer.score([Text(f"utterance {number}", "en") for number in range(4)]))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    model = ModelServer()
    with serving(model) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
        yield model


@pytest.fixture
def remote(server: ModelServer) -> Iterator[Remote]:
    group = CapturedGroup()
    spec = RemoteSpec(
        "sagemaker", "eu-west-1", name="calls", retries=0, breaker_failures=3, price_input=120.0
    )
    metrics = group.metrics()
    open_audio_scorer(BackendSpec(), metrics)  # as the job does: both tell, whoever scores
    scorer = open_text_scorers({"en": BackendSpec(spec)}, metrics)["en"]
    yield Remote(group, scorer)
    scorer.close()


def test_an_endpoint_that_is_gone(server: ModelServer, remote: Remote) -> None:
    watched = Watched(lambda: remote.group, RemoteMs=60_000)
    watched.minutes(5, remote.ask)
    assert watched.ringing() == set()

    server.fault_of = lambda _: "unavailable"
    watched.minutes(5, remote.ask)

    assert watched.ringing() == {"breaker-open"}


def test_an_endpoint_that_takes_longer_than_it_may(server: ModelServer, remote: Remote) -> None:
    watched = Watched(lambda: remote.group, RemoteMs=300)
    remote.ask()
    watched.minutes(6, remote.ask)
    assert watched.ringing() == set()

    server.latency_s = 0.4
    for _ in range(6):
        remote.ask()
        watched.minute()

    assert watched.ringing() == {"remote-slow"}


def test_a_remote_model_that_is_asked_too_often(remote: Remote) -> None:
    """An hour of 4 calls a minute at 120 USD a million is 0.0288 USD."""
    dear, cheap = (
        Watched(lambda: remote.group, RemoteMs=60_000, CostUsdAnHour=limit)
        for limit in (0.025, 0.035)
    )
    for _ in range(60):
        remote.ask()
        dear.minute()
        cheap.minute()

    assert cheap.ringing() == set()
    assert dear.ringing() == {"cost-high"}


# --- the warehouse -----------------------------------------------------------------------------


def test_a_warehouse_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = FakeWarehouse()
    monkeypatch.setattr(warehouse_writer, "open_warehouse", lambda _: warehouse)
    writer = KeyedHarness(lambda: WarehouseWriter(WarehouseSpec("postgresql://a/b"), LoadRules()))
    watched = Watched(lambda: writer.metrics)
    numbers = iter(range(10_000))

    def load() -> None:
        writer.send("segments", pack_row(segment(next(numbers))))
        for _ in range(15):
            writer.advance_clock(1_000)
            writer.send("segments", None)
            warehouse.finish()

    watched.minutes(8, load)
    assert watched.ringing() == set()

    warehouse.is_away = True
    watched.minutes(12, load)

    assert watched.ringing() == {"warehouse-behind", "warehouse-fails"}


# --- what is made from the registry ------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_what_is_committed_is_what_the_registry_makes(name: str) -> None:
    committed = (FOLDER.parent / name).read_text(encoding="utf-8")

    assert committed == FILES[name](), "run `make format`"


def test_the_stack_has_the_thresholds_of_the_registry() -> None:
    root = load_template(FOLDER / "call-sentiment.yaml")["Parameters"]

    assert {one.name: root[one.name]["Default"] for one in PARAMETERS} == DEFAULTS


def test_every_metric_of_ours_and_every_alarm_is_on_the_dashboard() -> None:
    resources = load_template(FOLDER / "dashboard.yaml")["Resources"]
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    widgets = [one["properties"] for one in body["widgets"]]
    lines = [line for one in widgets for line in one.get("metrics", ())]
    ids = [line[-1]["id"] for line in lines if "id" in line[-1]]
    headings = " ".join(one.get("markdown", "") for one in widgets)

    assert {line[1] for line in lines if len(line) > 1} >= set(METRICS)
    assert all(re.fullmatch("[a-z][a-zA-Z0-9_]*", one) for one in ids)
    assert all(alarm.name in headings for alarm in ALARMS)


def test_every_alarm_has_its_entry_in_the_runbook_and_names_it() -> None:
    runbook = (FOLDER.parent / "RUNBOOK.md").read_text(encoding="utf-8")
    resources = load_template(FOLDER / "alarms.yaml")["Resources"]
    for alarm in ALARMS:
        description = resources[logical_id(alarm)]["Properties"]["AlarmDescription"]
        assert f"\n### {alarm.name}\n" in runbook
        assert description.endswith(f"RUNBOOK.md#{alarm.name}")

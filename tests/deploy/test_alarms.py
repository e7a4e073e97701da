"""Each alarm is made to ring by a fault, from what the steps tell, through its own expression.

Before the fault the same alarm is silent. What only a running Flink tells is listed below and is in
``tests/flink/test_recovery.py``. Each number comes from what was really done: a stream's from
moto's records, a shard's limits from a producer's records, memory and CPU from this process, KPUs
from the templates.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyflink.common import Row

from connectors.deployment.templates import APPLICATION, load_template
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
from tests.deploy.test_heartbeat import HandClock, heartbeat, kinesis
from tests.deploy.test_templates import FOLDER
from tests.deploy.watched import DEFAULTS, Watched, cloudwatch
from tests.fake_warehouse import FakeWarehouse
from tests.harness import KeyedHarness
from tests.job_run import FUSER, JobRun, assembly_harness
from tests.row_builders import segment
from udfs.call_folder import read_call_folders
from udfs.envelope import Limits
from udfs.metrics import METRICS, WORKER_MEMORY_MIB
from udfs.models.scorer import Text
from udfs.record_json import record_json
from udfs.records import Announced, Heartbeat, UtteranceAccepted
from udfs.replay_plan import PlannedRecord, plan_call
from udfs.score_text import TextScore

pytestmark = pytest.mark.slow

__all__ = ["kinesis"]  # a fixture

IN_A_RUNNING_FLINK = {"job-down", "job-restarts", "checkpoints-fail", "checkpoints-slow"}
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SHARD_RECORDS_S, SHARD_BYTES_S = 1_000, 2**20
"""What a shard takes in a second."""
_caused: set[str] = set()

Test = Callable[..., None]


def causes(*alarms: str) -> Callable[[Test], Test]:
    """The alarms that a test makes ring."""
    _caused.update(alarms)
    return lambda test: test


def test_every_alarm_is_made_to_ring_by_some_test() -> None:
    assert _caused | IN_A_RUNNING_FLINK == {alarm.name for alarm in ALARMS}
    assert not _caused & IN_A_RUNNING_FLINK


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


@causes("records-refused")
def test_a_producer_that_sends_what_is_no_record(door: Door) -> None:
    watched = Watched(lambda: door.group)
    watched.minutes(6, passing(door, *[GOOD] * 50))
    assert watched.ringing() == set()

    watched.minutes(6, passing(door, *[GOOD] * 50, b"{}"))

    assert watched.ringing() == {"records-refused"}


@causes("job-hears-nothing")
def test_a_job_that_reads_nothing_any_more(door: Door) -> None:
    watched = Watched(lambda: door.group)
    watched.minutes(6, passing(door, GOOD))
    assert watched.ringing() == set()

    watched.minutes(7)

    assert watched.ringing() == {"job-hears-nothing"}


@causes("shard-silent")
def test_a_shard_that_is_not_read_any_more(door: Door) -> None:
    watched = Watched(lambda: door.group)
    watched.minutes(3, passing(door, BEAT, shard="stuck"))
    assert watched.ringing() == set()

    watched.minutes(4, passing(door))

    assert watched.ringing() == {"shard-silent"}


@causes("stream-time-behind", "audio-behind", "text-behind")
def test_a_job_that_was_down_for_ten_minutes(
    door: Door, kinesis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both streams lie in moto's Kinesis, which tells when a record came."""
    monkeypatch.setattr("moto.kinesis.models.utcnow", lambda: at(door.now_ms))
    watched = Watched(lambda: door.group)
    iterators = {name: first_iterator(kinesis, name) for name in ("audio", "text")}

    def write() -> None:
        door.now_ms += 15_000
        for name in iterators:
            kinesis.put_record(StreamName=name, Data=BEAT, PartitionKey="beat", ExplicitHashKey="0")

    def write_and_read() -> None:
        write()
        for name, thing in (("audio", "AudioStream"), ("text", "TextStream")):
            answer = kinesis.get_records(ShardIterator=iterators[name], Limit=1)
            iterators[name] = answer["NextShardIterator"]
            [record] = answer["Records"]
            came_ms = round(record["ApproximateArrivalTimestamp"].timestamp() * 1_000)
            age_ms = door.now_ms - came_ms
            watched.cloudwatch.put(thing, "GetRecords.IteratorAgeMilliseconds", [age_ms])
            door.read(record["Data"], late_ms=age_ms)

    watched.minutes(6, write_and_read)
    assert watched.ringing() == set()

    for _ in range(40):
        write()
    door.group = CapturedGroup()
    door.__post_init__()
    watched.minutes(6, write_and_read)

    assert watched.ringing() == {"stream-time-behind", "audio-behind", "text-behind"}


def at(ms: int) -> datetime:
    """In UTC and without a zone, as moto has it."""
    return datetime.fromtimestamp(ms / 1_000, UTC).replace(tzinfo=None)


def first_iterator(kinesis: Any, name: str) -> str:
    answer = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    return str(answer["ShardIterator"])


# --- calls and models --------------------------------------------------------------------------


@causes("calls-incomplete")
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


@causes("models-fail")
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


@causes("breaker-open")
def test_an_endpoint_that_is_gone(server: ModelServer, remote: Remote) -> None:
    watched = Watched(lambda: remote.group, RemoteMs=60_000)
    watched.minutes(5, remote.ask)
    assert watched.ringing() == set()

    server.fault_of = lambda _: "unavailable"
    watched.minutes(5, remote.ask)

    assert watched.ringing() == {"breaker-open"}


@causes("remote-slow")
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


@causes("cost-high")
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


@causes("warehouse-behind", "warehouse-fails")
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


# --- what stands around the job ----------------------------------------------------------------


@causes("audio-refused", "text-refused")
@pytest.mark.parametrize(
    ("alarm", "sound", "too_much"),
    [
        ("audio-refused", {"chunk_ms": 200, "calls": 15}, {"chunk_ms": 20, "calls": 15}),
        ("text-refused", {"chunk_ms": 200, "calls": 500}, {"chunk_ms": 200, "calls": 5_000}),
    ],
)
def test_a_stream_with_too_few_shards(
    alarm: str, sound: dict[str, int], too_much: dict[str, int]
) -> None:
    """Audio in pieces of 20 ms, as nobody should send it; words of too many calls."""
    watching = cloudwatch()
    thing = "AudioStream" if alarm == "audio-refused" else "TextStream"

    def minutes(chunk_ms: int, calls: int) -> str:
        [recorded, *_] = read_call_folders(SAMPLES)
        records = [one for one in plan_call(recorded, chunk_ms) if f"{one.stream}-refused" == alarm]
        for _ in range(5):
            refused = refused_by_a_shard(records, calls)
            watching.put(thing, "WriteProvisionedThroughputExceeded", [refused])
            watching.now_s += 60
        watching.now_s -= 1
        state = watching.state(alarm)
        watching.now_s += 1
        return state

    assert minutes(**sound) == "OK"
    assert minutes(**too_much) == "ALARM"


def refused_by_a_shard(records: list[PlannedRecord], calls: int) -> int:
    """Of so many calls alike at once, each in its first minute: what is beyond Kinesis' limits."""
    seconds: dict[int, list[int]] = defaultdict(list)
    for record in records:
        if record.at_ms < 60_000:
            seconds[record.at_ms // 1_000].append(len(record.data) + len(record.partition_key))
    refused = 0
    for sizes in seconds.values():
        sent = len(sizes) * calls
        fit = int(SHARD_BYTES_S / (sum(sizes) / len(sizes)))
        refused += max(0, sent - min(SHARD_RECORDS_S, fit))
    return refused


@causes("heartbeat-fails", "heartbeat-stopped")
def test_a_heartbeat_that_cannot_write_and_one_that_is_not_called(
    kinesis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERVAL_S", "20")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(heartbeat, "time", HandClock())
    monkeypatch.setattr(heartbeat.beat_for, "__defaults__", (60.0, heartbeat.time))
    watching = cloudwatch()

    def called(streams: str) -> None:
        """As Lambda counts it."""
        monkeypatch.setenv("STREAMS", streams)
        error = 0
        try:
            heartbeat.handler({}, None)
        except heartbeat.HeartbeatError:
            error = 1
        watching.put("HeartbeatFunction", "Invocations", [1])
        watching.put("HeartbeatFunction", "Errors", [error])
        watching.now_s += 60

    def ringing() -> set[str]:
        watching.now_s -= 60
        names = {"heartbeat-fails", "heartbeat-stopped"}
        found = {name for name in names if watching.state(name) == "ALARM"}
        watching.now_s += 60
        return found

    for _ in range(3):
        called("audio,text")
    assert ringing() == set()

    for _ in range(3):
        called("audio,gone")
    assert ringing() == {"heartbeat-fails"}

    watching.now_s += 180
    assert ringing() == {"heartbeat-stopped"}


@causes("memory-high")
def test_a_worker_that_fills_its_container() -> None:
    """This process in a container that it fills to 80 %, and then it takes more."""
    size_mib = worker_mib() / 0.8
    assert rings("memory-high", "containerMemoryUtilization", 100 * worker_mib() / size_mib) == "OK"

    leaked = b"x" * round(0.15 * size_mib * 2**20)
    percent = 100 * worker_mib() / size_mib

    assert leaked
    assert rings("memory-high", "containerMemoryUtilization", percent) == "ALARM"


def worker_mib() -> int:
    group = CapturedGroup()
    group.metrics()
    group.end_bundle()
    return group.gauge_of(WORKER_MEMORY_MIB)


@causes("cpu-high")
def test_a_step_with_more_records_than_a_core_can_read(door: Door) -> None:
    paced = share_of_a_core(lambda: door.read(*[GOOD] * 200), rest=4)
    flooded = share_of_a_core(lambda: door.read(*[GOOD] * 200), rest=0)

    assert rings("cpu-high", "containerCPUUtilization", 100 * paced) == "OK"
    assert rings("cpu-high", "containerCPUUtilization", 100 * flooded) == "ALARM"


def share_of_a_core(work: Callable[[], None], rest: float) -> float:
    """What this thread uses of a core of its own: time it runs, or would if others let it.

    Args:
        work: done again and again for half a second.
        rest: so many times as long as it took it rests.
    """
    began_ns, used_ns = time.monotonic_ns(), ran_or_waited_ns()
    while time.monotonic_ns() < began_ns + 500_000_000:
        start_s = time.monotonic()
        work()
        time.sleep(rest * (time.monotonic() - start_s))
    return (ran_or_waited_ns() - used_ns) / (time.monotonic_ns() - began_ns)


def ran_or_waited_ns() -> int:
    """Of this thread: on a core, and ready but in the queue for one."""
    _, waited_ns, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return time.thread_time_ns() + int(waited_ns)


@causes("kpus-high")
def test_a_stack_that_somebody_made_larger_than_planned() -> None:
    assert rings("kpus-high", "KPUs", kpus()) == "OK"
    assert rings("kpus-high", "KPUs", kpus(Parallelism=80, ParallelismPerKpu=2)) == "ALARM"


def kpus(**parameters: int) -> int:
    """The service's count for a stack with these parameters."""
    root = load_template(FOLDER / "call-sentiment.yaml")
    given = {name: one.get("Default") for name, one in root["Parameters"].items()} | parameters
    [job] = [one["Properties"] for one in root["Resources"].values() if is_application(one)]
    application = load_template(FOLDER / APPLICATION)["Resources"]["Application"]["Properties"]
    flink = application["ApplicationConfiguration"]["FlinkApplicationConfiguration"]
    slots, slots_of_a_kpu = (
        given[job["Parameters"][flink["ParallelismConfiguration"][key]["Ref"]]["Ref"]]
        for key in ("Parallelism", "ParallelismPerKPU")
    )
    return math.ceil(slots / slots_of_a_kpu)


def is_application(resource: Any) -> bool:
    return bool(resource["Properties"].get("TemplateURL") == APPLICATION)


def rings(alarm: str, metric: str, value: float) -> str:
    """The state after an hour with the same value."""
    watching = cloudwatch()
    for _ in range(60):
        watching.put("Application", metric, [value])
        watching.now_s += 60
    watching.now_s -= 60
    return watching.state(alarm)


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

"""A local run with all that it stands in, each part of which can fail, and what is told of it.

producers, heartbeat function ─► front ─► kinesalite
                                   ▲
                                  job ─► model server
                                   └───► front ─► PostgreSQL
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import MAX_BATCH_RECORDS, KinesisClient
from flink_job.local import SHARDS, STREAMS, JobProcess, local_groups, write_properties
from flink_job.local_metrics import asking, read_snapshot
from flink_job.monitoring.sources import SNAPSHOT_S
from tests.aws_servers.kinesis_front import before
from tests.aws_servers.model_server import ModelServer, serving
from tests.chaos.calls import ROOT
from tests.chaos.object_store import environment_of
from tests.chaos.producer import PatientProducer
from tests.chaos.warehouse import Warehouse
from tests.flink import straying_job
from tests.flink.container import Container, kpus
from tests.flink.heartbeat_function import HeartbeatFunction

REGION = "us-east-1"
HEARTBEAT_KEY = "heartbeat"
"""The access key of the function; the job and the producers have another."""
PRICE_USD, DEAR_USD = 0.0001, 10.0
"""Of a remote model's call."""
_SLOW_S = 1.0
_NEXT_S = 1.0
"""When a shard has room again."""
_POLL_S = 0.1
_LIMIT_S = 180.0
# A heap that is whole from the start, so that memory tells of the workers.
_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xms512m -Xmx512m -XX:+AlwaysPreTouch"

Told = dict[str, Mapping[str, list[float]]]
"""Samples by metric, by the alarms' name of the thing that they are of."""


class Surroundings:
    """All of it, running; leaving the context ends it."""

    def __init__(self, folder: Path) -> None:
        """Prepare it; entering the context starts it.

        Args:
            folder: for all that it keeps.
        """
        self._folder = folder
        self._stack = ExitStack()
        self._deployed = ExitStack()
        self.now_s = 0.0
        """The watch's clock, on which a snapshot is the service's 15 s."""
        self.model = ModelServer(keep_requests=False)
        self.heartbeat = HeartbeatFunction(lambda: self.now_s)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            model_url = stack.enter_context(serving(self.model))
            kinesalite = stack.enter_context(Kinesalite())
            self.front, self._kinesis_url = stack.enter_context(before(kinesalite.endpoint))
            environment = {
                "AWS_ACCESS_KEY_ID": HEARTBEAT_KEY,
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL_KINESIS": self._kinesis_url,
                "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model_url,
                "STREAMS": ",".join(STREAMS.values()),
                "INTERVAL_S": str(SNAPSHOT_S),
                "JVM_ARGS": _JVM,
                "PYTHONPATH": str(ROOT),  # the workers, too, find the tests
                straying_job.FOLDER_VARIABLE: str(self._folder),
            }
            stack.enter_context(environment_of(environment))
            boto = PatientProducer(self._kinesis_url).boto
            self.kinesis = KinesisClient(boto, MAX_BATCH_RECORDS, lambda _: time.sleep(_NEXT_S))
            for kind, name in STREAMS.items():
                self.kinesis.create_stream(name, SHARDS[kind])
            self.warehouse = stack.enter_context(Warehouse(self._folder / "warehouse"))
            stack.enter_context(self._deployed)
            self._deploy("first", {"initial.position": "TRIM_HORIZON"}, 1, PRICE_USD)
            stack.enter_context(self.heartbeat)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(error_type, error, traceback)

    def snapshot(self) -> Told:
        """All that was told since the last one; 15 s of the watch's clock.

        Raises:
            LocalJobError: the job has ended.
        """
        self._job.check()
        streams = self.front.take_samples()
        told: Told = {
            "Application": {
                **read_snapshot(self._job.rest_port),
                **self.container.look(),
                "KPUs": [kpus(self._parallelism())],
            },
            "AudioStream": streams.get(STREAMS["audio"], {}),
            "TextStream": streams.get(STREAMS["text"], {}),
            "HeartbeatFunction": self.heartbeat.take_samples(),
        }
        self.now_s += SNAPSHOT_S
        return told

    # --- what can go wrong ---------------------------------------------------------------------

    @contextmanager
    def shard_read_in_vain(self) -> Iterator[None]:
        """The first of the audio stream."""
        shard = STREAMS["audio"], self.kinesis.open_shards(STREAMS["audio"])[0].shard_id
        self.front.read_in_vain.add(shard)
        yield
        self.front.read_in_vain.remove(shard)

    @contextmanager
    def heartbeat_without_rights(self) -> Iterator[None]:
        self.front.without_rights.add(HEARTBEAT_KEY)
        yield
        self.front.without_rights.remove(HEARTBEAT_KEY)

    @contextmanager
    def heartbeat_not_called(self) -> Iterator[None]:
        """From now on."""
        self.heartbeat.stop()
        yield

    @contextmanager
    def warehouse_away(self) -> Iterator[None]:
        self.warehouse.kill()
        yield
        self.warehouse.start()

    @contextmanager
    def model_slow(self) -> Iterator[None]:
        self.model.latency_s = _SLOW_S
        yield
        self.model.latency_s = 0.0

    @contextmanager
    def model_away(self) -> Iterator[None]:
        self.model.fault_of = lambda _: "unavailable"
        yield
        self.model.fault_of = lambda _: None

    @contextmanager
    def model_leaking(self) -> Iterator[None]:
        """In the worker, a fifth of its container."""
        told = self._folder / straying_job.LEAK
        told.write_text(str(round(self.container.size_mib * 2**20 / 5)))
        yield
        told.unlink()

    @contextmanager
    def model_toiling(self) -> Iterator[None]:
        """In the worker."""
        told = self._folder / straying_job.TOIL
        told.touch()
        yield
        told.unlink()

    @contextmanager
    def deployed_anew(self) -> Iterator[None]:
        """From now on with twice the parallelism and a dearer model; the watch stands meanwhile."""
        self._deploy("second", {"initial.position": "LATEST"}, 2, DEAR_USD)
        yield

    # --- the job -------------------------------------------------------------------------------

    def _deploy(
        self, name: str, streams: Mapping[str, str], parallelism: int, price_usd: float
    ) -> None:
        """In place of what runs, if anything does; returns once it runs."""
        self._deployed.close()
        work_dir = self._folder / name
        work_dir.mkdir()
        lake = (work_dir / "lake").resolve().as_uri()
        given = _settings(parallelism, price_usd)
        groups = local_groups(given, self._kinesis_url, lake, self.warehouse.url)
        groups["streams"] |= streams
        properties = write_properties(groups, work_dir)
        self._job = self._deployed.enter_context(
            JobProcess(properties, work_dir, straying_job.__name__)
        )
        self._wait_until_running()
        self.container = Container(self._job.pid)

    def _wait_until_running(self) -> None:
        deadline_s = time.monotonic() + _LIMIT_S
        while not self._is_running():
            self._job.check()
            assert time.monotonic() < deadline_s
            time.sleep(_POLL_S)

    def _is_running(self) -> bool:
        try:
            steps = self._steps()
        except OSError:  # Flink is starting
            return False
        return bool(steps) and all(step["status"] == "RUNNING" for step in steps)

    def _parallelism(self) -> int:
        """Of the widest step."""
        return max(int(step["parallelism"]) for step in self._steps())

    def _steps(self) -> list[Any]:
        jobs = self._ask("/jobs")["jobs"]
        return [step for job in jobs for step in self._ask(f"/jobs/{job['id']}")["vertices"]]

    def _ask(self, path: str) -> Any:
        return asking(f"http://127.0.0.1:{self._job.rest_port}")(path)


def _settings(parallelism: int, price_usd: float) -> dict[str, dict[str, str]]:
    """Waits are short, and what fails is told at once."""
    remote = {
        "backend": "sagemaker",
        "endpoint.name": "calls",
        "concurrency": "16",
        "retries": "0",
        "breaker.failures": "5",
        "price.input": str(price_usd * 1_000_000),
    }
    return {
        "models.audio": remote,
        "models.text": remote,
        "time": {"start.hold.ms": "1000", "silent.shard.ms": "5000", "distrust.ms": "0"},
        "calls": {"end.wait.ms": "1000"},
        "warehouse": {"batch.wait.ms": "500"},
        "flink": {"parallelism": str(parallelism)},
    }

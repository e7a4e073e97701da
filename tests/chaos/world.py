"""All that the job stands in: Kinesis, S3, a warehouse, a Flink cluster; each of them can fail."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.kinesalite import Kinesalite
from connectors.replay import Heartbeats
from flink_job.local import SHARDS, STREAMS, free_port, local_groups, write_properties
from tests.chaos.cluster import SLOTS, FlinkCluster
from tests.chaos.object_store import ObjectStore, environment_of
from tests.chaos.producer import PatientProducer, PausableClock
from tests.chaos.warehouse import Warehouse

BUCKET = "calls"
TASK_MANAGERS = 2
PARALLELISM = 2


class World:
    """A running job and its surroundings; leaving the context ends them all."""

    def __init__(self, work_dir: Path, parallelism: int = PARALLELISM) -> None:
        """Prepare it; entering the context starts it.

        Args:
            work_dir: for all that it keeps; not there yet.
            parallelism: of the job.
        """
        self.work_dir = work_dir
        self.lake = f"s3a://{BUCKET}/sentiment"
        self.parallelism = parallelism
        self.clock = PausableClock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self.s3 = stack.enter_context(ObjectStore(BUCKET))
            stack.enter_context(environment_of(self.s3.judges_environment))
            self._kinesis_port = free_port()
            self.start_kinesis()
            stack.callback(self.stop_kinesis)
            self.producer = PatientProducer(self._kinesalite.endpoint)
            for kind, name in STREAMS.items():
                self.producer.create_stream(name, SHARDS[kind])
            self.warehouse = stack.enter_context(Warehouse(self.work_dir / "warehouse"))
            given = {"warehouse": {"url": self.warehouse.url, "batch.wait.ms": "2000"}}
            groups = local_groups(given, self._kinesalite.endpoint, self.lake)
            self.properties = write_properties(groups, self.work_dir)
            self.cluster = stack.enter_context(
                FlinkCluster(self.work_dir / "flink", self.s3.environment)
            )
            self.cluster.start(TASK_MANAGERS)
            self.job_id = self.cluster.submit(self.properties, self.parallelism)
            stack.enter_context(Heartbeats(self.producer, list(STREAMS.values())))
            self.cluster.wait_until_running(self.job_id)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(error_type, error, traceback)

    def start_kinesis(self) -> None:
        """Start it with the streams that it had, where it was."""
        self._kinesalite = Kinesalite(path=self.work_dir / "kinesis", port=self._kinesis_port)

    def stop_kinesis(self) -> None:
        self._kinesalite.stop()

    def replace_job_manager(self) -> None:
        """``kill -9`` the job manager, start another, and restore the job from what it left."""
        self.cluster.kill_job_manager()
        checkpoint = self.cluster.newest_checkpoint(self.job_id)
        self.cluster.start_job_manager()
        self.cluster.wait_for_slots(TASK_MANAGERS * SLOTS)
        self.job_id = self.cluster.submit(self.properties, self.parallelism, checkpoint)

    def rescale(self, parallelism: int) -> None:
        """Stop the job with a savepoint and start it from there with another parallelism.

        Returns once it runs.
        """
        savepoint = self.cluster.stop(self.job_id, self.work_dir / "savepoints")
        self.parallelism = parallelism
        self.job_id = self.cluster.submit(self.properties, parallelism, savepoint)
        self.cluster.wait_until_running(self.job_id)

    def wait_for_checkpoints(self, count: int) -> None:
        """Until so many more checkpoints are complete."""
        until = self.cluster.num_checkpoints(self.job_id) + count
        while self.cluster.num_checkpoints(self.job_id) < until:
            self.cluster.check(self.job_id)
            time.sleep(0.2)

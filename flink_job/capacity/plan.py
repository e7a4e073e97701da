"""From traffic and figures to what is needed of each service."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from flink_job.capacity import service
from flink_job.capacity.figures import Figures
from flink_job.capacity.shards import fill_of_fullest_shard, needed_shards
from flink_job.capacity.traffic import StreamLoad, Traffic
from flink_job.retention_settings import RetentionSettings

Backend = Literal["local", "sagemaker"]
StreamMode = Literal["on-demand", "provisioned"]

HELD_AUDIO_S: Final = 15
TABLES: Final = 4
WAREHOUSE_TABLES: Final = 3
SEGMENT_BYTES: Final = 190
"""Of a row in Parquet (Snappy): mostly doubles, which do not shrink."""
FILE_BYTES: Final = 12_000
"""Of a file beside its rows: the footer names each of 30 columns."""
REQUESTS_A_FILE: Final = 4
"""Written in parts, listed, read and written again by auto-compaction."""
ROWS_A_CALL: Final = 6
"""Of summary and ledger: two participants and all, each."""
TOMBSTONE_BYTES: Final = 300
TOMBSTONE_S: Final = 86_400
_KEPT: Final = RetentionSettings()


@dataclass(frozen=True, slots=True)
class Deployment:
    """How it is run; what is not measured is a default here."""

    backend: Backend = "local"
    stream_mode: StreamMode = "on-demand"
    utilisation: float = 0.7
    """The share of KPUs, shards and endpoints that the busiest moment may use; the rest is for
    catching up."""
    parallelism_per_kpu: int = 1
    core_ratio: float = 1.0
    """CPU of a KPU's vCPU by CPU of a core that the figures are of."""
    spoken_share: float | None = None
    """Of the windows; None: as in the figures."""
    checkpoint_s: float = 30.0
    """As the template sets it; the service's default is 60."""
    records_per_poll: int = 200
    """Setting ``streams.get.records.max``; five polls a second."""
    remote_cpu_ms_per_window: float = 8.0
    """Of the job, for asking an endpoint once (``python -m tests.bench.remote``)."""
    remote_latency_ms: float = 200.0
    remote_concurrency: int = 64
    """Setting ``models.audio.concurrency``, of a task slot."""
    endpoint_vcpus: int = 4
    endpoint_windows_per_s: float | None = None
    """Of one instance; None: what its vCPUs do at the figures' CPU a window."""
    min_endpoint_instances: int = 2
    """For two zones."""
    batch_rows: int = 5_000
    batch_wait_s: float = 10.0
    load_s: float = 5.0
    """Until a batch is loaded and the next may begin; a guess: see ``load_ledger``."""
    retention_hours: int = _KEPT.audio_stream_hours
    table_days: int = _KEPT.segments_days

    def __post_init__(self) -> None:
        """Raises ValueError: a number that no deployment can have."""
        if not 0 < self.utilisation <= 1:
            msg = f"utilisation is {self.utilisation}; use a share above 0, at most 1"
            raise ValueError(msg)
        if self.spoken_share is not None and not 0 <= self.spoken_share <= 1:
            msg = f"spoken_share is {self.spoken_share}; use a share of 0 to 1"
            raise ValueError(msg)
        if not 1 <= self.parallelism_per_kpu <= service.MAX_PARALLELISM_PER_KPU:
            most = service.MAX_PARALLELISM_PER_KPU
            msg = f"parallelism_per_kpu is {self.parallelism_per_kpu}; use 1 to {most}"
            raise ValueError(msg)
        if not (self.core_ratio > 0 and self.checkpoint_s > 0):
            msg = "core_ratio and checkpoint_s must be above 0"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Stream:
    load: StreamLoad
    shards: int
    fill: float
    """Of the fullest shard."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed at the busiest moment."""

    traffic: Traffic
    deployment: Deployment
    figures: Figures
    audio: Stream
    text: Stream
    spoken_share: float
    cpu_ms_per_window: float
    cores: float
    exact_kpus: float
    """Before rounding up."""
    endpoint_instances: int
    endpoint_windows_per_s: float
    """Of one instance."""
    segment_rows_per_s: float
    lake_files_per_day: float
    lake_bytes_per_day: float
    loads_per_s: float
    state_bytes: float
    checkpoint_bytes: float

    @property
    def kpus(self) -> int:
        return max(1, ceil(self.exact_kpus))

    @property
    def slots(self) -> int:
        return self.kpus * self.deployment.parallelism_per_kpu


def make_plan(traffic: Traffic, deployment: Deployment, figures: Figures) -> Plan:
    """Size everything.

    Raises:
        ValueError: one call alone is more than a shard takes.
    """
    spoken_share = (
        figures.spoken_share if deployment.spoken_share is None else deployment.spoken_share
    )
    model_ms = figures.model_cpu_ms_per_spoken_window
    is_remote = deployment.backend == "sagemaker"
    cpu_ms = (
        figures.cpu_ms_per_window(
            spoken_share, deployment.remote_cpu_ms_per_window if is_remote else model_ms
        )
        / deployment.core_ratio
    )
    cores = traffic.windows_per_s * cpu_ms / 1_000
    spoken_per_s = traffic.windows_per_s * spoken_share
    rows_per_s = traffic.windows_per_s * figures.rows_per_window
    state = _state_bytes(traffic, figures)
    per_instance = _windows_per_s_of_instance(deployment, model_ms)
    return Plan(
        traffic=traffic,
        deployment=deployment,
        figures=figures,
        audio=_stream(traffic.audio(), deployment.utilisation),
        text=_stream(traffic.text(), deployment.utilisation),
        spoken_share=spoken_share,
        cpu_ms_per_window=cpu_ms,
        cores=cores,
        exact_kpus=_exact_kpus(deployment, cores, spoken_per_s if is_remote else 0.0, state),
        endpoint_instances=(
            max(
                deployment.min_endpoint_instances,
                ceil(spoken_per_s / (per_instance * deployment.utilisation)),
            )
            if is_remote
            else 0
        ),
        endpoint_windows_per_s=per_instance if is_remote else 0.0,
        segment_rows_per_s=rows_per_s,
        lake_files_per_day=TABLES * 86_400 / deployment.checkpoint_s,
        lake_bytes_per_day=86_400
        * (
            (rows_per_s + ROWS_A_CALL * traffic.calls_per_s) * SEGMENT_BYTES
            + TABLES * FILE_BYTES / deployment.checkpoint_s
        ),
        loads_per_s=(
            max(rows_per_s / deployment.batch_rows, 1 / deployment.batch_wait_s)
            + (WAREHOUSE_TABLES - 1) / deployment.batch_wait_s
        ),
        state_bytes=state,
        checkpoint_bytes=_audio_bytes_held(traffic) + _closed_in(traffic, deployment.checkpoint_s),
    )


def _stream(load: StreamLoad, utilisation: float) -> Stream:
    shards = needed_shards(load, utilisation)
    return Stream(load, shards, fill_of_fullest_shard(load, shards))


def _exact_kpus(
    deployment: Deployment, cores: float, remote_per_s: float, state_bytes: float
) -> float:
    in_flight = remote_per_s * deployment.remote_latency_ms / 1_000
    slots = in_flight / (deployment.remote_concurrency * deployment.utilisation)
    return max(
        cores / deployment.utilisation,
        slots / deployment.parallelism_per_kpu,
        state_bytes / (service.KPU_DISK_BYTES * deployment.utilisation),
    )


def _windows_per_s_of_instance(deployment: Deployment, model_ms: float) -> float:
    if deployment.endpoint_windows_per_s is not None:
        return deployment.endpoint_windows_per_s
    return deployment.endpoint_vcpus * deployment.core_ratio * 1_000 / model_ms


def _audio_bytes_held(traffic: Traffic) -> float:
    return float(traffic.channels * HELD_AUDIO_S * traffic.audio_bytes_a_channel_per_s)


def _closed_in(traffic: Traffic, seconds: float) -> float:
    return traffic.calls_per_s * seconds * TOMBSTONE_BYTES


def _state_bytes(traffic: Traffic, figures: Figures) -> float:
    open_calls = traffic.calls * figures.state_bytes_besides_audio
    return _audio_bytes_held(traffic) + open_calls + _closed_in(traffic, TOMBSTONE_S)

"""Windows a second through one slot with a remote model: ``python -m tests.bench.remote``.

A SageMaker-shaped server in a process of its own answers after 200 ms; 64 calls are in flight, so
no more than 320 windows a second can pass with one window a call, 1,280 with four. Everything
shares this machine's cores, the server too.

``calls``   the scorer alone, fed with waveforms: encoding, signing, HTTP.
``job``     the job's scoring within Flink: windows from Parquet, its tasks, nothing behind them.
``modes``   calls/s with 30 % of the calls throttled, botocore's retry modes side by side.

``_spoken`` has voices in every window; ``_plain`` has only windows whose speech is known, so that
finding speech costs nothing and the slot waits for the model alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pandas as pd
import pyarrow as pa
from botocore.config import Config
from botocore.exceptions import ClientError
from pyarrow import parquet
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import FunctionContext, StreamTableEnvironment

from connectors.remote_models.opening import open_audio_scorer
from connectors.remote_models.spec import BackendSpec
from flink_job.main import job_configuration
from flink_job.settings import Settings, parse_settings
from flink_job.topology import ModelUdfs, model_udfs, score
from tests.aws_servers.model_server import ModelServer, serving
from tests.bench.workload import call_id_of, read_bank
from udfs.metrics import NoMetrics
from udfs.model_udfs import Begin, Finish, ScoreAudio, ScoringUdf, bytes_udf
from udfs.score_window import WindowScore, waveform_of
from udfs.windows import WindowSignal

LATENCY_MS = 200
CONCURRENCY = 64
NUM_CALLS = 200
"""That the windows are of: each is scored by one task, as in the job."""
SETTINGS = {
    windows: parse_settings(
        {
            "streams": {"audio.stream": "audio", "text.stream": "text", "region": "eu-west-1"},
            "lake": {"root": "out"},
            "models.audio": {
                "backend": "sagemaker",
                "endpoint.name": "calls",
                "concurrency": str(CONCURRENCY),
                "content.type": "audio/wav" if windows == 1 else "application/octet-stream",
                "inputs.per.call": str(windows),
            },
            "models.text": {"backend": "none"},
        }
    )
    for windows in (1, 4)
}
"""By windows a call."""
_decode = msgspec.msgpack.Decoder(WindowScore).decode


class SpeechIsKnown:
    """All of the window: what it costs to find speech is left out."""

    def speech_spans_ms(self, waveform: Any) -> tuple[tuple[int, int], ...]:
        return ((0, 5_000),)


class PlainScoreAudio(ScoreAudio):
    """The job's UDF, told where speech is."""

    def open(self, function_context: FunctionContext) -> None:
        super().open(function_context)
        self._detector = SpeechIsKnown()


class NotedFinish(Finish):
    """Notes when each batch is scored, and how many of it: results cost nothing to fetch."""

    notes = ""
    """A file."""

    def eval(self, tickets: pd.Series) -> pd.Series:
        scores = super().eval(tickets)
        scored = sum(_decode(one).triple is not None for one in scores)
        with Path(self.notes).open("a") as notes:
            notes.write(json.dumps([time.perf_counter(), len(scores), scored]) + "\n")
        return scores


UDFS = {"spoken": ScoreAudio, "plain": PlainScoreAudio}


@contextmanager
def server_process() -> Iterator[None]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.aws_servers.model_server", str(port), str(LATENCY_MS)]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command) as process:
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(urllib.request.Request(url, b""))
                except urllib.error.HTTPError:
                    break
                except OSError:
                    time.sleep(0.1)
            point_at(url)
            yield
        finally:
            process.kill()


def point_at(url: str) -> None:
    os.environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "bench"


def spoken_signals() -> list[WindowSignal]:
    """The samples' windows in which somebody speaks."""
    udf_ = ScoreAudio(partial(open_audio_scorer, BackendSpec()))
    udf_.open(FunctionContext(None, {}))
    signals = read_bank().signals()
    scores = map(_decode, udf_.eval(pd.Series(encoded(signals), dtype=object)))
    return [signal for signal, score in zip(signals, scores, strict=True) if score.speech_ms]


def encoded(signals: list[WindowSignal]) -> list[bytes]:
    return [msgspec.msgpack.encode(signal) for signal in signals]


def measure_calls(settings: Settings, signals: list[WindowSignal], seconds: float) -> float:
    waveforms = [waveform_of(signal) for signal in signals]
    scorer = open_audio_scorer(settings.audio_backend(), NoMetrics())
    list(scorer.score(waveforms[: CONCURRENCY * settings.models_audio.inputs_per_call]))
    end_s = time.perf_counter() + seconds
    endless = itertools.takewhile(lambda _: time.perf_counter() < end_s, itertools.cycle(waveforms))
    begun_s = time.perf_counter()
    scored = sum(outcome.triple is not None for outcome in scorer.score(endless))
    taken_s = time.perf_counter() - begun_s
    scorer.close()
    return scored / taken_s


def measure_job(
    settings: Settings, kind: str, signals: list[WindowSignal], num_windows: int
) -> dict[str, float]:
    """Between the first and the last batch, by the clock of the worker."""
    from tests.bench import remote  # noqa: PLC0415 - by its importable name

    with tempfile.TemporaryDirectory() as folder:
        rows = list(itertools.islice(itertools.cycle(encoded(signals)), num_windows))
        call_ids = [call_id_of(number % NUM_CALLS) for number in range(num_windows)]
        table = pa.table({"call_id": call_ids, "signal": pa.array(rows, pa.binary())})
        (Path(folder) / "table").mkdir()
        parquet.write_table(
            table,
            Path(folder) / "table" / "windows.parquet",
            row_group_size=500,
            use_dictionary=False,
            compression="none",
        )
        configuration = job_configuration(settings)
        for key, value in {
            "parallelism.default": "1",
            "python.executable": sys.executable,
            "pipeline.jars": (Path.cwd() / "build" / "pyflink-dependencies.jar").as_uri(),
        }.items():
            configuration.set_string(key, value)
        env = StreamExecutionEnvironment.get_execution_environment(configuration)
        tables = StreamTableEnvironment.create(env)
        scoring = remote.UDFS[kind](
            partial(open_audio_scorer, settings.audio_backend()), hears_in_threads=True
        )
        finishing = remote.NotedFinish()
        finishing.notes = str(Path(folder) / "notes")
        audio = ScoringUdf(bytes_udf(Begin(scoring)), bytes_udf(finishing))
        tables.execute_sql(
            "CREATE TABLE windows (call_id STRING, signal BYTES) WITH ("
            f"'connector'='filesystem', 'format'='parquet', 'path'='{folder}/table')"
        )
        tables.execute_sql(
            "CREATE TABLE nowhere (call_id STRING, "
            "scored ROW<`work` BYTES, audio_score BYTES, text_score BYTES>) "
            "WITH ('connector'='blackhole')"
        )
        work = tables.sql_query(
            "SELECT call_id, CAST(X'00' AS BYTES) AS `work`, signal, "
            "CAST(NULL AS STRING) AS `text`, CAST(NULL AS STRING) AS `language`, "
            "FALSE AS may_send_raw FROM windows"
        )
        models = ModelUdfs(audio, model_udfs(settings).text)
        scored = score(tables, tables.to_data_stream(work), settings, models)
        tables.from_data_stream(scored).execute_insert("nowhere").wait()
        notes = [json.loads(line) for line in Path(finishing.notes).read_text().splitlines()]
    (first_s, first_windows, _), (last_s, _, _) = notes[0], notes[-1]
    windows = sum(count for _, count, _ in notes)
    return {  # start-up and the first batch are left out
        "windows_per_s": (windows - first_windows) / (last_s - first_s),
        "windows": windows,
        "scored": sum(scored for _, _, scored in notes),
    }


def measure_modes(seconds: float) -> dict[str, float]:
    drawn = random.Random(7)
    throttle = [drawn.random() < 0.3 for _ in range(100_000)]
    rates = {}
    for mode in ("standard", "adaptive"):
        model = ModelServer(
            fault_of=lambda number: "throttled" if throttle[number] else None,
            latency_s=LATENCY_MS / 1_000,
            keep_requests=False,
        )
        with serving(model) as url:
            point_at(url)
            config = Config(
                retries={"mode": mode, "total_max_attempts": 4}, max_pool_connections=CONCURRENCY
            )
            client = boto3.client("sagemaker-runtime", region_name="eu-west-1", config=config)
            end_s = time.perf_counter() + seconds

            def ask_until_end(_: int, client: Any = client, end_s: float = end_s) -> int:
                done = 0
                while time.perf_counter() < end_s:
                    try:
                        client.invoke_endpoint(
                            EndpointName="calls",
                            ContentType="application/json",
                            Body=b'{"inputs": "good"}',
                        )["Body"].read()
                        done += 1
                    except ClientError:
                        continue
                return done

            with ThreadPoolExecutor(CONCURRENCY) as threads:
                begun_s = time.perf_counter()
                done = sum(threads.map(ask_until_end, range(CONCURRENCY)))
                rates[mode] = done / (time.perf_counter() - begun_s)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.remote")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--only", choices=("calls", "job", "modes"), action="append")
    options = parser.parse_args()
    wanted = options.only or ["calls", "job", "modes"]
    # The workers import what they run from here.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    os.environ.update(_python_worker_execution_mode="process")
    signals = spoken_signals()
    found: dict[str, Any] = {"load_at_start": os.getloadavg()[0], "cores": os.cpu_count()}
    with server_process():
        for windows, settings in SETTINGS.items():
            rates = found[f"windows_per_call_{windows}"] = {}
            if "calls" in wanted:
                rates["calls"] = measure_calls(settings, signals, options.seconds)
            for kind in UDFS:
                if "job" in wanted:
                    count = int(250 * options.seconds)
                    rates[f"job_{kind}"] = measure_job(settings, kind, signals, count)
    if "modes" in wanted:
        found["modes_calls_per_s"] = measure_modes(options.seconds)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

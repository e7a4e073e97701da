"""Figures from what ``make bench`` writes, and the document made from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flink_job.capacity import figures as figures_module
from flink_job.capacity.document import rewritten
from flink_job.capacity.figures import FiguresError, keep, known_figures, read_bench

DOCUMENT = Path(__file__).resolve().parents[3] / "deploy" / "CAPACITY.md"

SIZE = {
    "job_windows_per_s": 20.0,
    "job_cpu_ms_per_window": 70.0,
    "job_spoken_share": 0.8,
    "worker_rss_mb": 400.0,
    "live_windows_per_s": 4.0,
    "live_rows": 264,
    "p50_beyond_wait_s": 0.3,
    "p99_beyond_wait_s": 0.6,
    "state_bytes_per_call": 250_000.0,
}
LOOP = {"cpu_s_per_window": 0.040, "spoken_share": 0.8, "shares": {"model": 0.6, "log_mel": 0.1}}
FOUND = {
    "machine": {"cores": 2, "cpu": "a CPU"},
    "steady_state_s": 60,
    "loops": [LOOP, LOOP],
    "sizes": {"10": {**SIZE, "job_cpu_ms_per_window": 90.0}, "100": SIZE},
    "default_bundles": {"calls": 10, **SIZE, "job_cpu_ms_per_window": 60.0},
}


@pytest.fixture
def bench_file(tmp_path):
    def write(found) -> Path:
        path = tmp_path / "bench.json"
        path.write_text(found if isinstance(found, str) else json.dumps(found))
        return path

    return write


def test_the_figures_are_those_of_the_most_calls(bench_file):
    ours = read_bench(bench_file(FOUND)).ours

    assert ours.job_cpu_ms_per_window == 70
    assert ours.model_cpu_ms_per_spoken_window == pytest.approx(0.7 * 40 / 0.8)
    assert ours.rows_per_window == pytest.approx(264 / 240)
    assert ours.state_bytes_besides_audio == 10_000
    assert ours.where == "bench.json: 2 cores, a CPU, 100 calls"


def test_pyflinks_own_bundles_have_figures_of_their_own(bench_file):
    assert read_bench(bench_file(FOUND)).default_bundles.job_cpu_ms_per_window == 60
    assert read_bench(bench_file({**FOUND, "default_bundles": {}})).default_bundles is None


def test_throughput_alone_is_enough(bench_file):
    alone = {key: value for key, value in SIZE.items() if not key.startswith(("live", "p", "st"))}

    ours = read_bench(bench_file({**FOUND, "sizes": {"10": alone}})).ours

    assert ours.p99_beyond_wait_s is None
    assert ours.rows_per_window > 1


@pytest.mark.parametrize(
    "found",
    [
        "{",
        "[]",
        {},
        {**FOUND, "loops": []},
        {**FOUND, "sizes": {}},
        {**FOUND, "sizes": {"10": {"p50_beyond_wait_s": 1}}},
        {**FOUND, "loops": [{**LOOP, "spoken_share": 0}]},
    ],
)
def test_what_is_no_benchmark_is_one_line(bench_file, found):
    with pytest.raises(FiguresError, match=r"bench\.json: not what make bench writes") as refused:
        read_bench(bench_file(found))

    assert "\n" not in str(refused.value)


def test_a_file_that_is_absent_says_how_it_is_made(tmp_path):
    with pytest.raises(FiguresError, match=r"No such file.*run make bench"):
        read_bench(tmp_path / "bench.json")


def test_what_is_kept_is_what_is_known(bench_file, tmp_path, monkeypatch):
    monkeypatch.setattr(figures_module, "KNOWN", tmp_path / "figures.json")
    bench = read_bench(bench_file(FOUND))

    keep(bench)

    assert known_figures() == bench


def test_the_document_is_made_from_the_known_figures():
    text = DOCUMENT.read_text(encoding="utf-8")

    remedy = "run python -m flink_job.capacity.document deploy/CAPACITY.md"
    assert rewritten(text, known_figures()) == text, remedy


def test_figures_of_both_bundles_fill_the_document(bench_file):
    text = rewritten(DOCUMENT.read_text(encoding="utf-8"), read_bench(bench_file(FOUND)))

    assert "| job's CPU, ms a window | 70.0 | 60.0 |" in text
    assert "| 2,000 | in the job, PyFlink's bundles |" in text
    assert "not measured |" not in text

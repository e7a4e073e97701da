"""What a window costs the job, as ``make bench`` measured it.

``build/bench.json`` has a figure by number of open calls, with our bundles, and one with PyFlink's
own, since the service may not let code set them. Figures are of the machine they were measured on:
a vCPU of the service is a hardware thread, so measure there or give ``core_ratio``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

KNOWN: Final = Path(__file__).with_name("figures.json")
HELD_AUDIO_BYTES: Final = 2 * 15 * 8_000
"""What each call of the benchmark holds in state: 15 s of two voices in G.711."""


class FiguresError(ValueError):
    """A file of figures cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one way to bundle records."""

    where: str
    job_cpu_ms_per_window: float
    """All of the job: JVM and Python, voice and words; ``spoken_share`` of the windows spoken."""
    spoken_share: float
    model_cpu_ms_per_spoken_window: float
    """Of that, features and model of the voice: what a remote model does in its place."""
    worker_rss_mb: float | None = None
    rows_per_window: float = 1.05
    """Segments written for each window: late words revise some."""
    state_bytes_per_call: float = 251_344.0
    """While ``HELD_AUDIO_BYTES`` of sound are held."""
    p50_beyond_wait_s: float | None = None
    p99_beyond_wait_s: float | None = None

    @property
    def state_bytes_besides_audio(self) -> float:
        return max(0.0, self.state_bytes_per_call - HELD_AUDIO_BYTES)

    def cpu_ms_per_window(self, spoken_share: float, model_cpu_ms: float) -> float:
        """A window's CPU where another share of them is spoken, or something else scores them."""
        besides = self.job_cpu_ms_per_window - (
            self.spoken_share * self.model_cpu_ms_per_spoken_window
        )
        return max(0.0, besides) + spoken_share * model_cpu_ms


CALLS_A_SLOT = 60
"""What it carries at some 25 windows a second; of the sizes measured, the nearest counts."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A file of figures."""

    ours: Figures
    default_bundles: Figures | None


def known_figures() -> Bench:
    """Those of the last measurement that was kept, ``figures.json`` beside this file."""
    return msgspec.json.decode(KNOWN.read_bytes(), type=Bench)


def keep(bench: Bench) -> None:
    """Make figures the known ones."""
    KNOWN.write_bytes(msgspec.json.format(msgspec.json.encode(bench), indent=2) + b"\n")


def read_bench(path: Path) -> Bench:
    """The figures of ``build/bench.json``.

    Raises:
        FiguresError: it is not there, not what ``make bench`` writes, or lacks throughput.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _bench(found, path.name)
    except OSError as error:
        msg = f"{path}: {error.strerror or type(error).__name__}; run make bench"
        raise FiguresError(msg) from None
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        what = error if isinstance(error, FiguresError) else type(error).__name__
        msg = f"{path}: not what make bench writes ({what}); run it again"
        raise FiguresError(msg) from None


def _bench(found: dict[str, Any], name: str) -> Bench:
    machine = found["machine"]
    where = f"{name}: {machine['cores']} cores, {machine['cpu']}"
    sizes = {int(calls): size for calls, size in found["sizes"].items()}
    with_cpu = [calls for calls, size in sizes.items() if "job_cpu_ms_per_window" in size]
    if not with_cpu or not found["loops"]:
        msg = "no throughput"
        raise FiguresError(msg)
    calls = min(with_cpu, key=lambda calls: abs(calls - CALLS_A_SLOT))
    model_ms = sum(map(_model_ms, found["loops"])) / len(found["loops"])
    seconds = float(found["steady_state_s"])
    ours = _figures(sizes[calls], f"{where}, {calls} calls", model_ms, seconds)
    other = found.get("default_bundles", {})
    if "job_cpu_ms_per_window" not in other:
        return Bench(ours, None)
    where = f"{where}, {other['calls']} calls, PyFlink's bundles"
    return Bench(ours, _figures(other, where, model_ms, seconds))


def _model_ms(loop: dict[str, Any]) -> float:
    shares = loop["shares"]
    share = float(shares["model"]) + float(shares["log_mel"])
    return 1_000 * share * float(loop["cpu_s_per_window"]) / float(loop["spoken_share"])


def _figures(size: dict[str, Any], where: str, model_ms: float, seconds: float) -> Figures:
    more: dict[str, float] = {}
    if "live_rows" in size:
        more = {
            "rows_per_window": size["live_rows"] / (size["live_windows_per_s"] * seconds),
            "state_bytes_per_call": size["state_bytes_per_call"],
            "p50_beyond_wait_s": size["p50_beyond_wait_s"],
            "p99_beyond_wait_s": size["p99_beyond_wait_s"],
        }
    return Figures(
        where=where,
        job_cpu_ms_per_window=float(size["job_cpu_ms_per_window"]),
        spoken_share=float(size["job_spoken_share"]),
        model_cpu_ms_per_spoken_window=model_ms,
        worker_rss_mb=float(size["worker_rss_mb"]),
        **more,
    )

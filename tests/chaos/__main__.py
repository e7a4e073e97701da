"""Break what the job stands in and look at the rows: ``python -m tests.chaos`` (``make chaos``).

A standalone Flink cluster of one job manager and two task managers runs the job at parallelism 2,
with kinesalite, S3 on moto and an embedded PostgreSQL. One job lives through all faults of a seed.
In each round two recorded calls and a chat are replayed at half again the speed of speech, in
disorder and with duplicates; in their middle one thing fails (``tests.chaos.faults``), or several.
Then the newest rows must be those of ``offline``, in S3 and in the warehouse, no committed row may
stand twice, and nothing may have been refused. Recovery time is from a process's death, or an
outage's end, to the first new row in S3, or in the warehouse where it was that which failed.

Exit code 0 when every round was exact.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from tests.chaos.calls import Reference, copy_calls, make_reference, recordings
from tests.chaos.cluster import ClusterError
from tests.chaos.faults import TRIALS
from tests.chaos.results import as_json, drawn, markdown
from tests.chaos.rounds import RoundError, RoundResult, play
from tests.chaos.world import World
from udfs.call_folder import CallFolder


class Chaos:
    """The rounds, on a world that is built anew for each seed, and after a round that failed."""

    def __init__(self, work_dir: Path, recordings: list[CallFolder], reference: Reference) -> None:
        self._work_dir = work_dir
        self._recordings = recordings
        self._reference = reference
        self._num_worlds = 0
        self._world: World | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Chaos:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_world()

    def round(self, name: str, seed: int) -> RoundResult:
        """One fault with one seed."""
        trial = TRIALS[name]
        began_s = time.monotonic()
        dice = random.Random(f"{name}/{seed}")
        try:
            world = self._open_world()
            calls = copy_calls(self._recordings, f"{name}-{seed}", trial.clock_off_ms)
            result = play(world, calls, self._reference, trial, dice)
        except (RoundError, ClusterError, TimeoutError) as error:
            result = RoundResult((str(error),), None, time.monotonic() - began_s)
        if result.problems:
            self.end_world()
        return result

    def end_world(self) -> None:
        """The next round gets a new one."""
        self._stack.close()
        self._world = None

    def _open_world(self) -> World:
        if self._world is None:
            self._num_worlds += 1
            folder = self._work_dir / f"world-{self._num_worlds}"
            self._world = self._stack.enter_context(World(folder))
        return self._world


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", type=int, default=1, help="rounds of each fault")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them")
    parser.add_argument("--only", action="append", choices=list(TRIALS), help="this fault")
    parser.add_argument("--output", type=Path, default=Path("build/chaos.json"))
    parser.add_argument("--work-dir", type=Path, help="keeps logs and state; else removed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up too
    console = Console()
    results: dict[str, dict[int, RoundResult]] = defaultdict(dict)
    with ExitStack() as stack:
        work_dir = arguments.work_dir or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-"))
        )
        reference = make_reference(work_dir / "reference")
        chaos = stack.enter_context(Chaos(work_dir, recordings(), reference))
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            chaos.end_world()
            for name in arguments.only or TRIALS:
                result = results[name][seed] = chaos.round(name, seed)
                verdict = "; ".join(result.problems) or "exact"
                recovery = "–" if result.recovery_s is None else f"{result.recovery_s:.1f} s"
                console.print(
                    f"{name}, seed {seed}: {verdict}, recovery {recovery}, "
                    f"round {result.seconds:.0f} s",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(as_json(results), indent=2) + "\n", encoding="utf-8")
    arguments.output.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    console.print(drawn(results))
    return int(any(r.problems for rounds in results.values() for r in rounds.values()))


if __name__ == "__main__":
    sys.exit(main())

"""A worker's tuning, on Beam's own classes."""

from __future__ import annotations

import sys
import threading

from apache_beam.runners.worker.statesampler import StateSampler, get_current_tracker
from apache_beam.utils.counters import CounterFactory

from udfs.worker_process import SWITCH_INTERVAL_S, tune_worker


def test_a_bundle_starts_no_thread_and_waits_for_none():
    tune_worker()
    sampler = StateSampler("bundle", CounterFactory())
    threads = threading.active_count()

    sampler.start()

    assert get_current_tracker() is sampler
    assert threading.active_count() == threads
    sampler.stop_if_still_running()
    assert get_current_tracker() is None


def test_one_sampler_serves_many_bundles():
    tune_worker()
    sampler = StateSampler("bundle", CounterFactory())

    for _ in range(3):
        sampler.reset()
        sampler.start()
        with sampler.scoped_state("step", "process"):
            pass
        sampler.stop_if_still_running()

    assert sampler.get_info().transition_count == 6


def test_a_bundle_begun_before_the_tuning_ends_as_beam_meant_it(monkeypatch):
    monkeypatch.setattr(StateSampler, "start", StateSampler.start)
    monkeypatch.setattr(StateSampler, "stop", StateSampler.stop)
    tune_worker()
    sampler = StateSampler("bundle", CounterFactory())
    # As Beam starts one.
    super(StateSampler, sampler).start()
    sampler.started = True
    sampling = [thread for thread in threading.enumerate() if "run" in repr(thread.name)]

    assert sampling
    sampler.stop_if_still_running()

    assert not any(thread.is_alive() for thread in sampling)


def test_steps_share_pythons_lock_sooner():
    tune_worker()

    assert sys.getswitchinterval() == SWITCH_INTERVAL_S

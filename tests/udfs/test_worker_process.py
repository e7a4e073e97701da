"""A worker's tuning, on Beam's own classes."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from apache_beam.runners.worker.statesampler import StateSampler, get_current_tracker
from apache_beam.utils.counters import CounterFactory

from udfs.worker_process import SWITCH_INTERVAL_S, run_as_batch, tune_worker


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
    before = set(threading.enumerate())
    # As Beam starts one.
    super(StateSampler, sampler).start()
    sampler.started = True
    sampling = set(threading.enumerate()) - before

    assert sampling
    sampler.stop_if_still_running()

    assert not any(thread.is_alive() for thread in sampling)


def test_steps_share_pythons_lock_sooner():
    tune_worker()

    assert sys.getswitchinterval() == SWITCH_INTERVAL_S


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has the policy")
def test_threads_begun_later_take_their_turn():
    policies: list[int] = []

    def begin() -> None:
        run_as_batch()
        later = threading.Thread(target=lambda: policies.append(os.sched_getscheduler(0)))
        later.start()
        later.join()

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()

    assert policies == [os.SCHED_BATCH]


def test_a_thread_that_is_gone_is_no_error():
    run_as_batch(2**22 - 1)

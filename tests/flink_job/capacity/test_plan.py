"""A plan: what must hold of it at any traffic, and the figures of known ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flink_job.capacity.cost import monthly_cost, total
from flink_job.capacity.figures import Figures, known_figures
from flink_job.capacity.limits import first_to_bend, limits_of
from flink_job.capacity.plan import Deployment, Plan, make_plan
from flink_job.capacity.prices import Prices
from flink_job.capacity.shards import calls_of_fullest_shard, fill_of_fullest_shard, needed_shards
from flink_job.capacity.traffic import StreamLoad, Traffic

FIGURES = known_figures().ours

traffics = st.builds(
    Traffic,
    channels=st.integers(1, 5_000),
    channels_per_call=st.integers(1, 4),
    chunk_ms=st.sampled_from([20, 100, 200, 1_000, 5_000]),
    encoding=st.sampled_from(["mulaw", "alaw", "pcm_s16le"]),
    sample_rate_hz=st.sampled_from([8_000, 16_000]),
    call_min=st.floats(0.5, 120),
)
deployments = st.builds(
    Deployment,
    backend=st.sampled_from(["local", "sagemaker"]),
    stream_mode=st.sampled_from(["on-demand", "provisioned"]),
    utilisation=st.floats(0.3, 1),
    parallelism_per_kpu=st.integers(1, 8),
    spoken_share=st.none() | st.floats(0, 1),
)


def sizes(plan: Plan) -> dict[str, float]:
    """All that may only grow with the channels."""
    return {
        "kpus": plan.kpus,
        "audio shards": plan.audio.shards,
        "text shards": plan.text.shards,
        "endpoint": plan.endpoint_instances,
        "state": plan.state_bytes,
        "checkpoint": plan.checkpoint_bytes,
        "rows": plan.segment_rows_per_s,
        "lake": plan.lake_bytes_per_day,
        "loads": plan.loads_per_s,
        "dollars": total(monthly_cost(plan, Prices(), has_warehouse=True)),
    }


def plan_of(traffic: Traffic, deployment: Deployment) -> Plan:
    try:
        return make_plan(traffic, deployment, FIGURES)
    except ValueError:
        assume(False)
        raise


@given(traffics, deployments, st.integers(0, 5_000))
def test_more_channels_never_need_less(traffic, deployment, more):
    fewer = plan_of(traffic, deployment)
    many = plan_of(replace(traffic, channels=traffic.channels + more), deployment)

    shrunk = {
        name: (size, sizes(many)[name])
        for name, size in sizes(fewer).items()
        if sizes(many)[name] < size * (1 - 1e-9)
    }
    assert not shrunk


@given(traffics, deployments)
def test_there_is_at_least_one_of_each_and_none_is_fuller_than_may_be(traffic, deployment):
    plan = plan_of(traffic, deployment)

    assert min(plan.kpus, plan.audio.shards, plan.text.shards) >= 1
    assert max(plan.audio.fill, plan.text.fill) <= deployment.utilisation
    assert plan.cores <= plan.kpus * deployment.utilisation + 1e-9
    assert (plan.endpoint_instances > 0) == (deployment.backend == "sagemaker")


@given(traffics, deployments)
def test_a_shard_less_would_be_too_full(traffic, deployment):
    plan = plan_of(traffic, deployment)

    for stream in (plan.audio, plan.text):
        if stream.shards > 1:
            fill = fill_of_fullest_shard(stream.load, stream.shards - 1)
            assert fill > deployment.utilisation


@given(st.integers(1, 100_000), st.integers(1, 2_000))
def test_the_fullest_shard_has_its_share_and_at_most_all(calls, shards):
    fullest = calls_of_fullest_shard(calls, shards)

    assert calls / shards <= fullest * (1 + 1e-9)
    assert fullest <= calls
    assert shards > 1 or fullest == calls


@given(traffics)
def test_a_limit_that_is_broken_bends_before_these_channels(traffic):
    plan = plan_of(traffic, Deployment())

    for limit in limits_of(plan):
        if limit.channels_at_limit is not None:
            assert (limit.share > 1) == (limit.channels_at_limit < traffic.channels)
    nearest = first_to_bend(plan).channels_at_limit
    assert all(nearest <= (limit.channels_at_limit or nearest) for limit in limits_of(plan))


def test_two_thousand_channels_by_hand():
    figures = Figures("by hand", 80.0, 1.0, 40.0, rows_per_window=1.0)

    plan = make_plan(Traffic(2_000), Deployment(utilisation=0.5), figures)

    assert plan.traffic.windows_per_s == 400
    assert plan.cores == pytest.approx(32)
    assert plan.kpus == 64
    assert plan.audio.load.records_per_s == 10_000
    # 1,600 bytes in base64 are 2,136; JSON and ids make up the rest
    assert 2_136 < plan.audio.load.record_bytes < 2_136 + 300
    assert plan.checkpoint_bytes == pytest.approx(2_000 * 15 * 8_000, rel=0.01)


def test_a_remote_model_takes_its_part_from_the_job():
    figures = Figures("by hand", 80.0, 0.5, 60.0)
    remote = Deployment(
        backend="sagemaker", remote_cpu_ms_per_window=10, utilisation=1, endpoint_windows_per_s=10
    )

    plan = make_plan(Traffic(100), remote, figures)

    # 80 less half of 60, and half of 10
    assert plan.cpu_ms_per_window == pytest.approx(55)
    # 20 windows a second, half of them spoken
    assert plan.endpoint_instances == 2


def test_slow_answers_need_slots_for_the_calls_in_flight():
    slow = Deployment(
        backend="sagemaker", remote_latency_ms=60_000, remote_concurrency=1, utilisation=1
    )

    plan = make_plan(Traffic(100), replace(slow, spoken_share=1.0), FIGURES)

    assert plan.kpus == 20 * 60


def test_speech_is_what_costs():
    silent, spoken = (
        make_plan(Traffic(1_000), Deployment(spoken_share=share), FIGURES) for share in (0.0, 1.0)
    )

    assert silent.cores < spoken.cores
    assert spoken.cpu_ms_per_window - silent.cpu_ms_per_window == pytest.approx(
        FIGURES.model_cpu_ms_per_spoken_window
    )


def test_short_frames_need_shards_by_records():
    load = Traffic(4_000, chunk_ms=20).audio()

    assert load.records_per_s == 200_000
    assert needed_shards(load, 1.0) > 200


def test_a_call_that_fills_a_shard_alone_is_refused():
    with pytest.raises(ValueError, match="one call alone fills 200% of a shard"):
        needed_shards(StreamLoad(records_per_s=2_000, record_bytes=100, calls=1), 0.7)


def test_the_price_is_the_sum_of_what_its_formulas_say():
    plan = make_plan(Traffic(2_000), Deployment(stream_mode="provisioned"), FIGURES)

    costs = {cost.what: cost.dollars for cost in monthly_cost(plan, Prices(), has_warehouse=True)}

    assert costs["Flink: KPUs"] == pytest.approx((plan.kpus + 1) * 730 * 0.11)
    assert costs["Kinesis audio: shards"] == pytest.approx(plan.audio.shards * 730 * 0.015)
    assert costs["Kinesis audio: puts"] == pytest.approx(10_000 * 3_600 * 730 / 1e6 * 0.014)
    free = monthly_cost(plan, Prices(*[0.0] * len(Prices.__dataclass_fields__)), has_warehouse=True)
    assert total(free) == 0


def test_quiet_hours_bring_no_data_and_still_cost():
    always, seldom = (
        monthly_cost(
            make_plan(Traffic(2_000, busy_hours_a_month=hours), Deployment(), FIGURES),
            Prices(),
            has_warehouse=False,
        )
        for hours in (730, 73)
    )

    by_name = {cost.what: cost.dollars for cost in seldom}
    for cost in always:
        factor = 0.1 if "in and out" in cost.what or "days of rows" in cost.what else 1
        if "kept" not in cost.what:
            assert by_name[cost.what] == pytest.approx(cost.dollars * factor)

"""The pages for people: what each metric and event means, and what to do when an alarm rings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from flink_job.monitoring.alarms import ALARMS, Alarm, Parameter, Question
from flink_job.monitoring.sources import SNAPSHOT_S, Source
from udfs.events import EVENTS
from udfs.metrics import METRICS, MODELS, REJECTED_FOR, Metric, camel

_MADE = (
    "<!-- Made from udfs/metrics.py, udfs/events.py and flink_job/monitoring by `python -m "
    "flink_job.monitoring deploy`: change those. -->"
)


def metrics_page() -> str:
    """``METRICS.md`` as it is committed."""
    return "\n".join([*_metrics(), ""])


def runbook_page() -> str:
    """``RUNBOOK.md`` as it is committed."""
    return "\n".join([*_runbook(), ""])


def _metrics() -> Iterator[str]:
    yield "# Metrics and logs"
    yield _MADE
    yield ""
    yield (
        "In CloudWatch: namespace `AWS/KinesisAnalytics`, dimension `Application`, beside the "
        "service's own. The service takes four snapshots a minute of each subtask, and all of them "
        "are samples of one metric (`MetricsLevel: APPLICATION`). So:"
    )
    yield ""
    yield (
        "- a **meter** is told as events a second, mean of the last minute: `Sum` over any period "
        f"times {SNAPSHOT_S} is how many events there were in it;"
    )
    yield "- of a **gauge** read `Maximum`, the worst subtask's."
    yield ""
    yield (
        "A meter appears with its first event, so reasons that never came cost nothing. On a "
        "laptop: "
        "`call-sentiment local --keep DIR` writes all of them into `DIR/metrics.jsonl`, a second a "
        "line."
    )
    yield ""
    yield "| metric | kind | unit | meaning | what to do |"
    yield "|---|---|---|---|---|"
    of_families = {metric for family in _families().values() for metric in family.values()}
    for metric in METRICS.values():
        if metric not in of_families:
            yield _row(f"`{metric.name}`", metric, metric.meaning, metric.action)
    for prefix, family in _families().items():
        first = next(iter(family.values()))
        what = first.meaning.partition("`")[0]
        reasons = ", ".join(f"`{reason}`" for reason in family)
        actions = " ".join(dict.fromkeys(metric.action for metric in family.values()))
        name = f"`{prefix}` and the reason, such as `{first.name}`"
        yield _row(name, first, f"{what}{reasons}", actions)
    yield ""
    yield "## Events in the log"
    yield ""
    yield (
        "One JSON object a line, with `event` and a few fields: counts, names of ours, codes of "
        "services; never what was said, who spoke, or a value of a row. In CloudWatch Logs "
        "Insights: "
        '`filter message like /"event": "load_failed"/`.'
    )
    yield ""
    yield "| event | level | meaning | what to do |"
    yield "|---|---|---|---|"
    for event in EVENTS.values():
        yield f"| `{event.name}` | {event.level_name} | {event.meaning} | {event.action} |"


def _families() -> dict[str, Mapping[Any, Metric]]:
    """Metrics of which there is one a reason, by how their names begin."""
    families: dict[str, Mapping[Any, Metric]] = {"rejected": REJECTED_FOR}
    for modality, model in MODELS.items():
        families[camel(modality, "missing")] = model.missing
        families[camel(modality, "remote_failed")] = model.remote_failed
    return families


def _row(name: str, metric: Metric, meaning: str, action: str) -> str:
    return f"| {name} | {metric.kind} | {metric.unit} | {meaning} | {action} |"


def _runbook() -> Iterator[str]:
    yield "# Runbook"
    yield _MADE
    yield ""
    yield (
        "One entry an alarm: what you see, why, what to do. Metrics and log events are in "
        "[METRICS.md](METRICS.md). Each alarm is made to ring by a fault in "
        "`tests/deploy/test_alarms.py` or `tests/flink/test_recovery.py`."
    )
    for question in get_args(Question):
        yield ""
        yield f"## {question}"
        for alarm in ALARMS:
            if alarm.question == question:
                yield from _entry(alarm)


def _entry(alarm: Alarm) -> Iterator[str]:
    yield ""
    yield f"### {alarm.name}"
    yield ""
    yield f"**You see:** {alarm.sees}. It rings when {_condition(alarm)}."
    yield ""
    yield f"**Why:** {alarm.why}"
    yield ""
    yield "**Do:**"
    yield ""
    yield from (f"{number}. {step}" for number, step in enumerate(alarm.do, 1))


def _condition(alarm: Alarm) -> str:
    threshold = alarm.threshold
    if isinstance(threshold, Parameter):
        limit = f"`{threshold.name}` ({threshold.default:g})"
    else:
        limit = f"{threshold:g}"
    needed = alarm.datapoints or alarm.periods
    periods = f"{needed} of {alarm.periods}" if needed < alarm.periods else f"{needed}"
    span = f"{alarm.period_s // 60} min" if alarm.period_s > 60 else "minute"  # noqa: PLR2004
    often = f"in {periods} periods of a {span}" if alarm.periods > 1 else f"in {span}"
    missing = "; none is taken for the worst" if alarm.missing == "breaching" else ""
    return f"{_read(alarm)} is {alarm.rings} {limit} {often}{missing}"


def _read(alarm: Alarm) -> str:
    if alarm.expression is None:
        [source] = alarm.sources.values()
        return _of(source)
    named = ", ".join(f"`{name}` = {_of(source)}" for name, source in alarm.sources.items())
    return f"`{alarm.expression}` ({named})"


def _of(source: Source) -> str:
    return f"{source.statistic} of `{source.metric}`"

"""Write what is made from the registries: ``python -m flink_job.monitoring deploy``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from flink_job.monitoring.pages import metrics_page, runbook_page
from flink_job.monitoring.templates import alarms_yaml, dashboard_yaml

FILES: Mapping[str, Callable[[], str]] = {
    "METRICS.md": metrics_page,
    "RUNBOOK.md": runbook_page,
    "cloudformation/alarms.yaml": alarms_yaml,
    "cloudformation/dashboard.yaml": dashboard_yaml,
}

if __name__ == "__main__":
    for name, made in FILES.items():
        (Path(sys.argv[1]) / name).write_text(made(), encoding="utf-8")

"""What watches the job, made from one place: alarms, dashboard, metrics page and runbook.

    python -m flink_job.monitoring deploy

writes ``METRICS.md`` and ``RUNBOOK.md`` into that folder, and ``alarms.yaml`` and
``dashboard.yaml`` into its ``cloudformation``.
"""

"""What the job itself writes to the audit log: the policy that it starts under."""

from __future__ import annotations

from connectors.audit_log import AuditLog
from connectors.lake_files import Lake
from flink_job.settings import Settings
from udfs.audit_chain import PolicyInForce


def record_policy(settings: Settings, now_ms: int) -> None:
    """Append the policy of the settings, unless it is the one recorded last.

    Args:
        settings: of the job that starts.
        now_ms: epoch milliseconds.

    Raises:
        LakeError: the log cannot be read or written.
        SettingsError: the policy cannot be used.
    """
    log = AuditLog(Lake(settings.lake.root, settings.lake.kms_key_arn))
    policy = settings.policy
    entry = PolicyInForce(version=policy.policy().version, sha256=policy.sha256())
    if log.last(PolicyInForce) != entry:
        log.append(entry, now_ms)

"""What ``deploy``, ``update`` and ``destroy`` do on AWS, in order.

    deploy    bucket of artifacts ─► zip, templates ─► change set ─► stack ─► start ─► healthy
    update    can the old state be read? ─► change set ─► snapshot ─► stack ─► healthy
                                                                        └─► back, if not in 10 min
    destroy   stack ─► (only where asked for) buckets and key

Nothing is changed before a change set is approved of, and nothing running is stopped before it is
known that the next version can go on from its state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.deployment.application import Application, ApplicationState
from connectors.deployment.artifacts import Artifacts, delete_bucket
from connectors.deployment.errors import DeployError, explained
from connectors.deployment.stack import ChangeSet, Clock, Stack, StackState
from connectors.deployment.templates import (
    APPLICATION,
    ARTIFACTS,
    ROOT,
    Groups,
    add_groups,
    load_template,
    package_templates,
    stack_groups,
)
from flink_job.model_arns import model_parameters
from flink_job.own_files import check_packed
from flink_job.retention_settings import retention_parameters
from flink_job.savepoint import ManifestError, parse_manifest, read_manifest, what_is_lost
from flink_job.settings import Settings, parse_settings

TEMPLATES: Final = Path(__file__).resolve().parents[1] / "deploy" / "cloudformation"
STACK_LIMIT_S: Final = 3_600.0
UPDATE_LIMIT_S: Final = 900.0
HEALTHY_WITHIN_S: Final = 600.0
KEY_DAYS: Final = 30
"""A key is deleted so long after it was asked for; until then it can be kept."""

_LATEST: Final = {"RestoreType": "RESTORE_FROM_LATEST_SNAPSHOT", "SnapshotName": ""}
_NOTHING: Final = {"RestoreType": "SKIP_RESTORE_FROM_SNAPSHOT", "SnapshotName": ""}
_SAMPLES: Final = {
    "root": "s3a://bucket/lake",
    "url": "redshift://workgroup/name/database",
    "staging.root": "s3://bucket/staging",
}
_BUCKETS: Final = ("LakeBucket", "StagingBucket", "LogBucket")


class Clients(NamedTuple):
    """boto3's clients, or what stands in for them."""

    cloudformation: Any
    s3: Any
    flink: Any
    cloudwatch: Any
    kms: Any
    sts: Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks for."""

    package: Path | None = None
    """The job's zip; None: the one that is deployed."""
    parameters: Mapping[str, str] | None = None
    groups: Groups | None = None
    """Property groups; None: those that are deployed."""
    discard_state: bool = False
    """Begin without the state of the version before."""


class Deployment:
    """One stack, with all that belongs to it."""

    def __init__(
        self,
        name: str,
        clients: Clients,
        approve: Callable[[str, ChangeSet], bool],
        say: Callable[[str], None],
        templates: Path = TEMPLATES,
        clock: Clock | None = None,
    ) -> None:
        """Prepare it.

        Args:
            name: of the stack and of the application.
            clients: of AWS.
            approve: shown a stack's name and its change set; False, and nothing is changed.
            say: told how it goes.
            templates: their folder.
            clock: of a test.
        """
        self._clients = clients
        self._approve = approve
        self._say = say
        self._templates = templates
        self._clock = clock or Clock()
        self._name = name
        self._stack = Stack(clients.cloudformation, name, self._clock)
        self._artifact_stack = Stack(clients.cloudformation, f"{name}-artifacts", self._clock)
        self._application = Application(clients.flink, clients.cloudwatch, name, self._clock)

    def deploy(self, wanted: Wanted) -> StackState | None:
        """Make the stack and start the job; None where that was not approved of.

        Raises:
            DeployError: AWS does not do it.
            SettingsError: a property cannot be used, or names a file that the package lacks.
            ManifestError: the package is none.
        """
        state = self._stack.state()
        if state is not None and state.is_live:
            remedy = "destroy" if state.status == "ROLLBACK_COMPLETE" else "update"
            msg = f"is there already ({state.status}); use `call-sentiment {remedy}`"
            raise DeployError(self._stack.what, msg)
        if wanted.package is None:
            what = "package"
            raise ManifestError(what, "is missing")
        manifest = read_manifest(wanted.package)
        parameters = dict(wanted.parameters or {})
        groups = wanted.groups or {}
        settings = self._expect(groups, parameters)
        check_packed(wanted.package, settings.own_files())
        artifacts = self._make_artifacts()
        if artifacts is None:
            return None
        code = artifacts.put_zip(wanted.package, manifest)
        parameters |= {"CodeBucket": code.bucket, "CodeKey": code.key}
        parameters |= retention_parameters(settings.retention, parameters)
        parameters |= model_parameters(settings, self._identity(), parameters)
        root = package_templates(self._templates, groups, artifacts.put)
        change_set = self._stack.propose("CREATE", parameters, url=root.url)
        if change_set is None or not self._approved(self._stack, change_set):
            return None
        self._stack.execute(change_set)
        state = self._stack.await_done(STACK_LIMIT_S, self._say)
        self._say("starting the job")
        self._application.start()
        if problem := self._application.await_healthy(HEALTHY_WITHIN_S):
            msg = f"{problem}, ten minutes after its start; look at log group {_log(state)}"
            raise DeployError(self._application.what, msg)
        return state

    def update(self, wanted: Wanted) -> StackState | None:
        """Bring the stack and the job to what is wanted; None where that was not approved of.

        Raises:
            DeployError: AWS does not do it, the state would be lost, or the job was not healthy
                and the version before runs again.
            SettingsError: a property cannot be used, or names a file that the package lacks.
            ManifestError: the package is none.
        """
        before, running = self._deployed()
        artifacts = self._artifacts()
        groups = wanted.groups
        if groups is None:
            groups = self._user_groups(running)
        known = load_template(self._templates / ROOT)["Parameters"]
        kept = {key: value for key, value in before.parameters.items() if key in known}
        parameters = {**kept, **(wanted.parameters or {})}
        settings = self._expect(groups, parameters)
        manifest = self._next_manifest(wanted, artifacts, running)
        if wanted.package:
            check_packed(wanted.package, settings.own_files())
        if not wanted.discard_state:
            self._refuse_if_state_is_lost(running, artifacts, manifest, groups, parameters)
        if wanted.package:
            code = artifacts.put_zip(wanted.package, manifest)
            parameters |= {"CodeBucket": code.bucket, "CodeKey": code.key}
        parameters |= retention_parameters(settings.retention, wanted.parameters or {})
        parameters |= model_parameters(settings, self._identity(), wanted.parameters or {})
        parameters |= _NOTHING if wanted.discard_state else _LATEST
        root = package_templates(self._templates, groups, artifacts.put)
        template = self._stack.template()
        change_set = self._stack.propose("UPDATE", parameters, url=root.url)
        if change_set is None:
            self._say("nothing to change")
            return before
        if not self._approved(self._stack, change_set):
            return None
        snapshot = self._take_snapshot(running)
        self._stack.execute(change_set)
        problem = self._follow_update()
        if problem is not None:
            self._go_back(template, before.parameters, snapshot, problem)
        return self._stack.state()

    def destroy(self, *, delete_data: bool) -> list[str]:
        """Delete the stack; what it leaves.

        Args:
            delete_data: also the buckets with all that is in them, and the key.

        Raises:
            DeployError: AWS does not do it.
        """
        state = self._stack.state()
        if state is None:
            raise DeployError(self._stack.what, "does not exist; mend its name or the region")
        self._stack.delete(STACK_LIMIT_S, self._say)
        buckets = [state.outputs[name] for name in _BUCKETS if name in state.outputs]
        artifacts = self._artifact_stack.state()
        if artifacts is not None and "ArtifactBucket" in artifacts.outputs:
            buckets.append(artifacts.outputs["ArtifactBucket"])
        key = state.outputs.get("KeyArn")
        if not delete_data:
            return [*(f"s3://{bucket}" for bucket in buckets), *([key] if key else [])]
        if artifacts is not None:
            self._artifact_stack.delete(STACK_LIMIT_S, self._say)
        for bucket in buckets:
            self._say(f"deleting s3://{bucket}")
            delete_bucket(self._clients.s3, bucket)
        if key is None:
            return []
        with explained(f"key {key}"):
            self._clients.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_DAYS)
        return [f"{key} (is deleted in {KEY_DAYS} days)"]

    def _expect(self, groups: Groups, parameters: Mapping[str, str]) -> Settings:
        """The settings that the job will find, as far as they are known before."""
        return parse_settings(self._expected_groups(groups, parameters))

    def _expected_groups(self, groups: Groups, parameters: Mapping[str, str]) -> Groups:
        application = load_template(self._templates / APPLICATION)
        add_groups(application, groups)
        samples = _SAMPLES | {"region": self._clients.cloudformation.meta.region_name}
        expected = {
            group: {
                key: value if isinstance(value, str) else samples.get(key, "set-by-the-stack")
                for key, value in properties.items()
            }
            for group, properties in stack_groups(application).items()
        }
        if parameters.get("Warehouse", "none") == "none":
            expected.pop("warehouse", None)
        if not parameters.get("PseudonymSecretArn"):
            expected.pop("pseudonyms", None)
        return expected

    def _make_artifacts(self) -> Artifacts | None:
        """The bucket of artifacts, made where there is none; None where that was not approved."""
        state = self._artifact_stack.state()
        if state is None or not state.is_live:
            self._say("first a bucket for the zip; what else is made is shown once it is there")
            body = (self._templates / ARTIFACTS).read_text(encoding="utf-8")
            change_set = self._artifact_stack.propose("CREATE", {}, body=body)
            if change_set is None or not self._approved(self._artifact_stack, change_set):
                return None
            self._artifact_stack.execute(change_set)
            self._artifact_stack.await_done(STACK_LIMIT_S, self._say)
        return self._artifacts()

    def _artifacts(self) -> Artifacts:
        state = self._artifact_stack.state()
        if state is None or "ArtifactBucket" not in state.outputs:
            remedy = "is not there; `call-sentiment deploy` makes it"
            raise DeployError(self._artifact_stack.what, remedy)
        return Artifacts(self._clients.s3, state.outputs["ArtifactBucket"])

    def _deployed(self) -> tuple[StackState, ApplicationState]:
        before = self._stack.state()
        running = self._application.state()
        if before is None or not before.is_live or running is None:
            msg = "does not exist; use `call-sentiment deploy`, or mend its name or the region"
            raise DeployError(self._stack.what, msg)
        if before.status.endswith("_IN_PROGRESS"):
            raise DeployError(self._stack.what, f"{before.status}; wait until it is done")
        return before, running

    def _user_groups(self, running: ApplicationState) -> Groups:
        """The deployed property groups without what the stack itself sets."""
        own = stack_groups(load_template(self._templates / APPLICATION))
        users = {
            group: {
                key: value for key, value in properties.items() if key not in own.get(group, ())
            }
            for group, properties in running.groups.items()
        }
        return {group: properties for group, properties in users.items() if properties}

    def _next_manifest(
        self, wanted: Wanted, artifacts: Artifacts, running: ApplicationState
    ) -> bytes:
        if wanted.package:
            return read_manifest(wanted.package)
        manifest = artifacts.manifest_of(running.code_key)
        if manifest is None:
            msg = "its zip was not put there by `deploy`; name one by --package"
            raise DeployError(self._application.what, msg)
        return manifest

    def _refuse_if_state_is_lost(
        self,
        running: ApplicationState,
        artifacts: Artifacts,
        manifest: bytes,
        groups: Groups,
        parameters: Mapping[str, str],
    ) -> None:
        deployed = artifacts.manifest_of(running.code_key)
        if deployed is None:
            reasons = ["nobody knows what state the deployed zip keeps"]
        else:
            reasons = what_is_lost(
                parse_manifest(deployed),
                running.groups,
                parse_manifest(manifest),
                self._expected_groups(groups, parameters),
            )
        if reasons:
            msg = (
                f"would lose its state ({'; '.join(reasons)}), and goes on as it is; "
                "with --discard-state the calls open now are given up"
            )
            raise DeployError(self._application.what, msg)

    def _approved(self, stack: Stack, change_set: ChangeSet) -> bool:
        if self._approve(stack.name, change_set):
            return True
        stack.drop(change_set)
        return False

    def _identity(self) -> Mapping[str, str]:
        with explained("who am I"):
            identity: Mapping[str, str] = self._clients.sts.get_caller_identity()
        return identity

    def _take_snapshot(self, running: ApplicationState) -> str | None:
        """A snapshot's name; None where nothing runs that it could be of."""
        if running.status != "RUNNING":
            return None
        snapshot = f"before-version-{running.version + 1}-{time.time_ns() // 1_000_000_000}"
        self._say(f"taking snapshot {snapshot}")
        self._application.take_snapshot(snapshot)
        return snapshot

    def _follow_update(self) -> str | None:
        """What is wrong with the job in the end; None: it is healthy."""
        try:
            state = self._stack.await_end(UPDATE_LIMIT_S, self._say)
        except DeployError as error:
            return str(error)
        if state.status != "UPDATE_COMPLETE":
            msg = f"{state.status}: {self._stack.first_failure()}; the stack is as it was"
            raise DeployError(self._stack.what, msg)
        application = self._application.state()
        if application is not None and application.status == "READY":
            self._application.start()
        self._say("waiting until the job is healthy")
        return self._application.await_healthy(HEALTHY_WITHIN_S)

    def _go_back(
        self, template: str, parameters: Mapping[str, str], snapshot: str | None, problem: str
    ) -> None:
        """Bring back the version before; always ends in an error that tells how it went."""
        self._say(f"the job {problem}; going back")
        application = self._application.state()
        if application is not None and application.status == "UPDATING":
            self._application.go_back()
        state = self._stack.await_end(UPDATE_LIMIT_S, self._say)
        if state.status == "UPDATE_COMPLETE":
            restored = dict(_LATEST)
            if snapshot:
                restored = {
                    "RestoreType": "RESTORE_FROM_CUSTOM_SNAPSHOT",
                    "SnapshotName": snapshot,
                }
            back = self._stack.propose("UPDATE", {**parameters, **restored}, body=template)
            if back is not None:
                self._stack.execute(back)
                self._stack.await_done(UPDATE_LIMIT_S, self._say)
        still = self._application.await_healthy(HEALTHY_WITHIN_S)
        end = "the version before runs again" if still is None else f"the version before {still}"
        msg = f"the new version {problem}; {end}; look at log group {_log(state)}"
        raise DeployError(self._application.what, msg)


def _log(state: StackState) -> str:
    return state.outputs.get("LogGroup", "of the application")

"""A CloudFormation stack by change sets: what would change, then the change, then its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from botocore.exceptions import ClientError

from connectors.deployment.errors import DeployError, explained, is_missing
from connectors.deployment.templates import encode

CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
POLL_S: Final = 5.0
_CHANGE_SET_WAIT_S: Final = 600.0
_NESTED: Final = "AWS::CloudFormation::Stack"
_NOTHING: Final = ("didn't contain changes", "No updates are to be performed")
_DONE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


class Clock:
    """Time that passes; a test hands in its own."""

    def now_s(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Change(NamedTuple):
    """One resource that a change set touches."""

    action: str
    """Add, Modify, Remove …"""
    resource: str
    """Its name within the stack, and within a nested one as ``Job/Application``."""
    kind: str
    replacement: str
    """True where it is made anew and what was in it lost, Conditional where it may be."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    id: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class StackState:
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def is_live(self) -> bool:
        """Whether there is something to update: not what a dry run left behind."""
        return self.status != "REVIEW_IN_PROGRESS"


class Stack:
    """One stack."""

    def __init__(self, cloudformation: Any, name: str, clock: Clock) -> None:
        self._boto = cloudformation
        self.name = name
        self.what = f"stack {name}"
        self._clock = clock

    def state(self) -> StackState | None:
        """What it is now; None where there is none.

        Raises:
            DeployError: it cannot be asked.
        """
        with explained(self.what):
            try:
                stack = self._boto.describe_stacks(StackName=self.name)["Stacks"][0]
            except ClientError as error:
                if is_missing(error):
                    return None
                raise
        return StackState(
            status=stack["StackStatus"],
            parameters={
                one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())
            },
            outputs={one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())},
        )

    def template(self) -> str:
        """The template of the stack as it is.

        Raises:
            DeployError: it cannot be asked.
        """
        with explained(self.what):
            answer = self._boto.get_template(StackName=self.name, TemplateStage="Original")
        body = answer["TemplateBody"]  # what is JSON, boto3 has read already
        return body if isinstance(body, str) else encode(body).decode()

    def propose(
        self,
        kind: Literal["CREATE", "UPDATE"],
        parameters: Mapping[str, str],
        *,
        url: str | None = None,
        body: str | None = None,
    ) -> ChangeSet | None:
        """Make a change set; None where nothing would change.

        Args:
            kind: of a stack that is not there yet, or of one that is.
            parameters: by name; what is left out keeps its value, or gets its default.
            url: of the template in S3.
            body: the template itself.

        Raises:
            DeployError: CloudFormation does not take it.
        """
        template = {"TemplateURL": url} if url else {"TemplateBody": body}
        with explained(self.what):
            change_set_id = self._boto.create_change_set(
                StackName=self.name,
                ChangeSetName=f"call-sentiment-{time.time_ns()}",
                ChangeSetType=kind,
                Capabilities=CAPABILITIES,
                IncludeNestedStacks=True,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in parameters.items()
                ],
                **template,
            )["Id"]
            described = self._await_change_set(change_set_id)
            if described["Status"] == "FAILED":
                self._boto.delete_change_set(StackName=self.name, ChangeSetName=change_set_id)
                reason = str(described.get("StatusReason", ""))
                if any(words in reason for words in _NOTHING):
                    return None
                raise DeployError(self.what, reason)
            return ChangeSet(change_set_id, tuple(self._changes(change_set_id)))

    def drop(self, change_set: ChangeSet) -> None:
        """Forget a change set, and the empty stack that it may have made.

        Raises:
            DeployError: it cannot be deleted.
        """
        with explained(self.what):
            self._boto.delete_change_set(StackName=self.name, ChangeSetName=change_set.id)
        state = self.state()
        if state is not None and not state.is_live:
            with explained(self.what):
                self._boto.delete_stack(StackName=self.name)

    def execute(self, change_set: ChangeSet) -> None:
        """Begin the change.

        Raises:
            DeployError: CloudFormation does not begin it.
        """
        with explained(self.what):
            self._boto.execute_change_set(StackName=self.name, ChangeSetName=change_set.id)

    def await_end(self, limit_s: float, on_status: Callable[[str], None]) -> StackState:
        """Wait until nothing is in progress any more.

        Args:
            limit_s: so long at most.
            on_status: told each new status.

        Raises:
            DeployError: it takes longer, or the stack is gone.
        """
        end_s = self._clock.now_s() + limit_s
        seen = ""
        while True:
            state = self.state()
            if state is None:
                raise DeployError(self.what, "is gone; somebody deleted it meanwhile")
            if state.status != seen:
                seen = state.status
                on_status(seen)
            if not state.status.endswith("_IN_PROGRESS"):
                return state
            if self._clock.now_s() >= end_s:
                raise DeployError(self.what, f"still {seen} after {limit_s / 60:.0f} min")
            self._clock.sleep(POLL_S)

    def await_done(self, limit_s: float, on_status: Callable[[str], None]) -> StackState:
        """Wait until the change is made.

        Raises:
            DeployError: it failed and CloudFormation took it back; says of what and why.
        """
        state = self.await_end(limit_s, on_status)
        if state.status not in _DONE:
            raise DeployError(self.what, f"{state.status}: {self.first_failure()}")
        return state

    def first_failure(self) -> str:
        """What failed first in the last change, and why.

        Raises:
            DeployError: it cannot be asked.
        """
        failures: list[str] = []
        with explained(self.what):
            for page in self._boto.get_paginator("describe_stack_events").paginate(
                StackName=self.name
            ):
                for event in page["StackEvents"]:
                    if event.get("ResourceStatusReason") == "User Initiated":
                        return failures[-1] if failures else "see its events in the console"
                    if event["ResourceStatus"].endswith("_FAILED"):
                        reason = event.get("ResourceStatusReason", "")
                        failures.append(f"{event['LogicalResourceId']}: {reason}")
        return failures[-1] if failures else "see its events in the console"

    def delete(self, limit_s: float, on_status: Callable[[str], None]) -> None:
        """Delete it and wait until it is gone.

        Raises:
            DeployError: something in it cannot be deleted.
        """
        with explained(self.what):
            self._boto.delete_stack(StackName=self.name)
        end_s = self._clock.now_s() + limit_s
        seen = ""
        while (state := self.state()) is not None and state.status != "DELETE_COMPLETE":
            if state.status != seen:
                seen = state.status
                on_status(seen)
            if state.status == "DELETE_FAILED":
                raise DeployError(self.what, f"{seen}: {self.first_failure()}")
            if self._clock.now_s() >= end_s:
                raise DeployError(self.what, f"still {seen} after {limit_s / 60:.0f} min")
            self._clock.sleep(POLL_S)

    def _await_change_set(self, change_set_id: str) -> Any:
        end_s = self._clock.now_s() + _CHANGE_SET_WAIT_S
        while True:
            described = self._boto.describe_change_set(
                StackName=self.name, ChangeSetName=change_set_id
            )
            if described["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return described
            if self._clock.now_s() >= end_s:
                raise DeployError(self.what, "its change set is not made after 10 min")
            self._clock.sleep(POLL_S)

    def _changes(self, change_set_id: str, within: str = "") -> Iterator[Change]:
        request = {"ChangeSetName": change_set_id}
        if not within:
            request["StackName"] = self.name
        while True:
            page = self._boto.describe_change_set(**request)
            for entry in page.get("Changes", ()):
                change = entry["ResourceChange"]
                name = f"{within}{change['LogicalResourceId']}"
                kind = change["ResourceType"]
                if kind != _NESTED or "ChangeSetId" not in change:
                    replacement = change.get("Replacement", "False")
                    yield Change(change["Action"], name, kind, replacement)
                else:
                    yield from self._changes(change["ChangeSetId"], f"{name}/")
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

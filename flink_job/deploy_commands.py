"""``deploy``, ``update``, ``status`` and ``destroy``: the job on AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.config import Config
from rich.table import Table

from connectors.deployment.application import Application
from connectors.deployment.errors import DeployError
from connectors.deployment.errors import explained as aws_explained
from connectors.deployment.stack import ChangeSet, Clock, Stack
from connectors.deployment.templates import ROOT, load_template
from flink_job.deployment import TEMPLATES, Clients, Deployment, Wanted
from flink_job.settings import read_properties
from flink_job.terminal import FAILED, console, errors, explained

Name = Annotated[str, typer.Option("--name", help="Of the stack, the application, the streams.")]
Region = Annotated[str | None, typer.Option(help="AWS region; else that of your AWS profile.")]
Properties = Annotated[
    Path | None,
    typer.Option(help="Settings in the service's format, but for those that the stack sets."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A parameter of the templates: Parallelism=4. May be repeated."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Make the change without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")]
DEFAULT_NAME = "call-sentiment"


def register_deploy(app: typer.Typer) -> None:
    """Add the four commands."""
    for command in (deploy, update, status, destroy):
        app.command()(command)


def deploy(
    package: Annotated[Path, typer.Option(help="The zip that package wrote.")],
    name: Name = DEFAULT_NAME,
    region: Region = None,
    properties: Properties = None,
    parameters: Set = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Make everything on AWS that the job needs, and start it."""
    given = _parameters(parameters)
    with explained():
        groups = read_properties(properties) if properties else {}
        deployment = _deployment(name, region, yes=yes, dry_run=dry_run)
        state = deployment.deploy(Wanted(package, given, groups))
        _print_rows(state.outputs if state else {})


def update(
    package: Annotated[
        Path | None, typer.Option(help="The new zip; else the one that is deployed.")
    ] = None,
    name: Name = DEFAULT_NAME,
    region: Region = None,
    properties: Properties = None,
    parameters: Set = None,
    discard_state: Annotated[
        bool, typer.Option("--discard-state", help="Give up the calls that are open now.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Bring a new zip, settings or parameters to the job; go back if it is not healthy in 10 min.

    What is not named stays as it is. Refused, with nothing stopped, where the new version cannot
    go on from the state of the old one.
    """
    given = _parameters(parameters)
    with explained():
        groups = read_properties(properties) if properties else None
        deployment = _deployment(name, region, yes=yes, dry_run=dry_run)
        state = deployment.update(Wanted(package, given, groups, discard_state))
        _print_rows(state.outputs if state else {})


def status(name: Name = DEFAULT_NAME, region: Region = None) -> None:
    """How the job on AWS fares; exit 1 where it is not healthy."""
    with explained():
        clients = _clients(region)
        clock = Clock()
        stack = Stack(clients.cloudformation, name, clock)
        made = stack.state()
        application = Application(clients.flink, clients.cloudwatch, name, clock)
        state = application.state()
        if made is None or state is None:
            remedy = "does not exist; use `call-sentiment deploy`, or mend its name or the region"
            raise DeployError(stack.what, remedy)
        streams = [made.outputs.get(key) for key in ("AudioStream", "TextStream")]
        problem = application.problem()
        rows = {
            "stack": made.status,
            "application": f"{state.status}, version {state.version}, {state.runtime}",
            "code": state.code_key,
            "snapshots": ", ".join(application.snapshots()[:3]) or "none",
        }
        figures = application.figures(tuple(stream for stream in streams if stream))
        rows |= {key: f"{value:,.0f}" for key, value in figures.items()}
        rows["healthy"] = "yes" if problem is None else f"no: {problem}"
        _print_rows(rows)
        if problem is not None:
            raise typer.Exit(FAILED)


def destroy(
    name: Name = DEFAULT_NAME,
    region: Region = None,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also the buckets with all rows, and the key.")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(help="The stack's name, instead of typing it when asked.")
    ] = None,
) -> None:
    """Delete the stack; buckets and key stay, unless told otherwise."""
    what = "and ALL ROWS in its buckets" if delete_data else "(its buckets and key stay)"
    typed = confirm or typer.prompt(f"Deletes stack {name} {what}. Type its name", err=True)
    if typed != name:
        errors.print(f"that is not {name}: nothing is deleted", markup=False)
        raise typer.Exit(FAILED)
    with explained():
        for one in _deployment(name, region).destroy(delete_data=delete_data):
            console.print(f"left: {one}", markup=False, highlight=False, soft_wrap=True)


def _deployment(
    name: str, region: str | None, *, yes: bool = False, dry_run: bool = False
) -> Deployment:
    return Deployment(name, _clients(region), _approve(yes=yes, dry_run=dry_run), _say)


def _approve(*, yes: bool, dry_run: bool) -> Callable[[str, ChangeSet], bool]:
    def approve(stack: str, change_set: ChangeSet) -> bool:
        print_changes(stack, change_set)
        if dry_run:
            errors.print("dry run: nothing is changed")
            return False
        return yes or typer.confirm(f"Make these changes to stack {stack}?", err=True)

    return approve


def print_changes(stack: str, change_set: ChangeSet) -> None:
    """A change set as a table; what would be made anew, and so lose what is in it, is marked."""
    table = Table(title=f"Changes of stack {stack}", title_justify="left")
    for heading in ("action", "resource", "type", "made anew"):
        table.add_column(heading, overflow="fold")
    for change in change_set.changes:
        anew = "" if change.replacement == "False" else change.replacement.upper()
        table.add_row(change.action, change.resource, change.kind.removeprefix("AWS::"), anew)
    console.print(table)


def _print_rows(rows: Mapping[str, str]) -> None:
    for key, value in rows.items():
        console.print(f"{key:<22} {value}", markup=False, highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    errors.print(text, markup=False, highlight=False, soft_wrap=True)


def _parameters(entries: list[str] | None) -> dict[str, str]:
    known = load_template(TEMPLATES / ROOT)["Parameters"]
    parameters = {}
    for entry in entries or ():
        key, separator, value = entry.partition("=")
        if not separator or key not in known:
            msg = f"{entry}: write NAME=VALUE with one of: {', '.join(sorted(known))}"
            raise typer.BadParameter(msg)
        parameters[key] = value
    return parameters


def _clients(region: str | None) -> Clients:
    config = Config(retries={"mode": "standard", "max_attempts": 5})
    names = ("cloudformation", "s3", "kinesisanalyticsv2", "cloudwatch", "kms", "sts")
    with aws_explained("AWS"):
        session = boto3.Session(region_name=region)
        return Clients(*(session.client(name, config=config) for name in names))

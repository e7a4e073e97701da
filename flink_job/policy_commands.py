"""``policy explain``, ``policy check`` and ``policy schema``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from flink_job.terminal import FAILED, console, explained
from udfs.jurisdictions import UNKNOWN, jurisdiction_of
from udfs.policy import (
    DEFAULT_POLICY,
    MODALITIES,
    Channel,
    Consent,
    Modality,
    Policy,
    Subject,
    policy_schema,
    read_policy,
)
from udfs.policy_check import Gap, check_policy
from udfs.records import Role

policy_app = typer.Typer(
    help="Whose voice and words may be scored: by which rule, and whether the rules are sound.",
    no_args_is_help=True,
)

PolicyPath = Annotated[Path | None, typer.Option("--policy", help="Else the shipped policy.")]
MAX_CASES = 5
"""So many cases of a gap are named; the rest is counted."""


@policy_app.command()
def explain(
    role: Annotated[Role, typer.Option(help="agent or customer.")],
    jurisdiction: Annotated[
        str, typer.Option(help="Where the call is held, as DE or US-CA; empty: unknown.")
    ] = "",
    consent: Annotated[Consent, typer.Option(help="As recorded.")] = "unknown",
    language: Annotated[str, typer.Option(help="As en-US; empty: unknown.")] = "",
    channel: Annotated[
        Channel, typer.Option(help="call for what is spoken, chat for what is written.")
    ] = "call",
    policy: PolicyPath = None,
) -> None:
    """Say what is done with somebody's voice and words, by which rule, and why."""
    with explained():
        rules = read_policy(policy or DEFAULT_POLICY)
        subject = Subject(role, jurisdiction, consent, language, channel)
        is_group = jurisdiction.strip().upper() in rules.file.groups
        if jurisdiction and not is_group and jurisdiction_of(jurisdiction) == UNKNOWN:
            _print(f"{jurisdiction} is no ISO 3166 code: the jurisdiction is taken as unknown")
        _print(f"policy {rules.version}")
        for modality in MODALITIES:
            if modality == "audio" and channel == "chat":
                continue
            for line in _explanation(rules, modality, subject):
                _print(line)


def _explanation(policy: Policy, modality: Modality, subject: Subject) -> Iterator[str]:
    ruling = policy.ruling(modality, subject)
    use = "withhold" if ruling.is_withheld else "score"
    yield f"{modality}: {use}, by rule {ruling.rule}"
    rule = policy.deciding_rule(modality, subject)
    if rule is None:
        yield "  no rule fits, and what no rule decides is withheld"
        return
    yield f"  {rule.reason}"
    for source in rule.sources:
        yield f"  source: {source}"
    if modality == "text" and not ruling.is_withheld:
        sent = "as they are" if ruling.may_send_raw else "with personal data taken out"
        yield f"  models of others get the words {sent}"
    kept = "may" if ruling.keeps_rejects else "must not"
    yield f"  the content of a refused record {kept} be stored with its reject"


@policy_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The policy file.")] = DEFAULT_POLICY,
) -> None:
    """Find rules that never decide and cases that no rule decides; exit 1 if there are any."""
    with explained():
        rules = read_policy(file)
        findings = check_policy(rules)
        for rule, modality, behind in findings.unreachable:
            why = f"hidden behind {', '.join(behind)}" if behind else "it fits no case"
            _print(f"rule {rule} never decides about {modality}: {why}")
        for gap in findings.gaps:
            _print(_described(gap))
        if findings.unreachable or findings.gaps:
            raise typer.Exit(FAILED)
        _print(f"policy {rules.version}: {len(rules.file.rules)} rules, each decides somewhere")


def _described(gap: Gap) -> str:
    cases = [
        f"{one.role} in {one.jurisdiction}, consent {one.consent}, "
        f"language {one.language or UNKNOWN}, {one.channel}"
        for one in gap.subjects[:MAX_CASES]
    ]
    more = len(gap.subjects) - len(cases)
    cases += [f"{more} more"] if more else []
    return f"no rule decides about {gap.modality}, so it is withheld: {'; '.join(cases)}"


@policy_app.command()
def schema() -> None:
    """Print the JSON Schema of policy files."""
    typer.echo(policy_schema(), nl=False)


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)

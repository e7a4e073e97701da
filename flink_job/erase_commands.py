"""``erase`` and ``erase verify``: a call or a person out of every store, with a receipt."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from connectors.warehouse.opening import open_session, open_warehouse
from flink_job.local import local_groups
from flink_job.local_warehouse import EMBEDDED, local_warehouse
from flink_job.settings import DEFAULT_PROPERTIES, Settings, parse_settings, read_properties
from flink_job.terminal import FAILED, console, explained
from udfs.erasure import ReceiptError, SignedReceipt, parsed_receipt

if TYPE_CHECKING:
    from connectors.erasure.erasure import Eraser, Outcome, Request, Stores
    from connectors.erasure.signing import Signer
    from connectors.erasure.withdrawals import Told
    from udfs.erasure import Place

WITHDRAWN = "consent was withdrawn after the call had closed"
"""The reason in the receipt, where none is given."""

erase_app = typer.Typer(
    help="Erase a call or a person from every store, and keep them out.",
    invoke_without_command=True,
)

Output = Annotated[
    str | None,
    typer.Option(help="Output root, in place of the settings': a folder or s3a://bucket/prefix."),
]
Warehouse = Annotated[
    str | None,
    typer.Option(
        help="Its warehouse: url without password; or embedded, which local leaves in "
        "OUTPUT/warehouse."
    ),
]
Properties = Annotated[
    Path | None,
    typer.Option(
        help=f"The job's settings; without them and --output {DEFAULT_PROPERTIES}: lake, "
        "warehouse, keys."
    ),
]
KeyFile = Annotated[
    Path | None, typer.Option(help="Key of the pseudonyms, in place of the settings'.")
]
SigningKey = Annotated[
    Path | None,
    typer.Option(
        help="File with the key that signs receipts (openssl rand -base64 32), in place of the "
        "settings' erasure.signing.…"
    ),
]


@dataclass(frozen=True, slots=True)
class _Options:
    """Where, and by which keys: what both commands take."""

    output: str | None
    warehouse: str | None
    properties: Path | None
    key_file: Path | None
    signing_key: Path | None


@dataclass(frozen=True, slots=True)
class _Rules:
    """What of the lake must wait, and how far is looked."""

    min_age_s: int = 900
    with_open_calls: bool = False
    whole_lake: bool = False


@erase_app.callback()
def erase(
    context: typer.Context,
    call: Annotated[str | None, typer.Option(help="Erase this call.")] = None,
    person: Annotated[
        str | None, typer.Option(help="Erase every call that this person took part in.")
    ] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Go on with what had to wait or was broken off.")
    ] = False,
    withdrawn: Annotated[
        bool,
        typer.Option(
            "--withdrawn",
            help="Take the voice out of the rows of calls whose consent was withdrawn after the "
            "close: what the rejects consent_withdrawn order.",
        ),
    ] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why; stands in the receipt. Name nobody in it.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who erases; stands in the receipt. Else: the user's name.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    output: Output = None,
    warehouse: Warehouse = None,
    properties: Properties = None,
    key_file: KeyFile = None,
    signing_key: SigningKey = None,
    settle_s: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Wait so long for a running job to obey the suppression list; 0 only where none "
            "runs. Else the settings' erasure.settle.ms.",
        ),
    ] = None,
    min_age_s: Annotated[
        int,
        typer.Option(
            min=0,
            help="Files of the lake that are not so much older than its newest must wait: the "
            "job's last checkpoint names them. 0 only once the job will never be restarted.",
        ),
    ] = 900,
    open_calls_too: Annotated[
        bool, typer.Option(help="Do not wait for open calls: for those that never close.")
    ] = False,
    whole_lake: Annotated[
        bool, typer.Option(help="Look for calls in the whole lake, not only by the warehouse.")
    ] = False,
) -> None:
    """Erase a call or a person: warehouse, staged objects, lake, rejects, replay ledger.

    They are put on the suppression list first, which the job obeys. On a terminal it says what
    would go, and asks. Exit 1 while something must wait; it may be broken off at any moment.
    """
    if context.invoked_subcommand is not None:
        return
    if sum((call is not None, person is not None, pending, withdrawn)) != 1:
        msg = "name one of --call ID, --person ID, --pending and --withdrawn"
        raise typer.BadParameter(msg)
    if not (pending or withdrawn) and not (reason or dry_run):
        msg = "give --reason: it stands in the receipt"
        raise typer.BadParameter(msg)
    options = _Options(output, warehouse, properties, key_file, signing_key)
    rules = _Rules(min_age_s, open_calls_too, whole_lake)
    with explained(), _opened(options, rules) as (settings, stores):
        from connectors.erasure.erasure import Eraser, Request  # noqa: PLC0415 - loads pyarrow
        from connectors.erasure.withdrawals import Told  # noqa: PLC0415 - likewise

        if withdrawn:
            told = Told(reason or WITHDRAWN, by or getpass.getuser())
            _carry_out_withdrawals(settings, stores, told, dry_run=dry_run)
            return
        settle = settings.erasure.settle_ms / 1_000 if settle_s is None else settle_s
        eraser = Eraser(stores, None if dry_run else _signer(settings), settle)
        outcomes: list[Outcome] = []
        if pending:
            for step in eraser.go_on(lambda _: _next(outcomes)):
                _say_step(step)
        else:
            if person is not None and not stores.keys:
                msg = "no key of the pseudonyms is given, so no row tells whose it is; --key-file"
                raise typer.BadParameter(msg)
            request = Request(
                "call" if person is None else "person",
                person or call or "",
                reason or "",
                by or getpass.getuser(),
            )
            if not _is_wanted(eraser, request, dry_run=dry_run, is_sure=yes):
                return
            for step in eraser.erase(request, _next(outcomes)):
                _say_step(step)
        _say_end(outcomes)


@erase_app.command("verify")
def verify_command(
    receipt: Annotated[str, typer.Argument(help="The receipt's file, or its id.")],
    output: Output = None,
    warehouse: Warehouse = None,
    properties: Properties = None,
    key_file: KeyFile = None,
    signing_key: SigningKey = None,
) -> None:
    """Check a receipt's signature and search everything again. Exit 1 if anything is found."""
    options = _Options(output, warehouse, properties, key_file, signing_key)
    with explained(), _opened(options, _Rules()) as (settings, stores):
        from connectors.erasure.verifying import verify  # noqa: PLC0415 - loads pyarrow

        signed = _receipt(receipt, stores)
        found = list(verify(signed, stores, _signer(settings)))
        for line in found:
            _print(line)
        if found:
            raise typer.Exit(FAILED)
        told = signed.receipt
        what = "the voice" if told.scope == "voice" else f"{len(told.suppressed)} entries"
        _print(f"clean: {what} searched for everywhere")
        _print("what only expires:")
        for expiry in told.expires:
            _print(f"  {expiry.place}: {expiry.until}")


@contextmanager
def _opened(options: _Options, rules: _Rules) -> Iterator[tuple[Settings, Stores]]:
    """The settings, and the stores that they name."""
    from connectors.erasure.counted_lake import CountedLake  # noqa: PLC0415 - loads pyarrow
    from connectors.erasure.erasure import Stores  # noqa: PLC0415 - likewise
    from connectors.erasure.lake_store import LakeRules  # noqa: PLC0415 - likewise
    from connectors.erasure.staged_objects import StagedObjects  # noqa: PLC0415 - likewise
    from connectors.erasure.warehouse_store import WarehouseStore  # noqa: PLC0415 - likewise
    from connectors.suppression import read_keys  # noqa: PLC0415 - likewise

    with ExitStack() as stack:
        url = options.warehouse
        if url == EMBEDDED:
            if options.output is None:
                msg = "the embedded warehouse lies in an output folder; name --output"
                raise typer.BadParameter(msg)
            url = stack.enter_context(local_warehouse(EMBEDDED, options.output))
        settings = _settings(options, url)
        spec = settings.warehouse_spec()
        warehouse = None
        if spec is not None:
            session = stack.enter_context(closing(open_session(spec)))
            warehouse = WarehouseStore(session, spec)
        yield (
            settings,
            Stores(
                CountedLake(settings.lake.root, settings.lake.kms_key_arn),
                warehouse,
                StagedObjects(settings.warehouse.staging_root),
                read_keys(settings.pseudonym_keys()),
                LakeRules(rules.min_age_s, rules.with_open_calls),
                rules.whole_lake,
            ),
        )


def _settings(options: _Options, warehouse: str | None) -> Settings:
    if options.properties is None and options.output is not None:
        groups: dict[str, dict[str, str]] = {}
    else:
        groups = read_properties(options.properties or DEFAULT_PROPERTIES)
    if options.output is not None:
        groups = local_groups(groups, "http://127.0.0.1", options.output, warehouse)
    if options.key_file is not None:
        groups.setdefault("pseudonyms", {})["key.file"] = str(options.key_file)
    if options.signing_key is not None:
        groups["erasure"] = {
            **{key: value for key, value in groups.get("erasure", {}).items() if "sign" not in key},
            "signing.key.file": str(options.signing_key),
        }
    return parse_settings(groups)


def _carry_out_withdrawals(
    settings: Settings, stores: Stores, told: Told, *, dry_run: bool
) -> None:
    from connectors.erasure.withdrawals import Withdrawals  # noqa: PLC0415 - loads pyarrow

    spec = settings.warehouse_spec()
    with ExitStack() as stack:
        warehouse = None if spec is None else stack.enter_context(closing(open_warehouse(spec)))
        withdrawals = Withdrawals(
            stores,
            warehouse,
            settings.fusion.fuser(),
            None if dry_run else _signer(settings),
            told,
        )
        if dry_run:
            _print(f"{len(withdrawals.orders())} withdrawals are ordered")
            return
        pending: dict[str, str] = {}
        done = changed = 0
        for carried in withdrawals.carry_out(time.time_ns() // 1_000_000):
            pending |= carried.pending
            done += not carried.pending
            changed += carried.changed
            if carried.receipt_path is not None:
                _print(f"receipt: {carried.receipt_path}")
        for place, why in pending.items():
            _print(f"{place} must wait: {why}")
        _print(f"{done} withdrawals are carried out, {changed} rows were written anew")
        if pending:
            _print("not done: run it again later")
            raise typer.Exit(FAILED)


def _signer(settings: Settings) -> Signer:
    from connectors.erasure.signing import open_signer  # noqa: PLC0415 - only where it is needed

    group = settings.erasure
    signer = open_signer(group.signing_kms_key_arn, group.signing_key_file, settings.streams.region)
    if signer is None:
        msg = (
            "nothing is named that signs receipts; set erasure.signing.kms.key.arn, or "
            "--signing-key FILE (openssl rand -base64 32 > FILE)"
        )
        raise typer.BadParameter(msg)
    return signer


def _is_wanted(eraser: Eraser, request: Request, *, dry_run: bool, is_sure: bool) -> bool:
    """Say what would go, and ask, where somebody is there to answer."""
    asks = _is_terminal() and not is_sure
    if dry_run or asks:
        _print_places(eraser.preview(request))
    return not dry_run and (not asks or typer.confirm("Erase all of it, for good?"))


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _print_places(places: list[Place]) -> None:
    if not places:
        _print("nothing is found; it would be kept out all the same")
        return
    table = Table(box=box.SIMPLE)
    table.add_column("place")
    table.add_column("rows", justify="right")
    for place in places:
        table.add_row(place.name, str(place.rows))
    console.print(table)


def _next(outcomes: list[Outcome]) -> Outcome:
    from connectors.erasure.erasure import Outcome  # noqa: PLC0415 - loads pyarrow

    outcomes.append(Outcome())
    return outcomes[-1]


def _say_end(outcomes: list[Outcome]) -> None:
    if not outcomes:
        _print("nothing is pending")
    for outcome in outcomes:
        for place, why in outcome.pending.items():
            _print(f"{place} must wait: {why}")
        if outcome.receipt_path is not None:
            _print(f"receipt: {outcome.receipt_path}")
    if any(outcome.pending for outcome in outcomes):
        _print("not done: run call-sentiment erase --pending later")
        raise typer.Exit(FAILED)


def _receipt(named: str, stores: Stores) -> SignedReceipt:
    from connectors.erasure.journal import Journals  # noqa: PLC0415 - loads pyarrow

    path = Path(named)
    try:
        if path.is_file():
            return parsed_receipt(path.read_bytes())
        kept = Journals(stores.lake).receipt(Path(named.removesuffix("/receipt.json")).name)
        if kept is not None:
            return parsed_receipt(kept[1])
    except ReceiptError as error:
        msg = f"{named} {error}"
        raise ReceiptError(msg) from None
    msg = f"{named}: no such receipt; name its file, its path or its id"
    raise ReceiptError(msg)


def _say_step(step: str) -> None:
    _print(f"done: {step}")


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)

"""``erase`` as a user runs it: options, exit codes, and a receipt that can be verified."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connectors.audit_log import AuditLog
from connectors.lake_files import Lake
from connectors.lake_reader import read_rows, write_rows
from flink_job import erase_commands
from flink_job.cli import app
from tests.erasure_world import KEY, PERSON, SIGNING_KEY, World
from tests.row_builders import reject
from udfs.audit_chain import Erasure
from udfs.rows import CALLS, REJECTS

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "key").write_bytes(base64.b64encode(KEY))
    (tmp_path / "signing").write_bytes(base64.b64encode(SIGNING_KEY))
    return World(tmp_path / "lake", num_days=1).fill()


def run(world: World, *arguments: str, answer: str = "") -> Result:
    folder = world.root.parent
    keys = ("--key-file", folder / "key", "--signing-key", folder / "signing")
    command = ["erase", *arguments, "--output", world.root, *keys]
    return CliRunner().invoke(app, [str(part) for part in command], input=answer)


PERSONS = ("--person", PERSON, "--reason", "ticket 81", "--settle-s", "0", "--min-age-s", "0")


def test_erase_then_verify(world: World) -> None:
    done = run(world, *PERSONS)
    assert done.exit_code == 0, done.output
    [receipt] = (world.root / "erasures").glob("*/receipt.json")

    verified = run(world, "verify", str(receipt))

    assert verified.exit_code == 0, verified.output
    assert "clean" in verified.output
    assert run(world, "verify", receipt.parent.name).exit_code == 0
    [line] = AuditLog(Lake(world.root)).lines()
    assert isinstance(line.entry, Erasure)
    assert line.entry.receipt_id == receipt.parent.name
    assert PERSON not in done.output


def test_verify_finds_what_came_back(world: World) -> None:
    run(world, *PERSONS)
    [receipt] = (world.root / "erasures").glob("*/receipt.json")
    world.fill()

    verified = run(world, "verify", str(receipt))

    assert verified.exit_code == 1
    assert f"lake/calls/dt={world.dt(0)}: 3 found" in verified.output


def test_verify_finds_a_receipt_that_was_changed_and_a_list_that_was_lost(world: World) -> None:
    run(world, *PERSONS)
    [receipt] = (world.root / "erasures").glob("*/receipt.json")
    told = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**told, "receipt": {**told["receipt"], "reason": "none"}}))
    changed = run(world, "verify", str(receipt))
    receipt.write_text(json.dumps(told))
    for path in (world.root / "suppression").iterdir():
        path.unlink()

    lost = run(world, "verify", str(receipt))

    assert (changed.exit_code, lost.exit_code) == (1, 1)
    assert "was changed" in changed.output
    assert "lacks" in lost.output


def test_what_must_wait_is_exit_1_and_goes_on_later(world: World) -> None:
    waits = run(world, *PERSONS[:-2])
    assert waits.exit_code == 1
    assert "must wait: among the job's last files" in waits.output

    later = run(world, "--pending", "--min-age-s", "0", "--settle-s", "0")

    assert later.exit_code == 0, later.output
    assert run(world, "--pending").output.strip() == "nothing is pending"


@pytest.mark.parametrize(("answer", "goes"), [("n\n", False), ("y\n", True)])
def test_on_a_terminal_it_says_what_would_go_and_asks(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: str, goes: bool
) -> None:
    monkeypatch.setattr(erase_commands, "_is_terminal", lambda: True)
    asked = run(world, *PERSONS, answer=answer)

    assert f"lake/calls/dt={world.dt(0)}" in asked.output
    ids = {row.call_id for row in read_rows(world.root, CALLS)}
    assert bool(world.erased_ids & ids) is not goes


def test_a_dry_run_changes_nothing(world: World) -> None:
    before = {path: path.read_bytes() for path in world.root.rglob("*") if path.is_file()}

    done = run(world, "--person", PERSON, "--dry-run")

    assert done.exit_code == 0
    assert before == {path: path.read_bytes() for path in world.root.rglob("*") if path.is_file()}


def test_a_withdrawal_leaves_a_receipt_that_can_be_verified(world: World) -> None:
    change = {
        "type": "consent_changed",
        "call_id": world.call_id(0, 1),
        "participant_id": "customer",
        "consent": False,
        "at_ms": 0,
        "retroactive": True,
    }
    order = reject(
        step="intake",
        reason="consent_withdrawn",
        call_id=world.call_id(0, 1),
        payload=json.dumps(change).encode(),
    )
    write_rows(world.root, REJECTS, [order], lambda _: world.dt(0), "order.parquet")
    assert "1 withdrawals are ordered" in run(world, "--withdrawn", "--dry-run").output
    assert not (world.root / "erasures").exists()

    done = run(world, "--withdrawn", "--min-age-s", "0")

    assert done.exit_code == 0, done.output
    [receipt] = (world.root / "erasures").glob("*/receipt.json")
    assert f"receipt: {receipt}" in done.output
    assert json.loads(receipt.read_text())["receipt"]["reason"] == erase_commands.WITHDRAWN
    verified = run(world, "verify", receipt.parent.name)
    assert (verified.exit_code, "clean: the voice" in verified.output) == (0, True)
    assert "receipt" not in run(world, "--withdrawn", "--min-age-s", "0").output


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--call", "call-1", "--person", PERSON, "--reason", "both"),
        ("--call", "call-1"),
        ("verify", "nothing.json"),
    ],
)
def test_wrong_use(world: World, arguments: tuple[str, ...]) -> None:
    assert run(world, *arguments).exit_code == 2


def test_a_person_without_a_key_is_wrong_use(tmp_path: Path) -> None:
    command = ["erase", "--person", PERSON, "--reason", "why", "--output", str(tmp_path)]
    (tmp_path / "signing").write_bytes(base64.b64encode(SIGNING_KEY))

    done = CliRunner().invoke(app, [*command, "--signing-key", str(tmp_path / "signing")])

    assert done.exit_code == 2
    assert "key" in done.output

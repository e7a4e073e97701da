"""``warehouse migrate``, ``warehouse check`` and ``warehouse ddl``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from connectors.warehouse.check import check_warehouse
from connectors.warehouse.contract import Dialect, Session, WarehouseSpec
from connectors.warehouse.migrations import current_version, migrate
from connectors.warehouse.migrations import ddl as statements
from connectors.warehouse.opening import open_session
from flink_job.settings import DEFAULT_PROPERTIES, parse_settings, read_properties
from flink_job.terminal import console, explained

warehouse_app = typer.Typer(
    help="Tables and views of the warehouse: make them, look at them.", no_args_is_help=True
)

Properties = Annotated[
    Path | None,
    typer.Option(help=f"Settings in the service's format; else {DEFAULT_PROPERTIES}."),
]
Url = Annotated[
    str | None,
    typer.Option(
        help="Which warehouse, without its password; instead of the settings' group warehouse."
    ),
]
Schema = Annotated[str | None, typer.Option(help="Schema of the tables, instead of the settings'.")]


@warehouse_app.command("migrate")
def migrate_warehouse(
    properties: Properties = None, url: Url = None, schema: Schema = None
) -> None:
    """Make the tables and views, or bring them to this release; applied twice it does nothing."""
    with explained(), opened(spec_of(properties, url, schema)) as (session, spec):
        for migration in migrate(session, spec):
            _print(f"applied {migration.version:04d} {migration.name}")
        version = current_version(session, spec.schema)
        _print(f"schema {spec.schema} has version {version}")


@warehouse_app.command("check")
def check(properties: Properties = None, url: Url = None, schema: Schema = None) -> None:
    """Look whether the job could load into it: server, version of the schema, rights."""
    with explained(), opened(spec_of(properties, url, schema)) as (session, spec):
        check_warehouse(session, spec)
        _print(f"schema {spec.schema} is as the job needs it")


@warehouse_app.command("ddl")
def ddl(
    dialect: Annotated[Dialect, typer.Option(help="Whose SQL.")] = "redshift",
    schema: Annotated[str, typer.Option(help="Schema of the tables.")] = "public",
) -> None:
    """Print all migrations as SQL, for an empty schema and those who run it another way."""
    with explained():
        for statement in statements(dialect, schema):
            _print(f"{statement};\n")


@contextmanager
def opened(spec: WarehouseSpec) -> Iterator[tuple[Session, WarehouseSpec]]:
    """A session of a warehouse, closed at the end."""
    session = open_session(spec)
    try:
        yield session, spec
    finally:
        session.close()


def spec_of(properties: Path | None, url: str | None, schema: str | None) -> WarehouseSpec:
    """The settings' warehouse, with what the options say instead.

    Raises:
        SettingsError: the settings cannot be used.
        typer.BadParameter: they name no warehouse, and the options neither.
    """
    if url is not None and properties is None:
        spec = WarehouseSpec(url)
    else:
        found = parse_settings(read_properties(properties or DEFAULT_PROPERTIES)).warehouse_spec()
        if found is None:
            msg = "the settings' group warehouse has no url; set it, or give --url alone"
            raise typer.BadParameter(msg)
        spec = found if url is None else replace(found, url=url)
    return spec if schema is None else replace(spec, schema=schema)


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)

"""Numbered migrations: SQL files beside this module, applied in order, each in a transaction.

``0001_tables.postgresql.sql`` is for one dialect, ``0002_views.sql`` for both; ``{schema}`` stands
for the schema's name. What is applied stands in the table ``schema_version``. A released file never
changes: a mend is a new file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from connectors.warehouse.contract import Dialect, Session, WarehouseError, WarehouseSpec
from connectors.warehouse.schema import qualified, quoted_schema

SCHEMA_VERSION = "schema_version"

_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>\w+)(\.(?P<dialect>\w+))?\.sql")
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_NOW = {"postgresql": "current_timestamp", "redshift": "sysdate"}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a version to the next."""

    version: int
    name: str
    sql: str
    """As in the file."""

    def statements(self, schema: str) -> list[str]:
        """What to run, for a schema.

        Raises:
            WarehouseError: the schema is not a plain name.
        """
        text = _COMMENT.sub("", self.sql).replace('"{schema}"', quoted_schema(schema))
        return [statement.strip() for statement in text.split(";") if statement.strip()]


def migrations(dialect: Dialect) -> tuple[Migration, ...]:
    """All migrations of a dialect, in order."""
    found = []
    for file in files(__package__).joinpath("migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match and match["dialect"] in (None, dialect):
            found.append(
                Migration(int(match["version"]), match["name"], file.read_text(encoding="utf-8"))
            )
    return tuple(sorted(found, key=lambda migration: migration.version))


def newest_version(dialect: Dialect) -> int:
    """The version that this code knows."""
    return migrations(dialect)[-1].version


def schema_exists(session: Session, schema: str) -> bool:
    """Whether a schema is there, with or without rights on it.

    Raises:
        WarehouseError: the schema is not a plain name, or the question failed.
    """
    name = quoted_schema(schema).strip('"')
    return bool(session.query(f"SELECT 1 FROM pg_namespace WHERE nspname = '{name}'"))


def current_version(session: Session, schema: str) -> int:
    """The version that the warehouse has; 0 where nothing of ours is.

    Raises:
        WarehouseError: the schema is not a plain name, or the question failed.
    """
    name = quoted_schema(schema).strip('"')
    has_table = session.query(
        f"SELECT 1 FROM pg_tables WHERE schemaname = '{name}' AND tablename = '{SCHEMA_VERSION}'"
    )
    if not has_table:
        return 0
    [(version,)] = session.query(
        f'SELECT COALESCE(MAX("version"), 0) FROM {qualified(schema, SCHEMA_VERSION)}'
    )
    return int(version)


def migrate(session: Session, spec: WarehouseSpec) -> list[Migration]:
    """Bring the schema to the newest version; makes it where it is absent.

    Returns:
        What was applied, nothing if all was.

    Raises:
        WarehouseError: the warehouse is newer than this code, or a statement failed; the migrations
            before that one stay applied.
    """
    if not schema_exists(session, spec.schema):
        session.execute([f"CREATE SCHEMA {quoted_schema(spec.schema)}"])
    current = current_version(session, spec.schema)
    refuse_newer(current, spec)
    missing = [step for step in migrations(spec.dialect) if step.version > current]
    if missing:
        session.execute([_create_schema_version(spec.dialect, spec.schema)])
    for migration in missing:
        session.execute(_transaction(migration, spec.schema))
    return missing


def ddl(dialect: Dialect, schema: str) -> list[str]:
    """All that ``migrate`` runs in a schema where nothing is, for those who run it another way.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    statements = [_create_schema_version(dialect, schema)]
    for migration in migrations(dialect):
        statements.extend(_transaction(migration, schema))
    return statements


def refuse_newer(current: int, spec: WarehouseSpec) -> None:
    """Stop where the warehouse is ahead of the code.

    Raises:
        WarehouseError: it is.
    """
    newest = newest_version(spec.dialect)
    if current > newest:
        msg = (
            f"the warehouse's schema {spec.schema} has version {current}, and this release knows "
            f"{newest}; use the release that migrated it, or a later one"
        )
        raise WarehouseError(msg)


def _create_schema_version(dialect: Dialect, schema: str) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {qualified(schema, SCHEMA_VERSION)} ("
        "version integer NOT NULL, name varchar(127) NOT NULL, "
        f"applied_at timestamp NOT NULL DEFAULT {_NOW[dialect]}, PRIMARY KEY (version))"
    )


def _transaction(migration: Migration, schema: str) -> list[str]:
    """The version comes first: of two who migrate at once its key stops one."""
    note = (
        f"INSERT INTO {qualified(schema, SCHEMA_VERSION)} (version, name) "
        f"VALUES ({migration.version:d}, '{migration.name}')"
    )
    return [note, *migration.statements(schema)]

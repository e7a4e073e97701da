"""The text of a load: Redshift's grammar by two parsers, and what MERGE may not hold."""

from __future__ import annotations

import pytest
import sqlfluff
import sqlglot
from sqlglot import exp

from connectors.warehouse.contract import Batch, WarehouseError
from connectors.warehouse.load_sql import (
    create_stage,
    redshift_load,
)
from tests.row_builders import ledger, segment, summary, unheard
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, WAREHOUSE_TABLES, Table

URI = "s3://staging-bucket/loads/call_segment/0f0f.parquet"
ROLE = "arn:aws:iam::123456789012:role/redshift-copy"

each_table = pytest.mark.parametrize(
    "table", WAREHOUSE_TABLES, ids=lambda table: table.warehouse_table
)


BATCHES = {
    SEGMENTS: Batch(SEGMENTS, (segment(0), unheard(1))),
    CALLS: Batch(CALLS, (summary(),)),
    LEDGER: Batch(LEDGER, (ledger(),)),
}


def loads(table: Table) -> list[str]:
    return redshift_load(BATCHES[table], "calls", URI, ROLE)


def merge_of(table: Table) -> exp.Merge:
    [merge] = [
        tree
        for statement in loads(table)
        if isinstance(tree := sqlglot.parse_one(statement, dialect="redshift"), exp.Merge)
    ]
    return merge


@each_table
def test_every_statement_parses_as_redshift(table: Table) -> None:
    statements = loads(table)

    for statement in statements:
        assert sqlglot.parse_one(statement, dialect="redshift", error_level="RAISE")
    assert sqlfluff.parse(";\n".join(statements), dialect="redshift")


@each_table
def test_a_load_fits_one_call_of_the_data_api(table: Table) -> None:
    statements = loads(table)

    assert len(statements) <= 40
    assert max(len(statement.encode()) for statement in statements) < 100_000


def test_the_turn_is_taken_before_anything_makes_a_snapshot() -> None:
    assert loads(CALLS)[0].startswith("LOCK TABLE ")


@each_table
def test_merge_matches_by_equality_of_the_key_alone(table: Table) -> None:
    condition = merge_of(table).args["on"]
    terms = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]

    assert all(isinstance(term, exp.EQ) for term in terms)
    assert [
        (term.this.table, term.this.name, term.expression.table, term.expression.name)
        for term in terms
    ] == [
        (table.warehouse_table, name, f"{table.warehouse_table}_stage", name) for name in table.key
    ]


@each_table
def test_merge_is_within_redshifts_grammar(table: Table) -> None:
    merge = merge_of(table)
    matched, not_matched = merge.args["whens"].expressions

    assert isinstance(merge.this, exp.Table)
    assert not merge.this.alias
    assert isinstance(merge.args["using"], exp.Table)  # neither view nor subquery
    assert matched.args["matched"]
    assert not not_matched.args["matched"]
    assert not matched.args.get("condition")
    assert not not_matched.args.get("condition")
    assert isinstance(matched.args["then"], exp.Update)
    assert isinstance(not_matched.args["then"], exp.Insert)


@each_table
def test_merge_writes_every_column(table: Table) -> None:
    matched, not_matched = merge_of(table).args["whens"].expressions
    names = [column.name for column in table.columns]
    updates = matched.args["then"].expressions
    insert = not_matched.args["then"]

    assert [update.this.name for update in updates] == [
        name for name in names if name not in table.key
    ]
    assert all(not update.this.table for update in updates)  # the target is named nowhere
    assert all(update.this.name == update.expression.name for update in updates)
    assert [column.name for column in insert.this.expressions] == names
    assert [column.name for column in insert.expression.expressions] == names


def test_the_stage_has_our_columns_whatever_a_later_migration_adds() -> None:
    stage = sqlglot.parse_one(create_stage(SEGMENTS, "calls"), dialect="redshift")

    assert stage.expression.named_selects == [column.name for column in SEGMENTS.columns]


def test_the_default_role_is_a_keyword() -> None:
    statements = redshift_load(BATCHES[CALLS], "public", URI, "default")

    assert " IAM_ROLE default " in statements[2]


@pytest.mark.parametrize(
    "schema", ['x"; DROP TABLE y; --', "a.b", "Calls", "", "9a", "a" * 64, "späte", "a\n"]
)
def test_a_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(WarehouseError, match="lower-case"):
        redshift_load(BATCHES[CALLS], schema, URI, ROLE)


@pytest.mark.parametrize(
    ("uri", "role"),
    [
        ("s3://bucket/key' IAM_ROLE 'x", ROLE),
        ("https://bucket/key", ROLE),
        (URI, "arn:aws:iam::123456789012:role/x' FORMAT AS CSV --"),
        (URI, ""),
    ],
)
def test_what_would_end_its_quotes_is_refused(uri: str, role: str) -> None:
    with pytest.raises(ValueError, match="use "):
        redshift_load(BATCHES[CALLS], "public", uri, role)


def test_a_batch_has_no_key_twice() -> None:
    with pytest.raises(ValueError, match="same key"):
        Batch(LEDGER, (ledger(), ledger(revision=9)))


def test_rows_that_stay_in_the_lake_have_no_load() -> None:
    with pytest.raises(ValueError, match="rejects"):
        create_stage(REJECTS, "public")

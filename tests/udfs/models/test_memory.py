import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from udfs.models.memory import release_library_pages


def resident_library_bytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="memory is given back on Linux only")
def test_library_pages_are_given_back_and_libraries_still_work():
    matrix = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 64)))
    before, bytes_before = torch.linalg.inv(matrix), resident_library_bytes()
    release_library_pages()
    assert resident_library_bytes() < bytes_before
    assert torch.equal(torch.linalg.inv(matrix), before)

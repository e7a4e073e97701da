import struct

import numpy as np
import pytest

from udfs.training.base_weights import package_folder, read_ctranslate2


def packed(tensors):
    def string(text):
        raw = text.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    content = struct.pack("<I", 6) + string("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    numbers = {np.dtype(np.float32): 0, np.dtype(np.float16): 4}
    for name, tensor in tensors.items():
        content += string(name) + struct.pack("<B", tensor.ndim)
        content += struct.pack(f"<{tensor.ndim}I", *tensor.shape)
        content += struct.pack("<BI", numbers[tensor.dtype], tensor.nbytes) + tensor.tobytes()
    return content


def test_tensors_of_a_ctranslate2_file_are_read():
    tensors = {
        "encoder/a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "encoder/b": np.arange(4, dtype=np.float16),
    }
    found = read_ctranslate2(packed(tensors))
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(FileNotFoundError, match="no_such_package is not installed"):
        package_folder("no_such_package")

"""A PyTorch checkpoint of before 1.6 -> NumPy arrays, without PyTorch: pickles, then each storage's numbers.

Nothing but storages and tensors is built of it, so that a file cannot run code.
"""

import pickle
import struct
from collections import OrderedDict

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}


class Reader(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file, encoding="latin1")
        self.storages = {}

    def find_class(self, module, name):
        if name == "OrderedDict":
            return OrderedDict
        if name in TYPES:
            return name
        if name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *rest: (storage, offset, size, stride)
        raise pickle.UnpicklingError(f"{module}.{name} is not read")

    def persistent_load(self, said):
        _, kind, key, _, count, *_ = said
        return self.storages.setdefault(key, {"type": TYPES[kind], "count": count})


def read(path):
    """The checkpoint's `model_state`: name -> array."""
    with open(path, "rb") as file:
        if Reader(file).load() != MAGIC:
            raise ValueError(f"{path} is no checkpoint of the old kind")
        Reader(file).load()  # version
        Reader(file).load()  # machine
        reader = Reader(file)
        state = reader.load()["model_state"]
        for key in Reader(file).load():
            (count,) = struct.unpack("<q", file.read(8))
            kind = reader.storages[key]["type"]
            reader.storages[key]["data"] = np.frombuffer(file.read(count * np.dtype(kind).itemsize), kind)
    return {name: tensor(*value) for name, value in state.items() if isinstance(value, tuple)}


def tensor(storage, offset, size, stride):
    steps = tuple(step * storage["data"].itemsize for step in stride)
    return np.array(np.lib.stride_tricks.as_strided(storage["data"][offset:], size, steps))

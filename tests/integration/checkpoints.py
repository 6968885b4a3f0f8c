"""Reads and writes files of weights with nothing but the standard library: safetensors, and torch.save's zip.

A tensor is (kind, shape, bytes), its kind one of safetensors': "F32", "F16". A file may be larger than memory would like, so
what is written is asked for tensor by tensor: bytes, or a function that returns them.
"""

import array
import json
import struct
import sys
import zipfile

STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage"}
SIZES = {"F32": 4, "F16": 2}


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    return {name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def floats(data):
    """Those of an F32's bytes."""
    values = array.array("f", data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def count(shape):
    product = 1
    for size in shape:
        product *= size
    return product


def content(data):
    return data() if callable(data) else data


def write_safetensors(path, tensors):
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, (kind, shape, _) in tensors.items():
        start, end = end, end + SIZES[kind] * count(shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(content(data))


def pickled_integer(value):
    return b"J" + struct.pack("<i", value)


def pickled_text(text):
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def pickled_tensor(number, kind, shape):
    """A call of torch's own function that makes a tensor of a storage, which is another file of the zip."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    storage = b"(" + pickled_text("storage") + f"ctorch\n{STORAGES[kind]}\n".encode() + pickled_text(str(number)) \
        + pickled_text("cpu") + pickled_integer(count(shape)) + b"tQ"
    sizes = b"".join(b"(" + b"".join(map(pickled_integer, values)) + b"t" for values in (shape, strides))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickled_integer(0) + sizes \
        + b"\x89ccollections\nOrderedDict\n)RtR"


def pickled(value, storages):
    """A tree of dicts, whose leaves are tensors and whole numbers. Adds each tensor's bytes to `storages`."""
    if isinstance(value, dict):
        return b"}(" + b"".join(pickled_text(key) + pickled(item, storages) for key, item in value.items()) + b"u"
    if isinstance(value, int):
        return pickled_integer(value)
    kind, shape, data = value
    storages.append(data)
    return pickled_tensor(len(storages) - 1, kind, shape)


def write_pth(path, tree):
    """As torch.save writes it."""
    storages = []
    program = b"\x80\x02" + pickled(tree, storages) + b"."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/byteorder", "little")
        for number, data in enumerate(storages):
            archive.writestr(f"archive/data/{number}", content(data))
        archive.writestr("archive/version", "3\n")

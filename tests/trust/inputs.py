"""Inputs of the fuzz run: documents, bytes, command lines and folders, most of them almost right."""

import copy
import io
import json
import math
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

from convff import MODELS, Checkpoint, LayerLocalNet, save_checkpoint
from experiments.config.settings import Settings
from labels import LABELS, StreamLabels
from tests.labels.helpers import FAMILIES

NUMBERS = st.sampled_from([0, 1, -1, 2, 3, 10**400, 2**63, 0.5, -0.5, 1e308, math.nan, math.inf, -math.inf])
# No slash: a name may lead nowhere but into the working directory.
TEXTS = st.sampled_from(
    ["", " ", ".", "..", "~", "~nobody", "ff", "None", "nan", "mine.py:X", "\0", "é", "n" * 300, "-1"]
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.integers(-5, 40), TEXTS)
JUNK = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=4
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values inside a document, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in list(inner)[:12] for found in places(each, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, documents: list[Any]) -> Any:
    """A document of the list, with one to three values replaced, removed or added."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 3))):
        chosen: tuple[Any, ...] = ("root", *draw(st.sampled_from(places(document))))
        path, last = chosen[:-1], chosen[-1]
        holder: Any = {"root": document}
        for key in path:
            holder = holder[key]
        action = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if action == "add" and isinstance(holder[last], dict):
            holder[last][draw(TEXTS)] = draw(JUNK)
        elif action == "add" and isinstance(holder[last], list):
            holder[last].append(draw(JUNK))
        elif action == "remove" and path:
            del holder[last]
        else:
            holder[last] = draw(JUNK)
            document = holder["root"] if not path else document
    return document


@st.composite
def mutated_bytes(draw: st.DrawFn, payload: bytes) -> bytes:
    """The bytes with some changed, cut off, repeated or inserted; most often in their first kilobyte."""
    changed = bytearray(payload)
    for _ in range(draw(st.integers(1, 3))):
        end = len(changed) if draw(st.integers(0, 3)) == 0 else min(1000, len(changed))
        where = draw(st.integers(0, max(0, end - 1)))
        action = draw(st.sampled_from(["change", "cut", "insert", "repeat"]))
        if action == "change":
            changed[where : where + 1] = draw(st.binary(min_size=1, max_size=1))
        elif action == "cut":
            del changed[where : where + draw(st.sampled_from([1, 8, len(changed)]))]
        elif action == "insert":
            changed[where:where] = draw(st.sampled_from([b"0", b'"', b"}", b"\xff\xff", b"\0" * 8, b"[" * 2000]))
        else:
            changed[where:where] = changed[where : where + 40]
    return bytes(changed)


def saved_settings() -> list[Any]:
    made = [Settings(), Settings(widths=(8, 16), stabilise=("oja",), data_dir=Path("data"), inference=("linear",))]
    return [each.as_json() for each in made]


def specs() -> list[Any]:
    made: list[Any] = [make(3) for make in FAMILIES.values()]  # type: ignore[operator]
    learned: dict[str, Any] = LABELS["learned"](3, (6, 6)).spec()
    trained = learned | {"maps": [[[[0.5] * 6] * 6]] * 3}
    return [
        *(each.spec() for each in made),
        StreamLabels(made[1]).spec(),
        trained,
        {"family": "none", "num_classes": 3},
    ]


OPTIONS_OF_NET = {"width": 4, "kernel": 3}


def network() -> LayerLocalNet:
    return MODELS["cnn3"]((1, 8, 8), **OPTIONS_OF_NET)


@cache
def checkpoint_bytes() -> bytes:
    """A checkpoint as it is written today."""
    with TemporaryDirectory() as name:
        path = Path(name) / "net.safetensors"
        save_checkpoint(path, Checkpoint("cnn3", (1, 8, 8), OPTIONS_OF_NET, network(), notes={"seed": 0}))
        return path.read_bytes()


@st.composite
def old_checkpoints(draw: st.DrawFn) -> bytes:
    """A checkpoint of version 0.1, which no digest protects, with another header or another description."""
    about = {"model": "cnn3", "input_shape": [1, 8, 8], "options": OPTIONS_OF_NET, "notes": {"seed": 0}}
    described = draw(mutated([about])) if draw(st.booleans()) else about
    tensors = {f"net.{name}": tensor.contiguous() for name, tensor in network().state_dict().items()}
    payload = save(tensors, metadata={"format": "convff-1", "about": json.dumps(described)})
    if described is not about:
        return payload
    length = int.from_bytes(payload[:8], "little")
    header = json.dumps(draw(mutated([json.loads(payload[8 : 8 + length])]))).encode()
    return len(header).to_bytes(8, "little") + header + payload[8 + length :]


def picture(mode: str, size: tuple[int, int], kind: str) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size).save(written, kind)
    return written.getvalue()


OPTIONS = [f"--{name.replace('_', '-')}" for name in Settings.__dataclass_fields__]
WORDS = st.sampled_from(
    ["ff", "hebbff", "bp", "image", "output", "blocks", "morph", "quick", "paper", "cnn6", "mlp", "deep", "both", "oja"]
)
VALUES = st.one_of(NUMBERS.map(str), TEXTS.filter(lambda text: len(text) < 100), WORDS, st.integers(-5, 40).map(str))
COMMANDS = st.lists(
    st.tuples(st.sampled_from([*OPTIONS, "--no", "-x"]), st.lists(VALUES, max_size=2)).map(lambda o: [o[0], *o[1]]),
    max_size=4,
).map(lambda options: [word for option in options for word in option])
TABLE = [
    "[base]",
    "[[row]]",
    "[row]",
    'name = "a"',
    "lr = 0.1",
    "lr = nan",
    "widths = [8, 16]",
    "seed = 1e400",
    "rule = 3",
]
TABLES = st.lists(
    st.sampled_from([*TABLE, "base = 3", "name = 3", "[[base]]", "\0", "width = 8", "a" * 99]), max_size=6
)
CONTENTS: list[bytes | None] = [
    b"",
    b"no image",
    *(picture("L", (4, 4), kind)[:end] for kind in ("png", "gif") for end in (None, 40, -4)),
]
CONTENTS += [picture("RGB", (4, 4), "jpeg"), picture("RGB", (5, 4), "png"), picture("I;16", (4, 4), "png"), None]
FILES = st.tuples(
    st.sampled_from(["train", "test", "other"]),
    st.sampled_from(["a", "b", ".hidden", "é"]),
    st.sampled_from(["1.png", "2.jpg", "3.GIF", ".4.png", "notes.txt", "5.png/6.png"]),
).map("/".join)
WELL = {f"{split}/{name}/0.png": picture("L", (4, 4), "png") for split in ("train", "test") for name in "ab"}
TREES = st.dictionaries(FILES, st.sampled_from(CONTENTS), max_size=6).flatmap(
    lambda files: st.sampled_from([files, WELL | files, dict(list(WELL.items())[:3]) | files])
)

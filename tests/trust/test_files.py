"""Files survive kills, full disks and damage, and hostile ones have no effect."""

import ast
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from convff import MODELS, Checkpoint, files, load_checkpoint, save_checkpoint
from convff.files import remove_unfinished
from convff.tensor_files import load_tensors, save_tensors
from tests.trust.report import report

resource = pytest.importorskip("resource", reason="needs POSIX: fork, SIGKILL and limits")
ROOT = Path(__file__).parent.parent.parent
OPTIONS = {"width": 2, "kernel": 3}
SHAPE = (1, 8, 8)

# A child loads one file alone, because `import convff` takes seconds; then it runs what is appended.
CHILD = """
import importlib.util, os, resource, signal, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
folder = Path(sys.argv[2])
"""

# For each number of seconds on its input: fork a process that only saves, wait for its first file, then kill it later.
SAVE_AND_KILL = """
payloads = [path.read_bytes() for path in sorted((folder / "payloads").iterdir())]
def save(path, payload):
    WRITE
for line in sys.stdin:
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        for payload in payloads * 10_000:
            save(folder / "saved" / "net.safetensors", payload)
            os.write(tell, b".")
        os._exit(1)
    os.read(told, 1)
    time.sleep(float(line))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(told), os.close(tell)
    print(os.WTERMSIG(status), flush=True)
"""


def child_of(folder: Path, program: str) -> list[str]:
    return [sys.executable, "-I", "-c", CHILD + program, str(files.__file__), str(folder)]


def kills(folder: Path, write: str, count: int) -> Iterator[list[Path]]:
    """Kill a process that saves, again and again; yields what is in its folder each time."""
    (folder / "payloads").mkdir()
    (folder / "saved").mkdir()
    for step in range(3):  # each larger than the one before
        tensors = {"weight": torch.full((50_000 * (step + 1),), float(step))}
        save_tensors(folder / "payloads" / str(step), tensors, {"step": step}, kind="training")
    waits = random.Random(0)
    with subprocess.Popen(
        child_of(folder, SAVE_AND_KILL.replace("WRITE", write)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for _ in range(count):
            server.stdin.write(f"{waits.uniform(0, 0.02)}\n")
            server.stdin.flush()
            assert int(server.stdout.readline()) == signal.SIGKILL
            yield sorted((folder / "saved").iterdir())
        server.stdin.close()


def is_whole(path: Path) -> bool:
    try:
        tensors, about = load_tensors(path, kind="training")
    except (FileNotFoundError, ValueError):
        return False
    return bool((tensors["weight"] == about["step"]).all())


def test_no_kill_leaves_a_broken_file(tmp_path: Path) -> None:
    broken, stale = 0, []
    for left in kills(tmp_path, "files.write_atomically(path, payload)", 50):
        path = tmp_path / "saved" / "net.safetensors"
        broken += not is_whole(path)
        stale.append(len(left) - 1)
        removed = remove_unfinished(tmp_path / "saved")  # as at the next start
        assert sorted([path, *removed]) == left
        assert list((tmp_path / "saved").iterdir()) == [path]
    report(
        "50 SIGKILLs in a loop that saves",
        "0 unloadable, at most 1 stale .part, removed at the next start",
        f"{broken} unloadable, at most {max(stale)} stale after a kill, after {sum(stale)} of the kills; all removed",
    )
    assert broken == 0
    assert max(stale) <= 1
    assert sum(stale) >= 3  # else the kills did not fall into the writing


def test_these_kills_break_files_that_are_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "saved" / "net.safetensors"
    broken = sum(not is_whole(path) for _ in kills(tmp_path, "path.write_bytes(payload)", 12))
    report("12 SIGKILLs, files written in place (the control)", "at least 1 unloadable", f"{broken} unloadable")
    assert broken > 0


FILL = """
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    files.write_atomically(folder / "net.safetensors", bytes(100_000))
except files.NoSpaceError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"earlier")
    done = subprocess.run(child_of(tmp_path, FILL), capture_output=True, text=True, check=True)
    assert f"{path} must have room for 100,000 bytes, got " in done.stdout
    assert " free on its disk" in done.stdout
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"earlier"
    report("disk full (RLIMIT_FSIZE)", "earlier file intact, error names bytes needed and free", done.stdout.strip())


def saved_network(path: Path) -> bytes:
    net = MODELS["cnn3"](SHAPE, **OPTIONS)
    save_checkpoint(path, Checkpoint("cnn3", SHAPE, OPTIONS, net, notes={"labels": {"name": "fourier"}}))
    return path.read_bytes()


def test_every_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    payload = saved_network(path)
    begin = 8 + int.from_bytes(payload[:8], "little")
    spread = random.Random(0)
    positions = [*range(8), *spread.sample(range(8, begin), 96), *spread.sample(range(begin, len(payload)), 96)]
    changed = [payload[:at] + bytes([payload[at] ^ spread.randrange(1, 256)]) + payload[at + 1 :] for at in positions]
    cut = [payload[: len(payload) * part // 20] for part in range(19)] + [payload[:-1]]
    assert (len(changed), len(cut)) == (200, 20)
    refused = 0
    for damaged in changed + cut:
        path.write_bytes(damaged)
        try:
            load_checkpoint(path)
        except ValueError as error:
            refused += str(path) in str(error)
    report(
        "one byte flipped at 200 positions, cut at 20", "220 of 220 refused with the file's name", f"{refused} of 220"
    )
    assert refused == 220
    path.write_bytes(payload)
    assert load_checkpoint(path).model == "cnn3"


@pytest.mark.slow
def test_hashing_is_fast(tmp_path: Path) -> None:
    size = 18 * 2**20
    tensors, path = {"weight": torch.zeros(size // 4)}, tmp_path / "x"
    seconds = []
    for _ in range(5):
        start = time.process_time()
        files._digest(bytes(8), memoryview(tensors["weight"].numpy()).cast("B"))
        seconds.append(time.process_time() - start)
    start = time.process_time()
    save_tensors(path, tensors, {}, kind="training")
    saving = time.process_time() - start
    start = time.process_time()
    load_tensors(path, kind="training")
    reading = time.process_time() - start
    report(
        "hashing 18 MiB",
        "at most 25 ms",
        f"{min(seconds) * 1000:.1f} ms; all of saving {saving * 1000:.0f} ms, of loading {reading * 1000:.0f} ms (CPU)",
    )
    assert min(seconds) < 0.25  # ten times the figure: processors without instructions for SHA are slower


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def with_header(header: bytes, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + rest


def described(version: int, tensors: dict[str, torch.Tensor], **about: Any) -> Callable[[Path], object]:
    """A file with a right digest, or of version 1 with none, that describes a network falsely."""
    whole = {"model": "cnn3", "input_shape": SHAPE, "options": OPTIONS, "notes": {}} | about
    if version == 2:
        return lambda path: save_tensors(path, tensors, whole, kind="network")
    payload = save(tensors, metadata={"format": "convff-1", "about": json.dumps(whole)})
    return lambda path: path.write_bytes(payload)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


GIGABYTES = 10 * 2**30
HEADER = {"__metadata__": {"format": "convff-1", "about": "{}"}}
LARGE = HEADER | {"net.x": {"dtype": "U8", "shape": [GIGABYTES], "data_offsets": [0, GIGABYTES]}}
LARGE_SHAPE = HEADER | {"net.x": {"dtype": "U8", "shape": [GIGABYTES], "data_offsets": [0, 8]}}
NO_ELEMENTS = HEADER | {"net.x": {"dtype": "U8", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}}
FALSE_NETWORKS: dict[str, dict[str, Any]] = {
    "width": {"options": {"width": 10**9}},
    "width, within the bound": {"options": {"width": 15_000, "kernel": 1001}},
    "depth": {"options": {"depth": 10**9}},
    "depth, within the bound": {"options": {"depth": 15_000}},
    "kernel": {"options": {"kernel": 10**9 + 1}},
    "negative": {"options": {"width": -(10**9)}},
    "pairs": {"model": "resnet", "options": {"pairs": 10**9}},
    "dense": {"model": "mlp", "options": {"widths": [16_000] * 9}},
    "long list": {"model": "mlp", "options": {"widths": [1] * 300_000}},
    "image": {"model": "mlp", "input_shape": [3, 10**9, 10**9]},
    "image, within the bound": {"model": "mlp", "input_shape": [3, 2**16, 2**16], "options": {"widths": [1]}},
    "deep list": {"options": {"width": nested(400)}},
    "text": {"options": {"width": "9" * 10_000}},
    "code": {"model": "__import__('os').system('touch effect')"},
    "list for a name": {"model": ["cnn3"]},
    "options for none": {"options": {"system": 1}},
    "no object": {"options": 5},
}
HELD = {"net.blocks.0.layer.weight": torch.zeros(1000, 2, 3, 3), "net.none": torch.zeros(0, 10**9)}
HOSTILE: dict[str, Callable[[Path], object]] = {
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Shell(f"touch {path.parent / 'effect'}"))),
    "torch.save": lambda path: torch.save(Shell(f"touch {path.parent / 'effect'}"), path),
    "header of 10 GB": lambda path: path.write_bytes(GIGABYTES.to_bytes(8, "little") + b"{}"),
    "header of 2**64": lambda path: path.write_bytes(b"\xff" * 8 + b"{}"),
    "tensor of 10 GB": lambda path: path.write_bytes(with_header(json.dumps(LARGE).encode(), bytes(8))),
    "shape of 10 GB": lambda path: path.write_bytes(with_header(json.dumps(LARGE_SHAPE).encode(), bytes(8))),
    "shape beyond 2**64": lambda path: path.write_bytes(with_header(json.dumps(NO_ELEMENTS).encode())),
    "deep header": lambda path: path.write_bytes(with_header(b"[" * 1_000_000)),
    "deep objects": lambda path: path.write_bytes(with_header(b'{"a":' * 1_000_000)),
    "long number": lambda path: path.write_bytes(with_header(b'{"a":{"data_offsets":[0,' + b"9" * 10**6 + b"]}}")),
    "deep `about`": lambda path: path.write_bytes(
        save({}, metadata={"format": "convff-1", "about": '{"model":' + "[" * 1_000_000})
    ),
} | {
    f"{name} (version {version})": described(version, HELD, **about)
    for name, about in FALSE_NETWORKS.items()
    for version in (1, 2)
}


def test_hostile_files_have_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    longest, before = 0.0, memory()
    path = tmp_path / "net.safetensors"
    for name, write in HOSTILE.items():
        write(path)
        start = time.process_time()  # of this process alone, so that a busy machine changes nothing
        with pytest.raises(ValueError, match=r"net\.safetensors") as error:
            load_checkpoint(path)
        seconds = time.process_time() - start
        assert seconds < 1, name
        assert len(str(error.value)) < 2000, name
        longest = max(longest, seconds)
        if "version" not in name:
            with pytest.raises(ValueError, match=r"net\.safetensors"):
                load_tensors(path, kind="training")
        assert list(tmp_path.iterdir()) == [path], name
        assert torch.is_grad_enabled(), name  # nor on what runs after it
    grown = memory() - before
    report(
        f"{len(HOSTILE)} hostile files: pickles, false sizes, false options, deep lists",
        "no effect, ValueError within 1 s",
        f"no effect, at most {longest:.2f} s, {grown:.0f} MiB more memory",
    )
    assert grown < 300


def memory() -> float:
    """The most memory that this process has had, in MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10


def test_the_pickles_above_do_have_an_effect_where_they_are_loaded(tmp_path: Path) -> None:
    effect = tmp_path / "effect"
    pickle.loads(pickle.dumps(Shell(f"touch {effect}")))
    assert effect.exists()


PACKAGES = ("convff", "labels", "cam", "experiments")
UNPICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve"}
RUNS_CODE = {"eval", "exec", "compile", "__import__", "execfile"}
# Where users name a file of their own to be run.
ALLOWED = {("experiments/run/building.py", "spec.loader.exec_module(module)")}


def ways_to_run_a_file(tree: ast.AST) -> list[str]:
    """Code that may run what is in a file: imports and calls, in its own words."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [f"import {each.name}" for each in node.names if each.name.split(".")[0] in UNPICKLES]
        elif isinstance(node, ast.ImportFrom):
            names = {each.name for each in node.names}
            hidden = node.module == "torch" and names & {"load", "package"}
            found += [ast.unparse(node)] if str(node.module).split(".")[0] in UNPICKLES or hidden else []
        elif isinstance(node, ast.Call) and _may_run(node):
            found.append(ast.unparse(node))
    return found


def _may_run(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    given = {each.arg: ast.unparse(each.value) for each in call.keywords}
    if name in ("torch.load", "torch.hub.load_state_dict_from_url"):
        return given.get("weights_only") != "True"
    return (
        name in RUNS_CODE
        or name.endswith((".exec_module", ".load_module", ".run_path", ".unsafe_load"))
        or given.get("allow_pickle", "False") != "False"
        or name in ("torch.hub.load", "torch.jit.load", "torch.package.PackageImporter")
    )


def test_no_code_of_ours_runs_what_is_in_a_file() -> None:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    found = {
        (path.relative_to(ROOT).as_posix(), line)
        for path in paths
        for line in ways_to_run_a_file(ast.parse(path.read_text(encoding="utf-8")))
    }
    report(
        "AST of the package: pickle, torch.load, eval, exec",
        "none but the user's own file",
        f"{len(paths)} files; {len(found)} found: {', '.join(sorted({path for path, _ in found}))}",
    )
    assert found == ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import pickle as harmless",
        "from pickle import loads",
        "from torch import load",
        "torch.load(path)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "eval(path.read_text())",
        "exec(text)",
        "runpy.run_path(path)",
    ],
)
def test_such_code_is_found(code: str) -> None:
    assert ways_to_run_a_file(ast.parse(f"def f():\n    {code}"))
    assert not ways_to_run_a_file(ast.parse("net.eval()\ntorch.load(path, weights_only=True)\nre.compile('a')"))

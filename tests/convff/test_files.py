"""Files that are complete or absent, and files of tensors that are verified."""

import errno
import json
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from convff import MODELS, Checkpoint, LayerLocalNet, load_checkpoint, save_checkpoint
from convff.files import NoSpaceError, remove_unfinished, require_space, write_atomically
from convff.tensor_files import MOST_HEADER, load_tensors, save_tensors

TENSORS = {
    "bool": torch.tensor([[True, False], [False, True]]),
    "int64": torch.tensor([2**63 - 1, -(2**63)]),
    "float32": torch.tensor([0.1, -0.0, torch.nan, torch.inf, 1e-45]),
    "bfloat16": torch.tensor([[0.1], [3e38]]).bfloat16(),
    "uint8": torch.arange(256).byte(),
    "no dimensions": torch.tensor(3.5),
    "a number of steps": torch.tensor(7),
    "no elements": torch.zeros(0, 3),
}
ABOUT = {"text": 'ü \ud800 {"sha256":"' + "0" * 64, "numbers": [1, 0.1, math.inf, -math.inf], "nested": {"none": None}}

OPTIONS: dict[str, dict[str, Any]] = {
    "local_fields": {"widths": [4, 3]},
    "cnn3": {"width": 4, "kernel": 3, "stride": 9},
    "cnn6": {"widths": [4, 5, 4], "pool_after": [1, 2, 6], "skip": True, "whiten": 2},
    "mlp": {"widths": [7], "label_channels": 2, "label_scale": 0.5},
    "resnet": {"widths": [2, 3], "pairs": 2},
    "fasthebb": {"widths": [2, 3, 4, 5]},
    "resnet_he": {"depth": 8, "widths": [2, 3, 4]},
    "deephebb": {"widths": [2, 3], "activation": "triangle", "powers": [0.7, 1.0], "padding": "reflect"},
}


def same_bits(one: Tensor, other: Tensor) -> bool:
    same = one.shape == other.shape and one.dtype == other.dtype
    return same and torch.equal(one.flatten().view(torch.uint8), other.flatten().view(torch.uint8))


class TestWriteAtomically:
    """One file."""

    def test_replaces_the_earlier_file_and_leaves_no_other(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        for payload in (b"first", b"", b"third"):
            write_atomically(path, payload)
            assert path.read_bytes() == payload
        assert list(tmp_path.iterdir()) == [path]

    def test_bytes_are_on_the_disk_before_the_name_is_and_the_name_after(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, seen = tmp_path / "a", list[tuple[str, str, int]]()
        path.write_bytes(b"before")

        def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
            status = os.fstat(descriptor)
            is_folder = os.path.samestat(status, tmp_path.stat())
            seen.append(("flush", "folder" if is_folder else "file", 0 if is_folder else status.st_size))
            real(descriptor)

        def replace(source: Path, target: Path, real: Callable[[Path, Path], None] = os.replace) -> None:
            assert source.parent == target.parent
            assert source.name.startswith("a.")
            assert source.name.endswith(".part")
            seen.append(("rename", path.read_text(), source.stat().st_size))
            real(source, target)

        monkeypatch.setattr("os.fsync", fsync)
        monkeypatch.setattr("os.replace", replace)
        write_atomically(path, b"seven b")
        assert seen == [("flush", "file", 7), ("rename", "before", 7), ("flush", "folder", 0)]

    @pytest.mark.parametrize("function", ["os.fsync", "os.replace"])
    @pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()], ids=["disk", "key"])
    def test_any_error_leaves_the_earlier_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: BaseException
    ) -> None:
        path = tmp_path / "a"
        path.write_bytes(b"before")

        def fails(*_: object) -> None:
            raise error

        monkeypatch.setattr(function, fails)
        with pytest.raises(type(error)) as raised:
            write_atomically(path, b"after")
        assert not isinstance(raised.value, NoSpaceError)
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("there", [True, False])
    def test_a_link_stays_one(self, tmp_path: Path, there: bool) -> None:
        link, target = tmp_path / "link", tmp_path / "elsewhere" / "a"
        target.parent.mkdir()
        if there:
            target.write_bytes(b"before")
        link.symlink_to(Path("elsewhere") / "a")
        write_atomically(link, b"after")
        assert link.is_symlink()
        assert target.read_bytes() == b"after"
        assert [path.name for path in target.parent.iterdir()] == ["a"]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
    def test_a_pipe_and_a_device_are_written_to(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with ThreadPoolExecutor(1) as pool:
            read = pool.submit(pipe.read_bytes)
            write_atomically(pipe, b"through")
            assert read.result(timeout=10) == b"through"
        assert pipe.is_fifo()
        assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
        read_end, write_end = os.pipe()  # as of `--out >(gzip)` and of /dev/stdout
        with open(read_end, "rb") as end:
            write_atomically(Path(f"/dev/fd/{write_end}"), b"through")
            os.close(write_end)
            assert end.read() == b"through"

    def test_a_folder_and_a_missing_one_are_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for folder in (tmp_path, Path()):
            with pytest.raises(IsADirectoryError, match=f"'{folder}'"):
                write_atomically(folder, b"")
        with pytest.raises(FileNotFoundError, match=r"there is no such folder: '.*missing'"):
            write_atomically(Path("missing") / "a", b"")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
    def test_no_space_names_file_and_bytes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        def full(_: int) -> None:
            raise OSError(code, "no room")

        monkeypatch.setattr("os.fsync", full)
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1234))
        with pytest.raises(
            NoSpaceError, match=r"a must have room for 5,000 bytes, got 1,234 free .*'no room'"
        ) as error:
            write_atomically(tmp_path / "a", bytes(5000))
        assert str(tmp_path) in str(error.value)
        assert not list(tmp_path.iterdir())

    def test_folders_that_cannot_be_flushed_are_no_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for code, fails in ((errno.EINVAL, False), (errno.EIO, True)):

            def flush(descriptor: int, code: int = code) -> None:
                if os.path.samestat(os.fstat(descriptor), tmp_path.stat()):
                    raise OSError(code, "the folder")

            monkeypatch.setattr("os.fsync", flush)
            if fails:
                with pytest.raises(OSError, match="the folder"):
                    write_atomically(tmp_path / "a", b"2")
            else:
                write_atomically(tmp_path / "a", b"1")
                assert (tmp_path / "a").read_bytes() == b"1"


def test_unfinished_files_are_removed_and_no_others(tmp_path: Path) -> None:
    left = [tmp_path / "a.csv.00ff00ff.part", tmp_path / "net.safetensors.0123abcd.part"]
    others = [
        tmp_path / name for name in ("a.part", "a.csv", "a.0123ABCD.part", "a.0123abcd.part.txt", ".0123abcd.part")
    ]
    for path in left + others:
        path.write_bytes(b"x")
    folder = tmp_path / "folder.0123abcd.part"
    folder.mkdir()
    assert remove_unfinished(tmp_path) == left
    assert sorted(tmp_path.iterdir()) == sorted([*others, folder])


def test_space_is_required_of_the_disk_of_a_folder_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def usage(folder: Path) -> SimpleNamespace:
        asked.append(folder)
        return SimpleNamespace(free=1000)

    monkeypatch.setattr("shutil.disk_usage", usage)
    require_space(tmp_path / "runs" / "new", 1000)
    with pytest.raises(NoSpaceError, match=r"new must have room for 1,001 bytes, got 1,000 free"):
        require_space(tmp_path / "runs" / "new", 1001)
    assert asked == [tmp_path, tmp_path]


class TestTensors:
    """Files of tensors."""

    def test_round_trip_to_the_bit(self, tmp_path: Path) -> None:
        path = tmp_path / "x.safetensors"
        save_tensors(path, TENSORS, ABOUT | {"nan": math.nan}, kind="training")
        tensors, about = load_tensors(path, kind="training")
        assert list(about) == [*ABOUT, "nan"]
        assert math.isnan(about.pop("nan"))
        assert about == ABOUT
        assert tensors.keys() == TENSORS.keys()
        for name, tensor in TENSORS.items():
            assert same_bits(tensors[name], tensor), name

    def test_no_tensors_at_all(self, tmp_path: Path) -> None:
        save_tensors(tmp_path / "x", {}, {}, kind="training")
        assert load_tensors(tmp_path / "x", kind="training") == ({}, {})

    def test_tensors_that_share_memory_or_lie_across_it(self, tmp_path: Path) -> None:
        whole = torch.arange(24.0).view(1, 2, 3, 4).requires_grad_()
        tensors = {
            "whole": whole,
            "again": whole,
            "part": whole[:, 1],
            "turned": whole.mT,
            "channels last": whole.contiguous(memory_format=torch.channels_last),
            "expanded": torch.ones(1).expand(3),
        }
        save_tensors(tmp_path / "x", tensors, {}, kind="training")
        loaded, _ = load_tensors(tmp_path / "x", kind="training")
        for name, tensor in tensors.items():
            assert same_bits(loaded[name], tensor.detach().contiguous()), name
        loaded["whole"] += 1  # of memory of its own
        assert same_bits(loaded["again"], whole.detach())

    def test_the_same_contents_give_the_same_bytes_which_safetensors_reads(self, tmp_path: Path) -> None:
        paths = [tmp_path / "x", tmp_path / "y"]
        for path in paths:
            save_tensors(path, TENSORS, ABOUT, kind="training")
        assert paths[0].read_bytes() == paths[1].read_bytes()
        with safe_open(paths[0], framework="pt") as file:
            assert file.metadata()["format"] == "convff-training-2"
            assert set(file.keys()) == set(TENSORS)

    def test_a_flip_of_any_byte_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "x.safetensors"
        save_tensors(path, {"weight": torch.arange(9.0), "none": torch.zeros(0)}, {"epoch": 3}, kind="training")
        payload = path.read_bytes()
        for position in range(len(payload)):
            flipped = bytearray(payload)
            flipped[position] ^= 1 << position % 8
            path.write_bytes(flipped)
            with pytest.raises(ValueError, match=r"x\.safetensors"):
                load_tensors(path, kind="training")
        path.write_bytes(payload)
        assert load_tensors(path, kind="training")[1] == {"epoch": 3}

    def test_refuses_other_files(self, tmp_path: Path) -> None:
        path = tmp_path / "x.safetensors"
        with pytest.raises(FileNotFoundError, match=r"there is no file .*x\.safetensors"):
            load_tensors(path, kind="network")
        save_tensors(path, TENSORS, {}, kind="training")
        with pytest.raises(
            ValueError, match=r"x\.safetensors must be of format convff-network-2, got 'convff-training-2'"
        ):
            load_tensors(path, kind="network")
        payload = path.read_bytes()
        path.write_bytes(payload + b"more")
        with pytest.raises(ValueError, match=r"must describe the .* bytes of tensors that it holds"):
            load_tensors(path, kind="training")
        path.write_bytes(payload[:-1])
        with pytest.raises(ValueError, match="was cut short or is damaged"):
            load_tensors(path, kind="training")
        path.write_bytes(payload[:-1] + b"\xff")
        with pytest.raises(ValueError, match="is damaged: its bytes must have the digest in its header"):
            load_tensors(path, kind="training")
        path.write_bytes(save({"a": torch.ones(2)}))
        with pytest.raises(ValueError, match="must be of format convff-training-2, got 'None'"):
            load_tensors(path, kind="training")
        path.write_bytes(b"\x80\x04cos\nsystem\n")
        with pytest.raises(ValueError, match="is not a safetensors file"):
            load_tensors(path, kind="training")

    def test_older_formats_are_read_only_where_they_are_named(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(save({"a": torch.ones(2)}, metadata={"format": "convff-1", "about": '{"epoch": 3}'}))
        tensors, about = load_tensors(path, kind="network", older=("convff-1",))
        assert about == {"epoch": 3}
        assert same_bits(tensors["a"], torch.ones(2))
        with pytest.raises(ValueError, match="must be of format convff-network-2, got 'convff-1'"):
            load_tensors(path, kind="network")

    def test_a_file_without_a_digest_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(save({"a": torch.ones(2)}, metadata={"format": "convff-network-2", "about": "{}"}))
        with pytest.raises(ValueError, match="is damaged"):
            load_tensors(path, kind="network")

    def test_refuses_to_write_what_could_not_be_read(self, tmp_path: Path) -> None:
        for tensors, about, error, message in (
            ({"__metadata__": torch.ones(1)}, {}, ValueError, "must not be '__metadata__'"),
            ({}, {"a": "x" * MOST_HEADER}, ValueError, "must have a header of at most"),
            ({}, {"a": object()}, TypeError, "not JSON serializable"),
        ):
            with pytest.raises(error, match=message):
                save_tensors(tmp_path / "x", tensors, about, kind="network")
        assert not list(tmp_path.iterdir())


class TestCheckpoint:
    """Networks in such files."""

    @pytest.mark.parametrize("model", MODELS)
    def test_every_network_comes_back(self, tmp_path: Path, model: str) -> None:
        options = OPTIONS.get(model, {})
        shape = (3, 32, 32) if model == "fasthebb" else (3, 16, 16)
        net = MODELS[model](shape, **options)
        path = tmp_path / "net.safetensors"
        save_checkpoint(path, Checkpoint(model, shape, options, net))
        self.assert_same(load_checkpoint(path), options, net)

    def test_version_1_is_read(self, tmp_path: Path) -> None:
        path, options = tmp_path / "net.safetensors", OPTIONS["cnn3"]
        net = MODELS["cnn3"]((3, 16, 16), **options)
        about = {"model": "cnn3", "input_shape": [3, 16, 16], "options": options, "notes": {}}
        tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
        path.write_bytes(save(tensors, metadata={"format": "convff-1", "about": json.dumps(about)}))
        self.assert_same(load_checkpoint(path), options, net)

    def assert_same(self, loaded: Checkpoint, options: dict[str, Any], net: LayerLocalNet) -> None:
        assert loaded.options == options
        assert not loaded.net.training
        state = loaded.net.state_dict()
        assert state.keys() == net.state_dict().keys()
        for name, tensor in net.state_dict().items():
            assert same_bits(state[name], tensor), name

    @pytest.mark.parametrize("part", ["model", "input_shape", "options", "notes"])
    def test_a_missing_part_is_an_error_that_names_the_file(self, tmp_path: Path, part: str) -> None:
        about = {"model": "cnn3", "input_shape": [3, 16, 16], "options": {}, "notes": {}}
        del about[part]
        save_tensors(tmp_path / "net.safetensors", {}, about, kind="network")
        with pytest.raises(ValueError, match=rf"net\.safetensors does not describe a network .*'{part}'"):
            load_checkpoint(tmp_path / "net.safetensors")

"""Files that hold the graph of a network's scores: how each kind is written and opened again. Imports torch."""

import contextlib
import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from convff import require_export

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram

Score = Callable[["Tensor"], "Tensor"]
NOTES = "convff.json"  # the extra file of a .pt2 that holds the notes


class MissingExtraError(ValueError):
    """A package that is not installed; the message says how to install it."""


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Args:
        suffix: of its name.
        check: raises ValueError if it cannot be written here.
        write: writes a graph with notes to a path.
        read: opens a file; returns its scores of images `[N, C, H, W]`, and its notes.
    """

    suffix: str
    check: Callable[[], None]
    write: Callable[["ExportedProgram", dict[str, Any], Path], None]
    read: Callable[[Path], tuple[Score, dict[str, Any]]]


def write_torch(graph: "ExportedProgram", notes: dict[str, Any], path: Path) -> None:
    """Write a graph for `torch.export.load`, with its notes as an extra file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of weights on other devices: these are on the CPU
        torch.export.save(graph, path, extra_files={NOTES: json.dumps(notes)})


def read_torch(path: Path) -> tuple[Score, dict[str, Any]]:
    """Open a file of `write_torch`."""
    extra = {NOTES: ""}
    module = torch.export.load(path, extra_files=extra).module()

    def score(images: "Tensor") -> "Tensor":
        with torch.no_grad():
            scores: Tensor = module(images)
        return scores

    return score, json.loads(extra[NOTES])


def needs_onnx() -> None:
    """Raise unless PyTorch is new enough and the packages of the extra are installed.

    Raises:
        MissingExtraError: one is not.
        ValueError: PyTorch is too old.
    """
    require_export()
    try:
        import onnx
        import onnxruntime
        import onnxscript
    except ImportError as error:
        raise MissingExtraError(f'--to onnx needs {error.name}: pip install "convff[export]"') from error
    assert onnx is not None
    assert onnxruntime is not None
    assert onnxscript is not None


def write_onnx(graph: "ExportedProgram", notes: dict[str, Any], path: Path) -> None:
    """Write a graph as ONNX, input "images" and output "scores", with its notes as metadata of the model."""
    names: dict[str, Any] = {"input_names": ["images"], "output_names": ["scores"]}
    with contextlib.redirect_stdout(io.StringIO()):  # it tells its progress
        made: Any = torch.onnx.export(graph, (), dynamo=True, verbose=False, **names)
    for name, value in notes.items():
        made.model.metadata_props[name] = json.dumps(value)
    made.save(str(path))


def read_onnx(path: Path) -> tuple[Score, dict[str, Any]]:
    """Open a file of `write_onnx` by onnxruntime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def score(images: "Tensor") -> "Tensor":
        return torch.from_numpy(session.run(["scores"], {"images": images.numpy()})[0])

    notes = session.get_modelmeta().custom_metadata_map
    return score, {name: json.loads(value) for name, value in notes.items()}


FORMATS: dict[str, Format] = {
    "torch": Format(".pt2", require_export, write_torch, read_torch),
    "onnx": Format(".onnx", needs_onnx, write_onnx, read_onnx),
}
"""Keyed by what `--to` names."""

"""Images from arrays, data sets and folders: what is taken, what is copied, and what is refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import TensorDataset

from convff import (
    AtOutput,
    Block,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    LengthNorm,
    PictureError,
    Schedule,
    Trainer,
)
from labels import NoLabels

LABELS = [0, 1, 1, 0]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# --- arrays ---


@pytest.mark.parametrize(
    ("shape", "axes"), [((4, 8, 6, 3), (0, 3, 1, 2)), ((4, 8, 6, 1), (0, 3, 1, 2)), ((4, 3, 8, 6), (0, 1, 2, 3))]
)
def test_the_channels_are_the_axis_of_1_or_3(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    data = ImageData.from_arrays(noise(*shape), LABELS)
    assert data.images.tolist() == noise(*shape).transpose(axes).tolist()
    assert (data.shape[1:], data.class_names, data.classes.tolist()) == ((8, 6), ("0", "1"), LABELS)


def test_images_without_channels_are_gray() -> None:
    assert ImageData.from_arrays(torch.zeros(4, 8, 6), LABELS).shape == (1, 8, 6)


@pytest.mark.parametrize("shape", [(4, 3, 8, 3), (4, 1, 8, 3), (4, 4, 8, 4)])
def test_what_is_ambiguous_needs_a_layout(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"layout must be given, NHWC or NCHW, for images \[4, "):
        ImageData.from_arrays(noise(*shape), LABELS)
    height, width, channels = shape[1:]
    assert ImageData.from_arrays(noise(*shape), LABELS, layout="NHWC").shape == (channels, height, width)
    assert ImageData.from_arrays(noise(*shape), LABELS, layout="NCHW").shape == shape[1:]


def test_floats_are_rounded_to_bytes() -> None:
    values = np.array([0.0, 0.5, 1.0, 0.999]).reshape(4, 1, 1)
    assert ImageData.from_arrays(values, LABELS).images.flatten().tolist() == [0, 128, 255, 255]
    back = ImageData.from_arrays(noise(4, 8, 6).astype(np.float32) / 255, LABELS)
    assert torch.equal(back.images[:, 0], torch.from_numpy(noise(4, 8, 6)))


def test_labels_may_be_names() -> None:
    data = ImageData.from_arrays(noise(4, 8, 6), ["dog", "cat", "cat", "eel"])
    assert (data.class_names, data.classes.tolist()) == (("cat", "dog", "eel"), [1, 0, 0, 2])
    ordered = ImageData.from_arrays(noise(4, 8, 6), ["dog", "cat", "cat", "eel"], ("eel", "dog", "cat"), name="pets")
    assert (ordered.classes.tolist(), ordered.name) == ([1, 2, 2, 0], "pets")


@pytest.mark.parametrize(
    ("images", "labels", "options", "error", "message"),
    [
        (noise(4, 8), LABELS, {}, ValueError, r"must be \[N, H, W\], .* got \[4, 8\]"),
        (noise(4, 8, 6).astype(np.int64), LABELS, {}, TypeError, "uint8, or float"),
        (noise(4, 8, 6).astype(float), LABELS, {}, ValueError, r"in \[0, 1\], got values from . to 2..: give uint8"),
        (np.full((4, 8, 6), np.nan), LABELS, {}, ValueError, "got values from nan"),
        (noise(4, 8, 6), [0, 1], {}, ValueError, r"one for each of 4 images, got \[2\]"),
        (noise(4, 8, 6), [0.0, 1.0, 1.0, 0.0], {}, TypeError, "whole numbers or names, got float64"),
        (noise(4, 8, 6), [0, -1, 1, 0], {}, ValueError, "0 or more, got -1"),
        (noise(4, 8, 6), [0, 1, 2, 0], {"class_names": ("a", "b")}, ValueError, "names for 2 classes"),
        (noise(4, 8, 6), list("abcd"), {"class_names": ("a", "b")}, ValueError, "every label, but not c, d"),
        (noise(4, 8, 6, 3), LABELS, {"layout": "HWCN"}, ValueError, "NHWC or NCHW, got 'HWCN'"),
    ],
)
def test_other_arrays_are_refused(
    images: np.ndarray, labels: list[Any], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ImageData.from_arrays(images, labels, **options)


class Largest(TorchDispatchMode):
    """Remembers the bytes of the largest tensor that is made outside some memory."""

    def __init__(self, outside: Tensor) -> None:
        super().__init__()
        self.place = outside.untyped_storage().data_ptr()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in made if isinstance(made, tuple | list) else (made,):
            if isinstance(each, Tensor) and each.untyped_storage().data_ptr() != self.place:
                self.bytes = max(self.bytes, each.numel() * each.element_size())
        return made


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_mapped_file_is_read_batch_by_batch(tmp_path: Path, layout: str) -> None:
    """In an epoch no tensor is a fifth as large as the data, which stay where the file is mapped."""
    count, side = 256, 12
    np.save(tmp_path / "images.npy", noise(count, side, side, 3) if layout == "NHWC" else noise(count, 3, side, side))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    data = ImageData.from_arrays(mapped, np.arange(count) % 2, ("a", "b"))
    assert data.images.data_ptr() == mapped.ctypes.data
    assert data.to("cpu").part(100, None).images.untyped_storage().data_ptr() == mapped.ctypes.data
    net = LayerLocalNet([Block(LengthNorm(), nn.Conv2d(3, 2, 3))])
    trainer = Trainer(net, NoLabels(2), ForwardForward(label_at=AtOutput(2)), schedule=Schedule(epochs=1, batch_size=8))
    with Largest(data.images) as largest:
        trainer.epoch(data, 0)
    assert 0 < largest.bytes < mapped.nbytes / 5
    copied = ImageData(data.images.clone(), data.classes, data.class_names, "copied")
    assert torch.equal(data.batch(torch.tensor([3, 200])).inputs, copied.batch(torch.tensor([3, 200])).inputs)


# --- data sets ---


class Rows(list):
    """A data set of rows."""


def pictures(*sizes: tuple[int, int], mode: str = "RGB") -> list[Image.Image]:
    return [Image.fromarray(noise(height, width, 3)).convert(mode) for width, height in sizes]


def test_rows_of_tensors() -> None:
    images = torch.rand(4, 3, 8, 6)
    data = ImageData.from_dataset(TensorDataset(images, torch.tensor(LABELS)), ("cat", "dog"))
    assert torch.equal(data.images, (images * 255).round().byte())
    assert (data.class_names, data.classes.tolist(), data.name) == (("cat", "dog"), LABELS, "TensorDataset")


@pytest.mark.parametrize("keys", [("image", "label"), ("img", "fine_label"), ("image", "labels")])
def test_rows_with_keys_as_of_hugging_face(keys: tuple[str, str]) -> None:
    class Feature:
        names = ("cat", "dog")

    rows = Rows({keys[0]: image, keys[1]: label} for image, label in zip(pictures(*[(6, 8)] * 4), LABELS, strict=True))
    rows.features = {keys[0]: object(), keys[1]: Feature()}  # type: ignore[attr-defined]
    data = ImageData.from_dataset(rows)
    assert torch.equal(data.images[2], torch.from_numpy(noise(8, 6, 3)).permute(2, 0, 1))
    assert (data.class_names, data.classes.tolist()) == (("cat", "dog"), LABELS)


def test_rows_as_of_torchvision() -> None:
    rows = Rows(zip(pictures((6, 8), (6, 8), mode="L"), [0, 1], strict=True))
    rows.classes = ["cat", "dog"]  # type: ignore[attr-defined]
    data = ImageData.from_dataset(rows)
    assert (data.shape, data.class_names) == ((1, 8, 6), ("cat", "dog"))


def test_pictures_of_several_sizes_need_one() -> None:
    gray, colour = pictures((40, 30), mode="L"), pictures((20, 90))
    rows = Rows(zip([*gray, *colour], [0, 1], strict=True))
    with pytest.raises(ValueError, match=r"image_size must be given, such as 64: .* 2 sizes, from 40 x 30 to 20 x 90"):
        ImageData.from_dataset(rows)
    data = ImageData.from_dataset(rows, image_size=(8, 10))
    assert data.shape == (3, 8, 10)
    assert torch.equal(data.images[0, 0], data.images[0, 2])  # a gray one among colours


@pytest.mark.parametrize(
    ("rows", "options", "error", "message"),
    [
        ([], {}, ValueError, "at least one image, got none"),
        ([5, 6], {}, TypeError, "row 0 must be an image and its label, got int"),
        ([{"picture": 1, "label": 0}], {}, ValueError, "row 0 must have a key of image, img and .* got picture, label"),
        ([("a.png", 0)], {}, TypeError, "Pillow images, arrays or tensors of one image, got str"),
        ([(torch.zeros(1, 8, 8), 0)], {"image_size": 4}, ValueError, "never resized"),
        ([(torch.zeros(1, 8, 8), 0)], {"image_size": 0}, ValueError, "image_size must be a number of pixels.*got 0"),
        ([(torch.zeros(1, 8, 8), 0)], {"image_size": (4, 4, 4)}, ValueError, "or height and width"),
    ],
)
def test_other_rows_are_refused(rows: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ImageData.from_dataset(rows, **options)


# --- folders ---


def folder(root: Path, sizes: tuple[tuple[int, int], ...] = ((8, 6), (8, 6))) -> Path:
    for kind in ("cat", "dog"):
        (root / kind).mkdir(parents=True)
        for number, image in enumerate(pictures(*sizes)):
            image.save(root / kind / f"{number}.png")
    return root


def test_a_folder_of_one_size_keeps_every_pixel(tmp_path: Path) -> None:
    data = ImageData.from_folder(folder(tmp_path / "pets"))
    assert (data.shape, data.class_names, data.name) == ((3, 6, 8), ("cat", "dog"), "image folder pets")
    assert data.classes.tolist() == [0, 0, 1, 1]
    assert torch.equal(data.images[3], torch.from_numpy(noise(6, 8, 3)).permute(2, 0, 1))


def test_a_folder_of_several_sizes_needs_one(tmp_path: Path) -> None:
    root = folder(tmp_path, ((8, 6), (60, 90)))
    with pytest.raises(ValueError, match=r"image_size must be given.* 2 sizes, from 8 x 6 to 60 x 90"):
        ImageData.from_folder(root)
    assert ImageData.from_folder(root, 16).shape == (3, 16, 16)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    root = folder(tmp_path, ((64, 64), (64, 64)))
    (root / "cat" / "0.png").write_bytes((root / "cat" / "0.png").read_bytes()[:900])
    with pytest.raises(PictureError, match=r"cat/0\.png cannot be read"):
        ImageData.from_folder(root)
    (root / "dog" / "1.png").write_bytes(b"text")
    with pytest.raises(PictureError, match=r"dog/1\.png cannot be read as an image: no known image format"):
        ImageData.from_folder(root)


def test_a_folder_needs_two_classes_with_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold two or more folders of pictures.*, got 0"):
        ImageData.from_folder(tmp_path)
    root = folder(tmp_path)
    (root / "eel").mkdir()
    with pytest.raises(ValueError, match="got no pictures in eel"):
        ImageData.from_folder(root)

"""Pictures as people have them: turned, transparent, deep, with a palette, cut short."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convff.pictures import PictureError, image_batch, read_picture

GRAY, RGB = (1, 8, 8), (3, 8, 8)


def ramp(height: int = 8, width: int = 8) -> np.ndarray:
    return np.arange(height * width, dtype=np.uint8).reshape(height, width)


@pytest.mark.parametrize("shape", [GRAY, RGB])
def test_a_picture_of_the_right_size_keeps_every_pixel(shape: tuple[int, int, int], tmp_path: Path) -> None:
    pixels = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    array = pixels[0].numpy() if shape == GRAY else pixels.permute(1, 2, 0).numpy()
    Image.fromarray(array).save(tmp_path / "a.png")
    assert torch.equal(read_picture(tmp_path / "a.png", shape), pixels)
    assert torch.equal(image_batch(str(tmp_path / "a.png"), shape), pixels[None])
    assert torch.equal(image_batch([tmp_path / "a.png", Image.fromarray(array)], shape), torch.stack([pixels, pixels]))


def test_the_middle_is_taken_not_the_whole_squeezed() -> None:
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = ramp()
    assert torch.equal(read_picture(Image.fromarray(wide), GRAY)[0], torch.from_numpy(ramp()))


def test_a_turned_photograph_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it
    Image.fromarray(ramp()).save(tmp_path / "turned.png", exif=exif)
    turned = torch.from_numpy(ramp()).rot90(-1)
    assert torch.equal(read_picture(tmp_path / "turned.png", GRAY)[0], turned)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white(mode: str, tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 4, 8))
    image.convert(mode).save(tmp_path / "a.png")
    for shape in (GRAY, RGB):
        pixels = read_picture(tmp_path / "a.png", shape)
        assert (pixels[..., :4] == 0).all()
        assert (pixels[..., 4:] == 255).all()


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    Image.fromarray(ramp().astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert torch.equal(read_picture(tmp_path / "deep.png", GRAY)[0], torch.from_numpy(ramp()))
    assert torch.equal(read_picture(tmp_path / "deep.png", RGB)[2], torch.from_numpy(ramp()))


def test_a_palette_becomes_colours() -> None:
    red = Image.new("RGB", (8, 8), (200, 10, 10)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert read_picture(red, RGB)[:, 0, 0].tolist() == [200, 10, 10]


def test_broken_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no image")
    Image.fromarray(ramp().astype(np.float32)).save(tmp_path / "float.tif")
    for name, reason in (
        ("cut.png", "cannot be read"),
        ("text.png", "no known image format"),
        ("none.png", "there is no such file"),
        ("float.tif", "mode F have no known range"),
    ):
        with pytest.raises(PictureError, match=rf"{name}.*{reason}"):
            image_batch([whole, tmp_path / name], GRAY)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(2, 8, 9), ValueError, r"must be \[N, 1, 8, 8\], got \[2, 1, 8, 9\]; only files"),
        (torch.zeros(8, 8), ValueError, "must be"),
        (torch.full((1, 8, 8), 255.0), ValueError, r"in \[0, 1\], got values from 255 to 255: divide by 255"),
        (torch.full((1, 8, 8), torch.nan), ValueError, "got NaN"),
        (torch.zeros(1, 8, 8, dtype=torch.int64), TypeError, "uint8, or float"),
    ],
)
def test_tensors_are_checked(images: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        image_batch(images, GRAY)


def test_arrays_and_lists_are_taken() -> None:
    expected = torch.zeros(2, 1, 8, 8)
    assert torch.equal(image_batch(np.zeros((2, 8, 8)), GRAY), expected)
    assert torch.equal(image_batch([np.zeros((8, 8)), np.zeros((8, 8))], GRAY), expected)
    assert image_batch([], GRAY).shape == (0, 1, 8, 8)


def jpeg(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, "JPEG", quality=95, **options)  # type: ignore[arg-type]
    return path


def with_size(path: Path, width: int, height: int) -> Path:
    """Change the size that the header of a JPEG announces."""
    content = bytearray(path.read_bytes())
    at = next(content.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in content)
    content[at + 5 : at + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    path.write_bytes(content)
    return path


def test_a_large_jpeg_is_decoded_at_a_fraction(tmp_path: Path) -> None:
    """That changes no pixel by more than a level or two; smaller ones are decoded as a whole, as they always were."""
    rows = np.linspace(0, 255, 600)[:, None, None]
    columns = np.linspace(0, 1, 800)[None, :, None]
    photo = (rows * columns * np.array([1, 0.8, 0.5])).astype(np.uint8)
    path = jpeg(tmp_path / "photo.jpg", photo)
    with Image.open(path) as whole:
        whole.load()
        expected = {side: read_picture(whole, (3, side, side)) for side in (16, 64, 76)}
    for side, most in ((16, 2), (64, 2), (76, 0)):  # 600 pixels are less than twice 4 x 76
        assert (read_picture(path, (3, side, side)).int() - expected[side].int()).abs().max() <= most


def test_a_photograph_of_200_megapixels_is_read(tmp_path: Path) -> None:
    """Its file holds the first rows alone; JPEG fills in the others. One that ends before its end mark is refused."""
    path = with_size(jpeg(tmp_path / "phone.jpg", np.full((64, 64), 90, np.uint8)), 16_320, 12_240)
    assert read_picture(path, GRAY).shape == GRAY
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PictureError, match=r"phone\.jpg cannot be read as an image: .*truncated"):
        read_picture(path, GRAY)


@pytest.mark.parametrize(
    ("size", "options", "reason"),
    [
        ((16_320, 15_700), {}, "it has 16,320 x 15,700 pixels; at most 256,000,000"),
        ((16_320, 12_240), {"progressive": True}, "pixels; at most 89,000,000"),  # it takes memory for all of them
        ((65_000, 3_000), {}, "pixels; at most 89,000,000"),  # too narrow for a fraction
    ],
)
def test_more_pixels_than_can_be_read_are_refused_by_the_header(
    tmp_path: Path, size: tuple[int, int], options: dict[str, bool], reason: str
) -> None:
    path = with_size(jpeg(tmp_path / "huge.jpg", np.zeros((64, 64, 3), np.uint8), **options), *size)
    with pytest.raises(PictureError, match=rf"huge\.jpg cannot be read as an image: .*{reason}"):
        read_picture(path, (3, 512, 512))


def test_a_network_of_other_channels_takes_tensors_alone() -> None:
    with pytest.raises(PictureError, match="the network takes 4: give a tensor"):
        read_picture(Image.new("RGB", (8, 8)), (4, 8, 8))

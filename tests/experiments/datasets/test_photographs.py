"""Folders and archives of photographs: what becomes of them, what is said, and what is refused by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convff import read_picture
from experiments.config.command_line import parse
from experiments.config.presets.few_photographs import few_photographs
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings
from experiments.datasets import DataError, Dataset, Wanted, load_dataset
from experiments.datasets.folder import load
from experiments.run.data import split, suited_to, wanted_by
from tests.experiments.datasets.test_archives import pack
from tests.experiments.datasets.test_datasets import image_folder, noise, png

SIZES = ((40, 30), (24, 50), (100, 100))
TURNED = 0x0112


def photo(path: Path, seed: int, *, turn: int = 1, size: tuple[int, int] | None = None) -> Path:
    """A photograph of noise, as width and height of `size`."""
    width, height = size or SIZES[seed % 3]
    exif = Image.Exif()
    exif[TURNED] = turn
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed, height, width, 3)).save(path, exif=exif)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve cats and eight dogs of three sizes; three are turned."""
    for i in range(20):
        photo(tmp_path / "photos" / ("cats" if i < 12 else "dogs") / f"{i:02}.png", i, turn=6 if i % 7 == 0 else 1)
    return tmp_path / "photos"


def everything(data: Dataset) -> dict[bytes, str]:
    """The class of each image, by its pixels."""
    pairs = (pair for part in (data.train, data.test) for pair in zip(part.images, part.classes, strict=True))
    return {image.numpy().tobytes(): data.train.class_names[int(kind)] for image, kind in pairs}


def test_photographs_become_their_middle_at_64_pixels_and_upright(photos: Path) -> None:
    data = load_dataset("folder", photos)
    assert (data.train.shape, data.train.class_names, data.photographs) == ((3, 64, 64), ("cats", "dogs"), True)
    assert (len(data.train), data.held_out, len(data.test)) == (17, 3, 3)
    found = everything(data)
    for path in photos.rglob("*.png"):
        assert found[read_picture(path, (3, 64, 64)).numpy().tobytes()] == path.parent.name
    assert data.notes == (
        "20 photographs, 2 classes, 5 sizes (largest 100 x 100), 3 turned by their EXIF data",
        "made 64 x 64 (the middle part, some of them enlarged; --image-size for another size)",
        "14 to learn from, 3 to watch, 3 to judge by, split by content",
    )
    assert data.source == f"photos/ (image folder, PNG) in --data-dir ({photos})"


def test_neither_names_nor_archives_change_the_split(photos: Path, tmp_path: Path) -> None:
    data = load_dataset("folder", photos)
    archive = pack(photos, tmp_path / "photos.zip", "holiday")
    for number, path in enumerate(sorted(photos.rglob("*.png"), reverse=True)):
        path.rename(path.with_name(f"IMG_{number}.png"))
    for place in (photos, archive):
        other = load_dataset("folder", place)
        for ours, theirs in ((other.train, data.train), (other.test, data.test)):
            assert torch.equal(ours.images, theirs.images)
            assert torch.equal(ours.classes, theirs.classes)


def test_the_run_holds_out_what_is_to_watch(photos: Path) -> None:
    data = load_dataset("folder", photos)
    train, watch, judge = split(data, Settings(dataset="folder"), Recipe(model="mlp"))
    assert [len(part) for part in (train, watch, judge)] == [14, 3, 3]
    assert torch.equal(watch.images, data.train.images[-3:])
    none = split(data, Settings(dataset="folder"), Recipe(model="mlp", curve_images=0))
    assert [len(part) for part in none] == [17, 0, 3]
    validated = split(data, Settings(dataset="folder", evaluate_on="validation"), Recipe(model="mlp"))
    assert torch.equal(validated[2].images, watch.images)


def test_copies_stay_together_and_images_of_two_classes_are_named(photos: Path) -> None:
    for number in range(3):
        (photos / "cats" / f"copy {number}.png").write_bytes((photos / "cats" / f"{number + 4:02}.png").read_bytes())
    with Image.open(photos / "cats" / "01.png") as image:  # the same pixels in another format
        image.save(photos / "cats" / "again.bmp")
    (photos / "dogs" / "cat.png").write_bytes((photos / "cats" / "02.png").read_bytes())
    data = load_dataset("folder", photos)
    parts = split(data, Settings(dataset="folder"), Recipe(model="mlp"))
    contents = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert not contents[0] & contents[1] | contents[1] & contents[2] | contents[0] & contents[2]
    assert any("so that copies stay together (5 found)" in note for note in data.notes)
    warned = f"warning: the same image in several classes, used to learn from: {photos}/cats/02.png = {photos}/dogs/cat"
    assert data.notes[-1] == f"{warned}.png"
    shared = read_picture(photos / "cats" / "02.png", (3, 64, 64)).numpy().tobytes()
    assert shared in contents[0]


@pytest.mark.parametrize(("asked", "shape"), [((32, 32), (3, 32, 32)), ((20, 36), (3, 20, 36))])
def test_the_size_can_be_asked_for(photos: Path, asked: tuple[int, int], shape: tuple[int, int, int]) -> None:
    assert load_dataset("folder", photos, wanted=Wanted(asked)).train.shape == shape
    assert load_dataset("folder", image_folder(photos.parent / "small"), wanted=Wanted(asked)).train.shape == shape


def test_small_images_of_one_size_are_as_they_were(tmp_path: Path) -> None:
    data = load_dataset("folder", image_folder(tmp_path))
    assert (data.notes, data.excluded, data.held_out, data.photographs) == ((), (), None, False)
    classes = image_folder(tmp_path / "other") / "train"  # class folders alone
    alone = load_dataset("folder", classes)
    assert (alone.train.shape, alone.photographs) == ((3, 8, 8), False)
    assert alone.notes[0] == "8 images, 2 classes, 1 size (8 x 8)"
    assert {*everything(alone)} == {image.numpy().tobytes() for image in data.train.images}


def test_one_size_above_96_is_made_smaller(tmp_path: Path) -> None:
    for size, expected in ((96, 96), (97, 64)):
        data = load_dataset("folder", image_folder(tmp_path / str(size), size=size))
        assert data.train.shape == (3, expected, expected)


def test_a_small_one_that_is_turned_or_deep_is_read_as_a_photograph(tmp_path: Path) -> None:
    root = image_folder(tmp_path)
    photo(root / "test" / "cat" / "0.png", 3, turn=6, size=(8, 8))
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(root / "test" / "cat" / "1.png")
    found = everything(load_dataset("folder", root))
    assert torch.from_numpy(noise(3, 8, 8, 3)).rot90(-1).permute(2, 0, 1).numpy().tobytes() in found
    assert bytes([round(40_000 / 257)] * 3 * 64) in found


def test_the_format_of_images_of_16_bits_is_told(tmp_path: Path) -> None:
    for i in range(8):
        photo_of_16_bits = Image.fromarray(noise(i, 8, 8).astype(np.uint16) * 200)
        (tmp_path / "deep" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        photo_of_16_bits.save(tmp_path / "deep" / "ab"[i % 2] / f"{i}.png")
    assert load_dataset("folder", tmp_path / "deep").source.startswith("deep/ (image folder, PNG) in")


def test_gray_is_gray_unless_some_are_coloured(tmp_path: Path) -> None:
    for i in range(12):
        png(tmp_path / "ab"[i % 2] / f"{i}.png", noise(i, 20 + i, 30))
    assert load_dataset("folder", tmp_path).train.shape == (1, 64, 64)
    png(tmp_path / "a" / "colour.png", noise(99, 30, 30, 3))
    data = load_dataset("folder", tmp_path)
    assert data.train.shape == (3, 64, 64)
    assert "12 of them are gray; all are taken as RGB" in data.notes


def damaged(photos: Path) -> tuple[Path, Path]:
    cut, text = photos / "cats" / "05.png", photos / "dogs" / "15.png"
    cut.write_bytes(cut.read_bytes()[:-100])
    text.write_text("no image")
    return cut, text


def test_what_cannot_be_read_stops_or_is_named_and_excluded(photos: Path) -> None:
    cut, text = damaged(photos)
    with pytest.raises(DataError, match=rf"{text} cannot be read .*no known.*--on-bad-image skip excludes those"):
        load_dataset("folder", photos)
    data = load_dataset("folder", photos, wanted=Wanted(skip=True))
    assert len(data.train) + len(data.test) == 18
    assert len(data.excluded) == 2
    assert data.excluded[0].startswith(f"{text} cannot be read")
    assert data.excluded[1].startswith(f"{cut} cannot be read")
    assert data.notes[0].startswith("20 photographs, 2 classes")
    assert f"3 turned by their EXIF data, 2 unreadable and excluded: {text} cannot be read" in data.notes[0]
    text.unlink()
    with pytest.raises(DataError, match=f"{cut} cannot be read"):
        load_dataset("folder", photos)


def test_test_folders_are_kept_and_copies_in_them_are_told(photos: Path, tmp_path: Path) -> None:
    for split_name, kept in (("train", range(14)), ("test", range(12, 20))):
        for i in kept:
            photo(tmp_path / "both" / split_name / ("cats" if i % 2 else "dogs") / f"{i}.png", i)
    data = load_dataset("folder", tmp_path / "both")
    assert (len(data.train), len(data.test), data.held_out) == (14, 8, None)
    assert data.notes[-1] == "warning: 2 of the images in test/ are also in train/"
    small = image_folder(tmp_path / "small")  # as they are stored
    (small / "test" / "cat" / "copy.png").write_bytes((small / "train" / "cat" / "0.png").read_bytes())
    assert load_dataset("folder", small).notes == ("warning: 1 of the images in test/ is also in train/",)


def test_other_files_are_counted(photos: Path) -> None:
    for name in ("IMG_1.HEIC", "IMG_2.heic", "notes.txt", ".hidden"):
        (photos / "cats" / name).write_text("")
    notes = load_dataset("folder", photos).notes
    assert "passed over, because they are no images that can be read: 2 .heic, 1 .txt" in notes


def test_what_a_mac_adds_to_an_archive_is_passed_over(photos: Path, tmp_path: Path) -> None:
    inside = tmp_path / "zipped"
    inside.mkdir()
    photos.rename(inside / "photos")
    for name in ("cats", "dogs"):
        (inside / "__MACOSX" / "photos" / name).mkdir(parents=True)
        (inside / "__MACOSX" / "photos" / name / "._00.png").write_bytes(b"fork")
    data = load_dataset("folder", pack(inside, tmp_path / "photos.zip"))
    assert len(data.train) + len(data.test) == 20


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_class_may_be_called_train(photos: Path, tmp_path: Path, name: str) -> None:
    for i in range(6):
        photo(photos / name / f"{i}.png", 30 + i)
    assert parse(Settings(), None, ["--dataset", "folder", "--data-dir", str(photos)]).data_dir == photos
    packed = (pack(photos, tmp_path / f"photos{inside}.zip", inside) for inside in ("", "vehicles"))
    for place in (photos, *packed):
        data = load_dataset("folder", place)
        assert data.train.class_names == tuple(sorted(("cats", "dogs", name)))
        assert len(data.train) + len(data.test) == 26
    photo(photos / name / "more" / "0.png", 50)
    for place in (photos, pack(photos, tmp_path / "more.zip")):
        with pytest.raises(DataError, match=f"; if {name}/ is a class, rename it"):
            load_dataset("folder", place)
    with pytest.raises(SystemExit):
        parse(Settings(), None, ["--dataset", "folder", "--data-dir", str(photos)])


def _without_images(photos: Path) -> None:
    for path in photos.rglob("*.png"):
        path.unlink()


def _all_broken(photos: Path) -> None:
    for path in photos.rglob("*.png"):
        path.write_text("no image")


def _one_class(photos: Path) -> None:
    for path in [*(photos / "dogs").iterdir(), photos / "dogs"]:
        path.unlink() if path.is_file() else path.rmdir()


def _loose(photos: Path) -> None:
    _one_class(photos)
    for path in (photos / "cats").iterdir():
        path.rename(photos / path.name)


def _one_dog(photos: Path) -> None:
    for path in (photos / "dogs").iterdir():
        path.write_bytes((photos / "dogs" / "12.png").read_bytes())


def _no_dog(photos: Path) -> None:
    for path in (photos / "dogs").iterdir():
        path.unlink()


def _broken_dogs(photos: Path) -> None:
    _all_broken(photos / "dogs")
    for i in range(8):  # as many problems of another class as are named at most
        (photos / "cats" / f"broken {i}.png").write_text("no image")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_images, r"there is no folder train/.*two or more class folders.*Found were 2: cats, dogs"),
        (_all_broken, r"no image can be read: .*cats/00\.png.*; and 12 more"),
        (_one_class, r"Found were 1: cats"),
        (_loose, r"Found were 1: cats; 12 images lie beside them, in no class"),
        (_one_dog, r"class dogs has 1 different images of its own; at least 2 are needed"),
        (_no_dog, r"photos/dogs: no image was found"),
        (_broken_dogs, r"photos/dogs: no image can be read: \S*dogs/12\.png"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(photos: Path, change: object, message: str) -> None:
    change(photos)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        load(photos, False, Wanted(skip=True))


def test_what_does_not_fit_into_memory_is_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convff.machine.memory.free_memory", lambda device: 10_000)
    with pytest.raises(DataError, match=r"20 images of 3x64x64 must take at most half .*--image-size N makes them sm"):
        load_dataset("folder", photos)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--image-size", "0"], "--image-size must be one or two numbers of pixels, each from 8 to 1024, got 0"),
        (["--image-size", "100000"], "each from 8 to 1024, got 100000"),
        (["--image-size", "8", "8", "8"], "one or two numbers of pixels"),
        (["--image-size", "64", "--dataset", "mnist"], "--image-size cannot be used with --dataset mnist"),
        (["--on-bad-image", "skip", "--dataset", "mnist"], "--on-bad-image cannot be used with --dataset mnist"),
    ],
)
def test_options_are_refused_by_name(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(Settings(), None, ["--dataset", "folder", "--data-dir", str(tmp_path), *options])
    assert message in " ".join(capsys.readouterr().err.split())


def test_options_reach_the_reader(photos: Path) -> None:
    options = ["--dataset", "folder", "--data-dir", str(photos), "--image-size", "48", "--on-bad-image", "skip"]
    assert wanted_by(parse(Settings(), None, options)) == Wanted((48, 48), skip=True)
    assert wanted_by(Settings(image_size=(32, 48))) == Wanted((32, 48))
    assert wanted_by(Settings()) == Wanted()


def test_validation_needs_an_image_to_hold_out(photos: Path) -> None:
    pairs = photos.parent / "pairs"
    for i in range(24):
        photo(pairs / f"{i // 2:02}" / f"{i}.png", i)
    data = load_dataset("folder", pairs)
    assert (len(data.train), data.held_out, len(data.test)) == (12, 0, 12)
    with pytest.raises(DataError, match="--evaluate-on validation needs 3 different images in a class"):
        split(data, Settings(dataset="folder", evaluate_on="validation"), Recipe(model="mlp"))


# --- few of them ---


def test_few_photographs_are_changed_and_seen_more_often(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, settings = Recipe(model="cnn6", epochs=6, batch_size=128), Settings(dataset="folder")
    changed = suited_to(settings, recipe, load_dataset("folder", photos), quiet=False)
    assert (changed.augment, changed.epochs, changed.batch_size) == ("flips_shifts", 100, 32)
    assert "note: few photographs: augment flips_shifts instead of none, epochs 100" in capsys.readouterr().out
    small = load_dataset("folder", image_folder(photos.parent / "small"))
    assert suited_to(settings, recipe, small, quiet=False) == recipe


@pytest.mark.parametrize(
    ("settings", "count", "expected"),
    [
        (Settings(), 1999, ("flips_shifts", 6, 32)),
        (Settings(), 2000, ("none", 6, 128)),
        (Settings(), 240, ("flips_shifts", 50, 32)),
        (Settings(preset="smoke"), 240, ("flips_shifts", 6, 128)),
        (Settings(preset="paper"), 240, ("flips_shifts", 6, 128)),
        (Settings(net="deep"), 240, ("flips_shifts", 6, 128)),
        (Settings(augment="none", epochs=3, batch_size=16), 240, ("none", 3, 16)),
    ],
)
def test_what_is_asked_for_stays(settings: Settings, count: int, expected: tuple[str, int, int]) -> None:
    recipe = replace(Recipe(model="cnn6", epochs=6, batch_size=128), **settings.overrides())
    changed = few_photographs(settings, recipe, count)
    assert (changed.augment, changed.epochs, changed.batch_size) == expected

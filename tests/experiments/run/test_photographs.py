"""A student's folder of photographs: 255 of three sizes, some turned, two cut short, six copies; from files to maps."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import convff
from experiments.config.settings import Settings
from experiments.run.train import main

CATS, DOGS = 134, 121
SIZES = ((280, 210), (210, 280), (300, 300))
TURNED = range(0, 210, 15)  # 14 of them
COPIES = 6
CUT = ("cats/IMG_0040.jpg", "dogs/IMG_0200.jpg")
TURN, SIDEWAYS = 0x0112, 6

pytestmark = pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")


def sources() -> list[Image.Image]:
    """Photographs that come with scikit-learn and matplotlib: for the cats, and for the dogs."""
    from matplotlib.cbook import get_sample_data
    from sklearn.datasets import load_sample_images

    try:
        with get_sample_data("grace_hopper.jpg") as file:
            hopper = Image.open(file).convert("RGB")
        china, flower = (Image.fromarray(image) for image in load_sample_images().images)
    except (OSError, AttributeError, ImportError) as error:
        pytest.skip(f"no photographs here: {error}")
    return [flower, china, hopper]


def crops() -> Iterator[tuple[str, Image.Image]]:
    """Different parts of the photographs, with the class to which they belong."""
    draw = np.random.default_rng(0)
    flower, *others = sources()
    for number in range(CATS + DOGS - COPIES):
        whole = flower if number < CATS - COPIES // 2 else others[number % 2]
        width, height = SIZES[number % 3]
        left, top = draw.integers(0, whole.width - width), draw.integers(0, whole.height - height)
        yield "cats" if whole is flower else "dogs", whole.crop((left, top, left + width, top + height))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("student") / "photos"
    for name in ("cats", "dogs"):
        (root / name).mkdir(parents=True)
    for number, (name, image) in enumerate(crops()):
        exif = Image.Exif()
        if number in TURNED:
            exif[TURN] = SIDEWAYS
            image = image.transpose(Image.Transpose.ROTATE_90)  # noqa: PLW2901
        image.save(root / name / f"IMG_{number:04}.jpg", quality=85, exif=exif)
    for number in range(COPIES):
        name = ("cats", "dogs")[number % 2]
        original = sorted((root / name).glob("IMG*"))[20 + number]
        (root / name / f"copy of {original.name}").write_bytes(original.read_bytes())
    for cut in CUT:
        (root / cut).write_bytes((root / cut).read_bytes()[:3000])
    return root


def settings(photos: Path, out: Path, **changed: object) -> Settings:
    return Settings(
        dataset="folder",
        data_dir=photos,
        label_at="output",
        out=out,
        device="cpu",
        on_bad_image="skip",
        **changed,  # type: ignore[arg-type]
    )


def test_from_photographs_to_maps(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results,) = main(settings(photos, tmp_path, preset="smoke", model="cnn3", width=4))
    said = capsys.readouterr().out
    assert "255 photographs, 2 classes, 3 sizes (largest 300 x 300), 14 turned by their EXIF data, 2 unreadable" in said
    assert "made 64 x 64 (the middle part; --image-size for another size)" in said
    assert "177 to learn from, 38 to watch, 38 to judge by, split by content, so that copies stay together (6" in said
    assert "note: few photographs: augment flips_shifts" in said
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    written = json.loads((folder / "results.json").read_text())
    assert [any(str(photos / cut) in problem for problem in written["excluded"]) for cut in CUT] == [True, True]
    assert written["notes"][0] in said
    assert results.judged_on.startswith("38 ")
    assert results.accuracy["linear"] is not None
    assert results.control["untrained_linear"] is not None
    model = convff.load(folder)
    photo = photos / "dogs" / "IMG_0150.jpg"
    assert model.class_names == ("cats", "dogs")
    maps = model.maps(photo, "dogs", against="cats").summed()
    assert maps.shape == (1, 64, 64)
    scores = model.scores(photo)
    torch.testing.assert_close(model.maps(photo, "dogs").summed().sum(), scores[0, 1], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_quick_preset_ends_in_minutes(photos: Path, tmp_path: Path) -> None:
    """In 3 minutes on two free cores; `pytest -m slow --durations=1` shows the time, which depends on the machine."""
    (results,) = main(settings(photos, tmp_path, preset="quick"))
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    recipe = json.loads((folder / "settings.json").read_text())["recipe"]
    assert recipe["epochs"] * 177 < 12_200  # images seen, which set the time
    assert results.accuracy["linear"] is not None
    assert results.accuracy["linear"] > 0.8
    print(f"{results.seconds['total']:.0f} seconds")

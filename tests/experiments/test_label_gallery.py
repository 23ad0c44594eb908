"""The gallery: its files, its figures, labels rebuilt from them, and every refusal."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from experiments.label_sets.choice import CHOOSABLE
from experiments.label_sets.gallery import GalleryError, label_pictures, make_gallery
from experiments.label_sets.settings import GallerySettings
from labels import ChannelLabels, labels_from_spec
from labels.correlation import label_correlations
from labels.select import off_diagonal, random_choice
from tests.experiments.scripts import run_script

SIZE = 12


@pytest.fixture(autouse=True)
def quick_gallery(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.label_sets import gallery
    from labels.readability import window_judge

    monkeypatch.setattr(gallery, "window_judge", lambda *a, **options: window_judge(*a, **options, windows=200))
    monkeypatch.setattr(gallery, "PAIR_IMAGES", 2)
    if request.node.get_closest_marker("draws") is None:  # drawing takes most of the time
        monkeypatch.setattr(gallery, "_draw", lambda *a: None)


def asked(out: Path, **changes: Any) -> GallerySettings:
    options = {"labels": "fourier", "classes": 6, "out": out, "candidates": 40, "size": SIZE, "kernel": 3} | changes
    return GallerySettings(**options)


def report_of(settings: GallerySettings) -> dict[str, Any]:
    make_gallery(settings)
    report: dict[str, Any] = json.loads((settings.out / "labels.json").read_text())
    return report


@pytest.mark.draws
@pytest.mark.fine_pictures
@pytest.mark.parametrize(
    "family",
    [
        "fourier",
        "morph",
        "learned",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("onehot", "channel", "echo")),
    ],
)
def test_pictures_and_figures_of_every_family(tmp_path: Path, family: str) -> None:
    report = report_of(asked(tmp_path, labels=family))
    pictures = {"labels.png", "labels_on_image.png", "right_and_wrong.png", "correlation.png"}
    pictures -= {"labels_on_image.png"} if family in ("channel", "learned") else set()
    drawn = {name.replace(".png", f".{kind}") for name in pictures for kind in ("png", "pdf")}
    assert {path.name for path in tmp_path.iterdir()} == drawn | {"labels.json"}
    for name in pictures:
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 200
    labels = labels_from_spec(report["spec"])
    correlations = off_diagonal(label_correlations(labels, (SIZE, SIZE)))
    assert report["max_abs_correlation"] == pytest.approx(correlations.max().item())
    assert report["mean_abs_correlation"] == pytest.approx(correlations.mean().item())
    assert report["select"] == ("optimised" if family in CHOOSABLE else "none")
    assert (report["random_max_abs_correlation"] is None) == (family not in CHOOSABLE)
    readability = report["readability"]
    assert readability["label_passes_per_second"] > 0
    assert 0 <= readability["distinct_windows"]["worst_share"] <= 1
    for where in ("on_images", "on_blank"):
        assert readability["one_window"][where]["chance"] == pytest.approx(1 / 6)
    assert report["seconds"] >= 0


@pytest.mark.parametrize("family", ["fourier", "morph"])
def test_the_random_figure_is_the_median_of_twenty(tmp_path: Path, family: str) -> None:
    reports = {how: report_of(asked(tmp_path / how, labels=family, select=how)) for how in ("optimised", "random")}
    candidates = CHOOSABLE[family].candidates(40, 0, (SIZE, SIZE), 3)
    build = CHOOSABLE[family].build
    largest = [
        off_diagonal(
            label_correlations(
                build(tuple(candidates[i] for i in random_choice(40, 6, seed)), (SIZE, SIZE), 0.3), (SIZE, SIZE)
            )
        )
        .max()
        .item()
        for seed in range(20)
    ]
    for report in reports.values():
        assert report["random_max_abs_correlation"] == pytest.approx(statistics.median(largest), abs=1e-5)
    assert reports["random"]["max_abs_correlation"] == pytest.approx(largest[0], abs=1e-5)
    assert reports["optimised"]["max_abs_correlation"] < statistics.median(largest)


def test_none_is_the_fixed_set(tmp_path: Path) -> None:
    from labels import FourierLabels

    report = report_of(asked(tmp_path, select="none", size=16))
    assert labels_from_spec(report["spec"]).spec() == FourierLabels(6, (16, 16)).spec()


def test_same_seed_same_labels(tmp_path: Path) -> None:
    first, again, other = (
        report_of(asked(tmp_path / name, seed=seed))["spec"] for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again != other


def test_an_image_or_a_folder_of_images(tmp_path: Path) -> None:
    (tmp_path / "images" / "cats").mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    for n in range(20):
        pixels = torch.randint(256, (15, 20, 3), generator=generator, dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(tmp_path / "images" / "cats" / f"{n}.png")
    one = report_of(asked(tmp_path / "one", image=tmp_path / "images" / "cats" / "3.png"))
    assert one["readability"]["images"] == "drawn textures"
    many = report_of(asked(tmp_path / "many", image=tmp_path / "images"))
    assert many["readability"]["images"].startswith("20 images of")


def test_label_planes_are_drawn_as_tiles() -> None:
    pictures = label_pictures(ChannelLabels(5, (6, 6)), torch.zeros(3, 6, 6))
    assert pictures.shape == (5, 1, 6, 6)
    assert torch.equal(pictures.flatten(1).sum(dim=1), torch.full((5,), 4.0))  # one tile of 2 x 2 pixels each


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 100}, "100 classes need at least as many candidates, got 40"),
        ({"classes": 1}, "--classes must be at least 2, got 1"),
        ({"kernel": 4}, "odd and at least 3 pixels wide, got 4"),
        ({"kernel": 13}, "smaller than the kernel of 13 x 13"),
        ({"labels": "channel", "select": "optimised"}, "--labels channel has no candidates"),
        ({"labels": "morph", "candidates": 10_000}, "the number of different chains, got 10000"),
        ({"labels": "morph", "size": 4}, "too large for images of 4 x 4"),
        ({"labels": "onehot", "classes": 200}, "200 classes need one pixel each"),
        ({"select": "none", "classes": 41}, "have room for 40 waves of set 1, not for 41"),
        ({"image": Path("no/such/image.png")}, "no/such/image.png cannot be read"),
    ],
)
def test_refusals_leave_nothing_behind(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(GalleryError, match=message):
        make_gallery(asked(tmp_path / "out", **({"candidates": 50} if "none" in changes.values() else {}), **changes))
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_and_a_file_that_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(GalleryError, match="holds no image"):
        make_gallery(asked(tmp_path / "out", image=tmp_path / "empty"))
    with pytest.raises(GalleryError, match="cannot be read"):
        make_gallery(asked(tmp_path / "out", image=tmp_path / "text.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "fourier", "--classes", "60", "--candidates", "50"], "60 classes need at least"),
        (["--labels", "fourier", "--classes", "5", "--select", "best"], "optimised"),
    ],
)
def test_the_script_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        run_script("label_gallery", *arguments, "--out", tmp_path / "o")
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_label_seconds_has_all_classes_present() -> None:
    from experiments.tools.clock import label_seconds

    seen = []

    class Watching(ChannelLabels):
        def __call__(self, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            seen.append(classes)
            return super().__call__(images, classes)

    assert label_seconds(Watching(10, (8, 8)), torch.rand(16, 3, 8, 8), repeats=2) > 0
    assert len(seen) == 5  # three of them only to warm up
    for classes in seen:
        assert classes.shape == (16, 2)
        assert sorted(set(classes.flatten().tolist())) == list(range(10))

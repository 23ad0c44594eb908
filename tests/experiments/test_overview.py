"""The picture of the first screen: what it shows of a run, and what is refused."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from convff import as_floats, block_goodness, block_scores
from experiments import overview
from experiments.config.settings import Settings, SettingsError
from experiments.maps.explained import explained
from experiments.maps.overview import shown
from experiments.run import folder
from experiments.run.train import main

pytestmark = pytest.mark.draws


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("runs")
    for name, options in {
        "image": {"labels": "fourier", "label_at": "image"},
        "planes": {"labels": "channel", "label_at": "image"},
        "output": {"label_at": "output"},
        "bp": {"rule": "bp"},
    }.items():
        small = {
            "width": 10,
            "dataset": "digits",
            "preset": "smoke",
            "device": "cpu",
            "train_images": 100,
            "precision": "float32",
        }
        main(Settings(out=out / name, **small, **options))
    return {path.name: next(each for each in path.iterdir() if each.is_dir()) for path in out.iterdir()}


def view_of(path: Path) -> object:
    (trained,) = folder.read_all_with_networks([folder.read(path)])
    return explained(trained)


def test_goodness_by_block_is_the_networks(runs: dict[str, Path]) -> None:
    for name in ("image", "output"):
        view = view_of(runs[name])
        row = shown(view, 3)
        parts, net = view.trained.parts, view.trained.net
        image = as_floats(parts.judged.images[3:4])
        if name == "image":
            expected = block_goodness(net, image, parts.labels, goodness=parts.rule.goodness)
        else:
            expected = block_scores(net, image, parts.labels, parts.rule)
        torch.testing.assert_close(row.by_block, expected[:, 0], atol=1e-5, rtol=1e-4)


def test_the_rival_is_the_best_wrong_class_and_the_map_sums_to_the_difference(runs: dict[str, Path]) -> None:
    view = view_of(runs["output"])
    row = shown(view, 5)
    scores = view.goodness.model(as_floats(view.trained.parts.judged.images[5:6]))[0]
    assert row.right == int(view.trained.parts.judged.classes[5]) != row.rival
    assert all(scores[row.rival] >= scores[k] for k in range(10) if k != row.right)
    torch.testing.assert_close(row.signed.sum(), scores[row.right] - scores[row.rival], atol=1e-4, rtol=1e-3)


def test_labelled_images_are_shown_where_images_carry_labels(runs: dict[str, Path]) -> None:
    view = view_of(runs["image"])
    row = shown(view, 0)
    expected = view.trained.parts.labels(row.image[None], torch.tensor([[row.right, row.rival]]))[0]
    assert torch.equal(row.labelled, expected)
    assert shown(view_of(runs["planes"]), 0).labelled.shape == (2, 1, 8, 8)  # planes beside the image are not shown
    assert shown(view_of(runs["output"]), 0).labelled is None


def test_a_row_per_run_is_drawn(runs: dict[str, Path], tmp_path: Path) -> None:
    heights = []
    for count in (1, 2):
        chosen = (runs["image"], runs["output"])[:count]
        path = overview.main(overview.Options(runs=chosen, images=(0, 7)[:count], out=tmp_path / f"{count}.png"))
        with Image.open(path) as picture:
            assert picture.size[0] > 500
            heights.append(picture.size[1])
    assert heights[1] > 1.4 * heights[0]


@pytest.mark.parametrize(
    ("names", "images", "message"),
    [
        ((), (), "at least one run"),
        (("image",), (1, 2), "one image per run: 1, got 2"),
        (("image",), (100_000,), r"in \[0, "),
        (("bp",), (), "no goodness to show"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    runs: dict[str, Path], tmp_path: Path, names: tuple[str, ...], images: tuple[int, ...], message: str
) -> None:
    asked = overview.Options(runs=tuple(runs[name] for name in names), images=images, out=tmp_path / "none.png")
    with pytest.raises(SettingsError, match=message):
        overview.main(asked)
    assert list(tmp_path.iterdir()) == []

"""Runs with other widths, poolings, skips and whitened images; and what is refused. On scikit-learn's digits."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from convff import as_floats, load_checkpoint
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import load_dataset
from experiments.run import folder as run_folder
from experiments.run import parts as parts_module
from experiments.run.parts import prepare
from experiments.run.train import main


def tiny(out: Path, **changes: object) -> Settings:
    defaults = {"dataset": "digits", "preset": "smoke", "out": out, "device": "cpu", "model": "cnn6"}
    return Settings(**(defaults | changes))  # type: ignore[arg-type]


def only_folder(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


@pytest.mark.parametrize("label_at", ["image", "blocks", "output"])
def test_a_run_with_all_of_them(tmp_path: Path, label_at: str) -> None:
    changes = {"widths": (10, 20, 20), "pool_after": (2,), "skip": True, "whiten": True, "label_at": label_at}
    (results,) = main(tiny(tmp_path, train_images=200, precision="float32", **changes))
    folder = only_folder(tmp_path)
    recipe = json.loads((folder / "settings.json").read_text())["recipe"]
    assert recipe["model_options"] == {"widths": [10, 20, 20], "pool_after": [2], "skip": True, "whiten": 3}
    net = load_checkpoint(folder / "checkpoint.safetensors").net
    assert [block.layer.in_channels for block in net] == [9, 10, 30]
    assert [tuple(a.shape[1:]) for a in net(torch.rand(1, 1, 8, 8))] == [(10, 8, 8), (20, 8, 8), (20, 4, 4)]

    again = run_folder.read_with_network(run_folder.read(folder))
    assert again.parts.settings.widths == (10, 20, 20)
    assert again.readout is not None
    right = (again.readout(again.parts.judged.images / 255.0).argmax(dim=1) == again.parts.judged.classes).float()
    assert right.mean().item() == pytest.approx(results.accuracy["linear"])


def test_the_whitening_is_of_the_training_images_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = prepare(tiny(tmp_path, whiten=True))
    first = parts.new_net().state_dict()
    for other in (parts.new_net(), parts.untrained()[0]):  # the control has the same
        assert all(torch.equal(first[name], value) for name, value in other.state_dict().items())
    shuffled = replace(parts, train=replace(parts.train, classes=parts.train.classes.flip(0)))
    assert torch.equal(shuffled.new_net().state_dict()["blocks.0.norm.filters"], first["blocks.0.norm.filters"])
    seed_1 = replace(parts, settings=replace(parts.settings, seed=1)).new_net().state_dict()
    assert torch.equal(seed_1["blocks.0.norm.filters"], first["blocks.0.norm.filters"])
    assert not torch.equal(seed_1["blocks.0.layer.weight"], first["blocks.0.layer.weight"])

    norm = next(iter(parts.new_net())).norm
    x = norm(as_floats(parts.train.images))[:, :, 1:-1, 1:-1].transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.cov(x), torch.eye(9), rtol=0, atol=0.03)

    monkeypatch.setattr(parts_module, "WHITENING_IMAGES", 10)
    few = parts.new_net().state_dict()["blocks.0.norm.filters"]
    assert not torch.allclose(few, first["blocks.0.norm.filters"], atol=1e-3)
    every = -(-len(parts.train) // 10)
    assert len(parts.train.images[::every]) <= 10


def test_the_initial_weights_do_not_hang_on_the_whitening_of_others(tmp_path: Path) -> None:
    """A skip or a whitening changes the weights that it widens; a pooling changes none."""
    plain = prepare(tiny(tmp_path)).new_net().state_dict()
    pooled = prepare(tiny(tmp_path, pool_after=(1,))).new_net().state_dict()
    assert all(torch.equal(plain[name], pooled[name]) for name in plain)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "cnn3", "widths": (8, 8)}, "--widths cannot be used: it is an option of cnn6, mlp, .*, not of cnn3"),
        ({"model": "mlp", "pool_after": (1,)}, "--pool-after cannot be used: it is an option of cnn6, not of mlp"),
        ({"model": "mlp", "pool_after": ()}, "--pool-after cannot be used: it is an option of cnn6, not of mlp"),
        ({"model": "resnet", "skip": True}, "--skip cannot be used: it is an option of cnn6, not of resnet"),
        ({"model": "cnn3", "whiten": True}, "--whiten cannot be used: it is an option of cnn6, not of cnn3"),
        ({"pool_after": (1, 7, 9)}, "--pool-after 7 9: there is no such layer, the network has 6"),
        ({"widths": (8, 8), "pool_after": (3,)}, "--pool-after 3: there is no such layer, the network has 2"),
        ({"pool_after": (1, 2, 3, 4)}, "4 poolings are too many for images of 8 x 8"),
        ({"whiten": True, "labels": "channel"}, "--whiten needs images without label channels, but the labels add 10"),
        ({"whiten": True, "labels": "layerwise"}, "--whiten needs images without label channels"),
        ({"whiten": True, "labels": "learned"}, "--whiten needs images without label channels, but the labels add 1 "),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        prepare(tiny(tmp_path, **changes))


def test_layerwise_labels_go_with_skips(tmp_path: Path) -> None:
    parts = prepare(tiny(tmp_path, labels="layerwise", skip=True, widths=(4, 5, 6), pool_after=(1,)))
    assert [block.layer.in_channels for block in parts.new_net()] == [11, 4 + 10, 9 + 10]


def test_groups_of_channels_round_widths_that_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = prepare(tiny(tmp_path, label_at="output", widths=(12, 27), pool_after=()), load_dataset("digits", None))
    assert parts.recipe.model_options["widths"] == (10, 30)
    assert "note: widths (12, 27) rounded to (10, 30)" in capsys.readouterr().out

"""Runs with the label in every block, on scikit-learn's digits."""

import json
from pathlib import Path

import pytest
import torch

from convff import Checkpoint, load_checkpoint
from experiments.config.settings import Settings
from experiments.rejudge import rejudge
from experiments.run import folder as run_folder
from experiments.run.train import main


def tiny(out: Path, **changes: object) -> Settings:
    defaults = {"dataset": "digits", "preset": "smoke", "label_at": "blocks", "out": out, "device": "cpu"}
    defaults |= {"precision": "float32"}  # by hand is in float32 too
    return Settings(**(defaults | changes))


def terms_of(checkpoint: Checkpoint) -> list[torch.Tensor]:
    saved = checkpoint.tensors_of("beside")
    return [saved[f"{index}.terms"] for index in range(len(checkpoint.net))]


@pytest.mark.parametrize(("rule", "model", "regions"), [("ff", "cnn3", 2), ("hebbff", "mlp", 1)])
def test_a_run(tmp_path: Path, rule: str, model: str, regions: int) -> None:
    changes = {} if regions == 1 else {"label_regions": regions}
    (results,) = main(tiny(tmp_path, rule=rule, model=model, width=8, **changes))
    (folder,) = tmp_path.iterdir()
    assert folder.name == f"digits-blocks-{rule}-smoke-seed0"
    checkpoint = load_checkpoint(folder / "checkpoint.safetensors")
    assert [tuple(terms.shape[-2:]) for terms in terms_of(checkpoint)] == [(regions, regions)] * len(checkpoint.net)
    report = json.loads((folder / "results.json").read_text())
    assert list(report["scores"]) == ["blocks", "linear"]
    assert report["labels"] == "blocks"

    assert rejudge(folder)["accuracy"]["blocks"] == results.accuracy["blocks"]
    trained = run_folder.read_with_network(run_folder.read(folder))
    assert torch.equal(trained.modules["beside"][0].terms, terms_of(checkpoint)[0])
    predicted = trained.parts.evaluator().own(trained.net, trained.modules).predicted
    images, classes = trained.parts.judged.images / 255, trained.parts.judged.classes
    by_hand = scores_by_hand(trained.net(images), terms_of(checkpoint)).argmax(dim=1)
    assert (by_hand == predicted).float().mean() > 0.99
    assert (predicted == classes).float().mean().item() == pytest.approx(results.accuracy["blocks"])


@torch.no_grad()
def scores_by_hand(activities: list[torch.Tensor], terms: list[torch.Tensor]) -> torch.Tensor:
    """The mean of 2 a v + 1[a > 0] v^2 over all units, summed over all blocks but the first: from the definition."""
    total = torch.zeros(len(activities[0]), 10)
    for a, u in list(zip(activities, terms, strict=True))[1:]:
        v = u - u.mean(dim=0)
        v = v.flatten(1) if a.ndim == 2 else torch.nn.functional.interpolate(v, size=a.shape[2:], mode="nearest")
        for k in range(10):
            total[:, k] += (2 * a * v[k] + (a > 0) * v[k].square()).flatten(1).mean(dim=1)
    return total


@pytest.mark.slow  # tests/convff/places/test_blocks.py trains a network of either form too
@pytest.mark.parametrize("form", ["frozen", "exact"])
def test_it_learns(tmp_path: Path, form: str) -> None:
    options = {"model": "cnn6", "width": 16, "epochs": 4, "batch_size": 16, "inference": ("goodness",)}
    options |= {"label_form": form}
    (results,) = main(tiny(tmp_path, **options))
    assert results.accuracy["blocks"] is not None
    assert results.accuracy["blocks"] > 0.6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "echo"}, "--labels echo would change nothing: with --label-at blocks no image carries a label"),
        ({"model": "cnn6", "label_regions": 3}, "3 x 3 regions must divide the map evenly, got a map of 8 x 8"),
        ({"label_at": "gains", "label_regions": 2}, "label at gains takes no option regions"),
        ({"label_at": "output", "label_form": "exact"}, "label at output takes no option exact"),
        ({"stabilise": ("oja",)}, "this place of the label has none"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(tiny(tmp_path, **changes))
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

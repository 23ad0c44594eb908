"""The Python of docs/using.md and docs/data.md runs, on a network and a picture that stand for the reader's."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from convff import AtOutput, Classifier, ForwardForward, ForwardForwardClassifier, LinearReadout, cnn3
from labels import NoLabels
from tests.pages import DOCS, python_blocks

(EXPORTED,) = python_blocks(DOCS["export.md"])
USED, OWN, OF_A_CHAIN, IN_SCIKIT_LEARN = python_blocks(DOCS["using.md"])


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """A network in runs/a-run of the current folder."""
    monkeypatch.chdir(tmp_path)
    net, labels = cnn3((3, 8, 8), width=4, kernel=3), NoLabels(2)
    torch.nn.init.normal_((readout := LinearReadout(net, labels, (3, 8, 8))).linear.weight)
    rule, about = ForwardForward(label_at=AtOutput(2)), {"model": "cnn3", "options": {"width": 4, "kernel": 3}}
    model = Classifier(
        net,
        labels,
        rule,
        class_names=("cat", "dog"),
        image_shape=(3, 8, 8),
        modules={"readout": readout},
        **about,  # type: ignore[arg-type]
    )
    Path("runs/a-run").mkdir(parents=True)
    model.save("runs/a-run/checkpoint.safetensors")
    return model


def test_a_run_is_used(a_run: Classifier) -> None:
    for name in ("photo.png", "photo.jpg"):
        Image.effect_mandelbrot((40, 30), (-2, -1, 1, 1), 50).save(name)
    names: dict[str, object] = {}
    exec(compile(USED, "using.md", "exec"), names)
    scores, readout_scores, maps, lead = (names[name] for name in ("scores", "readout", "maps", "lead"))
    assert isinstance(names["names"], list)
    assert len(names["names"]) == 2
    assert scores.shape == readout_scores.shape == (1, 2)  # type: ignore[attr-defined]
    assert not torch.equal(scores, readout_scores)  # type: ignore[arg-type]
    assert names["best"] == a_run.predict("photo.png")[0]
    assert maps.shares().sum().item() == pytest.approx(scores.max().item(), rel=1e-3)  # type: ignore[attr-defined]
    assert lead.shape == (1, 8, 8)  # type: ignore[attr-defined]


def test_a_run_is_exported(a_run: Classifier) -> None:
    names: dict[str, Any] = {}
    exec(compile(EXPORTED, "export.md", "exec"), names)
    assert Path("net.pt2").is_file()
    assert names["same"].shape == (3, len(a_run.class_names))


def test_a_network_of_ones_own_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(OWN, "using.md", "exec"), names)
    model, again, data = names["model"], names["again"], names["data"]
    assert again.ways == model.ways == ("groups", "linear")  # type: ignore[attr-defined]
    assert again.predict(data.images) == model.predict(data.images)  # type: ignore[attr-defined]


def test_a_chain_becomes_a_network() -> None:
    names: dict[str, Any] = {}
    exec(compile(OF_A_CHAIN, "using.md", "exec"), names)
    assert [a.shape[1] for a in names["net"](torch.rand(2, 1, 8, 8))] == [6, 20]


@pytest.mark.slow
def test_digits_are_learnt_in_scikit_learn() -> None:
    names: dict[str, Any] = {}
    exec(compile(IN_SCIKIT_LEARN, "using.md", "exec"), names)
    assert names["accuracy"] > 0.93
    assert names["search"].best_score_ > 0.9
    assert names["scores"].argmax(dim=1).tolist() == [int(name) for name in names["model"].predict(names["X_test"][:2])]


def test_the_page_on_scikit_learn_runs_on_few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = ForwardForwardClassifier.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "epochs", 1)
    monkeypatch.setitem(defaults, "widths", 20)
    names: dict[str, Any] = {}
    exec(compile(IN_SCIKIT_LEARN, "using.md", "exec"), names)
    assert names["scores"].shape == (2, 10)
    assert set(names["search"].best_params_) == {"labels"}
    assert 0.2 < names["accuracy"] <= 1


def test_data_of_other_libraries_are_read() -> None:
    (block,) = python_blocks(DOCS["data.md"])
    names: dict[str, object] = {}
    exec(compile(block, "data.md", "exec"), names)
    for name in ("arrays", "dataset"):
        assert names[name].shape == (3, 32, 32)  # type: ignore[attr-defined]
        assert names[name].class_names == ("cat", "dog")  # type: ignore[attr-defined]

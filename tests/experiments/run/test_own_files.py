"""Parts from a file of the user's own: a run uses them, and no file of the package is edited."""

import json
from pathlib import Path

import pytest

from experiments.config.command_line import parse
from experiments.config.settings import Settings, SettingsError, settings_from_json
from experiments.rejudge import rejudge
from experiments.run import folder as run_folder
from experiments.run.building import look_up
from experiments.run.resume import resumed_settings
from experiments.run.train import main

ROOT = Path(__file__).parent.parent.parent.parent
MINE = '''
"""A rule, a label family, a gate, a contrast and an evaluation, as a user would write them."""

from dataclasses import dataclass

import torch

from convff import LocalUpdate, Outer, Score, predictions
from convff.contrasts import Layout, Passes
from convff.inference.goodness import block_goodness_of
from labels.base import check_labelled

USED = set()


@dataclass(frozen=True, kw_only=True)
class Covariance:
    """Plain Hebb on the right pass, anti-Hebb on the wrong one; no goodness takes part."""

    batch_reduction = "mean"
    evaluations = ("linear",)

    def init(self, block):
        return torch.zeros(())

    def direction(self, seen, state):
        USED.add("rule")
        right = torch.where(torch.arange(len(seen.a)) % seen.layout.passes == 0, 1.0, -1.0)
        post = -seen.a * right.view(-1, *[1] * (seen.a.ndim - 1)) / len(seen.a)
        return LocalUpdate((Outer(seen.x, post),), state + 1, {"activity": seen.a.mean()})


class Stripes:
    """Every class darkens the rows whose number leaves its remainder."""

    def __init__(self, num_classes):
        self.num_classes = num_classes

    def __call__(self, images, classes):
        USED.add("labels")
        check_labelled(images, classes, self.num_classes)
        rows = torch.arange(images.shape[-2])
        kept = (rows % self.num_classes != classes[..., None]).to(images.dtype)[..., None, :, None]
        return images.view(len(images), *[1] * (classes.ndim - 1), *images.shape[1:]) * kept

    def neutral(self, images):
        return images

    def patterns(self, image):
        return self(image[None], torch.arange(self.num_classes)[None])[0]

    def channels(self, image_channels):
        return image_channels

    def spec(self):
        return {"family": "stripes", "num_classes": self.num_classes}

    @classmethod
    def from_spec(cls, spec):
        return cls(spec["num_classes"])


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A gate that is the same whatever the goodness: 1 for the right label, -1 shared by the wrong ones."""

    scale: float = 1.0

    def __call__(self, g, unit_goodness):
        USED.add("gate")
        return torch.cat([torch.ones_like(g[:, :1]), -torch.ones_like(g[:, 1:]) / (g.shape[1] - 1)], dim=1)

    def loss(self, g, unit_goodness):
        return self.scale * (g[:, 1:].mean(dim=1) - g[:, 0])

    def discriminates(self, g, unit_goodness):
        return (g[:, :1] > g[:, 1:]).float()


class NextClass:
    """The wrong label is always the class that follows."""

    def __init__(self, labels):
        self.labels = labels

    def __call__(self, batch, generator, scores=None, rows=slice(None)):
        USED.add("contrast")
        inputs, classes = batch.inputs[rows], batch.targets[rows]
        both = torch.stack([classes, (classes + 1) % self.labels.num_classes], dim=1)
        return Passes(self.labels(inputs, both).flatten(0, 1), Layout(classes, both, 2))


def last_block(net, run, data):
    """Accuracy by the goodness of the last block alone."""
    USED.add("evaluation")
    by_block = block_goodness_of(net, data, run.labels, goodness=run.rule.goodness, precision=run.precision)
    predicted = predictions(by_block, [len(by_block) - 1])
    return Score(value=(predicted == data.classes).float().mean().item(), predicted=predicted)
'''


BROKEN = """
class NoStep:
    evaluations = ("linear",)
    def init(self, block): ...

class NoJudge(NoStep):
    evaluations = None
    def direction(self, seen, state): ...

class OneWord(NoJudge):
    evaluations = "linear"

class NoWord(NoJudge):
    evaluations = ()
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return str(file)


def tiny(out: Path, **changes: object) -> Settings:
    return Settings(**({"dataset": "digits", "preset": "smoke", "out": out, "device": "cpu"} | changes))


def test_every_kind_of_part_is_used_by_a_run(tmp_path: Path, mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "runs"
    parts = {"labels": f"{mine}:Stripes", "gate": f"{mine}:Linear", "contrast": f"{mine}:NextClass"}
    (results,) = main(
        tiny(out, **parts, model="cnn6", width=8, train_images=300, inference=("both", f"{mine}:last_block"))
    )
    assert look_up("set", f"{mine}:USED", {}) == {"labels", "gate", "contrast", "evaluation"}
    assert list(results.scores) == ["goodness", "linear", f"{mine}:last_block"]
    # The same figure by two ways: the package's, block by block, and the user's.
    assert results.scores[f"{mine}:last_block"]["value"] == results.per_layer["accuracy"][-1]

    (folder,) = out.iterdir()
    assert folder.name == "digits-Stripes-ff-smoke-seed0"
    assert (folder / "own" / "mine.py").read_text() == MINE
    saved = json.loads((folder / "settings.json").read_text())["settings"]
    assert settings_from_json(saved).gate == parts["gate"]
    monkeypatch.setenv(run_folder.CONSENT, "1")
    assert run_folder.read_with_network(run_folder.read(folder)).parts.labels.spec()["family"] == "stripes"
    assert rejudge(folder)["accuracy"]["goodness"] == results.accuracy["goodness"]


def test_a_rule_of_ones_own_without_any_goodness(tmp_path: Path, mine: str) -> None:
    (results,) = main(tiny(tmp_path / "runs", rule=f"{mine}:Covariance", model="cnn6", width=8, train_images=300))
    assert "rule" in look_up("set", f"{mine}:USED", {})
    assert results.accuracy["linear"] is not None
    assert results.accuracy["goodness"] is None
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "digits-fourier-Covariance-smoke-seed0"
    assert "activity_1" in (folder / "metrics.csv").read_text()


@pytest.mark.parametrize("consent", [None, "", "0"])
def test_code_that_a_run_folder_names_is_not_run_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consent: str | None
) -> None:
    """Whoever made the folder chose the file, e.g. one in the folder itself."""
    monkeypatch.delenv(run_folder.CONSENT, raising=False)
    if consent is not None:
        monkeypatch.setenv(run_folder.CONSENT, consent)
    main(tiny(tmp_path, inference=("goodness",), train_images=100))
    (folder,) = tmp_path.iterdir()
    hostile = folder / "hostile.py"
    hostile.write_text(f"open({str(tmp_path / 'harm')!r}, 'w').close()\nfrom convff import HebbFF as Rule\n")
    about = json.loads((folder / "settings.json").read_text())
    about["settings"]["rule"] = f"{hostile}:Rule"
    (folder / "settings.json").write_text(json.dumps(about))
    run = run_folder.read(folder)  # its figures can be read
    for act in (
        lambda: run_folder.read_with_network(run),
        lambda: rejudge(folder),
        lambda: resumed_settings(Settings(resume=folder, epochs=9)),
    ):
        with pytest.raises(
            SettingsError, match=r"names .*hostile\.py, whose code would be run: set CONVFF_OWN_FILES=1"
        ):
            act()
    assert not (tmp_path / "harm").exists()


def test_from_the_command_line(
    tmp_path: Path, mine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # where mine.py is
    options = "--preset smoke --train-images 100 --inference goodness --labels ./mine.py:Stripes"
    main(parse(Settings(dataset="digits", device="cpu"), None, options.split()))
    assert "labels Stripes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--rule", "hebbf", "did you mean hebbff?"),
        ("--rule", "nowhere.py:Rule", "no file nowhere.py"),
        ("--labels", "mine.py", "FILE.py:NAME"),
        ("--inference", "accuracy", "both,goodness,"),
    ],
)
def test_a_name_of_nothing_is_refused_at_once(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(Settings(dataset="digits"), None, [option, value])
    assert stop.value.code == 2
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in printed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "{mine}:Rul"}, "holds no Rul; it holds dataclass, .*Covariance"),
        ({"rule": "{failing}:Rule"}, "failing.py cannot be run: ZeroDivisionError: division by zero"),
        ({"rule": "nothing"}, "rule nothing is unknown"),
        ({"rule": "{broken}:NoStep"}, "must have init and direction: it has no direction"),
        ({"rule": "{broken}:NoJudge"}, r"must have `evaluations`, .* got None"),
        ({"rule": "{broken}:OneWord"}, r"must have `evaluations`, .* got 'linear'"),
        ({"rule": "{broken}:NoWord"}, r"must have `evaluations`, .* got \(\)"),
        ({"labels": "{mine}:Stripes", "label_intensity": 0.5}, "has no intensity"),
        ({"gate": "{mine}:Linear", "theta": 1.0}, "has no threshold"),
        ({"contrast": "{mine}:NextClass", "negatives": 3}, "no pass has a wrong label"),
        ({"inference": ("head",)}, "--inference head: rule ff is judged by goodness, linear"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, mine: str, settings: dict[str, object], message: str) -> None:
    from experiments.run.parts import prepare

    broken, failing = tmp_path / "broken.py", tmp_path / "failing.py"
    broken.write_text(BROKEN)
    failing.write_text("1 / 0\n")
    filled = {
        name: value.format(mine=mine, broken=broken, failing=failing) if isinstance(value, str) else value
        for name, value in settings.items()
    }
    with pytest.raises(SettingsError, match=message):
        prepare(tiny(tmp_path, **filled))


def test_the_users_file_passes_the_contract(mine: str) -> None:
    from convff.testing import check_labels, check_rule

    check_rule(look_up("rule", f"{mine}:Covariance", {})())
    check_labels(look_up("labels", f"{mine}:Stripes", {})(3), image_shape=(1, 8, 8))

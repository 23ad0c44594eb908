"""What a run saves is a classifier: loaded without data, it predicts what the run's own evaluation predicted."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import convff
from convff import EVALUATIONS, PLACES, RULES, ImageData, LinearReadout, save_checkpoint
from experiments.config.settings import Settings
from experiments.run.parts import Parts, prepare
from experiments.run.training import checkpoint_of

OLD = Path(__file__).parent.parent.parent / "data" / "version-0.1"
CASES: dict[str, dict[str, object]] = {
    "goodness": {"labels": "fourier", "inference": ("both", "goodness_from")},
    "goodness, candidates": {"labels": "onehot", "rule": "hebbff", "candidates": 3},
    "goodness, trained labels": {"labels": "learned", "stabilise": ("decay",)},
    "goodness, every layer": {"labels": "layerwise", "rule": "hebbff", "engine": "autograd"},
    "goodness, joint readout": {"net": "hinton", "width": 20, "labels": "onehot", "preset": "paper"},
    "groups": {"label_at": "output", "similarity": 0.5},
    "groups, hebbff": {"label_at": "output", "rule": "hebbff"},
    "blocks": {"label_at": "blocks"},
    "blocks, exact": {"label_at": "blocks", "label_form": "exact"},
    "beside": {"label_at": "beside", "pool_after": (1,)},
    "stream": {"label_at": "stream"},
    "gains": {"label_at": "gains"},
    "local_heads": {"rule": "local_head"},
    "settled": {"rule": "recurrent", "model": "recurrent_mlp", "width": 20},
    "head": {"rule": "bp"},
    "head, ghl": {"rule": "ghl", "model": "deephebb", "widths": (4, 4, 4)},
    "linear": {"label_at": "nowhere", "model": "cnn6", "width": 20},
    "dropout": {"rule": "softhebb", "width": 4},
}
SMALL = {"dataset": "digits", "preset": "smoke", "train_images": 60, "batch_size": 30, "epochs": 1, "device": "cpu"}


def parts_of(case: str) -> Parts:
    plain: dict[str, object] = {} if {"net", "model"} & set(CASES[case]) else {"model": "cnn6", "width": 20}
    if CASES[case].get("rule") == "softhebb":
        plain = {}
    return prepare(Settings(**(SMALL | {"precision": "float32"} | plain | CASES[case])))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_a_loaded_network_predicts_what_the_run_did(case: str, tmp_path: Path) -> None:
    parts = parts_of(case)
    parts = replace(parts, judged=parts.judged.part(0, 40))
    net, evaluator = parts.new_net(), parts.evaluator()
    joint = parts.joint_readout(net)
    trainer = parts.new_trainer(net, joint)
    for epoch in range(trainer.stretches.total):
        trainer.epoch(parts.train, epoch)
    beside = dict(trainer.step.modules) | ({} if joint is None else {"joint_readout": joint})
    run = evaluator._new_run(beside)
    evaluations = evaluator.evaluations
    if joint is not None:
        evaluations = evaluations | {joint.evaluation: EVALUATIONS[joint.evaluation]}
    wanted = {name: evaluation(net, run, parts.judged).predicted for name, evaluation in evaluations.items()}
    beside |= run.fitted | dict(zip(["readout"], run.readouts.values(), strict=False))
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint_of(parts, net, beside))

    model = convff.load(tmp_path)
    assert model.ways[0] == case.partition(",")[0]
    assert set(wanted) <= set(model.ways)
    for name, predicted in wanted.items():
        assert predicted is not None
        expected = [parts.train.class_names[k] for k in predicted.tolist()]
        assert model.predict(parts.judged.images, by=name) == expected, name
        assert model.predict(parts.judged.images.float() / 255, by=name) == expected, name
    saved = tmp_path / "again.safetensors"
    model.save(saved)
    again = convff.load(saved)
    assert again.ways == model.ways
    assert torch.equal(again.scores(parts.judged.images), model.scores(parts.judged.images))


def test_every_evaluation_place_and_rule_is_tried() -> None:
    tried = {case.partition(",")[0] for case in CASES} | {"goodness_from", "softmax_joint"}
    readouts = {"linear_joint"}  # read like `softmax_joint`; see tests/convff/test_classifier.py
    assert tried | readouts == {name for name, evaluation in EVALUATIONS.items() if evaluation.scores is not None}
    assert {str(case.get("label_at", "image")) for case in CASES.values()} == set(PLACES)
    assert {str(case.get("rule", "ff")) for case in CASES.values()} == set(RULES)


def test_an_old_run_asks_for_its_rule() -> None:
    (folder,) = [path for path in OLD.iterdir() if "fourier-ff" in path.name]
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors was written before .* pass the rule .* `rule=`"):
        convff.load(folder)
    model = convff.load(folder, rule=convff.ForwardForward())
    digits = prepare(Settings(dataset="digits", preset="smoke", device="cpu", labels="onehot")).judged
    then = json.loads((folder / "results.json").read_text())["accuracy"]
    for by in ("goodness", "linear"):  # another processor may round two scores to another order
        assert accuracy(model, digits, by) == pytest.approx(then[by], abs=1 / 360)


def accuracy(model: convff.Classifier, data: ImageData, by: str) -> float:
    right = [data.class_names[k] for k in data.classes.tolist()]
    return sum(map(str.__eq__, model.predict(data.images, by=by), right)) / len(right)


def test_loading_imports_neither_data_nor_figures_nor_the_compiler_of_torch(tmp_path: Path) -> None:
    """The compiler would take a third of the time of `convff predict`. A shipped network is loaded as well."""
    parts = parts_of("groups")
    net = parts.new_net()
    readout = LinearReadout(net, parts.labels, parts.train.shape)
    save_checkpoint(tmp_path / "checkpoint.safetensors", checkpoint_of(parts, net, {"readout": readout}))
    program = (
        "import sys, torch, convff\n"
        f"shipped, model = convff.pretrained('mnist-fourier'), convff.load({str(tmp_path)!r})\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "print(len(shipped.class_names), len(model.predict(torch.zeros(2, 8, 8))))\n"
        "bad = {'experiments', 'cam', 'torchvision', 'matplotlib', 'sklearn', 'scipy', 'tyro'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {bad}' if bad else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "10 2\n"

"""The sizes of the papers' settings: which runs there are, and what is measured of them."""

from dataclasses import replace

import pytest

from experiments.datasets import load_dataset
from experiments.paper_sizes import PAPERS, Sizes, chosen, main, measured, settings_of


@pytest.mark.parametrize("run", PAPERS)
def test_every_run_is_a_command_with_its_papers_preset(run: str) -> None:
    assert settings_of(run, "cpu").preset == "paper"


def test_runs_are_chosen_by_a_word() -> None:
    assert chosen(()) == list(PAPERS)
    assert chosen(["fasthebb", "dense"]) == ["ghl.py --model fasthebb", "unsupervised.py --net dense"]
    with pytest.raises(ValueError, match="--only resnext: no run has it"):
        chosen(["resnext"])
    with pytest.raises(SystemExit):
        main(Sizes(only=("resnext",)))


@pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")
@pytest.mark.parametrize("epoch", [False, True])
def test_a_run_is_measured(epoch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    run = "mnist.py --labels fourier"
    small = replace(settings_of(run, "cpu"), dataset="digits", train_images=64, batch_size=16, width=4)
    monkeypatch.setattr("experiments.paper_sizes.settings_of", lambda run, device: small)
    row = measured(run, Sizes(seconds=0.05, epoch=epoch), lambda name: load_dataset(name, None))
    assert (row["run"], row["data"], row["epochs"]) == (run, "scikit-learn digits", 200)
    assert row["hours in all"] == pytest.approx(row["minutes per epoch"] * 200 / 60)
    assert row["million weights"] > 0
    assert row["MiB of a step"] > 0

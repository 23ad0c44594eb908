"""Several processes: the same run as one, whatever their number, and a clear end where one is lost."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from experiments.run.torchrun import start_processes

EPOCHS = 4
TRAIN = """
import torch
from convff import ImageData, LinearReadout, RULES, Schedule, Trainer, cnn6
from convff.randomness import keyed_generator
from experiments.run.torchrun import processes
from labels import FourierLabels, LearnedLabels

images = torch.randint(256, (86, 3, 8, 8), generator=keyed_generator(0, "images")).byte()  # a last batch of 3 images
data = ImageData(images, torch.arange(86) % 4, tuple("abcd"), "noise")
tensors, metrics = {}, {}
with processes(torch.device("cpu")) as group:
    waves = FourierLabels(4, (8, 8))
    greedy = {"order": "one_by_one", "redraw": False, "cache_gib": 1.0}
    for rule, optimizer, labels, options in (
        ("ff", "adam", waves, {}),
        ("hebbff", "relative", waves, {}),
        ("hebbff", "relative", LearnedLabels(4, (8, 8)), {}),
        ("ff", "adam", waves, greedy),
    ):
        name = f"{rule} {type(labels).__name__} {len(options)}"
        shape = (3 + isinstance(labels, LearnedLabels), 8, 8)
        torch.manual_seed(group.rank)  # the weights differ at first: those of rank 0 count
        net = cnn6(shape, widths=(6, 6, 6), pool_after=(1,))
        readout = LinearReadout(net, labels, (3, 8, 8), grid=2)
        schedule = Schedule(epochs=epochs, batch_size=17, optimizer=optimizer, lr=0.003, decay="constant")
        trainer = Trainer(net, labels, RULES[rule](), schedule=schedule, readout=readout, processes=group, **options)
        print("started", flush=True)
        metrics[name] = [record.metrics for record in trainer.fit(data)]
        tensors |= {f"{name}.{key}": tensor for key, tensor in net.state_dict().items()}
        tensors |= {f"{name}.readout.{key}": tensor for key, tensor in readout.state_dict().items()}
        if isinstance(labels, LearnedLabels):
            tensors |= {"maps": labels.maps.data, "moved": labels.maps.data - LearnedLabels(4, (8, 8)).maps.data}
    if group.rank == 0:
        torch.save((tensors, metrics), out)
"""


Result = tuple[dict[str, torch.Tensor], dict[str, list[dict[str, list[float]]]]]


def start_two(out: Path, epochs: int) -> list[subprocess.Popen[str]]:
    program = f"out, epochs = {str(out)!r}, {epochs}\n{TRAIN}"
    return start_processes(["-c", program], 2, stderr=subprocess.PIPE)


def train_alone(out: Path) -> Result:
    """As a user without torchrun, in this process: another would spend most of its time on imports."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the others have
    try:
        with torch.random.fork_rng(devices=[]):
            exec(TRAIN, {"out": out, "epochs": EPOCHS})
    finally:
        torch.set_num_threads(threads)
    return torch.load(out, weights_only=True)


def test_the_number_of_processes_does_not_change_a_run(tmp_path: Path) -> None:
    """24 steps of each rule, of labels that learn and of each block in turn.

    Some batches are too small to share; weights differ at first.
    """
    started = start_two(tmp_path / "two.pt", EPOCHS)
    alone, alone_metrics = train_alone(tmp_path / "one.pt")
    for process in started:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
    shared, shared_metrics = torch.load(tmp_path / "two.pt", weights_only=True)
    assert len(alone) > 20
    assert alone["moved"].abs().flatten(1).amax(dim=1).min() > 1e-3
    for name, tensor in alone.items():
        # The last batch of 3 is taken whole by everyone, which Bessel's correction of the running variance sees.
        tolerance = 1e-3 if "running_var" in name else 1e-6
        assert (tensor - shared[name]).abs().max() <= tolerance, name
    for rule, epochs in alone_metrics.items():
        for one, two in zip(epochs, shared_metrics[rule], strict=True):
            assert one.keys() == two.keys()
            for name, values in one.items():
                assert values == pytest.approx(two[name], abs=1e-5), name


@pytest.mark.slow
def test_a_lost_process_ends_the_others_with_a_message(tmp_path: Path) -> None:
    started = start_two(tmp_path / "never.pt", epochs=100_000)
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
        time.sleep(0.5)
        started[1].send_signal(signal.SIGKILL)
        _, errors = started[0].communicate(timeout=30)
    finally:
        for process in started:
            process.kill()
            process.communicate()
    assert started[0].returncode == 1
    assert "LostProcessError: another process of this run ended or no longer answers" in errors

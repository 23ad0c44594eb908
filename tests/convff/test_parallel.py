"""Several processes: the same run as one, whatever their number, and a clear end where one is lost."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]

TRAIN = """
import sys, torch
from convff import Block, ImageData, LayerLocalNet, LengthNorm, LinearReadout, RULES, Schedule, Trainer, cnn6
from convff.randomness import keyed_generator
from experiments.processes import processes
from labels import FourierLabels

rule, out, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.manual_seed(int(sys.argv[4]))  # weights may differ at first: those of rank 0 count
images = torch.randint(256, (86, 3, 8, 8), generator=keyed_generator(0, "images")).byte()  # a last batch of 3 images
data = ImageData(images, torch.arange(86) % 4, tuple("abcd"), "noise")
labels = FourierLabels(4, (8, 8))
net = cnn6((3, 8, 8), widths=(6, 6, 6), pool_after=(1,))
optimizer = "relative" if rule == "hebbff" else "adam"
with processes(torch.device("cpu")) as group:
    readout = LinearReadout(net, labels, (3, 8, 8), grid=2)
    schedule = Schedule(epochs=epochs, batch_size=17, optimizer=optimizer, lr=0.003, decay="constant")
    trainer = Trainer(net, labels, RULES[rule](), schedule=schedule, readout=readout, processes=group)
    print("started", flush=True)
    records = list(trainer.fit(data))
    if group.rank == 0:
        tensors = {**dict(net.state_dict()), **{f"readout.{n}": t for n, t in readout.state_dict().items()}}
        torch.save((tensors, [record.metrics for record in records]), out)
"""


def start(count: int, arguments: list[str], seeds: list[int] | None = None) -> list[subprocess.Popen[str]]:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    common = os.environ | {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
    return [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, *arguments, str((seeds or [0] * count)[rank])],
            env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def train(count: int, rule: str, out: Path, seeds: list[int] | None = None) -> tuple[dict, list]:
    started = start(count, [rule, str(out), "4"], seeds)
    for process in started:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
    tensors, metrics = torch.load(out, weights_only=True)
    return tensors, metrics


@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_the_number_of_processes_does_not_change_a_run(rule: str, tmp_path: Path) -> None:
    """24 steps, some of them of a batch too small to share; rank 1 starts from other weights."""
    alone, alone_metrics = train(1, rule, tmp_path / "one.pt")
    shared, shared_metrics = train(3, rule, tmp_path / "three.pt", seeds=[0, 1, 2])
    for name, tensor in alone.items():
        # The last batch of 3 is taken whole by everyone, which Bessel's correction of the running variance sees.
        tolerance = 1e-3 if "running_var" in name else 1e-6
        assert (tensor - shared[name]).abs().max() <= tolerance, name
    for one, three in zip(alone_metrics, shared_metrics, strict=True):
        assert one.keys() == three.keys()
        for name, values in one.items():
            assert values == pytest.approx(three[name], abs=1e-5), name


def test_a_lost_process_ends_the_others_with_a_message(tmp_path: Path) -> None:
    started = start(2, ["ff", str(tmp_path / "never.pt"), "100000"])
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

"""Inference over the readout's candidates; trains for a minute."""

import time

from convff.inference import predictions
from experiments import judge
from experiments.benchmarks.bench import Bench, Row
from experiments.prepare import prepare
from experiments.settings import Settings


def measure(bench: Bench) -> list[Row]:
    """Accuracy and time of goodness inference over 100 classes: all labels, and the readout's candidates."""
    settings = Settings(
        dataset="cifar100", labels="channel", device=str(bench.device), preset="smoke" if bench.small else "quick"
    )
    parts = prepare(settings)
    net = parts.new_net()
    for _ in parts.new_trainer(net, None).fit(parts.train):
        pass
    readout = parts.new_readout(net)
    readout.fit(parts.train.part(0, parts.recipe.readout_images), precision=parts.precision)
    judged = parts.judged.part(0, 20 if bench.small else 2000)
    rows: list[Row] = []
    for count in (100, 20, 10, 5):
        start = time.perf_counter()
        pruned = count < parts.labels.num_classes
        candidates = readout.candidates(judged, count, precision=parts.precision) if pruned else None
        by_block = judge.block_goodness_by(parts, net, judged, candidates)
        seconds = time.perf_counter() - start
        predicted = predictions(by_block, range(parts.first_block(net), len(net)), candidates)
        rows.append(
            {
                "data": judged.name,
                "labels tried": count,
                "images/s": len(judged) / seconds,
                "accuracy": judge.share_right(predicted, judged.classes),
            }
        )
    for row in rows:
        row["times as fast"] = row["images/s"] / rows[0]["images/s"]
        row["points lost"] = 100 * (rows[0]["accuracy"] - row["accuracy"])
    return rows

"""The short tables that a run prints at its end."""

from collections.abc import Iterable, Sequence

from convff import EVALUATIONS, Finding, first_of
from experiments.run.inference import title_of
from experiments.run.results import Results, seed_summary
from experiments.tools.words import labels_in_words, rule_in_words

CONTROL = "the same fitted readout, untrained network (control)"
NAME_WIDTH = 54
WARNING = "warning: "
PER_BLOCK = (
    ("accuracy", "accuracy by goodness, block by block"),
    ("discrimination", "right label over wrong one, block by block"),
    ("label_bias", "label bias on a blank image (0 is ideal)"),
)
DIRECTIONS = (
    ("trained", "directions that features use, block by block"),
    ("untrained", "the same, untrained network (control)"),
)


def closing_table(results: Results) -> str:
    """Return the short table that ends a run, with remarks in words."""
    accuracy, control = results.accuracy, results.control["untrained_linear"]
    names = {name: title_of(name) for name in (*EVALUATIONS, *results.scores)}
    if results.candidates is not None:
        names["goodness"] += f" of the readout's {results.candidates} best labels"
    labels = labels_in_words(results.labels, results.label_selection)
    rule = rule_in_words(results.rule, results.variant + results.stabilise, results.order)
    lines = [
        f"{results.dataset} · labels {labels} · rule {rule} · preset {results.preset} "
        f"· seed {results.seed} · judged on {results.judged_on}",
        *(_line(name, accuracy.get(key)) for key, name in names.items() if accuracy.get(key) is not None),
        _line(CONTROL, control),
    ]
    for key, name in PER_BLOCK:
        values = results.per_layer.get(key) or results.label_only_probe.get(key)
        if values:
            lines.append(f"  {name:{NAME_WIDTH}}" + " ".join(f"{value:6.3f}" for value in values))
    for key, name in DIRECTIONS:
        if values := results.participation.get(key):
            lines.append(f"  {name:{NAME_WIDTH}}" + " ".join(f"{value:6.1f}" for value in values))
    lines += _remarks(results)
    return "\n".join(lines)


def across_seeds(results: list[Results]) -> str:
    """Return mean and standard deviation (of the sample) of every accuracy over the seeds."""
    lines = [f"{len(results)} seeds, {results[0].seed} to {results[-1].seed}:"]
    for key, found in seed_summary(results)["accuracy"].items():
        mean, deviation = 100 * found["mean"], 100 * found["standard_deviation"]
        name = CONTROL if key == "untrained_linear" else title_of(key)
        lines.append(f"  {name:{NAME_WIDTH}}{mean:6.2f} ± {deviation:.2f} %")
    return "\n".join(lines)


def _line(name: str, value: float | None) -> str:
    return f"  {name:{NAME_WIDTH}}{'-' if value is None else f'{100 * value:6.2f} %'}"


def remarks_of(linear: float | None, control: float | None, findings: Iterable[Finding]) -> list[str]:
    """Return remarks on a run, in sentences.

    Args:
        linear: accuracy of the readout; None if there is none.
        control: accuracy of the same readout on the untrained network.
        findings: signs of a wrong setting.

    Example:
        >>> remarks_of(0.5, 0.6, ())
        ['The readout (50.0 %) is NOT better than on the untrained network (60.0 %): training gave it nothing.']
    """
    remarks = []
    if linear is not None and control is not None and linear <= control:
        remarks.append(
            f"The readout ({100 * linear:.1f} %) is NOT better than on the untrained network "
            f"({100 * control:.1f} %): training gave it nothing."
        )
    return remarks + [f"warning: {finding}" for finding in findings]


def remarks_on_images(notes: Iterable[str], excluded: Sequence[str], *, files: bool) -> list[str]:
    """Return what has to be known of a run's own images to trust its numbers, in sentences.

    Args:
        notes: what was found and done to the images; those that begin with "warning: " are kept.
        excluded: images that could not be read, each with its path and the reason.
        files: whether files are named, with their paths.

    Example:
        >>> remarks_on_images(["2 classes", "warning: the same image twice: a = b"], ["c.jpg is cut"], files=False)
        ['warning: the same image twice', '1 image could not be read and is excluded']
        >>> remarks_on_images([], ["c.jpg is cut", "d.jpg is cut"], files=True)
        ['2 images could not be read and are excluded: c.jpg is cut; d.jpg is cut']
    """
    found = [note if files else ": ".join(note.split(": ")[:2]) for note in notes if note.startswith(WARNING)]
    if excluded:
        count, are = ("1 image", "is") if len(excluded) == 1 else (f"{len(excluded)} images", "are")
        named = f": {first_of(excluded)}" if files else ""
        found.append(f"{count} could not be read and {are} excluded{named}")
    return found


def _remarks(results: Results) -> list[str]:
    found = remarks_of(results.accuracy.get("linear"), results.control["untrained_linear"], results.findings)
    found += remarks_on_images(results.notes, results.excluded, files=False)
    if results.is_stand_in:
        found.append("These are DRAWN STAND-IN images, not the requested data set: no number here is comparable.")
    return [f"  {remark}" for remark in found]

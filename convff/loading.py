"""A trained network from a run folder or a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from convff.checkpoint import CHECKPOINT, OWN, Checkpoint, load_checkpoint
from convff.classifier import Classifier
from convff.hub import fetch, on_hub
from convff.judged import NUMBERS, modules_of, rule_of, usual_of
from convff.labelling import Labels
from convff.network import LayerLocalNet
from convff.tensor_files import HOSTILE


def load(
    path: Path | str,
    *,
    net: LayerLocalNet | None = None,
    labels: Labels | None = None,
    rule: Any = None,
    device: torch.device | str = "cpu",
    precision: str = "float32",
) -> Classifier:
    """Return the trained network of a run folder or a checkpoint; no data are needed, and no code of the file is run.

    Args:
        path: a run folder, a file that a run or `Classifier.save` wrote, or `hf://user/name` on the Hugging Face Hub.
        net: a network of your own that gets the weights; needed if it is not of `convff.MODELS`.
        labels: labels of your own; needed if they are not of `labels.LABELS`.
        rule: a rule of your own; needed if it, its gate or its place is not of this package.
        device: where to compute.
        precision: "float32" predicts the same on every machine; "auto" is the fastest one, and may round differently.

    Raises:
        FileNotFoundError: there is no such file, or the folder has no checkpoint.
        ValueError: the file is damaged, or not a checkpoint of this package; or it needs a part of yours, which the
            message names; or the device cannot be used here; or `HubError`: the Hub does not have it, or its package is
            not installed.

    Example:
        >>> import tempfile
        >>> from convff import pretrained
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pretrained("mnist-fourier").save(f"{folder}/digits.safetensors")
        ...     load(f"{folder}/digits.safetensors").image_shape
        (1, 28, 28)
    """
    _require(device)  # before the file is read, which would be blamed
    path = fetch(path) if on_hub(path) else Path(path)
    if path.is_dir():
        path = path / CHECKPOINT
    checkpoint = load_checkpoint(path, net)
    try:
        return _classifier_of(checkpoint, labels, rule, device=device, precision=precision)
    except HOSTILE as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} {reason[:1000]}") from error


def _classifier_of(
    checkpoint: Checkpoint, labels: Labels | None, rule: Any, *, device: torch.device | str, precision: str
) -> Classifier:
    """Return the classifier of a checkpoint; errors say what its notes lack or hold, without the file's name."""
    notes = checkpoint.notes
    rule = rule_of(notes) if rule is None else rule
    labels = _labels_of(notes) if labels is None else labels
    modules = modules_of(checkpoint, labels, rule)
    about = notes.get("classifier", {"first_block": notes.get("readout", {}).get("first", 1)})
    numbers = {name: about[name] for name in NUMBERS if name in about and name != "precision"}
    channels, height, width = notes["image_shape"]
    return Classifier(
        checkpoint.net,
        labels,
        rule,
        class_names=notes["class_names"],
        image_shape=(channels, height, width),
        modules=modules,
        evaluations=about.get("evaluations"),
        usual=usual_of(checkpoint),
        model=None if checkpoint.model.startswith(OWN) else checkpoint.model,
        options=checkpoint.options,
        device=device,
        precision=precision,
        **numbers,
    )


def _require(device: torch.device | str) -> None:
    """Raise ValueError for a device that cannot be used here."""
    try:
        torch.empty(1, device=device)
    except (AssertionError, RuntimeError) as error:  # what torch raises depends on how it was built
        raise ValueError(f"device {str(device)!r} cannot be used here: {str(error).splitlines()[0]}") from error


def _labels_of(notes: Mapping[str, Any]) -> Labels:
    from convff.labels import labels_from_spec  # noqa: PLC0415 (convff knows labels only here)

    try:
        return labels_from_spec(notes["labels"])
    except ValueError as error:
        family = notes["labels"].get("family")
        raise ValueError(
            f"has labels of family {family!r:.80} ({error}): build labels of your own, and pass `labels=`"
        ) from error

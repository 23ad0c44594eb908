"""What is learnt from a chunk of windows; regimes are made of these functions.

Every function adds the chunk's share of a direction of the whole text, so the chunks add up to the same direction
whatever their size.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from convff.characters.equations import gate, layer_post
from convff.characters.lesson import Directions, Lesson, Notes
from convff.characters.net import CharacterNet, SeenLayer
from convff.characters.rollout import rollout
from convff.characters.windows import targets_of, windows_of
from convff.cross_entropy import softmax_error


def predict(net: CharacterNet, strings: Tensor, read: Sequence[Tensor], notes: Notes) -> Tensor:
    """Return the log probabilities of the next characters `[s, n, A]`, and note how well they predict.

    Args:
        net: the network.
        strings: real text `[s, T]`.
        read: what the softmax reads of each layer on all their windows, `[s (n + 1), N]`.
        notes: get nats and right predictions.
    """
    targets = targets_of(strings, net.window)
    logits = net.logits(read).view(len(strings), -1, net.characters)[:, :-1]  # no character follows the last window
    log_probabilities = logits.log_softmax(dim=2)
    notes.add("nats", -log_probabilities.gather(2, targets[..., None]).sum(dtype=torch.float64), targets.numel())
    notes.add("accuracy", (logits.argmax(dim=2) == targets).sum(), targets.numel())
    return log_probabilities


def learn_softmax(lesson: Lesson, directions: Directions, strings: Tensor, read: Sequence[Tensor]) -> Tensor:
    """Add the direction of the softmax: the gradient of the mean cross-entropy, on real text alone.

    Args:
        lesson: of this update.
        directions: the sums.
        strings: a chunk of the real text `[s, T]`.
        read: see `predict`.

    Returns:
        log probabilities of the next characters `[s, n, A]`.
    """
    found = predict(lesson.net, strings, read, lesson.notes)
    targets = targets_of(strings, lesson.net.window)
    error = softmax_error(found.flatten(0, 1), targets.flatten()) / lesson.predictions
    error = torch.nn.functional.pad(error.view_as(found), (0, 0, 0, 1)).flatten(0, 1)  # zeros for the last windows
    directions.add("softmax", lesson.net.softmax_direction(read, error))
    return found


def learn_layers(
    lesson: Lesson, directions: Directions, seen: Iterable[SeenLayer], *, real: bool, counted: Tensor | None = None
) -> None:
    """Add the direction of each hidden layer: more goodness for real windows, less for others.

    Args:
        lesson: of this update.
        directions: the sums.
        seen: what the layers did on a chunk of windows `[B, k]`.
        real: whether the windows are of real text.
        counted: 1 for windows that count, 0 for others `[B]`; all count if omitted.
    """
    kind = "real" if real else "generated"
    for index, layer in enumerate(seen):
        units = layer.a.shape[1]
        c = gate(layer.g, units, real=real)
        p = torch.sigmoid(layer.g - units)
        if counted is not None:
            c, p = c * counted, p * counted
        lesson.notes.add(
            f"p_{kind}_{index + 1}", p.sum(dtype=torch.float64), len(p) if counted is None else _sum(counted)
        )
        teach = loud(c)
        post = layer_post(layer.a[teach], c[teach], lesson.predictions)
        directions.add(f"layers.{index}", lesson.net.hidden_direction(index, layer.x[teach], post))


def loud(c: Tensor) -> Tensor | slice:
    """Return the windows whose gates are not lost in the rounding of a sum with the largest, if that spares work.

    Where a layer tells text from other windows well, or takes all windows for text, most gates are that small: the
    product of the others is the same direction in less time.

    Args:
        c: gates of a chunk `[B]`.

    Example:
        >>> loud(torch.tensor([1e-9, 0.5, 1e-9, 0.0])), loud(torch.tensor([0.4, 0.5, 0.3, 0.0]))
        (tensor([1]), slice(None, None, None))
    """
    size = c.abs()
    windows = (size > torch.finfo(c.dtype).eps * size.max()).nonzero().squeeze(1)
    return windows if len(windows) < len(c) * 3 / 4 else slice(None)


def _sum(counted: Tensor) -> float:
    return counted.sum().item()


def learn_from_text(lesson: Lesson, directions: Directions, at: slice) -> Tensor:
    """Add what a chunk of the real text teaches the hidden layers and the softmax, by one forward pass.

    Args:
        lesson: of this update.
        directions: the sums.
        at: which strings.

    Returns:
        log probabilities of the next characters `[s, n, A]`.
    """
    strings = lesson.strings[at]
    windows = windows_of(strings, lesson.net.window)
    seen = lesson.net.see(windows.flatten(0, 1))
    found = learn_softmax(lesson, directions, strings, lesson.net.read(seen))
    counted = seen[0].g.new_ones(windows.shape[:2])
    counted[:, 0] = 0  # the context has no negative
    learn_layers(lesson, directions, seen, real=True, counted=counted.flatten())
    return found


def learn_from_windows(lesson: Lesson, directions: Directions, windows: Tensor) -> None:
    """Add what negative windows `[B, k]` teach the hidden layers."""
    learn_layers(lesson, directions, lesson.net.see(windows), real=False)


def learn_from_generated(lesson: Lesson, directions: Directions) -> None:
    """Generate text from the first windows of the strings, and add what its windows teach the hidden layers.

    The activity by which the network draws the next character is the negative's own, so generating and learning are one
    pass. Directions of several places are added at once: few large products are faster than many small ones.
    """
    uniforms = lesson.uniforms("generated negatives")
    generated = []
    for at in lesson.rollouts():
        strings = lesson.strings[at]
        places = max(1, lesson.rows // len(strings))
        waiting: list[list[SeenLayer]] = []
        last = []
        steps = rollout(lesson.net, strings[:, : lesson.net.window], uniforms[at], lesson.temperature)
        for place, (window, seen) in enumerate(steps):
            last.append(window[:, -1])
            waiting += [seen] if place else []  # the first window is the context, which is real
            if len(waiting) == places or (waiting and place == lesson.length):
                learn_layers(lesson, directions, _joined(waiting), real=False)
                waiting = []
        generated.append(torch.stack(last[1:], dim=1))
    together = torch.cat(generated)
    note_same(lesson.notes, together, targets_of(lesson.strings, lesson.net.window))
    note_variety(lesson.notes, together)


def _joined(seen: list[list[SeenLayer]]) -> list[SeenLayer]:
    """Return what the layers did on several sets of windows as on one."""
    return [SeenLayer(*(torch.cat(parts) for parts in zip(*layers, strict=True))) for layers in zip(*seen, strict=True)]


def note_same(notes: Notes, drawn: Tensor, targets: Tensor) -> None:
    """Note how many negatives end in the real character.

    Args:
        notes: get the share.
        drawn: the last characters of negatives `[s, n]`.
        targets: the real ones.

    Example:
        >>> notes = Notes()
        >>> note_same(notes, torch.tensor([[1, 1, 1, 1, 1]]), torch.tensor([[1, 2, 1, 2, 1]]))
        >>> notes.means()
        {'same_as_text': 0.6}
    """
    notes.add("same_as_text", (drawn == targets).sum(), targets.numel())


def note_variety(notes: Notes, generated: Tensor) -> None:
    """Note how many of the sequences of four characters in generated strings `[S, n]` are different ones.

    Example:
        >>> notes = Notes()
        >>> note_variety(notes, torch.tensor([[1, 1, 1, 1, 1]]))
        >>> notes.means()
        {'distinct_4grams': 0.5}
    """
    if generated.shape[1] >= 4:
        most = int(generated.max()) + 1
        grams = sum(part * most**place for place, part in enumerate(generated.unfold(1, 4, 1).unbind(2)))
        notes.add("distinct_4grams", torch.tensor(len(torch.unique(grams))), grams.numel())

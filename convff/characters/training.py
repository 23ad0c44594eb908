"""The training of a next-character network: full-batch updates by a regime of negatives."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from convff.characters.checks import check_characters, check_numbers, check_schedules
from convff.characters.lesson import Directions, Lesson, Notes, slices
from convff.characters.net import CharacterNet
from convff.characters.passes import predict
from convff.characters.regimes import REGIMES, Regime
from convff.characters.windows import windows_of
from convff.machine.precision import autocast
from convff.schedule import Schedule
from convff.training.divergence import DivergedError
from convff.training.state import TrainingState, optimizer_states, restore_optimizer

HIDDEN = Schedule(optimizer="orthogonal", lr=0.05, decay="cooldown")
SOFTMAX = Schedule(optimizer="adam", lr=3e-3, weight_decay=0.01, decay="constant")
SOFTMAX_UNITS = 1500  # for which these numbers were chosen


def softmax_schedule(widths: Sequence[int]) -> Schedule:
    """Return how the softmax learns by default: Adam's steps, with a penalty of its weights.

    A logit is a sum over all units, so for the same change of it the rate falls with their number, and for the same
    penalty of it the decay grows with it. Without decay the softmax learns its text by heart, from any features: decay
    is chosen by the held-out text of fixed random features (our reconstruction).

    Args:
        widths: units of each hidden layer.

    Example:
        >>> schedule = softmax_schedule((500, 500, 500))
        >>> round(schedule.lr, 6), round(schedule.weight_decay, 6)
        (0.003, 0.01)
    """
    share = sum(widths) / SOFTMAX_UNITS
    return replace(SOFTMAX, lr=SOFTMAX.lr / share, weight_decay=SOFTMAX.weight_decay * share)


@torch.no_grad()
def measure(net: CharacterNet, strings: Tensor, *, rows: int = 2048, precision: str = "float32") -> dict[str, float]:
    """Return how well the next characters of strings are predicted: `perplexity` and `accuracy`.

    Args:
        net: the network.
        strings: `[S, T]`, longer than a window.
        rows: number of windows that are computed at once.
        precision: see `autocast`.

    Example:
        >>> net = CharacterNet(characters=4, window=3, widths=(6, 5))
        >>> round(measure(net, torch.tensor([[0, 1, 2, 3]]))["perplexity"], 5)
        4.0
    """
    notes = Notes()
    windows = windows_of(strings, net.window)
    with autocast(strings.device, precision):
        for at in slices(len(strings), rows // windows.shape[1]):
            seen = net.see(windows[at].flatten(0, 1))
            predict(net, strings[at], net.read(seen), notes)
    return with_perplexity(notes.means())


def with_perplexity(means: dict[str, float]) -> dict[str, float]:
    """Return measures in which nats per character became their exponential, the perplexity.

    Example:
        >>> with_perplexity({"nats": 0.0, "accuracy": 1.0})
        {'perplexity': 1.0, 'accuracy': 1.0}
    """
    nats = means.pop("nats")
    return {"perplexity": math.exp(nats) if nats < 700 else math.inf} | means


class CharacterTrainer:
    """Trains a network on strings: each update uses all their windows.

    Hidden layers learn by Forward-Forward with the sum of squares against the number of units, in closed form, each
    with an optimiser of its own. The softmax learns from the cross-entropy on real text alone, and no hidden
    weight moves by it.

    Args:
        net: the network; its weights change.
        strings: real text `[S, T]`, on the device of the network.
        regime: where negatives come from: a name in `REGIMES`, or a function like those there.
        hidden: optimiser, rate, momentum and decay of each hidden layer. By default, orthogonalised steps: with one
            gate per window, others take all units of a layer the same way (see `OrthogonalStep`).
        softmax: the same for the softmax; `softmax_schedule` by default.
        total: number of updates, over which rates fall as their `decay` says; constant rates if omitted.
        seed: key of all draws.
        rows: number of windows that are computed at once; the results differ by rounding alone.
        temperature: of generated text, positive.
        precision: of products; see `autocast`.

    Raises:
        ValueError: the regime is unknown, the strings are no rows of characters or not longer than a window, an
            optimiser cannot be used, or a number is out of its range.

    Example:
        >>> net = CharacterNet(characters=4, window=3, widths=(6, 5))
        >>> trainer = CharacterTrainer(net, torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]]), regime="teacher")
        >>> before = trainer.update()["perplexity"]
        >>> round(before, 5), trainer.updates, trainer.measure()["perplexity"] < before
        (4.0, 1, True)

    Reference:
        Hinton 2022, section 4.1.
    """

    def __init__(
        self,
        net: CharacterNet,
        strings: Tensor,
        *,
        regime: str | Regime = "combined",
        hidden: Schedule = HIDDEN,
        softmax: Schedule | None = None,
        total: int | None = None,
        seed: int = 0,
        rows: int = 2048,
        temperature: float = 1.0,
        precision: str = "float32",
    ) -> None:
        if isinstance(regime, str) and regime not in REGIMES:
            raise ValueError(f"regime must be one of {', '.join(REGIMES)}, got {regime!r}")
        softmax = softmax_schedule(net.widths) if softmax is None else softmax
        check_characters(strings, net.characters)
        windows_of(strings, net.window)  # which raises if there are none
        check_schedules(hidden, softmax, len(net.layers))
        check_numbers(rows=rows, temperature=temperature, total=total)
        autocast(strings.device, precision)  # which raises for an unknown precision
        self.net, self.strings, self.seed = net, strings, seed
        self.regime = REGIMES[regime] if isinstance(regime, str) else regime
        self.rows, self.temperature, self.precision = rows, temperature, precision
        self.updates = 0
        self._total = total
        modules = [*((f"layers.{index}", layer) for index, layer in enumerate(net.layers)), ("softmax", net.softmax)]
        self._optimizers = []
        for index, (name, module) in enumerate(modules):
            schedule = softmax if name == "softmax" else hidden
            for its, parameters in _by_decay(schedule, name, module):
                optimizer = its.make_optimizer(parameters.values())
                for group in optimizer.param_groups:
                    group["hidden"] = name != "softmax"
                    group["factor"] = hidden.factor(index) if group["hidden"] else 1.0
                self._optimizers.append((its, parameters, optimizer))
        self._memory: dict[Any, Any] = {}

    def update(self) -> dict[str, float]:
        """Take all steps of one update.

        Returns:
            measures of the weights before it: `perplexity` and `accuracy` on the text, p of real and of negative
            windows per layer (`p_real_1`, `p_generated_1`, ...), the share of negatives that end in the real character
            (`same_as_text`), and of different ones among the generated sequences of four characters
            (`distinct_4grams`). Where generating is a step of its own, what is said of negatives is of the weights
            after the first step.

        Raises:
            DivergedError: the perplexity or a logit is not a finite number.
        """
        lesson = Lesson(
            self.net,
            self.strings,
            update=self.updates,
            seed=self.seed,
            rows=self.rows,
            temperature=self.temperature,
            memory=self._memory,
        )
        steps = self.regime(lesson)
        while True:
            with torch.no_grad(), autocast(self.strings.device, self.precision):
                directions = next(steps, None)
            if directions is None:
                break
            self._step(directions)
        self.updates += 1
        found = with_perplexity(lesson.notes.means())
        if not math.isfinite(found["perplexity"]):
            raise DivergedError(
                f"perplexity is {found['perplexity']} in update {self.updates}: training diverged; try a smaller lr"
            )
        return found

    def _step(self, directions: Directions) -> None:
        """Let each optimiser step whose parameters have a direction."""
        for schedule, parameters, optimizer in self._optimizers:
            schedule.set_rates([optimizer], 0.0 if self._total is None else min(1.0, self.updates / self._total))
            for group in optimizer.param_groups:
                group["lr"] *= directions.share if group["hidden"] else 1.0
            for name, parameter in parameters.items():
                parameter.grad = directions.by_name.get(name)
            if any(parameter.grad is not None for parameter in parameters.values()):
                with autocast(self.strings.device, self.precision):  # products of orthogonalised steps
                    optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def measure(self, strings: Tensor | None = None) -> dict[str, float]:
        """Return perplexity and accuracy on strings, by default on the text that is learnt from; see `measure`."""
        text = self.strings if strings is None else strings
        return measure(self.net, text, rows=self.rows, precision=self.precision)

    def state(self) -> TrainingState:
        """Return all that a resumed training needs to go on to the bit."""
        return TrainingState.of(
            {
                "net": {name: parameter.detach() for name, parameter in self.net.named_parameters()},
                "optimizers": optimizer_states(optimizer for *_, optimizer in self._optimizers),
                "updates": self.updates,
            }
        )

    @torch.no_grad()
    def resume(self, state: TrainingState) -> None:
        """Go back to a state of the same training.

        Raises:
            ValueError: the state is of another network.
        """
        saved = state.part("net")
        own = dict(self.net.named_parameters())
        if {name: value.shape for name, value in saved.items()} != {name: value.shape for name, value in own.items()}:
            raise ValueError("the state is of another network: names or sizes of its weights differ")
        for name, parameter in own.items():
            parameter.copy_(saved[name])
        for (*_, optimizer), remembered in zip(self._optimizers, state.part("optimizers"), strict=True):
            restore_optimizer(optimizer, remembered)
        self.updates = state.part("updates")
        self._memory.clear()  # features of other weights


def _by_decay(schedule: Schedule, name: str, module: nn.Module) -> list[tuple[Schedule, dict[str, nn.Parameter]]]:
    """Return a module's parameters by name, those apart that decay: weights do, biases do not."""
    parameters = {f"{name}.{key}": parameter for key, parameter in module.named_parameters()}
    if not schedule.weight_decay:
        return [(schedule, parameters)]
    weights = {key: parameter for key, parameter in parameters.items() if parameter.dim() > 1}
    biases = {key: parameter for key, parameter in parameters.items() if parameter.dim() == 1}
    return [(schedule, weights), (replace(schedule, weight_decay=0.0), biases)]

"""The training of a next-character network: full-batch updates by a regime of negatives."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

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
SOFTMAX_RATE = 90.0  # over the number of units that are read


def softmax_schedule(widths: Sequence[int]) -> Schedule:
    """Return how the softmax learns by default: smoothed steps at a rate of 90 over the number of units that it reads.

    Normalised activities are positive, so on their mean all units pull a logit the same way, and the largest rate at
    which smoothed steps are stable falls with their number: it is about 240 over it. Units that learn change what the
    softmax reads, and Adam, which takes all directions equally fast, follows chance in it (our reconstruction).

    Args:
        widths: units of each hidden layer.

    Example:
        >>> softmax_schedule((500, 500, 500)).lr
        0.06
    """
    return Schedule(optimizer="smoothed", lr=SOFTMAX_RATE / sum(widths), decay="constant")


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
            predict(net, strings[at], [layer.h for layer in seen], notes)
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
        ValueError: the regime is unknown, the strings are not longer than a window, or a number is out of its range.

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
        windows_of(strings, net.window)  # which raises if there are none
        if rows < 1 or not 0 < temperature < math.inf:
            raise ValueError(f"rows must be at least 1 and temperature positive, got {rows} and {temperature}")
        self.net, self.strings, self.seed = net, strings, seed
        self.regime = REGIMES[regime] if isinstance(regime, str) else regime
        self.rows, self.temperature, self.precision = rows, temperature, precision
        self.updates = 0
        softmax = softmax_schedule(net.widths) if softmax is None else softmax
        self._total = total
        modules = [*((f"layers.{index}", layer) for index, layer in enumerate(net.layers)), ("softmax", net.softmax)]
        self._optimizers = []
        for name, module in modules:
            schedule = softmax if name == "softmax" else hidden
            parameters = {f"{name}.{key}": parameter for key, parameter in module.named_parameters()}
            self._optimizers.append((schedule, parameters, schedule.make_optimizer(parameters.values())))
        self._memory: dict[Any, Any] = {}

    def update(self) -> dict[str, float]:
        """Take all steps of one update.

        Returns:
            measures of the weights before it: `perplexity` and `accuracy` on the text, p of real and of generated
            windows per layer (`p_real_1`, ...), the share of negatives that end in the real character
            (`same_as_text`), and of different ones among the generated sequences of four characters.

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

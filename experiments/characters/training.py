"""The training by one regime: its rows and lines, and the states to go on from."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from convff import CharacterNet, CharacterTrainer, Schedule, TrainingState, require_space, save_characters
from experiments.characters.settings import Recipe
from experiments.characters.strings import ALPHABET, Corpus
from experiments.config.settings import SettingsError
from experiments.run.metrics import MetricsFile
from experiments.run.saved import SavedStates, refuse_other_run
from experiments.run.stopping import Interrupted, Signals

SAVE_SECONDS = 120.0  # at most this much is lost by a kill
LINES = 20  # progress lines of a training
FREE = ("updates",)  # numbers of a recipe that a resumed run may change


class RegimeTraining:
    """A training by one regime of negatives, which can stop between two updates and go on to the bit.

    Row u of `metrics.csv` is of the weights after u updates; what it says of negatives is of those by which they are
    updated next.

    Args:
        regime: name in `REGIMES`.
        corpus: the strings.
        recipe: every number.
        seed: key of weights and draws.
        precision: of products.
        device: where to compute.
        folder: of this regime, in the run folder; it is made.
    """

    def __init__(
        self,
        regime: str,
        corpus: Corpus,
        recipe: Recipe,
        *,
        seed: int,
        precision: str,
        device: torch.device,
        folder: Path,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.regime, self.recipe, self.folder = regime, recipe, folder
        self.corpus = corpus._replace(train=corpus.train.to(device), held_out=corpus.held_out.to(device))
        self.net = CharacterNet(characters=len(ALPHABET), window=recipe.window, widths=recipe.widths, seed=seed).to(
            device
        )
        self.trainer = CharacterTrainer(
            self.net,
            self.corpus.train,
            regime=regime,
            hidden=Schedule(optimizer=recipe.optimizer, lr=recipe.lr, momentum=recipe.momentum, decay=recipe.decay),
            total=recipe.updates,
            softmax=Schedule(
                optimizer=recipe.softmax_optimizer,
                lr=recipe.softmax_lr,
                momentum=recipe.momentum,
                weight_decay=recipe.softmax_decay,
                decay="constant",
            ),
            seed=seed,
            rows=recipe.rows,
            temperature=recipe.temperature,
            precision=precision,
        )
        self.metrics = MetricsFile(folder / "metrics.csv")
        self.states = SavedStates(folder)
        self.seconds = 0.0
        self.saved = time.monotonic()
        numbers = {name: value for name, value in asdict(recipe).items() if name not in FREE}
        self.must_stay: dict[str, Any] = json.loads(
            json.dumps({"text": corpus.sha256, "recipe": numbers, "seed": seed, "precision": precision})
        )

    def begin(self) -> None:
        """Go back to the last saved state, or save that before the first update.

        Raises:
            SettingsError: the state is of another text or recipe, or has more updates than are asked for.
            NoSpaceError: there is no room for all files.
        """
        self.states.clean()
        if not self.states.last.exists() and not self.states.previous.exists():
            self.save()
            require_space(self.folder, 2 * self.states.last.stat().st_size)
            return
        state, problems = self.states.load()
        for problem in problems:
            print(f"note: {problem}; using the state before it")
        self.resume(state)

    def resume(self, state: TrainingState) -> None:
        """Go back to a state of this training; see `begin`."""
        refuse_other_run(state.notes, self.must_stay, self.folder)
        self.trainer.resume(state)
        if self.trainer.updates > self.recipe.updates:
            raise SettingsError(
                f"--updates must be at least {self.trainer.updates}, which {self.folder} has, got {self.recipe.updates}"
            )
        self.metrics.go_back(self.trainer.updates)
        self.seconds = state.notes["seconds"]

    def save(self) -> None:
        """Save the state."""
        state = self.trainer.state()
        state.notes.update(self.must_stay, seconds=self.seconds)
        self.states.save(state)
        self.saved = time.monotonic()

    def __call__(self, signals: Signals) -> dict[str, float]:
        """Train to the end; return the measures of the last row, those of held-out strings among them.

        Raises:
            Interrupted: a signal came; the state is saved.
            DivergedError: a number is not finite; the last state is kept.
        """
        with signals.deferred():
            while self.trainer.updates < self.recipe.updates:
                self._update()
                if signals.caught is not None:
                    self.save()
                    at = f"{self.regime}, after {self.trainer.updates} updates"
                    raise Interrupted(signals.caught, f"in {at}; go on by --resume {self.folder.parent}")
                if time.monotonic() - self.saved > SAVE_SECONDS:
                    self.save()
            self.save()
            last = self._row(self.trainer.updates, self.trainer.measure(), self._held_out())
            self.metrics.append(last)
            about = {"settings": self.must_stay, "updates": self.trainer.updates}
            save_characters(self.net, ALPHABET, self.folder / "checkpoint.safetensors", about)
        self._show(last)
        return last

    def _update(self) -> None:
        start = time.perf_counter()
        number = self.trainer.updates
        due = number % self.recipe.held_out_every == 0
        held_out = self._held_out() if due else {}
        found = self.trainer.update()
        self.seconds += time.perf_counter() - start
        row = self._row(number, found, held_out)
        self.metrics.append(row)
        if number % max(1, self.recipe.updates // LINES) == 0:
            self._show(row)

    def _held_out(self) -> dict[str, float]:
        return {f"held_out_{name}": value for name, value in self.trainer.measure(self.corpus.held_out).items()}

    def _row(self, number: int, found: dict[str, float], held_out: dict[str, float]) -> dict[str, float]:
        return {"updates": number} | found | held_out | {"seconds": self.seconds}

    def _show(self, row: dict[str, float]) -> None:
        """Print a line of progress."""
        shown = [f"perplexity {row['perplexity']:.2f}"]
        if "held_out_perplexity" in row:
            shown.append(f"held out {row['held_out_perplexity']:.2f}")
        for kind in ("real", "generated"):
            p = [f"{value:.2f}" for name, value in row.items() if name.startswith(f"p_{kind}")]
            shown += [f"p of {kind} {' '.join(p)}"] if p else []
        print(f"{self.regime}, {row['updates']} updates: {', '.join(shown)}, {row['seconds']:.0f} s", flush=True)

"""What a run keeps on disk to go on from: the last two states of its training."""

import os
from pathlib import Path
from typing import Any

from convff import TrainingState, remove_unfinished
from experiments.config.settings import SettingsError


class SavedStates:
    """The states in the folder `training/` of a run: the last one, and the one before it in case that is damaged.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.last = folder / "training" / "last.safetensors"
        self.previous = self.last.with_name("previous.safetensors")
        self._newest = self.last.with_name("newest.safetensors")

    def save(self, state: TrainingState) -> None:
        """Write a state; whenever the process is killed, the newest whole one and the one before it are there.

        Raises:
            NoSpaceError: the disk is full; the earlier states are kept.
        """
        self.last.parent.mkdir(exist_ok=True)
        state.save(self._newest)
        if self.last.exists():
            os.replace(self.last, self.previous)
        os.replace(self._newest, self.last)

    def clean(self) -> None:
        """Remove what a killed process has left half written; call it before anything is written."""
        for folder in (self.last.parent, self.last.parent.parent):
            if folder.is_dir():
                remove_unfinished(folder)

    def load(self) -> tuple[TrainingState, list[str]]:
        """Read the last state that is whole.

        Returns:
            the state, and a sentence about each file that could not be used.

        Raises:
            SettingsError: there is none.
        """
        problems: list[str] = []
        for path in (self._newest, self.last, self.previous):  # the first is there if a kill came between two renames
            try:
                return TrainingState.load(path), problems
            except FileNotFoundError:
                continue
            except ValueError as error:
                problems.append(str(error))
        raise SettingsError(
            f"--resume {self.last.parent.parent}: there is no whole state of its training to go on from"
            + "".join(f"; {problem}" for problem in problems)
        )


def refuse_other_run(notes: dict[str, Any], mine: dict[str, Any], folder: Path) -> None:
    """Raise if a state was saved by a run with other data or numbers.

    Args:
        notes: the notes of the state.
        mine: what they have to be now, by name.
        folder: the run folder, for the message.

    Raises:
        SettingsError: something differs; the message names it.

    Example:
        >>> refuse_other_run({"data": "a"}, {"data": "b"}, Path("runs/x"))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --resume runs/x: data must be 'a' as in the run, got 'b'
    """
    for name, value in mine.items():
        for key, saved, now in _apart(name, notes.get(name), value):
            raise SettingsError(f"--resume {folder}: {key} must be {saved!r} as in the run, got {now!r}")


def _apart(name: str, saved: Any, now: Any) -> list[tuple[str, Any, Any]]:
    """Return what differs: name, saved value and value now; of mappings, entry by entry."""
    if isinstance(saved, dict) and isinstance(now, dict):
        keys = [*saved, *(key for key in now if key not in saved)]
        return [found for key in keys for found in _apart(f"{name} {key}", saved.get(key), now.get(key))]
    return [] if saved == now else [(name, saved, now)]

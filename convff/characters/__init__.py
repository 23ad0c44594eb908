"""Predicting the next character with hidden layers that learn by Forward-Forward (Hinton 2022, section 4.1)."""

from convff.characters.alphabet import LETTERS, Alphabet
from convff.characters.lesson import Directions, Lesson
from convff.characters.net import CharacterNet, SeenLayer
from convff.characters.ngrams import WittenBell
from convff.characters.regimes import REGIMES, Regime
from convff.characters.rollout import generate
from convff.characters.saving import load_characters, save_characters
from convff.characters.training import CharacterTrainer, measure
from convff.characters.windows import targets_of, windows_of

__all__ = [
    "LETTERS",
    "REGIMES",
    "Alphabet",
    "CharacterNet",
    "CharacterTrainer",
    "Directions",
    "Lesson",
    "Regime",
    "SeenLayer",
    "WittenBell",
    "generate",
    "load_characters",
    "measure",
    "save_characters",
    "targets_of",
    "windows_of",
]

"""Five habits of wording that a reader stumbles over, found in all text that git tracks: `python tests/words.py`.

A habit is a pattern and what to write instead. A line that is right as it stands is named in `RIGHT`.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
NOT_OURS = ("tests/data/", "tests/words.py", "tests/test_words.py", "experiments/results/")

COUNTED = (
    "one|once|twice|half|ms|[0-9][0-9.,]*|labels?|images?|filters?|seconds?|minutes?|numbers?|bytes|units?|positions?"
    "|operations?|evaluations?|distractors?|directions?|class(?:es)?|channels?|pass|cycles?|rows?|values?|columns?"
    "|windows?|panels?|maps?|thresholds?|scales?|displacements?|entry|entries|gates?|weights?|regions?|layers?|blocks?"
)
UNIT = (
    "image|class|row|epoch|step|block|layer|pass|process|label|batch|group|optimiser|channel|filter|unit|second|minute"
    "|run|region|position|seed|side|sample|pixel|machine|core|column|panel|window|name|bin|finding"
)


class Habit(NamedTuple):
    """A habit of wording.

    Args:
        found: a pattern of it.
        instead: what to write.
    """

    found: re.Pattern[str]
    instead: str


HABITS = {
    "a for per": Habit(re.compile(rf"\b(?:{COUNTED}) an? (?:{UNIT})\b", re.I), '"per": 10 labels per image'),
    "by chance": Habit(re.compile(r"\bby chance\b", re.I), '"at random"'),
    "so many": Habit(
        re.compile(r"\b(?:so many|as many as there)\b", re.I), '"the first n", "n units", "one per class"'
    ),
    "left out": Habit(re.compile(r"\bleft out\b", re.I), '"if omitted", "by default", "excluded"'),
    "as X has it": Habit(
        re.compile(
            r"\bas (?:the )?[\w-]+ has it\b|\bin the place of\b|\bhands? (?:it )?on\b|\bhanded on\b|\bwhat lies\b"
            r"|\bthe same of\b|\bwhat is none\b|\bof before\b",
            re.I,
        ),
        '"as in X", "unchanged", "instead of", "passes on"',
    ),
}
QUOTES = (
    "refuses what is none",
    '"Nothing."',
    "For nobody",
    "a gate that is fully open weighs",
    "as it is fastest on",
    "what it remembers fades",
    "which hands on nothing",
    "are the images or the weights",
    "to choose 1 or more from",
    "two classes can be told apart, not",
    "but the first is to be block",
    "from the lowest to the highest, not from",
    "digits that count",
    "runs of before",
    "the weights are those of",
    "is nothing that a preset should have",
    "were nothing ever found",
    "which only the library offers",
    "of one thread each on this machine",
    "decay has no rest",
)
"""Sentences that a reviewer named: none of them may come back."""

HABITS["quoted"] = Habit(re.compile("|".join(map(re.escape, QUOTES))), "what a native engineer would")
RIGHT: tuple[str, ...] = ()
"""Pieces of lines in which a habit is the right wording."""


def texts() -> dict[str, str]:
    """The text of each file of ours that git tracks, by path."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.toml"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [path for path in listed.stdout.splitlines() if not path.startswith(NOT_OURS) and (ROOT / path).exists()]
    return {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}


def habits_in(path: str, text: str) -> list[str]:
    """A line for each habit found in a text: where, which, and what to write instead."""
    return [
        f"{path}:{number}: {name}: {match.group()!r}; write {habit.instead}"
        for number, line in enumerate(text.splitlines(), start=1)
        for name, habit in HABITS.items()
        for match in habit.found.finditer(line)
        if not any(piece in line for piece in RIGHT)
    ]


def found() -> list[str]:
    """All that was found, file by file."""
    return [line for path, text in texts().items() for line in habits_in(path, text)]


def main() -> int:
    """Print what was found; the exit status says whether there was anything."""
    lines = found()
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())

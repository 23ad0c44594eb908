"""The five habits of wording are gone; `make words` says where one has come back."""

import subprocess

import pytest

from tests.words import HABITS, ROOT, found, habits_in


def test_no_habit_is_left() -> None:
    if subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("not a git checkout: the check is of tracked files")
    assert found() == []


@pytest.mark.parametrize(
    ("text", "habits"),
    [
        ("10 labels an image, one a class", ["a for per", "a for per"]),
        ("chosen by chance", ["by chance"]),
        ("the first so many images", ["so many"]),
        ("all if left out", ["left out"]),
        ("as the paper has it, in the place of a gate", ["as X has it", "as X has it"]),
        ("10 labels per image, at random; it makes an image", []),
        ("at chance level, as it stands", []),
    ],
)
def test_a_habit_is_found(text: str, habits: list[str]) -> None:
    lines = habits_in("page.md", text)
    assert [line.split(": ")[1] for line in lines] == habits
    assert all(HABITS[habit].instead in line for habit, line in zip(habits, lines, strict=True))

"""The README and the pages under `docs/`, and the commands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {page.name: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
PAGES = {"README.md": README} | DOCS

EXAMPLES = {
    "LABELS": "fourier",
    "RULE": "ff",
    "DATASET": "mnist",
    "NET": "deep",
    "PIECE": "oja",
    "STEP": "sign",
    "PRESET": "smoke",
}
"""What stands for the words in capitals when a command is tried."""


def commands() -> list[str]:
    """Every command of the pages that starts a script of ours, without what is before `python`."""
    found = (re.findall(r"python ((?:experiments|examples)/\S+\.py[^\n#`|]*)", page) for page in PAGES.values())
    return sorted({command.strip() for of_page in found for command in of_page})


def tool_commands() -> list[str]:
    """Every command of the pages that starts with `convff`, without that word."""
    found = (re.findall(r"^convff (\S[^\n#`|]*)", page, flags=re.MULTILINE) for page in PAGES.values())
    return sorted({command.strip() for of_page in found for command in of_page})


def filled(command: str) -> str:
    """Return a command with examples instead of its words in capitals."""
    for word, value in EXAMPLES.items():
        command = re.sub(rf"\b{word}\b", value, command)
    return command


def python_blocks(page: str) -> list[str]:
    """The blocks of Python code of a page."""
    return re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)

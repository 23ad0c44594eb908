"""Fables: Townsend's translation of Aesop, a text of the user's own, or fables retold for this package."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from experiments.datasets.base import DataError
from experiments.datasets.known import places

NAME = "aesop/aesop-townsend.txt"
TITLE = "Aesop's fables, Townsend's translation (1867)"
WHERE = "aesop.txt of the public repository UddyOrizu/LSTM-Language-Model"
SHA256 = "3b58de0a7475a9b4f2365e44940e2dae7b950b4c3bf9111dfc7356486ebfe9f7"
STAND_IN = Path(__file__).parent.parent / "texts" / "fables.txt"


@dataclass(frozen=True)
class Text:
    """A text, one part after another.

    Args:
        parts: fables or paragraphs, as they are written, without titles.
        source: where they are from, in words.
        is_stand_in: whether they were written for this package.
        sha256: of the file, as 64 hexadecimal digits.
    """

    parts: tuple[str, ...]
    source: str
    is_stand_in: bool
    sha256: str


def load_text(data_dir: Path | None, file: Path | None = None, *, require: bool = False, titles: bool = True) -> Text:
    """Load a text: a file of the user's own, or else Townsend's fables, or else the stand-in.

    Townsend's fables are looked for as `aesop/aesop-townsend.txt` in `data_dir`; without it in `$CONVFF_DATA` and then
    in `./data`. They are not downloaded; `WHERE` names a source.

    Args:
        data_dir: folder of the data; if given, no other place is searched and there is no stand-in.
        file: a text of the user's own, which takes the place of the fables.
        require: refuse the stand-in.
        titles: whether the first line of a part of the user's own text is a title; see `parts_of`.

    Raises:
        DataError: a file is missing, is no text, or holds nothing; or the fables are others than Townsend's.
    """
    if file is not None:
        how = "the first line of each part dropped as its title" if titles else "no titles"
        return _read(file, f"--text {file}, {how}", titles=titles)
    searched = [("--data-dir", data_dir)] if data_dir is not None else list(places())
    tried = []
    for label, place in searched:
        path = place.expanduser() / NAME
        if path.is_file():
            found = _read(path, f"{TITLE}, {NAME} in {label} ({place})")
            if found.sha256 != SHA256:
                raise DataError(
                    f"{path} must have the SHA-256 {SHA256}, got {found.sha256}: it is {WHERE}; for another text, "
                    "--text FILE"
                )
            return found
        tried.append(f"{label} ({place}) has no {NAME}")
    if data_dir is not None or require:
        raise DataError(f"{TITLE}, cannot be found: {WHERE}. Tried: {'; '.join(tried)}")
    return _read(STAND_IN, f"fables retold for this package ({'; '.join(tried)})", is_stand_in=True)


def _read(path: Path, source: str, *, titles: bool = True, is_stand_in: bool = False) -> Text:
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise DataError(f"{source} must be a file that can be read: {error.strerror or error}") from error
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")  # "utf-8-sig" would count offsets after the mark
    except UnicodeDecodeError as error:
        at = f"{error.start} (0x{content[error.start]:02x})"
        raise DataError(f"{source} must be text in UTF-8, got a byte that is none at offset {at}") from error
    parts = parts_of(text, titles=titles)
    if not parts:
        raise DataError(f"{source} must hold some text, got {len(content)} bytes without any")
    return Text(parts, source, is_stand_in, hashlib.sha256(content).hexdigest())


def parts_of(text: str, *, titles: bool = True) -> tuple[str, ...]:
    r"""Return the parts of a text, which are separated by blank lines.

    Args:
        text: the text.
        titles: whether the first line of a part is its title, which is dropped. A part of a single line has none, and
            continues the part before it.

    Example:
        >>> parts_of("The Fox\nA Fox saw grapes.\n\nThey were sour.\n\nThe Hen\nA Hen\nsang.")
        ('A Fox saw grapes.\nThey were sour.', 'A Hen\nsang.')
        >>> parts_of("One.\n\nTwo.", titles=False)
        ('One.', 'Two.')
    """
    parts: list[str] = []
    for block in "\n".join(line.strip() for line in text.splitlines()).split("\n\n"):
        title, _, rest = block.strip("\n").partition("\n")
        if not titles:
            parts += [block.strip("\n")] if block.strip() else []
        elif rest:
            parts.append(rest)
        elif parts and title:
            parts[-1] += f"\n{title}"
        elif title:
            parts.append(title)
    return tuple(parts)

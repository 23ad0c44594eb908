"""Many pictures of different sizes to one tensor: their headers first, so that sizes are known, and then their pixels.

`ImageData.from_folder` and the experiments' folders of photographs read files by these functions.
"""

import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import torch
from torch import Tensor

from convff.machine.memory import require_memory
from convff.pictures import SUFFIXES, PictureFile, opened

MOST_BYTES = 256 << 20  # of one file
SHOWN = 8  # problems in a sentence
TURNED = 0x0112  # the tag of the EXIF data that tells how a photograph is to be turned
TURNS = range(2, 9)  # its values but for 1, upright
SIDEWAYS = (5, 6, 7, 8)  # width and height change places
GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")


class OnDisk(NamedTuple):
    """A picture on disk.

    Args:
        path: where it is.

    Example:
        >>> OnDisk(Path("photos/cats/1.jpg")).name
        'photos/cats/1.jpg'
    """

    path: Path

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def open(self) -> IO[bytes]:
        """Open it.

        Raises:
            OSError: it is missing, no file, or huge.
        """
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would wait for ever
            raise OSError("it is not a file")
        if found.st_size > MOST_BYTES:
            raise OSError(f"it has {found.st_size:,} bytes; at most {MOST_BYTES:,} are allowed")
        return self.path.open("rb")


class PictureHeader(NamedTuple):
    """What the header of a picture tells.

    Args:
        height: in pixels, of the upright picture.
        width: likewise.
        turned: whether its EXIF data turn or mirror it.
        gray: whether it has no colours by its mode.
        format: as Pillow names it, such as "JPEG".
    """

    height: int
    width: int
    turned: bool
    gray: bool
    format: str


def picture_header(source: Path | str | PictureFile) -> PictureHeader:
    """Read the header of a picture; its pixels may still be damaged.

    Args:
        source: a file, on disk or in memory.

    Raises:
        PictureError: it cannot be read.

    Example:
        >>> import io
        >>> from types import SimpleNamespace
        >>> held = SimpleNamespace(name="one pixel", open=lambda: io.BytesIO(b"P5 1 1 255 x"))  # a PGM file
        >>> picture_header(held)
        PictureHeader(height=1, width=1, turned=False, gray=True, format='PPM')
    """
    with opened(source) as image:
        turn = image.getexif().get(TURNED, 1)
        width, height = image.size[::-1] if turn in SIDEWAYS else image.size
        return PictureHeader(height, width, turn in TURNS, image.mode in GRAY_MODES, str(image.format))


File = TypeVar("File", bound=PictureFile)
Found = TypeVar("Found")


def read_each(files: Iterable[File], read: Callable[[File], Found]) -> tuple[list[tuple[int, Found]], dict[int, str]]:
    """Read each file; what cannot be read is no error here.

    Args:
        files: the files.
        read: reads one; a ValueError, such as `PictureError`, says why it cannot.

    Returns:
        what was read, with the index of its file; and the reasons for all others, by index.

    Example:
        >>> def size(file: OnDisk) -> int:
        ...     if file.path.suffix != ".png":
        ...         raise ValueError(f"{file.name} is no picture")
        ...     return len(file.name)
        >>> read_each([OnDisk(Path("a.txt")), OnDisk(Path("b.png"))], size)
        ([(1, 5)], {0: 'a.txt is no picture'})
    """
    found: list[tuple[int, Found]] = []
    problems: dict[int, str] = {}
    for index, file in enumerate(files):
        try:
            found.append((index, read(file)))
        except ValueError as error:
            problems[index] = str(error)
    return found, problems


def stack_pictures(
    files: Sequence[File], shape: tuple[int, int, int], read: Callable[[File], Tensor]
) -> tuple[Tensor, dict[int, str]]:
    """Read pictures into one tensor.

    Args:
        files: the files.
        shape: C, H and W of each.
        read: reads one as uint8 of that shape; a ValueError says why it cannot.

    Returns:
        uint8 `[N, C, H, W]` of those that can be read, in order; and the reasons for all others, by index of the file.

    Raises:
        ValueError: all of them would take more than half of the free memory.

    Example:
        >>> files = [OnDisk(Path("a.png")), OnDisk(Path("b.png"))]
        >>> images, problems = stack_pictures(files, (1, 8, 8), lambda file: torch.zeros(1, 8, 8, dtype=torch.uint8))
        >>> images.shape, problems
        (torch.Size([2, 1, 8, 8]), {})
    """
    size = "x".join(map(str, shape))
    require_memory(len(files) * shape[0] * shape[1] * shape[2], torch.device("cpu"), f"{len(files):,} images of {size}")
    images = torch.empty(len(files), *shape, dtype=torch.uint8)
    count = 0

    def put(file: File) -> None:
        nonlocal count
        images[count] = read(file)
        count += 1

    _, problems = read_each(files, put)
    return images[:count], problems


def first_of(problems: Iterable[str]) -> str:
    """Return the first few of several problems, and how many more there are.

    Example:
        >>> first_of(["a.jpg is cut short", "b.jpg is cut short"])
        'a.jpg is cut short; b.jpg is cut short'
        >>> first_of(map(str, range(10)))
        '0; 1; 2; 3; 4; 5; 6; 7; and 2 more'
    """
    named = list(problems)
    more = f"; and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return "; ".join(named[:SHOWN]) + more


def one_size(headers: Iterable[PictureHeader]) -> tuple[int, int] | None:
    """Return height and width if all pictures have the same, else None.

    Example:
        >>> one_size([PictureHeader(8, 6, False, True, "PNG"), PictureHeader(8, 6, False, False, "JPEG")])
        (8, 6)
    """
    sizes = {(header.height, header.width) for header in headers}
    return sizes.pop() if len(sizes) == 1 else None


def class_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name, without hidden ones.

    Example:
        >>> class_folders(Path("no/such/folder"))
        []
    """
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX")))


def pictures_in(folder: Path) -> list[OnDisk]:
    """Return the pictures right in a folder, sorted by name, without hidden ones.

    Raises:
        OSError: there is no such folder, or it cannot be read.
    """
    return [
        OnDisk(path)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]

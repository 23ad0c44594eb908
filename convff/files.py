"""Files that are complete or absent: first written under another name, flushed to the disk, then renamed."""

import errno
import os
import re
import secrets
import shutil
from pathlib import Path

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
UNFINISHED = re.compile(r".+\.[0-9a-f]{8}\.part", re.DOTALL)


class NoSpaceError(OSError):
    """There is no room for a file: the disk is full, or a quota or a limit on the size of files is reached."""


def require_space(folder: Path, size: int) -> None:
    """Check that there is room before anything is written.

    Args:
        folder: where the files will be; it need not exist yet.
        size: bytes that all of them need.

    Raises:
        NoSpaceError: fewer are free.

    Example:
        >>> require_space(Path("runs"), 1000)
    """
    free = _free(folder)
    if free < size:
        raise NoSpaceError(f"{folder} must have room for {size:,} bytes, got {free:,} free: free some, or use another")


def write_atomically(path: Path, payload: bytes) -> None:
    """Write a file so that it is complete or absent, whenever the process is killed or the power fails.

    The bytes go to a file `NAME.xxxxxxxx.part` in the same folder, which must exist. A process that is killed leaves
    that file behind: see `remove_unfinished`. After an error the earlier file is unchanged. A link stays one: its
    target is replaced. A pipe or a device, such as /dev/null, is written to as it is.

    Args:
        path: the file; an earlier one is replaced.
        payload: all its bytes.

    Raises:
        NoSpaceError: there is no room.
        FileNotFoundError: there is no such folder.
        IsADirectoryError: it is a folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder) / "notes.txt", b"all or nothing")
        ...     [path.name for path in Path(folder).iterdir()]
        ['notes.txt']
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        path.write_bytes(payload)  # a pipe or a device: there is nothing to replace
        return
    path = Path(os.path.realpath(path))  # of a link, the file that it names
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise NoSpaceError(
                f"{path} must have room for {len(payload):,} bytes, got {_free(path.parent):,} free on its disk and "
                f"{error.strerror!r}: free some, raise the quota or limit (`ulimit -f`), or write elsewhere"
            ) from error
        raise
    _flush_folder(path.parent)


def remove_unfinished(folder: Path) -> list[Path]:
    """Remove what `write_atomically` left behind in processes that were killed.

    Call it before anything writes to the folder: a file that another process is writing is removed too, and then its
    `write_atomically` raises FileNotFoundError.

    Returns:
        the removed files, sorted. Files with other names and folders within are not touched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "net.safetensors.0123abcd.part").write_bytes(b"half of")
        ...     [path.name for path in remove_unfinished(Path(folder))]
        ['net.safetensors.0123abcd.part']
    """
    left = sorted(path for path in folder.iterdir() if UNFINISHED.fullmatch(path.name) and path.is_file())
    for path in left:
        path.unlink(missing_ok=True)
    return left


def _free(folder: Path) -> int:
    """Return the free bytes of the disk that holds a folder, or will hold it."""
    return shutil.disk_usage(next(each for each in (folder, *folder.absolute().parents) if each.is_dir())).free


def _flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, so that a rename outlasts a power failure."""
    if os.name != "posix":  # Windows cannot open folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EBADF, errno.EINVAL}:  # file systems that cannot flush folders
            raise
    finally:
        os.close(descriptor)

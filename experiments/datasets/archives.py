"""Members of a tar or zip archive, read in memory: nothing is unpacked to disk, and nothing hostile gets through."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, NamedTuple, cast

from experiments.datasets.base import DataError

BLOCK = 512  # bytes: tar keeps headers and members in whole blocks
HEADERS = 1 << 20  # bytes of headers between two members, more than enough for the longest names
NO_FILES = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold, as a guard against archives that unpack to far more than they weigh.

    Args:
        total: bytes of everything, unpacked.
        member: bytes of one member, unpacked.
        members: files and folders.
    """

    total: int = 4 << 30
    member: int = 64 << 20
    members: int = 2_000_000


LIMITS = Limits()


class Member(NamedTuple):
    """A file or a folder of an archive.

    Args:
        path: relative, without `..`.
        is_folder: whether it is a folder.
        content: the bytes of a file that was asked for, else empty.
    """

    path: PurePosixPath
    is_folder: bool
    content: bytes


def read_members(archive: Path, wanted: Callable[[PurePosixPath], bool], limits: Limits = LIMITS) -> Iterator[Member]:
    """Read the files and folders of an archive, in its order.

    Args:
        archive: a file that `is_archive` knows.
        wanted: whether a file is needed, by its path; others are checked but their content is not kept.
        limits: what the archive may hold at most.

    Raises:
        DataError: a member is a link, a device or encrypted, leads out of the archive or is there twice; a limit is
            exceeded; the archive is damaged or cut short.
    """
    guard = _Guard(archive, limits)
    read = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
    try:
        yield from read(guard, wanted)
    except DataError:
        raise
    except Exception as error:  # damaged archives raise a dozen kinds, struct.error and UnicodeError among them
        raise DataError(
            f"{archive}: cannot be read to its end ({error or type(error).__name__}); it must be a complete archive"
        ) from error


@dataclass
class _Guard:
    """Admits members one by one, or refuses them by name."""

    archive: Path
    limits: Limits
    seen: set[PurePosixPath] = field(default_factory=set)
    total: int = 0

    def admit(self, name: str, size: int, kind: str) -> PurePosixPath:
        """Return the path of a member; `kind` says what it is if it is neither a file nor a folder."""
        path = PurePosixPath(name)
        if kind:
            self.refuse(name, f"is {kind}; an archive may hold plain files and folders only")
        if path.is_absolute() or ".." in path.parts or set(name) & {"\\", "\0"} or PureWindowsPath(name).drive:
            self.refuse(name, "has a name that leads elsewhere; names must be relative, with / and without ..")
        if path in self.seen:
            self.refuse(name, "is there twice; each name must be there once")
        if not 0 <= size <= self.limits.member:
            self.refuse(name, f"unpacks to {size:,} bytes; at most {self.limits.member:,} are allowed per member")
        self.seen.add(path)
        if len(self.seen) > self.limits.members:
            self.refuse(name, f"is one too many; at most {self.limits.members:,} files and folders are allowed")
        self.total += size
        if self.total > self.limits.total:
            raise self.too_large()
        return path

    def refuse(self, name: str, why: str) -> None:
        """Raise an error that names the archive and the member."""
        raise DataError(f"{self.archive}: member {name!r} {why}")

    def too_large(self) -> DataError:
        """Return the error of an archive that unpacks to too much."""
        return DataError(f"{self.archive}: unpacks to more than {self.limits.total:,} bytes, the most that is allowed")


def _tar_members(guard: _Guard, wanted: Callable[[PurePosixPath], bool]) -> Iterator[Member]:
    with _unpacked(guard.archive) as unpacked:
        stream = _Stream(guard, unpacked)
        end = 0
        # As a stream ("|"): tarfile may not go back, and asks for no more than it needs.
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as opened:
            members: Any = opened  # its list of members has no type
            while (member := members.next()) is not None:
                path = guard.admit(member.name, member.size, _kind_in_tar(member))
                taken = members.extractfile(member) if member.isreg() and wanted(path) else None
                yield Member(path, member.isdir(), taken.read() if taken else b"")
                end = member.offset_data + (-(-member.size // BLOCK) * BLOCK if member.isreg() else 0)
                members.members.clear()  # tarfile keeps all of them
                stream.step = 0
        stream.drain()
    if stream.last > end:
        raise DataError(
            f"{guard.archive}: {stream.last - end:,} bytes after the last member that can be read are no member; "
            "the archive must end there (a damaged header?)"
        )
    if stream.total < end + BLOCK:
        raise DataError(f"{guard.archive}: the mark at the end is missing; it must be a complete archive (cut short?)")


def _kind_in_tar(member: tarfile.TarInfo) -> str:
    """Return what a member is; nothing for a plain file or a folder."""
    if member.issparse():
        return "a sparse file"
    return "" if member.isreg() or member.isdir() else NO_FILES.get(member.type, f"of type {member.type!r}")


def _unpacked(archive: Path) -> IO[bytes]:
    """Open the tar inside; the checksums of gz, xz and bz2 are compared when it is read to its end."""
    name = archive.name.lower()
    if name.endswith((".gz", ".tgz")):
        return cast("IO[bytes]", gzip.open(archive))
    if name.endswith(".xz"):
        return cast("IO[bytes]", lzma.open(archive))
    return cast("IO[bytes]", bz2.open(archive)) if name.endswith(".bz2") else archive.open("rb")


class _Stream:
    """The bytes of a tar, counted: `total`, `step` since the last member, `last` up to the last that is not zero."""

    def __init__(self, guard: _Guard, unpacked: IO[bytes]) -> None:
        self.guard = guard
        self.unpacked = unpacked
        self.total = self.step = self.last = 0

    def read(self, size: int) -> bytes:
        data = self.unpacked.read(size)
        content = len(data.rstrip(b"\0"))
        if content:
            self.last = self.total + content
        self.total += len(data)
        self.step += len(data)
        limits = self.guard.limits
        if self.total > limits.total + HEADERS:
            raise self.guard.too_large()
        # Members are refused by their size before they are read, but tarfile reads what a header announces as a name.
        if self.step > 2 * limits.member + HEADERS:
            raise DataError(f"{self.guard.archive}: {self.step:,} bytes of headers lie between two members")
        return data

    def drain(self) -> None:
        while self.read(1 << 20):
            self.step = 0


def _zip_members(guard: _Guard, wanted: Callable[[PurePosixPath], bool]) -> Iterator[Member]:
    with zipfile.ZipFile(guard.archive) as members:
        listed = members.infolist()
        paths = [guard.admit(member.orig_filename, member.file_size, _kind_in_zip(member)) for member in listed]
        for member, path in zip(listed, paths, strict=True):
            content = b""
            if not member.is_dir() and wanted(path):
                with members.open(member) as file:
                    # One byte more than announced: with no bound, zipfile unpacks everything before it compares.
                    content = file.read(member.file_size + 1)
            yield Member(path, member.is_dir(), content)


def _kind_in_zip(member: zipfile.ZipInfo) -> str:
    """Return what a member is, or what is odd about it; nothing for a plain file or a folder."""
    if member.flag_bits & 1:
        return "encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"compressed by method {member.compress_type}"  # zipfile bounds what it unpacks for these two alone
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "a symbolic link"
    return "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "a device or a pipe"

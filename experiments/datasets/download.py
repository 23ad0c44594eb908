"""Downloads by torchvision that fail fast and leave no partial files."""

import contextlib
import io
import socket
import tempfile
import threading
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def fetch(torchvision_class: Any, folder: str, into: Path, seconds: float = 10.0) -> str | None:
    """Download a data set into `into` by torchvision.

    It is fetched into a hidden folder and moved when complete, so an interrupted download is never taken for data.

    Args:
        torchvision_class: e.g. `torchvision.datasets.MNIST`.
        folder: the folder that the download makes inside `into`, e.g. `"MNIST/raw"`.
        into: made if missing; unchanged if the download fails.
        seconds: timeout of the server's first answer, and of each packet after that.

    Returns:
        None if the data are there, else the reason why not.
    """
    if not _answers(_addresses(torchvision_class), seconds):
        return f"no server answered within {seconds:g} s"
    existed = into.exists()
    try:
        into.mkdir(parents=True, exist_ok=True)
        _fetch_whole(torchvision_class, folder, into, seconds)
    except (OSError, RuntimeError, HTTPException) as error:
        if not existed:
            with contextlib.suppress(OSError):
                into.rmdir()
        return f"{type(error).__name__}: {error}".strip()
    return None


def _fetch_whole(torchvision_class: Any, folder: str, into: Path, seconds: float) -> None:
    with (
        tempfile.TemporaryDirectory(dir=into, prefix=".download-") as hidden,
        _socket_timeout(seconds),
        contextlib.redirect_stdout(io.StringIO()),  # older torchvisions print each address and failure
    ):
        torchvision_class(hidden, train=True, download=True)
        target = into / folder
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            target.rmdir()  # fails if it is not empty: existing files are kept
        (Path(hidden) / folder).rename(target)


def _addresses(torchvision_class: Any) -> list[str]:
    if hasattr(torchvision_class, "mirrors"):
        first_file = torchvision_class.resources[0][0]
        return [mirror + first_file for mirror in torchvision_class.mirrors]
    return [torchvision_class.url]


def _answers(addresses: list[str], seconds: float) -> bool:
    """Return whether any server answers in time, with any status.

    A socket's timeout restarts for each address of a host and does not cover its name's resolution, so without a
    network torchvision may take minutes; a thread can be abandoned.
    """
    replies: list[str] = []

    def ask() -> None:
        for address in addresses:
            try:
                with urlopen(Request(address, method="HEAD"), timeout=seconds):
                    replies.append(address)
            except HTTPError as error:
                error.close()
                replies.append(address)
            except (OSError, HTTPException, ValueError):
                continue
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(replies)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

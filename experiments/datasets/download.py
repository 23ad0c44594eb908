"""Downloads by torchvision that fail fast, leave no partial files and go over https alone.

torchvision compares the MD5 of each packed file before it unpacks it; the loaders check the unpacked files again.
"""

import contextlib
import io
import socket
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, Request, build_opener, install_opener

THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


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
    addresses = _addresses(torchvision_class)
    if not any(map(_is_private, addresses)):
        return f"plain http is refused, and there is no other address than {', '.join(addresses)}"
    if not _answers(addresses, seconds):
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
        _no_plain_http(),
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


def _is_private(address: str) -> bool:
    """Return whether nobody on the way can read or change what an address sends."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in THIS_MACHINE)


class _PrivateHTTP(HTTPHandler):
    """Refuses http, to which torchvision falls back from https by itself, and to which a server may redirect."""

    def http_open(self, req: Request) -> HTTPResponse:
        if not _is_private(req.full_url):
            raise URLError(f"plain http is refused: {req.full_url}")
        return super().http_open(req)


@contextlib.contextmanager
def _no_plain_http() -> Iterator[None]:
    """Hold `urlopen` of this process, by which torchvision downloads, to https: it has no option for that."""
    before = getattr(urllib.request, "_opener", None)
    install_opener(build_opener(_PrivateHTTP()))
    try:
        yield
    finally:
        install_opener(before)  # None: the default


def _answers(addresses: list[str], seconds: float) -> bool:
    """Return whether any server answers in time, with any status.

    A socket's timeout restarts for each address of a host and does not cover its name's resolution, so without a
    network torchvision may take minutes; a thread can be abandoned.
    """
    replies: list[str] = []
    opener = build_opener(_PrivateHTTP())

    def ask() -> None:
        for address in addresses:
            try:
                with opener.open(Request(address, method="HEAD"), timeout=seconds):
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

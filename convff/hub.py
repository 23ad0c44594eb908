"""Networks on the Hugging Face Hub, `hf://user/name`: one checkpoint per repository, and no code."""

import re
from pathlib import Path, PurePath
from types import ModuleType

from convff.checkpoint import CHECKPOINT
from convff.reasons import reason

SCHEME = "hf://"
NAME = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
ADDRESS = re.compile(rf"hf:/{{1,2}}({NAME})(?:@([\w./-]+))?")  # a Path has one slash


class HubError(ValueError):
    """What the Hub refuses or does not have, or that its package is not installed; the message says which."""


def on_hub(path: Path | str) -> bool:
    """Return whether a path is an address of the Hub.

    Example:
        >>> on_hub("hf://user/name"), on_hub(Path("hf://user/name")), on_hub("runs/name")
        (True, True, False)
    """
    return _text(path).startswith("hf:/")


def fetch(path: Path | str) -> Path:
    """Download the checkpoint of `hf://user/name`, or `hf://user/name@revision`, into the cache of the Hub's package.

    Args:
        path: the address.

    Returns:
        the file.

    Raises:
        HubError: the address is wrong, the package is missing, or there is no such repository, revision or file.
    """
    found = ADDRESS.fullmatch(_text(path))
    if found is None:
        raise HubError(f"an address of the Hub is {SCHEME}user/name or {SCHEME}user/name@revision, got {_text(path)!r}")
    hub, (name, revision) = package(), found.groups()
    try:
        return Path(hub.HfApi().hf_hub_download(repo_id=name, filename=CHECKPOINT, revision=revision))
    except Exception as error:  # of many kinds: no network, no such repository, no permission
        raise HubError(f"{SCHEME}{name} cannot be read: {reason(error)}") from error


def package() -> ModuleType:
    """Return the package of the Hub, which is an extra.

    Raises:
        HubError: it is not installed.
    """
    try:
        import huggingface_hub  # noqa: PLC0415
    except ImportError as error:
        raise HubError(f'{SCHEME} needs huggingface_hub: pip install "convff[hub]"') from error
    found: ModuleType = huggingface_hub
    return found


def _text(path: Path | str) -> str:
    return path.as_posix() if isinstance(path, PurePath) else path

"""A Hub in a folder, which takes the place of the package `huggingface_hub`."""

import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


class Hub:
    """Repositories as folders, and a note of every call.

    Args:
        root: holds `user/name/`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, **about: Any) -> "Hub":
        return self

    def create_repo(self, *, repo_id: str, private: bool, exist_ok: bool) -> None:
        self.calls.append(("create_repo", {"private": private}))
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
        if repo_id.startswith("stranger/"):
            raise OSError("403 Forbidden:\n  no permission")
        self.calls.append(("upload_folder", {"message": commit_message}))
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)

    def hf_hub_download(self, *, repo_id: str, filename: str, revision: str | None) -> str:
        self.calls.append(("download", {"revision": revision}))
        path = self.root / repo_id / filename
        if not path.exists():
            raise FileNotFoundError(f"404: {repo_id} has no {filename}")
        return str(path)


def hub_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Put a Hub in a folder in place of the package."""
    module: Any = ModuleType("huggingface_hub")
    module.HfApi = hub = Hub(root)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return hub

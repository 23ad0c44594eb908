"""The guard of our top-level names, and their other names within `convff`."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

import cam
import convff
import experiments
import labels
from convff import ForeignNameError, require_ours


def test_ours_are_ours() -> None:
    require_ours("labels", "cam", "experiments")
    assert all(package.__convff__ for package in (labels, cam, experiments))


@pytest.mark.parametrize("name", ["labels", "cam", "experiments"])
def test_a_file_of_the_same_name_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{name}.py").touch()
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ForeignNameError, match=rf"`{name}` is .*{name}\.py, not convff's, .* rename it"):
        require_ours(name)


def test_a_foreign_package_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "labels")
    with pytest.raises(ForeignNameError, match=r"labels\.py, not convff's"):
        require_ours("labels")


def test_a_missing_dependency_of_ours_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels.py").write_text("__convff__ = True\nimport no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "labels")
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        require_ours("labels")


def test_a_folder_without_init_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ModuleType("labels")
    folder.__path__ = ["/home/you/labels"]
    monkeypatch.setitem(sys.modules, "labels", folder)
    with pytest.raises(ForeignNameError, match="is /home/you/labels, not convff's"):
        require_ours("labels")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ForeignNameError, match="`no_such_package_of_ours` is missing"):
        require_ours("no_such_package_of_ours")


def test_other_names() -> None:
    for name, package in (("labels", labels), ("cam", cam)):
        alias = getattr(convff, name)
        assert {each: getattr(alias, each) for each in package.__all__} == {
            each: getattr(package, each) for each in package.__all__
        }
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = convff.nothing

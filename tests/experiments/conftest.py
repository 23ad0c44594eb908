"""What the tests of experiments share."""

import pytest

from experiments import figures, style


@pytest.fixture(autouse=True)
def _coarse(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test looks at fine lines; only those of the gallery ask how large its pictures are."""
    if "test_label_gallery" not in request.node.nodeid:
        monkeypatch.setitem(style.RC, "savefig.dpi", 80)


@pytest.fixture(autouse=True)
def _undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two figures in two formats take most of the time of a tiny run: only the tests about them draw them."""
    drawing = ("test_a_run_leaves_its_folder", "test_cam_figures", "test_label_gallery", "figure")
    if any(name in request.node.nodeid for name in drawing):
        return
    for name in ("learning_curve", "confusion_matrix"):
        monkeypatch.setattr(figures, name, lambda *arguments, **options: None)

"""The page of the demonstration shows what the network says, and stands on its own."""

import re
from pathlib import Path

import pytest

from convff import pretrained, shipped_digits
from experiments.commands import entry
from experiments.reports.demo import NAME, demo_of


def test_the_page_shows_scores_and_answers_of_the_network() -> None:
    images, classes = shipped_digits()
    model = pretrained(NAME)
    demo = demo_of(model, images[:3], classes[:3])
    scores = model.scores(images[:3])
    for digit, row, right in zip(demo.digits, scores.tolist(), classes.tolist(), strict=False):
        assert digit.right == str(right)
        assert digit.given == str(row.index(max(row)))
        assert digit.rival == str(row.index(sorted(row)[-2]))
        assert [score.value for score in digit.scores] == [f"{value:.3f}" for value in row]
        spans = [(value - min(row)) / (max(row) - min(row)) for value in row]
        assert [score.share for score in digit.scores] == pytest.approx(spans, abs=1e-6)
        lead = float(re.search(r"[+-][\d.]+$", digit.map.caption)[0])  # type: ignore[index]
        assert lead == pytest.approx(max(row) - sorted(row)[-2], abs=2e-3)
    assert len({picture.uri for picture in demo.labelled}) == 10


def test_the_command_writes_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "demo.html"
    assert entry.main(["demo", "--out", str(page)]) == 0
    assert capsys.readouterr().out == f"16 of 16 digits are right: {page}\n"
    text = page.read_text(encoding="utf-8")
    sources = re.findall(r'<img src="([^"]{0,22})', text)
    assert len(sources) == 10 + 2 * 16
    assert set(sources) == {"data:image/png;base64,"}
    assert "http" not in text
    assert text.count("<article") == text.count("</article>") == 16


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        entry.main(["demo", "--out", str(tmp_path)])
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err

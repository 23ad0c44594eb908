"""What a run found wrong with images of one's own is said wherever its numbers are."""

import pytest

from experiments.run.tables import closing_table
from tests.experiments.reports.pages import faults
from tests.experiments.reports.samples import record, written
from tests.experiments.run.test_results import results

PLACE = "/home/me/<b>photos"
NOTES = (
    "9 photographs, 2 classes, 1 size (40 x 30), 1 unreadable and excluded: a<i>.jpg",
    f"warning: the same image in several classes, used to learn from: {PLACE}/a/1.png = {PLACE}/b/1.png",
    "warning: 3 of the images in test/ are also in train/",
)
EXCLUDED = (f"{PLACE}/a/2.jpg is cut short", f"{PLACE}/b/3.jpg is no image")


def test_a_report_says_it() -> None:
    run = record()
    run.results.update(notes=list(NOTES), excluded=list(EXCLUDED))
    text = written(run, None)
    assert faults(text) == []
    assert "9 photographs, 2 classes, 1 size (40 x 30), 1 unreadable and excluded: a&lt;i&gt;.jpg" in text
    assert "warning: 3 of the images in test/ are also in train/" in text
    assert "2 images could not be read and are excluded: /home/me/&lt;b&gt;photos/a/2.jpg is cut short" in text
    assert text.count("/home/me/&lt;b&gt;photos/b/1.png") == 1
    assert "What the run warned of" not in written(record(), None)


@pytest.mark.parametrize(("excluded", "words"), [(EXCLUDED[:1], "1 image could not be read and is excluded"), ((), "")])
def test_the_closing_table_says_it_without_files(excluded: tuple[str, ...], words: str) -> None:
    asked = {"labels": "fourier", "rule": "ff", "participation": {}, "per_layer": {}, "label_only_probe": {}}
    text = closing_table(results(**asked, notes=NOTES, excluded=excluded))
    assert "  warning: 3 of the images in test/ are also in train/" in text
    assert "  warning: the same image in several classes, used to learn from\n" in f"{text}\n"
    assert words in text
    assert ("excluded" in text) == bool(words)
    assert PLACE not in text

"""Pictures and citations of a report."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.reports.citations import ENTRIES, USES, bibtex, papers
from experiments.reports.labels_seen import MOST, labels_seen
from experiments.reports.pictures import LARGEST, data_uri, of_colours, of_planes
from experiments.run.predictions import KEPT
from labels import ChannelLabels, FourierLabels
from tests.experiments.reports.samples import answers, record

ROOT = Path(__file__).parent.parent.parent.parent


def pixels_of(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 20, 64)])
def test_small_pictures_keep_every_value(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(256, size=shape).astype(np.uint8)
    shown = pixels_of(of_planes(image))
    assert (shown == (image[0] if shape[0] == 1 else image.transpose(1, 2, 0))).all()
    assert (pixels_of(of_planes(image / 255)) == shown).all()


def test_noise_of_any_size_fits_into_one_page() -> None:
    """The worst case: no picture compresses worse than noise."""
    noise = np.random.default_rng(0).integers(256, size=(600, 400, 3)).astype(np.uint8)
    uri = of_colours(noise)
    assert max(pixels_of(uri).shape) == LARGEST
    pictures = 2 * KEPT * 4 + MOST
    side_by_side = data_uri(noise[:LARGEST, :LARGEST])
    assert pictures * max(len(uri), len(side_by_side)) < 2.8 * 2**20


def test_citations_are_those_of_the_repository() -> None:
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for key in ("hinton2022", "scodellaro2025", "krutsylo2025", "lee2023", "ghl2026"):
        title = re.search(r"title\s*= \{(.*)\}", ENTRIES[key])
        assert title is not None
        assert title[1] in cited
    assert set(ENTRIES) == {use.paper for use in USES}
    for entry in ENTRIES.values():
        assert entry.count("{") == entry.count("}")


def test_a_run_cites_what_it_uses() -> None:
    assert papers({"rule": "bp"}) == []
    found = papers({"rule": "hebbff", "label_name": "morph", "gate": "symmetric", "optimizer": "orthogonal"})
    assert found == ["hinton2022", "krutsylo2025", "scodellaro2025", "lee2023", "jordan2024"]
    assert bibtex({"rule": "bp"}).startswith("@software{convff")


def test_where_the_label_is() -> None:
    names, images = tuple("abcdefghijkl"), answers().images
    run = record()
    fourier = labels_seen(run.settings, FourierLabels(12, (8, 8)), names, images, tried=True)
    assert [tile.caption for tile in fourier.shown] == list(names[:MOST])
    assert "The first 10 of 12 classes" in fourier.note
    beside = labels_seen(run.settings, ChannelLabels(12, (8, 8)), names, images, tried=True)
    assert "by itself" in beside.note
    assert len(beside.shown) == MOST
    assert labels_seen(run.settings, None, names, images, tried=True).shown == ()
    assert "says nothing" in labels_seen(run.settings, FourierLabels(12, (8, 8)), names, images, tried=False).words
    output = labels_seen(record(label_at="output").settings, None, names, images, tried=True)
    assert output.words.startswith("The label is in no image")
    assert output.note == ""

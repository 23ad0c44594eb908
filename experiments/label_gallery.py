"""Make, choose, look at and judge a label set, before a network is trained on it.

Example: `python experiments/label_gallery.py --labels fourier --classes 100 --out gallery`. Draws the labels alone, the
labels on an image, right and wrong labels, and the correlations before and after the choice, and writes `labels.json`.
"""

import tyro

from experiments.label_sets.settings import GallerySettings
from experiments.tools.command import exit_on

if __name__ == "__main__":
    asked = tyro.cli(GallerySettings, description=__doc__)

    from experiments.label_sets.gallery import GalleryError, make_gallery  # after the parsing: it imports torch

    with exit_on(GalleryError):
        print(make_gallery(asked))

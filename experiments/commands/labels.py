"""Make, choose, look at and judge a label set, before a network is trained on it.

Example: `convff labels --labels fourier --classes 100 --out gallery`. The same as `experiments/label_gallery.py`.
"""

from experiments.label_sets.settings import GallerySettings
from experiments.tools.command import exit_on

Options = GallerySettings


def main(options: GallerySettings) -> int:
    """Make the gallery; print its summary."""
    from experiments.label_sets.gallery import GalleryError, make_gallery

    with exit_on(GalleryError):
        print(make_gallery(options))
    return 0

"""Unsupervised Forward-Forward: layers learn to tell images from hybrids, then a readout learns the classes.

Example: `python experiments/unsupervised.py --preset smoke`. A hybrid is made of two images by a mask of large regions.
`--net local` (the default on 28 x 28 pixels) has local fields without shared weights, `--net dense` four dense layers;
`--model cnn6` and other networks learn from hybrids too. `--rule bp` trains the same network by backpropagation. See
`docs/hinton.md`.
"""

from experiments.config.command_line import parse
from experiments.config.settings import Settings

DEFAULT = Settings(dataset="mnist", label_at="nowhere")

if __name__ == "__main__":
    settings = parse(DEFAULT, __doc__)

    from experiments.run.train import main  # after the parsing: it imports torch

    main(settings)

"""Train and judge a network on Fashion-MNIST, from one command.

Example: `python experiments/fashion_mnist.py --labels morph --rule hebbff --preset smoke`. Options and presets
are in `experiments/config/`; the README lists their accuracies.
"""

from experiments.config.command_line import parse
from experiments.config.settings import Settings

if __name__ == "__main__":
    settings = parse(Settings(dataset="fashion_mnist"), __doc__)

    from experiments.run.train import main  # after the parsing: it imports torch

    main(settings)

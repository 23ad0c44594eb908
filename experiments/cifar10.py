"""Train and judge a network on CIFAR-10, from one command.

Example: `python experiments/cifar10.py --labels morph --rule hebbff --preset smoke`. The options stand in
`experiments/settings.py`, the presets in `experiments/presets.py`, and what they reach in the README.
"""

from experiments.settings import Settings, parse

if __name__ == "__main__":
    settings = parse(Settings(dataset="cifar10"), __doc__)

    from experiments.runner import main  # after the parsing: it imports torch

    main(settings)

"""SoftHebb: three convolutions that learn without labels, and a linear classifier on what they have learnt.

Example: `python experiments/softhebb.py --preset smoke`. `paper` is the published setting, `quick` half its width; both
train for one epoch. `--rule bp` trains the same network by backpropagation; `python experiments/table.py runs/*` puts
the runs into one table, with the untrained network as the control. See `docs/softhebb.md`.
"""

from experiments.config.command_line import parse
from experiments.config.settings import Settings

DEFAULT = Settings(dataset="cifar10", rule="softhebb", model="deephebb")

if __name__ == "__main__":
    settings = parse(DEFAULT, __doc__)

    from experiments.run.train import main  # after the parsing: it imports torch

    main(settings)

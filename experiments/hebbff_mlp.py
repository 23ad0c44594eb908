"""The dense networks of the HebbFF paper on MNIST and Fashion-MNIST, with the label at every layer.

Example: `python experiments/hebbff_mlp.py --dataset fashion_mnist --net wide --rule ff --preset paper`. `paper` is the
paper's recipe, with the numbers that it leaves open found by `experiments/search.py`; `quick` is our own. See
`experiments/config/presets/hebbff_nets.py` for both, and `docs/hebbff.md` for their accuracies.
"""

from experiments.config.command_line import parse
from experiments.config.settings import Settings

DEFAULT = Settings(dataset="mnist", net="deep", labels="layerwise", rule="hebbff", inference=("goodness",))

if __name__ == "__main__":
    settings = parse(DEFAULT, __doc__)

    from experiments.run.train import main  # after the parsing: it imports torch

    main(settings)

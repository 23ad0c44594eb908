"""How presets treat backpropagation. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def one_pass(recipe: Recipe) -> Recipe:
    """Train the same network with the same steps and for the same minutes, but all blocks to the end.

    Example:
        >>> one_pass(Recipe(model="cnn6", stagger=0.3)).stagger
        0.0
    """
    return replace(recipe, epochs=4, stagger=0.0)


def unsupervised(recipe: Recipe) -> Recipe:
    """Train the same network on classes, for at most a quarter of the epochs: it learns faster, and then overfits.

    Example:
        >>> unsupervised(Recipe(model="local_fields", epochs=60)).epochs
        15
    """
    return replace(
        recipe,
        optimizer="adam",
        lr=1e-3,
        momentum=0.9,
        weight_decay=0.0,
        joint_readout=False,
        epochs=-(-recipe.epochs // 4),
    )


def greedy(recipe: Recipe) -> Recipe:
    """Train all layers together, by small batches: no layer can learn before those above it.

    Example:
        >>> greedy(Recipe(model="mlp", order="one_by_one")).order
        'together'
    """
    return replace(
        recipe,
        order="together",
        optimizer="adam",
        lr=1e-3,
        decay="cooldown",
        epochs=12,
        batch_size=64,
        repeats=1,
        portions=1,
        redraw=True,
    )


def hinton(recipe: Recipe) -> Recipe:
    """Take Adam and a head for Hinton's step and softmax: the network, its first weights and the batches stay.

    Example:
        >>> hinton(Recipe(model="mlp", joint_readout=True)).joint_readout
        False
    """
    return replace(recipe, optimizer="adam", lr=1e-3, weight_decay=0.0, negatives_from=None, joint_readout=False)


def recurrent(recipe: Recipe) -> Recipe:
    """Take Adam and a head for settling: a single pass from the bottom up through the same fields.

    The paper trains both with decay of the weights, of a strength that it does not give: ours.

    Example:
        >>> recurrent(Recipe(model="recurrent_mlp", joint_readout=True, rule_options={"iterations": 8})).rule_options
        {}
    """
    return replace(hinton(recipe), rule_options={}, weight_decay=1e-4)

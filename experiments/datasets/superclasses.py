"""The 20 superclasses of CIFAR-100, of five classes each, as published with the data (Krizhevsky 2009)."""

from collections.abc import Mapping, Sequence

CIFAR100: Mapping[str, tuple[str, ...]] = {
    "aquatic_mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food_containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit_and_vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household_electrical_devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household_furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large_carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large_man-made_outdoor_things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large_natural_outdoor_scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large_omnivores_and_herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium_mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect_invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small_mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles_1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles_2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}


def superclasses_of(class_names: Sequence[str], table: Mapping[str, Sequence[str]]) -> tuple[int, ...] | None:
    """Return the index of each class's superclass, in the order of the table.

    Args:
        class_names: names of the classes; case does not matter, and blanks and hyphens count as underscores.
        table: the classes of each superclass.

    Returns:
        one index per class; None if the classes are not exactly those of the table, so that nothing is guessed.

    Example:
        >>> superclasses_of(("sea", "Maple tree", "rose"), {"trees": ["maple_tree"], "others": ["rose", "sea"]})
        (1, 0, 1)
        >>> superclasses_of(("0", "1", "2"), {"trees": ["maple_tree"], "others": ["rose", "sea"]}) is None
        True
    """
    known = {name: index for index, members in enumerate(table.values()) for name in members}
    found = [name.strip().lower().replace(" ", "_").replace("-", "_") for name in class_names]
    return tuple(known[name] for name in found) if sorted(found) == sorted(known) else None

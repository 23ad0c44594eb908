"""The images of a run: loaded, the same in every process, and split."""

from dataclasses import replace
from zlib import crc32

import torch

from convff import ImageData, Processes, keyed_generator
from experiments.config.presets.few_classes import few_classes
from experiments.config.presets.few_photographs import difference_in_words, few_photographs
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import DataError, Dataset, Wanted, load_dataset
from experiments.run.torchrun import local_rank

LEAST_IMAGES = 10


def load(settings: Settings, processes: Processes) -> Dataset:
    """Load the data set, and check that it is the same in every process."""
    if local_rank():
        processes.wait()  # for this machine's first process, which may download the data
    dataset = load_dataset(
        settings.dataset, settings.data_dir, require=settings.require_data, wanted=wanted_by(settings)
    )
    if not local_rank():
        processes.wait()
    if processes.size > 1:
        refuse_different_data(dataset, processes)
    return dataset


def wanted_by(settings: Settings) -> Wanted:
    """Return how images of one's own are to be read.

    Example:
        >>> wanted_by(Settings(image_size=(64,), on_bad_image="skip"))
        Wanted(image_size=(64, 64), skip=True)
    """
    sides = settings.image_size
    return Wanted(None if sides is None else (sides[0], sides[-1]), settings.on_bad_image == "skip")


def refuse_different_data(dataset: Dataset, processes: Processes) -> None:
    """Raise if data differ between processes: one could learn from stand-ins while rank 0 reports the real data."""
    train = dataset.train
    facts = {
        "name": train.name,
        "stand-in": dataset.is_stand_in,
        "training images": len(train),
        "checksum": crc32(train.classes.numpy().data, crc32(train.images.contiguous().numpy().data)),
    }
    everyones = processes.gather(facts)
    differing = [name for name in facts if any(other[name] != facts[name] for other in everyones)]
    if differing:
        found = [
            f"process {rank}: {', '.join(f'{name} {other[name]}' for name in differing)}"
            for rank, other in enumerate(everyones)
        ]
        raise DataError(
            f"the processes loaded different data, but must all have the same: {'; '.join(found)}. "
            f"Process {processes.rank} took {dataset.source}"
        )


def split(dataset: Dataset, settings: Settings, recipe: Recipe) -> tuple[ImageData, ImageData, ImageData]:
    """Split into training images, validation images held out from them, and the images that judge the run.

    Example:
        >>> import torch
        >>> data = ImageData(torch.zeros(20, 1, 2, 2, dtype=torch.uint8), torch.arange(20) % 2, ("a", "b"), "toy")
        >>> dataset = Dataset(data, data, source="made up", is_stand_in=False)
        >>> [len(part) for part in split(dataset, Settings(), Recipe(model="mlp"))]
        [16, 4, 20]
    """
    total = len(dataset.train)
    on_validation = settings.evaluate_on == "validation"
    asked = recipe.validation_images if on_validation else recipe.curve_images
    held_out = min(asked, total // 5)
    if dataset.held_out is not None and asked:  # all of them: copies of one image are in the same part
        held_out = dataset.held_out
    if total < LEAST_IMAGES:
        raise DataError(f"{dataset.source}: there are {total} training images; at least {LEAST_IMAGES} are needed")
    if on_validation and dataset.held_out == 0:
        raise DataError(
            f"{dataset.source}: --evaluate-on validation needs 3 different images in a class, to hold one out"
        )
    train, validation = dataset.train.part(0, total - held_out), dataset.train.part(total - held_out, None)
    judged = validation if on_validation else dataset.test
    return train.part(0, recipe.train_images), validation, judged.part(0, recipe.test_images)


def suited_to(settings: Settings, recipe: Recipe, dataset: Dataset, *, quiet: bool) -> Recipe:
    """Return the recipe as it suits few classes, and few photographs of one's own, and say what that changes."""
    recipe = few_classes(settings, recipe, dataset.train.num_classes)
    if not dataset.photographs:
        return recipe
    changed = few_photographs(settings, recipe, len(dataset.train) - (dataset.held_out or 0))
    if changed != recipe and not quiet:
        print(f"note: few photographs: {difference_in_words(recipe, changed)}")
    return changed


def portions_of(train: ImageData, count: int, seed: int) -> list[ImageData]:
    """Return equal parts of the training images, in an order keyed by the seed; the images themselves for one part.

    Args:
        train: the training images.
        count: number of parts.
        seed: key of the order.

    Raises:
        SettingsError: a part would have fewer than 2 images.

    Example:
        >>> data = ImageData(torch.zeros(20, 1, 2, 2, dtype=torch.uint8), torch.arange(20) % 2, ("a", "b"), "toy")
        >>> [len(part) for part in portions_of(data, 3, seed=0)]
        [7, 7, 6]
    """
    if len(train) < 2 * count:
        raise SettingsError(
            f"--portions must leave at least 2 images in each part: at most {len(train) // 2} for the {len(train)} "
            f"training images, got {count}"
        )
    if count == 1:
        return [train]
    order = torch.randperm(len(train), generator=keyed_generator(seed, "portions")).to(train.images.device)
    parts = order.tensor_split(count)
    return [replace(train, images=train.images[part], classes=train.classes[part]) for part in parts]

"""Maps of finished runs, drawn and measured: what `cam_figures.py` writes for one data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cam import kinds
from convff import ImageData, PictureError, as_floats, read_picture
from experiments.config.settings import SettingsError
from experiments.maps import drawing, metrics
from experiments.maps.explained import Explained, class_targets, scores_of, summed_maps
from experiments.maps.scores import compared_in_words


def choose_images(data: ImageData, count: int, classes: Sequence[str]) -> list[int]:
    """Return the indices of `count` images: the first of each class, then the second of each, and so on.

    Raises:
        SettingsError: a class is unknown, or there are too few images.

    Example:
        >>> import torch
        >>> from convff import ImageData
        >>> images, classes = torch.zeros(5, 1, 2, 2, dtype=torch.uint8), torch.tensor([1, 0, 1, 0, 0])
        >>> choose_images(ImageData(images, classes, ("cat", "dog"), "pets"), 3, ["dog", "cat"])
        [0, 1, 2]
    """
    wanted = [class_index(data, name) for name in classes] or list(range(data.num_classes))
    places = [(data.classes == index).nonzero().flatten().tolist() for index in wanted]
    rounds = [
        place[turn] for turn in range(max(len(place) for place in places)) for place in places if turn < len(place)
    ]
    if len(rounds) < count:
        raise SettingsError(f"--images {count}: there are only {len(rounds)} test images of these classes")
    return rounds[:count]


def class_index(data: ImageData, name: str) -> int:
    """Return the index of a class by its name.

    Raises:
        SettingsError: there is no such class.

    Example:
        >>> images, classes = torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1])
        >>> class_index(ImageData(images, classes, ("cat", "dog"), "pets"), "dog")
        1
    """
    if name not in data.class_names:
        raise SettingsError(f"--classes {name}: {data.name} has the classes {', '.join(data.class_names)}")
    return data.class_names.index(name)


def own_image(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """Read an image file as input of a network: `[C, H, W]` in [0, 1], its middle part; see `convff.read_picture`.

    Raises:
        SettingsError: the file cannot be read as an image.
    """
    try:
        return read_picture(path, shape) / 255
    except PictureError as error:
        raise SettingsError(f"--image {error}") from error


def draw_test_images(views: list[Explained], count: int, classes: Sequence[str], out: Path) -> None:
    """Draw the maps of test images: by layer, summed, and of the rule's scores; print the paths.

    Args:
        views: runs of one data set.
        count: number of images.
        classes: names of the classes to draw images of; all if empty.
        out: folder to write to.

    Raises:
        SettingsError: a class is unknown, or there are too few images.
    """
    data = views[0].trained.parts.judged
    chosen = choose_images(data, count, classes)
    images, right = as_floats(data.images[chosen]), data.classes[chosen].tolist()
    key = views[0].trained.run.settings.dataset
    for index, image, k in zip(chosen, images, right, strict=True):
        title = f"{data.name}, image {index}: “{data.class_names[k]}”"
        path = out / f"layers-{key}-{index}.png"
        drawing.layers_figure(image, [k] * len(views), views, path, title)
        print(path)
    path = out / f"sums-{key}.png"
    drawing.sums_figure(images, [right] * len(views), views, path, f"{data.name}:\nmaps of the right class")
    print(path)
    local = [view for view in views if view.goodness is not None]
    if local:
        path = out / f"goodness-{key}.png"
        compared = compared_in_words(view.goodness for view in local)
        title = f"{data.name}:\n{compared} over the closest wrong one"
        drawing.goodness_figure(images, right, local, path, title)
        print(path)


def draw_own_image(views: list[Explained], file: Path, class_name: str | None, out: Path) -> None:
    """Draw the maps of the user's own image, layer by layer; print the scores and the path.

    Args:
        views: runs of one data set.
        file: the image.
        class_name: the class to explain; if None, the class that each run predicts.
        out: folder to write to.

    Raises:
        SettingsError: the file cannot be read as an image, or the class is unknown.
    """
    parts = views[0].trained.parts
    image = own_image(file, parts.train.shape)
    if class_name is not None:
        classes = [class_index(parts.train, class_name)] * len(views)
    else:
        classes = [int(scores_of(view.model, image[None]).argmax()) for view in views]
    key = views[0].trained.run.settings.dataset
    path = out / f"layers-{key}-{file.stem}.png"
    title = f"{file.name}, seen by networks trained on {parts.train.name}"
    drawing.layers_figure(image, classes, views, path, title)
    for view, explained_class in zip(views, classes, strict=True):
        maps = view.method.maps(image[None], class_targets(torch.tensor([explained_class])))
        name = parts.train.class_names[explained_class]
        print(f"{view.trained.run.name}: score of {name} {maps.scores.item():.3f}, map {kinds(maps.summed())[0]}")
    print(path)


def measure_runs(views: list[Explained], count: int, content: dict[str, Any]) -> None:
    """Measure the maps of runs of one data set on its first test images; add and print the figures.

    Args:
        views: runs of one data set.
        count: number of images.
        content: the content of `cam.json`; the figures are added to it.
    """
    data = views[0].trained.parts.judged.part(0, count)
    images = as_floats(data.images)
    by_run = {}
    for view in views:
        run = view.trained.run
        about = {"dataset": data.name, "labels": run.settings.label_name, "rule": run.settings.rule}
        judged = metrics.measure_maps(view, images, data.classes)
        content["runs"][run.name] = about | {"accuracy": run.results["accuracy"]} | judged
        by_run[run.name] = summed_maps(view.method, images, data.classes)
        print(summary(run.name, judged))
    names = list(by_run)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            agreement = metrics.interval(metrics.rank_correlation(by_run[first], by_run[second]))
            content["agreement"][f"{first} and {second}"] = agreement
            print(f"{first} and {second}: rank correlation {_with_interval(agreement)}")


def summary(name: str, judged: dict[str, Any]) -> str:
    """Return the main figures of a run in a few lines.

    Example:
        >>> judged = {"completeness": {"float32": 1e-6, "float64": 1e-15}, "metrics": {"images": 8}}
        >>> summary("a run", judged)
        'a run: completeness 1.0e-06 (float32) and 1.0e-15 (float64); ROADCombined on 8 images:'
    """
    complete, measured = judged["completeness"], judged["metrics"]
    sums = f"completeness {complete['float32']:.1e} (float32) and {complete['float64']:.1e} (float64)"
    if "goodness_completeness" in judged:
        sums += f", of the rule's own scores {judged['goodness_completeness']['float32']:.1e} (float32)"
    lines = [f"{name}: {sums}; ROADCombined on {measured['images']} images:"]
    for method in (name for name in measured if name != "images"):
        found = measured[method]
        line = f"  {method} {_with_interval(found['road_combined'])}"
        if "minus_random" in found:
            line += f", minus RandomCAM {_with_interval(found['minus_random']['road_combined'])}"
        lines.append(line)
    return "\n".join(lines)


def _with_interval(found: dict[str, float]) -> str:
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"

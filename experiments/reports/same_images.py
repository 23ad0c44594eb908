"""Whether runs are of the same images, by the digests that they saved. Imports no torch."""

from experiments.run.alike import images_of
from experiments.run.folder import RunRecord


def digests_of(run: RunRecord) -> dict[str, str]:
    """Return the digests of the training and test images of a run, by "train" and "test".

    It is empty for a run of a version that did not save them.
    """
    return dict(run.results.get("data") or {})


def judged_alike(one: RunRecord, two: RunRecord) -> bool:
    """Return whether the same images judged two runs, as far as is known.

    Photographs that were made another size have other digests, and are taken to be the same.
    """
    if any(one.results[name] != two.results[name] for name in ("dataset", "judged_on")):
        return False
    if one.settings.image_size != two.settings.image_size:
        return True
    part = "train" if images_of(one.results)[1] == "validation" else "test"  # validation images are held out
    return len({digest for run in (one, two) if (digest := digests_of(run).get(part))}) < 2

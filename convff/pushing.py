"""Put a trained network on the Hugging Face Hub: its checkpoint and a model card."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from convff.checkpoint import CHECKPOINT
from convff.classifier import Classifier
from convff.hub import NAME, SCHEME, HubError, package
from convff.loading import load
from convff.reasons import reason
from convff.version import __version__

CARD = "README.md"
FRONT = """---
library_name: convff
pipeline_tag: image-classification
tags: [convff, forward-forward, local-learning, image-classification]
---
"""


def push(model: Classifier | Path | str, repository: str, *, card: str | None = None, private: bool = False) -> str:
    """Put a trained network into a repository of the Hub, which is made if there is none, in one commit.

    Two files travel: the checkpoint as `Classifier.save` writes it, and the card. No code, no images and no settings
    do. Log in by `hf auth login` or `$HF_TOKEN` before.

    Args:
        model: a classifier, or what `load` takes: a run folder or a checkpoint.
        repository: "user/name".
        card: the model card, in Markdown; `model_card` by default. `convff push` makes one of the results.
        private: make a new repository private.

    Returns:
        the address for `load`, "hf://user/name".

    Raises:
        HubError: the name is wrong, the package is missing, or the Hub refuses.
        FileNotFoundError: there is no such run.
        ValueError: the run needs a part of yours, which the message names.
    """
    if re.fullmatch(NAME, repository) is None:
        raise HubError(f"a repository of the Hub is user/name, got {repository!r:.80}")
    hub = package()
    model = model if isinstance(model, Classifier) else load(model)
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / CHECKPOINT)
        text = model_card(model, repository) if card is None else card
        (Path(folder) / CARD).write_text(text, encoding="utf-8")
        try:
            api = hub.HfApi(library_name="convff", library_version=__version__)
            api.create_repo(repo_id=repository, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message=f"A network of convff {__version__}"
            )
        except Exception as error:  # of many kinds: no network, no permission, no token
            raise HubError(f"{SCHEME}{repository} cannot be written: {reason(error)}") from error
    return f"{SCHEME}{repository}"


def model_card(model: Classifier, repository: str, *, about: str = "") -> str:
    """Return a model card: what the network is, and how to use it.

    Args:
        model: the network.
        repository: "user/name".
        about: Markdown to put between the two, for example what the network has reached.

    Example:
        >>> from convff import pretrained
        >>> print(model_card(pretrained("mnist-fourier"), "user/digits").splitlines()[6])
        # digits
    """
    channels, height, width = model.image_shape
    parameters = sum(each.numel() for each in model.net.parameters())
    names = ", ".join(model.class_names[:20]) + (", ..." if len(model.class_names) > 20 else "")
    space = "\n\n" if about else ""
    labels, rule = type(model.run.labels).__name__, type(model.run.rule).__name__
    return f"""{FRONT}
# {repository.partition("/")[2]}
A network of convff {__version__}, whose blocks learn by `{rule}`, with labels
`{labels}`. It tells {len(model.class_names)} classes of images of {channels} x {height} x {width} apart ({names}) by
{parameters:,} parameters.

{about.rstrip()}{space}## Use
```python
import convff  # pip install "convff[hub]"

model = convff.load("{SCHEME}{repository}")
names = model.predict("photo.png")
maps = model.maps("photo.png")  # what speaks for the best class, where it is a sum over positions
```

`convff predict {SCHEME}{repository} photo.png` does the same. The repository holds numbers and names, and no code:
loading it runs nothing that it brings. Scores are no probabilities.
"""

"""The papers that a run builds on, as BibTeX; `CITATION.cff` has the package's own entry."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from convff import __version__

PACKAGE = f"""@software{{convff,
  title   = {{convff: convolutional Forward-Forward and Hebbian Forward-Forward}},
  author  = {{{{the convff authors}}}},
  version = {{{__version__}}},
  year    = {{2025}}
}}"""

ENTRIES = {
    "hinton2022": """@article{hinton2022,
  title   = {The Forward-Forward Algorithm: Some Preliminary Investigations},
  author  = {Hinton, Geoffrey},
  journal = {arXiv:2212.13345},
  year    = {2022}
}""",
    "scodellaro2025": """@article{scodellaro2025,
  title   = {Training convolutional neural networks with the Forward-Forward Algorithm},
  author  = {Scodellaro, Riccardo and Kulkarni, Ajinkya and Alves, Frauke and Schr{\\"o}ter, Matthias},
  journal = {Scientific Reports},
  year    = {2025},
  doi     = {10.1038/s41598-025-26235-2}
}""",
    "krutsylo2025": """@article{krutsylo2025,
  title = {The Hebbian Forward-Forward Algorithm},
  author = {Krutsylo, Andrii},
  year  = {2025},
  url   = {https://openreview.net/forum?id=CU9CPFjVcw}
}""",
    "lee2023": """@article{lee2023,
  title   = {SymBa: Symmetric Backpropagation-Free Contrastive Learning with Forward-Forward Algorithm for Optimizing Convergence},
  author  = {Lee, Heung-Chang and Song, Jeonggeun},
  journal = {arXiv:2303.08418},
  year    = {2023}
}""",  # noqa: E501
    "ghl2026": """@article{ghl2026,
  title   = {Hebbian Learning with Global Direction},
  author  = {{the authors of arXiv:2601.21367}},
  journal = {arXiv:2601.21367},
  year    = {2026}
}""",
    "journe2023": """@inproceedings{journe2023,
  title     = {Hebbian Deep Learning Without Feedback},
  author    = {Journ{\\'e}, Adrien and Rodriguez, Hector Garcia and Guo, Qinghai and Moraitis, Timoleon},
  booktitle = {International Conference on Learning Representations},
  year      = {2023}
}""",
    "nokland2019": """@inproceedings{nokland2019,
  title     = {Training Neural Networks with Local Error Signals},
  author    = {N{\\o}kland, Arild and Eidnes, Lars Hiller},
  booktitle = {International Conference on Machine Learning},
  year      = {2019}
}""",
    "papachristodoulou2024": """@inproceedings{papachristodoulou2024,
  title     = {Convolutional Channel-Wise Competitive Learning for the Forward-Forward Algorithm},
  author    = {Papachristodoulou, Andreas and Kyrkou, Christos and Timotheou, Stelios and Theocharides, Theocharis},
  booktitle = {AAAI Conference on Artificial Intelligence},
  year      = {2024}
}""",
    "he2016": """@inproceedings{he2016,
  title     = {Deep Residual Learning for Image Recognition},
  author    = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  booktitle = {Conference on Computer Vision and Pattern Recognition},
  year      = {2016}
}""",
    "jordan2024": """@misc{jordan2024,
  title  = {Muon: An optimizer for hidden layers in neural networks},
  author = {Jordan, Keller and others},
  year   = {2024},
  url    = {https://kellerjordan.github.io/posts/muon/}
}""",
}


class Use(NamedTuple):
    """What makes a run cite a paper.

    Args:
        wanted: for each setting or number of the recipe, the values of which it must have one.
        paper: the key of the paper in `ENTRIES`.
    """

    wanted: Mapping[str, tuple[str, ...]]
    paper: str


USES = (
    Use({"rule": ("ff", "hebbff", "recurrent")}, "hinton2022"),
    Use({"rule": ("hebbff",)}, "krutsylo2025"),
    Use({"rule": ("ff", "hebbff"), "label_name": ("fourier", "morph", "stream", "beside")}, "scodellaro2025"),
    Use({"rule": ("ff", "hebbff"), "gate": ("symmetric",)}, "lee2023"),
    Use({"rule": ("ff", "hebbff"), "label_at": ("output",)}, "papachristodoulou2024"),
    Use({"rule": ("local_head",)}, "nokland2019"),
    Use({"rule": ("softhebb",)}, "journe2023"),
    Use({"rule": ("ghl",)}, "ghl2026"),
    Use({"model": ("resnet_he",)}, "he2016"),
    Use({"optimizer": ("orthogonal",)}, "jordan2024"),
)


def papers(numbers: Mapping[str, Any]) -> list[str]:
    """Return the keys of the papers that a run builds on.

    Args:
        numbers: settings of the run and numbers of its recipe, by name.

    Example:
        >>> papers({"rule": "ff", "label_name": "onehot", "gate": "threshold", "label_at": "image"})
        ['hinton2022']
    """
    return [use.paper for use in USES if all(numbers.get(name) in values for name, values in use.wanted.items())]


def bibtex(numbers: Mapping[str, Any]) -> str:
    """Return the entries of this package and of the papers that a run builds on; see `papers`."""
    return "\n\n".join([PACKAGE, *(ENTRIES[key] for key in papers(numbers))])

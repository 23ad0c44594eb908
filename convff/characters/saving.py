"""A trained network and its alphabet in a file, and back."""

from pathlib import Path
from typing import Any

from convff.characters.alphabet import Alphabet
from convff.characters.net import CharacterNet
from convff.tensor_files import load_tensors, save_tensors

KIND = "next-character"


def save_characters(net: CharacterNet, alphabet: Alphabet, path: Path, about: dict[str, Any] | None = None) -> None:
    """Save a network and its alphabet as safetensors, with a digest; an existing file is replaced at once.

    Args:
        net: the network.
        alphabet: the characters in the order of their numbers.
        path: the file.
        about: further JSON values that the file holds.

    Raises:
        ValueError: the alphabet is not as large as the network's.
    """
    if len(alphabet) != net.characters:
        raise ValueError(f"the alphabet must have {net.characters} letters, as the network, got {len(alphabet)}")
    save_tensors(path, net.state_dict(), {**(about or {}), "alphabet": alphabet.letters}, kind=KIND)


def load_characters(path: Path) -> tuple[CharacterNet, Alphabet]:
    """Load what `save_characters` saved, on the CPU: for example `RUN/combined/checkpoint.safetensors` of a run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is of another kind, or damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> net, alphabet = CharacterNet(characters=4, window=3, widths=(6, 5)), Alphabet("abc ")
        >>> with TemporaryDirectory() as folder:
        ...     save_characters(net, alphabet, Path(folder) / "mine.safetensors")
        ...     again, letters = load_characters(Path(folder) / "mine.safetensors")
        >>> again.window, again.widths, letters == alphabet
        (3, (6, 5), True)
    """
    tensors, about = load_tensors(path, kind=KIND)
    alphabet = Alphabet(about["alphabet"])
    widths = [len(tensors[f"layers.{index}.bias"]) for index in range(len(tensors) // 2 - 1)]
    net = CharacterNet(characters=len(alphabet), window=len(tensors["layers.0.weight"]) // len(alphabet), widths=widths)
    net.to(tensors["softmax.bias"].dtype).load_state_dict(tensors)
    return net, alphabet

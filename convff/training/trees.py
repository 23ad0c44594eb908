"""Nested values as JSON and tensors apart, and back: how the state of a training is written down.

`encode` puts each tensor of a nested value under a name of its own and returns the rest, which JSON can hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor


def encode(value: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """Return a nested value as JSON can hold it, with names for its tensors.

    Args:
        value: tensors, numbers, strings and None, in mappings, lists, tuples, named tuples and dataclasses.
        tensors: gets a copy of each tensor, on the CPU, by name.
        name: name of the value, and first part of the names of its tensors.

    Raises:
        TypeError: the value holds something else.

    Example:
        >>> import torch
        >>> tensors = {}
        >>> encode({"m": torch.ones(2), "n": (1, None)}, tensors, "state")
        {'pairs': [['m', {'tensor': 'state.m'}], ['n', {'items': [1, None], 'tuple': True}]]}
        >>> tensors
        {'state.m': tensor([1., 1.])}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"pairs": [[key, encode(each, tensors, f"{name}.{key}")] for key, each in value.items()]}
    if is_dataclass(value) and not isinstance(value, type):
        return _items((getattr(value, field.name) for field in fields(value)), tensors, name, is_tuple=True)
    if isinstance(value, list | tuple):
        return _items(value, tensors, name, is_tuple=isinstance(value, tuple))
    raise TypeError(
        f"{name} must be made of tensors, numbers, strings and containers of them, got {type(value).__name__}"
    )


def _items(values: Iterable[Any], tensors: dict[str, Tensor], name: str, *, is_tuple: bool) -> dict[str, Any]:
    return {
        "items": [encode(each, tensors, f"{name}.{index}") for index, each in enumerate(values)],
        "tuple": is_tuple,
    }


def decode(node: Any, tensors: Mapping[str, Tensor], like: Any = None) -> Any:
    """Return the value that `encode` wrote down.

    Args:
        node: what `encode` returned.
        tensors: the tensors by name.
        like: a value of the same structure. It gives named tuples, dataclasses and tensors their type and device; by
            default, tuples and CPU tensors are returned instead.

    Raises:
        KeyError: a tensor is missing.

    Example:
        >>> import torch
        >>> tensors = {}
        >>> node = encode([1, {"m": torch.ones(2)}], tensors, "state")
        >>> decode(node, tensors)
        [1, {'m': tensor([1., 1.])}]
    """
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        tensor = tensors[node["tensor"]]
        return tensor.to(like.device) if isinstance(like, Tensor) else tensor
    if "pairs" in node:
        entries = like if isinstance(like, Mapping) else {}
        return {key: decode(each, tensors, entries.get(key)) for key, each in node["pairs"]}
    if is_dataclass(like) and not isinstance(like, type):
        names = [field.name for field in fields(like)]
        values = _decoded(node, tensors, [getattr(like, name) for name in names])
        return type(like)(**dict(zip(names, values, strict=True)))
    values = _decoded(node, tensors, like if isinstance(like, list | tuple) else [])
    if hasattr(like, "_make"):  # a named tuple
        return like._make(values)
    return tuple(values) if node["tuple"] else values


def _decoded(node: dict[str, Any], tensors: Mapping[str, Tensor], like: Any) -> list[Any]:
    known = [*like, *[None] * (len(node["items"]) - len(like))]
    return [decode(each, tensors, model) for each, model in zip(node["items"], known, strict=False)]

"""A rule as JSON, with its gate, its place of the label and what is wrapped around it; and back.

Rules and their parts are frozen dataclasses of plain values. A spec names a class of this package, never a module: to
read one runs no code of anybody else's.
"""

from dataclasses import fields, is_dataclass
from typing import Any

from convff.gates import GATES
from convff.places import PLACES, InGroups, Merged
from convff.rules import RULES, Autograd, Coarse, Phased, Similar, Stabilised
from convff.stabilisers import STABILISERS

DEEPEST = 16  # levels of one spec in another; ours have up to 5
TABLES = (RULES, GATES, PLACES, STABILISERS)
WRAPPED = (Autograd, Coarse, InGroups, Merged, Phased, Similar, Stabilised)
KNOWN: dict[str, Any] = {
    make.__name__: make for make in (*WRAPPED, *(make for table in TABLES for make in table.values()))
}
"""The classes that a spec may name."""


class OwnPartError(ValueError):
    """A part that is not of this package, so that a spec cannot build it again."""


def spec_of(value: Any) -> Any:
    """Return a rule or a part of one as JSON values.

    A part of the user's own becomes `{"own": its name}`, which `from_spec` refuses: a file must not choose code to run.

    Args:
        value: a rule, a part of one, or a plain value.

    Example:
        >>> from convff import AtOutput, ForwardForward
        >>> spec_of(AtOutput(3))
        {'kind': 'AtOutput', 'num_classes': 3, 'regions': 1}
        >>> from_spec(spec_of(ForwardForward(label_at=AtOutput(3)))) == ForwardForward(label_at=AtOutput(3))
        True
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [spec_of(each) for each in value]
    name = type(value).__name__
    if KNOWN.get(name) is type(value) and is_dataclass(value):
        return {"kind": name} | {each.name: spec_of(getattr(value, each.name)) for each in fields(value) if each.init}
    return {"own": name}


def from_spec(spec: Any, depth: int = 0) -> Any:
    """Return what `spec_of` made a spec of.

    Args:
        spec: the spec.
        depth: levels above it.

    Raises:
        OwnPartError: a part is of the user's own; the message names it.
        ValueError: an unknown class, or numbers that its class refuses.
        TypeError: it is no spec, or an argument is missing or unknown.

    Example:
        >>> from_spec({"kind": "Softmax", "scale": 2.0})
        Softmax(scale=2.0)
        >>> from_spec({"own": "MyGate"})
        Traceback (most recent call last):
        ...
        convff.specs.OwnPartError: MyGate is not a part of this package
    """
    if depth > DEEPEST:
        raise ValueError(f"a spec must have at most {DEEPEST} levels")
    if spec is None or isinstance(spec, bool | int | float | str):
        return spec
    if isinstance(spec, list | tuple):
        return tuple(from_spec(each, depth + 1) for each in spec)
    if not isinstance(spec, dict):
        raise TypeError(f"a spec must be made of JSON values, got {type(spec).__name__}")
    if "own" in spec:
        raise OwnPartError(f"{spec['own']!s:.80} is not a part of this package")
    make = KNOWN.get(str(spec.get("kind")))
    if make is None:
        raise ValueError(f"the kind of a spec must be one of {', '.join(KNOWN)}, got {spec.get('kind')!r:.80}")
    return make(**{str(name): from_spec(value, depth + 1) for name, value in spec.items() if name != "kind"})

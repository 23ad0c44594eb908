"""Rules as JSON: every rule of the tables, with every gate, place and wrapper, is built again from its spec."""

import json
from dataclasses import dataclass

import pytest

from convff import (
    GATES,
    PLACES,
    RULES,
    STABILISERS,
    AtStream,
    Autograd,
    Coarse,
    ForwardForward,
    HebbianForwardForward,
    InGroups,
    Phased,
    Similar,
    SoftHebb,
    Stabilised,
    for_superclasses,
)
from convff.specs import KNOWN, OwnPartError, from_spec, spec_of


def place(name: str) -> object:
    return PLACES[name](**({} if name in ("image", "nowhere") else {"num_classes": 4}))


BARE = [
    *(make(**({"num_classes": 4} if name == "local_head" else {})) for name, make in RULES.items()),
    *(ForwardForward(gate=gate()) for gate in GATES.values()),
    *(HebbianForwardForward(label_at=place(name)) for name in PLACES),
]
FF = ForwardForward(reduction="sum")
WRAPPED = [
    Autograd(rule=FF),
    Similar(rule=FF, weight=0.5, num_classes=4),
    Phased(rule=FF, length=3),
    Stabilised(rule=FF, stabilisers=tuple(make() for make in STABILISERS.values())),
    ForwardForward(label_at=InGroups(4, opposed=True)),
    SoftHebb(temperature=(1.0, 0.65), losers="hard"),
    Coarse(
        rule=ForwardForward(label_at=AtStream(num_classes=3)),
        lower=ForwardForward(label_at=for_superclasses(lambda k: AtStream(num_classes=k), (0, 1, 0))),
        superclasses=(0, 1, 0),
    ),
]


@pytest.mark.parametrize("rule", [*BARE, *WRAPPED], ids=lambda rule: type(rule).__name__)
def test_there_and_back(rule: object) -> None:
    spec = json.loads(json.dumps(spec_of(rule)))
    assert from_spec(spec) == rule
    assert type(from_spec(spec)) is type(rule)


def test_every_known_class_is_tried() -> None:
    tried: set[str] = set()

    def collect(spec: object) -> None:
        if isinstance(spec, dict):
            tried.add(spec["kind"])
        for each in spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ():
            collect(each)

    for rule in (*BARE, *WRAPPED):
        collect(spec_of(rule))
    assert tried == set(KNOWN)


def test_a_class_of_the_users_own_is_not_taken_for_ours() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Softmax:  # the name of one of ours
        scale: float = 1.0

    spec = spec_of(ForwardForward(gate=Softmax()))  # type: ignore[arg-type]
    assert spec["gate"] == {"own": "Softmax"}
    with pytest.raises(OwnPartError, match="Softmax is not a part of this package"):
        from_spec(spec)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"kind": "os.system"}, ValueError, "must be one of .*ForwardForward"),
        ({"kind": "AtOutput", "num_classes": 1}, ValueError, "at least 2 classes"),
        ({"kind": "AtOutput", "widths": 1}, TypeError, "widths"),
        ({}, ValueError, "got None"),
        (object(), TypeError, "JSON values"),
    ],
)
def test_what_is_no_spec_is_refused(spec: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        from_spec(spec)


def test_a_deep_spec_is_refused() -> None:
    spec: object = 1
    for _ in range(100):
        spec = [spec]
    with pytest.raises(ValueError, match="at most 16 levels"):
        from_spec(spec)

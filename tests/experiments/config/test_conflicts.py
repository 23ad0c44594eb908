"""The table of conflicts says about our own parts what the parts themselves say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from convff import REDUCTIONS, STABILISERS
from experiments.config.conflicts import CONFLICTS, TABLES, Conflict, check_together
from experiments.config.names import bound_in, names_in
from experiments.config.presets import recipe_for
from experiments.config.settings import SETTLING, Settings, SettingsError
from experiments.datasets import Dataset, load_dataset
from experiments.run.inference import evaluations_of
from experiments.run.parts import prepare
from experiments.run.refusals import refuse_idle_options
from experiments.run.rules import new_rule

# A value of each option that is none of its defaults.
VALUES = {
    "gate": "threshold",
    "scale": 2.0,
    "theta": 1.0,
    "reduction": "sum",
    "negatives": 2,
    "blurs": 6,
    "coarse_blocks": 1,
    "negatives_from": "confusion",
    "stabilise": ("oja",),
    "candidates": 3,
    "label_form": "exact",
    "label_gains": "random",
    "label_regions": 2,
    "similarity": 0.5,
    "stagger": 0.5,
    "contrast": "unlabelled",
    "compile": True,
    "engine": "autograd",
    "labels": "morph",
    "label_intensity": 0.5,
    "label_selection": "random",
    "label_scale": 0.5,
    "label_planes": 8,
    "net": "deep",
    "skip": True,
    "whiten": True,
    "pool_after": (1,),
    "widths": (20, 20),
    "cache_gib": 1.0,
    "losers": "hard",
    "signal": "local",
    "rest_factor": 0.5,
    "temperature": (0.5,),
    "block_factors": (1.0, 0.5),
    "depth": 8,
    "weight_decay": 0.1,
    "iterations": 6,
    "counted": (1, 2),
    "learn_from": 2,
    "damping": 0.5,
    "updates": "alternating",
    "order": "one_by_one",
}
# Nothing but the table refuses these: the option is silently without effect.
SILENT = {("label_form", rule) for rule in ("local_head", "softhebb", "ghl", "recurrent", "bp")}
CASES = [
    (conflict, value, other)
    for conflict in CONFLICTS
    for value in (conflict.values or (VALUES[conflict.name],))
    for other in conflict.others
    if (conflict.name, other) not in SILENT
]


@pytest.fixture(scope="module")
def digits() -> Dataset:
    digits = load_dataset("digits", None)
    return replace(digits, train=digits.train.part(0, 60), test=digits.test.part(0, 20))


def settings_of(conflict: Conflict, value: object, other: str) -> Settings:
    given = (value,) if conflict.name == "inference" else value
    asked = {conflict.other: other, conflict.name: given}
    if conflict.other == "model" and other in SETTLING:
        asked["rule"] = "recurrent"
    if conflict.name == "cache_gib":
        asked["redraw"] = False
    if conflict.name == "theta" and conflict.other != "gate":
        asked["gate"] = "threshold"
    if conflict.name == "label_scale" and conflict.other != "labels":
        asked["labels"] = "layerwise"
    if conflict.name == "label_planes" and conflict.other != "labels":
        asked["labels"] = "channel"
    if conflict.name == "label_scale" and conflict.other != "model":
        asked["model"] = "mlp"
    return Settings(**({"dataset": "digits", "device": "cpu", "preset": "smoke"} | asked))  # type: ignore[arg-type]


def refused_by_the_parts(settings: Settings, digits: Dataset) -> bool:
    """Whether rule, gate, network and labels refuse these settings; quickly if building them is enough."""
    try:
        recipe = recipe_for(settings)
        rule = new_rule(replace(settings, engine="closed", stabilise=()), replace(recipe, theta=None), num_classes=10)
        refuse_idle_options(settings, recipe, rule)
        evaluations_of(settings, rule)
        prepare(replace(settings, train_images=20), digits)
    except (ValueError, TypeError, AttributeError):  # the last two: mistakes that the table keeps from the user
        return True
    return False


@pytest.mark.parametrize(
    ("conflict", "value", "other"), CASES, ids=[f"{c.name}={v} {c.other}={o}" for c, v, o in CASES]
)
def test_what_the_table_refuses_cannot_be_run(conflict: Conflict, value: object, other: str, digits: Dataset) -> None:
    settings = settings_of(conflict, value, other)
    with pytest.raises(SettingsError, match=f"--{conflict.name.replace('_', '-')}"):
        check_together(settings, frozenset({conflict.name, conflict.other}))
    assert refused_by_the_parts(settings, digits)


def test_the_table_names_only_what_there_is() -> None:
    known = {name: set(names_in(*table)) for name, table in TABLES.items()}
    known |= {"inference": set(names_in("convff/evaluations/__init__.py", "EVALUATIONS"))}
    known |= {"contrast": set(names_in("convff/contrasts/__init__.py", "CONTRASTS"))}
    known |= {"negatives_from": set(names_in("convff/contrasts/__init__.py", "NEGATIVES"))}
    known |= {"reduction": set(REDUCTIONS), "stabilise": set(STABILISERS)}
    for conflict in CONFLICTS:
        assert set(conflict.others) < known[conflict.other]
        assert not conflict.values or set(conflict.values) <= known[conflict.name]


@pytest.mark.parametrize("place", names_in(*TABLES["label_at"]))
def test_what_makes_sense_is_let_through(place: str) -> None:
    settings = Settings(label_at=place, scale=3.0, stagger=0.5, gate="threshold", theta=1.0)
    check_together(settings, frozenset({"label_at", "scale", "stagger", "gate", "theta"}))


def test_a_rule_of_ones_own_is_asked_itself() -> None:
    own = Settings(rule="mine.py:Rule", label_at="output", label_regions=2, negatives=3, gate="mine.py:Gate", theta=1.0)
    check_together(own, frozenset({"rule", "label_at", "label_regions", "negatives", "gate", "theta"}))


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "own.py").write_text(text)
        return tmp_path / "own.py"

    return write


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("class A: x = 1\ndef b(): c = 2", {"A": True, "b": True}),
        ("import os.path, math as m\nfrom a import b as c", {"os": True, "m": True, "c": True}),
        ("x = 3\ny = make()\np, q = 1, 2", {"x": False, "y": True, "p": True, "q": True}),
        ("x = 3\ndef x(): ...", {"x": True}),
        ("if True:\n    class A: ...\nelse:\n    A = 3", {"A": True}),
        ("try:\n    import a\nexcept ImportError as e:\n    a = None", {"a": True, "e": True}),
        ("with open('x') as f: pass\nfor i in (1,): pass", {"f": True, "i": True}),
        ("from a import *", None),
        ("globals()['A'] = 3", None),
        ("def f():\n    global A\n    A = 3", None),
        ("def __getattr__(name): ...", None),
    ],
)
def test_what_a_file_holds_is_read_from_its_text(
    written: Callable[[str], Path], text: str, bound: dict[str, bool] | None
) -> None:
    assert bound_in(written(text)) == bound

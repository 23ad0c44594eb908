"""No option is dropped in silence."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.config.presets.image_nets import recipe_for
from experiments.config.settings import Settings
from experiments.run.parts import build, prepare


def tiny(out: Path, **changes: object) -> Settings:
    return Settings(**({"dataset": "digits", "preset": "smoke", "out": out, "device": "cpu"} | changes))  # type: ignore[arg-type]


def test_what_was_asked_for_must_be_taken() -> None:
    def make(width: int, depth: int = 1) -> tuple[int, int]:
        return width, depth

    assert build("net", make, {"width": 2}, {"depth": 3, "colour": "red"}) == (2, 3)
    assert build("net", make, {"width": 2, "depth": 4}, {"depth": 3}) == (2, 4)
    with pytest.raises(ValueError, match="net takes no option colour; its options are width, depth"):
        build("net", make, {"colour": "red"})


def test_a_number_that_the_rule_or_gate_does_not_take_is_refused(tmp_path: Path) -> None:
    parts = prepare(tiny(tmp_path, rule="hebbff"))
    net = parts.new_net()
    for changes, message in (
        ({"reduction": "sum"}, "rule hebbff takes no option reduction"),
        ({"theta": 1.0, "gate": "symmetric"}, "gate symmetric takes no option theta"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(parts, recipe=replace(parts.recipe, **changes)).new_trainer(net, None)


def test_a_presets_threshold_is_for_its_own_gate(tmp_path: Path) -> None:
    settings = tiny(tmp_path, rule="hebbff", preset="paper")
    assert recipe_for(settings).theta == 1.0
    assert recipe_for(replace(settings, gate="symmetric")).theta is None
    assert recipe_for(replace(settings, gate="threshold")).theta == 1.0

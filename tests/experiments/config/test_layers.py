"""Options about the layers of a network: what they become in the recipe, and which are refused at once."""

import json
from dataclasses import asdict

import pytest

from experiments.config.command_line import parse
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, settings_from_json


def test_they_stand_in_the_place_of_the_presets() -> None:
    settings = parse(Settings(), None, ["--widths", "8", "8", "16", "--pool-after", "1", "2", "--skip", "--whiten"])
    assert recipe_for(settings).model_options == {
        "widths": (8, 8, 16),
        "pool_after": (1, 2),
        "skip": True,
        "whiten": 3,
    }
    for place in ("output", "blocks"):
        options = recipe_for(Settings(label_at=place, widths=(20, 30))).model_options
        assert options["widths"] == (20, 30)
        assert options["pool_after"] == (1, 2, 4)  # the preset's
    assert recipe_for(Settings(model="mlp", widths=(20, 30))).model_options == {"widths": (20, 30)}
    assert recipe_for(Settings(dataset="mnist", net="deep", labels="layerwise", widths=(9,))).model_options == {
        "widths": (9,),
        "label_scale": 0.25,
    }


def test_what_is_not_asked_for_is_not_in_the_recipe() -> None:
    """Else the recipes and checkpoints of older runs would differ."""
    assert recipe_for(Settings()).model_options == {"widths": (32, 64, 64, 128, 128, 128), "pool_after": (1, 2, 4)}


def test_no_pooling_is_another_thing_than_none_said() -> None:
    settings = parse(Settings(), None, ["--pool-after"])
    assert settings.pool_after == ()
    assert recipe_for(settings).model_options["pool_after"] == ()


@pytest.mark.parametrize(
    "changes",
    [{}, {"widths": (8, 16)}, {"pool_after": ()}, {"pool_after": (1, 2), "skip": True}, {"whiten": True}],
)
def test_a_run_folder_gives_them_back(changes: dict[str, object]) -> None:
    settings = Settings(**changes)  # type: ignore[arg-type]
    assert settings_from_json(json.loads(json.dumps(settings.as_json()))) == settings


def test_older_runs_have_none_of_them() -> None:
    saved = asdict(Settings()) | {"out": "runs"}
    for name in ("widths", "pool_after", "skip", "whiten"):
        del saved[name]
    assert settings_from_json(saved) == Settings()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--width 8 --widths 8 16", "--width and --widths cannot both be given"),
        ("--widths", "--widths must name at least one layer"),
        ("--widths 8 0", "--widths must be at least 1, got 0"),
        ("--pool-after 0 1", "--pool-after must be at least 1, got 0"),
        ("--pool-after 1 2 1", "--pool-after must name each layer once, got 1 2 1"),
        ("--widths 8 wide", "--widths"),
    ],
)
def test_layers_that_no_network_has(capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(Settings(), None, arguments.split())
    assert stop.value.code == 2
    assert message in capsys.readouterr().err

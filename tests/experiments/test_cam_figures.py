"""Maps and figures of finished runs, from the command line to the files. On scikit-learn's digits."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor

from cam import BlockCAM, GoodnessCAM, GroupCAM, GroupModel, LocalHeadCAM, SignedCAM, StreamCAM
from convff import cnn3
from experiments import cam_figures
from experiments import figures as figures_script
from experiments.config.settings import Settings, SettingsError
from experiments.maps import figures as map_figures
from experiments.maps import metrics
from experiments.maps.explained import explained, scores_of
from experiments.maps.scores import compared_in_words, score_maps
from experiments.maps.soundness import completeness
from experiments.run import figures
from experiments.run import folder as run_folder
from labels import NoLabels
from tests.cam.helpers import judged
from tests.experiments.scripts import run_script
from tests.experiments.small_runs import train, trained_by

pytestmark = pytest.mark.draws

RUNS = (("ff", "cnn6"), ("hebbff", "cnn3"), ("bp", "cnn6"))
WIDTH = 8  # filters of the first layer


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("runs")
    for rule, model in RUNS:
        options = {"dataset": "digits", "preset": "smoke", "device": "cpu", "train_images": 300}
        train(Settings(rule=rule, model=model, width=WIDTH, out=out, **options))
    return {folder.name.split("-")[2]: folder for folder in out.iterdir()}


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a group of channels per class."""
    return trained_by(tmp_path_factory.mktemp("grouped"), label_at="output")


def written(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir() if path.suffix == ".png" and path.with_suffix(".pdf").is_file()}


def ink(path: Path) -> float:
    """Share of the pixels that are not white."""
    return float((np.asarray(Image.open(path).convert("L")) < 250).mean())


def test_maps_are_drawn_and_judged(runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = cam_figures.Options(runs=tuple(runs.values()), images=2, classes=("3", "7"), judged=4, out=tmp_path)
    content = cam_figures.main(options)
    names = written(tmp_path)
    assert {"sums-digits", "goodness-digits"} < names
    assert sum(name.startswith("layers-digits-") for name in names) == 2
    assert all(ink(tmp_path / f"{name}.png") > 0.1 for name in names)

    printed = capsys.readouterr().out
    saved = json.loads((tmp_path / "cam.json").read_text())
    assert saved == json.loads(json.dumps(content))
    assert len(saved["runs"]) == len(saved["agreement"]) == 3
    for name, found in saved["runs"].items():
        assert found["completeness"]["float32"] <= 1e-5
        assert found["completeness"]["float64"] <= 1e-10
        assert found["hirescam_difference"] <= 1e-6
        assert found["hooks_left"] == 0
        assert f"{name}: completeness" in printed
        assert sum(found["flags"].values()) == 4
        assert found["method"] == ("GradCAM" if found["rule"] == "bp" else "LinearCAM")
        if found["rule"] != "bp":
            assert set(found["metrics"]) == {"images", "LinearCAM", "CentredCAM", "RandomCAM"}
            assert 2 <= found["metrics"]["images"] <= 4
        else:  # hardly trained: where nothing speaks for the class, nothing is judged
            assert set(found["metrics"]) in ({"images"}, {"images", "GradCAM", "RandomCAM"})
        if found["rule"] != "bp":
            assert found["goodness_completeness"]["float32"] <= 1e-5
            assert found["centred_completeness"]["float32"] <= 1e-5
            assert sum(found["share_of_layers"].values()) == pytest.approx(1)
    assert all(-1 <= found["low"] <= found["mean"] <= found["high"] <= 1 for found in saved["agreement"].values())


def test_the_networks_that_are_mapped_are_those_of_the_runs(runs: dict[str, Path]) -> None:
    """The readout and the head come from the checkpoint: they predict as well as the run says."""
    for rule, key in (("ff", "linear"), ("hebbff", "linear"), ("bp", "head")):
        trained = run_folder.read_with_network(run_folder.read(runs[rule]))
        data = trained.parts.judged
        predicted = scores_of(explained(trained).model, data.images / 255.0).argmax(dim=1)
        accuracy = (predicted == data.classes).double().mean().item()
        # the run judged in the machine's precision, which may be bfloat16
        assert accuracy == pytest.approx(trained.run.results["accuracy"][key], abs=0.02)


def test_maps_of_goodness_are_of_what_the_rule_is_judged_by(runs: dict[str, Path], grouped: Path) -> None:
    """Labels or groups, whose scores are those of the run; none where the rule has no such score."""
    for folder, kind, key in ((runs["ff"], GoodnessCAM, "goodness"), (grouped, GroupCAM, "groups")):
        trained = run_folder.read_with_network(run_folder.read(folder))
        check_score_maps(trained, kind, key)
        rule = trained.parts.rule
        for other in (
            SimpleNamespace(evaluations=("linear",), contribution=rule.contribution),
            SimpleNamespace(evaluations=rule.evaluations),  # a rule of one's own
        ):
            assert score_maps(replace(trained, parts=replace(trained.parts, rule=other)), 1) is None
    assert explained(run_folder.read_with_network(run_folder.read(runs["bp"]))).goodness is None


@pytest.mark.parametrize(
    ("options", "kind", "key"),
    [
        ({"label_at": "blocks"}, BlockCAM, "blocks"),
        ({"label_at": "stream"}, StreamCAM, "stream"),
        ({"rule": "local_head"}, LocalHeadCAM, "local_heads"),
    ],
)
def test_maps_of_one_pass_are_of_what_the_rule_is_judged_by(
    tmp_path: Path, options: dict[str, str], kind: type[SignedCAM], key: str
) -> None:
    """They need what learnt beside the blocks, or label images; none where a rule of one's own has no such thing."""
    trained = run_folder.read_with_network(run_folder.read(trained_by(tmp_path, **options)))
    check_score_maps(trained, kind, key)
    method = score_maps(trained, 1)
    found = completeness(method, trained.parts.judged.images[:2] / 255.0)
    assert found["float32"] <= 1e-5
    assert found["float64"] <= 1e-12
    if kind is StreamCAM:
        other = replace(trained, parts=replace(trained.parts, labels=trained.parts.labels.family))
    elif kind is LocalHeadCAM:
        other = replace(trained, modules={"beside": torch.nn.ModuleList([torch.nn.Linear(2, 3)] * len(trained.net))})
    else:
        other = replace(trained, parts=replace(trained.parts, rule=SimpleNamespace(evaluations=("blocks",))))
    assert score_maps(other, 1) is None


def check_score_maps(trained: run_folder.RunWithNetwork, kind: type[SignedCAM], key: str) -> None:
    """Of a kind, and with scores that predict as well as the run says."""
    data, method = trained.parts.judged, explained(trained).goodness
    assert type(method) is kind
    predicted = scores_of(method.model, data.images / 255.0).argmax(dim=1)
    accuracy = (predicted == data.classes).double().mean().item()
    # the run judged in the machine's precision, which may be bfloat16
    assert accuracy == pytest.approx(trained.run.results["accuracy"][key], abs=0.02)


@pytest.mark.parametrize(
    ("kinds", "compared"),
    [
        (("goodness",), "goodness of the right label"),
        (("groups", "groups"), "goodness of the right group"),
        (("stream", None, "blocks"), "goodness of the right label"),
        (("groups", "stream"), "goodness of the right class"),
        (("local_heads",), "score of the right class"),
        (("local_heads", "groups"), "score of the right class"),
    ],
)
def test_what_maps_compare_in_words(kinds: tuple[str | None, ...], compared: str) -> None:
    methods = [None if kind is None else judged(kind).explain() for kind in kinds]
    assert compared_in_words(methods) == compared


@pytest.mark.parametrize(
    ("beside", "compared"), [(False, "group"), pytest.param(True, "class", marks=pytest.mark.slow)]
)
def test_maps_of_groups_are_drawn_and_judged(
    runs: dict[str, Path],
    grouped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    beside: bool,
    compared: str,
) -> None:
    titles = []
    draw = map_figures.drawing.goodness_figure
    monkeypatch.setattr(map_figures.drawing, "goodness_figure", lambda *given: [titles.append(given[-1]), draw(*given)])
    asked = (grouped, runs["ff"]) if beside else (grouped,)
    found = cam_figures.main(cam_figures.Options(runs=asked, images=2, judged=0 if beside else 4, out=tmp_path))
    assert {"sums-digits", "goodness-digits"} < written(tmp_path)
    assert ink(tmp_path / "goodness-digits.png") > 0.1
    assert titles == [f"scikit-learn digits:\ngoodness of the right {compared} over the closest wrong one"]
    if not beside:
        assert found["runs"][grouped.name]["goodness_completeness"]["float32"] <= 1e-5
        assert found["runs"][grouped.name]["goodness_completeness"]["float64"] <= 1e-12
        assert ", of the rule's own scores " in capsys.readouterr().out


def test_a_silent_image_does_not_hide_what_is_wrong_with_the_maps_of_others() -> None:
    class Doubled(GroupCAM):
        def layer_maps(self, *given: object) -> tuple[list[Tensor], Tensor]:
            maps, bias = super().layer_maps(*given)
            return [2 * each for each in maps], bias

    net = cnn3((1, 8, 8), width=6, kernel=3)
    for block in net:
        torch.nn.init.zeros_(block.layer.bias)
    model = GroupModel(net, NoLabels(3)).eval()
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images[1] = 0
    assert [scores.any().item() for scores in scores_of(model, images)] == [True, False, True]
    assert max(completeness(GroupCAM(model, model.layers), images).values()) <= 1e-5
    assert all(
        error == pytest.approx(1, abs=1e-5) for error in completeness(Doubled(model, model.layers), images).values()
    )


def test_your_own_image(runs: dict[str, Path], tmp_path: Path) -> None:
    picture = np.zeros((40, 30, 3), np.uint8)
    picture[5:35, 12:18] = 255
    Image.fromarray(picture).save(tmp_path / "one.png")
    options = cam_figures.Options(runs=(runs["ff"], runs["bp"]), image=tmp_path / "one.png", out=tmp_path / "out")
    cam_figures.main(options)
    assert written(tmp_path / "out") == {"layers-digits-one"}
    colour = map_figures.own_image(tmp_path / "one.png", (3, 8, 8))
    assert colour.shape == (3, 8, 8)
    assert colour[:, 4, 3].min() > 0.8
    assert colour[:, 4, 0].max() < 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": ()}, "at least one run"),
        ({"images": 0}, "--images must be at least 1"),
        ({"judged": 1}, "--judged 0 or at least 2"),
        ({"classes": ("cat",)}, "--classes cat: .*digits has the classes 0, 1"),
        ({"images": 10_000}, "--images 10000: there are only"),
        ({"image": Path("none.png")}, "none.png cannot be read"),
        ({"image": Path("a.png"), "classes": ("1", "2")}, "must name one class to explain, got 2"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    runs: dict[str, Path], tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    options = {"runs": (runs["ff"],), "judged": 0, "out": tmp_path} | changes
    with pytest.raises(SettingsError, match=message):
        cam_figures.main(cam_figures.Options(**options))


def test_what_is_not_a_run_ends_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for script in ("cam_figures", "figures"):
        with pytest.raises(SystemExit) as end:
            run_script(script, tmp_path)
        assert end.value.code == 2
        assert "settings.json" in capsys.readouterr().err
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / "metrics.csv").write_text("epoch\n1\n")
    with pytest.raises(SettingsError, match="does not hold a run"):
        run_folder.read(tmp_path)


def test_runs_without_positions_or_scores_are_refused(tmp_path: Path) -> None:
    options = {"dataset": "digits", "preset": "smoke", "device": "cpu", "train_images": 100}
    train(Settings(labels="onehot", model="mlp", out=tmp_path / "dense", **options))
    train(Settings(inference=("goodness",), out=tmp_path / "unread", **options))
    for out, message in (("dense", "dense layers have no positions"), ("unread", "has no readout")):
        (folder,) = (tmp_path / out).iterdir()
        with pytest.raises(SettingsError, match=message):
            explained(run_folder.read_with_network(run_folder.read(folder)))


def test_the_papers_figures(runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures_script.main(figures_script.Options(runs=tuple(runs.values()), out=tmp_path))
    expected = {f"{kind}-{folder.name}" for kind in ("layers", "confusion") for folder in runs.values()}
    assert written(tmp_path) == expected | {
        f"{kind}-digits" for kind in ("discrimination", "steps", "minutes", "blocks")
    }
    assert "no accuracy against filters" in capsys.readouterr().out
    assert all(ink(tmp_path / f"{name}.png") > 0.005 for name in written(tmp_path))


def test_accuracy_against_filters(tmp_path: Path) -> None:
    options = {"dataset": "digits", "preset": "smoke", "device": "cpu", "train_images": 100, "inference": ("linear",)}
    for width in (4, 8):
        train(Settings(width=width, out=tmp_path / "runs", **options))
    found = [run_folder.read(folder) for folder in sorted((tmp_path / "runs").iterdir())]
    assert [figures.filters_of(run) for run in found] == [4, 8]
    assert figures.draw_accuracy_against_filters(found, tmp_path / "filters.png")
    assert not figures.draw_accuracy_against_filters(found[:1], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    assert written(tmp_path) == {"filters"}


def test_figures_are_the_same_bytes_at_every_call(runs: dict[str, Path], tmp_path: Path) -> None:
    run = run_folder.read(runs["ff"])
    for name in "ab":
        figures.draw_layers(run, tmp_path / f"{name}.png")
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_rank_correlation_is_spearmans() -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randint(0, 5, (4, 6, 6), generator=generator).double()  # with ties
    second = first + 3 * torch.rand(4, 6, 6, generator=generator)
    expected = [spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(metrics.rank_correlation(first, second), expected, rtol=1e-12)
    assert metrics.rank_correlation(first, torch.ones(4, 6, 6)).tolist() == [0.0] * 4


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    found = [metrics.interval(generator.normal(2.0, 1.0, size=60), seed=i) for i in range(100)]
    assert 86 <= sum(each["low"] <= 2.0 <= each["high"] for each in found) <= 100


def test_roads_draws_are_keyed(runs: dict[str, Path]) -> None:
    """The draws of the library's random methods come from the seed, and global randomness goes on as if nothing was."""
    trained = run_folder.read_with_network(run_folder.read(runs["ff"]))
    images = trained.parts.judged.images[:4] / 255.0
    classes = torch.tensor([0, 1, 2, 3])
    view = explained(trained)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    first = metrics.road(view, images, classes)
    drawn = (torch.rand(1).item(), np.random.rand())  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert drawn == (torch.rand(1).item(), np.random.rand())  # noqa: NPY002
    assert metrics.road(view, images, classes) == first
    for method in ("LinearCAM", "CentredCAM"):
        ours, theirs = first[method]["road_combined"]["mean"], first["RandomCAM"]["road_combined"]["mean"]
        assert first[method]["minus_random"]["road_combined"]["mean"] == pytest.approx(ours - theirs)
    assert all(parameter.grad is None for parameter in view.model.parameters())

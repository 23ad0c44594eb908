"""Networks on the Hub: what is pushed is what is loaded, and nothing else travels."""

import inspect
import sys
from pathlib import Path

import pytest
import torch

import convff
from convff import AtOutput, Classifier, ForwardForward, HubError, LinearReadout, cnn3, load, model_card, push
from labels import NoLabels
from tests.convff.hub import Hub, hub_in


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return hub_in(tmp_path / "hub", monkeypatch)


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    net, labels = cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3)
    torch.nn.init.normal_((readout := LinearReadout(net, labels, (1, 8, 8))).linear.weight)
    rule = ForwardForward(label_at=AtOutput(3))
    about = {"model": "cnn3", "options": {"width": 6, "kernel": 3}, "modules": {"readout": readout}}
    return Classifier(net, labels, rule, class_names=("cat", "dog", "eel"), image_shape=(1, 8, 8), **about)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["classifier", "file", "run"])
def test_what_is_pushed_is_what_is_loaded(kind: str, model: Classifier, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "run" / "own").mkdir(parents=True)
    (tmp_path / "run" / "own" / "mine.py").write_text("raise SystemExit")
    model.save(tmp_path / "run" / "checkpoint.safetensors")
    pushed = {
        "classifier": model,
        "file": str(tmp_path / "run" / "checkpoint.safetensors"),
        "run": tmp_path / "run",
    }[kind]
    assert push(pushed, "user/animals") == "hf://user/animals"
    assert {path.name for path in (hub.root / "user" / "animals").iterdir()} == {"README.md", "checkpoint.safetensors"}
    images = torch.rand(5, 1, 8, 8)
    for address in ("hf://user/animals", Path("hf://user/animals")):
        again = load(address)
        assert again.class_names == model.class_names
        for by in model.ways:
            assert torch.equal(again.scores(images, by=by), model.scores(images, by=by))


def test_a_revision_and_a_private_repository(model: Classifier, hub: Hub) -> None:
    push(model, "user/animals", private=True)
    load("hf://user/animals@v1.0")
    assert hub.calls == [
        ("create_repo", {"private": True}),
        ("upload_folder", {"message": f"A network of convff {convff.__version__}"}),
        ("download", {"revision": "v1.0"}),
    ]


def test_the_card_says_what_the_network_is_and_a_given_one_is_kept(model: Classifier, hub: Hub) -> None:
    push(model, "user/animals")
    card = hub.root / "user" / "animals" / "README.md"
    text = card.read_text(encoding="utf-8")
    assert text == model_card(model, "user/animals")
    assert text.startswith("---\nlibrary_name: convff\n")
    parameters = sum(each.numel() for each in model.net.parameters())
    for words in (
        "# animals\n",
        "`ForwardForward`",
        "3 classes",
        "1 x 8 x 8",
        "(cat, dog, eel)",
        f"{parameters:,} par",
    ):
        assert words in text
    assert 'convff.load("hf://user/animals")' in text
    push(model, "user/animals", card="# mine\n")
    assert card.read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://user", "an address of the Hub is hf://user/name or hf://user/name@revision, got 'hf://user'"),
        ("hf://user/name/more", "an address of the Hub is"),
        ("hf://../name", "an address of the Hub is"),
        ("hf://user/none", r"hf://user/none cannot be read: FileNotFoundError: 404: user/none has no checkpoint"),
    ],
)
def test_addresses_that_cannot_be_read(address: str, message: str, hub: Hub) -> None:
    with pytest.raises(HubError, match=message):
        load(address)


def test_a_damaged_checkpoint_is_refused(model: Classifier, hub: Hub) -> None:
    push(model, "user/animals")
    file = hub.root / "user" / "animals" / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors"):
        load("hf://user/animals")


@pytest.mark.parametrize("repository", ["name", "user/name/more", "hf://user/name", "../name", "user/"])
def test_names_that_no_repository_has(repository: str, model: Classifier, hub: Hub) -> None:
    with pytest.raises(HubError, match="a repository of the Hub is user/name, got"):
        push(model, repository)
    assert hub.calls == []


def test_what_the_hub_refuses_is_said_on_one_line(model: Classifier, hub: Hub) -> None:
    with pytest.raises(HubError, match="hf://stranger/name cannot be written: OSError: 403 Forbidden: no permission"):
        push(model, "stranger/name")


def test_without_the_package_it_says_how_to_get_it(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: load("hf://user/name"), lambda: push(model, "user/name")):
        with pytest.raises(HubError, match=r'huggingface_hub: pip install "convff\[hub\]"'):
            call()


def test_the_package_takes_what_it_is_given() -> None:
    api = pytest.importorskip("huggingface_hub").HfApi
    for name in ("create_repo", "upload_folder", "hf_hub_download"):
        ours = [each for each in inspect.signature(getattr(Hub, name)).parameters if each != "self"]
        assert set(ours) <= set(inspect.signature(getattr(api, name)).parameters)
    assert {"library_name", "library_version"} <= set(inspect.signature(api).parameters)

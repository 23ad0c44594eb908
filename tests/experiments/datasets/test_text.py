"""Texts: where they are looked for, how they are cut into parts, and what is refused."""

from pathlib import Path

import pytest

from experiments.characters.settings import Recipe
from experiments.characters.strings import ALPHABET, corpus_of
from experiments.datasets import DataError, text
from experiments.datasets.known import ENVIRONMENT
from experiments.datasets.text import NAME, Text, load_text, parts_of
from tests.experiments.characters.samples import fables


def put(folder: Path, content: str) -> Path:
    path = folder / NAME
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No real text: neither in the environment nor in the current folder; and a stand-in of the tests."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stand_in.txt").write_text(fables(3), encoding="utf-8")
    monkeypatch.setattr(text, "STAND_IN", tmp_path / "stand_in.txt")


def test_places_are_searched_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    content = fables(4, seed=1)
    monkeypatch.setattr(text, "SHA256", hashlib.sha256(content.encode()).hexdigest())
    assert load_text(None).is_stand_in
    put(tmp_path / "data", content)
    assert "./data" in load_text(None).source
    put(tmp_path / "elsewhere", content)
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "elsewhere"))
    found = load_text(None, require=True)
    assert f"${ENVIRONMENT}" in found.source
    assert not found.is_stand_in
    assert found.parts == parts_of(content)
    put(tmp_path / "named", content)
    assert "--data-dir" in load_text(tmp_path / "named").source


def test_a_missing_text_is_replaced_only_where_that_is_allowed(tmp_path: Path) -> None:
    found = load_text(None)
    assert found.is_stand_in
    assert "retold for this package" in found.source
    assert len(found.parts) == 3
    with pytest.raises(DataError, match=r"cannot be found: .*LSTM.* Tried: \./data .*has no aesop/aesop-townsend.txt"):
        load_text(None, require=True)
    with pytest.raises(DataError, match="Tried: --data-dir"):
        load_text(tmp_path)


def test_another_text_under_the_name_is_refused(tmp_path: Path) -> None:
    put(tmp_path, fables(4))
    with pytest.raises(DataError, match=r"must have the SHA-256 3b58de0a.*for another text, --text FILE"):
        load_text(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"The Fox\nA fox \xff ran.", r"got a byte that is none at offset 14 \(0xff\)"),
        (b"\xef\xbb\xbfabc\xff", r"got a byte that is none at offset 6 \(0xff\)"),  # a byte order mark counts
        (b" \n\n \n", "must hold some text, got 5 bytes without any"),
        (b"", "must hold some text, got 0 bytes"),
    ],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_text(None, tmp_path / "mine.txt")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(DataError, match=r"--text .* must be a file that can be read"):
            load_text(None, path)


def test_parts_lose_their_titles() -> None:
    written = (
        "\ufeffThe Fox\r\nA fox saw grapes.\r\nThey hung high.\r\n \t\r\nThe Hen\r\nA hen sang.\r\n\r\n\r\nAlone.\r\n"
    )
    assert parts_of(written.removeprefix("\ufeff")) == ("A fox saw grapes.\nThey hung high.", "A hen sang.\nAlone.")
    assert len(parts_of(written, titles=False)) == 3


def text_of(*parts: str, is_stand_in: bool = False) -> Text:
    return Text(parts, "made up", is_stand_in, "0" * 64)


def test_strings_are_the_beginnings_of_parts_or_pieces_of_the_whole() -> None:
    recipe = Recipe(train_strings=2, held_out_strings=1, length=4, window=2)
    parts = ("One, two.", "abc", "Three!", "four five", "six seven")
    first = corpus_of(text_of(*parts), recipe)
    assert [ALPHABET.decode(string) for string in first.train] == ["one,", "thre"]  # the second part is too short
    assert [ALPHABET.decode(string) for string in first.held_out] == ["four"]
    stream = corpus_of(text_of(*parts), recipe, "stream")
    assert [ALPHABET.decode(string) for string in (*stream.train, *stream.held_out)] == ["one,", " two", ". ab"]
    assert first.sha256 != stream.sha256
    assert corpus_of(text_of(*parts, is_stand_in=True), recipe).sha256 == stream.sha256
    assert corpus_of(text_of(*parts, is_stand_in=True), recipe, "first").sha256 == first.sha256


@pytest.mark.parametrize(
    ("strings", "count", "more"), [("first", 2, ", --strings stream, or --no-titles"), ("stream", 3, "text$")]
)
def test_a_text_that_is_too_short_is_refused(strings: str, count: int, more: str) -> None:
    recipe = Recipe(train_strings=3, length=4, window=2)
    message = rf"made up: at least 4 strings of 4 characters are needed.*got {count} \(--strings {strings}\).*{more}"
    with pytest.raises(DataError, match=message):
        corpus_of(text_of("abcde", "abc", "abcd"), recipe, strings)


def test_the_real_fables_are_those_of_the_notes(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.undo()
    try:
        found = load_text(None, require=True)
    except DataError:
        pytest.skip("Aesop's fables are not here")
    assert len(found.parts) == 311
    corpus = corpus_of(found, Recipe())
    assert (len(corpus.train), len(corpus.held_out)) == (248, 63)
    assert ALPHABET.decode(corpus.train[0]).startswith("a wolf, meeting with a lamb astray from the fold, resolved")

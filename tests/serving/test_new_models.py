"""Archives of a bot: a newer one takes over while the server answers, and one that cannot be used changes nothing."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.intent_head import IntentHead
from rasa_llm_components.serving.catalogue import Catalogue
from rasa_llm_components.serving.settings import ServeSettings
from tests.e2e.bot_process import wait_until
from tests.nlu.conftest import CLASSIFIER, FEATURIZER, SHOP, Bot, as_nlu, train
from tests.serving.conftest import ENCODER, ServerProcess

QUESTION = "how do I send this back?"


def changed(archive: Path, target: Path, change: Callable[[Path], None]) -> Path:
    """Another archive, with files that `change` has altered in its unpacked folder."""
    folder = target.with_suffix(".unpacked")
    with tarfile.open(archive) as content:
        for member in content.getmembers():  # Rasa writes their names with a slash in front
            member.name = member.name.lstrip("/")
        content.extractall(folder)
    change(folder)
    with tarfile.open(target, "w:gz") as content:
        for part in folder.iterdir():
            content.add(part, arcname=part.name)
    shutil.rmtree(folder)
    return target


def put(content: Path | bytes, folder: Path, *, at: float) -> Path:
    """Into the bot's folder, so many seconds after the first one by the file's clock."""
    file = folder / f"after_{at:g}.tar.gz"
    file.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
    first = (folder / "first.tar.gz").stat().st_mtime
    os.utime(file, (first + at, first + at))
    return file


def written(name: str, content: bytes = b"{}") -> bytes:
    """A whole archive with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        about = tarfile.TarInfo(name)
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return packed.getvalue()


def damaged(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(255 - byte for byte in content[middle : middle + 1000]) + content[middle + 1000 :]


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "no archive": lambda content: b"<html>404</html>",
    "half of it": lambda content: content[: len(content) // 2],
    "a damaged piece": damaged,
    "another checksum": lambda content: content[:-8] + bytes(4) + content[-4:],
    "another archive": lambda content: written("readme.txt"),
    "another metadata": lambda content: written("metadata.json"),
    "metadata that is a list": lambda content: written("metadata.json", b"[]"),
    "metadata without nodes": lambda content: written("metadata.json", b'{"predict_schema": {"nodes": []}}'),
    "metadata that is no text": lambda content: written("metadata.json", b"\xff"),
}


@pytest.fixture
def load() -> Iterator[Callable[[Path], Catalogue]]:
    """Loads a bot without a server around it."""
    loaded: list[Catalogue] = []

    def catalogue(path: Path) -> Catalogue:
        loaded.append(Catalogue.load(ServeSettings.from_keys({"bots": {"shop": str(path)}})))
        return loaded[-1]

    yield catalogue
    for one in loaded:
        one.close()


def confidence(catalogue: Catalogue) -> float:
    [found] = catalogue.bot("shop").bot.analyse([QUESTION])
    return float(found["intent"]["confidence"])


def test_a_newer_model_takes_over_while_requests_go_on_and_none_fails(
    bot_folder: Path, newer_model: Path, serve: Callable[..., ServerProcess]
) -> None:
    server = serve(bots={"shop": str(bot_folder)}, look_for_models=0.1)
    answers: list[Any] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(server.post("/v1/analyze", {"texts": [QUESTION], "vectors": False}))

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: len(answers) > 20, 10)
        (bot_folder / "newer.tar.gz").write_bytes(newer_model.read_bytes())
        wait_until(lambda: answers[-1].json()["version"] != answers[0].json()["version"], 20)
        seen = len(answers)
        wait_until(lambda: len(answers) > seen + 20, 10)
    finally:
        stop.set()
        for client in clients:
            client.join()

    assert {answer.status_code for answer in answers} == {200}
    before, after = answers[0].json(), answers[-1].json()
    assert len({answer.json()["version"] for answer in answers}) == 2
    for answer, model in ((before, bot_folder / "first.tar.gz"), (after, newer_model)):
        expected = Bot(str(model)).parse(QUESTION)["intent"]
        assert answer["results"][0]["intent"]["name"] == expected["name"]
        assert answer["results"][0]["intent"]["confidence"] == pytest.approx(expected["confidence"], abs=1e-5)
    confidences = [answer["results"][0]["intent"]["confidence"] for answer in (before, after)]
    assert abs(confidences[0] - confidences[1]) > 1e-3, "two models that do not say the same"


async def test_what_is_under_way_ends_on_the_old_encoder(
    bot_folder: Path, tmp_path: Path, load: Callable[[Path], Catalogue]
) -> None:
    other = [{**FEATURIZER, "query_prefix": "query: "}, {**CLASSIFIER, "finetune": False}]
    (tmp_path / "other").mkdir()
    newer = train(tmp_path / "other", [{"name": "WhitespaceTokenizer"}, *other], as_nlu(SHOP))
    catalogue = load(bot_folder)
    old = catalogue.bot("shop")
    under_way = asyncio.ensure_future(old.analyse([f"{number} " + "letters " * 900 for number in range(15)]))
    await asyncio.sleep(0)

    put(Path(newer), bot_folder, at=1)
    assert await asyncio.to_thread(catalogue.take_newer_bots) == ["shop"]
    assert catalogue.bot("shop").host.fingerprint != old.host.fingerprint
    assert not under_way.done()
    assert len(await under_way) == 15


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_leaves_the_old_at_work_until_a_whole_one_comes(
    name: str, bot_folder: Path, newer_model: Path, load: Callable[[Path], Catalogue], caplog: pytest.LogCaptureFixture
) -> None:
    catalogue = load(bot_folder)
    version, before = catalogue.bot("shop").bot.version, confidence(catalogue)
    put(BROKEN[name](newer_model.read_bytes()), bot_folder, at=1)

    assert [catalogue.take_newer_bots(), catalogue.take_newer_bots()] == [[], []]
    assert (catalogue.bot("shop").bot.version, confidence(catalogue)) == (version, before)
    assert caplog.text.count("The new model of bot shop is not taken") == 1, "it is told once"

    put(newer_model, bot_folder, at=2)
    assert catalogue.take_newer_bots() == ["shop"]
    assert confidence(catalogue) != before


def test_an_archive_that_was_seen_while_it_was_copied_is_taken_when_it_is_whole(
    bot_folder: Path, newer_model: Path, load: Callable[[Path], Catalogue]
) -> None:
    catalogue = load(bot_folder)
    put(newer_model.read_bytes()[:1000], bot_folder, at=1)
    assert catalogue.take_newer_bots() == []
    put(newer_model, bot_folder, at=1)
    assert catalogue.take_newer_bots() == ["shop"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_refused_at_the_start(
    name: str, tmp_path: Path, newer_model: Path, load: Callable[[Path], Catalogue]
) -> None:
    file = tmp_path / "broken.tar.gz"
    file.write_bytes(BROKEN[name](newer_model.read_bytes()))
    with pytest.raises(ConfigurationError, match=f"`bots: {file}`: ") as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_refused_at_the_start(tmp_path: Path, load: Callable[[Path], Catalogue]) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no trained model here\. Run rasa train"):
        load(tmp_path)


def _of_another_version(folder: Path) -> None:
    for file in folder.rglob("trained_with.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "trained_with": "0.0.7"}))


def _of_another_encoder(folder: Path) -> None:
    for file in folder.rglob("intent_head.npz"):
        head = IntentHead.from_pretrained(file.parent)
        head.encoder = "another-encoder"
        head.save_pretrained(file.parent)


def _read_with_another_prefix(folder: Path) -> None:
    """The encoder of the archive reads in another way than the one of the training: its fingerprint is another."""
    about = json.loads((folder / "metadata.json").read_text())
    for node in about["predict_schema"]["nodes"].values():
        if node["uses"].endswith(".TransformerFeaturizer"):
            node["config"]["query_prefix"] = "query: "
    (folder / "metadata.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_of_another_version, "it was trained with version 0.0.7 of this package, and this is"),
        (_of_another_encoder, "it was trained on encoder another-encoder, and the weights here are"),
        (_read_with_another_prefix, "it was trained on encoder "),
    ],
)
def test_a_bot_of_another_version_or_encoder_is_refused(
    change: Callable[[Path], None], told: str, newer_model: Path, tmp_path: Path, load: Callable[[Path], Catalogue]
) -> None:
    with pytest.raises(ConfigurationError, match=f"`bots: .*{told}.* Train it again"):
        load(changed(newer_model, tmp_path / "changed.tar.gz", change))


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        ([], "its pipeline has no TransformerFeaturizer"),
        ([FEATURIZER], "its pipeline has neither TransformerIntentClassifier nor SentimentTagger"),
    ],
)
def test_a_bot_without_our_components_is_refused(
    pipeline: list[dict[str, Any]], told: str, tmp_path: Path, load: Callable[[Path], Catalogue]
) -> None:
    rasas = [{"name": "WhitespaceTokenizer"}, *pipeline, {"name": "KeywordIntentClassifier"}]
    with pytest.raises(ConfigurationError, match=told):
        load(Path(train(tmp_path, rasas, as_nlu(SHOP))))


def test_files_outside_the_archive_are_not_written(
    newer_model: Path, tmp_path: Path, load: Callable[[Path], Catalogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def add(folder: Path) -> None:
        (folder / "evil.txt").write_text("evil")

    file = changed(newer_model, tmp_path / "inside.tar.gz", add)
    with tarfile.open(file) as old, tarfile.open(tmp_path / "outside.tar.gz", "w:gz") as new:
        for member in old.getmembers():
            content = old.extractfile(member) if member.isfile() else None
            if member.name == "evil.txt":
                member.name = "../evil.txt"
            new.addfile(member, content)
        link = tarfile.TarInfo("components/link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        new.addfile(link)
    assert np.isfinite(confidence(load(tmp_path / "outside.tar.gz")))
    assert not list(tmp_path.rglob("evil.txt"))


def test_other_settings_take_over_together_and_a_mistake_leaves_everything_as_it_was(
    bot_folder: Path, serve: Callable[..., ServerProcess]
) -> None:
    server = serve(encoders={"minilm": {"model": ENCODER}})
    file = server.log.with_name("serve.yml")

    def names() -> list[str]:
        return [row["id"] for row in server.openai().models.list().model_dump()["data"]]

    def settings(**keys: Any) -> None:
        file.write_text(yaml.safe_dump({"port": 0, **keys}), encoding="utf-8")
        server.signal(signal.SIGHUP)

    encoder = {"minilm": {"model": ENCODER}, "second": {"model": ENCODER, "runtime": "torch"}}
    server.signal(signal.SIGHUP)  # it may come before the server listens to it, and ends nothing
    assert names() == ["minilm"]
    settings(encoders=encoder, bots={"shop": str(bot_folder / "missing")})
    wait_until(lambda: "everything stays as it was" in server.log.read_text(), 30)
    assert names() == ["minilm"]

    settings(encoders=encoder, bots={"shop": str(bot_folder)}, limits={"texts": 1})
    wait_until(lambda: names() == ["minilm", "second", "shop"], 30)
    assert server.post("/v1/embeddings", {"model": "second", "input": ["a", "b"]}).status_code == 413
    assert server.post("/v1/embeddings", {"model": "second", "input": "a"}).status_code == 200

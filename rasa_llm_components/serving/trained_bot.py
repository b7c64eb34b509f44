"""What a trained bot's model archive knows of messages: its intents and its sentiment, without Rasa."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.intent_head import IntentHead
from rasa_llm_components.models.sentiment_head import LABELS
from rasa_llm_components.models.sentiment_model import SentimentModel
from rasa_llm_components.models.shipped import PROBE
from rasa_llm_components.version import __version__

_FEATURIZER, _CLASSIFIER, _TAGGER = "TransformerFeaturizer", "TransformerIntentClassifier", "SentimentTagger"
_LARGEST_FILE = 2**30
_NOT_WHOLE = (
    *(OSError, EOFError, tarfile.TarError, zlib.error, zipfile.BadZipFile),
    *(AttributeError, KeyError, TypeError, ValueError),
)
"""What reading a file raises that holds something else, or a part of it."""


class TrainedBot:
    """Texts in; vector, intents and sentiment of each out, from one pass of the encoder's shared layers."""

    def __init__(self, encoder: Any, intents: Any, sentiment: SentimentModel | None, *, version: str) -> None:
        """Wraps the parts. Use `from_archive`.

        Args:
            encoder: a `models.encoder.Encoder`.
            intents: an `IntentHead` or a `TunedIntentModel`; None when the bot has none of this package.
            sentiment: at work on the encoder.
            version: of the archive.
        """
        self.encoder, self.version = encoder, version
        self._intents, self._sentiment = intents, sentiment

    @classmethod
    def from_archive(cls, archive: Path, load_encoder: Callable[[Mapping[str, Any]], Any]) -> TrainedBot:
        """Reads a model that `rasa train` wrote, or the newest one in a folder.

        Args:
            archive: a `.tar.gz` or a folder of them.
            load_encoder: gives the encoder of the featurizer's configuration.

        Raises:
            ConfigurationError: nothing there, not whole, of another version, or without this package's components.
        """
        file = newest(archive)
        try:
            with tempfile.TemporaryDirectory() as folder, tarfile.open(file) as content:
                _extract(content, Path(folder))
                return cls._from_folder(Path(folder), file, load_encoder)
        except _NOT_WHOLE as error:
            if isinstance(error, ConfigurationError):
                raise
            problem = " ".join(str(error).split())
            raise _wrong(file, f"this is no whole model ({problem}).", "Train it again: rasa train") from error

    @classmethod
    def _from_folder(cls, folder: Path, file: Path, load_encoder: Callable[[Mapping[str, Any]], Any]) -> TrainedBot:
        nodes = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))["predict_schema"]["nodes"]
        featurizer = _node(nodes, _FEATURIZER)
        if featurizer is None:
            raise _wrong(file, f"its pipeline has no {_FEATURIZER}.", "Name a model trained with one.")
        encoder = load_encoder(featurizer["config"])
        intents = sentiment = None
        if (node := _node(nodes, _CLASSIFIER)) is not None:
            intents = _intents(folder / "components" / node["resource"]["name"], encoder, file)
        if (node := _node(nodes, _TAGGER)) is not None:
            sentiment = _sentiment(folder / "components" / node["resource"]["name"], encoder, file)
        if intents is None and sentiment is None:
            raise _wrong(
                file, f"its pipeline has neither {_CLASSIFIER} nor {_TAGGER}.", "Name a model trained with one."
            )
        return cls(encoder, intents, sentiment, version=_version(file))

    def analyse(self, texts: list[str]) -> list[dict[str, Any]]:
        """`{vector, intent, intent_ranking, sentiment}` of each text; what the bot has not is left out."""
        return [self._analysed(text) for text in texts]

    def _analysed(self, text: str) -> dict[str, Any]:
        # Heads first: each goes on from the layer that the one before has reached.
        probabilities = None
        if self._intents is not None and hasattr(self._intents, "predict_texts"):
            probabilities = self._intents.predict_texts(self.encoder, [text])[0]
        vector = self.encoder.encode([text])
        found: dict[str, Any] = {"vector": vector[0]}
        if self._intents is not None:
            if probabilities is None:
                probabilities = self._intents.predict_proba(vector)[0]
            ranking = [
                {"name": self._intents.classes_[index], "confidence": float(probabilities[index])}
                for index in np.argsort(-probabilities, kind="stable")
            ]
            found.update(intent=ranking[0], intent_ranking=ranking)
        if self._sentiment is not None:
            shares = dict(zip(LABELS, map(float, self._sentiment.predict_proba([text], vector)[0])))
            label = max(shares, key=lambda name: shares[name])
            found["sentiment"] = {"label": label, "score": shares["positive"] - shares["negative"]}
            found["sentiment"]["confidences"] = shares
        return found


def newest(archive: Path) -> Path:
    """The file itself, or the newest `.tar.gz` of a folder.

    Raises:
        ConfigurationError: there is none.
    """
    if archive.is_file():
        return archive
    found = sorted(archive.glob("*.tar.gz"), key=lambda file: file.stat().st_mtime) if archive.is_dir() else []
    if not found:
        raise _wrong(archive, "there is no trained model here.", "Run rasa train, or name its .tar.gz.")
    return found[-1]


def _version(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _node(nodes: Mapping[str, Any], component: str) -> dict[str, Any] | None:
    for node in nodes.values():
        if node["uses"].startswith("rasa_llm_components.") and node["uses"].rpartition(".")[2] == component:
            found: dict[str, Any] = node
            return found
    return None


def _intents(folder: Path, encoder: Any, file: Path) -> Any:
    about = json.loads((folder / "trained_with.json").read_text(encoding="utf-8"))
    _check_version(about["trained_with"], file)
    if not about["tuned"]:
        head = IntentHead.from_pretrained(folder)
        _check_encoder(head.encoder, encoder, file)
        return head
    from rasa_llm_components.models.finetuning.intent_model import TunedIntentModel

    tuned = TunedIntentModel.from_pretrained(folder, device=encoder.device)
    _check_encoder(tuned.encoder, encoder, file)
    tuned.read_with(encoder)
    return tuned


def _sentiment(folder: Path, encoder: Any, file: Path) -> SentimentModel:
    about = json.loads((folder / "sentiment.json").read_text(encoding="utf-8"))
    _check_version(about["trained_with"], file)
    model = SentimentModel.from_pretrained(folder, layers=about["layers"], own=about["own_labels"])
    if not model.fits(encoder.fingerprint, encoder.encode([PROBE])[0]):
        _check_encoder(model.encoder, encoder, file)
    model.read_with(encoder, folder)
    return model


def _check_version(trained_with: str, file: Path) -> None:
    if trained_with.split(".")[:2] != __version__.split(".")[:2]:
        raise _wrong(
            file,
            f"it was trained with version {trained_with} of this package, and this is {__version__}.",
            "Train it again, or start the server with that version.",
        )


def _check_encoder(trained_on: str, encoder: Any, file: Path) -> None:
    if trained_on and trained_on != encoder.fingerprint:
        raise _wrong(
            file,
            f"it was trained on encoder {trained_on}, and the weights here are {encoder.fingerprint}.",
            "Train it again with these weights.",
        )


def _wrong(file: Path, problem: str, fix: str) -> ConfigurationError:
    return ConfigurationError(problem, component="rasa-llm serve", key="bots", value=str(file), fix=fix)


def _extract(content: tarfile.TarFile, folder: Path) -> None:
    """Files only, inside the folder only, none of them huge."""
    for member in content.getmembers():
        target = (folder / member.name.lstrip("/")).resolve()
        if not member.isfile() or folder.resolve() not in target.parents:
            continue
        if member.size > _LARGEST_FILE:
            raise ValueError(f"{member.name} has {member.size} bytes")
        target.parent.mkdir(parents=True, exist_ok=True)
        source = content.extractfile(member)
        assert source is not None
        target.write_bytes(source.read())
    # The checksum stands behind everything else: a damaged file may well unpack, to wrong weights.
    while content.fileobj is not None and content.fileobj.read(1 << 20):
        pass

"""Vectors in Qdrant: a server by its URL, or Qdrant's own embedded mode in a folder."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from rasa_llm_components.errors import ConfigurationError, MissingDependencyError
from rasa_llm_components.settings import check_smallest, checked_keys

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

logger = logging.getLogger(__name__)

STORE_KEYS: dict[str, Any] = {"url": "", "path": "", "collection": "knowledge", "api_key": "", "timeout": 5.0}
"""Keys that say where vectors are kept, with their defaults. Times are seconds."""

_COMPONENT = "knowledge"
_POINTS_PER_REQUEST = 512


class QdrantStore:
    """A collection for each version of the documents; a half-filled one is filled anew."""

    def __init__(
        self, *, url: str = "", path: str = "", collection: str = "knowledge", api_key: str = "", timeout: float = 5.0
    ) -> None:
        """Connects.

        Args:
            url: of a Qdrant server, `http://localhost:6333`.
            path: a folder for the embedded mode; one process at a time.
            collection: the collections' names begin so.
            api_key: of the server, if it wants one.
            timeout: seconds for a request to the server.

        Raises:
            ConfigurationError: neither or both of `url` and `path`, or nothing answers there.
            MissingDependencyError: qdrant-client is not installed.
        """
        if bool(url) == bool(path):
            raise ConfigurationError(
                "one of `url` and `path` is needed, and not both.",
                component=_COMPONENT,
                key="store",
                value={"url": url, "path": path},
                fix="Write url: http://localhost:6333, or path: a folder.",
            )
        self._where, self._key = url or path, "store: url" if url else "store: path"
        self._name = collection
        self._collection = ""
        self._client = self._connect(url, path, api_key, timeout)

    def add(self, vectors: np.ndarray, fingerprint: str) -> None:
        """Fills a collection, unless it is there; collections of older documents are deleted.

        Raises:
            ConfigurationError: Qdrant does not answer, or does not take them.
        """
        try:
            self._fill(vectors, f"{self._name}-{fingerprint}")
        except Exception as error:  # the client raises httpx's, pydantic's and its own kinds
            raise self._mistake(error) from error

    def nearest(self, vector: np.ndarray, limit: int) -> np.ndarray:
        """The numbers of the nearest rows; none while Qdrant is away, so that the words alone are searched."""
        try:
            found = self._client.query_points(self._collection, query=vector.tolist(), limit=limit, with_payload=False)
        except Exception as error:  # a customer is waiting: whatever it is, the search goes on without it
            logger.warning("Qdrant at %s gives no answer: %s", self._where, error)
            return np.zeros(0, np.int64)
        return np.array([int(point.id) for point in found.points], dtype=np.int64)

    def close(self) -> None:
        """Lets go of the folder or the connection."""
        self._client.close()

    def _connect(self, url: str, path: str, api_key: str, timeout: float) -> QdrantClient:
        try:
            from qdrant_client import QdrantClient
        except ImportError as error:
            raise MissingDependencyError(
                "qdrant-client is not installed.",
                component=_COMPONENT,
                key="store",
                value=self._where,
                fix="Run: pip install 'rasa-llm-components[qdrant]'",
            ) from error
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise self._mistake(ValueError("this is no http address"))
        try:
            client = (
                # The check of versions would only warn, where the next line raises.
                QdrantClient(url=url, api_key=api_key or None, timeout=math.ceil(timeout), check_compatibility=False)
                if url
                else QdrantClient(path=path)
            )
            client.get_collections()
        except Exception as error:  # see `add`
            raise self._mistake(error) from error
        return client

    def _fill(self, vectors: np.ndarray, collection: str) -> None:
        from qdrant_client import models

        self._collection = collection
        if self._is_complete(collection, len(vectors)):
            return
        self._client.delete_collection(collection)
        size = models.VectorParams(size=vectors.shape[1], distance=models.Distance.DOT)
        self._client.create_collection(collection, vectors_config=size)
        for start in range(0, len(vectors), _POINTS_PER_REQUEST):
            block = vectors[start : start + _POINTS_PER_REQUEST]
            points = [models.PointStruct(id=start + row, vector=vector.tolist()) for row, vector in enumerate(block)]
            self._client.upsert(collection, points=points, wait=True)
        for other in self._client.get_collections().collections:
            if other.name.startswith(f"{self._name}-") and other.name != collection:
                self._client.delete_collection(other.name)

    def _is_complete(self, collection: str, points: int) -> bool:
        return self._client.collection_exists(collection) and self._client.count(collection, exact=True).count == points

    def _mistake(self, error: Exception) -> ConfigurationError:
        reason = " ".join(str(error).split())[:200]
        return ConfigurationError(
            f"Qdrant cannot be used there ({type(error).__name__}: {reason}).",
            component=_COMPONENT,
            key=self._key,
            value=self._where,
            fix="Is the server running, or the folder free and writable? Leave `store` out to search in this process.",
        )


def make_store(configuration: Mapping[str, Any]) -> QdrantStore:
    """The store that the keys of `STORE_KEYS` name.

    Raises:
        ConfigurationError: a key that is unknown or of another type, or Qdrant cannot be used there.
    """
    keys = checked_keys(_COMPONENT, configuration, STORE_KEYS, where="store: ")
    check_smallest(_COMPONENT, keys, {"timeout": 1}, STORE_KEYS, where="store: ")
    return QdrantStore(**keys)

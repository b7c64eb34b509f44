"""Qdrant in its embedded mode, a real one: the same answers as in the process."""

import socket

import numpy as np
import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.knowledge.qdrant_store import QdrantStore, make_store
from rasa_llm_components.knowledge.vector_store import InProcessStore

pytest.importorskip("qdrant_client")


@pytest.fixture
def vectors():
    rows = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_it_finds_what_the_matrix_finds(tmp_path, vectors):
    store, matrix = QdrantStore(path=str(tmp_path / "qdrant")), InProcessStore()
    for place in (store, matrix):
        place.add(vectors, "a")
    for row in range(0, 50, 7):
        assert store.nearest(vectors[row], 5).tolist() == matrix.nearest(vectors[row], 5).tolist()
    store.close()


def test_it_is_filled_once_refilled_when_incomplete_and_forgets_old_documents(tmp_path, vectors, monkeypatch):
    path = str(tmp_path / "qdrant")
    store = QdrantStore(path=path)
    store.add(vectors, "a")
    store.close()

    store = QdrantStore(path=path)
    upserted = []
    upsert = store._client.upsert
    monkeypatch.setattr(store._client, "upsert", lambda *args, **kw: (upserted.append(args), upsert(*args, **kw)))
    store.add(vectors, "a")
    assert upserted == []
    store._client.delete("knowledge-a", points_selector=[3, 4])
    store.add(vectors, "a")
    assert store.nearest(vectors[3], 1).tolist() == [3]
    store.add(vectors[:10], "b")
    assert [collection.name for collection in store._client.get_collections().collections] == ["knowledge-b"]
    store.close()


def test_a_knowledge_base_in_qdrant_answers_like_one_in_the_process(shop, encoder, tmp_path):
    here = KnowledgeBase.from_folder(shop, encoder)
    there = KnowledgeBase.from_folder(shop, encoder, store={"path": str(tmp_path / "qdrant")})
    for question in ("What does shipping to Switzerland cost?", "Are you open on Sundays?", "Who wrote Hamlet?"):
        assert there.search(question) == here.search(question)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"collection": "shop"}, "one of `url` and `path` is needed"),
        ({"url": "http://127.0.0.1:6333", "path": "here"}, "one of `url` and `path` is needed"),
        ({"url": "localhost:6333"}, "`store: url: localhost:6333`: Qdrant cannot be used there"),
        ({"host": "localhost"}, "`store: host: localhost`: there is no such key. The keys are: api_key"),
        ({"ulr": "http://127.0.0.1:6333"}, "Did you mean `url`?"),
        ({"path": 3}, "`store: path: 3`: this must be a text."),
        ({"path": "here", "timeout": 0}, "`store: timeout: 0`: this is too small."),
    ],
)
def test_keys_that_make_no_sense_are_named(shop, encoder, keys, sentence):
    with pytest.raises(ConfigurationError) as caught:
        KnowledgeBase.from_folder(shop, encoder, store=keys)
    assert sentence in str(caught.value)


def test_an_error_does_not_repeat_the_key_of_the_server():
    with pytest.raises(ConfigurationError) as caught:
        make_store({"url": "http://127.0.0.1:9", "api_key": "hush-hush", "tiemout": 1})
    assert "hush-hush" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error_at_the_start():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigurationError, match="Is the server running"):
        QdrantStore(url=f"http://127.0.0.1:{port}", timeout=1)


def test_a_qdrant_that_goes_away_leaves_the_words(shop, encoder, tmp_path, caplog):
    store = QdrantStore(path=str(tmp_path / "qdrant"))
    knowledge = KnowledgeBase.from_folder(shop, encoder, store=store)
    store.close()
    result = knowledge.search("What does shipping to Switzerland cost?")
    assert "gives no answer" in caplog.text
    assert result.passages[0].passage.document == "delivery.md"
    nothing = knowledge.search("Quo vadis?")
    assert (nothing.passages, nothing.answerable, nothing.confidence) == ((), False, 0.0)

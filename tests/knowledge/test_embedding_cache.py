"""Vectors are kept, re-used while nothing changed, and never half-written."""

import logging
import os
import shutil
import time

import numpy as np
import pytest

from rasa_llm_components.knowledge import KnowledgeBase, embedding_cache
from rasa_llm_components.knowledge.embeddings import to_int8, unit_rows
from rasa_llm_components.models.stand_ins import StandInEncoder


class CountingEncoder(StandInEncoder):
    """The stand-in, which keeps a list of the documents' texts that it was asked for."""

    def __init__(self, dimension=64):
        super().__init__(dimension)
        self.texts = []

    def encode_words(self, texts, *, kind="query", show_progress=False):
        if kind == "passage":
            self.texts.extend(texts)
        return super().encode_words(texts, kind=kind)

    def encode(self, texts, *, kind="query", show_progress=False):
        return np.stack([text.sentence for text in self.encode_words(texts, kind=kind)])


def start(shop, cache, encoder=None):
    """A start of the bot: the texts of the shop that were embedded, and the confidence of a question."""
    encoder = encoder or CountingEncoder()
    knowledge = KnowledgeBase.from_folder(shop, encoder, cache_folder=cache)
    own = {passage.text for passage in knowledge.passages} | {s for p in knowledge.passages for s in p.sentences}
    embedded = [text for text in encoder.texts if any(text.endswith(piece) for piece in own)]
    return embedded, knowledge.search("warranty of a clock").passages[0]


def test_the_second_start_embeds_nothing_and_finds_the_same(shop, tmp_path):
    embedded, found = start(shop, tmp_path / "cache")
    again, found_again = start(shop, tmp_path / "cache")
    assert embedded
    assert again == []
    assert found_again == found


def test_only_what_changed_is_embedded(shop, tmp_path):
    start(shop, tmp_path / "cache")
    (shop / "new.txt").write_text("Vouchers are valid for ever.", encoding="utf-8")
    embedded, _ = start(shop, tmp_path / "cache")
    assert {text.split("\n")[-1] for text in embedded} == {"Vouchers are valid for ever."}


def test_texts_that_are_gone_are_forgotten(shop, tmp_path):
    start(shop, tmp_path / "cache")
    before = sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*.npy"))
    (shop / "delivery.md").unlink()
    start(shop, tmp_path / "cache")
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*.npy")) < before


def test_another_encoder_has_files_of_its_own(shop, tmp_path):
    start(shop, tmp_path / "cache")
    embedded, _ = start(shop, tmp_path / "cache", CountingEncoder(32))
    assert embedded
    assert start(shop, tmp_path / "cache")[0] == []


@pytest.mark.parametrize("name", ["vectors.npy", "tokens.npy", "ends.npy", "token_starts.npy", "hashes.npy"])
@pytest.mark.parametrize("harm", ["cut", "rubbish", "gone"])
def test_damaged_files_are_made_anew(shop, tmp_path, caplog, name, harm):
    _, found = start(shop, tmp_path / "cache")
    file = next((tmp_path / "cache").rglob(name))
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if harm == "cut" else b"rubbish")
    with caplog.at_level(logging.WARNING):
        embedded, found_again = start(shop, tmp_path / "cache")
    assert "damaged" in caplog.text
    assert embedded
    assert found_again == found
    assert start(shop, tmp_path / "cache")[0] == []


def test_a_write_that_fails_leaves_nothing_half_done(shop, tmp_path, monkeypatch, caplog):
    saved = []

    def disk_full(file, array):
        saved.append(file)
        if len(saved) == 3:
            raise OSError(28, "No space left on device")
        np_save(file, array)

    np_save = np.save
    monkeypatch.setattr(embedding_cache.np, "save", disk_full)
    with caplog.at_level(logging.WARNING):
        _, found = start(shop, tmp_path / "cache")
    assert "No space left on device" in caplog.text
    assert found.passage.document
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_what_a_killed_process_left_is_cleared_up(shop, tmp_path):
    start(shop, tmp_path / "cache")
    complete = next(path.parent for path in (tmp_path / "cache").rglob("vectors.npy"))
    half, fresh = complete.parent / ".half-old", complete.parent / ".half-of-another-process"
    for folder in (half, fresh):
        folder.mkdir()
        shutil.copy(complete / "vectors.npy", folder)
    os.utime(half, (time.time() - 10_000,) * 2)
    (shop / "new.txt").write_text("Vouchers are valid for ever.", encoding="utf-8")
    start(shop, tmp_path / "cache")
    assert not half.exists()
    assert fresh.exists()


def test_a_cache_folder_that_cannot_be_made_costs_only_time(shop, tmp_path, caplog):
    (tmp_path / "occupied").write_text("a file", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        _, found = start(shop, tmp_path / "occupied" / "cache")
    assert str(tmp_path / "occupied" / "cache") in caplog.text
    assert found.passage.document


def test_a_quarter_of_the_bytes_keeps_the_directions():
    vectors = np.random.default_rng(0).standard_normal((200, 384)).astype(np.float32)
    cosines = (unit_rows(to_int8(vectors)) * unit_rows(vectors)).sum(axis=1)
    assert cosines.min() > 0.999
    assert (to_int8(np.zeros((2, 4), np.float32)) == 0).all()

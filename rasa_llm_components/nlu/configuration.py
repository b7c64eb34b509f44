"""Checks what a developer wrote in config.yml, and tells mistakes in the form Rasa prints in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rasa.shared.exceptions import InvalidConfigException

from rasa_llm_components.errors import ConfigurationError, EncodingError
from rasa_llm_components.settings import checked_keys
from rasa_llm_components.version import __version__

_RASA_KEYS = {"name", "alias", "epochs", "finetuning_epoch_fraction", "random_seed"}


def check_configuration(component: str, configuration: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Every key is known and of its default's type; whole numbers pass for fractions.

    Raises:
        InvalidConfigException: names component, key, value and the fix.
    """
    own = {key: value for key, value in configuration.items() if key not in _RASA_KEYS}
    with errors_for(component):
        checked_keys(component, own, defaults)


@contextmanager
def errors_for(component: str) -> Iterator[None]:
    """Tells mistakes found in the rooms below as Rasa's InvalidConfigException, with the component's name.

    Raises:
        InvalidConfigException: for a ConfigurationError, and for an encoder that does not answer at start.
    """
    try:
        yield
    except ConfigurationError as error:
        raise InvalidConfigException(str(error.for_component(component))) from error
    except EncodingError as error:
        raise InvalidConfigException(f"{component}: the encoder does not answer. {error}") from error


def check_trained_version(component: str, trained_with: str) -> None:
    """A model trained with another minor version of this package is not read.

    Raises:
        InvalidConfigException: names both versions and the fix.
    """
    if trained_with.split(".")[:2] != __version__.split(".")[:2]:
        raise InvalidConfigException(
            f"{component}: this model was trained with rasa-llm-components {trained_with or 'of unknown version'},"
            f" and {__version__} is installed. Train again: rasa train"
        )


def other_encoder(component: str, trained_on: str, loaded: str) -> InvalidConfigException:
    """What to raise when a head would read the vectors of another encoder; both are named by their fingerprints."""
    return InvalidConfigException(
        f"{component}: the model was trained on the vectors of encoder {trained_on}, and the featurizer now"
        f" loads encoder {loaded}. Bring the old weights back, or train again: rasa train"
    )

"""Errors that a bot developer can act on. They know nothing of Rasa."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """A mistake in the configuration: says which component, key and value, and how to mend it."""

    def __init__(
        self, problem: str, *, component: str = "", key: str = "", value: object = None, fix: str = ""
    ) -> None:
        """Put the parts into one sentence.

        Args:
            problem: what is wrong, in a few words.
            component: the class or file the developer wrote the key for.
            key: the configuration key.
            value: what was found there.
            fix: what to write or run instead.
        """
        self.problem, self.component, self.key, self.value, self.fix = problem, component, key, value, fix
        where = f"{component}: " if component else ""
        setting = f"`{key}: {value}`: " if key else ""
        super().__init__(f"{where}{setting}{problem}" + (f" {fix}" if fix else ""))

    def for_component(self, component: str, key: str = "") -> ConfigurationError:
        """The same mistake, told with the name of the component whose configuration caused it."""
        return type(self)(
            self.problem,
            component=component,
            key=key or self.key,
            value=self.value,
            fix=self.fix,
        )


class WeightsNotFoundError(ConfigurationError):
    """No weights where the configuration says they are, or not all of them."""


class MissingDependencyError(ConfigurationError):
    """An optional package is not installed."""


class GenerationError(RuntimeError):
    """A text generator gave no text: it is away, too slow, or its answer can't be read."""


class EncodingError(RuntimeError):
    """An encoder behind an endpoint gave no vectors: it is away, too slow, or its answer can't be read."""


class EndpointError(RuntimeError):
    """A server gave no answer, or not the one that it should."""

    def __init__(self, message: str, *, status: int = 0, may_be_tried_again: bool = False) -> None:
        """Say what happened.

        Args:
            message: with the address.
            status: HTTP's, where there was an answer.
            may_be_tried_again: whether the same request may succeed in a moment.
        """
        super().__init__(message)
        self.status = status
        self.may_be_tried_again = may_be_tried_again or self.is_passing

    @property
    def is_away(self) -> bool:
        """Whether there was no answer at all."""
        return not self.status

    @property
    def is_passing(self) -> bool:
        """Whether the server is there and only busy."""
        return self.status in (429, 503)

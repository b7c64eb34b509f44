"""Answers that are not what was asked for, in the form of the OpenAI API."""

from __future__ import annotations

from typing import Any


class RefusalError(Exception):
    """A request that is not carried out: what the client is told, and with which HTTP status."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        parameter: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Puts the parts together.

        Args:
            status: HTTP's.
            message: what is wrong, and what to send instead.
            kind: the API's `type`.
            parameter: the key of the body that is wrong.
            retry_after: seconds after which another try makes sense.
        """
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
        self._error = {"message": message, "type": kind, "param": parameter, "code": None}

    @property
    def body(self) -> dict[str, Any]:
        """What the client reads."""
        return {"error": self._error}

    @property
    def headers(self) -> dict[str, str]:
        """Beside the body."""
        return {} if self.retry_after is None else {"Retry-After": f"{max(1, round(self.retry_after))}"}


def overloaded(seconds: float) -> RefusalError:
    """The queue is full."""
    return RefusalError(503, "the server is at its limit; try again later", kind="overloaded", retry_after=seconds)

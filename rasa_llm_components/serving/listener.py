"""The socket that a server listens on, bound before its models are loaded."""

from __future__ import annotations

import socket

from rasa_llm_components.errors import ConfigurationError


def listening(host: str, port: int) -> socket.socket:
    """A socket on this address: a port that is taken is told at once.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            f"the address cannot be used ({error.strerror}).",
            component="rasa-llm serve",
            key="port",
            value=f"{host}:{port}",
            fix="Write another --port or --host.",
        ) from error
    listener.setblocking(False)
    return listener

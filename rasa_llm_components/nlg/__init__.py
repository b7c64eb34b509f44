"""endpoints.yml `nlg:`: what writes a reply. Only `GenerativeNLG` itself imports Rasa, when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rasa_llm_components.nlg.generative_nlg import GenerativeNLG

__all__ = ["GenerativeNLG"]


def __getattr__(name: str) -> Any:
    if name == "GenerativeNLG":
        from rasa_llm_components.nlg.generative_nlg import GenerativeNLG

        return GenerativeNLG
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""How customers reach the bot: channels for credentials.yml."""

from rasa_llm_components.channels.metrics import Metrics
from rasa_llm_components.channels.web_chat import WebChat

__all__ = ["Metrics", "WebChat"]

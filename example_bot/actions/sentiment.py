"""The mood of the conversation: ready actions of rasa_llm_components, served with the shop's own."""

from rasa_llm_components.actions import ActionForgetMood, ActionReadSentiment

__all__ = ["ActionForgetMood", "ActionReadSentiment"]

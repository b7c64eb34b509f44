"""What a bot does: ready actions for the action server. Needs rasa_sdk only, neither Rasa nor torch.

The action server finds each action that the bot's own `actions` module imports from here.
"""

from rasa_llm_components.actions.action_forget_mood import ActionForgetMood
from rasa_llm_components.actions.action_read_sentiment import ActionReadSentiment

__all__ = ["ActionForgetMood", "ActionReadSentiment"]

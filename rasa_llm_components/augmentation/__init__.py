"""More training examples, written by a language model and filtered by what the intents' classifier knows.

Knows the form of Rasa's nlu files, but imports nothing of Rasa.
"""

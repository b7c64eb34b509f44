"""The shop itself: its tables and its rules. Nothing in here knows of Rasa."""

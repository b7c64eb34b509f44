"""Today's transformer models as components for Rasa Open Source 3.6.

Importing this package imports neither Rasa nor torch: each room brings its own when it is used.
"""

from rasa_llm_components.version import __version__

__all__ = ["__version__"]

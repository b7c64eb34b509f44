"""A progress bar on standard error, when somebody looks at it."""

from __future__ import annotations

from typing import Any


class ProgressBar:
    """Steps of a training; silent where standard error is no terminal."""

    def __init__(self, title: str, steps: int) -> None:
        """Opens a bar of so many steps."""
        from tqdm import tqdm

        self._bar: Any = tqdm(total=steps, desc=title, leave=False, disable=None)

    def __call__(self, text: str) -> None:
        """One step is done; `text` says how it went."""
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        """Takes the bar away."""
        self._bar.close()

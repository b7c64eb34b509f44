"""Label names as text: an intent's name says what it is about before there is any example.

Luo et al. 2021, "Don't miss the labels"; Casanueva et al. 2020 read BANKING77's names in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATORS = r"[_\-/+.]+"
_WORDS = r"[^\W\d]{2,}( [^\W\d]+)*"


def readable_names(labels: Iterable[str]) -> dict[str, str]:
    """What the names say, for those that are words.

    Args:
        labels: intents such as `order_status`.

    Returns:
        `{"order_status": "order status"}`; `nlu_7` or `faq/12` would tell a model nothing and are left out.
    """
    said = {label: re.sub(_SEPARATORS, " ", label).strip().lower() for label in set(labels)}
    return {label: name for label, name in sorted(said.items()) if re.fullmatch(_WORDS, name)}

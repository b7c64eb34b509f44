"""How many connections a server may have: systems allow a process few open files at first, and more when it asks."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

MANY = 65_536
"""Connections, and some files beside them."""


def allow_many_connections() -> int:
    """Asks the system for as many open files as this process may have, `MANY` at most.

    With 1,024, the usual number, a web chat that holds a stream open for each customer refuses the thousandth.

    Returns:
        How many it may have now; 0 where the system has no such limit.
    """
    try:
        import resource
    except ImportError:  # Windows
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY if hard == resource.RLIM_INFINITY else min(hard, MANY)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError) as error:
            logger.warning("No more than %d open files are allowed: %s", soft, error)
            return int(soft)
        return int(wanted)
    return int(soft)

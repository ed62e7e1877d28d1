"""File descriptors: a process may by default have 1024, which is about as many as there may be connections."""

import os
import resource

_FOR_THE_REST = 128


def make_room_for_descriptors(connections: int) -> int:
    """Raise the process's soft limit, as far as the hard one lets us, to hold so many connections.

    Gives how many of them fit, at least one, beside the source, the HTTP port and whatever else is open.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FOR_THE_REST
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):
        allowed = soft
    return max(1, min(connections, allowed - _FOR_THE_REST))


def has_descriptors(spares: int, like: int) -> bool:
    """Whether one more could be opened and still leave the highest `spares` numbers to others; `like` is any open one.

    The kernel gives out the lowest free number, so whoever asks this first never takes one of those.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        lowest_free = os.dup(like)
    except OSError:
        return False
    os.close(lowest_free)
    return limit == resource.RLIM_INFINITY or lowest_free < limit - spares

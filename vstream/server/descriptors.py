"""File descriptors: a process may by default have 1024, which is about as many as there may be connections."""

import contextlib
import resource

_FOR_THE_REST = 256


def make_room_for_descriptors(connections: int) -> None:
    """Raise the process's soft limit, as far as the hard one lets us, to hold so many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FOR_THE_REST
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))

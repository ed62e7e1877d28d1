"""Which version and which build of vstream this is."""

from vstream import __version__


def describe() -> str:
    """Give the version in a line; what was built by packaging/ adds its commit and its date (UTC)."""
    try:
        from vstream import _build
    except ImportError:
        return f"vstream {__version__}"
    return f"vstream {__version__} (commit {_build.commit}, built {_build.date})"

"""Every setting of vstream: its table, how it is read, checked and shown."""

from vstream.config.load import Loaded, load_settings
from vstream.config.settings import Settings

__all__ = ["Loaded", "Settings", "load_settings"]

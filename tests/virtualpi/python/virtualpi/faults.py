"""Faults on demand: a file of a fault's name in $VIRTUALPI_FAULTS brings it about, for as long as it is there."""

import os
from pathlib import Path


def is_on(name: str) -> bool:
    directory = os.environ.get("VIRTUALPI_FAULTS")
    return directory is not None and Path(directory, name).exists()

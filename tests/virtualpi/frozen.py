"""Runtime hook of the program's test build: a frozen program reads no sitecustomize, which makes the camera a Pi's."""

import sys

sys.path.append("/opt/virtualpi/python")
import sitecustomize  # noqa: F401

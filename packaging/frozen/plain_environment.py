"""Keep the loader path of the frozen program to itself: rpicam-vid and others that it starts want the system's."""

import os

_was = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if _was is None:
    os.environ.pop("LD_LIBRARY_PATH", None)
else:
    os.environ["LD_LIBRARY_PATH"] = _was

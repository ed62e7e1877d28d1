"""Keep what the one file unpacked: who clears /tmp of old files passes over a folder that is locked (tmpfiles.d(5)).

Nothing there is opened again once it is loaded, so to them it is old after days, while a new camera process or a module
that is imported late still needs it.
"""

import contextlib
import fcntl
import os
import sys

_folder = os.open(vars(sys)["_MEIPASS"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
with contextlib.suppress(OSError):  # a file system without locks
    fcntl.flock(_folder, fcntl.LOCK_SH)

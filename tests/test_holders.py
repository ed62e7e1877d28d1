"""Who has a device open, as /proc tells."""

import os
import re
import subprocess
import sys
from pathlib import Path

from vstream.holders import holders


def test_another_process_is_named_and_this_one_is_not(tmp_path: Path) -> None:
    device = tmp_path / "media0"
    device.touch()
    nodes = re.compile(re.escape(str(device)))
    program = f"device = open({str(device)!r}); open('/proc/self/comm', 'w').write('spy'); print(flush=True); input()"
    with (
        device.open(),
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        (holder,) = holders(nodes)
        process.kill()
    assert (holder.pid, holder.nodes) == (process.pid, (str(device),))
    assert str(holder) == f"spy (pid {process.pid})"
    assert holders(nodes) == []
    assert os.getpid() not in [one.pid for one in holders()]

"""Which program listens on a port, by the kernel's tables of sockets (proc_pid_net(5)), as far as permissions show."""

import re

from vstream.holders import Holder, holders
from vstream.probe.machine import Machine

_LISTEN = "0A"


def port_holder(machine: Machine, is_tcp: bool, port: int) -> Holder | None:
    """The program; None where it is not to be seen from here."""
    sockets = [
        inode
        for table in (("tcp", "tcp6") if is_tcp else ("udp", "udp6"))
        for inode in _inodes(machine.text(f"/proc/net/{table}") or "", is_tcp, port)
    ]
    if not sockets:
        return None
    wanted = re.compile(rf"socket:\[(?:{'|'.join(sockets)})\]")
    return next(iter(holders(wanted, machine.path("/proc"))), None)


def _inodes(table: str, is_tcp: bool, port: int) -> list[str]:
    """The inodes of sockets bound to a port; of TCP those that listen."""
    found = []
    for row in (line.split() for line in table.splitlines()[1:]):
        if len(row) > 9 and int(row[1].rpartition(":")[2], 16) == port and (not is_tcp or row[3] == _LISTEN):
            found.append(row[9])
    return found

"""Prints sequence number and TTL of so many RTP packets to an IPv4 group: hear_group.py GROUP PORT COUNT."""

import socket
import struct
import sys

IP_RECVTTL, IP_TTL = 12, 2

group, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    udp.bind((group, port))
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4))
    udp.settimeout(30)
    print("joined", flush=True)
    for _ in range(count):
        packet, control, _, _ = udp.recvmsg(2048, 64)
        ttl = next(struct.unpack("i", data)[0] for _, kind, data in control if kind == IP_TTL)
        print(struct.unpack_from("!xxH", packet)[0], ttl)

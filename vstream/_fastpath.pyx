# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, auto_pickle=False, autotestdict=False
"""Split -> packetize -> send, in that order, without the GIL (RFC 6184, RFC 3550, RFC 4588, RFC 2326 section 10.12).

Locks: a Fanout's lock is taken before a TcpWriter's, never after; both only without the GIL. A train is
written once and then only read, so its references are all that threads share of it.
"""

import os
import sys

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

include "fastpath/system.pxi"
include "fastpath/nal.pxi"
include "fastpath/train.pxi"
include "fastpath/packetizer.pxi"
include "fastpath/flow.pxi"
include "fastpath/openssl.pxi"
include "fastpath/tls.pxi"
include "fastpath/tcp.pxi"
include "fastpath/srtp.pxi"
include "fastpath/udp.pxi"
include "fastpath/gop.pxi"
include "fastpath/history.pxi"
include "fastpath/retransmit.pxi"
include "fastpath/pacer.pxi"
include "fastpath/fanout.pxi"

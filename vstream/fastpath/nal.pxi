# Split: an Annex-B byte stream into NAL units (ITU-T H.264 annex B).

cdef enum:
    NAL_SLICE = 1
    NAL_IDR = 5
    NAL_SEI = 6
    NAL_SPS = 7
    NAL_PPS = 8
    NAL_AUD = 9
    NAL_FILLER = 12


cdef struct nal_t:
    const uint8_t *at
    uint32_t length


cdef Py_ssize_t next_nal(const uint8_t *data, Py_ssize_t size, Py_ssize_t offset) noexcept nogil:
    """Index just behind the first start code (00 00 01) at or after `offset`; -1 without one.

    memchr for the 01 is the fastest portable scan: libc has it in AVX2 and NEON, and coded video has few of them.
    """
    cdef Py_ssize_t at = offset + 2
    cdef const uint8_t *hit
    while at < size:
        hit = <const uint8_t *>memchr(data + at, 1, size - at)
        if hit == NULL:
            return -1
        at = hit - data
        if data[at - 1] == 0 and data[at - 2] == 0:
            return at + 1
        at += 1
    return -1


cdef Py_ssize_t nal_end(const uint8_t *data, Py_ssize_t size, Py_ssize_t start, Py_ssize_t following) noexcept nogil:
    """Where the NAL unit that begins at `start` ends: before the next start code and its leading zeros."""
    cdef Py_ssize_t end = size if following < 0 else following - 3
    while end > start and data[end - 1] == 0:
        end -= 1
    return end


def nal_starts(data, Py_ssize_t offset=0):
    cdef Py_buffer view
    cdef Py_ssize_t at
    starts = []
    if offset < 0:
        raise ValueError(f"offset {offset} is negative")
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        at = next_nal(<const uint8_t *>view.buf, view.len, offset)
        while at >= 0:
            starts.append(at)
            at = next_nal(<const uint8_t *>view.buf, view.len, at)
    finally:
        PyBuffer_Release(&view)
    return starts


def split(data):
    cdef Py_buffer view
    cdef Py_ssize_t start, end, following
    cdef const uint8_t *bytes_
    units = []
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        bytes_ = <const uint8_t *>view.buf
        start = next_nal(bytes_, view.len, 0)
        while start >= 0:
            following = next_nal(bytes_, view.len, start)
            end = nal_end(bytes_, view.len, start, following)
            if end > start:
                units.append((start, end - start))
            start = following
    finally:
        PyBuffer_Release(&view)
    return units

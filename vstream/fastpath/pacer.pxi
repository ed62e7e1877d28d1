# Pace: wait until a train is due.

cdef enum:
    NAP_LIMIT_US = 100_000  # a wait is cut, so that whoever is told to stop does so soon


cdef class Pacer:
    cdef uint32_t ends
    cdef int64_t lag_limit_us

    def __cinit__(self, *, int64_t lag_limit_us):
        self.lag_limit_us = lag_limit_us

    def stop(self):
        vs_retain(&self.ends)

    @property
    def stopped(self):
        return vs_read(&self.ends) != 0

    cdef bint wait(self, int64_t due_us) noexcept nogil:
        """Sleep until `due_us` (CLOCK_MONOTONIC); False where it is to stop."""
        cdef int64_t now_us = vs_now_us()
        while not vs_read(&self.ends):
            if now_us >= due_us:
                return True
            vs_sleep_until(min(due_us, now_us + NAP_LIMIT_US))
            now_us = vs_now_us()
        return False

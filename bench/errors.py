"""What stops a measurement."""


class BenchError(Exception):
    """Something a measurement needs is missing or broke; its text is the one line to read."""

"""Fixtures that tests of several parts share; what is imported here, every test run imports."""

import io
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import certificates
from tests.access_units import Trains
from tests.certificates import Pair
from vstream._fastpath import Fanout

# An example takes as long as the machine keeps it waiting; by default 200 ms are an error.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A certificate and its key, in files that no test changes."""
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trains() -> Trains:
    return Trains()


@pytest.fixture
def fanout() -> Fanout:
    return Fanout(gop_limit_bytes=1 << 24)


@pytest.fixture
def log_stream() -> Iterator[io.StringIO]:
    """For a test that has log lines written to it; the next test finds logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers = handlers
    root.setLevel(level)

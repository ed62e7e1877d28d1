"""For tests under emulation: slow is no fault there, and what a process takes is mostly the emulator's."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("emulated", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("emulated")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name == "test_channels_that_nobody_shares_cost_no_copy_of_what_is_kept":
            item.add_marker(pytest.mark.skip(reason="it counts this process's memory"))

"""For tests under emulation: what a process takes is mostly the emulator's there."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name == "test_channels_that_nobody_shares_cost_no_copy_of_what_is_kept":
            item.add_marker(pytest.mark.skip(reason="it counts this process's memory"))

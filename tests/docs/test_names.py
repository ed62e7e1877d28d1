"""The source files that the guides name are there: one that is renamed takes its name in the guides along."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("bench", "packaging", "tests", "vstream")
SOURCES = [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*"))]

_NAMED = re.compile(r"`((?:[a-z_0-9-]+/)*[a-z_0-9-]+\.(?:py|pyx|pxi|h|c))`")


@pytest.mark.parametrize("guide", ["architecture.md", "development.md", "packaging.md"])
def test_files_that_a_guide_names_exist(guide: str) -> None:
    named = _NAMED.findall((ROOT / "docs" / guide).read_text())
    assert named
    assert [name for name in named if not any(path.match(name) for path in SOURCES)] == []

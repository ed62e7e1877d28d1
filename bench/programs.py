"""The C programs of the bench, compiled when they are first needed."""

import hashlib
from pathlib import Path

from bench.cache import cache_dir, replacing, run_tool


def program(name: str) -> Path:
    """Give the path of the built program `name`, compiling bench/`name`.c where this very text of it never was.

    Raises:
        BenchError: there is no C compiler, or it refused the program.
    """
    source = Path(__file__).with_name(f"{name}.c")
    built = cache_dir() / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not built.exists():
        with replacing(built) as draft:
            run_tool(["cc", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", draft, source])
    return built

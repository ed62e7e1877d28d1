"""The C programs of the bench, compiled when they are first needed."""

from pathlib import Path

from bench.cache import cache_dir, replacing, run_tool


def program(name: str) -> Path:
    """Give the path of the built program `name`, compiling bench/`name`.c when it is newer.

    Raises:
        BenchError: there is no C compiler, or it refused the program.
    """
    source = Path(__file__).with_name(f"{name}.c")
    built = cache_dir() / name
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        with replacing(built) as draft:
            run_tool(["cc", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", draft, source])
    return built

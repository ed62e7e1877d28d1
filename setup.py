"""The Cython fast path; everything else about the package is in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

fastpath = Extension(
    "vstream._fastpath",
    ["vstream/_fastpath.pyx"],
    depends=sorted(str(room) for room in Path("vstream/fastpath").iterdir()),
    include_dirs=["vstream"],
    libraries=["dl"],
    extra_compile_args=os.environ.get("VSTREAM_CFLAGS", "-O3").split(),
    extra_link_args=os.environ.get("VSTREAM_LDFLAGS", "").split(),
)

setup(ext_modules=cythonize([fastpath], language_level=3, build_dir="build"))

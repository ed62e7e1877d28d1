"""Complete the list of components in the image: list-components.py PYTHON_COMPONENTS ROOT LIST.

PYTHON_COMPONENTS is what cyclonedx-py found in the environment that the program was frozen from. Its tools go out; in
come the libraries that are built here, the interpreter, and the system's packages whose files are in ROOT.
"""

import json
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SCHEMA = SchemaVersion.V1_6
PROGRAM_HOME = Path("usr/lib/vstream")
HERE = Path(__file__).parent
# x264_0.164.3108+git31e19f9.orig.tar.gz, ffmpeg-8.1.2.tar.xz
_VERSION = re.compile(r".*/\w+[-_](?P<version>[\w.+]+?)(\.orig)?\.tar\.\w+")


def tools() -> set[str]:
    """Name what only builds: the second half of constraints.txt, and pip."""
    _, _, lines = (HERE / "constraints.txt").read_text(encoding="utf-8").partition("# Tools\n")
    return {line.partition("==")[0] for line in lines.splitlines()} | {"pip"}


def without_tools(bom: Bom) -> Bom:
    names = tools()
    left_out = {component for component in bom.components if component.name.lower().replace("_", "-") in names}
    refs = {component.bom_ref for component in left_out}
    bom.components -= left_out
    bom.dependencies = [dependency for dependency in bom.dependencies if dependency.ref not in refs]
    for dependency in bom.dependencies:
        dependency.dependencies = [needed for needed in dependency.dependencies if needed.ref not in refs]
    return bom


def interpreter() -> Component:
    version = platform.python_version()
    return _library("python", version, PackageURL("generic", name="python", version=version))


def built_libraries() -> Iterator[Component]:
    """Give x264 and FFmpeg, whose sources library-sources.txt names."""
    for line in (HERE / "library-sources.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, sha256, address, *_ = line.split()
        found = _VERSION.fullmatch(address)
        if found is None:
            sys.exit(f"list-components: there is no version in {address}")
        component = _library(name, found["version"], PackageURL("generic", name=name, version=found["version"]))
        source = ExternalReference(
            type=ExternalReferenceType.SOURCE_DISTRIBUTION,
            url=XsUri(address),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
        )
        component.external_references.add(source)
        yield component


def system_paths(root: Path) -> Iterator[str]:
    """Give where the files in the image, and the libraries beside the program, may lie in this system."""
    libraries = Path("usr/lib", sysconfig.get_config_var("MULTIARCH") or "")
    for path in root.rglob("*"):
        if path.is_dir() or (path.name.startswith("libpython") and sys.base_prefix != "/usr"):
            continue
        inside = path.relative_to(root)
        if inside.is_relative_to(PROGRAM_HOME):
            inside = libraries / inside.name
        yield from (f"/{inside}", f"/{inside.relative_to('usr')}" if inside.is_relative_to("usr") else f"/{inside}")


def system_packages(root: Path) -> Iterator[Component]:
    """Ask dpkg which packages those files are from."""
    told = _dpkg_query("--search", *sorted(set(system_paths(root))))
    names = {name for line in told for name in line.partition(": ")[0].split(", ")}
    release = platform.freedesktop_os_release()
    for line in _dpkg_query("--show", "--showformat", "${Package} ${Version} ${Architecture}\\n", *sorted(names)):
        name, version, architecture = line.split()
        where = {"arch": architecture, "distro": f"{release['ID']}-{release.get('VERSION_ID', '')}"}
        yield _library(name, version, PackageURL("deb", release["ID"], name, version, where))


def _dpkg_query(*arguments: str) -> list[str]:
    # It ends with 1 where a path is no package's, as most candidates are.
    return subprocess.run(["dpkg-query", *arguments], capture_output=True, text=True, check=False).stdout.splitlines()


def _library(name: str, version: str, purl: PackageURL) -> Component:
    return Component(name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl))


def main(python_components: str, root: str, out: str) -> None:
    bom = without_tools(Bom.from_json(json.loads(Path(python_components).read_text(encoding="utf-8"))))
    for component in (interpreter(), *built_libraries(), *system_packages(Path(root))):
        bom.components.add(component)
    # By what is in it, for a random one would be all that differs between two builds.
    bom.serial_number = uuid5(NAMESPACE_URL, " ".join(sorted(str(component.purl) for component in bom.components)))
    text = make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=2)
    wrong = JsonStrictValidator(SCHEMA).validate_str(text)
    if wrong:
        sys.exit(f"list-components: {wrong}")
    Path(out).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

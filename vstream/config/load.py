"""Finds the settings in force: flag before environment before file before default. Reports all problems at once."""

import errno
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vstream.config.access import problems_with
from vstream.config.kinds import Text, shown
from vstream.config.settings import SETTINGS, Origin, Setting, Settings
from vstream.errors import ConfigError, H264Error

_LEVEL_FOLLOWS = {"stream_source", "stream_width", "stream_height", "stream_fps", "h264_profile", "h264_bitrate"}
_ACCESS = {"rtsp_auth", "rtsp_username", "rtsp_password", "rtsp_password_file", "rtsp_tls_cert", "rtsp_tls_key"}
_FILE_LIMIT_CHARACTERS = 1 << 20


class Loaded(NamedTuple):
    """Settings that may be used, what the operator should hear about them, and where to read them again."""

    settings: Settings
    warnings: list[str]
    flags: Mapping[str, str]
    config_file: Path | None


class _Layer(NamedTuple):
    origin: Origin
    place: str
    texts: Mapping[str, str]


def load_settings(
    flags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    config_file: Path | None = None,
) -> Loaded:
    """Read and check every setting.

    `flags` maps names of `Settings` to the text given for them. `environment` is the process's own by default; an
    empty variable counts as unset. `config_file` is TOML with one key a setting.

    Raises:
        ConfigError: something is wrong; it holds one line for each problem.
    """
    problems: list[str] = []
    environment = os.environ if environment is None else environment
    layers = [
        _Layer("flag", "the command line", flags or {}),
        _Layer("environment", "the environment", _from_environment(environment)),
    ]
    if config_file is not None:
        layers.append(_Layer("file", str(config_file), _from_file(config_file, problems)))
    settings, wrong = _parse(layers, problems)
    warnings = _unknown_variables(environment)
    if not wrong & _LEVEL_FOLLOWS:
        settings = _fit_level(settings, problems, warnings)
    if not wrong & _ACCESS:
        problems += problems_with(settings)
    if problems:
        raise ConfigError(problems)
    return Loaded(settings, warnings, flags or {}, config_file)


def _parse(layers: list[_Layer], problems: list[str]) -> tuple[Settings, set[str]]:
    """Take each setting from the first layer that has it; gives the settings and the names of those that are wrong."""
    values: dict[str, object] = {}
    origins: dict[str, Origin] = {}
    wrong = set()
    for setting in SETTINGS:
        layer = next((layer for layer in layers if setting.name in layer.texts), None)
        if layer is None:
            continue
        text = layer.texts[setting.name]
        try:
            values[setting.name] = setting.kind.parse(text)
            origins[setting.name] = layer.origin
        except ValueError:
            wrong.add(setting.name)
            problems.append(_refusal(setting, text, layer))
    return replace(Settings(origins=origins), **values), wrong  # type: ignore[arg-type]


def _refusal(setting: Setting, text: str, layer: _Layer) -> str:
    name = setting.flag if layer.origin == "flag" else setting.name if layer.origin == "file" else setting.environment
    unit = f" ({setting.unit})" if setting.unit not in {"", "port"} else ""
    given = "what was given" if setting.is_secret else repr(text)
    return f"{name} cannot be {given} (from {layer.place}): give {setting.kind.allowed}{unit}"


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    texts = ((setting, environment.get(setting.environment, "")) for setting in SETTINGS)
    return {setting.name: _bare(setting, text) for setting, text in texts if text.strip()}


def _bare(setting: Setting, text: str) -> str:
    """Without the blanks around it; in a password they may be meant."""
    return text if setting.is_secret else text.strip()


def _from_file(path: Path, problems: list[str]) -> dict[str, str]:
    import tomllib

    try:
        document = tomllib.loads(_content(path))
    except OSError as error:
        problems.append(f"--config {path} cannot be read: {error.strerror}; give a readable TOML file")
        return {}
    except ValueError as error:
        problems.append(f"--config {path} is no valid TOML: {error}")
        return {}
    except RecursionError:
        problems.append(f"--config {path} is no valid TOML: it is nested too deeply")
        return {}
    known = {setting.name: setting for setting in SETTINGS}
    texts = {}
    for key, value in document.items():
        if key not in known:
            problems.append(f"{key} in {path} is no setting{_nearest(key, set(known))}")
        elif isinstance(value, float) and isinstance(known[key].kind, Text):
            problems.append(f"{key} in {path} cannot be a float: put it in quotes")  # 1.10 would become 1.1
        elif isinstance(value, str | bool | int | float):
            texts[key] = _bare(known[key], shown(value))
        else:
            problems.append(f"{key} in {path} cannot be a {type(value).__name__}: give one value")
    return {key: text for key, text in texts.items() if text.strip()}


def _content(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:  # some editors begin a file with a byte order mark
        text = file.read(_FILE_LIMIT_CHARACTERS + 1)
    if len(text) > _FILE_LIMIT_CHARACTERS:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return text


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Warn of variables that begin as ours do and yet are none: most likely a slip of the pen."""
    known = {setting.environment for setting in SETTINGS}
    prefixes = tuple({name.split("_")[0] + "_" for name in known})
    strangers = sorted(name for name in environment if name.startswith(prefixes) and name not in known)
    return [f"{name} in the environment is no setting{_nearest(name, known)}" for name in strangers]


def _nearest(name: str, known: set[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else "; `vstream config` lists them all"


def _fit_level(settings: Settings, problems: list[str], warnings: list[str]) -> Settings:
    """Raise the H.264 level to the least that size, rate and bitrate need (ITU-T H.264 table A-1)."""
    if not settings.encodes:
        return settings
    from vstream.h264 import level_for, level_named

    width, height, fps = settings.stream_width, settings.stream_height, settings.stream_fps
    picture = f"{width}x{height} at {fps:g} frames/s and {settings.bitrate_bps} bits/s"
    try:
        needed = level_for(width, height, fps, settings.bitrate_bps, settings.h264_profile)
    except H264Error:
        problems.append(
            f"no H.264 level holds {picture}: lower STREAM_WIDTH, STREAM_HEIGHT, STREAM_FPS or H264_BITRATE"
        )
        return settings
    if needed.idc <= level_named(settings.h264_level).idc:
        return settings
    warnings.append(f"H264_LEVEL raised from {settings.h264_level} to {needed.name}, which {picture} needs")
    return replace(settings, h264_level=needed.name, origins={**settings.origins, "h264_level": "raised"})

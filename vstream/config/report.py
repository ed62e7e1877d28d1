"""Shows the settings in force, as a table for people and as JSON, and writes their documentation."""

from vstream.config.kinds import Automatic, Toggle, shown
from vstream.config.settings import SETTINGS, Setting, Settings

_HIDDEN = "(hidden)"
_INTRODUCTION = """\
# Configuration

Every setting can be given as a flag of `vstream serve` (but for a password), as an environment variable, and as a key
of a TOML file named with `--config FILE`. A flag wins over the environment, the environment over the file, the file
over the default. An empty environment variable counts as unset. `vstream config` takes the same flags and prints the
settings in force and where each came from (`--json` for scripts).

The key in the file is the variable's name in lower case, for example `stream_width = 1280`. A key that is no setting
is refused; an environment variable that merely begins like one (`STREAM_`, `RTSP_` and so on) is warned of. All
settings that are wrong are reported at once, one line each, and vstream ends with exit code 2.

On SIGHUP, or when the file named with `--config` changes, a running server reads all of them again. It takes on those
marked so, keeps its viewers, and names those that need a restart. Wrong settings change nothing.

`vstream config --markdown` writes this page from the code.

"""


def table(settings: Settings) -> str:
    """The settings in force as lines of text: variable, value, unit, where it came from."""
    rows = [("SETTING", "VALUE", "UNIT", "FROM")]
    for setting in SETTINGS:
        value = shown(_shown(settings, setting)) or '""'
        stands_for = _in_force(settings, setting)
        value += f" ({stands_for})" if value == "auto" and stands_for not in {"auto", None} else ""
        rows.append((setting.environment, value, setting.unit, settings.origins.get(setting.name, "default")))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def json(settings: Settings) -> str:
    """The settings in force as one JSON object: variable -> value (`auto` as what it stands for), unit, origin."""
    from json import dumps

    return dumps(as_mapping(settings), indent=2)


def as_mapping(settings: Settings) -> dict[str, dict[str, object]]:
    """The settings in force: variable -> value (`auto` as what it stands for, secrets hidden), unit, origin."""
    return {
        setting.environment: {
            "value": _shown(settings, setting) if setting.is_secret else _in_force(settings, setting),
            "unit": setting.unit,
            "origin": settings.origins.get(setting.name, "default"),
        }
        for setting in SETTINGS
    }


def markdown() -> str:
    """The documentation of every setting, a Markdown page."""
    return _INTRODUCTION + "\n".join(_section(setting) for setting in SETTINGS)


def _shown(settings: Settings, setting: Setting) -> object:
    """The value, or in place of a secret that there is one."""
    value: object = getattr(settings, setting.name)
    return _HIDDEN if setting.is_secret and value else value


def _in_force(settings: Settings, setting: Setting) -> object:
    value: object = getattr(settings, setting.name)
    return settings.bitrate_bps if setting.name == "h264_bitrate" else value


def _section(setting: Setting) -> str:
    flag = f"`{setting.flag}`, `--no-{setting.flag[2:]}`" if setting.toggles else f"`{setting.flag}`"
    flag = "none" if setting.is_secret else flag
    unit = f", in {setting.unit}" if setting.unit not in {"", "port"} else ""
    default = shown(setting.default)
    rows = [
        ("flag", flag),
        ("allowed", setting.kind.allowed + unit),
        ("default", f"`{default}`" if default else "empty"),
        ("on reload", "taken on" if setting.is_reloadable else "needs a restart"),
        ("example", f"`{setting.environment}={setting.example}`, `{setting.name} = {_in_toml(setting)}`"),
    ]
    lines = "\n".join(f"| {title} | {text} |" for title, text in rows)
    return f"## {setting.environment}\n\n{setting.help}\n\n| | |\n| --- | --- |\n{lines}\n"


def _in_toml(setting: Setting) -> str:
    bare = isinstance(setting.default, int | float) or isinstance(setting.kind, Toggle | Automatic)
    return setting.example if bare else f'"{setting.example}"'

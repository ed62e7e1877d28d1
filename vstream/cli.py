"""The commands; the flags of `vstream serve` and `vstream config` come from the table of settings."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from vstream.config import Loaded, load_settings
from vstream.config.settings import SETTINGS, Setting
from vstream.errors import ConfigError, VstreamError
from vstream.sources.worker_program import WORKER_COMMAND

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit code. A foreseen failure is one line on standard error."""
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except ConfigError as error:
        return _complain(error.problems, error.exit_code)
    except VstreamError as error:
        return _complain([str(error)], error.exit_code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        return _unforeseen(error)


def _run(words: list[str]) -> int:
    if words[:1] == [WORKER_COMMAND]:
        return _camera_worker(words[1])
    _application(words[0] if words else "")(args=words)
    return 0


def _camera_worker(argument: str) -> int:
    """The frozen program's way to become the camera's process; nobody types this."""
    from vstream.sources.camera_worker import main as work

    return work(argument)


def _complain(lines: list[str], exit_code: int) -> int:
    for line in lines:
        print(f"vstream: {line}", file=sys.stderr)
    return exit_code


def _unforeseen(error: Exception) -> int:
    import os

    if os.environ.get("LOG_LEVEL", "").lower() == "debug":
        import traceback

        traceback.print_exception(error)
    what = f"internal error: {type(error).__name__}: {error}"
    return _complain([f"{what}; LOG_LEVEL=debug in the environment shows where"], VstreamError.exit_code)


def _application(word: str) -> typer.Typer:
    """The commands, or the one that `word` names alone: each flag of each command costs time at the start."""
    application = typer.Typer(
        name="vstream",
        help="Streams a Raspberry Pi camera, a file, standard input or a test pattern over RTSP.",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    application.callback()(_global_options)
    commands = _commands()
    for name in [word] if word in commands else commands:
        help_text, make = commands[name]
        application.command(name, help=help_text)(make())
    return application


def _commands() -> dict[str, tuple[str, Callable[[], Callable[..., None]]]]:
    """Each command by its name: a line of help, and how to make it."""
    return {
        "serve": ("Serve the stream until SIGINT or SIGTERM.", lambda: _with_settings(_serve)),
        "config": (
            "Print the settings in force and where each came from.",
            lambda: _with_settings(
                _config,
                _switch("json", "Print JSON."),
                _switch("markdown", "Print the documentation of every setting."),
            ),
        ),
        "probe": (
            "Find out why there is no picture; exit code 0, 1 with warnings, 2 with failures.",
            lambda: _with_settings(
                _probe,
                _switch("json", "Print JSON."),
                _switch("manifest", "Print a kustomize overlay for this Raspberry Pi instead."),
                _file("snapshot", "FILE.jpg", "Save a picture."),
                _file("bundle", "FILE.tar.gz", "Collect the report with logs and settings, without secrets."),
            ),
        ),
        "status": ("Show a running server: health, source, viewers.", lambda: _status),
        "healthcheck": ("Ask a running server whether it is well; exit code 0 or 1.", lambda: _healthcheck),
    }


def _show_version(wanted: bool) -> None:
    if wanted:
        from vstream.version import describe

        print(describe())
        raise typer.Exit


_VERSION_OPTION = typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)


def _global_options(version: Annotated[bool, _VERSION_OPTION] = False) -> None:
    """Options that stand before the command; all of them act while they are read."""


def _serve(loaded: Loaded) -> int:
    from vstream import log
    from vstream.app import serve

    log.set_up(loaded.settings.log_level, loaded.settings.log_format)
    return serve(loaded)


def _config(loaded: Loaded, json: bool, markdown: bool) -> int:
    from vstream.config import report

    _complain([f"warning: {warning}" for warning in loaded.warnings], 0)
    if markdown:
        print(report.markdown(), end="")
    else:
        print(report.json(loaded.settings) if json else report.table(loaded.settings))
    return 0


def _probe(loaded: Loaded, json: bool, manifest: bool, snapshot: Path | None, bundle: Path | None) -> int:
    from vstream.probe import command

    _complain([f"warning: {warning}" for warning in loaded.warnings], 0)
    if manifest:
        return command.print_manifest(loaded.settings, json, snapshot, bundle)
    return command.probe(loaded.settings, json=json, snapshot=snapshot, bundle_file=bundle)


_URL_ARGUMENT = typer.Argument(metavar="URL", help="Where it answers; by METRICS_HOST and METRICS_PORT otherwise.")


def _status(
    url: Annotated[str, _URL_ARGUMENT] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON once, for scripts.")] = False,
) -> None:
    from json import dumps

    from vstream.http.client import fetch

    address = _address(url) + "/status"
    if as_json:
        print(dumps(fetch(address, "viewers")[1], indent=2))
        return
    from vstream.http.view import show

    show(lambda: fetch(address, "viewers")[1])


def _healthcheck(url: Annotated[str, _URL_ARGUMENT] = "") -> None:
    from vstream.http.client import fetch

    code, document = fetch(_address(url) + "/healthz", "ready")
    for name in ("live", "ready"):
        verdict = document.get(name)
        print(f"{name}: {verdict['reason'] if isinstance(verdict, dict) else 'unknown'}")
    raise typer.Exit(0 if code == 200 else 1)


def _address(url: str) -> str:
    from vstream.http.client import base_url

    return url.rstrip("/") or base_url(load_settings().settings)


def _with_settings(run: Callable[..., int], *more: inspect.Parameter) -> Callable[..., None]:
    """Make a command of `run`: a flag for each setting, `--config`, and the parameters in `more`."""

    def command(config: Path | None, **given: str | bool | None) -> None:
        others = {parameter.name: given.pop(parameter.name) for parameter in more}
        flags = {name: _as_text(value) for name, value in given.items() if value is not None}
        raise typer.Exit(run(load_settings(flags, config_file=config), **others))

    file_option = typer.Option("--config", metavar="FILE", help="TOML file with settings.")
    parameters = [_keyword("config", Annotated[Path | None, file_option], None)]
    parameters += [_flag(setting) for setting in SETTINGS if not setting.is_secret]
    parameters += more
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _as_text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value.strip()


def _flag(setting: Setting) -> inspect.Parameter:
    if setting.toggles:
        option = typer.Option(f"{setting.flag}/--no-{setting.flag[2:]}", help=_help(setting), show_default=False)
        return _keyword(setting.name, Annotated[bool | None, option], None)
    option = typer.Option(setting.flag, help=_help(setting), metavar=_metavar(setting))
    return _keyword(setting.name, Annotated[str | None, option], None)


def _help(setting: Setting) -> str:
    from vstream.config.kinds import shown

    return f"{setting.help.replace('`', '')} [{setting.environment}; default: {shown(setting.default) or 'empty'}]"


def _metavar(setting: Setting) -> str:
    return (setting.unit or setting.flag.rpartition("-")[2]).upper()


def _switch(name: str, help_text: str) -> inspect.Parameter:
    return _keyword(name, Annotated[bool, typer.Option(f"--{name}", help=help_text)], False)


def _file(name: str, metavar: str, help_text: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", metavar=metavar, help=help_text)
    return _keyword(name, Annotated[Path | None, option], None)


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

"""Takes on settings that changed while the server runs, and says which of them need a restart."""

import logging
from dataclasses import replace
from pathlib import Path

from vstream import log as logs
from vstream.config import Loaded, Settings, load_settings
from vstream.config.kinds import shown
from vstream.config.settings import SETTINGS, Setting
from vstream.errors import ConfigError
from vstream.service import Service
from vstream.stamp import Stamp, stamp_of

LOOK_INTERVAL_S = 2.0

log = logging.getLogger(__name__)


class Reloader:
    """Reads the settings again, on the event loop's thread; viewers stay."""

    def __init__(self, loaded: Loaded, service: Service) -> None:
        self._loaded = loaded
        self._service = service
        self._loaded_stamp = self._looked_stamp = _stamp(loaded.config_file)

    def look(self) -> None:
        """Reload where the file of settings changed and was the same at two looks; one that is gone changes nothing.

        A file that is being written may read as settings that nobody meant, such as those without a password.
        """
        stamp, before = _stamp(self._loaded.config_file), self._looked_stamp
        self._looked_stamp = stamp
        if stamp is not None and stamp == before and stamp != self._loaded_stamp:
            self.reload()

    def reload(self) -> None:
        """Read flags, environment and file again and take on what can change; wrong settings change nothing."""
        self._loaded_stamp = _stamp(self._loaded.config_file)
        try:
            loaded = load_settings(self._loaded.flags, config_file=self._loaded.config_file)
        except ConfigError as error:
            for problem in error.problems:
                log.warning("Settings kept: %s", problem)
            return
        for warning in loaded.warnings:
            log.warning(warning)
        self._apply(loaded.settings)

    def _apply(self, wanted: Settings) -> None:
        old = self._service.settings
        changed = [setting for setting in SETTINGS if getattr(wanted, setting.name) != getattr(old, setting.name)]
        new = _with_reloadable(old, wanted)
        try:
            self._service.server.apply(new)
        except ValueError as error:  # the password file is another than it was a moment ago
            log.warning("Settings kept: %s", error)
            return
        new = self._steer_encoder(old, new)
        if (new.log_level, new.log_format) != (old.log_level, old.log_format):
            logs.set_up(new.log_level, new.log_format)
        self._service.settings = new
        taken = [setting for setting in changed if getattr(new, setting.name) != getattr(old, setting.name)]
        log.info("Settings reloaded: %s", ", ".join(_in_words(new, setting) for setting in taken) or "nothing changed")
        later = [setting.environment for setting in changed if not setting.is_reloadable]
        if later:
            log.warning("Settings that need a restart: %s", ", ".join(later))

    def _steer_encoder(self, old: Settings, new: Settings) -> Settings:
        """Ask the encoder for what changed; gives the settings in force, without what it cannot do."""
        source, stream = self._service.source, self._service.stream
        if new.bitrate_bps != old.bitrate_bps:
            if source.set_bitrate(new.bitrate_bps):
                stream.set_bitrate(new.bitrate_bps)
            else:
                log.warning("H264_BITRATE kept: the source %s cannot change it while it runs", source.name)
                new = replace(new, h264_bitrate=old.h264_bitrate)
        if new.keyframe_interval != old.keyframe_interval and not source.set_keyframe_interval(new.keyframe_interval):
            log.warning("KEYFRAME_INTERVAL kept: the source %s cannot change it while it runs", source.name)
            new = replace(new, keyframe_interval=old.keyframe_interval)
        return new


def _with_reloadable(old: Settings, wanted: Settings) -> Settings:
    """The settings in force with those of `wanted` that a running server can take on."""
    names = [setting.name for setting in SETTINGS if setting.is_reloadable]
    origins = dict(old.origins)
    for name in names:
        origins[name] = wanted.origins.get(name, "default")
    return replace(old, origins=origins, **{name: getattr(wanted, name) for name in names})


def _in_words(settings: Settings, setting: Setting) -> str:
    value = "(hidden)" if setting.is_secret else shown(getattr(settings, setting.name))
    return f"{setting.environment}={value}"


def _stamp(path: Path | None) -> Stamp | None:
    try:
        return stamp_of(path) if path is not None else None
    except OSError:
        return None

"""Who may read and write: the state folder and its files, secrets that settings name, the sockets."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.config.orders import orders_socket
from proxy.config.settings import Settings
from proxy.control.api.client import control_address
from proxy.doctor.aside import aside
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.scene import Scene
from proxy.link.unix_socket import PATH_BYTES_MAX

OWN_FILES: Final = (
    "groundwire.db",
    "groundwire.db-wal",
    "groundwire.db-shm",
    "enforcement.json",
    "prompt.key",
    "context.key",
)
SECRETS: Final = ("prompt.key", "context.key")


@dataclass(frozen=True, slots=True)
class Entry:
    """What the system says of a path. `mode`: permission bits; `mine`: owned by this user; `readable`: by this user."""

    path: Path
    mode: int
    mine: bool
    readable: bool
    writable: bool
    folder: bool = False


async def look(scene: Scene) -> Sequence[Finding]:
    """`stat` alone: nothing is opened."""
    return await aside(lambda: list(_all(scene.settings, scene.contained)))


def _all(settings: Settings, contained: bool) -> Iterator[Finding]:
    yield from judge_folder(entry(Path(settings.state_dir)), _parent(Path(settings.state_dir)), contained)
    for name in OWN_FILES:
        if (found := entry(Path(settings.state_dir) / name)) is not None:
            yield from judge_own(found, secret=name in SECRETS)
    for key, file in secrets_of(settings):
        yield judge_secret(key, file, entry(Path(file)), contained)
    for key, path in sockets_of(settings):
        yield from judge_socket(key, path, _parent(path))


def secrets_of(settings: Settings) -> list[tuple[str, str]]:
    """(setting, file) of every file that holds a secret. Pure."""
    listen, store = settings.listen, settings.store
    found = [
        ("listen.control_token_file", listen.control_token_file),
        ("listen.tls_key_file", listen.tls_key_file),
        ("store.password_file", store.password_file),
        ("store.tls_key_file", store.tls_key_file),
        ("store.prompt_key_file", store.prompt_key_file),
    ]
    found += [(f"upstreams.{name}.auth.value_file", one.auth.value_file) for name, one in settings.upstreams.items()]
    found += [(f"classifiers.remote ({one.name}).key_file", one.key_file) for one in settings.classifiers.remote]
    return [(key, file) for key, file in found if file]


def sockets_of(settings: Settings) -> list[tuple[str, Path]]:
    """(setting, path) of every Unix socket. Pure."""
    link = Path(settings.link.socket) if settings.link.socket else Path(settings.state_dir) / "link.sock"
    control = control_address(settings).path
    found = [("link.socket", link), ("link.socket", orders_socket(settings))]
    return [*found, ("listen.control", Path(control))] if control else found


def judge_folder(folder: Entry | None, parent: Entry | None, contained: bool) -> Iterator[Finding]:
    """The state folder, or the one that it would be made in. Pure."""
    where = "state_dir"
    if folder is None:
        if parent is not None and parent.writable:
            yield note(f"the state folder is not there yet; a start makes it in {parent.path}", where)
        else:
            at = parent.path if parent else "/"
            yield fail(f"the state folder is not there, and this user may not make it in {at}", where, _MEND_FOLDER)
        return
    if not folder.folder:
        yield fail(f"{folder.path} is no folder", where, _MEND_FOLDER)
    elif not folder.writable:
        yield fail(f"this user may not write to {folder.path}", where, _MEND_FOLDER)
    elif folder.mode & stat.S_IWOTH and not folder.mode & stat.S_ISVTX and not contained:
        text = f"everybody may write to {folder.path} (mode {folder.mode:04o})"
        yield warn(text, where, f"chmod 700 {folder.path}")
    elif not folder.mine and not contained:
        yield note(f"{folder.path} belongs to another user, and this one may write to it", where)
    else:
        yield ok(f"{folder.path} can be written (mode {folder.mode:04o})", where)


_MEND_FOLDER: Final = (
    "make a folder that this user may write to, and name it in state_dir (in a container: mount a volume)"
)


def judge_own(found: Entry, *, secret: bool) -> Iterator[Finding]:
    """A file that Groundwire wrote itself. Pure."""
    if not found.readable or not found.writable:
        mend = "run it as the user that started Groundwire before, or give the file to this one (chown)"
        yield fail(f"this user may not read and write {found.path.name}", str(found.path), mend)
    if found.mode & 0o077:
        what = "try out which prompts were asked" if secret else "read what is kept"
        text = f"{found.path.name} has mode {found.mode:04o}: others on this machine can {what}"
        yield warn(text, str(found.path), f"chmod 600 {found.path}")


def judge_secret(key: str, file: str, found: Entry | None, contained: bool) -> Finding:
    """A file of yours that holds a secret. In a pod there are no others who could read it. Pure."""
    if found is None:
        return fail(f"{file} is not there", key, f"write the secret there, or correct {key}")
    if not found.readable:
        return fail(f"this user may not read {file}", key, "give this user the right to read it")
    if found.mode & stat.S_IROTH and not contained:
        return warn(f"everybody on this machine may read {file} (mode {found.mode:04o})", key, f"chmod 600 {file}")
    return ok(f"{file} can be read", key)


def judge_socket(key: str, path: Path, parent: Entry | None) -> Iterator[Finding]:
    """Where a socket is made at start. Pure."""
    if len(bytes(path)) > PATH_BYTES_MAX:
        mend = f"name a shorter path in {key}, for example /run/groundwire/{path.name}"
        yield fail(f"the socket's path has {len(bytes(path))} bytes, {PATH_BYTES_MAX} are possible", key, mend)
    if parent is not None and parent.path == path.parent and not parent.writable:
        text = f"this user may not make the socket {path.name} in {parent.path}"
        yield fail(text, key, f"let this user write to {parent.path}, or name another place in {key}")


def entry(path: Path, access: Callable[[Path, int], bool] = os.access) -> Entry | None:
    """What the system says of a path, None where it is not there or cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    folder = stat.S_ISDIR(found.st_mode)
    enter = os.X_OK if folder else 0
    return Entry(
        path,
        stat.S_IMODE(found.st_mode),
        found.st_uid == os.geteuid(),
        access(path, os.R_OK | enter),
        access(path, os.W_OK | enter),
        folder,
    )


def _parent(path: Path) -> Entry | None:
    """The nearest folder above a path that is there."""
    return next((found for above in path.absolute().parents if (found := entry(above)) is not None), None)

"""Keys of hashes that rotate, so that who comes by a key later cannot try out what was asked before.

prompts           a key for each span of `rotate_s`; in the duplicate memory after a change both keys are looked at, so
                  that a prompt counts once across it
systems, tools    one key that stays: fingerprints of system prompts and tools stand in baselines, which are compared
and users         for months, and a user must stay in one shard. Nobody's hash of either kind is in a metric.

`OwnKeys` are of this machine: random, each in the place of the last, which is gone for good. `SharedKeys` are made of
one secret that all replicas have, since prompts are de-duplicated over the whole fleet only where all hash alike; its
old keys are gone when the secret is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from proxy.analysis.prompt_key import KEY_BYTES, prompt_hasher, read_or_make_key, write_key
from proxy.config.settings import Settings
from proxy.core.errors import ConfigError, Place, StateError
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

RETRY_S: Final = 60.0
STORED: Final = "prompt_key"  # in a shared store, where no file and no variable is named
BOTH: Final = "."  # between the two hashes of a prompt, for a while after a rotation

Hasher = Callable[[str], str]


class Pair(NamedTuple):
    """The key of now, and the one before it until the duplicate memory has passed; b"" afterwards, or if unknown."""

    now: bytes
    before: bytes = b""


class Keys(Protocol):
    """Where keys come from."""

    def prompts(self, now_s: float, memory_s: float) -> Pair:
        """Those of prompts."""
        ...

    def lasting(self) -> bytes:
        """That of what is compared for months."""
        ...


class OwnKeys:
    """Random keys in `folder`, readable by their owner only. Raises StateError."""

    def __init__(self, folder: Path, rotate_s: float) -> None:
        self._path, self._rotate_s = folder / "prompt.key", rotate_s
        self._lasting = read_or_make_key(folder / "context.key")
        self._key = read_or_make_key(self._path)
        self._since_s = self._path.stat().st_mtime
        self._before, self._failed_s = b"", float("-inf")

    def prompts(self, now_s: float, memory_s: float) -> Pair:
        """A new key once the one in the file is old enough. A clock that was set back changes nothing."""
        if now_s - self._since_s >= self._rotate_s and now_s - self._failed_s >= RETRY_S:
            self._rotate(now_s)
        return Pair(self._key, self._before if now_s - self._since_s < memory_s else b"")

    def _rotate(self, now_s: float) -> None:
        """A disk that takes no key leaves the old one in use: hashing does not wait for it."""
        new = secrets.token_bytes(KEY_BYTES)
        try:
            write_key(self._path, new)
        except StateError as wrong:
            self._failed_s = now_s
            log.error("prompt_key_not_rotated", error=str(wrong), then="the old one stays")  # noqa: TRY400
            return
        self._before, self._key, self._since_s = self._key, new, now_s
        log.info("prompt_key_rotated", every_s=self._rotate_s)

    def lasting(self) -> bytes:
        """The key of the second file."""
        return self._lasting


class SharedKeys:
    """Keys derived from a secret by the number of the span of time, so that replicas agree without talking."""

    def __init__(self, secret: bytes, rotate_s: float) -> None:
        self._secret, self._rotate_s = secret, rotate_s

    def prompts(self, now_s: float, memory_s: float) -> Pair:
        """That of this span, and of the one before while it has just begun."""
        span, into_s = divmod(now_s, self._rotate_s)
        before = self._derived(f"prompt/{span - 1:.0f}") if into_s < memory_s else b""
        return Pair(self._derived(f"prompt/{span:.0f}"), before)

    def lasting(self) -> bytes:
        """The same for as long as the secret is."""
        return self._derived("lasting")

    def _derived(self, name: str) -> bytes:
        return hmac.digest(self._secret, name.encode(), "sha256")


async def open_keys(settings: Settings, store: Store) -> Keys:
    """The keys that the settings ask for. Raises ConfigError, StateError."""
    kept = settings.store
    if kept.prompt_key_file or kept.prompt_key_env:
        secret = read_secret(kept.prompt_key_file, kept.prompt_key_env)
    elif kept.kind == "embedded":
        return OwnKeys(Path(settings.state_dir), kept.prompt_key_rotate_s)
    else:
        secret = await _stored(store)
    log.info("prompt_key_shared", fingerprint=fingerprint_of(secret))
    return SharedKeys(secret, kept.prompt_key_rotate_s)


async def _stored(store: Store) -> bytes:
    """The secret in the store; the first replica puts it there."""
    await store.swap(STORED, 0, secrets.token_bytes(KEY_BYTES))
    found = await store.load(STORED)
    if found is None or len(found[1]) != KEY_BYTES:
        raise StateError(f"{STORED} in the store is no key; name one with store.prompt_key_file")
    return found[1]


def prompt_hashes(keys: Keys, now: Callable[[], float], memory_s: Callable[[], float]) -> Hasher:
    """Prompt text to its hash under the key of now, or to NEW.OLD while both count: see `hashes_of`."""
    hashers: dict[bytes, Hasher] = {}

    def hasher(key: bytes) -> Hasher:
        if key not in hashers:
            while len(hashers) >= len(Pair._fields):
                del hashers[next(iter(hashers))]
            hashers[key] = prompt_hasher(key)
        return hashers[key]

    def prompt_hash(text: str) -> str:
        pair = keys.prompts(now(), memory_s())
        if not text or not pair.before:
            return hasher(pair.now)(text)
        return hasher(pair.now)(text) + BOTH + hasher(pair.before)(text)

    return prompt_hash


def hashes_of(mark: str) -> tuple[str, ...]:
    """The marks under which a prompt may be known, that of the newest key first; `mark` as `counting.mark` gives it."""
    head, both, old = mark.partition(BOTH)
    return (head, mark[: len(head) - len(old)] + old) if both else (mark,)


def read_secret(file: str, variable: str, environment: Mapping[str, str] | None = None) -> bytes:
    """The fleet's secret, from a file (32 bytes, or 64 hexadecimal digits) or an environment variable (the digits).

    Raises ConfigError.
    """
    if file:
        return _of_file(Path(file))
    text = (os.environ if environment is None else environment).get(variable, "").encode()
    return _plain(text, Place(f"environment variable {variable}", None, "store.prompt_key_env"))


def _of_file(path: Path) -> bytes:
    place = Place(str(path), None, "store.prompt_key_file")
    try:
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH):
            log.warning("prompt_key_readable_by_others", path=path, mend="chmod 600, or a defaultMode of 0440")
        return _plain(path.read_bytes(), place)
    except OSError as wrong:
        raise ConfigError([(place, f"cannot be read: {wrong.strerror}")]) from wrong


def _plain(data: bytes, place: Place) -> bytes:
    if len(data) == KEY_BYTES:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        text = (
            f"{KEY_BYTES} bytes or {2 * KEY_BYTES} hexadecimal digits are needed; make them with `openssl rand -hex 32`"
        )
        raise ConfigError([(place, text)])
    return key


def fingerprint_of(key: bytes) -> str:
    """Eight digits that tell two keys apart in a log line, and nothing about them."""
    return hmac.digest(key, b"fingerprint", hashlib.sha256).hex()[:8]

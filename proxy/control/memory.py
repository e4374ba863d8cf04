"""What the control plane keeps in the store: the routes, the guard, the checks of bases, the journal and the records.

routes             the names of all routes that were found and not forgotten
route/NAME         an Entry
guard              a Guard
check/BASE+JUDGE   a Checked
baseline/ASKING    a Progress
snapshot           the highest version that was published
shelf, version, watch: see `shelves`
sampling           the Loads of the replicas
judges             the AtHand of the replicas
policies           policies that were promoted (promotions)
shadow.POLICY/NAME a Shadow
record "decision"  evidence records      record "log"     who changed what
record "shadow"    those of shadows      record "policy"  texts of policies that were promoted
record "stand"     of each decision only what it left the route at, for `policy diff`
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from proxy.control import entry, guard
from proxy.control.baselines import progress as base_progress
from proxy.control.baselines.progress import Progress
from proxy.control.baselines.shelves import Shelves
from proxy.control.bases import arming
from proxy.control.bases.arming import Checked
from proxy.control.entry import Entry
from proxy.control.guard import Guard
from proxy.control.kept import Codec, Kept, json_codec
from proxy.control.policies import promotions, shadow_entry
from proxy.control.policies.promotions import Promotion, Promotions
from proxy.control.policies.shadow_entry import Shadow
from proxy.control.reconciling import reconciled
from proxy.control.sampling import Loads, loads_from_bytes, loads_to_bytes
from proxy.core.baselines.handover import AtHand, at_hand_from_json, at_hand_to_json
from proxy.core.decisions.record import Record, from_bytes, to_bytes
from proxy.core.decisions.severity import Severity
from proxy.core.enforcement import Step
from proxy.core.errors import StateError
from proxy.core.policies.diff import Stand, stand_of
from proxy.core.routes import Target
from proxy.stores.contract import Store

DECISION: Final = "decision"
SHADOW: Final = "shadow"
STAND: Final = "stand"
POLICY: Final = "policy"
LOG: Final = "log"
KINDS: Final = (DECISION, SHADOW, STAND, POLICY, LOG)  # of records: all of them are kept for the same time
STANDS_MAX: Final = 10_000  # newest decisions, over all routes and shadows, that a diff goes back to


class Memory:
    """Typed access to the store. Every method may raise StateError."""

    def __init__(self, store: Store) -> None:
        self.store = store
        store.resolve_by(reconciled)
        self.guard = Kept(store, "guard", json_codec(guard.from_json, guard.to_json, Guard()))
        self.loads: Kept[Loads] = Kept(store, "sampling", Codec(loads_from_bytes, loads_to_bytes, Loads()))
        self.at_hand = Kept(store, "judges", json_codec(at_hand_from_json, at_hand_to_json, AtHand()))
        self._names: Kept[tuple[str, ...]] = Kept(store, "routes", json_codec(_names_read, list, ()))
        self._version: Kept[int] = Kept(store, "snapshot", json_codec(int, int, 0))
        self.promotions: Kept[Promotions] = Kept(
            store, "policies", Codec(promotions.from_bytes, promotions.to_bytes, {})
        )
        self._entries: dict[str, Kept[Entry | None]] = {}
        self._shadows: dict[tuple[str, str], Kept[Shadow | None]] = {}
        self._checks: dict[tuple[Target, str], Kept[Checked | None]] = {}
        self._progress: dict[str, Kept[Progress]] = {}
        self.shelves = Shelves(store)

    async def names(self) -> tuple[str, ...]:
        """All routes that were found and not forgotten."""
        names = (await self._names.load())[1]
        for name in self._entries.keys() - set(names):
            one = self._entries[name].known
            if one is None or not one.shown:  # forgotten, by whom ever: its versions begin anew
                del self._entries[name]
        return names

    async def add_names(self, names: Sequence[str]) -> None:
        """Remember further routes."""
        await self._names.edit(lambda known: tuple(dict.fromkeys((*known, *names))))

    async def forget(self, name: str, may: Callable[[Entry], bool]) -> bool:
        """Forget a route and all that is kept of it alone, if it still may be."""
        version, one = await self.entry(name).load()
        if one is None or not may(one) or not await self.entry(name).drop(version):
            return False
        await self._names.edit(lambda known: tuple(other for other in known if other != name))
        self._entries.pop(name, None)
        await self.store.forget(name)
        await self.shelves.forget(name)
        await self._drop_unshared(one)
        return True

    async def _drop_unshared(self, gone: Entry) -> None:
        """What routes share goes with the last of them: the check of its base, and the asking of its baseline."""
        others = self.known_entries().values()
        base = gone.route.base
        if base is not None and all(one.route.base != base for one in others):
            for key in [key for key in self._checks if key[0] == base]:
                await self._drop(self._checks.pop(key))
        if gone.built_of and all(one.built_of != gone.built_of for one in others):
            await self._drop(self.progress(gone.built_of))
            self._progress.pop(gone.built_of, None)

    @staticmethod
    async def _drop(kept: Kept[Any]) -> None:
        version, _ = await kept.load()
        if version:
            await kept.drop(version)

    def entry(self, name: str) -> Kept[Entry | None]:
        """The entry of a route."""
        if name not in self._entries:
            codec: Codec[Entry | None] = Codec(entry.from_bytes, _entry_write, None)
            self._entries[name] = Kept(self.store, entry.key_of(name), codec)
        return self._entries[name]

    async def entries(self) -> dict[str, Entry]:
        """Every route's entry."""
        found = {name: (await self.entry(name).load())[1] for name in await self.names()}
        return {name: one for name, one in found.items() if one is not None}

    def known_entry(self, name: str) -> Entry | None:
        """A route's entry as it was read or written last."""
        kept = self._entries.get(name)
        return None if kept is None else kept.known

    def known_entries(self) -> dict[str, Entry]:
        """Every route's entry as it was read or written last."""
        found = {name: kept.known for name, kept in self._entries.items()}
        return {name: one for name, one in found.items() if one is not None}

    async def refresh(self) -> None:
        """Read anew what a look needs besides the entry of its route and the checks of bases: the guard, the loads."""
        await self.guard.load()
        await self.loads.load()
        await self.at_hand.load()

    def check(self, base: Target, judge: str) -> Kept[Checked | None]:
        """The last check of a base by the judge of this version."""
        if (base, judge) not in self._checks:
            codec: Codec[Checked | None] = Codec(arming.from_bytes, _check_write, None)
            self._checks[base, judge] = Kept(self.store, arming.key_of(base, judge), codec)
        return self._checks[base, judge]

    def checks(self, base: Target) -> list[Kept[Checked | None]]:
        """Those of a base that were looked for here, by any judge."""
        return [kept for (of, _), kept in self._checks.items() if of == base]

    def progress(self, asking: str) -> Kept[Progress]:
        """How far the asking of a base has come."""
        if asking not in self._progress:
            codec = Codec(base_progress.from_bytes, base_progress.to_bytes, Progress())
            self._progress[asking] = Kept(self.store, base_progress.PREFIX + asking, codec)
        return self._progress[asking]

    async def next_version(self, at_least: int) -> int:
        """A snapshot version higher than any before it."""
        return await self._version.edit(lambda last: max(last + 1, at_least))

    def shadow(self, policy: str, route: str) -> Kept[Shadow | None]:
        """What is kept of a shadow policy on a route."""
        if (route, policy) not in self._shadows:
            codec: Codec[Shadow | None] = Codec(shadow_entry.from_bytes, shadow_entry.to_bytes, None)
            self._shadows[route, policy] = Kept(self.store, shadow_entry.key_of(policy, route), codec)
        return self._shadows[route, policy]

    async def forget_shadows(self, route: str) -> None:
        """Forget what shadows know of a route."""
        for key in [key for key in self._shadows if key[0] == route]:
            await self._drop(self._shadows.pop(key))

    async def append_decision(self, record: Record, kind: str = DECISION) -> None:
        """Keep an evidence record, live or of a shadow, unless it is kept already; first what it left the route at."""
        if await self.store.record(kind, record.id) is None:
            policy = record.body["shadow"]["policy"] if kind == SHADOW else ""
            await self.note_stand(record.route, policy, stand_of(record))
            await self.append_once(kind, record.id, record.at_s, to_bytes(record))

    async def note_stand(self, route: str, policy: str, stand: Stand) -> None:
        """Keep what a policy says of a route from a moment on; "" is the live one."""
        plain = {"route": route, "policy": policy, "severity": stand.severity, "step": stand.step}
        key = stand.record_id or f"{stand.at_s:.6f}-{policy}-{route}"
        value = orjson.dumps({**plain, "at_s": stand.at_s, "record": stand.record_id})
        await self.append_once(STAND, key, stand.at_s, value)

    async def stands(self, route: str) -> dict[str, list[Stand]]:
        """What each policy said of a route, oldest first, as far as the newest STANDS_MAX decisions go back."""
        found: dict[str, list[Stand]] = {}
        for _, at_s, value in reversed(await self.store.records(STAND, STANDS_MAX)):
            one = orjson.loads(value)
            if one["route"] == route:
                said = Stand(at_s, Severity(one["severity"]), Step(one["step"]), one["record"])
                found.setdefault(one["policy"], []).append(said)
        return found

    async def append_once(self, kind: str, record_id: str, at_s: float, value: bytes) -> None:
        """Two replicas may append the same; one of them finds it there."""
        try:
            await self.store.append(kind, record_id, at_s, value)
        except StateError:
            if await self.store.record(kind, record_id) is None:
                raise

    async def decision(self, record_id: str) -> Record | None:
        """An evidence record by its id, live or of a shadow."""
        found = await self.store.record(DECISION, record_id) or await self.store.record(SHADOW, record_id)
        return None if found is None else from_bytes(found)

    async def keep_policy(self, scope: str, promotion: Promotion) -> None:
        """Keep the text of a policy that is promoted, with who and why."""
        value = promotions.to_bytes({scope: promotion})
        await self.append_once(POLICY, f"{promotion.at_s:.6f}-{secrets.token_hex(4)}", promotion.at_s, value)

    async def note(self, at_s: float, actor: str, action: str, route: str, reason: str) -> None:
        """Append to the journal: who changed what, and why."""
        line = {"at_s": at_s, "actor": actor, "action": action, "route": route, "reason": reason}
        await self.store.append(LOG, f"{at_s:.6f}-{secrets.token_hex(4)}", at_s, orjson.dumps(line))

    async def journal(self, limit: int) -> list[dict[str, Any]]:
        """The newest lines of the journal, newest first."""
        return [orjson.loads(line) for _, _, line in await self.store.records(LOG, limit)]


def _names_read(data: Any) -> tuple[str, ...]:
    return tuple(map(str, data))


def _entry_write(value: Entry | None) -> bytes:
    assert value is not None  # one is removed by `forget` only
    return entry.to_bytes(value)


def _check_write(value: Checked | None) -> bytes:
    assert value is not None
    return arming.to_bytes(value)

"""A state machine over mailboxes and a hub: any sequence of verbs, with a crash or an error at any step.

Alice and bob have their mailboxes on the hub; dave's is elsewhere, so his mail travels by outbox and flush. A
crash is an exception that no clean-up code catches and that breaks every further step, since a dead process
takes none. After each rule the files are checked.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.files.memory import MemoryFiles
from xw import clock, config, layout, outbox, post
from xw.actions import gc as sweeping
from xw.actions import sending
from xw.hub.contract import Outgoing, Parcel
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.instance import Instance
from xw.layout import INBOX, STATES
from xw.mailbox import Mailbox
from xw.message import decode
from xw.mirror.carrier import Direct
from xw.mirror.mirror import Mirror
from xw.post import Draft
from xw.words import State

OWNERS = ("alice", "bob")
_DAY = 86400.0
_LEVEL: dict[str, int] = {
    state: min(level, 2) for level, state in enumerate(STATES)
}  # done and failed are both the end

owners = st.sampled_from(OWNERS)
some = st.lists(owners, min_size=1, max_size=2, unique=True).map(tuple)
trouble = st.one_of(st.none(), st.tuples(st.sampled_from(["crash", "error"]), st.integers(1, 14)))
Trouble = tuple[str, int] | None
Held = dict[tuple[str, str], list[State]]
"""Of each (recipient, file name) the states that it is in."""
_decoded = functools.lru_cache(maxsize=4096)(decode)


class Crash(BaseException):
    """The process is dead."""


class Broken(RuleBasedStateMachine):
    """The rules are what programs and faults do, the invariants what `docs/guarantees.md` promises."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 1_795_239_012.0
        self._plan: Trouble = None
        self._steps = 0
        self._dead = False
        self.hub_files = MemoryFiles(lambda: self.seconds, self._fault)
        self.afar_files = MemoryFiles(lambda: self.seconds, self._fault)
        create_hub(self.hub_files, "test", "", group=False, links=True)
        self.hub = DirectoryHub(self.hub_files, "test")
        for name in (*OWNERS, "dave"):
            self.hub.register(name, {"name": name})
        self.dave = Mailbox(self.afar_files, "dave", mirror=True)
        self.from_afar = Mirror(self.dave, "test", lambda: self.hub)
        self.dave.make()
        self.promised: set[tuple[str, str]] = set()  # (recipient, file name), acknowledged
        self.claims: dict[tuple[str, str], int] = {}
        self.reached: dict[tuple[str, str], str] = {}
        self.outbox: set[tuple[str, str]] = set()
        self.swept: set[tuple[str, str]] = set()

    # What goes wrong

    def _fault(self, step: str, path: str) -> None:
        if self._plan is None:
            return
        self._steps += 1
        kind, number = self._plan
        if self._dead or (kind == "crash" and self._steps == number):
            self._dead = True
            raise Crash
        if self._steps == number:
            raise OSError(5, os.strerror(5), path)

    @contextmanager
    def _trouble(self, plan: Trouble) -> Iterator[None]:
        self._plan, self._steps, self._dead = plan, 0, False
        try:
            yield
        except Crash:
            pass
        except OSError as error:
            assert error.errno == 5  # noqa: PT017  # anything else was not asked for
        finally:
            self._plan, self._dead = None, False

    # What programs do

    def _now(self) -> int:
        self.seconds += 1.0
        return int(self.seconds * clock.SECOND)

    def _instance(self, owner: str) -> Instance:
        mailbox = self.hub.mailbox(owner)
        return Instance(mailbox, self.hub, Direct(mailbox, self.hub), config.NONE, "", self._now)

    def _send(self, mailbox: Mailbox, hub: Outgoing, to: tuple[str, ...]) -> None:
        sent = post.send(mailbox, hub, Draft("task", to, "hello"), self._now)
        assert set(sent.delivered) | set(sent.waiting) == set(to)
        self.promised |= {(name, sent.name) for name in to}

    @rule(sender=owners, to=some, plan=trouble)
    def send(self, sender: str, to: tuple[str, ...], plan: Trouble) -> None:
        with self._trouble(plan):
            self._send(self.hub.mailbox(sender), self.hub, to)

    @rule(to=some, plan=trouble)
    def send_from_afar(self, to: tuple[str, ...], plan: Trouble) -> None:
        """From a mirror mail waits for the next flush."""
        with self._trouble(plan):
            self._send(self.dave, self.from_afar, to)

    @rule(plan=trouble)
    def flush(self, plan: Trouble) -> None:
        with self._trouble(plan):
            assert not outbox.flush(self.dave, self.from_afar).returned

    @rule(owner=owners, plan=trouble)
    def claim(self, owner: str, plan: Trouble) -> None:
        mailbox = self.hub.mailbox(owner)
        with self._trouble(plan):
            for name in mailbox.pending()[:1]:
                if mailbox.start(name):
                    self.claims[owner, name] = self.claims.get((owner, name), 0) + 1

    @rule(
        owner=owners, name=st.integers(0, 5), state=st.sampled_from(["pending", "processing"]), plan=trouble
    )
    def done(self, owner: str, name: int, state: State, plan: Trouble) -> None:
        mailbox = self.hub.mailbox(owner)
        with self._trouble(plan):
            for file in mailbox.names(INBOX[state])[name : name + 1]:
                mailbox.settle(file)

    @rule(
        owner=owners, name=st.integers(0, 5), state=st.sampled_from(["pending", "processing"]), plan=trouble
    )
    def fail(self, owner: str, name: int, state: State, plan: Trouble) -> None:
        mailbox = self.hub.mailbox(owner)
        with self._trouble(plan):
            for file in mailbox.names(INBOX[state])[name : name + 1]:
                assert mailbox.fail(file, "failed", "of no use", state)

    @rule(owner=owners, name=st.integers(0, 5), plan=trouble)
    def retry(self, owner: str, name: int, plan: Trouble) -> None:
        mailbox = self.hub.mailbox(owner)
        for file in mailbox.names(INBOX["failed"])[name : name + 1]:
            with self._trouble(plan):
                sent = sending.retry(self._instance(owner), file)
                assert (
                    decode(sent.name, self._bytes(owner, sent.name)).fields["retry_of"]
                    == file.partition(".")[0]
                )
                self.promised.add((owner, sent.name))

    @precondition(lambda self: self.reached)
    @rule(name=st.integers(0, 50), plan=trouble)
    def redeliver(self, name: int, plan: Trouble) -> None:
        """Somebody's retry of a message that arrived long ago."""
        there = sorted(key for key in self.reached if key not in self.swept)
        for owner, file in there[name : name + 1]:
            with self._trouble(plan):
                taken = self.hub.mailbox(owner).accept(file, self._bytes(owner, file))
                assert not taken, f"double: {file} is delivered again to {owner}"

    @rule(owner=owners, plan=trouble)
    def gc(self, owner: str, plan: Trouble) -> None:
        old = {
            (owner, name)
            for state in ("done", "failed")
            for name in self.hub.mailbox(owner).names(INBOX[state])
            if self.hub_files.stat(f"{owner}/{INBOX[state]}/{name}").mtime < self.seconds - 30 * _DAY
        }
        if any(file in self.dave.outbox(to) for to, file in old):
            return  # it would come again: docs/guarantees.md, What is not promised
        with self._trouble(plan):
            sweeping.gc(self._instance(owner), 30)
        self.swept |= old

    @rule(days=st.sampled_from([0.5, 20.0, 40.0]))
    def time_passes(self, days: float) -> None:
        self.seconds += days * _DAY

    # What must hold

    def _bytes(self, owner: str, name: str) -> bytes:
        state = self.hub.mailbox(owner).state_of(name)
        assert state is not None
        return self._read(owner, state, name)

    def _read(self, owner: str, state: State, name: str) -> bytes:
        return self.hub_files.read(f"{owner}/{INBOX[state]}/{name}", layout.MESSAGE_LIMIT)

    def _is_from_dave(self, owner: str, name: str) -> bool:
        """Sent by him: a dead letter of his that its owner retries has his name and the owner's time."""
        return name.endswith(".dave.json") and not _decoded(name, self._bytes(owner, name)).fields.get(
            "retry_of"
        )

    def _held(self) -> Held:
        states: Held = {}
        for owner, state in itertools.product(OWNERS, STATES):
            for name in self.hub.mailbox(owner).names(INBOX[state]):
                states.setdefault((owner, name), []).append(state)
        return states

    @invariant()
    def all_promises(self) -> None:
        """Check all promises from one listing, which is most of a step's cost."""
        held = self._held()
        self.nothing_acknowledged_is_lost_and_nothing_is_double(held)
        self.nothing_goes_back({key: states[0] for key, states in held.items()})
        self.nothing_is_torn(held)
        self.a_claim_is_won_once()
        self.nothing_overtakes(held)

    def nothing_acknowledged_is_lost_and_nothing_is_double(self, held: Held) -> None:
        waiting = {(to, name) for to in self.dave.waiting_for() for name in self.dave.outbox(to)}
        for key in self.promised:
            assert key in held or key in waiting or key in self.swept, f"lost: {key}"
        for key, states in held.items():
            assert len(states) == 1, f"double: {key} in {states}"
        for key in self.outbox - waiting:
            assert key in held or key in self.swept, f"left the outbox for nowhere: {key}"
        self.outbox = waiting

    def nothing_goes_back(self, held: dict[tuple[str, str], str]) -> None:
        for key, state in self.reached.items():
            assert key in held or key in self.swept, f"gone: {key} was {state}"
            if key in held:
                assert _LEVEL[held[key]] >= _LEVEL[state], f"back: {key} from {state} to {held[key]}"
                assert held[key] == state or _LEVEL[state] < 2, f"changed at the end: {key}"
        assert not self.swept.intersection(held) or all(
            _LEVEL[held.get(key, "done")] == 2 for key in self.swept
        )
        self.reached |= held

    def nothing_is_torn(self, held: Held) -> None:
        for (owner, name), (state,) in held.items():
            assert owner in _decoded(name, self._read(owner, state, name)).to

    def a_claim_is_won_once(self) -> None:
        assert all(count == 1 for count in self.claims.values())

    def nothing_overtakes(self, held: Held) -> None:
        for to in self.dave.waiting_for():
            waiting = [name for name in self.dave.outbox(to) if (to, name) not in held]
            later = [name for name in self.dave.outbox(to) if (to, name) in held]
            arrived = [name for owner, name in held if owner == to and self._is_from_dave(owner, name)]
            ahead = [name for name in [*later, *arrived] if waiting and name > waiting[0]]
            assert not ahead, f"overtaken: {waiting[0]} by {ahead}, to {to}"

    def teardown(self) -> None:
        """Check that after all repairs, everything promised is at its recipient."""
        outbox.flush(self.dave, self.from_afar)
        held = self._held()
        assert all(key in held or key in self.swept for key in self.promised), "lost"
        assert not any(self.dave.outbox(to) for to in self.dave.waiting_for()), "left in the outbox"


_CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much]


def test_any_sequence_with_any_crash() -> None:
    """The promises hold after any sequence of actions with any crash."""
    run_state_machine_as_test(
        Broken,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=_CHECKS
        ),
    )


def _accept_blindly(mailbox: Mailbox, name: str, data: bytes, scratch: str | None = None) -> bool:
    mailbox.files.publish(data, scratch or mailbox.at(layout.SCRATCH), [mailbox.at(INBOX["pending"], name)])
    return True


def _deliver_after_removing(mirror: Mirror, parcels: Sequence[Parcel]) -> object:
    for parcel in parcels:
        mirror.files.remove(f"dave/{layout.OUTBOX}/{parcel.to}/{parcel.name}")
    outcomes = _travel(mirror, parcels)
    for parcel in parcels:  # for `flush` to remove
        folder = f"dave/{layout.OUTBOX}"
        mirror.files.publish(parcel.data, folder, [f"{folder}/{parcel.to}/{parcel.name}"])
    return outcomes


def _move_by_copy(files: MemoryFiles, source: str, target: str) -> None:
    data = files.read(source, layout.MESSAGE_LIMIT)
    files.publish(data, source.rpartition("/")[0], [target])
    files.remove(source)


def _deliver_what_can_be(hub: DirectoryHub, parcels: Sequence[Parcel]) -> object:
    return [outcome for parcel in parcels for outcome in _deliver(hub, [parcel])]


def _sweep_everything(instance: Instance, days: int, dry_run: bool = False) -> object:
    return _gc(instance, 0, dry_run)


_deliver, _travel, _gc = DirectoryHub.deliver, Mirror.deliver, sweeping.gc
BUGS: list[tuple[object, str, object]] = [
    (Mailbox, "accept", _accept_blindly),
    (Mirror, "deliver", _deliver_after_removing),
    (DirectoryHub, "deliver", _deliver_what_can_be),
    (MemoryFiles, "_move", _move_by_copy),
    (sweeping, "gc", _sweep_everything),
]


@pytest.mark.parametrize(
    ("place", "name", "bug"), BUGS, ids=[getattr(bug, "__name__", "") for *_, bug in BUGS]
)
def test_a_bug_is_found(place: object, name: str, bug: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bug put in, some sequence breaks a promise."""
    monkeypatch.setattr(place, name, bug)
    few = settings(
        max_examples=3000,  # it stops at the first that finds it
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=_CHECKS,
    )
    with pytest.raises(AssertionError, match=r"lost|double|back|gone|left|changed|overtaken"):
        run_state_machine_as_test(Broken, settings=few)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_thousands_of_sequences(record_property: Callable[[str, object], None]) -> None:
    """At full size: thousands of sequences, each of up to a hundred steps."""
    run_state_machine_as_test(
        Broken,
        settings=settings(
            max_examples=3000,
            stateful_step_count=100,
            derandomize=False,
            deadline=None,
            suppress_health_check=_CHECKS,
        ),
    )
    record_property("campaign", ("state machine", "all verbs", 3000, 0))

"""Run an agent program as an instance in the foreground, and its bridge beside it.

This process only watches: the program has the terminal (`job`), a bridge of kind `best` runs in a session of
its own with its output in a file (`beside`), and what both need lies in the run directory (`runs`), which
goes with them. Nobody types or prints into the program's terminal; its title alone shows what waits.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from shlex import join
from typing import NamedTuple

from xw import config, confined, delivery, layout, presence, processes, runs
from xw.actions import instructions, setup
from xw.actions.launching.beside import Beside
from xw.actions.launching.found import Found, find, pane_here, version_of, ways_in
from xw.actions.launching.job import Job
from xw.actions.launching.sessions import session_of
from xw.actions.launching.title import IDLE, SIGNS, Title, of_pane, unlabel
from xw.actions.supervising import PARENT, Signals
from xw.bridges.best import ASKS
from xw.bridges.chat import DIALOG
from xw.bridges.loop import Tell
from xw.bridges.profiles import NEVER, Profile
from xw.bridges.profiles import profile_of as look_of
from xw.config import Config
from xw.errors import Busy, NotFound, Refused, Unreachable, Usage, XwError, explain
from xw.instance import Instance, Options, hub_at, load_config, open_instance
from xw.layout import INBOX
from xw.programs import INSTRUCTIONS, INSTRUCTIONS_FILE, Arrangement, Run
from xw.runs import RunNote

XW = (sys.executable, "-P", "-m", "xw")  # -P: never import `xw` from the current directory
LOOK_S = 1.0
"""Time between two looks at the mail and the bridge, for the title."""

SOON_S = 2.0
"""A program that failed before this time could not start."""

_LAST_SYNC_S = 3.0
"""Longest time for a last sync with a hub elsewhere, before the person gets the terminal back."""

_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


class Place(NamedTuple):
    """Where a program runs: its tmux pane and the server's socket, or both empty, and its terminal."""

    pane: str = ""
    server: str = ""
    terminal: str = ""


def launch(
    options: Options, words: Sequence[str], tell: Tell, environ: Mapping[str, str] = os.environ
) -> int:
    """Run a program as the instance in `options` until it ends; return its exit code, 128 + n for a signal.

    The instance is made if it is missing. Raise NotFound without such a program, Refused if the name is a
    person's, a room's, or that of a program that was launched before and runs.
    """
    found = find(words, environ)
    check_name(options.name or "", f"xw launch NAME -- {join(words)}")
    instance = open_or_make(options, tell, environ)
    mailbox = instance.mailbox
    try:
        with mailbox.files.locked(mailbox.at(layout.LAUNCH_LOCK), timeout=1.0):
            for left in runs.stale(environ):
                unlabel(left)
                runs.clear(left)
            folder = runs.make(instance.name, environ)
            try:
                return _run(instance, found, folder, tell, environ)
            finally:
                runs.remove(folder)
    except Busy:
        raise Refused(why_taken(instance)) from None


def check_name(name: str, call: str) -> None:
    """Raise Usage for a name that no instance may have, with the `call` that has a name of it for NAME."""
    try:
        layout.check_name(name)
    except Usage as error:
        near = layout.name_from(name)
        if not layout.is_name(near) or near in layout.RESERVED:
            raise
        raise Usage(f"{error}; try `{call.replace('NAME', near, 1)}`") from None


def open_or_make(options: Options, tell: Tell, environ: Mapping[str, str] = os.environ) -> Instance:
    """Return the instance in `options`, made if it is missing. Raise Refused for a person or a room."""
    found = check(options, environ)
    name = options.name or ""
    if name in found.instances:
        with suppress(NotFound, Unreachable, Usage):  # `init` makes what is missing, or tells what it is
            return open_instance(options, environ)
    made = setup.init(options, name, {}, tell=tell, environ=environ)
    tell(
        f"made the mailbox of {name} on {made.instance.hub.url}" if made.new_mailbox else f"joined as {name}"
    )
    return made.instance


def check(options: Options, environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration in force. Raise Refused without `/proc`, for a person's or a room's name."""
    if not processes.are_shown():
        raise Refused(
            "xw launch needs /proc, that is Linux: start the program yourself, and `xw bridge` beside it"
        )
    name = layout.check_name(options.name or "")
    found = load_config(options, environ)
    kind = found.instances.get(name, {}).get("kind") or _kind(options, name, environ)
    if kind in ("human", "room"):
        what = "a person" if kind == "human" else "a room"
        raise Refused(f"{name} is {what}, and an agent program needs a name of its own: give another one")
    return found


def _kind(options: Options, name: str, environ: Mapping[str, str]) -> str:
    """Return the kind of the instance that the hub has under this name; empty if there is none to be seen."""
    try:
        found = load_config(options, environ)
        return hub_at(config.hub_url(options.hub, environ, found), found, name, environ).peer(name).kind
    except (XwError, OSError):
        return ""


def why_taken(instance: Instance) -> str:
    """Return the sentence that tells who runs an instance's program."""
    found = runs.of_mailbox(instance.mailbox)
    what = "another `xw launch` runs it"
    if found:
        folder, note = found
        number = runs.launcher(folder).partition("-")[0]
        what = (
            f"{note.command} runs as {instance.name}, on {note.terminal or 'no terminal'} (process {number})"
        )
        session = session_of(note)
        if session:
            what += f", in the tmux session {session.name} (`{session.call('attach')}` shows it)"
    return f"{what}: end it first, or launch under another name"


def _run(instance: Instance, found: Found, folder: str, tell: Tell, environ: Mapping[str, str]) -> int:
    place = Place(*pane_here(environ))
    run = _describe(instance, found, folder, place, environ)
    arranged = found.profile.arrange(run)
    ways, notes = ways_in(found, arranged, bool(place.pane), run.name)
    for sentence in (*notes, *arranged.notes):
        tell(sentence)
    own = _write_files(run, arranged, environ)
    note = _note(run, found, arranged, ways, place)
    # Nothing may fail between the program's start and the watch, which ends it in every case.
    title, beside = Title(note), _beside(instance, folder)
    # What is ignored here, as with `nohup`, the program ignores as well.
    passed_on = [number for number in _PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN]
    with Signals((*passed_on, signal.SIGCHLD)) as signals:
        started = time.monotonic()
        job = Job([*found.before, *arranged.argv], own, run.cwd)
        code = _watch(instance, job, folder, note, title, beside, signals)
        for line in beside[0].important:
            tell(f"its bridge: {line}")
        _tell_what_is_left(instance, tell)
    if code and time.monotonic() - started < SOON_S:
        tell(f"{found.command} ended at once, with exit code {code}")
    return code


def _write_files(run: Run, arranged: Arrangement, environ: Mapping[str, str]) -> dict[str, str]:
    """Write what the program needs into the run directory; return the program's environment."""
    runs.add(run.folder, {INSTRUCTIONS_FILE: run.instructions, **arranged.files})
    own = _environ(run, arranged, environ)
    confined.record(run.folder, own)
    return own


def _note(run: Run, found: Found, arranged: Arrangement, ways: tuple[str, ...], place: Place) -> RunNote:
    """Return the note of a run whose program has not started yet."""
    return RunNote(
        name=run.name,
        profile=found.profile.name,
        command=found.command,
        version=run.version,
        ways=ways,
        targets=dict(arranged.targets),
        options=dict(arranged.options) | ({} if look_of(found.command) else {"profile": "generic"}),
        pane=place.pane,
        server=place.server,
        terminal=place.terminal,
        hooks=arranged.hooks,
        title=of_pane(place.pane, place.server),
    )


def _beside(instance: Instance, folder: str) -> list[Beside]:
    """Return the processes beside a program: its bridge, and a sync for a hub elsewhere."""
    same = _as_same(instance)
    beside = [Beside(folder, runs.BRIDGE_LOG, [*XW, "bridge", "best", "--target", folder, *same])]
    if instance.carrier.mirror:
        argv = [*XW, "sync", "--watch", *same]
        beside.append(Beside(folder, runs.SYNC_LOG, argv, lambda: not _is_synced(instance)))
    return beside


def _watch(
    instance: Instance,
    job: Job,
    folder: str,
    note: RunNote,
    title: Title,
    beside: Sequence[Beside],
    signals: Signals,
) -> int:
    """Tend the program and the processes beside it until the program ends; return its exit code."""
    code: int | None = None
    try:
        runs.write(folder, note._replace(process=processes.mark(job.pid)))
        runs.point(instance.mailbox, folder)
        while (code := job.ended()) is None:
            for number in signals.take():
                job.signal(number)
            for process in beside:
                process.tend()
            _show_state(title, instance, note)
            signals.wait(LOOK_S)
    finally:
        if code is None:  # a bug here, or a full disk: the program would go on without its mail
            job.signal(signal.SIGHUP)
        title.close()
        job.close(code or 0)
        for process in beside:
            process.close()
        with suppress(XwError, OSError):  # the disk is full or the hub is gone: its presence expires
            runs.unpoint(instance.mailbox)
            presence.end(instance.mailbox)
            # The last answers and the end go to a hub elsewhere: the sync beside the program has ended.
            instance.carrier.refresh(_LAST_SYNC_S, mail=False)
    return code


def _is_synced(instance: Instance) -> bool:
    """Return True if a process syncs the mailbox."""
    try:
        return presence.runs(instance.mailbox, layout.WATCH_LOCK)
    except (XwError, OSError):
        return False


def _as_same(instance: Instance) -> list[str]:
    """Return the options with which another xw acts as the same instance."""
    path = instance.config.path
    return ["--as", instance.name, "--hub", instance.hub.url, *(["--config", path] if path else [])]


def _describe(instance: Instance, found: Found, folder: str, place: Place, environ: Mapping[str, str]) -> Run:
    own = _variables(instance, folder, environ)
    return Run(
        name=instance.name,
        environ=own,
        folder=folder,
        mail=instance.root,
        xw=XW,
        argv=found.argv,
        cwd=config.here(),
        instructions=instructions.prompt(instance, own),
        version=version_of(found),
        has_mcp=find_spec("mcp") is not None,
        pane=place.pane,
        push=delivery.effective(instance, own).value == "push" and not delivery.held(instance.mailbox),
    )


def _variables(instance: Instance, folder: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what tells xw in the program who it is, wherever it works, and that it is confined."""
    path = instance.config.path
    own = {
        "XW_NAME": instance.name,
        confined.VARIABLE: "1",
        "XW_RUN": folder,
        INSTRUCTIONS: os.path.join(folder, INSTRUCTIONS_FILE),
        **({"XW_CONFIG": os.path.abspath(path)} if path else {}),
        **({"XW_STATE": environ["XW_STATE"]} if environ.get("XW_STATE") else {}),
    }
    configured = instance.config.hub and config.own_hub(instance.config.hub, instance.config)
    if environ.get("XW_HUB") or configured != instance.hub.url:
        own["XW_HUB"] = instance.hub.url
    return own


def _environ(run: Run, arranged: Arrangement, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the program's environment."""
    kept = {name: value for name, value in environ.items() if name != PARENT}
    if not shutil.which("xw", path=environ.get("PATH")):
        kept["PATH"] = os.pathsep.join(filter(None, (environ.get("PATH", ""), _shim(run.folder))))
    return {**kept, **arranged.environ, **run.environ}


def _shim(folder: str) -> str:
    """Make a folder with a command `xw` that runs this xw; return its path."""
    made = f"{folder}/bin"
    os.mkdir(made, 0o700)
    with open(f"{made}/xw", "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec {join(XW)} "$@"\n')
    os.chmod(f"{made}/xw", 0o700)
    return made


def _show_state(title: Title, instance: Instance, note: RunNote) -> None:
    """Show name, state and number of pending messages: `alice ■ 2`."""
    try:
        waiting = len(instance.mailbox.names(INBOX["pending"]))
        seen = presence.read(instance.mailbox)
    except (XwError, OSError):
        return  # unavailable now: the bridge's log tells it
    state = "waits" if seen.bridge_state == "waits" else seen.status
    reason = f"{seen.waits_for} {seen.bridge_note}"
    if ASKS in reason or DIALOG in reason:
        state = "blocked"
    text = " ".join(filter(None, (note.name, SIGNS.get(state, IDLE), str(waiting or ""))))
    title.show(text, lambda: not _reads_title(look_of(note.command), seen.bridge))


def _reads_title(look: Profile | None, way: str) -> bool:
    """Return True if the bridge may read the program's state in the pane's title."""
    if look is None or way not in ("tmux", "best", ""):
        return False
    return any(pattern is not NEVER for pattern in (look.busy_title, look.ready_title, look.dialog_title))


def _tell_what_is_left(instance: Instance, tell: Tell) -> None:
    try:
        waiting = len(instance.mailbox.names(INBOX["pending"]))
        unfinished = len(instance.mailbox.names(INBOX["processing"]))
    except (XwError, OSError) as error:
        tell(str(explain(error)))
        return
    if waiting or unfinished:
        counts = [f"{waiting} pending"] if waiting else []
        counts += [f"{unfinished} unfinished"] if unfinished else []
        tell(f"{instance.name} has ended: {', '.join(counts)}; the next launch continues with its mail")

"""The command line's functions beside an Agent's verbs: they need no instance, make one, or serve one.

Each function imports what it needs: a face may import this module for `doctor` alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from xw import config, layout
from xw.actions.known import Known as Known  # what `known` returns, for the faces
from xw.agent import Agent, open_with
from xw.agent.policy import of_stranded
from xw.agent.values import Findings
from xw.errors import Usage
from xw.instance import Options, load_config

if TYPE_CHECKING:
    from xw.actions.bridging import Chats
    from xw.actions.hold import Held
    from xw.actions.installing import Plan as Plan
    from xw.actions.launching.found import Listed as Listed
    from xw.actions.launching.found import Programs
    from xw.actions.launching.panes import Order
    from xw.actions.launching.panes import Started as Started
    from xw.actions.unregistering import Left
    from xw.agent.policy import Report
    from xw.shapes import upkeep
    from xw.words import Moment

Tell = Callable[[str], None]
SCHEMAS = ("commands", "files")
"""The kinds of JSON Schemas."""


class Joined(NamedTuple):
    """The Agent of a new instance, and what `init` made for it.

    `there` are the other instances on a hub that it joined, `recorded` those that it wrote into a new
    xw.json; `alone` is True if there are none, `shares` if its xw.json has other instances, `remote` if the
    hub is on another host, `beside` if its hub is not the one in xw.json, `served` if each name needs a key
    that the hub's owner has let in.
    """

    agent: Agent
    new_hub: bool
    new_mailbox: bool
    there: tuple[str, ...]
    recorded: tuple[str, ...]
    alone: bool
    shares: bool
    remote: bool
    beside: bool = False
    served: bool = False

    def to_json(self) -> "upkeep.Made":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "name": self.agent.name,
            "hub": self.agent.hub,
            "config": self.agent.config,
            "new_hub": self.new_hub,
            "new_mailbox": self.new_mailbox,
            "there": list(self.there),
            "recorded": list(self.recorded),
        }


def init(
    options: Options,
    name: str | None,
    card: Mapping[str, object],
    group: str | None,
    tell: Tell,
    report: "Report",
    invite: str | None = None,
) -> Joined:
    """Make hub and mailbox if missing, and sync a mirror; see `actions.setup.init`."""
    from xw.actions import mirrors, setup

    made = setup.init(options, name, card, group, tell=tell, invite=invite)
    instance = made.instance
    agent = Agent(instance, options, report)
    agent._policy.refresh(peers=True)
    mirrors.note(instance)
    agent._policy.tell_of_stranded(instance.hub.url)
    alone = instance.hub.instances() == [instance.name]
    shares = len(instance.config.instances) > 1
    remote = instance.carrier.mirror is not None and config.is_remote(instance.hub.url)
    return Joined(
        agent,
        made.new_hub,
        made.new_mailbox,
        made.there,
        made.recorded,
        alone,
        shares,
        remote,
        made.beside,
        instance.hub.limits().one_owner,
    )


def open_to_sync(options: Options, report: "Report") -> Agent:
    """Return the Agent, even if this machine's mirror has only another URL of the hub."""
    from xw.actions.following import prepare

    prepare(options)
    return open_with(options, report)


def hold(options: Options, name: str | None, report: "Report") -> "Held":
    """Let no mail be shown to an instance by itself, by default the acting one; see `actions.hold`."""
    return _on_this_machine(options, name, report).hold()


def resume(options: Options, name: str | None, report: "Report") -> "Held":
    """Let mail be shown to an instance by itself again, by default the acting one."""
    return _on_this_machine(options, name, report).resume()


def _on_this_machine(options: Options, name: str | None, report: "Report") -> Agent:
    from xw.actions import hold

    return Agent(hold.opened(options, name), options, report)


def attachments_of(options: Options) -> str:
    """Return the folder with the attachments of the acting instance's mail."""
    from xw.instance import open_instance

    instance = open_instance(options)
    return f"{instance.root}/{instance.mailbox.at(layout.ATTACHMENTS)}"


def known(options: Options) -> Known:
    """Return the names and ids that the correction of a wrong call may use; never fails."""
    from xw.actions import known

    return known.known(options)


def unregister(options: Options, name: str, confirmed: bool) -> "Left":
    """Take an instance off the hub in use; see `actions.unregistering.unregister`."""
    from xw.actions import unregistering

    return unregistering.unregister(options, name, confirmed)


def may_show(agent: Agent) -> "Callable[[Moment], bool]":
    """Return a function that tells whether mail may be shown at a moment by itself; it follows xw.json."""
    from xw import delivery

    return partial(delivery.may_show, delivery.Followed(agent._instance))


def needs_group() -> Usage:
    """Return the error of `init --group` without a group."""
    from xw.actions.sharing import NEEDS_NAME

    return Usage(NEEDS_NAME)


def doctor(options: Options) -> Findings:
    """Return all findings, even if no Agent can be opened."""
    from xw.actions.doctor import doctor

    return Findings(doctor(options))


def watch_mirrors(options: Options, tell: Tell, report: "Report") -> None:
    """Keep the mirrors of an xw.json in sync until stopped; see `actions.keeping`."""
    from xw.actions import keeping

    for sentence in of_stranded(load_config(options), options.hub):
        report(sentence)
    keeping.watch_mirrors(options, tell)


def bridge(
    agent: Agent,
    kind: str | None,
    target: str | None,
    command: Sequence[str],
    settings: Sequence[str],
    notify: bool,
    tell: Tell,
) -> None:
    """Take an instance's mail through a chat until a signal, or the end of its `xw up`.

    The chat is `target`, or started by `command`; `settings` are words of the form `name=value`. `xw.json`
    supplies missing arguments.
    """
    import os

    from xw.actions import bridging, supervising
    from xw.bridges.serve import Stop

    if target and command:
        raise Usage(f"two targets: --target {target}, and {bridging.command_line(command)}: give one")
    chat = target or bridging.command_line(command)
    wanted = bridging.Wanted(kind, chat, bridging.options_of(settings), notify)
    plan = bridging.plan(agent._instance, wanted)
    if plan.kind == "best" and target:
        from xw.actions.launching import beside

        beside.attend(agent._instance, plan, target, tell)
        return
    up = supervising.orphaned(os.environ)
    stop = Stop(up)
    stop.on_signals()
    bridging.run(agent._instance, plan, stop, tell, patient=up is not None)


def chats(kind: str | None, settings: Sequence[str]) -> "Chats":
    """Return this machine's chats that a bridge can use; see `actions.bridging.chats`."""
    from xw.actions import bridging

    return bridging.chats(kind, bridging.options_of(settings))


def up(
    options: Options, names: Sequence[str], tell: Tell, as_json: bool = False, with_rooms: bool = True
) -> None:
    """Run the programs of `xw.json`, and its rooms, until stopped; with `as_json` they print JSON.

    Raise Usage if none can work as configured.
    """
    from xw.actions import planning, supervising

    plan = planning.Plan(options, names, tell, as_json, with_rooms)
    if not supervising.supervise(plan, tell):
        failed = ", ".join(program.name for program in plan.look(()))
        raise Usage(f"nothing to run: as configured, none of these can work: {failed}")


def install(program: str, user: bool, project: bool, removes: bool, write: bool) -> "Plan":
    """Return the changes of a program's settings; with `write`, write them. See `actions.installing`."""
    import os

    from xw.actions import installing

    planned = installing.plan(program, user, project, removes, os.environ)
    if write:
        installing.carry_out(planned)
    return planned


def programs() -> "Programs":
    """Return the agent programs that xw knows, and how mail would reach each here."""
    from xw.actions.launching import found

    return found.listed()


def each_program() -> Iterator["Listed"]:
    """Yield the same programs, each as soon as its version is known."""
    from xw.actions.launching import found

    return found.each_listed()


def launch(options: Options, words: Sequence[str], tell: Tell) -> int:
    """Run a program as an instance until it ends; return its exit code; see `actions.launching`."""
    from xw.actions.launching import foreground

    return foreground.launch(options, words, tell)


def launch_several(options: Options, words: Sequence[str], room: str, shown: bool, tell: Tell) -> "Started":
    """Start agents, given as `NAME=PROGRAM`, each in a tmux pane; see `actions.launching.panes.launch`."""
    from xw.actions.launching import panes

    return panes.launch(options, words, room, shown, tell)


def attach(started: "Started") -> bool:
    """Show the agents in this terminal until the person leaves them; return True if they go on."""
    from xw.actions.launching import window

    return window.attach(started.session, started.panes)


def take_order(folder: str) -> "Order | None":
    """Return what this tmux pane is to run; None if its `xw launch` ended."""
    from xw.actions.launching import panes

    return panes.take(folder)


def note_end(folder: str, code: int) -> None:
    """Leave the exit code of this tmux pane's program for the `xw launch` that opened the pane."""
    from xw.actions.launching import outcome

    outcome.note_end(folder, code)


def keep(words: str, tell: Tell, show: Tell) -> None:
    """Run what launched agents need until the last one ended; see `actions.launching.panes.keep`."""
    from xw.actions.launching import panes

    panes.keep(words, tell, show)


def schemas(kind: str) -> list[str]:
    """Return the names that have a JSON Schema of this kind, one of `SCHEMAS`."""
    from xw.actions import schema

    return schema.names(kind)


def schema(name: str) -> str:
    """Return the JSON Schema of a command's output or of a file of the format, as a text. NotFound."""
    from xw.actions import schema

    return schema.schema(name)

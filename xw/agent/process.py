"""What the command line does besides an Agent's verbs: make an instance, and serve one as a process."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from xw.actions import bridging, setup
from xw.actions.bridging import Wanted
from xw.actions.mirrors import note
from xw.agent import Agent
from xw.agent.policy import Report
from xw.bridges.serve import Stop
from xw.instance import Options


class Joined(NamedTuple):
    """The Agent of an instance that was made, and what `init` had to make for it.

    `there` are the others on a hub that it joins, `recorded` those of them that went into a new xw.json;
    `alone` says that there are none at all, `shares` that its xw.json has other instances.
    """

    agent: Agent
    new_hub: bool
    new_mailbox: bool
    there: tuple[str, ...]
    recorded: tuple[str, ...]
    alone: bool
    shares: bool


def init(
    options: Options,
    name: str | None,
    card: Mapping[str, object],
    group: str | None,
    tell: Callable[[str], None],
    report: Report,
) -> Joined:
    """Make hub and mailbox where they are missing, and sync a mirror; see `actions.setup.init`."""
    made = setup.init(options, name, card, group, tell=tell)
    instance = made.instance
    agent = Agent(instance, options, report)
    agent._policy.refresh(peers=True)
    note(instance)
    agent._policy.tell_of_stranded(instance.hub.url)
    alone = instance.hub.instances() == [instance.name]
    shares = len(instance.config.instances) > 1
    return Joined(agent, made.new_hub, made.new_mailbox, made.there, made.recorded, alone, shares)


def bridge(agent: Agent, wanted: Wanted, stop: Stop, tell: Callable[[str], None], patient: bool) -> None:
    """Take an instance's mail through a chat until `stop`; see `actions.bridging.run`."""
    instance = agent._instance
    bridging.run(instance, bridging.plan(instance, wanted), stop, tell, patient)

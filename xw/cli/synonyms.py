"""Other words for xw's commands, options and types, as people and models write them. Data for `mistakes`.

A word never stands for a command that removes, costs or spends more than what it says: `clean` is a dry run,
`rm` is `done`, `ack` is not `ask`.
"""

# Word → the command it stands for, or several: the first that this xw has. A command may bring options.
# `mail` and the like stand for `send` if words follow that name or contain something to send.
_COMMANDS = {
    "check": "inbox list ls pending unread new poll receive recv queue mailbox checks peek",
    "check --type task": "tasks todo todos jobs",
    "check --type question": "questions",
    "check --type reply": "replies answers",
    "check --type info": "infos",
    "check --failed": "failed dead deadletters dead-letters errors",
    "read": "show view open cat get print display less reads body",
    "read --thread": "thread conversation chain",
    "done": "ack acknowledge archive finish finished complete completed resolve resolved close handled mark "
    "delete rm remove del dismiss trash dones read-all seen",
    "send": "mail email message messages msg msgs tell write post dm compose sends deliver say inform text "
    "submit sendmail",
    "send --type task": "task assign delegate request job",
    "send --type question": "question",
    "send --type info": "info note fyi",
    "send --to all --type info": "broadcast announce everyone all shout",
    "reply": "answer respond response re replyto reply-to react",
    "ask": "query",
    "attach": "upload add-file attachment file",
    "log": "history transcript logs archive-list sent outgoing",
    "log --follow": "follow tail stream",
    "log --grep": "search find grep filter lookup",
    "trace": "track where locate whereis delivery receipt",
    "wait": "await block",
    "watch": "listen monitor subscribe-mail",
    "who": "whoami me name id identity self status config env outbox where-am-i",
    "peers": "agents users contacts members instances roster list-peers online team peer people names "
    "list-agents ps whois groups",
    "sync": "fetch pull push flush update refresh synchronize syncs resync",
    "init": "setup register new create signup install join-hub add",
    "prompt": "instructions system-prompt howto guide skill",
    "doctor": "health diagnose verify test checkup debug fix repair",
    "gc --dry-run": "clean cleanup prune purge clear expire",
    "retry": "resubmit",
    "up": "run serve daemon",
    "schema": "schemas",
    "room list": "rooms channels",
    "room say": "chat talk",
    "bridge --list": "bridges chats panes",
    "notify status": "progress working busy idle blocked",
    "notify handoff": "handoff handover hand-off pass",
    "notify compaction": "compaction compact compacted",
    "notify error": "error alert",
    "notify heartbeat": "heartbeat beat ping alive keepalive",
    "hub move": "move migrate",
    "help": "man usage docs commands ?",
    "--version": "version -v -V --v",
    "claim|read": "accept take start begin grab pick lock reserve",
    "release|check": "unclaim unlock giveup give-up abandon drop",
    "fail|reply": "reject refuse decline nack cannot cant unable deny bounce",
    "recall|trace": "withdraw unsend cancel revoke undo retract abort",
    "resend|retry": "send-again again",
    "unregister|doctor": "deregister remove-agent",
    "join|room join": "subscribe",
    "leave|room leave": "unsubscribe quit exit unjoin",
}
COMMANDS = {word: command for command, words in _COMMANDS.items() for word in words.split()}

# A group's other words → its subcommand.
SUBCOMMANDS = {
    "room": {
        "create": "new make open add-room init",
        "list": "ls all rooms",
        "show": "info status get view describe members",
        "say": "send post message msg tell write speak chat",
        "run": "start serve up",
        "join": "add invite enter",
        "leave": "remove kick quit exit part",
        "pause": "stop hold",
        "resume": "continue unpause restart reopen",
        "close": "end delete rm finish destroy",
        "set": "update config configure edit change",
    },
    "keys": {
        "list": "ls all known fingerprints status",
        "new": "rotate renew generate make create regenerate",
        "show": "print get public pub fingerprint",
        "export": "save backup dump copy",
        "import": "load add restore take",
    },
    "notify": {
        "status": "idle working blocked completed progress update busy-with",
        "handoff": "handover hand-off delegate",
        "compaction": "compact compacted context",
        "error": "failure problem failed alert",
        "heartbeat": "alive busy ping beat",
    },
    "hub": {
        "move": "mv migrate relocate",
        "new-id": "newid renew id",
        "invite": "add new",
        "members": "list ls who users keys member",
        "remove": "rm delete revoke kick expel",
        "rename": "",
        "admit": "allow permit",
        "serve": "server daemon",
    },
}

# The name of a parameter → other flags for it.
_OPTIONS = {
    "body": "--body --message --text --content --msg -m -b --question --answer --data --comment "
    "--description --desc --details",
    "to": "--recipient --recipients --dest --peer --agent --user --cc --bcc -t --receiver --for --target "
    "--name --with --member --group",
    "kind": "--type --kind -k -t --msg-type --message-type --category",
    "re": "--reply-to --in-reply-to --thread --ref --parent --references -r --id --replyto --message-id "
    "--reply",
    "attachments": "--attachment --attachments --files --attach-file -a --path",
    "file": "-f --body-file --from-file --input --input-file --stdin-file",
    "expires": "--expire --expiry --ttl --deadline --expires-in --until --valid",
    "token": "--id --message-id --msg-id --message -i --re --msg --ids --reply-to --thread",
    "tokens": "--id --message-id --msg-id --message -i --ids --msg",
    "sender": "--sender --by -s --author --peer --agent --with --for",
    "limit": "-n --count --max --last --num --top --head --tail -l --size",
    "everything": "-a --everything --full",
    "newest": "--latest --recent --reverse --new --desc",
    "failed": "--dead --errors --dead-letters",
    "thread": "-t --conversation --full --context --id",
    "peer": "--from --to --peer --sender --user --agent -p",
    "grep": "--search --filter --query -g --text --contains --match --pattern --find -e",
    "follow": "-f --watch -w --live --stream",
    "since": "--after --newer --from-date --start --last-hours",
    "form": "--output -o",
    "timeout": "--wait -t --seconds --max-wait -w --time --for --wait-seconds",
    "execute": "-e --command --cmd --run --on-message --do -c -x --hook",
    "watch": "-w --follow --loop --daemon -f --continuous",
    "describe": "--description --desc --role --about -d",
    "capabilities": "--capabilities --cap --caps --skill --skills --can",
    "days": "--older-than --age --older --keep -d",
    "dry_run": "-n --dry --noop --check",
    "progress": "--percent --percentage -p",
    "task": "--on --doing --current-task --what --message --title -m",
    "context": "--background --details --body --description --message --notes",
    "priority": "-p --prio --urgency",
    "summary": "--summary --text --message --body -m",
    "retained": "--kept --keep --item",
    "text": "--error --message --text --body -m --description",
    "assistance": "--needs-help --help-needed --assistance --help-wanted --needs-assist",
    "why": "--why --reason --because --message --text --body --error --comment -m -r",
    "which": "--name --agent --peer --instance --group --capability --capabilities --cap --skill --with",
    "groups": "--group --groups",
    "repair": "--resend --resend-all",
    "state": "--status --state -s",
    "name": "--room --name --instance -n --agent",
    "names": "--name --instance --agent",
    "members": "--member --with --agents --participants",
    "member": "--name --who --agent --user",
    "seed": "--topic --subject --prompt --title",
    "url": "--url --to --dest --hub-url",
    "target": "--pane --session --program --chat -t",
    "options": "-o --opt --set",
    "files": "--file --attach --attachment --files -f",
    "urgent": "-u --important --high --asap",
    "as_name": "--name --me --whoami --instance --identity --as-name",
    "as_json": "-j --jsonl --raw-json",
    "hub": "--url --server --host",
    "config": "-c --conf --config-file --cfg",
    "offline": "--no-network --no-sync --local",
}
ALIASES = {name: tuple(flags.split()) for name, flags in _OPTIONS.items()}

_SWITCHES = """
-q --quiet -v --verbose -y --yes --force --no-color --no-colour --plain --pretty --human --raw --unread
--pending --inbox --mark-read --mark-done --stdin --all --long --short --brief --list --fix --confirm
--urgent --wait --block --sync --await --broadcast --everyone -w --now --print --show --any -u --watch
--follow --no-wait --latest --newest --recent --last --high --important --asap --json --tail -i -l -d
--online --active --blocked --idle --busy --once
"""
SWITCHES = frozenset(_SWITCHES.split())
"""Flags that say nothing xw needs, or what `mistakes` reads itself: no value follows them."""

_TYPES = {
    "task": "tasks todo job work assignment request order",
    "question": "questions ask query q",
    "reply": "replies answer response ack re",
    "info": "infos message messages msg note notice fyi notification text mail update status information "
    "announcement comment chat letter",
}
TYPE_OF = {word: kind for kind, words in _TYPES.items() for word in (kind, *words.split())}

_NOISE = """
all new unread pending inbox mail mails message messages msg msgs list ls me my the for from on of to with id
read done as handled seen complete completed now please status show check latest recent and is
"""
NOISE = frozenset(_NOISE.split())
"""Words that say nothing in a call that lists or shows mail."""

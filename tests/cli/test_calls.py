"""Wrong calls as models make them: the error contains the call that works, and that call does.

Each row of `CALLS` is a wrong call and the call that its error must contain. The wrong call changes nothing,
exits with 2 or 3 and prints one line; the right one is run, in a shell's words, and must succeed. `{task}`
and the like are ids of mail in alice's mailbox.
"""

import os
import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw import layout
from xw.bridges import kinds
from xw.cli import app
from xw.cli.corrections import others

ENDLESS = ("watch", "log --follow", "sync --watch", "bridge", "up", "room run", "unregister")
"""Suggestions that begin so are parsed and not run: they end only by a signal, or want another word."""

CALLS = r"""
send bob "hi"                               | send --to bob info "hi"
send bob task "hi"                          | send --to bob task "hi"
send task bob "hi"                          | send --to bob task "hi"
send Task bob "hi there"                    | send --to bob task "hi there"
send message bob "hi"                       | send --to bob info "hi"
send --to bob "hi"                          | send --to bob info "hi"
send --to bob Task "hi"                     | send --to bob task "hi"
send --to bob message "hi"                  | send --to bob info "hi"
send --to bob task do this now              | send --to bob task "do this now"
send bob hello there bob                    | send --to bob info "hello there bob"
send bob, "hi"                              | send --to bob info "hi"
send @bob "hi"                              | send --to bob info "hi"
send to bob "hi"                            | send --to bob info "hi"
send Bob "hi"                               | send --to bob info "hi"
send bobb "hi"                              | send --to bob info "hi"
send bob,carol "hi"                         | send --to bob --to carol info "hi"
send --to bob carol info "hi"               | send --to bob --to carol info "hi"
send --to everyone info "hi"                | send --to all info "hi"
send --to Bob info "hi"                     | send --to bob info "hi"
send --to bobb info "hi"                    | send --to bob info "hi"
send --to bob --body "hi"                   | send --to bob info "hi"
send --to bob --message "hi"                | send --to bob info "hi"
send --to bob -m "hi"                       | send --to bob info "hi"
send --to bob --text "hi" --type task       | send --to bob task "hi"
send --to bob --type=task --body="hi you"   | send --to bob task "hi you"
send -t bob -m "hi"                         | send --to bob info "hi"
send --recipient bob info "hi"              | send --to bob info "hi"
send --to bob info --subject "S" "hi"       | send --to bob info "S: hi"
send --to bob task --thread {task} "hi"     | send --to bob task "hi" --re {task}
send --to bob info --reply-to {task} "hi"   | send --to bob info "hi" --re {task}
send --re {task} "hi"                       | reply {task} "hi"
send --to bob question "up?" --wait         | ask --to bob "up?"
send --to bob "up?" --timeout 0             | ask --to bob "up?" --timeout 0
send --to bob task "hi" --attachment a.txt  | send --to bob task "hi" --attach a.txt
send --to bob task "hi" --attach a.txt b.txt | send --to bob task "hi" --attach a.txt --attach b.txt
send bob a.txt                              | send --to bob info "a.txt"
send --to bob                               | send --to bob info "TEXT"
send "hi"                                   | send --to NAME info "hi"
send info "hi"                              | send --to NAME info "hi"
send --to bob info                          | send --to bob info "TEXT"
send --to bob "hi" task                     | send --to bob task "hi"
send --to bob -                             | send --to bob info -
send --from alice --to bob info "hi"        | send --to bob info "hi" --as alice
send to=bob type=task body=hi               | send --to bob task "hi"
send '{{"to": "bob", "type": "task", "body": "hi"}}' | send --to bob task "hi"
send --to bob info "hi" --expire 2h         | send --to bob info "hi" --expires 2h
send --to bob info "hi" --ttl 2hours        | send --to bob info "hi" --expires 2h
send --to bob info "hi" --cc carol          | send --to bob --to carol info "hi"
send --all info "hi"                        | send --to all info "hi"
send --to bob info hi -q                    | send --to bob info "hi"
send bob "say \"hi\" for $5"               | send --to bob info 'say "hi" for $5'
send reply "done"                           | reply {task} "done"
message bob "hi"                            | send --to bob info "hi"
msg bob "hi"                                | send --to bob info "hi"
tell bob "hi"                               | send --to bob info "hi"
mail bob "hi"                               | send --to bob info "hi"
write --to bob "hi"                         | send --to bob info "hi"
bob "hi"                                    | send --to bob info "hi"
task bob "do it"                            | send --to bob task "do it"
question bob "why?"                         | send --to bob question "why?"
info bob "hi"                               | send --to bob info "hi"
assign bob "do it"                          | send --to bob task "do it"
broadcast "hi"                              | send --to all info "hi"
sned --to bob info "hi"                     | send --to bob info "hi"
ask bob "up?" --timeout 0                   | ask --to bob "up?" --timeout 0
ask bob what is up                          | ask --to bob "what is up"
ask --to bob what is up                     | ask --to bob "what is up"
ask --to bob question "up?"                 | ask --to bob "up?"
ask bob                                     | ask --to bob "TEXT"
ask --to bob --wait 0 "up?"                 | ask --to bob "up?" --timeout 0
ask --to bob "up?" --timeout 0s             | ask --to bob "up?" --timeout 0
reply "text"                                | reply {task} "text"
reply some words                            | reply {task} "some words"
reply                                       | reply {task} "TEXT"
reply {task}                                | reply {task} "TEXT"
reply {task} two words                      | reply {task} "two words"
reply bob "text"                            | reply {task} "text"
reply --to bob "text"                       | reply {task} "text"
reply "text" {task}                         | reply {task} "text"
reply --id {task} "text"                    | reply {task} "text"
reply {task} --body "text"                  | reply {task} "text"
reply --re {task} --message "text"          | reply {task} "text"
reply {task} --attach a.txt b.txt           | reply {task} --attach a.txt --attach b.txt
answer {task} "text"                        | reply {task} "text"
respond {task} "text"                       | reply {task} "text"
inbox                                       | check
inbox list                                  | check
list                                        | check
ls                                          | check
mail                                        | check
messages                                    | check
unread                                      | check
list messages                               | check
tasks                                       | check --type task
check bob                                   | check --from bob
check 20                                    | check --limit 20
check -n 5                                  | check --limit 5
check --count=5                             | check --limit 5
check --limit 0                             | check --all
check inbox                                 | check
check tasks                                 | check --type task
check --type tasks                          | check --type task
check --sender bob                          | check --from bob
check all                                   | check --all
check {task}                                | read {task}
check --unread                              | check
check --failed-only                         | check --failed
check --wait 0                              | wait --timeout 0
chek                                        | check
show {task}                                 | read {task}
show                                        | check
view {task}                                 | read {task}
open --id {task}                            | read {task}
read                                        | check
read latest                                 | read {info}
read --id {task}                            | read {task}
read bob                                    | check --from bob
read {task} --full                          | read {task} --thread
cat {task}                                  | read {task}
thread {task}                               | read {task} --thread
ack {task}                                  | done {task}
archive {task}                              | done {task}
mark {task} done                            | done {task}
mark done {task}                            | done {task}
complete {task}                             | done {task}
rm {task}                                   | done {task}
delete {task}                               | done {task}
done --id {task}                            | done {task}
done                                        | check
done all                                    | done {task} {info}
done --all                                  | done {task} {info}
done {task},{info}                          | done {task} {info}
search job                                  | log --grep job
grep job                                    | log --grep job
history                                     | log
send -to bob "hi"                           | send --to bob info "hi"
send --to bob --task "do it"                | send --to bob task "do it"
send --to bob --description "hi"            | send --to bob info "hi"
notify --to bob "hi"                        | send --to bob info "hi"
notify task bob "x"                         | send --to bob task "x"
check --format=json                         | check --json
check --from bobb                           | check --from bob
join room tea                               | room join tea
log -f                                      | log --follow
log -n 20                                   | log | tail -n 20
log 20                                      | log | tail -n 20
log --limit 5                               | log | tail -n 5
log bob                                     | log --with bob
log --from bob                              | log --with bob
log {task}                                  | log --thread {task}
log --search job                            | log --grep job
log --since yesterday                       | log --since 2d
log --with bobb                             | log --with bob
sent                                        | log
trace                                       | trace {sent}
trace latest                                | trace {sent}
trace --id {sent}                           | trace {sent}
status {sent}                               | trace {sent}
track {sent}                                | trace {sent}
accept {task}                               | claim {task}
reject {task} "no time"                     | fail {task} "no time"
watch bob                                   | watch --from bob
wait bob --timeout 0                        | wait --from bob --timeout 0
withdraw {sent}                             | recall {sent}
unsend --id {sent}                          | recall {sent}
cancel latest                               | log
join tea                                    | room join tea
leave tea                                   | room leave tea
join builds,tests                           | join @builds @tests
deregister bob                              | unregister bob
attach a.txt {sent}                         | attach {sent} a.txt
attach --id {sent} --file a.txt             | attach {sent} a.txt
attach --to bob a.txt                       | send --to bob info "TEXT" --attach a.txt
retry                                       | check --failed
retry all                                   | check --failed
wait 0                                      | wait --timeout 0
wait --timeout 0s                           | wait --timeout 0
wait -t 0                                   | wait --timeout 0
wait {sent}                                 | wait --re {sent}
watch -e "echo"                             | watch --exec echo
listen                                      | watch
whoami                                      | who
status                                      | who
config                                      | who
peers list                                  | peers
list peers                                  | peers
agents                                      | peers
peer                                        | peers
users                                       | peers
sync now                                    | sync
push                                        | sync
sync -w                                     | sync --watch
prompt bob                                  | prompt --as bob
instructions                                | prompt
clean                                       | gc --dry-run
gc 7                                        | gc --days 7 --dry-run
health                                      | doctor
doctor --fix                                | doctor
init dora                                   | init --name dora
init --name Dora                            | init --name dora
init --name dora --role "tests"             | init --name dora --describe tests
init --name dora --type human               | init --name dora --kind human
register dora                               | init --name dora
status working                              | notify status working
working "the parser"                        | notify status working --task "the parser"
notify working                              | notify status working
notify blocked "the parser"                 | notify status blocked --task "the parser"
notify status working the parser            | notify status working --task "the parser"
notify status working 80%                   | notify status working --progress "80%"
notify status --status working              | notify status working
notify bob "hi"                             | send --to bob info "hi"
notify "hi"                                 | send --to all info "hi"
notify busy                                 | notify status working
notify handoff bob "the parser"             | notify handoff --to bob "the parser"
handoff bob "the parser"                    | notify handoff --to bob "the parser"
notify error disk full                      | notify error "disk full"
notify error --message "disk full"          | notify error "disk full"
notify heartbeat working                    | notify heartbeat busy
rooms                                       | room list
room                                        | room list
room ls                                     | room list
list rooms                                  | room list
room tea                                    | room show tea
room info tea                               | room show tea
room send tea "hi"                          | room say tea "hi"
room say "hi"                               | room say tea "hi"
room say tea two words                      | room say tea "two words"
room new pub --members bob                  | room create pub --members bob
room create pub bob carol                   | room create pub --members bob,carol
room create --name pub                      | room create pub
room join --room tea                        | room join tea
room add tea carol                          | room join tea --member carol
room kick tea bob                           | room leave tea --member bob
room stop tea                               | room pause tea
room log tea                                | log --room tea
hub                                         | who
hub show                                    | who
hub status                                  | doctor
bridge list                                 | bridge --list
bridge Codex to 4711                        | bridge codex --target 4711
man                                         | help
usage send                                  | help send
version                                     | --version
-v                                          | --version
--name bob check                            | check --as bob
check --as=bobb                             | check --as bob
check --output json                         | check --json
check -j                                    | check --json
xw check bob                                | check --from bob
claim {task}, {info}                        | claim {task}
lock {task}                                 | claim {task}
abandon {task}                              | release {task}
fail {task}                                 | fail {task} "WHY"
fail "no access"                            | fail {task} "no access"
fail {task} --reason "no access"            | fail {task} "no access"
fail {task} -m "no access"                  | fail {task} "no access"
fail {task} no access here                  | fail {task} "no access here"
fail {task} {info} "cannot"                 | fail {task} "cannot"
decline {task} --reason cannot              | fail {task} "cannot"
cannot {task} "no python"                   | fail {task} "no python"
nack {task}                                 | fail {task} "WHY"
reply {task} --fail "cannot"                | fail {task} "cannot"
done {task} --failed "cannot"               | fail {task} "cannot"
resend --all                                | sync --repair --dry-run
resend --to bob                             | sync --repair --dry-run
resend {sent} --force                       | resend --force {sent}
unregister bob carol --yes                  | unregister bob
unregister --as bob --yes                   | unregister bob
unregister me --yes                         | unregister alice
unregister dave --yes                       | peers
remove bob                                  | unregister bob
kick bob                                    | unregister bob
unjoin @builds                              | leave @builds
join --group builds                         | join @builds
join @Builds                                | join @builds
group join builds                           | join @builds
groups                                      | peers
room set tea turns=50                       | room set tea --turns 50
room set tea --turns=-5                     | room set tea --turns 5
room set tea --turns ++5                    | room set tea --turns +5
room set tea --limit 50                     | room set tea --turns 50
room set tea --policy random                | room set tea --policy round-robin
room set tea --moderator bobb               | room set tea --policy moderator --moderator bob
room set tea moderator bob                  | room set tea --policy moderator --moderator bob
room set tee --turns 50                     | room set tea --turns 50
room set tea --members carol                | room join tea --member carol
room set tea --topic "Coffee"               | room say tea "Coffee"
room set tea --answer 5m                    | room set tea --answer 300
room set tea --quiet never                  | room set tea --quiet 0
room set tea                                | room show tea
room update tea --turns 5                   | room set tea --turns 5
room moderator tea bob                      | room set tea --policy moderator --moderator bob
room persona tea bob "critic"               | room set tea --persona bob=critic
room resume tea --turns 20+                 | room resume tea --turns +20
room resume tea --turns plenty              | room resume tea --turns +20
room reopen tea                             | room resume tea
resume tea                                  | room resume tea
pause tea                                   | room pause tea
hold tea                                    | room pause tea
hold bobb                                   | hold bob
peers builds                                | peers @builds
peers --group builds                        | peers @builds
peers --capability builds                   | peers @builds
peers @buids                                | peers @builds
peers --name bob                            | peers bob
peers all                                   | peers --all
peers --online                              | peers
whois bob                                   | peers bob
who bob                                     | peers bob
watch -- echo hi                            | watch --exec "echo hi"
watch {sent}                                | wait --re {sent}
watch --exec                                | watch --exec 'xw read $XW_ID'
watch --timeout 5                           | wait --timeout 5
watch --type task,question                  | watch --type task
watch --from bob,carol                      | watch --from bob
watch --from bobb                           | watch --from bob
watch --from zed                            | watch
wait --from bobb --timeout 0                | wait --from bob --timeout 0
wait --reply {sent} --timeout 1             | wait --re {sent} --timeout 1
wait --for bob --timeout 1                  | wait --from bob --timeout 1
send --to builds info hi                    | send --to @builds info "hi"
send --to @buids info hi                    | send --to @builds info "hi"
send --any @builds info hi                  | send --to @builds info "hi" --any
send @builds "hi there"                     | send --to @builds info "hi there"
send --group builds info hi                 | send --to @builds info "hi"
send --to "bob and carol" info hi           | send --to bob --to carol info "hi"
ask @builds "who?" --timeout 0              | ask --to @builds "who?" --timeout 0
send --to bob --priority 9 task hi          | send --to bob task "hi" --urgent
send --to bob urgent "now"                  | send --to bob info "now" --urgent
notify status stuck                         | notify status blocked
notify status "blocked on review"           | notify status blocked --task "on review"
notify --status blocked                     | notify status blocked
notify help "the disk"                      | notify error "the disk" --needs-assistance
notify error "disk" --recoverable false     | notify error "disk"
notify error "disk" --needs-assistance=no   | notify error "disk"
notify compaction "short" --retained a b    | notify compaction "short" --retained a --retained b
"""
ROWS = [tuple(part.strip() for part in line.split(" | ", 1)) for line in CALLS.strip().splitlines()]


@pytest.fixture(scope="module")
def prepared(_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A checkout with a room, and mail in alice's mailbox: a task, then an info, one sent."""
    folder = tmp_path_factory.mktemp("calls") / "checkout"
    shutil.copytree(_model, folder)
    team = Team(folder)
    team.ok("room", "create", "tea", "--members", "alice,bob")
    team.ok("join", "@builds", by="bob")
    shorts = {
        "task": team.send("the job", by="bob", to="alice", kind="task"),
        "info": team.send("so you know", by="carol", to="alice"),
        "sent": team.send("my job", kind="task"),
    }
    team.ok("reply", shorts["sent"], "it is done", by="bob")
    for letter in team.box("alice").glob("inbox/pending/*.reply.*"):  # so that the info is the latest pending
        letter.rename(letter.parents[1] / "done" / letter.name)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)
    return folder, {name: layout.short_id(token) for name, token in shorts.items()}


@pytest.fixture(scope="module")
def offices(prepared: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> "_Offices":
    """The prepared checkout, copied again after each test that changed it."""
    return _Offices(prepared[0], tmp_path_factory)


class _Offices:
    def __init__(self, model: Path, places: pytest.TempPathFactory) -> None:
        self._model, self._places = model, places
        self._now: Team | None = None
        self.before: list[str] = []

    def give(self) -> Team:
        if self._now is None or _files(self._now) != self.before:
            folder = self._places.mktemp("office") / "checkout"
            shutil.copytree(self._model, folder)
            self._now = Team(folder)
            self.before = _files(self._now)
        return self._now


def _words(line: str) -> list[str]:
    return shlex.split(line)


def test_every_kind_of_bridge_is_known() -> None:
    """Corrections know the kinds that a person may name; `xw launch` alone uses `best`."""
    assert {*others._WITH_TARGET, *others._FINDING, *others._STARTED} == {*kinds.KINDS} - {"best"}
    assert others._FINDING == kinds.FINDING


@pytest.mark.parametrize(("wrong", "right"), ROWS, ids=[row[0] for row in ROWS])
def test_an_error_contains_the_call_that_works(
    wrong: str, right: str, offices: _Offices, prepared: tuple[Path, dict[str, str]]
) -> None:
    """Exit 2 or 3, one line with the call, nothing sent or moved; the call then succeeds."""
    ids = prepared[1]
    office = offices.give()
    refused = office.run(*_words(wrong.format(**ids)))
    assert (refused.code in (2, 3), refused.out, refused.err.count("\n")) == (True, "", 1), refused
    assert f"`xw {right.format(**ids)}`" in refused.err
    assert _files(office) == offices.before
    runs = _words(right.format(**ids).replace("NAME", "bob").partition(" | ")[0])
    if right.startswith(ENDLESS):
        assert app.run(runs, lambda command, values: 0) == 0
        return
    if runs[0] == "ask":  # nobody answers, but it was asked
        runs += [] if "--timeout" in runs else ["--timeout", "0"]
        assert office.run(*runs).code == 4 and len(_files(office)) > len(offices.before)
        return
    assert office.run(*runs, stdin=b"from standard input").code == 0


def _files(team: Team) -> list[str]:
    """Return every file of a checkout with its age: what a command that changed nothing leaves alike."""
    kept = [str(team.folder / "xw.json")]
    for folder, _, names in os.walk(team.hub):
        kept += [f"{folder}/{name}" for name in names if name.endswith(".json")]
    return sorted(f"{path} {os.stat(path).st_mtime_ns}" for path in kept)

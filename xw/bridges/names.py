"""Names of programs that a terminal may run, as data: shells, REPLs, wrappers, interpreters.

`command_lines.py` reads command lines by these sets; `profiles.py` has the agent programs. Names are in
lower case, without a version: `command_lines` also looks for `Python3.11` as `python`.
"""

from typing import NamedTuple


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHELLS = _names(
    """
    sh bash rbash dash zsh fish ksh ksh93 lksh mksh oksh loksh pdksh csh tcsh ash yash rc es ion elvish
    nu xonsh oil osh ysh murex pwsh powershell powershell_ise cmd login getty agetty busybox toybox rush
    git-shell bashsh mc nushell hush ngs scsh posh gash brush sash mrsh slsh hilbish tsh qshell psh esh
    eshell nsh osh-lite smash lash bish rksh rzsh krsh capsh aws-shell ansible-console
    """
)
"""Programs that run the text typed to them. xw types nothing there, whatever the options."""

REPLS = _names(
    """
    python pypy ipython ptpython ptipython bpython jupyter-console bqplot irb pry ripl erb node nodejs
    ts-node tsx deno bun qjs mujs rhino d8 spidermonkey lua luajit luau texlua ghci ghc cabal stack
    julia r rterm radian octave octave-cli scilab maxima gp sage matlab mathematica wolframscript
    wolfram math gap magma coq coqtop lean agda idris idris2 scala scala-cli sbt amm ammonite kotlinc
    kotlin jshell groovysh groovy jython beanshell clj clojure lein boot bb babashka erl iex swipl
    gprolog yap picat racket gracket guile scheme chicken csi chez petite mit-scheme gsi sbcl clisp ecl
    ccl abcl rlisp ocaml utop sml poly polyml mosml fsi dotnet csharp php psysh perl perlsh reply raku
    rakudo tclsh wish evcxr irust gore yaegi crystal nim inim forth gforth gnuplot janet fennel hy ruby
    pharo cling root zig dart forge-repl chisel anvil bc dc calc qalc units genius apcalc concalc wcalc
    psql pgcli usql mysql mysqlsh mariadb mycli sqlite sqlite3 litecli sqlcipher duckdb redis-cli iredis
    valkey-cli keydb-cli memcached-cli mongo mongosh cqlsh clickhouse clickhouse-client clickhouse-local
    influx sqlplus sqlcmd mssql-cli isql iusql osql bteq db2 hive beeline spark-shell spark-sql pyspark
    sparkr trino presto snowsql bq vsql gsql cockroach firebird fbsql monetdb mclient neo4j cypher-shell
    etcdctl kafkacat ksql tarantool tarantoolctl couchbase-cli cbq virtuoso isql-v exasol gdb gdbtui
    cgdb lldb pdb ipdb pudb rdb byebug jdb dlv radare radare2 r2 rizin rr windbg valgrind-gdb ftp sftp
    lftp ncftp tftp smbclient cadaver virsh nmcli bluetoothctl wpa_cli iwctl fdisk cfdisk gdisk sgdisk
    micropython rustpython graalpy graalpython mojo newlisp purs jconsole dyalog apl bqn uiua asy maple
    singular m2 hugs elixir wren surreal arangosh tinker rails hanami mix
    parted debugfs xfs_db zdb nslookup openssl ldapsh kadmin rndc msfconsole vtysh birdc ed ex xargs at
    batch beam.smp beam erlexec erlang swift gpg-connect-agent konch prolog expectk ipmitool visidata cint
    nbterm euporie-console jirb jruby bsh groovyconsole clj-kondo sqlline csi.exe
    """
)
"""Languages, databases, debuggers, consoles: they run the text typed to them as well."""

OTHERS = _names(
    """
    less more most pg man info pinfo zless zmore bat vi vim view nvim gvim vimdiff nano pico micro emacs
    emacsclient joe jed helix hx kak kakoune ne mcedit tilde mutt neomutt alpine pine elm aerc tin irssi
    weechat top htop btop atop bpytop glances nvtop iotop iftop nload watch tail head cat tee sort grep
    egrep fgrep rg ag ack awk gawk mawk sed tr cut wc ranger nnn lf yazi vifm tig lazygit lazydocker
    gitui k9s fzf sk peco dialog whiptail ncdu lynx w3m links elinks sleep read passwd chsh chfn visudo
    vipw ssh-keygen ssh-add gpg pinentry ping ping6 traceroute mtr tcpdump journalctl dmesg cmus ncmpcpp
    make ninja git
    """
)
"""Pagers, editors, monitors, tools: their keys are commands, and none of them talks to anybody."""

WRAPPERS = _names(
    """
    ssh slogin autossh sshpass mosh mosh-client et rsh rlogin telnet nc ncat netcat socat websocat
    picocom minicom cu tip screen-serial tsh wssh gcloud aws az heroku fly flyctl railway vagrant
    multipass limactl lima colima orb orbctl wsl adb docker com.docker.cli docker-compose podman
    podman-compose podman-remote nerdctl finch ctr crictl buildah kubectl k oc k3s microk8s minikube
    kind lxc incus lxc-attach lxc-console machinectl systemd-nspawn distrobox distrobox-enter toolbox
    toolbx flatpak flatpak-spawn snap devcontainer apptainer singularity udocker nomad script
    dbclient plink sshrc run0 wine wineconsole scriptreplay tmux screen byobu zellij dvtm abduco dtach
    mtm tmate ttyd gotty expect unbuffer rlwrap
    asciinema ttyrec termrec reptyr conspy qemu vm runc crun
    """
)
"""Programs that hide the program inside them, which may be a shell as well as an agent."""

LAUNCHERS = _names(
    """
    env nohup nice ionice chrt taskset setsid stdbuf time timeout gtimeout strace ltrace perf caffeinate
    systemd-inhibit systemd-run faketime libfaketime npm npx pnpm pnpx yarn bunx corepack volta fnm nvm
    uv uvx pipx poetry pipenv hatch pdm rye conda mamba micromamba mise rtx asdf direnv dotenv op
    doppler infisical chamber aws-vault teller envchain dbus-run-session xvfb-run gosu su-exec tini
    dumb-init catatonit setpriv prlimit sudo su doas pkexec runuser sg newgrp nsenter unshare chroot
    fakeroot fakechroot bwrap firejail proot nix nix-shell devbox flox guix cargo go bundle arch linux32
    linux64 numactl cgexec choom ssh-agent please
    """
)
"""Programs that run another program in the same terminal, where the system shows both."""


class Interpreter(NamedTuple):
    """The parts of an interpreter's command line that lead to its script."""

    values: frozenset[str] = frozenset()
    """Options that take the next word."""
    module: str = ""
    """The option whose value is the program that runs."""
    inline: frozenset[str] = frozenset()
    """Options whose value is the script itself."""
    repl: frozenset[str] = frozenset()
    """Options and words that make it talk to its terminal."""
    skipped: frozenset[str] = frozenset()
    """Words before the script."""
    titled: bool = False
    """True if its scripts may set their own title in place of their command line."""


_NODE = Interpreter(
    values=_names("-r --require --import --loader --experimental-loader -C --conditions --env-file --title"),
    inline=_names("-e --eval -p --print"),
    repl=_names("-i --interactive inspect repl debug"),
    skipped=_names("run x"),
    titled=True,
)

INTERPRETERS = {
    "python": Interpreter(_names("-W -X"), "-m", _names("-c"), _names("-i")),
    "node": _NODE,
    "bun": _NODE._replace(skipped=_names("run x exec")),
    "deno": _NODE._replace(values=_names("-c --config --import-map --cert --lock")),
    "ruby": Interpreter(_names("-I -r -C -E"), "", _names("-e")),
    "perl": Interpreter(_names("-I"), "", _names("-e -E"), _names("-d")),
    "php": Interpreter(_names("-c -d -z"), "", _names("-r -B -R -E"), _names("-a --interactive")),
    "lua": Interpreter(_names("-l"), "", _names("-e"), _names("-i")),
    "mono": Interpreter(),
    "rscript": Interpreter(inline=_names("-e")),
    "julia": Interpreter(_names("-L -J -C -t -p --project --threads"), "", _names("-e -E"), _names("-i")),
    "tclsh": Interpreter(_names("-encoding")),
}
INTERPRETERS |= {
    "pypy": INTERPRETERS["python"],
    "nodejs": _NODE,
    "tsx": _NODE,
    "ts-node": _NODE,
    "luajit": INTERPRETERS["lua"],
    "wish": INTERPRETERS["tclsh"],
    "raku": INTERPRETERS["perl"],
}

ALWAYS_SHELLS = _names("login getty agetty mc capsh aws-shell ansible-console")
"""Shells whose argument is not a script."""

JAVA_CONSOLES = (
    r"(?i)jshell|clojure|scala|groovy|jython|jruby|beanshell|\bbsh\b|rhino|nashorn|kotlin|sqlline"
    r"|tools\.shell"
)
"""Words in Java's command line that make it a REPL."""

CONSOLES = _names("shell repl console tinker dbshell shell_plus shell-plus ipython interact")
"""Words right after a program's name that make it a REPL: `manage.py shell`, `rails console`."""

TALKING_MODULES = _names("code asyncio idlelib pdb bdb IPython ptpython bpython sqlite3 __main__ pty")
"""Modules of Python that, run with `-m`, talk to the terminal."""

TALKS = r"(?i)\b(repl|interact\w*|ipython|ptpython|embed|irb|pry|i?pdb|eval|exec|system|spawn\w*|pty)\b"
"""Words in an inline script that let it run the text that it reads."""

SHELL_VALUES = _names("--rcfile --init-file --init-command -C -o -O +o +O --debug-level --features -d")
"""Options of shells that take the next word."""

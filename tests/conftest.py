"""Rules for every test: who may run it, and that it never sees this machine's own mail."""

import compileall
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_ROOT = Path(__file__).parent.parent
_FEW = 20  # modules that each worker may as well rewrite itself
_MEASURE = "COVERAGE_PROCESS_CONFIG"

# The same examples in each run, however slow the machine: what is found at random is for `make torture`.
settings.register_profile(
    "suite",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Compile all modules, so that no process of a test does, whose system calls are counted or timed.

    And let ^C reach them: a shell without job control starts what it puts into
    the background with SIGINT ignored, which all processes of the tests inherit.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # once, before the workers of xdist begin
        for folder in ("xw", "tests"):
            compileall.compile_dir(_ROOT / folder, quiet=1)
        if config.getoption("numprocesses", None):
            _rewrite_once()


def _rewrite_once() -> None:
    """Let pytest cache its rewritten modules of a fresh checkout, or each worker spends 25 s on them."""
    modules = sorted((_ROOT / "tests").rglob("test_*.py"))
    cached = {path.name.partition(".")[0] for path in (_ROOT / "tests").rglob("*-pytest-*.pyc")}
    if len({path.stem for path in modules} - cached) < _FEW:
        return
    collect = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-n", "0"]
    halves = [subprocess.Popen([*collect, *modules[n::2]], stdout=subprocess.DEVNULL) for n in (0, 1)]
    for half in halves:
        half.wait()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests marked `long`, so that all workers of xdist end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `root` for everybody else."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the fault campaigns at full size ran, as the Markdown table of docs/torture.md."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and "torture" in report.keywords
    ]
    rows = [
        (*value, report.outcome)
        for report in reports
        for name, value in report.user_properties
        if name == "campaign" and isinstance(value, (list, tuple))
    ]
    if rows:
        terminalreporter.section("fault campaigns")
        terminalreporter.write_line("| campaign | what was broken | runs | losses | outcome |")
        terminalreporter.write_line("|---|---|---:|---:|---|")
        for campaign, broken, runs, losses, outcome in sorted(rows):
            terminalreporter.write_line(f"| {campaign} | {broken} | {runs:,} | {losses} | {outcome} |")


@pytest.fixture(autouse=True, scope="session")
def _as_users_run_it() -> Iterator[str | None]:
    """Processes that tests start run without coverage, which makes each start four times as slow."""
    with pytest.MonkeyPatch.context() as patch:
        value = os.environ.get(_MEASURE)
        patch.delenv(_MEASURE, raising=False)
        yield value


@pytest.fixture(autouse=True, scope="session")
def _no_disk_is_waited_for() -> Iterator[None]:
    """Make `os.fsync` check only its handle in the tests' own process, where no power cut can be observed.

    On a busy disk, fsync took half of the suite's time. The tests of syncing run separate processes
    (tests/guarantees), which sync as ever.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture
def measured(_as_users_run_it: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The coverage of the processes that this test starts counts as well."""
    if _as_users_run_it:
        monkeypatch.setenv(_MEASURE, _as_users_run_it)


@pytest.fixture(autouse=True, scope="session")
def _nobodys_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own configuration, named hubs and XW_* variables are out of reach of every test."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("XW_")]:
            patch.delenv(name)
        patch.setenv("XW_SESSION", "")  # the tests may be run by an agent
        for name in ("config", "data", "state", "cache"):
            folder: Path = home / name
            folder.mkdir()
            patch.setenv(f"XDG_{name.upper()}_HOME", str(folder))
        yield


@pytest.fixture(autouse=True)
def _no_mirrors_noted(_nobodys_machine: None) -> Iterator[None]:
    """Keep one test's notes about mirrors and refused logins from the next."""
    yield
    for notes in ("mirrors", "logins"):
        shutil.rmtree(Path(os.environ["XDG_STATE_HOME"], "xw", notes), ignore_errors=True)

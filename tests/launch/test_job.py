"""A program as a job of the person's shell: stopped and continued with whatever is around it."""

import shlex
import sys
from collections.abc import Callable

import pytest

from tests.bridges.helpers import until
from tests.launch.window import Window

RUNS = """
import os, sys, time
from xw.actions.launching.job import Job
job = Job(["sh", "-c", "echo begins; while read line; do echo heard $line; done"], os.environ, ".")
while (code := job.ended()) is None:
    time.sleep(0.01)
job.close(code)
"""


@pytest.mark.parametrize("form", ["sh -c '{}; true'", "{} | cat", "{} &"])
def test_a_part_of_a_job(
    window: Callable[[], Window], tmp_path_factory: pytest.TempPathFactory, form: str
) -> None:
    """In a script or a pipe, ^Z stops all of it; from the background, the program gets a sound terminal."""
    script = tmp_path_factory.mktemp("job") / "runs.py"
    script.write_text(RUNS)
    one = window()
    one.keys(form.format(shlex.join([sys.executable, str(script)])))
    one.has("begins")
    if form.endswith("&"):
        one.keys("until [ $(jobs | grep -c Stopped) = 1 ]; do sleep 0.02; done; clear; jobs")
    else:
        one.tmux.press(one.id, "C-z")
    one.has("]+  Stopped")
    one.keys("fg")
    one.keys("hello")
    one.has("heard hello")
    one.tmux.press(one.id, "C-d")
    one.shows("$")
    until(lambda: not one.processes)

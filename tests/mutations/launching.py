"""`xw launch`: what keeps one program to a name, and leaves nothing of it."""

from tests.mutations import Mutation

MUTATIONS = (
    Mutation(
        "a name is launched once",
        "xw/actions/launching/foreground.py",
        "        with mailbox.files.locked(mailbox.at(layout.LAUNCH_LOCK), timeout=1.0):\n",
        "        if True:\n",
        ("tests/launch/test_launch.py::test_a_second_launch_of_a_name",),
    ),
    Mutation(
        "no agent is launched as a person or a room",
        "xw/actions/launching/foreground.py",
        '    if kind in ("human", "room"):\n',
        "    if False:\n",
        ("tests/launch/test_launch.py::test_what_cannot_start",),
    ),
    Mutation(
        "the next launch removes what a killed pair left",
        "xw/actions/launching/foreground.py",
        "                runs.clear(left)\n",
        "",
        ("tests/launch/test_launch.py::test_what_a_killed_pair_leaves",),
    ),
    Mutation(
        "a launched program is confined",
        "xw/actions/launching/foreground.py",
        '        confined.VARIABLE: "1",\n',
        "",
        ("tests/launch/test_launch.py::test_a_program_that_nobody_described",),
    ),
    Mutation(
        "a launch has a record of its program's name and hub",
        "xw/actions/launching/foreground.py",
        "    confined.record(run.folder, own)\n",
        "",
        ("tests/launch/test_launch.py::test_a_program_that_nobody_described",),
    ),
    Mutation(
        "the process beside a killed launch ends its program",
        "xw/runs.py",
        "        if os.getpgid(number) == number:\n",
        "        if False:\n",
        ("tests/launch/test_launch.py::test_the_death_of_each_part",),
    ),
    Mutation(
        "what a program leaves in its process group ends with it",
        "xw/actions/launching/job.py",
        "        runs.end_group(self.pid)\n",
        "",
        ("tests/launch/test_launch.py::test_children_of_the_program",),
    ),
    Mutation(
        "the mark of a text names its way",
        "xw/bridges/best.py",
        '        way = self._opened(noted["way"])\n',
        "        way = self._opened(self._current)\n",
        ("tests/launch/test_best.py::test_the_mark_names_the_way",),
    ),
    Mutation(
        "a way that is not there yet is waited for",
        "xw/bridges/best.py",
        "settles = self._clock() - self._began < SETTLES_S",
        "settles = False",
        ("tests/launch/test_best.py::test_a_way_that_is_not_there_yet",),
    ),
    Mutation(
        "a launch in the background waits until each program runs or has ended",
        "xw/actions/launching/panes.py",
        "ended = {} if shown else ended_soon(opened, made, folder)",
        "ended = {}",
        ("tests/launch/test_panes.py::test_one_of_two_ends_at_once",),
    ),
)

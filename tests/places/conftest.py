"""A real git repository with three instances, and its linked worktree."""

from pathlib import Path

import pytest

from tests.places.repository import Repository, init


@pytest.fixture
def bare_bones(tmp_path: Path) -> Repository:
    """A git repository with one commit and a linked worktree beside it, without xw."""
    main = Repository(tmp_path / "main")
    main.folder.mkdir()
    main.git("init", "-q")
    (main.folder / "code.py").write_text("pass\n")
    main.git("add", "code.py")
    main.commit()
    main.git("worktree", "add", "-q", str(main.linked))
    return main


@pytest.fixture
def repository(bare_bones: Repository) -> Repository:
    """… with the instances coder, lead and tester."""
    init(bare_bones.folder, "coder", "lead", "tester")
    return bare_bones

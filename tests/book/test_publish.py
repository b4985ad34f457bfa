"""Publishing: the site alone on a branch, and nothing else touched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import publish
import pytest
import repository
import yaml

ROOT = Path(__file__).resolve().parents[2]


def git(folder, *arguments):
    command = ["git", "-C", folder, "-c", "user.name=A Reader", "-c", "user.email=reader@example.org", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def book(tmp_path):
    """Return a repository with a commit, a built site that git ignores, and a remote."""
    root = tmp_path / "book"
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "remote.git"], check=True)
    git(root, "remote", "add", "origin", tmp_path / "remote.git")
    (root / ".gitignore").write_text("/_build/\n*.ipynb\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "start")
    for name in ("index.html", "_static/a.css", "colab/01_a.ipynb"):
        path = root / "_build" / "html" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def branch(book):
    return git(book.parent / "remote.git", "rev-parse", repository.PUBLISHED)


def test_the_branch_holds_the_site_and_nothing_else(book, capsys):
    assert publish.main(book, book / "_build" / "html") == 0
    files = git(book.parent / "remote.git", "ls-tree", "-r", "--name-only", repository.PUBLISHED).split("\n")
    assert files == [".nojekyll", "_static/a.css", "colab/01_a.ipynb", "index.html"]
    assert git(book.parent / "remote.git", "show", f"{repository.PUBLISHED}:colab/01_a.ipynb") == "colab/01_a.ipynb"
    assert git(book.parent / "remote.git", "rev-list", "--count", repository.PUBLISHED) == "1"
    assert "is on the branch gh-pages of origin" in capsys.readouterr().out


def test_work_tree_index_and_branches_stay_as_they_are(book):
    before = git(book, "for-each-ref"), git(book, "ls-files", "-s")
    publish.main(book, book / "_build" / "html")
    assert git(book, "status", "--porcelain") == ""
    assert (git(book, "for-each-ref", "refs/heads"), git(book, "ls-files", "-s")) == before


def test_the_same_site_again_is_the_same_commit(book):
    publish.main(book, book / "_build" / "html")
    first = branch(book)
    publish.main(book, book / "_build" / "html")
    assert branch(book) == first
    (book / "_build" / "html" / "index.html").write_text("new")
    publish.main(book, book / "_build" / "html")
    assert branch(book) != first


def test_a_class_that_works_on_what_was_published_gets_what_is_new_and_keeps_its_own(book):
    """As nbgitpuller pulls: commit what was done, fetch, merge, and where both changed a line, the student's stays."""
    site = book / "_build" / "html"
    (site / "colab" / "02_b.ipynb").write_text("two")
    publish.main(book, site)
    student = book.parent / "student"
    remote = book.parent / "remote.git"
    subprocess.run(["git", "clone", "-q", "--branch", repository.PUBLISHED, remote, student], check=True)
    for turn in ("first", "second"):
        (student / "colab" / "01_a.ipynb").write_text(f"{turn} answer")
        for name in ("01_a", "02_b"):
            (site / "colab" / f"{name}.ipynb").write_text(f"{turn} correction")
        publish.main(book, site)
        git(student, "commit", "-q", "-am", "mine")
        git(student, "fetch", "-q")
        git(student, "merge", "-q", "-Xours", f"origin/{repository.PUBLISHED}")
        assert (student / "colab" / "01_a.ipynb").read_text() == f"{turn} answer"
        assert (student / "colab" / "02_b.ipynb").read_text() == f"{turn} correction"


def test_a_notebook_of_last_month_finds_the_library_of_last_month(book):
    site = book / "_build" / "html"
    for version in ("one", "two", "three"):
        (site / "wheels").mkdir(exist_ok=True)
        for old in (site / "wheels").iterdir():
            old.unlink()
        (site / "wheels" / f"mobilenet_lib-{version}.whl").write_text(version)
        publish.main(book, site)
    files = git(book.parent / "remote.git", "ls-tree", "-r", "--name-only", repository.PUBLISHED, "wheels/").split("\n")
    assert files == [f"wheels/mobilenet_lib-{version}.whl" for version in ("one", "three", "two")]
    shown = git(book.parent / "remote.git", "show", f"{repository.PUBLISHED}:wheels/mobilenet_lib-one.whl")
    assert shown == "one"
    last = branch(book)
    publish.main(book, site)
    assert branch(book) == last


def test_without_a_site_or_with_uncommitted_changes_nothing_is_published(book, capsys):
    assert publish.main(book, book / "_build" / "nowhere") == 1
    assert "make book" in capsys.readouterr().err
    (book / "note.txt").write_text("not committed")
    assert publish.main(book, book / "_build" / "html") == 1
    assert "commit them" in capsys.readouterr().err
    assert git(book.parent / "remote.git", "branch") == ""


@pytest.mark.parametrize("name", ["ci.yml", "publish.yml"])
def test_workflows_call_make_targets_only(name):
    """And install what only the system has: browsers that Playwright does not bring."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    runs = [step["run"] for step in steps if "run" in step]
    makefile = (ROOT / "Makefile").read_text(encoding="utf8")
    made = [run.split() for run in runs if not run.startswith("sudo apt-get update && sudo apt-get install ")]
    assert made
    for make, *targets in made:
        assert make == "make" and targets
        assert [target for target in targets if f"\n{target}:" not in makefile] == []

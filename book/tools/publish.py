"""Put the built site on the branch from which it is served, on top of what was there: `make publish`.

A class follows that branch: an nbgitpuller link merges what is new into each student's copy, and can do so only where
the old state is the new one's parent. Neither the index nor the work tree is touched. Dates and names are those of the
commit that the site was built from, and publishing the same site twice changes nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "ext"))

from repository import PUBLISHED  # noqa: E402

SITE = ROOT / "_build" / "html"


def main(root: Path = ROOT, site: Path = SITE, remote: str = "origin") -> int:
    if not (site / "index.html").is_file():
        print(f"There is no site in {site}: run `make book` first.", file=sys.stderr)
        return 1
    if git(root, "status", "--porcelain"):
        print("There are changes that no commit has: commit them, or nobody can build this again.", file=sys.stderr)
        return 1
    (site / ".nojekyll").touch()  # or GitHub leaves out every folder whose name begins with an underscore
    source = git(root, "rev-parse", "HEAD")
    commit = commit_of(root, site, source, last_published(root, remote))
    git(root, "push", remote, f"{commit}:refs/heads/{PUBLISHED}")
    print(f"The site of {source[:10]} is on the branch {PUBLISHED} of {remote}.")
    return 0


def last_published(root: Path, remote: str) -> str:
    """Return the commit that the branch of the remote is at, or nothing where there is no such branch."""
    if not git(root, "ls-remote", "--heads", remote, f"refs/heads/{PUBLISHED}"):
        return ""
    git(root, "fetch", "--quiet", "--no-tags", remote, f"refs/heads/{PUBLISHED}")
    return git(root, "rev-parse", "FETCH_HEAD")


def commit_of(root: Path, site: Path, source: str, last: str) -> str:
    """Return a commit that holds the site: the last one, if it does, or a new one on top of it."""
    name, mail, date = git(root, "show", "--no-patch", "--format=%cn%n%ce%n%cI", source).split("\n")
    with tempfile.TemporaryDirectory() as folder:
        environment = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{who}_NAME": name, f"GIT_{who}_EMAIL": mail, f"GIT_{who}_DATE": date}
        git(root, "--work-tree", str(site), "add", "--all", "--force", ".", cwd=site, **environment)
        keep_wheels(root, site, last, environment)
        tree = git(root, "write-tree", **environment)
        if last and git(root, "rev-parse", f"{last}^{{tree}}") == tree:
            return last
        parent = ["-p", last] if last else []
        return git(root, "commit-tree", tree, *parent, "-m", f"The site of {source}", **environment)


def keep_wheels(root: Path, site: Path, last: str, environment: dict[str, str]) -> None:
    """Keep the libraries that were published before: a notebook from last month asks for last month's."""
    if not last:
        return
    for line in git(root, "ls-tree", "-r", last, "wheels/").splitlines():
        about, name = line.split("\t")
        mode, _, blob = about.split()
        if not (site / name).exists():
            git(root, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{name}", **environment)


def git(root: Path, *arguments: str, cwd: Path | None = None, **environment: str) -> str:
    repository = subprocess.run(
        ["git", "-C", root, "rev-parse", "--absolute-git-dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    done = subprocess.run(
        ["git", "--git-dir", repository, "--work-tree", str(root), *arguments],
        cwd=cwd or root,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

"""A Python of its own for a test, without the seconds of importing PyTorch: a process that has done so is forked.

That process imports torch and torchvision and nothing else, once for all tests that ask for one, whichever process of
xdist's they run in, and in it no test ever runs. Where the system cannot fork, a program gets a new interpreter.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
LINE = "TESTS_FORK_FROM"  # the variable that says where that process listens, if it has begun
AFTER_THE_IMPORT = ("OMP_NUM_THREADS", "PYTHONPATH")  # what is read while Python and torch begin
# As `python -m ipykernel_launcher`; its parent is not who asked for it.
KERNEL = """import os
os.environ.pop("JPY_PARENT_PID", None)
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()"""
SIZE = 8  # bytes that say how long a request is


def python(program: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as ``python -c`` does, with some variables set, and return its code and what it printed.

    Warnings are as in a new interpreter.
    """
    command = json.dumps([dedent(program), *map(str, arguments)])
    variables = {**os.environ, **environment}
    if not hasattr(os, "fork"):
        whole = [sys.executable, "-c", *json.loads(command)]
        own = {**variables, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.run(whole, env=own, capture_output=True, text=True, timeout=300, check=False)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        code = ask(parent(), command, variables, [out.fileno(), errors.fileno()])
        said = []
        for file in (out, errors):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(json.loads(command), code, *said)


def as_command(program: str, *arguments: str) -> list[str]:
    """Return the words of a command that does the same, for as long as it takes."""
    if not hasattr(os, "fork"):
        return [sys.executable, "-c", dedent(program), *arguments]
    return [sys.executable, "-S", __file__, parent(), dedent(program), *arguments]


def kernels(folder: Path) -> str:
    """Write the kernel "python3" as such a process into a folder, and return what JUPYTER_PATH is to be."""
    place = folder / "kernels" / "python3"
    place.mkdir(parents=True)
    spec = {"argv": as_command(KERNEL, "-f", "{connection_file}"), "display_name": "Python 3", "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec), encoding="utf8")
    return str(folder)


def ask(
    address: str, command: str, environment: Mapping[str, str], streams: list[int], limit: float | None = 300
) -> int:
    """Have a program run in a fork of the process that listens there; return its code, as subprocess does."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(limit)
        line.connect(address)
        said = json.dumps([command, os.getcwd(), dict(environment)]).encode()
        socket.send_fds(line, [len(said).to_bytes(SIZE, "big")], streams)
        line.sendall(said)
        return int(line.makefile("rb").read())


@cache
def parent() -> str:
    """Start the process that is forked, if nobody has yet, and return where it listens."""
    if begun := os.environ.get(LINE):
        return begun
    address = str(Path(tempfile.mkdtemp()) / "line")
    own = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, __file__, address], env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        raise RuntimeError("the process that tests fork did not begin")
    atexit.register(process.communicate)  # it ends when nobody is there to ask any more
    return address


def _listen(address: str) -> None:
    """Import torch when somebody asks, and run each program that is asked for in a fork of this process."""
    with socket.socket(socket.AF_UNIX) as line, selectors.DefaultSelector() as selector:
        line.bind(address)
        line.listen()
        os.write(1, b"ready\n")
        selector.register(line, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
        while all(key.fd for key, _ in selector.select()):
            import torchvision  # noqa: F401 - and torch: all that this process is for

            asked, _ = line.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                selector.close()
                line.close()
                _answer(asked)
            asked.close()
    shutil.rmtree(Path(address).parent)
    os._exit(0)  # nobody needs torch taken apart piece by piece


def _answer(asked: socket.socket) -> NoReturn:
    """Run one program, and say with which code it ended."""
    size, streams, _, _ = socket.recv_fds(asked, SIZE, 2)
    command, folder, environment = json.loads(asked.makefile("rb").read(int.from_bytes(size, "big")))
    child = os.fork()
    if child == 0:
        asked.close()
        for number, stream in enumerate(streams, 1):
            os.dup2(stream, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        for name in AFTER_THE_IMPORT:
            environment.pop(name, None)
        kept = {name: os.environ[name] for name in AFTER_THE_IMPORT}
        os.environ.clear()
        os.environ.update(environment | kept)
        _run(*json.loads(command))
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if select.select([asked], [], [], 0.02)[0]:  # who asked is gone
            os.kill(child, signal.SIGKILL)
            os._exit(1)
    asked.sendall(str(os.waitstatus_to_exitcode(ended[1])).encode())
    os._exit(0)


def _run(program: str, *arguments: str) -> NoReturn:
    """Be the interpreter of a program, to its end."""
    code = 0
    sys.argv = ["-c", *arguments]
    sys.path[0] = ""
    main = type(sys)("__main__")
    sys.modules["__main__"] = main
    try:
        exec(compile(program, "<string>", "exec"), vars(main))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    if sys.argv[2:]:
        sys.exit(ask(sys.argv[1], json.dumps(sys.argv[2:]), os.environ, [1, 2], None))
    _listen(sys.argv[1])

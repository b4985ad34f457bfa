"""A program that keeps its memory."""

import subprocess
import sys

from mobilenet_lib.measure.allocator import KEPT

PROGRAM = """
import os, sys
from mobilenet_lib.measure.allocator import keep_memory
keep_memory()
print(os.environ["MALLOC_MMAP_MAX_"], sys.argv[1:])
"""


def test_a_program_starts_again_once_and_with_its_own_arguments():
    command = [sys.executable, "-c", PROGRAM, "--out", "a b"]
    done = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=True)
    assert done.stdout == f"{KEPT['MALLOC_MMAP_MAX_']} ['--out', 'a b']\n"

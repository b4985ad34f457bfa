"""The commands that write the book's results: where to, and what they say where that is not there."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch

from mobilenet_lib.topics import _command

COMMANDS = ["experiments", "trained", "transfer_results", "family_results", "page_model"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_is_not_there_is_named_before_anything_is_computed(name, tmp_path, capsys):
    with pytest.raises(SystemExit):
        import_module(f"mobilenet_lib.topics.{name}").main(["--out", str(tmp_path / "away")])
    said = capsys.readouterr().err
    assert f"argument --out: there is no folder {tmp_path / 'away'}; make it first" in said
    assert f"usage: mobilenet_lib.topics.{name} " in said


def test_without_a_folder_results_go_to_the_librarys_data():
    assert (_command.told("trained", "Says.", []).out / "trained.json").is_file()


def test_results_are_computed_on_one_thread(tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert _command.told("trained", "Says.", ["--out", str(tmp_path)]).out == tmp_path
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)

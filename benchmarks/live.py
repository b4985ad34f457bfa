"""In a real kernel: from a new value of a slider to fvcore's count of the real module, over the kernel's own wire."""

from __future__ import annotations

import time
from queue import Empty

from jupyter_client.manager import start_new_kernel


def round_trips(widget: str, trait: str, values: list) -> list[float]:
    """Show `explorables.<widget>`, set `trait` to each value as a front end does, and return the milliseconds.

    The first value warms up (it imports torch and fvcore) and is left out.
    """
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        reply = client.execute_interactive(
            f"from mobilenet_lib import explorables; widget = explorables.{widget}()",
            user_expressions={"id": "widget.model_id"},
            timeout=300,
        )["content"]
        if reply["status"] != "ok":
            raise RuntimeError(f"the kernel cannot show {widget}: {reply['evalue']}")
        model = reply["user_expressions"]["id"]["data"]["text/plain"].strip("'")
        return [round_trip(client, model, trait, value) for value in values][1:]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def round_trip(client, model: str, trait: str, value: object) -> float:
    data = {"method": "update", "state": {trait: value}, "buffer_paths": []}
    message = client.session.msg("comm_msg", {"comm_id": model, "data": data})
    start = time.perf_counter()
    client.shell_channel.send(message)
    while True:
        try:
            answer = client.get_iopub_msg(timeout=60)
        except Empty:
            raise RuntimeError(f"the kernel did not count after {trait} became {value!r}") from None
        took = 1000 * (time.perf_counter() - start)
        state = answer["content"].get("data", {}).get("state", {}) if answer["msg_type"] == "comm_msg" else {}
        if "measured" in state:
            if "macs" not in state["measured"]:
                raise RuntimeError(f"fvcore did not count: {state['measured']}")
            return took

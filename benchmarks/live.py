"""In a real kernel: from a new value of a slider to fvcore's count of the real module, over the kernel's own wire."""

from __future__ import annotations

import time
from queue import Empty

from jupyter_client.manager import start_new_kernel


def round_trips(widget: str, trait: str, values: list) -> tuple[list[float], list[float]]:
    """Show `explorables.<widget>`, set `trait` to each value as a front end does, and return two lists of milliseconds.

    The first has the round trips, the second the processor time the kernel spent on each. The first value warms up (it
    imports torch and fvcore) and is left out.
    """
    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=["--IPKernelApp.log_level=40"])
    try:
        show = f"import time\nfrom mobilenet_lib import explorables\nwidget = explorables.{widget}()"
        model = ask(client, show, "widget.model_id").strip("'")
        trips, processor = [], []
        for value in values:
            before = float(ask(client, "", "time.process_time()"))
            trips.append(round_trip(client, model, trait, value))
            processor.append(1000 * (float(ask(client, "", "time.process_time()")) - before))
        return trips[1:], processor[1:]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(client, code: str, expression: str) -> str:
    """Run code in the kernel and return the repr of an expression."""
    reply = client.execute_interactive(code, user_expressions={"answer": expression}, timeout=300)["content"]
    answer = reply["user_expressions"]["answer"] if reply["status"] == "ok" else reply
    if answer["status"] != "ok":
        raise RuntimeError(f"the kernel cannot run {code or expression!r}: {answer['evalue']}")
    return answer["data"]["text/plain"]


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

"""Drives a kernel through jupyter_client. Commands come as lines of JSON on stdin, answers go out as lines of JSON."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

manager = None
client = None
log = tempfile.TemporaryFile()


def send(value):
    print(json.dumps(value, default=str), flush=True)


def start(command):
    global manager, client
    began = time.monotonic()
    if "argv" in command:
        manager = KernelManager()
        manager._kernel_spec = KernelSpec(argv=command["argv"], language="typescript", display_name="test")
    else:
        manager = KernelManager(kernel_name=command["kernel"])
    # Not our own stdout: Node makes what it inherits non-blocking, for us as well.
    manager.start_kernel(cwd=command["cwd"], stdout=subprocess.DEVNULL, stderr=log)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=command.get("timeout", 90))
    return {"seconds": time.monotonic() - began, "pid": manager.provisioner.pid}


interrupting = threading.Lock()


def interrupt():
    """By the client's own control channel: the manager's socket must not be used by several threads."""
    with interrupting:
        client.control_channel.send(client.session.msg("interrupt_request", {}))


def later(seconds, act):
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def execute(command):
    """Runs cells that are sent at once, as Run All does; ends when each was answered and its output is complete."""
    began = time.monotonic()
    # From the first output on, or from the start.
    from_output = command.get("fromOutput", False)

    def arm():
        for seconds in command.get("interruptAfter", []):
            later(seconds, interrupt)
        for seconds in command.get("signalAfter", []):
            later(seconds, lambda: os.kill(manager.provisioner.pid, signal.SIGINT))

    if not from_output:
        arm()
    options = command.get("options", {})
    ids = [client.execute(code, **options) for code in command["codes"]]
    cells = {key: {"outputs": [], "order": []} for key in ids}
    deadline = began + command.get("timeout", 60)
    waiting = set(ids)
    while waiting:
        message = client.get_iopub_msg(timeout=max(0.01, deadline - time.monotonic()))
        parent = message["parent_header"].get("msg_id")
        if parent not in cells:
            continue
        kind, content = message["msg_type"], message["content"]
        cells[parent]["order"].append(kind if kind != "status" else content["execution_state"])
        if kind == "status" and content["execution_state"] == "idle":
            waiting.discard(parent)
            cells[parent]["idle"] = time.monotonic() - began
        elif kind != "status":
            if from_output and kind == "stream":
                from_output = False
                arm()
            cells[parent]["outputs"].append({"type": kind, "content": content, "at": time.monotonic() - began})
    for _ in ids:
        while True:
            reply = client.get_shell_msg(timeout=max(1, deadline - time.monotonic()))
            if reply["parent_header"]["msg_id"] in cells:
                break
        cells[reply["parent_header"]["msg_id"]]["reply"] = reply["content"]
    return {"cells": [cells[key] for key in ids]}


def request(command):
    began = time.monotonic()
    channel = client.control_channel if command.get("channel") == "control" else client.shell_channel
    message = client.session.msg(command["type"], command["content"])
    channel.send(message)
    while True:
        reply = channel.get_msg(timeout=command.get("timeout", 30))
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            return {"type": reply["msg_type"], "content": reply["content"], "seconds": time.monotonic() - began}


def processes():
    """The process that was started, and all that came of it."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                parents[int(name)] = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            pass
    found = [manager.provisioner.pid]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def memory(_):
    """What they hold in all, shared pages by their shares."""
    total = 0
    for pid in processes():
        try:
            with open(f"/proc/{pid}/smaps_rollup") as status:
                total += sum(int(line.split()[1]) for line in status if line.startswith("Pss:"))
        except OSError:
            pass
    return {"bytes": total * 1024}


def restart(_):
    manager.restart_kernel()
    client.wait_for_ready(timeout=90)
    return {"pid": manager.provisioner.pid}


def shut_down(_):
    began = time.monotonic()
    pid = manager.provisioner.pid
    client.stop_channels()
    manager.shutdown_kernel()
    return {"seconds": time.monotonic() - began, "gone": not os.path.exists(f"/proc/{pid}")}


actions = {
    "start": start,
    "execute": execute,
    "request": request,
    "memory": memory,
    "restart": restart,
    "alive": lambda _: {"alive": manager.is_alive()},
    "stop": shut_down,
}

for line in sys.stdin:
    order = json.loads(line)
    try:
        send({"ok": actions[order["do"]](order)})
    except Exception as error:  # noqa: BLE001 - everything is told to the test
        send({"error": f"{type(error).__name__}: {error}"})
if manager is not None and manager.has_kernel:
    manager.shutdown_kernel(now=True)
log.seek(0)
sys.stderr.write(log.read().decode(errors="replace"))

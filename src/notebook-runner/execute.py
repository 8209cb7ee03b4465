"""Executes a notebook through nbclient: execute.py NOTEBOOK OUTPUT KERNEL SECONDS.

OUTPUT gets the notebook as far as it came, also where a cell fails. What happens goes to stdout as lines of JSON:
{"cell": 2, "of": 9} when the second of nine code cells is done, {"failed": {...}} where one fails.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

source, output, kernel, seconds = sys.argv[1:]
deadline = time.monotonic() + float(seconds)
notebook = nbformat.read(source, as_version=4)
code_cells = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
# The number of the code cell that runs, as Jupyter shows it.
current = 1


def tell(event):
    print(json.dumps(event), flush=True)


def begin(cell, cell_index):
    global current
    current = code_cells.index(cell_index) + 1


def done(cell, cell_index, execute_reply):
    if execute_reply["content"]["status"] == "ok":
        tell({"cell": current, "of": len(code_cells)})


def fail(name, message, traceback=()):
    tell({"failed": {"cell": current, "name": name, "message": message, "traceback": list(traceback)}})


client = NotebookClient(
    notebook,
    kernel_name=kernel,
    # The notebook's folder, as Jupyter starts a kernel.
    resources={"metadata": {"path": os.path.dirname(os.path.abspath(source))}},
    # What is left of the time for all cells together.
    timeout_func=lambda cell: max(1, int(deadline - time.monotonic())),
    startup_timeout=180,
    record_timing=False,
    coalesce_streams=True,
    on_cell_execute=begin,
    on_cell_executed=done,
)
with tempfile.TemporaryFile() as log:
    try:
        # Not our own streams: Node makes what it inherits non-blocking, for us as well.
        client.execute(stdout=subprocess.DEVNULL, stderr=log)
    except CellExecutionError as error:
        outputs = notebook.cells[code_cells[current - 1]].outputs
        lines = [line for item in outputs if item.output_type == "error" for line in item.traceback]
        fail(error.ename, error.evalue, lines)
    except CellTimeoutError:
        fail("Timeout", f"the notebook was not through after {seconds} s")
    except (DeadKernelError, AssertionError) as error:
        # Where a signal has ended the kernel, nbclient asserts that it could end it once more.
        if isinstance(error, AssertionError) and not isinstance(error.__context__, DeadKernelError):
            raise
        log.seek(0)
        fail("DeadKernel", "the kernel ended", log.read().decode(errors="replace").splitlines()[-20:])
nbformat.write(notebook, output)

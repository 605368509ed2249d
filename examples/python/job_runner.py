#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs many jobs, each in a container of its own, so many at a time.

    job_runner.py ROOTFS [JOBS [AT_ONCE [TIMEOUT_SECONDS]]]

Every 25th job hangs, as jobs do, and is ended at its time-out.
"""

import concurrent.futures
import os
import sys
import tempfile
import threading
import uuid

from berth_client import Client

MAX_OUTPUT = 64 * 1024


class Output(threading.Thread):
    """Reads a FIFO to its end, so that its writer never waits, and keeps the first bytes."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.kept = b""
        self.start()

    def run(self):
        with open(self.path, "rb", buffering=0) as source:
            while True:
                chunk = source.read(65536)
                if not chunk:
                    return
                self.kept += chunk[: MAX_OUTPUT - len(self.kept)]


def run_job(client, rootfs, number, timeout):
    """Runs one job; answers whether it went well, and a line that says how it went."""
    script = f"echo $(({number} * {number}))" + ("; sleep 1000" if number % 25 == 0 else "")
    name = f"job-{number}-{uuid.uuid4().hex[:8]}"
    spec = client.call(
        "spec.default", id=name, rootfs=rootfs, args=["sh", "-c", script], readOnly=True
    )["spec"]
    with tempfile.TemporaryDirectory(prefix="berth-example-") as directory:
        fifo = os.path.join(directory, "stdout")
        os.mkfifo(fifo, 0o600)
        output = Output(fifo)
        client.call("container.create", id=name, spec=spec, stdout=fifo, labels={"job": str(number)})
        try:
            client.call("container.start", id=name)
            try:
                status = client.call("container.wait", timeout=timeout, id=name)["exitStatus"]
            except TimeoutError:
                status = None
        finally:
            client.call("container.delete", id=name, force=True)
        # The container is gone, and its end of the FIFO with it.
        output.join()
    text = output.kept.decode().strip()
    if status is None:
        return False, f"late, after: {text}"
    return status == 0, f"exit {status}: {text}"


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    rootfs = os.path.abspath(arguments[0])
    jobs, at_once, timeout = (list(map(int, arguments[1:])) + [50, 8, 30][len(arguments) - 1 :])[:3]
    good = 0
    with Client() as client, concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        numbers = range(1, jobs + 1)
        run = lambda number: run_job(client, rootfs, number, timeout)
        for number, (ok, line) in zip(numbers, pool.map(run, numbers)):
            good += ok
            print(f"job {number}: {line}", flush=True)
    print(f"{good} good, {jobs - good} bad")


if __name__ == "__main__":
    main(sys.argv[1:])

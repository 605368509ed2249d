#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of berth in one file, with the standard library alone. Python 3.8 or later.

As a program it runs a command in a container, shows its output and its life, and ends with its
exit status:

    berth_client.py [--socket PATH] ROOTFS COMMAND [ARGUMENT...]
"""

import itertools
import json
import os
import queue
import socket
import sys
import tempfile
import threading
import uuid

DEFAULT_SOCKET = "/run/berth/berth.sock"


class BerthError(Exception):
    """What the daemon answered instead of a result; `kind` is for programs."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.data = error.get("data") or {}
        self.kind = self.data.get("kind", "Internal")


class Client:
    """One connection. Calls may be made from several threads at once."""

    def __init__(self, path=None):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path or os.environ.get("BERTH_SOCKET") or DEFAULT_SOCKET)
        self._ids = itertools.count(1)
        self._answers = {}
        self._lock = threading.Lock()
        # Another one: sending may wait for the daemon, which may wait for answers to be read.
        self._sending = threading.Lock()
        self._closed = False
        #: Events, as dictionaries, after a call of events.subscribe; None when the connection is gone.
        self.events = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def call(self, method, timeout=None, **params):
        """Calls a method; answers its result, or raises BerthError."""
        answer = queue.Queue(1)
        with self._lock:
            if self._closed:
                raise ConnectionError("the connection to berth is gone")
            number = next(self._ids)
            self._answers[number] = answer
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        try:
            with self._sending:
                self._socket.sendall(json.dumps(request).encode() + b"\n")
            response = answer.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"{method}: no answer within {timeout} s") from None
        finally:
            with self._lock:
                self._answers.pop(number, None)
        if response is None:
            raise ConnectionError("the connection to berth is gone")
        if "error" in response:
            raise BerthError(response["error"])
        return response["result"]

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The daemon was faster.
        self._reader.join()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self):
        try:
            for line in self._socket.makefile("rb"):
                message = json.loads(line)
                if message.get("method") == "events.event":
                    self.events.put(message["params"]["event"])
                elif "method" not in message:
                    with self._lock:
                        answer = self._answers.get(message["id"])
                    if answer is not None:
                        answer.put(message)
        except OSError:
            pass  # The connection was cut: told below.
        with self._lock:
            self._closed = True
            waiting = list(self._answers.values())
        for answer in waiting:
            answer.put(None)
        self.events.put(None)


def container_spec(client, rootfs, command, cgroup):
    """The OCI runtime spec that `berth run` makes, in a cgroup of its own."""
    spec = client.call(
        "spec.default", rootfs=os.path.abspath(rootfs), args=command, readOnly=True
    )["spec"]
    spec["linux"]["cgroupsPath"] = cgroup
    return spec


def copy_fifo(path, output):
    """Copies what is written to the FIFO until its last writer has gone. Opening waits for one."""
    with open(path, "rb", buffering=0) as source:
        while True:
            chunk = source.read(65536)
            if not chunk:
                return
            output.buffer.write(chunk)
            output.flush()


def run(client, rootfs, command):
    """Runs a command in a container of its own; answers its exit status."""
    name = f"python-{uuid.uuid4().hex[:8]}"
    client.call("events.subscribe", ids=[name])
    with tempfile.TemporaryDirectory(prefix="berth-example-") as directory:
        copies = []
        fifos = {}
        for stream in ("stdout", "stderr"):
            fifos[stream] = os.path.join(directory, stream)
            os.mkfifo(fifos[stream], 0o600)
            arguments = (fifos[stream], getattr(sys, stream))
            copies.append(threading.Thread(target=copy_fifo, args=arguments, daemon=True))
            copies[-1].start()
        parent = os.environ.get("BERTH_CGROUP_PARENT", "/berth-examples")
        spec = container_spec(client, rootfs, command, f"{parent}/{name}")
        client.call("container.create", id=name, spec=spec, **fifos)
        try:
            client.call("container.start", id=name)
            status = client.call("container.wait", id=name)["exitStatus"]
            for copy in copies:
                copy.join()
        finally:
            client.call("container.delete", id=name, force=True)
    while True:
        event = client.events.get(timeout=30)
        if event is None:
            raise ConnectionError("the connection to berth is gone")
        print(f"{event['seq']} {event['type']} {event['id']}", file=sys.stderr)
        if event["type"] == "delete":
            return status


def main(arguments):
    path = None
    if arguments[:1] == ["--socket"]:
        path, arguments = arguments[1], arguments[2:]
    if len(arguments) < 2:
        sys.exit(__doc__)
    rootfs, *command = arguments
    with Client(path) as client:
        try:
            return run(client, rootfs, command)
        except BerthError as error:
            print(f"{error.kind}: {error}", file=sys.stderr)
            return 125


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

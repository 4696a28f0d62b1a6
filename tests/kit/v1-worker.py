#!/usr/bin/env python3
"""A worker that speaks link version 1 and nothing else, in the Python standard library.

    v1-worker.py ws://HOST:PORT/ws WORKER_ID [MAX_JOBS]

It stands for workers that other people wrote: it knows the published messages, WebSocket (RFC 6455) and plain git.
The worker token comes from COVEY_WORKER_TOKEN, never from argv. One line on stderr, "registered", says that it is on.
"""

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    """Just enough of a client: text messages, fragments, ping, close."""

    def __init__(self, url, token):
        parts = urllib.parse.urlsplit(url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        self.socket = socket.create_connection((parts.hostname, port), timeout=10)
        if parts.scheme == "wss":
            self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=parts.hostname)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lock = threading.Lock()
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        self.stream = self.socket.makefile("rb")
        status = self.stream.readline().decode(errors="replace").strip()
        headers = {}
        while (line := self.stream.readline().strip()) != b"":
            name, _, value = line.decode(errors="replace").partition(":")
            headers[name.strip().lower()] = value.strip()
        if " 101 " not in f"{status} ":
            raise ConnectionError(f"the coordinator refused the upgrade: {status}")
        expected = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if headers.get("sec-websocket-accept") != expected:
            raise ConnectionError("this is not a WebSocket server")
        self.socket.settimeout(None)

    def send(self, message):
        self._frame(TEXT, json.dumps(message).encode())

    def receive(self):
        """The next message, or None when the connection has ended."""
        text = b""
        while True:
            head = self.stream.read(2)
            if len(head) < 2:
                return None
            opcode, length = head[0] & 15, head[1] & 127
            if length == 126:
                (length,) = struct.unpack(">H", self.stream.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.stream.read(8))
            data = self.stream.read(length)
            if opcode == PING:
                self._frame(PONG, data)
            elif opcode == CLOSE:
                if length >= 2 and (code := int.from_bytes(data[:2], "big")) >= 4000:
                    raise ConnectionError(f"the coordinator closed the link: {code} {data[2:].decode(errors='replace')}")
                return None
            elif opcode != PONG:
                text += data
                if head[0] & 128:
                    return json.loads(text)

    def _frame(self, opcode, data):
        mask = os.urandom(4)
        length = len(data)
        if length < 126:
            head = struct.pack(">BB", 128 | opcode, 128 | length)
        elif length < 65536:
            head = struct.pack(">BBH", 128 | opcode, 128 | 126, length)
        else:
            head = struct.pack(">BBQ", 128 | opcode, 128 | 127, length)
        repeated = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big") if length else b""
        with self.lock:
            self.socket.sendall(head + mask + masked)


class Worker:
    def __init__(self, link, slots):
        self.link = link
        self.free = slots
        self.jobs = {}
        self.lock = threading.Lock()

    def serve(self):
        while (message := self.link.receive()) is not None:
            kind = message.get("type")
            if kind == "ping":
                self.link.send({"type": "pong"})
            elif kind == "job":
                with self.lock:
                    self.free -= 1
                    self.jobs[message["job_id"]] = None
                threading.Thread(target=self.run, args=(message,), daemon=True).start()
            elif kind == "cancel":
                self.cancel(message["job_id"])

    def run(self, job):
        directory = tempfile.mkdtemp(prefix="v1-worker-")
        try:
            self.fetch(job, directory)
            self.link.send({"type": "complete", "job_id": job["job_id"], "exit_code": self.execute(job, directory)})
        except Exception as error:
            self.link.send({"type": "error", "job_id": job["job_id"], "message": str(error)})
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            with self.lock:
                self.free += 1
                self.jobs.pop(job["job_id"], None)
                # Within the lock: an older count must not be the last word.
                self.link.send({"type": "ready", "slots": self.free})

    def fetch(self, job, directory):
        """Plain git: the URL holds all that it needs. Without a commit the job runs in an empty directory."""
        if not job["commit"]:
            return
        for arguments in (
            ["init", "-q"],
            ["fetch", "-q", "--no-tags", "--depth=1", job["repo"], job["commit"]],
            ["checkout", "-q", "--detach", job["commit"]],
        ):
            done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True)
            if done.returncode != 0:
                # The URL is a secret and git may repeat it.
                raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.strip().replace(job['repo'], '<repo>')}")

    def execute(self, job, directory):
        environment = {**os.environ, **job["env"]}
        environment.pop("COVEY_WORKER_TOKEN", None)
        process = subprocess.Popen(
            ["sh", "-c", job["command"]],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with self.lock:
            cancelled = self.jobs.get(job["job_id"]) == "cancelled"
            self.jobs[job["job_id"]] = process
        if cancelled:
            self.kill(process)
        readers = [
            threading.Thread(target=self.stream, args=(job["job_id"], name, pipe))
            for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        code = process.wait()
        return code if code >= 0 else 128 - code

    def stream(self, job_id, name, pipe):
        while data := os.read(pipe.fileno(), 65536):
            self.link.send({"type": "output", "job_id": job_id, "stream": name, "data": data.decode(errors="replace")})

    def cancel(self, job_id):
        with self.lock:
            if job_id not in self.jobs:
                return
            process = self.jobs[job_id]
            if process is None:
                self.jobs[job_id] = "cancelled"
        if isinstance(process, subprocess.Popen):
            self.kill(process)

    def kill(self, process):
        """TERM to the group, and KILL to it when it has not gone within two seconds."""

        def end():
            for how, wait in ((signal.SIGTERM, 2), (signal.SIGKILL, 0)):
                try:
                    os.killpg(process.pid, how)
                except ProcessLookupError:
                    return
                time.sleep(wait)

        threading.Thread(target=end, daemon=True).start()


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    slots = int(sys.argv[3]) if len(sys.argv) == 4 else 1
    link = WebSocket(sys.argv[1], os.environ.get("COVEY_WORKER_TOKEN", ""))
    link.send({"type": "register", "worker_id": sys.argv[2], "max_jobs": slots})
    link.send({"type": "ready", "slots": slots})
    print("registered", file=sys.stderr, flush=True)
    Worker(link, slots).serve()


if __name__ == "__main__":
    try:
        main()
    except (ConnectionError, OSError) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)

# SPDX-License-Identifier: MIT OR Apache-2.0
"""Starts one server, loads it once, ends it: on cores of its own and never two at a time."""

import contextlib
import ctypes
import dataclasses
import fcntl
import http.client
import http.server
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time

LOCK_PATH = "/tmp/pulse-bench.lock"
START_SECONDS = 15
STOP_SECONDS = 5
# Against builds and tests on the same machine; with autogroup scheduling it is the group that counts.
NICENESS = -20


PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """The run could not be made; the message says why."""


@dataclasses.dataclass(frozen=True)
class Server:
    """One entry of a servers file; see ../README.md for the fields."""

    name: str
    role: str
    protocol: str
    command: tuple
    root: pathlib.Path
    config: str = ""
    path: str = ""
    env: tuple = ()
    cpus: str = ""
    judged: bool = False
    open_cloud: bool = False
    setup: tuple = ()

    @staticmethod
    def load_file(file):
        file = pathlib.Path(file)
        try:
            entries = json.loads(file.read_text())
            return [Server.from_entry(entry, file.resolve().parent) for entry in entries]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BenchError(f"{file}: {type(error).__name__}: {error}") from error

    @staticmethod
    def from_entry(entry, root):
        known = {field.name for field in dataclasses.fields(Server)} - {"root"}
        unknown = set(entry) - known
        if unknown:
            raise ValueError(f"unknown fields {sorted(unknown)} in {entry.get('name')}")
        entry = dict(entry)
        entry["command"] = tuple(entry["command"])
        entry["setup"] = tuple(entry.get("setup", ()))
        entry["env"] = tuple(sorted(entry.get("env", {}).items()))
        return Server(root=root, role=entry.pop("role", entry["name"]), **entry)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_set(text):
    """"0", "0,1" or "0-1" as a set, cut down to the cores that we may use."""
    wanted = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        wanted.update(range(int(first), int(last or first) + 1))
    return wanted & os.sched_getaffinity(0)


def descriptor_limit():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def claim(cpus):
    """Runs in the child: own session (so own autogroup), own cores, more weight than the rest."""
    parent = os.getpid()

    def prepare():
        # However the runner ends, even by SIGKILL, no server stays behind.
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        if cpus:
            os.sched_setaffinity(0, cpus)
        # Both may be refused; the figures then scatter more, which their spread shows.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as file:
            file.write(str(NICENESS))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return prepare


@contextlib.contextmanager
def exclusive():
    """Holds the lock that all benchmark runs of this machine share."""
    with open(LOCK_PATH, "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def tail(path, lines=5):
    text = pathlib.Path(path).read_text(errors="replace").strip().splitlines()
    return " | ".join(text[-lines:])


def wait_until_listening(process, port, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"ended at once with code {process.returncode}: {tail(log)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise BenchError(f"does not listen on port {port}: {tail(log)}")


class OpenCloud(http.server.BaseHTTPRequestHandler):
    """As much of Roblox's Open Cloud as it takes to register a universe: every key is good."""

    KEY = {"name": "bench", "authorizedUserId": 1, "enabled": True, "expired": False,
           "scopes": [{"name": "universe-messaging-service", "operations": ["publish"],
                       "universeIds": ["*"]}]}

    def do_POST(self):  # pylint: disable=invalid-name
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(self.KEY).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@contextlib.contextmanager
def open_cloud(wanted):
    """Its address, while it runs; on loopback, on a thread of this process."""
    if not wanted:
        yield ""
        return
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OpenCloud) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def set_up(server, port):
    """Makes the requests of `setup`, each again while the server says 503 (not ready yet)."""
    for request in server.setup:
        deadline = time.monotonic() + START_SECONDS
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
            with contextlib.closing(connection):
                connection.request(request.get("method", "POST"), request["path"],
                                   json.dumps(request["body"]), dict(request.get("headers", {})))
                answer = connection.getresponse()
                text = answer.read().decode(errors="replace")
            if answer.status < 300:
                break
            if answer.status != 503 or time.monotonic() > deadline:
                raise BenchError(f"{request['path']}: {answer.status} {text}")
            time.sleep(0.05)


def wait_until_ready(port):
    """Until /readyz says so."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
        time.sleep(0.02)
    raise BenchError("the server does not become ready")


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def running(server, bin_dir, cpus):
    """The server as a process, listening; yields (process, port)."""
    with open_cloud(server.open_cloud) as cloud, \
            tempfile.TemporaryDirectory(prefix="pulse-bench-") as scratch:
        values = {"port": free_port(), "port2": free_port(), "bin": str(bin_dir),
                  "root": str(server.root), "dir": scratch, "cloud": cloud}
        if server.config:
            template = (server.root / server.config).read_text()
            for key, value in values.items():
                template = template.replace("{" + key + "}", str(value))
            values["config"] = str(pathlib.Path(scratch) / "server.conf")
            pathlib.Path(values["config"]).write_text(template)
        command = [part.format(**values) for part in server.command]
        environment = dict(os.environ, **{k: v.format(**values) for k, v in server.env})
        log = pathlib.Path(scratch) / "log"
        try:
            with open(log, "wb") as out:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                           cwd=scratch, env=environment,
                                           preexec_fn=claim(cpu_set(server.cpus) if server.cpus else cpus))
        except OSError as error:
            raise BenchError(f"{server.name}: {error}") from error
        try:
            try:
                wait_until_listening(process, values["port"], log)
                set_up(server, values["port"])
            except (BenchError, OSError, http.client.HTTPException) as error:
                raise BenchError(f"{server.name}: {error}") from error
            yield process, values["port"]
        finally:
            stop(process)


def load_once(load, server, arguments, bin_dir, server_cpus, load_cpus, timeout):
    """One run of pulse-load against a fresh server: its report, or one that only says why not."""
    with exclusive(), running(server, bin_dir, server_cpus) as (process, port):
        command = [str(load), *arguments, "--protocol", server.protocol, "--port", str(port),
                   "--pid", str(process.pid), "--label", server.name]
        if server.path:
            command += ["--path", server.path]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, preexec_fn=claim(load_cpus))
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            return {"ok": False, "failures": [f"no end within {timeout} s"]}
        finally:
            if child.poll() is None:
                child.kill()
                child.communicate()
    if not out:
        return {"ok": False, "failures": [err.strip().splitlines()[-1] if err.strip() else "no report"]}
    return json.loads(out)

"""For the scripts beside it: a server of their own on a free port of 127.0.0.1, a connection to it, and commands encoded in bulk.
What is measured is left to the scripts."""
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LARDER = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "larder")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PORTS = 4
READY_SECONDS = 20
REPLY_SECONDS = 120
# Writing in pieces of this size keeps both ends busy without long queues in the sockets.
PIECE_BYTES = 64 << 10


def free_port():
    """The first of four neighbouring free ports, below the range of outgoing connections."""
    for _ in range(100):
        port = random.randrange(10_000, 30_000, PORTS)
        held = []
        try:
            for step in range(PORTS):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port + step))
            return port
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    sys.exit("no block of free ports on 127.0.0.1")


def megabytes(text):
    """Bytes of a text such as 64mb or 1gb."""
    for unit, factor in (("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)):
        if text.lower().endswith(unit):
            return int(float(text[:-2]) * factor)
    return int(text)


class Node:
    """A larder node or, if `binary` is redis-server, a Redis, with this limit of memory in bytes."""

    def __init__(self, binary, memory_bytes, core=None, threads=1, extra=()):
        self.port = free_port()
        self.directory = tempfile.mkdtemp(prefix="larder-bench-")
        command = [binary, "node", "--bind", "127.0.0.1", "--port", str(self.port), "--threads", str(threads),
                   "--max-memory", str(memory_bytes), *extra]
        if os.path.basename(binary) == "redis-server":
            command = [binary, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
                       "--maxmemory", str(memory_bytes), "--maxmemory-policy", "allkeys-lru", *extra]
        if core is not None and shutil.which("taskset"):
            command = ["taskset", "-c", str(core), *command]
        with open(os.path.join(self.directory, "output.log"), "wb") as log:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log)
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                connection = Connection(self.port)
                connection.ask("PING")
                connection.close()
                return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.directory, "output.log"), encoding="utf-8", errors="replace") as log:
                    sys.exit(f"the server did not answer PING:\n{log.read()}")
            time.sleep(0.02)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def resident_bytes(pid):
    """What the kernel says is resident, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def encode(*words):
    """One request."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Connection:
    """Sends requests and counts replies. Replies are simple, integers, bulk or errors, not nested."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=REPLY_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.errors = {}

    def close(self):
        self.socket.close()

    def line(self):
        while b"\r\n" not in self.buffer:
            got = self.socket.recv(1 << 16)
            if not got:
                raise OSError("the server closed the connection")
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def ask(self, *words):
        """The reply to one request, as text; an error begins with a minus."""
        self.socket.sendall(encode(*words))
        line = self.line()
        if line[:1] != b"$" or line == b"$-1":
            return line.decode()
        length = int(line[1:]) + 2
        while len(self.buffer) < length:
            self.buffer += self.socket.recv(1 << 16)
        body, self.buffer = self.buffer[:length - 2], self.buffer[length:]
        return body.decode(errors="replace")

    def info(self):
        """The numbers that INFO gives, by name."""
        fields = {}
        for line in self.ask("INFO").splitlines():
            name, _, value = line.partition(":")
            try:
                fields[name] = float(value)
            except ValueError:
                pass
        return fields

    def pour(self, requests, count):
        """Sends `count` encoded requests with replies of one line each, and waits for these. Errors are counted by text."""
        view, lines, tail = memoryview(requests), 0, b""
        for start in range(0, len(view), PIECE_BYTES):
            self.socket.sendall(view[start:start + PIECE_BYTES])
            if start + PIECE_BYTES < len(view):
                self.socket.setblocking(False)
                try:
                    got = self.socket.recv(1 << 18)
                    lines += got.count(b"\n")
                    tail = self.note(tail + got)
                except BlockingIOError:
                    pass
                finally:
                    self.socket.settimeout(REPLY_SECONDS)
        while lines < count:
            got = self.socket.recv(1 << 18)
            if not got:
                raise OSError("the server closed the connection")
            lines += got.count(b"\n")
            tail = self.note(tail + got)

    def note(self, text):
        """Counts the errors in whole lines; what is left of the last."""
        whole, _, rest = text.rpartition(b"\n")
        if b"-" in whole:
            for line in whole.split(b"\n"):
                if line[:1] == b"-":
                    self.errors[line.decode()] = self.errors.get(line.decode(), 0) + 1
        return rest


def sets(first, count, value, key=b"key:%012d", expire=None):
    """SET of `count` keys numbered from `first`, one value for all, with EXAT/PXAT words if given: encoded at once in C."""
    size = len(key % 0)
    tail = b"" if expire is None else b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in expire)
    words = 3 if expire is None else 3 + len(expire)
    form = b"*%d\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n%s" % (
        words, size, key, len(value), value.replace(b"%", b"%%"), tail)
    return form * count % tuple(range(first, first + count))

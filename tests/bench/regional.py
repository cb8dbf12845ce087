"""For `cluster` beside it: several larder processes on 127.0.0.1 that are one cluster, the load on them, and what both cost.
What is measured is left to the script."""
import binascii
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from nodes import LARDER, TICKS_PER_SECOND, Connection, encode, free_port

LOAD = os.path.join(os.path.dirname(LARDER), "larder-load")
PARTITIONS = 1024
SLOTS = 16384
HEALTHY_SECONDS = 90
LOAD_SECONDS_MAX = 300
RETRIES_MAX = 20


def cores():
    """One for servers and one for the load, or neither if there are no two."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 and shutil.which("taskset") else (None, None)


def pinned(core, command):
    return command if core is None else ["taskset", "-c", str(core), *command]


def slot(key):
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


def partition(key):
    return slot(key) // (SLOTS // PARTITIONS)


def one_key_each():
    """A key of every partition."""
    found, number = {}, 0
    while len(found) < PARTITIONS:
        found.setdefault(partition(f"one:{number}"), f"one:{number}")
        number += 1
    return [found[at] for at in range(PARTITIONS)]


class Cluster:
    """Nodes that keep ports and state for as long as the block runs; gone after it. `nodes` of them form the cluster."""

    def __init__(self, nodes, memory_bytes, flags=(), core=None, binary=LARDER, spare=0):
        self.binary, self.core, self.founders = binary, core, nodes
        self.flags = ["--threads", "1", "--max-memory", str(memory_bytes), *flags]
        self.directory = tempfile.mkdtemp(prefix="larder-bench-")
        self.ports = []
        while len(self.ports) < nodes + spare:
            port = free_port()
            if port not in self.ports:
                self.ports.append(port)
        self.processes = [None] * len(self.ports)

    def __enter__(self):
        try:
            for place in range(self.founders):
                self.run(place)
            self.wait_healthy(self.founders)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for place in range(len(self.ports)):
            self.kill(place)
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, place):
        """Starts a node, again with its state if it ran before."""
        peers = ",".join(f"127.0.0.1:{port + 2}" for port in self.ports)
        command = [self.binary, "node", "--port", str(self.ports[place]), "--state-dir",
                   os.path.join(self.directory, f"state-{place}"), *self.flags]
        # A founder that is the only one has nobody to join.
        if self.founders > 1 or place > 0:
            command += ["--join", peers, "--bootstrap-expect", str(self.founders if place < self.founders else 1)]
        with open(os.path.join(self.directory, f"node-{place}.log"), "ab") as log:
            self.processes[place] = subprocess.Popen(pinned(self.core, command), stdout=log, stderr=log)

    def kill(self, place):
        process, self.processes[place] = self.processes[place], None
        if process:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def status(self, asked, wait_seconds):
        """What `larder status --wait-healthy` says at one node, or None."""
        command = [self.binary, "status", "--port", str(self.ports[asked]), "--json", "--wait-healthy", str(wait_seconds)]
        done = subprocess.run(command, capture_output=True, timeout=wait_seconds + 30, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def wait_healthy(self, members, asked=0, seconds=HEALTHY_SECONDS):
        """Until so many members are up and every partition has its copies in sync, in the eyes of one node."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(asked, max(1, int(deadline - time.monotonic())))
            if status and sum(member["state"] == "up" for member in status["members"]) == members:
                return status
            time.sleep(0.05)
        self.fail(f"the cluster was not healthy within {seconds} s")

    def fail(self, why):
        for place in range(len(self.ports)):
            path = os.path.join(self.directory, f"node-{place}.log")
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as log:
                    print(f"--- node {place}\n{log.read()[-2000:]}", file=sys.stderr)
        sys.exit(why)

    def owners(self):
        """Of every slot, the place of its owner."""
        connection = Connection(self.ports[0] + 1)
        lines = connection.ask("CLUSTER", "NODES").splitlines()
        connection.close()
        found = [None] * SLOTS
        for line in lines:
            words = line.split()
            port = int(words[1].split("@")[0].rsplit(":", 1)[1])
            for part in (word for word in words[8:] if not word.startswith("[")):
                first, _, last = part.partition("-")
                for number in range(int(first), int(last or first) + 1):
                    found[number] = self.ports.index(port - 1)
        return found

    def file_of(self, name, keys):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(keys))
        return path

    def pids(self):
        return [process.pid for process in self.processes if process]


def cpu_seconds(pids):
    """User and system time of these processes together."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def load(port, core, **settings):
    """Runs larder-load; what it printed."""
    words = [f"{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = subprocess.run(pinned(core, [LOAD, str(port), *words]), capture_output=True, text=True, check=False,
                          timeout=LOAD_SECONDS_MAX)
    if done.returncode:
        sys.exit(f"larder-load {port} {words}: {done.stderr}")
    return json.loads(done.stdout)


def idle(pids, ms):
    """CPU seconds that these processes use in a second without clients: leases and heartbeats."""
    before, began = cpu_seconds(pids), time.monotonic()
    time.sleep(ms / 1000)
    return (cpu_seconds(pids) - before) / (time.monotonic() - began)


def cost(pids, port, core, idle_rate=0.0, **settings):
    """A load, with the microseconds of CPU that all these processes together used for a request, beyond what they use idle."""
    before, began = cpu_seconds(pids), time.monotonic()
    found = load(port, core, **settings)
    used = cpu_seconds(pids) - before - idle_rate * (time.monotonic() - began)
    found["cpu_us"] = 1e6 * used / found["requests"]
    found["rate"] = found["requests"] / found["seconds"]
    return found


class Probe:
    """Asks one request after the other at fixed times while the block runs; `waits` are seconds from when each was due. In a
    process of its own: beside others in one it would measure how Python's threads take turns."""

    def __init__(self, port, every_seconds, words):
        self.port, self.every, self.words, self.waits, self.errors = port, every_seconds, words, [], 0
        self.given, self.told = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=self.run, args=(self.given,), daemon=True)

    def run(self, stop):
        connection = Connection(self.port)
        due, number, waits, errors = time.perf_counter(), 0, [], 0
        while not stop.poll():
            time.sleep(max(0.0, due - time.perf_counter()))
            number += 1
            reply = connection.ask(*self.words(number))
            errors += reply.startswith("-") and reply != "$-1"
            ended = time.perf_counter()
            while due < ended:
                waits.append(ended - due)
                due += self.every
        stop.send((waits, errors))

    def __enter__(self):
        self.process.start()
        self.given.close()
        return self

    def __exit__(self, *_):
        self.told.send("enough")
        if not self.told.poll(30):
            sys.exit(f"a probe of port {self.port} does not end")
        self.waits, self.errors = self.told.recv()
        self.process.join(30)

    def at(self, part):
        """Milliseconds that this part of the requests did not exceed."""
        ordered = sorted(self.waits)
        return 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


def set_everywhere(connection, keys, value):
    """Sets all keys, those that were refused again, until all are acknowledged. How many were refused."""
    refused = 0
    for _ in range(RETRIES_MAX):
        connection.socket.sendall(b"".join(encode("SET", key, value) for key in keys))
        keys = [key for key in keys if connection.line() != b"+OK"]
        refused += len(keys)
        if not keys:
            return refused
    sys.exit(f"{len(keys)} keys were still refused after {RETRIES_MAX} attempts")


def count_with(connection, keys, value):
    """How many of the keys have this value."""
    connection.socket.sendall(b"".join(encode("GET", key) for key in keys))
    right = 0
    for _ in keys:
        if connection.line() != b"$-1":
            right += connection.line() == value.encode()
    return right

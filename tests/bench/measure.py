"""The measurements of tools/bench. Each takes the running stack and the sizes of the run, does the
same through gatetape and through the plain jump host in turn, and gives rows for the report."""

import concurrent.futures
import contextlib
import hashlib
import heapq
import os
import random
import resource
import select
import subprocess
import time

import stack as bench
from machine import WAIT_S, wait_until

MIB = 1 << 20
PAUSE_MAX_S = 0.005
TEXT_BLOCK_BYTES = 8 * MIB
WARM_SESSIONS = 10
OPENERS = 8  # clients that log in at the same time


def quantile(values, part):
    values = sorted(values)
    return values[min(int(len(values) * part), len(values) - 1)]


def row(what, unit, **by_route):
    return {"what": what, "unit": unit, **by_route}


def latency_rows(what, times):
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        yield row(f"{what}, {name}", "ms", **{r: quantile(times[r], part) for r in times})


class CommitProbe:
    """Commits one small row at a time in the stack's own cluster; psql's \\timing measures it."""

    def __init__(self, gate):
        if gate.sql("select count(*) from pg_database where datname = 'bench'") == ["0"]:
            gate.sql("create database bench", "postgres")
            gate.sql("create table probe (id bigint generated always as identity primary key, "
                      "data bytea)", "bench")
        self.process = subprocess.Popen(gate.psql_words("bench"), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdin.write("\\timing on\n")

    def commit_ms(self):
        self.process.stdin.write("insert into probe (data) values ('\\x00112233445566778899');\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("Time: "):
                return float(line.split()[1])
        raise RuntimeError("psql ended")

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Stored:
    """What the record grew by between two looks. Only the recorder commits rows of frames, so the
    transactions that wrote them are its commits."""

    QUERY = ("select count(distinct xmin::text), coalesce(sum(last_seq - first_seq + 1), 0), "
             "coalesce(sum(bytes_in + bytes_out), 0), coalesce(sum(octet_length(data)), 0), "
             "pg_current_wal_insert_lsn() - '0/0' from gatetape.frames")

    def __init__(self, stack):
        self.gate, self.seconds, self.total = stack.gates["gatetape"], 0.0, [0] * 5

    @contextlib.contextmanager
    def watch(self):
        before, begin = self.look(), time.monotonic()
        yield
        self.seconds += time.monotonic() - begin
        after = self.look()
        self.total = [t + a - b for t, a, b in zip(self.total, after, before)]

    def look(self):
        return [int(value) for value in self.gate.sql(self.QUERY)]

    def rows(self, what):
        commits, frames, recorded, stored, wal = (max(1, value) for value in self.total)
        figures = (("commits", "1/s", commits / self.seconds),
                   ("frames per commit", "", frames / commits),
                   ("WAL bytes per recorded byte", "", wal / recorded),
                   ("bytes in frames.data per recorded byte", "", stored / recorded))
        return [row(f"{what}: {name}", unit, gatetape=value) for name, unit, value in figures]


def open_sessions(stack, route, count, pty=True):
    with concurrent.futures.ThreadPoolExecutor(OPENERS) as pool:
        return list(pool.map(lambda n: bench.Session(stack, route, n, pty), range(count)))


def end_sessions(sessions):
    for session in sessions:
        session.end()
    for session in sessions:
        session.wait()


def echo(stack, size):
    """One byte there and back, both ways and one commit in turn."""
    rows, commits = [], []
    probe = CommitProbe(stack.gates["gatetape"])
    stored = Stored(stack)
    for name, pty in (("echo", False), ("echo, pty", True)):
        sessions = {r: bench.Session(stack, r, 0, pty) for r in bench.ALL_ROUTES}
        times = {r: [] for r in bench.ALL_ROUTES}
        for _ in range(size["round_trips"]):
            for route, session in sessions.items():
                time.sleep(random.uniform(0, PAUSE_MAX_S))
                times[route].append(session.echo_ms())
            time.sleep(random.uniform(0, PAUSE_MAX_S))
            commits.append(probe.commit_ms())
        with stored.watch():
            for _ in range(size["round_trips"] // 4):
                time.sleep(random.uniform(0, PAUSE_MAX_S))
                sessions["gatetape"].echo_ms()
        rows += latency_rows(name, times)
        end_sessions(sessions.values())
    probe.end()
    commit = quantile(commits, 0.5)
    rows += [row("one commit, p50", "ms", gatetape=commit),
             row("one commit, p99", "ms", gatetape=quantile(commits, 0.99))]
    for at in rows[0], rows[2]:
        more = at["gatetape"] - at["plain"]
        rows += [row(f"{at['what']}: more than plain, in commits", "", gatetape=more / commit),
                 row(f"{at['what']}: more than plain and two commits", "ms",
                     gatetape=more - 2 * commit)]
    return rows + stored.rows("echo")


def write_random(path, size):
    with open(path, "wb") as out:
        for _ in range(size // MIB):
            out.write(os.urandom(MIB))


def write_text(path, size):
    """Lines as a log has them: few words, many numbers."""
    words = "accepted connection from session opened closed user query took rows GET POST".split()
    engine, lines, length = random.Random(1), [], 0
    while length < min(size, TEXT_BLOCK_BYTES):
        lines.append(f"2024-05-{engine.randrange(1, 31):02} {engine.random() * 86400:012.6f} "
                     f"host{engine.randrange(50)} [{engine.randrange(32768)}] "
                     f"{' '.join(engine.choices(words, k=5))} {engine.randrange(10 ** 9)}\n")
        length += len(lines[-1])
    block = "".join(lines).encode()
    with open(path, "wb") as out:
        for _ in range(size // len(block) + 1):
            out.write(block)
        out.truncate(size)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Mux:
    """An open connection that the transfers share, so that they are timed without its set-up."""

    def __init__(self, stack, route):
        self.stack, self.route = stack, route
        self.socket = str(stack.data / f"{route}.mux")
        quiet = subprocess.DEVNULL
        self.process = stack.ssh(route, 0, ["-M", "-N", "-S", self.socket], "-", quiet, quiet)
        wait_until(lambda: os.path.exists(self.socket), "there is a shared connection")

    def copy(self, command, source, sink):
        """Seconds that it took."""
        begin = time.monotonic()
        with open(source, "rb") as stdin, open(sink, "wb") as stdout:
            client = self.stack.ssh(self.route, 0, ["-S", self.socket], command, stdin, stdout)
            if client.wait() != 0:
                raise RuntimeError(f"{self.route}: {command} ended with {client.returncode}")
        return time.monotonic() - begin

    def end(self):
        self.process.kill()
        self.process.wait()
        os.remove(self.socket)


class Processor:
    """CPU seconds of each part of the way, by the route they belong to."""

    def __init__(self, stack, muxes):
        self.pids = {route: {"target sshd": stack.target, "ssh client": muxes[route].process.pid}
                     for route in bench.ALL_ROUTES}
        for route, gate in stack.gates.items():
            self.pids[route] |= gate.pids
        self.pids["plain"]["jump sshd"] = stack.jump
        self.used = {r: dict.fromkeys(parts, 0.0) for r, parts in self.pids.items()}

    @contextlib.contextmanager
    def watch(self, route):
        before = self.look(route)
        yield
        for part, seconds in self.look(route).items():
            self.used[route][part] += seconds - before[part]

    def look(self, route):
        now = {part: bench.cpu_seconds(pid) for part, pid in self.pids[route].items()}
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        now["ssh client"] += ended.ru_utime + ended.ru_stime
        return now

    def rows(self, what, gib):
        for parts in ("gateway", "jump sshd"), ("recorder",), ("postgres",), ("auditd",), (
                "target sshd",), ("ssh client",):
            values = {route: used[part] / gib for route, used in self.used.items()
                      for part in parts if part in used}
            yield row(f"{what}: CPU of {' | '.join(parts)}", "s/GiB", **values)


def transfer(stack, mux, processor, data, upload):
    """MiB/s of one copy of the file."""
    sink, far = str(stack.data / "sink"), str(stack.data / "far")
    with processor.watch(mux.route):
        if upload:
            seconds = mux.copy(f"cat > {far}", data, os.devnull)
        else:
            seconds = mux.copy(f"cat {data}", os.devnull, sink)
    copied = far if upload else sink
    if digest(copied) != digest(data):
        raise RuntimeError(f"{mux.route}: the copy differs")
    os.remove(copied)
    return os.path.getsize(data) / MIB / seconds


def bulk(stack, size):
    """Large files down and up over connections that are open, in pairs; medians."""
    rows = []
    for name, write in (("random", write_random), ("text", write_text)):
        data = str(stack.data / name)
        write(data, size["bulk_bytes"])
        for upload in (False, True):
            what = f"{'upload' if upload else 'download'}, {name}"
            muxes = {route: Mux(stack, route) for route in bench.ALL_ROUTES}
            processor = Processor(stack, muxes)
            speeds = {route: [] for route in bench.ALL_ROUTES}
            stored = Stored(stack)
            for pair in range(size["bulk_pairs"]):
                for route in bench.ALL_ROUTES[::1 if pair % 2 else -1]:
                    with stored.watch() if route == "gatetape" else contextlib.nullcontext():
                        speeds[route].append(
                            transfer(stack, muxes[route], processor, data, upload))
            for mux in muxes.values():
                mux.end()
            rows.append(row(what, "MiB/s", **{r: quantile(speeds[r], 0.5) for r in speeds}))
            rows += processor.rows(what, size["bulk_bytes"] * size["bulk_pairs"] / 1024 / MIB)
            rows += stored.rows(what)
    return rows


def setups(stack, size):
    """`ssh -J ... true` over and over, by four clients at a time."""
    times = {route: [] for route in bench.ROUTES}
    seconds = dict.fromkeys(bench.ROUTES, 0.0)

    def client(route, number, deadline):
        while time.monotonic() < deadline:
            begin = time.monotonic()
            quiet = subprocess.DEVNULL
            if stack.ssh(route, number, [], "true", quiet, quiet).wait() != 0:
                raise RuntimeError(f"{route}: a session failed")
            times[route].append((time.monotonic() - begin) * 1000)

    for _ in range(size["setup_windows"]):
        for route in bench.ROUTES:
            begin = time.monotonic()
            deadline = begin + size["setup_window_s"]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda n, r=route, d=deadline: client(r, n, d), range(4)))
            seconds[route] += time.monotonic() - begin
    rows = [row("session set-ups, 4 clients", "1/s",
                **{r: len(times[r]) / seconds[r] for r in times})]
    return rows + list(latency_rows("one session set-up", times))


def memory(stack, size):
    """What an idle pty session adds, once the first few have been."""
    def look():
        pids = stack.gates["gatetape"].pids
        return {"gateway": bench.resident_kib(pids["gateway"]),
                "recorder": bench.resident_kib(pids["recorder"]),
                "jump sshd": bench.tree_resident_kib(stack.jump)}

    grown = {}
    for route in bench.ROUTES:
        end_sessions(open_sessions(stack, route, WARM_SESSIONS))
        before = look()
        sessions = open_sessions(stack, route, size["idle_sessions"])
        time.sleep(1)
        after = look()
        end_sessions(sessions)
        grown[route] = {part: (after[part] - before[part]) / len(sessions) for part in after}
    return [row("idle session: memory of gateway | jump sshd", "KiB",
                gatetape=grown["gatetape"]["gateway"], plain=grown["plain"]["jump sshd"]),
            row("idle session: memory of recorder", "KiB",
                gatetape=grown["gatetape"]["recorder"])]


def type_in_all(sessions, seconds):
    """Each session types a key every 100 to 300 ms, when the one before came back."""
    times, typed_at = [], {}
    ready = select.epoll()
    for session in sessions:
        ready.register(session.shown, select.EPOLLIN)
    by_fd = {session.shown: session for session in sessions}
    begin = time.perf_counter()
    due = [(begin + random.uniform(0, 0.3), session.shown) for session in sessions]
    heapq.heapify(due)
    while due or typed_at:
        while due and due[0][0] <= time.perf_counter():
            shown = heapq.heappop(due)[1]
            typed_at[shown] = time.perf_counter()
            os.write(by_fd[shown].typed, b"k")
        pause = max(0.0, due[0][0] - time.perf_counter()) if due else WAIT_S
        for shown, _ in ready.poll(pause):
            by_fd[shown].read()
            now = time.perf_counter()
            times.append((now - typed_at.pop(shown)) * 1000)
            again = now + random.uniform(0.1, 0.3)
            if again < begin + seconds:
                heapq.heappush(due, (again, shown))
    ready.close()
    return times


def typing(stack, size):
    """Many people type at the same time."""
    count = size["typists"]
    sessions = {route: open_sessions(stack, route, count) for route in bench.ROUTES}
    times = {route: [] for route in bench.ROUTES}
    stored = Stored(stack)
    for _ in range(size["typing_windows"]):
        for route in bench.ROUTES:
            with stored.watch() if route == "gatetape" else contextlib.nullcontext():
                times[route] += type_in_all(sessions[route], size["typing_window_s"])
    for route in bench.ROUTES:
        end_sessions(sessions[route])
    what = f"echo, {count} typists"
    rates = {r: len(times[r]) / size["typing_windows"] / size["typing_window_s"] for r in times}
    return [*latency_rows(what, times), row(f"{what}: keys", "1/s", **rates),
            *stored.rows(what)]


# Memory first: later the heap has room from what was before.
ALL = {"memory": memory, "echo": echo, "bulk": bulk, "setups": setups, "typing": typing}

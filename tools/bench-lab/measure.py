"""Runs programs and measures wall time, CPU seconds and peak memory of each; compares contenders side by side."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1
# A machine is quiet when others leave most of it alone.
QUIET_SHARE = 0.15
LOOK_SECONDS = 0.5


class Failed(Exception):
    """A program that was to be measured did not do its work."""


@dataclass
class Run:
    """One run of one contender. `peer_cpu` is what the PACS used, `machine_cpu` what the whole machine did meanwhile;
    `parts` are spans within the run: name -> seconds."""

    wall: float
    cpu: float
    peak_bytes: int
    machine_cpu: float
    peer_cpu: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    def others(self) -> float:
        """The share of the machine that was taken by programs that have nothing to do with the run."""
        return max(0.0, self.machine_cpu - self.cpu - self.peer_cpu) / (self.wall * CORES)


class Program:
    """A command in the background. GNU time measures it: it is small, and a child's peak memory is never less than
    what the process that started it held."""

    def __init__(self, command: list, folder: Path):
        self.command = [str(word) for word in command]
        self.usage = folder / "usage"
        self.output = folder / "output"
        measured = ["/usr/bin/time", "--quiet", "--format=%U %S %M", f"--output={self.usage}", *self.command]
        with self.output.open("wb") as output:
            self.machine = machine_cpu()
            self.started = time.perf_counter()
            self.process = subprocess.Popen(measured, stdout=output, stderr=output)

    def ended(self) -> bool:
        return self.process.poll() is not None

    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def wait(self) -> Run:
        code = self.process.wait()
        wall, machine = self.seconds(), machine_cpu() - self.machine
        if code:
            tail = self.output.read_text(errors="replace")[-2000:]
            raise Failed(f"exit code {code}: {' '.join(self.command)}\n{tail}")
        user, system, peak = self.usage.read_text().split()
        return Run(wall, float(user) + float(system), int(peak) * 1024, machine)


def measure(command: list, folder: Path) -> Run:
    """Runs a command to its end."""
    return Program(command, folder).wait()


def together(programs: Iterable[Program]) -> Run:
    """Waits for programs that run at the same time, and takes them as one: memory counts for all of them."""
    runs = [program.wait() for program in programs]
    return Run(
        wall=max(run.wall for run in runs),
        cpu=sum(run.cpu for run in runs),
        peak_bytes=sum(run.peak_bytes for run in runs),
        machine_cpu=max(run.machine_cpu for run in runs),
    )


def machine_cpu() -> float:
    """CPU seconds that all cores together have worked since the machine started."""
    _, *fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _iowait, *interrupts = (int(word) for word in fields[:8])
    return (user + nice + system + sum(interrupts)) / TICKS_PER_SECOND


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a running process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def peak_bytes(pid: int) -> int:
    """The most memory that a running process has held."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def wait_until_quiet(at_most: float) -> None:
    """Waits until the machine has little else to do, but not for ever."""
    started = time.perf_counter()
    while time.perf_counter() - started < at_most:
        before = machine_cpu()
        time.sleep(LOOK_SECONDS)
        if machine_cpu() - before < QUIET_SHARE * CORES * LOOK_SECONDS:
            return


@dataclass
class Comparison:
    """Contenders that do the same work. The first is what a site would use today; ratios are to it."""

    name: str
    title: str
    instances: int
    source_bytes: int
    contenders: dict[str, Callable[[], Run]]
    goal: str = ""
    runs: dict[str, list[Run]] = field(default_factory=dict)

    def measure(self, repetitions: int, patience: float, say: Callable[[str], None]) -> None:
        """Runs every contender in turn, again and again, so that noise of the machine hits all alike; each
        waits up to `patience` seconds for a quiet machine."""
        for repetition in range(repetitions):
            for name, contender in self.contenders.items():
                wait_until_quiet(patience)
                run = contender()
                self.runs.setdefault(name, []).append(run)
                say(f"{self.name} {repetition + 1}/{repetitions}: {run.wall:6.2f} s  {name}")

    def rows(self) -> list[dict]:
        """A row for each contender and for each part of one: medians, and the range of wall times."""
        rows = []
        for name, runs in self.runs.items():
            rows.append(self.row(name, [run.wall for run in runs]) | self.cost(runs))
            for part in runs[0].parts:
                rows.append(self.row(f"- {part}", [run.parts[part] for run in runs]))
        for row in rows:
            row["ratio"] = rows[0]["wall"] / row["wall"]
        return rows

    def row(self, name: str, walls: list[float]) -> dict:
        wall = statistics.median(walls)
        return {
            "name": name,
            "wall": wall,
            "fastest": min(walls),
            "slowest": max(walls),
            "instances_per_second": self.instances / wall,
            "megabytes_per_second": self.source_bytes / wall / 1e6,
        }

    @staticmethod
    def cost(runs: list[Run]) -> dict:
        return {
            "cpu": statistics.median(run.cpu for run in runs),
            "peer_cpu": statistics.median(run.peer_cpu for run in runs),
            "peak_megabytes": max(run.peak_bytes for run in runs) / 1e6,
            "others": statistics.median(run.others() for run in runs),
        }

"""Several hosts on one Linux machine: namespaces joined by a bridge, each with an address, /tmp and processes of its own.

Nothing here has a name that outlives it. Namespaces live as long as their first process, every first process dies with the
one that made it (the kernel sees to that, also after kill -9), and links vanish with their namespaces. So a lab that was
broken off leaves nothing behind but an empty folder `/mnt/shared`, on which the shared one is mounted, and two labs do not meet.

The hosts share one kernel: one clock, one memory, one file system under `/mnt/shared`. What needs several of these (a clock
that is wrong, the rules of NFS) cannot be shown here.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path("/mnt/shared")
PROGRAMS = ("ip", "unshare", "nsenter", "setpriv", "mount", "hostname")
SECONDS_TO_START = 20.0

# Runs as the first process of a host. Arguments: name, folder of the host, shared folder, folders to show as they are.
FIRST_PROCESS = r"""
set -e
name=$1 own=$2 shared=$3; shift 3
mount --make-rprivate /
hostname "$name"
mount -t proc proc /proc
for shown in "$@"; do
  case $shown in
    /tmp/*|/root/*) mkdir -p "$own$shown"; mount --bind "$shown" "$own$shown";;
  esac
done
mkdir -p /mnt/shared
mount --bind "$shared" /mnt/shared
mount --bind "$own/../hosts" /etc/hosts
mount --bind "$own/run" /run
mount --rbind "$own/root" /root
mount --rbind "$own/tmp" /tmp
mount -t tmpfs -o size=1g tmpfs /dev/shm
echo ready
exec >/dev/null
trap : TERM INT
while :; do sleep 1000 & wait $! || :; done
"""


def missing() -> str:
    """Why there can be no lab on this machine; empty if there can."""
    if not sys.platform.startswith("linux"):
        return "the lab of several hosts needs Linux"
    if os.geteuid() != 0:
        return "the lab of several hosts needs root"
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if lacking:
        return f"the lab of several hosts needs iproute2 and util-linux: {', '.join(lacking)} is missing"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "--mount", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "the lab of several hosts needs namespaces, which this machine refuses"


@dataclass
class Host:
    """One host. Its files stay when it is powered off, as on a disk.

    Attributes:
        number: h1 is 1; the operator's machine, which holds the bridge, is 0.
        folder: holds the host's /tmp, /root and /run.
    """

    number: int
    folder: Path
    shown: tuple[str, ...]
    shared: Path
    outer: subprocess.Popen[str] | None = None
    first: int = 0

    @property
    def name(self) -> str:
        """`laptop`, `h1`, `h2`."""
        return f"h{self.number}" if self.number else "laptop"

    @property
    def address(self) -> str:
        """On the lab's network."""
        return address_of(self.number)

    def power_on(self) -> None:
        """Start the first process in namespaces of its own.

        Raises:
            RuntimeError: it does not come up; with what it said.
        """
        for part in ("tmp", "root/.ssh", "run"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "tmp").chmod(0o1777)
        for private in ("root", "root/.ssh"):
            (self.folder / private).chmod(0o700)
        for old in (*(self.folder / "run").iterdir(), *(self.folder / "tmp").glob("ray")):
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink()
        spaces = ["--net", "--pid", "--fork", "--mount", "--uts", "--ipc", "--kill-child"]
        arguments = [self.name, str(self.folder), str(self.shared), *self.shown]
        self.outer = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *spaces, "bash", "-c", FIRST_PROCESS, "host", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "first.log").open("w"),
            text=True,
            start_new_session=True,
        )
        assert self.outer.stdout is not None
        if self.outer.stdout.readline().strip() != "ready":
            self.outer.wait(SECONDS_TO_START)
            raise RuntimeError(f"{self.name} does not start: {(self.folder / 'first.log').read_text()}")
        self.first = psutil.Process(self.outer.pid).children()[0].pid
        self.network("link", "set", "lo", "up")

    def end(self) -> None:
        """Every process dies at once. Their connections would be closed in order: to lose power, cut the link first."""
        if self.outer is not None:
            self.outer.kill()
            self.outer.wait()
            deadline = time.monotonic() + SECONDS_TO_START
            while psutil.pid_exists(self.first) and time.monotonic() < deadline:
                time.sleep(0.02)
            self.outer, self.first = None, 0

    def network(self, *arguments: str, check: bool = True) -> None:
        """`ip ARGUMENTS` in the host's network."""
        subprocess.run(["nsenter", "-t", str(self.first), "-n", "ip", *arguments], check=check, capture_output=True)

    def run(
        self, command: str, *, timeout: float = 60.0, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself.

        Raises:
            AssertionError: it ended with another code than 0, and `check`.
        """
        done = subprocess.run(
            self._inside(command, env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, (
            f"{self.name}: {command}\n{done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def start(self, command: str, log: Path, *, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A command in the background, which ends with the host at the latest."""
        with log.open("w") as file:
            inside = self._inside(command, env or {})
            return subprocess.Popen(inside, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)

    def processes(self, part: str = "") -> list[psutil.Process]:
        """Processes of this host, as the outer machine sees them, whose command line holds a text."""
        space, found = os.readlink(f"/proc/{self.first}/ns/pid"), []
        for process in psutil.process_iter():
            try:
                ours = os.readlink(f"/proc/{process.pid}/ns/pid") == space
                if ours and part in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, OSError):
                continue
        return found

    def _inside(self, command: str, env: Mapping[str, str]) -> list[str]:
        assigned = [f"{name}={value}" for name, value in {**environment(), **env}.items()]
        enter = ["nsenter", "-t", str(self.first), "-n", "-p", "-m", "-u", "-i"]
        return [*enter, "env", "-i", *assigned, "bash", "-c", f"cd {shlex.quote(str(ROOT))} && {command}"]


@dataclass
class Lab:
    """Hosts on a bridge. `with Lab(folder) as lab: lab.add(1)`."""

    folder: Path
    hosts: dict[int, Host] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shared = self.folder / "shared"
        self.shared.mkdir(parents=True, exist_ok=True)
        names = [f"{address_of(number)} {'h' + str(number) if number else 'laptop'}" for number in range(10)]
        (self.folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *names, ""]))
        self.laptop = self._power_on(0)
        for arguments in (
            "link add br0 type bridge",
            f"addr add {self.laptop.address}/24 dev br0",
            "link set br0 up",
        ):
            self.laptop.network(*arguments.split())

    def add(self, number: int) -> Host:
        """A host, or power for one that was off."""
        host = self._power_on(number)
        # connections that were never closed keep the old link's other end for a while
        self.laptop.network("link", "del", f"v{number}", check=False)
        self.laptop.network(
            *f"link add v{number} type veth peer name eth0 address 02:00:00:00:00:{number:02x} netns {host.first}".split()
        )
        self.laptop.network(*f"link set v{number} master br0 up".split())
        host.network(*f"addr add {host.address}/24 dev eth0".split())
        host.network(*["link", "set", "eth0", "up"])
        host.network(*f"route add default via {self.laptop.address}".split())
        return host

    def power_off(self, number: int) -> None:
        """The host is gone without a word: its link first, so that nobody hears its connections close."""
        self.cut(number)
        self.hosts[number].end()

    def cut(self, number: int) -> None:
        """Take the link down; the host lives on and does not know."""
        self.laptop.network(*f"link set v{number} down".split())

    def mend(self, number: int) -> None:
        """The link is back."""
        self.laptop.network(*f"link set v{number} up".split())

    def close(self) -> None:
        """End everything."""
        for host in self.hosts.values():
            host.end()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _power_on(self, number: int) -> Host:
        shown = tuple(dict.fromkeys([str(ROOT), sys.prefix, sys.base_prefix]))
        host = self.hosts.get(number) or Host(number, self.folder / f"host-{number}", shown, self.shared)
        self.hosts[number] = host
        host.power_on()
        return host


def address_of(number: int) -> str:
    """10.77.0.11 is h1; the laptop is 10.77.0.1."""
    return f"10.77.0.{10 + number if number else 1}"


def environment() -> dict[str, str]:
    """What a log-in on a host gives: nothing of the outer machine's but the paths to the program."""
    path = os.pathsep.join(
        [str(Path(sys.prefix) / "bin"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    )
    return {
        "HOME": "/root",
        "USER": "root",
        "LANG": "C.UTF-8",
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "RAY_memory_monitor_refresh_ms": "0",
        "OMP_NUM_THREADS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "ORCHESTRATOR_STORAGE": str(SHARED / "runs"),
    }

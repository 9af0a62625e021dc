"""The lab itself: hosts that see each other, lose their power, their link, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.lab.hosts import ROOT, Lab

pytestmark = pytest.mark.lab


def reaches(lab: Lab, source: int, target: int) -> bool:
    code = f"import socket; socket.create_connection(('h{target}', 4000), 2)"
    return lab.hosts[source].run(f'python -c "{code}"', check=False).returncode == 0


def serve(lab: Lab, number: int, log: Path) -> None:
    lab.hosts[number].start(f"python -m http.server --bind {lab.hosts[number].address} 4000", log)


def test_hosts_share_one_folder_and_nothing_else_and_lose_link_and_power(lab: Lab, tmp_path: Path) -> None:
    one, two = lab.add(1), lab.add(2)
    one.run("echo hello > /mnt/shared/word; echo own > /tmp/own; echo own > ~/own")
    assert two.run("hostname; cat /mnt/shared/word; ls /tmp/own ~/own", check=False).stdout == "h2\nhello\n"
    assert two.run("python -c 'import orchestrator; print(orchestrator.__file__)'").stdout.startswith(str(ROOT))
    assert int(two.run("ls -d /proc/[0-9]* | wc -l").stdout) < 10
    serve(lab, 2, tmp_path / "server.log")
    time.sleep(1.0)
    assert reaches(lab, 1, 2)
    lab.cut(2)
    assert not reaches(lab, 1, 2)
    lab.mend(2)
    assert reaches(lab, 1, 2)
    assert two.processes("http.server")
    lab.power_off(2)
    assert not reaches(lab, 1, 2)
    two = lab.add(2)
    assert not two.processes("http.server")
    serve(lab, 2, tmp_path / "server.log")
    time.sleep(1.0)
    assert reaches(lab, 1, 2)


def test_a_lab_whose_owner_is_killed_leaves_no_process(tmp_path: Path) -> None:
    code = f"""
import time; from pathlib import Path; from tests.lab.hosts import Lab
lab = Lab(Path({str(tmp_path / "lab")!r})); host = lab.add(1)
sleeper = host.start("sleep 600", Path({str(tmp_path / "log")!r})); time.sleep(0.5)
print(host.first, lab.laptop.first, *[each.pid for each in host.processes("sleep 600")], flush=True); time.sleep(600)
"""
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    numbers = [int(word) for word in owner.stdout.readline().split()]
    assert len(numbers) >= 3
    assert all(psutil.pid_exists(number) for number in numbers)
    owner.kill()
    owner.wait()
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(number) for number in numbers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(psutil.pid_exists(number) for number in numbers)

"""Hosts that one logs in to by ssh, and `docs/clusters/on_premises.yaml` with their addresses."""

from __future__ import annotations

import copy
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.lab.hosts import ROOT, SHARED, Host, Lab, environment

FILE = ROOT / "docs" / "clusters" / "on_premises.yaml"
HEAD, WORKERS = 1, (2, 3)
BARE = """
HostKey /root/.ssh/host_key
AuthorizedKeysFile /root/.ssh/authorized_keys
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
"""


def missing_for_ssh() -> str:
    """Why no host can be logged in to; empty if they can."""
    if not Path("/usr/sbin/sshd").exists() or shutil.which("ssh-keygen") is None:
        return "logging in to hosts of the lab needs openssh-server"
    return ""


def missing_for_jobs() -> str:
    """Why Ray has no dashboard, and with it no jobs; empty if it has."""
    try:
        import ray.dashboard.optional_deps  # noqa: F401
    except ImportError as error:
        return f"jobs need Ray's dashboard, which needs the packages of ray[default]: {error}"
    return ""


def with_ssh(lab: Lab, token: str) -> None:
    """Hosts with an sshd, a key that opens all of them, and an environment that a log-in without a terminal reads.

    Args:
        lab: gets hosts for head and workers.
        token: of Ray's token authentication; lies on every host, and on the laptop.
    """
    key = lab.folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for host in (lab.laptop, *(lab.add(number) for number in (HEAD, *WORKERS))):
        _furnish(host, key, token)
    for number in (HEAD, *WORKERS):
        host = lab.hosts[number]
        (host.folder / "tmp" / "sshd_config").write_text(BARE)
        host.run("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/host_key; mkdir -p -m 755 /run/sshd")
        host.run("/usr/sbin/sshd -f /tmp/sshd_config -E /tmp/sshd.log")


def _furnish(host: Host, key: Path, token: str) -> None:
    home = host.folder / "root"
    shutil.copy(key, home / ".ssh" / "id_ed25519")
    shutil.copy(key.with_suffix(".pub"), home / ".ssh" / "authorized_keys")
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    (home / "bin").mkdir(exist_ok=True)
    if shutil.which("rsync") is None:
        script = home / "bin" / "rsync"
        script.write_text(f'#!/bin/sh\nexec python {ROOT}/tests/lab/rsync.py "$@"\n')
        script.chmod(0o755)
    (home / ".ray").mkdir(exist_ok=True)
    (home / ".ray" / "auth_token").write_text(token)
    (home / ".ray" / "auth_token").chmod(0o600)
    lines = [f"export {name}={value!r}" for name, value in environment().items() if name not in ("HOME", "USER")]
    own = ['export PATH="$HOME/bin:$PATH"', "export RAY_AUTH_MODE=token", "export RAY_UP_enable_autoscaler_v2=0"]
    (home / ".bashrc").write_text("\n".join([*lines, *own, ""]))
    (home / ".profile").write_text(". ~/.bashrc\n")


def lab_yaml(lab: Lab, dashboard: bool) -> Path:
    """The project's file for clusters on premises, with this lab's addresses and without what installs the program.

    The program is on every host already, under the same path, and a lab has one log-in file in place of two.
    """
    config: dict[str, Any] = copy.deepcopy(yaml.safe_load(FILE.read_text()))
    config["provider"] |= {
        "head_ip": lab.hosts[HEAD].address,
        "worker_ips": [lab.hosts[number].address for number in WORKERS],
    }
    config["min_workers"] = config["max_workers"] = len(WORKERS)
    config["auth"]["ssh_user"] = "root"
    config["file_mounts"] = {"~/xray/pyproject.toml": str(ROOT / "pyproject.toml")}
    config["setup_commands"] = [f"mountpoint -q {SHARED}"]
    config["head_setup_commands"] = [
        each.replace(".xray_environment", ".bashrc") for each in config["head_setup_commands"]
    ]
    small = "--object-store-memory=100000000 --dashboard-agent-listen-port=20003 --metrics-export-port=20006"
    named = " --node-ip-address={address} " + small
    stop, start, mlflow = config["head_start_ray_commands"]
    start += named.format(address=lab.hosts[HEAD].address) + ("" if dashboard else " --include-dashboard=false")
    config["head_start_ray_commands"] = [stop, start, mlflow]
    stop, start = config["worker_start_ray_commands"]
    own = "$(hostname -I | cut -d' ' -f1)"
    config["worker_start_ray_commands"] = [stop, f"{start} --num-cpus=2" + named.format(address=own)]
    path = lab.shared / "on_premises.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def new_token() -> str:
    """As `ray get-auth-token --generate` makes one."""
    return secrets.token_hex(32)

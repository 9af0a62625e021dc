"""Make `.venv` from requirements.lock with nothing but a plain python3.

Run by `make setup`. The syntax stays that of Python 3.6, so that an older interpreter prints a message and no traceback.
A stamp in `.venv` names what it was made from: with the same lock, project file and place there is nothing to do. A
set-up that was interrupted has no stamp; what was downloaded is kept, what was installed is linked again.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from typing import Iterator, NoReturn, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "setup-complete")
IN_PROGRESS = os.path.join(VENV, "setup-in-progress")

OLDEST, NEWEST = (3, 11), (3, 14)
NEEDED_GB = 12
MACHINE_ERROR = 3


def main() -> int:
    """Set up `.venv` unless that is done already, and return an exit code."""
    if is_complete():
        return 0
    require_python()
    require_disk()
    with one_at_a_time():
        if not is_complete():
            set_up()
    return 0


def set_up() -> None:
    """Create the environment, install everything into it and write the stamp, which is written last."""
    make_environment()
    interrupted = os.path.exists(IN_PROGRESS)
    with contextlib.suppress(FileNotFoundError):
        os.remove(STAMP)
    write(IN_PROGRESS, "")
    install_uv()
    install_lock(again=interrupted)
    install_project()
    write(STAMP, fingerprint())
    os.remove(IN_PROGRESS)


def is_complete() -> bool:
    """Whether `.venv` was set up to the end, here, from the present lock and project file."""
    try:
        with open(STAMP, encoding="utf-8") as stamp:
            return os.path.exists(PYTHON) and stamp.read() == fingerprint()
    except OSError:
        return False


def fingerprint() -> str:
    """Hash of the lock, the project file, the environment's python and the place, which its scripts have written in."""
    digest = hashlib.sha256(VENV.encode())
    for path in (
        os.path.join(ROOT, "requirements.lock"),
        os.path.join(ROOT, "pyproject.toml"),
        os.path.join(VENV, "pyvenv.cfg"),
    ):
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def require_python() -> None:
    """Go on under a supported interpreter: this one, or the newest that stands on PATH."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    found = find_python()
    if found is not None:
        os.execv(found, [found, os.path.abspath(__file__), *sys.argv[1:]])
    here = ".".join(str(part) for part in sys.version_info[:3])
    fail(
        f"The set-up needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}, but `{sys.executable}` is {here} and no other was found "
        "on PATH. Install one (on Debian or Ubuntu: sudo apt install python3.12 python3.12-venv; elsewhere from your "
        "package manager, python.org or conda), then run `make setup` again, or name it: make setup "
        "PYTHON=/path/to/python3.12"
    )


def find_python() -> Optional[str]:
    """The newest supported interpreter on PATH that starts and can make environments; else one that starts."""
    works: list[tuple[bool, str]] = []  # an annotation that is never evaluated
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        path = shutil.which(f"python3.{minor}")
        if path is None or not runs(path, "-c", "import venv"):
            continue
        works.append((runs(path, "-c", "import ensurepip"), path))
    best = [path for complete, path in works if complete] + [path for _, path in works]
    return best[0] if best else None


def require_disk() -> None:
    """Refuse to start a set-up that would fill the disk."""
    if os.path.exists(STAMP) or os.path.exists(IN_PROGRESS):
        return  # most of it is there already
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < NEEDED_GB:
        fail(
            f"The set-up needs {NEEDED_GB} GB of free disk (PyTorch alone takes 6), but the file system of {ROOT} has "
            f"{free_gb:.1f} GB. Free some space, or clone the project onto a larger disk."
        )


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let a second set-up of this folder wait for the first; the lock dies with its process."""
    import fcntl

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        # some network file systems cannot lock: two set-ups at once are unlikely enough to go on
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another set-up of this folder")
                fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def make_environment() -> None:
    """Create `.venv`, or make it anew where it is broken, was moved or belongs to another python."""
    if runs(PYTHON, "-m", "pip", "--version") and made_here():
        return
    if not runs(sys.executable, "-c", "import ensurepip"):
        fail(
            f"`{sys.executable}` cannot make virtual environments, because its module ensurepip is missing. On Debian or "
            f"Ubuntu: sudo apt install python3-venv (or python3.{sys.version_info[1]}-venv). Then run `make setup` again."
        )
    say("Making .venv with Python {}.{}".format(*sys.version_info[:2]))
    run("Making .venv failed", sys.executable, "-m", "venv", "--clear", VENV)


def made_here() -> bool:
    """Whether the environment was made to the end (`activate` comes last), in this folder, with a supported python."""
    try:
        with open(os.path.join(VENV, "bin", "activate"), encoding="utf-8") as file:
            if VENV not in file.read():
                return False
    except OSError:
        return False
    check = f"import sys; sys.exit(not {OLDEST!r} <= sys.version_info[:2] <= {NEWEST!r})"
    return runs(PYTHON, "-c", check)


def install_uv() -> None:
    """Install uv, which resolves nothing here and downloads in parallel, with the environment's own pip."""
    if runs(PYTHON, "-m", "uv", "--version"):
        return
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--force-reinstall", "uv")
    run("pip could not install uv: is a package index within reach?", *pip)


def install_lock(again: bool) -> None:
    """Install the locked packages; `again` links those anew that an interrupted set-up may have left half-written.

    Where Python is told not to write bytecode (PYTHONDONTWRITEBYTECODE), all of it is compiled here: else every process
    would compile torch, Ray and MLflow again whenever it starts.
    """
    say("Installing the locked packages (about 6 GB, once)")
    flags = ["--compile-bytecode"] if sys.dont_write_bytecode else []
    flags += ["--reinstall"] if again else []
    uv("Installing requirements.lock failed", "--requirement", "requirements.lock", *flags)


def install_project() -> None:
    """Install this project editable; setuptools comes from the lock, so that nothing else is fetched."""
    uv("Installing the project failed", "--no-deps", "--no-build-isolation", "--editable", ".")


def uv(failure: str, *arguments: str) -> None:
    """Run `uv pip install` on `.venv`; its 170 lines of names are left out where nobody watches its progress bars."""
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    run(failure, PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *(quiet + list(arguments)))


def run(failure: str, *command: str) -> None:
    """Run a command in the project's folder and end with `failure` when it fails; its own lines say why."""
    code = subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    if code:
        fail(f"{failure} (exit code {code}); the lines above say why. Run `make setup` again to go on.")


def runs(*command: str) -> bool:
    """Whether a command can be started and ends well."""
    try:
        quiet = subprocess.DEVNULL
        return subprocess.call(command, stdin=quiet, stdout=quiet, stderr=quiet) == 0
    except OSError:
        return False


def write(path: str, text: str) -> None:
    """Write a small file whole or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def say(line: str) -> None:
    """Tell the user what goes on; stdout stays free."""
    print("setup: " + line, file=sys.stderr, flush=True)


def fail(message: str) -> NoReturn:
    """End with a plain message; 3 means the machine, not the user."""
    say(message)
    sys.exit(MACHINE_ERROR)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; run `make setup` again to go on.")
        sys.exit(130)

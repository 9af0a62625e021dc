"""A headless Chromium that a test drives: by its debugging pipe, without a further library."""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe", "about:blank")

# what MLflow shows on somebody's very first visit only
WITHOUT_GREETINGS = """
if (location.protocol.startsWith("http")) {
    localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
    localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
}
"""


class Browser:
    """One page of one browser.

    Args:
        process: a Chromium that reads commands from its file 3 and answers on 4.
        commands, answers: the other ends of these.

    Attributes:
        errors: what pages have said on the console as errors, or thrown, or failed to fetch.
    """

    def __init__(self, process: subprocess.Popen[bytes], commands: int, answers: int) -> None:
        self.errors: list[str] = []
        self._process = process
        self._commands = commands
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        self._session = ""
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=WITHOUT_GREETINGS)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        plain = {"id": self._number, "method": method, "params": params}
        if self._session:
            plain["sessionId"] = self._session
        os.write(self._commands, json.dumps(plain).encode() + b"\0")
        while True:
            message = self._messages.get(timeout=60)
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def open(self, address: str, *, width: int = 1280, height: int = 800) -> None:
        """Go to a page; nothing of the one before is left."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=address)

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, script: str, seconds: float = 60.0) -> Any:
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + seconds
        while not (value := self.ask(script)):
            assert time.monotonic() < end, f"{script} did not become true. The page says:\n{self.text()}\n{self.errors}"
            time.sleep(0.2)
        return value

    def text(self) -> str:
        """What a person reads."""
        return str(self.ask("document.body.innerText"))

    def wait_for_text(self, *texts: str) -> None:
        """Wait until the page shows all of them."""
        for text in texts:
            self.wait(f"document.body.innerText.includes({json.dumps(text)})")

    def picture(self, path: Path) -> None:
        """Save what is seen, once it has come to rest."""
        time.sleep(1.0)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _listen(self, answers: int) -> None:
        with os.fdopen(answers, "rb") as stream:
            rest = b""
            while chunk := os.read(stream.fileno(), 1 << 16):
                *whole, rest = (rest + chunk).split(b"\0")
                for each in whole:
                    self._messages.put(json.loads(each))

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(params["exceptionDetails"])[:2000])
            case "Runtime.consoleAPICalled" if params["type"] == "error":
                self.errors.append(" ".join(str(each.get("value", each.get("description"))) for each in params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser | None]:
    """A browser with a profile in the folder; None where the machine has none."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        yield None
        return
    (reads, commands), (answers, writes) = os.pipe(), os.pipe()
    line = ["bash", "-c", f'exec "$@" 3<&{reads} 4>&{writes}', "browser", program]
    line += [f"--user-data-dir={folder / 'profile'}", *OPTIONS]
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(line, pass_fds=(reads, writes), stdout=log, stderr=log, start_new_session=True)
    os.close(reads)
    os.close(writes)
    try:
        yield Browser(process, commands, answers)
    finally:
        os.close(commands)  # the end of its commands ends a browser
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

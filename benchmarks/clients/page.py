"""A page in Chromium against a server: OpenAI's client from npm, `fetch` with MSE, WebSockets.

    npm install openai esbuild           # in some folder
    python -m engine serve --cors-origin http://127.0.0.1:8900
    python benchmarks/clients/page.py http://127.0.0.1:8000 --packages FOLDER

Serves page.html at http://127.0.0.1:8900, opens it in a headless Chromium (Debian's package
`chromium`), and prints what the page reports; among it whether words are marked while they are
said, which highlight.html shows to people.
"""

from __future__ import annotations

import argparse
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
PORT = 8900
PATIENCE_S = 90.0


class PageHandler(SimpleHTTPRequestHandler):
    """Serves files, and takes the page's report."""

    reports: queue.Queue[str] = queue.Queue()

    def do_POST(self) -> None:
        """The report."""
        length = int(self.headers["Content-Length"])
        self.reports.put(self.rfile.read(length).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def bundle(packages: Path, folder: Path) -> None:
    """The page and its script, with OpenAI's client in it."""
    # A copy beside the packages, which esbuild looks for beside the script.
    script = packages / "openai_npm.mjs"
    shutil.copyfile(HERE / script.name, script)
    command = [
        str(packages / "node_modules/.bin/esbuild"),
        str(script),
        "--bundle",
        "--format=esm",
        "--log-level=error",
        f"--outfile={folder / 'openai_npm.js'}",
    ]
    subprocess.run(command, check=True, cwd=packages)
    for name in ("page.html", "highlight.js", "highlight.html"):
        shutil.copyfile(HERE / name, folder / name)


def open_page(url: str, folder: Path) -> str:
    """What the page reports. Raises queue.Empty if it does not."""
    address = f"http://127.0.0.1:{PORT}/page.html?server={url}"
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={folder / 'profile'}",
        address,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            return PageHandler.reports.get(timeout=PATIENCE_S)
        finally:
            browser.terminate()


def main() -> int:
    """1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--packages", type=Path, required=True)
    options = parser.parse_args()
    version = subprocess.run(
        ["chromium", "--version"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    print(version.stdout.strip())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        bundle(options.packages.resolve(), folder)
        handler = partial(PageHandler, directory=name)
        with ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            report = open_page(options.url, folder)
            server.shutdown()
    print(report)
    return int("FAILED" in report)


if __name__ == "__main__":
    sys.exit(main())

"""Find a Chromium for the tests, or install one: `python -m tests.browser.chromium`.

The system's packages come first, because a browser from there is kept up to date by the system and
can be had where Playwright's own download cannot. Of two, the one that can do without a screen
only is preferred: it opens the page in half of the time.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find() -> str | None:
    """Give the path of a browser: $CHROMIUM, the system's, or Playwright's; None without any."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not shutil.which(named):
            raise FileNotFoundError(f"CHROMIUM is set to {named}, which cannot be run")
        return named
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or _of_playwright()


def install() -> None:
    """Install a browser from the system's packages; where that cannot be, Playwright's own."""
    if not (_install_package(SHELL) or _install_package("chromium")):
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        subprocess.run(command, check=False)


def _of_playwright() -> str | None:
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


def _install_package(name: str) -> bool:
    if not shutil.which("apt-get"):
        return False
    if os.geteuid() == 0:
        apt = ["apt-get"]
    elif shutil.which("sudo"):
        apt = ["sudo", "apt-get"]
    else:
        return False
    packages = [name, "fonts-dejavu-core"]  # without any font the page has no letters
    quiet = ["-qq", "-o", "Dpkg::Use-Pty=0"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            [*apt, *quiet, *words], env=environment, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            return False
    return True


def main() -> int:
    """Make sure that there is a browser; 1 with a sentence where there can be none."""
    if find():
        return 0
    say("Installing Chromium for the tests (once) ...")
    install()
    if found := find():
        say(f"The tests will use {found}.")
        return 0
    say("No Chromium could be installed. Install one and name it: CHROMIUM=/path make test")
    return 1


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

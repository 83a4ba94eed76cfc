"""A disk that is soon full: a tmpfs, which only root may mount."""

import os
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a tmpfs")


@contextmanager
def small_disk(folder: Path, *, size_mb: int) -> Generator[Path]:
    """Mount it there."""
    folder.mkdir()
    options = f"size={size_mb}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def disk_image(folder: Path, *, size_mb: int) -> Generator[Path]:
    """Mount a file as a disk with ext4 there, which can be made to answer no write."""
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    folder.mkdir()
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Take the space that is left but for so many bytes; return what takes it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        _take_all(file)
        file.truncate(max(0, file.tell() - leave))
    return ballast


@contextmanager
def kept_full(folder: Path) -> Generator[None]:
    """Take the space that is left, and at once what becomes free, until the end."""
    ballast, ends = folder / "ballast", threading.Event()

    def take(file: BinaryIO) -> None:
        while not ends.wait(0.005):
            _take_all(file)

    with ballast.open("wb", buffering=0) as file:
        _take_all(file)
        taking = threading.Thread(target=take, args=(file,))
        taking.start()
        try:
            yield
        finally:
            ends.set()
            taking.join()
            ballast.unlink()


def _take_all(file: BinaryIO) -> None:
    for size in (1 << 20, 1 << 12, 1):
        try:
            while True:
                file.write(bytes(size))
        except OSError:
            continue

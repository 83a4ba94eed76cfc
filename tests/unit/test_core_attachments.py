"""Files beside the database: whole or not there, known by their bytes, swept without a row."""

import os
import signal
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from server.core.attachments import ORPHAN_MS, Attachments
from server.core.errors import InvalidError, NotFoundError
from server.core.media import MAX_BYTES, sniff

WRITER = """
import sys
from pathlib import Path
from server.core.attachments import Attachments
folder = Attachments(Path(sys.argv[1]))
number = 0
while True:
    content = number.to_bytes(4, "big") * 50_000
    print(folder.keep(content, thumbnail=content[:1000]), flush=True)
    number += 1
"""


def image(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    made = BytesIO()
    Image.new("RGB", size, "red").save(made, kind)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (image("PNG"), "image/png"),
        (image("JPEG"), "image/jpeg"),
        (image("WEBP"), "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
    ],
)
def test_the_bytes_say_what_it_is(content: bytes, media_type: str) -> None:
    assert sniff(content).media_type == media_type


def test_a_thumbnail_is_small_and_upright() -> None:
    photo = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (1600, 900), "blue").save(photo, "JPEG", exif=exif)
    thumbnail = sniff(photo.getvalue()).thumbnail
    assert thumbnail is not None
    with Image.open(BytesIO(thumbnail)) as small:
        assert (small.format, small.size) == ("JPEG", (180, 320))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"<html><script>alert(1)</script>", "expected one of image/jpeg"),
        (b"MZ\x90\0", "expected one of"),
        (image()[:-30], "damaged"),
        (b"x" * (MAX_BYTES + 1), "at most"),
        (b"GIF89a" + bytes(20), "expected one of"),
    ],
    ids=["empty", "page", "program", "torn", "large", "other image"],
)
def test_what_is_no_photo_or_document_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidError, match=problem):
        sniff(content)


def test_the_same_bytes_are_one_file(tmp_path: Path) -> None:
    folder = Attachments(tmp_path)
    assert folder.keep(b"one") == folder.keep(b"one") == sha256(b"one").hexdigest()
    assert [one.name for one in folder.stored()] == [sha256(b"one").hexdigest()]
    assert folder.read(folder.keep(b"two", thumbnail=b"2"), thumbnail=True) == b"2"
    with pytest.raises(NotFoundError, match="missing"):
        folder.read("0" * 64)


def test_what_no_row_names_is_deleted_after_an_hour(tmp_path: Path) -> None:
    folder = Attachments(tmp_path)
    kept, orphan = folder.keep(b"kept"), folder.keep(b"orphan", thumbnail=b"o")
    torn = tmp_path / "attachments" / f"{kept}.1-ab.partial"
    torn.write_bytes(b"ke")
    now = torn.stat().st_mtime_ns // 1_000_000
    assert folder.sweep({kept}, now=now + ORPHAN_MS - 60_000) == []
    gone = folder.sweep({kept}, now=now + ORPHAN_MS + 60_000)
    assert sorted(gone) == sorted([orphan, f"{orphan}.thumbnail", torn.name])
    assert folder.read(kept) == b"kept"


def test_killed_in_the_middle_every_file_that_has_its_name_is_whole(tmp_path: Path) -> None:
    for said in range(1, 4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            names = [writer.stdout.readline().strip() for _ in range(said * 7)]
            os.kill(writer.pid, signal.SIGKILL)
        folder = Attachments(tmp_path)
        for one in folder.stored():
            if not one.name.endswith(".thumbnail"):
                assert sha256(one.read_bytes()).hexdigest() == one.name
        assert all(len(folder.read(name, thumbnail=True)) == 1000 for name in names)

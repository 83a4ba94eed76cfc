"""What a file is by its bytes, whatever its name; thumbnails. The only importer of Pillow."""

import warnings
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from server.core.errors import ArgumentError

MAX_BYTES = 10_000_000
_MAX_PIXELS = 60_000_000
"""A small file may unpack to more than a machine has."""
_THUMBNAIL = (320, 320)
_IMAGES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_PDF = b"%PDF-"
_MP4 = b"ftyp"
ALLOWED: Final = (*_IMAGES.values(), "application/pdf", "video/mp4")


class Media(NamedTuple):
    """What was found in a file."""

    media_type: str
    thumbnail: bytes | None
    """A small JPEG; only of an image."""


class StoredMedia(NamedTuple):
    """A file that is on disk already."""

    sha256: str
    size: int
    """Bytes."""
    media: Media


def sniff(content: bytes) -> Media:
    """Return what the bytes are.

    Raises:
        ArgumentError: Empty, too large, or no kind of file that is accepted.
    """
    if not content:
        raise ArgumentError("body", "the file is empty")
    if len(content) > MAX_BYTES:
        raise ArgumentError("body", f"a file has at most {MAX_BYTES} bytes, got {len(content)}")
    if content.startswith(_PDF):
        return Media("application/pdf", None)
    if content[4:8] == _MP4:
        return Media("video/mp4", None)
    return _image(content)


def _image(content: bytes) -> Media:
    try:
        with warnings.catch_warnings():
            # A decompression bomb is an error here and no remark.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=tuple(_IMAGES)) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise ArgumentError(
                        "body",
                        f"an image has at most {_MAX_PIXELS} pixels, "
                        f"got {image.width} x {image.height}",
                    )
                return Media(_IMAGES[str(image.format)], _thumbnail(image))
    except UnidentifiedImageError as error:
        raise ArgumentError("body", f"expected one of {', '.join(ALLOWED)}") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise ArgumentError("body", f"the image is damaged or too large: {error}") from error


def _thumbnail(image: Image.Image) -> bytes:
    """Decode the whole image, so that a torn one is refused, and make it small."""
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail(_THUMBNAIL)
    made = BytesIO()
    upright.convert("RGB").save(made, "JPEG", quality=80)
    return made.getvalue()

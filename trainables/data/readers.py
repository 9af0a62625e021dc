"""Who reads the pixels of a listing: files by their paths, archives through their loader."""

from __future__ import annotations

from trainables.data.decode_all import Archive
from trainables.data.listing import Listing


def archive_of(listing: Listing) -> Archive | None:
    """The archive that holds the images, or None where they are files."""
    if listing.archive is None:
        return None
    from trainables.data.medmnist import Images

    return Images(listing)

"""XMP packets: what they say of pictures and films that are left out is taken out, all else stays byte for byte."""

from __future__ import annotations

import re

# Namespaces of XMP, and the local names in them that announce something beside the picture: a gain map (Adobe's and
# Apple's; ISO 21496-1 has none in XMP), the list of what follows the picture, and the film of a motion photo.
GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"http://ns.apple.com/HDRGainMap/1.0/")
FOLLOWERS = (b"http://ns.google.com/photos/1.0/container/", b"http://ns.google.com/photos/1.0/container/item/")
CAMERA = b"http://ns.google.com/photos/1.0/camera/"
FILM = rb"Motion\w*|MicroVideo\w*"
ANY_NAME = rb"\w+"
GAIN_MAP_NOTICE = "HDR gain map: left out, since it was made for the old pixels"


def announces_gain_map(xmp: bytes) -> bool:
    """Tell whether a packet says that there is a gain map."""
    return any(_prefixes(xmp, namespace) for namespace in GAIN_MAPS)


def announces_film(xmp: bytes) -> bool:
    """Tell whether a packet says that the picture is a motion photo."""
    return any(re.search(rb"\b%s:(?:%s)" % (prefix, FILM), xmp) for prefix in _prefixes(xmp, CAMERA))


def drop_announcements(xmp: bytes) -> bytes:
    """Take out all that a packet says of gain maps, films and further pictures, which no longer are there."""
    for namespace in (*FOLLOWERS, *GAIN_MAPS):
        for prefix in _prefixes(xmp, namespace):
            xmp = _drop(xmp, prefix, ANY_NAME)
            xmp = re.sub(rb"""\s+xmlns:%s\s*=\s*(["'])%s\1""" % (prefix, re.escape(namespace)), b"", xmp)
    for prefix in _prefixes(xmp, CAMERA):
        xmp = _drop(xmp, prefix, FILM)
    return xmp


def _prefixes(xmp: bytes, namespace: bytes) -> set[bytes]:
    """Return the prefixes that a packet has for a namespace."""
    return {match[1] for match in re.finditer(rb"""\bxmlns:([\w.-]+)\s*=\s*(["'])%s\2""" % re.escape(namespace), xmp)}


def _drop(xmp: bytes, prefix: bytes, names: bytes) -> bytes:
    """Take out the elements and attributes of a namespace; no element of these lies in another of its name."""
    name = rb"%s:(?:%s)" % (re.escape(prefix), names)
    xmp = re.sub(rb"\s*<(%s)(?:\s[^<>]*)?(?:/>|(?<!/)>.*?</\1\s*>)" % name, b"", xmp, flags=re.DOTALL)
    return re.sub(rb"""\s+%s\s*=\s*(?:"[^"]*"|'[^']*')""" % name, b"", xmp)


def set_xmp_upright(xmp: bytes) -> bytes:
    """Set the orientation to 1 in a packet that has one."""
    return re.sub(rb"""(\btiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]\b""", rb"\g<1>1", xmp)

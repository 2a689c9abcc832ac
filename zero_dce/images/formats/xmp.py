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
PREFIX = rb"[\w.-]+"
# A whole run of white space: to look for one from each of its places would take the square of its length.
SPACES = rb"(?<!\s)\s+"
GAIN_MAP_NOTICE = "HDR gain map: left out, since it was made for the old pixels"


def announces_gain_map(xmp: bytes) -> bool:
    """Tell whether a packet says that there is a gain map."""
    return any(_prefixes(xmp, namespace) for namespace in GAIN_MAPS)


def announces_film(xmp: bytes) -> bool:
    """Tell whether a packet says that the picture is a motion photo."""
    prefixes = _prefixes(xmp, CAMERA)
    return any(match[1] in prefixes for match in re.finditer(rb"(?<![\w.-])(%s):(?:%s)" % (PREFIX, FILM), xmp))


def drop_announcements(xmp: bytes) -> bytes:
    """Take out all that a packet says of gain maps, films and further pictures, which no longer are there."""
    for namespace in (*FOLLOWERS, *GAIN_MAPS):
        if prefixes := _prefixes(xmp, namespace):
            xmp = _drop(xmp, prefixes, ANY_NAME)
            declaration = rb"""xmlns:%s\s*=\s*(["'])%s\1""" % (PREFIX, re.escape(namespace))
            xmp = re.sub(SPACES + declaration, b"", xmp)
    if prefixes := _prefixes(xmp, CAMERA):
        xmp = _drop(xmp, prefixes, FILM)
    return xmp


def _prefixes(xmp: bytes, namespace: bytes) -> set[bytes]:
    """Return the prefixes that a packet has for a namespace."""
    declaration = rb"""\bxmlns:(%s)\s*=\s*(["'])%s\2""" % (PREFIX, re.escape(namespace))
    return {match[1] for match in re.finditer(declaration, xmp)}


def _drop(xmp: bytes, prefixes: set[bytes], names: bytes) -> bytes:
    """Take out the elements and attributes of a namespace; no element of these lies in another of its name."""
    kept, place = [], 0
    for start, end in _elements(xmp, prefixes, names):
        if start >= place:
            kept.append(xmp[place:start])
            place = end
    attribute = SPACES + rb"""(%s):(?:%s)\s*=\s*(?:"[^"]*"|'[^']*')""" % (PREFIX, names)
    return re.sub(attribute, lambda match: b"" if match[1] in prefixes else match[0], b"".join(kept) + xmp[place:])


def _elements(xmp: bytes, prefixes: set[bytes], names: bytes) -> list[tuple[int, int]]:
    """Return where elements of a namespace start, with the space before them, and end; one without an end is none."""
    found, ends = [], dict[bytes, int]()
    tags = re.finditer(rb"(?:%s)?<(/?)((%s):(?:%s))(?:\s[^<>]*)?/?>" % (SPACES, PREFIX, names), xmp)
    # From the last one on, so that the end of each is the last that was seen.
    for tag in reversed(list(tags)):
        closing, name, prefix = tag.groups()
        if closing:
            ends[name] = tag.end()
        elif prefix in prefixes and (tag[0].endswith(b"/>") or name in ends):
            found.append((tag.start(), tag.end() if tag[0].endswith(b"/>") else ends[name]))
    return found[::-1]


def set_xmp_upright(xmp: bytes) -> bytes:
    """Set the orientation to 1 in a packet that has one."""
    return re.sub(rb"""(\btiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]\b""", rb"\g<1>1", xmp)

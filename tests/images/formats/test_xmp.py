from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest

from zero_dce.images.formats.xmp import announces_film, announces_gain_map, drop_announcements, set_xmp_upright

# As phones write it: parameters of the map, the list of what follows, and a motion photo; the caption is the user's.
PACKET = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
   xmlns:Container="http://ns.google.com/photos/1.0/container/"
   xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
   xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"
   hdrgm:Version="1.0" GCamera:MotionPhoto="1" GCamera:PortraitNote='kept'>
  <Container:Directory><rdf:Seq>
   <rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>
   <rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="99"/></rdf:li>
  </rdf:Seq></Container:Directory>
  <hdrgm:GainMapMax><rdf:Seq><rdf:li>2.0</rdf:li></rdf:Seq></hdrgm:GainMapMax>
  <dc:title>Night &amp; <b>fog</b></dc:title>
 </rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_what_is_announced() -> None:
    assert announces_gain_map(PACKET)
    assert announces_film(PACKET)
    assert announces_gain_map(b'<a xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"/>')
    assert not announces_gain_map(b"<x/>")
    assert not announces_film(PACKET.replace(b'GCamera:MotionPhoto="1"', b""))


def test_what_is_left_out_is_no_longer_announced() -> None:
    cleaned = drop_announcements(PACKET)
    assert not announces_gain_map(cleaned)
    assert not announces_film(cleaned)
    for word in (b"hdrgm", b"Container", b"Item", b"GainMap", b"MotionPhoto"):
        assert word not in cleaned
    # It is still XML, with what was not about the map.
    (description,) = Xml.fromstring(cleaned)[0]
    assert description.attrib["{http://ns.google.com/photos/1.0/camera/}PortraitNote"] == "kept"
    assert [child.tag for child in description] == ["{http://purl.org/dc/elements/1.1/}title"]
    assert b"<dc:title>Night &amp; <b>fog</b></dc:title>" in cleaned


def test_other_packets_stay_byte_for_byte() -> None:
    packet = (
        b'<x xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="hdrgm:Version"><dc:a>Container:Directory</dc:a></x>'
    )
    assert drop_announcements(packet) == packet
    assert drop_announcements(b"") == b""


def test_upright() -> None:
    assert b'tiff:Orientation="1"' in set_xmp_upright(PACKET)
    assert set_xmp_upright(b"<tiff:Orientation>8</tiff:Orientation>") == b"<tiff:Orientation>1</tiff:Orientation>"


MANY = 1 << 19
GAIN_MAP = b'<x xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/">'


@pytest.mark.parametrize(
    "rest",
    [
        b" " * MANY,
        b"<h:a" + b" " * MANY,
        b"<h:a>" * (MANY // 5),
        b"".join(b"<h:a%d>" % number for number in range(MANY // 10)),
        b"a" * MANY + b":Motion",
    ],
    ids=["spaces", "spaces in a tag", "tags without an end", "as many names", "a long word"],
)
def test_long_packets_are_read_in_one_pass(rest: bytes) -> None:
    """To look for an end, or for what follows white space, from each place anew would take hours."""
    assert drop_announcements(GAIN_MAP + rest) == b"<x>" + rest
    assert not announces_film(GAIN_MAP + rest)


def test_any_number_of_prefixes_is_taken_out_at_once() -> None:
    declared = b"".join(b' xmlns:p%d="http://ns.google.com/photos/1.0/container/"' % number for number in range(20_000))
    assert drop_announcements(b"<x" + declared + b"><p9:Directory/><p9:Item></p9:Item>a</x>") == b"<x>a</x>"

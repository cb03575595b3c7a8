"""Feature points of hands: what the files say, and files made to do harm."""

from __future__ import annotations

import numpy as np
import pytest

from core_eval import InputError
from data_real.feature_points import LARGEST, parse_feature_points, read_feature_points

POINT = '<FeaturePoint category="{}" x="{}" y="{}"/>'


def document(points, hands=1, size='WIDTH="32" HEIGHT="40"') -> bytes:
    listed = "".join(POINT.format(*point) for point in points)
    empty = '<hand side="other"/>' * (hands - 1)
    return f'<?xml version="1.0"?>\n<IMAGE NAME="../x.jpg" {size}>\n{empty}<hand>{listed}</hand></IMAGE>'.encode()


THREE = [("Wrist", 3, 4), ("Thumb tip", 10, 12), ("Wrist", 20.5, 30)]


@pytest.mark.parametrize("data", [document(THREE), document(THREE, hands=3), document(THREE).replace(b">", b">\r\n")])
def test_points_are_read_in_file_order(data):
    known = parse_feature_points(data)
    assert known.categories == ("Wrist", "Thumb tip", "Wrist")
    np.testing.assert_array_equal(known.points, [(3, 4), (10, 12), (20.5, 30)])
    assert known.size == (32, 40)


def test_the_first_hand_with_points_is_taken():
    one, two = document(THREE)[:-8], document([("Wrist", 1, 1)])
    data = one + two[two.index(b"<hand>") :]
    assert parse_feature_points(data).categories == ("Wrist", "Thumb tip", "Wrist")


def test_points_need_no_hand_around_them_and_no_size():
    data = document(THREE, size="").replace(b"<hand>", b"<points>").replace(b"</hand>", b"</points>")
    known = parse_feature_points(data)
    assert len(known.points) == 3
    assert known.size is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(encoding):
    text = document([("Kciuk", 1, 2)]).decode().replace("1.0", f'1.0" encoding="{encoding.removesuffix("-sig")}')
    assert parse_feature_points(text.encode(encoding)).categories == ("Kciuk",)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
<IMAGE><hand><FeaturePoint category="&d;" x="1" y="2"/></hand></IMAGE>"""
SECRET = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<IMAGE><hand><FeaturePoint category="&a;" x="1" y="2"/></hand></IMAGE>"""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB, "line 1: the annotation declares a document type"),
        (SECRET, "line 1: the annotation declares a document type"),
        (document([("&a;", 1, 2)]), "undefined entity"),
        (document(THREE)[:-30], "line 3: not well-formed XML: "),
        (b"", "not well-formed XML: no element found"),
        (b"\x00\x01\x02", "not well-formed XML"),
        (b'<?xml version="1.0" encoding="no-such"?><IMAGE/>', "XML"),
        (document([]), "no FeaturePoint"),
        (document([("", 1, 2)]), "the category ''"),
        (document([("x" * 65, 1, 2)]), "the category 'x"),
        (document([("Wrist", "nan", 2)]), "the coordinate x = 'nan'"),
        (document([("Wrist", 1, "inf")]), "the coordinate y = 'inf'"),
        (document([("Wrist", 1, "")]), "the coordinate y = ''"),
        (document([("Wrist", "1e5", 1)]), "the coordinate x = '1e5'"),
        (document([("Wrist", 1, "1" * 15)]), "the coordinate y = '111"),
        (document([("Wrist", "1" * 40000, 1)]), "the coordinate x = '111"),
        (document(THREE, size='WIDTH="-3" HEIGHT="4"'), "the image's size is '-3 x 4'"),
        (document(THREE, size='WIDTH="99999999" HEIGHT="4"'), "the image's size is"),
        (document(THREE * 1000), f"larger than {LARGEST} bytes"),
        (b"<a>" * 20000, "not well-formed XML"),
    ],
)
def test_hostile_files_are_one_clear_error(data, message, tmp_path):
    file = tmp_path / "a.xml"
    file.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_feature_points(file)
    assert caught.value.file == file
    assert len(str(caught.value)) < 300


def test_every_truncation_and_many_flips_are_read_or_refused():
    whole = document(THREE)
    generator = np.random.default_rng(0)
    damaged = [whole[:length] for length in range(len(whole))]
    for _ in range(500):
        data = bytearray(whole)
        data[generator.integers(len(data))] = generator.integers(256)
        damaged.append(bytes(data))
    refused = 0
    for data in damaged:
        try:
            known = parse_feature_points(data)
        except InputError:
            refused += 1
        else:
            assert known.points.shape == (len(known.categories), 2)
            assert np.isfinite(known.points).all()
    assert refused >= len(whole)


def test_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_feature_points(tmp_path / "none.xml")

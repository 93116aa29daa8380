from collections.abc import Iterator

import pytest

from pipelines.devices import apple_health, gpx, tcx
from pipelines.devices.xml_stream import elements, ends_with, pieces_of, require_size, root_name
from pipelines.errors import DeliveryRefused

LAUGHS = (
    b'<!DOCTYPE %s [<!ENTITY a "ha ha ha ha ha ha ha ha ha ha ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (97 + i, (b"&%c;" % (96 + i)) * 10) for i in range(1, 12))
    + b"]>"
)
ROOTS = {"gpx": gpx, "TrainingCenterDatabase": tcx, "HealthData": apple_health}


def texts(pieces, tags=("p",), **kwargs) -> list[str | None]:
    return [element.text for element in elements(pieces, tags, "x", **kwargs)]


def refused_by(pieces, **kwargs) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        texts(pieces, **kwargs)
    assert refused.value.where == "x" and refused.value.remedy
    return refused.value.reason


def test_elements_come_whole_whatever_the_pieces_are():
    data = b"<?xml version='1.0'?>\n<r xmlns='u'><t><p>1</p> <q/> <p>2 &lt; 3</p></t><p/></r>"

    for size in (1000, 40):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert texts(pieces) == ["1", "2 < 3", None]


def test_what_is_kept_is_there_when_its_parent_ends():
    data = b"<r><lap><total>7</total><p/><p/><other/><p/></lap></r>"

    seen = [
        [child.tag for child in element]
        for element in elements([data], ("p", "lap"), "x", keep=frozenset(("total",)))
        if element.tag == "lap"
    ]

    assert seen == [["total", "p"]]


@pytest.mark.parametrize(
    "data",
    [
        b"<r><p>1</p></q>",
        b"<r><p>1</p>",
        b"<r><p>\x0b</p></r>",
        b"<r><p>\xff</p></r>",
        b"<r><p>&undeclared;</p></r>",
        b"<r><p>1</p></r><r/>",
        b"just words",
        b"<r a='1' a='2'><p/></r>",
        b"<" + b"r" * 100_000,
        b"<r>" + b"<d>" * 300 + b"</d>" * 300 + b"</r>",
        b"<?xml version='1.0' encoding='UTF-7'?><r><p>1</p></r>",
        b"<!DOCTYPE r><r><p>1</p></r>",
        b"<!DOCTYPE r SYSTEM 'file:///etc/hostname'><r><p>1</p></r>",
    ],
)
def test_what_is_not_plain_well_formed_xml_is_refused(data):
    assert refused_by([data]) == "unreadable"


def test_a_cut_gives_what_stands_before_it_where_that_is_allowed():
    assert texts([b"<r><p>1</p><p>2</p><p>3"], may_be_cut=True) == ["1", "2"]


def test_megabytes_of_nothing_end_the_reading_early():
    taken = []

    def endless() -> Iterator[bytes]:
        yield b"<r><metadata>"
        for number in range(1000):
            taken.append(number)
            yield b"<a/>" * 65_536

    assert refused_by(endless()) == "too_large"
    assert len(taken) < 20  # a quarter of a megabyte each


@pytest.mark.parametrize(
    "filling",
    [
        b"<p/>",  # more of what is asked for than any device could say something in
        b"<a/>" * 2000 + b"<p>1</p>",  # little between much
        b"<t>" + b"<total/>" * 100 + b"<p/></t>",  # what is kept until its parent ends
        b"<a/>",  # nothing asked for, in the root itself
    ],
)
def test_a_file_swollen_with_elements_that_say_nothing_is_not_read_to_the_end(filling):
    taken = []

    def endless() -> Iterator[bytes]:
        yield b"<r>" + b"<t><p>1</p>"
        for number in range(1000):
            taken.append(number)
            yield filling * (1 + 262_144 // len(filling))

    assert refused_by(endless(), keep=frozenset(("total",))) == "too_large"
    assert len(taken) < 20


def test_an_endless_element_of_text_is_refused():
    pieces = [b"<r><p>", *[b"x" * (1 << 18)] * 60, b"</p></r>"]

    assert refused_by(pieces) in ("too_large", "unreadable")


@pytest.mark.parametrize("root", ROOTS)
def test_a_billion_laughs_are_refused_by_every_reader(tmp_path, root):
    name = root.encode()
    path = tmp_path / "x"
    path.write_bytes(LAUGHS % name + b"<%s>&l;</%s>" % (name, name))

    with pytest.raises(DeliveryRefused) as refused:
        ROOTS[root].read(path)

    assert refused.value.reason == "unreadable"


@pytest.mark.parametrize("root", ROOTS)
def test_no_reader_looks_into_another_file(tmp_path, root):
    name = root.encode()
    (tmp_path / "secret").write_text("sesame")
    path = tmp_path / "x"
    path.write_bytes(
        b'<!DOCTYPE %s [<!ENTITY who SYSTEM "%s">]><%s><who>&who;</who></%s>'
        % (name, (tmp_path / "secret").as_uri().encode(), name, name)
    )

    with pytest.raises(DeliveryRefused) as refused:
        ROOTS[root].read(path)

    assert refused.value.reason == "unreadable" and "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<gpx>", "gpx"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <no/> -->\n<g:gpx a='1'", "gpx"),
        (b"<gpx", None),
        (b"some <gpx> text", None),
        (b"", None),
    ],
)
def test_the_root_is_named_without_its_prefix(head, name):
    assert root_name(head) == name


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        (b"<gpx></gpx>", True),
        (b"<g:gpx></g:gpx >\r\n<!-- made by -->\n", True),
        (b"<gpx></gpx", False),
        (b"<gpx></trk>", False),
        (b"", False),
    ],
)
def test_the_end_of_a_file_is_told(tmp_path, data, ends):
    path = tmp_path / "x"
    path.write_bytes(data)

    assert ends_with(path, "gpx") is ends


def test_a_file_is_read_in_pieces_if_its_size_is_right(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"ab" * (1 << 18))

    assert b"".join(pieces_of(path)) == path.read_bytes()
    assert len(list(pieces_of(path))) == 2
    require_size(path, 1 << 19)
    with pytest.raises(DeliveryRefused, match="more than"):
        require_size(path, (1 << 19) - 1)

"""The Define-XML agrees with the datasets beside it, and with those who define the format."""

from __future__ import annotations

import json

import pytest
from lxml import etree

NS = {"odm": "http://www.cdisc.org/ns/odm/v1.3", "def": "http://www.cdisc.org/ns/def/v2.1"}
BOTH = pytest.mark.parametrize("audience", ["open", "closed"])


@BOTH
def test_every_column_of_a_dataset_is_an_item_with_the_same_label(exported, audience):
    folder = exported("cdisc", audience)
    root = etree.parse(folder / "define.xml")
    items = {item.get("OID"): item for item in root.iterfind(".//odm:ItemDef", NS)}

    for group in root.iterfind(".//odm:ItemGroupDef", NS):
        href = group.find("def:leaf", NS).get("{http://www.w3.org/1999/xlink}href")
        columns = json.loads((folder / href).read_text(encoding="utf-8"))["columns"]
        refs = [ref.get("ItemOID") for ref in group.iterfind("odm:ItemRef", NS)]
        assert refs == [column["itemOID"] for column in columns]
        labels = [
            items[ref].findtext("odm:Description/odm:TranslatedText", None, NS) for ref in refs
        ]
        assert labels == [column["label"] for column in columns]


def test_what_an_open_export_withholds_is_marked_as_without_data(exported):
    def empty(audience: str) -> set[str]:
        root = etree.parse(exported("cdisc", audience) / "define.xml")
        mark = "{http://www.cdisc.org/ns/def/v2.1}HasNoData"
        return {
            r.get("ItemOID") for r in root.iterfind(".//odm:ItemRef", NS) if r.get(mark) == "Yes"
        }

    assert {"IT.DM.RFSTDTC", "IT.DM.AGE", "IT.QS.QSDTC", "IT.AE.AEREL"} <= empty("open") - empty(
        "closed"
    )
    assert {"IT.DM.RACE", "IT.AE.AEDECOD"} <= empty("closed")


def test_terms_of_this_study_are_marked_and_those_of_cdisc_carry_their_code(exported):
    root = etree.parse(exported("cdisc", "closed") / "define.xml")

    def terms(name: str) -> dict:
        found = root.find(f".//odm:CodeList[@OID='CL.{name}']", NS)
        return {item.get("CodedValue"): item for item in found.iterfind("odm:CodeListItem", NS)}

    ours = "{http://www.cdisc.org/ns/def/v2.1}ExtendedValue"
    assert terms("QSCAT")["KOOS"].get(ours) == "Yes"
    assert terms("QSCAT")["ABC"].get(ours) is None
    assert terms("SEX")["F"].find("odm:Alias", NS).get("Name") == "C16576"
    assert terms("FTTESTCD")["SIXMW106"].find("odm:Alias", NS).get("Name") == "C115805"


@BOTH
def test_the_readers_of_others_find_nothing_wrong(exported, audience):
    """odmlib: the published XML Schema, the order of elements, ids that lead somewhere, and conformance."""
    pytest.importorskip("odmlib", reason="odmlib, a development dependency, is not installed")
    from odmlib import define_loader, loader, odm_parser
    from odmlib.define_2_1.rules.metadata_schema import MetadataSchema
    from odmlib.oid_generator import create_oid_checker

    path = exported("cdisc", audience) / "define.xml"
    reader = loader.ODMLoader(
        define_loader.XMLDefineLoader(model_package="define_2_1", ns_uri=NS["def"])
    )
    reader.open_odm_document(str(path))
    document = reader.load_odm()

    schema = etree.XMLSchema(etree.parse(_schema(odm_parser.__file__)))
    schema.assertValid(etree.parse(path))
    assert document.verify_order()
    assert document.verify_oids(create_oid_checker("define_2_1"))
    assert document.verify_conformance(MetadataSchema())
    assert len(document.Study.MetaDataVersion.ItemGroupDef) == 6


def _schema(module: str) -> str:
    from pathlib import Path

    return str(Path(module).parent / "schemas" / "define" / "2.1" / "define2-1-0.xsd")

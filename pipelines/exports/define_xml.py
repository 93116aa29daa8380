"""CDISC Define-XML 2.1: what the datasets, variables and terms of an export mean."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from lxml import etree
from lxml.builder import ElementMaker

from pipelines.contracts.model import Contract
from pipelines.exports.dataset_json import length
from pipelines.exports.sdtm_model import CodeList, Dataset, Variable

_ODM, _DEF = "http://www.cdisc.org/ns/odm/v1.3", "http://www.cdisc.org/ns/def/v2.1"
_XLINK, _XML = "http://www.w3.org/1999/xlink", "http://www.w3.org/XML/1998/namespace"
_odm = ElementMaker(namespace=_ODM, nsmap={None: _ODM, "def": _DEF, "xlink": _XLINK})
_def = ElementMaker(namespace=_DEF, nsmap={None: _ODM, "def": _DEF, "xlink": _XLINK})
_ORIGINS = {
    "collected": ("Collected", "Investigator"),
    "derived": ("Derived", "Sponsor"),
    "assigned": ("Assigned", "Sponsor"),
    "protocol": ("Protocol", "Sponsor"),
    "none": ("Not Available", None),
}
_IG, _CT = "STD.IG", "STD.CT"
_WITHHELD = "No data in an open export: it would tell the arm or the dates of a participant."


def define_xml(
    exported: list[tuple[Dataset, pl.DataFrame]], lists: dict[str, CodeList], contract: Contract,
    about: dict[str, str], guide: str, terminology: str,
) -> bytes:  # fmt: skip
    """The XML document. `exported` is each dataset with its records, from which lengths follow."""
    study = about["study_id"]
    version = _odm.MetaDataVersion(
        OID=f"MDV.{study}",
        Name=f"{study} SDTM",
        Description=f"SDTM datasets, {about['audience']} side",
    )
    version.set(_q("DefineVersion"), "2.1.0")
    version.append(_standards(guide, terminology))
    version.extend(_item_group(dataset, frame) for dataset, frame in exported)
    for dataset, frame in exported:
        version.extend(_item(dataset, variable, frame, lists) for variable in dataset.variables)
    used = {v.codelist for dataset, _ in exported for v in dataset.variables if v.codelist}
    version.extend(_code_list(lists[name]) for name in sorted(used))
    for dataset, _ in exported:
        version.extend(_methods(dataset))
    for dataset, frame in exported:
        version.extend(_comments(dataset, frame))
    root = _odm.ODM(
        _odm.Study(
            _odm.GlobalVariables(
                _odm.StudyName(study),
                _odm.StudyDescription(contract.study.question),
                _odm.ProtocolName(study),
            ),
            version,
            OID=f"STUDY.{study}",
        ),
        FileType="Snapshot", FileOID=f"DEFINE.{study}.{about['audience']}", ODMVersion="1.3.2",
        CreationDateTime=about["cutoff_utc"], Originator=study, SourceSystem="Backstep",
        SourceSystemVersion=about["code_version"],
    )  # fmt: skip
    root.set(_q("Context"), "Other")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _q(name: str) -> str:
    return f"{{{_DEF}}}{name}"


def _words(text: str) -> etree._Element:
    translated = _odm.TranslatedText(text)
    translated.set(f"{{{_XML}}}lang", "en")
    return _odm.Description(translated)


def _standards(guide: str, terminology: str) -> etree._Element:
    return _def.Standards(
        _def.Standard(OID=_IG, Name="SDTMIG", Type="IG", Version=guide, Status="Final"),
        _def.Standard(
            OID=_CT,
            Name="CDISC/NCI",
            Type="CT",
            PublishingSet="SDTM",
            Version=terminology,
            Status="Final",
        ),
    )


def has_no_data(variable: Variable, frame: pl.DataFrame) -> bool:
    """Whether a variable has no value on purpose: not collected, or withheld on this side."""
    is_empty = frame[variable.name].null_count() == frame.height
    return is_empty and (variable.closed or variable.origin == "none")


def _item_group(dataset: Dataset, frame: pl.DataFrame) -> etree._Element:
    name = dataset.name
    group = _odm.ItemGroupDef(
        _words(dataset.label), OID=f"IG.{name}", Name=name, Domain=name, SASDatasetName=name,
        Repeating="No" if name == "DM" else "Yes", IsReferenceData="No", Purpose="Tabulation",
    )  # fmt: skip
    group.set(_q("Structure"), dataset.structure)
    group.set(_q("StandardOID"), _IG)
    group.set(_q("ArchiveLocationID"), f"LF.{name}")
    for number, variable in enumerate(dataset.variables, start=1):
        ref = _odm.ItemRef(
            ItemOID=f"IT.{name}.{variable.name}", OrderNumber=str(number), Role=variable.role,
            Mandatory="Yes" if variable.core == "Req" else "No",
        )  # fmt: skip
        if variable.name in dataset.keys:
            ref.set("KeySequence", str(dataset.keys.index(variable.name) + 1))
        if variable.method:
            ref.set("MethodOID", f"MT.{name}.{variable.name}")
        if has_no_data(variable, frame):
            ref.set(_q("HasNoData"), "Yes")
        group.append(ref)
    group.append(_def.Class(Name=dataset.observation_class))
    leaf = _def.leaf(_def.title(f"{name.lower()}.json"), ID=f"LF.{name}")
    leaf.set(f"{{{_XLINK}}}href", f"{name.lower()}.json")
    group.append(leaf)
    return group


def _item(
    dataset: Dataset, variable: Variable, frame: pl.DataFrame, lists: dict[str, CodeList]
) -> etree._Element:
    item = _odm.ItemDef(
        _words(variable.label), OID=f"IT.{dataset.name}.{variable.name}", Name=variable.name,
        SASFieldName=variable.name, DataType=variable.type,
    )  # fmt: skip
    values = frame[variable.name]
    if variable.type == "text":
        item.set("Length", str(length(values)))
    elif variable.type in ("integer", "float"):
        texts = values.drop_nulls().cast(pl.String)
        item.set("Length", str(length(texts)))
        if variable.type == "float":
            decimals = texts.str.split(".").list.get(1, null_on_oob=True).str.len_chars().max()
            item.set("SignificantDigits", str(decimals or 0))
    if _comment(variable, frame):
        item.set(_q("CommentOID"), f"COM.{dataset.name}.{variable.name}")
    if variable.codelist:
        item.append(_odm.CodeListRef(CodeListOID=lists[variable.codelist].oid))
    kind, source = _ORIGINS["none" if has_no_data(variable, frame) else variable.origin]
    item.append(_def.Origin(Type=kind, **({"Source": source} if source else {})))
    return item


def _code_list(found: CodeList) -> etree._Element:
    made = _odm.CodeList(OID=found.oid, Name=found.name, DataType="text")
    if found.nci:
        made.set(_q("StandardOID"), _CT)
    else:
        made.set(_q("IsNonStandard"), "Yes")
    for term in found.terms:
        decode = _odm.Decode(_odm.TranslatedText(term.meaning))
        decode[0].set(f"{{{_XML}}}lang", "en")
        item = _odm.CodeListItem(decode, CodedValue=term.value)
        if found.nci and term.is_ours:
            item.set(_q("ExtendedValue"), "Yes")
        if term.nci:
            item.append(_odm.Alias(Context="nci:ExtCodeID", Name=term.nci))
        made.append(item)
    if found.nci:
        made.append(_odm.Alias(Context="nci:ExtCodeID", Name=found.nci))
    return made


def _methods(dataset: Dataset) -> Iterator[etree._Element]:
    for variable in dataset.variables:
        if variable.method:
            yield _odm.MethodDef(
                _words(variable.method), OID=f"MT.{dataset.name}.{variable.name}",
                Name=f"{dataset.name}.{variable.name}", Type="Computation",
            )  # fmt: skip


def _comment(variable: Variable, frame: pl.DataFrame) -> str | None:
    withheld = _WITHHELD if variable.closed and has_no_data(variable, frame) else None
    return " ".join(filter(None, (variable.comment, withheld))) or None


def _comments(dataset: Dataset, frame: pl.DataFrame) -> Iterator[etree._Element]:
    for variable in dataset.variables:
        if text := _comment(variable, frame):
            yield _def.CommentDef(_words(text), OID=f"COM.{dataset.name}.{variable.name}")

"""The generated module against the .proto, and the .proto against the specification."""

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor

from protocols.sparkplug import sparkplug_b_pb2 as wire
from protocols.sparkplug.datatypes import DataType

PROTO = Path(wire.__file__).with_name("sparkplug_b.proto")

# Sparkplug B 3.0, chapter 6: number of each field; extensions are left out.
SPECIFICATION = {
    "Payload": "timestamp metrics seq uuid body",
    "Metric": "name alias timestamp datatype is_historical is_transient is_null metadata"
    " properties int_value long_value float_value double_value boolean_value string_value"
    " bytes_value dataset_value template_value",
    "MetaData": "is_multi_part content_type size seq file_name file_type md5 description",
    "PropertySet": "keys values",
    "PropertySetList": "propertyset",
    "PropertyValue": "type is_null int_value long_value float_value double_value boolean_value"
    " string_value propertyset_value propertysets_value",
    "DataSet": "num_of_columns columns types rows",
    "Template": "version metrics parameters template_ref is_definition",
}
TYPES = (
    "INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64 FLOAT DOUBLE BOOLEAN STRING DATETIME TEXT"
    " UUID DATASET BYTES FILE TEMPLATE PROPERTY_SET PROPERTY_SET_LIST INT8_ARRAY INT16_ARRAY"
    " INT32_ARRAY INT64_ARRAY UINT8_ARRAY UINT16_ARRAY UINT32_ARRAY UINT64_ARRAY FLOAT_ARRAY"
    " DOUBLE_ARRAY BOOLEAN_ARRAY STRING_ARRAY DATETIME_ARRAY"
)


def numbered(names: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), start=1)}


@pytest.mark.parametrize("message", SPECIFICATION)
def test_fields_have_the_numbers_of_the_specification(message: str) -> None:
    descriptor: Descriptor = wire.DESCRIPTOR.message_types_by_name[message]
    assert {f.name: f.number for f in descriptor.fields} == numbered(SPECIFICATION[message])


def test_datatypes_have_the_numbers_of_the_specification() -> None:
    assert {kind.name: kind.value for kind in DataType} == numbered(TYPES)


def all_messages(descriptors: list[Descriptor]) -> list[Descriptor]:
    return [d for top in descriptors for d in [top, *all_messages(list(top.nested_types))]]


def test_the_generated_module_is_of_this_proto() -> None:
    text = re.sub(r"//.*", "", PROTO.read_text(encoding="utf-8"))
    written = re.findall(r"(\w+) = (\d+)(?: \[packed = false\])?;", text)
    generated = [
        (field.name, str(field.number))
        for message in all_messages(list(wire.DESCRIPTOR.message_types_by_name.values()))
        for field in message.fields
    ]
    assert sorted(written) == sorted(generated)

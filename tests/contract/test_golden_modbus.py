"""Registers against vectors written by hand."""

from pathlib import Path

import pytest

from protocols.modbus.words import Field, block_decoder, decode, encode

ROWS = [
    tuple(line.split())
    for line in (Path(__file__).parent / "golden" / "modbus_words.hex").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_registers_and_value_belong_together(row: tuple[str, ...]) -> None:
    kind, order, *words, text = row
    registers = [int(word, 16) for word in words]
    value = float(text) if kind.startswith("float") else int(text)
    assert decode(registers, kind=kind, order=order) == value
    assert encode(value, kind=kind, order=order) == registers


def test_all_rows_decode_together_as_one_block() -> None:
    fields, registers, values = [], [], []
    for kind, order, *words, text in ROWS:
        fields.append(Field(len(registers), kind, order))
        registers += [int(word, 16) for word in words]
        values.append(float(text) if kind.startswith("float") else int(text))
    assert block_decoder(fields, len(registers))(registers) == values

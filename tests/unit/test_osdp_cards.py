"""What of a card number is told."""

import pytest

from protocols.osdp.cards import Card, CardMask

SALT = b"a secret of the site"


def card_26(facility: int, number: int) -> Card:
    return Card(26, (facility << 23 | number << 7).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("card", "number", "last_four"),
    [
        (card_26(52, 22136), "052-22136", "****2136"),
        (card_26(0, 7), "000-00007", "****0007"),
        (card_26(255, 65535), "255-65535", "****5535"),
        (Card(34, (0xABCD << 23 | 0x1234 << 7).to_bytes(5, "big")), "43981-04660", "****4660"),
        (Card(32, bytes.fromhex("04A1B2C3")), "04A1B2C3", "****B2C3"),
        (Card(37, bytes.fromhex("FFFFFFFFF8")), "1FFFFFFFFF", "****FFFF"),
        (Card(56, bytes.fromhex("04A1B2C3D4E5F6")), "04A1B2C3D4E5F6", "****E5F6"),
        (Card(8, b"\xa7"), "A7", "****7"),
        (Card(4, b"\xa0"), "A", "****"),
        (Card(0, b"user-000123"), "user-000123", "****0123"),
        (Card(0, b""), "", "****"),
    ],
)
def test_at_most_half_of_a_number_is_shown(card: Card, number: str, last_four: str) -> None:
    assert card.number == number
    assert card.told(CardMask.NONE, b"") == number
    assert card.told(CardMask.LAST_FOUR, b"") == last_four


def test_a_hash_is_the_same_for_the_same_card_and_salt_only() -> None:
    one, other = card_26(52, 22136), card_26(52, 22137)
    told = one.told(CardMask.HASH, SALT)
    assert told == one.told(CardMask.HASH, SALT)
    assert len(told) == 16
    assert "22136" not in told
    assert len({told, other.told(CardMask.HASH, SALT), one.told(CardMask.HASH, b"other salt")}) == 3
    # The same bits in a longer format are another card.
    assert one.told(CardMask.HASH, SALT) != Card(32, one.data).told(CardMask.HASH, SALT)

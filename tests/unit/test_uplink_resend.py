import pytest

from edge_agent.uplink.resend import ResendBook


def begun(next_offset: int = 0) -> ResendBook:
    book = ResendBook(ack_timeout_s=10)
    book.begin(next_offset, 0)
    return book


def test_a_new_session_owes_the_whole_journal() -> None:
    assert list(begun(100).due) == [(0, 99)]
    assert list(begun(0).due) == []


def test_live_rows_become_due_when_their_acknowledgement_is_late_and_only_once() -> None:
    book = begun()
    for offset in range(5):
        book.sent_live(offset, 1.0 + offset / 10)
    book.sent_live(5, 3.0)

    assert book.expired(10.9) == []
    assert book.expired(11.0) == [(0, 4)]
    assert book.expired(12.9) == []
    assert book.expired(13.0) == [(5, 5)]


def test_sending_again_takes_rows_off_the_list_and_starts_their_time_anew() -> None:
    book = begun(10)
    book.sent_again(0, 3, 5.0)
    assert list(book.due) == [(4, 9)]
    assert book.expired(15.0) == [(0, 3)]


def test_the_resent_expire_before_the_live_so_that_the_oldest_go_first() -> None:
    book = begun(10)
    book.sent_live(10, 0.5)
    book.sent_again(0, 9, 0.6)
    assert book.expired(20) == [(0, 9), (10, 10)]


def test_an_acknowledgement_takes_due_rows_away_and_shows_that_somebody_listens() -> None:
    book = begun(10)
    assert not book.silent(10.0)
    assert book.silent(10.1)
    book.acknowledged([(0, 4), (9, 9)], 10.2)
    assert list(book.due) == [(5, 8)]
    assert not book.silent(20.2)


def test_missed_rows_are_due_in_a_session_and_uninteresting_before_one() -> None:
    book = ResendBook(ack_timeout_s=10)
    book.missed(3)
    assert list(book.due) == []
    book.begin(4, 0)
    book.sent_again(0, 3, 0)
    book.missed(4)
    book.missed(5)
    assert list(book.due) == [(4, 5)]


def test_after_a_lost_connection_nothing_expires() -> None:
    book = begun()
    book.sent_live(0, 0.0)
    book.forget_sent()
    assert book.expired(100) == []


@pytest.mark.long
def test_the_book_stays_small_whatever_happens() -> None:
    book = begun()
    for offset in range(0, 10_000, 2):
        book.missed(offset)
    assert len(book.due) <= 1000
    assert all(offset in book.due for offset in range(0, 10_000, 2))
    for offset in range(20_000):
        book.sent_live(offset, offset / 2000)
    assert len(book._live) <= 11

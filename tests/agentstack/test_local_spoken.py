"""What is written, as the embedded voice says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.agentstack.providers.local_spoken import digits, spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hi there! How can I help you today?", "Hi there! How can I help you today?"),
        ("Your order ORD-100 has shipped.", "Your order O R D, 100 has shipped."),
        ("ORD-123, ORD-20", "O R D, one two three, O R D, 20"),
        ("Tracking: 1Z999AA101234.", "Tracking: 1, Z, nine nine nine, A A, one zero one, two three four."),
        ("Write to jane.doe_7@my-shop.com.", "Write to jane dot doe underscore seven at my dash shop dot com."),
        ("See https://www.example.com/help/.", "See example dot com slash help."),
        ("Call +18005551234.", "Call plus one, eight zero zero, five five five, one two three four."),
        ("Call 800-555-1234 now", "Call eight zero zero, five five five, one two three four now"),
        ("Reference 1234567", "Reference one two three, four five, six seven"),
        ("It costs $12.50 or 1,250,000 yen", "It costs $12.50 or 1,250,000 yen"),
        ("On February 15 at 3:30 PM in 2026", "On February 15 at 3:30 PM in 2026"),
        ("**Yes**, `that` is\n- one\n- two \U0001f600", "Yes, that is one two"),
        ("See [our page](https://example.com).", "See our page."),
        ("COVID rules of the USA", "COVID rules of the USA"),
        ("", ""),
    ],
)
def test_spoken(written: str, said: str) -> None:
    assert spoken(written) == said


@given(st.from_regex(r"[0-9]{1,30}", fullmatch=True))
def test_every_digit_is_said(number: str) -> None:
    words = digits(number).replace(",", "").split()
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert "".join(str(names.index(word)) for word in words) == number


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    assert "  " not in spoken(text)

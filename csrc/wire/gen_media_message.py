"""Writes media_message_tables.h: the base64 alphabet of RFC 4648, section 4, and its inverse."""

import string
from pathlib import Path

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
BAD = 0x80


def generate() -> str:
    inverse = [ALPHABET.find(chr(c)) if chr(c) in ALPHABET else BAD for c in range(256)]
    rows = [", ".join(f"{v:3d}" for v in inverse[i : i + 16]) for i in range(0, 256, 16)]
    return (
        "/* Written by gen_media_message.py. Do not edit. */\n\n"
        f"#define TP_BASE64_BAD {BAD:#x}u\n\n"
        f'static const char base64_alphabet[65] = "{ALPHABET}";\n\n'
        "static const uint8_t base64_values[256] = {\n    " + ",\n    ".join(rows) + ",\n};\n"
    )


if __name__ == "__main__":
    Path(__file__).with_name("media_message_tables.h").write_text(generate(), encoding="utf-8")

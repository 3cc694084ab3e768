"""The smallest files of each kind: enough for their type to be told."""

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
OGG = b"OggS\x00\x02" + bytes(20) + b"OpusHead"
PDF = b"%PDF-1.4\n%%EOF\n"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(14)
MOVING_WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02" + bytes(9)

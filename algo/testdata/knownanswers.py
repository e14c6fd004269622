"""Writes algo/knownanswers.bin, computed by Python's hmac and OpenSSL, which share no code with this project.

For each algorithm, in the order of algo.Algorithms(), the CRC-32 of 4,098 MACs, four bytes each, big-endian: of
the first 0, 1, ... 4,096 and 65,539 bytes of a message whose byte i is i*7 + i>>8, under its first 32 bytes as key.
"""
import hmac, sys, zlib

message = bytes((i * 7 + (i >> 8)) & 255 for i in range(65539))
for digest in "sha1", "sha256", "sm3":
    for n in [*range(4097), len(message)]:
        mac = hmac.new(message[:32], message[:n], digest).digest()
        sys.stdout.buffer.write(zlib.crc32(mac).to_bytes(4, "big"))

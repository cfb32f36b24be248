#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""SFrame over RTP, written from the specifications and nothing else.

An independent peer for tests of the kernel module: it shares no line with it.
RFC 9605 (AES-GCM suites 4 and 5) in the packet form of
draft-ietf-avtcore-rtp-sframe-02, one SFrame object per RTP packet.

  sframe.py vectors DIR            check the vectors in DIR, print TAP
  sframe.py open PCAP... KEYS      decrypt a capture, print a JSON line a packet
  sframe.py scan PCAP... [KEYS]    count, and find (key, nonce) that repeat; by
                                   KID and CTR where the key is not known
  sframe.py seal HEX KEYS --ctr N  seal an RTP packet (--payload: its payload)
  sframe.py open-one HEX KEYS      open one

KEYS are --key FILE..., or --base-key FILE --kid N [--suite S] [--ssrc S]
[--per-ssrc]. A FILE (- is stdin) of --key holds one key a line, as words

  kid=N suite=5 base-key=HEX|key=HEX salt=HEX [ssrc=N] [per-ssrc]

and one of --base-key the key itself, as hex or raw. A key with an SSRC is for
that SSRC only; per-ssrc derives one for each SSRC (section 7 of the draft).

Captures are classic pcap (not pcapng) of Ethernet, Linux cooked, BSD loopback
or raw IP. Fragments are put together. UDP GSO bursts must be captured where
they are segments already, behind a link without that offload.
"""

import argparse
import collections
import contextlib
import dataclasses
import hashlib
import hmac
import ipaddress
import json
import pathlib
import re
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Suite = collections.namedtuple("Suite", "digest key_len")

# RFC 9605, section 4.5; suites 6 to 8 only for the per-SSRC vectors
SUITES = {4: Suite("sha256", 16), 5: Suite("sha512", 32)}
DIGESTS = {1: "sha256", 2: "sha256", 3: "sha256", 4: "sha256",
           5: "sha512", 6: "sha512", 7: "sha512", 8: "sha512"}
NONCE_LEN = 12
TAG_LEN = 16

DESCRIPTOR_START, DESCRIPTOR_END, DESCRIPTOR_PACKET = 0x80, 0x40, 0x20
DESCRIPTOR_RESERVED = 0x1f


class SFrameError(Exception):
    """Why something cannot be opened; the text is one short word or two."""


# --- RFC 9605, section 4.3: the header ---------------------------------------

def encode_header(kid, ctr):
    """Config byte, KID and CTR in as few bytes as they need."""
    config, tail = 0, b""
    for shift, value in ((4, kid), (0, ctr)):
        if value < 8:
            config |= value << shift
        else:
            data = value.to_bytes((value.bit_length() + 7) // 8, "big")
            if len(data) > 8:
                raise ValueError("more than 64 bits")
            config |= (8 | len(data) - 1) << shift
            tail += data
    return bytes([config]) + tail


def decode_header(data):
    """KID, CTR and the length of the header in front of data."""
    if not data:
        raise SFrameError("malformed")
    values, position = [], 1
    for field in (data[0] >> 4, data[0] & 15):
        if not field & 8:
            values.append(field)
            continue
        size = (field & 7) + 1
        part = data[position:position + size]
        value = int.from_bytes(part, "big")
        # "MUST" be minimal: no leading zero, nothing the config byte can hold
        if len(part) < size or part[0] == 0 or value < 8:
            raise SFrameError("malformed")
        values.append(value)
        position += size
    return values[0], values[1], position


# --- RFC 9605, section 4.4.2, and the draft, sections 7 and 8: keys ----------

def hkdf_extract(digest, salt, ikm):
    """RFC 5869, section 2.2."""
    return hmac.new(salt or bytes(hashlib.new(digest).digest_size), ikm,
                    digest).digest()


def hkdf_expand(digest, prk, info, length):
    """RFC 5869, section 2.3."""
    out, block = b"", b""
    for counter in range(1, 256):
        if len(out) >= length:
            break
        block = hmac.new(prk, block + info + bytes([counter]), digest).digest()
        out += block
    return out[:length]


def expand_all(digest, salt, ikm, label):
    """Extract and expand to as many bytes as the digest has (Nh)."""
    return hkdf_expand(digest, hkdf_extract(digest, salt, ikm), label,
                       hashlib.new(digest).digest_size)


def ssrc_base_key(base_key, ssrc, suite):
    """What replaces base_key for one SSRC (section 7 of the draft)."""
    return expand_all(DIGESTS[suite], struct.pack(">I", ssrc), base_key,
                      b"SFrame 1.0 RTP Stream")


def ratchet(base_key, suite):
    """The base_key of the next step (RFC 9605, section 5.1)."""
    return expand_all(DIGESTS[suite], b"", base_key, b"SFrame 1.0 Ratchet")


def labels(kid, suite):
    """The two labels that the derivation takes."""
    tail = struct.pack(">QH", kid, suite)
    return (b"SFrame 1.0 Secret key " + tail, b"SFrame 1.0 Secret salt " + tail)


def derive(base_key, kid, suite):
    """sframe_secret, sframe_key and sframe_salt."""
    digest, key_len = SUITES[suite]
    key_label, salt_label = labels(kid, suite)
    secret = hkdf_extract(digest, b"", base_key)
    return (secret, hkdf_expand(digest, secret, key_label, key_len),
            hkdf_expand(digest, secret, salt_label, NONCE_LEN))


def nonce_of(salt, ctr):
    """RFC 9605, section 4.4.3."""
    return bytes(a ^ b for a, b in zip(salt, ctr.to_bytes(NONCE_LEN, "big")))


@dataclasses.dataclass
class Key:
    """A key as one sender uses it."""

    kid: int
    suite: int
    key: bytes
    salt: bytes
    ssrc: int = None

    @classmethod
    def from_base(cls, base_key, kid, suite=5, ssrc=None):
        """Derive it from a base_key."""
        _, key, salt = derive(base_key, kid, suite)
        return cls(kid, suite, key, salt, ssrc)

    def seal(self, ctr, plaintext, metadata=b""):
        """An SFrame object: header, ciphertext, tag."""
        header = encode_header(self.kid, ctr)
        return header + AESGCM(self.key).encrypt(
            nonce_of(self.salt, ctr), plaintext, header + metadata)

    def open(self, data, metadata=b""):
        """The plaintext of an SFrame object."""
        kid, ctr, size = decode_header(data)
        if kid != self.kid:
            raise SFrameError("no key")
        if len(data) - size < TAG_LEN:
            raise SFrameError("malformed")
        try:
            return AESGCM(self.key).decrypt(nonce_of(self.salt, ctr),
                                            data[size:], data[:size] + metadata)
        except InvalidTag as error:
            raise SFrameError("tag") from error


class KeyRing:
    """Keys by KID and SSRC; a key of one SSRC goes before one of any."""

    def __init__(self):
        self.keys = {}
        self.bases = {}

    def add(self, key):
        """A key that is there already is replaced."""
        self.keys[key.kid, key.ssrc] = key

    def add_base(self, base_key, kid, suite):
        """Derive a key for each SSRC that comes."""
        self.bases[kid] = base_key, suite

    def find(self, kid, ssrc):
        """The key, or SFrameError."""
        key = self.keys.get((kid, ssrc))
        if not key and kid in self.bases:
            base_key, suite = self.bases[kid]
            key = Key.from_base(ssrc_base_key(base_key, ssrc, suite), kid,
                                suite, ssrc)
            self.add(key)
        key = key or self.keys.get((kid, None))
        if not key:
            raise SFrameError("no key")
        return key


# --- RTP (RFC 3550) and what surrounds it ------------------------------------

@dataclasses.dataclass
class Rtp:
    """A packet; header has the CSRCs and the extension, pad its count byte."""

    header: bytes
    payload: bytes
    pad: bytes
    ssrc: int
    seq: int
    payload_type: int

    @classmethod
    def parse(cls, data):
        """ValueError where it is no RTP."""
        if len(data) < 12 or data[0] >> 6 != 2:
            raise ValueError("no RTP")
        payload_type = data[1] & 127
        if 64 <= payload_type <= 95:
            raise ValueError("RTCP")
        size = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10:
            if len(data) < size + 4:
                raise ValueError("short extension")
            size += 4 + 4 * struct.unpack_from(">H", data, size + 2)[0]
        if len(data) < size:
            raise ValueError("short header")
        end = len(data)
        if data[0] & 0x20:
            if not 1 <= data[-1] <= end - size:
                raise ValueError("bad padding")
            end -= data[-1]
        seq, ssrc = struct.unpack_from(">2xH4xI", data)
        return cls(data[:size], data[size:end], data[end:], ssrc, seq,
                   payload_type)

    def pack(self):
        """Back to bytes."""
        return self.header + self.payload + self.pad

    def split(self, rtx):
        """Clear OSN of RTX (RFC 4588), and what is sealed behind it."""
        size = 2 if self.payload_type in rtx else 0
        return self.payload[:size], self.payload[size:]


def is_sealed(content):
    """T set and no reserved bit, whatever S and E."""
    return bool(content) and content[0] & (
        DESCRIPTOR_PACKET | DESCRIPTOR_RESERVED) == DESCRIPTOR_PACKET


def seal_packet(data, key, ctr, rtx=()):
    """Seal the payload of an RTP packet. An empty one stays as it is."""
    rtp = Rtp.parse(data)
    clear, content = rtp.split(rtx)
    if content:
        descriptor = DESCRIPTOR_START | DESCRIPTOR_END | DESCRIPTOR_PACKET
        rtp.payload = clear + bytes([descriptor]) + key.seal(ctr, content)
    return rtp.pack()


def open_packet(data, ring, rtx=()):
    """The RTP packet in clear. ValueError, or SFrameError with the reason."""
    rtp = Rtp.parse(data)
    clear, content = rtp.split(rtx)
    if content:
        if not is_sealed(content):
            raise SFrameError("clear")
        kid, _, _ = decode_header(content[1:])
        rtp.payload = clear + ring.find(kid, rtp.ssrc).open(content[1:])
    return rtp.pack()


def unwrap_channel(data):
    """The packet inside TURN ChannelData (RFC 8656, section 12.4)."""
    if len(data) >= 4 and 64 <= data[0] <= 79:
        size = struct.unpack_from(">H", data, 2)[0]
        if size <= len(data) - 4 <= size + 3:
            return data[4:4 + size]
    return data


# --- pcap --------------------------------------------------------------------

Datagram = collections.namedtuple("Datagram", "time source target data")

LINK_NULL, LINK_ETHERNET, LINK_COOKED, LINK_COOKED2 = 0, 1, 113, 276
LINK_RAW = (12, 14, 101, 228, 229)
ETHERTYPES = {0x0800: 4, 0x86dd: 6}
VLANS = (0x8100, 0x88a8)
IPV6_OPTIONS = (0, 43, 60)
IPV6_FRAGMENT = 44
UDP = 17


def pcap_frames(path):
    """Time, link type and bytes of each frame."""
    with open(path, "rb") as file:
        head = file.read(24)
        for order in "<>":
            magic = struct.unpack_from(order + "I", head)[0] if head else 0
            if magic in (0xa1b2c3d4, 0xa1b23c4d):
                break
        else:
            raise ValueError(f"{path}: not a classic pcap file")
        unit = 1e-9 if magic == 0xa1b23c4d else 1e-6
        link = struct.unpack_from(order + "I", head, 20)[0] & 0xfffffff
        while True:
            head = file.read(16)
            if len(head) < 16:
                return
            seconds, fraction, size, _ = struct.unpack(order + "4I", head)
            yield seconds + fraction * unit, link, file.read(size)


def ip_packet(link, frame):
    """The IP packet in a frame, None if there is none."""
    if link in LINK_RAW:
        return frame
    if link == LINK_NULL:
        return frame[4:]
    place = {LINK_ETHERNET: 12, LINK_COOKED: 14, LINK_COOKED2: 0}.get(link)
    if place is None:
        raise ValueError(f"link type {link} is not known")
    kind = int.from_bytes(frame[place:place + 2], "big")
    place = 20 if link == LINK_COOKED2 else place + 2
    while kind in VLANS:
        kind = int.from_bytes(frame[place + 2:place + 4], "big")
        place += 4
    return frame[place:] if kind in ETHERTYPES else None


class Reassembly:
    """Puts IP fragments together; no overlaps, no timeout."""

    def __init__(self):
        self.parts = {}

    def add(self, key, offset, more, data):
        """The whole packet's content once its last part came, else None."""
        if not offset and not more:
            return data
        parts = self.parts.setdefault(key, {})
        parts[offset] = data, more
        position = 0
        while position in parts:
            data, more = parts[position]
            position += len(data)
            if not more:
                del self.parts[key]
                return b"".join(parts[at][0] for at in sorted(parts))
        return None

    def ipv4(self, packet):
        """Source, target and UDP datagram, or None."""
        if len(packet) < 20 or packet[9] != UDP:
            return None
        size, ident, flags = struct.unpack_from(">2xHHH", packet)
        # 0: the interface was to fill it in (TSO and the like)
        packet = packet[:size or None]
        source, target = packet[12:16], packet[16:20]
        content = self.add((source, target, ident), 8 * (flags & 0x1fff),
                           bool(flags & 0x2000), packet[4 * (packet[0] & 15):])
        return content and (source, target, content)

    def ipv6(self, packet):
        """The same for IPv6."""
        if len(packet) < 40:
            return None
        size, kind = struct.unpack_from(">4xHB", packet)
        source, target = packet[8:24], packet[24:40]
        content = packet[40:40 + size] if size else packet[40:]
        while kind in IPV6_OPTIONS and len(content) >= 8:
            kind, content = content[0], content[8 * content[1] + 8:]
        if kind == IPV6_FRAGMENT and len(content) >= 8:
            kind, place, ident = struct.unpack_from(">BxHI", content)
            content = self.add((source, target, ident), place & 0xfff8,
                               bool(place & 1), content[8:])
        return content and kind == UDP and (source, target, content) or None


def endpoint(address, port):
    """Readable address and port."""
    address = ipaddress.ip_address(address)
    host = f"[{address}]" if address.version == 6 else address
    return f"{host}:{port}"


def pcap_datagrams(path):
    """Each whole UDP datagram of a capture."""
    parts = Reassembly()
    for time, link, frame in pcap_frames(path):
        packet = ip_packet(link, frame)
        if not packet:
            continue
        found = {4: parts.ipv4, 6: parts.ipv6}.get(
            packet[0] >> 4, lambda packet: None)(packet)
        if not found or len(found[2]) < 8:
            continue
        source, target, udp = found
        source_port, target_port, size = struct.unpack_from(">HHH", udp)
        yield Datagram(time, endpoint(source, source_port),
                       endpoint(target, target_port),
                       udp[8:size] if size >= 8 else udp[8:])


# --- commands ----------------------------------------------------------------

def read_secret(path):
    """A key from a file or stdin: hex digits, or raw."""
    data = (sys.stdin.buffer.read() if path == "-"
            else pathlib.Path(path).read_bytes())
    text = b"".join(data.split())
    if re.fullmatch(rb"([0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text.decode())
    return data


def number(text):
    """Decimal, or hex with 0x."""
    return int(text, 0)


def add_key_line(ring, line):
    """A line of a --key file."""
    words = dict((word.split("=", 1) + [""])[:2] for word in line.split())
    kid, suite = number(words["kid"]), number(words.get("suite", "5"))
    ssrc = number(words["ssrc"]) if "ssrc" in words else None
    if "key" in words:
        ring.add(Key(kid, suite, bytes.fromhex(words["key"]),
                     bytes.fromhex(words["salt"]), ssrc))
    elif "per-ssrc" in words:
        ring.add_base(bytes.fromhex(words["base-key"]), kid, suite)
    else:
        ring.add(Key.from_base(bytes.fromhex(words["base-key"]), kid, suite,
                               ssrc))


def key_ring(args):
    """The keys of the command line."""
    ring = KeyRing()
    for path in args.key or ():
        text = (sys.stdin.read() if path == "-"
                else pathlib.Path(path).read_text(encoding="ascii"))
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                add_key_line(ring, line)
    if args.base_key:
        if args.kid is None:
            raise SystemExit("sframe.py: --base-key needs --kid")
        secret = read_secret(args.base_key)
        if args.per_ssrc:
            ring.add_base(secret, args.kid, args.suite)
        else:
            ring.add(Key.from_base(secret, args.kid, args.suite, args.ssrc))
    return ring


def describe(data, rtx):
    """What a datagram is, and the fields that can be seen without a key."""
    try:
        rtp = Rtp.parse(unwrap_channel(data))
    except ValueError:
        return {"kind": "other"}
    out = {"kind": "empty", "ssrc": rtp.ssrc, "seq": rtp.seq,
           "pt": rtp.payload_type}
    content = rtp.split(rtx)[1]
    if content and not is_sealed(content):
        out["kind"] = "clear"
    elif content:
        out["kind"] = "malformed"
        with contextlib.suppress(SFrameError):
            out["kid"], out["ctr"], size = decode_header(content[1:])
            if len(content) >= 1 + size + TAG_LEN:
                out["kind"] = "sealed"
    return out


def open_datagram(data, ring, rtx):
    """describe(), and the plaintext or the error."""
    out = describe(data, rtx)
    if out["kind"] == "sealed":
        try:
            clear = Rtp.parse(open_packet(unwrap_channel(data), ring, rtx))
            plaintext = clear.split(rtx)[1]
            out.update(len=len(plaintext), plaintext=plaintext.hex())
        except SFrameError as error:
            out["error"] = str(error)
    elif out["kind"] in ("clear", "malformed"):
        out["error"] = out["kind"]
    return out


def command_open(args):
    """0 if every RTP packet with a payload was opened, else 1."""
    ring, bad = key_ring(args), False
    for path in args.pcap:
        for datagram in pcap_datagrams(path):
            out = open_datagram(datagram.data, ring, args.rtx_pt)
            if out["kind"] == "other":
                continue
            bad |= "error" in out
            print(json.dumps({"time": round(datagram.time, 6),
                              "source": datagram.source,
                              "target": datagram.target, **out}))
    return int(bad)


def command_open_one(args):
    """The same for one datagram given in hex."""
    out = open_datagram(bytes.fromhex(args.hex), key_ring(args), args.rtx_pt)
    print(json.dumps(out))
    return int("error" in out)


def command_seal(args):
    """Print the sealed packet in hex."""
    ring, data = key_ring(args), bytes.fromhex(args.hex)
    if args.payload:
        key = ring.find(args.kid, args.ssrc)
        print((b"\xe0" + key.seal(args.ctr, data)).hex())
    else:
        key = ring.find(args.kid, Rtp.parse(data).ssrc)
        print(seal_packet(data, key, args.ctr, args.rtx_pt).hex())
    return 0


class Scan:
    """Which keys and nonces captures have, and which of them come again.

    A key is told apart by itself where the ring has it, else by what is said of
    it: of kid, ssrc, source (address and port), host (address).
    """

    def __init__(self, by=("kid", "ssrc"), ring=None, rtx=()):
        self.by, self.ring, self.rtx = by, ring or KeyRing(), rtx
        self.counts = collections.Counter(dict.fromkeys(
            ("other", "empty", "clear", "sealed", "malformed", "opened",
             "pairs", "repeated", "copies"), 0))
        self.seen, self.repeats = {}, []
        self.senders = collections.Counter()

    def _pair(self, who, out, content):
        """The key and the nonce, as much as is known of them."""
        try:
            key = self.ring.find(out["kid"], out["ssrc"])
        except SFrameError:
            return who, out["ctr"]
        with contextlib.suppress(SFrameError):
            key.open(content[1:])
            self.counts["opened"] += 1
        return key.key, nonce_of(key.salt, out["ctr"])

    def _add(self, datagram):
        out = describe(datagram.data, self.rtx)
        self.counts[out["kind"]] += 1
        if out["kind"] != "sealed":
            return
        out["source"] = datagram.source
        out["host"] = datagram.source.rpartition(":")[0]
        who = tuple(out[name] for name in self.by)
        self.senders[who] += 1
        rtp = Rtp.parse(unwrap_channel(datagram.data))
        pair = self._pair(who, out, rtp.split(self.rtx)[1])
        # by the digest: a capture may be long
        content = hashlib.sha256(rtp.payload).digest()
        if pair in self.seen:
            copy = self.seen[pair] == content
            self.counts["copies" if copy else "repeated"] += 1
            self.repeats.append({**dict(zip(self.by, who)),
                                 "ctr": out["ctr"], "copy": copy})
        else:
            self.counts["pairs"] += 1
            self.seen[pair] = content

    def add(self, path):
        """One more capture."""
        for datagram in pcap_datagrams(path):
            self._add(datagram)
        return self


def command_scan(args):
    """Counts as JSON; 1 if a nonce came twice, or clear RTP with --no-clear."""
    scan = Scan(args.by, key_ring(args), args.rtx_pt)
    for path in args.pcap:
        scan.add(path)
    print(json.dumps({**scan.counts, "senders": [
        {**dict(zip(args.by, who)), "packets": count}
        for who, count in scan.senders.items()],
        "repeats": scan.repeats[:20]}))
    counts = scan.counts
    return int(bool(counts["repeated"] or
                    counts["copies"] and not args.allow_copies or
                    counts["clear"] and args.no_clear))


# --- vectors -----------------------------------------------------------------

def header_problems(vector):
    """What differs from a header vector."""
    data = bytes.fromhex(vector["encoded"])
    kid, ctr = vector["kid"], vector["ctr"]
    if encode_header(kid, ctr) != data:
        yield "encoded"
    if decode_header(data + b"more") != (kid, ctr, len(data)):
        yield "decoded"
    for size in range(len(data)):
        with contextlib.suppress(SFrameError):
            decode_header(data[:size])
            yield "truncated header accepted"


def object_problems(vector):
    """What differs from a vector of a whole SFrame object."""
    want = {name: bytes.fromhex(value) for name, value in vector.items()
            if isinstance(value, str)}
    kid, ctr, suite = vector["kid"], vector["ctr"], vector["cipher_suite"]
    key_label, salt_label = labels(kid, suite)
    secret, key, salt = derive(want["base_key"], kid, suite)
    found = Key.from_base(want["base_key"], kid, suite)
    sealed = found.seal(ctr, want["pt"], want["metadata"])
    got = {"sframe_key_label": key_label, "sframe_salt_label": salt_label,
           "sframe_secret": secret, "sframe_key": key, "sframe_salt": salt,
           "nonce": nonce_of(salt, ctr), "ct": sealed,
           "aad": encode_header(kid, ctr) + want["metadata"],
           "pt": found.open(want["ct"], want["metadata"])}
    yield from (name for name, value in got.items() if value != want[name])
    for place in range(len(sealed)):
        broken = bytearray(want["ct"])
        broken[place] ^= 1
        with contextlib.suppress(SFrameError):
            found.open(bytes(broken), want["metadata"])
            yield f"byte {place} changed and accepted"


def ssrc_problems(vector):
    """What differs from a vector of per-SSRC derivation."""
    for suite in vector["cipher_suites"]:
        key = ssrc_base_key(bytes.fromhex(vector["base_key"]), vector["ssrc"],
                            suite)
        for name in ("ssrc_key", "ssrc_key_ratchet_1", "ssrc_key_ratchet_2"):
            if key.hex() != vector[name]:
                yield f"{name} of suite {suite}"
            key = ratchet(key, suite)


def packet_problems(suite):
    """Round trips of RTP packets, with all that surrounds the payload."""
    ring, rtx = KeyRing(), (97,)
    base_key = bytes(range(32))
    ring.add(Key.from_base(base_key, 0x123, suite))
    ring.add_base(base_key, 7, suite)
    plain = bytes.fromhex("800000010000000200000003")
    full = bytes.fromhex("b2e00001000000020000000300000004" "00000005"
                         "bede0001" "10ff0000")
    for name, data in {
            "plain": plain + b"media", "empty": plain,
            "all": full + b"media" + bytes(3) + b"\4",
            "rtx": b"\x80\x61" + plain[2:] + b"\1\2media"}.items():
        for kid in (0x123, 7):
            key = ring.find(kid, 3)
            sealed = seal_packet(data, key, 5, rtx)
            grown = 0 if name == "empty" else 1 + len(
                encode_header(kid, 5)) + TAG_LEN
            if len(sealed) != len(data) + grown:
                yield f"{name}: length"
            if open_packet(sealed, ring, rtx) != data:
                yield f"{name}: content"
            if name == "rtx" and sealed[12:15] != b"\1\2\xe0":
                yield f"{name}: OSN"
    if ring.find(7, 3).key == ring.find(7, 4).key:
        yield "two SSRCs share a key"


def command_vectors(args):
    """TAP, one line for each vector that is more than a header."""
    folder = pathlib.Path(args.dir)
    rfc = json.loads((folder / "sframe-rfc9605.json").read_text())
    ssrc = json.loads((folder / "sframe-per-ssrc.json").read_text())
    tests = [(f"{len(rfc['header'])} headers", [
        f"kid {v['kid']} ctr {v['ctr']}: {problem}" for v in rfc["header"]
        for problem in header_problems(v)])]
    tests += [(f"RFC 9605, suite {v['cipher_suite']}",
               list(object_problems(v)))
              for v in rfc["sframe"] if v["cipher_suite"] in SUITES]
    tests += [(f"per-SSRC keys, SSRC {v['ssrc_hex']}, suites "
               f"{v['cipher_suites']}", list(ssrc_problems(v)))
              for v in ssrc["vectors"]]
    tests += [(f"RTP round trip, suite {suite}", list(packet_problems(suite)))
              for suite in SUITES]
    print(f"TAP version 13\n1..{len(tests)}")
    for index, (name, problems) in enumerate(tests, 1):
        for problem in problems[:10]:
            print(f"# {problem}")
        print("not ok" if problems else "ok", index, "-", name)
    return int(any(problems for _, problems in tests))


def key_options(parser):
    """The options that name keys."""
    parser.add_argument("--key", nargs="+", metavar="FILE")
    parser.add_argument("--base-key", metavar="FILE")
    parser.add_argument("--kid", type=number)
    parser.add_argument("--suite", type=number, default=5, choices=SUITES)
    parser.add_argument("--ssrc", type=number)
    parser.add_argument("--per-ssrc", action="store_true")


def main():
    """Parse the command line and run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, *arguments):
        sub = commands.add_parser(name, help=function.__doc__)
        sub.set_defaults(function=function)
        for argument in arguments:
            sub.add_argument(*argument[0], **argument[1])
        return sub

    pcap = (["pcap"], {"nargs": "+", "metavar": "PCAP"})
    text = (["hex"], {"metavar": "HEX"})
    rtx = (["--rtx-pt"], {"type": number, "action": "append", "default": []})
    command("vectors", command_vectors, (["dir"], {"metavar": "DIR"}))
    key_options(command("open", command_open, pcap, rtx))
    key_options(command("open-one", command_open_one, text, rtx))
    sub = command("seal", command_seal, text, rtx)
    key_options(sub)
    sub.add_argument("--ctr", type=number, required=True)
    sub.add_argument("--payload", action="store_true")
    sub = command("scan", command_scan, pcap, rtx)
    key_options(sub)
    sub.add_argument("--by", default=["kid", "ssrc"],
                     type=lambda text: text.split(","),
                     help="what tells unknown keys apart: of kid, ssrc, source, "
                     "host")
    sub.add_argument("--allow-copies", action="store_true",
                     help="the same bytes may come twice")
    sub.add_argument("--no-clear", action="store_true",
                     help="clear RTP is a failure too")
    args = parser.parse_args()
    return args.function(args)


if __name__ == "__main__":
    sys.exit(main())

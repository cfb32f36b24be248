# SPDX-License-Identifier: GPL-2.0
"""What the demo reads and writes: pcap, RTP, SFrame headers, IVF, Ogg."""
import collections
import struct
import subprocess

Datagram = collections.namedtuple("Datagram", "source destination sport dport data")
Rtp = collections.namedtuple("Rtp", "port type sequence timestamp ssrc marker size header payload")


def read_pcap(path):
    """UDP datagrams of a classic pcap file of Ethernet frames with IPv4."""
    with open(path, "rb") as file:
        data = file.read()
    magic, kind = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, 20)[0]
    if magic != 0xA1B2C3D4 or kind != 1:
        raise ValueError(f"{path}: no classic pcap file of Ethernet")
    position = 24
    while position < len(data):
        kept, length = struct.unpack_from("<II", data, position + 8)
        frame = data[position + 16:position + 16 + kept]
        position += 16 + kept
        if kept != length:
            raise ValueError(f"{path}: packet cut short")
        datagram = parse_udp(frame)
        if datagram:
            yield datagram


def parse_udp(frame):
    if frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    header = 14 + 4 * (frame[14] & 15)
    if int.from_bytes(frame[20:22], "big") & 0x3FFF:
        raise ValueError("IP fragment: the packets are larger than the path takes")
    sport, dport, length = struct.unpack_from(">HHH", frame, header)
    return Datagram(frame[26:30], frame[30:34], sport, dport,
                    frame[header + 8:header + length])


def parse_rtp(port, data):
    """One RTP packet (RFC 3550, section 5.1), or None."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    sequence, timestamp, ssrc = struct.unpack_from(">HII", data, 2)
    offset, end = 12 + 4 * (data[0] & 15), len(data)
    if data[0] & 0x10:
        if len(data) < offset + 4:
            return None
        offset += 4 + 4 * int.from_bytes(data[offset + 2:offset + 4], "big")
    if data[0] & 0x20:
        end -= data[-1]
    if offset > end:
        return None
    return Rtp(port, data[1] & 0x7F, sequence, timestamp, ssrc, data[1] >> 7,
               len(data), data[:offset], data[offset:end])


def sframe_split(payload):
    """(KID, CTR, ciphertext without tag) of a packet-wise SFrame payload, or
    None. RFC 9605, section 4.3, behind the descriptor of
    draft-ietf-avtcore-rtp-sframe."""
    if len(payload) < 2 or not payload[0] & 0x20 or payload[0] & 0x1F:
        return None
    config, position = payload[1], 2
    fields = []
    for bits in (config >> 4, config & 15):
        if bits & 8:
            length = (bits & 7) + 1
            fields.append(int.from_bytes(payload[position:position + length], "big"))
            position += length
        else:
            fields.append(bits)
    if len(payload) < position + 16:
        return None
    return fields[0], fields[1], payload[position:-16]


def vp8_part(payload):
    """(starts a frame, payload without the descriptor of RFC 7741, section
    4.2), or None."""
    if not payload:
        return None
    first, position = payload[0], 1
    start = bool(first & 0x10) and not first & 0x07
    if first & 0x80:
        if len(payload) < 2:
            return None
        extension, position = payload[1], 2
        if extension & 0x80:
            if len(payload) < 3:
                return None
            position += 2 if payload[2] & 0x80 else 1
        position += bool(extension & 0x40)
        position += bool(extension & 0x30)
    if len(payload) <= position:
        return None
    return start, payload[position:]


def group(packets):
    """Packets by RTP timestamp, in the order of their coming."""
    groups = {}
    for packet in packets:
        groups.setdefault(packet.timestamp, []).append(packet)
    return list(groups.values())


def vp8_frame(payloads):
    """A frame out of the payloads of one timestamp, or None."""
    parts = [vp8_part(payload) for payload in payloads]
    if None in parts or not parts[0][0]:
        return None
    return b"".join(part[1] for part in parts)


def write_ivf(path, frames, width, height, rate):
    """frames: pairs of (number, bytes)."""
    with open(path, "wb") as file:
        file.write(struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP80", width,
                               height, rate, 1, len(frames), 0))
        for number, frame in frames:
            file.write(struct.pack("<IQ", len(frame), number) + frame)


def _crc_table():
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
        yield value & 0xFFFFFFFF


CRC = list(_crc_table())


def ogg_page(flags, granule, number, packet):
    """One page with one packet (RFC 3533, section 6)."""
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    page = bytearray(struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, 1, number, 0))
    page += bytes([len(lacing)]) + lacing + packet
    crc = 0
    for byte in page:
        crc = crc << 8 & 0xFFFFFFFF ^ CRC[crc >> 24 ^ byte]
    page[22:26] = struct.pack("<I", crc)
    return bytes(page)


def write_ogg(path, packets):
    """Opus packets of 20 ms, without pre-skip, so that one goes in for each
    frame that comes out (RFC 7845)."""
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I4sI", 4, b"demo", 0)
    with open(path, "wb") as file:
        file.write(ogg_page(2, 0, 0, head) + ogg_page(0, 0, 1, tags))
        for number, packet in enumerate(packets):
            last = 4 if number == len(packets) - 1 else 0
            file.write(ogg_page(last, 960 * (number + 1), number + 2, packet))


def read_ogg(path):
    """The packets behind OpusHead and OpusTags."""
    with open(path, "rb") as file:
        data = file.read()
    packets, packet, position = [], b"", 0
    while position < len(data):
        segments = data[position + 27:position + 27 + data[position + 26]]
        position += 27 + len(segments)
        for segment in segments:
            packet += data[position:position + segment]
            position += segment
            if segment < 255:
                packets.append(packet)
                packet = b""
    return packets[2:]


def ffmpeg(*arguments, check=True):
    return subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-y", *arguments],
        check=check, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def framemd5(path, stream, copy=False):
    """Checksums of a stream's frames: pairs of (pts, checksum), of the encoded
    frames (copy) or of what a decoder makes of them. A file that gives none
    gives []."""
    how = ["-c", "copy"] if copy else ["-fps_mode", "passthrough"]
    done = ffmpeg("-loglevel", "quiet", "-i", str(path), "-map", f"0:{stream}:0", *how,
                  "-f", "framemd5", "-", check=False)
    rows = (line.split(",") for line in done.stdout.splitlines() if line[:1].isdigit())
    return [(int(row[2]), row[5].strip()) for row in rows]

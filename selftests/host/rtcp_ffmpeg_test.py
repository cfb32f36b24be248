#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TAP: what ffmpeg sends is told apart: RTP, and RTCP on the same port.

ffmpeg sends a sine for a moment, without a CNAME, when its reports stand alone,
and with one, when they are compound.
"""

import pathlib
import socket
import subprocess
import sys

KIND = pathlib.Path(__file__).with_name("rtp_kind")
LIMIT = 30  # seconds
REPORT, DESCRIPTION, GOODBYE = 200, 202, 203


def datagrams(*options):
    """All that ffmpeg sends, RTP and RTCP to one port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        port = sock.getsockname()[1]
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
             "sine=duration=0.5", "-c:a", "pcm_mulaw", "-ar", "8000", *options,
             "-f", "rtp", f"rtp://127.0.0.1:{port}?rtcpport={port}"],
            stdout=subprocess.DEVNULL, timeout=LIMIT, check=True)
        while True:
            try:
                yield sock.recv(65535)
            except BlockingIOError:
                return


def kinds(packets):
    """What rtp_kind calls them."""
    text = "".join(data.hex() + "\n" for data in packets)
    return subprocess.run([str(KIND)], input=text, stdout=subprocess.PIPE,
                          check=True, universal_newlines=True).stdout.split()


def types(data):
    """The types of the packets of RTCP in a datagram."""
    while data:
        yield data[1]
        data = data[4 + 4 * int.from_bytes(data[2:4], "big"):]


def main():
    """One line of TAP for each way."""
    bad = 0
    bye = ("-rtpflags", "send_bye")
    cases = {"alone": (bye, {REPORT, GOODBYE}),
             "compound": ((*bye, "-cname", "alice@example.net"),
                          {REPORT, DESCRIPTION, GOODBYE})}
    print(f"TAP version 13\n1..{len(cases)}")
    for number, (name, (options, want)) in enumerate(cases.items(), 1):
        packets = list(datagrams(*options))
        rtcp = [data for data in packets if 192 <= data[1] <= 223]
        found = kinds(packets)
        seen = {kind for data in rtcp for kind in types(data)}
        good = (want <= seen and found.count("rtcp") == len(rtcp) and
                found.count("media") == len(packets) - len(rtcp) > 0)
        bad += not good
        print(f"# {len(rtcp)} of RTCP, types {sorted(seen)}; "
              f"{len(packets) - len(rtcp)} of RTP: {sorted(set(found))}")
        print("ok" if good else "not ok", number, "-", name)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The speed of a link between two nodes, near and far. Needs root. `link_rate.py --bin build/release/bin [--seconds N]`
prints a line of JSON for each network."""
import argparse
import json
import os

from netns import Network

NETWORKS = [("no delay", {}), ("100 ms, 1 Gb/s", {"delay": 50, "rate": 1000}),
            ("100 ms, 1 Gb/s, large buffers", {"delay": 50, "rate": 1000, "buffers": True}),
            ("20 ms, 160 Mb/s", {"delay": 10, "rate": 160})]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--seconds", type=int, default=10)
    wanted = parser.parse_args()
    program = os.path.join(wanted.bin, "larder_link_rate")
    for name, way in NETWORKS:
        with Network(["a", "b"], os.path.join(wanted.bin, "larder_geoswitch"), mtu=9000) as net:
            if way.pop("buffers", False):
                for place in net.names:
                    net.run(place, ["sh", "-c", "echo 4096 65536 67108864 > /proc/sys/net/ipv4/tcp_wmem;"
                                                "echo 4096 131072 67108864 > /proc/sys/net/ipv4/tcp_rmem"])
            net.both("a", "b", **way)
            address = net.addresses["b"] + ":3901"
            net.start("b", [program, "serve", address])
            figures = json.loads(net.run("a", [program, "ask", address, str(wanted.seconds)]))
            print(json.dumps({"network": name, **figures}), flush=True)


if __name__ == "__main__":
    main()

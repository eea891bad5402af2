// Linux's own drivers of network cards, on a user network: a lease, pings, and megabytes each way.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { BUSYBOX, busyboxInitrd, findLinux, type Linux } from "../../platform/testdata/linux.ts";
import { parseArguments } from "../cli-options.ts";
import { Machine } from "../machine.ts";
import { HostNetwork } from "./host-network.ts";

const BYTES = 2 << 20;
/** Text, since busybox posts no other. */
const page = Uint8Array.from({ length: BYTES }, (_, i) => 33 + ((i * 7 + (i >> 9)) % 94));
const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");

/** For each of the module's ways to be interrupted: what it says of it, and what arrives. */
const script = (
  module: string,
  modes: readonly string[],
  port: number,
): string => `$B mkdir -p /tmp /usr/bin /usr/sbin /sbin
$B --install -s
mount -t sysfs sys /sys
printf '#!/bin/sh\n[ "$1" = bound ] && ip addr add $ip/$mask dev $interface && ip route add default via $router && echo "lease: $ip by $router"\n' > /tmp/lease
chmod +x /tmp/lease
for mode in ${modes.join(" ")}; do
  rmmod ${module}
  insmod /m/${module}.ko $mode
  ip link set eth0 up
  udhcpc -i eth0 -n -q -s /tmp/lease 2>&1 | grep ^lease:
  ping -c 1 10.0.2.2 | grep transmitted | sed 's/^/pings: /'
  wget -q -O /tmp/page http://10.0.2.2:${port}/
  echo "received: $(md5sum < /tmp/page)"
  wget -q -O - --post-file /tmp/page http://10.0.2.2:${port}/ | sed 's/^/sent: /'
  echo "interrupts: $(grep -c eth0 /proc/interrupts)"
  ip addr flush dev eth0; ip link set eth0 down
done
poweroff -f
`;

/** Gives the page, and tells what it is given. */
const server = () =>
  createServer((request, response) => {
    if (request.method === "GET") {
      response.end(page);
      return;
    }
    const hash = createHash("md5");
    request.on("data", (data: Uint8Array) => hash.update(data));
    request.on("end", () => response.end(`${hash.digest("hex")}\n`));
  });

const linux = findLinux(["e1000", "e1000e"]);

test.skipIf(linux === undefined || !existsSync(BUSYBOX)).each([
  // The pin, and MSI-X: a vector each for what is received, sent and everything else.
  ["e1000e", "q35", 2, ["IntMode=0", "IntMode=2"], [1, 3]],
  ["e1000", "pc", 1, ["debug=0"], [1]],
] as const)(
  "Linux's %s on %s with %i CPUs gets a lease, pings, receives and sends",
  async (model, board, cpus, modes, interrupts) => {
    const found = linux as Linux;
    const http = server();
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const { port } = http.address() as AddressInfo;
    const machine = await Machine.create({
      machine: board,
      kernel: found.kernel,
      modules: [{ file: busyboxInitrd(found, [model], script(model, modes, port)) }],
      append: "console=ttyS0 quiet panic=-1",
      memory: "256M",
      cpus,
      networkCards: [{ model }],
    });
    const text = `-kernel k -nic user,loopback=on,model=${model}`;
    const network = await HostNetwork.open(machine, parseArguments(text.split(" ")).network);
    try {
      expect(await machine.run({ nanoseconds: 120e9 })).toEqual({ kind: "power-off" });
    } finally {
      network.close();
      http.close();
    }
    const said = machine.serialOutput.split(/\r?\n/).filter((line) => /^\w+: /.test(line));
    expect(said).toEqual(
      interrupts.flatMap((count) => [
        "lease: 10.0.2.15 by 10.0.2.2",
        "pings: 1 packets transmitted, 1 packets received, 0% packet loss",
        `received: ${md5(page)}  -`,
        `sent: ${md5(page)}`,
        `interrupts: ${count}`,
      ]),
    );
  },
);

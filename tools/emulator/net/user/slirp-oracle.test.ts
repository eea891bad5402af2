// The user network against QEMU's: a guest sends the same frames, and captures of what comes back are equal, byte by
// byte, but for what is anybody's: IPv4's identification, type of service and time to live, with the checksum that
// is of them, and how short frames are padded.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import {
  at,
  bringUp,
  receiveRing,
  store,
  storeBytes,
  TX_DATA,
  transmitRing,
} from "../../devices/net/testdata/nic-script.ts";
import { noNetwork, parseNetdev } from "../../host/cli-network.ts";
import { properties } from "../../host/cli-values.ts";
import { NodeNetwork } from "../../host/network/node-network.ts";
import { type Access, busGuest, encodeScript } from "../../platform/testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../platform/testdata/qemu.ts";
import { capturedFrames } from "../pcap.ts";
import * as P from "./packets.ts";
import { arpRequest, dhcp, GUEST_MAC, ping, requestOf, udpFrame } from "./testdata/guest-frames.ts";
import { UserNetwork } from "./user-network.ts";

const ANYBODYS = [
  [15, 16],
  [18, 20],
  [22, 23],
  [24, 26],
] as const;
/** Where a DHCP message has the guest's address, and its type. */
const DHCP_ADDRESS = 58;
const DHCP_TYPE = 284;
const isRefusal = (frame: Uint8Array): boolean =>
  frame.length >= 590 && frame[DHCP_TYPE - 2] === 53 && frame[DHCP_TYPE] === 6;

/** A frame as it is compared. */
function compared(frame: Uint8Array): string {
  const out = frame.slice();
  if (P.view(out).getUint16(12) === P.TYPE_IPV4) {
    for (const [from, to] of ANYBODYS) out.fill(0, from, to);
    // In a refusal no address is given (RFC 2131, table 3); QEMU gives everybody's.
    // With the checksum of UDP.
    if (isRefusal(out)) out.fill(0, DHCP_ADDRESS, DHCP_ADDRESS + 4).fill(0, 40, 42);
  }
  return Buffer.from(out)
    .toString("hex")
    .replace(/(00)+$/, "");
}

/** What QEMU's network sends when a guest sends these frames. */
function answersOfQemu(frames: readonly Uint8Array[], netdev: string): Uint8Array[] {
  const directory = mkdtempSync(join(tmpdir(), "emu-slirp-"));
  const file = join(directory, "capture");
  const script: Access[] = [
    ...bringUp(),
    ...frames.flatMap((frame, i) => storeBytes(TX_DATA + 2048 * i, [...frame])),
    ...transmitRing(
      frames.map((frame, i) => ({
        buffer: TX_DATA + 2048 * i,
        command: 0x0b00_0000 | frame.length,
      })),
      16,
    ),
    ...receiveRing(0x0400_8008, 128),
    store(at(0x3818), frames.length),
  ];
  try {
    runOnQemu(
      busGuest(),
      [encodeScript(script)],
      [
        ...BY_INSTRUCTIONS,
        ...["-netdev", netdev, "-device", "e1000,romfile=,netdev=n"],
        ...["-object", `filter-dump,id=f,netdev=n,file=${file}`],
      ],
    );
    return capturedFrames(readFileSync(file)).filter((frame) => !isFrom(frame));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const isFrom = (frame: Uint8Array): boolean => GUEST_MAC.every((byte, i) => frame[6 + i] === byte);
/** IPv6's router advertisements, which QEMU sends by itself. */
const isIpv6 = (frame: Uint8Array): boolean => P.view(frame).getUint16(12) === 0x86dd;

function answersHere(frames: readonly Uint8Array[], netdev: string): Uint8Array[] {
  const network = noNetwork();
  parseNetdev(network, netdev);
  const request = network.netdevs.get(properties(netdev).get("id") as string);
  if (request?.kind !== "user") throw new Error("no user network");
  const user = new UserNetwork(request.user, new NodeNetwork("test", request.tftp));
  const answers: Uint8Array[] = [];
  user.onFrame = (frame) => answers.push(frame);
  for (const frame of frames) user.send(frame);
  user.close();
  return answers;
}

const OTHER_MAC = Uint8Array.of(0x52, 0x54, 0, 1, 2, 3);

const conversations: Record<string, readonly [string, readonly Uint8Array[]]> = {
  ARP: [
    "user,id=n",
    [
      arpRequest("10.0.2.2"),
      arpRequest("10.0.2.3"),
      arpRequest("10.0.2.99"),
      arpRequest("10.0.2.2", "0.0.0.0"),
      arpRequest("192.168.1.1"),
    ],
  ],
  "ARP and ICMP of a network of another size": [
    "user,id=n,net=192.168.76.0/24,host=192.168.76.9,dns=192.168.76.8,dhcpstart=192.168.76.100",
    [arpRequest("192.168.76.9"), arpRequest("192.168.76.8"), arpRequest("10.0.2.2"), dhcp(1)],
  ],
  "DHCP: discover, request": ["user,id=n", [dhcp(1), dhcp(3, requestOf("10.0.2.15"))]],
  "DHCP: an address that somebody else has": [
    "user,id=n",
    [dhcp(1), dhcp(1, [], OTHER_MAC), dhcp(3, requestOf("10.0.2.77")), dhcp(1, [], OTHER_MAC)],
  ],
  "DHCP: what it says of name, domain, boot file and server": [
    "user,id=n,hostname=somebody,domainname=example.org,bootfile=pxe.0,tftp-server-name=boots",
    [dhcp(1), dhcp(3, requestOf("10.0.2.15"))],
  ],
  "DHCP: a network that leads nowhere": ["user,id=n,restrict=on", [dhcp(1)]],
  "DHCP: messages that have no answer": ["user,id=n", [dhcp(7), dhcp(8), dhcp(4), dhcp(99)]],
  "ICMP echo": ["user,id=n", [arpRequest("10.0.2.2"), ping("10.0.2.2"), ping("10.0.2.2", "odd")]],
  "TFTP of a folder that has no such file": [
    `user,id=n,tftp=${tmpdir()}`,
    [
      arpRequest("10.0.2.2"),
      udpFrame(2000, "10.0.2.2", 69, new TextEncoder().encode("\0\x01no/such/file\0octet\0")),
    ],
  ],
  "TFTP without files": [
    "user,id=n",
    [
      arpRequest("10.0.2.2"),
      udpFrame(2000, "10.0.2.2", 69, new TextEncoder().encode("\0\x01none\0octet\0")),
    ],
  ],
};

describe("the user network answers as QEMU's", () => {
  for (const [what, [netdev, frames]] of Object.entries(conversations)) {
    test.skipIf(!hasQemu)(what, () => {
      const theirs = answersOfQemu(frames, netdev).filter((frame) => !isIpv6(frame));
      expect(answersHere(frames, netdev).map(compared)).toEqual(theirs.map(compared));
    });
  }
});

// Networks on the command line, as QEMU has them: -netdev and -device, -nic, and -net with its hub.

import type { OptionValues } from "../devices/device.ts";
import {
  MODELS_WITH_ROM,
  NETWORK_CARD_MODELS,
  type NetworkCardModel,
} from "../devices/net/network-card.ts";
import { VIRTIO_OPTIONS } from "../devices/virtio/virtio-pci.ts";
import { parseMac } from "../machine-options.ts";
import { addressText, parseAddress, parseNetwork } from "../net/user/addresses.ts";
import { DEFAULT_NETWORK, type Forward, type UserNetworkOptions } from "../net/user/options.ts";
import {
  bootIndexOf,
  flag,
  number,
  numbersOf,
  oneOf,
  onlyKeys,
  properties,
  UsageError,
} from "./cli-values.ts";
import type { HostAddress, SocketRequest } from "./network/socket-backend.ts";

export type NetdevRequest =
  | { kind: "socket"; socket: SocketRequest }
  | { kind: "user"; user: UserNetworkOptions; tftp?: string };

export interface CliCard {
  /** The board's unless given. */
  model?: NetworkCardModel;
  mac?: string;
  slot?: number;
  bootIndex?: number;
  properties?: OptionValues;
  /** File of its expansion ROM. */
  rom?: string;
  id?: string;
  /** Id of what is behind it; `HUB` for that of -net. */
  netdev?: string;
}

export interface CliNetwork {
  netdevs: Map<string, NetdevRequest>;
  /** Of -net. */
  hub: NetdevRequest[];
  cards: CliCard[];
  /** Capture files, by the id of what they are of. */
  captures: { netdev: string; file: string; bytes: number }[];
}

/** What cards of -net are connected to; no id can be this. */
export const HUB = "";

export const noNetwork = (): CliNetwork => ({
  netdevs: new Map(),
  hub: [],
  cards: [],
  captures: [],
});

/** Properties of cards that make no difference here. */
const CARD_HOST_KEYS = ["id", "romfile", "rombar", "bus", "autonegotiation"] as const;

const SOCKET_KEYS = ["listen", "connect", "udp", "localaddr"] as const;
const USER_KEYS = [
  ...["net", "host", "dns", "dhcpstart", "hostname", "domainname", "restrict", "hostfwd", "tftp"],
  ...["bootfile", "tftp-server-name", "ipv4", "ipv6", "loopback"],
] as const;
/** What can be behind a card. */
export const BACKENDS = ["user", "socket"] as const;

function hostAddress(option: string, text: string): HostAddress {
  const match = /^(.*):(\d+)$/.exec(text);
  if (match === null) throw new UsageError(`${option}=${text}: expected [HOST]:PORT`);
  const port = number(option, match[2] as string, 0, 65535);
  return { host: match[1] || "127.0.0.1", port };
}

function socketRequest(option: string, props: Map<string, string>): NetdevRequest {
  const given = (["listen", "connect", "udp"] as const).filter((key) => props.has(key));
  const [how] = given;
  if (how === undefined || given.length > 1) {
    throw new UsageError(`${option}: expected one of listen=, connect= and udp=`);
  }
  const address = hostAddress(`${option} ${how}`, props.get(how) as string);
  if (how !== "udp") return { kind: "socket", socket: { how, ...address } };
  const local = props.get("localaddr");
  if (local === undefined)
    throw new UsageError(`${option} udp: expected localaddr=[HOST]:PORT, too`);
  return {
    kind: "socket",
    socket: { how, ...address, local: hostAddress(`${option} localaddr`, local) },
  };
}

/** hostfwd=[tcp|udp]:[HOST]:PORT-[GUEST]:PORT. */
function forwardOf(option: string, text: string): Forward {
  const match = /^(tcp|udp)?:([\d.]*):(\d+)-([\d.]*):(\d+)$/.exec(text);
  const port = (n: number): number => number(`${option} hostfwd`, match?.[n] ?? "", 0, 65535);
  if (match === null) {
    throw new UsageError(
      `${option} hostfwd=${text}: expected [tcp|udp]:[HOST]:PORT-[GUEST]:PORT, numbers all`,
    );
  }
  return {
    protocol: (match[1] ?? "tcp") as Forward["protocol"],
    host: match[2] || "127.0.0.1",
    port: port(3),
    ...(match[4] ? { guest: addressOf(`${option} hostfwd`, match[4]) } : {}),
    guestPort: port(5),
  };
}

function addressOf(option: string, text: string): number {
  const address = parseAddress(text);
  if (address === undefined) throw new UsageError(`${option} ${text}: expected an IPv4 address`);
  return address;
}

function userRequest(option: string, props: Map<string, string>, text: string): NetdevRequest {
  if (props.get("ipv4") === "off" || props.get("ipv6") === "on") {
    throw new UsageError(`${option}: the network has IPv4, and no IPv6`);
  }
  const given = props.get("net") ?? "10.0.2.0/24";
  const net = parseNetwork(given);
  if (net === undefined) throw new UsageError(`${option} net=${given}: expected ADDRESS/BITS`);
  const address = (key: string, last: number): number => {
    const value = props.get(key);
    const result = value === undefined ? net.network + last : addressOf(`${option} ${key}`, value);
    if (Math.floor(result / net.size) !== net.network / net.size) {
      throw new UsageError(`${option} ${key}=${value ?? ""}: it is not in ${given}`);
    }
    return result;
  };
  const forwards = text
    .split(",")
    .filter((part) => part.startsWith("hostfwd="))
    .map((part) => forwardOf(option, part.slice("hostfwd=".length)));
  const tftp = props.get("tftp");
  return {
    kind: "user",
    ...(tftp === undefined ? {} : { tftp }),
    user: {
      ...DEFAULT_NETWORK,
      network: net.network,
      size: net.size,
      gateway: address("host", 2),
      dns: address("dns", 3),
      dhcpStart: address("dhcpstart", 15),
      hostname: props.get("hostname"),
      domainName: props.get("domainname"),
      bootFile: props.get("bootfile"),
      tftpServerName: props.get("tftp-server-name"),
      isRestricted: flag(`${option} restrict`, props.get("restrict")),
      hasLoopback: flag(`${option} loopback`, props.get("loopback")),
      forwards,
    },
  };
}

function backendOf(option: string, text: string, more: readonly string[]): NetdevRequest {
  const props = properties(text);
  const kind = oneOf(option, props.get("") ?? props.get("type") ?? "", BACKENDS);
  const keys = kind === "user" ? USER_KEYS : SOCKET_KEYS;
  onlyKeys(`${option} ${kind}`, props, ["type", ...more, ...keys]);
  return kind === "user"
    ? userRequest(`${option} user`, props, text)
    : socketRequest(`${option} socket`, props);
}

function addNetdev(network: CliNetwork, id: string, netdev: NetdevRequest, option: string): void {
  if (id === HUB) throw new UsageError(`${option}: expected id=ID`);
  if (network.netdevs.has(id)) throw new UsageError(`${option}: Duplicate ID '${id}' for netdev`);
  network.netdevs.set(id, netdev);
}

export function parseNetdev(network: CliNetwork, text: string): void {
  const id = properties(text).get("id") ?? HUB;
  addNetdev(network, id, backendOf("-netdev", text, ["id"]), `-netdev ${text}`);
}

function checkedMac(option: string, mac: string): string {
  try {
    parseMac(mac);
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
  return mac;
}

/** -device e1000e,… */
export function parseCard(network: CliNetwork, name: string, props: Map<string, string>): void {
  const option = `-device ${name}`;
  const model = oneOf("-device", name, NETWORK_CARD_MODELS) as NetworkCardModel;
  const rules = model === "virtio-net-pci" ? VIRTIO_OPTIONS : {};
  const keys = ["netdev", "mac", "addr", "bootindex"];
  onlyKeys(option, props, [...keys, ...Object.keys(rules), ...CARD_HOST_KEYS]);
  const [mac, addr] = [props.get("mac"), props.get("addr")];
  const place = /^(0x)?([0-9a-f]{1,2})(\.0)?$/i.exec(addr ?? "")?.[2];
  if (addr !== undefined && place === undefined) {
    throw new UsageError(`${option} addr=${addr}: expected a device of the bus, such as 5`);
  }
  network.cards.push({
    model,
    ...(mac === undefined ? {} : { mac: checkedMac(option, mac) }),
    ...(place === undefined ? {} : { slot: Number.parseInt(place, 16) }),
    bootIndex: bootIndexOf(option, props),
    ...(props.has("id") ? { id: props.get("id") as string } : {}),
    ...(model === "virtio-net-pci" ? { properties: virtioProperties(option, props) } : {}),
    ...(props.get("romfile") ? { rom: romOf(option, model, props.get("romfile") as string) } : {}),
    netdev: props.get("netdev"),
  });
}

function romOf(option: string, model: NetworkCardModel, file: string): string {
  if (MODELS_WITH_ROM.includes(model)) return file;
  throw new UsageError(
    `${option} romfile=${file}: only ${MODELS_WITH_ROM.join(" and ")} take a ROM`,
  );
}

/** Those of the transport; the slot is every card's. */
function virtioProperties(option: string, props: Map<string, string>): OptionValues {
  const { addr: _, ...rules } = VIRTIO_OPTIONS;
  return numbersOf(option, rules, props);
}

/** -nic BACKEND[,model=M][,mac=A]: a card and what is behind it. */
export function parseNic(network: CliNetwork, text: string): void {
  if (text === "none") return;
  const props = properties(text);
  const netdev = backendOf("-nic", text, ["id", "model", "mac"]);
  const id = props.get("id") ?? `#nic${network.cards.length}`;
  addNetdev(network, id, netdev, `-nic ${text}`);
  const mac = props.get("mac");
  network.cards.push({
    ...modelOf("-nic model", props.get("model")),
    ...(mac === undefined ? {} : { mac: checkedMac("-nic", mac) }),
    netdev: id,
  });
}

/** Models of -nic and -net, with QEMU's short name of virtio's. */
function modelOf(option: string, text: string | undefined): Pick<CliCard, "model"> {
  if (text === undefined) return {};
  const name = text === "virtio" ? "virtio-net-pci" : text;
  return { model: oneOf(option, name, NETWORK_CARD_MODELS) as NetworkCardModel };
}

/** -net nic, and -net BACKEND: all of them on one hub. */
export function parseNet(network: CliNetwork, text: string): void {
  if (text === "none") return;
  const props = properties(text);
  if (props.get("") !== "nic") {
    network.hub.push(backendOf("-net", text, ["name", "id"]));
    return;
  }
  onlyKeys("-net nic", props, ["model", "macaddr", "netdev", "name", "addr", "vectors"]);
  const mac = props.get("macaddr");
  network.cards.push({
    ...modelOf("-net nic,model", props.get("model")),
    ...(mac === undefined ? {} : { mac: checkedMac("-net nic", mac) }),
    netdev: props.get("netdev") ?? HUB,
  });
}

/** -object filter-dump,… */
export function parseCapture(network: CliNetwork, props: Map<string, string>): void {
  onlyKeys("-object filter-dump", props, ["qom-type", "id", "netdev", "file", "maxlen"]);
  const [netdev, file] = [props.get("netdev"), props.get("file")];
  if (netdev === undefined || file === undefined) {
    throw new UsageError("-object filter-dump: expected netdev=ID and file=PATH");
  }
  const bytes = number("-object filter-dump: maxlen", props.get("maxlen") ?? "65536", 1, 1 << 20);
  network.captures.push({ netdev, file, bytes });
}

/** What is behind a card, as the monitor tells of it. */
export function peerOf(
  { netdevs, hub }: CliNetwork,
  netdev: string | undefined,
): { name: string; description: string } | undefined {
  if (netdev === undefined) return undefined;
  if (netdev === HUB && hub.length === 0) return undefined;
  if (netdev === HUB) return { name: "hub 0", description: hub.map(describe).join("\n") };
  const request = netdevs.get(netdev);
  return request && { name: netdev, description: describe(request) };
}

function describe(request: NetdevRequest): string {
  if (request.kind === "socket") return "type=socket,";
  const { network, isRestricted } = request.user;
  return `type=user,net=${addressText(network)},restrict=${isRestricted ? "on" : "off"}`;
}

/** All cards are connected, when all options are known. Throws `UsageError`. */
export function checkNetwork({ netdevs, hub, cards, captures }: CliNetwork): void {
  const taken = new Set<string>();
  for (const { model, netdev } of cards) {
    if (netdev === undefined || netdev === HUB) continue;
    if (!netdevs.has(netdev)) {
      throw new UsageError(`-device ${model}: there is no -netdev with id=${netdev}`);
    }
    if (taken.has(netdev)) {
      throw new UsageError(`-device ${model}: netdev ${netdev} is another card's already`);
    }
    taken.add(netdev);
  }
  const loose = [...netdevs.keys()].find((id) => !taken.has(id));
  if (loose !== undefined) {
    throw new UsageError(
      `-netdev id=${loose} is behind no card: -device e1000e,netdev=${loose} makes one`,
    );
  }
  if (hub.length > 0 && !cards.some(({ netdev }) => netdev === HUB)) {
    throw new UsageError("-net: there is no card on the hub: -net nic makes one");
  }
  for (const { netdev } of captures) {
    if (!netdevs.has(netdev)) {
      throw new UsageError(`-object filter-dump: there is no -netdev with id=${netdev}`);
    }
  }
}

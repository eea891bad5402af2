// Network cards and their cables, as QEMU names and tells of them (net/net.c, net/hub.c of QEMU).

import { addressOf } from "../devices/net/network-card.ts";
import type { Machine } from "../machine.ts";
import { cardNames } from "../machine-options.ts";
import type { Command } from "./command.ts";
import { MonitorError, QemuError } from "./command-line.ts";

/** What peers of cards on the one hub are called. */
const HUB = "hub 0";

/** What `info network` says: each card with what is behind it, those on a hub as its ports. */
export function networkLines({ options, networkCards }: Machine): string[] {
  const names = cardNames(options);
  const cards = networkCards.map((card, i) => {
    const { model = card.model, peer } = options.networkCards?.[i] ?? {};
    const mac = addressOf(card.mac);
    return { peer, line: `${names[i]}: index=0,type=nic,model=${model},macaddr=${mac}` };
  });
  const onHub = cards.filter(({ peer }) => peer?.name === HUB);
  const backends = onHub[0]?.peer?.description.split("\n") ?? [];
  const ports = [
    ...onHub.map(({ line }) => line),
    ...backends.map((description, i) => `#net${i}: index=0,${description}`),
  ];
  return [
    ...(ports.length > 0 ? [HUB] : []),
    ...ports.map((line, port) => ` \\ hub0port${port}: ${line}`).reverse(),
    ...cards
      .filter(({ peer }) => peer?.name !== HUB)
      .flatMap(({ peer, line }) =>
        peer === undefined ? line : [line, ` \\ ${peer.name}: index=0,${peer.description}`],
      ),
  ];
}

/** The cable of the card that is called so, or that something of this name is behind. */
export function setLink(machine: Machine, name: string, isIn: boolean): void {
  const names = cardNames(machine.options);
  const card = machine.networkCards.findIndex(
    (_, i) => names[i] === name || machine.options.networkCards?.[i]?.peer?.name === name,
  );
  if (card < 0) throw new QemuError(`Device '${name}' not found`, "DeviceNotFound");
  machine.input({ kind: "cable", card, isIn });
}

export const NETWORK_COMMANDS: readonly Command[] = [
  {
    names: ["set_link"],
    parameters: "name on|off",
    help: "change the link status of a network adapter",
    words: ({ control: { machine } }) => [...cardNames(machine.options), "on", "off"],
    run: ({ control: { machine } }, line) => {
      const name = line.required("the name of a card, or of what is behind it");
      const state = line.required("on or off");
      if (state !== "on" && state !== "off") throw new MonitorError("Expected 'on' or 'off'");
      line.end();
      setLink(machine, name, state === "on");
      return "";
    },
  },
];

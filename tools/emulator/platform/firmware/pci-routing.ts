// How interrupt pins of PCI devices reach interrupt controllers, in AML: \_PIC, the link devices behind
// the PIRQ routing registers, and \_PRT (ACPI 6.4, 5.8.1 and 6.2.13). What is said here is what `pirqOf` in
// devices/chipset.ts does.

import { type Chipset, SCI_IRQ } from "../../devices/chipset.ts";
import * as aml from "./aml.ts";

const DEVICES = 32;
const PINS = 4;
/** ISA IRQs that an operating system may route a PIRQ to. */
const CHOICES = [5, 10, 11] as const;
const OFF = 0x80;
const IRQ_BITS = 0x0f;
/** _STA: present, enabled, functioning; and the same without enabled. */
const STA_ON = 0x0b;
const STA_OFF = 0x09;

const letter = (pirq: number): string => "ABCDEFGH".charAt(pirq);
const link = (pirq: number): string => `LNK${letter(pirq)}`;
const field = (pirq: number): string => `PRQ${letter(pirq)}`;

/** The registers, in the scope of the bridge to ISA. */
export function pirqFields({ pirqs, pirqRegister }: Chipset): aml.Aml {
  const first = pirqRegister(0);
  const fields: (string | number)[] = [];
  for (let pirq = 0; pirq < pirqs; pirq++) {
    const gap = pirq === 0 ? 0 : pirqRegister(pirq) - pirqRegister(pirq - 1) - 1;
    if (gap > 0) fields.push(gap);
    fields.push(field(pirq));
  }
  return Uint8Array.from([
    ...aml.pciConfigRegion("PIRQ", first, pirqRegister(pirqs - 1) - first + 1),
    ...aml.byteFields("PIRQ", fields),
  ]);
}

/** A link device: which ISA IRQ a PIRQ is on, and how to change that. `bridge` is the path of the bridge to ISA. */
function linkDevice(pirq: number, bridge: string): aml.Aml {
  const register = aml.name(`${bridge}.${field(pirq)}`);
  const off = aml.integer(OFF);
  return aml.device(
    link(pirq),
    aml.define("_HID", aml.eisaId("PNP0C0F")),
    aml.define("_UID", aml.integer(pirq)),
    aml.define("_PRS", aml.resources(aml.interrupts(...CHOICES))),
    aml.method(
      "_STA",
      0,
      aml.when(aml.and(register, off), aml.returns(aml.integer(STA_OFF))),
      aml.returns(aml.integer(STA_ON)),
    ),
    aml.method("_DIS", 0, aml.store(aml.or(register, off), register)),
    aml.method(
      "_CRS",
      0,
      aml.store(aml.resources(aml.interrupts(0)), aml.local(0)),
      aml.doubleWordField(aml.local(0), aml.INTERRUPT_OFFSET, "LINE"),
      aml.store(aml.and(register, aml.integer(IRQ_BITS)), aml.name("LINE")),
      aml.returns(aml.local(0)),
    ),
    aml.method(
      "_SRS",
      1,
      aml.doubleWordField(aml.arg(0), aml.INTERRUPT_OFFSET, "LINE"),
      aml.store(aml.name("LINE"), register),
    ),
  );
}

export function linkDevices({ pirqs }: Chipset, bridge: string): aml.Aml[] {
  return Array.from({ length: pirqs }, (_, pirq) => linkDevice(pirq, bridge));
}

/** \_PIC, with which an operating system says that it uses IOAPICs, and where it is kept. */
export function interruptModel(): aml.Aml[] {
  return [
    aml.define("\\PICF", aml.integer(0)),
    aml.method("\\_PIC", 1, aml.store(aml.arg(0), aml.name("\\PICF"))),
  ];
}

/** An entry for every pin of every device: device << 16 | 0xFFFF, pin, source and its index. */
function routes(
  { pirqOf, sciDevice }: Chipset,
  sourceOf: (pirq: number) => [source: aml.Aml, index: number],
): aml.Aml {
  const entries: aml.Aml[] = [];
  for (let device = 0; device < DEVICES; device++) {
    for (let pin = 0; pin < PINS; pin++) {
      // The power management's own is on no PIRQ.
      const isSci = device === sciDevice && pin === 0;
      const [source, index] = isSci ? [aml.integer(0), SCI_IRQ] : sourceOf(pirqOf(device, pin + 1));
      const address = aml.integer(((device << 16) | 0xffff) >>> 0);
      entries.push(aml.packageOf(address, aml.integer(pin), source, aml.integer(index)));
    }
  }
  return aml.packageOf(...entries);
}

/** \_PRT in the scope of the host bridge: link devices, but GSIs for IOAPICs where PIRQs have pins of their own. */
export function routingTable(chipset: Chipset): aml.Aml[] {
  const { firstPirqPin } = chipset;
  const links = routes(chipset, (pirq) => [aml.name(link(pirq)), 0]);
  if (firstPirqPin === undefined) return [aml.define("_PRT", links)];
  const gsis = routes(chipset, (pirq) => [aml.integer(0), firstPirqPin + pirq]);
  return [
    aml.define("PRTA", gsis),
    aml.define("PRTP", links),
    aml.method(
      "_PRT",
      0,
      aml.when(aml.name("\\PICF"), aml.returns(aml.name("PRTA"))),
      aml.returns(aml.name("PRTP")),
    ),
  ];
}

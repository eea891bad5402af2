// Keyboard, mouse and tablet on USB as a host's driver sees them: requests of the class, reports, idle times (HID 1.11), and
// that what a user does is neither lost nor told twice.

import { describe, expect, test } from "vitest";
import { KEYS, keyOfName } from "../keys.ts";
import { usageOf } from "./hid-usages.ts";
import type { Answer, Setup } from "./usb-device.ts";
import { UsbKeyboard } from "./usb-keyboard.ts";
import { TABLET_EDGE, UsbPointer } from "./usb-pointer.ts";

const IN = 0x81;
const setup = (requestType: number, request: number, value = 0, length = 255): Setup => ({
  requestType,
  request,
  value,
  index: 0,
  length,
});
const NONE = new Uint8Array(0);
const CONFIGURE = setup(0, 9, 1);
const list = (answer: Answer): number[] | string =>
  typeof answer === "string" ? answer : [...answer];

function keyboard() {
  let now = 0;
  const device = new UsbKeyboard(() => now);
  let woken = 0;
  device.wake = () => {
    woken++;
  };
  device.control(CONFIGURE, NONE);
  const press = (name: string, down: boolean): void => {
    const { code, extended } = keyOfName(name) ?? { code: 0, extended: false };
    device.key(code, down, extended);
  };
  const read = () => list(device.dataIn(IN, 8));
  return {
    device,
    press,
    read,
    woken: () => woken,
    pass: (ns: number) => {
      now += ns;
    },
  };
}

test("every key has a usage, each its own", () => {
  const usages = KEYS.map(({ code, extended }) => usageOf(code, extended));
  // System request is Print Screen with another key held.
  const own = usages.filter((_, i) => KEYS[i]?.name !== "sysrq");
  expect(own).not.toContain(undefined);
  expect(new Set(own).size).toBe(own.length);
});

test("keys are told in order, as long as they fit", () => {
  const { press, read, woken } = keyboard();
  expect(read()).toBe("nak");
  press("shift", true);
  press("a", true);
  press("a", false);
  expect(woken()).toBe(3);
  expect([read(), read(), read(), read()]).toEqual([
    [2, 0, 0, 0, 0, 0, 0, 0],
    [2, 0, 4, 0, 0, 0, 0, 0],
    [2, 0, 0, 0, 0, 0, 0, 0],
    "nak",
  ]);
  for (const name of ["q", "w", "e", "r", "t", "y", "u"]) press(name, true);
  for (let i = 0; i < 5; i++) read();
  expect(read()).toEqual([2, 0, 20, 26, 8, 21, 23, 28]);
  expect(read()).toEqual([2, 0, 1, 1, 1, 1, 1, 1]);
});

test("what happens while nobody reads ends as it is", () => {
  const { press, read } = keyboard();
  for (let i = 0; i < 100; i++) for (const down of [true, false]) press("a", down);
  press("b", true);
  let last: unknown;
  for (let next = read(); next !== "nak"; next = read()) last = next;
  expect(last).toEqual([0, 0, 5, 0, 0, 0, 0, 0]);
});

test("a report is sent again after the idle time, and not without one", () => {
  const { device, press, read, pass } = keyboard();
  press("a", true);
  read();
  expect([read(), device.again]).toEqual(["nak", -1]);
  device.control(setup(0x21, 0x0a, 5 << 8), NONE);
  expect(list(device.control(setup(0xa1, 0x02), NONE))).toEqual([5]);
  expect(device.again).toBe(20_000_000);
  pass(19_999_999);
  expect(read()).toBe("nak");
  pass(1);
  expect([read(), read(), device.again]).toEqual([[0, 0, 4, 0, 0, 0, 0, 0], "nak", 40_000_000]);
});

test("class requests, and such as are none", () => {
  const { device, press } = keyboard();
  press("a", true);
  expect(list(device.control(setup(0xa1, 1, 0x100), NONE))).toEqual([0, 0, 4, 0, 0, 0, 0, 0]);
  expect(list(device.control(setup(0xa1, 3), NONE))).toEqual([1]);
  expect(list(device.control(setup(0x21, 0x0b, 0), NONE))).toEqual([]);
  expect(list(device.control(setup(0xa1, 3), NONE))).toEqual([0]);
  expect(list(device.control(setup(0x21, 9, 0x200), Uint8Array.of(2)))).toEqual([]);
  expect(device.state.lights).toBe(2);
  // The report descriptor, and the class's own, which the configuration has in it.
  const reports = device.control(setup(0x81, 6, 0x2200), NONE) as Uint8Array;
  const own = device.control(setup(0x81, 6, 0x2100), NONE) as Uint8Array;
  expect(own[7]).toBe(reports.length);
  for (const [type, request, value] of [
    [0xa1, 1, 0x200],
    [0xa1, 2, 1],
    [0x21, 0x0b, 2],
    [0x21, 9, 0x100],
    [0x21, 0x55, 0],
    [0x81, 6, 0x2300],
  ] as const) {
    expect(list(device.control(setup(type, request, value), NONE))).toBe("stall");
  }
  expect([list(device.dataIn(0x82, 8)), device.dataOut(1, NONE)]).toEqual(["stall", false]);
});

describe("pointers", () => {
  const pointer = (isTablet: boolean) => {
    const device = new UsbPointer(isTablet, () => 0);
    device.control(CONFIGURE, NONE);
    return { device, read: () => list(device.dataIn(IN, 8)) };
  };

  test("a mouse tells all of a movement, in parts of a byte", () => {
    const { device, read } = pointer(false);
    device.move(300, 200, -1, 0, undefined);
    device.move(-1, 0, 0, 0, undefined);
    device.move(0, 0, 0, 1, undefined);
    expect([read(), read(), read(), read(), read()]).toEqual([
      [0, 127, 0x81, 0xff],
      [0, 127, 0xb7, 0],
      [0, 45, 0, 0],
      [1, 0, 0, 0],
      "nak",
    ]);
  });

  test("in the boot protocol there is no wheel", () => {
    const { device, read } = pointer(false);
    device.control(setup(0x21, 0x0b, 0), NONE);
    device.move(1, 0, 1, 2, undefined);
    expect(read()).toEqual([2, 1, 0]);
  });

  test("a tablet tells where it is, and stays within its edges", () => {
    const { device, read } = pointer(true);
    device.move(0, 0, 0, 0, { x: 0x1234, y: TABLET_EDGE + 5 });
    expect(read()).toEqual([0, 0x34, 0x12, 0xff, 0x7f, 0]);
    device.move(-1000, 10, 0, 0, undefined);
    expect(read()).toEqual([0, 0, 0, 0xb7, 0x7e, 0]);
    expect(read()).toBe("nak");
  });

  test("clicks are told one by one, and many movements are one", () => {
    const { device, read } = pointer(true);
    for (let i = 0; i < 1000; i++) device.move(0, 0, 0, 0, { x: i, y: i });
    device.move(0, 0, 0, 1, undefined);
    device.move(0, 0, 0, 0, undefined);
    expect([read(), read(), read(), read()]).toEqual([
      [0, 0xe7, 3, 0xe7, 3, 0],
      [1, 0xe7, 3, 0xe7, 3, 0],
      [0, 0xe7, 3, 0xe7, 3, 0],
      "nak",
    ]);
  });
});

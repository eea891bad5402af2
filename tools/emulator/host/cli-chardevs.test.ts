// Who gets which character device, wherever on the command line it is made.

import { describe, expect, it } from "vitest";
import { parseArguments } from "./cli-options.ts";
import { UsageError } from "./cli-values.ts";

const parsed = (line: string) => parseArguments(["-kernel", "k", ...line.split(" ")]);

describe("devices of -chardev", () => {
  it("are lines, the debug console, monitors and QMP by their names, which may come later", () => {
    expect(
      parsed(
        "-serial chardev:a -debugcon chardev:b -monitor chardev:c -qmp chardev:d " +
          "-chardev file,id=a,path=x -chardev file,path=y,id=b " +
          "-chardev socket,path=m,server=on,wait=off,id=c -chardev socket,port=4444,server=on,id=d",
      ),
    ).toMatchObject({
      serials: [{ kind: "file", path: "x" }],
      debugcon: { kind: "file", path: "y" },
      monitors: [{ kind: "unix", path: "m" }],
      qmps: [{ kind: "tcp", port: 4444, wait: true }],
    });
  });

  it("keep the order of serial ports", () => {
    const { serials } = parsed(
      "-serial null -serial chardev:x -serial file:c -chardev file,path=b,id=x",
    );
    expect(serials).toMatchObject([{ kind: "null" }, { path: "b" }, { path: "c" }]);
  });

  it("are the monitor's, or QMP's, by -mon", () => {
    const sockets =
      "-chardev socket,id=m,path=m,server=on,wait=off -chardev socket,id=q,path=q,server=on";
    const { monitors, qmps } = parsed(`${sockets} -mon m -mon chardev=q,mode=control,pretty=off`);
    expect([monitors, qmps]).toMatchObject([[{ path: "m" }], [{ path: "q" }]]);
  });

  it.each([
    ["-serial chardev:c -mon chardev=c", true],
    ["-mon chardev=c,mode=readline -serial chardev:c", true],
    ["-mon c", false],
  ])("with mux=on %s: one terminal", (users, isSerial) => {
    const { serials, monitors, passInterrupt } = parsed(
      `-chardev stdio,id=c,mux=on,signal=off ${users}`,
    );
    expect(serials).toMatchObject([{ kind: isSerial ? "stdio" : "null" }]);
    expect(monitors.map(({ kind }) => kind)).toEqual(isSerial ? [] : ["stdio"]);
    expect(passInterrupt).toBe(true);
  });

  it("are logged to a file, but for those that nothing of the guest's goes to", () => {
    const logged = "-chardev stdio,id=c,mux=on,logfile=log";
    expect(parsed(`${logged} -serial chardev:c -mon c`).serials).toMatchObject([
      { kind: "stdio", logFile: "log" },
    ]);
    expect(() => parsed(`${logged} -mon c`)).toThrow("logfile is for what a guest says");
  });

  it("leave Ctrl-C to the emulator unless signal=off", () => {
    expect(parsed("-chardev stdio,id=c,mux=on -serial chardev:c -mon c").passInterrupt).toBe(false);
  });

  it("and -monitor telnet: are for Telnet clients", () => {
    const address = { kind: "tcp", host: "127.0.0.1", port: 4444, server: true, wait: false };
    const written = [
      "-monitor telnet:127.0.0.1:4444,server,nowait",
      "-monitor tcp::4444,server=on,wait=off,telnet=on",
      "-mon c -chardev socket,id=c,host=127.0.0.1,port=4444,server=on,wait=off,telnet=on",
    ];
    for (const line of written) {
      expect(parsed(line).monitors).toMatchObject([{ ...address, telnet: true }]);
    }
    expect(parsed("-monitor tcp::4444,server").monitors[0]).not.toHaveProperty("telnet");
  });

  it.each([
    ["-serial chardev:x", "-serial: there is no -chardev with id=x"],
    ["-mon x -chardev null,id=y", "-mon: there is no -chardev with id=x"],
    ["-mon mode=control", "-mon mode=control: expected chardev=ID"],
    ["-mon chardev=x,mode=hmp", "-mon mode hmp: expected readline, control"],
    ["-mon c -serial chardev:c -chardev stdio,id=c", "-mon: chardev c is already in use"],
    [
      "-serial chardev:c -mon c,mode=control -chardev stdio,id=c,mux=on",
      "-mon: QMP at chardev c: it wants one without mux=on",
    ],
    ["-mon c -chardev file,id=c,path=x", "-mon file:x: expected stdio, vc, none"],
    ["-chardev stdio,id=c,mux=yes", "-chardev stdio: mux=yes: expected on or off"],
  ])("%s is refused with one line", (line, message) => {
    expect(() => parsed(line)).toThrow(UsageError);
    expect(() => parsed(line)).toThrow(message);
  });
});

// QEMU's flags (version 7.2, qemu-system-x86_64 -help) that this machine does not have: those that change nothing here are
// accepted, so that command lines which worked there work, the others are refused with what there is instead.

/** A flag without a part of this machine behind it. */
export interface QemuFlag {
  names: readonly string[];
  /** What its value is called, if it has one. */
  value?: string;
  /** Which values change nothing here; all without. Absent where the flag is refused. */
  accepts?: RegExp;
  /** Why nothing is lost without it, or what to do instead. */
  why: string;
}

const ANY = /^/;

/** Flags that are accepted and have no effect, as far as their values are those in `accepts`. */
export const ACCEPTED_FLAGS: readonly QemuFlag[] = [
  {
    names: ["-enable-kvm"],
    accepts: ANY,
    why: "a guest does not see how it is executed; nothing is faster for it",
  },
  { names: ["-no-shutdown"], accepts: ANY, why: "a machine that is off is over" },
  {
    names: ["-parallel"],
    value: "none|null",
    accepts: /^(none|null)$/,
    why: "there is no parallel port; other devices are refused",
  },
  {
    names: ["-audio", "-audiodev"],
    value: "none",
    accepts: /^(driver=)?none(,|$)/,
    why: "there is no sound card; others than none are refused",
  },
  { names: ["-k"], value: "LANGUAGE", accepts: ANY, why: "viewers send keys, not characters" },
  { names: ["-full-screen"], accepts: ANY, why: "pages and viewers have it themselves" },
  { names: ["-mem-prealloc"], accepts: ANY, why: "the host's memory alone" },
  { names: ["-mem-path"], value: "FILE", accepts: ANY, why: "the host's memory alone" },
  { names: ["-overcommit"], value: "PROPERTIES", accepts: ANY, why: "the host's memory alone" },
  { names: ["-seed"], value: "N", accepts: ANY, why: "runs are the same anyway" },
  { names: ["-msg"], value: "PROPERTIES", accepts: ANY, why: "the look of messages alone" },
  { names: ["-only-migratable"], accepts: ANY, why: "every device can be kept by savevm" },
  { names: ["-no-user-config"], accepts: ANY, why: "there are no configuration files" },
  { names: ["-enable-sync-profile"], accepts: ANY, why: "about QEMU itself" },
  { names: ["-async-teardown"], accepts: ANY, why: "about QEMU itself" },
  {
    names: ["-echr"],
    value: "1",
    accepts: /^(1|0x0?1)$/,
    why: "Ctrl-A is the key that there is; others are refused",
  },
];

const FIRMWARE = "the BIOS is a part of the machine";
const TABLES = "what firmware tells a guest is fixed";
const DRIVE = "images are given by -drive file=FILE";
const DISPLAYS = "the screen is shown by -display web, -display curses or -vnc";
const PROCESS = "the shell does this: the command stays what it was started as";

/** Flags that are refused. */
export const REFUSED_FLAGS: readonly QemuFlag[] = [
  { names: ["-no-fd-bootchk"], why: FIRMWARE },
  { names: ["-acpitable"], value: "PROPERTIES", why: TABLES },
  { names: ["-dtb"], value: "FILE", why: "a PC has no device tree" },
  { names: ["-set"], value: "PROPERTY", why: "properties are given to -device" },
  { names: ["-add-fd"], value: "PROPERTIES", why: "files are given by their paths" },
  { names: ["-qmp-pretty"], value: "DEV", why: "-qmp says the same, in one line each" },
  { names: ["-sd"], value: "FILE", why: DRIVE },
  { names: ["-mtdblock"], value: "FILE", why: DRIVE },
  { names: ["-iscsi"], value: "PROPERTIES", why: DRIVE },
  { names: ["-fsdev"], value: "PROPERTIES", why: DRIVE },
  { names: ["-virtfs"], value: "PROPERTIES", why: DRIVE },
  { names: ["-tpmdev"], value: "PROPERTIES", why: "there is no TPM" },
  { names: ["-audio-help"], why: "there is no sound card" },
  { names: ["-spice"], value: "PROPERTIES", why: DISPLAYS },
  { names: ["-portrait"], why: DISPLAYS },
  { names: ["-rotate"], value: "DEGREES", why: DISPLAYS },
  { names: ["-win2k-hack"], why: "no disk controller needs it" },
  { names: ["-incoming"], value: "ADDRESS", why: "savevm and loadvm are how a machine moves" },
  { names: ["-dump-vmstate"], value: "FILE", why: "savevm and loadvm are how a machine moves" },
  { names: ["-singlestep"], why: "-d exec logs every block" },
  { names: ["-dfilter"], value: "RANGES", why: "-d exec logs every block" },
  { names: ["-trace"], value: "PATTERN", why: "-d says what is logged" },
  { names: ["-plugin"], value: "FILE", why: "the library tells of what happens: docs/emulator.md" },
  { names: ["-readconfig"], value: "FILE", why: "options are given on the command line" },
  { names: ["-compat"], value: "POLICIES", why: "about QEMU itself" },
  { names: ["-preconfig"], why: "about QEMU itself" },
  { names: ["-watchdog-action"], value: "ACTION", why: "there is no watchdog" },
  { names: ["-xen-domid"], value: "ID", why: "there is no host of Xen" },
  { names: ["-xen-attach"], why: "there is no host of Xen" },
  { names: ["-xen-domid-restrict"], why: "there is no host of Xen" },
  { names: ["-daemonize"], why: PROCESS },
  { names: ["-chroot"], value: "PATH", why: PROCESS },
  { names: ["-runas"], value: "USER", why: PROCESS },
  { names: ["-sandbox"], value: "PROPERTIES", why: PROCESS },
];

// The thesis' figures 5.2 to 5.6 as SVG, with what was measured here beside what the thesis measured. Machines count in
// different units (ticks, instructions), so the axis is logarithmic: distances between bars of one colour are ratios.

import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { FILES, MEDIATED, PIECES } from "./names.ts";
import { find, type Place, type Run } from "./results.ts";
import { countOf } from "./table.ts";
import { type Bar, thesisTicks } from "./thesis.ts";

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

export interface Figure {
  /** "5.2". */
  number: string;
  title: string;
  svg: string;
}

const WIDTH = 1240;
const HEIGHT = 420;
/** Of a figure with two diagrams. */
const TALL = 760;

/** A colour for every source, told apart also by those who do not see all colours (Okabe and Ito). */
const COLOURS: Record<Place | "thesis" | "thesis Linux" | "service" | "mediated", string> = {
  thesis: "#999999",
  "thesis Linux": "#d5d5d5",
  emulator: "#0072b2",
  qemu: "#56b4e9",
  reference: "#e69f00",
  kvm: "#009e73",
  linux: "#d55e00",
  service: "#cc79a7",
  mediated: "#c8b900",
};

const LEGENDS: Record<Place, string> = {
  emulator: "this emulator (instructions)",
  qemu: "QEMU (instructions)",
  reference: "reference kernel, QEMU (instructions)",
  kvm: "KVM (ticks)",
  linux: "Linux on this host (ticks)",
};

interface Series {
  name: string;
  colour: string;
  values: (number | null)[];
}

/** A place on the axis: a label, what is measured, and on which system. */
interface Category {
  label: string;
  name: string;
  system: Bar["system"];
}

const isLinux = ({ place }: Run): boolean => place === "linux";

/** A value for a logarithmic axis, which has no place for 0. */
const positive = (value: number | undefined): number | null =>
  value === undefined || value <= 0 ? null : value;

/** One series for the thesis and one for each machine that has any of the categories. */
function seriesOf(runs: readonly Run[], categories: readonly Category[]): Series[] {
  const thesis = {
    name: "thesis (ticks)",
    colour: COLOURS.thesis,
    values: categories.map(({ name, system }) => positive(thesisTicks(name, system))),
  };
  const measured = runs.map((run) => ({
    name: LEGENDS[run.place],
    colour: COLOURS[run.place],
    values: categories.map(({ name, system }) =>
      isLinux(run) === (system === "Linux") ? positive(countOf(find(run, name))?.median) : null,
    ),
  }));
  return [thesis, ...measured].filter(({ values }) => values.some((value) => value !== null));
}

function shown(value: number): string {
  if (value >= 1e9) return `${value / 1e9}G`;
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 100_000 ? `${Math.round(value / 1000)}k` : `${Math.round(value)}`;
}

/** Behind the title of a diagram. */
const UNIT = "ticks or instructions";

interface Diagram {
  /** With what separates it from the unit. */
  title: string;
  axis?: string;
  labels: string[];
  series: Series[];
  kind: "bar" | "line";
}

/** Draws diagrams one below the other. */
function draw(title: string, diagrams: readonly Diagram[]): string {
  const height = diagrams.length === 1 ? HEIGHT : TALL;
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  // Diagrams of files have a legend of two lines.
  const top = diagrams.length === 1 ? 90 : 124;
  const share = (height - top) / diagrams.length;
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "#ffffff",
      title: [
        { text: title, left: "center", top: 8 },
        ...diagrams.map(({ title: text }, at) => ({
          text: `${text}${UNIT}`,
          left: 20,
          top: top + at * share - 24,
          textStyle: { fontSize: 12 },
        })),
      ],
      // Without a screen the width of text is a guess, so that entries need more room.
      legend: {
        top: 36,
        itemGap: 24,
        textStyle: { fontSize: 11 },
        data: [...new Set(diagrams.flatMap(({ series }) => series.map(({ name }) => name)))],
      },
      grid: diagrams.map((_, at) => ({
        left: 70,
        right: 20,
        top: top + at * share + 10,
        height: share - 66,
      })),
      xAxis: diagrams.map(({ labels, axis }, gridIndex) => ({
        type: "category",
        gridIndex,
        data: labels,
        name: axis,
        nameLocation: "middle",
        nameGap: 26,
        axisLabel: { interval: 0, fontSize: 10 },
      })),
      yAxis: diagrams.map((_, gridIndex) => ({
        type: "log",
        gridIndex,
        axisLabel: { formatter: (value: number) => shown(value) },
      })),
      series: diagrams.flatMap(({ series, kind }, at) =>
        series.map(({ name, colour, values }) => ({
          name,
          type: kind,
          xAxisIndex: at,
          yAxisIndex: at,
          data: values,
          color: colour,
          symbolSize: 7,
          label: {
            show: kind === "bar",
            position: "top",
            rotate: 90,
            align: "left",
            verticalAlign: "middle",
            fontSize: 10,
            formatter: ({ value }: { value: unknown }) => shown(Number(value)),
          },
        })),
      ),
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function bars(number: string, title: string, runs: readonly Run[], all: Category[]): Figure {
  const diagram = { labels: all.map(({ label }) => label), series: seriesOf(runs, all) };
  return { number, title, svg: draw(title, [{ ...diagram, title: "", kind: "bar" }]) };
}

/** Bytes of a piece as axes show them. */
function pieceLabel(bytes: number): string {
  if (bytes >= 1 << 20) return `${bytes >> 20} MiB`;
  return bytes >= 1024 ? `${bytes >> 10} KiB` : `${bytes} B`;
}

function transfers(runs: readonly Run[], size: string, direction: "write" | "read"): Diagram {
  const most = FILES.get(size) ?? 0;
  const pieces = [...PIECES].filter(([, bytes]) => bytes <= most);
  const names = pieces.map(([piece]) => `file.${direction}.${size}.${piece}`);
  const thesis = (name: string, colour: string, system: Bar["system"]): Series => ({
    name,
    colour,
    values: names.map((each) => positive(thesisTicks(each, system))),
  });
  const measured = (run: Run, name: string, colour: string, prefix = ""): Series => ({
    name,
    colour,
    values: names.map((each) => positive(countOf(find(run, prefix + each))?.median)),
  });
  const emulator = runs.filter(({ place }) => place === "emulator");
  return {
    title: direction === "write" ? "Writing, " : "Reading, ",
    axis: "bytes a call",
    labels: pieces.map(([, bytes]) => pieceLabel(bytes)),
    series: [
      thesis("thesis, Hedron (ticks)", COLOURS.thesis, "Hedron with hop"),
      thesis("thesis, Linux (ticks)", COLOURS["thesis Linux"], "Linux"),
      ...runs.map((run) => measured(run, LEGENDS[run.place], COLOURS[run.place])),
      ...emulator.flatMap((run) => [
        measured(run, "emulator, mediated", COLOURS.mediated, MEDIATED),
        measured(run, "emulator, service calls", COLOURS.service, "service."),
      ]),
    ],
    kind: "line",
  };
}

function files(number: string, size: string, runs: readonly Run[]): Figure {
  const title = `Figure ${number}: a file of ${pieceLabel(FILES.get(size) ?? 0)}`;
  return {
    number,
    title,
    svg: draw(title, [transfers(runs, size, "write"), transfers(runs, size, "read")]),
  };
}

/** All figures. */
export function drawFigures(runs: readonly Run[]): Figure[] {
  const calls = ["set_tid_address", "fstat", "open"].flatMap((call): Category[] => [
    { label: `${call}\nLinux`, name: `call.${call}`, system: "Linux" },
    { label: `${call}\nHedron`, name: `call.${call}`, system: "Hedron" },
    { label: `${call}\nwith hop`, name: `hop.${call}`, system: "Hedron with hop" },
    { label: `${call}\nmediated`, name: `${MEDIATED}call.${call}`, system: "Hedron" },
  ]);
  return [
    bars("5.2", "Figure 5.2: the cheapest system call", runs, [
      { label: "native program", name: "syscall.native", system: "Hedron" },
      { label: "hybrid program", name: "syscall.hybrid", system: "Hedron" },
      { label: "Linux", name: "call.set_tid_address", system: "Linux" },
    ]),
    bars("5.3", "Figure 5.3: IPC", runs, [
      { label: "raw, same domain", name: "ipc.raw.same", system: "Hedron" },
      { label: "regular, same domain", name: "ipc.regular.same", system: "Hedron" },
      { label: "raw, across domains", name: "ipc.raw.cross", system: "Hedron" },
      { label: "regular, across domains", name: "ipc.regular.cross", system: "Hedron" },
    ]),
    bars("5.4", "Figure 5.4: foreign system calls", runs, calls),
    files("5.5", "64k", runs),
    files("5.6", "1m", runs),
  ];
}

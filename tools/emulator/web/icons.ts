// The signs on the page's buttons: outlines in a square of 16 units, in the colour of the text.

const SVG = "http://www.w3.org/2000/svg";

const OUTLINES = {
  run: "M4.5 2.8v10.4l8.5-5.2z",
  pause: "M5 3v10M11 3v10",
  step: "M3.5 3v10l6-5zM12.5 3v10",
  reset: "M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3",
  power: "M8 2v6M4.6 4.4a5 5 0 1 0 6.8 0",
  fast: "M2.5 3.5v9L8 8zM8 3.5v9L13.5 8z",
  clock: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M8 5v3.2l2.2 1.4",
  snapshot:
    "M2.5 4.5h2.6l1.2-1.7h3.4l1.2 1.7h2.6v8.3h-11zM8 6.4a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 1 0 0-4.6",
  debug:
    "M5.5 5.5a2.5 2.5 0 0 1 5 0M4.5 6h7v4a3.5 3.5 0 0 1-7 0zM8 6v7M2 5.5l2.5 1.5M14 5.5l-2.5 1.5M1.5 10h3M14.5 10h-3",
  keyboard: "M1.5 4h13v8h-13zM4 6.7h.1M6.7 6.7h.1M9.3 6.7h.1M12 6.7h.1M5 9.4h6",
  mouse: "M4.5 6a3.5 3.5 0 0 1 7 0v4a3.5 3.5 0 0 1-7 0zM8 2.7v3.6",
  more: "M3.5 6l4.5 4.5l4.5-4.5",
  full: "M2.5 6v-3.5h3.5M10 2.5h3.5v3.5M13.5 10v3.5h-3.5M6 13.5h-3.5v-3.5",
  gallery:
    "M2.5 2.5h4.3v4.3h-4.3zM9.2 2.5h4.3v4.3h-4.3zM2.5 9.2h4.3v4.3h-4.3zM9.2 9.2h4.3v4.3h-4.3z",
  open: "M8 10.5v-8M5 5.3l3-3l3 3M2.5 10v3.5h11v-3.5",
  up: "M8 13v-9M4.5 7.5l3.5-3.5l3.5 3.5",
  down: "M8 3v9M4.5 8.5l3.5 3.5l3.5-3.5",
  copy: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1",
  paste: "M3.5 3.5h9v10h-9zM6 2.2h4v2.6h-4z",
} as const;

export type Icon = keyof typeof OUTLINES;

/** The three faces of a trihedron, from its corner. */
const FACES = [
  ["M8 8V1L14 12.5z", "0.55"],
  ["M8 8V1L2 12.5z", "0.8"],
  ["M8 8L14 12.5H2z", "1"],
] as const;

const outline = (): SVGElement => {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  return svg;
};

/** The project's sign. */
export function logo(): SVGElement {
  const svg = outline();
  svg.classList.add("logo");
  for (const [d, opacity] of FACES) {
    const face = document.createElementNS(SVG, "path");
    face.setAttribute("d", d);
    face.setAttribute("opacity", opacity);
    svg.append(face);
  }
  return svg;
}

/** A sign, which screen readers pass over: its button has a name. */
export function icon(name: Icon): SVGElement {
  const svg = outline();
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", OUTLINES[name]);
  svg.append(path);
  return svg;
}

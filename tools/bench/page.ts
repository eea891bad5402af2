// A page that shows all figures and tables of a run, and says what was measured where and how.

import type { Figure } from "./figures.ts";
import type { Results } from "./results.ts";
import { formatForeignCalls, formatTable } from "./table.ts";
import { THESIS } from "./thesis.ts";

export const figureFile = (figure: Figure): string => `figure-${figure.number}.svg`;

function escaped(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
figure { margin: 2em 0 } img { max-width: 100%; height: auto; border: 1px solid #ddd }
table { border-collapse: collapse } td, th { border: 1px solid #ddd; padding: 4px 8px; text-align: left; vertical-align: top }
pre { overflow-x: auto; background: #f6f6f6; padding: 1em; font-size: 13px } code { font-size: 13px }
`;

/** The page; its figures are files beside it. */
export function formatPage({ runs }: Results, figures: readonly Figure[]): string {
  const places = runs.map(
    ({ what, tick, date, host, command }) =>
      `<tr>${[what, tick, date, host].map((cell) => `<td>${escaped(cell)}</td>`).join("")}<td><code>${escaped(command)}</code></td></tr>`,
  );
  const pictures = figures.map(
    (figure) => `<figure><img src="${figureFile(figure)}" alt="${escaped(figure.title)}"></figure>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Trihedron: measurements</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Measurements</h1>
<p>Medians. Grey is ${escaped(THESIS)}. Instructions and ticks of different machines are different units: what can be
compared across colours are ratios, which a logarithmic axis shows as distances. The thesis' transfers of files on Hedron
have its hop in front of every call; those measured here have none.</p>
<table>
<tr><th>what</th><th>a tick is</th><th>when</th><th>host</th><th>command</th></tr>
${places.join("\n")}
</table>
${pictures.join("\n")}
<h2>Foreign system calls</h2>
<pre>${escaped(formatForeignCalls(runs))}</pre>
<h2>All measurements</h2>
<pre>${escaped(formatTable(runs))}</pre>
</body>
</html>
`;
}

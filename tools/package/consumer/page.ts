// For pages: the report goes to `onReport`, which the page has. Where there are workers, one has a machine of its own.

import { bootDisk } from "./disk.ts";

declare const onReport: (text: string) => void;

onReport(await bootDisk());
if (typeof Worker !== "undefined") {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<string>) => onReport(data);
}

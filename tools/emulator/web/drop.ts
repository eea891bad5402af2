// Files that are dragged over a page. What else is dragged, text for a field say, is the browser's.

const carriesFiles = ({ dataTransfer }: DragEvent): boolean =>
  dataTransfer?.types.includes("Files") ?? false;

/** Calls `take` with what is dropped on `root`, which says while it is dragged that it may be. */
export function onFiles(root: HTMLElement, take: (files: FileList) => void): void {
  for (const [name, isOver] of [
    ["dragover", true],
    ["dragleave", false],
    ["drop", false],
  ] as const) {
    root.addEventListener(name, (event) => {
      root.classList.toggle("dropping", isOver && carriesFiles(event));
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (name === "drop" && event.dataTransfer !== null) take(event.dataTransfer.files);
    });
  }
}

/** A file that is dropped on `root` is not taken, and does not take the place of the page, as browsers would have it. */
export function refuseFiles(root: HTMLElement): void {
  for (const name of ["dragover", "drop"] as const) {
    root.addEventListener(name, (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "none";
    });
  }
}

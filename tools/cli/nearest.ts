// What somebody probably meant by a word that is not known: the nearest one that is, if it is near enough to be a
// slip of the fingers.

/**
 * The least number of letters to insert, delete, replace or swap with their neighbour that makes `b` of `a`
 * (optimal string alignment distance).
 */
export function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let last: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    [older, last, row] = [last, row, [i]];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, replaced);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] && i > 1 && j > 1) {
        least = Math.min(least, (older[j - 2] as number) + 1);
      }
      row.push(least);
    }
  }
  return row[b.length] as number;
}

/**
 * The word of `known` that is nearest to `word`, or undefined if none is near: a third of the letters may differ, at
 * least one, and never all of them. Dashes in front count for nothing.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const letters = (text: string): string => text.replace(/^-+/, "");
  const wanted = letters(word);
  const limit = Math.min(Math.max(1, Math.floor(wanted.length / 3)), wanted.length - 1);
  let best: { name: string; distance: number } | undefined;
  for (const name of known) {
    const distance = editDistance(wanted, letters(name));
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { name, distance };
    }
  }
  return best?.name;
}

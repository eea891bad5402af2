// JSON values that come one after the other on a stream, as QMP takes them: blanks between them do not matter, and
// strings may be in single quotes.

/** What is no JSON. */
export class JsonStreamError extends Error {
  override name = "JsonStreamError";
}

/** Characters of one value, and parts of it within each other. */
const MAX_VALUE = 1 << 20;
const MAX_DEPTH = 256;

/** 'text' with escapes as "text". */
function doubleQuoted(token: string): string {
  if (!token.startsWith("'")) return token;
  const inner = token.slice(1, -1).replace(/\\'|"/g, (found) => (found === '"' ? '\\"' : "'"));
  return `"${inner}"`;
}

export class JsonStream {
  #tokens: string[] = [];
  #token = "";
  #quote = "";
  #escaped = false;
  #depth = 0;
  #length = 0;

  /** Values that are complete with these characters; what is wrong takes the place of a value. */
  *feed(text: string): Generator<unknown> {
    for (const c of text) {
      const done = this.#take(c);
      if (done instanceof JsonStreamError) {
        this.#reset();
        yield done;
      } else if (done) {
        yield this.#value();
      }
    }
  }

  #reset(): void {
    this.#tokens = [];
    this.#token = "";
    this.#quote = "";
    this.#escaped = false;
    this.#depth = 0;
    this.#length = 0;
  }

  #take(c: string): boolean | JsonStreamError {
    if (++this.#length > MAX_VALUE) return new JsonStreamError("JSON token size limit exceeded");
    if (this.#quote !== "") {
      this.#token += c;
      if (c === "\n") return new JsonStreamError("JSON parse error, stray newline in a string");
      if (this.#escaped) this.#escaped = false;
      else if (c === "\\") this.#escaped = true;
      else if (c === this.#quote) return this.#endString();
      return false;
    }
    if (c === '"' || c === "'") {
      this.#endWord();
      this.#quote = c;
      this.#token = c;
      return false;
    }
    if (/\s/.test(c)) {
      this.#endWord();
      const complete = this.#depth === 0 && this.#tokens.length > 0;
      if (!complete && this.#tokens.length === 0) this.#length = 0;
      return complete;
    }
    if ("{}[]:,".includes(c)) {
      this.#endWord();
      this.#tokens.push(c);
      if (c === "{" || c === "[") this.#depth++;
      if (this.#depth > MAX_DEPTH) return new JsonStreamError("JSON nesting depth limit exceeded");
      if ((c === "}" || c === "]") && --this.#depth <= 0) return true;
      return this.#depth === 0;
    }
    this.#token += c;
    return false;
  }

  #endString(): boolean {
    this.#quote = "";
    this.#endWord();
    return this.#depth === 0;
  }

  #endWord(): void {
    if (this.#token !== "") this.#tokens.push(doubleQuoted(this.#token));
    this.#token = "";
  }

  #value(): unknown {
    const text = this.#tokens.join("");
    this.#reset();
    try {
      return JSON.parse(text);
    } catch {
      return new JsonStreamError(`JSON parse error in ${text.slice(0, 60)}`);
    }
  }
}

// What the page knows of the machine before it, wherever that is: messages go both ways, and questions get answers.

import type { Rectangle } from "../picture-difference.ts";
import type { FromMachine, QuestionName, ToMachine } from "../remote/messages.ts";

/** A part of a picture that the page keeps, `image`, is another one than before. */
export type PicturePart = Rectangle & { kind: "part"; image: ImageData };

/** What becomes of the picture. */
export type PictureChange =
  /** It has another size from now on, and is black. */
  { kind: "size"; width: number; height: number } | PicturePart;

/** What comes on a connection. */
export type FromConnection = FromMachine | PictureChange;

/** The way to a machine and back. */
export interface Connection {
  onMessage: (message: FromConnection) => void;
  /** There will be no more messages: why, in a sentence. */
  onClosed: (reason: string) => void;
  /** Whether the message is on its way: there may be nobody to take it. */
  send(message: ToMachine): boolean;
}

export interface Answer {
  text: string;
  bytes?: Uint8Array;
}

interface Pending {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

const UNREACHABLE = "The machine cannot be reached.";

/** A connection on which questions can be asked. */
export class Backend {
  readonly #connection: Connection;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  onMessage: (message: FromConnection) => void = () => {};
  onClosed: (reason: string) => void = () => {};

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.onMessage = (message) => this.#receive(message);
    connection.onClosed = (reason) => {
      for (const { reject } of this.#pending.values()) reject(new Error(reason));
      this.#pending.clear();
      this.onClosed(reason);
    };
  }

  send(message: ToMachine): void {
    this.#connection.send(message);
  }

  /** The answer to a question. Rejects with the machine's reason. */
  ask(what: QuestionName, text: string, bytes?: Uint8Array): Promise<Answer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (!this.#connection.send({ kind: "ask", id, what, text, bytes })) {
        reject(new Error(UNREACHABLE));
        return;
      }
      this.#pending.set(id, { resolve, reject });
    });
  }

  #receive(message: FromConnection): void {
    if (message.kind !== "answer" && message.kind !== "failure") {
      this.onMessage(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === "answer") pending?.resolve(message);
    else pending?.reject(new Error(message.text));
  }
}

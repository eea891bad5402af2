// Serving a block device (block_layout.ts): a program offers one, takes request after request and answers each.

import { free, malloc } from "./allocator";
import {
  ANSWER_ERROR,
  ANSWER_HEADER_BYTES,
  ANSWER_ID,
  ANSWER_RESERVED,
  BLOCK_SERVICE,
  BLOCK_VERSION,
  OFFER_BYTES,
  OFFER_FLAGS,
  OFFER_NAME,
  OFFER_NAME_BYTES,
  OFFER_SECTORS,
  OFFER_VERSION,
  REQUEST_BYTES,
  REQUEST_COUNT,
  REQUEST_HEADER_BYTES,
  REQUEST_ID,
  REQUEST_KIND,
  REQUEST_READ,
  REQUEST_SECTOR,
  SECTOR_BYTES,
} from "./block_layout";
import { File, READ_WRITE } from "./file";

@unmanaged
export class BlockServer {
  file: File;
  /** The request, and behind it, or behind the answer's header, its bytes. */
  message: usize;
  /** What is asked for: REQUEST_…, the first sector, and how many. */
  kind: u32;
  count: u32;
  sector: u64;

  /**
   * Offers /dev/`name`, at most 31 bytes, of `sectors` × 512 bytes; `flags` are OFFER_…. Null where that is refused, or
   * memory is out.
   */
  static offer(name: string, sectors: u64, flags: u32): BlockServer | null {
    const server = changetype<BlockServer>(malloc(offsetof<BlockServer>()));
    const message = malloc(REQUEST_HEADER_BYTES + REQUEST_BYTES);
    const file = File.open(BLOCK_SERVICE, READ_WRITE);
    if (changetype<usize>(server) !== 0 && message !== 0 && file !== null) {
      server.message = message;
      server.file = file;
      if (server.sendOffer(name, sectors, flags)) return server;
    }
    if (file !== null) file.close();
    free(message);
    free(changetype<usize>(server));
    return null;
  }

  private sendOffer(name: string, sectors: u64, flags: u32): bool {
    const message = this.message;
    const length = name.length as u32;
    if (length >= OFFER_NAME_BYTES) return false;
    memory.fill(message, 0, OFFER_BYTES);
    store<u32>(message + OFFER_VERSION, BLOCK_VERSION);
    store<u32>(message + OFFER_FLAGS, flags);
    store<u64>(message + OFFER_SECTORS, sectors);
    for (let i: u32 = 0; i < length; i++) {
      store<u8>(message + OFFER_NAME + i, name.charCodeAt(i));
    }
    return this.file.write(message, OFFER_BYTES) === (OFFER_BYTES as i64);
  }

  /** Waits for the next request. False where there will be none. */
  next(): bool {
    const message = this.message;
    if (this.file.read(message, REQUEST_HEADER_BYTES + REQUEST_BYTES) <= 0) return false;
    this.kind = load<u32>(message + REQUEST_KIND);
    this.count = load<u32>(message + REQUEST_COUNT);
    this.sector = load<u64>(message + REQUEST_SECTOR);
    return true;
  }

  /** Bytes that the request reads or writes. */
  get bytes(): u32 {
    return this.count * SECTOR_BYTES;
  }

  /** Where the bytes of a request to write are. */
  get written(): usize {
    return this.message + REQUEST_HEADER_BYTES;
  }

  /** Where those of a request to read go, behind the answer's header. */
  get toRead(): usize {
    return this.message + ANSWER_HEADER_BYTES;
  }

  /** Answers the request: `error` is 0, or a number of errno(3). False where the answer is refused. */
  answer(error: u32): bool {
    const message = this.message;
    const bytes = this.kind === REQUEST_READ && error === 0 ? this.bytes : 0;
    const id = load<u64>(message + REQUEST_ID);
    store<u64>(message + ANSWER_ID, id);
    store<u32>(message + ANSWER_ERROR, error);
    store<u32>(message + ANSWER_RESERVED, 0);
    const length = ANSWER_HEADER_BYTES + bytes;
    return this.file.write(message, length) === (length as i64);
  }
}

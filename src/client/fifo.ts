// SPDX-License-Identifier: MIT
// Makes and opens FIFOs in Deno and in Node.
import { execFile } from "node:child_process";
import { constants, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { IN_DENO, NodeConnection } from "./connection.ts";

/** One end of a FIFO. */
export interface ByteStream {
  /** Fills a beginning of `bytes` and returns its length; null at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** Writes a beginning of `bytes` and returns its length. */
  write(bytes: Uint8Array): Promise<number>;
  /** Closes this end. Does nothing when it is closed. */
  close(): void;
}

/**
 * Makes FIFOs of these names in a new directory that only this user may enter; returns its path.
 * By mkfifo(1): neither Deno nor Node has a call for it that needs no further permission.
 */
export async function makeFifos(names: readonly string[]): Promise<string> {
  // The daemon opens them, too, from a working directory of its own.
  const dir = await mkdtemp(`${resolve(tmpdir())}/berth-stdio-`);
  try {
    const paths = names.map((name) => `${dir}/${name}`);
    await promisify(execFile)("mkfifo", ["-m", "600", "--", ...paths]);
  } catch (error) {
    await removeFifos(dir);
    throw error;
  }
  return dir;
}

/** Removes the directory of {@linkcode makeFifos}, if it is still there. */
export async function removeFifos(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}

/**
 * Opens a FIFO. Only `both` never waits for another process; the others need it held open so.
 */
export async function openFifo(
  path: string,
  mode: "read" | "write" | "both",
): Promise<ByteStream> {
  if (IN_DENO) return await DenoFifo.open(path, mode);
  const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
  const flags = { read: O_RDONLY, write: O_WRONLY, both: O_RDWR }[mode];
  // libuv polls it then: a blocking read would take one of Node's four threads for files.
  const fd = openSync(path, flags | O_NONBLOCK);
  return new NodeConnection(
    new Socket({ fd, readable: mode === "read", writable: mode === "write" }),
  );
}

/** A FIFO in Deno, which reads and writes it in a thread that blocks. */
class DenoFifo implements ByteStream {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #reading = 0;
  #closed = false;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  static async open(path: string, mode: "read" | "write" | "both"): Promise<DenoFifo> {
    const file = await Deno.open(path, { read: mode !== "write", write: mode !== "read" });
    return new DenoFifo(path, file);
  }

  async read(bytes: Uint8Array): Promise<number | null> {
    if (this.#closed) return null;
    this.#reading++;
    try {
      const count = await this.#file.read(bytes);
      return this.#closed ? null : count;
    } catch (error) {
      if (this.#closed) return null;
      throw error;
    } finally {
      this.#reading--;
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#file.write(bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#reading > 0) this.#wake();
    this.#file.close();
  }

  /** A thread that waits for input would wait on: a byte that is never passed on ends that. */
  #wake(): void {
    try {
      const file = Deno.openSync(this.#path, { write: true });
      file.writeSync(new Uint8Array(1));
      file.close();
    } catch {
      // The path is gone: the read ends with the process that writes.
    }
  }
}

// SPDX-License-Identifier: MIT
// The init program that `--init` puts into a container.
import { FailedPreconditionError } from "../../rpc/errors.ts";

/** Where the init program is in a container, as podman has it. */
export const INIT_PATH = "/dev/init";

/** Programs that reap and forward signals, in order of preference. All take `-- COMMAND`. */
const PROGRAMS = ["catatonit", "tini-static", "docker-init", "tini"];

/** Type of a program header that names the dynamic linker (elf(5)). */
const PT_INTERP = 3;

/**
 * Returns the OCI mount that puts an init program from PATH into a container.
 *
 * @throws {FailedPreconditionError} if there is none that runs in any root filesystem.
 */
export function initMount() {
  const source = findProgram();
  if (source === undefined) {
    throw new FailedPreconditionError(
      "an init process needs a statically linked init program in PATH: install the package catatonit, or tini",
    );
  }
  return { type: "bind", source, destination: INIT_PATH, options: ["bind", "rprivate", "ro"] };
}

function findProgram(): string | undefined {
  const dirs = (Deno.env.get("PATH") ?? "").split(":").filter((dir) => dir.startsWith("/"));
  for (const name of PROGRAMS) {
    for (const dir of dirs) {
      try {
        const path = Deno.realPathSync(`${dir}/${name}`);
        if (isStatic(Deno.readFileSync(path))) return path;
      } catch (error) {
        const absent = error instanceof Deno.errors.NotFound ||
          error instanceof Deno.errors.PermissionDenied ||
          error instanceof Deno.errors.NotADirectory;
        if (!absent) throw error;
      }
    }
  }
  return undefined;
}

/**
 * Returns whether it is an ELF program that needs no dynamic linker, for the root has none of ours.
 */
function isStatic(bytes: Uint8Array<ArrayBuffer>): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // 0x7f ELF, 64 bits, little-endian
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) {
    return false;
  }
  const offset = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  for (let index = 0; index < count; index++) {
    const at = offset + index * size;
    if (at + 4 > bytes.length || view.getUint32(at, true) === PT_INTERP) return false;
  }
  return true;
}

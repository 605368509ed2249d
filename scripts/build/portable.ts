// SPDX-License-Identifier: MIT
import { PRINT_DELETED } from "../../src/runtime/process/print_deleted.ts";
import { VERSION } from "../../src/version.ts";
import { RUN_FLAGS, SET_LAZY } from "./launcher.ts";
import { tar } from "./tar.ts";
import type { TarFile } from "./tar.ts";

/** The contents of a portable file. */
export interface PortableOptions {
  /** The Deno executable of the target. */
  readonly deno: string;
  /** Directory of the bundle, with `main.js` and its chunks. */
  readonly bundleDir: string;
  /** The file to write. */
  readonly out: string;
  /** Ends it; a draft may stay. */
  readonly signal?: AbortSignal;
}

/**
 * Writes the portable form of berth: one executable file that unpacks itself at its first start,
 * into a directory named after the content, and runs from there. Needs a shell, and the
 * tools that `portable_header.sh` names where it is started first. The same input gives the same bytes.
 * Throws when the bundle has no `main.js`.
 */
export async function writePortable(options: PortableOptions): Promise<void> {
  const { deno, bundleDir, out, signal } = options;
  const entries: TarFile[] = [
    { name: "deno", mode: 0o755, content: await Deno.readFile(deno) },
  ];
  const names = [...Deno.readDirSync(bundleDir)].map(({ name }) => name).filter((name) =>
    name.endsWith(".js")
  );
  if (!names.includes("main.js")) throw new Error(`no main.js in ${bundleDir}`);
  for (const name of names.sort()) {
    entries.push({ name, mode: 0o644, content: await Deno.readFile(`${bundleDir}/${name}`) });
  }
  const archive = tar(entries);
  // Not xz: it makes 31 MB of it instead of 42, but takes 2.2 s of CPU instead of 0.8 to unpack, with
  // which a first start exceeds 3 s, and 100 s instead of 6 to pack.
  const compressed = archive.stream().pipeThrough(
    new CompressionStream("gzip"),
    signal && { signal },
  );
  const packed = await new Response(compressed).arrayBuffer();
  const header = await fillHeader({
    VERSION,
    SUM: await sha256(packed),
    MEGABYTES: String(Math.ceil(archive.size / 1e6)),
    FLAGS: RUN_FLAGS.join(" "),
    FILES: entries.map(({ name }) => name).join(" "),
    SIZES: entries.map(({ content }) => content.length).join(" "),
  });
  const draft = `${out}.draft`;
  await Deno.writeFile(draft, new Blob([header, packed]).stream(), { mode: 0o755 });
  await Deno.chmod(draft, 0o755);
  // A running copy's file must not be written to; a new one takes its name.
  await Deno.rename(draft, out);
}

async function fillHeader(values: Readonly<Record<string, string>>): Promise<string> {
  const template = await Deno.readTextFile(new URL("portable_header.sh", import.meta.url));
  // Its lines count for the number of the first that is packed.
  const text = template
    .replace("@PRINT_DELETED@", () => PRINT_DELETED)
    .replace("@SET_LAZY@", () => SET_LAZY);
  const all = { ...values, LINE: String(text.split("\n").length) };
  return text.replace(/@([A-Z]+)@/g, (_, name: string) => {
    const value = new Map(Object.entries(all)).get(name);
    if (value === undefined) throw new Error(`portable_header.sh asks for ${name}`);
    return value;
  });
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: BufferSource): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

// SPDX-License-Identifier: MIT

/** A file of a bundle and the chunks that it pulls in. */
export interface Chunk {
  readonly name: string;
  readonly text: string;
  /** Names of the files that it imports statically: loaded with it. */
  readonly imports: readonly string[];
  /** Names of the files that it imports dynamically: loaded when asked for. */
  readonly lazy: readonly string[];
}

/** Reads the bundle in `dir`, keyed by file name. */
export async function readBundle(dir: string): Promise<Map<string, Chunk>> {
  const chunks = new Map<string, Chunk>();
  for await (const { name } of Deno.readDir(dir)) {
    if (!name.endsWith(".js")) continue;
    const text = await Deno.readTextFile(`${dir}/${name}`);
    const names = (pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] ?? "");
    chunks.set(name, {
      name,
      text,
      imports: names(/(?:^|[\s;}])(?:from|import)\s*"\.\/([^"]+\.js)"/g),
      lazy: names(/\bimport\("\.\/([^"]+\.js)"\)/g),
    });
  }
  return chunks;
}

/** Returns the files that are loaded with the file `name`: itself and every static import below it. */
export function loadedWith(chunks: ReadonlyMap<string, Chunk>, name: string): Chunk[] {
  const seen = new Map<string, Chunk>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    const chunk = chunks.get(file);
    if (chunk === undefined) throw new Error(`the bundle has no ${file}`);
    seen.set(file, chunk);
    chunk.imports.forEach(visit);
  };
  visit(name);
  return [...seen.values()];
}

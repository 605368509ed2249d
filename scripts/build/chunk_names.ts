// SPDX-License-Identifier: MIT
import { readBundle } from "./chunks.ts";
import { sha256 } from "./portable.ts";

/** A name as the bundler gives it, with a hash of the paths of the sources in it. */
const BY_PATH = /-[0-9A-Z]{8}\.js$/;

/**
 * Names the chunks in `dir` after their content instead of after the place of their sources, so that
 * a minified bundle is the same wherever they lie. Chunks name each other, in circles too: what is
 * hashed is the content with the names of the round before, in as many rounds as there are chunks.
 */
export async function nameByContent(dir: string): Promise<void> {
  const chunks = [...(await readBundle(dir)).values()];
  const renamed = chunks.filter(({ name }) => BY_PATH.test(name));
  let names = new Map(renamed.map(({ name }) => [name, name.replace(BY_PATH, ".js")]));
  for (const _ of renamed) {
    const next = new Map<string, string>();
    for (const { name, text } of renamed) {
      const hash = await sha256(new TextEncoder().encode(withNames(text, names)));
      next.set(name, name.replace(BY_PATH, `-${hash.slice(0, 12)}.js`));
    }
    names = next;
  }
  if (new Set(names.values()).size < names.size) {
    throw new Error(`two chunks in ${dir} are the same`);
  }
  for (const { name, text } of chunks) {
    await Deno.remove(`${dir}/${name}`);
    await Deno.writeTextFile(`${dir}/${names.get(name) ?? name}`, withNames(text, names));
  }
}

function withNames(text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(
    /"\.\/([^"]+\.js)"/g,
    (all, name: string) => names.has(name) ? `"./${names.get(name)}"` : all,
  );
}

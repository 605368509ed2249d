// SPDX-License-Identifier: MIT
import { runBundler } from "../bundler.ts";
import * as node from "./node.ts";

/** An import of Node's in what the bundler writes: one name, or several in braces. */
const IMPORT = /^import (?:(\w+)|\{([^}]+)\}) from "node:(\w+)";$/gm;

/**
 * Writes the package of a specifier such as `npm:commander` to the file `out`, with the parts of `node.ts`
 * in place of Node's modules: loading those takes longer than all else that a command loads
 * (docs/decisions/0021). Throws if the package imports what is not there.
 */
export async function bundlePackage(
  specifier: string,
  out: string,
  signal?: AbortSignal,
): Promise<void> {
  await runBundler(["--platform=deno", `--output=${out}`, specifier], signal);
  await Deno.writeTextFile(out, withoutNode(await Deno.readTextFile(out)));
}

/** Returns a module's text that imports from `node.ts` what it imported from Node. */
export function withoutNode(text: string): string {
  const from = JSON.stringify(new URL("node.ts", import.meta.url).href);
  const changed = text.replace(IMPORT, (all, whole?: string, parts?: string, module?: string) => {
    const names = whole
      ? [`${module} as ${whole}`]
      : parts?.split(",").map((part) => part.trim()) ?? [];
    for (const name of names) {
      if (!Object.hasOwn(node, name.split(" ")[0] ?? "")) {
        throw new Error(`nothing stands for ${all}`);
      }
    }
    return `import { ${names.join(", ")} } from ${from};`;
  });
  const left = /"node:[^"]+"/.exec(changed);
  if (left !== null) throw new Error(`${left[0]} is imported in a way that is not known`);
  return changed;
}

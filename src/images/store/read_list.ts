// SPDX-License-Identifier: MIT
import { ifThere } from "../../linux/fs/if_there.ts";
import { ImageError } from "../image_errors.ts";

/**
 * Reads a file that holds a JSON list; an empty one where there is no file.
 *
 * @param lost The path to remove where the file is damaged, as a loss of power leaves it.
 * @throws {ImageError} if it is damaged.
 */
export function readList(path: string, lost = path): readonly unknown[] {
  const text = ifThere(() => Deno.readTextFileSync(path));
  if (text === undefined) return [];
  const list = parse(text);
  if (Array.isArray(list)) return list;
  throw new ImageError(`${path} is damaged: remove ${lost}, and pull the images again`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

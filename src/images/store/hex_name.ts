// SPDX-License-Identifier: MIT
import { ImageError } from "../errors.ts";

/** Returns an id as the name of a directory: nothing but what an id is made of. */
export function hexName(id: string): string {
  if (!/^[0-9a-f]+$/.test(id)) throw new ImageError(`${JSON.stringify(id)} is no id`);
  return id;
}

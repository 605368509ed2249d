// SPDX-License-Identifier: MIT

/** Returns the containers of all pages. `read` returns the page after the id `after`. */
export async function readPages<T>(
  read: (
    after: string | undefined,
  ) => Promise<{ readonly containers: readonly T[]; readonly next?: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const { containers, next } = await read(after);
    all.push(...containers);
    after = next;
  } while (after !== undefined);
  return all;
}

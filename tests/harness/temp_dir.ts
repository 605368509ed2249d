// SPDX-License-Identifier: MIT

/** Calls `use` with an empty directory, and removes the directory afterwards. */
export async function withTempDir(use: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync({ prefix: "berth-test-" });
  try {
    await use(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Returns the function of a test that has an empty directory. */
export function inTempDir(test: (dir: string) => void | Promise<void>): () => Promise<void> {
  return () => withTempDir(test);
}

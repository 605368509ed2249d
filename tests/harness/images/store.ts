// SPDX-License-Identifier: MIT
import { run } from "../command.ts";
import type { TestDaemon } from "../daemon.ts";
import { namesIn } from "../leaks/traces.ts";

/**
 * Counts what the store holds besides whole images: files of pulls, layers, links to them. A pull
 * that was killed early has made no directories yet.
 */
export function leftIn(daemon: TestDaemon) {
  const storage = `${daemon.root}/images/storage`;
  return {
    temporary: namesIn(`${daemon.root}/images/tmp`).length,
    layers: layersOf(daemon),
    directories: namesIn(`${storage}/overlay`).filter((name) => name !== "l" && name[0] !== ".")
      .length,
    links: namesIn(`${storage}/overlay/l`).length,
  };
}

/** The counts of {@linkcode leftIn} for an empty store. */
export const NOTHING = { temporary: 0, layers: 0, directories: 0, links: 0 };

/** How many layers the store knows. */
export function layersOf(daemon: TestDaemon): number {
  try {
    const path = `${daemon.root}/images/storage/overlay-layers/layers.json`;
    return JSON.parse(Deno.readTextFileSync(path)).length;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Digests of layers that `makeImage` has packed. */
export async function digests(layers: readonly string[]): Promise<string[]> {
  return await Promise.all(layers.map(async (layer) => {
    const tar = layer.endsWith(".tar") ? layer : `${layer}.tar`;
    return `sha256:${(await run(["sha256sum", tar])).slice(0, 64)}`;
  }));
}

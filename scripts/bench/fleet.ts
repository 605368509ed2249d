// SPDX-License-Identifier: MIT
import { SLEEP } from "./engine.ts";
import type { Engine } from "./engine.ts";
import type { Bench } from "./row.ts";

/** Containers of one engine that sleep, until they are told to go. */
export interface Fleet {
  readonly engine: Engine;
  /** Id and pid of init of each. */
  readonly containers: ReadonlyMap<string, number>;
}

/** Runs `count` sleeping containers, in one shim group if one is named. */
export async function launch(
  bench: Bench,
  engine: Engine,
  count: number,
  group?: string,
): Promise<Fleet> {
  const containers = new Map<string, number>();
  await eachOf(Array.from({ length: count }, () => bench.id()), async (id) => {
    const options = group === undefined ? {} : { group };
    containers.set(id, await engine.create(id, bench.spec(SLEEP), options));
    await engine.start(id);
  });
  return { engine, containers };
}

/** Kills and deletes the containers of a fleet. */
export async function dismiss({ engine, containers }: Fleet): Promise<void> {
  await eachOf([...containers.keys()], async (id) => {
    const exited = engine.wait(id);
    await engine.kill(id, 9);
    await exited;
    await engine.delete(id);
  });
}

/** Works through `items`, four at a time. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (const item of left) await work(item);
  }));
}

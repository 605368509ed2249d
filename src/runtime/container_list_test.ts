// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError } from "../rpc/errors.ts";
import type { ContainerState } from "../rpc/contract/schemas.ts";
import { listContainers, type Listed, listStats } from "./container_list.ts";

function listed(id: string, labels: Record<string, string> = {}): Listed {
  const running = !id.startsWith("old");
  return {
    id,
    bundle: { record: { instance: `i-${id}`, labels } },
    state: (): ContainerState => ({
      ...{ id, instance: `i-${id}`, status: running ? "running" : "stopped", pid: 1, bundle: "/b" },
      ...{ runtime: "runc", terminal: false, stdin: "", stdout: "", stderr: "", labels },
      ...{ createdAt: "", shimPid: 2, shim: "connected", processes: [] },
    }),
    stats: () => {
      if (!running) throw new FailedPreconditionError("stopped");
      return { timestamp: "t" };
    },
  };
}

/** Returns the ids on each page. */
function pages(
  all: readonly Listed[],
  params: Parameters<typeof listContainers>[1],
): string[][] {
  const found: string[][] = [];
  for (let after = params.after ?? "";;) {
    const page = listContainers(all, { ...params, after });
    found.push(page.containers.map(({ id }) => id));
    if (page.next === undefined) return found;
    after = page.next;
  }
}

Deno.test("listContainers orders by id and pages by it, whatever comes and goes", () => {
  const all = ["c", "a", "e", "b", "d"].map((id) => listed(id));
  assert.deepEqual(pages(all, {}), [["a", "b", "c", "d", "e"]]);
  assert.deepEqual(pages(all, { limit: 2 }), [["a", "b"], ["c", "d"], ["e"]]);
  assert.deepEqual(pages(all, { limit: 5 }), [["a", "b", "c", "d", "e"]]);
  assert.deepEqual(pages(all, { after: "b", limit: 2 }), [["c", "d"], ["e"]]);
  assert.deepEqual(pages(all, { after: "bb" }), [["c", "d", "e"]], "the one of `next` is gone");
  assert.deepEqual(pages([], { limit: 1 }), [[]]);
});

Deno.test("listContainers filters by ids, labels and status", () => {
  const proto = JSON.parse('{"__proto__":"x","app":"shop"}');
  const all = [
    listed("a", { app: "shop", tier: "web" }),
    listed("b", { app: "shop" }),
    listed("c", proto),
    listed("old"),
  ];
  assert.deepEqual(pages(all, { ids: ["b", "old", "ghost"] }), [["b", "old"]]);
  assert.deepEqual(pages(all, { labels: { app: "shop" } }), [["a", "b", "c"]]);
  assert.deepEqual(pages(all, { labels: { app: "shop", tier: "web" } }), [["a"]]);
  assert.deepEqual(pages(all, { labels: JSON.parse('{"__proto__":"x"}') }), [["c"]]);
  assert.deepEqual(pages(all, { labels: { toString: "x" } }), [[]]);
  assert.deepEqual(pages(all, { status: "stopped" }), [["old"]]);
  assert.deepEqual(pages(all, { status: "running", limit: 1 }).flat(), ["a", "b", "c"]);
});

Deno.test("listContainers ends a page before its message is too long", () => {
  const labels = Object.fromEntries(
    Array.from({ length: 5 }, (_, i) => [i, "\u{3042}".repeat(4000)]),
  );
  const all = Array.from({ length: 500 }, (_, i) => listed(`c${1000 + i}`, labels));
  const found = pages(all, {});
  assert.deepEqual(found.flat(), all.map(({ id }) => id), "each is on one page");
  assert(found.length > 1);
  for (let after: string | undefined = "";;) {
    const page = listContainers(all, { after });
    assert(new TextEncoder().encode(JSON.stringify(page)).length < 15 * 1024 * 1024);
    after = page.next;
    if (after === undefined) break;
  }
});

Deno.test("listStats leaves out what has stopped, and throws what it does not know", () => {
  const all = ["b", "a", "old"].map((id) => listed(id));
  const { containers, next } = listStats(all, {});
  assert.deepEqual(containers.map(({ id, instance }) => [id, instance]), [
    ["a", "i-a"],
    ["b", "i-b"],
  ]);
  assert.equal(next, undefined);
  assert.equal(listStats(all, { limit: 1 }).next, "a");
  const broken: Listed = {
    ...listed("x"),
    stats: () => {
      throw new TypeError("bug");
    },
  };
  assert.throws(() => listStats([broken], {}), TypeError);
});

// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Command } from "commander";
import { onlineCpus } from "../../linux/process/online_cpus.ts";
import { collectLogOption } from "./log_options.ts";
import {
  parseBytes,
  parseBytesLimit,
  parseCpus,
  parseSeconds,
  parseWhole,
  type ResourceOptions,
  resourcesFrom,
  withResources,
} from "./resources.ts";

Deno.test("parseBytes: bytes are taken with and without a unit", () => {
  assert.equal(parseBytes("4096"), 4096);
  assert.equal(parseBytes("64m"), 64 * 1024 ** 2);
  assert.equal(parseBytes("64MiB"), 64 * 1024 ** 2);
  assert.equal(parseBytes("1.5G"), 1.5 * 1024 ** 3);
  assert.equal(parseBytes("10kb"), 10 * 1024);
  for (const bad of ["", "m", "-2", "64x", "1e3"]) assert.throws(() => parseBytes(bad), bad);
});

Deno.test("parseBytes: only where -1 is taken is it offered", () => {
  assert.equal(parseBytesLimit("-1"), -1);
  assert.equal(parseBytesLimit("64m"), 64 * 1024 ** 2);
  assert.throws(() => parseBytesLimit("abc"), /or -1 for no limit/);
  for (const bad of ["-1", "abc", "9999999t"]) {
    const withoutLimit = (error: Error) => !error.message.includes("-1 for");
    assert.throws(() => parseBytes(bad), withoutLimit, bad);
    assert.throws(() => collectLogOption(`max-size=${bad}`), withoutLimit, bad);
  }
});

Deno.test("parseCpus: CPUs and counts are checked", () => {
  assert.equal(parseCpus("0.5"), 0.5);
  for (const bad of ["", "0", "0.001", "-1", "x"]) assert.throws(() => parseCpus(bad), bad);
  const most = onlineCpus() ?? 1;
  assert.equal(parseCpus(`${most}`), most);
  assert.throws(() => parseCpus(`${most + 0.01}`), new RegExp(`expected at most ${most},`));
  assert.equal(parseWhole(0)("0"), 0);
  for (const bad of ["", "-1", "1.5", "x"]) assert.throws(() => parseWhole(0)(bad), bad);
});

Deno.test("parseWhole: sizes and counts beyond what the kernel takes are refused", () => {
  for (const bad of ["9999999t", "1".repeat(40)]) assert.throws(() => parseBytes(bad), bad);
  assert.throws(() => parseCpus("1e9"));
  assert.throws(() => parseSeconds("1e9"));
  assert.throws(() => parseWhole(0, 10)("11"));
  for (const bad of ["1e3", "0x10", " 1"]) assert.throws(() => parseWhole(0)(bad), bad);
});

Deno.test("resourcesFrom: memory limits that contradict each other are refused", () => {
  const m = 1024 ** 2;
  assert.throws(() => resourcesFrom({ memory: 64 * m, memorySwap: 32 * m }), /--memory-swap/);
  assert.throws(() => resourcesFrom({ memory: 64 * m, memoryReservation: 65 * m }), /reservation/);
  assert.ok(resourcesFrom({ memory: 64 * m, memorySwap: -1 }));
});

Deno.test("resourcesFrom: options become OCI resources, and nothing where none is given", () => {
  const parse = (...args: string[]) =>
    resourcesFrom(
      withResources(new Command()).parse(args, { from: "user" }).opts<ResourceOptions>(),
    );
  assert.deepEqual(parse(), {});
  assert.deepEqual(parse("--memory", "64m", "--cpus", "0.5", "--pids", "10"), {
    memory: { limit: 64 * 1024 ** 2 },
    cpu: { quota: 50_000, period: 100_000 },
    pids: { limit: 10 },
  });
  assert.deepEqual(parse("--memory-swap", "-1", "--cpuset-cpus", "0-1", "--cpu-shares", "512"), {
    memory: { swap: -1 },
    cpu: { shares: 512, cpus: "0-1" },
  });
});

// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ImageError } from "./image_errors.ts";
import { commandOf, isFor, parseImageConfig, parsePlatform } from "./image_config.ts";

const json = (config: unknown, os = "linux") =>
  JSON.stringify({ os, architecture: "amd64", config });

Deno.test("parseImageConfig reads what a container needs, and takes null for absent", () => {
  const config = parseImageConfig(json({
    Env: ["A=b", "bad", "=bad"],
    Entrypoint: null,
    Cmd: ["sh"],
    User: "app:app",
    WorkingDir: "",
    StopSignal: "SIGQUIT",
    Volumes: { "/data": {} },
    ExposedPorts: { "80/tcp": {} },
    Labels: { a: "b", "__proto__": "c" },
    Healthcheck: { Test: ["CMD", "true"] },
  }));
  assert.deepEqual(config.env, ["A=b"]);
  assert.deepEqual(config.entrypoint, []);
  assert.equal(config.workingDir, "/");
  assert.equal(config.stopSignal, "SIGQUIT");
  assert.deepEqual(config.volumes, ["/data"]);
  assert.deepEqual(config.exposedPorts, ["80/tcp"]);
  assert.ok(config.hasHealthcheck);
  const { env, user, volumes } = parseImageConfig(json(null));
  assert.deepEqual({ env, user, volumes }, { env: [], user: "", volumes: [] });
});

Deno.test("parseImageConfig refuses what cannot run here and what is no config", () => {
  assert.throws(() => parseImageConfig(json({}, "windows")), /for windows, not for linux/);
  assert.throws(() => parseImageConfig("[]"), ImageError);
  assert.throws(() => parseImageConfig(json({ Cmd: "sh" })), /Cmd is not a list/);
  assert.throws(() => parseImageConfig(json({ User: 7 })), ImageError);
});

Deno.test("commandOf puts entrypoint and command together as docker does", () => {
  const config = parseImageConfig(json({ Entrypoint: ["/e", "-x"], Cmd: ["c"] }));
  assert.deepEqual(commandOf(config, [], undefined), ["/e", "-x", "c"]);
  assert.deepEqual(commandOf(config, ["d"], undefined), ["/e", "-x", "d"]);
  assert.deepEqual(commandOf(config, ["d"], "/f"), ["/f", "d"]);
  assert.deepEqual(commandOf(config, [], "/f"), ["/f"]);
  assert.deepEqual(commandOf(config, ["d"], ""), ["d"]);
  assert.throws(() => commandOf(parseImageConfig(json({})), [], undefined), /no command/);
});

Deno.test("parsePlatform: a machine with Linux, and isFor which images run on it", () => {
  assert.deepEqual(parsePlatform("linux/amd64"), { architecture: "amd64" });
  assert.deepEqual(parsePlatform("linux/x86_64"), { architecture: "amd64" });
  assert.deepEqual(parsePlatform("linux/aarch64"), { architecture: "arm64" });
  for (const text of ["linux/arm/v7", "linux/arm"]) {
    assert.deepEqual(parsePlatform(text), { architecture: "arm", variant: "v7" });
  }
  for (const text of ["", "linux", "arm64", "linux/", "linux/a/b/c", "linux/a-b", "/amd64"]) {
    assert.throws(() => parsePlatform(text), /expected linux\/ARCHITECTURE/, text);
  }
  assert.throws(() => parsePlatform("windows/amd64"), /images for windows cannot run here/);
  const matches = (architecture: string, variant: string | undefined, platform: string) =>
    isFor(
      parseImageConfig(JSON.stringify({ os: "linux", architecture, variant })),
      parsePlatform(platform),
    );
  assert.equal(matches("arm", "v7", "linux/arm"), true);
  assert.equal(matches("arm", "v7", "linux/arm/v7"), true);
  assert.equal(matches("arm", undefined, "linux/arm/v7"), true);
  assert.equal(matches("arm", "v6", "linux/arm/v7"), true, "it runs there");
  assert.equal(matches("arm", "v7", "linux/arm/v6"), false);
  assert.equal(matches("amd64", "v2", "linux/amd64"), true);
  assert.equal(matches("riscv64", "b", "linux/riscv64/a"), false);
  assert.equal(matches("arm64", undefined, "linux/arm"), false);
});

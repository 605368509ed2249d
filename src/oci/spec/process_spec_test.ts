// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mergeEnv, mergeProcess } from "./process_spec.ts";

const init = {
  args: ["init"],
  cwd: "/srv",
  env: ["PATH=/bin", "A=1"],
  user: { uid: 5, gid: 6 },
  capabilities: { bounding: ["CAP_KILL"] },
  noNewPrivileges: true,
  apparmorProfile: "p",
  selinuxLabel: "l",
  rlimits: [{ type: "RLIMIT_NOFILE", hard: 1, soft: 1 }],
  terminal: true,
  consoleSize: { width: 1, height: 1 },
  oomScoreAdj: 5,
};

Deno.test("mergeProcess: an exec inherits what it leaves out, but not what is init's alone", () => {
  const { args: _args, terminal: _terminal, consoleSize: _size, ...rest } = init;
  assert.deepEqual(mergeProcess(init, { args: ["ls"] }), { ...rest, args: ["ls"] });
});

Deno.test("mergeProcess: an exec with a terminal has TERM, the container's or the caller's first", () => {
  const env = (part: object, own: readonly string[] = ["A=1"]) =>
    mergeProcess({ env: own }, { args: ["ls"], ...part }, { terminal: true })["env"];
  assert.deepEqual(env({}), ["TERM=xterm", "A=1"]);
  assert.deepEqual(env({ env: ["TERM=vt100"] }), ["TERM=vt100", "A=1"]);
  assert.deepEqual(env({}, ["TERM=screen"]), ["TERM=screen"]);
  assert.deepEqual(mergeProcess({ env: ["A=1"] }, { args: ["ls"] })["env"], ["A=1"]);
});

Deno.test("mergeProcess: what an exec gives wins over the container's", () => {
  const given = {
    args: ["ls"],
    cwd: "/",
    user: { uid: 0, gid: 0 },
    capabilities: { bounding: [] },
    noNewPrivileges: false,
    apparmorProfile: "",
    rlimits: [],
    terminal: true,
    other: 1,
  };
  assert.deepEqual(mergeProcess(init, given), {
    ...given,
    selinuxLabel: "l",
    oomScoreAdj: 5,
    env: init.env,
  });
});

Deno.test("mergeEnv: an exec's environment is added to the container's by name", () => {
  assert.deepEqual(mergeEnv(["PATH=/bin", "A=1", "B=2"], ["A=3", "C=x=y"]), [
    "PATH=/bin",
    "A=3",
    "B=2",
    "C=x=y",
  ]);
});

Deno.test("mergeEnv: a name alone takes away what was there, not what is given beside it", () => {
  assert.deepEqual(mergeEnv(["A=1", "B=2"], ["A", "NONE"]), ["B=2"]);
  assert.deepEqual(mergeEnv(["A=1", "B=2"], ["A=3", "A", "B", "B=4"]), ["A=3", "B=4"]);
});

Deno.test("mergeProcess: an exec in a container without a process gets what OCI requires", () => {
  assert.deepEqual(mergeProcess({}, { args: ["ls"] }), {
    args: ["ls"],
    cwd: "/",
    user: { uid: 0, gid: 0 },
  });
  assert.equal("env" in mergeProcess({}, { args: ["ls"], env: ["A"] }), false);
});

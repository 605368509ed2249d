// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { SECCOMP_PROFILE } from "./default_profile.ts";
import { convertProfile } from "./profile.ts";
import { readSeccompProfile } from "./read_profile.ts";

function withFile(text: string, test: (path: string) => void): void {
  const path = Deno.makeTempFileSync({ suffix: ".json" });
  try {
    Deno.writeTextFileSync(path, text);
    test(path);
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("readSeccompProfile takes docker's format and that of the OCI spec", () => {
  const docker = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ name: "a", action: "SCMP_ACT_KILL" }],
  };
  withFile(JSON.stringify(docker), (path) => assert.deepEqual(readSeccompProfile(path), docker));
  withFile(
    '{"defaultAction":"SCMP_ACT_LOG"}',
    (path) =>
      assert.deepEqual(readSeccompProfile(path), { defaultAction: "SCMP_ACT_LOG", syscalls: [] }),
  );
});

Deno.test("readSeccompProfile takes the profile of docker's users, and null for what is absent", () => {
  withFile(JSON.stringify(SECCOMP_PROFILE), (path) => {
    assert.deepEqual(readSeccompProfile(path), SECCOMP_PROFILE);
  });
  const rule = {
    names: ["a"],
    action: "SCMP_ACT_ERRNO",
    errnoRet: null,
    args: null,
    includes: null,
    excludes: null,
  };
  const absent = { defaultErrnoRet: null, architectures: null, archMap: null, flags: null };
  const profile = { defaultAction: "SCMP_ACT_ALLOW", ...absent, syscalls: [rule] };
  withFile(JSON.stringify(profile), (path) => {
    const { syscalls } = convertProfile(readSeccompProfile(path), {
      capabilities: [],
      arch: "x86_64",
      kernel: "6.12",
      subArchitectures: true,
    });
    assert.deepEqual(syscalls.map(({ names }) => names), [["a"]]);
  });
});

Deno.test("readSeccompProfile takes a rule that asks a listener where it may be for other hosts", () => {
  const rule = { names: ["a"], action: "SCMP_ACT_NOTIFY", includes: { caps: ["CAP_SYS_ADMIN"] } };
  const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] };
  withFile(JSON.stringify(profile), (path) => assert.deepEqual(readSeccompProfile(path), profile));
});

Deno.test("readSeccompProfile names the file, and the line where that is known", () => {
  const rule = '{"names": ["a", "{"],\n"action": "SCMP_ACT_ALLOW", "args": []}';
  const cases: [text: string, expected: RegExp][] = [
    ['{\n"defaultAction": "SCMP_ACT_ALLOW",\n]', /\.json:3: /],
    ["{", /\.json:1: /],
    ["[]", /\.json: a profile is a JSON object/],
    ['{"defaultAction": "allow"}', /\.json: defaultAction/],
    ['{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}', /\.json: syscalls must be an array/],
    [
      `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [\n${rule},\n${rule},\n{"names": "a"}]}`,
      /\.json:6: syscalls\[2\]: names must be an array/,
    ],
    [
      `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [\n{"names": ["a"], "action": "x"}]}`,
      /\.json:2: syscalls\[0\]: action/,
    ],
  ];
  const rules = (rule: string) => `{"defaultAction": "SCMP_ACT_ALLOW",\n"syscalls": [\n{${rule}}]}`;
  const named = '"names": ["a"]', allowed = `${named}, "action": "SCMP_ACT_ALLOW"`;
  const arg = (text: string) => rules(`${allowed}, "args": [{"value": 1, ${text}}]`);
  const beside = (text: string) => `{"defaultAction": "SCMP_ACT_ALLOW", ${text}}`;
  cases.push(
    [
      '{"defaultAction": "SCMP_ACT_NOPE"}',
      /\.json: defaultAction must be .*, not "SCMP_ACT_NOPE"$/,
    ],
    [beside('"defaultErrnoRet": -1'), /\.json: defaultErrnoRet must be a whole number/],
    [
      beside('"architectures": ["SCMP_ARCH_Z80"]'),
      /: architectures\[0\] must be .*"SCMP_ARCH_Z80"/,
    ],
    [beside('"archMap": {}'), /\.json: archMap must be an array/],
    [
      beside('"archMap": [{"architecture": "SCMP_ARCH_ARM", "subArchitectures": ["x"]}]'),
      /\.json: archMap\[0\]\.subArchitectures\[0\] must be an architecture/,
    ],
    [beside('"flags": ["TSYNC"]'), /\.json: flags\[0\] must be a flag .*, not "TSYNC"/],
    [rules(`${named}, "action": "SCMP_ACT_NOPE"`), /:3: syscalls\[0\]: action .*"SCMP_ACT_NOPE"/],
    [
      rules(`${allowed}, "errnoRet": "EPERM"`),
      /:3: syscalls\[0\]: errnoRet must be a whole number/,
    ],
    [rules(`${allowed}, "includes": {"caps": 1}`), /:3: syscalls\[0\]: includes may have caps/],
    [arg('"index": 9, "op": "SCMP_CMP_EQ"'), /:3: syscalls\[0\]: args\[0\]\.index must .* 0 to 5$/],
    [arg('"index": 0, "op": "=="'), /:3: syscalls\[0\]: args\[0\]\.op must be .*, not "=="/],
    [arg('"op": "SCMP_CMP_EQ"'), /:3: syscalls\[0\]: args\[0\] must have index, value and op/],
    [
      arg('"index": null, "op": "SCMP_CMP_EQ"'),
      /:3: syscalls\[0\]: args\[0\] must have index, value and op/,
    ],
    [beside('"listenerPath": "agent.sock"'), /\.json: listenerPath must be an absolute path$/],
    [beside('"listenerMetadata": {}'), /\.json: listenerMetadata must be a string$/],
    [
      rules(`${named}, "action": "SCMP_ACT_NOTIFY"`),
      /:3: syscalls\[0\]: action SCMP_ACT_NOTIFY needs listenerPath/,
    ],
    // Not a number that JSON.parse keeps.
    [
      arg('"index": 0, "valueTwo": 9223372036854775807, "op": "SCMP_CMP_MASKED_EQ"'),
      /:3: syscalls\[0\]: args\[0\]\.valueTwo must be a whole number from 0 to 9007199254740991/,
    ],
  );
  for (const [text, expected] of cases) {
    withFile(text, (path) =>
      assert.throws(() => readSeccompProfile(path), (error) => {
        assert.ok(error instanceof InvalidParamsError);
        assert.match(error.message, expected, text);
        assert.ok(error.message.includes(path));
        return true;
      }));
  }
  assert.throws(() => readSeccompProfile("/no/such.json"), /\/no\/such\.json: no such file/);
});

// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { InvalidParamsError } from "../../rpc/errors.ts";
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
  for (const [text, expected] of cases) {
    withFile(text, (path) =>
      assert.throws(() => readSeccompProfile(path), (error) => {
        assert.ok(error instanceof InvalidParamsError);
        assert.match(error.message, expected);
        assert.ok(error.message.includes(path));
        return true;
      }));
  }
  assert.throws(() => readSeccompProfile("/no/such.json"), /\/no\/such\.json: no such file/);
});

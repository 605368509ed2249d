// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeScript } from "../../../tests/harness/stand_in.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { APPARMOR_PROFILE } from "./default_profile.ts";
import { loadDefaultProfile } from "./load_profile.ts";

// Few machines that run tests have AppArmor on: stand-ins for the kernel's file and for the parser.

interface StandIn {
  readonly dir: string;
  readonly enabledFile: string;
  readonly parser: string;
  readonly warnings: string[];
  readonly warn: (message: string) => void;
}

async function withStandIn(script: string, body: (standIn: StandIn) => Promise<void>) {
  using temp = new TempDir();
  const dir = temp.path;
  const enabledFile = `${dir}/enabled`;
  Deno.writeTextFileSync(enabledFile, "Y\n");
  const parser = writeScript(`${dir}/apparmor_parser`, `cd '${dir}'\n${script}`);
  const warnings: string[] = [];
  await body({ dir, enabledFile, parser, warnings, warn: (text) => warnings.push(text) });
}

Deno.test("loadDefaultProfile hands the profile to the parser (stand-in), replacing the former", () =>
  withStandIn('echo "$@" >args; cat >profile', async (standIn) => {
    assert.equal(await loadDefaultProfile(standIn), "berth-default");
    assert.equal(Deno.readTextFileSync(`${standIn.dir}/args`), "-K -r\n");
    assert.equal(Deno.readTextFileSync(`${standIn.dir}/profile`), APPARMOR_PROFILE);
    assert.deepEqual(standIn.warnings, []);
  }));

Deno.test("loadDefaultProfile does nothing where AppArmor is off (stand-in)", () =>
  withStandIn("touch called", async (standIn) => {
    Deno.writeTextFileSync(standIn.enabledFile, "N\n");
    assert.equal(await loadDefaultProfile(standIn), undefined);
    Deno.removeSync(standIn.enabledFile);
    assert.equal(await loadDefaultProfile(standIn), undefined);
    assert.equal(existsSync(`${standIn.dir}/called`), false);
    assert.deepEqual(standIn.warnings, []);
  }));

Deno.test("loadDefaultProfile warns of a parser that fails or is missing (stand-in)", () =>
  withStandIn("echo 'no such rule' >&2; exit 3", async (standIn) => {
    assert.equal(await loadDefaultProfile(standIn), undefined);
    Deno.removeSync(standIn.parser);
    assert.equal(await loadDefaultProfile(standIn), undefined);
    assert.deepEqual(standIn.warnings, [
      "apparmor_parser ended with 3: no such rule",
      `${standIn.parser} is missing: install the package apparmor`,
    ]);
  }));

testNeeding(
  ["apparmor_parser"],
  "loadDefaultProfile: the real parser compiles the profile, and refuses what is none",
  async () => {
    const compile = async (profile: string) => {
      // apparmor_parser(8): -Q hands nothing to the kernel, which need not have AppArmor on.
      const child = new Deno.Command("apparmor_parser", {
        args: ["-Q", "-K"],
        stdin: "piped",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(profile));
      await writer.close();
      const { code, stderr } = await child.output();
      return { code, stderr: new TextDecoder().decode(stderr) };
    };
    const { code, stderr } = await compile(APPARMOR_PROFILE);
    assert.equal(code, 0, stderr);
    const broken = await compile(APPARMOR_PROFILE.replace("deny mount,", "deny mount"));
    assert.notEqual(broken.code, 0);
  },
);

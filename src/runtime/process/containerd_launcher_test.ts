// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { containerdLauncher } from "./containerd_launcher.ts";

/** Runs the launcher's test of whether its command is the installed berth's; the exit status. */
function current(launcher: string): number {
  const test = /^current\(\) \{\n[^]*?^\}$/m.exec(launcher)?.[0] ?? "";
  assert.match(test, /sum=/);
  return new Deno.Command("sh", { args: ["-c", `${test}\ncurrent`] }).outputSync().code;
}

Deno.test("containerdLauncher leaves a start to the portable file where what it unpacked is gone or of another", async () => {
  using temp = new TempDir();
  const file = `${temp.path}/berth`;
  Deno.writeTextFileSync(file, "#!/bin/sh\nsum=1234\n");
  Deno.env.set("BERTH_FILE", file);
  try {
    const launcher = await containerdLauncher({ waiting: true });
    assert.equal(current(launcher), 0);
    assert.equal(current(launcher.replaceAll(Deno.execPath(), `${temp.path}/gone`)), 1);
    Deno.writeTextFileSync(file, "#!/bin/sh\nsum=5678\n");
    assert.equal(current(launcher), 1);
  } finally {
    Deno.env.delete("BERTH_FILE");
  }
});

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
  // What the file begins with, as the build writes it.
  const header = Deno.readTextFileSync(
    new URL("../../../scripts/build/portable_header.sh", import.meta.url),
  );
  const write = (sum: string) => Deno.writeTextFileSync(file, header.replaceAll("@SUM@", sum));
  write("1234");
  Deno.env.set("BERTH_FILE", file);
  try {
    const launcher = await containerdLauncher({ waiting: true });
    assert.equal(current(launcher), 0);
    assert.equal(current(launcher.replaceAll(Deno.execPath(), `${temp.path}/gone`)), 1);
    write("5678");
    assert.equal(current(launcher), 1);
    // Not read to its end, which may be far.
    Deno.writeTextFileSync(file, "#!/bin/sh\n\nsum=1234\n");
    assert.equal(current(launcher), 1);
  } finally {
    Deno.env.delete("BERTH_FILE");
  }
});

Deno.test("containerdLauncher has Deno keep its cache where the portable file has it kept", async () => {
  const [dir, file] = [Deno.env.get("DENO_DIR"), Deno.env.get("BERTH_FILE")];
  Deno.env.set("DENO_DIR", "/var/cache/berth/it's/cache");
  try {
    assert.doesNotMatch(await containerdLauncher({ waiting: true }), /DENO_DIR/);
    Deno.env.set("BERTH_FILE", Deno.execPath());
    const launcher = await containerdLauncher({ waiting: true });
    const prepare = /^prepare\(\) .*$/m.exec(launcher)?.[0] ?? "";
    const args = ["-c", `${prepare}\nprepare; echo "$DENO_DIR"`];
    const { stdout } = new Deno.Command("sh", { args, env: { DENO_DIR: "" } }).outputSync();
    assert.equal(new TextDecoder().decode(stdout), "/var/cache/berth/it's/cache\n");
  } finally {
    if (file === undefined) Deno.env.delete("BERTH_FILE");
    else Deno.env.set("BERTH_FILE", file);
    if (dir === undefined) Deno.env.delete("DENO_DIR");
    else Deno.env.set("DENO_DIR", dir);
  }
});

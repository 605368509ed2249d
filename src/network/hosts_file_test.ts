// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hostNames, setHosts } from "./hosts_file.ts";

Deno.test("setHosts: lines of these names are replaced, others kept, and the file stays the same one", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(path, "127.0.0.1\tlocalhost\n\n# a comment\n10.0.0.9\tdb\n");
    const { ino } = Deno.statSync(path);
    const names = hostNames("web.example", ["www"]);
    assert.deepEqual(names, ["web.example", "web", "www"]);
    setHosts(path, names, ["10.87.0.2/16", "fd87::2/64"]);
    setHosts(path, names, ["10.87.0.3/16"]);
    assert.equal(
      Deno.readTextFileSync(path),
      "127.0.0.1\tlocalhost\n\n# a comment\n10.0.0.9\tdb\n10.87.0.3\tweb.example web www\n",
    );
    assert.equal(Deno.statSync(path).ino, ino);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("setHosts: does not wait for the writer of a FIFO", async () => {
  const dir = Deno.makeTempDirSync();
  await new Deno.Command("mkfifo", { args: [`${dir}/hosts`] }).output();
  assert.throws(() => setHosts(`${dir}/hosts`, ["web"], []), /is no regular file/);
  Deno.removeSync(dir, { recursive: true });
});

// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hostsFile } from "../oci/spec/etc_files.ts";
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

Deno.test("setHosts: names of the host get the gateway, and no address where there is none", () => {
  const path = Deno.makeTempFileSync();
  try {
    const extra = [["host.docker.internal", "host-gateway"], ["db", "10.0.0.9"]] as const;
    Deno.writeTextFileSync(path, hostsFile({ hostname: "web", address: null, extra, base: "" }));
    const lines = (gateways: readonly string[]) => {
      setHosts(path, ["web"], ["10.87.0.2/16"], gateways);
      return Deno.readTextFileSync(path).split("\n").slice(0, 3);
    };
    const rest = ["10.0.0.9\tdb", "10.87.0.2\tweb"];
    const host = (address: string) => `${address}\thost.docker.internal\t# host-gateway`;
    assert.deepEqual(lines([]), [host("#"), ...rest]);
    assert.deepEqual(lines(["fd87::1", "10.87.0.1"]), [host("10.87.0.1"), ...rest]);
    assert.deepEqual(lines(["fd87::1"]), [host("fd87::1"), ...rest]);
    assert.deepEqual(lines([]), [host("#"), ...rest]);
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

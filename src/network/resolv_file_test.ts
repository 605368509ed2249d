// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readDns, setDns } from "./resolv_file.ts";

Deno.test("readDns: what results say, taken together, and nothing that is no word", () => {
  const dns = readDns([
    { dns: { nameservers: ["10.0.0.1"], domain: "one.example", options: ["ndots:2"] } },
    undefined,
    { ips: [] },
    {
      dns: {
        nameservers: ["10.0.0.1", "10.0.0.2\nnameserver 6.6.6.6", 7],
        search: ["two.example"],
      },
    },
  ]);
  assert.deepEqual(dns, {
    servers: ["10.0.0.1"],
    searches: ["one.example", "two.example"],
    options: ["ndots:2"],
  });
});

Deno.test("setDns: the lines of what is given are replaced, again and again", () => {
  const path = Deno.makeTempFileSync();
  try {
    const text = "nameserver 192.0.2.1\nsearch host.example\noptions edns0\n";
    Deno.writeTextFileSync(path, text);
    setDns(path, { servers: [], searches: [], options: [] });
    assert.equal(Deno.readTextFileSync(path), text);
    for (const servers of [["10.0.0.1"], ["10.0.0.2", "10.0.0.3"]]) {
      setDns(path, { servers, searches: ["net.example"], options: [] });
    }
    assert.equal(
      Deno.readTextFileSync(path),
      "nameserver 10.0.0.2\nnameserver 10.0.0.3\noptions edns0\nsearch net.example\n",
    );
    assert.throws(
      () => setDns("/dev/null", { servers: ["x"], searches: [], options: [] }),
      /regular/,
    );
  } finally {
    Deno.removeSync(path);
  }
});

// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readDns, serversWithoutIpv6, setDns } from "./resolv_file.ts";

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

Deno.test("serversWithoutIpv6: those of IPv4, or public ones; none if there are none of IPv6", () => {
  const path = Deno.makeTempFileSync();
  try {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["nameserver 192.0.2.1\nnameserver\t2001:db8::53\nsearch a:b\n", ["192.0.2.1"]],
      [" nameserver fe80::1%eth0\n# nameserver 192.0.2.1\n", ["8.8.8.8", "8.8.4.4"]],
      ["nameserver 192.0.2.1\n# nameserver ::1\n", []],
      ["nameserver\nsearch lan\n", []],
      ["", []],
    ];
    for (const [text, servers] of cases) {
      Deno.writeTextFileSync(path, text);
      assert.deepEqual(serversWithoutIpv6(path), servers, text);
    }
    assert.throws(() => serversWithoutIpv6("/dev/null"), /regular/);
  } finally {
    Deno.removeSync(path);
  }
  assert.deepEqual(serversWithoutIpv6(path), []);
});

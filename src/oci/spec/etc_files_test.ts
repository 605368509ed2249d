// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hostsFile, resolvConf } from "./etc_files.ts";

Deno.test("hostsFile: the container's own name and given ones resolve", () => {
  const lines = hostsFile({ hostname: "web.example.org", extra: [["db", "10.0.0.2"]] }).split("\n");
  assert.ok(lines.includes("127.0.0.1\tlocalhost"));
  assert.ok(lines.includes("10.0.0.2\tdb"));
  assert.ok(lines.includes("127.0.1.1\tweb.example.org web"));
  assert.equal(
    hostsFile({ hostname: "web", address: "10.0.0.9", base: "127.0.0.1 localhost" }),
    "127.0.0.1 localhost\n10.0.0.9\tweb\n",
  );
});

Deno.test("resolvConf: a server on the host's loopback is not given to a network of the container's own", () => {
  const host = "# made\nnameserver 127.0.0.1\nnameserver 10.0.0.1\nnameserver ::1\n" +
    "search a b\nsearch example.org\noptions ndots:2 ; timeout:1\n";
  assert.equal(
    resolvConf(host, undefined, false),
    "nameserver 10.0.0.1\nsearch example.org\noptions ndots:2\n",
  );
  assert.match(resolvConf(host, undefined, true), /^nameserver 127\.0\.0\.1\n/);
});

Deno.test("resolvConf: behind systemd-resolved's stub its own servers are used, but not with the host's network", () => {
  const stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n";
  const upstream = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch lan\n";
  assert.equal(
    resolvConf(stub, upstream, false),
    "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch lan\n",
  );
  assert.match(resolvConf(stub, upstream, true), /127\.0\.0\.53/);
  assert.match(resolvConf(stub, undefined, false), /^nameserver 8\.8\.8\.8\n/);
});

Deno.test("resolvConf: where no server is left, public ones are given, but not with the host's network", () => {
  const publicOnes = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";
  assert.equal(resolvConf("", undefined, false), publicOnes);
  assert.equal(
    resolvConf("nameserver ::1\nsearch lan\n", undefined, false),
    `${publicOnes}search lan\n`,
  );
  assert.equal(resolvConf("search lan\n", undefined, true), "search lan\n");
  assert.equal(
    resolvConf("", undefined, false, { servers: ["192.0.2.7"] }),
    "nameserver 192.0.2.7\n",
  );
});

Deno.test("resolvConf: what is given replaces the host's settings, one by one", () => {
  const host = "nameserver 10.0.0.1\nsearch a\noptions ndots:2\n";
  assert.equal(
    resolvConf(host, undefined, false, { servers: ["192.0.2.7"], search: ["."] }),
    "nameserver 192.0.2.7\noptions ndots:2\n",
  );
});

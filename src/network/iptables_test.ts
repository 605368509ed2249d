// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { chainsOf, removalScript } from "./iptables.ts";

const OWN = `--comment "name: \\"bridge\\" id: \\"berth-1\\""`;
const OTHER = `--comment "name: \\"bridge\\" id: \\"berth-2\\""`;
const CHAIN = "CNI-3905e43fa9be24df5966f3b3";
const PORTS = "CNI-DN-0123456789abcdef01234";

const SAVED = `# Generated
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -j CNI-FORWARD
COMMIT
# Completed
*nat
:PREROUTING ACCEPT [0:0]
:${CHAIN} - [0:0]
:${PORTS} - [0:0]
-A PREROUTING -j CNI-HOSTPORT-DNAT
-A POSTROUTING -s 10.87.0.6/32 -m comment ${OWN} -j ${CHAIN}
-A POSTROUTING -s 10.87.0.7/32 -m comment ${OTHER} -j CNI-aaaaaaaaaaaaaaaaaaaaaaaa
-A ${CHAIN} -d 10.87.0.0/26 -m comment ${OWN} -j ACCEPT
-A ${CHAIN} ! -d 224.0.0.0/4 -m comment ${OWN} -j MASQUERADE
-A CNI-HOSTPORT-DNAT -p tcp -m comment ${OWN} -m multiport --dports 8080 -j ${PORTS}
-A ${PORTS} -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.87.0.6:80
COMMIT
*mangle
:${CHAIN} - [0:0]
COMMIT
`;

Deno.test("removalScript: the container's rules and chains go, in every table that has some, and no others", () => {
  const chains = new Set([CHAIN, PORTS]);
  assert.equal(
    removalScript(SAVED, "berth-1", chains),
    `*nat
-D POSTROUTING -s 10.87.0.6/32 -m comment ${OWN} -j ${CHAIN}
-D CNI-HOSTPORT-DNAT -p tcp -m comment ${OWN} -m multiport --dports 8080 -j ${PORTS}
-F ${CHAIN}
-F ${PORTS}
-X ${CHAIN}
-X ${PORTS}
COMMIT
*mangle
-F ${CHAIN}
-X ${CHAIN}
COMMIT
`,
  );
  assert.equal(removalScript(SAVED, "berth-3", new Set()), "");
  assert.equal(removalScript("", "berth-1", chains), "");
});

Deno.test("chainsOf: the names that the plugins give", async () => {
  // As seen of plugins 1.1.1.
  const [masquerade] = await chainsOf("bridge", "berth-edc4dd83-5b08-4238-b847-6145d2c28a4d");
  assert.equal(masquerade, "CNI-3905e43fa9be24df5966f3b3");
});
